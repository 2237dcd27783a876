from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tables import visits, visits_metadata

from sdv_llmgan.roles.examples import Bound, Examples, Piece, shown_with
from sdv_llmgan.table.classes import class_counts
from sdv_llmgan.table.column import Column
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


def test_a_bounded_prompt_shows_rows_of_all_folds_but_one_within_its_tokens():
    strata = find_strata(PLAIN, SCHEMA, 'smoker')
    pieces = Examples(PLAIN, 5, strata, bound=Bound(1.0, asked=50)).pieces(np.arange(100), RNG(0))
    again = Examples(PLAIN, 5, strata, bound=Bound(1.0, asked=25)).pieces(np.arange(75), RNG(7))
    assert [piece.num_rows for piece in pieces] == [50, 50]
    folds = {frozenset(set(range(100)) - set(piece.rows.index)) for piece in (*pieces, *again)}
    assert len(folds) == 3  # the same ones in every call
    assert sorted(row for fold in folds for row in fold) == list(range(100))
    short = Examples(PLAIN, 5, strata, bound=Bound(60.0, asked=50)).pieces(np.arange(50), RNG(0))
    assert [len(piece.rows) for piece in short] == [21]
    smokers = PLAIN['smoker'].astype(float)
    assert abs(short[0].rows['smoker'].astype(float).mean() - smokers.mean()) < 0.05


def test_a_bounded_prompt_shows_no_row_beyond_the_pool():
    some = Examples(PLAIN, 5, pool=np.array([3, 5, 8, 13]), bound=Bound(1.0, 50))
    shown = some.pieces(np.arange(100), RNG(0))
    assert {row for piece in shown for row in piece.rows.index} <= {3, 5, 8, 13}
    none = Examples(PLAIN, 5, pool=np.zeros(0, dtype=int), bound=Bound(1.0, 50))
    assert [len(piece.rows) for piece in none.pieces(np.arange(60), RNG(0))] == [0, 0]


def test_rows_that_are_long_are_asked_for_in_smaller_numbers():
    assert Bound.of(['{"a":true}'] * 3).asked == 50
    assert Bound.of([f'{{"a long name":"{"x" * 600}"}}']).asked == 20


def test_classes_are_asked_for_by_their_shares_and_rare_ones_come_up():
    column = Column('sick', 'categorical', ('no', 'yes'), shares=(0.97, 0.03))
    counts = [class_counts(column, 10, RNG(seed)) for seed in range(1_000)]
    assert {sum(count.values()) for count in counts} == {10}
    assert {count['yes'] for count in counts} == {0, 1}
    assert np.mean([count['yes'] for count in counts]) == pytest.approx(0.3, abs=0.05)
    levels = Column('stage', 'integer', levels=(1, 2), shares=(0.5, 0.5), few=True)
    assert class_counts(levels, 4, RNG(0)) == {1: 2, 2: 2}
    assert class_counts(replace(column, only=('yes',)), 10, RNG(0)) == {}
    assert class_counts(Column('age', 'integer', 0, 9), 10, RNG(0)) == {}
