"""Empirical Bayes: what all columns say together is the prior of each.

likelihood of each choice in each column, prior -> its weight in the table, and in each column
"""

from __future__ import annotations

import numpy as np

from sdv_llmgan.samplers.distilled.evidence import Floats


def weighed(likely: Floats, prior: Floats) -> Floats:
    """How much each choice counts in each column, adding up to 1 there.

    Args:
        likely: Log likelihood, shape (n_columns, n_choices).
        prior: Of the choices, >= 0, shape (n_choices,).
    """
    joint: Floats = prior * np.exp(likely - likely.max(1, keepdims=True))
    return joint / joint.sum(1, keepdims=True)


def pooled(
    likely: Floats, prior: Floats, steps: int, counts: Floats | None = None
) -> tuple[Floats, Floats]:
    """How much each choice counts in the table, shape (n_choices,), and in each column.

    The table's weights are the mean of its columns' and of ``prior``, and the prior of its columns
    in the next step.

    Args:
        likely: See ``weighed``.
        prior: Before columns are looked at; adds up to 1.
        steps: >= 1.
        counts: How much each column counts and, last, the prior, >= 0, shape (n_columns + 1,), the
            last above 0. ``None``: all alike.
    """
    counts = np.ones(len(likely) + 1) if counts is None else counts
    table = prior
    for _ in range(steps):
        columns = weighed(likely, table)
        table = counts @ np.vstack([columns, prior]) / counts.sum()
    return table, columns
