from __future__ import annotations

import numpy as np
import pytest
from tables import visits, visits_metadata

from sdv_llmgan.discriminators.base import (
    Discriminator,
    Verdict,
    verdict_from_probabilities,
    verdict_of,
)
from sdv_llmgan.discriminators.logistic import LogisticDiscriminator
from sdv_llmgan.discriminators.panel import Panel
from sdv_llmgan.errors import PluginError
from sdv_llmgan.loop.history import History
from sdv_llmgan.loop.step import Step
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.table.features import Features
from sdv_llmgan.table.schema import TableSchema

TABLE = visits(400).drop(columns='patient')
SCHEMA = TableSchema.from_sdv(visits_metadata(), TABLE)
PLAIN = SCHEMA.to_plain(TABLE)


def test_always_right_and_always_wrong_are_both_told_apart():
    high, low = np.array([0.8, 0.9]), np.array([0.1, 0.2])
    assert verdict_from_probabilities(high, low).score == 1
    assert verdict_from_probabilities(low, high).score == 1
    assert verdict_from_probabilities(high, low).accuracy == 1
    assert verdict_from_probabilities(low, high).accuracy == 0


def test_a_discriminator_without_an_opinion_scores_chance():
    even = np.full(4, 0.5)
    verdict = verdict_from_probabilities(even, even)
    assert (verdict.score, verdict.accuracy) == (0, 0.5)
    assert verdict.log_loss == pytest.approx(np.log(2))


def test_both_kinds_weigh_the_same_however_many_there_are():
    verdict = verdict_from_probabilities(np.full(2, 0.9), np.full(98, 0.9))
    assert verdict.accuracy == 0.5


def test_features_are_finite_and_standardized():
    x = Features(PLAIN, SCHEMA).encode(PLAIN)
    assert x.shape[0] == 400
    assert np.isfinite(x).all()
    assert np.abs(x.mean(axis=0)).max() < 1e-9
    assert x.std(axis=0).max() < 1 + 1e-9


def test_features_show_what_is_missing():
    features = Features(PLAIN, SCHEMA)
    filled = PLAIN.assign(pressure=PLAIN['pressure'].fillna(PLAIN['pressure'].mean()))
    assert not np.allclose(features.encode(PLAIN), features.encode(filled))


def test_features_take_batches_of_one_row_and_many_categories():
    wide = PLAIN.assign(ward=[f'w{i}' for i in range(400)])
    schema = TableSchema.from_sdv(visits_metadata(), SCHEMA.from_plain(wide))
    x = Features(wide, schema).encode(wide.head(1))
    assert x.shape[0] == 1
    assert x.shape[1] < 30


def score(shift: float, seed: int) -> float:
    """Three batches against rows whose age is shifted by so many years."""
    rng = np.random.default_rng(seed)
    rows = PLAIN.iloc[rng.permutation(400)]
    discriminator = LogisticDiscriminator()
    discriminator.start(PLAIN, SCHEMA, seed)
    for start in (0, 60, 120):
        real, other = rows.iloc[start : start + 30], rows.iloc[start + 30 : start + 60]
        discriminator.update(real, other.assign(age=other['age'] + shift))
    held = rows.iloc[300:].assign(age=lambda table: table['age'] + shift)
    return discriminator.judge(rows.iloc[200:300], held).score


def test_rows_of_one_source_score_low_and_shifted_rows_score_high():
    same = [score(0, seed) for seed in range(5)]
    shifted = [score(40, seed) for seed in range(5)]
    assert max(same) < 0.3
    assert min(shifted) > 0.7


def test_it_learns_with_every_batch():
    discriminator = LogisticDiscriminator()
    discriminator.start(PLAIN, SCHEMA, 0)
    other = PLAIN.assign(age=PLAIN['age'] + 12)
    scores = []
    for start in range(0, 300, 20):
        batch = slice(start, start + 20)
        discriminator.update(PLAIN.iloc[batch], other.iloc[batch])
        scores.append(discriminator.judge(PLAIN.iloc[300:], other.iloc[300:]).log_loss)
    assert scores[-1] < scores[0]


HALF = np.full(12, 0.5)
#: A verdict on twelve rows that is as it should be.
FAIR = {'p_real': HALF, 'score': 0.3, 'accuracy': 0.5, 'log_loss': 0.7}


class Saying(Discriminator):
    """Says what it was told to say."""

    def __init__(self, **figures):
        self.figures = {**FAIR, **figures}

    def start(self, training, schema, seed):
        pass

    def update(self, real, synthetic):
        pass

    def judge(self, real, synthetic):
        return Verdict(**self.figures)


@pytest.mark.parametrize(
    'wrong',
    [
        {'score': -3.0},
        {'score': 1.01},
        {'score': float('nan')},
        {'score': None},
        {'accuracy': 2},
        {'log_loss': -0.1},
        {'log_loss': float('inf')},
        {'p_real': HALF[:3]},
        {'p_real': HALF * 3},
        {'p_real': HALF * np.nan},
        {'p_real': HALF[:, None]},
        {'p_real': ['likely'] * 12},
        {'score': -3.0, 'p_real': HALF[:3]},
    ],
)
def test_a_verdict_that_cannot_be_names_the_discriminator_and_never_becomes_the_best(wrong):
    rows = PLAIN.head(12)
    process = GenerationProcess('', SCHEMA, CausalGraph())
    history = History()
    history.add(Step(0, 0, process, real=rows, synthetic=rows), Saying())
    for discriminator in (Saying(**wrong), Panel([LogisticLike(), Saying(**wrong)])):
        with pytest.raises(PluginError, match='Saying: .* verdict'):
            verdict_of(discriminator, rows, rows)
        with pytest.raises(PluginError, match='Saying: '):
            history.add(Step(0, 1, process, real=rows, synthetic=rows), discriminator)
    assert len(history) == 1
    assert history.best().score == 0.3


class LogisticLike(Saying):
    """Another one that is all right."""


def test_what_is_no_verdict_at_all_is_said_too():
    class Silent(Saying):
        def judge(self, real, synthetic):
            return 0.5

    with pytest.raises(PluginError, match=r'Silent: judge must return a Verdict, got 0\.5'):
        verdict_of(Silent(), PLAIN, PLAIN)
