"""Rows by partition: each a pure function of fit, seed and partition, so any worker draws it."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from sdv_llmgan.formats.table_files import need_reader
from sdv_llmgan.rules.conditions import RangeCondition, check_num_rows
from sdv_llmgan.scale.arrow import schema_of
from sdv_llmgan.scale.by_row import Cycled, altered
from sdv_llmgan.scale.engines import find_engine
from sdv_llmgan.scale.folder import Folder
from sdv_llmgan.scale.known import Known
from sdv_llmgan.scale.made_up import check_sizes, columns_by_row, standing_at
from sdv_llmgan.scale.manifest import Manifest, fingerprint, versions
from sdv_llmgan.scale.parts import Job, Part, complete, split, write_parts
from sdv_llmgan.synthesizer.sampling import Sampling
from sdv_llmgan.table.types import SDVData

if TYPE_CHECKING:
    import pyarrow as pa

MethodT = TypeVar('MethodT', bound=Callable[..., object])
PartitionsT = TypeVar('PartitionsT', bound='Partitions')
#: What SDV's ``sample`` takes and its ``sample_from_conditions`` does not.
NOT_OF_CONDITIONS = ('self', 'num_rows', 'main_table_name')
#: Rows in a file; of fifteen columns about 50 MB in memory.
ROWS_PER_FILE = 100_000
#: Rows that types are learned from, and that a fit is known by.
TYPED_ROWS, PROBED_ROWS = 1_000, 8


def _as_sdv_says(method: MethodT) -> MethodT:
    """Show SDV's parameters, which differ between its lines, and those of this class."""
    theirs = inspect.signature(Sampling.sample)
    ours = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, default in (('seed', None), ('missing', True))
    ]
    shown = theirs.replace(parameters=[*theirs.parameters.values(), *ours])
    method.__dict__['__signature__'] = shown
    return method


class Partitions(Sampling):
    """The part of ``LLMGANSynthesizer`` that draws one table in many places."""

    def seeded(self: PartitionsT, seed: int, partition: int = 0, first_row: int = 0) -> PartitionsT:
        """A copy that samples from the start of a random stream of its own.

        Streams of different seeds or partitions are distinct (``numpy.random.SeedSequence``), and
        so are keys of different rows. Whatever was sampled before changes nothing.

        Args:
            seed: Of the whole table, >= 0.
            partition: Which part of it, >= 0.
            first_row: The number in the whole table of the first row that is sampled, >= 0. Keys
                depend on it.

        Raises:
            NotFittedError: There was no fit.
            ValueError: A number is out of range.
        """
        return self._standing_at(seed, partition, first_row)

    def _standing_at(
        self: PartitionsT, seed: int, partition: int, first_row: int, known: Collection[str] = ()
    ) -> PartitionsT:
        """See ``seeded``; made-up values of known columns are overwritten, so they may repeat."""
        for name, value in (('seed', seed), ('partition', partition), ('first_row', first_row)):
            check_num_rows(value, name, least=0)
        rows, made_up = np.random.SeedSequence(seed, spawn_key=(partition,)).spawn(2)
        self._validate_fit_before_sample()
        model = None if self._model is None else altered(self._model)
        if model is not None:  # a table of keys has none
            model.set_random_state(rows)
        by_row = {
            name: Cycled(values) if name in known else values
            for name, values in columns_by_row(self._data_processor).items()
        }
        own = standing_at(self._data_processor, by_row, first_row, made_up)
        return altered(self, _model=model, _data_processor=own, _random_state_set=True)

    @_as_sdv_says
    def sample(
        self,
        num_rows: int,
        *args: object,
        seed: int | None = None,
        missing: bool = True,
        **rest: Any,  # noqa: ANN401
    ) -> SDVData:
        """Sample rows, as every SDV synthesizer does.

        Args:
            num_rows: How many, >= 0.
            args: See SDV's ``sample``.
            seed: The same seed gives the same rows, whatever was sampled before; ``None``: rows
                that go on where the last call ended.
            missing: Whether cells may be missing, as in the training table. If not, rows are drawn
                as they are where no cell is missing (not filled afterwards), keys and personal data
                left aside: the condition ``(None, None)`` on each column with gaps.
            rest: See SDV's ``sample``.

        Raises:
            SamplingError: No row could be had.
            ValueError: No cell is to be missing, and a column has no value in any training row.
        """
        if seed is not None:
            return self.seeded(seed).sample(num_rows, *args, seed=None, missing=missing, **rest)
        if not missing and (known := self._known(num_rows)):
            asked = inspect.signature(Sampling.sample).bind(self, num_rows, *args, **rest).arguments
            told = {name: asked[name] for name in asked if name not in NOT_OF_CONDITIONS}
            given: SDVData = self.sample_from_conditions([known], **told)
            return given
        sampled: SDVData = super().sample(num_rows, *args, **rest)
        return sampled

    def _known(self, num_rows: int) -> RangeCondition | None:
        """The condition that no cell is missing; ``None``: none ever is."""
        check_num_rows(num_rows, least=0)
        self._validate_fit_before_sample()
        schema = () if self._model is None else self.get_fitted_model().schema
        gapped = {column.name: (None, None) for column in schema if column.nullable}
        return RangeCondition(gapped, num_rows) if gapped and num_rows else None

    def draw(
        self,
        partition: int,
        num_rows: int,
        seed: int = 0,
        *,
        first_row: int | None = None,
        known: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """Draw one part of a table that is drawn in many places.

        A pure function of the fit and its arguments: the same rows on any engine, by any number of
        workers, in any order. Keys are unique over all parts.

        Args:
            partition: Which part, >= 0.
            num_rows: In this part, >= 1.
            seed: Of the whole table, >= 0.
            first_row: The number of its first row in the whole table, >= 0; ``None``: all parts
                before it have as many rows as this one.
            known: Columns that are known, ``num_rows`` rows; ``None``: none. Keys among them are
                kept.

        Returns:
            Rows as ``sample`` returns them, shape (num_rows, n_columns), in SDV 2 as well.

        Raises:
            SamplingError: No row could be had, or a key's format has too few values.
            ValueError: A number is out of range, or known values are impossible.
        """
        check_num_rows(num_rows)
        check_num_rows(partition, 'partition', least=0)
        if known is not None and len(known) != num_rows:
            raise ValueError(f'{num_rows} rows are asked for, and {len(known)} are known.')
        if known is not None:
            self._validate_fit_before_sample()
            self._validate_known_columns(known)
        first = partition * num_rows if first_row is None else first_row
        return self._draw_part(seed, Part(partition, first, num_rows, known))

    def sample_to(
        self,
        folder: str | os.PathLike[str],
        num_rows: int | None = None,
        seed: int = 0,
        rows_per_file: int = ROWS_PER_FILE,
        engine: str = 'processes',
        *,
        workers: int | None = None,
        scheduler: str | None = None,
        known: str | os.PathLike[str] | pd.DataFrame | None = None,
    ) -> Manifest:
        """Write a table of any size as Parquet files, in parts, and go on where it was stopped.

        Files that are there are not drawn again; the same call after a kill ends with the same
        bytes. Rows that a model writes (``sampler='llm'``) are asked for in this process, under its
        budget and cache.

        Args:
            folder: Where files go, beside ``_manifest.json``; made where it is missing.
            num_rows: In all, >= 1; ``None``: as many as ``known`` has.
            seed: >= 0; the same seed gives the same rows, whatever the engine.
            rows_per_file: >= 1. Another number gives other rows.
            engine: ``'processes'`` of this machine, or ``'dask'``.
            workers: How many, >= 1; ``None``: one a core.
            scheduler: Address of Dask's, whose workers see the folder; ``None``: one here.
            known: Columns that are known: a table, a Parquet file (read part by part) or a CSV file
                (read whole). Keys are kept; all rows are checked before a file is written.

        Returns:
            What was written.

        Raises:
            ImportError: pyarrow, or Dask, is not installed.
            NotFittedError: There was no fit.
            SamplingError: A key's format has too few values, a part's rows could not be had, or a
                worker was lost.
            ValueError: An argument is out of range, a known row cannot be, or the folder holds
                other rows.
        """
        need_reader('Parquet')
        asks_model = self._asks_model(engine)
        run = find_engine(engine, workers, scheduler)
        check_num_rows(rows_per_file, 'rows_per_file')
        check_num_rows(seed, 'seed', least=0)
        wishes = None if known is None else self.read_known(known)
        total = self._num_rows(num_rows, wishes, rows_per_file)
        schema, there = self._arrow_schema(), Folder(Path(folder).absolute())
        manifest = Manifest(
            *(self._fingerprint(asks_model=asks_model), seed, total, rows_per_file),
            known=wishes.fingerprint() if wishes else None,
            types={field.name: str(field.type) for field in schema},
            versions=versions(),
        )
        there.begin(manifest)
        parts = complete(wishes.parts(rows_per_file)) if wishes else split(total, rows_per_file)
        job = Job(partial(self._draw_part, seed), schema, there)
        write_parts(job, parts, None if asks_model else run, total, show=self.verbose)
        return there.finish(manifest)

    def _num_rows(self, num_rows: int | None, known: Known | None, held: int) -> int:
        """How many rows a table is to have, all of which can be had."""
        if known is None:
            check_num_rows(num_rows)
            total = int(num_rows or 0)
        else:
            total = known.num_rows
        if num_rows not in (None, total):
            raise ValueError(f'{num_rows} rows are asked for, and {total} are known.')
        given = set() if known is None else set(map(str, next(known.parts(1))))
        if known is not None:
            self._check_known(known, held)
        made = columns_by_row(self._data_processor).items()
        check_sizes({name: values for name, values in made if name not in given}, total)
        return total

    def read_known(self, source: str | os.PathLike[str] | pd.DataFrame) -> Known:
        """Known columns of a file, in which text of the fitted table is text.

        Args:
            source: A Parquet file, a CSV file of any form, or a table.

        Raises:
            FileNotFoundError: There is no such file.
            NotFittedError: There was no fit.
            ValueError: It cannot be read, or has no rows.
        """
        self._validate_fit_before_sample()
        if self._model is None:
            raise ValueError('All columns of the table are made up; known ones decide nothing.')
        return Known.of(source, self._typed_rows())

    def _asks_model(self, engine: str) -> bool:
        """Whether rows come from a model, which is asked in this process only."""
        self._validate_fit_before_sample()
        if self._model is None:  # a table of keys
            return False
        asks_model = self.get_fitted_model().sampler.sampler.asks_model
        if asks_model and engine == 'dask':
            raise ValueError(
                f'Rows of a model are asked for in this process, under its budget; engine='
                f"{engine!r} is for samplers that ask none, such as sampler='distilled'."
            )
        return asks_model

    def _draw_part(self, seed: int, part: Part) -> pd.DataFrame:
        """The rows of a part."""
        known_names = [] if part.known is None else list(map(str, part.known))
        twin = self._standing_at(seed, part.number, part.first_row, known_names)
        if part.known is None:
            rows = twin._sample_with_progress_bar(part.num_rows, show_progress_bar=False)
        else:
            rows = twin._sample_with_conditions(part.known.reset_index(drop=True), 100, None)
        if len(self._original_columns):
            rows = rows.set_axis(self._original_columns, axis=1)
        return rows.reset_index(drop=True)

    def _arrow_schema(self) -> pa.Schema:
        """Types of all files."""
        whole = () if self._model is None else self.get_fitted_model().schema.whole_numbers
        return schema_of(self._typed_rows(), whole)

    def _typed_rows(self) -> pd.DataFrame:
        """Training rows as they would be drawn; of a table of keys, drawn ones."""
        if self._model is None:
            return self._draw_part(0, Part(0, 0, PROBED_ROWS))
        fitted, twin = self.get_fitted_model(), self.seeded(0)
        plain = fitted.schema.from_plain(fitted.training.head(TYPED_ROWS).reset_index(drop=True))
        rows = twin._data_processor.reverse_transform(plain)
        return twin.reverse_transform_constraints(rows)

    def _fingerprint(self, *, asks_model: bool) -> str:
        """What tells this fit from others: its process and, where they are free, some rows."""
        told = [json.dumps(self._original_metadata.to_dict(), default=str)]
        if self._model is not None:
            fitted = self.get_fitted_model()
            told = [fitted.source, fitted.process.to_json(), json.dumps(fitted.schema.to_dict())]
        if asks_model:
            told.append(self._loop().generator.provider.name)
        else:
            told.append(self._draw_part(0, Part(0, 0, PROBED_ROWS)).to_json(default_handler=str))
        return fingerprint(*(text.encode() for text in told))
