"""Rows as they are compared: each cell as a hash and, where it is a number, as that number.

cells -> fingerprints of rows, whole and without a column in turn
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]
IntegerT = TypeVar('IntegerT', bound=np.integer)


@dataclass(frozen=True)
class Cells:
    """Rows, cell by cell.

    Attributes:
        hashes: Equal where cells are, shape (n_rows, n_columns).
        numbers: Of numbers and datetimes, in any unit, shape (n_rows, n_columns); NaN elsewhere.
    """

    hashes: Hashes
    numbers: Floats

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.hashes)

    def at(self, chosen: npt.NDArray[np.bool_]) -> Cells:
        """Some of the rows."""
        return Cells(self.hashes[chosen], self.numbers[chosen])

    @cached_property
    def fingerprints(self) -> Hashes:
        """A number for each row that only equal rows share, shape (n_rows,)."""
        return fingerprints(self.hashes)

    def without(self, column: int | None) -> Hashes:
        """Fingerprints without a column; ``None``: of whole rows."""
        if column is None:
            return self.fingerprints
        factor = _factors(self.hashes.shape[1])[column]
        left: Hashes = self.fingerprints - self.hashes[:, column] * factor
        return left


def among(found: npt.NDArray[IntegerT], known: npt.NDArray[IntegerT]) -> npt.NDArray[np.int64]:
    """Where each number stands among known ones, ascending, at least one; -2: it does not."""
    places = np.minimum(np.searchsorted(known, found), len(known) - 1)
    return np.where(known[places] == found, places, -2)


def fingerprints(hashes: Hashes) -> Hashes:
    """A number for each row of hashes that only equal rows share, shape (n_rows,)."""
    total: Hashes = (hashes * _factors(hashes.shape[1])).sum(1, dtype=np.uint64)
    return total


def count_equal(hashes: Hashes) -> npt.NDArray[np.int64]:
    """How many rows have each row's hash, shape (n_rows,)."""
    _, places, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    found: npt.NDArray[np.int64] = counts[places]
    return found


def share_alike(hashes: Hashes) -> float:
    """Share of pairs of rows that have the same hash, in [0, 1]."""
    counts = np.unique(hashes, return_counts=True)[1]
    pairs = len(hashes) * (len(hashes) - 1)
    return float((counts * (counts - 1)).sum() / pairs) if pairs else 0.0


def _factors(count: int) -> Hashes:
    powers = [pow(1_000_003, place, 2**64) for place in range(count)]
    return np.array(powers, dtype=np.uint64)
