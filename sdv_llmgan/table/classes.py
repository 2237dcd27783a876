"""The classes of a target, and how many rows of each make up a sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from sdv_llmgan.table.column import Column, to_json

#: A column of more classes has none that rows are asked for by.
MOST_CLASSES = 10


def class_counts(column: Column, num_rows: int, rng: np.random.Generator) -> dict[Any, int]:
    """How many of so many rows have each class, in proportion to the training rows.

    Fractions are rounded up or down at random, so that rare classes have their share over many
    calls.

    Args:
        column: The target, with shares of its classes.
        num_rows: How many rows there are in all, >= 1.
        rng: Rounds.

    Returns:
        Counts by class as JSON value, ``num_rows`` in all; empty where the column has no classes,
        a condition restricts it, or the share of one is told as 0.
    """
    shares = _shares(column)
    total = sum(shares.values())
    if column.only is not None or not 2 <= len(shares) <= MOST_CLASSES:
        return {}
    if not all(shares.values()):  # rounded to nothing; such a class would never be asked for
        return {}
    edges = np.cumsum([0.0, *shares.values()]) / total
    edges[-1] = 1.0
    points = (np.arange(num_rows) + rng.random()) / num_rows
    counts = np.histogram(points, edges)[0]
    return dict(zip(shares, map(int, counts), strict=True))


def _shares(column: Column) -> dict[Any, float]:
    if column.kind == 'categorical':
        return dict(zip(map(to_json, column.said), column.shares, strict=False))
    if column.kind == 'boolean' and column.shares:
        return {True: column.shares[0], False: 1 - column.shares[0]}
    return dict(zip(column.levels, column.shares, strict=True)) if column.few else {}
