"""What the model is told about the columns, learned from the training table and the metadata.

    SDV metadata + table -> TableSchema -> columns in words, JSON Schema of a row, JSON values

Inside this package a table is kept in a *plain form*: numbers as float64, datetimes as
datetime64[ns], everything else as Python objects, missing values as NaN, NaT or None.
``TableSchema.to_plain`` and ``TableSchema.from_plain`` go back and forth.
"""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Literal

import pandas as pd

from sdv_llmgan.formats.saved_json import Json, a_list
from sdv_llmgan.table.allowed import Allowed
from sdv_llmgan.table.column import DATE, Column, Kind, closed_object, dump, quote
from sdv_llmgan.table.learn_column import learn_column
from sdv_llmgan.table.plain import from_plain, to_plain
from sdv_llmgan.table.types import SDVMetadata

__all__ = ['DATE', 'Column', 'Kind', 'RowFormat', 'TableSchema', 'dump', 'quote']

#: Hosted structured output takes so many enum values in one schema; the rest is left to
#: validation.
CATEGORIES_IN_JSON_SCHEMA = 1_000

#: How a row is written in prompts and replies: a JSON array in column order, an object with keys
#: of one or two letters, or an object with the columns' own names (as MALLM-GAN does).
RowFormat = Literal['arrays', 'short_keys', 'objects']


@dataclass(frozen=True)
class TableSchema:
    """The columns that a model reads and writes, in the table's order.

    Attributes:
        columns: One entry a column; keys and personal data are not among them.
        lettered: Names in the order in which they are given short keys, the columns' own among
            them, so that a column keeps its key in whatever order it is written; empty: the order
            of ``columns``.
    """

    columns: tuple[Column, ...]
    lettered: tuple[str, ...] = ()

    @classmethod
    def from_sdv(
        cls,
        metadata: SDVMetadata,
        table: pd.DataFrame,
        descriptions: Mapping[str, str] | None = None,
        *,
        enforce_rounding: bool = True,
    ) -> TableSchema:
        """Learn the schema from SDV metadata and a training table.

        Args:
            metadata: ``sdv.metadata.Metadata`` with one table.
            table: Training rows, shape (n_rows, n_columns), missing values as NaN. Keys and
                personal data are left out. Columns that the metadata does not name (SDV's
                constraints make some) are typed by their dtype.
            descriptions: What columns mean, by name.
            enforce_rounding: Whether numbers have no more decimals than the training values.

        Raises:
            ValueError: A description names a column that is not there, or a column cannot be
                modelled.
        """
        declared = _declared_columns(metadata)
        check_descriptions(descriptions, [*declared, *table.columns])
        modeled = [name for name in table.columns if _is_modeled(declared.get(name, {}))]
        return cls.learned(
            table[modeled], declared, descriptions, enforce_rounding=enforce_rounding
        )

    @classmethod
    def learned(
        cls,
        table: pd.DataFrame,
        declared: Mapping[Any, Mapping[str, Any]],
        descriptions: Mapping[str, str] | None = None,
        *,
        enforce_rounding: bool = True,
    ) -> TableSchema:
        """Learn all columns of a table, whatever they are.

        Args:
            table: Training rows, shape (n_rows, n_columns).
            declared: Entries of the metadata by column; the others are typed by their dtype.
            descriptions: As for ``from_sdv``.
            enforce_rounding: As for ``from_sdv``.

        Raises:
            ValueError: A column cannot be modelled; see ``learn_column``.
        """
        described = descriptions or {}
        return cls(
            tuple(
                replace(
                    learn_column(
                        table[name], declared.get(name, {}), enforce_rounding=enforce_rounding
                    ),
                    description=described.get(str(name), ''),
                )
                for name in table.columns
            )
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def texts(self) -> tuple[str, ...]:
        """Names of the columns of free text."""
        return tuple(column.name for column in self.columns if column.kind == 'text')

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
        """These of the columns in this order; they keep their short keys."""
        columns = tuple(self[name] for name in names)
        return TableSchema(columns, self.lettered or self.names)

    def replaced(self, columns: Iterable[Column]) -> TableSchema:
        """The same columns, but for those that one of these has the name of."""
        new = {column.name: column for column in columns}
        columns = tuple(new.get(column.name, column) for column in self.columns)
        return TableSchema(columns, self.lettered)

    def conditioned(self, allowed: Mapping[str, Allowed]) -> TableSchema:
        """The same columns, some of them under a condition."""
        return self.replaced(
            column.conditioned(allowed[column.name]) for column in self if column.name in allowed
        )

    def admitting(self, values: Mapping[str, Iterable[Any]]) -> TableSchema:
        """The same columns, as wide as these JSON values by column name need them to be."""
        return self.replaced(
            column.admitting(values[column.name]) for column in self if column.name in values
        )

    def filled(self) -> TableSchema:
        """The same columns without missing values, where they have any others."""
        return TableSchema(tuple(column.filled() for column in self.columns), self.lettered)

    def short_keys(self) -> dict[str, str]:
        """A key of one or two letters for each column, in their order: ``{'a': 'Age', ...}``."""
        return self._short_keys

    @cached_property
    def _short_keys(self) -> dict[str, str]:
        letters = string.ascii_lowercase
        pairs = (first + second for first in letters for second in letters)
        numbered = (f'c{number}' for number in itertools.count())
        # A key that is also a column's name would leave open which of the two is meant.
        lettered = self.lettered or self.names
        taken = set(lettered)
        keys = (key for key in itertools.chain(letters, pairs, numbered) if key not in taken)
        key_of = dict(zip(lettered, keys, strict=False))
        return {key_of[name]: name for name in self.names}

    def row_json_schema(self, row_format: RowFormat, *, enforce_range: bool) -> dict[str, Any]:
        """JSON Schema of one row, closed: every column, nothing else."""
        listed = self._listed()
        values = [
            column.json_schema(enforce_range=enforce_range, list_categories=column.name in listed)
            for column in self.columns
        ]
        if row_format == 'arrays':
            return {
                'type': 'array',
                'prefixItems': values,
                'items': False,
                'minItems': len(values),
                'maxItems': len(values),
            }
        keys = list(self.short_keys()) if row_format == 'short_keys' else list(self.names)
        return closed_object(dict(zip(keys, values, strict=True)))

    def _listed(self) -> set[str]:
        """Columns whose categories stand in the JSON Schema: the shorter lists, while they fit."""
        listed, total = set(), 0
        for column in sorted(self.columns, key=lambda column: len(column.categories)):
            total += len(column.categories) + 1
            if total <= CATEGORIES_IN_JSON_SCHEMA:
                listed.add(column.name)
        return listed

    def rows_json_schema(
        self, num_rows: int, row_format: RowFormat, *, enforce_range: bool
    ) -> dict[str, Any]:
        """JSON Schema of a reply: one bare array, or ``{"rows": [...]}`` with ``num_rows`` rows."""
        asked = num_rows, row_format, enforce_range
        if asked not in self._json_schemas:  # many requests ask for the same
            self._json_schemas[asked] = self._rows_json_schema(*asked)
        return self._json_schemas[asked]

    @cached_property
    def _json_schemas(self) -> dict[tuple[int, RowFormat, bool], dict[str, Any]]:
        return {}

    def _rows_json_schema(
        self, num_rows: int, row_format: RowFormat, enforce_range: bool
    ) -> dict[str, Any]:
        row = self.row_json_schema(row_format, enforce_range=enforce_range)
        if row_format == 'arrays' and num_rows == 1:
            return row
        rows = {'type': 'array', 'items': row, 'minItems': num_rows, 'maxItems': num_rows}
        return closed_object({'rows': rows})

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

    def write_rows(self, table: pd.DataFrame, row_format: RowFormat) -> list[str]:
        """Rows of a plain table, each as ``write_row`` writes it, shape (n_rows,)."""
        return [self.write_row(row, row_format) for row in self.to_json_rows(table)]

    def row_pattern(self, row_format: RowFormat) -> str:
        """A regular expression that every row matches, as ``write_row`` writes it (SYNTHIA)."""
        values = [column.pattern() for column in self.columns]
        if row_format == 'arrays':
            return rf'^\[{",".join(values)}\]$'
        keys = self.short_keys() if row_format == 'short_keys' else self.names
        entries = (
            f'{re.escape(dump(key))}:{value}' for key, value in zip(keys, values, strict=True)
        )
        return rf'^\{{{",".join(entries)}\}}$'

    def to_plain(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table as SDV stores it, in plain form (see the module's head)."""
        return pd.DataFrame({
            column.name: to_plain(table[column.name], column) for column in self.columns
        }).reset_index(drop=True)

    @property
    def whole_numbers(self) -> list[str]:
        """Columns of whole numbers, which pandas stores as floats where some are missing."""
        return [
            column.name
            for column in self
            if column.kind == 'integer'
            or (column.categories and all(isinstance(value, int) for value in column.categories))
        ]

    def from_plain(self, plain: pd.DataFrame) -> pd.DataFrame:
        """A plain table as SDV stores it: the training table's dtypes and date formats."""
        return pd.DataFrame({
            column.name: from_plain(plain[column.name], column) for column in self.columns
        })

    def to_dict(self) -> list[dict[str, Any]]:
        """JSON form: one object a column."""
        return [asdict(column) for column in self.columns]

    @classmethod
    def from_dict(cls, columns: Json, where: str = 'schema') -> TableSchema:
        """Read the JSON form, any JSON value; ``ValueError`` where it is none."""
        return cls(tuple(a_list(Column.from_dict)(columns, where)))


def check_descriptions(descriptions: Mapping[str, str] | None, known: Iterable[Any]) -> None:
    """Raise ``ValueError`` where descriptions name other columns than these."""
    names = dict.fromkeys(map(str, known))
    unknown = sorted(set(descriptions or {}) - set(names))
    if unknown:
        raise ValueError(
            f'column_descriptions name columns that the table lacks: {", ".join(unknown)}. '
            f'Columns: {", ".join(names)}.'
        )


def declared_keys(metadata: SDVMetadata) -> list[tuple[str, ...]]:
    """Keys that the metadata declares, the primary one first, each as its columns."""
    table = _only_table(metadata)
    if table is None:
        return []
    keys = [table.primary_key, *(table.alternate_keys or [])]
    columns = [(key,) if isinstance(key, str) else tuple(key or ()) for key in keys]
    return [key for key in dict.fromkeys(columns) if key]


def modeled_keys(metadata: SDVMetadata) -> list[str]:
    """Columns of keys that the metadata declares as something that models see."""
    names = dict.fromkeys(name for key in declared_keys(metadata) for name in key)
    seen = declared_names(metadata)
    return [name for name in names if seen[str(name)]]


def declared_names(metadata: SDVMetadata) -> dict[str, bool]:
    """All columns of the metadata, and whether models see them (see ``TableSchema``)."""
    columns = _declared_columns(metadata)
    return {str(name): _is_modeled(declared) for name, declared in columns.items()}


def handed_over(
    metadata: SDVMetadata, transformers: Mapping[Any, Any]
) -> dict[Any, dict[str, Any]]:
    """Entries of the metadata for the columns that a data processor hands over as they are.

    Args:
        metadata: ``sdv.metadata.Metadata`` with one table.
        transformers: What SDV transforms each column with, by name; ``None``: nothing.
    """
    return {
        name: declared
        for name, declared in _declared_columns(metadata).items()
        if (transformers[name] is None if name in transformers else _is_modeled(declared))
    }


def _is_modeled(declared: Mapping[str, Any]) -> bool:
    """Whether a column is neither a key nor personal data, by its entry in the metadata."""
    if not declared:
        return True  # a column that a constraint of SDV made
    sdtype = declared['sdtype']
    if sdtype in ('id', 'unknown'):
        return False
    if sdtype in ('numerical', 'categorical', 'boolean', 'ordinal', 'datetime'):
        return not declared.get('pii', False)
    # Text, an e-mail address, a name, ...: personal unless the metadata says otherwise.
    return declared.get('pii', True) is False


def _declared_columns(metadata: SDVMetadata) -> dict[Any, dict[str, Any]]:
    table = _only_table(metadata)
    return {} if table is None else dict(table.columns)


def _only_table(metadata: SDVMetadata) -> SDVMetadata:
    """The table of the metadata; ``None``: they are empty."""
    tables = getattr(metadata, 'tables', None)
    return metadata if tables is None else next(iter(tables.values()), None)
