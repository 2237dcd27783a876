"""What the model is told about the columns, learned from the training table and the metadata.

    SDV metadata + table -> TableSchema -> columns in words, JSON Schema of a row, JSON values

Inside this package a table is kept in one *plain form*: numbers as float64, datetimes as
datetime64[ns], everything else as Python objects, missing values as NaN, NaT or None.
``TableSchema.to_plain`` and ``TableSchema.from_plain`` go back and forth.
"""

from __future__ import annotations

import json
import math
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

#: How a row is written in prompts and replies: a JSON array in column order, an object with keys
#: of one or two letters, or an object with the columns' own names (as MALLM-GAN does).
RowFormat = Literal['arrays', 'short_keys', 'objects']

Kind = Literal['categorical', 'boolean', 'integer', 'number', 'datetime', 'text']

#: Longer category lists stand in the prompt in part, and not at all in the JSON Schema: hosted
#: structured output takes a limited number of enum values, and every category costs tokens.
CATEGORIES_IN_PROMPT = 50
CATEGORIES_IN_JSON_SCHEMA = 250
#: Values are written with this many significant digits, but never with fewer than four decimals
#: where the data has them: enough for any relation between columns, cheap in tokens.
SIGNIFICANT_DIGITS = 6

DATE = '%Y-%m-%d'
DATETIME = '%Y-%m-%d %H:%M:%S'
#: A range of dates is put to structured output as so many months or years at most.
MAX_PERIODS = 40


@dataclass(frozen=True)
class Column:
    """One column as the model sees it.

    Attributes:
        name: The user's own name.
        kind: What its values are.
        categories: For ``categorical``: the values in the training table, most frequent first.
        minimum: Smallest training value (numbers; ISO text for datetimes), or ``None``.
        maximum: Largest training value, likewise.
        decimals: Digits after the point that values are written with, >= 0.
        datetime_format: ``strftime`` format that the model reads and writes.
        nullable: Whether the training table has missing values here.
        description: The user's words on what it means; may be empty.
        dtype: How the training table stores it.
        stored_format: ``strftime`` format of datetimes that the table stores as text.
    """

    name: str
    kind: Kind
    categories: tuple[Any, ...] = ()
    minimum: float | str | None = None
    maximum: float | str | None = None
    decimals: int = 0
    datetime_format: str = DATE
    nullable: bool = False
    description: str = ''
    dtype: str = 'object'
    stored_format: str | None = None

    def describe(self) -> str:
        """The column in words, for a prompt."""
        words = {
            'categorical': self._category_words(),
            'boolean': 'true or false',
            'integer': f'whole number{self._range_words()}',
            'number': f'number{self._range_words()}, decimals: {self.decimals}',
            'datetime': f'{self._date_words()}{self._range_words()}',
            'text': 'free text',
        }[self.kind]
        if self.nullable:
            words += ', or null where the value is missing'
        if self.description:
            words += f'. {self.description}'
        return f'{quote(self.name)}: {words}'

    def _category_words(self) -> str:
        if not self.categories:
            return 'always null'
        shown = ', '.join(quote(value) for value in self.categories[:CATEGORIES_IN_PROMPT])
        hidden = len(self.categories) - CATEGORIES_IN_PROMPT
        return f'one of {shown}' + (f' and {hidden} rarer values' if hidden > 0 else '')

    def _range_words(self) -> str:
        return '' if self.minimum is None else f' from {self.minimum} to {self.maximum}'

    def _date_words(self) -> str:
        return 'date YYYY-MM-DD' if self.datetime_format == DATE else 'time YYYY-MM-DD HH:MM:SS'

    def json_schema(self, *, enforce_range: bool) -> dict[str, Any]:
        """JSON Schema of one value."""
        value = self._value_schema(enforce_range)
        if not self.nullable or value == {'type': 'null'}:
            return value
        if 'enum' in value:
            return {'enum': [*value['enum'], None]}
        return {'anyOf': [value, {'type': 'null'}]}

    def _value_schema(self, enforce_range: bool) -> dict[str, Any]:
        bounds = {}
        if enforce_range and self.minimum is not None:
            bounds = {'minimum': self.minimum, 'maximum': self.maximum}
        if self.kind == 'categorical':
            if not self.categories:
                return {'type': 'null'}
            if len(self.categories) <= CATEGORIES_IN_JSON_SCHEMA:
                return {'enum': list(self.categories)}
            kinds = {_json_type(value) for value in self.categories}
            return {'type': kinds.pop()} if len(kinds) == 1 else {'type': 'string'}
        if self.kind == 'boolean':
            return {'type': 'boolean'}
        if self.kind == 'integer':
            return {'type': 'integer', **bounds}
        if self.kind == 'number':
            return {'type': 'number', 'multipleOf': float(f'1e-{self.decimals}'), **bounds}
        if self.kind == 'datetime':
            return self._datetime_schema(enforce_range)
        return {'type': 'string'}

    def _datetime_schema(self, enforce_range: bool) -> dict[str, Any]:
        # JSON Schema knows no range of dates; a list of years or months comes close.
        begins = _year_months(self.minimum, self.maximum) if enforce_range else []
        month = '0[1-9]|1[0-2]'
        begin = f'({"|".join(begins)})' if begins else f'[0-9]{{4}}-({month})'
        if begins and len(begins[0]) == len('2024'):
            begin += f'-({month})'
        day = f'{begin}-(0[1-9]|[12][0-9]|3[01])'
        if self.datetime_format == DATE:
            return {'type': 'string', 'format': 'date', 'pattern': f'^{day}$'}
        return {'type': 'string', 'pattern': f'^{day} ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$'}

    def to_json_value(self, value: Any) -> Any:  # noqa: ANN401 - any cell
        """A cell of a plain table as a JSON value; missing becomes ``None``."""
        if is_missing(value):
            return None
        if self.kind == 'integer':
            return int(value)
        if self.kind == 'number':
            return round(float(value), self.decimals)
        if self.kind == 'datetime':
            return value.strftime(self.datetime_format)
        return to_python(value)


@dataclass(frozen=True)
class TableSchema:
    """The columns that a model reads and writes, in the table's order.

    Attributes:
        columns: One entry a column; keys and personal data are not among them.
    """

    columns: tuple[Column, ...]

    @classmethod
    def from_sdv(
        cls,
        metadata: Any,  # noqa: ANN401 - Metadata of either SDV line
        table: pd.DataFrame,
        descriptions: Mapping[str, str] | None = None,
    ) -> TableSchema:
        """Learn the schema from SDV metadata and a training table.

        Args:
            metadata: ``sdv.metadata.Metadata`` with one table.
            table: Training rows, shape (n_rows, n_columns), missing values as NaN. Columns that
                the metadata does not name (SDV's constraints make some) are typed by their dtype.
            descriptions: What columns mean, by name.

        Raises:
            ValueError: A description names a column that is not there.
        """
        descriptions = descriptions or {}
        declared = _declared_columns(metadata)
        known = [*declared, *(name for name in table.columns if name not in declared)]
        unknown = sorted(set(descriptions) - set(map(str, known)))
        if unknown:
            raise ValueError(
                f'column_descriptions name columns that the table lacks: {", ".join(unknown)}. '
                f'Columns: {", ".join(map(str, known))}.'
            )
        return cls(
            tuple(
                replace(
                    _learn_column(table[name], declared.get(name, {})),
                    description=descriptions.get(str(name), ''),
                )
                for name in table.columns
            )
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    def __iter__(self) -> Iterator[Column]:
        """Go over the columns in order."""
        return iter(self.columns)

    def __getitem__(self, name: str) -> Column:
        """The column of this name; ``KeyError`` where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def reordered(self, names: Sequence[str]) -> TableSchema:
        """The same columns in another order."""
        return TableSchema(tuple(self[name] for name in names))

    def short_keys(self) -> dict[str, str]:
        """A key of one or two letters for each column: ``{'a': 'Age', ...}``."""
        letters = string.ascii_lowercase
        keys = [*letters, *(first + second for first in letters for second in letters)]
        keys += [f'c{i}' for i in range(max(0, len(self.columns) - len(keys)))]
        return dict(zip(keys, self.names, strict=False))

    def row_json_schema(self, row_format: RowFormat, *, enforce_range: bool) -> dict[str, Any]:
        """JSON Schema of one row, closed: every column, nothing else."""
        values = [column.json_schema(enforce_range=enforce_range) for column in self.columns]
        if row_format == 'arrays':
            return {
                'type': 'array',
                'prefixItems': values,
                'items': False,
                'minItems': len(values),
                'maxItems': len(values),
            }
        keys = list(self.short_keys()) if row_format == 'short_keys' else list(self.names)
        return {
            'type': 'object',
            'properties': dict(zip(keys, values, strict=True)),
            'required': keys,
            'additionalProperties': False,
        }

    def rows_json_schema(
        self, num_rows: int, row_format: RowFormat, *, enforce_range: bool
    ) -> dict[str, Any]:
        """JSON Schema of a reply: one bare array, or ``{"rows": [...]}`` with ``num_rows`` rows."""
        row = self.row_json_schema(row_format, enforce_range=enforce_range)
        if row_format == 'arrays' and num_rows == 1:
            return row
        rows = {'type': 'array', 'items': row, 'minItems': num_rows, 'maxItems': num_rows}
        return {
            'type': 'object',
            'properties': {'rows': rows},
            'required': ['rows'],
            'additionalProperties': False,
        }

    def to_json_rows(self, table: pd.DataFrame) -> list[list[Any]]:
        """Rows of a plain table as JSON values in column order, shape (n_rows, n_columns)."""
        cells = [
            [column.to_json_value(value) for value in table[column.name]] for column in self.columns
        ]
        return [list(row) for row in zip(*cells, strict=True)]

    def write_row(self, row: Sequence[Any], row_format: RowFormat) -> str:
        """One row of JSON values as a line of compact JSON."""
        if row_format == 'arrays':
            return dump(list(row))
        keys = self.short_keys() if row_format == 'short_keys' else self.names
        return dump(dict(zip(keys, row, strict=True)))

    def to_plain(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table as SDV stores it, in plain form (see the module's head)."""
        return pd.DataFrame({
            column.name: _to_plain(table[column.name], column) for column in self.columns
        }).reset_index(drop=True)

    def from_plain(self, plain: pd.DataFrame) -> pd.DataFrame:
        """A plain table as SDV stores it: the training table's dtypes and date formats."""
        return pd.DataFrame({
            column.name: _from_plain(plain[column.name], column) for column in self.columns
        })

    def to_dict(self) -> list[dict[str, Any]]:
        """JSON form: one object a column."""
        return [asdict(column) for column in self.columns]

    @classmethod
    def from_dict(cls, columns: Sequence[Mapping[str, Any]]) -> TableSchema:
        """Read the JSON form; ``TypeError`` or ``KeyError`` where it is none."""
        return cls(
            tuple(
                Column(**{**column, 'categories': tuple(column.get('categories', ()))})
                for column in columns
            )
        )


def dump(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Compact JSON, with letters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(',', ':'))


def quote(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """A name or value as JSON, so that odd characters cannot break a prompt."""
    return json.dumps(value, ensure_ascii=False)


def is_missing(value: Any) -> bool:  # noqa: ANN401 - any cell
    """Whether a cell holds no value."""
    return value is None or bool(pd.isna(value))


def to_python(value: Any) -> Any:  # noqa: ANN401 - any cell
    """A NumPy scalar as the Python value that JSON knows."""
    return value.item() if isinstance(value, np.generic) else value


def _declared_columns(metadata: Any) -> dict[Any, dict[str, Any]]:  # noqa: ANN401
    tables = getattr(metadata, 'tables', None)
    if tables is None:
        return dict(metadata.columns)
    return dict(next(iter(tables.values())).columns)


def _json_type(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, bool):
        return 'boolean'
    if isinstance(value, int):
        return 'integer'
    return 'number' if isinstance(value, float) else 'string'


def _learn_column(values: pd.Series, declared: Mapping[str, Any]) -> Column:
    name, dtype = str(values.name), str(values.dtype)
    present = values.dropna()
    nullable = len(present) < len(values)
    sdtype = declared.get('sdtype') or _guess_sdtype(values)
    if present.empty:
        return Column(name, 'categorical', nullable=True, dtype=dtype)
    if sdtype == 'boolean' and present.map(lambda value: isinstance(value, (bool, np.bool_))).all():
        return Column(name, 'boolean', nullable=nullable, dtype=dtype)
    if sdtype == 'numerical':
        return _learn_number(name, present.astype(float), nullable, dtype)
    if sdtype == 'datetime':
        return _learn_datetime(name, present, nullable, dtype, declared.get('datetime_format'))
    if sdtype == 'text':
        return Column(name, 'text', nullable=nullable, dtype=dtype)
    categories = tuple(_to_categories(present).value_counts().index)
    return Column(name, 'categorical', categories, nullable=nullable, dtype=dtype)


def _guess_sdtype(values: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(values):
        return 'boolean'
    if pd.api.types.is_numeric_dtype(values):
        return 'numerical'
    if pd.api.types.is_datetime64_any_dtype(values):
        return 'datetime'
    return 'categorical'


def _learn_number(name: str, present: pd.Series, nullable: bool, dtype: str) -> Column:
    finite = present[np.isfinite(present)]
    if finite.empty:
        raise ValueError(f'Column {quote(name)} has no finite number; drop it or fill it.')
    low, high = float(finite.min()), float(finite.max())
    if (finite == finite.round()).all():
        return Column(
            name, 'integer', minimum=int(low), maximum=int(high), nullable=nullable, dtype=dtype
        )
    decimals = _decimals(finite)
    return Column(
        name,
        'number',
        minimum=round(low, decimals),
        maximum=round(high, decimals),
        decimals=decimals,
        nullable=nullable,
        dtype=dtype,
    )


def _decimals(values: pd.Series) -> int:
    """Digits after the point that tell these values apart (see ``SIGNIFICANT_DIGITS``)."""
    used = next(
        (d for d in range(1, 16) if np.isclose(values, values.round(d), rtol=1e-9, atol=0).all()),
        15,
    )
    typical = float(values.abs()[values != 0].median())
    enough = SIGNIFICANT_DIGITS - 1 - math.floor(math.log10(typical))
    return min(max(used, 1), max(4, enough))


def _learn_datetime(
    name: str, present: pd.Series, nullable: bool, dtype: str, declared_format: str | None
) -> Column:
    times = _to_datetime(present, declared_format)
    is_date = bool((times == times.dt.normalize()).all())
    written = DATE if is_date else DATETIME
    return Column(
        name,
        'datetime',
        minimum=times.min().strftime(written),
        maximum=times.max().strftime(written),
        datetime_format=written,
        nullable=nullable,
        dtype=dtype,
        stored_format=None if present.dtype.kind == 'M' else (declared_format or written),
    )


def _year_months(minimum: Any, maximum: Any) -> list[str]:  # noqa: ANN401 - ISO text or None
    """The months from one date to another, or the years if they are many, or nothing."""
    if minimum is None:
        return []
    for freq in ('M', 'Y'):
        periods = pd.period_range(minimum, maximum, freq=freq)
        if len(periods) <= MAX_PERIODS:
            return [str(period) for period in periods]
    return []


def _to_datetime(values: pd.Series, declared_format: str | None) -> pd.Series:
    if values.dtype.kind == 'M':
        return values.astype('datetime64[ns]')
    return pd.to_datetime(values.astype(object), format=declared_format or 'mixed').astype(
        'datetime64[ns]'
    )


def _to_plain(values: pd.Series, column: Column) -> pd.Series:
    if column.kind in ('integer', 'number'):
        return values.astype(float)
    if column.kind == 'datetime':
        return _to_datetime(values, column.stored_format)
    return _to_categories(values)


def _to_categories(values: pd.Series) -> pd.Series:
    """Values as Python objects; whole floats (integers beside missing values) as integers."""
    plain = values.astype(object).map(to_python)
    if values.dtype.kind == 'f':
        plain = plain.map(lambda value: int(value) if value == value // 1 else value)
    return plain.where(values.notna(), None)


def _from_plain(values: pd.Series, column: Column) -> pd.Series:
    if column.kind == 'datetime' and column.stored_format is not None:
        written = values.dt.strftime(column.stored_format)
        return written.astype(object).where(values.notna(), None)
    stored = pd.api.types.pandas_dtype(column.dtype)
    if values.isna().any() and isinstance(stored, np.dtype) and stored.kind in 'iub':
        # Such a dtype cannot hold a missing value; the training table had none either.
        return values
    return values.astype(stored)
