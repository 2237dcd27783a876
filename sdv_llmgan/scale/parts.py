"""A table in parts: which rows are whose, and how one part is drawn and written.

size, rows a file -> parts -> (an engine's worker) draw, give types, write -> folder
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import cloudpickle
import pandas as pd
from tqdm.auto import tqdm

from sdv_llmgan.errors import SamplingError
from sdv_llmgan.formats.words import plural
from sdv_llmgan.scale.arrow import to_arrow
from sdv_llmgan.scale.engines import Engine
from sdv_llmgan.scale.folder import Folder

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Part:
    """Some rows of a table, and all that they depend on beside the fit and the seed.

    Attributes:
        number: Of the part, from 0: it gives the random stream.
        first_row: The number of its first row in the whole table, from 0: it gives the keys.
        num_rows: >= 1.
        known: Columns that are known; ``None``: none.
    """

    number: int
    first_row: int
    num_rows: int
    known: pd.DataFrame | None = None


def split(num_rows: int, rows_per_part: int) -> Iterator[Part]:
    """Parts of so many rows, but for the last one."""
    for number, first in enumerate(range(0, num_rows, rows_per_part)):
        yield Part(number, first, min(rows_per_part, num_rows - first))


def complete(known: Iterable[pd.DataFrame]) -> Iterator[Part]:
    """Parts of rows of which some columns are known."""
    first = 0
    for number, rows in enumerate(known):
        yield Part(number, first, len(rows), rows)
        first += len(rows)


@dataclass(frozen=True)
class Job:
    """What the workers on a folder share.

    Attributes:
        draw: Plain rows of a part; it holds the fitted synthesizer.
        schema: The types of every file.
        folder: Where files go.
        process: That asked for them: its workers end with it.
    """

    draw: Callable[[Part], pd.DataFrame]
    schema: pa.Schema
    folder: Folder
    process: int = field(default_factory=os.getpid)

    def to_bytes(self) -> bytes:
        """As a worker takes it."""
        packed: bytes = cloudpickle.dumps(self)
        return packed

    def write(self, part: Part) -> int:
        """Draw a part and write its file.

        Returns:
            How many rows there are.

        Raises:
            SamplingError: Not all of its rows could be had.
        """
        rows = self.draw(part)
        if len(rows) != part.num_rows:
            raise SamplingError(
                f'Part {part.number}: {plural(part.num_rows, "row")} were wanted, {len(rows)} '
                'could be had. Constraints or conditions leave too few; nothing of this part is '
                'written.'
            )
        self.folder.write(part.number, to_arrow(rows, self.schema))
        return part.num_rows


@lru_cache(maxsize=1)
def _loaded(packed: bytes) -> Job:
    """Once a worker."""
    job: Job = cloudpickle.loads(packed)
    if os.getppid() == job.process:
        threading.Thread(target=_end_with, args=(job.process,), daemon=True).start()
    return job


def _end_with(process: int) -> None:
    """End this worker when the process that started it was killed: else it would hold memory on."""
    while os.getppid() == process:
        time.sleep(1)
    os._exit(1)


def _write(packed: bytes, part: Part) -> int:
    """``Job.write`` in a worker, which unpacks the job once."""
    return _loaded(packed).write(part)


def write_parts(
    job: Job, parts: Iterable[Part], run: Engine | None, total: int, *, show: bool
) -> None:
    """Write what is not there yet.

    Args:
        job: What the workers share.
        parts: All of them.
        run: Who works on them; ``None``: this process, as it is.
        total: Rows of all parts.
        show: Whether there is a progress bar.
    """
    with tqdm(total=total, unit=' rows', unit_scale=True, disable=not show) as bar:

        def missing() -> Iterator[Part]:
            for part in parts:
                if job.folder.is_written(part.number, part.num_rows):
                    bar.update(part.num_rows)
                else:
                    yield part

        if run is None:
            written: Iterator[int] = map(job.write, missing())
        else:
            written = run(_write, job.to_bytes(), missing())
        for count in written:
            bar.update(count)
