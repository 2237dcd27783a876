from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import cloudpickle
import pytest
import sdv_lines
from batch_servers import BatchServer
from servers import (
    AGE,
    ASK,
    BROKEN,
    NO_TEMPERATURE,
    TOO_MANY,
    Refusal,
    anthropic_error,
    openai_error,
)
from tables import visits, visits_metadata

from sdv_llmgan import (
    AnthropicProvider,
    AzureOpenAIProvider,
    LLMGANSynthesizer,
    OpenAIProvider,
    ScriptedProvider,
)
from sdv_llmgan.calls import batches
from sdv_llmgan.calls.batch_ledger import FILE, BatchLedger, fingerprint
from sdv_llmgan.calls.batches import BatchedProvider
from sdv_llmgan.errors import ProviderError
from sdv_llmgan.providers.anthropic_batches import AnthropicBatches
from sdv_llmgan.providers.base import Message, Request
from sdv_llmgan.providers.openai_batches import OpenAIBatches

KEY = 'sk-test-4dd7f1c0ffee'
SECRET = 'Write down the age of Ms Winterbottom.'
VENDORS = ['openai', 'anthropic']
FAILURE = {
    'openai': openai_error(500, 'The server had an error'),
    'anthropic': anthropic_error(500, 'Internal server error', 'api_error'),
}


def ask(count: int = 20) -> list[Request]:
    """Requests that a reply can be told by: it repeats the number."""
    return [
        Request((Message('user', f'{SECRET} Number {number}.'),), AGE, seed=number)
        for number in range(count)
    ]


def repeat(schema: object, prompt: str, seed: int) -> str:
    return f'{{"age": {prompt.split()[-1].strip(".")}}}'


def ages(completions) -> list[int]:
    return [json.loads(completion.text)['age'] for completion in completions]


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    """No pauses, and a ledger of the test's own."""
    for name in ('FIRST_PAUSE', 'LONGEST_PAUSE', 'CLAIM_SECONDS', 'CLAIM_PAUSE'):
        monkeypatch.setattr(batches, name, 0.01)
    monkeypatch.setattr(batches, 'RESEND_PAUSES', (0.01,) * 3)
    return tmp_path / 'cache' / FILE  # see conftest


@pytest.fixture(params=VENDORS)
def vendor(request):
    return request.param


@pytest.fixture
def serve(vendor, monkeypatch):
    """Starts a server that the environment names."""

    @contextlib.contextmanager
    def start(**options):
        with BatchServer(**{'answer': repeat, 'key': KEY, **options}) as server:
            monkeypatch.setenv('OPENAI_BASE_URL', f'{server.url}/v1')
            monkeypatch.setenv('ANTHROPIC_BASE_URL', server.url)
            monkeypatch.setenv(f'{vendor.upper()}_API_KEY', KEY)
            yield server

    return start


def batched(vendor: str, **options) -> BatchedProvider:
    kind = OpenAIProvider if vendor == 'openai' else AnthropicProvider
    return BatchedProvider(kind('tiny', max_retries=1, **options))


def under_way(ledger: Path) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(ledger)) as file:
        try:
            return file.execute('SELECT * FROM batches').fetchall()
        except sqlite3.OperationalError:  # another process is about to make the table
            return []


def test_requests_go_as_one_batch_and_come_back_in_their_order(vendor, serve, quick):
    with serve() as server:
        completions = batched(vendor).complete_many(ask())
    assert ages(completions) == list(range(20))
    assert len(server.batches) == 1
    assert not server.ordinary
    assert {completion.price_factor for completion in completions} == {0.5}
    assert completions[0].usage.calls == 1
    assert completions[0].usage.prompt_tokens == len(f'{SECRET} Number 0.')
    assert under_way(quick) == []


def test_a_request_in_a_batch_has_the_body_of_an_ordinary_call(vendor, serve):
    with serve() as server:
        provider = batched(vendor)
        provider.complete_many([ASK, ASK])
        ordinary = provider.complete(ASK)
    entry = server.batches[0].entries[0]
    assert server.ordinary[0].body == entry.get('body', entry.get('params'))
    assert ordinary.price_factor == 1.0


def test_one_request_alone_goes_the_ordinary_way(vendor, serve):
    with serve() as server:
        [completion] = batched(vendor).complete_many(ask(1))
    assert not server.batches
    assert completion.price_factor == 1.0


@pytest.mark.parametrize('limit', ['requests', 'bytes'])
def test_batches_keep_to_the_vendors_limits(limit, vendor, serve, monkeypatch):
    api = {'openai': OpenAIBatches, 'anthropic': AnthropicBatches}[vendor]
    with serve(max_requests=8) as server:
        provider = batched(vendor)
        entry = json.dumps(provider.provider.batch_api().entry('0' * 34, ask()[0]))
        monkeypatch.setattr(api, f'max_{limit}', {'requests': 8, 'bytes': 9 * len(entry)}[limit])
        completions = provider.complete_many(ask())
    assert ages(completions) == list(range(20))
    assert [len(batch.entries) for batch in server.batches] == [8, 8, 4]


def test_single_failures_are_sent_again_the_ordinary_way(vendor, serve, caplog):
    spoil = lambda batch, place: FAILURE[vendor] if place in (3, 7) else None  # noqa: E731
    with serve(spoil=spoil) as server, caplog.at_level(logging.WARNING, 'sdv_llmgan'):
        completions = batched(vendor).complete_many(ask())
    assert ages(completions) == list(range(20))
    assert (len(server.batches), len(server.ordinary)) == (1, 2)
    assert [completion.price_factor for completion in completions].count(1.0) == 2
    assert '2 of 20 requests without an answer' in caplog.text
    assert FAILURE[vendor].body['error']['message'] in caplog.text
    assert SECRET not in caplog.text


def test_what_an_expired_batch_left_goes_into_another_one(vendor, serve):
    with serve(ends=['expired']) as server:
        completions = batched(vendor).complete_many(ask(60))
    assert ages(completions) == list(range(60))
    # Half was answered; one was sent the ordinary way, to see that it can be.
    assert [len(batch.entries) for batch in server.batches] == [60, 29]
    assert len(server.ordinary) == 1


def test_requests_that_no_batch_answers_are_an_error_in_the_end(vendor, serve, quick):
    spoil = lambda batch, place: FAILURE[vendor]  # noqa: E731
    said = '3 batches .* left 38 of 40 requests without an answer: .*erver'
    with serve(spoil=spoil) as server, pytest.raises(ProviderError, match=said) as caught:
        batched(vendor).complete_many(ask(40))
    assert [len(batch.entries) for batch in server.batches] == [40, 39, 38]
    assert under_way(quick) == []
    assert KEY not in str(caught.value)


def test_a_setting_that_every_request_is_refused_for_is_left_out_of_the_next_batch(vendor, serve):
    refusal = {
        'openai': NO_TEMPERATURE,
        'anthropic': Refusal('output_config', anthropic_error(400, 'output_config: not here')),
    }[vendor]
    with serve(refusals=[refusal]) as server:
        assert ages(batched(vendor).complete_many(ask(40))) == list(range(40))
    assert [len(batch.entries) for batch in server.batches] == [40, 39]
    assert refusal.setting not in json.dumps(server.batches[1].entries)


def test_a_batch_that_failed_as_a_whole_is_an_error_that_says_why(serve, quick, monkeypatch):
    monkeypatch.setenv('OPENAI_API_KEY', KEY)
    with serve(ends=['failed']) as server:
        provider = batched('openai')
        with pytest.raises(ProviderError, match='came to nothing .*Enqueued token limit reached'):
            provider.complete_many(ask())
        assert under_way(quick) == []
        assert ages(provider.complete_many(ask())) == list(range(20))
    assert len(server.batches) == 2


def test_a_cancelled_batch_is_an_error_and_nothing_is_sent_again(vendor, serve):
    with serve(ends=['cancelled']) as server, pytest.raises(ProviderError, match='was cancelled'):
        batched(vendor).complete_many(ask())
    assert len(server.batches) == 1
    assert not server.ordinary


def test_a_wrong_key_is_an_error_at_once_and_leaves_no_claim(vendor, serve, monkeypatch, quick):
    with serve() as server:
        monkeypatch.setenv(f'{vendor.upper()}_API_KEY', 'sk-wrong-0ddba11')
        with pytest.raises(ProviderError, match='did not take a batch') as caught:
            batched(vendor).complete_many(ask())
    assert len(server.received) == 1
    assert 'sk-wrong-0ddba11' not in str(caught.value)
    assert under_way(quick) == []


@pytest.mark.parametrize('failure', [TOO_MANY, BROKEN], ids=['429', '500'])
def test_a_server_that_is_busy_is_asked_again(failure, vendor, serve):
    with serve(failures=[failure] * 3) as server:
        assert ages(batched(vendor).complete_many(ask())) == list(range(20))
    assert len(server.batches) == 1


def test_a_batch_whose_acknowledgement_was_lost_is_not_sent_twice(vendor, serve):
    with serve(lost=1) as server:
        assert ages(batched(vendor).complete_many(ask())) == list(range(20))
    assert len(server.batches) == 1


def test_a_batch_that_a_dead_process_sent_without_noting_it_is_found(vendor, serve):
    with serve() as server:
        provider = batched(vendor)
        api = provider.provider.batch_api()
        others = provider.provider.batch_api()
        key = fingerprint([api.address, provider.name], ask())
        claim = BatchLedger().claim(key)
        others.submit('another', [others.entry(f'another-{n}', ASK) for n in range(7)])
        assert api.submit(
            claim.token, [api.entry(f'{claim.token}-{n}', r) for n, r in enumerate(ask())]
        )
        time.sleep(0.05)
        assert ages(provider.complete_many(ask())) == list(range(20))
    assert len(server.batches) == 2


def test_the_batch_of_somebody_else_does_no_harm(serve, vendor):
    """Anthropic's batches carry no label: one of the same size and time may be taken for ours."""
    with serve() as server:
        provider = batched(vendor)
        api = provider.provider.batch_api()
        BatchLedger().claim(fingerprint([api.address, provider.name], ask()))
        api.submit('another', [api.entry(f'another-{n}', ASK) for n in range(20)])
        time.sleep(0.05)
        assert ages(provider.complete_many(ask())) == list(range(20))
    assert len(server.batches) == 2


def test_claims_hold_neither_keys_nor_prompts(vendor, serve, quick):
    with serve(polls=10**9) as server:
        provider = batched(vendor)
        thread = threading.Thread(target=provider.complete_many, args=[ask()])
        thread.start()
        _until(lambda: quick.exists() and under_way(quick) and under_way(quick)[0][3])
        [(key, token, _, batch)] = under_way(quick)
        content = quick.read_bytes()
        server.polls = 0
        thread.join(60)
    assert not [word for word in (KEY, 'Winterbottom', 'age') if word.encode() in content]
    assert (len(key), len(token), batch) == (64, 32, 'batch_0')
    assert KEY.encode() not in cloudpickle.dumps(provider)


def test_a_batch_is_kept_when_the_server_does_not_answer_any_more(vendor, serve, monkeypatch):
    monkeypatch.setattr(batches, 'MAX_SILENT', 2)
    with serve(polls=3) as server:
        batch = batched(vendor)._start(batched(vendor).provider.batch_api(), range(20), ask())
        server.failures = itertools.repeat(BROKEN)
        with pytest.raises(ProviderError, match=f'Batch {batch.id} is noted: .* started again'):
            batched(vendor).complete_many(ask())
        server.failures = iter(())
        assert ages(batched(vendor).complete_many(ask())) == list(range(20))
    assert len(server.batches) == 1


def _until(met, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_restart_with_a_wrong_key_keeps_the_batch(vendor, serve, monkeypatch, quick):
    with serve() as server:
        api = batched(vendor).provider.batch_api()
        claim = BatchLedger().claim(fingerprint([api.address, batched(vendor).name], ask()))
        api.submit(claim.token, [api.entry(f'{claim.token}-{n}', r) for n, r in enumerate(ask())])
        time.sleep(0.05)
        monkeypatch.setenv(f'{vendor.upper()}_API_KEY', 'sk-wrong-0ddba11')
        with pytest.raises(ProviderError, match='did not list batches'):
            batched(vendor).complete_many(ask())
        monkeypatch.setenv(f'{vendor.upper()}_API_KEY', KEY)
        assert ages(batched(vendor).complete_many(ask())) == list(range(20))
    assert len(server.batches) == 1


def test_a_batch_that_the_server_does_not_know_any_more_is_sent_anew(vendor, serve):
    with serve() as server:
        batched(vendor)._start(batched(vendor).provider.batch_api(), range(20), ask())
        server.batches.clear()
        with pytest.raises(ProviderError, match='does not know it'):
            batched(vendor).complete_many(ask())
        assert ages(batched(vendor).complete_many(ask())) == list(range(20))


def test_threads_with_different_requests_share_the_ledger(vendor, serve, quick):
    found: dict[int, list[int]] = {}
    with serve() as server:
        provider = batched(vendor)

        def work(start: int) -> None:
            found[start] = ages(provider.complete_many(ask(40)[start : start + 5]))

        threads = [threading.Thread(target=work, args=[start]) for start in range(0, 40, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert found == {start: list(range(start, start + 5)) for start in range(0, 40, 5)}
    assert len(server.batches) == 8
    assert under_way(quick) == []


def test_threads_with_the_same_requests_share_a_batch(vendor, serve, monkeypatch):
    monkeypatch.setattr(batches, 'CLAIM_SECONDS', 60.0)
    found: list[list[int]] = []
    with serve(polls=20) as server:
        provider = batched(vendor)
        work = lambda: found.append(ages(provider.complete_many(ask())))  # noqa: E731
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert found == [list(range(20))] * 4
    assert len(server.batches) == 1


def test_the_fingerprint_tells_requests_and_addresses_apart_and_nothing_else():
    first = fingerprint(['here', 'tiny'], ask())
    assert first == fingerprint(['here', 'tiny'], ask())
    assert first != fingerprint(['there', 'tiny'], ask())
    assert first != fingerprint(['here', 'tiny'], ask()[::-1])
    same = [Request(r.messages, AGE, seed=r.seed, role='optimizer', real_rows=3) for r in ask()]
    assert first == fingerprint(['here', 'tiny'], same)


SAMPLING = """
import sys
sys.path[:0] = sys.argv[4:]
import cloudpickle
from pathlib import Path
from sdv_llmgan.calls import batches
import sdv_lines
folder = Path(sys.argv[1])
batches.FIRST_PAUSE = batches.LONGEST_PAUSE = 0.05
synthesizer = cloudpickle.loads((folder / 'fitted.pkl').read_bytes())
rows = sdv_lines.sample(synthesizer, int(sys.argv[2]))
rows.to_csv(folder / sys.argv[3], index=False)
"""


@pytest.fixture
def fitted(vendor, serve):
    def fit(**options):
        synthesizer = LLMGANSynthesizer(
            visits_metadata(),
            llm=f'{vendor}/tiny',
            max_batches=1,
            optimize=False,
            causal_graph='none',
            sampler='llm',
            batch=True,
            rows_per_example=1,
            **options,
        )
        sdv_lines.fit(synthesizer, visits(20))
        return synthesizer

    return fit


def test_a_process_killed_while_it_waits_goes_on_with_the_same_batch(fitted, serve, tmp_path):
    command = [sys.executable, '-c', SAMPLING, str(tmp_path), '30']
    paths = [str(Path(__file__).parent), *filter(None, sys.path)]
    with serve(answer=None, polls=10**9) as server:
        (tmp_path / 'fitted.pkl').write_bytes(cloudpickle.dumps(fitted()))
        fit_calls = len(server.ordinary)
        killed = subprocess.Popen([*command, 'killed.csv', *paths], stderr=subprocess.PIPE)
        _until(lambda: server.batches and server.batches[0].polls >= 3, 120)
        os.kill(killed.pid, signal.SIGKILL)
        killed.communicate()
        assert not (tmp_path / 'killed.csv').exists()
        server.polls = 0
        subprocess.run([*command, 'resumed.csv', *paths], check=True, timeout=120)
    assert (tmp_path / 'resumed.csv').read_text().count('\n') == 31
    first, *top_ups = server.batches
    assert len(first.entries) == 6
    assert all(len(batch.entries) < 6 for batch in top_ups)
    assert len(server.ordinary) - fit_calls <= 3  # a top-up of one request alone


def test_a_synthesizer_samples_by_batch_and_fits_the_ordinary_way(fitted, serve, caplog):
    with serve(answer=None) as server:
        synthesizer = fitted()
        assert len(server.ordinary) == 2 + 4  # what is known, then rows
        assert not server.batches
        calls = synthesizer.get_usage().loc['generator', 'calls']
        with caplog.at_level(logging.INFO, 'sdv_llmgan'):
            sample = sdv_lines.sample(synthesizer, 100)
        restored = cloudpickle.loads(cloudpickle.dumps(synthesizer))
        assert len(sdv_lines.sample(restored, 10)) == 10
    assert len(sample) == 100
    assert len(server.batches[0].entries) == 20
    assert synthesizer.get_usage().loc['generator', 'calls'] >= calls + 20
    assert '20 requests as batch batch_0' in caplog.text
    assert 'Batch batch_0: 20 of 20.' in caplog.text


def test_a_provider_without_a_batch_api_is_an_error_before_anything_is_sent(monkeypatch):
    scripted = ScriptedProvider()
    synthesizer = LLMGANSynthesizer(visits_metadata(), llm=scripted, sampler='llm', batch=True)
    with pytest.raises(ProviderError, match="needs a provider with a batch API.*'openai/<model>'"):
        sdv_lines.fit(synthesizer, visits(20))
    assert scripted.requests == []
    for name in AzureOpenAIProvider.variables:
        monkeypatch.setenv(name, 'https://azure.example.org')
    with pytest.raises(ProviderError, match='AzureOpenAIProvider'):
        BatchedProvider(AzureOpenAIProvider('tiny'))


@pytest.mark.parametrize('sampler', ['auto', 'distilled'])
def test_batches_are_for_the_sampler_that_asks_a_model(sampler):
    with pytest.raises(ValueError, match=f"batch=True .* needs sampler='llm', got '{sampler}'"):
        LLMGANSynthesizer(visits_metadata(), llm='scripted', sampler=sampler, batch=True)
    with pytest.raises(ValueError, match='batch must be True or False'):
        LLMGANSynthesizer(visits_metadata(), llm='scripted', sampler='llm', batch='yes')


def test_broken_lines_of_results_count_as_no_answer(vendor, serve, monkeypatch):
    with serve() as server:
        provider = batched(vendor)
        api = provider.provider.batch_api()
        entries = [api.entry(f'token-{n}', request) for n, request in enumerate(ask(3))]
        batch = api.submit('token', entries)
        server.polls = 0
        whole = api.results(batch)
        broken = ['{"custom_id": "token-0"}', '{"custom_id"', '[]', '"x"', 'null', '']
        assert api.read_lines('\n'.join(broken)) == {}
    assert whole.keys() == {'token-0', 'token-1', 'token-2'}
