"""A column cut into cells that rows are counted in, and values drawn from cells.

levels, or ranges of numbers on a lattice of steps; a missing value; for levels: anything else

Everything here is fixed before a row is coded, and a row's cell depends on that row alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.table.allowed import Allowed
from sdv_llmgan.table.column import Column, is_missing, quote, to_json
from sdv_llmgan.table.types import Cell
from sdv_llmgan_dp.measured import Floats, Integers

#: So many numbers each have a cell of their own; of more, cells hold several.
MOST_CELLS = 100


@dataclass(frozen=True)
class Levels:
    """Cells of a column of categories: one a level, one for what is none of them, one for missing.

    Attributes:
        column: The column, as declared.
        levels: Its levels as JSON.
    """

    column: Column
    levels: tuple[Json, ...]

    @property
    def is_ordered(self) -> bool:
        """Whether neighbouring cells are alike."""
        return False

    def __len__(self) -> int:
        """How many cells there are."""
        return len(self.levels) + 2

    @property
    def elsewhere(self) -> int | None:
        """The cell that no value is drawn from; ``None``: there is none."""
        return len(self.levels)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {quote(level): place for place, level in enumerate(self.levels)}

    def code(self, values: pd.Series) -> Integers:
        """The cell of each plain value, shape (n_values,)."""
        kinds = values.map(lambda value: None if is_missing(value) else quote(to_json(value)))
        found = kinds.map(self._places).fillna(self.elsewhere).where(kinds.notna(), len(self) - 1)
        return found.to_numpy(dtype=int)

    def fits(self, allowed: Allowed) -> Floats:
        """What share of each cell a condition allows, shape (n_cells,)."""
        fit = [float(allowed.meets(level)) for level in self.levels]
        others = [value for value in allowed.values or () if value is not None]
        unknown = any(quote(value) not in self._places for value in others)
        return np.array([*fit, float(unknown), float(allowed.meets(None))])

    def draw(self, cells: Integers, allowed: Allowed | None, rng: np.random.Generator) -> pd.Series:
        """Plain values in these cells, as a condition allows them."""
        others = [v for v in (allowed.values or () if allowed else ()) if v is not None]
        unknown = next((value for value in others if quote(value) not in self._places), None)
        table = np.empty(len(self), dtype=object)
        table[:] = [*self.levels, unknown, None]
        return pd.Series(table[cells], dtype=object)


@dataclass(frozen=True)
class Ranges:
    """Cells of a column of numbers or dates: multiples of a step, cut where ``starts`` says.

    Attributes:
        column: The column, as declared; dates are nanoseconds since 1970.
        step: The lattice that values are on, > 0.
        starts: The first multiple in each cell, ascending, shape (n_ranges,).
        last: The last multiple of the last cell.
    """

    column: Column
    step: float
    starts: tuple[int, ...]
    last: int

    @property
    def is_ordered(self) -> bool:
        """Whether neighbouring cells are alike."""
        return True

    @property
    def elsewhere(self) -> int | None:
        """The cell that no value is drawn from: none, for values beyond count as the outermost."""
        return None

    def __len__(self) -> int:
        """How many cells there are, that of missing values among them."""
        return len(self.starts) + 1

    @cached_property
    def _starts(self) -> Integers:
        return np.array(self.starts)

    @cached_property
    def _ends(self) -> Integers:
        return np.append(self._starts[1:] - 1, self.last)

    def units(self, values: pd.Series) -> Floats:
        """Plain values as multiples of the step, NaN where missing."""
        return np.round(numbers_of(values) / self.step)

    def code(self, values: pd.Series) -> Integers:
        """The cell of each plain value, shape (n_values,)."""
        units = self.units(values)
        inside = np.clip(np.nan_to_num(units), self.starts[0], self.last)
        found = np.searchsorted(self._starts, inside, side='right') - 1
        return np.where(np.isnan(units), len(self) - 1, found).astype(int)

    def fits(self, allowed: Allowed) -> Floats:
        """What share of each cell a condition allows, shape (n_cells,)."""
        if allowed.values is not None:
            kept = np.zeros(len(self))
            kept[self.code(self._plain(allowed))] = 1.0
            kept[-1] = float(None in allowed.values)
            return kept
        low, high = self._bounds(allowed)
        sizes = self._ends - self._starts + 1
        inside = np.minimum(self._ends, high) - np.maximum(self._starts, low) + 1
        kept = np.clip(inside / sizes, 0, 1)
        if not kept.any():  # beyond all cells: of the outermost one
            kept[0 if high < self.starts[0] else -1] = 1.0
        return np.append(kept, 0.0)

    def draw(self, cells: Integers, allowed: Allowed | None, rng: np.random.Generator) -> pd.Series:
        """Plain values in these cells, as a condition allows them; evenly within a cell."""
        present = np.minimum(cells, len(self.starts) - 1)
        low, high = self._starts[present], self._ends[present]
        if allowed is not None and allowed.values is not None:
            return self._listed(cells, allowed, rng)
        if allowed is not None:
            least, most = self._bounds(allowed)
            low, high = np.maximum(low, least), np.minimum(high, most)
            crossed = low > high
            low = np.where(crossed, np.where(np.isfinite(least), least, most), low)
            high = np.where(crossed, low, high)
        units = low + np.floor(rng.random(len(cells)) * (high - low + 1))
        return self._values(np.where(cells == len(self) - 1, np.nan, np.minimum(units, high)))

    def _listed(self, cells: Integers, allowed: Allowed, rng: np.random.Generator) -> pd.Series:
        """One of the values that a condition lists, of those in each cell."""
        values = self._plain(allowed)
        codes = self.code(values)
        drawn = values.iloc[[rng.choice(np.flatnonzero(codes == cell)) for cell in cells]]
        return drawn.reset_index(drop=True)

    def _plain(self, allowed: Allowed) -> pd.Series:
        assert allowed.values is not None
        values = pd.Series([np.nan if v is None else v for v in allowed.values], dtype=object)
        dates = self.column.kind == 'datetime'
        return pd.to_datetime(values).astype('datetime64[ns]') if dates else values.astype(float)

    def _bounds(self, allowed: Allowed) -> tuple[float, float]:
        ends = pd.Series([allowed.minimum, allowed.maximum], dtype=object)
        dates = self.column.kind == 'datetime'
        plain = pd.to_datetime(ends) if dates else ends.astype(float)
        low, high = numbers_of(plain) / self.step
        low = -math.inf if np.isnan(low) else math.ceil(low - 1e-9)
        return low, math.inf if np.isnan(high) else math.floor(high + 1e-9)

    def _values(self, units: Floats) -> pd.Series:
        values = pd.Series(units * self.step)
        if self.column.kind == 'datetime':
            times = pd.Series(np.full(len(units), np.datetime64('NaT', 'ns')))
            there = values.notna().to_numpy()
            whole = units[there].astype('int64') * int(self.step)
            times[there] = pd.to_datetime(whole).to_numpy()
            return times
        return values.round(max(0, -math.floor(math.log10(self.step) + 1e-9)))


Cells = Levels | Ranges


def levels_of_texts(texts: Sequence[str]) -> tuple[Json, ...]:
    """Levels from the texts that ``text_of`` makes of them."""
    return tuple(json.loads(text) for text in texts)


def text_of(value: Cell) -> str:
    """A plain value as JSON text; missing ones, too."""
    return quote(None if is_missing(value) else to_json(value))


def ranges(
    column: Column, step: float, low: float, high: float, rough: Sequence[float] = ()
) -> Ranges:
    """Cells of a range: each number its own where they are few.

    Else some are even, some grow with the distance from 0, as sums of money do, and some are about
    equally likely.

    Args:
        column: As declared.
        step: The lattice of values, > 0.
        low: The least value; a value beyond an end counts as that end.
        high: The greatest, >= low.
        rough: Values that cut the column into about equally likely parts, if such are known.
    """
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    if last - first < MOST_CELLS:
        return Ranges(column, step, tuple(range(first, last + 1)), last)
    half = MOST_CELLS // 2
    even = np.linspace(first, last + 1, half, endpoint=False)
    likely = np.array(rough, dtype=float) / step
    # The ends and 0 often stand for something of their own: a cap, or nothing.
    own = [first, first + 1, last, *([0, 1] if first <= 0 <= last else [])]
    growing = _growing(first, last, half)
    starts = np.unique(np.floor(np.concatenate([even, growing, likely, own])))
    inside = starts[(starts >= first) & (starts <= last)]
    return Ranges(column, step, tuple(int(start) for start in inside), last)


def _growing(first: int, last: int, count: int) -> Floats:
    """Numbers on both sides of 0 that grow by a factor, in a range."""
    sizes = np.geomspace(1, max(abs(first), abs(last)), count)
    return np.concatenate([-sizes, sizes])


def numbers_of(values: pd.Series) -> Floats:
    """Plain numbers or dates as float64; dates in nanoseconds, missing values as NaN."""
    if values.dtype.kind == 'M':
        times = values.astype('datetime64[ns]')
        return np.where(times.isna(), np.nan, times.astype('int64').astype(float))
    return values.to_numpy(dtype=float)
