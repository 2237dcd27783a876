"""Alpha-precision and beta-recall: are synthetic rows typical, and are all real rows covered?

Both compare supports, not densities. The alpha-support of a table is the ball around its centre
that holds a share alpha of its rows; a metric is one minus the mean distance of its curve over
alpha from the diagonal that a perfect table follows.

Alaa et al., How faithful is your synthetic data?, ICML 2022. https://arxiv.org/abs/2102.08921

Figures agree with the *naive* variant of synthcity (``delta_precision_alpha_naive`` and
``delta_coverage_beta_naive``), the one that the papers on diffusion models and SYNTHIA report: rows
as ``encoding`` has them, without a learned embedding. Its table loader drops the last column as a
target; here every column counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from sdv_llmgan.metrics.base import TableMetric
from sdv_llmgan.metrics.encoding import EncodedTable, Numbers

#: The shares at which the curves are read, as synthcity reads them.
SHARES = np.linspace(0, 1, 30)


class AlphaPrecision(TableMetric):
    """Share of synthetic rows within the alpha-support of the real ones, over all alpha.

    In [0, 1], higher is better: 1 where the synthetic rows lie as far from the real rows' centre
    as real rows do, for every alpha. Low for outliers and for rows too typical alike.
    """

    name = 'Alpha-precision'

    @classmethod
    def _breakdown(cls, real: EncodedTable, synthetic: EncodedTable) -> dict[str, float]:
        return {'score': alpha_precision(real.one_hot(), synthetic.one_hot())}


class BetaRecall(TableMetric):
    """Share of real rows that the beta-support of the synthetic ones covers, over all beta.

    A real row is covered where some synthetic row is at least as near as the nearest other real
    row. In [0, 1], higher is better; a fresh sample of as many real rows gets about 0.5, and copies
    of the real rows get 1, so what lies far above one half speaks for copying. It grows with the
    number of synthetic rows: compare tables of equal size. Needs two real rows.
    """

    name = 'Beta-recall'

    @classmethod
    def _breakdown(cls, real: EncodedTable, synthetic: EncodedTable) -> dict[str, float]:
        return {'score': beta_recall(real.one_hot(), synthetic.one_hot())}


def alpha_precision(real: Numbers, synthetic: Numbers) -> float:
    """Alpha-precision of points, shapes (n_real, n_features) and (n_synthetic, n_features)."""
    center = real.mean(axis=0)
    radii = np.quantile(np.linalg.norm(real - center, axis=1), SHARES)
    distances = np.sort(np.linalg.norm(synthetic - center, axis=1))
    return _closeness_to_diagonal(np.searchsorted(distances, radii, side='right') / len(synthetic))


def beta_recall(real: Numbers, synthetic: Numbers) -> float:
    """Beta-recall of points, shapes (n_real >= 2, n_features) and (n_synthetic, n_features)."""
    if len(real) < 2:
        raise ValueError(f'Beta-recall needs 2 real rows, got {len(real)}.')
    # A row's nearest neighbour in its own table is itself, or its twin: the second one counts.
    to_real = _distances(real, real[_nearest(real, real, 2)]).max(axis=1)
    nearest = synthetic[_nearest(synthetic, real, 1)]
    to_synthetic = _distances(real, nearest)[:, 0]
    from_center = np.linalg.norm(nearest[:, 0] - synthetic.mean(axis=0), axis=1)
    radii = np.quantile(from_center, SHARES)
    covered = np.sort(from_center[to_synthetic <= to_real])
    return _closeness_to_diagonal(np.searchsorted(covered, radii, side='right') / len(real))


def _closeness_to_diagonal(curve: Numbers) -> float:
    return float(1 - np.abs(SHARES - curve).sum() / SHARES.sum())


def _nearest(points: Numbers, queries: Numbers, count: int) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Indices of the ``count`` points nearest to each query, shape (n_queries, count)."""
    search = NearestNeighbors(n_neighbors=count).fit(points)
    return search.kneighbors(queries, return_distance=False)


def _distances(queries: Numbers, neighbours: Numbers) -> Numbers:
    """From each query to its neighbours, (n, n_features) and (n, k, n_features) to (n, k).

    Anew from differences: the search's own are rounded so that equal rows can seem apart, and in
    tables of categories everything hangs on ties.
    """
    return np.linalg.norm(queries[:, np.newaxis] - neighbours, axis=2)
