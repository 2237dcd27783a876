"""What a sampler learns from, each as one value: real rows, and rows that a model wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from sdv_llmgan.table.schema import TableSchema


@dataclass(frozen=True)
class TrainingSet:
    """Real rows, and what is wanted of rows like them.

    Attributes:
        rows: Plain real rows, shape (n_rows, n_columns), n_rows >= 1.
        schema: Their columns.
        seed: Makes a fit repeatable, >= 0.
        target: The column to be predicted later, if there is one.
        enforce_range: Whether values stay within the range of the rows.
        reject_copies: Whether rows that repeat one of these should not be drawn, where that can be
            avoided; see ``Repeats``.
    """

    rows: pd.DataFrame
    schema: TableSchema
    seed: int = 0
    target: str | None = None
    enforce_range: bool = True
    reject_copies: bool = True


@dataclass(frozen=True)
class GeneratedRows:
    """Rows that a model wrote, to learn from beside real ones.

    Attributes:
        rows: Plain rows in the columns of the training set, shape (n_rows, n_columns).
        shown: Numbers of the training rows that each was written after, filled up with -1, shape
            (n_rows, n_shown): what it may have copied is no evidence for it.
    """

    rows: pd.DataFrame
    shown: npt.NDArray[np.int_]

    @classmethod
    def of(cls, rows: pd.DataFrame) -> GeneratedRows:
        """Rows that were written after no training row."""
        return cls(rows, np.full((len(rows), 1), -1))

    @classmethod
    def joined(cls, parts: Sequence[GeneratedRows]) -> GeneratedRows:
        """The rows of all parts, at least one; ``shown`` is as wide as that of the widest."""
        width = max(part.shown.shape[1] for part in parts)
        shown = [
            np.pad(part.shown, ((0, 0), (0, width - part.shown.shape[1])), constant_values=-1)
            for part in parts
        ]
        filled = [part.rows for part in parts if len(part.rows)]
        rows = pd.concat(filled, ignore_index=True) if filled else parts[0].rows
        return cls(rows, np.concatenate(shown))


def nearest_shown(
    generated: npt.NDArray[np.float64],
    real: npt.NDArray[np.float64],
    shown: npt.NDArray[np.int_],
) -> npt.NDArray[np.int_]:
    """For each generated row the number of the nearest real one that it was written after.

    A row may copy what its writer saw. Of the rows that it saw, the nearest alone is taken for what
    it tells of: the others are no nearer than chance has it.

    Args:
        generated: Encoded rows, shape (n_generated, n_features).
        real: Likewise, shape (n_real, n_features).
        shown: See ``GeneratedRows``.

    Returns:
        Shape (n_generated,); -1: it was written after none.
    """
    if not shown.shape[1]:
        return np.full(len(generated), -1)
    squares = ((real[shown] - generated[:, None]) ** 2).sum(2)
    squares[shown < 0] = np.inf
    return shown[np.arange(len(shown)), squares.argmin(1)]
