"""Statistics of two samples of numbers, or of two rows of counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.spatial.distance import jensenshannon
from scipy.special import gammaln
from scipy.stats import chi2_contingency, entropy
from sdmetrics.single_column import RangeCoverage

#: Added to every count before KL and JS (Krichevsky-Trofimov), so that no bin is empty.
SMOOTHING = 0.5


def adaptive_bins(values: np.ndarray, n_smaller: int) -> np.ndarray:
    """Bins of about equally many rows; equal values always share one, and spikes have their own.

    Args:
        values: Pooled values, shape (n,).
        n_smaller: Rows of the smaller sample; its cube root, plus one, is the number of bins.

    Returns:
        Bin of each value, 0, 1, ... without gaps, shape (n,).
    """
    n_bins = int(np.ceil(n_smaller ** (1 / 3))) + 1
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(counts) <= n_bins:
        return place
    middle = (np.cumsum(counts) - counts / 2) / len(values)
    _, dense = np.unique((middle * n_bins).astype(int), return_inverse=True)
    return dense[place]


def divergences(real: np.ndarray, synthetic: np.ndarray) -> tuple[float, float]:
    """1 / (1 + KL(real || synthetic)) and 1 - JS divergence, each in [0, 1], higher = more alike.

    Args:
        real: Real rows by bin, shape (n_bins,).
        synthetic: Synthetic rows by bin, shape (n_bins,).
    """
    p, q = ((counts + SMOOTHING) for counts in (real, synthetic))
    p, q = p / p.sum(), q / q.sum()
    kl = max(0.0, float(entropy(p, q)))
    return 1 / (1 + kl), float(1 - jensenshannon(p, q, base=2) ** 2)


def chi_squared(real: np.ndarray, synthetic: np.ndarray) -> tuple[float, float]:
    """Pearson's chi-squared of two samples, and its p-value (small = they differ).

    Args:
        real: Real rows by category, shape (n_categories,); sum >= 1.
        synthetic: Synthetic rows by category, likewise.
    """
    table = np.stack([real, synthetic])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return 0.0, 1.0
    result = chi2_contingency(table, correction=False)
    return float(result.statistic), float(result.pvalue)


def exceedance_p_value(beyond: int, n: int, n_other: int) -> float:
    """Chance that at least ``beyond`` of ``n`` values lie outside the range of ``n_other`` ones.

    Both samples drawn alike, without ties. With f(s) the chance that s given end positions of the
    pooled order all fall to the first sample, it is (s + 1) f(s) - s f(s + 1): s of them can be
    split between the two ends in s + 1 ways.
    """
    total = n + n_other

    def all_of_first(s: int) -> float:
        if s > n:
            return 0.0
        logs = gammaln([n + 1, total - s + 1, n - s + 1, total + 1])
        return float(np.exp(logs[0] + logs[1] - logs[2] - logs[3]))

    chance = (beyond + 1) * all_of_first(beyond) - beyond * all_of_first(beyond + 1)
    return min(1.0, max(0.0, chance))


def range_coverage(real: np.ndarray, synthetic: np.ndarray) -> float:
    """SDMetrics' RangeCoverage, in [0, 1], higher = better; for a constant: whether it is covered.

    Args:
        real: Real values, shape (n_real,), none missing.
        synthetic: Synthetic values, shape (n_synthetic,), none missing.
    """
    if real.min() == real.max():
        return float(synthetic.min() <= real.min() <= synthetic.max())
    return float(RangeCoverage.compute(pd.Series(real), pd.Series(synthetic)))


def expected_range_coverage(real: np.ndarray, n_synthetic: int) -> float:
    """Mean range of ``n_synthetic`` draws from the real values, over the real range; in [0, 1]."""
    ordered = np.sort(real) - real.min()
    if ordered[-1] == 0:
        return 1.0
    below = (np.arange(len(ordered) + 1) / len(ordered)) ** n_synthetic
    is_highest = np.diff(below)
    highest, lowest = is_highest @ ordered, is_highest[::-1] @ ordered
    return float(np.clip((highest - lowest) / ordered[-1], 0, 1))


def expected_category_coverage(real: np.ndarray, n_synthetic: int) -> float:
    """Mean share of the categories that ``n_synthetic`` draws from the real rows show, in [0, 1].

    Args:
        real: Real rows by category, shape (n_categories,).
        n_synthetic: Number of draws.
    """
    shares = real[real > 0] / real.sum()
    return float(np.mean(1 - (1 - shares) ** n_synthetic))
