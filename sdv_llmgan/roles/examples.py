"""Which real rows a prompt shows, and how many rows are asked for with them.

Either a few rows of each batch, or (``Bound``) as many of the table as a prompt should take: of a
small one two thirds, cut along folds that stay the same, so that of each real row a third of the
prompts says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from sdv_llmgan.formats.tokens import count_tokens
from sdv_llmgan.table.strata import deal, stratified_sample

#: ``'random'``: rows as they come after shuffling; ``'stratified'``: every prompt has its share of
#: every stratum.
Selection = Literal['random', 'stratified']


#: Rows that a prompt shows where neither the user nor a bound says otherwise.
FEW = 5
#: A prompt leaves out one of so many parts of the training rows.
FOLDS = 3
#: Tokens that rows in a prompt may take for each row that is asked for: with more of them, rows of
#: Adult take more than 40 % of a plain prompt's tokens (experiments/tokens.py).
TOKENS_SHOWN = 26
#: A prompt shows so many rows at most, however short they are.
MOST_SHOWN = 100
#: Rows that are asked for in a call: at most so many, and as many as have so many characters.
MOST_ASKED, LEAST_ASKED, CHARACTERS_ASKED = 50, 20, 7_000
#: Rows whose length is measured.
MEASURED = 200


@dataclass(frozen=True)
class Bound:
    """How many rows a prompt shows and asks for, where that is not given.

    Attributes:
        row_tokens: About how many tokens a real row takes, > 0.
        asked: Rows asked for in a call at most, >= 1.
    """

    row_tokens: float
    asked: int

    @classmethod
    def of(cls, written: Sequence[str]) -> Bound:
        """Measure real rows.

        Args:
            written: One or more, each as a prompt shows it; ``MEASURED`` of them say enough.
        """
        longest = max(map(len, written), default=1)
        fitting = min(max(CHARACTERS_ASKED // longest, LEAST_ASKED), MOST_ASKED)
        return cls(float(np.mean([*map(count_tokens, written)] or [1])), fitting)

    def shown(self, asked: int) -> int:
        """How many rows a prompt shows at most that asks for so many."""
        fitting = int(asked * TOKENS_SHOWN / self.row_tokens)
        return max(FEW, min(fitting, MOST_SHOWN))


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
        bound: Has pieces show rows of the whole table, as many as it says, in place of
            ``per_call`` and ``rows_per_example``; ``None``: these hold.
    """

    training: pd.DataFrame
    per_call: int
    strata: np.ndarray | None = None
    pool: np.ndarray | None = None
    rows_per_example: int = 1
    bound: Bound | None = None

    def pieces(self, rows: np.ndarray, rng: np.random.Generator) -> list[Piece]:
        """Cut pieces from these rows, to ask for as many with them.

        Args:
            rows: Numbers of training rows, in random order. None is used twice, and all are used
                where one row is asked for with each.
            rng: Deals them out where there are strata.
        """
        if self.bound is not None:
            return self._bounded(self.bound, len(rows), rng)
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
        return self._of(self._pool, num_rows, rng)

    def _of(self, pool: np.ndarray, num_rows: int, rng: np.random.Generator) -> pd.DataFrame:
        """Rows from some of all, given by their numbers; see ``sample``."""
        chosen = stratified_sample(self._strata[pool], num_rows, rng)
        return self.training.iloc[pool[chosen]]

    @property
    def _strata(self) -> np.ndarray:
        return np.zeros(len(self.training)) if self.strata is None else self.strata

    @property
    def _pool(self) -> np.ndarray:
        """Numbers of the rows that may be shown."""
        return np.arange(len(self.training)) if self.pool is None else self.pool

    def _bounded(self, bound: Bound, num_rows: int, rng: np.random.Generator) -> list[Piece]:
        """Pieces of rows of all folds but one, another one each time."""
        count = math.ceil(num_rows / bound.asked)
        sizes = np.diff(np.linspace(0, num_rows, count + 1).round().astype(int))
        first = int(rng.integers(FOLDS))
        pieces = []
        for number, asked in enumerate(map(int, sizes), first):
            others = self._pool[self._folds[self._pool] != number % FOLDS]
            pieces.append(Piece(self._of(others, bound.shown(asked), rng), asked))
        return pieces

    @cached_property
    def _folds(self) -> np.ndarray:
        """The fold of each training row, the same in every fit of these rows, shape (n_rows,)."""
        folds = np.zeros(len(self.training), dtype=int)
        hands = deal(self._strata, min(FOLDS, len(folds)), np.random.default_rng(0))
        for fold, hand in enumerate(hands):
            folds[hand] = fold
        return folds

    def draw(self, num_rows: int, rng: np.random.Generator) -> list[Piece]:
        """Pieces to ask for ``num_rows`` rows: training rows, shuffled anew in every pass."""
        passes = math.ceil(num_rows / len(self.training))
        rows = np.concatenate([rng.permutation(len(self.training)) for _ in range(passes)])
        return self.pieces(rows[:num_rows], rng)
