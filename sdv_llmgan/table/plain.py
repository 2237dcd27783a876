"""The plain form of a column, in which tables are kept inside this package.

Numbers are float64, datetimes datetime64[ns], everything else Python objects; missing values are
NaN, NaT or None.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from sdv_llmgan.table.column import Column, is_missing, to_python
from sdv_llmgan.table.dates import from_datetime, to_datetime


def to_plain(values: pd.Series, column: Column) -> pd.Series:
    """A column as SDV stores it, in plain form."""
    if column.kind in ('integer', 'number'):
        return to_numbers(values)
    if column.kind == 'datetime':
        return to_datetime(values, column.read_format, column.zone)
    return to_categories(values)


def to_numbers(values: pd.Series) -> pd.Series:
    """Numbers of any dtype as float64, missing ones as NaN."""
    if values.dtype == object:
        values = values.where(values.notna(), np.nan)  # no float reads pd.NA
    return values.astype(float)


def to_categories(values: pd.Series) -> pd.Series:
    """Values as Python objects; whole floats (integers beside missing values) as integers."""
    cells = [None if is_missing(value) else to_python(value) for value in values]
    if values.dtype.kind == 'f':
        cells = [int(cell) if cell is not None and cell == cell // 1 else cell for cell in cells]
    return pd.Series(cells, index=values.index, dtype=object)


def from_plain(values: pd.Series, column: Column) -> pd.Series:
    """A plain column as the training table stores it: its dtype and date format.

    Some of Arrow's dtypes cannot be made from their names; they are left to SDV.
    """
    stored = _dtype(column)
    if column.kind == 'datetime' and column.stored_format is not None:
        values = from_datetime(values, column.stored_format, column.zone)
        values = pd.to_numeric(values) if is_numeric_dtype(stored) else values
    elif column.kind == 'datetime' and column.zone:
        first = np.ones(len(values), dtype=bool)  # of the two when a clock is set back
        values = values.dt.tz_localize(column.zone, ambiguous=first, nonexistent='shift_forward')
    if isinstance(stored, np.dtype) and stored.kind in 'iub' and values.isna().any():
        # Such a dtype cannot hold a missing value; the training table had none either.
        return values
    if pd.api.types.is_object_dtype(stored) and column.kind == 'integer':
        return values.astype('Int64').astype(object).where(values.notna(), None)
    if column.kind in ('integer', 'number'):
        # A cast wraps around where a local sampler draws beyond the largest training value.
        values = values.clip(*limits(column.dtype))
    return values.astype(stored)


@cache
def limits(dtype: str | np.dtype[Any]) -> tuple[float, float]:
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


def _dtype(column: Column) -> np.dtype[Any] | pd.api.extensions.ExtensionDtype:
    if column.dtype == 'category':
        # Of the same categories in every batch: SDV's rules compare tables by them.
        return pd.CategoricalDtype(list(column.categories) or None)
    try:
        return pd.api.types.pandas_dtype(column.dtype)
    except (TypeError, NotImplementedError):
        return np.dtype(object)
