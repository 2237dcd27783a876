"""The plain form of a column, in which tables are kept inside this package.

Numbers are float64, datetimes datetime64[ns], everything else Python objects; missing values are
NaN, NaT or None.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from sdv_llmgan.column import Column, is_missing, to_python


def to_datetime(values: pd.Series, declared_format: str | None) -> pd.Series:
    """Dates in any form as datetime64[ns]."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return values.dt.tz_localize(None).astype('datetime64[ns]')  # the clock on the wall
    if values.dtype.kind == 'M':
        return values.astype('datetime64[ns]')
    return pd.to_datetime(values.astype(object), format=declared_format or 'mixed').astype(
        'datetime64[ns]'
    )


def to_plain(values: pd.Series, column: Column) -> pd.Series:
    """A column as SDV stores it, in plain form."""
    if column.kind in ('integer', 'number'):
        return values.astype(float)
    if column.kind == 'datetime':
        return to_datetime(values, column.stored_format)
    return to_categories(values)


def to_categories(values: pd.Series) -> pd.Series:
    """Values as Python objects; whole floats (integers beside missing values) as integers."""
    cells = [None if is_missing(value) else to_python(value) for value in values]
    if values.dtype.kind == 'f':
        cells = [int(cell) if cell is not None and cell == cell // 1 else cell for cell in cells]
    return pd.Series(cells, index=values.index, dtype=object)


def from_plain(values: pd.Series, column: Column) -> pd.Series:
    """A plain column as the training table stores it: its dtype and date format."""
    if column.kind == 'datetime' and column.stored_format is not None:
        written = values.dt.strftime(column.stored_format)
        return written.astype(object).where(values.notna(), None)
    stored = pd.api.types.pandas_dtype(column.dtype)
    if isinstance(stored, pd.DatetimeTZDtype):
        first = np.ones(len(values), dtype=bool)  # of the two when a clock is set back
        return values.dt.tz_localize(stored.tz, ambiguous=first, nonexistent='shift_forward')
    if values.isna().any() and isinstance(stored, np.dtype) and stored.kind in 'iub':
        # Such a dtype cannot hold a missing value; the training table had none either.
        return values
    if column.kind in ('integer', 'number'):
        # A cast wraps around where a local sampler draws beyond the largest training value.
        values = values.clip(*limits(column.dtype))
    return values.astype(stored)


@cache
def limits(dtype: str) -> tuple[float, float]:
    """The smallest and the largest float64 that a column of this dtype holds, perhaps rounded."""
    try:
        stored = pd.api.types.pandas_dtype(dtype)
    except (TypeError, NotImplementedError):  # such as Arrow's decimals
        return -np.inf, np.inf
    numbers = getattr(stored, 'numpy_dtype', stored)  # of nullable and of Arrow's dtypes
    kind = numbers.kind if isinstance(numbers, np.dtype) else 'O'
    if kind == 'b':
        return 0.0, 1.0
    if kind not in 'iuf':
        return -np.inf, np.inf
    info = np.finfo(numbers) if kind == 'f' else np.iinfo(numbers)
    high = float(info.max)  # of 64-bit integers rounded up, beyond what they hold
    return float(info.min), high if kind == 'f' or high <= info.max else np.nextafter(high, 0.0)
