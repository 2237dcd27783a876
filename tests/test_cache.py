from __future__ import annotations

import multiprocessing
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
import sdv_lines
from servers import Server
from tables import visits, visits_metadata

from sdv_llmgan import (
    Budget,
    BudgetError,
    LLMGANSynthesizer,
    Message,
    OpenAIProvider,
    ProviderError,
    ReplyCache,
    Request,
    Usage,
)
from sdv_llmgan.calls.budget import Ledger
from sdv_llmgan.calls.metered import MeteredProvider
from sdv_llmgan.providers.base import Completion, Provider

ASK = Request((Message('user', 'Secret prompt'),), json_schema={'type': 'object'}, seed=1)


class Counting(Provider):
    """Answers with the number of the call."""

    def __init__(self, model='counting'):
        super().__init__(model)
        self.calls = 0

    def complete(self, request):
        self.calls += 1
        return Completion(f'reply {self.calls}', Usage(1, 7, 3))


def cached(tmp_path, provider, **options):
    return MeteredProvider(provider, cache=ReplyCache(tmp_path / 'c.sqlite', **options))


def test_what_is_asked_twice_is_paid_for_once(tmp_path):
    provider = Counting()
    metered = cached(tmp_path, provider)
    assert metered.complete(ASK).text == metered.complete(ASK).text == 'reply 1'
    assert provider.calls == 1
    assert metered.ledger.bill.total() == Usage(1, 7, 3, replayed=1, usd=None)


@pytest.mark.parametrize(
    'change',
    [
        {'seed': 2},
        {'temperature': 0.6},
        {'max_tokens': 3},
        {'json_schema': {'type': 'array'}},
        {'messages': (Message('system', 'Secret prompt'),)},
        {'messages': (Message('user', 'Secret prompt.'),)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_request_is_another_reply(tmp_path, change):
    metered = cached(tmp_path, Counting())
    assert metered.complete(ASK).text != metered.complete(replace(ASK, **change)).text


def test_another_model_or_server_is_another_reply(tmp_path):
    assert cached(tmp_path, Counting()).complete(ASK).text == 'reply 1'
    other = Counting('other')
    other.calls = 10
    assert cached(tmp_path, other).complete(ASK).text == 'reply 11'
    names = {OpenAIProvider('m', base_url=url).name for url in (None, 'http://a/v1', 'http://b/v1')}
    assert len(names) == 3


def test_a_name_holds_no_password_of_an_address():
    name = OpenAIProvider('m', base_url='https://me:hunter2@example.org:8443/v1?key=abc').name
    assert name == "OpenAIProvider('m', example.org:8443/v1)"


def test_the_file_holds_replies_and_hashes_but_no_prompt_and_no_key(tmp_path, monkeypatch):
    monkeypatch.setenv('OPENAI_API_KEY', 'sk-verysecret')
    with Server() as server:
        provider = OpenAIProvider('tiny', base_url=f'{server.url}/v1')
        reply = cached(tmp_path, provider).complete(replace(ASK, json_schema=None)).text
    content = b''.join(path.read_bytes() for path in tmp_path.glob('c.sqlite*'))
    assert reply.encode() in content
    assert b'Secret prompt' not in content
    assert b'verysecret' not in content
    assert (tmp_path / 'c.sqlite').stat().st_mode & 0o077 == 0


def test_threads_and_processes_may_share_a_file(tmp_path):
    cache = ReplyCache(tmp_path / 'c.sqlite')
    requests = [replace(ASK, seed=n) for n in range(60)]

    def work(numbers):
        for number in numbers:
            cache.put(Counting(), requests[number], Completion(f'{number}'))

    threads = [threading.Thread(target=work, args=(range(n, 30, 3),)) for n in range(3)]
    processes = [
        multiprocessing.get_context('spawn').Process(target=_fill, args=(cache, first))
        for first in (30, 45)
    ]
    for worker in [*processes, *threads]:
        worker.start()
    for worker in [*processes, *threads]:
        worker.join(60)
    assert len(cache) == 60
    assert [cache.get(Counting(), request).text for request in requests] == [
        f'{number}' for number in range(60)
    ]


def _fill(cache, first):
    for number in range(first, first + 15):
        cache.put(Counting(), replace(ASK, seed=number), Completion(f'{number}'))


def test_the_replies_not_used_for_longest_make_room(tmp_path):
    cache = ReplyCache(tmp_path / 'c.sqlite', max_bytes=10_000)
    for number in range(40):
        cache.put(Counting(), replace(ASK, seed=number), Completion('x' * 300))
        cache.get(Counting(), replace(ASK, seed=0))
    assert 10 < len(cache) < 21
    assert cache.get(Counting(), replace(ASK, seed=0)) is not None
    assert cache.get(Counting(), replace(ASK, seed=39)) is not None
    assert cache.get(Counting(), replace(ASK, seed=1)) is None
    cache.clear()
    assert len(cache) == 0


def test_a_file_that_is_no_cache_is_put_aside(tmp_path, caplog):
    (tmp_path / 'c.sqlite').write_text('not a database, but long enough to look at' * 50)
    assert cached(tmp_path, Counting()).complete(ASK).text == 'reply 1'
    assert 'is no cache' in caplog.text
    assert (tmp_path / 'c.broken').exists()


def test_what_is_read_back_is_checked(tmp_path):
    assert cached(tmp_path, Counting()).complete(ASK).text == 'reply 1'
    with sqlite3.connect(tmp_path / 'c.sqlite') as connection:
        connection.execute('update replies set text = ?', [pickle.dumps('evil')])
    connection.close()
    provider = Counting()
    provider.calls = 5
    assert cached(tmp_path, provider).complete(ASK).text == 'reply 6'


def test_a_folder_that_cannot_be_written_is_an_error_before_anything_is_sent(tmp_path):
    (tmp_path / 'file').write_text('')
    provider = Counting()
    metered = MeteredProvider(provider, cache=ReplyCache(tmp_path / 'file' / 'c.sqlite'))
    with pytest.raises(ProviderError, match='cache=False'):
        metered.complete(ASK)
    assert provider.calls == 0


def test_a_replay_of_nothing_sends_nothing(tmp_path):
    provider = Counting()
    for _ in range(2):
        with pytest.raises(ProviderError, match='replay_only=True sends nothing|and replay_only'):
            cached(tmp_path, provider, replay_only=True).complete(ASK)
        ReplyCache(tmp_path / 'c.sqlite').clear()  # there, but empty
    assert provider.calls == 0


def test_a_damaged_file_is_put_aside_whenever_that_is_noticed(tmp_path, caplog):
    path = tmp_path / 'c.sqlite'
    full = ReplyCache(path)
    for number in range(300):
        full.put(Counting(), replace(ASK, seed=number), Completion('x' * 500))
    full._connection.execute('pragma wal_checkpoint(truncate)')
    full._connection.close()
    content = bytearray(path.read_bytes())
    content[20_000:160_000] = b'?' * 140_000
    path.write_bytes(content)
    cache = ReplyCache(path)
    for number in range(300):
        cache.get(Counting(), replace(ASK, seed=number))
        cache.put(Counting(), replace(ASK, seed=number), Completion('new'))
    assert 'is no cache' in caplog.text
    assert cache.get(Counting(), replace(ASK, seed=299)).text == 'new'


def test_side_files_are_for_their_owner_only_too(tmp_path):
    cache = ReplyCache(tmp_path / 'c.sqlite')
    cache.put(Counting(), ASK, Completion('a reply'))
    names = [path.name for path in tmp_path.glob('c.sqlite*') if path.stat().st_mode & 0o077]
    assert names == []
    assert (tmp_path / 'c.sqlite-wal').exists()


def test_a_sample_that_was_interrupted_goes_on_without_paying_twice():
    with Server() as server:
        made = make(server, budget=Budget(max_calls=12))
        sdv_lines.fit(made, visits(20))
        fitted = len(server.received)
        with pytest.raises(BudgetError):
            sdv_lines.sample(made, 40)
        made.budget = None
        assert len(sdv_lines.sample(made, 40)) == 40
    asked = [str(body) for body in server.bodies]
    assert fitted < 12
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize(('fails', 'alone'), [(False, True), (True, True), (False, False)])
def test_what_is_asked_while_it_is_out_is_paid_for_once(tmp_path, fails, alone):
    sent, answer = threading.Event(), threading.Event()

    class Slow(Counting):
        def complete(self, request):
            completion = super().complete(request)
            sent.set()
            assert answer.wait(60)
            if fails and self.calls == 1:
                raise ProviderError('no reply')
            return completion

    provider = Slow()
    metered = cached(tmp_path, provider)
    other = metered if alone else cached(tmp_path, provider)
    replies = []

    def ask(metered):
        try:
            replies.append(metered.complete(ASK).text)
        except ProviderError as error:
            replies.append(str(error))

    first = threading.Thread(target=ask, args=[metered])
    second = threading.Thread(target=ask, args=[other])
    first.start()
    assert sent.wait(60)
    second.start()
    second.join(0.3)
    assert (provider.calls, second.is_alive()) == (1, True)
    answer.set()
    first.join(60)
    second.join(60)
    assert sorted(replies) == (['no reply', 'reply 2'] if fails else ['reply 1', 'reply 1'])


@pytest.mark.skipif('fork' not in multiprocessing.get_all_start_methods(), reason='no fork')
@pytest.mark.filterwarnings('ignore:This process .* is multi-threaded:DeprecationWarning')
def test_a_forked_process_does_not_wait_for_calls_of_its_parent(tmp_path):
    metered = cached(tmp_path, Counting())
    with metered.cache.asking(metered.provider, ASK):
        child = multiprocessing.get_context('fork').Process(target=metered.complete, args=(ASK,))
        child.start()
        child.join(60)
        waits = child.is_alive()
        child.kill()
    assert (waits, child.exitcode) == (False, 0)


def test_no_bytes_are_too_few():
    with pytest.raises(ValueError, match='max_bytes'):
        ReplyCache(max_bytes=0)


def make(server, **settings):
    llm = OpenAIProvider('tiny', base_url=f'{server.url}/v1')
    return LLMGANSynthesizer(
        visits_metadata(),
        llm=llm,
        max_batches=2,
        rows_per_example=1,
        **{'sampler': 'llm', **settings},
    )


def test_a_second_fit_and_sample_send_nothing_and_end_the_same():
    with Server() as server:
        first, second = make(server), make(server)
        sdv_lines.fit(first, visits(20))
        rows = sdv_lines.sample(first, 8)
        sent = len(server.received)
        sdv_lines.fit(second, visits(20))
        again = sdv_lines.sample(second, 8)
        assert len(server.received) == sent
    assert again.equals(rows)
    assert second.get_generation_process() == first.get_generation_process()
    assert second.get_usage()['calls'].sum() == 0
    assert second.get_usage()['replayed'].sum() == sent


def test_without_a_cache_everything_is_asked_again():
    with Server() as server:
        for _ in range(2):
            sdv_lines.fit(make(server, cache=False), visits(20))
        assert len(server.bodies) == 2 * len({str(body) for body in server.bodies})


def test_replay_only_is_offline_and_needs_no_key(tmp_path, monkeypatch):
    path = tmp_path / 'c.sqlite'
    monkeypatch.setenv('OPENAI_API_KEY', 'sk-once')
    with Server() as server:
        monkeypatch.setenv('OPENAI_BASE_URL', f'{server.url}/v1')
        first = LLMGANSynthesizer(visits_metadata(), llm='openai/tiny', max_batches=1, cache=path)
        sdv_lines.fit(first, visits(20))
    monkeypatch.delenv('OPENAI_API_KEY')
    replay = ReplyCache(path, replay_only=True)
    second = LLMGANSynthesizer(visits_metadata(), llm='openai/tiny', max_batches=1, cache=replay)
    sdv_lines.fit(second, visits(20))
    assert second.get_generation_process() == first.get_generation_process()
    other = LLMGANSynthesizer(visits_metadata(), llm='openai/tiny', cache=replay, seed=1)
    with pytest.raises(ProviderError, match='has no reply to this expert request'):
        sdv_lines.fit(other, visits(20))


def test_a_fit_that_was_killed_goes_on_without_paying_twice(tmp_path):
    script = (
        'import sys; sys.path.insert(0, sys.argv[3])\n'
        'import sdv_lines\n'
        'from tables import visits, visits_metadata\n'
        'from sdv_llmgan import LLMGANSynthesizer, OpenAIProvider\n'
        'llm = OpenAIProvider("tiny", base_url=sys.argv[1], max_concurrency=2)\n'
        'made = LLMGANSynthesizer(visits_metadata(), llm=llm, max_batches=3, cache=sys.argv[2],\n'
        '                         sampler="llm", rows_per_example=1)\n'
        'sdv_lines.fit(made, visits(20))\n'
        'print(made.get_generation_process().to_json())\n'
    )
    reached, go_on = threading.Event(), threading.Event()
    with Server() as server:

        def answer(schema, prompt, seed, reply=server.answer):
            if len(server.received) > 6 and not go_on.is_set():
                reached.set()
                go_on.wait(60)
            return reply(schema, prompt, seed)

        server.answer = answer
        here = str(sdv_lines.__file__).rsplit('/', 1)[0]
        run = [sys.executable, '-c', script, f'{server.url}/v1', str(tmp_path / 'c.sqlite'), here]
        with subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as killed:
            assert reached.wait(120), killed.stderr.read()
            killed.send_signal(signal.SIGKILL)
        go_on.set()
        resumed = subprocess.run(run, capture_output=True, text=True, timeout=240)
        assert resumed.returncode == 0, resumed.stderr
        paid = len(server.received)
        again = subprocess.run(run, capture_output=True, text=True, timeout=240)
        assert len(server.received) == paid
    assert again.stdout == resumed.stdout
    asked = [str(body) for body in server.bodies]
    # Only what was out when it was killed, two calls at most, was asked a second time.
    assert 1 <= len(asked) - len(set(asked)) <= 2


def full(cache):
    """Let the disk be full for a cache: SQLite says so in the same words."""
    pages = cache._connection.execute('pragma page_count').fetchone()[0]
    cache._connection.execute(f'pragma max_page_count = {pages}')


def test_what_is_paid_for_while_the_disk_is_full_is_counted_kept_and_written_later(
    tmp_path, caplog
):
    class Long(Counting):
        def complete(self, request):
            completion = super().complete(request)
            return replace(completion, text=completion.text + ' ' * 5_000)

    requests = [replace(ASK, seed=seed) for seed in range(20)]
    provider = Long()
    provider.max_concurrency = 1
    metered = cached(tmp_path, provider)
    first = metered.complete(ASK).text
    full(metered.cache)
    replies = [completion.text for completion in metered.complete_many(requests)]
    assert provider.calls == metered.ledger.bill.total().calls == 20  # ASK is one of them
    assert [completion.text for completion in metered.complete_many(requests)] == replies
    assert metered.complete(ASK).text == first
    assert provider.calls == metered.ledger.bill.total().calls
    [record] = caplog.records
    assert 'database or disk is full' in record.message
    assert 'kept in memory' in record.message
    assert 'nothing was sent' not in record.message
    metered.cache._connection.execute('pragma max_page_count = 1000000')
    metered.complete(replace(ASK, seed=-1))
    other = cached(tmp_path, Long())
    assert [completion.text for completion in other.complete_many(requests)] == replies
    assert other.ledger.bill.total().calls == 0


def test_a_disk_that_is_full_from_the_beginning_is_an_error_before_anything_is_sent(
    tmp_path, monkeypatch
):
    def connect(file):
        raise sqlite3.OperationalError('database or disk is full')

    monkeypatch.setattr('sdv_llmgan.calls.cache._connected', connect)
    provider = Counting()
    with pytest.raises(ProviderError, match='disk is full.*nothing was sent'):
        cached(tmp_path, provider).complete(ASK)
    assert provider.calls == 0


def test_only_a_damaged_file_is_put_aside(tmp_path, caplog):
    cache = ReplyCache(tmp_path / 'c.sqlite')
    cache.put(Counting(), ASK, Completion('kept'))
    cache.put(Counting(), replace(ASK, seed=2), Completion('odd', Usage(1, None, 2)))
    assert cache.get(Counting(), replace(ASK, seed=2)).text == 'odd'
    assert ReplyCache(tmp_path / 'c.sqlite').get(Counting(), ASK).text == 'kept'
    assert [path.name for path in tmp_path.glob('*broken*')] == []
    assert 'NOT NULL' in caplog.text


def test_somebody_elses_database_is_left_where_it_is(tmp_path):
    with sqlite3.connect(tmp_path / 'c.sqlite') as connection:
        connection.execute('create table replies (mine text)')
    connection.close()
    provider = Counting()
    with pytest.raises(ProviderError, match='cache=False'):
        cached(tmp_path, provider).complete(ASK)
    assert provider.calls == 0
    assert not list(tmp_path.glob('*broken*'))


def test_nothing_that_was_put_aside_is_overwritten(tmp_path, caplog):
    for number in range(3):
        (tmp_path / 'c.sqlite').write_text(f'damage {number}, long enough to look at' * 50)
        metered = cached(tmp_path, Counting())
        assert metered.complete(ASK).text == 'reply 1'
        metered.cache._close()
    names = ['c.broken', 'c.broken-2', 'c.broken-3']
    assert [(tmp_path / name).read_text()[:8] for name in names] == [
        *('damage 0', 'damage 1', 'damage 2')
    ]


#: A request that the real APIs' checks take.
PLAIN = replace(ASK, json_schema=None)
FORKS = pytest.mark.skipif('fork' not in multiprocessing.get_all_start_methods(), reason='no fork')
QUIET = pytest.mark.filterwarnings('ignore:This process .* is multi-threaded:DeprecationWarning')


def forked(work, *args):
    """A process forked from this one."""
    child = multiprocessing.get_context('fork').Process(target=work, args=args, daemon=True)
    child.start()
    return child


def ended(child):
    """How a process ended, ``None`` where it did not."""
    child.join(30)
    code = child.exitcode
    child.kill()
    child.join(10)
    return code


@FORKS
@QUIET
def test_a_process_forked_while_a_thread_is_in_the_cache_does_not_hang(tmp_path):
    metered = cached(tmp_path, Counting())
    metered.complete(ASK)
    inside, leave = threading.Event(), threading.Event()

    def stay():
        with metered.cache._open():
            inside.set()
            leave.wait(30)

    thread = threading.Thread(target=stay)
    thread.start()
    assert inside.wait(30)
    threading.Timer(0.2, leave.set).start()
    child = forked(metered.complete, replace(ASK, seed=2))
    assert ended(child) == 0
    thread.join(30)
    # The child's reply is in the file, and the parent's connection works.
    assert metered.complete(replace(ASK, seed=2)).text == 'reply 2'
    assert metered.complete(ASK).text == 'reply 1'
    assert metered.provider.calls == 1


@FORKS
@QUIET
def test_a_forked_process_does_not_wait_for_places_and_budgets_of_its_parents_calls(tmp_path):
    sent, answer = threading.Event(), threading.Event()

    class Slow(Counting):
        max_concurrency = 1

        def complete(self, request):
            if request.seed == 1:
                sent.set()
                assert answer.wait(60)
            return super().complete(request)

    metered = MeteredProvider(
        Slow(), Ledger(Budget(max_tokens=2 * 2048)), ReplyCache(tmp_path / 'c.sqlite')
    )
    thread = threading.Thread(target=metered.complete, args=[ASK])
    thread.start()
    assert sent.wait(30)
    child = forked(metered.complete, replace(ASK, seed=2))
    assert ended(child) == 0
    answer.set()
    thread.join(30)


@FORKS
@QUIET
def test_a_forked_process_shares_no_connection_with_its_parent():
    with Server(answer=lambda schema, prompt, seed: f'for {seed}') as server:
        provider = OpenAIProvider('tiny', base_url=f'{server.url}/v1')
        assert provider.complete(PLAIN).text == 'for 1'

        def work():
            guard = provider.client()._client._transport
            assert guard._inner == {}
            assert provider.complete(replace(PLAIN, seed=2)).text == 'for 2'

        assert ended(forked(work)) == 0
        assert provider.complete(replace(PLAIN, seed=3)).text == 'for 3'


@FORKS
@QUIET
def test_two_processes_that_ask_the_same_pay_once(tmp_path):
    requests = [replace(PLAIN, seed=seed) for seed in range(6)]
    with Server(delay=0.2) as server:
        provider = OpenAIProvider('tiny', base_url=f'{server.url}/v1')

        def work():
            metered = cached(tmp_path, provider)
            metered.complete_many(requests)

        children = [forked(work) for _ in range(3)]
        assert [ended(child) for child in children] == [0, 0, 0]
        assert len(server.received) == 6
    content = [path for path in tmp_path.glob('c.sqlite-*') if path.stat().st_mode & 0o077]
    assert content == []


@FORKS
@QUIET
def test_what_a_process_asked_when_it_was_killed_is_asked_again(tmp_path):
    reached = threading.Event()
    with Server() as server:

        def answer(schema, prompt, seed):
            if not reached.is_set():
                reached.set()
                threading.Event().wait(0.5)
            return 'Hello.'

        server.answer = answer
        provider = OpenAIProvider('tiny', base_url=f'{server.url}/v1')
        child = forked(cached(tmp_path, provider).complete, PLAIN)
        assert reached.wait(30)
        child.kill()
        child.join(30)
        assert cached(tmp_path, provider).complete(PLAIN).text == 'Hello.'
        assert len(server.received) == 2
