"""Generated rows that repeat a training row, and when they can be avoided."""

from __future__ import annotations

import math
from collections import Counter

import pandas as pd

from sdv_llmgan.column import Column, dump
from sdv_llmgan.rows import ParsedRows
from sdv_llmgan.schema import TableSchema

COPY = 'copy of a training row'
MAX_FILLED = 0.1
#: A column tells rows apart that has so many values for each of them, where there are so many.
OWN_VALUES = 0.9
FEWEST_ROWS = 20


class CopyCheck:
    """Finds generated rows that repeat a training row exactly.

    Rows are compared at the precision that the model reads and writes.

    A table of few categories cannot avoid copies: honest new rows repeat old ones by chance. So
    the check is off (``possible`` is False) where the training rows already repeat each other:
    where more than ``max_share`` of them equal another training row, fresh rows from the same
    source would equal one about as often. Not so where a column nearly tells the rows apart, such
    as an amount: then it is records that stand there twice, and the check is on. It is off, too,
    where the training rows fill more than ``MAX_FILLED`` of all rows that there can be, as those of
    a designed experiment do.

    Args:
        training: The training rows, plain, shape (n_rows, n_columns).
        schema: Their columns.
        max_share: Share of repeated training rows in [0, 1] up to which copies are rejected.
    """

    def __init__(
        self, training: pd.DataFrame, schema: TableSchema, max_share: float = 0.01
    ) -> None:
        self.schema = schema
        counts = Counter(keys := self._keys(training))
        repeated = sum(count for count in counts.values() if count > 1)
        once = training[~pd.Series(keys, index=training.index).duplicated()]
        by_chance = not any(_tells_apart(once[column.name], column) for column in schema)
        repeats = repeated > max_share * len(training) and by_chance
        is_full = len(counts) > MAX_FILLED * _count_cells(schema)
        self.known = frozenset(counts)
        self.possible = not repeats and not is_full

    def reject(self, parsed: ParsedRows) -> ParsedRows:
        """Take copies of training rows out and count them."""
        if not self.possible or parsed.rows.empty:
            return parsed
        is_new = [key not in self.known for key in self._keys(parsed.rows)]
        copies = len(is_new) - sum(is_new)
        rejected = parsed.rejected + Counter({COPY: copies})
        return ParsedRows(parsed.rows[is_new], rejected)

    def _keys(self, table: pd.DataFrame) -> list[str]:
        return [dump(row) for row in self.schema.to_json_rows(table)]


def _tells_apart(values: pd.Series, column: Column) -> bool:
    """Whether nearly every one of these different rows has a value of its own here."""
    if column.kind in ('categorical', 'boolean') or len(values) < FEWEST_ROWS:
        return False
    return bool(values.nunique() >= OWN_VALUES * len(values))


def _count_cells(schema: TableSchema) -> float:
    """How many different rows there can be; infinite with text and with fractions."""
    return math.prod(_count_values(column) + column.nullable for column in schema)


def _count_values(column: Column) -> float:
    if column.kind in ('text', 'number'):
        return math.inf
    if column.minimum is None or column.maximum is None:
        return len(column.categories) or 2
    if column.kind == 'datetime':
        span = pd.Timestamp(column.maximum) - pd.Timestamp(column.minimum)
        return 1 + span / column.unit
    return 1 + (float(column.maximum) - float(column.minimum)) / column.step
