"""Which real rows a prompt shows: the few-shot examples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from sdv_llmgan.table.strata import deal, stratified_sample

#: ``'random'``: rows as they come after shuffling; ``'stratified'``: every prompt has its share of
#: every stratum.
Selection = Literal['random', 'stratified']


@dataclass(frozen=True)
class Piece:
    """The few-shot examples of one prompt.

    Attributes:
        rows: Plain training rows to show; may be empty.
        num_rows: How many rows are asked for, >= 1.
    """

    rows: pd.DataFrame
    num_rows: int


def piece_of(pieces: Sequence[Piece], rows: np.ndarray) -> np.ndarray:
    """The number of the piece that each row is asked for with, shape (n_rows,).

    Args:
        pieces: What the prompts show.
        rows: Which of all rows that they ask for, counted from 0, shape (n_rows,).
    """
    ends = np.cumsum([piece.num_rows for piece in pieces])
    return np.searchsorted(ends, rows, side='right')


def shown_with(pieces: Sequence[Piece], rows: np.ndarray) -> np.ndarray:
    """Which training rows a prompt showed with each of the rows that it asked for.

    Args:
        pieces: See ``piece_of``.
        rows: Likewise.

    Returns:
        Labels of training rows, filled up with -1, shape (n_rows, most rows in a piece).
    """
    labels = np.full((len(pieces), max((len(piece.rows) for piece in pieces), default=0)), -1)
    for number, piece in enumerate(pieces):
        labels[number, : len(piece.rows)] = piece.rows.index
    shown: np.ndarray = labels[piece_of(pieces, rows)]
    return shown


@dataclass(frozen=True)
class Examples:
    """Cuts training rows into pieces, one piece a prompt.

    Attributes:
        training: Plain training rows, shape (n_rows, n_columns).
        per_call: Rows in a piece at most, >= 1.
        strata: Stratum of each training row, shape (n_rows,); ``None``: pieces are cut at random.
        pool: Numbers of the training rows that may be shown, shape (n_shown,): pieces show them in
            place of their own rows. ``None``: all may.
        rows_per_example: Rows asked for, for each row of a piece, >= 1.
    """

    training: pd.DataFrame
    per_call: int
    strata: np.ndarray | None = None
    pool: np.ndarray | None = None
    rows_per_example: int = 1

    def pieces(self, rows: np.ndarray, rng: np.random.Generator) -> list[Piece]:
        """Cut pieces from these rows, to ask for as many with them.

        Args:
            rows: Numbers of training rows, in random order. None is used twice, and all are used
                where one row is asked for with each.
            rng: Deals them out where there are strata.
        """
        left = len(rows)
        count = math.ceil(left / (self.rows_per_example * self.per_call))
        rows = rows[: count * self.per_call]
        if self.strata is None:
            starts = range(0, len(rows), self.per_call)
            hands = [rows[start : start + self.per_call] for start in starts]
        else:
            hands = [rows[hand] for hand in deal(self.strata[rows], count, rng)]
        pieces = []
        for hand in hands:
            shown = self.training.iloc[hand] if self.pool is None else self.sample(len(hand), rng)
            pieces.append(Piece(shown, min(self.rows_per_example * len(hand), left)))
            left -= pieces[-1].num_rows
        return pieces

    def sample(self, num_rows: int, rng: np.random.Generator) -> pd.DataFrame:
        """So many different rows (fewer if there are not so many), of all strata alike."""
        strata = np.zeros(len(self.training)) if self.strata is None else self.strata
        pool = np.arange(len(strata)) if self.pool is None else self.pool
        return self.training.iloc[pool[stratified_sample(strata[pool], num_rows, rng)]]

    def draw(self, num_rows: int, rng: np.random.Generator) -> list[Piece]:
        """Pieces to ask for ``num_rows`` rows: training rows, shuffled anew in every pass."""
        passes = math.ceil(num_rows / len(self.training))
        rows = np.concatenate([rng.permutation(len(self.training)) for _ in range(passes)])
        return self.pieces(rows[:num_rows], rng)
