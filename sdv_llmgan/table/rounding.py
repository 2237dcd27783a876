"""Round numbers and dates near real ones: what is told of a range then names no record."""

from __future__ import annotations

import math
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import TypeVar

import pandas as pd

Point = TypeVar('Point', float, pd.Timestamp)

#: Dates are rounded to so many months, where round ones may be so many days apart,
MONTHS = {12: 365, 3: 90, 1: 28}
#: else to weeks, days, and so many seconds from midnight.
SECONDS = (7 * 86_400, 86_400, 43_200, 21_600, 10_800, 3_600, 1_800, 900, 300, 60)
#: Round numbers are so many float64 apart at least.
LEAST_ULPS = 4
#: A Monday.
WEEKS_BEGIN = pd.Timestamp('1970-01-05').as_unit('s')


def around(value: Point, gap: float | pd.Timedelta) -> tuple[Point, Point]:
    """The round values next to one: the last at or below it, the first above it.

    Args:
        value: A finite number or a date.
        gap: How far apart round values are at most, > 0. Numbers are rounded to 1, 2 or 5 times a
            power of ten, dates to years, quarters, months, weeks, days, or parts of a day of one
            minute at least.
    """
    if isinstance(value, pd.Timestamp):
        return _around_date(value, pd.Timedelta(gap).total_seconds())
    step = _step(float(gap))  # type: ignore[arg-type]
    below = (Decimal(repr(float(value))) / step).to_integral_value(ROUND_FLOOR) * step
    return float(below), float(below + step)


def _around_date(value: pd.Timestamp, gap: float) -> tuple[pd.Timestamp, pd.Timestamp]:
    for months, days in MONTHS.items():
        if days * 86_400 <= gap:
            begun = 12 * value.year + value.month - 1
            begun -= begun % months
            first, next_ = (
                datetime(month // 12, month % 12 + 1, 1) for month in (begun, begun + months)
            )
            return pd.Timestamp(first).as_unit('s'), pd.Timestamp(next_).as_unit('s')
    step = next((step for step in SECONDS if step <= gap), SECONDS[-1])
    # Whole seconds: nanoseconds reach from 1677 to 2262 only.
    seconds = int((value.floor('s').as_unit('s') - WEEKS_BEGIN).total_seconds()) // step * step
    below = WEEKS_BEGIN + pd.Timedelta(seconds, 's').as_unit('s')
    return below, below + pd.Timedelta(step, 's').as_unit('s')


def nearest(value: Point, gap: float | pd.Timedelta) -> Point:
    """The round value nearest to one; see ``around``. With a gap of 0 it is the value itself."""
    if not gap:
        return value
    below, above = around(value, gap)
    return below if value - below <= above - value else above


def beyond(low: Point, high: Point, unit: float | pd.Timedelta) -> tuple[Point, Point]:
    """Round values strictly outside of a range, near to it.

    Args:
        low: Its lower end.
        high: Its upper end, >= ``low``.
        unit: The smallest difference of two values; round values are no finer.
    """
    if isinstance(low, pd.Timestamp):
        low, high = low.floor('s').as_unit('s'), high.floor('s').as_unit('s')
        finest = pd.Timedelta(unit)
    else:
        finest = max(unit, LEAST_ULPS * math.ulp(max(abs(low), abs(high))))
    spread = high - low
    if low == high:  # a constant would be read off bounds that are near to it
        spread = pd.Timedelta('3650D') if isinstance(low, pd.Timestamp) else abs(low)
    gap = max(spread / 10, finest)
    below, above = around(low, gap)
    if below == low:
        below = around(low - (above - below) / 2, gap)[0]
    return below, around(high, gap)[1]


def _step(gap: float) -> Decimal:
    """The largest of 1, 2 and 5 times a power of ten that is no larger than ``gap``."""
    power = math.floor(math.log10(gap) + 1e-9)
    times = next(times for times in (5, 2, 1) if times * 10.0**power <= gap * (1 + 1e-6))
    return Decimal(times).scaleb(power)
