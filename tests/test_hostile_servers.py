"""What a hostile or careless server can do to a call, in front of the vendors' own SDKs."""

from __future__ import annotations

import gzip
import itertools
import json
import sys
import threading
import time
import zlib
from contextlib import nullcontext

import pytest
from batch_servers import BatchServer
from hostile_servers import HostileServer, answers, elapsed, encoded, head, in_turn, peak_mb, reply
from servers import ASK, Answer, Server

from sdv_llmgan import (
    AnthropicProvider,
    AzureOpenAIProvider,
    Message,
    OpenAIProvider,
    ProviderError,
    RateLimitError,
    ReplyCache,
    Request,
    TransientError,
    registry,
)
from sdv_llmgan.calls import batches
from sdv_llmgan.calls.batches import BatchedProvider
from sdv_llmgan.calls.metered import MeteredProvider
from sdv_llmgan.providers.transport import proxy_for

SECRET = 'Ms Winterbottom is 41.'
TELL = Request((Message('user', SECRET),), seed=1)
VENDORS = ['openai', 'azure', 'anthropic', 'ollama']


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ('HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(params=VENDORS)
def vendor(request):
    return request.param


@pytest.fixture
def provider(vendor, monkeypatch):
    """Makes a provider for a server's address; ``timeout`` in seconds."""

    def make(url, timeout=20.0):
        monkeypatch.setenv('OPENAI_API_KEY', 'sk-verysecret')
        monkeypatch.setenv('ANTHROPIC_API_KEY', 'sk-ant-verysecret')
        if vendor == 'openai':
            return OpenAIProvider('tiny', base_url=f'{url}/v1', timeout=timeout)
        if vendor == 'anthropic':
            monkeypatch.setenv('ANTHROPIC_BASE_URL', url)
            return AnthropicProvider('tiny', timeout=timeout)
        if vendor == 'azure':
            monkeypatch.setenv('AZURE_OPENAI_API_KEY', 'verysecret')
            monkeypatch.setenv('AZURE_OPENAI_ENDPOINT', url)
            monkeypatch.setenv('OPENAI_API_VERSION', '2026-08-01')
            return AzureOpenAIProvider('tiny', timeout=timeout)
        plugin = pytest.importorskip('sdv_llmgan_ollama')
        monkeypatch.setenv('OLLAMA_HOST', url)
        monkeypatch.setattr(plugin, 'TIMEOUT', timeout)
        return registry.find_provider('ollama/tiny')

    return make


def failure(provider, request=TELL):
    with pytest.raises(ProviderError) as caught:
        provider.complete(request)
    return caught.value


# Where requests go


def test_a_redirect_takes_no_prompt_to_another_host(provider):
    statuses = iter([301, 302, 303, 307, 308])
    with HostileServer(answers(200)) as other:
        there = f'http://localhost{other.url[16:]}/v1'
        behave = lambda *where: answers(next(statuses), location=there)(*where)  # noqa: E731
        with HostileServer(behave) as server:
            llm = provider(server.url)
            errors = [failure(llm), *(failure(MeteredProvider(llm)) for _ in range(4))]
            assert not llm.remote
        assert other.requests == []
    assert len(server.requests) == 5
    assert {type(error) for error in errors} == {ProviderError}
    for error, status in zip(errors, [301, 302, 303, 307, 308], strict=True):
        assert 'tiny' in str(error)
        assert f'redirects requests to localhost (status {status})' in str(error)
        assert 'name its address yourself (' in str(error)


@pytest.mark.parametrize('vendor', ['openai', 'anthropic'])
def test_a_batch_is_not_redirected_either(vendor, provider, monkeypatch):
    monkeypatch.setattr(batches, 'RESEND_PAUSES', (0.01,) * 3)
    with (
        HostileServer(answers(200)) as other,
        HostileServer(answers(307, location=f'{other.url}/v1/files')) as server,
    ):
        with pytest.raises(ProviderError, match='redirects requests to 127.0.0.1'):
            BatchedProvider(provider(server.url)).complete_many([TELL, TELL])
        assert other.requests == []
        assert len(server.requests) == 1


def test_requests_to_this_machine_go_through_no_proxy(provider, vendor, monkeypatch):
    with (
        HostileServer(answers(200)) as proxy,
        HostileServer(answers(200, encoded(vendor, 'Hello.'))) as server,
    ):
        for name in ('HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'all_proxy'):
            monkeypatch.setenv(name, proxy.url)
        llm = provider(server.url)
        assert llm.complete(TELL).text == 'Hello.'
        assert not llm.remote
        assert proxy.requests == []


def test_requests_to_another_machine_go_through_the_proxy_that_the_environment_names(
    provider, vendor, monkeypatch
):
    with HostileServer(answers(200, encoded(vendor, 'Hello.'))) as proxy:
        monkeypatch.setenv('http_proxy', proxy.url)
        llm = provider('http://llm.example.org:80')
        assert llm.remote
        assert llm.complete(TELL).text == 'Hello.'
        assert 'POST http://llm.example.org/' in proxy.requests[0]


def test_a_proxy_that_cannot_be_used_is_an_error_that_names_the_variable(provider, monkeypatch):
    monkeypatch.setenv('http_proxy', 'gopher://127.0.0.1:70')
    error = failure(provider('http://llm.example.org:80'))
    assert type(error) is ProviderError
    assert 'HTTP_PROXY' in str(error)


@pytest.mark.parametrize(
    ('url', 'proxy'),
    [
        ('http://a.example.org/v1', 'http://proxy:1'),
        ('https://a.example.org/v1', 'http://other:2'),
        ('https://b.example.org/v1', None),
        ('http://localhost:8000/v1', None),
        ('http://127.0.0.1/v1', None),
        ('http://[::1]:80/v1', None),
        ('http://0.0.0.0:8000/v1', None),
        ('http://me:secret@localhost.example.org/', 'http://proxy:1'),
    ],
)
def test_the_environment_names_a_proxy_by_scheme_and_host(url, proxy, monkeypatch):
    monkeypatch.setenv('http_proxy', 'http://proxy:1')
    monkeypatch.setenv('https_proxy', 'other:2')
    monkeypatch.setenv('no_proxy', 'b.example.org')
    assert proxy_for(url) == proxy


# How long a call lasts


def drips(begin):
    """Behaviour: a byte now and then, from the beginning of the answer or of its body on."""

    def behave(server, connection):
        if begin == 'body':
            connection.sendall(head(200, 10_000))
        server.drip(connection, b'HTTP/1.1 200 OK\r\nx: ' + b'x' * 10_000, 0.05)

    return behave


@pytest.mark.parametrize('begin', ['head', 'body'])
@pytest.mark.parametrize('vendor', ['openai', 'anthropic', 'ollama'])
def test_a_timeout_is_for_the_whole_call_however_slowly_its_answer_drips_in(begin, provider):
    with HostileServer(drips(begin)) as server:
        llm = provider(server.url, timeout=0.4)
        errors = []
        assert 0.3 < elapsed(lambda: errors.append(failure(llm))) < 5.0
    assert isinstance(errors[0], TransientError)
    assert 'timed out' in str(errors[0])


@pytest.mark.parametrize('vendor', ['openai', 'anthropic'])
def test_answers_that_only_announce_another_one_earn_no_time_without_end(provider, monkeypatch):
    monkeypatch.setattr('sdv_llmgan.providers.transport.BYTES_PER_SECOND', 10**6)

    def behave(server, connection):
        for _ in range(400):
            connection.sendall(b'HTTP/1.1 103 Early Hints\r\nlink: ' + b'a' * 9_000 + b'\r\n\r\n')
            time.sleep(0.02)

    with HostileServer(behave) as server:
        llm = provider(server.url, timeout=0.4)
        errors = []
        assert elapsed(lambda: errors.append(failure(llm))) < 6.0
    assert isinstance(errors[0], TransientError)


def test_what_comes_quickly_may_take_longer_than_the_timeout(provider, vendor, monkeypatch):
    monkeypatch.setattr('sdv_llmgan.providers.transport.BYTES_PER_SECOND', 200)
    body = encoded(vendor, 'x' * 3_000)

    def behave(server, connection):
        connection.sendall(head(200, len(body)))
        for start in range(0, len(body), 500):  # each piece earns 2.5 seconds
            time.sleep(0.4)
            connection.sendall(body[start : start + 500])

    with HostileServer(behave) as server:
        llm = provider(server.url, timeout=2.0)
        texts = []
        assert elapsed(lambda: texts.append(llm.complete(TELL).text)) > 2.0
    assert len(texts[0]) == 3_000


# How much comes back


@pytest.mark.parametrize('packed', [False, True])
def test_an_answer_without_end_is_read_up_to_what_was_asked_for(packed, provider):
    pack = zlib.compressobj(wbits=31)
    piece = pack.compress(b'x' * 2**20) + pack.flush(zlib.Z_FULL_FLUSH) if packed else b'x' * 65_536

    def behave(server, connection):
        connection.sendall(head(200, **({'content_encoding': 'gzip'} if packed else {})))
        connection.sendall(piece)
        server.flood(connection, piece[10:] if packed else piece)

    with HostileServer(behave) as server:
        llm = provider(server.url)
        error = failure(llm)
        assert isinstance(error, TransientError)
        assert f'longer than the {TELL.most_bytes} bytes' in str(error)
    assert server.sent < 20 * 2**20  # what the system's buffers take


@pytest.mark.skipif(sys.platform != 'linux', reason='the peak of memory is read from /proc')
def test_a_small_answer_that_unpacks_to_hundreds_of_megabytes_is_not_unpacked(provider):
    bomb = gzip.compress(b'{"a": "' + b'x' * 100_000_000, compresslevel=1)
    assert len(bomb) < 500_000
    with HostileServer(answers(200, bomb, content_encoding='gzip')) as server:
        llm = provider(server.url)
        failure(llm)  # what is loaded at the first call is no part of it
        assert peak_mb(lambda: failure(llm)) < 60


@pytest.mark.skipif(sys.platform != 'linux', reason='the peak of memory is read from /proc')
@pytest.mark.parametrize('max_tokens', [2048, 100_000])
def test_a_reply_of_ten_megabytes_takes_less_than_sixty_more(max_tokens, provider, vendor):
    body = encoded(vendor, '{"' * 5_000_000)
    with HostileServer(answers(200, body)) as server:
        llm = MeteredProvider(provider(server.url))
        llm.provider.max_retries = 0

        def ask():
            with pytest.raises(TransientError) if max_tokens == 2048 else nullcontext():
                llm.complete(Request(TELL.messages, max_tokens=max_tokens))

        ask()
        assert peak_mb(ask) < 60


@pytest.mark.parametrize(
    ('encoding', 'pack'),
    [('gzip', gzip.compress), ('deflate', zlib.compress), ('identity', bytes)],
)
@pytest.mark.parametrize('vendor', ['openai', 'ollama'])
def test_a_packed_answer_is_read(encoding, pack, provider, vendor):
    body = pack(encoded(vendor, 'Grüße.'))
    with HostileServer(answers(200, body, content_encoding=encoding)) as server:
        assert provider(server.url).complete(TELL).text == 'Grüße.'


@pytest.mark.parametrize(
    ('encoding', 'body'),
    [
        ('gzip', gzip.compress(b'{"a": 1}', mtime=0)[:-9]),
        ('gzip', b'{"a": 1}'),
        ('br', b'{"a": 1}'),
        ('gzip, gzip', gzip.compress(gzip.compress(b'{}', mtime=0), mtime=0)),
    ],
    ids=['cut off', 'not packed', 'not asked for', 'twice'],
)
@pytest.mark.parametrize('vendor', ['anthropic', 'ollama'])
def test_an_answer_that_cannot_be_unpacked_is_tried_again(encoding, body, provider):
    with HostileServer(answers(200, body, content_encoding=encoding)) as server:
        error = failure(provider(server.url))
        assert isinstance(error, TransientError)
        assert 'did not answer: it' in str(error)


# What stands in an answer

ODD = [None, -5, 1e30, 10**40, 2.5, 'many', True, [1], {'a': 1}]


@pytest.mark.parametrize('vendor', ['openai', 'anthropic'])
def test_odd_token_counts_lose_no_reply_and_damage_no_cache(provider, vendor, tmp_path, caplog):
    bodies = [encoded(vendor, 'Hello.', counts) for counts in ODD]
    requests = [Request(TELL.messages, seed=seed) for seed in range(len(ODD))]
    with HostileServer(in_turn(*bodies)) as server:
        for request in requests:
            llm = MeteredProvider(provider(server.url), cache=ReplyCache(tmp_path / 'c.sqlite'))
            llm.max_concurrency = 1
            assert [llm.complete(request).text for _ in range(2)] == ['Hello.', 'Hello.']
            used = llm.ledger.bill.total()
            assert (used.calls, used.replayed) == (1, 1)
            assert 0 < used.prompt_tokens < 100
            assert 0 < used.completion_tokens < 100
        assert len(server.requests) == len(ODD)
    assert caplog.records == []
    assert not list(tmp_path.glob('*broken*'))


def test_a_reply_that_is_no_text_is_tried_again(provider, vendor):
    odd = [['a'], {'a': 1}, 7, 0, False, 1e30, [[]]]
    with HostileServer(in_turn(*(encoded(vendor, text) for text in odd))) as server:
        llm = provider(server.url)
        errors = [failure(llm) for _ in odd]
    assert all(isinstance(error, TransientError) for error in errors)
    assert all('tiny' in str(error) for error in errors)


UNREADABLE = [
    *(b'[' * 200_000, b'{"a":' * 200_000, b'1e999', b'null', b'"x"', b'\xff\xfe', b''),
    *(b'{"error": [[]]}', b'{"error": {"param": [1], "code": {}, "message": 7}}'),
    *(b'{"choices": {}}', b'{"choices": 7, "content": 7}', b'{"content": {"a": 1}}'),
    *(b'{"choices": [null], "content": [null]}', b'9' * 5_000),
]


@pytest.mark.parametrize('status', [200, 400, 429, 500])
def test_an_answer_that_cannot_be_read_is_one_of_our_errors(status, provider):
    with HostileServer(in_turn(*UNREADABLE, status=status)) as server:
        llm = provider(server.url)
        for body in UNREADABLE:
            error = failure(llm)
            assert isinstance(error, TransientError) or status == 400, body[:20]
            assert 'tiny' in str(error)


def test_an_encoding_that_is_none_is_not_looked_up(provider, vendor):
    def behave(server, connection):
        body = encoded(vendor, 'Grüße.')
        start = head(200, len(body)).replace(b'json', b'json; charset=zip')
        connection.sendall(start + body)

    with HostileServer(behave) as server:
        assert provider(server.url).complete(TELL).text == 'Grüße.'


@pytest.fixture
def quick_batches(monkeypatch):
    for name in ('FIRST_PAUSE', 'LONGEST_PAUSE', 'CLAIM_SECONDS', 'CLAIM_PAUSE'):
        monkeypatch.setattr(batches, name, 0.01)
    monkeypatch.setattr(batches, 'RESEND_PAUSES', (0.01,) * 3)
    monkeypatch.setattr(batches, 'MAX_SILENT', 3)


@pytest.mark.parametrize('vendor', ['openai', 'anthropic'])
@pytest.mark.parametrize(
    'odd',
    [lambda vendor: reply(vendor, ['a']), lambda vendor: 7, lambda vendor: {'choices': 7}],
    ids=['list', 'number', 'form'],
)
def test_an_odd_reply_in_a_batch_counts_as_none(odd, vendor, provider, quick_batches):
    spoil = lambda batch, place: Answer(200, odd(vendor)) if place == 1 else None  # noqa: E731
    requests = [Request(ASK.messages, ASK.json_schema, seed=seed) for seed in range(4)]
    with BatchServer(spoil=spoil) as server:
        completions = BatchedProvider(provider(server.url)).complete_many(requests)
    assert all(json.loads(completion.text)['age'] for completion in completions)
    assert len(server.ordinary) == 1


@pytest.mark.parametrize('vendor', ['openai', 'anthropic'])
def test_counts_of_a_batch_that_are_none_are_left_out(vendor, provider, quick_batches):
    requests = [Request(ASK.messages, ASK.json_schema, seed=seed) for seed in range(4)]
    spoil = lambda *_: Answer(200, reply(vendor, '{"age": 41}', None))  # noqa: E731
    with BatchServer(spoil=spoil) as server:
        llm = MeteredProvider(BatchedProvider(provider(server.url)))
        assert [c.text for c in llm.complete_many(requests)] == ['{"age": 41}'] * 4
    assert llm.ledger.bill.total().completion_tokens > 4


@pytest.mark.parametrize('vendor', ['openai', 'anthropic'])
@pytest.mark.parametrize(
    'body',
    [b'[' * 200_000, b'{"id": 7}', b'{"id": ["x"], "request_counts": {"completed": "x"}}', b'7'],
    ids=['brackets', 'id', 'counts', 'number'],
)
def test_a_batch_server_that_cannot_be_read_is_an_error_in_the_end(
    body, vendor, provider, quick_batches
):
    with HostileServer(answers(200, body)) as server:
        llm = BatchedProvider(provider(server.url))
        with pytest.raises(ProviderError, match=r'took no batch of 2|does not answer any more'):
            llm.complete_many([TELL, TELL])


def test_a_request_that_is_no_text_fails_at_once_and_is_not_sent(provider):
    half = Request((Message('user', ''),))
    object.__setattr__(half.messages[0], 'content', 'Half \ud800 a character.')  # past its check
    with HostileServer(answers(200)) as server:
        llm = provider(server.url)
        for one in (llm, MeteredProvider(llm)):
            error = failure(one, half)
            assert type(error) is ProviderError
            assert 'lone surrogate' in str(error)
            assert 'Mend the cell' in str(error)
        assert server.requests == []


# How often a server is asked

SOON = ['0', '-7', 'Wed, 21 Oct 2015 07:28:00 GMT', 'nan']


@pytest.mark.parametrize('vendor', ['openai', 'anthropic'])
@pytest.mark.parametrize('wish', SOON)
def test_a_server_that_wants_to_be_asked_at_once_is_asked_with_growing_pauses(wish, provider):
    busy = Answer(429, {'error': {'message': 'Busy'}}, {'retry-after': wish})
    with Server(failures=itertools.repeat(busy)) as server:
        llm = provider(server.url)
        llm.max_wait = 0.7
        with pytest.raises(RateLimitError):
            MeteredProvider(llm).complete(ASK)
    # Pauses of at least 0.16 and 0.32 seconds, and no third one of 0.64.
    assert 2 <= len(server.received) <= 3


@pytest.mark.parametrize('vendor', ['openai', 'anthropic'])
@pytest.mark.parametrize('wish', ['1e300', 'Fri, 31 Dec 9999 23:59:59 GMT', '3600'])
def test_a_server_that_wants_to_be_asked_much_later_is_given_up(wish, provider):
    busy = Answer(429, {'error': {'message': 'Busy'}}, {'retry-after': wish})
    with Server(failures=itertools.repeat(busy)) as server:
        llm = provider(server.url)
        assert elapsed(lambda: failure(MeteredProvider(llm), ASK)) < 5.0
    assert len(server.received) == 1


@pytest.mark.parametrize('vendor', ['openai'])
def test_calls_that_time_out_leave_no_thread_behind(provider):
    before = threading.active_count()
    with HostileServer(drips('body')) as server:
        for _ in range(3):
            failure(provider(server.url, timeout=0.05))
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= before
