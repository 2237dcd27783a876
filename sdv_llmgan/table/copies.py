"""Rejects a model's rows that repeat a training row: whole, but for a cell, or for small steps.

The distilled sampler asks ``Repeats`` itself, and draws such rows anew.
"""

from __future__ import annotations

import logging
from collections import Counter

import numpy as np
import pandas as pd

from sdv_llmgan.table.cells import Cells
from sdv_llmgan.table.column import Column, dump
from sdv_llmgan.table.repeats import Repeats
from sdv_llmgan.table.rows import ParsedRows
from sdv_llmgan.table.schema import TableSchema

LOGGER = logging.getLogger(__name__)

COPY = 'copy of a training row'
NEAR_COPY = 'near copy of a training row'


class CopyCheck:
    """Finds generated rows that repeat a training row, where that can be avoided.

    Rows are compared at the precision that the model reads and writes; see ``Repeats``. Of those
    that chance may repeat, as many stay as it explains.

    Args:
        training: The training rows, plain, shape (n_rows, n_columns).
        schema: Their columns.

    Attributes:
        repeats: What rows may repeat of the training rows.
    """

    def __init__(self, training: pd.DataFrame, schema: TableSchema) -> None:
        self.schema = schema
        present = training[list(schema.names)].notna().to_numpy()
        self.repeats = Repeats.of(self.cells(training), present, list(schema))
        if not self.possible:
            LOGGER.info(
                'Copies of %s training rows are rejected: chance repeats others.',
                sum(known.avoided.sum() for known in self.repeats.whole.known) or 'no',
            )

    def reject(self, parsed: ParsedRows, num_settled: int = 0) -> ParsedRows:
        """Take copies of training rows out, and near copies, and count them.

        Args:
            parsed: Plain rows, shape (n_rows, n_columns).
            num_settled: How many columns conditions settle.
        """
        if parsed.rows.empty:
            return parsed
        cells = self.cells(parsed.rows)
        left, rejected = np.ones(len(cells), dtype=bool), Counter(parsed.rejected)
        found = self.repeats.find(cells, num_settled)
        for likeness, equal, avoided in found:
            reason = COPY if likeness is self.repeats.whole else NEAR_COPY
            may_stay = np.flatnonzero(equal & ~avoided & left)
            avoided[may_stay[likeness.most(len(may_stay), int((left & ~equal).sum())) :]] = True
            rejected[reason] += int((avoided & left).sum())
            left &= ~avoided
        return ParsedRows(parsed.rows[left], +rejected)

    @property
    def possible(self) -> bool:
        """Whether no row should equal any training row."""
        known = self.repeats.whole.known
        return bool(known) and all(rows.avoided.all() for rows in known)

    def cells(self, table: pd.DataFrame) -> Cells:
        """Plain rows as they are compared, at the precision that a model writes."""
        rows = self.schema.to_json_rows(table)
        hashes = [
            pd.util.hash_array(np.array([dump(value) for value in column], dtype=object))
            for column in zip(*rows, strict=True)
        ]
        numbers = [_numbers(table[column.name], column) for column in self.schema]
        return Cells(np.column_stack(hashes), np.column_stack(numbers))


def _numbers(values: pd.Series, column: Column) -> np.ndarray:
    """Plain numbers and datetimes as floats; NaN: it is neither, or missing."""
    if column.kind == 'datetime':
        return values.astype('int64').to_numpy(float, copy=True) * np.where(
            values.isna(), np.nan, 1
        )
    if column.kind in ('integer', 'number'):
        return values.to_numpy(float)
    return np.full(len(values), np.nan)
