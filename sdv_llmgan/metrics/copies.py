"""How many synthetic rows are rows of the real table, as they stand or nearly."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import pandas as pd
from sdmetrics.goal import Goal

from sdv_llmgan.metrics.base import TableMetric
from sdv_llmgan.metrics.encoding import EncodedTable, check_rows, encode
from sdv_llmgan.table.cells import Cells, count_equal
from sdv_llmgan.table.steps import Booleans, Scale, Surroundings, has_neighbour
from sdv_llmgan.table.types import SDVMetadata

#: Rows are near copies only where so many columns are compared: others are near by chance.
FEWEST_COLUMNS = 3


class _Copies(TableMetric):
    """Share of synthetic rows that are, in some sense, rows of the real table."""

    goal = Goal.MINIMIZE

    @classmethod
    def _breakdown(cls, real: EncodedTable, synthetic: EncodedTable) -> dict[str, float]:
        found = cls._find(_cells(real), _cells(synthetic))
        return {'score': float(found.mean()), 'copies': int(found.sum())}

    @classmethod
    def among(cls, real_data: pd.DataFrame, metadata: SDVMetadata = None) -> float:
        """The same share of real rows that are copies of another one of their table, in [0, 1].

        Args:
            real_data: Shape (n_real, n_columns).
            metadata: A metadata ``dict`` or object of one table; ``None``: by dtypes.

        Raises:
            ValueError: The table is empty, or no column can be compared.
        """
        check_rows([real_data])
        return float(cls._find_among(_cells(encode([real_data], metadata)[0])).mean())

    @classmethod
    @abstractmethod
    def _find(cls, real: Cells, synthetic: Cells) -> Booleans:
        """Which synthetic rows are copies, shape (n_synthetic,)."""

    @classmethod
    @abstractmethod
    def _find_among(cls, real: Cells) -> Booleans:
        """Which real rows are copies of another one, shape (n_real,)."""


class CopiedRows(_Copies):
    """Share of synthetic rows that equal a row of the real table in every column.

    In [0, 1], lower is better. Read it beside the same figure for held-out rows in place of the
    synthetic ones: in a table of few categories, honest rows repeat real ones by chance. Keys and
    personal data take no part; numbers are compared as they stand. ``compute_breakdown`` also has
    ``copies``, how many synthetic rows are copies.
    """

    name = 'Copied rows'

    @classmethod
    def _find(cls, real: Cells, synthetic: Cells) -> Booleans:
        found: Booleans = np.isin(synthetic.fingerprints, real.fingerprints)
        return found

    @classmethod
    def _find_among(cls, real: Cells) -> Booleans:
        return count_equal(real.fingerprints) > 1


class NearCopies(_Copies):
    """Share of synthetic rows that are all but a row of the real table, copies among them.

    Either all columns but one are equal, or all numbers and dates are a small step off, a fifth of
    the column's spread (or of the distance from its median, where that is more), and the others
    equal: see ``steps.Surroundings``. In [0, 1], lower is better. Read it beside the same figure
    for held-out rows in place of the synthetic ones: in a table of few columns honest rows are near
    to real ones by chance. With two columns or fewer only copies count. Keys and personal data take
    no part. ``compute_breakdown`` also has ``copies``, how many there are.
    """

    name = 'Near copies'

    @classmethod
    def _find(cls, real: Cells, synthetic: Cells) -> Booleans:
        found: Booleans = np.isin(synthetic.fingerprints, real.fingerprints)
        for column in _left_out(real):
            found |= np.isin(synthetic.without(column), real.without(column))
        if _left_out(real):
            scale = Scale.fit(real.numbers)
            surroundings = Surroundings.of(real, scale, are_avoided=True)
            found |= surroundings.find(synthetic)[0]
        return found

    @classmethod
    def _find_among(cls, real: Cells) -> Booleans:
        found = count_equal(real.fingerprints) > 1
        for column in _left_out(real):
            found |= count_equal(real.without(column)) > 1
        if _left_out(real):
            found |= has_neighbour(real, Scale.fit(real.numbers))
        return found


def _left_out(cells: Cells) -> range:
    """Columns each of which may differ in a near copy; none where there are too few."""
    count = cells.hashes.shape[1]
    return range(count if count >= FEWEST_COLUMNS else 0)


def _cells(table: EncodedTable) -> Cells:
    """Numbers, then levels."""
    levels = np.full_like(table.codes, np.nan)
    # Adding zero makes 0.0 of -0.0: they are equal, their hashes are not.
    values = np.hstack([table.numbers, table.codes]) + 0.0
    hashes = [pd.util.hash_array(column) for column in values.T]
    return Cells(np.column_stack(hashes), np.hstack([table.numbers, levels]))
