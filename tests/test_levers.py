"""The levers of experiments/levers.py: each does what it says."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import scripts

from sdv_llmgan.benchmark.tables import TrainingTable, metadata_by_dtypes

NUM_ROWS = 24


def people(num_rows: int = NUM_ROWS, seed: int = 0) -> pd.DataFrame:
    """A quarter is ill: those above 80 kg."""
    rng = np.random.default_rng(seed)
    weight = np.where(np.arange(num_rows) % 4 == 0, 90.0, 65.0) + rng.normal(0, 4, num_rows)
    return pd.DataFrame({
        'age': rng.integers(18, 90, num_rows),
        'ward': np.where(np.arange(num_rows) % 6 == 1, 'south', 'north'),
        'weight': weight.round(3),
        'ill': np.where(weight > 80, 'yes', 'no'),
    })


def table(num_rows: int) -> TrainingTable:
    rows = people(num_rows)
    return TrainingTable('people', rows, metadata_by_dtypes(rows), 'ill')


@pytest.fixture(scope='module')
def levers():
    """The benchmark, which is no part of a package."""
    with pytest.MonkeyPatch.context() as patch:
        yield scripts.load('levers', patch)


@pytest.fixture(scope='module')
def trial(levers):
    fitted = levers.Trial.fit(table(NUM_ROWS), people(), 0, 'scripted')
    graph = [('age', 'weight'), ('weight', 'ill')]
    process = fitted.model.fitted.process.revised(causal_graph=graph)
    fitted.model.fitted = fitted.model.fitted.following(process)
    return fitted


def prompts(levers, trial, monkeypatch, name: str, pool: pd.DataFrame) -> list:
    """The pieces of real rows that a lever shows for as many rows as were fitted."""
    drawn = []

    def write(trial, rng, examples):
        drawn.extend(examples.draw(NUM_ROWS, rng))
        return pool

    monkeypatch.setattr(levers.Trial, 'write', write)
    lever, _ = levers.LEVERS[name]
    lever(trial, pool, np.random.default_rng(0))
    assert sum(piece.num_rows for piece in drawn) == NUM_ROWS
    return drawn


def test_stratified_prompts_have_their_share_of_a_class(levers, trial, monkeypatch):
    shown = prompts(levers, trial, monkeypatch, 'stratified', trial.training)
    assert {(piece.rows['ill'] == 'yes').sum() for piece in shown} == {1, 2}


def test_balanced_prompts_show_classes_equally_often(levers, trial, monkeypatch):
    shown = prompts(levers, trial, monkeypatch, 'class-balanced', trial.training)
    assert Counter(pd.concat([p.rows for p in shown])['ill']) == {'yes': 12, 'no': 12}
    assert {(piece.rows['ill'] == 'yes').sum() for piece in shown} == {2, 3}


def test_what_the_base_does_not_reach_is_shown_more_often(levers, trial, monkeypatch):
    def share_of_south(pool: pd.DataFrame) -> float:
        shown = prompts(levers, trial, monkeypatch, 'residual-aware', pool)
        return (pd.concat([piece.rows for piece in shown])['ward'] == 'south').mean()

    real = trial.training
    reached = pd.concat([real[real['ward'] == 'north']] * 2).head(NUM_ROWS)
    assert (real['ward'] == 'south').mean() == 1 / 6
    assert share_of_south(reached.reset_index(drop=True)) > 1 / 3
    assert share_of_south(real) < 1 / 3


def test_four_rows_an_example_show_few_rows(levers, trial, monkeypatch):
    shown = prompts(levers, trial, monkeypatch, '4 rows an example', trial.training)
    assert [(len(piece.rows), piece.num_rows) for piece in shown] == [(5, 20), (5, 4)]


@pytest.mark.parametrize(
    ('name', 'settled'),
    [
        ('roots seeded', ['age', 'ward']),
        ('half seeded', ['age']),
        ('all but target seeded', ['age', 'ward', 'weight']),
        ('all drawn locally', ['age', 'ward', 'weight', 'ill']),
    ],
)
def test_seeds_are_kept_and_the_rest_is_written(levers, trial, name, settled):
    lever, _ = levers.LEVERS[name]
    rows = lever(trial, trial.training, np.random.default_rng(0))
    drawn = trial.local.sample(NUM_ROWS, np.random.default_rng(0)).loc[rows.index]
    assert len(rows) > NUM_ROWS / 2
    for column in rows:
        assert (column in settled) == rows[column].equals(drawn[column]), column


def test_rows_that_are_told_at_once_are_rejected(levers, trial):
    odd = people().assign(ward='south', age=18, weight=100.0)
    pool = pd.concat([trial.schema.to_plain(people(seed=1)), trial.schema.to_plain(odd)])
    kept = levers.rejected(trial, pool.reset_index(drop=True), np.random.default_rng(0))
    assert len(kept) == len(set(kept.index)) == NUM_ROWS
    assert (kept.index < NUM_ROWS).sum() >= 20


def test_rows_with_an_unlikely_target_are_left_out(levers, trial):
    right = people(NUM_ROWS, seed=1)
    wrong = people(8, seed=2)
    wrong['ill'] = wrong['ill'].map({'yes': 'no', 'no': 'yes'})
    pool = trial.schema.to_plain(pd.concat([right, wrong], ignore_index=True))
    kept = levers.curated(trial, pool, np.random.default_rng(0))
    assert sorted(kept.index) == list(range(NUM_ROWS))
    few = levers.curated(trial, pool.iloc[4:], np.random.default_rng(0))
    assert len(few) == NUM_ROWS  # those left out fill up


def test_calibrated_numbers_keep_ranks_and_range_and_copy_none(levers, trial):
    pool = trial.schema.to_plain(people(seed=1).assign(weight=np.arange(NUM_ROWS) % 8 * 100.0))
    rows = levers.calibrated(trial, pool, np.random.default_rng(0))
    real, order = trial.training['weight'], np.argsort(pool['weight'], kind='stable')
    told = rows['weight'].to_numpy()[order].reshape(8, 3)
    assert (told.max(axis=1)[:-1] <= told.min(axis=1)[1:]).all()
    assert rows['weight'].between(real.min(), real.max()).all()
    assert not set(rows['weight']) & set(real)
    assert abs(rows['weight'].mean() - real.mean()) < 3
    assert (rows['age'] % 1 == 0).all()
    assert rows[['ward', 'ill']].equals(pool[['ward', 'ill']])


def test_calls_have_the_rows_that_a_lever_chooses_from(levers, monkeypatch):
    chosen = ('base', 'stratified', 'rejection', 'calibration')
    monkeypatch.setattr(levers, 'LEVERS', {name: levers.LEVERS[name] for name in chosen})
    lines = list(levers.measured('people', table(3 * NUM_ROWS), NUM_ROWS, 0, 'scripted'))
    found = {line['lever']: line['calls'] for line in lines}
    assert found == {'real': 0, 'base': 5, 'stratified': 5, 'rejection': 10, 'calibration': 5}
    assert all(0 <= line['dcr_share'] <= 1 for line in lines)


def test_the_summary_pairs_a_lever_with_the_base_of_its_draw(levers):
    scores = [('base', 0, 0.1), ('base', 1, 0.7), ('curation', 0, 0.2), ('curation', 1, 1.0)]
    lines = pd.DataFrame([
        {'table': 'adult', 'rows': 50, 'draw': draw, 'lever': lever, 'calls': 50}
        | dict.fromkeys(levers.SCORES, score)
        for lever, draw, score in scores
    ])
    assert '0.600 (+0.200 ± 0.100)' in levers.summary(lines)
