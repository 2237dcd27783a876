from __future__ import annotations

import json

import pytest
from tables import AGE_JOB

from sdv_llmgan.causal_graph import CausalGraph
from sdv_llmgan.process import GenerationProcess

PROCESS = GenerationProcess('Staff.', AGE_JOB, CausalGraph((('job', 'age'),)), 'Be varied.')


def test_the_text_form_shows_every_part():
    assert PROCESS.to_text() == (
        'Context\n  Staff.\nColumns\n  "age": whole number from 18 to 90\n'
        '  "job": one of "nurse","clerk"\nCausal graph\n  "job" -> "age"\n'
        'Instruction\n  Be varied.'
    )


def test_the_json_form_round_trips():
    assert GenerationProcess.from_json(PROCESS.to_json()) == PROCESS


def test_json_of_something_else_is_an_error():
    with pytest.raises(ValueError, match='Not a generation process: it needs "context"'):
        GenerationProcess.from_json('{"context": "x"}')


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
