"""One column in both tables: distribution, coverage of the real values, values beyond them.

KS from scipy, range coverage and boundary adherence from SDMetrics, as is category coverage.
SDMetrics' CSTest is not used: it runs the chi-squared test on shares instead of counts, so its
p-value does not know how many rows there are.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact, ks_2samp
from sdmetrics.single_column import BoundaryAdherence, CategoryCoverage

from sdv_llmgan.analysis.coded import Coded
from sdv_llmgan.analysis.statistics import (
    adaptive_bins,
    chi_squared,
    divergences,
    exceedance_p_value,
    expected_category_coverage,
    expected_range_coverage,
    range_coverage,
)
from sdv_llmgan.table.schema import Kind
from sdv_llmgan.table.summaries import MIN_ROWS_TOLD

#: Categories that differ most between the tables, of which the result gives the shares.
CATEGORIES_NAMED = 5
QUANTILES = (0.05, 0.5, 0.95)

#: Up to so many rows p-values of the Kolmogorov-Smirnov test are exact.
FEW_ROWS = 20


@dataclass(frozen=True)
class NumericalColumn:
    """A numerical, datetime or text column; datetimes in seconds since 1970, text by its length.

    ``None`` stands where the real column holds no value; where only the synthetic one holds none,
    similarities are 0.

    Attributes:
        name: The column's name.
        kind: What its values are.
        ks: 1 - D of the two-sample Kolmogorov-Smirnov test, in [0, 1], higher = more alike.
            ``scipy.stats.ks_2samp``; the same number as SDMetrics' KSComplement.
        kl: 1 / (1 + KL(real || synthetic)), in (0, 1], higher = more alike; KL in nats, on adaptive
            bins of about equally many pooled rows, n^(1/3) + 1 of them, with 0.5 added to each
            count. ``scipy.stats.entropy``, scaled as in SDMetrics' ContinuousKLDivergence.
        js: 1 - Jensen-Shannon divergence to base 2, in [0, 1], higher = more alike; same bins.
            ``scipy.spatial.distance.jensenshannon``, squared.
        coverage: Share of the real range between the synthetic minimum and maximum, in [0, 1],
            higher = better; SDMetrics' RangeCoverage. For a constant: whether it occurs.
        expected_coverage: The coverage to expect of a resample of the real values with as many
            rows as the synthetic table, in [0, 1].
        outside: Share of the synthetic values beyond the real minimum and maximum, in [0, 1],
            lower = better; 1 - SDMetrics' BoundaryAdherence.
        p_value: Of the KS test (asymptotic), in [0, 1]; small = the distributions differ.
        p_narrow: Chance that as many real values lie beyond the synthetic range, were both drawn
            alike; exact where no values are tied, else too high. In [0, 1]; small = too narrow.
        p_outside: The same with the tables swapped; small = too wide or shifted.
        real_quantiles: Real 5 %, 50 % and 95 % quantiles.
        synthetic_quantiles: Synthetic ones.
    """

    name: str
    kind: Kind
    ks: float | None = None
    kl: float | None = None
    js: float | None = None
    coverage: float | None = None
    expected_coverage: float | None = None
    outside: float | None = None
    p_value: float = 1.0
    p_narrow: float = 1.0
    p_outside: float = 1.0
    real_quantiles: tuple[float, ...] = ()
    synthetic_quantiles: tuple[float, ...] = ()
    type: Literal['numerical'] = 'numerical'

    @property
    def similarity(self) -> float | None:
        """Mean of ``ks``, ``kl`` and ``js``, in [0, 1], higher = more alike."""
        return _mean(self.ks, self.kl, self.js)

    @property
    def coverage_similarity(self) -> float | None:
        """Mean of coverage against what is expected, and of what is not outside, in [0, 1]."""
        return _coverage_similarity(self.coverage, self.expected_coverage, self.outside)


@dataclass(frozen=True)
class CategoryShares:
    """How frequent a category is among the values present, in [0, 1]."""

    category: Any
    real: float
    synthetic: float


@dataclass(frozen=True)
class CategoricalColumn:
    """A categorical or boolean column.

    Categories too rare to compare (fewer than two rows expected in the smaller table) count as one
    in ``chi_squared``, ``kl``, ``js`` and ``p_value``. ``None`` stands where the real column holds
    no value; where only the synthetic one holds none, similarities are 0.

    Attributes:
        name: The column's name.
        kind: What its values are.
        chi_squared: 1 - sqrt(chi-squared / n) of the table source x category (1 - Cramér's V of
            source and category), in [0, 1], higher = more alike. ``scipy.stats.chi2_contingency``.
        kl: 1 / (1 + KL(real || synthetic)), in (0, 1], higher = more alike; KL in nats, 0.5 added
            to each count. ``scipy.stats.entropy``, scaled as SDMetrics' DiscreteKLDivergence.
        js: 1 - Jensen-Shannon divergence to base 2, in [0, 1], higher = more alike; same counts.
            ``scipy.spatial.distance.jensenshannon``, squared.
        coverage: Share of the real categories that occur, in [0, 1], higher = better; SDMetrics'
            CategoryCoverage.
        expected_coverage: The coverage to expect of a resample of the real values with as many
            rows as the synthetic table, in [0, 1].
        outside: Share of the synthetic values whose category is not in the real table, in [0, 1],
            lower = better.
        p_value: In [0, 1]; small = the shares differ. Twice the smaller of two: of the chi-squared
            test, and of Fisher's exact test for the category that differs most (Bonferroni).
        missing: Real categories that do not occur, most frequent first.
        unseen: Synthetic categories that are not real, most frequent first.
        differing: The categories whose shares differ most, beyond noise, first.
        rare: Real categories of fewer than five rows. No text names them: in a small table a name
            could point to a person.
    """

    name: str
    kind: Kind
    chi_squared: float | None = None
    kl: float | None = None
    js: float | None = None
    coverage: float | None = None
    expected_coverage: float | None = None
    outside: float | None = None
    p_value: float = 1.0
    missing: tuple[Any, ...] = ()
    unseen: tuple[Any, ...] = ()
    differing: tuple[CategoryShares, ...] = ()
    rare: tuple[Any, ...] = ()
    type: Literal['categorical'] = 'categorical'

    @property
    def similarity(self) -> float | None:
        """Mean of ``chi_squared``, ``kl`` and ``js``, in [0, 1], higher = more alike."""
        return _mean(self.chi_squared, self.kl, self.js)

    @property
    def coverage_similarity(self) -> float | None:
        """Mean of coverage against what is expected, and of what is not outside, in [0, 1]."""
        return _coverage_similarity(self.coverage, self.expected_coverage, self.outside)


ColumnDiagnostics = NumericalColumn | CategoricalColumn


def compare_column(coded: Coded) -> ColumnDiagnostics:
    """The diagnostics of one column."""
    return compare_categorical(coded) if coded.is_categorical else compare_numerical(coded)


def compare_numerical(coded: Coded) -> NumericalColumn:
    """See ``NumericalColumn``."""
    name, kind = coded.column.name, coded.column.kind
    real, synthetic = coded.present()
    if not len(real):
        return NumericalColumn(name, kind)
    if not len(synthetic):
        return NumericalColumn(name, kind, ks=0.0, kl=0.0, js=0.0, coverage=0.0, outside=0.0)
    # The asymptotic p-value is far too small for a few rows; the exact one is slow for many, and
    # says so where it gives up and takes the asymptotic one.
    method = 'exact' if min(len(real), len(synthetic)) <= FEW_ROWS else 'asymp'
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', RuntimeWarning)
        ks = ks_2samp(real, synthetic, method=method)
    bins = adaptive_bins(np.concatenate([real, synthetic]), min(len(real), len(synthetic)))
    kl, js = divergences(
        np.bincount(bins[: len(real)], minlength=bins.max() + 1),
        np.bincount(bins[len(real) :], minlength=bins.max() + 1),
    )
    beyond_synthetic = int(((real < synthetic.min()) | (real > synthetic.max())).sum())
    beyond_real = int(((synthetic < real.min()) | (synthetic > real.max())).sum())
    return NumericalColumn(
        name,
        kind,
        ks=float(1 - ks.statistic),
        kl=kl,
        js=js,
        coverage=range_coverage(real, synthetic),
        expected_coverage=expected_range_coverage(real, len(synthetic)),
        outside=float(1 - BoundaryAdherence.compute(pd.Series(real), pd.Series(synthetic))),
        p_value=float(ks.pvalue),
        p_narrow=exceedance_p_value(beyond_synthetic, len(real), len(synthetic)),
        p_outside=exceedance_p_value(beyond_real, len(synthetic), len(real)),
        real_quantiles=tuple(map(float, np.quantile(real, QUANTILES))),
        synthetic_quantiles=tuple(map(float, np.quantile(synthetic, QUANTILES))),
    )


def compare_categorical(coded: Coded) -> CategoricalColumn:
    """See ``CategoricalColumn``."""
    name, kind = coded.column.name, coded.column.kind
    real, synthetic = coded.level_counts()
    if not real.sum():
        return CategoricalColumn(name, kind)
    order = np.lexsort((-synthetic, -real))
    missing = tuple(coded.levels[i] for i in order if real[i] and not synthetic[i])
    unseen = tuple(coded.levels[i] for i in order if synthetic[i] and not real[i])
    rare = tuple(coded.levels[i] for i in order if 0 < real[i] < MIN_ROWS_TOLD)
    if not synthetic.sum():
        return CategoricalColumn(
            name,
            kind,
            chi_squared=0.0,
            kl=0.0,
            js=0.0,
            coverage=0.0,
            outside=0.0,
            missing=missing,
            rare=rare,
        )
    group, n_groups = coded.groups()
    grouped = [np.bincount(group, counts, minlength=n_groups) for counts in (real, synthetic)]
    statistic, p_value = chi_squared(*grouped)
    kl, js = divergences(*grouped)
    differing, p_category = _differing_categories(coded.levels, real, synthetic)
    total = real.sum() + synthetic.sum()
    values = [pd.Series(np.flatnonzero(counts)) for counts in (real, synthetic)]
    return CategoricalColumn(
        name,
        kind,
        chi_squared=float(1 - np.sqrt(statistic / total)),
        kl=kl,
        js=js,
        coverage=float(CategoryCoverage.compute(*values)),
        expected_coverage=expected_category_coverage(real, int(synthetic.sum())),
        outside=float(synthetic[real == 0].sum() / synthetic.sum()),
        p_value=min(1.0, 2 * p_value, 2 * p_category),
        missing=missing,
        unseen=unseen,
        differing=differing,
        rare=rare,
    )


def _differing_categories(
    levels: tuple[Any, ...], real: np.ndarray, synthetic: np.ndarray
) -> tuple[tuple[CategoryShares, ...], float]:
    """The categories that differ most, and the p-value of the first, for as many comparisons."""
    n, m = real.sum(), synthetic.sum()
    p, q, pooled = real / n, synthetic / m, (real + synthetic) / (n + m)
    noise = np.sqrt(np.maximum(pooled * (1 - pooled), 1 / (n + m)) * (1 / n + 1 / m))
    order = np.argsort(-np.abs(p - q) / noise, kind='stable')[:CATEGORIES_NAMED]
    shares = tuple(CategoryShares(levels[i], float(p[i]), float(q[i])) for i in order)
    first = order[0]
    table = [[real[first], n - real[first]], [synthetic[first], m - synthetic[first]]]
    return shares, min(1.0, float(fisher_exact(table)[1]) * len(levels))


def _mean(*values: float | None) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _coverage_similarity(
    coverage: float | None, expected: float | None, outside: float | None
) -> float | None:
    if coverage is None or outside is None:
        return None
    reached = min(1.0, coverage / expected) if expected else coverage
    return (reached + 1 - outside) / 2
