"""Rows as Arrow tables, with the same types in every part."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from sdv_llmgan.formats.table_files import kind_of

if TYPE_CHECKING:
    import pyarrow as pa

#: How every Parquet file begins.
MAGIC = b'PAR1'


def is_parquet(path: Path) -> bool:
    """Whether a file is one by its name or its first bytes."""
    if kind_of(path) == 'Parquet':
        return True
    if not path.is_file():
        return False
    with path.open('rb') as file:
        return file.read(len(MAGIC)) == MAGIC


def schema_of(rows: pd.DataFrame, integers: Collection[str]) -> pa.Schema:
    """Types that rows of a table have in every part of it, whatever is missing there.

    The schema also says pandas' own dtypes, which ``pandas.read_parquet`` gives back; other readers
    see Arrow's types.

    Args:
        rows: Some of the table.
        integers: Columns of whole numbers, which pandas keeps as floats where some are missing.
    """
    import pyarrow as pa

    found, plain = [], {}
    for name, values in rows.items():
        kind = _type_of(values)
        if name in integers and pa.types.is_floating(kind):
            kind = pa.int64()
        found.append(pa.field(str(name), kind))
        plain[str(name)] = _as_text(values) if _is_mixed(values, kind) else values
    told = pa.Schema.from_pandas(pd.DataFrame(plain), preserve_index=False)
    return pa.schema(found, told.metadata)


def _is_mixed(values: pd.Series, kind: pa.DataType) -> bool:
    return values.dtype == object and str(kind) == 'string'


def _as_text(values: pd.Series) -> pd.Series:
    texts = values.astype(object).where(values.notna(), None)
    return texts.map(str, na_action='ignore')


def _type_of(values: pd.Series) -> pa.DataType:
    import pyarrow as pa

    try:
        kind = pa.Array.from_pandas(values).type
    except pa.ArrowException:  # texts and numbers in one column
        return pa.string()
    if pa.types.is_dictionary(kind):
        if pa.types.is_string(kind.value_type):
            return pa.dictionary(pa.int32(), pa.string(), kind.ordered)
        kind = kind.value_type
    return pa.string() if pa.types.is_null(kind) else kind


def to_arrow(rows: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Rows with these types.

    Raises:
        ValueError: A column has values of another type.
    """
    import pyarrow as pa

    rows = rows.set_axis([str(name) for name in rows], axis=1)
    columns = []
    for field in schema:
        values = rows[field.name]
        if pa.types.is_string(field.type):
            values = _as_text(values)
        try:
            columns.append(pa.Array.from_pandas(values, type=field.type))
        except pa.ArrowException as error:
            raise ValueError(
                f'{field.name!r} was to be of type {field.type}, and has other values: {error}'
            ) from error
    return pa.Table.from_arrays(columns, schema=schema)


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Rows of a file; an index that has a name is a column among them, another one is none."""
    rows = table.to_pandas()
    named = [level for level, name in enumerate(rows.index.names) if name is not None]
    return rows.reset_index(named).reset_index(drop=True)
