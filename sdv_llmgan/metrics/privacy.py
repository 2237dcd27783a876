"""Are synthetic rows nearer to the rows they were learned from than new rows would be?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from scipy.special import gammaln

from sdv_llmgan.metrics.base import HalfMetric
from sdv_llmgan.metrics.encoding import EncodedTable, Numbers, check_rows, encode
from sdv_llmgan.table.types import SDVMetadata

#: Distances held in memory at once.
MAX_CELLS = 4_000_000


class DCRShare(HalfMetric):
    """Share of synthetic rows nearer to the training rows than to equally many held-out rows.

    In [0, 1], lower is better down to one half, which is ideal: training rows are no nearer than
    other rows of the same source. More means that training rows shine through, 1 that every row
    does; less is no better than one half. A row as near to both counts one half, so a table of few
    categories, all of whose rows are ties, is not called private.

    ``normalize`` turns the share round, into [0, 1], higher is better: 1 for a share of one half or
    less, 0 for a share of 1, and linear between.

    "Equally many": of the larger table, as many rows are drawn as the smaller one has. The figure
    is the mean over *all* such draws, worked out exactly, so it has no seed. Where fewer rows are
    held out than trained on, most copies lose their origin to the draw: with h held-out and n
    training rows even copies of all training rows reach only about (1 + h / n) / 2.

    Distances are L1 on scaled numbers and one-hot categories (a category that differs adds 2), as
    in TabSyn (Zhang et al., ICLR 2024, https://arxiv.org/abs/2310.09656).
    """

    name = 'DCR share'

    @classmethod
    def compute(
        cls,
        real_data: pd.DataFrame,
        synthetic_data: pd.DataFrame,
        metadata: SDVMetadata = None,
        *,
        held_out_data: pd.DataFrame,
    ) -> float:
        """The metric; arguments and errors are those of ``compute_breakdown``."""
        return cls.compute_breakdown(
            real_data, synthetic_data, metadata, held_out_data=held_out_data
        )['score']

    @classmethod
    def compute_breakdown(
        cls,
        real_data: pd.DataFrame,
        synthetic_data: pd.DataFrame,
        metadata: SDVMetadata = None,
        *,
        held_out_data: pd.DataFrame,
    ) -> dict[str, float]:
        """The metric, and the medians of both distances.

        Args:
            real_data: The rows that the synthesizer was fitted on, shape (n_real, n_columns).
            synthetic_data: Shape (n_synthetic, n_columns).
            metadata: A metadata ``dict`` or object of one table; ``None``: by dtypes.
            held_out_data: Real rows that it was not fitted on, shape (n_held_out, n_columns).

        Returns:
            ``score``; ``median_to_train`` and ``median_to_held_out``, the median distance of a
            synthetic row to its nearest row of each *whole* table, >= 0. Those two are comparable
            only where both tables have the same size.

        Raises:
            ValueError: A table is empty, the tables' columns differ or none can be compared.
        """
        tables = [real_data, synthetic_data, held_out_data]
        check_rows(tables)
        train, synthetic, held_out = encode(tables, metadata)
        to_train = nearest_distances(synthetic, train)
        to_held_out = nearest_distances(synthetic, held_out)
        if len(real_data) <= len(held_out_data):
            share = _share_nearer(to_train, synthetic, held_out, len(real_data))
        else:
            share = 1 - _share_nearer(to_held_out, synthetic, train, len(held_out_data))
        return {
            'score': share,
            'median_to_train': float(np.median(to_train)),
            'median_to_held_out': float(np.median(to_held_out)),
        }


def _share_nearer(
    nearest: Numbers, synthetic: EncodedTable, others: EncodedTable, draw: int
) -> float:
    """Chance that ``nearest`` is less than the distance to the nearest of ``draw`` other rows.

    Ties count one half. With k of n other rows nearer, none of them is drawn with the
    hypergeometric chance C(n - k, draw) / C(n, draw).
    """
    num_rows = len(others.numbers)
    nearer, as_near = np.empty(len(nearest)), np.empty(len(nearest))
    for rows, distances in _distance_blocks(synthetic, others):
        limit = nearest[rows, np.newaxis]
        nearer[rows] = (distances < limit).sum(axis=1)
        as_near[rows] = (distances <= limit).sum(axis=1)
    none_nearer = _chance_of_none(nearer, num_rows, draw)
    none_as_near = _chance_of_none(as_near, num_rows, draw)
    return float((none_nearer + none_as_near).mean() / 2)


def _chance_of_none(marked: Numbers, total: int, draw: int) -> Numbers:
    """Chance that ``draw`` of ``total`` rows, without replacement, hold none of the marked."""
    free = total - marked
    possible = free >= draw
    free = np.where(possible, free, draw)
    log_chance = (
        gammaln(free + 1)
        - gammaln(free - draw + 1)
        + gammaln(total - draw + 1)
        - gammaln(total + 1)
    )
    return np.where(possible, np.exp(np.minimum(log_chance, 0.0)), 0.0)


def nearest_distances(queries: EncodedTable, table: EncodedTable) -> Numbers:
    """Distance of each query to its nearest row of the table, shape (n_queries,)."""
    nearest = np.empty(len(queries.numbers))
    for rows, distances in _distance_blocks(queries, table):
        nearest[rows] = distances.min(axis=1)
    return nearest


def _distance_blocks(
    queries: EncodedTable, table: EncodedTable
) -> Iterator[tuple[slice, np.ndarray]]:
    """Slices of the queries, and their L1 distances to all rows: bounded memory, any size."""
    step = max(1, MAX_CELLS // len(table.numbers))
    num_categorical = table.codes.shape[1]
    for start in range(0, len(queries.numbers), step):
        rows = slice(start, start + step)
        distances = np.zeros((len(queries.numbers[rows]), len(table.numbers)))
        if table.numbers.shape[1]:
            distances += cdist(queries.numbers[rows], table.numbers, 'cityblock')
        if num_categorical:
            differing = cdist(queries.codes[rows], table.codes, 'hamming')
            distances += 2 * np.rint(differing * num_categorical)
        yield rows, distances
