"""Both tables as arrays of numbers, real rows first.

real, synthetic (plain, or as SDV stores them) -> one ``Coded`` a column

Text is judged by its length, datetimes by their seconds, categories by their place in a list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from sdv_llmgan.table.schema import Column, TableSchema

#: A category that the smaller table should show less often than this is counted with the other
#: rare ones: its frequency cannot be compared, and it would only add noise.
RARE = 2.0


@dataclass(frozen=True)
class Coded:
    """One column of both tables.

    Attributes:
        column: What the schema says of it.
        values: Numbers, seconds since 1970, text lengths, or indices into ``levels``; shape
            (n_real + n_synthetic,), missing as NaN.
        as_written: The same number for values that a model would write alike, -1 for missing;
            same shape.
        n_real: How many of them are real; these come first.
        levels: The values of a categorical or boolean column; empty for others.
    """

    column: Column
    values: np.ndarray
    as_written: np.ndarray
    n_real: int
    levels: tuple[Any, ...] = ()

    @property
    def is_categorical(self) -> bool:
        """Whether ``values`` are indices into ``levels``."""
        return self.column.kind in ('categorical', 'boolean')

    @property
    def is_missing(self) -> np.ndarray:
        """Which cells hold no value, shape (n_real + n_synthetic,)."""
        return np.isnan(self.values)

    def present(self) -> tuple[np.ndarray, np.ndarray]:
        """Real and synthetic values without the missing ones."""
        real, synthetic = self.values[: self.n_real], self.values[self.n_real :]
        return real[~np.isnan(real)], synthetic[~np.isnan(synthetic)]

    def level_counts(self) -> tuple[np.ndarray, np.ndarray]:
        """Real and synthetic rows of each level, each of shape (n_levels,)."""
        real, synthetic = self.present()
        return (
            np.bincount(real.astype(int), minlength=len(self.levels)),
            np.bincount(synthetic.astype(int), minlength=len(self.levels)),
        )

    def groups(self, least: float = RARE, of_rows: int | None = None) -> tuple[np.ndarray, int]:
        """Which group each level belongs to: its own, or the last one, of the rare.

        Args:
            least: Rows of a level that the smaller table should have, lest it be rare.
            of_rows: How many rows of the smaller table count at most.

        Returns:
            Group of each level, shape (n_levels,), and the number of groups.
        """
        real, synthetic = self.level_counts()
        counts, total = real + synthetic, real.sum() + synthetic.sum()
        smaller = min(real.sum(), synthetic.sum(), of_rows or total)
        kept = counts * smaller >= least * total
        number = int(kept.sum())
        group = np.where(kept, np.cumsum(kept) - 1, number)
        return group, number + int(not kept.all())


def code_tables(
    real: pd.DataFrame, synthetic: pd.DataFrame, schema: TableSchema
) -> tuple[Coded, ...]:
    """Check both tables and put them into numbers; infinite numbers count as missing.

    Args:
        real: Real rows, shape (n_real, n_columns), plain or as SDV stores them.
        synthetic: Synthetic rows, shape (n_synthetic, n_columns), likewise.
        schema: Their columns; others are ignored.

    Raises:
        ValueError: A table has no rows or lacks a column, or the schema has no columns.
    """
    if not schema.columns:
        raise ValueError('Needed a schema with a column to compare, got none.')
    for name, table in (('real', real), ('synthetic', synthetic)):
        lacking = [column for column in schema.names if column not in table.columns]
        if lacking:
            raise ValueError(
                f'The {name} table lacks columns of the schema: {", ".join(lacking)}. '
                f'Found: {", ".join(map(str, table.columns))}. Pass a schema of what it has.'
            )
        if table.empty:
            raise ValueError(
                f'Needed at least one {name} row to compare, got none. '
                'Sample again; if a generator wrote no valid row, look at what was rejected.'
            )
    # Plain tables pass through unchanged.
    both = [schema.to_plain(real), schema.to_plain(synthetic)]
    return tuple(_code(column, *(table[column.name] for table in both)) for column in schema)


def sum_by_group(
    group: np.ndarray, values: np.ndarray, n_groups: int, tables: np.ndarray
) -> np.ndarray:
    """Sum of the values in each group of several tables, shape (n_tables, n_groups).

    Args:
        group: Group of each row, shape (n_rows,).
        values: What is summed, shape (n_rows,).
        n_groups: Number of groups.
        tables: How often each row is in each table, shape (n_tables, n_rows).
    """
    starts = np.arange(len(group) + 1)
    shape = (len(group), n_groups)
    one_hot = sparse.csr_array((values, group.astype(int), starts), shape=shape)
    return np.asarray(one_hot.T @ tables.T).T


def _code(column: Column, real: pd.Series, synthetic: pd.Series) -> Coded:
    n_real = len(real)
    if column.kind in ('categorical', 'boolean', 'text'):
        cells = np.concatenate([real.to_numpy(dtype=object), synthetic.to_numpy(dtype=object)])
        codes, levels = pd.factorize(cells)
        if column.kind != 'text':
            return Coded(column, np.where(codes < 0, np.nan, codes), codes, n_real, tuple(levels))
        lengths = np.array([*(len(str(text)) for text in levels), np.nan])
        return Coded(column, lengths[codes], codes, n_real)
    numbers = np.concatenate([_numbers(column, real), _numbers(column, synthetic)])
    values = np.where(np.isfinite(numbers), numbers, np.nan)
    return Coded(column, values, pd.factorize(_rounded(column, values))[0], n_real)


def _numbers(column: Column, values: pd.Series) -> np.ndarray:
    if column.kind != 'datetime':
        return values.to_numpy(dtype=float)
    seconds = values.to_numpy(dtype='datetime64[ns]').astype('int64') / 1e9
    return np.where(values.isna(), np.nan, seconds)


def _rounded(column: Column, values: np.ndarray) -> np.ndarray:
    """Values at the precision that a model reads and writes."""
    if column.kind == 'datetime':
        return np.floor(values / column.unit.total_seconds())
    return np.round(values, column.decimals)
