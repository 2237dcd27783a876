"""Noisy counts corrected towards what is expected of them: all of it costs no privacy.

    expected shares (known, or of smaller tables) -> halves, halves of halves, ...
    each split: expected share + what the noisy counts say against it, as far as it exceeds noise

A difference that noise may well make is left out, a large one is kept nearly whole: the nonnegative
garrote (Breiman, 1995) on the splits of a binary tree. Without noise all differences are kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sdv_llmgan_dp.measured import Floats

#: Rounds of iterative proportional fitting, and how near is near enough, as a share of all rows.
ROUNDS, NEAR = 200, 1e-9


def corrected(
    noisy: Floats, expected: Floats, variance: float, totals: Floats, trust: float
) -> Floats:
    """Counts that add up to totals, none negative.

    Args:
        noisy: Counts with noise, shape (n_lines, n_cells), n_cells >= 1. Neighbouring cells are
            corrected together, so that alike ones should stand together.
        expected: Shares that are expected of each line, adding up to 1, likewise.
        variance: Of the noise of each count.
        totals: What each line is to add up to, shape (n_lines,).
        trust: How far what is expected is trusted: a difference is kept from so many variances of
            its noise on, >= 0.
    """
    counts = np.zeros_like(noisy)
    pending = [(0, noisy.shape[1], totals)]
    ends = [np.pad(part.cumsum(1), ((0, 0), (1, 0))) for part in (noisy, expected)]
    while pending:
        start, end, total = pending.pop()
        if end - start == 1:
            counts[:, start] = total
            continue
        middle = (start + end) // 2
        (left, whole), (likely, all_likely) = (
            (part[:, middle] - part[:, start], part[:, end] - part[:, start]) for part in ends
        )
        size = (middle - start) / (end - start)
        share = np.divide(likely, all_likely, out=np.full_like(left, size), where=all_likely > 0)
        off = left - share * whole
        spread = variance * ((1 - share) ** 2 * (middle - start) + share**2 * (end - middle))
        kept = _kept(off, spread, trust)
        first = np.clip(share * total + off * kept, 0, total)
        pending += [(start, middle, first), (middle, end, total - first)]
    return counts


def _kept(off: Floats, spread: Floats, trust: float) -> Floats:
    """What share of a difference is kept, in [0, 1], by the variance of its noise."""
    squares = off**2
    ratio = np.divide(spread, squares, out=np.full_like(off, 1e300), where=squares > 0)
    return np.where(spread > 0, np.clip(1 - trust * ratio, 0, 1), 1.0)


def raked(
    table: Floats, margins: Sequence[tuple[tuple[int, ...], Floats]], rounds: int = ROUNDS
) -> Floats:
    """A table brought to margins by iterative proportional fitting (Deming and Stephan, 1940).

    Args:
        table: What is expected, of any number of axes, >= 0.
        margins: Pairs of the axes that a margin has, ascending, and its counts.
        rounds: At most so many.
    """
    fitted = table / max(table.sum(), 1e-300)
    for _ in range(rounds):
        before = fitted
        for axes, margin in margins:
            others = tuple(axis for axis in range(table.ndim) if axis not in axes)
            now = fitted.sum(others, keepdims=True)
            wanted = np.expand_dims(margin / max(margin.sum(), 1e-300), others)
            factor = np.divide(wanted, now, out=np.zeros_like(now), where=now > 0)
            fitted = fitted * factor
        if np.abs(fitted - before).max() < NEAR:
            break
    return fitted


def shares(counts: Floats, otherwise: Floats) -> Floats:
    """Counts as shares of their lines along the last axis; of empty lines other shares."""
    totals = counts.sum(-1, keepdims=True)
    even = np.divide(
        otherwise,
        otherwise.sum(-1, keepdims=True),
        out=np.full_like(otherwise, 1 / otherwise.shape[-1]),
        where=otherwise.sum(-1, keepdims=True) > 0,
    )
    return np.divide(counts, totals, out=even, where=totals > 0)
