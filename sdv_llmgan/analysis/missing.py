"""Missing values: as many, and in the same rows?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact
from sdmetrics.single_column import MissingValueSimilarity

from sdv_llmgan.analysis.coded import Coded


@dataclass(frozen=True)
class MissingRate:
    """How often a column has no value.

    Attributes:
        name: The column's name.
        real: Share of the real rows without a value, in [0, 1].
        synthetic: Share of the synthetic rows, likewise.
        similarity: 1 - difference of the shares, in [0, 1], higher = more alike; SDMetrics'
            MissingValueSimilarity.
        p_value: Of Fisher's exact test, in [0, 1]; small = the shares differ.
    """

    name: str
    real: float
    synthetic: float
    similarity: float
    p_value: float


@dataclass(frozen=True)
class MissingTogether:
    """Whether two columns miss their values in the same rows.

    Attributes:
        first: Name of one column.
        second: Name of the other.
        real: Among the real rows that lack either value, the share that lacks both, in [0, 1].
        synthetic: The same for synthetic rows.
        similarity: 1 - difference of the shares, in [0, 1], higher = more alike.
        p_value: Of Fisher's exact test on those rows, in [0, 1]; small = the shares differ.
    """

    first: str
    second: str
    real: float
    synthetic: float
    similarity: float
    p_value: float


@dataclass(frozen=True)
class Missingness:
    """What is missing.

    Attributes:
        rates: One entry a column that lacks a value in either table.
        together: One entry a pair of columns that lack values in both tables.
        pattern_similarity: 1 - total variation distance between the tables' distributions of *which
            columns a row lacks*, in [0, 1], higher = more alike.
    """

    rates: tuple[MissingRate, ...]
    together: tuple[MissingTogether, ...]
    pattern_similarity: float

    @property
    def similarity(self) -> float:
        """Mean of the rates' similarity and ``pattern_similarity``, in [0, 1]; 1: none missing."""
        if not self.rates:
            return 1.0
        rates = float(np.mean([rate.similarity for rate in self.rates]))
        return (rates + self.pattern_similarity) / 2


def compare_missing(columns: Sequence[Coded]) -> Missingness:
    """Compare rates of missing values, alone, by pairs and as whole patterns."""
    n_real = columns[0].n_real
    lacking = [coded for coded in columns if coded.is_missing.any()]
    masks = {coded.column.name: coded.is_missing for coded in lacking}
    together = (_together(one, other, masks, n_real) for one, other in combinations(masks, 2))
    return Missingness(
        rates=tuple(_rate(name, mask, n_real) for name, mask in masks.items()),
        together=tuple(entry for entry in together if entry is not None),
        pattern_similarity=_pattern_similarity(list(masks.values()), n_real),
    )


def _rate(name: str, mask: np.ndarray, n_real: int) -> MissingRate:
    real, synthetic = mask[:n_real], mask[n_real:]
    cells = [pd.Series(np.where(part, np.nan, 0.0)) for part in (real, synthetic)]
    table = [[int(part.sum()), int((~part).sum())] for part in (real, synthetic)]
    return MissingRate(
        name,
        real=float(real.mean()),
        synthetic=float(synthetic.mean()),
        similarity=float(MissingValueSimilarity.compute(*cells)),
        p_value=float(fisher_exact(table)[1]),
    )


def _together(
    one: str, other: str, masks: dict[str, np.ndarray], n_real: int
) -> MissingTogether | None:
    both, either = masks[one] & masks[other], masks[one] | masks[other]
    for mask in (masks[one], masks[other]):
        if not (mask[:n_real].any() and mask[n_real:].any()):
            return None
    counts = [
        (int(both[part].sum()), int(either[part].sum()))
        for part in (slice(None, n_real), slice(n_real, None))
    ]
    real, synthetic = (n_both / n_either for n_both, n_either in counts)
    table = [[n_both, n_either - n_both] for n_both, n_either in counts]
    p_value = float(fisher_exact(table)[1])
    return MissingTogether(one, other, real, synthetic, 1 - abs(real - synthetic), p_value)


def _pattern_similarity(masks: list[np.ndarray], n_real: int) -> float:
    if not masks:
        return 1.0
    _, pattern = np.unique(np.stack(masks, axis=1), axis=0, return_inverse=True)
    n_patterns = int(pattern.max()) + 1
    real = np.bincount(pattern[:n_real].ravel(), minlength=n_patterns)
    synthetic = np.bincount(pattern[n_real:].ravel(), minlength=n_patterns)
    return float(1 - np.abs(real / real.sum() - synthetic / synthetic.sum()).sum() / 2)
