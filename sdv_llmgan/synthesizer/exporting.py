"""A fit as a file without training rows, and a synthesizer that draws from one.

fitted distilled sampler -> coarse sampler -> file -> rows drawn from it stand in the place of
training rows -> sample, conditions, gaps as after a fit
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral
from typing import Any, TypeVar

import pandas as pd
import sdv
from sdv.metadata import Metadata

from sdv_llmgan.calls.budget import Ledger
from sdv_llmgan.egress.table_view import View
from sdv_llmgan.errors import EgressError
from sdv_llmgan.export.coarse import CoarseSampler, coarsened
from sdv_llmgan.export.file import Exported
from sdv_llmgan.formats.words import plural
from sdv_llmgan.loop.loop import LLMGAN
from sdv_llmgan.loop.step import Step
from sdv_llmgan.samplers.local import LocalSampler
from sdv_llmgan.synthesizer.build import make_loop
from sdv_llmgan.synthesizer.from_knowledge import NO_MODEL, FromKnowledge
from sdv_llmgan.table.column import quote
from sdv_llmgan.table.released import released
from sdv_llmgan.table.schema import declared_names
from sdv_llmgan.without_rows.beginning import with_keys

ExportingT = TypeVar('ExportingT', bound='Exporting')

#: So many training rows stand behind what a file names.
MIN_ROWS = 5
#: Rows that an exported sampler is learned from.
NUM_ROWS = 20_000
#: Rows that stand in the place of training rows where a file is loaded.
STAND_INS = 4_000
#: Dtypes of keys that are numbers.
DIGITS = re.compile('u?int(16|32|64)|U?Int(16|32|64)|float64|Float64')
#: How a synthesizer comes from a file, in its history.
LOADED = 'loaded from an exported file'


@dataclass(frozen=True)
class ExportSummary:
    """What was written.

    Attributes:
        path: The file.
        min_rows: So many training rows stand behind every level and bin in it, at least.
        num_rows: Drawn rows that it was learned from.
        left_out: Of columns with levels that fewer rows have: how many of these are not in it.
    """

    path: str
    min_rows: int
    num_rows: int
    left_out: Mapping[str, int]

    def __str__(self) -> str:
        words = (
            f'{self.path} holds no training row: it was learned from {self.num_rows:,} drawn rows, '
            f'and at least {self.min_rows} training rows stand behind each value that it names.'
        )
        for name, count in self.left_out.items():
            words += f'\n{quote(name)}: {plural(count, "rarer value")} left out, never drawn.'
        return words


class Exporting(FromKnowledge):
    """The part of ``LLMGANSynthesizer`` that writes and reads files without training rows."""

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        min_rows: int = MIN_ROWS,
        num_rows: int = NUM_ROWS,
    ) -> ExportSummary:
        """Write the distilled sampler to a file that holds no training row; see docs/export.md.

        ``load_sampler`` reads it, and runs no code. The sampler is learned anew from rows that it
        drew, with numbers and dates as bins with round ends. It is no formal guarantee.

        Args:
            path: The file, such as ``'sampler.npz'``; one that is there is written over.
            min_rows: Training rows that have each level in the file, and are in each bin, at
                least, >= 2. Rarer levels are never drawn.
            num_rows: Rows to draw and learn from, from 5,000 on; more tell more of the fit.

        Raises:
            EgressError: A private sampler draws the rows, whose guarantee does not cover the file.
            NotFittedError: The synthesizer has not been fitted.
            ValueError: Rows are not drawn by the distilled sampler; there is free text, a
                constraint or a transformer of your own, which no such file can hold; a column has
                no value that enough rows have; or an argument is out of range.
        """
        _check_whole('min_rows', min_rows, 2)
        _check_whole('num_rows', num_rows, 5_000)
        self._validate_fit_before_sample()
        distilled = self._to_export().distilled
        assert distilled is not None
        coarse = coarsened(distilled, min_rows=min_rows, num_rows=num_rows)
        modelled = set(coarse.columns.names)
        dtypes = self._data_processor._dtypes
        exported = Exported(
            released(self._original_metadata.to_dict()),
            {str(name): str(dtypes[name]) for name in dtypes.index if name not in modelled},
            (self.locales,) if isinstance(self.locales, str) else tuple(self.locales or ()),
            self.enforce_rounding,
            self.enforce_min_max_values,
            coarse,
        )
        exported.write(path)
        return ExportSummary(os.fspath(path), min_rows, num_rows, coarse.left_out)

    def _to_export(self) -> LocalSampler:
        """The sampler that rows are drawn by, if a file can hold all of it."""
        model = self.get_fitted_model()
        if model.is_private:
            raise EgressError(
                f'Rows are drawn by the private sampler {model.source}. An exported file is '
                'learned by the distilled sampler, from training rows, without its guarantee. What '
                'save writes holds no training row after such a fit: hand that over, or rows.'
            )
        if not isinstance(model.chosen, LocalSampler):
            drawn = 'a language model' if model.source == 'llm' else f'the sampler {model.source}'
            raise ValueError(
                f'Rows are drawn by {drawn}, which no exported file can hold. Fit with '
                "sampler='distilled', then export."
            )
        if texts := model.schema.texts:
            raise ValueError(
                f'{", ".join(map(quote, texts))}: free text is drawn from training rows, which no '
                'exported file holds. Mark it as pii in the metadata and fit again: it is made up.'
            )
        rules = [*self._chained_constraints, *self._reject_sampling_constraints]
        if rules:
            names = ', '.join(sorted({type(rule).__name__ for rule in rules}))
            raise ValueError(
                f'The constraints {names} hold code, and may hold training values: no exported '
                'file has them. Fit without constraints, export, and keep the rows that keep them.'
            )
        if changed := self._changed(model.schema.names):
            raise ValueError(
                f'{", ".join(map(quote, changed))}: a transformer of your own changes the column, '
                'and no exported file can hold it. Fit without it.'
            )
        return model.chosen

    @classmethod
    def _from_export(cls: type[ExportingT], path: str | os.PathLike[str]) -> ExportingT:
        try:
            return cls._of(Exported.read(path))
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - of SDV and pandas, whatever a file has them meet
            raise ValueError(f'{os.fspath(path)} cannot be drawn from: {error}') from error

    @classmethod
    def _of(cls: type[ExportingT], exported: Exported) -> ExportingT:
        coarse = exported.sampler
        metadata = Metadata.load_from_dict(dict(exported.metadata))
        metadata.validate()
        modelled = {name for name, is_seen in declared_names(metadata).items() if is_seen}
        if modelled != set(coarse.columns.names):
            raise ValueError(
                'the metadata has other columns than the sampler: '
                f'{", ".join(sorted(map(quote, modelled ^ set(coarse.columns.names))))}.'
            )
        arguments: dict[str, Any] = {
            **NO_MODEL,
            'enforce_min_max_values': exported.enforce_min_max_values,
            'enforce_rounding': exported.enforce_rounding,
            'locales': list(exported.locales),
            'target': coarse.target,
            'causal_graph': [list(edge) for edge in coarse.chain.causal_graph.edges],
            'knowledge': 'none',
            'discriminator': 'logistic',
            'sampler': 'distilled',
            'reject_copies': False,  # they would be copies of nobody
            'cache': False,
            'seed': coarse.seed,
        }
        synthesizer = cls(metadata, **arguments)
        synthesizer._load(exported)
        return synthesizer

    def _load(self, exported: Exported) -> None:
        name, table = next(iter(self._original_metadata.tables.items()))
        sampler = exported.sampler.to_sampler(STAND_INS)
        rows = with_keys(
            exported.sampler.columns.from_plain(sampler.training.rows), dict(table.columns), 0
        )
        for key, dtype in exported.dtypes.items():
            if key in rows and DIGITS.fullmatch(dtype):
                rows[key] = pd.Series(range(len(rows)), dtype=dtype)
        self._made_by = partial(self._loaded, exported.sampler, LocalSampler(sampler))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')  # of how wide a table's prompts would be
                self.fit({name: rows} if int(sdv.__version__.split('.')[0]) >= 2 else rows)
        finally:
            self._made_by = None

    def _loaded(self, coarse: CoarseSampler, sampler: LocalSampler, table: pd.DataFrame) -> LLMGAN:
        """What a file holds, as if it had been fitted: no loop, no call.

        Args:
            coarse: What the file holds.
            sampler: What rows are drawn by.
            table: The rows that stand in for training rows, as SDV hands them over.
        """
        model = make_loop(self, table, Ledger())
        step = Step(0, 0, model.fitted.process)
        step.add_note(
            f'{LOADED}, learned from {coarse.num_rows:,} drawn rows; at least {coarse.min_rows} '
            'training rows stand behind each value that it names'
        )
        model.history.add(step, model.discriminator)
        model.history.stop(LOADED)
        assert sampler.distilled is not None
        fitted = replace(
            model.fitted,
            view=View.everything(sampler.distilled.training.rows, coarse.columns),
            local=sampler,
            source='distilled',
            chosen=sampler,
            exported={'min_rows': coarse.min_rows, 'num_rows': coarse.num_rows},
        )
        fitted.history.end(fitted.origin)
        model.take(fitted)
        return model


def _check_whole(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f'{name} must be a whole number of at least {least}, got {value!r}.')
