from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tables import AGE_JOB

from sdv_llmgan.causal_graph import CausalGraph
from sdv_llmgan.copies import CopyCheck
from sdv_llmgan.examples import Examples
from sdv_llmgan.generator import Generator
from sdv_llmgan.process import GenerationProcess
from sdv_llmgan.providers.scripted import ScriptedProvider
from sdv_llmgan.schema import TableSchema

PROCESS = GenerationProcess('', AGE_JOB, CausalGraph((('job', 'age'),)))
PEOPLE = AGE_JOB.to_plain(pd.DataFrame({'age': [41, 30, 52], 'job': ['nurse', 'clerk', 'nurse']}))


def write(provider: ScriptedProvider, row_format: str = 'short_keys', copies=None):
    generator = Generator(provider, 0.7, row_format)
    pieces = Examples(PEOPLE, 2).pieces(np.arange(3), np.random.default_rng(0))
    return generator.write(PROCESS, pieces, copies, np.random.default_rng(0))


def test_each_piece_is_one_request_for_as_many_rows():
    provider = ScriptedProvider()
    parsed = write(provider)
    assert len(parsed.rows) == 3
    bounds = [r.json_schema['properties']['rows'] for r in provider.requests]
    assert [(rows['minItems'], rows['maxItems']) for rows in bounds] == [(2, 2), (1, 1)]
    assert {request.temperature for request in provider.requests} == {0.7}
    assert len({request.seed for request in provider.requests}) == 2


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


def test_rows_past_those_asked_for_and_copies_are_counted():
    reply = json.dumps([['nurse', 41], ['clerk', 19], ['clerk', 20], ['clerk', 21]])
    parsed = write(ScriptedProvider(script=[reply]), 'arrays', CopyCheck(PEOPLE, AGE_JOB))
    assert parsed.rows['age'].tolist() == [19]
    assert parsed.rejected == {'copy of a training row': 2, 'more rows than asked for': 5}


def test_a_reply_is_cut_at_a_multiple_of_the_examples_length():
    provider = ScriptedProvider()
    write(provider)
    assert 60 < provider.requests[0].max_tokens < 300


def test_single_rows_get_the_pattern_of_missing_values_of_a_real_row():
    ages = AGE_JOB.columns[0]
    schema = TableSchema((replace(ages, nullable=True), AGE_JOB.columns[1]))
    people = pd.DataFrame({'age': [41.0, np.nan, 52.0], 'job': ['nurse', 'clerk', 'nurse']})
    provider = ScriptedProvider()
    provider.rows_per_reply = 1
    process = GenerationProcess('', schema, CausalGraph())
    written = Generator(provider, 0.5, 'arrays').write(
        process, [people], None, np.random.default_rng(0)
    )
    assert written.rows['age'].isna().tolist() == [False, True, False]
    assert len({request.messages for request in provider.requests}) == 1
