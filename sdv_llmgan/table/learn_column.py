"""What a column is, learned from the training table and what the metadata declares."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_integer_dtype

from sdv_llmgan.table.column import DATE, DATETIME, Column, quote
from sdv_llmgan.table.dates import (
    as_written,
    guess_format,
    has_format,
    has_offset,
    to_datetime,
    unreadable,
    zone_of,
)
from sdv_llmgan.table.plain import limits, to_categories, to_numbers
from sdv_llmgan.table.summaries import significant_digits, summarized

#: Values, and their differences, are written with this many significant digits, but never with
#: fewer than four decimals where the data has them: enough for any relation between columns, cheap
#: in tokens.
SIGNIFICANT_DIGITS = 6
#: Digits that all values but the smallest ones, this share of those that are not 0, are told with.
SMALL_DIGITS, SMALL_SHARE = 2, 0.05
#: Further from a whole number than this is no noise of a float's last digits.
NOT_WHOLE = 0.25
#: Numbers smaller than this reach down to are written as 0.
MOST_DECIMALS = 307
#: Larger numbers than this leave no room to square and add them.
LARGEST = 1e100
#: Example values of a column, and the length that text among them is cut to.
EXAMPLES = 5
EXAMPLE_LENGTH = 60


def learn_column(
    values: pd.Series, declared: Mapping[str, Any], *, enforce_rounding: bool = True
) -> Column:
    """Learn one column.

    Args:
        values: The training column as SDV stores it, shape (n_rows,), missing values as NaN.
        declared: Its entry in the metadata (``sdtype``, ``datetime_format``); may be empty.
        enforce_rounding: Whether numbers have no more decimals than the training values; those
            of an integer dtype have none in any case.

    Raises:
        ValueError: A numerical column has infinite numbers, or some beyond ``LARGEST``; a cell is
            no date or no single value. The message names the column.
    """
    present = values.dropna()
    _check_cells(present)
    column = _learned(values, present, declared, enforce_rounding)
    gaps = len(values) - len(present)
    return replace(column, missing=gaps / len(values)) if gaps else column


def _learned(
    values: pd.Series, present: pd.Series, declared: Mapping[str, Any], enforce_rounding: bool
) -> Column:
    name, dtype = str(values.name), str(values.dtype)
    nullable = len(present) < len(values)
    # A dtype of categories holds no other values, whatever they are.
    is_closed = isinstance(values.dtype, pd.CategoricalDtype)
    if is_closed and declared.get('sdtype') == 'numerical':
        raise ValueError(
            f'Column {quote(name)} must hold numbers by the metadata, but categories by its dtype. '
            'Give it the sdtype "categorical", or turn it into a column of numbers.'
        )
    sdtype = 'categorical' if is_closed else declared.get('sdtype') or _guess_sdtype(values)
    if present.empty:
        return Column(name, 'categorical', nullable=True, dtype=dtype)
    if sdtype == 'boolean' and present.map(lambda value: isinstance(value, (bool, np.bool_))).all():
        share_true = float(present.astype(float).mean())
        return Column(name, 'boolean', nullable=nullable, shares=(share_true,), dtype=dtype)
    if sdtype == 'numerical':
        rounded = enforce_rounding or is_integer_dtype(values)
        return _learn_number(_held_numbers(present), nullable, dtype, rounded)
    if sdtype == 'datetime':
        return _learn_datetime(present, nullable, declared.get('datetime_format'))
    if sdtype == 'text':
        examples = tuple(str(text)[:EXAMPLE_LENGTH] for text in present.unique()[:EXAMPLES])
        lengths = present.astype(str).str.len()
        return Column(
            name,
            'text',
            min_length=int(lengths.min()),
            max_length=int(lengths.max()),
            nullable=nullable,
            examples=examples,
            dtype=dtype,
        )
    shares = to_categories(present).value_counts(normalize=True)
    return Column(
        name,
        'categorical',
        tuple(shares.index),
        nullable=nullable,
        shares=tuple(float(share) for share in shares),
        dtype=dtype,
    )


def unlearnable(
    table: pd.DataFrame, declared: Mapping[Any, Mapping[str, Any]], *, enforce_rounding: bool
) -> list[str]:
    """Why columns cannot be learned, one sentence for each of those.

    Args:
        table: Training rows, shape (n_rows, n_columns).
        declared: Entries of the metadata of the columns to look at; the table may lack some.
        enforce_rounding: As for ``learn_column``.
    """
    errors = []
    for name, entry in declared.items():
        if name in table:
            try:
                learn_column(table[name], entry, enforce_rounding=enforce_rounding)
            except ValueError as error:
                errors.append(str(error))
    return errors


def _check_cells(present: pd.Series) -> None:
    if present.dtype.kind != 'O':
        return
    for cell in present:
        if not pd.api.types.is_hashable(cell):
            raise ValueError(
                f'Column {quote(str(present.name))} must hold single values, but a cell is a '
                f'{type(cell).__name__}: {str(cell)[:EXAMPLE_LENGTH]}. Give each part a column of '
                'its own, or turn the cells into text.'
            )


def _held_numbers(present: pd.Series) -> pd.Series:
    """Numbers as float64; ``ValueError`` where one is too large for that and its own dtype."""
    try:
        numbers = to_numbers(present)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f'Column {quote(str(present.name))} must hold numbers by the metadata, but {error}. '
            'Mend or empty these cells, or give the column another sdtype.'
        ) from error
    if is_integer_dtype(present):
        low, high = limits(present.dtype)
        if not numbers.between(low, high).all():
            raise ValueError(
                f'Column {quote(str(present.name))} has {present.max()}: numbers are modelled as '
                f'float64, and the next one is too large for {present.dtype}. Give it the sdtype '
                '"id" or "categorical" if these are codes, or give the column in other units.'
            )
    return numbers


def _spread(values: pd.Series) -> list[Any]:
    """A few values of a column at evenly spaced ranks, from small to large."""
    ordered = values.sort_values(ignore_index=True)
    ranks = np.linspace(0, len(ordered) - 1, 2 * EXAMPLES + 1).round().astype(int)[1::2]
    return list(dict.fromkeys(ordered.iloc[ranks]))


def _guess_sdtype(values: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(values):
        return 'boolean'
    if pd.api.types.is_numeric_dtype(values):
        return 'numerical'
    if pd.api.types.is_datetime64_any_dtype(values):
        return 'datetime'
    return 'categorical'


def _learn_number(present: pd.Series, nullable: bool, dtype: str, rounded: bool) -> Column:
    name = str(present.name)
    finite = present[np.isfinite(present)]
    if len(finite) < len(present):
        raise ValueError(
            f'Column {quote(name)} has infinite numbers; replace them, or mark them as missing.'
        )
    low, high = float(finite.min()), float(finite.max())
    if max(-low, high) > LARGEST:
        raise ValueError(
            f'Column {quote(name)} has numbers as large as {max(-low, high):.3g}; at most '
            f'{LARGEST:.0e} can be modelled. Replace them, or give the column in other units.'
        )
    decimals = _decimals(finite, rounded)
    if decimals == 0:
        column = Column(
            name,
            'integer',
            minimum=round(low),
            maximum=round(high),
            nullable=nullable,
            examples=tuple(round(value) for value in _spread(finite)),
            dtype=dtype,
        )
        return summarized(column, finite)
    column = Column(
        name,
        'number',
        minimum=round(low, decimals),
        maximum=round(high, decimals),
        decimals=decimals,
        digits=significant_digits(finite, decimals),
        nullable=nullable,
        examples=tuple(round(float(value), decimals) for value in _spread(finite)),
        dtype=dtype,
    )
    return summarized(column, finite)


def _decimals(values: pd.Series, rounded: bool) -> int:
    """Digits after the point that tell these values apart (see ``SIGNIFICANT_DIGITS``), >= 0.

    Typical is the median size, or how far values typically are from their median where that is
    less: where a column lies has no part in how finely it is told. The smallest values keep a few
    digits, too. No more than the values have, where they are ``rounded``.
    """
    sizes, apart = _sizes(values), _sizes(values - values.median())
    size = float(sizes.median()) if len(sizes) else 1.0
    spread = float(apart.median()) if len(apart) else size
    small = float(sizes.quantile(SMALL_SHARE)) if len(sizes) else 1.0
    enough = max(
        4,
        SIGNIFICANT_DIGITS - 1 - math.floor(math.log10(min(size, spread))),
        SMALL_DIGITS - 1 - math.floor(math.log10(small)),
    )
    # So many of the units that they make still count as a float.
    enough = min(enough, MOST_DECIMALS - math.ceil(math.log10(max(1.0, values.abs().max()))))
    if not rounded:
        return enough
    # Sums and products are off by some of a float's last digits, and by little of what is told.
    off = 4 * np.finfo(float).eps * values.abs() + 1e-9 * min(spread, small)
    # But whole numbers that are so large that their floats have no decimals have none.
    whole = (values - values.round()).abs() <= np.minimum(off, NOT_WHOLE)
    fits = ((values - values.round(d)).abs() <= off for d in range(1, enough))
    found = (d for d, fit in enumerate((whole, *fits)) if fit.all())
    return next(found, enough)


def _sizes(values: pd.Series) -> pd.Series:
    """Absolute values of those that are not 0."""
    return values.abs()[values != 0]


def _learn_datetime(values: pd.Series, nullable: bool, declared_format: str | None) -> Column:
    name, dtype = str(values.name), str(values.dtype)
    if declared_format and (why := unreadable(declared_format)):
        raise ValueError(
            f'Column {quote(name)} has the datetime format {declared_format!r} in the metadata, '
            f'but {why}. Give it one of the directives that strptime reads, such as '
            "'%Y-%m-%d %H:%M:%S', or none; if it counts seconds or days, the sdtype 'numerical'."
        )
    is_stored_so = values.dtype.kind == 'M'
    stored = None if is_stored_so else declared_format or guess_format(values)
    mixed = not (is_stored_so or declared_format or (stored and has_format(values, stored)))
    zone = zone_of(values) if is_stored_so or stored is None or has_offset(stored) else ''
    try:
        if stored and not mixed:
            stored = as_written(values, stored, zone)
        times = to_datetime(values, None if mixed else stored, zone)
    except (ValueError, TypeError, OverflowError) as error:
        asked = f'of the format {declared_format!r}, ' if declared_format else ''
        raise ValueError(
            f'Column {quote(name)} must hold dates, {asked}from 1678 to 2261, but {error}. Mend or '
            'empty these cells, or give the column another sdtype.'
        ) from error
    is_date = bool((times == times.dt.normalize()).all())
    written = DATE if is_date else DATETIME
    column = Column(
        name,
        'datetime',
        minimum=times.min().strftime(written),
        maximum=times.max().strftime(written),
        datetime_format=written,
        nullable=nullable,
        examples=tuple(time.strftime(written) for time in _spread(times)),
        dtype=dtype,
        stored_format=None if is_stored_so else stored or written,
        zone=zone,
        mixed=mixed,
    )
    return summarized(column, times)
