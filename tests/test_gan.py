from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tables import LOOP_SETTINGS, visits, visits_metadata

from sdv_llmgan.calls.metered import MeteredProvider
from sdv_llmgan.discriminators.base import Discriminator, Verdict
from sdv_llmgan.discriminators.logistic import LogisticDiscriminator
from sdv_llmgan.egress.table_view import View
from sdv_llmgan.errors import ProviderError, SamplingError
from sdv_llmgan.loop.loop import LLMGAN
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.providers.base import Request
from sdv_llmgan.providers.scripted import ScriptedProvider, random_json
from sdv_llmgan.roles.generator import Generator
from sdv_llmgan.roles.optimizer import Optimizer
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.wanted import Wanted

TABLE = visits(60).drop(columns='patient')


class FixedDiscriminator(Discriminator):
    """Gives the first, second, ... process the scores of a script; old scores may change too."""

    def __init__(self, scores: Callable[[int, int], float]) -> None:
        self.scores = scores

    def start(self, training, schema, seed):
        self.updates: list[tuple[int, int]] = []
        self.order: list[int] = []

    def update(self, real, synthetic):
        self.updates.append((len(real), len(synthetic)))

    def judge(self, real, synthetic):
        if id(synthetic) not in self.order:
            self.order.append(id(synthetic))
        score = self.scores(self.order.index(id(synthetic)), len(self.updates) - 1)
        return Verdict(np.full(len(synthetic), 0.5), score, 0.5 + score / 2, 0.7)


def answer(request: Request) -> str:
    """Rows at random; rewrites numbered by how much the prompt says was tried."""
    if request.role == 'generator':
        return random_json(request.json_schema, np.random.default_rng(request.seed))
    return json.dumps({'add': [], 'remove': [], 'instruction': f'rewrite {request.seed}'})


def gan(
    script=answer,
    discriminator: Discriminator | None = None,
    table: pd.DataFrame = TABLE,
    **settings: object,
) -> tuple[LLMGAN, ScriptedProvider]:
    provider = ScriptedProvider(script=script)
    metered = MeteredProvider(provider)
    schema = TableSchema.from_sdv(visits_metadata(), table)
    model = LLMGAN(
        Generator(metered),
        discriminator or LogisticDiscriminator(),
        Optimizer(metered),
        replace(LOOP_SETTINGS, **settings),
        View.everything(schema.to_plain(table), schema),
        GenerationProcess('', schema, CausalGraph(), 'first'),
        metered.ledger,
    )
    return model, provider


def fit(model: LLMGAN) -> LLMGAN:
    model.fit()
    return model


def by_role(provider: ScriptedProvider, role: str) -> list[Request]:
    return [request for request in provider.requests if request.role == role]


def test_a_batch_is_cut_into_calls_of_a_few_examples():
    model, provider = gan(epochs=1, max_batches=1)
    fit(model)
    requests = by_role(provider, 'generator')
    assert len(requests) == 5
    assert all('Write 4 new rows' in request.messages[1].content for request in requests)
    assert all(request.messages[1].content.count('{"a":') == 4 for request in requests)


def test_batches_of_an_epoch_cover_every_row_once_and_none_is_too_long():
    model, provider = gan(table=TABLE.head(45), epochs=1, max_batches=None, patience=9)
    fit(model)
    assert [step.usage.calls for step in model.history] == [4, 5, 5]
    shown = [
        line
        for request in by_role(provider, 'generator')
        for line in request.messages[1].content.splitlines()
        if line.startswith('{"a":')
    ]
    assert len(shown) == len(set(shown)) == 45


def test_no_rewrite_is_paid_for_that_nobody_judges():
    model, provider = gan(epochs=1)
    fit(model)
    assert len(model.history) == 3
    assert len(by_role(provider, 'optimizer')) == 2
    judged = {step.process.instruction for step in model.history}
    assert len(judged) == 3
    assert 'first' in judged


def test_the_number_of_batches_is_bounded_and_the_bound_is_logged(caplog):
    caplog.set_level(logging.INFO)
    model, _ = gan(epochs=50, max_batches=2)
    fit(model)
    assert len(model.history) == 2
    assert model.history.stopped == 'max_batches'
    assert 'at most 2 batches (50 epochs of 3, max_batches=2)' in caplog.text


def test_the_bound_can_be_lifted():
    model, _ = gan(epochs=4, max_batches=None, patience=100)
    fit(model)
    assert len(model.history) == 12
    assert model.history.stopped == 'epochs'


def test_the_best_process_is_restored_and_the_fit_stops_early():
    falls_then_rises = FixedDiscriminator(lambda step, newest: [0.5, 0.2, 0.6, 0.7, 0.8, 0.9][step])
    model, _ = gan(discriminator=falls_then_rises, max_batches=6, patience=3)
    fit(model)
    assert len(model.history) == 5
    assert model.history.stopped == 'no better process in 3 steps'
    assert model.fitted.process is model.history.steps[1].process


def test_every_process_is_scored_again_by_the_newest_discriminator():
    # The first process looked good to the first discriminator only.
    flattered = FixedDiscriminator(lambda step, newest: 0.9 if step == 0 and newest > 0 else 0.3)
    model, _ = gan(discriminator=flattered, max_batches=2)
    fit(model)
    first = model.history.steps[0]
    assert (first.first_score, first.verdict.score) == (0.3, 0.9)
    assert model.fitted.process is model.history.steps[1].process


def test_the_discriminator_never_learns_from_the_rows_it_judges():
    model, _ = gan(max_batches=1)
    fit(model)
    step = model.history.steps[0]
    assert (len(step.real), len(step.synthetic)) == (8, round(0.4 * step.accepted))
    counting = FixedDiscriminator(lambda step, newest: 0.5)
    model, _ = gan(discriminator=counting, max_batches=1)
    fit(model)
    assert counting.updates == [(12, 19 - 8)]


def test_a_batch_with_too_few_valid_rows_is_recorded_and_survived():
    calls = iter(range(10_000))

    def first_batch_fails(request: Request) -> str:
        return 'Sorry.' if next(calls) < 5 else answer(request)

    model, _ = gan(first_batch_fails, max_batches=3)
    frame = fit(model).history.to_frame()
    assert frame['accepted'][0] == 0
    assert frame['accepted'][1:].min() > 10
    assert frame['note'][0] == '20 real and 0 valid rows are too few to judge'
    assert frame['reasons'][0] == {'reply is not JSON': 5}
    assert np.isnan(frame['score'][0])
    assert frame['best'].sum() == 1


def test_a_fit_without_any_valid_row_warns_and_keeps_the_first_process():
    model, provider = gan(['no'], max_batches=2)
    with pytest.warns(UserWarning, match='None of 2 batches had enough valid rows'):
        fit(model)
    assert model.fitted.process.instruction == 'first'
    assert not by_role(provider, 'optimizer')


@pytest.mark.parametrize('error', [ProviderError('The line is dead.'), KeyboardInterrupt()])
def test_an_interrupted_fit_leaves_its_history_and_says_how_far_it_came(error):
    calls = iter(range(10_000))

    def breaks_in_third_step(request: Request) -> str:
        if next(calls) > 13:
            raise error
        return answer(request)

    model, _ = gan(breaks_in_third_step)
    with pytest.raises(type(error), match=r'interrupted in step 3; get_history\(\) has the 2 bef'):
        fit(model)
    assert len(model.history) == 2
    assert model.fitted.process in [step.process for step in model.history]
    assert model.history.stopped == 'interrupted in step 3'


def test_any_other_error_is_noted_too_and_raised_as_it_is(caplog):
    calls = iter(range(10_000))

    def breaks(request: Request) -> str:
        if next(calls) > 5:
            raise RuntimeError('out of memory')
        return answer(request)

    model, _ = gan(breaks)
    with pytest.raises(RuntimeError, match='^out of memory$'):
        fit(model)
    assert model.history.stopped == 'interrupted in step 2'
    assert 'out of memory. The fit was interrupted in step 2' in caplog.text


def test_usage_is_counted_by_role_and_by_step():
    model, provider = gan(max_batches=2)
    fit(model)
    usage = model.ledger.bill.by_role()
    assert usage['generator'].calls == 10
    assert usage['optimizer'].calls == 1
    steps = model.history.to_frame()
    assert steps['calls'].tolist() == [5, 6]
    assert steps['tokens'].sum() == usage['generator'].tokens + usage['optimizer'].tokens


def test_loss_values_have_a_line_an_epoch():
    model, _ = gan(epochs=2, max_batches=None, patience=9)
    losses = fit(model).loss_values
    assert losses.columns.tolist() == ['Epoch', 'Generator Loss', 'Discriminator Loss']
    assert losses['Epoch'].tolist() == [0, 1]
    assert losses['Generator Loss'].between(0, 1).all()


def test_a_fit_is_repeatable():
    frames = [
        fit(gan(max_batches=3)[0]).history.to_frame().drop(columns='seconds') for _ in range(2)
    ]
    pd.testing.assert_frame_equal(*frames)


def test_samples_differ_until_the_random_state_is_set_again():
    model, _ = gan(max_batches=1)
    fit(model).set_random_state(1)
    first, second = model.sample(Wanted.unconditioned(10)), model.sample(Wanted.unconditioned(10))
    model.set_random_state(1)
    assert not first.equals(second)
    pd.testing.assert_frame_equal(model.sample(Wanted.unconditioned(10)), first)


def test_rejected_rows_are_asked_for_again_within_bounds():
    def half_is_nonsense(request: Request) -> str:
        return answer(request) if request.seed % 2 else '[[1]]'

    model, provider = gan(half_is_nonsense, max_batches=1)
    fit(model)
    before = len(provider.requests)
    assert len(model.sample(Wanted.unconditioned(40))) == 40
    assert 10 < len(provider.requests) - before < 60


def test_a_sample_that_cannot_be_had_is_an_error_with_the_reasons():
    model, provider = gan(max_batches=1)
    fit(model)
    provider.script = ['no']
    before = len(provider.requests)
    with pytest.raises(SamplingError, match=r"8 rows were wanted, 0 of .*'reply is not JSON'"):
        model.sample(Wanted.unconditioned(8))
    assert len(provider.requests) - before < 100


def test_copies_of_training_rows_are_rejected_and_the_switch_turns_that_off():
    def copies(request: Request) -> str:
        if request.role == 'optimizer':
            return answer(request)
        lines = request.messages[1].content.splitlines()
        return '[' + ','.join(line for line in lines if line.startswith('{"a":')) + ']'

    model, _ = gan(copies, max_batches=1)
    with pytest.warns(UserWarning, match='enough valid rows'):
        fit(model)
    reasons = model.history.to_frame()['reasons'][0]
    assert reasons['copy of a training row'] > 10
    assert set(reasons) <= {'copy of a training row', 'pressure: missing value'}
    model, _ = gan(copies, max_batches=1, reject_copies=False)
    assert fit(model).history.to_frame()['accepted'][0] > 10


def test_without_an_optimizer_the_process_stays_as_it_is():
    model, provider = gan(max_batches=3)
    model.optimizer = None
    fit(model)
    assert {step.process.instruction for step in model.history} == {'first'}
    assert not by_role(provider, 'optimizer')
