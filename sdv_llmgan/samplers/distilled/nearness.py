"""How near generated rows are to the training rows, judged by how near they are to one another.

A model learned from 25 rows has their place, spread and categories, so its rows are nearer to them
than new rows of the same source are, though it copies none. New rows would be as near to the
training rows as to as many others of their own kind: that is the mark.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.spatial.distance import cdist

from sdv_llmgan.samplers.distilled.coding import LevelCoding, TableCoding
from sdv_llmgan.samplers.distilled.evidence import Floats

#: Rows are compared with so many of their own kind at most.
OTHERS = 2_048
#: Rows whose distances are worked out at a time.
BLOCK = 32


def nearness(
    coding: TableCoding, rows: Mapping[str, Floats], training: Mapping[str, Floats]
) -> tuple[Floats, float]:
    """Chance that a row is nearer to the training rows than to as many other generated rows.

    Distances are L1, numbers scaled by the training table's range, a level that differs adding 2;
    ties count one half.

    Args:
        coding: Tells levels from numbers.
        rows: Codes of independent generated rows, n_rows >= 2.
        training: Codes of the training rows.

    Returns:
        In [0, 1], shape (n_rows,), 0.5 on average if training rows were generated, too; and the
        share of ties in it, in [0, 1], near 1 in tables that have few different rows.
    """
    generated, real = place(coding, rows), place(coding, training)
    others = generated[0][:OTHERS], generated[1][:OTHERS]
    count = len(others[0]) - 1
    closer = []
    # In blocks: new memory takes longer than the distances in it.
    for start in range(0, len(generated[0]), BLOCK):
        block = generated[0][start : start + BLOCK], generated[1][start : start + BLOCK]
        between = _distances(block, others)
        own = np.arange(start, min(start + len(block[0]), len(others[0])))
        between[own - start, own] = np.inf
        to_training = _distances(block, real).min(1, keepdims=True)
        closer.append([
            (between < to_training - 1e-9).sum(1) / count,
            (between <= to_training + 1e-9).sum(1) / count,
        ])
    none = (1 - np.minimum(np.concatenate(closer, axis=1), 1)) ** len(real[0])
    chance: Floats = none.mean(0)
    return chance, float((none[0] - none[1]).mean())


def place(coding: TableCoding, codes: Mapping[str, Floats]) -> tuple[Floats, Floats]:
    """Scaled numbers, and levels (missing or not among them)."""
    count = len(next(iter(codes.values())))
    numbers, levels = [np.zeros((count, 0))], [np.zeros((count, 0))]
    for name, column in coding.codings.items():
        values = codes[name]
        if isinstance(column, LevelCoding):
            levels.append(values[:, None])
        else:
            missing = np.isnan(values)
            span = column.marginal.levels[-1] - column.marginal.levels[0]
            numbers.append(np.where(missing, column.center, values)[:, None] / (span or 1.0))
            levels.append(missing[:, None].astype(float))
    return np.concatenate(numbers, axis=1), np.concatenate(levels, axis=1)


def _distances(some: tuple[Floats, Floats], others: tuple[Floats, Floats]) -> Floats:
    distances = np.zeros((len(some[0]), len(others[0])))
    if some[0].shape[1]:
        distances += cdist(some[0], others[0], 'cityblock')
    if num_levels := some[1].shape[1]:
        distances += 2 * num_levels * cdist(some[1], others[1], 'hamming')
    return distances
