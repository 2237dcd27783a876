"""Round numbers and dates near real ones: what is told of a range then names no record."""

from __future__ import annotations

import math
from decimal import ROUND_FLOOR, Decimal
from typing import TypeVar

import pandas as pd

Point = TypeVar('Point', float, pd.Timestamp)

#: How long at least the periods are that dates are rounded to.
PERIODS = {
    'Y': pd.Timedelta('365D'),
    'Q': pd.Timedelta('90D'),
    'M': pd.Timedelta('28D'),
    'W': pd.Timedelta('7D'),
    'D': pd.Timedelta('1D'),
    'h': pd.Timedelta('1h'),
    'min': pd.Timedelta(0),
}


def around(value: Point, gap: float | pd.Timedelta) -> tuple[Point, Point]:
    """The round values next to one: the last at or below it, the first above it.

    Args:
        value: A finite number or a date.
        gap: How far apart round values are at most, > 0. Numbers are rounded to 1, 2 or 5 times a
            power of ten, dates to years, quarters, months, weeks, days, hours or minutes.
    """
    if isinstance(value, pd.Timestamp):
        length = pd.Timedelta(gap)
        period = value.to_period(next(name for name, least in PERIODS.items() if least <= length))
        return period.start_time, (period + 1).start_time
    step = _step(float(gap))  # type: ignore[arg-type]
    below = (Decimal(repr(float(value))) / step).to_integral_value(ROUND_FLOOR) * step
    return float(below), float(below + step)


def nearest(value: Point, gap: float | pd.Timedelta) -> Point:
    """The round value nearest to one; see ``around``."""
    below, above = around(value, gap)
    return below if value - below <= above - value else above


def beyond(low: Point, high: Point, unit: float | pd.Timedelta) -> tuple[Point, Point]:
    """Round values strictly outside of a range, near to it.

    Args:
        low: Its lower end.
        high: Its upper end, >= ``low``.
        unit: The smallest difference of two values; round values are no finer.
    """
    spread = high - low
    if low == high:  # a constant would be read off bounds that are near to it
        spread = pd.Timedelta('3650D') if isinstance(low, pd.Timestamp) else abs(low)
    gap = max(spread / 10, unit)
    below = around(low, gap)[0]
    if below == low:
        below = around(low - gap * 1e-3, gap)[0]
    return below, around(high, gap)[1]


def _step(gap: float) -> Decimal:
    """The largest of 1, 2 and 5 times a power of ten that is no larger than ``gap``."""
    power = math.floor(math.log10(gap) + 1e-9)
    times = next(times for times in (5, 2, 1) if times * 10.0**power <= gap * (1 + 1e-6))
    return Decimal(times).scaleb(power)
