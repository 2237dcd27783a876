"""Random numbers that fill [0, 1] more evenly than chance, row by row in the order of a key.

Rows with like keys get numbers far apart, so that a table of 25 rows has nearly the shares and the
spread that a table of thousands would have. Each single number is still uniform.

L'Ecuyer, Lecot, Tuffin, A randomized quasi-Monte Carlo simulation method for Markov chains, 2008.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: Numbers in [0, 1) for rows with these keys, shape (n_rows,).
Uniforms = Callable[[Floats, np.random.Generator], Floats]


def plain_uniforms(key: Floats, rng: np.random.Generator) -> Floats:
    """Independent uniforms, whatever the key: for draws whose scatter is to be told."""
    uniforms: Floats = rng.random(len(key))
    return uniforms


def spread_uniforms(key: Floats, rng: np.random.Generator) -> Floats:
    """Uniforms of which any run of rows that stand together by ``key`` covers [0, 1] evenly.

    Args:
        key: What to order rows by, shape (n_rows,); ties are broken at random.
        rng: Breaks ties and shifts all numbers at once.

    Returns:
        Numbers in [0, 1), shape (n_rows,), each one uniform.
    """
    shuffled = rng.permutation(len(key))
    order = shuffled[np.argsort(key[shuffled], kind='stable')]
    uniforms = np.empty(len(key))
    uniforms[order] = (_radical_inverse(len(key)) + rng.random()) % 1.0
    return uniforms


def _radical_inverse(count: int) -> Floats:
    """The numbers 0, 1, 2, ... with their binary digits mirrored at the point (van der Corput)."""
    numbers, inverse, digit = np.arange(count), np.zeros(count), 0.5
    while numbers.any():
        inverse += digit * (numbers & 1)
        numbers >>= 1
        digit /= 2
    return inverse
