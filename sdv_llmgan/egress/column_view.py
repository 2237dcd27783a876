"""One column as it leaves under an egress policy, and the way back.

real value -> itself | range in words | stand-in token | null, which no model writes
           <- itself | any value in it | the one value | one of the rare ones
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from sdv_llmgan.egress.ranges import ranges
from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.table.allowed import Allowed
from sdv_llmgan.table.column import CATEGORIES_IN_PROMPT, NO_SUMMARY, Column, to_json
from sdv_llmgan.table.rounding import beyond
from sdv_llmgan.table.summaries import MIN_ROWS_TOLD, rounded_share, summarized

#: Stands for all categories that are not told, here; no model reads or writes it.
OTHER = '(another value)'


@dataclass(frozen=True)
class ColumnView:
    """One column as models see it.

    Attributes:
        whole: The real column.
        column: The column in its place.
        meanings: Which real values each of its values stands for; ``None``: itself.
        named: The column for words about real values, as a user writes them: without stand-ins.
    """

    whole: Column
    column: Column
    named: Column
    meanings: Mapping[Any, Allowed] | None = None

    @classmethod
    def sent(cls, column: Column, values: pd.Series, *, capped: bool) -> ColumnView:
        """A column as it is, but for what says more than the rows that may leave.

        Args:
            column: The real column.
            values: Its plain training values.
            capped: Whether not all rows may leave. Then figures are told rounded, and categories
                that ``MIN_ROWS_TOLD`` rows have, as many as a prompt lists (the others would
                have to be drawn from training rows).
        """
        if not capped or column.is_empty:
            return cls(column, column, column)
        if column.kind != 'categorical':
            coarse = replace(_rounded(column, values.dropna()), examples=())
            coarse = replace(coarse, missing=_told_missing(column, values))
            return cls(column, coarse, coarse)
        *told, others = _listed(column, values, MIN_ROWS_TOLD)
        if not others:
            shares = tuple(map(rounded_share, column.shares))
            coarse = replace(column, shares=shares, missing=_told_missing(column, values))
            return cls(column, coarse, coarse)
        meanings = {value: Allowed.exactly(value) for (value,) in told}
        other = _other(column)
        shown = cls._of_meanings(column, values, {**meanings, other: Allowed(others)})
        shares = tuple(map(rounded_share, shown.column.shares))
        missing = _told_missing(column, values)
        coarse = replace(shown.column, unsaid=other, shares=shares, missing=missing)
        return replace(shown, column=coarse, named=coarse)

    @classmethod
    def tokens(
        cls, column: Column, values: pd.Series, rng: np.random.Generator, *, capped: bool
    ) -> ColumnView:
        """A column of categories as stand-in tokens, numbered at random."""
        groups = _listed(column, values, 1) if capped else [(v,) for v in _categories(column)]
        groups = [groups[i] for i in rng.permutation(len(groups)) if groups[i]]
        shown = cls._of_meanings(
            column, values, {f'v{i}': Allowed(group) for i, group in enumerate(groups, start=1)}
        )
        if not capped:
            return shown
        least = MIN_ROWS_TOLD / max(1, values.notna().sum())
        shares = (rounded_share(share) if share >= least else 0.0 for share in shown.column.shares)
        return replace(shown, column=replace(shown.column, shares=tuple(shares)))

    @classmethod
    def buckets(cls, column: Column, values: pd.Series, *, capped: bool) -> ColumnView:
        """A column of numbers or dates as ranges with round edges."""
        shown = cls._of_meanings(column, values, ranges(values, column))
        if not capped:
            return shown
        shares = tuple(map(rounded_share, shown.column.shares))
        return replace(shown, column=replace(shown.column, shares=shares))

    @classmethod
    def _of_meanings(
        cls, column: Column, values: pd.Series, meanings: Mapping[Any, Allowed]
    ) -> ColumnView:
        bare = Column(
            column.name,
            'categorical',
            categories=tuple(meanings),
            nullable=column.nullable,
            description=column.description,
        )
        nameless = replace(
            column, categories=(), minimum=None, maximum=None, shares=(), examples=(), **NO_SUMMARY
        )
        shown = cls(column, bare, nameless, meanings)
        shares = shown.values(values).value_counts(normalize=True)
        told = tuple(float(shares.get(label, 0.0)) for label in meanings)
        return replace(shown, column=replace(bare, shares=told))

    @property
    def is_exact(self) -> bool:
        """Whether each of its values stands for one real value."""
        return self.meanings is None or all(cell.is_exact for cell in self.meanings.values())

    def values(self, real: pd.Series) -> pd.Series:
        """Plain values of this column for plain real ones."""
        if self.meanings is None:
            return real
        cells = [self._label(self.whole.to_json_value(value)) for value in real]
        return pd.Series(cells, index=real.index, dtype=object)

    def asked(self, wish: Allowed) -> Allowed:
        """What a condition on the real column comes to here; the way back does the rest."""
        if wish.is_any:
            return wish
        if self.meanings is not None:
            labels = [label for label, cell in self.meanings.items() if cell.both(wish)]
            return Allowed((*labels, *([None] if None in (wish.values or ()) else [])))
        if wish.values is not None or not self.column.coarse:
            return wish
        # An end left open is the real extreme by now, which is not told.
        low, high = wish.minimum, wish.maximum
        return Allowed(
            minimum=self.column.minimum if low == self.whole.minimum else low,
            maximum=self.column.maximum if high == self.whole.maximum else high,
        )

    def meaning(self, value: Json) -> Allowed | None:
        """The real values that a JSON value of this column stands for; ``None``: there are none."""
        if value is None or self.meanings is None:
            return Allowed.exactly(value)
        return self.meanings.get(value)

    def _label(self, value: Json) -> Json:
        if value is None:
            return None
        if value in self._labels:
            return self._labels[value]
        return next(label for label, cell in (self.meanings or {}).items() if cell.meets(value))

    @cached_property
    def _labels(self) -> dict[Any, Any]:
        """Labels of real values that are listed one by one."""
        return {
            value: label
            for label, cell in (self.meanings or {}).items()
            for value in cell.values or ()
        }


def _categories(column: Column) -> list[Any]:
    """All values of a column of categories or booleans, as JSON."""
    return [False, True] if column.kind == 'boolean' else list(map(to_json, column.categories))


def _other(column: Column) -> str:
    label = OTHER
    while label in column.categories:
        label = f'({label})'
    return label


def _listed(column: Column, values: pd.Series, least: int) -> list[tuple[Any, ...]]:
    """Categories one by one, as many as are told, and last all others together."""
    counts = values.dropna().map(to_json).value_counts()
    told = [value for value in _categories(column) if counts.get(value, 0) >= least]
    if column.is_unlisted:
        told = told[: CATEGORIES_IN_PROMPT - 1]
        while replace(column, categories=(*told, _other(column))).is_unlisted:
            told = told[:-1]
    others = tuple(value for value in _categories(column) if value not in told)
    return [*((value,) for value in told), others]


def _told_missing(column: Column, values: pd.Series) -> float:
    """The share of missing values as statistics tell it; 0: they are too few to tell."""
    gaps = values.isna()
    return rounded_share(float(gaps.mean())) if gaps.sum() >= MIN_ROWS_TOLD else 0.0


def _rounded(column: Column, values: pd.Series) -> Column:
    """A column with round figures that are no record's.

    An end that enough rows have is told as it is. Others lie beyond the real ones, but neither
    below 0 where no value is negative, nor below 1 where whole numbers begin later.
    """
    if column.kind == 'text':
        low, high = beyond(float(column.min_length), float(column.max_length), 1.0)
        return replace(column, min_length=max(0, int(low)), max_length=int(high), coarse=True)
    if column.kind == 'boolean':
        shares = tuple(map(rounded_share, column.shares))
        return replace(column, shares=shares, coarse=column.constant is None)
    if column.minimum is None:
        return column
    ends: Any = [column.minimum, column.maximum]
    unit: Any = float(f'1e-{column.decimals}')
    if column.kind == 'datetime':
        ends, unit = [pd.Timestamp(end) for end in ends], column.unit
    told: list[Any] = list(map(column.to_json_value, beyond(ends[0], ends[1], unit)))
    if column.kind != 'datetime':
        floor = 1 if column.kind == 'integer' and ends[0] >= 1 else 0
        told = [max(told[0], floor) if ends[0] >= 0 else told[0], told[1]]
    written = [column.to_json_value(value) for value in values]
    for place, end in enumerate((column.minimum, column.maximum)):
        if written.count(end) >= MIN_ROWS_TOLD:
            told[place] = end
    coarse = replace(column, minimum=told[0], maximum=told[1], coarse=True)
    return summarized(coarse, values, capped=True)
