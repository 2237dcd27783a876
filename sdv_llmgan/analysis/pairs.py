"""Two columns at a time: does the dependence between them match?

    rows of two columns -> pattern of each table (its length is the coefficient) -> distance
                                                    shuffled rows -> distance by chance

A pattern is what a coefficient is the length of: Pearson's r itself; the standardized means of the
groups (length: the correlation ratio); the residuals of the contingency table (length: Cramér's V).
Patterns also differ where a dependence has turned round while its strength stayed the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from scipy.stats import f as f_distribution

from sdv_llmgan.analysis.coded import Coded, sum_by_group

Measure = Literal['pearson', 'correlation_ratio', 'cramers_v']

#: Rows of each table with both values that a comparison needs.
MIN_ROWS_COMPARED = 5
#: A category that fewer of the shuffled rows of a table should have counts as rare.
RARE = 5.0
#: How many rows of each table, at most, are shuffled; and how often, all rows of all times together
#: and within bounds.
SHUFFLED_ROWS = 2_000
SHUFFLED_IN_ALL = 160_000
FEWEST_SHUFFLES, MOST_SHUFFLES = 40, 200
#: Numbers farther from the mean, in standard deviations, count as being there: otherwise a few of
#: them decide on a coefficient.
FARTHEST = 4.0
#: A standardized column with less variance than this is a constant.
NO_VARIANCE = 1e-12


@dataclass(frozen=True)
class Pair:
    """How much two columns depend on each other, among rows where both have a value.

    Attributes:
        first: Name of one column.
        second: Name of the other.
        measure: ``pearson`` for two numerical columns (datetimes and text lengths included),
            ``correlation_ratio`` (eta) for a numerical and a categorical one, ``cramers_v`` for two
            categorical ones. The last two are corrected for bias (Kelley 1935; Bergsma 2013).
            Numbers more than 4 standard deviations from the mean count as 4 away, and the
            categories of few rows as one.
        real: The coefficient in the real table, in [-1, 1] for Pearson and in [0, 1] for the
            others; 0 is no (linear) dependence, or a constant column.
        synthetic: The same in the synthetic table.
        similarity: 1 - distance / 2, in [0, 1], higher = more alike. For Pearson the distance is
            that of the coefficients: the number is SDMetrics' CorrelationSimilarity. For the others
            it is that of the patterns whose lengths are the coefficients, less what rows shuffled
            between the tables give: a perfect dependence that is lost scores 0.5, and one that is
            turned round 0.
        p_value: Chance of so great a distance if rows were shuffled between the tables, in [0, 1].
    """

    first: str
    second: str
    measure: Measure
    real: float
    synthetic: float
    similarity: float
    p_value: float


def compare_pairs(columns: Sequence[Coded], rng: np.random.Generator) -> tuple[Pair, ...]:
    """Compare every pair of columns, but for those with nothing to compare.

    That is, with fewer than 5 rows in one of the tables, or with a constant in both.
    """
    shuffle = _Shuffle.draw(columns[0], rng)
    operands = [_operand(coded) for coded in columns]
    pairs = (_compare(one, other, shuffle) for one, other in combinations(operands, 2))
    return tuple(pair for pair in pairs if pair is not None)


@dataclass(frozen=True)
class _Operand:
    """A column ready for sums: standardized numbers, or (``n_groups`` > 0) groups of categories."""

    name: str
    values: np.ndarray
    is_real: np.ndarray
    n_groups: int
    is_constant: tuple[bool, bool]


@dataclass(frozen=True)
class _Shuffle:
    """Some rows, shape (n_rows,), and which are called real, shape (n_shuffles, n_rows)."""

    rows: np.ndarray
    called_real: np.ndarray

    @classmethod
    def draw(cls, coded: Coded, rng: np.random.Generator) -> _Shuffle:
        n_real, n_all = coded.n_real, len(coded.values)
        n, m = min(n_real, SHUFFLED_ROWS), min(n_all - n_real, SHUFFLED_ROWS)
        real = rng.choice(n_real, n, replace=False)
        synthetic = n_real + rng.choice(n_all - n_real, m, replace=False)
        times = int(np.clip(SHUFFLED_IN_ALL // (n + m), FEWEST_SHUFFLES, MOST_SHUFFLES))
        called_real = np.tile(np.arange(n + m) < n, (times, 1)).astype(float)
        return cls(np.concatenate([real, synthetic]), rng.permuted(called_real, axis=1))


def _operand(coded: Coded) -> _Operand:
    values = coded.values
    known = ~np.isnan(values)
    n_groups = 0
    if coded.is_categorical:
        group, n_groups = coded.groups(RARE, SHUFFLED_ROWS)
        values = np.where(known, 0.0, np.nan)
        values[known] = group[coded.values[known].astype(int)]
    elif known.any():
        spread = values[known].std()
        values = (values - values[known].mean()) / (spread if spread > 0 else 1.0)
        values = np.clip(values, -FARTHEST, FARTHEST)
    constant_real, constant_synthetic = (len(np.unique(part)) < 2 for part in coded.present())
    is_real = np.arange(len(values)) < coded.n_real
    constant = (constant_real, constant_synthetic)
    return _Operand(coded.column.name, values, is_real, n_groups, constant)


def _compare(one: _Operand, other: _Operand, shuffle: _Shuffle) -> Pair | None:
    known = ~(np.isnan(one.values) | np.isnan(other.values))
    is_real = one.is_real[known]
    n, m = int(is_real.sum()), int((~is_real).sum())
    has_no_spread = [a or b for a, b in zip(one.is_constant, other.is_constant, strict=True)]
    if min(n, m) < MIN_ROWS_COMPARED or all(has_no_spread):
        return None
    observed = np.stack([is_real, ~is_real]).astype(float)
    measure, patterns, coefficients = _patterns(one, other, known, observed)
    distance = float(((patterns[0] - patterns[1]) ** 2).sum())
    chance = _distances_by_chance(one, other, known, shuffle) * (1 / n + 1 / m)
    excess = distance if measure == 'pearson' else max(0.0, distance - chance.mean())
    return Pair(
        one.name,
        other.name,
        measure,
        real=float(coefficients[0]),
        synthetic=float(coefficients[1]),
        similarity=float(max(0.0, 1 - np.sqrt(excess) / 2)),
        p_value=_p_value(distance, chance, _degrees_of_freedom(one, other)),
    )


def _distances_by_chance(
    one: _Operand, other: _Operand, known: np.ndarray, shuffle: _Shuffle
) -> np.ndarray:
    """Squared distances between shuffled tables, for 1 / n + 1 / m = 1, shape (n_shuffles,)."""
    kept = known[shuffle.rows]
    first = shuffle.called_real[:, kept]
    _, patterns, _ = _patterns(one, other, shuffle.rows[kept], np.concatenate([first, 1 - first]))
    patterns_first, patterns_second = np.split(patterns, 2)
    n = first.sum(axis=1)
    variance = 1 / np.maximum(1, n) + 1 / np.maximum(1, first.shape[1] - n)
    squared: np.ndarray = ((patterns_first - patterns_second) ** 2).sum(axis=1) / variance
    return squared


def _degrees_of_freedom(one: _Operand, other: _Operand) -> int:
    return max(1, one.n_groups - 1) * max(1, other.n_groups - 1)


def _p_value(distance: float, chance: np.ndarray, most_degrees: int) -> float:
    """Upper tail of a squared distance, given draws of what it is by chance.

    Such a distance is about a scaled chi-squared variable (Satterthwaite: as many degrees of
    freedom as mean and variance tell), and the scale is a mean of draws: their ratio is F.
    """
    mean = float(chance.mean())
    if mean <= 0:
        return 1.0
    degrees = float(np.clip(2 * mean**2 / max(float(chance.var()), 1e-300), 0.5, most_degrees))
    p_value = f_distribution.sf(distance / mean, degrees, degrees * len(chance))
    # Where a few rows decide on a coefficient the tail is heavier: what was seen is a bound.
    return float(max(p_value, (chance >= distance).sum() / (1 + len(chance))))


def _patterns(
    one: _Operand, other: _Operand, rows: np.ndarray, tables: np.ndarray
) -> tuple[Measure, np.ndarray, np.ndarray]:
    """Patterns and coefficients of several tables made of the same rows.

    Args:
        one: A column.
        other: Another.
        rows: Which rows, as a mask or as indices; none of them misses a value.
        tables: 1 where a row belongs to a table, else 0; shape (n_tables, n_rows).

    Returns:
        Measure; patterns, shape (n_tables, n_entries); coefficients, shape (n_tables,).
    """
    x, y = one.values[rows], other.values[rows]
    if one.n_groups and other.n_groups:
        return 'cramers_v', *_residuals(x, y, one.n_groups, other.n_groups, tables)
    if one.n_groups:
        return 'correlation_ratio', *_group_means(x, y, one.n_groups, tables)
    if other.n_groups:
        return 'correlation_ratio', *_group_means(y, x, other.n_groups, tables)
    return 'pearson', *_pearson(x, y, tables)


def _pearson(x: np.ndarray, y: np.ndarray, tables: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    products = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)
    # As a matrix product this would wait for threads, of which such small ones have no use.
    sums = np.einsum('tn,np->tp', tables, products)
    size = np.maximum(1, sums[:, 0])
    mean_x, mean_y, xx, yy, xy = (sums[:, i] / size for i in range(1, 6))
    variance_x, variance_y = xx - mean_x**2, yy - mean_y**2
    varies = (variance_x > NO_VARIANCE) & (variance_y > NO_VARIANCE)
    spread = np.sqrt(np.where(varies, variance_x * variance_y, 1.0))
    r = np.where(varies, np.clip((xy - mean_x * mean_y) / spread, -1, 1), 0.0)
    return r[:, None], r


def _group_means(
    group: np.ndarray, y: np.ndarray, n_groups: int, tables: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    counts = sum_by_group(group, np.ones_like(y), n_groups, tables)
    sums = sum_by_group(group, y, n_groups, tables)
    size = np.maximum(1, counts.sum(axis=1, keepdims=True))
    mean = sums.sum(axis=1, keepdims=True) / size
    squares = sum_by_group(group, y * y, n_groups, tables).sum(axis=1, keepdims=True)
    variance = squares / size - mean**2
    varies = variance > NO_VARIANCE
    deviation = np.where(counts > 0, sums / np.maximum(1, counts) - mean, 0.0)
    spread = np.sqrt(np.where(varies, variance, 1.0))
    patterns = np.where(varies, np.sqrt(counts / size) * deviation / spread, 0.0)
    eta_squared = (patterns**2).sum(axis=1)
    within = np.maximum(1, size[:, 0] - (counts > 0).sum(axis=1))
    corrected = 1 - (1 - eta_squared) * np.maximum(0, size[:, 0] - 1) / within
    return patterns, np.sqrt(np.clip(np.where(varies[:, 0], corrected, 0.0), 0, 1))


def _residuals(
    x: np.ndarray, y: np.ndarray, n_x: int, n_y: int, tables: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    counts = sum_by_group(x * n_y + y, np.ones_like(x), n_x * n_y, tables).reshape(-1, n_x, n_y)
    size = np.maximum(1, counts.sum(axis=(1, 2)))
    shares = counts / size[:, None, None]
    share_x, share_y = shares.sum(axis=2), shares.sum(axis=1)
    expected = share_x[:, :, None] * share_y[:, None, :]
    residuals = shares - expected
    phi_squared = (residuals**2 / np.where(expected > 0, expected, 1.0)).sum(axis=(1, 2))
    # A single row in a cell that should hold a fraction of one would outweigh all others.
    least = 1 / min(SHUFFLED_ROWS, size.min())
    patterns = (residuals / np.sqrt(np.maximum(expected, least))).reshape(len(tables), -1)
    r, k = (share_x > 0).sum(axis=1), (share_y > 0).sum(axis=1)
    others = np.maximum(1, size - 1)
    corrected = np.maximum(0, phi_squared - (r - 1) * (k - 1) / others)
    most = np.minimum(r - (r - 1) ** 2 / others, k - (k - 1) ** 2 / others) - 1
    coefficient = np.sqrt(np.where(most > 0, corrected / np.where(most > 0, most, 1), 0.0))
    length = np.sqrt(max(1, min(n_x, n_y) - 1))
    return patterns / length, np.minimum(1, coefficient)
