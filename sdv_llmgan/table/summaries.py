"""Figures that sum up a column of numbers or dates: common values, quartiles, digits.

What may leave only as statistics (``capped``) is told of enough rows, and rounded more.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pandas as pd

from sdv_llmgan.table.column import Column
from sdv_llmgan.table.rounding import nearest

#: So many training rows at least are in a range, or have a value that statistics name.
MIN_ROWS_TOLD = 5
#: Statistics tell shares as multiples of this.
SHARE_STEP = 0.05
#: Numbers of so many different values at most are a list, if each has so many rows on
#: average.
MOST_LEVELS, ROWS_PER_LEVEL = 10, 2
#: A value that this share of the rows has stands out.
STANDS_OUT = 0.2
#: Quartiles are rounded to this share of their span, or of themselves where that is less; of
#: statistics and else.
CAPPED_ROUNDING, ROUNDING = 0.1, 0.02
#: Fewer values have no quartiles.
LEAST_VALUES = 8
#: More digits than this are told as decimals: they are what arithmetic left.
MOST_DIGITS = 8
MOST_COUNTED = 1_000


def summarized(column: Column, values: pd.Series, *, capped: bool = False) -> Column:
    """A column of numbers or dates with what sums up its values.

    Args:
        column: The column, with its range.
        values: Its plain training values without missing ones, shape (n_values,), n_values >= 1.
        capped: Whether only statistics may leave.
    """
    if column.kind != 'datetime':
        values = values.round(column.decimals)
    counts = values.value_counts()
    few = (
        column.kind != 'datetime'
        and 2 <= len(counts) <= MOST_LEVELS
        and len(values) >= ROWS_PER_LEVEL * len(counts)
    )
    told = counts[counts >= MIN_ROWS_TOLD] if capped else counts
    if few:
        levels = list(told.sort_index().index)
    else:
        stands_out = max(MIN_ROWS_TOLD, STANDS_OUT * len(values))
        is_number = column.kind != 'datetime' and len(counts) > 1
        levels = [v for v in counts.index[:1] if is_number and counts[v] >= stands_out]
    shares = [float(counts[level]) / len(values) for level in levels]
    few = few and len(levels) == len(counts)
    rest = values[~values.isin(levels)]
    return replace(
        column,
        levels=tuple(map(column.to_json_value, levels)),
        shares=tuple(rounded_share(share) if capped else share for share in shares),
        few=few,
        quartiles=() if few else _quartiles(column, rest, capped=capped),
    )


def rounded_share(share: float) -> float:
    """A share as statistics tell it, in [0, 1]."""
    return round(round(share / SHARE_STEP) * SHARE_STEP, 2)


def _quartiles(column: Column, values: pd.Series, *, capped: bool) -> tuple[Any, ...]:
    """Rounded quartiles of values, within the column's range."""
    # Each quarter has enough rows.
    if len(values) < (4 * MIN_ROWS_TOLD if capped else LEAST_VALUES):
        return ()
    shares = (0.25, 0.5, 0.75)
    found: list[Any] = [values.quantile(share, interpolation='nearest') for share in shares]
    span = found[2] - found[0]
    if not span:
        return ()
    unit: Any = column.unit if column.kind == 'datetime' else float(f'1e-{column.decimals}')
    share = CAPPED_ROUNDING if capped else ROUNDING
    if column.kind == 'datetime':
        found = [time.as_unit('s') for time in found]
        gaps = [max(span * share, unit)] * len(found)
    else:  # small ones of a skewed column are told as well as large ones
        gaps = [max(min(span, abs(value)) * share, unit) for value in found]
    rounded = [
        column.to_json_value(nearest(value, gap)) for value, gap in zip(found, gaps, strict=True)
    ]
    low, high = column.minimum, column.maximum
    return tuple(min(max(value, low), high) for value in rounded)


def significant_digits(values: pd.Series, decimals: int) -> int:
    """Significant digits that numbers have at most, where decimals say less of them; else 0.

    Large numbers of such a column have fewer decimals than small ones.

    Args:
        values: Finite numbers, shape (n_values,); the first ``MOST_COUNTED`` are looked at.
        decimals: Digits after the point that they are written with.
    """
    digits = places = 0
    for value in values.head(MOST_COUNTED).round(decimals):
        written = Decimal(repr(float(value))).normalize().as_tuple()
        digits = max(digits, len(written.digits))
        places = max(places, len(written.digits) + int(written.exponent))
    return digits if digits < places + decimals and digits <= MOST_DIGITS else 0
