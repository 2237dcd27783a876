"""Conditions on rows: from what a user writes to what is allowed in each cell.

    Condition | DataFrameCondition | RangeCondition -> DataFrame of wishes -> Allowed by cell

A wish is a value, ``Between`` or ``OneOf``. Wishes are checked against the schema, so that one
that cannot be met is an error before any call.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from numbers import Integral, Real
from typing import Any, Literal, get_args

import pandas as pd

from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.table.allowed import Allowed
from sdv_llmgan.table.column import DATE, Column, is_missing, quote, to_json
from sdv_llmgan.table.dates import to_datetime
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.types import Cell

#: Which ends of a range belong to it, as in ``pandas.Series.between``.
Inclusive = Literal['both', 'left', 'right', 'neither']

#: What columns hold, for errors.
KINDS = {
    'integer': 'whole numbers',
    'number': 'numbers',
    'boolean': 'True and False',
    'datetime': 'dates',
    'text': 'text',
    'categorical': 'categories',
}


@dataclass(frozen=True)
class Between:
    """A wish for a range of numbers or dates; an end that is ``None`` is open-ended.

    With both ends open it is a wish for any value, also in columns that are no numbers.
    """

    low: Any
    high: Any
    inclusive: Inclusive = 'both'


@dataclass(frozen=True)
class OneOf:
    """A wish for one of a few values."""

    values: tuple[Any, ...]


class RangeCondition:
    """A condition that ``sample_from_conditions`` takes beside SDV's own.

        RangeCondition({'age': (65, None), 'region': {'north', 'south'}}, num_rows=100)

    Args:
        column_values: By column name: a pair (low, high) of numbers or dates, where ``None``
            leaves an end open; a set or list of values; or a single value, ``None`` for a missing
            one. ``(None, None)`` is any value that is not missing, in every kind of column.
        num_rows: Rows wanted, >= 1.
        inclusive: Which ends of the ranges belong to them: ``'both'``, ``'left'``, ``'right'`` or
            ``'neither'``.
        table_name: As in SDV's ``Condition``; may be left out.

    Raises:
        ValueError: A range is empty, or an argument is not of its kind.
    """

    def __init__(
        self,
        column_values: Mapping[str, Any],
        num_rows: int = 1,
        inclusive: Inclusive = 'both',
        table_name: str | None = None,
    ) -> None:
        if not isinstance(column_values, Mapping) or not column_values:
            raise ValueError(
                'column_values must map names of columns to what they may be, got '
                f'{column_values!r}.'
            )
        check_num_rows(num_rows)
        if inclusive not in get_args(Inclusive):
            raise ValueError(f'inclusive must be one of {get_args(Inclusive)}, got {inclusive!r}.')
        self.column_values = dict(column_values)
        self.num_rows = int(num_rows)
        self.inclusive = inclusive
        self.table_name = table_name
        self.to_frame()

    def __repr__(self) -> str:
        """The condition as it would be written."""
        ends = '' if self.inclusive == 'both' else f', inclusive={self.inclusive!r}'
        return f'RangeCondition({self.column_values!r}, num_rows={self.num_rows}{ends})'

    def get_num_rows(self) -> int:
        """Rows wanted."""
        return self.num_rows

    def to_frame(self) -> pd.DataFrame:
        """One line a row wanted, a wish in each cell, shape (num_rows, n_columns)."""
        wishes = {name: self._wish(name, value) for name, value in self.column_values.items()}
        return pd.DataFrame({
            name: pd.Series([wish] * self.num_rows, dtype=object) for name, wish in wishes.items()
        })

    def _wish(self, name: str, value: Cell) -> Cell:
        if isinstance(value, tuple):
            if len(value) != 2:
                raise ValueError(
                    f'The range of {quote(name)} must be a pair (low, high), got {value!r}. A set '
                    'or list means one of several values.'
                )
            for end in value:
                _check_end(name, end)
            return Between(*value, self.inclusive)
        if isinstance(value, (set, frozenset, list)):
            if not value:
                raise ValueError(f'{quote(name)} must be one of several values, but none is given.')
            for one in value:
                _check_single(name, one)
            return OneOf(tuple(value))
        _check_single(name, value)
        return value


def _check_single(name: str, value: object) -> None:
    if not pd.api.types.is_scalar(value) and not isinstance(value, tuple):
        raise ValueError(
            f'{quote(name)} must be one value, a pair (low, high), or a set or list of single '
            f'values, got {value!r} of the type {type(value).__name__}. list() makes a list of an '
            'array.'
        )


def _check_end(name: str, end: object) -> None:
    if end is not None and (not pd.api.types.is_scalar(end) or is_missing(end)):
        raise ValueError(
            f'{quote(name)} cannot be in a range that ends at {end!r}; an end is a number or a '
            'date, or None where it is open.'
        )


def check_num_rows(num_rows: object, name: str = 'num_rows', least: int = 1) -> None:
    """Raise ``ValueError`` where rows wanted are not a whole number of at least so many."""
    if isinstance(num_rows, bool) or not isinstance(num_rows, Integral) or num_rows < least:
        raise ValueError(f'{name} must be a whole number of at least {least}, got {num_rows!r}.')


def to_allowed(wishes: pd.DataFrame, schema: TableSchema, enforce_range: bool) -> pd.DataFrame:
    """What each cell may be, as ``Allowed``, for the columns of the schema among the wishes.

    Args:
        wishes: One line a row wanted, shape (n_rows, n_columns); its index is kept.
        schema: The columns.
        enforce_range: Whether values beyond the training table's range are impossible.

    Raises:
        ValueError: A wish that no row of the table can meet, or ranges for a column that the
            model does not see.
    """
    hidden = [name for name in wishes if name not in schema.names and has_choices(wishes[[name]])]
    if hidden:
        raise ValueError(
            f'{", ".join(map(quote, hidden))}: a key or personal data can be conditioned on single '
            'values only; the model never sees it.'
        )
    return pd.DataFrame(
        {
            column.name: _allowed_cells(wishes[column.name], column, enforce_range)
            for column in schema
            if column.name in wishes
        },
        index=wishes.index,
        dtype=object,
    )


def has_choices(wishes: pd.DataFrame) -> bool:
    """Whether a wish is for more than one value."""
    return any(wishes[name].map(_is_choice).any() for name in wishes)


def _is_choice(wish: Cell) -> bool:
    return isinstance(wish, (Between, OneOf))


def _allowed_cells(wishes: pd.Series, column: Column, enforce_range: bool) -> list[Allowed]:
    known: dict[Any, Allowed] = {}
    cells = []
    for wish in wishes:
        key = wish if _is_choice(wish) else (None if is_missing(wish) else wish)
        if key not in known:
            known[key] = _allowed(wish, column, enforce_range)
        cells.append(known[key])
    return cells


def _allowed(wish: Cell, column: Column, enforce_range: bool) -> Allowed:
    if isinstance(wish, Between):
        return _allowed_range(wish, column, enforce_range)
    values = wish.values if isinstance(wish, OneOf) else (wish,)
    return Allowed(tuple(_json_value(value, column, enforce_range) for value in values))


def _json_value(value: Cell, column: Column, enforce_range: bool) -> Json:
    """A value that the column can have, as JSON."""
    if is_missing(value):
        if not column.nullable:
            raise ValueError(
                f'{quote(column.name)} cannot be missing: it never is in the training table.'
            )
        return None
    if column.kind == 'categorical':
        return _category(value, column)
    written = _written(value, column)
    if enforce_range and column.minimum is not None:
        _check_range(value, written, column)
    return written


def _category(value: Cell, column: Column) -> Json:
    for category in column.categories:
        if category == value or to_json(category) == value:
            return to_json(category)
    there = ', '.join(quote(to_json(category)) for category in column.categories[:10])
    raise ValueError(
        f'{quote(column.name)} cannot be {value!r}: the training table has {there or "no values"}.'
    )


def _check_range(value: Cell, written: Cell, column: Column) -> None:
    if not column.minimum <= written <= column.maximum:
        raise ValueError(
            f'{quote(column.name)} cannot be {value!r}: the training table has {column.minimum} '
            f'to {column.maximum}. enforce_min_max_values=False allows other values.'
        )


def _written(value: Cell, column: Column) -> Json:
    """A value that is present, as the model writes it."""
    if column.kind == 'datetime':
        return _exact_time(value, column)
    if column.kind == 'text' and isinstance(value, str):
        return value
    if column.kind == 'boolean' and value in (True, False):
        return bool(value)
    if column.kind == 'number' and isinstance(value, Real):
        return column.to_json_value(value)
    if column.kind == 'integer' and isinstance(value, Real) and float(value).is_integer():
        if float(value) % column.step:
            raise ValueError(
                f'{quote(column.name)} cannot be {value!r}: it is a multiple of {column.step}.'
            )
        return int(float(value))
    raise ValueError(f'{quote(column.name)} cannot be {value!r}: it holds {KINDS[column.kind]}.')


def _exact_time(value: Cell, column: Column) -> str:
    time = _time(value, column)
    written: str = time.strftime(column.datetime_format)
    if pd.Timestamp(written) != time:
        unit = 'days' if column.datetime_format == DATE else 'seconds'
        raise ValueError(
            f'{quote(column.name)} cannot be exactly {value!r}: it is written in whole {unit}. '
            'RangeCondition takes what lies around it.'
        )
    return written


def _time(value: Cell, column: Column) -> pd.Timestamp:
    """A date in the table's own format, in ISO format, or as an object; as the table's clock."""
    for stored_format in dict.fromkeys([column.read_format, None]):
        try:
            zone = column.zone or 'UTC'
            return to_datetime(pd.Series([value], dtype=object), stored_format, zone)[0]
        except (ValueError, TypeError):
            continue
    raise ValueError(f'{quote(column.name)} cannot be {value!r}: it holds dates.')


def _allowed_range(wish: Between, column: Column, enforce_range: bool) -> Allowed:
    if wish.low is None and wish.high is None:
        if column.is_empty:
            raise ValueError(
                f'{quote(column.name)} cannot be known: it always is missing in the training table.'
            )
        return Allowed()
    if column.minimum is None:
        raise ValueError(
            f'{quote(column.name)} cannot be in a range: it holds {KINDS[column.kind]}. '
            'A set or list means one of several values.'
        )
    low = _end(wish.low, column, 'low', is_open=wish.inclusive in ('right', 'neither'))
    high = _end(wish.high, column, 'high', is_open=wish.inclusive in ('left', 'neither'))
    if column.step > 1:
        low = None if low is None else -(-low // column.step) * column.step
        high = None if high is None else high // column.step * column.step
    # An end left open is where the data ends, or where the range begins if that lies beyond.
    low = min(column.minimum, high) if low is None else low
    high = max(column.maximum, low) if high is None else high
    if enforce_range:
        low, high = max(low, column.minimum), min(high, column.maximum)
    if low > high:
        kept = ' enforce_min_max_values=False allows other values.' if enforce_range else ''
        raise ValueError(
            f'{quote(column.name)} cannot be in {(wish.low, wish.high)}: the training table has '
            f'{column.minimum} to {column.maximum}.{kept}'
        )
    return Allowed(minimum=low, maximum=high)


def next_to(value: Cell, column: Column, side: Literal['low', 'high']) -> Cell:
    """The outermost value of a column inside a range that ends, exclusively, at ``value``."""
    return _end(value, column, side, is_open=True)


def _end(value: Cell, column: Column, side: Literal['low', 'high'], *, is_open: bool) -> Cell:
    """The outermost value on the column's grid that is inside an end of a range."""
    if value is None:
        return None
    inward = 1 if side == 'low' else -1
    if column.kind == 'datetime':
        time = _time(value, column)
        inside = time.ceil(column.unit) if side == 'low' else time.floor(column.unit)
        inside += inward * column.unit * int(is_open and inside == time)
        return inside.strftime(column.datetime_format)
    if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(
            f'{quote(column.name)} cannot be in a range that ends at {value!r}: it holds numbers.'
        )
    unit = Decimal(1).scaleb(-column.decimals)
    number = Decimal(str(value))
    rounding = ROUND_CEILING if side == 'low' else ROUND_FLOOR
    inside = (number / unit).to_integral_value(rounding) * unit
    inside += inward * unit * int(is_open and inside == number)
    return int(inside) if column.kind == 'integer' else float(inside)


def exact_values(wishes: pd.Series, values: pd.Series) -> pd.Series:
    """Values with those put in that were wished for exactly, in the dtype of ``values``."""
    chosen = wishes.where(wishes.notna(), None).where(~wishes.map(_is_choice), values)
    try:
        return chosen.astype(values.dtype)
    except (ValueError, TypeError):
        return chosen
