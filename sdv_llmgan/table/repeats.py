"""Which rows repeat a training row, whole or in all cells but one, and how many do by chance.

cells as hashes -> fingerprints of rows, whole and without each column in turn
    -> equal to a training row that is to be avoided | equal, as fresh rows may be | new
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from sdv_llmgan.table.column import Column

#: Share of training rows that repeat each other by chance up to which all copies are rejected.
MAX_REPEATED = 0.01
MAX_FILLED = 0.1
#: Rows of which conditions settle a larger share of the columns may repeat a training row: told to
#: complete one, the truth would be the one answer never given.
MAX_SETTLED_SHARE = 0.5
#: Rows repeat each other only where so many values are equal (one, in a table of one column).
LEAST_EQUAL = 2
#: Near copies are looked for in tables of so many rows: fewer do not show what chance does.
FEWEST_ROWS, MOST_ROWS = 20, 100_000
#: A column tells rows apart that has so many values for each of them, where there are so many.
OWN_VALUES = 0.9
#: A value that a larger share of the rows has, and more rows than that, is a heap: no row's own.
MAX_HEAP_SHARE = 0.05
MAX_HEAP = 4
#: Generated rows may repeat training rows more often than these do by so many standard errors.
STANDARD_ERRORS = 2.0


@dataclass(frozen=True)
class Known:
    """Training rows by all of their cells, or by all but one column's.

    Attributes:
        left_out: Number of the column that is left out; ``None``: none.
        prints: Fingerprints of the rows, ascending, shape (n_different,).
        avoided: Which of them no generated row should have.
    """

    left_out: int | None
    prints: np.ndarray
    avoided: np.ndarray

    def find(self, cells: np.ndarray, whole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See ``Likeness.find``; ``whole`` has the rows' fingerprints."""
        prints = _prints(cells, whole, self.left_out)
        place = np.minimum(np.searchsorted(self.prints, prints), len(self.prints) - 1)
        equal = self.prints[place] == prints
        return equal, equal & self.avoided[place]


@dataclass(frozen=True)
class Likeness:
    """Training rows that generated rows may equal, in all cells or in all but one.

    Attributes:
        known: The training rows, once for each comparison; none: there is nothing to find.
        by_chance: Share of the training rows that equal another one which is not to be avoided, in
            [0, 1]: about as many fresh rows of the source would (Good, 1953).
        num_training: How many training rows that was told from.
        keep: Chance to be kept of a row that equals one which is not to be avoided, in [0, 1].
    """

    known: Sequence[Known] = ()
    by_chance: float = 1.0
    num_training: int = 1
    keep: float = 1.0

    def find(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which rows equal a training row, and which one that is to be avoided; (n_rows,) each."""
        whole = fingerprints(cells)
        found = [known.find(cells, whole) for known in self.known]
        equal, avoided = np.zeros((2, len(cells)), dtype=bool)
        for is_equal, is_avoided in found:
            equal |= is_equal
            avoided |= is_avoided
        return equal, avoided

    def expected(self, num_rows: float) -> float:
        """Share of so many generated rows up to which chance explains that they repeat others."""
        error = self.by_chance * (1 - self.by_chance) * (1 / self.num_training + 1 / num_rows)
        return min(1.0, self.by_chance + STANDARD_ERRORS * math.sqrt(error))

    def most(self, repeated: int, others: int) -> int:
        """How many of so many repeated rows, beside others, chance explains."""
        counts = range(repeated, 0, -1)
        return next((n for n in counts if n <= (n + others) * self.expected(n + others)), 0)

    def held_to(self, share: float) -> Likeness:
        """With ``keep`` such that rows of which this share is equal are no more often so."""
        wanted = self.expected(math.inf)
        if share <= wanted:
            return self
        return replace(self, keep=wanted * (1 - share) / (share * (1 - wanted)))


@dataclass(frozen=True)
class Repeats:
    """What generated rows may repeat of the training rows; use ``of``.

    No generated row should equal a training row, unless chance repeats rows: where more than
    ``max_repeated`` of the training rows equal another one, fresh rows from the same source would
    equal one about as often, and so may generated ones. Even then no row should equal a *record*,
    a row with a value of its own where a column tells rows apart, such as an amount: no chance
    repeats these, and those that stand there twice are no reason to let copies in. Rows of an
    amount of nothing, which many have, may repeat. None is to be avoided where the training rows
    fill more than ``MAX_FILLED`` of all rows that there can be, as those of a designed experiment
    do. Rows that are missing but for a value repeat nobody: every pattern of gaps can come.

    The same holds for rows that equal a training row in all cells but one.

    Attributes:
        whole: Rows that equal a training row.
        near: Rows that equal one in all cells but one.
        num_columns: How many cells a row has.
    """

    whole: Likeness = field(default_factory=Likeness)
    near: Likeness = field(default_factory=Likeness)
    num_columns: int = 0

    @property
    def is_by_chance(self) -> bool:
        """Whether some training rows may be repeated, and others not."""
        return any(likeness.known and likeness.by_chance for likeness in (self.whole, self.near))

    @classmethod
    def of(
        cls,
        cells: np.ndarray,
        present: np.ndarray,
        columns: Sequence[Column],
        max_repeated: float = MAX_REPEATED,
    ) -> Repeats:
        """Learn it from the training rows.

        Args:
            cells: Each cell as a hash, shape (n_rows, n_columns).
            present: Which cells have a value, same shape.
            columns: The columns of ``cells``.
            max_repeated: For copies, in [0, 1]; for near copies it is ``MAX_REPEATED``.
        """
        whole = fingerprints(cells)
        first = ~pd.Series(whole).duplicated().to_numpy()
        own: np.ndarray = np.column_stack([
            _own(values, there, first, column)
            for values, there, column in zip(cells.T, present.T, columns, strict=True)
        ])
        sizes = np.array([_count_values(column) + column.nullable for column in columns])
        if first.sum() > MAX_FILLED * sizes.prod():
            return cls(num_columns=len(columns))

        alike = np.array([_alike(column) for column in cells.T])

        def likeness(
            left_out: Sequence[int | None], least_equal: int, max_repeated: float
        ) -> Likeness:
            compared, repeated, unrelated = [], np.zeros(len(cells), dtype=bool), 0.0
            for column in left_out:
                rest = [place for place in range(len(columns)) if place != column]
                prints = _prints(cells, whole, column)
                told = np.asarray(present[:, rest].sum(1) >= least_equal)
                is_record = np.asarray(own[:, rest].any(1))
                if told.any():
                    compared.append((column, prints[told], is_record[told]))
                repeated |= (_counts(prints) > 1) & told & ~is_record
                unrelated += len(cells) * alike[rest].prod()
            # Few rows may have no pair by luck; columns that do not go together have least.
            share, known = min(1.0, max(float(repeated.mean()), unrelated)), []
            for column, prints, is_record in compared:
                different, places = np.unique(prints, return_index=True)
                known.append(Known(column, different, is_record[places] | (share <= max_repeated)))
            return Likeness(known, share, len(cells))

        is_enough = FEWEST_ROWS <= len(cells) <= MOST_ROWS
        return cls(
            likeness([None], min(LEAST_EQUAL, len(columns)), max_repeated),
            likeness(range(len(columns)), LEAST_EQUAL, MAX_REPEATED) if is_enough else Likeness(),
            len(columns),
        )

    def find(
        self, cells: np.ndarray, num_settled: int = 0
    ) -> Iterator[tuple[Likeness, np.ndarray, np.ndarray]]:
        """Copies, then near copies, copies among them; see ``Likeness.find``.

        Args:
            cells: Rows, each cell as a hash, shape (n_rows, n_columns).
            num_settled: How many of the columns conditions settle. Their cells are equal for no
                fault of the row, so it is a near copy only if ``LEAST_EQUAL`` others are, too.
        """
        yield self.whole, *self.whole.find(cells)
        if self.num_columns - 1 - num_settled >= LEAST_EQUAL:
            yield self.near, *self.near.find(cells)

    def held_to_chance(self, trial: np.ndarray) -> Repeats:
        """Such that as many rows are kept as expected, of rows drawn like these.

        Args:
            trial: Their cells, each as a hash, shape (n_rows, n_columns).
        """
        held = [
            likeness.held_to(float((equal & ~avoided).sum() / max(1, (~avoided).sum())))
            for likeness, equal, avoided in self.find(trial)
        ]
        return Repeats(held[0], held[1] if len(held) > 1 else self.near, self.num_columns)

    def keeps(self, cells: np.ndarray, num_settled: int, rng: np.random.Generator) -> np.ndarray:
        """Which rows to keep, those that chance repeats at random, shape (n_rows,)."""
        kept = np.ones(len(cells), dtype=bool)
        for likeness, equal, avoided in self.find(cells, num_settled):
            kept &= ~avoided
            if likeness.keep < 1:
                kept &= ~equal | (rng.random(len(cells)) < likeness.keep)
        return kept


def fingerprints(cells: np.ndarray) -> np.ndarray:
    """A number for each row of hashed cells that only equal rows share, shape (n_rows,)."""
    total: np.ndarray = (cells * _factors(cells.shape[1])).sum(1, dtype=np.uint64)
    return total


def _prints(cells: np.ndarray, whole: np.ndarray, left_out: int | None) -> np.ndarray:
    """Fingerprints, those of whole rows given, without a column."""
    if left_out is None:
        return whole
    without: np.ndarray = whole - cells[:, left_out] * _factors(cells.shape[1])[left_out]
    return without


def _factors(count: int) -> np.ndarray:
    powers = [pow(1_000_003, place, 2**64) for place in range(count)]
    return np.array(powers, dtype=np.uint64)


def _alike(values: np.ndarray) -> float:
    """Share of pairs of rows that have the same value, in [0, 1]."""
    counts = np.unique(values, return_counts=True)[1]
    pairs = len(values) * (len(values) - 1)
    return float((counts * (counts - 1)).sum() / pairs) if pairs else 0.0


def _counts(hashes: np.ndarray) -> np.ndarray:
    """How many rows have each row's hash, shape (n_rows,)."""
    _, places, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    found: np.ndarray = counts[places]
    return found


def _own(values: np.ndarray, present: np.ndarray, first: np.ndarray, column: Column) -> np.ndarray:
    """Which values are a row's own: off heaps, in a column that tells different rows apart."""
    none = np.zeros(len(values), dtype=bool)
    if column.kind in ('categorical', 'boolean'):
        return none
    off: np.ndarray = present & (_counts(values) <= max(MAX_HEAP, MAX_HEAP_SHARE * len(values)))
    different = values[off & first]
    if len(different) < FEWEST_ROWS or len(np.unique(different)) < OWN_VALUES * len(different):
        return none
    return off


def _count_values(column: Column) -> float:
    """How many different values there can be; infinite with text and with fractions."""
    if column.kind in ('text', 'number'):
        return math.inf
    if column.minimum is None or column.maximum is None:
        return len(column.categories) or 2
    if column.kind == 'datetime':
        span = pd.Timestamp(column.maximum) - pd.Timestamp(column.minimum)
        return 1 + span / column.unit
    return 1 + (float(column.maximum) - float(column.minimum)) / column.step
