from __future__ import annotations

import json
import os
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tables import AGE_JOB

from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.providers.scripted import ScriptedProvider
from sdv_llmgan.roles.examples import Examples
from sdv_llmgan.roles.generator import Generator
from sdv_llmgan.table.allowed import Allowed
from sdv_llmgan.table.schema import TableSchema

PROCESS = GenerationProcess('', AGE_JOB, CausalGraph((('job', 'age'),)))
RANGES = [Allowed(minimum=30, maximum=40)] * 2 + [Allowed(minimum=41, maximum=52)] * 2
PEOPLE = AGE_JOB.to_plain(pd.DataFrame({'age': [41, 30, 52], 'job': ['nurse', 'clerk', 'nurse']}))


def write(
    provider: ScriptedProvider,
    row_format: str = 'short_keys',
    begun: pd.DataFrame | None = None,
    process: GenerationProcess = PROCESS,
    per_call: int = 2,
):
    begun = pd.DataFrame(index=range(3)) if begun is None else begun
    examples = Examples(pd.concat([PEOPLE, pd.DataFrame(1.0, range(3), EXTRA)], axis=1), per_call)
    pieces = examples.draw(len(begun), np.random.default_rng(0))
    generator = Generator(provider, 0.7, row_format)
    return generator.write(process, begun, pieces, np.random.default_rng(0))


def exactly(**columns: list[object]) -> pd.DataFrame:
    return pd.DataFrame({name: map(Allowed.exactly, cells) for name, cells in columns.items()})


def test_each_piece_is_one_request_for_as_many_rows():
    provider = ScriptedProvider()
    parsed = write(provider)
    assert len(parsed.rows) == 3
    bounds = [r.json_schema['properties']['rows'] for r in provider.requests]
    assert [(rows['minItems'], rows['maxItems']) for rows in bounds] == [(2, 2), (1, 1)]
    assert {request.temperature for request in provider.requests} == {0.7}
    assert len({request.seed for request in provider.requests}) == 2


@pytest.mark.parametrize('num_rows', [1, 3, 7, 16, 17])
def test_a_prompt_may_ask_for_more_rows_than_it_shows(num_rows):
    provider = ScriptedProvider()
    examples = Examples(pd.concat([PEOPLE] * 3), 2, rows_per_example=4)
    pieces = examples.draw(num_rows, np.random.default_rng(0))
    generator = Generator(provider)
    begun = pd.DataFrame(index=range(num_rows))
    assert len(generator.write(PROCESS, begun, pieces, np.random.default_rng(0)).rows) == num_rows
    prompts = [request.messages[1].content for request in provider.requests]
    asked = [int(re.search(r'Write (\d+) new row', prompt).group(1)) for prompt in prompts]
    assert asked == [min(8, num_rows - start) for start in range(0, num_rows, 8)]
    shown = [prompt.partition('# Real rows\n')[2].count('\n{"') + 1 for prompt in prompts]
    assert shown == [min(2, num_rows)] * len(prompts)


def test_requests_of_one_sampling_begin_alike_up_to_the_examples():
    provider = ScriptedProvider()
    write(provider, begun=pd.DataFrame(index=range(20)))
    before = ''
    for number, request in enumerate(provider.requests):
        text = ''.join(message.content for message in request.messages)
        stable = text.index('# Real rows')
        assert request.shared_by == len(provider.requests) == 10
        assert number == 0 or len(os.path.commonprefix([before, text])) >= stable
        before = text


def test_requests_of_other_conditions_do_not_count_as_alike():
    provider = ScriptedProvider()
    write(provider, begun=exactly(job=['clerk'] * 4).assign(age=RANGES))
    assert [request.shared_by for request in provider.requests] == [1, 1]


def test_a_provider_that_writes_one_row_a_reply_gets_the_same_prompt_with_other_seeds():
    provider = ScriptedProvider()
    provider.rows_per_reply = 1
    parsed = write(provider, 'arrays')
    assert len(parsed.rows) == 3
    first, second, _ = provider.requests
    assert first.messages == second.messages
    assert first.seed != second.seed
    assert first.json_schema['type'] == 'array'


@pytest.mark.parametrize('row_format', ['arrays', 'short_keys', 'objects'])
def test_every_row_format_comes_back_in_the_tables_own_order(row_format):
    parsed = write(ScriptedProvider(), row_format)
    assert parsed.rows.columns.tolist() == ['age', 'job']
    assert not parsed.rejected


def test_rows_past_those_asked_for_are_counted():
    reply = json.dumps([['nurse', 41], ['clerk', 19], ['clerk', 20], ['clerk', 21]])
    parsed = write(ScriptedProvider(script=[reply]), 'arrays')
    assert parsed.rows['age'].tolist() == [41, 19, 41]
    assert parsed.rejected == {'more rows than asked for': 5}


def test_begun_rows_that_differ_share_a_request_and_keep_their_values():
    provider = ScriptedProvider(
        script=['[["nurse",30],["clerk",20],["clerk",21]]', '[["clerk",22],["nurse",31]]']
    )
    begun = exactly(job=['clerk', 'nurse', 'clerk', 'nurse'])
    parsed = write(provider, 'arrays', begun)
    # The first reply has a row too many for its two begun rows, the second is in another order.
    assert parsed.rows.index.tolist() == [0, 1, 2, 3]
    assert parsed.rows['job'].tolist() == ['clerk', 'nurse', 'clerk', 'nurse']
    assert parsed.rows['age'].tolist() == [20, 30, 22, 31]
    assert parsed.rejected == {'more rows than asked for': 1}
    prompt = provider.requests[0].messages[1].content
    assert '# Rows to complete' in prompt
    assert '\n["clerk"]\n["nurse"]\n' in prompt


def test_a_row_that_completes_none_of_the_begun_ones_is_rejected_and_counted():
    provider = ScriptedProvider(script=['[["nurse",30],["nurse",20]]'])
    parsed = write(provider, 'arrays', exactly(job=['clerk', 'nurse']))
    assert parsed.rows.index.tolist() == [1]
    assert parsed.rejected == {'not one of the rows to complete': 1}


def test_a_condition_that_all_rows_share_is_told_once_and_ranges_go_by_prompts_of_their_own():
    provider = ScriptedProvider()
    begun = exactly(job=['clerk'] * 4).assign(age=RANGES)
    parsed = write(provider, 'arrays', begun)
    assert parsed.rows['age'].iloc[:2].between(30, 40).all()
    assert parsed.rows['age'].iloc[2:].between(41, 52).all()
    first, second = (request.messages[1].content for request in provider.requests)
    assert '"job": always "clerk"' in first
    assert 'whole number from 30 to 40' in first
    assert 'whole number from 41 to 52' in second
    assert '# Rows to complete' not in first


def test_single_rows_are_begun_by_the_json_schema_and_share_one_prompt():
    provider = ScriptedProvider()
    provider.rows_per_reply = 1
    parsed = write(provider, 'arrays', exactly(job=['clerk', 'nurse', 'clerk']), per_call=3)
    assert parsed.rows['job'].tolist() == ['clerk', 'nurse', 'clerk']
    assert len({request.messages for request in provider.requests}) == 1


EXTRA = [f'x{number}' for number in range(118)]
WIDE = GenerationProcess(
    '',
    TableSchema((
        *AGE_JOB,
        *(replace(AGE_JOB['age'], name=name, minimum=0, maximum=9) for name in EXTRA),
    )),
    CausalGraph((('job', 'age'), ('age', 'x99'), ('x3', 'x98'), ('x3', 'x99'))),
)


def test_a_wide_table_is_written_in_groups_that_hand_causes_on():
    provider = ScriptedProvider()
    begun = exactly(x100=[3, 4, 3])
    parsed = write(provider, 'short_keys', begun, WIDE)
    assert parsed.rows.columns.tolist() == list(WIDE.schema.names)
    assert not parsed.rows.isna().any(axis=None)
    assert parsed.rows['x100'].tolist() == [3, 4, 3]
    prompts = [request.messages[1].content for request in provider.requests]
    assert len(prompts) == 2 * 3  # two pieces, three groups
    last = [prompt for prompt in prompts if '"x99"' in prompt and '"x117"' in prompt]
    assert len(last) == 2
    # The causes of its columns are handed on with the values that earlier groups gave them.
    handed = json.loads(last[0].split('unchanged:\n')[1].split('\n')[0])
    assert list(handed.values()) == [parsed.rows['x3'][0], parsed.rows['age'][0]]
    assert all(max(map(len, prompts)) < 1.3 * len(prompt) for prompt in prompts)


def test_a_reply_is_cut_at_a_multiple_of_the_examples_length():
    provider = ScriptedProvider()
    write(provider)
    assert 60 < provider.requests[0].max_tokens < 300
