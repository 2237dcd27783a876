"""A numerical column by itself: its quantile function, smooth between values, flat at heaps.

Values are whole numbers, steps of a grid. One that many rows share (capital gain 0) owns an
interval of ranks in which the quantile function is flat; between values it is linear. So ranks go
to values and back, and what is drawn keeps the column's steps and bounds without being one of the
training values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from sdv_llmgan.samplers.distilled.evidence import Floats


@dataclass(frozen=True)
class Marginal:
    """Ranks in [0, 1], normal scores and values of one column.

    Attributes:
        levels: The distinct values in ascending order.
        low: Rank at which each level's interval begins.
        high: Rank at which it ends.
        bounds: Values drawn stay within; ``None``: they may reach half a gap beyond the extremes.
    """

    levels: Floats
    low: Floats
    high: Floats
    bounds: tuple[float, float] | None

    @classmethod
    def fit(cls, values: Floats, weights: Floats, bounds: tuple[float, float] | None) -> Marginal:
        """Learn it from values without missing ones, shape (n_rows,), n_rows >= 1."""
        levels, place = np.unique(values, return_inverse=True)
        mass = np.bincount(place, weights)
        # The lightest row's weight is what a rank moves from one value to the next in.
        half = 0.5 * np.minimum(mass, weights[weights > 0].min())
        above = np.cumsum(mass)
        return cls(
            levels,
            (above - mass + half) / above[-1],
            (above - half) / above[-1],
            bounds,
        )

    def values(self, ranks: Floats) -> Floats:
        """The values at these ranks, whole and within the bounds."""
        knots = np.column_stack([self.low, self.high]).ravel()
        levels = np.repeat(self.levels, 2)
        if self.bounds is None and len(self.levels) > 1:
            first, last = np.diff(self.levels)[[0, -1]]
            knots = np.concatenate([[0.0], knots, [1.0]])
            levels = np.concatenate([[levels[0] - first / 2], levels, [levels[-1] + last / 2]])
        return self.finish(np.interp(ranks, knots, levels))

    def finish(self, values: Floats) -> Floats:
        """Whole numbers; what lies beyond the bounds is mirrored inwards."""
        if self.bounds is not None:
            low, high = self.bounds
            values = np.where(values < low, 2 * low - values, values)
            values = np.where(values > high, 2 * high - values, values)
            values = np.clip(values, low, high)
        rounded: Floats = np.round(values) + 0.0
        return rounded

    def ranks(self, values: Floats, uniforms: Floats | float = 0.5) -> Floats:
        """Ranks of values; one with an interval of its own is put at ``uniforms`` within it."""
        low = np.interp(values, self.levels, self.low)
        high = np.interp(values, self.levels, self.high)
        ranks: Floats = low + uniforms * (high - low)
        return ranks

    def scores(self, values: Floats) -> Floats:
        """Normal scores: ranks as quantiles of the standard normal distribution."""
        scores: Floats = ndtri(np.clip(self.ranks(values), 1e-6, 1 - 1e-6))
        return scores

    def from_scores(self, scores: Floats) -> Floats:
        """The values at these normal scores."""
        return self.values(ndtr(scores))
