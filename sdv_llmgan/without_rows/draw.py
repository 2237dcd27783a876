"""Rows made of what is known of a table: no row of it is needed.

    for each column in the order of the graph:
        influences of the columns drawn before -> its score, a figure a row
        numbers: score + noise -> rank -> the quantile of the column's own distribution
        levels:  shares, tilted by the score -> a draw

Each column comes out with the distribution that was said of it, whatever pulls it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm, rankdata

from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.without_rows.influence import LEVEL_STEP, Influence
from sdv_llmgan.without_rows.marginal import quantile
from sdv_llmgan.without_rows.outline import Outline

Floats = npt.NDArray[np.float64]

#: Rounds in which shares are brought to what they should be, each a step of iterative scaling.
ROUNDS = 60
#: How soon an effect that levels off does, per standard deviation.
BEND = 0.6


def draw_rows(
    outlines: Mapping[str, Outline],
    found: Sequence[Influence],
    graph: CausalGraph,
    num_rows: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Plain rows without missing values, shape (num_rows, n_columns).

    Args:
        outlines: The columns.
        found: What pulls what; causes come before effects in ``graph``.
        graph: Of the influences.
        num_rows: How many, >= 1.
        rng: All randomness comes from here.
    """
    drawn: dict[str, npt.NDArray[np.object_] | Floats] = {}
    for name in graph.order(list(outlines)):
        one = outlines[name]
        pulls = [pull for pull in found if pull.effect == name]
        scores = [_score(pull, drawn[pull.cause], outlines[pull.cause]) for pull in pulls]
        if one.levels:
            drawn[name] = _draw_levels(one, pulls, scores, num_rows, rng)
        else:
            total = np.zeros(num_rows) + sum(
                pull.weight * score for pull, score in zip(pulls, scores, strict=True)
            )
            drawn[name] = _draw_numbers(one, total + rng.standard_normal(num_rows), rng)
    return pd.DataFrame({name: drawn[name] for name in outlines})


def _score(pull: Influence, cause: npt.NDArray[np.object_] | Floats, one: Outline) -> Floats:
    """Where a cause stands, by row: in standard deviations, or 1 at the level."""
    if pull.cause_level is not None:
        return np.array([float(value == pull.cause_level) for value in cause])
    if one.levels:
        ranks = dict(zip(one.levels, one.heights, strict=True))
        return LEVEL_STEP / 2 * np.array([ranks[value] for value in cause])
    z: Floats = norm.ppf(rankdata(cause) / (len(cause) + 1))
    if pull.bend:
        z = pull.bend * np.abs(z)
    elif pull.levels_off:
        z = -np.exp(-BEND * z)
    spread = z.std()
    return (z - z.mean()) / (spread if spread > 0 else 1.0)


def _draw_numbers(one: Outline, latent: Floats, rng: np.random.Generator) -> Floats:
    num_rows, zeros = len(latent), one.figures.zeros or 0.0
    u = (latent.argsort().argsort() + rng.random(num_rows)) / num_rows
    values = np.zeros(num_rows)
    others = u >= zeros
    # The least rank of a float is 0, where a distribution may have no value.
    rest = np.clip((u[others] - zeros) / (1 - zeros), 1e-6, 1 - 1e-6)
    values[others] = quantile(one.figures, rest)
    return values if one.kind == 'datetime' else values.round(one.decimals)


def _draw_levels(
    one: Outline,
    pulls: Sequence[Influence],
    scores: Sequence[Floats],
    num_rows: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.object_]:
    shares = np.array(one.shares)
    logits = np.zeros((num_rows, len(shares)))
    for pull, score in zip(pulls, scores, strict=True):
        outputs = one.heights if pull.effect_level is None else _at(one.levels, pull.effect_level)
        logits += pull.weight * np.outer(score, outputs)
    tilted = np.exp(logits - logits.max(1, keepdims=True))
    weights = shares.copy()
    for _ in range(ROUNDS):
        likely = tilted * weights
        likely /= likely.sum(1, keepdims=True)
        weights = weights * shares / np.maximum(likely.mean(0), 1e-12)
        weights /= weights.sum()
    likely = tilted * weights
    ends = (likely / likely.sum(1, keepdims=True)).cumsum(1)
    places = (_even(num_rows, rng)[:, None] > ends[:, :-1]).sum(1)
    values = np.empty(num_rows, dtype=object)
    values[:] = [one.levels[place] for place in places]
    return values


def _even(num_rows: int, rng: np.random.Generator) -> Floats:
    """Numbers in [0, 1), one from each of as many equal parts, in any order."""
    return (rng.permutation(num_rows) + rng.random(num_rows)) / num_rows


def _at(levels: Sequence[Json], level: Json) -> Floats:
    return np.array([float(one == level) for one in levels])
