from __future__ import annotations

import threading
import time

import cloudpickle
import pytest
import sdv_lines
from servers import Server
from tables import visits, visits_metadata

from sdv_llmgan import (
    Budget,
    BudgetError,
    Completion,
    LLMGANSynthesizer,
    Message,
    OpenAIProvider,
    Prices,
    Provider,
    Request,
    ScriptedProvider,
    Usage,
)
from sdv_llmgan.calls.budget import Ledger
from sdv_llmgan.calls.metered import MeteredProvider

PRICES = Prices(prompt=1.0, completion=10.0)


class Priced(Provider):
    """Every call reads 10 tokens, writes 5, and takes a while."""

    max_concurrency = 8

    def __init__(self, seconds=0.0, prices=PRICES):
        super().__init__('priced')
        self.seconds, self.prices, self.calls = seconds, prices, 0
        self.peak = self.flying = 0
        self._lock = threading.Lock()

    def usd(self, usage):
        return self.prices.usd(usage) if self.prices else None

    def complete(self, request):
        with self._lock:
            self.calls += 1
            self.flying += 1
            self.peak = max(self.peak, self.flying)
        time.sleep(self.seconds)
        with self._lock:
            self.flying -= 1
        return Completion('[1]', Usage(1, 10, 5))


def asks(number):
    return [Request((Message('user', f'{n}'),), max_tokens=5) for n in range(number)]


def metered(provider, **bounds):
    return MeteredProvider(provider, Ledger(Budget(**bounds)))


@pytest.mark.parametrize('bound', ['max_usd', 'max_tokens', 'max_calls', 'max_seconds'])
@pytest.mark.parametrize('value', [0, -1, 'much', True, float('nan')])
def test_a_bound_has_to_be_a_number_above_zero(bound, value):
    with pytest.raises(ValueError, match=f'{bound} must be a number above 0'):
        Budget(**{bound: value})


def test_calls_are_bounded_exactly_however_many_are_in_flight():
    provider = Priced(seconds=0.01)
    with pytest.raises(BudgetError, match='max_calls=20: used so far are 20 calls'):
        metered(provider, max_calls=20).complete_many(asks(50))
    assert provider.calls == 20
    assert provider.peak > 1


def test_tokens_and_dollars_never_pass_their_bound_and_come_close_to_it():
    for bound, limit, used in (
        ('max_tokens', 1_000, lambda total: total.tokens),
        ('max_usd', 0.005, lambda total: total.usd),
    ):
        provider = metered(Priced(seconds=0.002), **{bound: limit})
        with pytest.raises(BudgetError, match=f'could pass {bound}'):
            provider.complete_many(asks(500))
        total = used(provider.ledger.bill.total())
        most = used(provider._at_most(asks(1)))
        assert limit - most < total <= limit


def test_no_call_begins_after_the_time_is_up():
    provider = Priced(seconds=0.05)
    with pytest.raises(BudgetError, match='max_seconds=0.12'):
        metered(provider, max_seconds=0.12).complete_many(asks(100))
    assert 0 < provider.calls < 50


def test_time_between_calls_is_not_counted():
    provider = metered(Priced(), max_seconds=0.2)
    provider.complete_many(asks(1))
    time.sleep(0.3)
    assert provider.complete_many(asks(1))[0].text == '[1]'


def test_within_the_budget_nothing_is_refused():
    provider = metered(Priced(), max_usd=1.0, max_tokens=10**6, max_calls=50, max_seconds=60)
    assert len(provider.complete_many(asks(50))) == 50
    assert provider.ledger.bill.total() == Usage(50, 500, 250, usd=pytest.approx(50 * 60e-6))


def test_dollars_cannot_be_bounded_where_the_price_is_unknown():
    provider = metered(Priced(prices=None), max_usd=1.0)
    with pytest.raises(BudgetError, match='needs a model whose price is known'):
        provider.check()
    metered(Priced(prices=None), max_tokens=100).check()
    assert Ledger().bill.total().usd == 0
    free = metered(Priced(prices=None))
    free.complete_many(asks(1))
    assert free.ledger.bill.total().usd is None


def test_a_fit_that_reaches_its_budget_keeps_the_best_process_and_says_so():
    with Server() as server:
        llm = OpenAIProvider('tiny', base_url=f'{server.url}/v1')
        synthesizer = LLMGANSynthesizer(
            visits_metadata(),
            llm=llm,
            max_batches=6,
            rows_per_example=1,
            sampler='llm',
            budget=Budget(max_calls=12),
        )
        with pytest.warns(UserWarning, match='ended in step 3, and keeps the best process'):
            sdv_lines.fit(synthesizer, visits(20))
        calls = len(server.received)
        info = synthesizer.get_info()
        with pytest.raises(BudgetError, match='max_calls=12'):
            sdv_lines.sample(synthesizer, 5)
    assert calls == len(server.received) <= 12
    assert (info['steps'], info['stopped']) == (2, 'budget')
    assert len(synthesizer.get_history()) == 2


def test_a_distilled_sampler_costs_nothing_after_the_budget_is_spent():
    synthesizer = LLMGANSynthesizer(
        visits_metadata(), llm='scripted', sampler='distilled', budget=Budget(max_calls=3)
    )
    with pytest.warns(UserWarning, match='keeps the best process'):
        sdv_lines.fit(synthesizer, visits(20))
    assert synthesizer.get_info()['sampler'] == 'distilled'
    assert len(sdv_lines.sample(synthesizer, 50)) == 50


def test_an_unknown_price_stops_a_fit_before_anything_is_sent():
    provider = ScriptedProvider()
    provider.usd = lambda usage: None
    synthesizer = LLMGANSynthesizer(
        visits_metadata(), llm=provider, budget=Budget(max_usd=1.0), max_batches=1
    )
    with pytest.raises(BudgetError, match='price is known'):
        sdv_lines.fit(synthesizer, visits(20))
    assert provider.requests == []


def test_the_bill_is_by_role_and_by_step_and_both_agree():
    with Server() as server:
        llm = OpenAIProvider('tiny', base_url=f'{server.url}/v1', prices=PRICES)
        synthesizer = LLMGANSynthesizer(visits_metadata(), llm=llm, max_batches=2, sampler='llm')
        sdv_lines.fit(synthesizer, visits(20))
        sdv_lines.sample(synthesizer, 5)
    by_role, by_step = synthesizer.get_usage(), synthesizer.get_usage(by_step=True)
    assert set(by_step['step']) == {0, 1, -1}
    sums = by_step.groupby('role').sum(numeric_only=True)
    for column in ('calls', 'prompt_tokens', 'completion_tokens'):
        assert sums[column].to_dict() == by_role[column].to_dict()
    tokens = by_role.loc['generator']
    assert tokens['usd'] == pytest.approx(
        (tokens['prompt_tokens'] + 10 * tokens['completion_tokens']) / 1e6
    )
    steps = synthesizer.get_history()
    assert steps['usd'].sum() == pytest.approx(by_step[by_step['step'] >= 0]['usd'].sum())


def test_what_was_used_survives_pickling():
    ledger = Ledger(Budget(max_calls=3))
    ledger.add('generator', Usage(1, 2, 3))
    restored = cloudpickle.loads(cloudpickle.dumps(ledger))
    assert restored.bill.by_role() == {'generator': Usage(1, 2, 3)}
    assert restored.guard.budget == Budget(max_calls=3)
    refused = restored.guard.reserved(Usage(3))
    with pytest.raises(BudgetError, match='used so far are 1 calls'):
        refused.__enter__()
