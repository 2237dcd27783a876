"""From a model's reply to rows that can be trusted to fit the schema.

    reply -> JSON (mended where only the JSON is broken) -> values -> rows | rejected by reason

A reply is data: it is parsed and checked, never evaluated. Nothing is made up to save a row.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from sdv_llmgan.formats.reply_json import read_rows
from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.formats.words import is_encodable
from sdv_llmgan.table.column import Column, Kind
from sdv_llmgan.table.learn_column import LARGEST
from sdv_llmgan.table.plain import limits
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.types import Cell

NOT_A_ROW = 'not a row'
TOO_MANY = 'more rows than asked for'
#: Up to here float64, in which rows are kept, tells a whole number from the next.
LARGEST_WHOLE = float(2**53 - 1)


class _Rejected(Exception):
    """Why a value cannot be used."""


@dataclass(frozen=True)
class ParsedRows:
    """What a reply, or many, came to; ``concat`` puts several together.

    Attributes:
        rows: Accepted rows as a plain table (see ``schema``), shape (n_accepted, n_columns).
        rejected: Rejected rows by reason; a reply that is no JSON at all counts once.
    """

    rows: pd.DataFrame
    rejected: Counter[str] = field(default_factory=Counter)


def concat(parts: Sequence[ParsedRows]) -> ParsedRows:
    """All rows, with their index, and all rejections; ``parts`` must not be empty."""
    filled = [part.rows for part in parts if len(part.rows)] or [parts[0].rows]
    rejected: Counter[str] = sum((part.rejected for part in parts), Counter())
    return ParsedRows(pd.concat(filled), rejected)


def parse_rows(
    reply: str, schema: TableSchema, *, enforce_range: bool = True, max_rows: int | None = None
) -> ParsedRows:
    """Read the rows in a reply.

    Rows may be arrays in the order of ``schema``, objects with short keys, or objects with the
    columns' names; alone, in a list, or under ``"rows"``. Entries that belong to no column are
    ignored.

    Args:
        reply: What the model wrote.
        schema: The columns in the order they were asked for.
        enforce_range: Reject numbers and dates beyond the training table's minimum and maximum.
        max_rows: Rows past this many are rejected.
    """
    cells, rejected = read_cells(reply, schema, enforce_range=enforce_range, max_rows=max_rows)
    return ParsedRows(to_frame(cells, schema), rejected)


def read_cells(
    reply: str, schema: TableSchema, *, enforce_range: bool = True, max_rows: int | None = None
) -> tuple[list[list[Any]], Counter[str]]:
    """As ``parse_rows``, but with the accepted rows as lists of plain cells; see ``to_frame``."""
    candidates, rejected = read_rows(reply)
    accepted: list[list[Any]] = []
    for candidate in candidates:
        if max_rows is not None and len(accepted) >= max_rows:
            rejected[TOO_MANY] += 1
            continue
        try:
            accepted.append(_read_row(candidate, schema, enforce_range))
        except _Rejected as reason:
            rejected[str(reason)] += 1
    return accepted, rejected


def read_leniently(value: Json, column: Column) -> Cell:
    """A JSON value as a plain cell, however it is spelled; one that does not fit stays as it is."""
    try:
        return _read_value(value, column, enforce_range=False)
    except _Rejected:
        return value


def plain_rows(begun: pd.DataFrame, schema: TableSchema) -> pd.DataFrame:
    """Plain values of cells that allow one value each; see ``Allowed``."""
    columns = [schema[str(name)] for name in begun]
    cells = [
        [
            read_leniently(cell.values[0], replace(column, nullable=True))
            for cell, column in zip(row, columns, strict=True)
        ]
        for row in begun.to_numpy()
    ]
    return to_frame(cells, TableSchema(tuple(columns)))


def to_frame(rows: Sequence[Sequence[Any]], schema: TableSchema) -> pd.DataFrame:
    """Rows of plain cells in column order as a plain table, shape (n_rows, n_columns)."""
    cells = list(zip(*rows, strict=True)) or [() for _ in schema]
    return pd.DataFrame({
        column.name: _array(values, column.kind)
        for column, values in zip(schema, cells, strict=True)
    })


def _array(values: Sequence[Any], kind: Kind) -> np.ndarray:
    if kind == 'datetime':
        return pd.Series(list(values), dtype='datetime64[ns]').to_numpy()
    if kind in ('integer', 'number'):
        return np.array(values, dtype=float)  # NumPy reads None as NaN
    cells = np.empty(len(values), dtype=object)
    cells[:] = values
    return cells


def _read_row(candidate: Json, schema: TableSchema, enforce_range: bool) -> list[Any]:
    if isinstance(candidate, list):
        if len(candidate) != len(schema.columns):
            raise _Rejected(f'{len(candidate)} values instead of {len(schema.columns)}')
        values = candidate
    elif isinstance(candidate, dict):
        values = _values_by_key(candidate, schema)
    else:
        raise _Rejected(NOT_A_ROW)
    read = [
        _read_value(value, column, enforce_range and column.only is None)
        for value, column in zip(values, schema, strict=True)
    ]
    for value, column in zip(read, schema, strict=True):
        if column.only is not None and column.to_json_value(value) not in column.only:
            raise _Rejected(f'{column.name}: not as the condition says')
    return read


def _values_by_key(candidate: Mapping[str, Any], schema: TableSchema) -> list[Any]:
    short = {name: key for key, name in schema.short_keys().items()}
    by_name = all(name in candidate for name in schema.names)
    values = []
    for name in schema.names:
        key = name if by_name or short[name] not in candidate else short[name]
        if key not in candidate:
            raise _Rejected(f'missing column: {name}')
        values.append(candidate[key])
    return values


def _read_value(value: Json, column: Column, enforce_range: bool) -> Cell:
    if isinstance(value, str) and column.kind != 'text' and column.kind != 'categorical':
        value = value.strip()
    if _reads_as_missing(value, column):
        if column.nullable or (column.only is not None and None in column.only):
            return None
        raise _Rejected(f'{column.name}: missing value')
    if column.kind == 'categorical':
        return _read_category(value, column)
    if column.kind == 'boolean':
        return _read_boolean(value, column)
    if column.kind == 'text':
        return _read_text(value, column)
    if column.kind == 'datetime':
        return _read_datetime(value, column, enforce_range)
    return _read_number(value, column, enforce_range)


def _reads_as_missing(value: Json, column: Column) -> bool:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    blank = isinstance(value, str) and value.strip().lower() in ('', 'null', 'none', 'nan')
    return blank and column.nullable and column.kind != 'text' and value not in column.categories


def _read_category(value: Json, column: Column) -> Cell:
    for category in column.categories:
        if type(category) is type(value) and category == value:
            return category
    written = _fold(value)
    matches = [category for category in column.categories if _fold(category) == written]
    if len(matches) != 1:
        raise _Rejected(f'{column.name}: unknown category')
    return matches[0]


def _fold(value: Json) -> str:
    """A category without what models get wrong: case, outer spaces, 1 for "1" or 1.0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().casefold()


def _read_text(value: Json, column: Column) -> str:
    if not isinstance(value, str):
        raise _Rejected(f'{column.name}: not text')
    if not is_encodable(value):
        raise _Rejected(f'{column.name}: half a character')
    if column.only is None and not column.min_length <= len(value) <= column.max_length:
        raise _Rejected(f'{column.name}: too long or too short')
    return value


def _read_boolean(value: Json, column: Column) -> bool:
    known = {'true': True, 'yes': True, '1': True, 'false': False, 'no': False, '0': False}
    try:
        return known[_fold(value)]
    except KeyError:
        raise _Rejected(f'{column.name}: not true or false') from None


def _read_number(value: Json, column: Column, enforce_range: bool) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _Rejected(f'{column.name}: not a number')
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise _Rejected(f'{column.name}: not a number') from None
    if not math.isfinite(number):
        raise _Rejected(f'{column.name}: not a number')
    if column.kind == 'integer' and not number.is_integer():
        raise _Rejected(f'{column.name}: not a whole number')
    if column.step > 1 and number % column.step:
        raise _Rejected(f'{column.name}: not a multiple of {column.step}')
    number = round(number, column.decimals) + 0.0  # -0.0 is written as 0
    if (enforce_range or column.bounded) and not _in_range(number, column):
        raise _Rejected(f'{column.name}: out of range')
    if not _is_storable(number, column):
        raise _Rejected(f'{column.name}: beyond what its column can hold')
    return number


def _is_storable(number: float, column: Column) -> bool:
    """Whether float64, and then the training table's dtype, hold what was written."""
    known = [abs(end) for end in (column.minimum, column.maximum) if isinstance(end, (int, float))]
    most = max([LARGEST_WHOLE if column.kind == 'integer' else LARGEST, *known])
    low, high = limits(column.dtype)
    return max(low, -most) <= number <= min(high, most)


def _read_datetime(value: Json, column: Column, enforce_range: bool) -> datetime:
    try:
        written = datetime.fromisoformat(str(value).removesuffix('Z'))
        time = pd.Timestamp(written.replace(tzinfo=None))  # the clock on the wall
    except (ValueError, OverflowError):
        raise _Rejected(f'{column.name}: not a date') from None
    if not pd.Timestamp.min <= time <= pd.Timestamp.max:
        raise _Rejected(f'{column.name}: not within the years 1677 to 2262')
    if (enforce_range or column.bounded) and not _in_range(
        time.strftime(column.datetime_format), column
    ):
        raise _Rejected(f'{column.name}: out of range')
    return time


def _in_range(value: Cell, column: Column) -> bool:
    return column.minimum is None or bool(column.minimum <= value <= column.maximum)
