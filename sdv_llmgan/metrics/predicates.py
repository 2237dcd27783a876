"""Predicates of an attacker's: conditions on a few columns, made of synthetic rows.

    "age at least 71 and job is nurse and income is missing"

``univariate`` and ``multivariate`` ones select one synthetic row, ``random_ones`` are guesses. A
table is here a list of columns, each of shape (n_rows,), as ``encoding.EncodedColumn`` has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sdv_llmgan.metrics.encoding import Numbers

#: Rounds of as many tries as predicates are wanted.
ROUNDS = 20
EQUAL, AT_MOST, AT_LEAST, MISSING, DIFFERENT, KNOWN = range(6)


@dataclass(frozen=True)
class Predicates:
    """Predicates, each of the same number of conditions; shapes (n_predicates, n_conditions).

    Attributes:
        columns: Which column each condition is on.
        operators: How it compares.
        values: With what; 0 where it compares with nothing.
    """

    columns: np.ndarray[Any, np.dtype[np.intp]]
    operators: np.ndarray[Any, np.dtype[np.intp]]
    values: Numbers

    def __len__(self) -> int:
        """How many there are."""
        return len(self.columns)

    def __getitem__(self, chosen: slice | np.ndarray[Any, Any]) -> Predicates:
        """Some of them."""
        return Predicates(self.columns[chosen], self.operators[chosen], self.values[chosen])

    def fit(self, table: list[Numbers]) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which rows of a table of these columns each predicate fits, (n_predicates, n_rows)."""
        fits = np.ones((len(self), len(table[0])), dtype=bool)
        for columns, operators, values in zip(
            self.columns.T, self.operators.T, self.values.T, strict=True
        ):
            for column, operator in {*zip(columns.tolist(), operators.tolist(), strict=True)}:
                here = np.flatnonzero((columns == column) & (operators == operator))
                fits[here] &= _compare(table[column], operator, values[here, np.newaxis])
        return fits

    def keys(self) -> list[bytes]:
        """Equal where two are the same; their columns have an order."""
        cells = np.hstack([self.columns, self.operators, self.values])
        return [row.tobytes() for row in cells.astype(np.float64)]


def _compare(cells: Numbers, operator: int, values: Numbers) -> np.ndarray[Any, np.dtype[np.bool_]]:
    unknown = np.isnan(cells)
    if operator in (MISSING, KNOWN):
        return np.broadcast_to(unknown == (operator == MISSING), (len(values), len(cells)))
    if operator == EQUAL:
        return cells == values
    if operator == DIFFERENT:
        return (cells != values) & ~unknown
    return cells <= values if operator == AT_MOST else cells >= values


def univariate(
    table: list[Numbers], is_number: np.ndarray, wanted: int, rng: np.random.Generator
) -> Predicates:
    """Values that one row has, and ends that one row lies at."""
    found: list[tuple[int, int, float]] = []
    for column, cells in enumerate(table):
        unknown = np.isnan(cells)
        if unknown.sum() == 1:
            found.append((column, MISSING, 0.0))
        values, counts = np.unique(cells[~unknown], return_counts=True)
        found += [(column, EQUAL, float(value)) for value in values[counts == 1]]
        if is_number[column] and len(values):
            ends = ((AT_MOST, 0), (AT_LEAST, -1))
            found += [(column, op, float(values[i])) for op, i in ends if counts[i] == 1]
    order = rng.permutation(len(found))[:wanted]
    columns, operators, values = (
        np.array([found[place][part] for place in order]).reshape(-1, 1) for part in range(3)
    )
    return Predicates(columns.astype(np.intp), operators.astype(np.intp), values.astype(np.float64))


def multivariate(
    table: list[Numbers],
    is_number: np.ndarray,
    count: int,
    wanted: int,
    rng: np.random.Generator,
) -> Predicates:
    """Combinations of conditions that one row alone keeps, each of one row."""
    kept: list[Predicates] = [random_ones(table, is_number, count, 0, rng)]
    seen: set[bytes] = set()
    for tried in _tries(table, is_number, count, wanted, rng):
        tried = tried[tried.fit(table).sum(axis=1) == 1]
        new = [place for place, key in enumerate(tried.keys()) if not _seen(key, seen)]
        kept.append(tried[np.array(new, dtype=np.intp)])
        if len(seen) >= wanted:
            break
    parts = zip(*((one.columns, one.operators, one.values) for one in kept), strict=True)
    return Predicates(*map(np.concatenate, parts))[:wanted]


def _seen(key: bytes, seen: set[bytes]) -> bool:
    known = key in seen
    seen.add(key)
    return known


def _tries(
    table: list[Numbers],
    is_number: np.ndarray,
    count: int,
    wanted: int,
    rng: np.random.Generator,
) -> Iterator[Predicates]:
    medians = np.array([
        np.median(known) if len(known := cells[~np.isnan(cells)]) else 0.0 for cells in table
    ])
    stacked = np.column_stack(table)
    for _ in range(ROUNDS):
        columns = _column_sets(len(table), count, wanted, rng)
        values = stacked[rng.integers(len(stacked), size=(wanted, 1)), columns]
        side = np.where(values > medians[columns], AT_LEAST, AT_MOST)
        operators = np.where(is_number[columns], side, EQUAL)
        operators = np.where(np.isnan(values), MISSING, operators)
        yield Predicates(columns, operators, np.nan_to_num(values))


def random_ones(
    table: list[Numbers], is_number: np.ndarray, count: int, wanted: int, rng: np.random.Generator
) -> Predicates:
    """Random conditions, each with a value of a random row."""
    columns = _column_sets(len(table), count, wanted, rng)
    stacked = np.column_stack(table)
    values = stacked[rng.integers(len(stacked), size=columns.shape), columns]
    for_numbers = np.array([EQUAL, DIFFERENT, AT_MOST, AT_LEAST])
    chosen = rng.integers(4, size=columns.shape)
    operators = np.where(is_number[columns], for_numbers[chosen], for_numbers[chosen % 2])
    of_missing = np.where(chosen % 2, KNOWN, MISSING)
    return Predicates(
        columns, np.where(np.isnan(values), of_missing, operators), np.nan_to_num(values)
    )


def _column_sets(
    num_columns: int, count: int, wanted: int, rng: np.random.Generator
) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Random sets of columns in order, shape (wanted, count)."""
    order = rng.random((wanted, num_columns)).argsort(axis=1)
    return np.sort(order[:, :count], axis=1)
