from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tables import visits, visits_metadata

from sdv_llmgan.roles.examples import Examples, Piece, shown_with
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.strata import deal, find_strata, stratified_sample

TABLE = visits(100).drop(columns='patient')
SCHEMA = TableSchema.from_sdv(visits_metadata(), TABLE)
PLAIN = SCHEMA.to_plain(TABLE)
RNG = np.random.default_rng


def test_random_pieces_are_cut_in_order():
    pieces = Examples(PLAIN, 2).pieces(np.array([5, 3, 8]), RNG(0))
    assert [piece.rows.index.tolist() for piece in pieces] == [[5, 3], [8]]


def test_each_row_asked_for_has_the_rows_that_its_prompt_showed():
    pieces = Examples(PLAIN, 2, rows_per_example=2).pieces(np.array([5, 3, 8, 1, 2]), RNG(0))
    assert [piece.num_rows for piece in pieces] == [4, 1]
    assert shown_with(pieces, np.array([0, 3, 4])).tolist() == [[5, 3], [5, 3], [8, 1]]
    bare = [Piece(PLAIN[:0], 2), Piece(PLAIN[7:8], 1)]
    assert shown_with(bare, np.array([1, 2])).tolist() == [[-1], [7]]


def test_stratified_pieces_hold_every_row_once_and_every_stratum():
    strata = find_strata(PLAIN, SCHEMA, 'smoker')
    pieces = Examples(PLAIN, 10, strata).pieces(np.arange(100), RNG(0))
    assert sorted(index for piece in pieces for index in piece.rows.index) == list(range(100))
    assert max(piece.num_rows for piece in pieces) <= 10
    smokers = [piece.rows['smoker'].sum() for piece in pieces]
    assert max(smokers) - min(smokers) <= 1
    at_random = [
        piece.rows['smoker'].sum()
        for piece in Examples(PLAIN, 10).pieces(RNG(0).permutation(100), RNG(0))
    ]
    assert max(at_random) - min(at_random) > 1


def test_draws_go_on_with_another_pass_when_the_rows_run_out():
    pieces = Examples(PLAIN.head(3), 2).draw(7, RNG(0))
    drawn = pd.concat([piece.rows for piece in pieces]).index
    assert len(drawn) == 7
    assert drawn.value_counts().tolist() == [3, 2, 2]


@pytest.mark.parametrize('target', [None, 'ward', 'smoker', 'age', 'admitted', 'pressure'])
def test_strata_are_found_for_every_kind_of_target(target):
    strata = find_strata(PLAIN, SCHEMA, target, seed=1)
    assert strata.shape == (100,)
    assert 2 <= len(np.unique(strata)) <= 6
    assert (strata == find_strata(PLAIN, SCHEMA, target, seed=1)).all()


def test_clusters_find_groups_that_are_there():
    two = pd.concat([PLAIN.assign(age=20.0, weight=50.0), PLAIN.assign(age=80.0, weight=110.0)])
    table = two.reset_index(drop=True)[['age', 'weight']]
    strata = find_strata(table, SCHEMA.reordered(['age', 'weight']))
    assert len(set(strata[:100])) == len(set(strata[100:])) == 1
    assert strata[0] != strata[-1]


def test_hands_differ_by_one_row_at_most():
    sizes = [len(hand) for hand in deal(np.zeros(17), 5, RNG(0))]
    assert sorted(sizes) == [3, 3, 3, 4, 4]


def test_a_stratified_sample_has_rare_strata_too():
    strata = np.repeat([0, 1], [90, 10])
    for seed in range(20):
        chosen = strata[stratified_sample(strata, 10, RNG(seed))]
        assert chosen.tolist().count(1) == 1
    small = np.repeat([0, 1], [30, 9])
    for seed in range(20):
        rows = stratified_sample(small, 20, RNG(seed))
        assert len(set(rows)) == 20
        assert small[rows].tolist().count(1) in (4, 5)
    assert len(stratified_sample(strata, 500, RNG(0))) == 100
