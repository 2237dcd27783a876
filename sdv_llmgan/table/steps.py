"""Which rows lie a small step from a training row: every number a little off, all else equal.

numbers -> how many spreads from the middle, as logarithms far out -> one index of training rows,
in which rows whose other cells differ are far apart
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from sdv_llmgan.table.cells import Cells, Floats, Hashes, among, fingerprints

#: A small step: this much of a column's spread, or of the distance from its middle where that is
#: more. Less than one in a hundred fresh rows of most tables are so near to one of 400 others.
STEP = 0.2
#: The distance between quartiles of a normal distribution, in standard deviations.
QUARTILES = 1.349
#: Between rows whose other cells differ.
LANE = 100.0

Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Scale:
    """Numbers of a column as distances in which ``STEP`` is small anywhere.

    Attributes:
        middles: The columns' medians, shape (n_columns,); NaN: no number is in it.
        spreads: Their standard deviations, told from quartiles where these differ, > 0.
    """

    middles: Floats
    spreads: Floats

    @classmethod
    def fit(cls, numbers: Floats) -> Scale:
        """Learn it from training rows, shape (n_rows, n_columns)."""
        middles, spreads = np.full((2, numbers.shape[1]), np.nan)
        for place, column in enumerate(numbers.T):
            known = column[~np.isnan(column)]
            if len(known):
                low, middles[place], high = np.quantile(known, (0.25, 0.5, 0.75))
                spreads[place] = (high - low) / QUARTILES or known.std() or 1.0
        return cls(middles, spreads)

    def __call__(self, numbers: Floats) -> Floats:
        """Scaled numbers of the columns that have some, missing ones as 0."""
        used = ~np.isnan(self.middles)
        scaled = (numbers[:, used] - self.middles[used]) / self.spreads[used]
        return np.nan_to_num(np.arcsinh(scaled))

    def alike(self, numbers: Floats) -> Floats:
        """Share of pairs of rows that are a step apart, shape (n_columns,); NaN: no numbers."""
        shares = np.full(len(self.middles), np.nan)
        scaled, count = self(numbers), max(2, len(numbers))
        for place, column in zip(np.flatnonzero(~np.isnan(self.middles)), scaled.T, strict=True):
            ordered = np.sort(column)
            above = np.searchsorted(ordered, ordered + STEP, side='right')
            pairs = (above - np.arange(1, len(ordered) + 1)).sum()
            shares[place] = 2 * pairs / (count * (count - 1))
        return shares


@dataclass(frozen=True)
class Surroundings:
    """All that lies a small step from one of the training rows; use ``of``.

    Attributes:
        scale: Of the columns.
        others: What the cells that are no numbers are, ascending fingerprints.
        tree: The training rows, each different one once.
        avoided: Which of them no generated row should be near to.
    """

    scale: Scale
    others: Hashes
    tree: cKDTree
    avoided: Booleans

    @classmethod
    def of(cls, training: Cells, scale: Scale, *, are_avoided: bool) -> Surroundings:
        """Build the index."""
        others = np.unique(_others(training))
        points = np.unique(_points(training, scale, others), axis=0)
        return cls(scale, others, cKDTree(points), np.full(len(points), are_avoided))

    def find(self, cells: Cells) -> tuple[Booleans, Booleans]:
        """See ``Likeness.find``."""
        points = _points(cells, self.scale, self.others)
        distances, places = self.tree.query(points, p=np.inf, distance_upper_bound=STEP)
        found = np.isfinite(distances)
        return found, found & np.append(self.avoided, False)[places]


def has_neighbour(cells: Cells, scale: Scale) -> Booleans:
    """Which rows lie a small step from another one, or equal it, shape (n_rows,)."""
    points = _points(cells, scale, np.unique(_others(cells)))
    different, places, counts = np.unique(points, axis=0, return_inverse=True, return_counts=True)
    distances = cKDTree(different).query(different, k=2, p=np.inf, distance_upper_bound=STEP)[0]
    found: Booleans = (np.isfinite(distances[:, 1]) | (counts > 1))[places.ravel()]
    return found


def _others(cells: Cells) -> Hashes:
    """Fingerprints of the cells that are no numbers."""
    return fingerprints(np.where(np.isnan(cells.numbers), cells.hashes, np.uint64(0)))


def _points(cells: Cells, scale: Scale, known: Hashes) -> Floats:
    """Scaled numbers, and before them a coordinate that keeps rows with other cells apart."""
    lanes = among(_others(cells), known)
    return np.column_stack([lanes * LANE, scale(cells.numbers)])
