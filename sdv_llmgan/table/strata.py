"""Kinds of rows, so that a few examples can stand for a whole table.

SYNTHIA shows its models a stratified subsample of the real rows (its X_sub); here the strata are
the values of the target, or clusters where none is named.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans

from sdv_llmgan.table.features import Features
from sdv_llmgan.table.schema import TableSchema

#: Numbers as target are cut into so many bins; without a target so many clusters are sought.
MAX_STRATA = 5
#: Clusters are learned from so many rows at most.
MAX_CLUSTERED = 5_000


def find_strata(
    table: pd.DataFrame, schema: TableSchema, target: str | None = None, seed: int = 0
) -> np.ndarray:
    """The stratum of each row.

    Args:
        table: Plain rows, shape (n_rows, n_columns).
        schema: Their columns.
        target: Column whose values are the strata (numbers and dates in quantile bins, missing
            values a stratum of their own); ``None``: clusters of similar rows.
        seed: Makes the clusters repeatable.

    Returns:
        Stratum numbers from 0, shape (n_rows,).
    """
    if target is None:
        return _clusters(Features(table, schema).encode(table), seed)
    values = table[target]
    if schema[target].kind in ('integer', 'number', 'datetime'):
        values = pd.qcut(values.rank(method='first'), min(MAX_STRATA, len(table)), labels=False)
    codes, _ = pd.factorize(values, use_na_sentinel=False)
    return np.asarray(codes)


def deal(strata: np.ndarray, num_hands: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Deal rows out so that every hand has its share of every stratum.

    Args:
        strata: Stratum of each row, shape (n_rows,).
        num_hands: Into how many parts, 1 to n_rows.
        rng: Shuffles the rows within a stratum.

    Returns:
        Row numbers of each part; together every row once, sizes differing by one at most.
    """
    ordered = _by_stratum(strata, rng)
    return [rng.permutation(ordered[hand::num_hands]) for hand in range(num_hands)]


def stratified_sample(strata: np.ndarray, num_rows: int, rng: np.random.Generator) -> np.ndarray:
    """Numbers of ``num_rows`` rows (fewer if there are not so many) from all strata alike.

    Every stratum has its share of the rows, up to rounding.
    """
    num_rows = min(num_rows, len(strata))
    if not num_rows:
        return np.zeros(0, dtype=int)
    ordered = _by_stratum(strata, rng)
    places = (np.arange(num_rows) + rng.random()) * len(strata) / num_rows
    return rng.permutation(ordered[places.astype(int)])


def _by_stratum(strata: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Row numbers, one stratum after the other, in random order within each."""
    shuffled = rng.permutation(len(strata))
    ordered: np.ndarray = shuffled[np.argsort(strata[shuffled], kind='stable')]
    return ordered


def _clusters(features: np.ndarray, seed: int) -> np.ndarray:
    num_clusters = min(MAX_STRATA, len(np.unique(features, axis=0)))
    rows = np.random.default_rng(seed).permutation(len(features))[:MAX_CLUSTERED]
    model = KMeans(num_clusters, n_init=3, random_state=seed).fit(features[rows])
    return np.asarray(model.predict(features))
