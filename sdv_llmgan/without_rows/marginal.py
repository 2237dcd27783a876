"""The distribution of one column of numbers, from what is published or typical of it.

quantiles -> a smooth curve through them   mean, sd and range -> normal, gamma or beta

Beyond the outermost quantiles the curve is Tukey's g distribution (Exploratory Data Analysis, 1977)
through three of them: as skew as they are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.interpolate import PchipInterpolator

from sdv_llmgan.without_rows.statistics import ColumnStatistics

Floats = npt.NDArray[np.float64]

#: Shares of the values below which the tails are anchored; likewise from above.
TAIL = (0.002, 0.01, 0.04, 0.1)
#: No more skew than this, of Tukey's g.
MOST_SKEW = 1.5
#: Numbers of which nothing but this is said lie evenly between minimum and maximum.
EVEN_DECIMALS = 2
#: A normal distribution keeps so many standard deviations of room to the minimum, or is gamma.
ROOM = 2.0


def quantile(figures: ColumnStatistics, u: Floats) -> Floats:
    """The numbers that these shares of the column lie below; zeros apart.

    Args:
        figures: They tell values. Where none of them is negative, no number is.
        u: Shares in (0, 1), shape (n_values,).
    """
    low, high = bounds(figures)
    if figures.quantiles:
        values = _through(figures.quantiles, low, high, u)
    elif figures.mean is not None:
        values = _by_moments(figures.mean, figures.sd or 0.0, low, high, u)
    else:
        values = low + (high - low) * u
    return np.clip(values, low, high)


def bounds(figures: ColumnStatistics) -> tuple[float, float]:
    """What values lie between, where it is not said too."""
    inner = [value for _, value in figures.quantiles]
    inner += [value for value in (figures.mean, figures.maximum) if value is not None]
    low = figures.minimum
    if low is None:
        low = 0.0 if inner and min(inner) >= 0 else -np.inf
    return low, np.inf if figures.maximum is None else figures.maximum


def decimals(figures: ColumnStatistics) -> int:
    """Digits after the point of the values: as many as quantiles and range have."""
    if figures.decimals is not None:
        return figures.decimals
    told = [value for _, value in figures.quantiles]
    told += [value for value in (figures.minimum, figures.maximum) if value is not None]
    if not told:  # means and spreads have more digits than values
        return 0 if (figures.sd or 0) >= 1 else EVEN_DECIMALS
    return max(len(f'{value:.6g}'.partition('.')[2].partition('e')[0]) for value in told)


def _by_moments(mean: float, sd: float, low: float, high: float, u: Floats) -> Floats:
    if not sd:
        return np.full(len(u), mean)
    if np.isfinite(low) and np.isfinite(high):
        span, variance = high - low, sd**2
        at = (mean - low) / span
        size = at * (1 - at) * span**2 / variance - 1
        if size > 0:
            values: Floats = low + span * stats.beta.ppf(u, at * size, (1 - at) * size)
            return values
    if np.isfinite(low) and low < mean < low + ROOM * sd:
        gamma: Floats = low + stats.gamma.ppf(
            u, ((mean - low) / sd) ** 2, scale=sd**2 / (mean - low)
        )
        return gamma
    normal: Floats = stats.norm.ppf(u, mean, sd)
    return normal


def _through(
    quantiles: tuple[tuple[float, float], ...], low: float, high: float, u: Floats
) -> Floats:
    shares, values = (np.array(part, dtype=float) for part in zip(*quantiles, strict=True))
    if len(values) == 1:
        shares, values = np.append(shares, 0.5 + shares / 2), np.append(values, values * 1.5)
    places, levels = stats.norm.ppf(np.clip(shares, 1e-4, 1 - 1e-4)), values
    below = stats.norm.ppf([share for share in TAIL if share < shares[0] / 2])
    above = stats.norm.ppf([1 - share for share in TAIL[::-1] if share < (1 - shares[-1]) / 2])
    curve = _tukey(places, levels)
    under = _fitted(curve(below), levels[0], low)
    over = _fitted(curve(above), levels[-1], high)
    x, y = np.r_[below, places, above], np.r_[under, levels, over]
    z = np.clip(stats.norm.ppf(u), x[0], x[-1])
    found: Floats = PchipInterpolator(x, np.maximum.accumulate(y))(z)
    return found


class _tukey:  # noqa: N801 - a curve, called as a function
    """Values by normal score, through the outermost quantiles and one between them."""

    def __init__(self, places: Floats, values: Floats) -> None:
        middle = len(places) // 2 if len(places) > 2 else 0
        self.at, self.center = places[middle], values[middle]
        below = (self.center - values[0]) / (self.at - places[0]) if middle else 0.0
        above = (values[-1] - self.center) / (places[-1] - self.at)
        self.skew, self.scale = 0.0, max(above, below)
        if below > 0 and above > 0:
            width = (places[-1] - places[0]) / 2
            self.skew = float(np.clip(np.log(above / below) / width, -MOST_SKEW, MOST_SKEW))
            self.scale = (above + below) / 2

    def __call__(self, z: Floats) -> Floats:
        z = np.asarray(z, dtype=float) - self.at
        bent = np.expm1(self.skew * z) / self.skew if abs(self.skew) > 1e-6 else z
        values: Floats = self.center + self.scale * bent
        return values


def _fitted(tail: Floats, inner: float, end: float) -> Floats:
    """A tail that keeps to its side of the outermost quantile, and inside the range."""
    away = np.abs(tail - inner)
    sign = np.sign(end - inner) if end != inner else 0.0
    most = away.max(initial=0.0)
    if np.isfinite(end) and most > abs(end - inner):
        away = away * abs(end - inner) / most
    fitted: Floats = inner + sign * away
    return fitted
