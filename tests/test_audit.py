from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path

import pytest
import sdv_lines
from servers import Server, openai_error
from tables import visits, visits_metadata

from sdv_llmgan import (
    AuditLog,
    LLMGANSynthesizer,
    Message,
    OpenAIProvider,
    ProviderError,
    ReplyCache,
    Request,
    ScriptedProvider,
)
from sdv_llmgan.calls.metered import MeteredProvider

ASK = Request(
    (Message('user', 'Tell me of Ann, 41.'),),
    role='optimizer',
    columns=('name', 'age'),
    real_rows=1,
)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_call_has_a_line_before_and_one_after(tmp_path):
    path = tmp_path / 'audit.jsonl'
    provider = MeteredProvider(ScriptedProvider('m', script=['Hello Bob']), audit=AuditLog(path))
    provider.complete(ASK)
    sent, answered = lines(path)
    assert sent['call'] == answered['call']
    assert sent['time'] <= answered['time']
    del sent['time'], sent['call'], answered['time'], answered['call']
    assert sent == {
        'event': 'sent',
        'provider': "ScriptedProvider('m')",
        'model': 'm',
        'remote': False,
        'role': 'optimizer',
        'columns': ['name', 'age'],
        'real_rows': 1,
        'sha256': hashlib.sha256(ASK.body().encode()).hexdigest(),
    }
    assert answered == {'event': 'answered', 'prompt_tokens': 4, 'completion_tokens': 2}
    assert path.stat().st_mode & 0o077 == 0


def test_texts_are_logged_on_request_only(tmp_path):
    for bodies in (False, True):
        path = tmp_path / f'{bodies}.jsonl'
        llm = MeteredProvider(ScriptedProvider(script=['Hi Bob']), audit=AuditLog(path, bodies))
        llm.complete(ASK)
        assert ('Ann' in path.read_text()) == ('Bob' in path.read_text()) == bodies


def test_what_failed_was_sent_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv('OPENAI_API_KEY', 'sk-verysecret')
    path = tmp_path / 'audit.jsonl'
    with Server(failures=[openai_error(401, 'Bad key sk-verysecret.')]) as server:
        llm = OpenAIProvider('tiny', base_url=f'{server.url}/v1')
        provider = MeteredProvider(llm, audit=AuditLog(path, bodies=True))
        with pytest.raises(ProviderError, match=r'Bad key \[key\]'):
            provider.complete(ASK)
    assert [line['event'] for line in lines(path)] == ['sent', 'failed']
    assert 'verysecret' not in path.read_text()


def test_every_call_of_a_fit_and_of_sampling_is_in_the_log_and_nothing_is_removed(tmp_path):
    path = tmp_path / 'audit.jsonl'
    path.write_text('{"event": "before"}\n')
    with Server() as server:
        llm = OpenAIProvider('tiny', base_url=f'{server.url}/v1')
        synthesizer = LLMGANSynthesizer(
            visits_metadata(), llm=llm, max_batches=2, sampler='llm', audit_log=path
        )
        sdv_lines.fit(synthesizer, visits(20))
        sdv_lines.sample(synthesizer, 6)
    logged = lines(path)
    assert logged[0] == {'event': 'before'}
    assert sum(line['event'] == 'sent' for line in logged) == len(server.received)
    assert sum(line['event'] == 'answered' for line in logged) == len(server.received)
    tokens = sum(line.get('prompt_tokens', 0) for line in logged)
    assert tokens == synthesizer.get_usage()['prompt_tokens'].sum()


def test_a_log_that_cannot_be_written_stops_a_fit_before_anything_is_sent(tmp_path):
    provider = ScriptedProvider()
    synthesizer = LLMGANSynthesizer(
        visits_metadata(), llm=provider, audit_log=tmp_path / 'no' / 'such' / 'folder'
    )
    with pytest.raises(ProviderError, match=r'audit log .* cannot be written'):
        sdv_lines.fit(synthesizer, visits(20))
    assert provider.requests == []


@pytest.mark.skipif(not Path('/dev/full').exists(), reason='no /dev/full')
def test_a_request_that_cannot_be_logged_is_not_sent():
    provider = ScriptedProvider(script=['Hi.'])
    metered = MeteredProvider(provider, audit=AuditLog('/dev/full'))
    with pytest.raises(ProviderError, match='No space left.*so this request was not sent'):
        metered.complete(ASK)
    assert provider.requests == []
    assert metered.ledger.bill.total().calls == 0


@pytest.mark.parametrize('written', ['nothing', 'half'])
def test_a_reply_that_cannot_be_logged_is_counted_and_kept(written, tmp_path, monkeypatch, caplog):
    write = os.write

    def full(file, line):
        if b'"answered"' not in line:
            return write(file, line)
        if written == 'nothing':
            raise OSError(errno.ENOSPC, 'No space left on device')
        return write(file, line[: len(line) // 2])

    monkeypatch.setattr('sdv_llmgan.calls.audit.os.write', full)
    metered = MeteredProvider(
        ScriptedProvider(script=['Hi.']),
        audit=AuditLog(tmp_path / 'audit.jsonl'),
    )
    metered.cache = ReplyCache(tmp_path / 'c.sqlite')  # scripted replies are not worth keeping
    assert metered.complete(ASK).text == 'Hi.'
    assert metered.ledger.bill.total().calls == 1
    assert len(metered.cache) == 1
    assert 'lacks how the call' in caplog.text
