"""How frequent levels are: what rows say, and what is known of the population.

known shares, counted as so many rows -> each row predicted from the others -> how many rows

Nothing is let in or shut out: strengths are averaged by how well they predict rows, the strength 0
among them, and what all columns say together is the prior of each (empirical Bayes). A level that
three of 25 rows have is drawn less often where it is known to be rare, and as often as in the rows
where these speak against it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sdv_llmgan.process.knowledge import Knowledge
from sdv_llmgan.samplers.distilled.coding import LevelCoding, TableCoding
from sdv_llmgan.samplers.distilled.evidence import Floats, LearnedShares
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


def learned_shares(
    knowledge: Knowledge, coding: TableCoding, codes: Mapping[str, Floats]
) -> dict[str, LearnedShares]:
    """The shares of the columns of which some are known.

    Args:
        knowledge: Has shares of levels; levels that no row has are not made up.
        coding: The columns.
        codes: Real rows by column.
    """
    counted = {}
    for name, column in coding.codings.items():
        if isinstance(column, LevelCoding) and len(column.levels) > 1:
            counts = np.bincount(codes[name].astype(int), minlength=len(column.levels))
            told = dict(knowledge.of(name).shares)
            known = np.array([told.get(to_json(level), np.nan) for level in column.levels])
            known[[level is None for level in column.levels]] = np.nan
            if not np.isnan(known).all():
                counted[name] = counts.astype(float), _filled(known, counts / counts.sum())
    if not counted:
        return {}
    likely = np.array([_left_out(counts, known) for counts, known in counted.values()])
    prior = np.where(STRENGTHS == 0, NOTHING, (1 - NOTHING) / (len(STRENGTHS) - 1))
    trust = prior
    for _ in range(STEPS):
        columns = trust * np.exp(likely - likely.max(1, keepdims=True))
        columns /= columns.sum(1, keepdims=True)
        trust = (columns.sum(0) + prior) / (len(columns) + 1)
    found = {}
    for (name, (counts, known)), weights in zip(counted.items(), columns, strict=True):
        part = float(weights @ (STRENGTHS / (counts.sum() + STRENGTHS)))
        if part >= LEAST_PART:
            ratios = 1 - part + part * known / (counts / counts.sum())
            found[name] = LearnedShares(ratios, part)
    return found


def _filled(known: Floats, seen: Floats) -> Floats:
    """Known shares that add up to 1: levels of which nothing is known share what is left.

    Args:
        known: NaN where nothing is known, shape (n_levels,).
        seen: Shares in the rows, > 0, likewise.
    """
    silent = np.isnan(known)
    total = float(np.nansum(known))
    left = max(1 - total, float(seen[silent].sum()) / (1 + len(known))) if silent.any() else 0.0
    rest = seen[silent] / seen[silent].sum() if silent.any() else seen[silent]
    shares: Floats = known / max(total, 1e-12) * (1 - left) if total else seen.copy()
    shares[silent] = left * rest
    return shares


def _left_out(counts: Floats, known: Floats) -> Floats:
    """Log likelihood of rows, each given the others, for each of ``STRENGTHS``."""
    least = LEAST_COUNT / len(counts)
    others = counts - 1 + least
    shares = (others + STRENGTHS[:, None] * known) / (
        counts.sum() - 1 + LEAST_COUNT + STRENGTHS[:, None]
    )
    likely: Floats = np.log(shares) @ counts
    return likely
