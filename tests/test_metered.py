from __future__ import annotations

import threading
import time

import cloudpickle
import pytest

from sdv_llmgan.calls.metered import MeteredProvider
from sdv_llmgan.errors import ProviderError, TransientError
from sdv_llmgan.providers.base import Completion, Message, Provider, Request
from sdv_llmgan.providers.scripted import ScriptedProvider
from sdv_llmgan.providers.usage import Usage

#: No test waits longer.
SECONDS = 10.0


def ask(text='Hello.', role='generator'):
    return Request((Message('user', text),), role=role)


def echo(request):
    return request.messages[0].content


class Slow(Provider):
    """Echoes each request when told to, or raises what stands in ``errors``."""

    def __init__(self, errors=()):
        super().__init__('slow')
        self.errors = dict(errors)
        self.started = []
        self.gates = {}

    def complete(self, request):
        text = echo(request)
        self.started.append(text)
        if text in self.gates:
            assert self.gates[text].wait(SECONDS)
        if text in self.errors:
            raise self.errors[text]
        return Completion(text, Usage(1, 10, len(text)))


class Batching(ScriptedProvider):
    """Answers many requests in one go, as a model in this process does."""

    def complete_many(self, requests):
        self.batches = [*getattr(self, 'batches', []), len(requests)]
        return [self.complete(request) for request in requests]


def test_replies_keep_the_order_of_the_requests_though_the_last_comes_first():
    provider = Slow()
    provider.gates = {'a': threading.Event(), 'b': threading.Event()}
    threading.Timer(0.05, provider.gates['b'].set).start()
    threading.Timer(0.1, provider.gates['a'].set).start()
    completions = MeteredProvider(provider).complete_many([ask('a'), ask('b'), ask('c')])
    assert [completion.text for completion in completions] == ['a', 'b', 'c']


def test_usage_is_counted_by_role():
    metered = MeteredProvider(Slow())
    metered.complete_many([ask('four'), ask('fives'), ask('six', role='optimizer')])
    metered.complete(ask('two', role='optimizer'))
    assert metered.ledger.bill.by_role() == {
        'generator': Usage(2, 20, 9, usd=None),  # a remote model without a price
        'optimizer': Usage(2, 20, 6, usd=None),
    }


@pytest.mark.parametrize(('concurrency', 'requests'), [(16, 40), (3, 9), (16, 5), (0, 2)])
def test_as_many_calls_are_in_flight_as_allowed_and_no_more(concurrency, requests):
    allowed = max(1, min(concurrency, requests))
    provider = ScriptedProvider(script=echo)
    lock, gathered = threading.Lock(), threading.Barrier(allowed)
    flying, peaks = [0], []

    def answer(request):
        with lock:
            flying[0] += 1
            peaks.append(flying[0])
        if int(echo(request)) < allowed:
            gathered.wait(SECONDS)
        time.sleep(0.001)
        with lock:
            flying[0] -= 1
        return ''

    provider.script = answer
    provider.max_concurrency = concurrency
    MeteredProvider(provider).complete_many([ask(str(i)) for i in range(requests)])
    assert max(peaks) == allowed


def test_no_requests_give_no_completions():
    metered = MeteredProvider(Slow())
    assert metered.complete_many([]) == []
    assert metered.ledger.bill.by_role() == {}


def test_the_first_failure_is_raised_at_once_and_the_rest_is_not_sent():
    provider = Slow(errors={'b': ProviderError('b is out')})
    provider.max_concurrency = 2
    provider.gates = {'a': threading.Event()}
    metered = MeteredProvider(provider)
    waiting = threading.Timer(1.0, provider.gates['a'].set)
    waiting.start()
    try:
        with pytest.raises(ProviderError, match='b is out'):
            metered.complete_many([ask(text) for text in 'abcdefgh'])
        # Where b failed, a was still out; c may have been on its way.
        assert set(provider.started) <= {'a', 'b', 'c'}
        assert not provider.gates['a'].is_set()
    finally:
        provider.gates['a'].set()
        waiting.cancel()


def test_replies_before_a_failure_are_counted_for_they_were_paid_for():
    provider = Slow(errors={'c': ProviderError('c is out')})
    provider.max_concurrency = 1
    provider.gates = {'d': threading.Event()}  # d may be on its way when c fails
    metered = MeteredProvider(provider)
    try:
        with pytest.raises(ProviderError, match='c is out'):
            metered.complete_many([ask(text) for text in 'abcde'])
        assert metered.ledger.bill.by_role()['generator'] == Usage(3, 20, 2, usd=None)  # c's too
        assert 'e' not in provider.started
    finally:
        provider.gates['d'].set()


def test_a_provider_that_shares_work_gets_all_requests_together():
    provider = Batching(script=echo)
    completions = MeteredProvider(provider).complete_many([ask('a'), ask('b'), ask('c')])
    assert [completion.text for completion in completions] == ['a', 'b', 'c']
    assert provider.batches == [3]


def test_a_provider_that_answers_too_few_requests_is_an_error():
    class Short(Batching):
        def complete_many(self, requests):
            return super().complete_many(requests[:-1])

    with pytest.raises(ProviderError, match='answered 1 of 2 requests'):
        MeteredProvider(Short()).complete_many([ask('a'), ask('b')])


def test_it_shows_the_inner_providers_properties():
    provider = Slow()
    provider.rows_per_reply, provider.row_format, provider.max_concurrency = 1, 'arrays', 3
    provider.remote = False
    metered = MeteredProvider(provider)
    assert (metered.name, metered.model, metered.remote) == ("Slow('slow')", 'slow', False)
    assert (metered.rows_per_reply, metered.row_format, metered.max_concurrency) == (1, 'arrays', 3)


def test_check_is_the_inner_providers():
    class Unready(Slow):
        def check(self):
            raise ProviderError('needs a key')

    with pytest.raises(ProviderError, match='needs a key'):
        MeteredProvider(Unready()).check()


def test_what_was_used_survives_pickling():
    metered = MeteredProvider(ScriptedProvider(script=['one']))
    metered.complete(ask('Hello, you.'))
    restored = cloudpickle.loads(cloudpickle.dumps(metered))
    assert restored.ledger.bill.by_role() == metered.ledger.bill.by_role()
    assert restored.complete(ask()).text == 'one'
    assert restored.ledger.bill.by_role()['generator'].calls == 2


class Odd(Slow):
    """Answers with what it is given."""

    def __init__(self, *completions):
        super().__init__()
        self.max_retries = 0
        self.completions = iter(completions)

    def complete(self, request):
        return next(self.completions)


@pytest.mark.parametrize('count', [None, -5, 1e30, 10**40, 2.5, float('nan'), 'many', True, [1]])
def test_counts_that_are_none_are_counted_here(count):
    said = Usage(count, count, count, count)
    metered = MeteredProvider(Odd(Completion('Hello, you.', said)))
    completion = metered.complete(ask('Say hello.'))
    assert completion.usage == Usage(1, 3, 4, 0)
    assert metered.ledger.bill.total() == Usage(1, 3, 4, 0, usd=None)


def test_counts_that_are_whole_are_believed():
    said = [Usage(1, 12.0, 7, 9), Usage(1, 12, 7, 99), Usage(1, 0, 7), Usage(1, 12, 0)]
    metered = MeteredProvider(Odd(*(Completion('Hello, you.', usage) for usage in said)))
    used = [metered.complete(ask('Say hello.')).usage for _ in said]
    assert used == [Usage(1, 12, 7, 9), Usage(1, 12, 7, 12), Usage(1, 3, 7), Usage(1, 12, 4)]


@pytest.mark.parametrize('text', [None, 7, ['Hello.'], {'text': 'Hello.'}, b'Hello.'], ids=repr)
def test_a_reply_that_is_no_text_is_an_error_and_counted(text):
    metered = MeteredProvider(Odd(Completion(text)))
    with pytest.raises(TransientError, match=f'with {type(text).__name__} in place of text'):
        metered.complete(ask())
    assert metered.ledger.bill.total().calls == 1


def test_a_reply_is_cut_where_none_that_keeps_to_max_tokens_is_longer():
    short = Request((Message('user', 'Hello.'),), max_tokens=10)
    metered = MeteredProvider(Odd(*(Completion('x' * length) for length in (1_000, 10**7))))
    assert len(metered.complete(short).text) == 1_000
    assert len(metered.complete(short).text) == short.most_characters < 70_000
