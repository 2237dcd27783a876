from __future__ import annotations

import itertools
import json
import logging
import threading
from typing import get_args

import cloudpickle
import jsonschema
import pandas as pd
import pytest
import sdv_lines
from servers import (
    AGE,
    ASK,
    BROKEN,
    DROPPED,
    NO_MAX_COMPLETION_TOKENS,
    NO_SEED,
    NO_STRUCTURED_OUTPUT,
    NO_TEMPERATURE,
    TOO_MANY,
    Answer,
    Refusal,
    Server,
    openai_error,
    openai_problem,
)
from tables import visits, visits_metadata

from sdv_llmgan import AzureOpenAIProvider, LLMGANSynthesizer, OpenAIProvider
from sdv_llmgan.calls.metered import MeteredProvider
from sdv_llmgan.discriminators.llm import REPLY_SCHEMA
from sdv_llmgan.errors import ProviderError
from sdv_llmgan.providers.base import Message, Request
from sdv_llmgan.providers.usage import Usage
from sdv_llmgan.roles.interpreter import conditions_schema
from sdv_llmgan.roles.optimizer import reply_schema
from sdv_llmgan.table.schema import Kind, TableSchema

KEY = 'sk-test-4dd7f1c0ffee'
#: Seeds differ, as they do in a fit.
SIXTEEN = [Request(ASK.messages, AGE, seed=seed) for seed in range(16)]


def local(server, **options):
    """A provider whose model is on the server."""
    return OpenAIProvider('tiny', base_url=f'{server.url}/v1', **options)


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv('OPENAI_API_KEY', KEY)
    return KEY


def test_a_request_carries_model_messages_schema_temperature_seed_and_length(key):
    with Server(key=KEY) as server:
        completion = local(server).complete(ASK)
    [request] = server.received
    assert request.path == '/v1/chat/completions'
    assert request.headers['authorization'] == f'Bearer {KEY}'
    assert request.body == {
        'model': 'tiny',
        'messages': [
            {'role': 'system', 'content': 'You write rows.'},
            {'role': 'user', 'content': 'Write a row as JSON.'},
        ],
        'response_format': {
            'type': 'json_schema',
            'json_schema': {'name': 'reply', 'schema': AGE, 'strict': True},
        },
        'temperature': 0.5,
        'seed': 7,
        'max_completion_tokens': 64,
    }
    jsonschema.validate(json.loads(completion.text), AGE)
    assert completion.usage == Usage(1, 35, len(completion.text))


def test_a_request_without_schema_and_seed_carries_neither():
    with Server() as server:
        local(server).complete(Request((Message('user', 'Hello.'),), seed=None))
    assert server.bodies[0].keys() == {
        *('model', 'messages', 'temperature', 'max_completion_tokens'),
    }


def test_a_server_of_ones_own_needs_no_key():
    with Server() as server:
        provider = local(server)
        provider.check()
        provider.complete(ASK)
    assert server.received[0].headers['authorization'] == 'Bearer none'


def test_the_server_may_be_named_by_the_environment(monkeypatch):
    with Server() as server:
        monkeypatch.setenv('OPENAI_BASE_URL', f'{server.url}/v1')
        provider = OpenAIProvider('tiny')
        provider.check()
        provider.complete(ASK)
        assert not provider.remote
    assert len(server.received) == 1


def test_an_empty_address_in_the_environment_counts_as_none(monkeypatch):
    monkeypatch.setenv('OPENAI_BASE_URL', '')
    provider = OpenAIProvider('gpt-4o-mini')
    assert provider.server is None
    with pytest.raises(ProviderError, match='OPENAI_API_KEY'):
        provider.check()


@pytest.mark.parametrize(
    ('base_url', 'remote'),
    [
        (None, True),
        ('https://llm.example.org/v1', True),
        ('https://localhost.example.org/v1', True),
        ('http://localhost:8000/v1', False),
        ('http://127.0.0.1:8000/v1', False),
        ('http://[::1]:8000/v1', False),
    ],
)
def test_only_a_server_on_loopback_is_not_remote(base_url, remote):
    assert OpenAIProvider('tiny', base_url=base_url).remote is remote


def test_the_key_may_stand_in_a_variable_of_another_name(monkeypatch):
    monkeypatch.setenv('ACME_KEY', KEY)
    with Server(key=KEY) as server:
        local(server, api_key_variable='ACME_KEY').complete(ASK)
    assert len(server.received) == 1


def test_a_missing_key_is_said_before_any_call_and_names_the_variable():
    with pytest.raises(ProviderError, match='set the environment variable OPENAI_API_KEY'):
        OpenAIProvider('gpt-4o-mini').check()
    with pytest.raises(ProviderError, match='set the environment variable ACME_KEY'):
        OpenAIProvider('gpt-4o-mini', api_key_variable='ACME_KEY').check()
    synthesizer = LLMGANSynthesizer(visits_metadata(), llm='openai/gpt-4o-mini')
    with pytest.raises(ProviderError, match='set the environment variable OPENAI_API_KEY'):
        sdv_lines.fit(synthesizer, visits(20))


def test_a_missing_model_is_said_before_any_call(key):
    with pytest.raises(ProviderError, match="needs a model's name"):
        OpenAIProvider('').check()


def test_check_sends_nothing(key):
    with Server() as server:
        local(server).check()
    assert server.received == []


@pytest.mark.parametrize('style', NO_STRUCTURED_OUTPUT)
def test_refused_structured_output_is_noticed_once_by_sixteen_threads(style, caplog):
    refusal = Refusal('response_format', NO_STRUCTURED_OUTPUT[style])
    with Server(gather=16, refusals=[refusal], answer=lambda *_: '{"age": 41}') as server:
        provider = MeteredProvider(local(server))
        with caplog.at_level(logging.WARNING, 'sdv_llmgan'):
            first = provider.complete_many(SIXTEEN)
            second = provider.complete_many(SIXTEEN)
    assert [completion.text for completion in first + second] == ['{"age": 41}'] * 32
    [record] = caplog.records
    assert 'refuses the setting response_format' in record.message
    # Sixteen refused, the same sixteen again, and sixteen more that did not even try.
    assert ['response_format' in body for body in server.bodies] == [True] * 16 + [False] * 32
    assert provider.ledger.bill.total().calls == 32


@pytest.mark.parametrize(
    ('refusal', 'instead'),
    [
        (NO_TEMPERATURE, {}),
        (NO_SEED, {}),
        (NO_MAX_COMPLETION_TOKENS, {'max_tokens': 64}),
    ],
    ids=lambda value: getattr(value, 'setting', ''),
)
def test_a_refused_setting_is_left_out_from_then_on_and_the_others_stay(refusal, instead, caplog):
    with Server(refusals=[refusal]) as server:
        provider = local(server)
        provider.complete(ASK)
        provider.complete(ASK)
    full, *rest = server.bodies
    assert refusal.setting in full
    without = {name: value for name, value in full.items() if name != refusal.setting}
    assert rest == [{**without, **instead}] * 2
    assert [record.levelname for record in caplog.records] == ['WARNING']


def test_all_optional_settings_may_be_refused_one_after_the_other(caplog):
    structured = Refusal('response_format', NO_STRUCTURED_OUTPUT['openai'])
    refusals = [structured, NO_TEMPERATURE, NO_SEED, NO_MAX_COMPLETION_TOKENS]
    with Server(refusals=refusals) as server:
        local(server).complete(ASK)
    assert server.bodies[-1].keys() == {'model', 'messages', 'max_tokens'}
    assert len(server.bodies) == len(caplog.records) + 1 == 5


def test_a_refusal_stays_known_after_pickling():
    refusal = Refusal('response_format', NO_STRUCTURED_OUTPUT['openai'])
    with Server(refusals=[refusal]) as server:
        provider = local(server)
        provider.complete(ASK)
        cloudpickle.loads(cloudpickle.dumps(provider)).complete(ASK)
    assert ['response_format' in body for body in server.bodies] == [True, False, False]


def test_only_the_setting_that_the_server_names_is_left_out():
    answer = openai_error(
        400,
        "Invalid schema for response_format 'reply': In context=('properties', 'temperature'), "
        "'seed' is not permitted.",
        param='response_format',
    )
    with Server(refusals=[Refusal('response_format', answer)]) as server:
        provider = local(server)
        provider.complete(ASK)
    assert provider.settings.refused == {'response_format'}


def test_another_bad_request_is_an_error_with_the_servers_words_and_drops_nothing(caplog):
    answer = openai_error(400, "This model's maximum context length is 8192 tokens.")
    with Server(failures=[answer]) as server:
        provider = local(server)
        with pytest.raises(ProviderError, match=r'refused the request: .*maximum context length'):
            provider.complete(ASK)
    assert len(server.received) == 1
    assert provider.settings.refused == set()
    assert caplog.records == []


@pytest.mark.parametrize('failure', [TOO_MANY, BROKEN, DROPPED], ids=['429', '500', 'dropped'])
def test_a_call_that_failed_is_tried_again(failure):
    with Server(failures=[failure]) as server:
        completion = MeteredProvider(local(server)).complete(ASK)
    assert len(server.received) == 2
    assert completion.usage.calls == 1


def test_retries_end(key):
    with Server(failures=itertools.repeat(TOO_MANY)) as server:
        provider = local(server)
        provider.max_wait = 2.0
        with pytest.raises(ProviderError, match='did not answer: .*429.*Rate limit reached'):
            MeteredProvider(provider).complete(ASK)
    assert len(server.received) > 2


def test_faults_are_tried_again_so_often_and_not_more(key):
    with Server(failures=itertools.repeat(BROKEN)) as server:
        provider = MeteredProvider(local(server))
        with pytest.raises(ProviderError, match='did not answer: .*500'):
            provider.complete(ASK)
    assert len(server.received) == 1 + 4


def test_a_wrong_key_is_an_error_at_once_and_is_not_shown(key):
    with Server(key='sk-another') as server:
        provider = local(server)
        with pytest.raises(ProviderError, match='did not answer: .*401.*API key') as caught:
            provider.complete(ASK)
    assert len(server.received) == 1
    assert KEY not in str(caught.value)


def test_a_server_that_is_not_there_is_an_error():
    with Server() as server:
        pass
    with pytest.raises(ProviderError, match=r"OpenAIProvider\('tiny', 127.* did not answer"):
        local(server, max_retries=0).complete(ASK)


def test_a_server_that_takes_too_long_is_an_error():
    with Server(delay=1.0) as server:
        provider = local(server, timeout=0.1, max_retries=0)
        with pytest.raises(ProviderError, match='did not answer: .*timed out'):
            provider.complete(ASK)


def test_an_answer_without_choices_is_an_error():
    empty = Answer(200, {'id': 'x', 'object': 'chat.completion', 'created': 1, 'choices': []})
    with Server(failures=[empty]) as server:
        provider = local(server)
        with pytest.raises(ProviderError, match='answered without a reply in it'):
            provider.complete(ASK)


def test_a_reply_without_text_is_empty_and_counted():
    message = {'role': 'assistant', 'content': None, 'refusal': 'I cannot help with that.'}
    choice = {'index': 0, 'finish_reason': 'stop', 'message': message}
    body = {'id': 'x', 'object': 'chat.completion', 'created': 1, 'choices': [choice]}
    with Server(failures=[Answer(200, body)]) as server:
        completion = local(server).complete(ASK)
    assert (completion.text, completion.usage) == ('', Usage(1, 0, 0))


def test_a_pickle_holds_no_key_and_no_client_and_works_afterwards(key):
    with Server(key=KEY) as server:
        provider = local(server)
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


def test_threads_share_one_client():
    seen = set()
    with Server(gather=8) as server:
        provider = local(server)

        def ask():
            provider.complete(ASK)
            seen.add(id(provider._client))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(seen) == 1
    assert server.peak == 8


@pytest.mark.parametrize('num_rows', [1, 3])
@pytest.mark.parametrize('row_format', ['short_keys', 'objects', 'arrays'])
def test_strict_mode_takes_the_schema_of_every_kind_of_column(row_format, num_rows, caplog):
    table = visits(20).drop(columns='patient')
    with_missing = table.astype(object).add_suffix('2')
    with_missing.iloc[:4] = None
    table = pd.concat([table, with_missing], axis=1).assign(
        note='free text', empty=None, mixed=pd.Series([1, 'one', 1.5, True] * 5, dtype=object)
    )
    schema = TableSchema.from_sdv(visits_metadata(note={'sdtype': 'text', 'pii': False}), table)
    assert {column.kind for column in schema} == set(get_args(Kind))
    assert sum(column.nullable for column in schema) == 9
    rows = schema.rows_json_schema(num_rows, row_format, enforce_range=True)
    ask = Request(ASK.messages, rows, seed=1)
    with Server() as server:
        local(server).complete(ask)
    assert [openai_problem(body) for body in server.bodies] == ['']
    assert caplog.records == []


@pytest.mark.parametrize(
    'schema',
    [
        reply_schema(('age', 'minLength'), with_graph=True),
        reply_schema(('age',), with_graph=False),
        REPLY_SCHEMA,
        conditions_schema(('age', 'minLength')),
    ],
    ids=['optimizer', 'optimizer without graph', 'discriminator', 'interpreter'],
)
def test_strict_mode_takes_the_schema_of_the_other_roles(schema, caplog):
    with Server() as server:
        local(server).complete(Request(ASK.messages, schema))
    assert [openai_problem(body) for body in server.bodies] == ['']
    assert caplog.records == []


@pytest.fixture
def azure(monkeypatch):
    with Server(key=KEY) as server:
        monkeypatch.setenv('AZURE_OPENAI_API_KEY', KEY)
        monkeypatch.setenv('AZURE_OPENAI_ENDPOINT', server.url)
        monkeypatch.setenv('OPENAI_API_VERSION', '2026-08-01')
        yield server


def test_azure_is_asked_at_its_own_address_with_its_own_key(azure, monkeypatch):
    monkeypatch.setenv('OPENAI_BASE_URL', 'http://127.0.0.1:9/v1')
    monkeypatch.setenv('OPENAI_API_KEY', 'sk-of-openai')
    provider = AzureOpenAIProvider('rows')
    provider.check()
    jsonschema.validate(json.loads(provider.complete(ASK).text), AGE)
    [request] = azure.received
    assert request.path == '/openai/deployments/rows/chat/completions?api-version=2026-08-01'
    assert request.headers['api-key'] == KEY
    assert 'sk-of-openai' not in str(request.headers)


@pytest.mark.parametrize('variable', AzureOpenAIProvider.variables)
def test_azure_names_the_variable_that_is_missing(azure, monkeypatch, variable):
    monkeypatch.delenv(variable)
    with pytest.raises(ProviderError, match=rf"needs the environment variables \['{variable}'\]"):
        AzureOpenAIProvider('rows').check()
    assert azure.received == []


def test_azures_pickle_holds_no_key_and_works_afterwards(azure):
    provider = AzureOpenAIProvider('rows')
    provider.complete(ASK)
    pickled = cloudpickle.dumps(provider)
    assert KEY.encode() not in pickled
    cloudpickle.loads(pickled).complete(ASK)
    assert len(azure.received) == 2


def test_a_whole_fit_and_sample_go_through_the_sdk(key, monkeypatch, tmp_path, caplog):
    with Server(key=KEY) as server:
        monkeypatch.setenv('OPENAI_BASE_URL', f'{server.url}/v1')
        synthesizer = LLMGANSynthesizer(
            visits_metadata(),
            llm='openai/tiny',
            max_batches=2,
            sampler='llm',
            rows_per_example=1,
            optimizer_temperature=0.9,
        )
        with caplog.at_level(logging.WARNING, 'sdv_llmgan'):
            sdv_lines.fit(synthesizer, visits(20))
            sample = sdv_lines.sample(synthesizer, 12)
        pickled = cloudpickle.dumps(synthesizer)
        synthesizer.save(tmp_path / 'synthesizer.pkl')
        restored = cloudpickle.loads(pickled)
        restored.reset_sampling()
        again = sdv_lines.sample(restored, 12)
    assert caplog.records == []
    assert sample.dtypes.to_dict() == visits(20).dtypes.to_dict()
    assert again.equals(sample)

    written = [*server.bodies]
    rewrites = [body for body in written if body['temperature'] == 0.9]
    assert len(rewrites) == synthesizer.get_usage().loc['optimizer', 'calls'] == 1
    assert [body['temperature'] for body in written].count(0.3) == 2  # what is known, asked once
    assert {body['temperature'] for body in written} == {0.3, 0.5, 0.9}
    assert all('response_format' in body for body in written)
    assert len({body['seed'] for body in written[:7]}) == 7
    info = synthesizer.get_info()
    assert info['llm'].startswith("OpenAIProvider('tiny', 127.0.0.1:")
    assert (info['remote'], info['steps']) == (False, 2)

    shown = f'{synthesizer!r} {synthesizer.get_parameters()} {info} {vars(synthesizer)}'
    for place in (pickled, (tmp_path / 'synthesizer.pkl').read_bytes(), shown.encode()):
        assert KEY.encode() not in place


def test_a_server_without_structured_output_still_gives_a_whole_fit(monkeypatch, caplog):
    refusal = Refusal('response_format', NO_STRUCTURED_OUTPUT['vllm'])
    with Server(refusals=[refusal]) as server:
        synthesizer = LLMGANSynthesizer(
            visits_metadata(), llm=local(server), max_batches=2, sampler='llm', causal_graph='none'
        )
        with caplog.at_level(logging.WARNING, 'sdv_llmgan'):
            sdv_lines.fit(synthesizer, visits(20))
            sample = sdv_lines.sample(synthesizer, 12)
    assert len(sample) == 12
    assert [record.name for record in caplog.records] == ['sdv_llmgan.providers.settings']
    # The four calls of the first batch were out together.
    assert ['response_format' in body for body in server.bodies].count(True) <= 4


def test_rows_as_arrays_go_through_structured_output(monkeypatch, caplog):
    def answer(schema, prompt, seed):
        real = [line for line in prompt.split('\n') if line.startswith('[')]
        wanted = schema['properties']['rows']['minItems']
        reply = f'{{"rows":[{",".join((real * wanted)[:wanted])}]}}'
        jsonschema.validate(json.loads(reply), schema)
        return reply

    with Server(answer=answer) as server:
        synthesizer = LLMGANSynthesizer(
            visits_metadata(),
            llm=local(server),
            max_batches=1,
            sampler='llm',
            row_format='arrays',
            examples_per_call=5,
            rows_per_example=4,
            reject_copies=False,
            knowledge='none',
        )
        sdv_lines.fit(synthesizer, visits(30).dropna().round({'weight': 0}))
        assert len(sdv_lines.sample(synthesizer, 41)) == 41
    assert caplog.records == []
    assert not [row for row in synthesizer.get_history()['rejected'] if row]
    prompts = [body['messages'][1]['content'] for body in server.bodies]
    [alone] = [number for number, prompt in enumerate(prompts) if 'Write one new row' in prompt]
    sent = server.bodies[alone]['response_format']['json_schema']['schema']
    assert sent['type'] == 'object'


def test_cached_tokens_are_counted():
    usage = {
        **{'prompt_tokens': 2000, 'completion_tokens': 5, 'total_tokens': 2005},
        'prompt_tokens_details': {'cached_tokens': 1920, 'audio_tokens': 0},
    }
    message = {'role': 'assistant', 'content': '{"age": 41}'}
    body = {
        **{'id': '1', 'object': 'chat.completion', 'created': 1, 'model': 'tiny', 'usage': usage},
        'choices': [{'index': 0, 'finish_reason': 'stop', 'message': message}],
    }
    with Server(failures=[Answer(200, body)]) as server:
        assert local(server).complete(ASK).usage == Usage(1, 2000, 5, 1920)


def test_each_role_asks_its_own_server():
    with Server() as rows, Server() as rewrites:
        synthesizer = LLMGANSynthesizer(
            visits_metadata(),
            generator_llm=local(rows),
            optimizer_llm=OpenAIProvider('big', base_url=f'{rewrites.url}/v1'),
            llm='scripted',
            max_batches=3,
            sampler='llm',
            rows_per_example=1,
            search='trajectory',
        )
        sdv_lines.fit(synthesizer, visits(20))
    usage = synthesizer.get_usage()
    assert {body['model'] for body in rows.bodies} == {'tiny'}
    assert {body['model'] for body in rewrites.bodies} == {'big'}
    assert len(rows.bodies) == usage.loc['generator', 'calls'] == 3 * 4
    assert usage.loc['expert', 'calls'] == usage.loc['optimizer', 'calls'] == 2
    assert len(rewrites.bodies) == 2 + 2
    assert all('Real rows' in body['messages'][1]['content'] for body in rows.bodies)
    assert not any('Real rows' in body['messages'][1]['content'] for body in rewrites.bodies)


def test_sixteen_calls_are_in_flight_while_sampling():
    with Server(delay=0.2) as server:
        synthesizer = LLMGANSynthesizer(
            visits_metadata(),
            llm=local(server),
            max_batches=1,
            sampler='llm',
            rows_per_example=1,
        )
        sdv_lines.fit(synthesizer, visits(20))
        assert server.peak == 4  # twenty rows, five a call: the batch goes out as one
        synthesizer.sample(160)
    assert server.peak == 16


def test_an_error_while_fitting_says_how_far_the_fit_came_and_keeps_the_history():
    with Server() as server:
        llm = local(server, max_retries=0)
        synthesizer = LLMGANSynthesizer(
            visits_metadata(), llm=llm, max_batches=3, sampler='llm', rows_per_example=1
        )
        good = (None for _ in range(2 + 5))
        server.failures = itertools.chain(good, itertools.repeat(openai_error(401, 'Expired key.')))
        with pytest.raises(ProviderError, match=r'Expired key.*interrupted in step 2'):
            sdv_lines.fit(synthesizer, visits(20))
    assert len(synthesizer.get_history()) == 1


def test_an_error_while_sampling_is_a_provider_error():
    with Server() as server:
        llm = local(server, max_retries=0)
        synthesizer = LLMGANSynthesizer(visits_metadata(), llm=llm, max_batches=1, sampler='llm')
        sdv_lines.fit(synthesizer, visits(20))
        server.failures = itertools.repeat(openai_error(403, 'Quota used up.'))
        with pytest.raises(ProviderError, match='Sampling terminated') as caught:
            synthesizer.sample(5)
    # SDV puts a text of its own in front of what went wrong.
    assert 'Quota used up' in str(caught.value.__cause__)
