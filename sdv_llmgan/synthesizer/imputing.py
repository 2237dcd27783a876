"""Missing cells of a table filled: the table as the user has it, in and out.

table -> plain rows, once for each draw -> gaps filled under the rules -> the table's own form
What models do not see (keys, personal data) is made up as in a sample.
"""

from __future__ import annotations

import warnings
from copy import deepcopy

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype, is_object_dtype

from sdv_llmgan.errors import SamplingError
from sdv_llmgan.formats.words import plural
from sdv_llmgan.rules.conditions import KINDS, check_num_rows
from sdv_llmgan.samplers.filling import Filling
from sdv_llmgan.samplers.local import LocalSampler
from sdv_llmgan.synthesizer.partitions import Partitions
from sdv_llmgan.table.column import Column, quote
from sdv_llmgan.table.plain import to_plain
from sdv_llmgan.table.schema import declared_names
from sdv_llmgan.table.types import SDVData


class Imputing(Partitions):
    """The part of ``LLMGANSynthesizer`` that fills gaps."""

    def impute(
        self, table: SDVData, draws: int = 1, seed: int = 0
    ) -> pd.DataFrame | list[pd.DataFrame]:
        """Fill the missing cells of a table, given the cells that are there.

        Each is drawn from its distribution given all other cells of its row, so that filled tables
        scatter and hang together as the data does; several draws show how sure a cell is. The local
        sampler fills: no model is asked, and nothing is sent. That a cell is missing is taken to
        say nothing of its value, given the row's other cells. Keys and personal data are made up.

        Args:
            table: The table that was fitted on, or another one with columns of it, shape (n_rows,
                n_columns). Columns that it lacks are filled whole, and come last.
            draws: How many filled tables are wanted, >= 1.
            seed: The same seed gives the same cells, >= 0.

        Returns:
            The table with its index, its columns in their order, and the cells that are there as
            they are; with ``draws`` above 1 a list of so many tables, each drawn anew. A dtype is
            another one only where no cell of a column is there, or where it cannot hold a value.
            A column that has no value in any training row stays missing.

        Raises:
            NotFittedError: There was no fit.
            SamplingError: A key's format has too few values.
            ValueError: The table has other columns, or values that the fitted ones cannot have; or
                there is no local sampler (``sampler='llm'``).
        """
        check_num_rows(draws, 'draws')
        check_num_rows(seed, 'seed', least=0)
        self._validate_fit_before_sample()
        filling = self._filling()
        given = table if isinstance(table, pd.DataFrame) else next(iter(table.values()))
        whole = self._whole(given)
        if not len(whole):
            return whole if draws == 1 else [whole.copy() for _ in range(draws)]
        rows = self._plain(whole)
        every = pd.concat([rows] * draws, ignore_index=True)
        filled, broken = filling.fill(every, np.random.default_rng(seed))
        if broken:
            warnings.warn(
                f'The cells that are there leave no way to keep all rules, or none was found: '
                f'{dict(broken)}, in {draws} x {len(rows)} rows.',
                stacklevel=1,
            )
        drawn = self._stored(filled, whole, seed)
        tables = [
            _filled_in(whole, drawn.iloc[start : start + len(rows)])
            for start in range(0, len(every), len(rows))
        ]
        names = [*given.columns, *whole.columns[given.shape[1] :]]
        tables = [one.set_axis(names, axis=1) for one in tables]
        return tables[0] if draws == 1 else tables

    def _filling(self) -> Filling:
        """What fills gaps here.

        Raises:
            ValueError: There is nothing that does.
        """
        if self._chained_constraints:
            raise ValueError(
                'Gaps cannot be filled under a constraint on columns that another constraint makes.'
            )
        if self._model is None:
            raise ValueError('All columns of the table are made up by SDV; there is none to fill.')
        fitted = self.get_fitted_model()
        local = fitted.chosen if isinstance(fitted.chosen, LocalSampler) else fitted.local
        if local is None:
            advice = (
                'That would be a fit without the guarantee of this one'
                if fitted.is_private
                else 'Or continue_fit with that'
            )
            raise ValueError(
                f'Gaps are filled by the local sampler, and this fit has none: its rows come from '
                f"{fitted.source!r}. Fit with sampler='distilled' or 'auto'. {advice}; nothing was "
                'sent.'
            )
        return Filling(local, fitted.rules)

    def _whole(self, given: pd.DataFrame) -> pd.DataFrame:
        """The table with names as text, and with the columns that it lacks."""
        known = list(declared_names(self._original_metadata))
        names = [str(name) for name in given.columns]
        if unknown := [name for name in names if name not in known]:
            raise ValueError(
                f'The synthesizer was fitted without {", ".join(map(quote, unknown))}. Columns: '
                f'{", ".join(map(quote, known))}.'
            )
        if len(set(names)) < len(names):
            raise ValueError(f'Names of columns must differ, got {", ".join(map(quote, names))}.')
        lacking = {n: pd.Series(None, given.index, object) for n in known if n not in names}
        return given.set_axis(names, axis=1).assign(**lacking)

    def _plain(self, whole: pd.DataFrame) -> pd.DataFrame:
        """The columns that are modelled, plain."""
        schema = self.get_fitted_model().schema
        seen = whole[list(schema.names)]
        changed = [name for name in self._changed(schema.names) if seen[name].notna().any()]
        if changed:
            turned = self._data_processor.transform(seen[changed], is_condition=True)
            seen = seen.assign(**{name: turned[name].to_numpy() for name in changed})
        return pd.DataFrame({column.name: _plain(seen[column.name], column) for column in schema})

    def _stored(self, filled: pd.DataFrame, whole: pd.DataFrame, seed: int) -> pd.DataFrame:
        """All columns of filled rows as a sample has them, made-up ones where they are needed."""
        schema = self.get_fitted_model().schema
        hidden = [name for name in whole if name not in schema.names and whole[name].isna().any()]
        # A copy: what is made up here is not what the next sample goes on from.
        twin = self.seeded(seed) if hidden else self
        processor = deepcopy(twin._data_processor)
        keys = set(processor._keys) if hidden else set()
        plain = schema.from_plain(filled)
        rows = processor.reverse_transform(plain)
        # As many more, since some may be taken or missing.
        more = pd.concat([rows, processor.reverse_transform(plain)]) if hidden else rows
        made_up = {
            str(name): _made_up(more[name], whole[name], len(rows), is_key=name in keys)
            for name in hidden
        }
        return rows.assign(**made_up)


def _plain(values: pd.Series, column: Column) -> pd.Series:
    """A column of any table in plain form, numbered from 0; columns without a value too."""
    values = values.reset_index(drop=True)
    there = values[values.notna()]
    try:
        plain = to_plain(there, column) if len(there) else there.astype(object)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f'{quote(column.name)} holds {KINDS[column.kind]}, and has others here: {error}'
        ) from error
    plain = plain.reindex(values.index)
    if column.kind in ('integer', 'number'):
        return plain.astype(float)
    return plain.astype('datetime64[ns]') if column.kind == 'datetime' else plain


def _made_up(values: pd.Series, given: pd.Series, count: int, *, is_key: bool) -> np.ndarray:
    """Made-up values for the gaps of a column, which stands ``count / len(given)`` times.

    Keys are none that the column has, and no two of a table are the same.
    """
    there, gaps = values.dropna(), np.flatnonzero(given.isna())
    if is_key:
        there = there[~there.isin(given.dropna())].drop_duplicates()
        if len(there) < len(gaps):
            raise SamplingError(
                f'{quote(str(given.name))} has {plural(len(gaps), "gap")}, and its format leaves '
                f'{plural(len(there), "key")} for them.'
            )
    made_up = np.full(count, None, dtype=object)
    places = np.concatenate([gaps + start for start in range(0, count, len(given))])
    if len(there):
        made_up[places] = np.resize(there.to_numpy(object), len(places))
    return made_up


def _filled_in(table: pd.DataFrame, drawn: pd.DataFrame) -> pd.DataFrame:
    """A table with its gaps from drawn rows, place by place."""
    columns = {name: _cells(table[name], drawn[name]) for name in table}
    return pd.DataFrame(columns, index=table.index)


def _cells(values: pd.Series, drawn: pd.Series) -> pd.Series:
    """A column with its gaps from another, in its own dtype where that can hold them."""
    gaps = values.isna().to_numpy()
    drawn = drawn.set_axis(values.index)
    if not gaps.any():
        return values
    if gaps.all() and (is_object_dtype(values) or not is_numeric_dtype(drawn)):
        return drawn
    if isinstance(values.dtype, pd.CategoricalDtype):
        new = pd.Index(drawn[gaps].dropna().unique()).difference(values.cat.categories)
        values = values.cat.add_categories(new)
    filled = values.copy()
    filled[gaps] = drawn[gaps].astype(filled.dtype).array
    return filled
