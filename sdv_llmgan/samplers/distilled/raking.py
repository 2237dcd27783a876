"""How much real rows count, so that columns by themselves are as rows and knowledge say together.

known shares, counted as so many rows -> each row predicted from the others -> how many rows
    -> weights of rows under which each column has these shares (raking)

Nothing is let in or shut out: strengths are averaged by how well they predict rows, the strength 0
among them, and what all columns say together is the prior of each (empirical Bayes). Rows are
weighted, not levels redrawn, because that leaves what goes with a level as it is. Deming and
Stephan, On a least squares adjustment of a sampled frequency table, 1940.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sdv_llmgan.process.knowledge import Knowledge, Typical
from sdv_llmgan.samplers.distilled.coding import Coding, LevelCoding, TableCoding
from sdv_llmgan.samplers.distilled.evidence import Floats, Integers
from sdv_llmgan.samplers.distilled.pooling import pooled
from sdv_llmgan.table.column import to_json

#: As how many rows known shares may count.
STRENGTHS = np.array([0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0])
#: Before rows are looked at: how likely it is that they count nothing.
NOTHING = 0.5
STEPS = 100
#: What keeps a level that one row has possible when that row is left out.
LEAST_COUNT = 0.5
#: Known shares that would move rows by less than this part of the way are left.
LEAST_PART = 0.01
#: A row counts no more than so many times what it would, and no less than that part of it.
MOST = 4.0


def raked(
    knowledge: Knowledge, coding: TableCoding, codes: Mapping[str, Floats]
) -> tuple[Floats, dict[str, float]]:
    """What each real row counts, and how much of each column's shares came from knowledge.

    Args:
        knowledge: Has shares of levels, and quartiles; levels that no row has are not made up.
        coding: The columns.
        codes: Real rows by column, each of shape (n_rows,).

    Returns:
        Weights of mean 1, shape (n_rows,), all 1 where nothing is known; and of the columns of
        which something is, by name, the part in (0, 1).
    """
    num_rows = len(next(iter(codes.values()), ()))
    cut = {
        name: found
        for name, column in coding.codings.items()
        if (found := _groups(knowledge.of(name), column, codes[name])) is not None
    }
    weights, parts = np.ones(num_rows), {}
    wanted: list[tuple[Integers, Floats]] = []
    for (name, (groups, known)), part in zip(cut.items(), _parts(cut), strict=True):
        if part >= LEAST_PART:
            seen = np.bincount(groups, minlength=len(known)) / num_rows
            shares = np.where(seen > 0, (1 - part) * seen + part * known, 0.0)
            wanted.append((groups, shares / shares.sum()))
            parts[name] = part
    for _ in range(STEPS if wanted else 0):
        for groups, shares in wanted:
            now = np.bincount(groups, weights, len(shares)) / weights.sum()
            weights *= (shares / np.maximum(now, 1e-12))[groups]
        weights = np.clip(weights / weights.mean(), 1 / MOST, MOST)
    return weights, parts


def _groups(typical: Typical, column: Coding, codes: Floats) -> tuple[Integers, Floats] | None:
    """The group of each row, and the known share of each; ``None`` where nothing is known."""
    if isinstance(column, LevelCoding):
        told = dict(typical.shares)
        known = np.array([
            np.nan if level is None else told.get(to_json(level), np.nan) for level in column.levels
        ])
        if len(known) < 2 or np.isnan(known).all():
            return None
        groups = codes.astype(int)
    elif typical.quartiles and not len(column.special):
        ends = column.encode(pd.Series(typical.quartiles, dtype=float))
        groups, known = np.searchsorted(ends, codes), np.full(4, 0.25)
    else:
        return None
    return groups, _filled(known, np.bincount(groups, minlength=len(known)) / len(groups))


def _filled(known: Floats, seen: Floats) -> Floats:
    """Known shares that add up to 1: levels of which nothing is known share what is left.

    Args:
        known: NaN where nothing is known, shape (n_levels,).
        seen: Shares in the rows, likewise.
    """
    silent, total = np.isnan(known), float(np.nansum(known))
    if not silent.any():
        return known / total if total else seen
    left = max(1 - total, float(seen[silent].sum()) / (1 + len(known)))
    shares: Floats = known * (1 - left) / max(total, 1e-12)
    shares[silent] = left * seen[silent] / seen[silent].sum()
    return shares


def _parts(cut: Mapping[str, tuple[Integers, Floats]]) -> Floats:
    """How much of each column's shares comes from knowledge, in [0, 1), shape (n_columns,)."""
    counted = [np.bincount(groups, minlength=len(known)) for groups, known in cut.values()]
    if not counted:
        return np.zeros(0)
    likely = np.array([
        _left_out(counts, known) for counts, (_, known) in zip(counted, cut.values(), strict=True)
    ])
    prior = np.where(STRENGTHS == 0, NOTHING, (1 - NOTHING) / (len(STRENGTHS) - 1))
    _, columns = pooled(likely, prior, STEPS)
    parts: Floats = columns @ (STRENGTHS / (counted[0].sum() + STRENGTHS))
    return parts


def _left_out(counts: Integers, known: Floats) -> Floats:
    """Log likelihood of rows, each given the others, for each of ``STRENGTHS``."""
    least = LEAST_COUNT / len(counts)
    others = np.maximum(counts - 1, 0) + least
    shares = (others + STRENGTHS[:, None] * known) / (
        counts.sum() - 1 + LEAST_COUNT + STRENGTHS[:, None]
    )
    likely: Floats = np.log(shares) @ counts
    return likely
