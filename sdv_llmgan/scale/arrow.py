"""Rows as Arrow tables, with the same types in every part."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import pyarrow as pa


def need_pyarrow() -> None:
    """Say what to install before any work is done.

    Raises:
        ImportError: pyarrow is not installed.
    """
    if find_spec('pyarrow') is None:
        raise ImportError(
            "Parquet files need pyarrow, which is not installed: pip install 'sdv-llmgan[parquet]'."
        )


def schema_of(rows: pd.DataFrame, integers: Collection[str]) -> pa.Schema:
    """Types that rows of a table have in every part of it, whatever is missing there.

    Args:
        rows: Some of the table.
        integers: Columns of whole numbers, which pandas keeps as floats where some are missing.
    """
    import pyarrow as pa

    found = []
    for name, values in rows.items():
        kind = _type_of(values)
        if name in integers and pa.types.is_floating(kind):
            kind = pa.int64()
        found.append(pa.field(str(name), kind))
    return pa.schema(found)


def _type_of(values: pd.Series) -> pa.DataType:
    import pyarrow as pa

    try:
        kind = pa.Array.from_pandas(values).type
    except pa.ArrowException:  # texts and numbers in one column
        return pa.string()
    if pa.types.is_dictionary(kind):
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
            values = values.astype(object).where(values.notna(), None)
            values = values.map(str, na_action='ignore')
        try:
            columns.append(pa.Array.from_pandas(values, type=field.type))
        except pa.ArrowException as error:
            raise ValueError(
                f'{field.name!r} was to be of type {field.type}, and has other values: {error}'
            ) from error
    return pa.Table.from_arrays(columns, schema=schema)


@dataclass(frozen=True)
class Known:
    """Columns of which each row's values are known: a table, or a Parquet file.

    Attributes:
        source: Where they are.
        num_rows: How many rows there are, >= 1.
    """

    source: Path | pd.DataFrame
    num_rows: int

    @classmethod
    def of(cls, source: str | os.PathLike[str] | pd.DataFrame) -> Known:
        """Of a table or file.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It is no Parquet file, or has no rows.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        if isinstance(source, pd.DataFrame):
            known = cls(source, len(source))
        else:
            path = Path(source)
            if not path.is_file():
                raise FileNotFoundError(f'There is no file {path}.')
            try:
                known = cls(path, pq.ParquetFile(path).metadata.num_rows)
            except pa.ArrowException as error:
                raise ValueError(f'{path} is not a Parquet file: {error}') from error
        if not known.num_rows:
            raise ValueError('The known columns have no rows; one for each wanted row is needed.')
        return known

    def parts(self, num_rows: int) -> Iterator[pd.DataFrame]:
        """So many rows at a time but for the last, and of a file never all of them."""
        if isinstance(self.source, pd.DataFrame):
            for first in range(0, self.num_rows, num_rows):
                yield self.source.iloc[first : first + num_rows]
        else:
            yield from _read_parts(self.source, num_rows)

    def fingerprint(self) -> str:
        """What tells them from others, hexadecimal."""
        found = hashlib.sha256()
        if isinstance(self.source, pd.DataFrame):
            found.update(repr(list(self.source)).encode())
            found.update(pd.util.hash_pandas_object(self.source, index=False).to_numpy().tobytes())
        else:
            with self.source.open('rb') as file:
                while piece := file.read(1 << 20):
                    found.update(piece)
        return found.hexdigest()


def _read_parts(path: Path, num_rows: int) -> Iterator[pd.DataFrame]:
    """Rows of a Parquet file; batches end where its row groups do, parts do not."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kept: list[pa.RecordBatch] = []
    for batch in pq.ParquetFile(path).iter_batches(batch_size=num_rows):
        kept.append(batch)
        if sum(one.num_rows for one in kept) >= num_rows:
            whole = pa.Table.from_batches(kept)
            yield whole.slice(0, num_rows).to_pandas()
            kept = whole.slice(num_rows).to_batches()
    if any(batch.num_rows for batch in kept):
        yield pa.Table.from_batches(kept).to_pandas()


def read_sample(path: Path, max_rows: int, seed: int = 0) -> tuple[pd.DataFrame, int]:
    """Rows of Parquet files, drawn at random where there are too many; never more than that held.

    Args:
        path: A Parquet file, or a folder of them; names that begin with ``_`` or ``.`` are no data.
        max_rows: That are read at most, >= 1; each row of the files is as likely.
        seed: The same rows for the same seed, in the order of the files.

    Returns:
        The rows, and how many there are in the files.

    Raises:
        FileNotFoundError: There is no such file, or no Parquet file in the folder.
        ValueError: A file is not a Parquet file, or has other columns than the first one.
    """
    need_pyarrow()
    import pyarrow as pa
    import pyarrow.dataset as ds

    paths = sorted(one for one in path.rglob('*.parquet') if one.name[0] not in '_.')
    if path.is_file():
        paths = [path]
    if not paths:
        raise FileNotFoundError(f'There is no Parquet file {path}, and none in such a folder.')
    try:
        rows = ds.dataset([str(one) for one in paths], format='parquet')
        total = rows.count_rows()
        kept = np.arange(total)
        if total > max_rows:
            kept = np.sort(np.random.default_rng(seed).choice(total, max_rows, replace=False))
        parts, first = [rows.schema.empty_table()], 0
        for batch in rows.to_batches(use_threads=False):
            own = kept[slice(*np.searchsorted(kept, [first, first + batch.num_rows]))] - first
            first += batch.num_rows
            if len(own):
                parts.append(pa.Table.from_batches([batch]).take(own))
        return pa.concat_tables(parts).to_pandas().reset_index(drop=True), total
    except pa.ArrowException as error:
        raise ValueError(f'{path} cannot be read as Parquet: {error}') from error
