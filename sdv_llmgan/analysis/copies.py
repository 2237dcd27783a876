"""Measures signs of copying: rows that repeat, rows too near, frequencies too exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from scipy.stats import hypergeom

from sdv_llmgan.analysis.coded import Coded, sum_by_group
from sdv_llmgan.analysis.statistics import adaptive_bins

#: Rows of each table, at most, between which distances are measured, and rows measured at a time.
NEAREST_ROWS = 2_000
CHUNK = 250
#: The quantile of the distances between real rows below which a synthetic row is a near copy.
NEAR = 0.01
#: How often rows are drawn from the real table to see how exact frequencies are by chance, and
#: from how many of them at most.
DRAWS = 999
DRAWN_ROWS = 1_000


@dataclass(frozen=True)
class Copies:
    """Signs of copying; lower = better for all shares.

    A table of few categories cannot avoid copies, so shares are held against what real rows do
    among themselves.

    Attributes:
        exact: Share of the synthetic rows that equal a real row, in [0, 1], at the precision that
            a model reads and writes (as in ``copies.CopyCheck``).
        expected_exact: Share of the real rows that equal another real row: about as many honest
            rows would.
        p_exact: Chance of so many exact copies, given the repeated real rows, in [0, 1].
        near: Share of the synthetic rows nearer to a real row than 99 % of the real rows are to
            another one, in [0, 1]; Gower's distance, mean over columns, up to 2,000 rows of each
            table (a fixed sample), among which ``exact`` ones count too.
        expected_near: The same share for honest rows: about the share of real rows so near.
        p_near: Chance of so many near copies, in [0, 1].
        repeated: Share of the synthetic rows that repeat an earlier synthetic row, in [0, 1].
        expected_repeated: The same share among as many real rows (fewer where there are fewer).
        p_repeated: Chance of so many repetitions, given those of real rows, in [0, 1].
        misfit: Chi-squared of the synthetic frequencies against the real ones, summed over columns
            (numbers in adaptive bins), over its mean for rows drawn from the real table with
            replacement; >= 0. About 1: as good as a generator that knows the frequencies; about 2
            for new real rows, as many; near 0: too exact to be drawn at random.
        p_too_exact: Chance of so small a misfit for rows drawn from the real table, in [0, 1].
    """

    exact: float
    expected_exact: float
    p_exact: float
    near: float
    expected_near: float
    p_near: float
    repeated: float
    expected_repeated: float
    p_repeated: float
    misfit: float
    p_too_exact: float


def find_copies(columns: Sequence[Coded], rng: np.random.Generator) -> Copies:
    """Compare repeated rows, distances to real rows, and the exactness of frequencies."""
    n_real = columns[0].n_real
    row_ids = _row_ids(columns)
    real, synthetic = row_ids[:n_real], row_ids[n_real:]
    counts = np.bincount(real, minlength=row_ids.max() + 1)
    copied, repeated_real = int((counts[synthetic] > 0).sum()), int((counts[real] > 1).sum())
    same = min(len(real), len(synthetic))
    extra, expected_extra = (
        same - len(np.unique(rng.choice(part, same, replace=False))) for part in (synthetic, real)
    )
    near, expected_near, p_near = _near_copies(columns, rng)
    misfit, p_too_exact = _exactness(columns, rng)
    return Copies(
        exact=copied / len(synthetic),
        expected_exact=repeated_real / n_real,
        p_exact=_more_often(copied, len(synthetic), repeated_real, n_real),
        near=near,
        expected_near=expected_near,
        p_near=p_near,
        repeated=extra / same,
        expected_repeated=expected_extra / same,
        p_repeated=_more_often(extra, same, expected_extra, same),
        misfit=misfit,
        p_too_exact=p_too_exact,
    )


def _more_often(hits: int, n: int, other_hits: int, other_n: int) -> float:
    """Fisher's exact test, one-sided: chance of at least ``hits`` of ``n``."""
    return float(hypergeom.sf(hits - 1, n + other_n, hits + other_hits, n))


def _row_ids(columns: Sequence[Coded]) -> np.ndarray:
    """The same number for rows that a model would write alike, shape (n_rows,)."""
    ids = np.zeros(len(columns[0].values), dtype=np.int64)
    for coded in columns:
        ids, _ = pd.factorize(ids * (coded.as_written.max() + 2) + coded.as_written)
    return ids


def _near_copies(columns: Sequence[Coded], rng: np.random.Generator) -> tuple[float, float, float]:
    """Share of near copies, the share to expect, and the chance of so many."""
    n_real, n_all = columns[0].n_real, len(columns[0].values)
    n, m = min(n_real, NEAREST_ROWS), min(n_all - n_real, NEAREST_ROWS)
    if n < 2:
        return 0.0, 0.0, 1.0
    numbers, codes = _gower_parts(columns)
    real = rng.choice(n_real, n, replace=False)
    synthetic = n_real + rng.choice(n_all - n_real, m, replace=False)
    among_real = np.sort(_nearest(numbers, codes, real, real))
    to_real = _nearest(numbers, codes, synthetic, real)
    rank = int(np.ceil(NEAR * n))
    near = int((to_real < among_real[rank - 1]).sum())
    # Two real rows that are nearest to each other have one distance, so that real distances
    # come in pairs: half as many are independent.
    n, rank = n // 2, (rank + 1) // 2
    chance = hypergeom.cdf(rank - 1, n + m, n, near + rank - 1)
    return near / m, rank / (n + 1), float(chance)


def _gower_parts(columns: Sequence[Coded]) -> tuple[np.ndarray, np.ndarray]:
    """Numbers in units of their real range, and codes that are equal or not; (n_rows, n) each."""
    numbers, codes = [], []
    for coded in columns:
        if coded.is_categorical or coded.column.kind == 'text':
            codes.append(coded.as_written)
            continue
        if coded.is_missing.any():
            codes.append(coded.is_missing)
        real, synthetic = coded.present()
        known = real if len(real) else synthetic
        low = known.min() if len(known) else 0.0
        spread = known.max() - low if len(known) else 0.0
        scaled = (coded.values - low) / (spread if spread > 0 else 1.0)
        numbers.append(np.where(coded.is_missing, 0.5, scaled))
    empty = np.zeros(len(columns[0].values))
    return np.stack(numbers or [empty], axis=1), np.stack(codes or [empty], axis=1).astype(float)


def _nearest(
    numbers: np.ndarray, codes: np.ndarray, rows: np.ndarray, others: np.ndarray
) -> np.ndarray:
    """Distance of each row to the nearest other one that is not itself, shape (n_rows,)."""
    nearest = []
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        distance = cdist(numbers[chunk], numbers[others], 'cityblock')
        distance += codes.shape[1] * cdist(codes[chunk], codes[others], 'hamming')
        distance[chunk[:, None] == others] = np.inf
        nearest.append(distance.min(axis=1))
    return np.concatenate(nearest)


def _exactness(columns: Sequence[Coded], rng: np.random.Generator) -> tuple[float, float]:
    """The misfit of all columns, and the chance of so small a one."""
    n_real, n_all = columns[0].n_real, len(columns[0].values)
    rows = rng.choice(n_real, min(n_real, DRAWN_ROWS), replace=False)
    n_drawn = min(n_all - n_real, DRAWN_ROWS)
    draws = rng.multinomial(n_drawn, np.full(len(rows), 1 / len(rows)), size=DRAWS).astype(float)
    misfit, by_chance = 0.0, np.zeros(DRAWS)
    for coded in columns:
        group = _frequency_groups(coded)
        n_groups = int(group.max()) + 1
        real, synthetic = (
            np.bincount(part, minlength=n_groups) for part in (group[:n_real], group[n_real:])
        )
        misfit += float(_chi_squared(synthetic, real))
        drawn = sum_by_group(group[rows], np.ones(len(rows)), n_groups, draws)
        by_chance += _chi_squared(drawn, np.bincount(group[rows], minlength=n_groups))
    mean = float(by_chance.mean())
    chance = (1 + int((by_chance <= misfit).sum())) / (1 + DRAWS)
    return (misfit / mean if mean > 0 else 1.0), chance


def _frequency_groups(coded: Coded) -> np.ndarray:
    """What is counted: categories, bins of numbers, and missing values; shape (n_rows,)."""
    missing = coded.is_missing
    groups = np.zeros(len(coded.values), dtype=int)
    if coded.is_categorical:
        group, _ = coded.groups(of_rows=DRAWN_ROWS)
        groups[~missing] = group[coded.values[~missing].astype(int)] + 1
    elif not missing.all():
        smaller = max(1, min(len(part) for part in coded.present()))
        groups[~missing] = adaptive_bins(coded.values[~missing], smaller) + 1
    return groups


def _chi_squared(counts: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Chi-squared of counts (..., n_groups) against the shares of a reference, (n_groups,)."""
    total = counts.sum(axis=-1, keepdims=True)
    expected = total * reference / reference.sum()
    # A group that the reference lacks would divide by zero; half a row is the least it can mean.
    squared: np.ndarray = ((counts - expected) ** 2 / np.maximum(expected, 0.5)).sum(axis=-1)
    return squared
