"""Forests as distributions: splits from some rows, leaves filled by all."""

from __future__ import annotations

import numpy as np
import pytest

from sdv_llmgan.samplers.distilled import leaves
from sdv_llmgan.samplers.distilled.evidence import Evidence
from sdv_llmgan.samplers.distilled.leaves import LeafShares, LeafValues


def evidence(num_rows: int) -> Evidence:
    """A level that is 1 in four of five rows where a feature is above 0.5, else in one of five."""
    rng = np.random.default_rng(0)
    feature = rng.random(num_rows)
    values = (rng.random(num_rows) < np.where(feature > 0.5, 0.8, 0.2)).astype(float)
    whole = np.ones(num_rows)
    return Evidence(
        np.column_stack([feature, rng.random(num_rows)]),
        values,
        whole,
        whole.astype(bool),
        np.arange(num_rows),
        np.zeros(2, dtype=bool),
        np.ones(2, dtype=bool),
        False,
        False,
        None,
        0.0,
    )


@pytest.mark.parametrize('limit', [500, 50_000])
def test_leaves_hold_all_rows_however_few_find_the_splits(monkeypatch, limit):
    monkeypatch.setattr(leaves, 'ROWS_TO_SPLIT_BY', limit)
    rows = evidence(4_000)
    values = LeafValues.fit(rows, rows.values, 50, seed=0)
    assert [len(kept) for kept in values.values] == [4_000] * leaves.TREES
    shares = LeafShares.fit(rows, 2, 50, seed=0)(np.array([[0.2, 0.5], [0.8, 0.5]]))
    assert np.abs(shares[:, 1] - [0.2, 0.8]).max() < 0.1


def test_each_tree_has_rows_of_its_own(monkeypatch):
    monkeypatch.setattr(leaves, 'ROWS_TO_SPLIT_BY', 500)
    rows = evidence(4_000)
    grown = LeafShares.fit(rows, 2, 50, seed=0).grown.trees
    assert all(tree.n_node_samples[0] == 500 for tree in grown)
    assert len({tuple(tree.threshold) for tree in grown}) == leaves.TREES
