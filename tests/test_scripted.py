from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import cloudpickle
import jsonschema
import numpy as np
import pytest
import sdv_lines
from tables import visits, visits_metadata

from sdv_llmgan import LLMGANSynthesizer, ScriptedProvider
from sdv_llmgan.providers.base import Message, Request
from sdv_llmgan.providers.scripted import random_json
from sdv_llmgan.providers.usage import Usage
from sdv_llmgan.roles.optimizer import reply_schema
from sdv_llmgan.table.rows import parse_rows
from sdv_llmgan.table.schema import TableSchema

VISITS = visits(20).drop(columns='patient').assign(note='free text', empty=None)
SCHEMA = TableSchema.from_sdv(visits_metadata(note={'sdtype': 'text', 'pii': False}), VISITS)


def ask(text='Hello.', schema=None, seed=None):
    return Request((Message('user', text),), schema, seed=seed)


def texts(provider, requests):
    return [provider.complete(request).text for request in requests]


def exact(json_text):
    """JSON with decimal numbers, for which 0.3 is a multiple of 0.1."""
    return json.loads(json_text, parse_float=Decimal)


def test_replies_come_in_the_order_of_the_script_and_the_last_is_repeated():
    provider = ScriptedProvider(script=['one', 'two'])
    assert texts(provider, [ask()] * 4) == ['one', 'two', 'two', 'two']


def test_a_script_may_be_a_function_of_the_request():
    provider = ScriptedProvider(script=lambda request: request.messages[0].content.upper())
    assert texts(provider, [ask('a'), ask('b')]) == ['A', 'B']


def test_requests_are_kept_in_order():
    provider = ScriptedProvider(script=['one'])
    requests = [ask('a'), ask('b', seed=3)]
    texts(provider, requests)
    assert provider.requests == requests


def test_a_reply_counts_one_call_and_about_its_tokens():
    provider = ScriptedProvider(script=['four' * 3])
    assert provider.complete(ask('four' * 5)).usage == Usage(1, 5, 3)


def test_threads_get_one_reply_each():
    provider = ScriptedProvider(script=[str(turn) for turn in range(64)])
    with ThreadPoolExecutor(16) as pool:
        completions = list(pool.map(provider.complete, [ask()] * 64))
    assert sorted(int(completion.text) for completion in completions) == [*range(64)]
    assert len(provider.requests) == 64


def test_without_a_script_the_same_seed_gives_the_same_reply_and_another_seed_another():
    schema = SCHEMA.rows_json_schema(3, 'short_keys', enforce_range=True)
    first, again, other = texts(ScriptedProvider(), [ask(schema=schema, seed=s) for s in (1, 1, 2)])
    assert first == again != other


def test_without_script_and_schema_the_reply_is_text():
    assert json.loads(ScriptedProvider().complete(ask(seed=0)).text)


@pytest.mark.parametrize('row_format', ['arrays', 'short_keys', 'objects'])
@pytest.mark.parametrize('enforce_range', [True, False])
@pytest.mark.parametrize('num_rows', [1, 4])
def test_random_json_meets_the_schema_and_passes_as_rows(row_format, enforce_range, num_rows):
    schema = SCHEMA.rows_json_schema(num_rows, row_format, enforce_range=enforce_range)
    for seed in range(50):
        text = random_json(schema, np.random.default_rng(seed))
        jsonschema.validate(exact(text), exact(json.dumps(schema)))
        parsed = parse_rows(text, SCHEMA, enforce_range=enforce_range, max_rows=num_rows)
        # A JSON Schema bounds dates only by month.
        assert set(parsed.rejected) <= {'admitted: out of range'}
        assert len(parsed.rows) + parsed.rejected.total() == num_rows


def test_random_json_meets_the_schema_of_the_optimizers_reply():
    schema = reply_schema(('age', 'ward'), with_graph=True)
    lengths = set()
    for seed in range(50):
        reply = json.loads(random_json(schema, np.random.default_rng(seed)))
        jsonschema.validate(reply, schema)
        lengths.add(len(reply['add']))
    assert len(lengths) > 1


def test_random_numbers_of_a_tiny_range_differ():
    schema = {'type': 'number', 'minimum': 1e-20, 'maximum': 9e-20}
    rng = np.random.default_rng(0)
    numbers = {float(random_json(schema, rng)) for _ in range(20)}
    assert len(numbers) == 20
    assert min(numbers) >= 1e-20


def test_random_numbers_are_written_with_the_decimals_of_the_schema():
    schema = {'type': 'number', 'multipleOf': 0.1, 'minimum': 0, 'maximum': 1}
    written = {random_json(schema, np.random.default_rng(seed)) for seed in range(100)}
    assert written == {f'{tenth / 10}' for tenth in range(11)}


@pytest.mark.parametrize(
    ('low', 'high'), [(0, 2**64 - 1), (2**63, 2**63 + 3), (int(-1e90), int(1e90)), (-3, int(1e300))]
)
@pytest.mark.parametrize('step', [1, 3])
def test_random_integers_may_be_larger_than_numpys(low, high, step):
    schema = {'type': 'integer', 'minimum': low, 'maximum': high, 'multipleOf': step}
    drawn = {int(random_json(schema, np.random.default_rng(seed))) for seed in range(50)}
    assert len(drawn) > 1 or high // step == -(-low // step)
    assert all(low <= value <= high and value % step == 0 for value in drawn)


def test_random_integers_take_all_values_between_the_bounds():
    schema = {'type': 'integer', 'minimum': -5, 'maximum': 7, 'multipleOf': 2}
    drawn = {int(random_json(schema, np.random.default_rng(seed))) for seed in range(100)}
    assert drawn == {-4, -2, 0, 2, 4, 6}


def test_a_pickle_keeps_the_script_and_what_was_asked():
    provider = ScriptedProvider(script=['one', 'two'])
    provider.complete(ask('a'))
    restored = cloudpickle.loads(cloudpickle.dumps(provider))
    assert restored.complete(ask('b')).text == 'two'
    assert [request.messages[0].content for request in restored.requests] == ['a', 'b']


def test_it_names_itself_and_stays_on_this_machine():
    provider = ScriptedProvider()
    provider.check()
    assert (provider.name, provider.remote) == ("ScriptedProvider('')", False)


def test_the_name_alone_is_enough_for_a_whole_fit_and_sample():
    synthesizer = LLMGANSynthesizer(
        visits_metadata(), llm='scripted', max_batches=2, sampler='llm', rows_per_example=1
    )
    sdv_lines.fit(synthesizer, visits(20))
    assert len(sdv_lines.sample(synthesizer, 7)) == 7
    calls = synthesizer.get_usage()['calls']
    assert calls['generator'] >= 2 * 4 + 2
    assert calls['optimizer'] == 1
