"""A plain table as floats, and its columns as features for the columns that come after.

plain table -> codes (numbers as steps, levels as 0, 1, 2, ...) -> features -> back to plain
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sdv_llmgan.samplers.distilled.bins import BinnedGrid
from sdv_llmgan.samplers.distilled.evidence import Booleans, Floats
from sdv_llmgan.samplers.distilled.grid import Grid
from sdv_llmgan.samplers.distilled.marginal import Marginal
from sdv_llmgan.table.schema import Column, TableSchema

#: A category gets a feature of its own from so many rows on.
MIN_CATEGORY_ROWS = 3
MAX_ONE_HOT = 50
#: A value that this share of the numbers has is a heap, with a feature of its own.
HEAP_SHARE = 0.25
#: Standardized values beyond are cut for the linear models' sake.
MAX_STANDARDIZED = 4.0


@dataclass(frozen=True)
class LevelCoding:
    """A column of few values: categories, booleans.

    Attributes:
        column: The column.
        levels: Its training values, most frequent first; ``None`` among them if it has missing
            values.
        seen: Codes with a feature of their own.
        dtype: As which the plain training table holds it.
    """

    column: Column
    levels: tuple[Any, ...]
    seen: tuple[int, ...]
    dtype: str

    @classmethod
    def fit(cls, values: pd.Series, column: Column) -> LevelCoding:
        """Learn it from a plain column."""
        keys = values.astype(object).where(values.notna(), None)
        counts = keys.map(_Key).value_counts(sort=False)
        ordered = sorted(counts.items(), key=lambda item: -item[1])
        seen = tuple(
            code
            for code, (_, count) in enumerate(ordered[:MAX_ONE_HOT])
            if count >= MIN_CATEGORY_ROWS
        )
        # Of two levels one says all.
        return cls(
            column,
            tuple(key.value for key, _ in ordered),
            (1,) if len(ordered) == 2 else seen,
            str(values.dtype),
        )

    def knows(self, codes: Floats) -> Booleans:
        """Which codes are of levels that the training table has."""
        known: Booleans = codes >= 0
        return known

    def encode(self, values: pd.Series) -> Floats:
        """Codes, shape (n_rows,); -1 for a value that the training table does not have."""
        # No lookup by pandas: to it 16-digit codes beside None are floats.
        codes = {(type(level), level): float(code) for code, level in enumerate(self.levels)}
        keys = values.astype(object).where(values.notna(), None)
        return np.array([codes.get((type(key), key), -1.0) for key in keys], dtype=float)

    def decode(self, codes: Floats, rng: np.random.Generator | None = None) -> pd.Series:
        """Plain values for codes; nothing is left to chance."""
        levels = np.empty(len(self.levels), dtype=object)
        levels[:] = self.levels
        return pd.Series(levels[codes.astype(int)], dtype=self.dtype)

    def features(self, codes: Floats) -> Floats:
        """One-hot, shape (n_rows, len(seen))."""
        return (codes[:, None] == np.array(self.seen, dtype=float)).astype(float)

    @property
    def missing(self) -> int | None:
        """The number of the level "missing"; ``None``: there is none."""
        return self.levels.index(None) if None in self.levels else None

    @property
    def for_trees(self) -> list[bool]:
        """Which features trees look at."""
        return [True] * len(self.seen)


class _Key:
    """A value by which True, 1 and 1.0 are three different ones."""

    def __init__(self, value: Any) -> None:  # noqa: ANN401 - any cell
        self.value = value

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Key)
            and type(self.value) is type(other.value)
            and bool(self.value == other.value)
        )


@dataclass(frozen=True)
class NumberCoding:
    """A column of numbers or datetimes, counted in steps of its grid.

    Where all values are missing, it is coded as if they were 0, and nothing but missing values is
    drawn.

    Attributes:
        grid: What is counted.
        marginal: Its counts by rank.
        center: Mean of the counts.
        scale: Their standard deviation, > 0.
        heaps: Counts that many rows have.
        special: What is drawn as levels are: NaN where some are missing, then heaps.
        has_missing: Whether some values are missing in training, and others not.
    """

    grid: Grid | BinnedGrid
    marginal: Marginal
    center: float
    scale: float
    heaps: tuple[float, ...]
    special: Floats
    has_missing: bool

    @classmethod
    def fit(cls, values: pd.Series, column: Column, enforce_range: bool) -> NumberCoding:
        """Learn it from a plain column."""
        grid = Grid.fit(values, column)
        return cls.of(grid, grid.encode(values), enforce_range)

    @classmethod
    def of(cls, grid: Grid | BinnedGrid, counts: Floats, enforce_range: bool) -> NumberCoding:
        """Learn it from counts of a grid, NaN where missing, shape (n_rows,)."""
        missing = np.isnan(counts)
        found = counts[~missing] if not missing.all() else np.zeros(1)
        levels, times = np.unique(found, return_counts=True)
        heaps = levels[(times >= HEAP_SHARE * len(found)) & (times >= 4)]
        bounds = (float(found.min()), float(found.max())) if enforce_range else None
        flagged = tuple(heaps) if len(levels) > len(heaps) else tuple(heaps[1:])
        return cls(
            grid,
            Marginal.fit(found, np.ones(len(found)), bounds),
            float(found.mean()),
            float(found.std()) or 1.0,
            flagged,
            np.array([*([np.nan] * bool(missing.any())), *flagged]),
            bool(missing.any() and not missing.all()),
        )

    def knows(self, codes: Floats) -> Booleans:
        """Which codes can occur: all but missing ones where no training value is missing."""
        known: Booleans = ~np.isnan(codes) | np.isnan(self.special).any()
        return known

    def encode(self, values: pd.Series) -> Floats:
        """Counts, NaN where missing, shape (n_rows,)."""
        return self.grid.encode(values)

    def decode(self, counts: Floats, rng: np.random.Generator | None = None) -> pd.Series:
        """Plain values for counts; see ``BinnedGrid`` for what ``rng`` draws."""
        return self.grid.decode(counts, rng)

    def features(self, numbers: Floats) -> Floats:
        """Normal score, standardized value, flags for heaps and missing values."""
        missing = np.isnan(numbers)
        filled = np.where(missing, self.center, numbers)
        standardized = np.clip(
            (filled - self.center) / self.scale, -MAX_STANDARDIZED, MAX_STANDARDIZED
        )
        flags = [(numbers == heap).astype(float) for heap in self.heaps]
        if self.has_missing:
            flags.append(missing.astype(float))
        scores = np.where(missing, 0.0, self.marginal.scores(filled))
        return np.column_stack([scores, standardized, *flags])

    @property
    def missing(self) -> int | None:
        """The number of "missing" among the special values; ``None``: it is none of them."""
        return 0 if self.has_missing else None

    @property
    def for_trees(self) -> list[bool]:
        """Which features trees look at."""
        return [True, False, *([False] * len(self.heaps)), *([True] * self.has_missing)]


Coding = LevelCoding | NumberCoding


@dataclass(frozen=True)
class TableCoding:
    """All columns but free text.

    Attributes:
        codings: By column name.
    """

    codings: Mapping[str, Coding]

    @classmethod
    def fit(
        cls,
        training: pd.DataFrame | Mapping[str, pd.Series],
        schema: TableSchema,
        enforce_range: bool,
    ) -> TableCoding:
        """Learn it from plain columns of training rows, each by itself."""
        return cls({
            column.name: LevelCoding.fit(training[column.name], column)
            if column.kind in ('categorical', 'boolean')
            else NumberCoding.fit(training[column.name], column, enforce_range)
            for column in schema
            if column.kind != 'text'
        })

    def encode(self, table: pd.DataFrame) -> dict[str, Floats]:
        """Codes of the columns that ``table`` has."""
        return {
            name: coding.encode(table[name])
            for name, coding in self.codings.items()
            if name in table
        }

    def features(self, codes: Mapping[str, Floats], names: list[str], num_rows: int) -> Floats:
        """Features of these columns side by side, shape (num_rows, n_features)."""
        blocks = [self.codings[name].features(codes[name]) for name in names]
        return np.concatenate([np.zeros((num_rows, 0)), *blocks], axis=1)

    def owners(self, names: list[str]) -> list[str]:
        """The column that each feature stems from."""
        return [name for name in names for _ in self.codings[name].for_trees]

    def for_trees(self, names: list[str]) -> Booleans:
        """Which features trees look at."""
        flags = [flag for name in names for flag in self.codings[name].for_trees]
        return np.array(flags, dtype=bool)
