"""Generated rows that repeat a training row, and when they can be avoided."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from sdv_llmgan.column import Column, dump
from sdv_llmgan.rows import ParsedRows
from sdv_llmgan.schema import TableSchema

COPY = 'copy of a training row'
#: Share of training rows that repeat each other by chance up to which all copies are rejected.
MAX_REPEATED = 0.01
MAX_FILLED = 0.1
#: A column tells rows apart that has so many values for each of them, where there are so many.
OWN_VALUES = 0.9
FEWEST_ROWS = 20
#: A value that a larger share of the rows has, and more rows than that, is a heap: no row's own.
MAX_HEAP_SHARE = 0.05
MAX_HEAP = 4


def to_avoid(
    keys: Sequence[Hashable] | np.ndarray,
    training: pd.DataFrame,
    columns: Sequence[Column],
    max_repeated: float = MAX_REPEATED,
) -> np.ndarray:
    """Which training rows no generated row should equal, shape (n_rows,).

    All of them, unless chance repeats rows: where more than ``max_repeated`` of the training rows
    equal another one, fresh rows from the same source would equal one about as often. Then only
    *records* are to be avoided, rows with a value of their own where a column tells rows apart,
    such as an amount: no chance repeats these, and those that stand there twice are no reason to
    let copies in. Rows of an amount of nothing, which many have, may repeat. None is to be
    avoided where the training rows fill more than ``MAX_FILLED`` of all rows that there can be, as
    those of a designed experiment do.

    Args:
        keys: One for each training row, alike where rows are, shape (n_rows,).
        training: The training rows, plain, shape (n_rows, n_columns).
        columns: What the keys are made of.
        max_repeated: In [0, 1].
    """
    made = pd.Series(keys)
    counts, first = made.map(made.value_counts()), ~made.duplicated().to_numpy()
    everyone = np.ones(len(made), dtype=bool)
    if first.sum() > MAX_FILLED * _count_cells(columns):
        return ~everyone
    own = [_own(training[column.name].reset_index(drop=True), first, column) for column in columns]
    is_record = np.any([~everyone, *own], axis=0)
    by_chance = (counts.to_numpy() > 1) & ~is_record
    return is_record if by_chance.sum() > max_repeated * len(made) else everyone


class CopyCheck:
    """Finds generated rows that repeat a training row exactly, where that can be avoided.

    Rows are compared at the precision that the model reads and writes; see ``to_avoid``.

    Args:
        training: The training rows, plain, shape (n_rows, n_columns).
        schema: Their columns.

    Attributes:
        known: The training rows that are to be avoided; may be empty.
        possible: Whether these are all of them.
    """

    def __init__(self, training: pd.DataFrame, schema: TableSchema) -> None:
        self.schema = schema
        keys = self._keys(training)
        avoided = to_avoid(keys, training, list(schema))
        self.known = frozenset(
            key for key, is_avoided in zip(keys, avoided, strict=True) if is_avoided
        )
        self.possible = bool(avoided.all())

    def reject(self, parsed: ParsedRows) -> ParsedRows:
        """Take copies of training rows out and count them."""
        if not self.known or parsed.rows.empty:
            return parsed
        is_new = [key not in self.known for key in self._keys(parsed.rows)]
        copies = len(is_new) - sum(is_new)
        rejected = parsed.rejected + Counter({COPY: copies})
        return ParsedRows(parsed.rows[is_new], rejected)

    def _keys(self, table: pd.DataFrame) -> list[str]:
        return [dump(row) for row in self.schema.to_json_rows(table)]


def _own(values: pd.Series, first: np.ndarray, column: Column) -> np.ndarray:
    """Which values are a row's own: off heaps, in a column that tells different rows apart."""
    none = np.zeros(len(values), dtype=bool)
    if column.kind in ('categorical', 'boolean'):
        return none
    counts = values.map(values.value_counts()).fillna(math.inf).to_numpy()
    off: np.ndarray = counts <= max(MAX_HEAP, MAX_HEAP_SHARE * len(values))
    different = values[off & first]
    if len(different) < FEWEST_ROWS or different.nunique() < OWN_VALUES * len(different):
        return none
    return off


def _count_cells(columns: Sequence[Column]) -> float:
    """How many different rows there can be; infinite with text and with fractions."""
    return math.prod(_count_values(column) + column.nullable for column in columns)


def _count_values(column: Column) -> float:
    if column.kind in ('text', 'number'):
        return math.inf
    if column.minimum is None or column.maximum is None:
        return len(column.categories) or 2
    if column.kind == 'datetime':
        span = pd.Timestamp(column.maximum) - pd.Timestamp(column.minimum)
        return 1 + span / column.unit
    return 1 + (float(column.maximum) - float(column.minimum)) / column.step
