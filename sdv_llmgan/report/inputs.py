"""The tables of a report, cleaned so that no odd column stops a figure.

real, synthetic, held out, metadata -> Inputs -> figures, each with its value or its reason
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from sdv.metadata import Metadata

from sdv_llmgan.egress.column_view import ColumnView
from sdv_llmgan.formats.words import and_list
from sdv_llmgan.metrics.encoding import NUMBER_SDTYPES, column_sdtypes, datetime_formats
from sdv_llmgan.report.content import Score
from sdv_llmgan.table.dates import to_datetime, unreadable, zone_of
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.types import Cell, SDVData, SDVMetadata

#: Rows of each table, at most, that are compared row by row.
MAX_ROWS = 5_000
SEED = 0
NO_HOLDOUT = 'No held-out rows were given, and this needs real rows that were not learned from.'


@dataclass(frozen=True)
class Inputs:
    """What a report is made of.

    Attributes:
        real: The rows that were learned from, as given, shape (n_real, n_columns).
        synthetic: Shape (n_synthetic, n_columns).
        holdout: Real rows that were not learned from, or ``None``.
        metadata: SDV's metadata of the table.
        sdtypes: The sdtype of each column that is compared: no key, no personal data, and not
            without any value.
        left_out: Columns that are not compared, each with the reason.
        target: The column to predict, or ``None``.
    """

    real: pd.DataFrame
    synthetic: pd.DataFrame
    holdout: pd.DataFrame | None
    metadata: Metadata
    sdtypes: Mapping[str, str]
    left_out: Mapping[str, str]
    target: str | None

    @classmethod
    def of(
        cls,
        real: SDVData,
        synthetic: SDVData,
        holdout: SDVData | None,
        metadata: SDVMetadata,
        target: str | None,
    ) -> Inputs:
        """Read what a user gave.

        Raises:
            ValueError: A table is empty or lacks a column, or the target is no column.
        """
        metadata = _as_metadata(metadata)
        declared = next(iter(metadata.to_dict()['tables'].values()))
        names = list(declared['columns'])
        real = _only_table(real, names, 'real')
        synthetic = _only_table(synthetic, names, 'synthetic')
        holdout = None if holdout is None else _only_table(holdout, names, 'held-out')
        sdtypes = column_sdtypes(real, declared)
        keys = declared.get('primary_key') or []
        for key in [keys] if isinstance(keys, str) else keys:
            sdtypes.pop(key, None)
        left_out = dict.fromkeys(
            (name for name in names if name not in sdtypes), 'a key or personal data; made up'
        )
        formats = datetime_formats(metadata)
        for name, sdtype in list(sdtypes.items()):
            if sdtype == 'datetime' and (why := unreadable(formats.get(name) or '')):
                del sdtypes[name]
                left_out[name] = f'of a datetime format that cannot be read: {why}'
            elif not _clean(real[name], sdtype, formats.get(name)).notna().any():
                del sdtypes[name]
                left_out[name] = 'no values in the real table that can be read as its type'
        if target is not None and target not in sdtypes:
            raise ValueError(
                f'The target must be a column with values to learn, got {target!r}. '
                f'It can be: {", ".join(sdtypes)}.'
            )
        return cls(real, synthetic, holdout, metadata, sdtypes, left_out, target)

    @property
    def declared(self) -> dict[str, Any]:
        """The metadata of the columns that are compared, in SDMetrics' form."""
        # Detection skips booleans; here they are categories, as in the benchmark.
        columns = {
            name: {'sdtype': sdtype if sdtype in NUMBER_SDTYPES else 'categorical'}
            for name, sdtype in self.sdtypes.items()
        }
        for name, form in datetime_formats(self.metadata).items():
            if form is not None and self.sdtypes.get(name) == 'datetime':
                columns[name]['datetime_format'] = form
        return {'columns': columns}

    def dated(self) -> Inputs:
        """The tables with dates as datetime64[ns]: of text, SDMetrics reads some forms only."""
        dates = [name for name, sdtype in self.sdtypes.items() if sdtype == 'datetime']

        def read(table: pd.DataFrame) -> pd.DataFrame:
            return table.assign(**{name: self._cleaned(table, name) for name in dates})

        holdout = None if self.holdout is None else read(self.holdout)
        return replace(self, real=read(self.real), synthetic=read(self.synthetic), holdout=holdout)

    def _cleaned(self, table: pd.DataFrame, name: str) -> pd.Series:
        """A column of one of the tables; dates by the clock of the real one."""
        form = datetime_formats(self.metadata).get(name)
        return _clean(table[name], self.sdtypes[name], form, zone_of(self.real[name]))

    def schema(self) -> TableSchema:
        """The compared columns as the analyzer takes them, figures of them rounded."""
        schema = TableSchema.from_sdv(self.metadata, self.real)
        plain = schema.to_plain(self.real)
        return TableSchema(
            tuple(
                # Of categories the analyzer itself names no rare one.
                column
                if column.kind == 'categorical'
                else ColumnView.sent(column, plain[column.name], capped=True).column
                for column in schema
                if column.name in self.sdtypes
            )
        )

    def compared(self, table: pd.DataFrame) -> pd.DataFrame:
        """The compared columns in one form each, ``MAX_ROWS`` rows at most.

        Numbers are floats, dates datetime64[ns] on the wall's clock, everything else text; what
        is missing, or no number or date, is NaN, NaT or None.
        """
        if len(table) > MAX_ROWS:
            table = table.sample(MAX_ROWS, random_state=SEED)
        return pd.DataFrame({
            name: self._cleaned(table, name) for name in self.sdtypes
        }).reset_index(drop=True)


def measure(score: Score, compute: Callable[[], float | None]) -> Score:
    """A score with its value, or with the reason why there is none."""
    try:
        value = compute()
    except Exception as error:  # noqa: BLE001 - a report says what failed, and goes on
        said = ' '.join(str(error).split()) or type(error).__name__
        return replace(score, reason=f'It could not be computed: {said[:300]}')
    if value is None or not math.isfinite(value):
        return replace(score, reason='The tables hold too little that it could compare.')
    return replace(score, value=float(value))


def attempt(compute: Callable[[], float | None]) -> float | None:
    """A value that is held against a score, or ``None`` where there is none."""
    return measure(Score('', '', 'higher is better', ''), compute).value


@contextmanager
def repeatable() -> Iterator[None]:
    """Fix numpy's global randomness, which SDMetrics draws from; silence its warnings."""
    state = np.random.get_state()
    np.random.seed(SEED)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        np.random.set_state(state)


def _as_metadata(metadata: SDVMetadata) -> Metadata:
    if isinstance(metadata, Metadata):
        return metadata
    as_dict = metadata if isinstance(metadata, Mapping) else metadata.to_dict()
    return Metadata.load_from_dict(dict(as_dict), single_table_name='table')


def _only_table(given: object, names: list[str], kind: str) -> pd.DataFrame:
    if isinstance(given, Mapping):
        if len(given) != 1:
            raise ValueError(f'The {kind} data must be one table, got {len(given)}.')
        given = next(iter(given.values()))
    if not isinstance(given, pd.DataFrame):
        raise ValueError(f'The {kind} data must be a DataFrame, got {type(given).__name__}.')
    if lacking := [name for name in names if name not in given.columns]:
        raise ValueError(
            f'The {kind} table lacks {and_list(lacking)}; it has {and_list(list(given.columns))}.'
        )
    if given.empty:
        raise ValueError(f'The {kind} table has no rows.')
    return given[names].reset_index(drop=True)


def _clean(column: pd.Series, sdtype: str, stored_format: str | None, zone: str = '') -> pd.Series:
    if sdtype == 'numerical':
        numbers = pd.to_numeric(column, errors='coerce').astype(float)
        return numbers.where(np.isfinite(numbers))
    if sdtype == 'datetime':
        return to_datetime(
            column, None if column.dtype.kind == 'M' else stored_format, zone, errors='coerce'
        )
    return column.astype(object).where(column.notna(), None).map(_as_text, na_action='ignore')


def _as_text(value: Cell) -> str:
    """A category as text in which 1, 1.0 and '1' are one."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
