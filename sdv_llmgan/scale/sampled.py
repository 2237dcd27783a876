"""A sample of Parquet files that are one table, for a fit; what does not fit together is said.

a file, or a folder of them -> schemas compared -> rows at random, never more held than asked for
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sdv_llmgan.formats.table_files import need_reader
from sdv_llmgan.scale.arrow import to_frame
from sdv_llmgan.table.column import quote

if TYPE_CHECKING:
    import pyarrow as pa


def read_sample(path: Path, max_rows: int, seed: int = 0) -> tuple[pd.DataFrame, int]:
    """Rows of Parquet files, drawn at random where there are too many; never more than that held.

    Folders that are named ``year=2020``, as Hive and Spark do, give a column; an index that has a
    name is one, too.

    Args:
        path: A Parquet file, or a folder of them; names that begin with ``_`` or ``.`` are no data.
        max_rows: That are read at most, >= 1; each row of the files is as likely.
        seed: The same rows for the same seed, in the order of the files.

    Returns:
        The rows, and how many there are in the files.

    Raises:
        FileNotFoundError: There is no such file, or no Parquet file in the folder.
        ValueError: A file is not a Parquet file, or its columns are not those of the others.
    """
    need_reader('Parquet')
    import pyarrow as pa
    import pyarrow.dataset as ds

    paths = [path] if path.is_file() else _files(path)
    if not paths:
        raise FileNotFoundError(f'There is no Parquet file {path}, and none in such a folder.')
    parts = [file.relative_to(path).parts[:-1] if file != path else () for file in paths]
    try:
        schema = _schema_of(paths, _folder_columns(paths, parts))
        files = [file.as_posix() for file in paths]
        said = {'format': 'parquet', 'partitioning': 'hive', 'partition_base_dir': path.as_posix()}
        for field in ds.dataset(files, **said).schema:
            if field.name not in schema.names:  # it is of the folders
                schema = schema.append(field)
        rows = ds.dataset(files, schema, **said)
        total = rows.count_rows()
        kept = np.arange(total)
        if total > max_rows:
            kept = np.sort(np.random.default_rng(seed).choice(total, max_rows, replace=False))
        tables, first = [schema.empty_table()], 0
        for batch in rows.to_batches(use_threads=False):
            own = kept[slice(*np.searchsorted(kept, [first, first + batch.num_rows]))] - first
            first += batch.num_rows
            if len(own):
                tables.append(pa.Table.from_batches([batch]).take(own))
        return to_frame(pa.concat_tables(tables)), total
    except pa.ArrowException as error:
        raise ValueError(f'{path} cannot be read as Parquet: {error}') from error


def _files(folder: Path) -> list[Path]:
    """Those of a folder and the folders in it, by name."""
    return sorted(
        file
        for file in folder.rglob('*.parquet')
        if file.is_file() and all(name[0] not in '_.' for name in file.relative_to(folder).parts)
    )


def _folder_columns(paths: Sequence[Path], parts: Sequence[Sequence[str]]) -> list[str]:
    """Columns that names of folders give, the same for all files.

    Raises:
        ValueError: They are not the same.
    """
    found = [[part.partition('=')[0] for part in folders if '=' in part] for folders in parts]
    for file, names in zip(paths, found, strict=True):
        if names != found[0]:
            raise ValueError(
                f'{file} lies in folders that give the columns {names}, {paths[0]} in those of '
                f'{found[0]}: put all files below the same kinds of folders (such as year=2020), '
                'or name one of the folders.'
            )
    return found[0]


def _schema_of(paths: Sequence[Path], of_folders: Sequence[str]) -> pa.Schema:
    """One schema for all files: numbers as wide as the widest.

    Raises:
        ValueError: A file has other columns than the first one, or another kind of values in one.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schemas = []
    for file in paths:
        try:
            schemas.append(_without_dictionaries(pq.read_schema(file)))
        except pa.ArrowException as error:
            raise ValueError(f'{file} cannot be read as Parquet: {error}') from error
        _compare(file, schemas[-1], paths[0], schemas[0], of_folders)
    known: dict[str, tuple[str, Path]] = {}
    for file, schema in zip(paths, schemas, strict=True):
        for field in schema:
            kind = _kind(field.type)
            other, where = known.setdefault(field.name, (kind, file))
            if 'null' not in (kind, other) and kind != other:
                raise ValueError(
                    f'{quote(field.name)} holds {kind} in {file} ({field.type}) and {other} in '
                    f'{where}: give it one type in all files.'
                )
            if other == 'null':
                known[field.name] = (kind, file)
    return pa.unify_schemas(schemas, promote_options='permissive')


def _compare(
    file: Path, schema: pa.Schema, first: Path, wanted: pa.Schema, of_folders: Sequence[str]
) -> None:
    """See whether a file has the columns of the first one, and none that folders give."""
    twice = [name for name in of_folders if name in schema.names]
    if twice:
        raise ValueError(
            f'{quote(twice[0])} is a column of {file} and of the folder that it lies in: drop it '
            'from the files, or rename the folders.'
        )
    for missing, there, lacking in (
        (set(wanted.names) - set(schema.names), first, file),
        (set(schema.names) - set(wanted.names), file, first),
    ):
        if missing:
            raise ValueError(
                f'{there} has the column {", ".join(map(quote, sorted(missing)))}, which {lacking} '
                'lacks: all files of a table need the same columns.'
            )


def _without_dictionaries(schema: pa.Schema) -> pa.Schema:
    """Categories as their values: files have each their own."""
    import pyarrow as pa

    for place, field in enumerate(schema):
        if pa.types.is_dictionary(field.type):
            schema = schema.set(place, field.with_type(field.type.value_type))
    return schema


def _kind(kind: pa.DataType) -> str:
    """What values of a type are, for a person; types of one kind go together."""
    import pyarrow.types as pt

    kinds = {
        'numbers': (pt.is_integer, pt.is_floating, pt.is_decimal),
        'text': (pt.is_string, pt.is_large_string, pt.is_string_view),
        'dates': (pt.is_temporal,),
    }
    for name, tests in kinds.items():
        if any(test(kind) for test in tests):
            return name
    return 'null' if pt.is_null(kind) else str(kind)
