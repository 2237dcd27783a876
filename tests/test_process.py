from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tables import AGE_JOB

from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.table.schema import Column, TableSchema

PROCESS = GenerationProcess('Staff.', AGE_JOB, CausalGraph((('job', 'age'),)), 'Be varied.')


def test_the_text_form_shows_every_part():
    assert PROCESS.to_text() == (
        'Context\n  Staff.\nColumns\n  "age": whole number from 18 to 90\n'
        '  "job": one of "nurse","clerk"\nCausal graph\n  "job" -> "age"\n'
        'Instruction\n  Be varied.'
    )


def test_the_json_form_round_trips():
    assert GenerationProcess.from_json(PROCESS.to_json()) == PROCESS


def test_markdown_round_trips():
    assert GenerationProcess.from_markdown(PROCESS.to_markdown()) == PROCESS


TEXTS = st.text(st.characters(exclude_categories=['Cs'], exclude_characters='\r'), max_size=30)
NAMES = st.lists(TEXTS.filter(str.strip), min_size=2, max_size=4, unique=True)


@settings(max_examples=200, deadline=None)
@given(NAMES, TEXTS, TEXTS.filter(str.strip), st.lists(TEXTS, max_size=2))
@example(['a -> b', '"q"'], '```\n## Instruction\n', '````', ['## Rules\n```'])
@example(['->', ' x'], '', '```', [])
def test_markdown_round_trips_whatever_the_words(names, context, instruction, rules):
    process = GenerationProcess(
        context,
        TableSchema(tuple(Column(name, 'boolean') for name in names)),
        CausalGraph(tuple(itertools.pairwise(names))),
        instruction,
        rules=tuple(rules),
    )
    assert GenerationProcess.from_markdown(process.to_markdown()) == process


def test_markdown_of_another_system_is_read():
    told = PROCESS.to_markdown().replace('\n', '\r\n')
    assert GenerationProcess.from_markdown(told) == PROCESS


def test_a_revision_takes_pairs():
    assert PROCESS.revised(causal_graph=[('age', 'job')]).causal_graph.edges == (('age', 'job'),)
    with pytest.raises(ValueError, match='pairs'):
        PROCESS.revised(causal_graph=['age'])


def test_markdown_is_edited_by_hand():
    told = PROCESS.to_markdown().replace(PROCESS.instruction, 'Be brief.\nOne in ten is old.')
    told = told.replace('job -> age', 'age->job ')
    edited = GenerationProcess.from_markdown(f'My notes.\n\n{told}\nMore notes.')
    assert edited.instruction == 'Be brief.\nOne in ten is old.'
    assert edited.causal_graph.edges == (('age', 'job'),)
    assert edited.schema == PROCESS.schema


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        ('## Rules', '## Rule', 'Missing: Rules'),
        ('job -> age', 'job - age', 'no "cause -> effect": \'job - age\''),
        ('job -> age', 'job -> wage', 'columns that the model does not see: wage'),
        ('"detail"', 'detail', 'Columns: this is no JSON text'),
        ('"minimum": 18', '"minimum": 91', 'minimum of "age" must not be above its maximum'),
        ('"minimum": 18', '"minimum": "a"', 'minimum of "age" must not be above its maximum'),
        ('"kind": "integer"', '"kind": "lamp"', 'kind: needs one of categorical, boolean'),
        ('"minimum": 18', '"minimum": NaN', 'needs finite numbers'),
    ],
)
def test_markdown_that_was_spoiled_is_an_error(old, new, message):
    with pytest.raises(ValueError, match=message):
        GenerationProcess.from_markdown(PROCESS.to_markdown().replace(old, new))


def test_json_of_something_else_is_an_error():
    with pytest.raises(ValueError, match=r'generation process: needs the keys .*instruction'):
        GenerationProcess.from_json('{"context": "x"}')
    with pytest.raises(ValueError, match='generation process: this is no JSON text'):
        GenerationProcess.from_json('{')


def test_edited_json_with_a_cycle_is_an_error():
    edited = {**PROCESS.to_dict(), 'causal_graph': [['age', 'job'], ['job', 'age']]}
    with pytest.raises(ValueError, match='cycle'):
        GenerationProcess.from_json(json.dumps(edited))


def test_rows_are_written_causes_first():
    assert PROCESS.written_schema().names == ('job', 'age')


def test_a_revision_changes_what_it_names_only():
    revised = PROCESS.revised(instruction='Be brief.')
    assert revised.instruction == 'Be brief.'
    assert revised.causal_graph == PROCESS.causal_graph


def test_a_blank_instruction_and_an_unknown_column_are_errors():
    with pytest.raises(ValueError, match='blank'):
        PROCESS.revised(instruction=' ')
    with pytest.raises(ValueError, match='does not see: wage'):
        PROCESS.revised(causal_graph=CausalGraph((('wage', 'age'),)))
