"""A small table that stands for a large one: rows picked so that their means come out right.

Twice as many rows are cut to half, again and again: of each pair one row stays, the one that makes
up for what went wrong with the pairs before. Every row is as likely to stay as any other, so single
rows keep their distribution; but 25 rows picked so tell a model trained on them nearly what
hundreds would.

Kernel halving as in Dwivedi and Mackey, Kernel thinning, 2021, without their random signs.
"""

from __future__ import annotations

import numpy as np

from sdv_llmgan.samplers.evidence import Floats, Integers


def thin(features: Floats, halvings: int, rng: np.random.Generator) -> Integers:
    """Pick rows.

    Args:
        features: Rows to pick from, standardized, shape (count * 2**halvings, n_features).
        halvings: How often to cut the rows to half, >= 0.
        rng: Pairs rows, and decides ties.

    Returns:
        Row numbers of those picked, shape (count,), in random order.
    """
    kernel = _kernel(features)
    rows = rng.permutation(len(features))
    for _ in range(halvings):
        rows = _halve(kernel, rows, rng)
        rows = rng.permutation(rows)
    return rows


def _kernel(features: Floats) -> Floats:
    """Likeness of rows: means, products of two features, and the shape of the cloud all count."""
    products = features @ features.T / max(1, features.shape[1])
    norms = np.diag(products)
    squares = norms[:, None] + norms[None, :] - 2 * products
    quadratic = (1 + products) ** 2
    return quadratic / np.median(np.diag(quadratic)) + np.exp(-squares / 2)


def _halve(kernel: Floats, rows: Integers, rng: np.random.Generator) -> Integers:
    """Of each two neighbours in ``rows`` one."""
    first, second = rows[0::2], rows[1::2]
    # How much more the rows kept so far look like each row than those dropped do.
    surplus = np.zeros(len(kernel))
    kept = np.empty(len(first), dtype=np.int64)
    flips = rng.random(len(first)) < 0.5
    for place, (one, other) in enumerate(zip(first, second, strict=True)):
        lean = surplus[one] - surplus[other]
        if lean > 0 or (lean == 0 and flips[place]):
            one, other = other, one
        surplus += kernel[one] - kernel[other]
        kept[place] = one
    return kept
