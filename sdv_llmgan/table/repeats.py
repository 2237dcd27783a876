"""Which rows repeat a training row, whole or nearly, and how many do by chance.

cells -> fingerprints of rows, whole and without each column in turn; numbers a small step off
    -> like a training row that is to be avoided | like one, as fresh rows may be | new
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from sdv_llmgan.table.cells import Cells, Hashes, among, count_equal, share_alike
from sdv_llmgan.table.column import Column
from sdv_llmgan.table.steps import Booleans, Scale, Surroundings, has_neighbour

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
    prints: Hashes
    avoided: Booleans

    def find(self, cells: Cells) -> tuple[Booleans, Booleans]:
        """See ``Likeness.find``."""
        places = among(cells.without(self.left_out), self.prints)
        equal = places >= 0
        return equal, equal & self.avoided[np.maximum(places, 0)]


@dataclass(frozen=True)
class Likeness:
    """Training rows that generated rows may be like: in all cells, all but one, or a step off.

    Attributes:
        known: The training rows, once for each comparison; none: there is nothing to find.
        by_chance: Share of the training rows that are like another one which is not to be avoided,
            in [0, 1]: about as many fresh rows of the source would be (Good, 1953).
        num_training: How many training rows that was told from.
        keep: Chance to be kept of a row that is like one which is not to be avoided, in [0, 1].
    """

    known: Sequence[Known | Surroundings] = ()
    by_chance: float = 1.0
    num_training: int = 1
    keep: float = 1.0

    def find(self, cells: Cells) -> tuple[Booleans, Booleans]:
        """Which rows are like a training row, and which like one to be avoided; (n_rows,) each."""
        found = [known.find(cells) for known in self.known]
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

    The same holds for *near copies*: rows that equal a training row in all cells but one, and rows
    whose numbers are all a small step from those of a training row, the other cells being equal. Of
    the latter none is a record: next to any amount there may be another.

    Attributes:
        whole: Rows that equal a training row.
        near: Rows that equal one in all cells but one.
        close: Rows a small step from one; see ``Surroundings``.
        num_columns: How many cells a row has.
    """

    whole: Likeness = field(default_factory=Likeness)
    near: Likeness = field(default_factory=Likeness)
    close: Likeness = field(default_factory=Likeness)
    num_columns: int = 0

    @property
    def is_by_chance(self) -> bool:
        """Whether some training rows may be repeated, and others not."""
        every = (self.whole, self.near, self.close)
        return any(likeness.known and likeness.by_chance for likeness in every)

    @classmethod
    def of(
        cls,
        cells: Cells,
        present: np.ndarray,
        columns: Sequence[Column],
        max_repeated: float = MAX_REPEATED,
    ) -> Repeats:
        """Learn it from the training rows.

        Args:
            cells: The rows.
            present: Which cells have a value, shape (n_rows, n_columns).
            columns: The columns of ``cells``.
            max_repeated: For copies, in [0, 1]; for near copies it is ``MAX_REPEATED``.
        """
        first = ~pd.Series(cells.fingerprints).duplicated().to_numpy()
        own: np.ndarray = np.column_stack([
            _own(values, there, first, column)
            for values, there, column in zip(cells.hashes.T, present.T, columns, strict=True)
        ])
        sizes = np.array([_count_values(column) + column.nullable for column in columns])
        if first.sum() > MAX_FILLED * sizes.prod():
            return cls(num_columns=len(columns))

        alike = np.array([share_alike(column) for column in cells.hashes.T])

        def likeness(
            left_out: Sequence[int | None], least_equal: int, max_repeated: float
        ) -> Likeness:
            compared, repeated, unrelated = [], np.zeros(len(cells), dtype=bool), 0.0
            for column in left_out:
                rest = [place for place in range(len(columns)) if place != column]
                prints = cells.without(column)
                told = np.asarray(present[:, rest].sum(1) >= least_equal)
                is_record = np.asarray(own[:, rest].any(1))
                if told.any():
                    compared.append((column, prints[told], is_record[told]))
                repeated |= (count_equal(prints) > 1) & told & ~is_record
                unrelated += len(cells) * alike[rest].prod()
            # Few rows may have no pair by luck; columns that do not go together have least.
            share, known = min(1.0, max(float(repeated.mean()), unrelated)), []
            for column, prints, is_record in compared:
                different, places = np.unique(prints, return_index=True)
                known.append(Known(column, different, is_record[places] | (share <= max_repeated)))
            return Likeness(known, share, len(cells))

        least_equal = min(LEAST_EQUAL, len(columns))
        copies = likeness([None], least_equal, max_repeated)
        if not FEWEST_ROWS <= len(cells) <= MOST_ROWS:
            return cls(copies, num_columns=len(columns))
        told = (present.sum(1) >= least_equal) & (first | ~own.any(1))
        return cls(
            copies,
            likeness(range(len(columns)), LEAST_EQUAL, MAX_REPEATED),
            _close(cells.at(told), alike),
            len(columns),
        )

    def find(
        self, cells: Cells, num_settled: int = 0
    ) -> Iterator[tuple[Likeness, Booleans, Booleans]]:
        """Copies, then near copies of either kind, copies among them; see ``Likeness.find``.

        Args:
            cells: Rows.
            num_settled: How many of the columns conditions settle. Their cells are equal for no
                fault of the row, so it is a near copy only if ``LEAST_EQUAL`` others are, too.
        """
        yield self.whole, *self.whole.find(cells)
        others = self.num_columns - num_settled
        for likeness, compared in ((self.near, others - 1), (self.close, others)):
            if compared >= LEAST_EQUAL:
                yield likeness, *likeness.find(cells)

    def held_to_chance(self, trial: Cells) -> Repeats:
        """Such that as many rows are kept as expected, of rows drawn like these."""

        def held(likeness: Likeness) -> Likeness:
            equal, avoided = likeness.find(trial)
            return likeness.held_to(float((equal & ~avoided).sum() / max(1, (~avoided).sum())))

        every = held(self.whole), held(self.near), held(self.close)
        return Repeats(*every, self.num_columns)

    def keeps(self, cells: Cells, num_settled: int, rng: np.random.Generator) -> Booleans:
        """Which rows to keep, those that chance repeats at random, shape (n_rows,)."""
        kept = np.ones(len(cells), dtype=bool)
        for likeness, equal, avoided in self.find(cells, num_settled):
            kept &= ~avoided
            if likeness.keep < 1:
                kept &= ~equal | (rng.random(len(cells)) < likeness.keep)
        return kept


def _close(training: Cells, alike: np.ndarray) -> Likeness:
    """What lies a small step from training rows, none of which stands there twice as a record."""
    if not len(training) or np.isnan(training.numbers).all():
        return Likeness()
    scale = Scale.fit(training.numbers)
    steps = scale.alike(training.numbers)
    unrelated = len(training) * float(np.where(np.isnan(steps), alike, steps).prod())
    share = min(1.0, max(float(has_neighbour(training, scale).mean()), unrelated))
    known = Surroundings.of(training, scale, are_avoided=share <= MAX_REPEATED)
    return Likeness([known], share, len(training))


def _own(values: np.ndarray, present: np.ndarray, first: np.ndarray, column: Column) -> np.ndarray:
    """Which values are a row's own: off heaps, in a column that tells different rows apart."""
    none = np.zeros(len(values), dtype=bool)
    if column.kind in ('categorical', 'boolean'):
        return none
    off: np.ndarray = present & (count_equal(values) <= max(MAX_HEAP, MAX_HEAP_SHARE * len(values)))
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
