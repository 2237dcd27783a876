from __future__ import annotations

import contextlib
import itertools
import json
import logging

import cloudpickle
import jsonschema
import pytest
import sdv_lines
from servers import (
    AGE,
    ASK,
    BROKEN,
    DROPPED,
    TOO_MANY,
    Answer,
    Refusal,
    Server,
    anthropic_error,
    anthropic_problem,
)
from tables import visits, visits_metadata

from sdv_llmgan import AnthropicProvider, LLMGANSynthesizer
from sdv_llmgan.calls.metered import MeteredProvider
from sdv_llmgan.discriminators.llm import REPLY_SCHEMA
from sdv_llmgan.errors import ProviderError
from sdv_llmgan.providers.base import Message, Request
from sdv_llmgan.providers.usage import Usage
from sdv_llmgan.roles.interpreter import conditions_schema
from sdv_llmgan.roles.optimizer import reply_schema
from sdv_llmgan.table.schema import TableSchema

KEY = 'sk-ant-test-4dd7f1c0ffee'
#: How the API says that a model knows no structured output.
NO_STRUCTURED_OUTPUT = Refusal(
    'output_config',
    anthropic_error(400, "'claude-tiny' does not support output_config.format."),
)


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv('ANTHROPIC_API_KEY', KEY)
    return KEY


@pytest.fixture
def serve(key, monkeypatch):
    """Starts a server that the environment names."""

    @contextlib.contextmanager
    def start(**options):
        with Server(**options) as server:
            monkeypatch.setenv('ANTHROPIC_BASE_URL', server.url)
            yield server

    return start


def test_a_request_carries_model_messages_schema_and_length(serve):
    with serve(key=KEY) as server:
        completion = AnthropicProvider('claude-tiny').complete(ASK)
    [request] = server.received
    assert request.path == '/v1/messages'
    assert KEY in request.headers.get('x-api-key', request.headers.get('authorization'))
    assert request.headers['anthropic-version']
    schema = request.body.pop('output_config')['format']['schema']
    assert request.body == {
        'model': 'claude-tiny',
        'system': 'You write rows.',
        'messages': [{'role': 'user', 'content': 'Write a row as JSON.'}],
        'max_tokens': 64,
    }
    # Their structured output knows no bounds; the SDK puts them in words.
    assert schema['properties']['age'] == {
        'type': 'integer',
        'description': '{minimum: 18, maximum: 90}',
    }
    assert json.loads(completion.text).keys() == {'age'}
    assert completion.usage == Usage(1, 20, len(completion.text))


def test_a_request_without_schema_and_system_message_carries_neither(serve):
    with serve() as server:
        AnthropicProvider('claude-tiny').complete(Request((Message('user', 'Hello.'),)))
    assert server.bodies[0].keys() == {'model', 'messages', 'max_tokens'}


def test_system_messages_become_one_and_the_turns_keep_their_order(serve):
    roles = ['system', 'user', 'assistant', 'system', 'user']
    messages = tuple(Message(role, f'{role} {i}') for i, role in enumerate(roles))
    with serve() as server:
        AnthropicProvider('claude-tiny').complete(Request(messages))
    [body] = server.bodies
    assert body['system'] == 'system 0\nsystem 3'
    assert [turn['content'] for turn in body['messages']] == ['user 1', 'assistant 2', 'user 4']


def test_the_api_takes_the_schema_of_every_kind_of_column(serve, caplog):
    table = visits(20).drop(columns='patient').assign(note='free text', empty=None)
    schema = TableSchema.from_sdv(visits_metadata(note={'sdtype': 'text', 'pii': False}), table)
    rows = schema.rows_json_schema(3, 'short_keys', enforce_range=True)
    with serve() as server:
        provider = AnthropicProvider('claude-tiny')
        replies = (reply_schema(('age', 'ward'), with_graph=True), REPLY_SCHEMA)
        arrays = schema.rows_json_schema(3, 'arrays', enforce_range=True)
        for json_schema in (rows, arrays, conditions_schema(('age', 'ward')), *replies):
            completion = provider.complete(Request(ASK.messages, json_schema))
            sent = server.bodies[-1]['output_config']['format']['schema']
            jsonschema.validate(json.loads(completion.text), sent)
    version = server.received[0].headers['anthropic-version']
    assert [anthropic_problem(body, version) for body in server.bodies] == [''] * 5
    assert caplog.records == []


def test_a_missing_key_is_said_before_any_call_and_names_the_variable():
    with pytest.raises(ProviderError, match='set the environment variable ANTHROPIC_API_KEY'):
        AnthropicProvider('claude-sonnet-4-6').check()
    synthesizer = LLMGANSynthesizer(visits_metadata(), llm='anthropic/claude-sonnet-4-6')
    with pytest.raises(ProviderError, match='set the environment variable ANTHROPIC_API_KEY'):
        sdv_lines.fit(synthesizer, visits(20))


def test_a_missing_model_is_said_before_any_call(key):
    with pytest.raises(ProviderError, match="needs a model's name"):
        AnthropicProvider('').check()


def test_a_token_may_stand_for_the_key(serve, monkeypatch):
    monkeypatch.delenv('ANTHROPIC_API_KEY')
    monkeypatch.setenv('ANTHROPIC_AUTH_TOKEN', KEY)
    with serve(key=KEY) as server:
        provider = AnthropicProvider('claude-tiny')
        provider.check()
        provider.complete(ASK)
    assert len(server.received) == 1


def test_check_sends_nothing(serve):
    with serve() as server:
        AnthropicProvider('claude-tiny').check()
    assert server.received == []


def test_only_a_server_on_loopback_is_not_remote(serve, monkeypatch):
    assert AnthropicProvider('claude-tiny').remote
    monkeypatch.setenv('ANTHROPIC_BASE_URL', 'https://llm.example.org')
    assert AnthropicProvider('claude-tiny').remote
    with serve():
        assert not AnthropicProvider('claude-tiny').remote


def test_refused_structured_output_is_noticed_once_by_sixteen_threads(serve, caplog):
    requests = [Request(ASK.messages, AGE) for _ in range(16)]
    options = {'refusals': [NO_STRUCTURED_OUTPUT], 'answer': lambda *_: '{"age": 41}'}
    with serve(gather=16, **options) as server:
        provider = MeteredProvider(AnthropicProvider('claude-tiny'))
        with caplog.at_level(logging.WARNING, 'sdv_llmgan'):
            first = provider.complete_many(requests)
            second = provider.complete_many(requests)
    assert [completion.text for completion in first + second] == ['{"age": 41}'] * 32
    [record] = caplog.records
    assert 'refuses the setting output_config' in record.message
    assert ['output_config' in body for body in server.bodies] == [True] * 16 + [False] * 32


def test_another_bad_request_is_an_error_with_the_servers_words(serve, caplog):
    answer = anthropic_error(400, 'prompt is too long: 210000 tokens > 200000 maximum')
    with serve(failures=[answer]) as server:
        provider = AnthropicProvider('claude-tiny')
        with pytest.raises(ProviderError, match='refused the request: .*prompt is too long'):
            provider.complete(ASK)
    assert len(server.received) == 1
    assert provider.settings.refused == set()
    assert caplog.records == []


@pytest.mark.parametrize('failure', [TOO_MANY, BROKEN, DROPPED], ids=['429', '500', 'dropped'])
def test_a_call_that_failed_is_tried_again(failure, serve):
    with serve(failures=[failure]) as server:
        completion = MeteredProvider(AnthropicProvider('claude-tiny')).complete(ASK)
    assert len(server.received) == 2
    assert completion.usage.calls == 1


def test_retries_end(serve):
    with serve(failures=itertools.repeat(BROKEN)) as server:
        provider = AnthropicProvider('claude-tiny', max_retries=2)
        with pytest.raises(ProviderError, match='did not answer: .*500'):
            MeteredProvider(provider).complete(ASK)
    assert len(server.received) == 1 + 2


def test_a_wrong_key_is_an_error_at_once_and_is_not_shown(serve):
    with serve(key='sk-ant-another') as server:
        provider = AnthropicProvider('claude-tiny')
        with pytest.raises(ProviderError, match='did not answer: .*invalid x-api-key') as caught:
            provider.complete(ASK)
    assert len(server.received) == 1
    assert KEY not in str(caught.value)


def test_a_server_that_is_not_there_is_an_error(serve):
    with serve():
        pass
    with pytest.raises(ProviderError, match=r"AnthropicProvider\('claude-tiny', .* did not answer"):
        AnthropicProvider('claude-tiny', max_retries=0).complete(ASK)


def test_only_the_text_of_a_reply_counts(serve):
    body = {
        'id': 'msg_1',
        'type': 'message',
        'role': 'assistant',
        'model': 'claude-tiny',
        'content': [
            {'type': 'thinking', 'thinking': 'Hm.', 'signature': 'x'},
            {'type': 'text', 'text': '{"age":'},
            {'type': 'text', 'text': ' 41}'},
        ],
        'stop_reason': 'end_turn',
        'stop_sequence': None,
        'usage': {'input_tokens': 3, 'output_tokens': 5},
    }
    with serve(failures=[Answer(200, body), Answer(200, {**body, 'content': []})]):
        provider = AnthropicProvider('claude-tiny')
        assert provider.complete(ASK).text == '{"age": 41}'
        refused = provider.complete(ASK)
    assert (refused.text, refused.usage) == ('', Usage(1, 3, 5))


def test_a_pickle_holds_no_key_and_no_client_and_works_afterwards(serve):
    with serve(key=KEY) as server:
        provider = AnthropicProvider('claude-tiny')
        unused = cloudpickle.dumps(provider)
        provider.complete(ASK)
        used = cloudpickle.dumps(provider)
        for pickled in (unused, used):
            assert KEY.encode() not in pickled
            restored = cloudpickle.loads(pickled)
            assert not [name for name in vars(restored) if name.startswith('_')]
            restored.complete(ASK)
    assert KEY not in repr(provider) + provider.name + repr(vars(provider))
    assert len(server.received) == 3


@pytest.mark.parametrize('refusals', [[], [NO_STRUCTURED_OUTPUT]], ids=['structured', 'plain'])
def test_a_whole_fit_and_sample_go_through_the_sdk(refusals, serve, caplog):
    with serve(key=KEY, refusals=refusals) as server:
        synthesizer = LLMGANSynthesizer(
            visits_metadata(), llm='anthropic/claude-tiny', max_batches=2, sampler='llm'
        )
        with caplog.at_level(logging.WARNING, 'sdv_llmgan'):
            sdv_lines.fit(synthesizer, visits(20))
            sample = sdv_lines.sample(synthesizer, 12)
        pickled = cloudpickle.dumps(synthesizer)
        restored = cloudpickle.loads(pickled)
        assert len(sdv_lines.sample(restored, 5)) == 5
    assert len(caplog.records) == len(refusals)
    assert sample.dtypes.to_dict() == visits(20).dtypes.to_dict()
    assert synthesizer.get_usage().loc['optimizer', 'calls'] == 1
    structured = sum('output_config' in body for body in server.bodies)
    assert structured <= 4 if refusals else structured == len(server.bodies)

    shown = f'{synthesizer!r} {synthesizer.get_parameters()} {synthesizer.get_info()}'
    assert KEY not in shown + str(vars(synthesizer))
    assert KEY.encode() not in pickled


def test_sixteen_calls_are_in_flight_while_sampling(serve):
    with serve(delay=0.2) as server:
        synthesizer = LLMGANSynthesizer(
            visits_metadata(),
            llm='anthropic/claude-tiny',
            max_batches=1,
            sampler='llm',
            rows_per_example=1,
        )
        sdv_lines.fit(synthesizer, visits(20))
        synthesizer.sample(160)
    assert server.peak == 16


def many(count: int, stable: str) -> list[Request]:
    return [
        Request(
            (
                Message('system', 'You write rows.'),
                Message('user', f'{stable}Write row {number}.', stable=len(stable)),
            ),
            AGE,
            shared_by=count,
        )
        for number in range(count)
    ]


def test_what_many_requests_share_is_marked_for_the_cache_and_counted(serve):
    stable = 'Rows have one entry, the age in years. ' * 60
    with serve() as server:
        provider = AnthropicProvider('claude-tiny')
        provider.max_concurrency = 4
        completions = [provider.complete(request) for request in many(10, stable)]
    assert [len(body['messages'][0]['content']) for body in server.bodies] == [2] * 10
    marked, rest = server.bodies[3]['messages'][0]['content']
    assert marked == {'type': 'text', 'text': stable, 'cache_control': {'type': 'ephemeral'}}
    assert rest == {'type': 'text', 'text': 'Write row 3.'}
    # The first call writes to the cache, the others read from it; all of it is prompt.
    assert [completion.usage.cached_tokens for completion in completions] == [0] + [len(stable)] * 9
    assert {completion.usage.prompt_tokens for completion in completions} == {len(stable) + 12}


@pytest.mark.parametrize(('count', 'words'), [(5, 60), (10, 10)], ids=['few calls', 'too short'])
def test_a_prompt_is_not_marked_where_that_does_not_pay(count, words, serve):
    with serve() as server:
        provider = AnthropicProvider('claude-tiny')
        provider.max_concurrency = 4
        for request in many(count, 'Rows have one entry, the age in years. ' * words):
            provider.complete(request)
    assert {type(body['messages'][0]['content']) for body in server.bodies} == {str}
