"""Columns of which each row's values are known: where they are, read in parts, and checked.

a table, or a Parquet or CSV file -> Known -> parts; the first row that cannot be is named
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sdv_llmgan.formats.table_files import need_reader, read_file
from sdv_llmgan.scale.arrow import is_parquet, to_frame
from sdv_llmgan.table.column import quote


@dataclass(frozen=True)
class Known:
    """Columns of which each row's values are known.

    Attributes:
        source: Where they are: a Parquet file, or a table; other files are read to one.
        num_rows: How many rows there are, >= 1.
        name: Of the file, for errors; of a table ``'known'``.
        notes: How a CSV file was read, in sentences.
    """

    source: Path | pd.DataFrame
    num_rows: int
    name: str = 'known'
    notes: Sequence[str] = ()

    @classmethod
    def of(
        cls, source: str | os.PathLike[str] | pd.DataFrame, like: pd.DataFrame | None = None
    ) -> Known:
        """Of a table or file.

        Args:
            source: A Parquet file, another file that ``read_table`` reads, or a table.
            like: A table whose columns of text are text in a CSV file, too.

        Raises:
            FileNotFoundError: There is no such file.
            ImportError: What reads this kind of file is not installed.
            ValueError: It cannot be read, or has no rows.
        """
        if isinstance(source, pd.DataFrame):
            known = cls(source, len(source))
        else:
            path = Path(source)
            if path.is_dir():
                raise ValueError(f'{path} is a folder: name one file of known columns.')
            if not path.is_file():
                raise FileNotFoundError(f'There is no file {path}.')
            known = _of_parquet(path) if is_parquet(path) else _of_file(path, like)
        if not known.num_rows:
            raise ValueError('The known columns have no rows; one for each wanted row is needed.')
        return known

    def parts(self, num_rows: int) -> Iterator[pd.DataFrame]:
        """So many rows at a time but for the last, and of a Parquet file never all of them."""
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

    def check(self, check: Callable[[pd.DataFrame], object], num_rows: int) -> None:
        """Have all rows checked, part by part.

        Args:
            check: Raises ``ValueError`` where a row of a table cannot be, whatever its other rows.
            num_rows: In memory at a time.

        Raises:
            ValueError: A row was refused; its number, from 1, stands before what the check said.
        """
        first = 0
        for rows in self.parts(num_rows):
            self._check_part(check, rows, first)
            first += len(rows)

    def _check_part(
        self, check: Callable[[pd.DataFrame], object], rows: pd.DataFrame, first: int
    ) -> None:
        try:
            check(rows)
        except ValueError as error:
            check(rows.head(0))  # what is wrong with no rows is wrong with the columns
            refused = error
        else:
            return
        good, bad = 0, len(rows)  # so many rows are taken, so many are refused
        while bad - good > 1:
            middle = (good + bad) // 2
            try:
                check(rows.head(middle))
                good = middle
            except ValueError as error:
                bad, refused = middle, error
        raise ValueError(f'{self.name}, row {first + bad:,}: {refused}') from refused

    def check_keys(self, keys: Sequence[Sequence[str]], num_rows: int) -> None:
        """See whether no two rows have the same key; 8 bytes a row are held.

        Args:
            keys: Columns of each, all of which are known.
            num_rows: In memory at a time.

        Raises:
            ValueError: Two rows have the same.
        """
        for key in map(list, keys):
            hashes = np.concatenate([_hashes(rows[key]) for rows in self.parts(num_rows)])
            found, counts = np.unique(hashes, return_counts=True)
            if len(found) < len(hashes):
                self._check_key(key, found[counts > 1], num_rows)

    def _check_key(self, key: list[str], suspect: np.ndarray, num_rows: int) -> None:
        """Compare the values themselves of rows whose hashes are the same."""
        seen: dict[Any, int] = {}
        first = 0
        for rows in self.parts(num_rows):
            for place in np.flatnonzero(np.isin(_hashes(rows[key]), suspect)).tolist():
                cells = tuple(rows[key].iloc[place])
                if pd.isna(list(cells)).any():
                    continue
                other = seen.setdefault(cells, first + place)
                if other != first + place:
                    shown = ', '.join(f'{quote(n)} {c!r}' for n, c in zip(key, cells, strict=True))
                    raise ValueError(
                        f'{self.name}, row {first + place + 1:,}: {shown} is the key of row '
                        f'{other + 1:,} as well. Known keys are kept as they are, so each may be '
                        'there once.'
                    )
            first += len(rows)


def _hashes(rows: pd.DataFrame) -> np.ndarray:
    return pd.util.hash_pandas_object(rows, index=False).to_numpy()


def _of_file(path: Path, like: pd.DataFrame | None) -> Known:
    table, notes = read_file(path, like)
    return Known(table, len(table), path.name, notes)


def _of_parquet(path: Path) -> Known:
    need_reader('Parquet')
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return Known(path, pq.ParquetFile(path).metadata.num_rows, path.name)
    except pa.ArrowException as error:
        raise ValueError(f'{path} is not a Parquet file: {error}') from error


def _read_parts(path: Path, num_rows: int) -> Iterator[pd.DataFrame]:
    """Rows of a Parquet file; batches end where its row groups do, parts do not."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kept: list[pa.RecordBatch] = []
    for batch in pq.ParquetFile(path).iter_batches(batch_size=num_rows):
        kept.append(batch)
        if sum(one.num_rows for one in kept) >= num_rows:
            whole = pa.Table.from_batches(kept)
            yield to_frame(whole.slice(0, num_rows))
            kept = whole.slice(num_rows).to_batches()
    if any(batch.num_rows for batch in kept):
        yield to_frame(pa.Table.from_batches(kept))
