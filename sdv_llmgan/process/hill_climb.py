"""A first causal graph from the training rows: hill climbing with BIC.

    plain table -> categories (numbers cut at quantiles) -> pgmpy's hill climbing -> CausalGraph

Ling et al., MALLM-GAN, section 3.1. Directions within an equivalence class are ties that the
search breaks by itself: they say what goes with what, not what causes what.
"""

from __future__ import annotations

import itertools
import logging
import warnings

import numpy as np
import pandas as pd

from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.table.schema import Column, TableSchema

#: Numbers and dates are cut into so many bins of equal size.
BINS = 5
#: More rows than these add time, hardly edges.
MAX_ROWS = 5_000
#: In fewer rows everything seems to depend on everything.
MIN_ROWS_LEARNED_FROM = 10
#: Each column may be tied to so many others: those that it shares most information with.
MAX_NEIGHBOURS = 6
#: Columns with more categories than this share of the rows carry no statistics.
MAX_CATEGORY_SHARE = 0.5


def learn_causal_graph(table: pd.DataFrame, schema: TableSchema, seed: int = 0) -> CausalGraph:
    """Learn a graph from a plain table.

    Args:
        table: Training rows, shape (n_rows, n_columns).
        schema: Their columns; free text, constant and near-unique columns stay without edges.
        seed: Draws the rows looked at where there are more than ``MAX_ROWS``.

    Returns:
        A graph without a cycle; no edges where fewer than two columns vary, or in fewer than
        ``MIN_ROWS_LEARNED_FROM`` rows.
    """
    if len(table) < MIN_ROWS_LEARNED_FROM:
        return CausalGraph()
    if len(table) > MAX_ROWS:
        table = table.sample(MAX_ROWS, random_state=seed)
    codes = {column.name: _codes(table[column.name], column) for column in schema}
    telling = [name for name, values in codes.items() if _is_telling(values)]
    if len(telling) < 2:
        return CausalGraph()
    edges = _hill_climb(pd.DataFrame({name: codes[name] for name in telling}))
    return CausalGraph.from_edges([(telling[a], telling[b]) for a, b in sorted(edges)])


def _codes(values: pd.Series, column: Column) -> pd.Series:
    """A column as small integers, missing values as a category of their own."""
    if column.kind in ('integer', 'number', 'datetime'):
        values = pd.qcut(values.rank(method='average'), BINS, labels=False, duplicates='drop')
    codes, _ = pd.factorize(values, sort=False, use_na_sentinel=True)
    return pd.Series(codes)


def _is_telling(codes: pd.Series) -> bool:
    return 1 < codes.nunique() <= max(2, MAX_CATEGORY_SHARE * len(codes))


def _candidates(codes: pd.DataFrame) -> set[tuple[int, int]]:
    """Pairs of column numbers, both ways, worth an edge by themselves; the search tries no other.

    A search over all pairs would take minutes for 100 columns.
    """
    arrays, sizes = codes.to_numpy(dtype=np.int64), codes.max().to_numpy(dtype=np.int64) + 1
    gains: dict[int, dict[int, float]] = {number: {} for number in range(arrays.shape[1])}
    for a, b in itertools.combinations(gains, 2):
        joint = np.bincount(arrays[:, a] * sizes[b] + arrays[:, b], minlength=sizes[a] * sizes[b])
        gain = _bic_gain(joint.reshape(sizes[a], sizes[b]))
        if gain > 0:
            gains[a][b] = gains[b][a] = gain
    best = {
        number: sorted(others, key=others.__getitem__, reverse=True)[:MAX_NEIGHBOURS]
        for number, others in gains.items()
    }
    return {pair for a in best for b in best[a] for pair in ((a, b), (b, a))}


def _bic_gain(joint: np.ndarray) -> float:
    """What BIC gains by an edge between two columns, from their table of counts."""
    rows, columns, total = joint.sum(axis=1), joint.sum(axis=0), joint.sum()
    seen = joint > 0
    expected = np.outer(rows, columns)[seen] / total
    gain = (joint[seen] * np.log(joint[seen] / expected)).sum()
    parameters = ((rows > 0).sum() - 1) * ((columns > 0).sum() - 1)
    return float(gain - 0.5 * np.log(total) * parameters)


def _hill_climb(codes: pd.DataFrame) -> list[tuple[int, int]]:
    """Edges between column numbers."""
    candidates = _candidates(codes - codes.min())
    if not candidates:
        return []
    codes = codes.astype('category')
    # Column names would make the result depend on Python's hash seed, and NumPy's integers
    # trip pandas inside pgmpy: a range has neither trouble.
    codes.columns = pd.RangeIndex(codes.shape[1])
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        # Imported here: it takes seconds, and only a fit needs it.
        from pgmpy.causal_discovery import ExpertKnowledge, HillClimbSearch

        logger = logging.getLogger('pgmpy')
        level = logger.level
        logger.setLevel(logging.ERROR)
        try:
            search = HillClimbSearch(
                scoring_method='bic-d',
                return_type='dag',
                show_progress=False,
                expert_knowledge=ExpertKnowledge(search_space=candidates),
            )
            return list(search.fit(codes).causal_graph_.edges())
        finally:
            logger.setLevel(level)
