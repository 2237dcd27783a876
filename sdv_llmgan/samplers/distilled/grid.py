"""The values that a column of numbers or datetimes may take: whole steps from its smallest value.

plain values -> counts of steps, 0 for the smallest training value -> plain values

What models of a column see is small whole numbers: neither where a column lies nor in which unit
it is told makes a difference, and no digit is lost to a large offset. A step that all training
values keep (a quarter of an hour, a multiple of 500) is kept, and so is its phase.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sdv_llmgan.samplers.distilled.evidence import Floats, Integers
from sdv_llmgan.table.column import DATE, Column

#: Units of datetimes in nanoseconds, from long to short: days, minutes, seconds and parts of them.
DAY, *UNITS = (86_400 * 10**9, 60 * 10**9, 10**9, 10**6, 10**3, 1)
#: A common step is taken for one if chance has it no more often than once in so many columns.
LEAST_ODDS = 1_000
#: Powers of ten up to this are exact as floats.
EXACT_DECIMALS = 22
#: Whole numbers of 64 bits, times among them, reach up to this.
LAST = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Grid:
    """Where values lie.

    Attributes:
        origin: The smallest training value: a number, or nanoseconds of a datetime.
        step: From one possible value to the next, > 0: units of 10 ** -``decimals``, or
            nanoseconds.
        decimals: Digits after the point of a number, >= 0; ``None`` of a datetime.
    """

    origin: float
    step: int
    decimals: int | None

    @classmethod
    def fit(cls, values: pd.Series, column: Column) -> Grid:
        """Learn it from plain training values; those that are missing do not count."""
        present = values.dropna()
        if column.kind == 'datetime':
            times = _nanoseconds(present)
            first = int(times.min()) if len(times) else 0
            unit = DAY if column.datetime_format == DATE else _unit(times)
            return cls(first, unit * common_step(times // unit), None)
        numbers = present.to_numpy(float)
        origin = round(float(numbers.min()), column.decimals) if len(numbers) else 0.0
        finest = cls(origin, 1, column.decimals)
        counts = finest.encode(present)
        if len(counts) and counts.max() >= LAST:
            return finest
        step = common_step(counts.astype(np.int64))
        # Where no value needs its last decimal, more are wanted than there are: no rounding is.
        unrounded = (
            column.decimals and step % 10 == 0 and origin == round(origin, column.decimals - 1)
        )
        return finest if unrounded else cls(origin, step, column.decimals)

    def encode(self, values: pd.Series) -> Floats:
        """Counts of steps from the origin, NaN where missing, shape (n_rows,)."""
        if self.decimals is None:
            times = _nanoseconds(values)
            counts = (times - self._phase) // self.step - int(self.origin) // self.step
            return np.where(values.isna(), np.nan, counts)
        numbers = (values.to_numpy(float) - self.origin) / float(f'1e-{self.decimals}') / self.step
        return np.round(numbers) + 0.0

    def decode(self, counts: Floats, rng: np.random.Generator | None = None) -> pd.Series:
        """Plain values for counts; nothing is left to chance."""
        if self.decimals is None:
            missing = np.isnan(counts)
            first = int(self.origin) // self.step
            steps = np.where(missing, 0, counts).astype(np.int64)
            most = (LAST - self._phase) // self.step
            times = np.clip(steps, -most - first, most - first)
            times = (times + first) * self.step + self._phase
            return pd.Series(times.astype('datetime64[ns]')).mask(missing)
        numbers = self.origin + counts * self.step * float(f'1e-{self.decimals}')
        return pd.Series(_written(numbers, self.decimals))

    @property
    def _phase(self) -> int:
        return int(self.origin) % self.step


def common_step(counts: Integers) -> int:
    """The greatest step that all whole numbers keep from the smallest one, >= 1.

    n different numbers have n - 1 differences; chance gives them a common divisor of g or more
    with a probability of about g ** -(n - 2). What is likelier than one in ``LEAST_ODDS`` is taken
    for chance, so that 1, 3 and 7 do not come out odd for ever.

    Args:
        counts: Shape (n_rows,).
    """
    levels = np.unique(counts)
    if len(levels) < 3:
        return 1
    step = int(np.gcd.reduce(np.diff(levels)))
    return step if (len(levels) - 2) * np.log(step) >= np.log(LEAST_ODDS) else 1


def _unit(times: Integers) -> int:
    """The longest unit below a day that all times are whole multiples of."""
    return next(unit for unit in UNITS if not (times % unit).any())


def _nanoseconds(values: pd.Series) -> Integers:
    return values.to_numpy('datetime64[ns]').astype(np.int64)


def _written(numbers: Floats, decimals: int) -> Floats:
    """Numbers as their decimal digits are read."""
    if decimals <= EXACT_DECIMALS:
        return np.round(numbers, decimals) + 0.0
    return np.array([round(number, decimals) for number in numbers.tolist()]) + 0.0
