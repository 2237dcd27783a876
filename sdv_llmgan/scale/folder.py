"""A folder of Parquet files that is written in parts, by anyone, in any order, and again.

Each file is written under another name and renamed, so a file that is there is whole. What is there
is not written again. Names that begin with ``_`` are no data to Arrow, Spark and Dask.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sdv_llmgan.errors import SamplingError
from sdv_llmgan.scale.manifest import Manifest

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST = '_manifest.json'
UNFINISHED = '.unfinished'
COMPRESSION = 'zstd'


@dataclass(frozen=True)
class Folder:
    """Where rows are written to.

    Attributes:
        path: The folder.
    """

    path: Path

    def file(self, number: int) -> Path:
        """That of a part, numbered from 0."""
        return self.path / f'part-{number:06d}.parquet'

    def begin(self, manifest: Manifest) -> None:
        """Make the folder, or go on with it.

        Raises:
            ValueError: It holds rows of another fit, seed or size, or Parquet files of another
                origin.
        """
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f'{self.path} is a file: name a folder.')
        there = self.path / MANIFEST
        if there.exists() and self._has_parts():
            begun = Manifest.read(there)
            if differences := manifest.differences(begun):
                raise ValueError(
                    f'{self.path} holds rows that were asked for otherwise (now / there): '
                    f'{"; ".join(differences)}. Ask for the same to go on with it, or name '
                    'another folder.'
                )
            return
        if self._has_parts() and not there.exists():
            raise ValueError(
                f'{self.path} holds Parquet files already and no {MANIFEST}: name another folder, '
                'so that rows of two origins are not mixed.'
            )
        # Known columns are real cells: who may read them is the owner's to say.
        self.path.mkdir(mode=0o700 if manifest.known else 0o777, parents=True, exist_ok=True)
        self._write(there, manifest)

    def is_written(self, number: int, num_rows: int) -> bool:
        """Whether a part is there, whole: its file ends as it should and has so many rows."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return bool(pq.read_metadata(self.file(number)).num_rows == num_rows)
        except (FileNotFoundError, pa.ArrowException):
            return False

    def write(self, number: int, table: pa.Table) -> None:
        """Write a part: the same bytes for the same rows."""
        import pyarrow.parquet as pq

        with self._renamed(self.file(number)) as path:
            pq.write_table(table, path, compression=COMPRESSION)

    def finish(self, manifest: Manifest) -> Manifest:
        """Say that all parts are there, and clear away what killed processes left.

        Raises:
            SamplingError: A part is not there.
        """
        count = -(-manifest.num_rows // manifest.rows_per_file)
        missing = [number for number in range(count) if not self.file(number).exists()]
        if missing:
            raise SamplingError(
                f'{len(missing)} of {count} files are not in {self.path}, the first is '
                f'{self.file(missing[0]).name}: workers on other machines have to see the folder '
                'under the same path.'
            )
        finished = replace(manifest, finished=True)
        self._write(self.path / MANIFEST, finished)
        for left in self.path.glob(f'*{UNFINISHED}'):
            left.unlink(missing_ok=True)
        return finished

    def _has_parts(self) -> bool:
        return self.path.is_dir() and any(self.path.glob('*.parquet'))

    def _write(self, path: Path, manifest: Manifest) -> None:
        with self._renamed(path) as unfinished:
            unfinished.write_text(manifest.to_json() + '\n', encoding='utf-8')

    @contextmanager
    def _renamed(self, path: Path) -> Iterator[Path]:
        """A path to write to, which becomes the given one when all is written."""
        unfinished = path.with_name(f'_{path.name}.{uuid.uuid4().hex}{UNFINISHED}')
        try:
            yield unfinished
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
