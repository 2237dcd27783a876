"""Large tables: rows nearer to a training row than to generated ones are drawn anew now and then.

    training rows | as many generated rows -> two indexes -> a new row: which is it nearer to?

Leaves draw rows a little too near to those that they were learned from. ``thinning.py`` mends that
where a few thousand rows are there to pick from; here each row is judged by itself, so any number
of them passes in bounded memory. Rows whose levels differ are far apart, so only rows with all
levels alike are compared, by a k-d tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from sdv_llmgan.samplers.distilled.coding import TableCoding
from sdv_llmgan.samplers.distilled.evidence import Booleans, Floats, Integers
from sdv_llmgan.samplers.distilled.nearness import place
from sdv_llmgan.samplers.distilled.thinning import AIM
from sdv_llmgan.table.cells import among


@dataclass(frozen=True)
class SimilarityFilter:
    """Decides which rows to keep; use ``fit``.

    Attributes:
        coding: Tells levels from numbers.
        patterns: What levels training and generated rows have, as ascending numbers.
        training: Index of the training rows.
        generated: Index of as many generated rows.
        keep: Chance that a row nearer to a training row is kept, in [0, 1].
    """

    coding: TableCoding
    patterns: Integers
    training: cKDTree
    generated: cKDTree
    keep: float = 1.0

    @classmethod
    def fit(
        cls,
        coding: TableCoding,
        training: Mapping[str, Floats],
        generated: Mapping[str, Floats],
        trial: Mapping[str, Floats],
    ) -> SimilarityFilter:
        """Build the indexes; ``keep`` is such that of the rows kept ``AIM`` are nearer to training.

        Args:
            coding: Tells levels from numbers.
            training: Codes of the training rows, a number among them.
            generated: Codes of as many generated rows.
            trial: Codes of other generated rows, to see how many are nearer to training rows.
        """
        real, made = place(coding, training), place(coding, generated)
        patterns = np.unique(np.concatenate([_patterns(real[1]), _patterns(made[1])]))
        found = cls(
            coding,
            patterns,
            cKDTree(_points(real, patterns)),
            cKDTree(_points(made, patterns)),
        )
        share = float(found.nearer(trial).mean())
        wanted = (1 - share) * AIM / (1 - AIM)
        return replace(found, keep=wanted / share) if share > wanted else found

    def keeps(self, codes: Mapping[str, Floats], rng: np.random.Generator) -> Booleans:
        """Which rows to keep, drawn at random, shape (n_rows,)."""
        chances = 1 - (1 - self.keep) * self.nearer(codes)
        kept: Booleans = rng.random(len(chances)) < chances
        return kept

    def nearer(self, codes: Mapping[str, Floats]) -> Floats:
        """Whether rows are nearer to a training row (1) or a generated one (0), shape (n_rows,).

        Ties are 0.5, and so are rows whose levels neither have.
        """
        rows = place(self.coding, codes)
        points, span = _points(rows, self.patterns), _span(rows[0])
        to_training, to_generated = (
            index.query(points, p=1, distance_upper_bound=span)[0]
            for index in (self.training, self.generated)
        )
        found: Floats = np.mean([to_training < to_generated, to_training <= to_generated], axis=0)
        return found


def _patterns(levels: Floats) -> Integers:
    """A number for each row that only rows of equal levels share, shape (n_rows,)."""
    numbers = np.zeros(len(levels), dtype=np.int64)
    for column in levels.T:
        numbers = numbers * 1_000_003 + column.astype(np.int64)
    return numbers


def _points(rows: tuple[Floats, Floats], known: Integers) -> Floats:
    """The numbers, and before them a coordinate that keeps rows of different levels apart."""
    numbers, levels = rows
    lanes = among(_patterns(levels), known)
    return np.column_stack([lanes * _span(numbers), numbers])


def _span(numbers: Floats) -> float:
    """More than there is between the numbers of two rows, each scaled by its range."""
    return numbers.shape[1] + 1.0
