"""Sampling through SDV: all rows of a request together, under conditions of any kind."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any

import pandas as pd
from pandas.api.types import is_numeric_dtype
from rdt.transformers import FloatFormatter
from sdv.single_table.base import FIXED_RNG_SEED
from tqdm.auto import tqdm

from sdv_llmgan.errors import SamplingError
from sdv_llmgan.loop.loop import LLMGAN
from sdv_llmgan.roles.interpreter import interpret
from sdv_llmgan.rules.conditions import (
    RangeCondition,
    check_num_rows,
    exact_values,
    has_choices,
    to_allowed,
)
from sdv_llmgan.scale.known import Known
from sdv_llmgan.synthesizer.results import Results
from sdv_llmgan.table.column import is_missing, quote
from sdv_llmgan.table.schema import declared_keys
from sdv_llmgan.table.types import SDVData
from sdv_llmgan.table.wanted import Wanted

LOGGER = logging.getLogger(__name__)


class Sampling(Results):
    """The part of ``LLMGANSynthesizer`` that samples."""

    enforce_min_max_values: bool

    # Of SDV's base class.
    _reject_sampling_constraints: list[Any]
    _chained_constraints: list[Any]

    def _sample_with_progress_bar(
        self,
        num_rows: int | None,
        max_tries_per_batch: int = 100,
        batch_size: int | None = None,
        *args: object,
        **rest: object,
    ) -> pd.DataFrame:
        if num_rows is not None:  # which SDV explains
            check_num_rows(num_rows, least=0)
        if batch_size is not None:
            check_num_rows(batch_size, 'batch_size')
        sampled: pd.DataFrame = super()._sample_with_progress_bar(
            num_rows, max_tries_per_batch, batch_size, *args, **rest
        )
        return sampled

    def _sample(self, num_rows: int, conditions: Mapping[str, Any] | None = None) -> pd.DataFrame:
        if conditions:
            raise NotImplementedError  # SDV then draws rows until enough of them match
        return self._draw(Wanted.unconditioned(num_rows))

    def _draw(self, wanted: Wanted) -> pd.DataFrame:
        model = self._loop()
        model.ledger.guard.allow(self.budget)
        return model.fitted.schema.from_plain(model.sample(wanted))

    def _sample_batch(self, batch_size: int, max_tries: int = 100, **rest: object) -> pd.DataFrame:
        # Rejected rows are asked for again by the sampler, within its bound. SDV's own loop would
        # begin anew up to max_tries times; it is left where only SDV can check a constraint.
        tries = min(max_tries, 1 + self.max_top_ups) if self._has_unchecked_rules() else 1
        rows = super()._sample_batch(batch_size, max_tries=tries, **rest)
        if not len(rows):
            raise SamplingError(f'No row of {tries} rounds kept all constraints.')
        return rows

    def _has_unchecked_rules(self) -> bool:
        """Whether SDV drops rows that the sampler found good."""
        model: LLMGAN | None = self._model
        return bool(self._chained_constraints or (model and model.fitted.rules.unchecked))

    def _make_condition_dfs(self, conditions: Sequence[Any]) -> list[pd.DataFrame]:
        ranges = [condition for condition in conditions if isinstance(condition, RangeCondition)]
        others = [condition for condition in conditions if condition not in ranges]
        return [
            *super()._make_condition_dfs(others),
            *(condition.to_frame() for condition in ranges),
        ]

    def _validate_conditions_unseen_columns(self, conditions: pd.DataFrame) -> None:
        """Refuse conditions that no row can meet, before any call."""
        super()._validate_conditions_unseen_columns(conditions)
        if self._chained_constraints and has_choices(conditions):
            raise ValueError(
                'Ranges and sets do not go with a constraint on columns that another constraint '
                'makes; single values do.'
            )
        self.get_fitted_model().rules.check(self._begin(conditions))

    def _validate_known_columns(self, conditions: pd.DataFrame) -> None:
        """Refuse known rows that cannot be, by their number; known keys are kept as they are."""
        self._check_known(Known.of(conditions), len(conditions))

    def _check_known(self, known: Known, num_rows: int) -> None:
        """See whether all known rows can be, so many of them in memory at a time."""
        known.check(self._check_known_rows, num_rows)
        names = set(next(known.parts(1)))
        keys = declared_keys(self._original_metadata)
        known.check_keys([key for key in keys if names.issuperset(key)], num_rows)

    def _check_known_rows(self, rows: pd.DataFrame) -> None:
        primary = declared_keys(self._original_metadata)[:1]
        kept = [name for key in primary for name in key if name in rows]
        kept = [] if self._chained_constraints else kept  # SDV's own sampling keeps no key
        for name in kept:
            if rows[name].map(is_missing).any():
                raise ValueError(
                    f'{quote(name)} cannot be missing: it is the key. Leave the column out for '
                    'made-up keys.'
                )
        self._validate_conditions_unseen_columns(rows.drop(columns=kept))
        unseen = set(rows) - set(self.get_fitted_model().schema.names)
        for column in sorted(unseen, key=str):
            if is_numeric_dtype(self._data_processor._dtypes[column]):
                _check_numbers(rows[column])

    def _begin(self, wishes: pd.DataFrame) -> pd.DataFrame:
        """What conditions settle of the columns that the model sees, as ``Allowed`` by cell."""
        schema = self.get_fitted_model().schema
        changed = self._changed([name for name in wishes if name in schema.names])
        if has_choices(wishes[changed]):
            raise ValueError(
                f'{", ".join(map(quote, changed))}: a column that your own transformer changes '
                'can be conditioned on single values only.'
            )
        if changed:
            seen = self._data_processor.transform(wishes[changed], is_condition=True)
            wishes = wishes.assign(**{name: seen[name].to_numpy() for name in changed})
        return to_allowed(wishes, schema, self.enforce_min_max_values)

    def _changed(self, names: Sequence[str]) -> list[str]:
        """Those of these columns that the user's own transformers change."""
        found = self._data_processor._hyper_transformer.field_transformers
        # FloatFormatter leaves numbers as they are.
        return [n for n in names if not isinstance(found.get(n), (NoneType, FloatFormatter))]

    def _sample_with_conditions(
        self,
        conditions: pd.DataFrame,
        max_tries_per_batch: int,
        batch_size: int | None,
        progress_bar: tqdm[Any] | None = None,
        output_file_path: str | None = None,
        keep_extra_columns: bool = False,
    ) -> pd.DataFrame:
        """Complete all rows together, where SDV would go condition by condition."""
        if self._chained_constraints:
            return super()._sample_with_conditions(
                *(conditions, max_tries_per_batch, batch_size, progress_bar),
                *(output_file_path, keep_extra_columns),
            )
        if not self._random_state_set:
            self._set_random_state(FIXED_RNG_SEED)
        wishes = conditions.reset_index(drop=True)
        parts, left = [], wishes
        for _ in range(1 + self.max_top_ups * self._has_unchecked_rules()):
            parts.append(self._complete(left))
            left = left.drop(parts[-1].index)
            if not len(left):
                break
        rows = pd.concat(parts)
        rows = rows.set_axis(conditions.index[rows.index]).sort_index(kind='stable')
        if output_file_path:
            is_new = not (os.path.exists(output_file_path) and os.path.getsize(output_file_path))
            rows.to_csv(output_file_path, index=False, mode='a', header=is_new)
        if progress_bar is not None:
            progress_bar.update(len(rows))
        return rows

    def _complete(self, wishes: pd.DataFrame) -> pd.DataFrame:
        """Rows for wishes, each with the index of the one that it meets."""
        drawn = self._draw(Wanted(self._begin(wishes)))
        wishes = wishes.loc[drawn.index].reset_index(drop=True)
        rows = self._data_processor.reverse_transform(drawn.reset_index(drop=True))
        for name in wishes:
            # SDV rounds and clips numbers, and makes up what the model does not see.
            if name not in drawn or is_numeric_dtype(drawn[name]):
                rows[name] = exact_values(wishes[name], rows[name])
        rows = self.reverse_transform_constraints(rows)
        return rows.set_axis(drawn.index[rows.index])

    def conditions_from_description(self, description: str, num_rows: int = 1) -> RangeCondition:
        """Have the model turn words into a condition, in one call; print it to see it.

        Args:
            description: Which rows are wanted, such as ``'smokers over 60 with two children'``.
            num_rows: How many, >= 1.

        Raises:
            ReplyError: The model did not answer in the form asked for.
            ValueError: The words say what cannot be checked on the columns, or no row can meet.
        """
        self._validate_fit_before_sample()
        model = self.get_fitted_model()
        condition = interpret(
            description,
            num_rows,
            model.schema,
            self._loop().generator.provider,
            context=model.process.context,
            told=model.view.named,
        )
        self._validate_conditions_unseen_columns(condition.to_frame())
        return condition

    def sample_from_description(
        self,
        description: str,
        num_rows: int,
        **sampling: object,
    ) -> SDVData:
        """Sample rows that a description in words fits.

        The words become a condition once, which is logged; every row is checked against it.

        Args:
            description: Which rows are wanted.
            num_rows: How many, >= 1.
            sampling: Other arguments of ``sample_from_conditions``.

        Raises:
            ReplyError: The model did not answer in the form asked for.
            ValueError: The words say what cannot be checked on the columns, or no row can meet.
        """
        condition = self.conditions_from_description(description, num_rows)
        LOGGER.warning('%r was read as %r.', description, condition)  # shown without set-up too
        return self.sample_from_conditions([condition], **sampling)


def _check_numbers(cells: pd.Series) -> None:
    """See whether a column that the model does not see holds numbers, as in the fitted table."""
    wrong = cells[pd.to_numeric(cells, errors='coerce').isna() & cells.notna()]
    if len(wrong):
        raise ValueError(f'{quote(cells.name)} cannot be {wrong.iloc[0]!r}: it holds numbers.')
