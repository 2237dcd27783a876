"""Numbers and dates as a few bins, none of which tells of a single row.

    training values -> bins with round edges, each of enough rows -> their numbers 0, 1, 2, ...
        -> any value inside of the bin

A value that many rows have is a bin of its own. Values in between that too few rows have belong to
the nearest bin, so that neither they nor the smallest and the largest value are told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sdv_llmgan.samplers.distilled.evidence import Floats, Integers
from sdv_llmgan.samplers.distilled.grid import Grid
from sdv_llmgan.table.rounding import around, nearest
from sdv_llmgan.table.types import Cell

#: About so many bins are made of a column that has more different values.
MOST_BINS = 200
#: A value that this share of the rows has is a bin of its own.
HEAP = 0.05
#: Ends that columns have by their nature, whatever rows there are.
NATURAL = (0.0, 1.0, 100.0)


@dataclass(frozen=True)
class BinnedGrid:
    """Bins of a grid's counts, which stand for them.

    Attributes:
        grid: What is counted, from the lower end of the first bin.
        low: First count of each bin, in ascending order, whole, shape (n_bins,).
        ends: First count after each, above its first one and no greater than the next bin's.
    """

    grid: Grid
    low: Floats
    ends: Floats

    @classmethod
    def fit(cls, values: pd.Series, grid: Grid, min_rows: int) -> BinnedGrid | None:
        """Make bins of training values.

        Args:
            values: Plain training values; those that are missing do not count.
            grid: Of the training values.
            min_rows: Each bin has so many of them, >= 1.

        Returns:
            ``None`` where there are fewer values than that.
        """
        counts = grid.encode(values)
        levels, times = np.unique(counts[~np.isnan(counts)], return_counts=True)
        found = np.array([*_bins(levels, times, grid, min_rows)]).reshape(-1, 2)
        if not len(found):
            return None
        origin = _value(grid, found[0, 0])
        moved = replace(grid, origin=origin.value if grid.decimals is None else origin)
        return cls(moved, *(found - found[0, 0]).T)

    def encode(self, values: pd.Series) -> Floats:
        """The bin that each value is in or nearest to, NaN where missing, shape (n_rows,)."""
        counts = self.grid.encode(values)
        missing = np.isnan(counts)
        counts = np.where(missing, 0.0, counts)
        below = np.clip(np.searchsorted(self.low, counts, side='right') - 1, 0, None)
        above = np.minimum(below + 1, len(self.low) - 1)
        nearer = self.low[above] - counts < counts - (self.ends[below] - 1)
        return np.where(missing, np.nan, np.where(nearer, above, below))

    def decode(self, codes: Floats, rng: np.random.Generator | None = None) -> pd.Series:
        """A value of each bin, all alike by chance; ``None``: the middle one."""
        missing = np.isnan(codes)
        places = np.where(missing, 0, codes).astype(int)
        at = 0.5 if rng is None else rng.random(len(codes))
        widths = self.ends[places] - self.low[places]
        counts = self.low[places] + np.minimum(np.floor(at * widths), widths - 1)
        return self.grid.decode(np.where(missing, np.nan, counts))


def _bins(
    levels: Floats, times: Integers, grid: Grid, min_rows: int
) -> Iterator[tuple[float, float]]:
    """First count of each bin and that after it, in ascending order.

    Args:
        levels: Different counts in ascending order.
        times: How many rows have each.
        grid: Of the counts.
        min_rows: See ``BinnedGrid.fit``.
    """
    heaps = np.flatnonzero(times >= max(min_rows, HEAP * times.sum()))
    wanted = min_rows if len(levels) <= MOST_BINS else max(min_rows, times.sum() // MOST_BINS)
    least, start = -np.inf, 0
    for heap in [*heaps, None]:
        some = slice(start, heap)
        most = np.inf if heap is None else levels[heap]
        for low, end in _between(levels[some], times[some], grid, min_rows, wanted):
            yield max(low, least), min(end, most)
        if heap is not None:
            least, start = _next(levels[heap]), heap + 1
            yield levels[heap], least


def _between(
    levels: Floats, times: Integers, grid: Grid, min_rows: int, wanted: int
) -> list[tuple[float, float]]:
    """Bins of the values between two heaps; none where they are of too few rows."""
    if times.sum() < min_rows:
        return []
    starts, mass, total, before = [0], 0, times.sum(), np.cumsum(times) - times
    for place, rows in enumerate(times):
        # Finer where values are few: the longest tails are there.
        enough = min(wanted, min(before[place], total - before[place]) // 2)
        if mass >= max(min_rows, enough) and total - before[place] >= min_rows:
            starts.append(place)
            mass = 0
        mass += rows
    lows = levels[starts]
    ends = [*lows[1:], _next(levels[-1])]
    widths = np.diff([lows[0], *ends])
    edges = [
        _rounded(grid, low, min(pair) / 2)
        for low, pair in zip(lows[1:], zip(widths, widths[1:], strict=False), strict=True)
    ]
    first = _outward(grid, levels[0], widths[0])[0]
    last = _outward(grid, levels[-1], widths[-1])[1]
    kept = [first]
    for edge in edges:  # rounding moves rows from one bin to the next
        inside = times[(levels >= kept[-1]) & (levels < edge)].sum()
        if min(inside, times[levels >= edge].sum()) >= min_rows:
            kept.append(edge)
    return [*zip(kept, [*kept[1:], last], strict=True)]


def _next(count: float) -> float:
    """The count after one, as far as floats tell them apart."""
    return max(count + 1, float(np.nextafter(count, np.inf)))


def _value(grid: Grid, count: float) -> Cell:
    return grid.decode(np.array([count]))[0]


def _gap(grid: Grid, counts: float) -> Cell:
    """So many counts in the column's own values."""
    if grid.decimals is None:
        return pd.Timedelta(max(counts, 1.0) * grid.step, 'ns')
    return max(counts, 1.0) * grid.step * float(f'1e-{grid.decimals}')


def _count(grid: Grid, value: Cell) -> float:
    if grid.decimals is None:
        value = pd.Timestamp(value).as_unit('ns')
    return float(grid.encode(pd.Series([value]))[0])


def _rounded(grid: Grid, count: float, width: float) -> float:
    """The count of the round value nearest to one's own."""
    return _count(grid, nearest(_value(grid, count), _gap(grid, width)))


def _outward(grid: Grid, count: float, width: float) -> tuple[float, float]:
    """The counts of round values below and above one's own; nothing is beyond one in ``NATURAL``.

    Rounded to itself, an end would be the value of a row.
    """
    value, gap = _value(grid, count), _gap(grid, width)
    if grid.decimals is not None and value in NATURAL:
        return count, _next(count)
    below, above = around(value, gap)
    if below == value:
        below = around(value - (above - below) / 2, gap)[0]
    return _count(grid, below), _count(grid, above)
