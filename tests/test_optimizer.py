from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from tables import AGE_JOB

from sdv_llmgan.discriminators.base import Verdict
from sdv_llmgan.loop.history import History, Step
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.providers.scripted import ScriptedProvider
from sdv_llmgan.roles.optimizer import Optimizer, fault_of, instruction_length, reply_schema
from sdv_llmgan.roles.tried import Evidence, Tried
from sdv_llmgan.table.schema import Column, TableSchema

#: Characters of an instruction for two columns.
LONGEST = 520
FIRST = GenerationProcess('', AGE_JOB, CausalGraph(), 'first')
USEFUL = {
    'add': [{'cause': 'job', 'effect': 'age'}],
    'remove': [],
    'instruction': 'Clerks are young.',
}


def history_of(*scores: float) -> History:
    history = History()
    for number, score in enumerate(scores):
        process = FIRST.revised(instruction=f'instruction {number}')
        verdict = Verdict(np.array([0.5]), score, 0.5 + score / 2, 0.69)
        step = Step(0, number, process, real=pd.DataFrame(), verdict=verdict)
        history.steps.append(step)
    return history


def rewrite(reply: str, *scores: float) -> tuple[GenerationProcess, str, ScriptedProvider]:
    provider = ScriptedProvider(script=[reply])
    history = history_of(*scores)
    process, note = Optimizer(provider).rewrite(
        history.tried(), history.feedback(), np.random.default_rng(0)
    )
    return process, note, provider


def test_a_useful_reply_changes_graph_and_instruction():
    process, note, _ = rewrite(json.dumps(USEFUL), 0.5)
    assert process.causal_graph.edges == (('job', 'age'),)
    assert process.instruction == 'Clerks are young.'
    assert note == ''


def test_the_best_three_processes_are_shown_best_last():
    _, _, provider = rewrite(json.dumps(USEFUL), 0.2, 0.9, 0.4, 0.6)
    prompt = provider.requests[0].messages[1].content
    shown = [line for line in prompt.splitlines() if line.startswith('Instruction: ')]
    assert shown == [f'Instruction: instruction {number}' for number in (3, 2, 0)]
    assert 'Directions 3: 60 of 100 pairs told right' in prompt
    assert '95 of 100' not in prompt


@pytest.mark.parametrize(
    'reply',
    ['I refuse.', '[]', '{}', '{"instruction": " "}', '{"instruction": 3}', '"x"'],
)
def test_nonsense_leaves_the_best_process_and_says_so(reply):
    process, note, _ = rewrite(reply, 0.9, 0.3)
    assert process.instruction == 'instruction 1'
    assert note.startswith('rewrite not used: ')


def test_unusable_edges_cost_only_themselves():
    reply = {
        **USEFUL,
        'add': [
            {'cause': 'job', 'effect': 'age'},
            {'cause': 'age', 'effect': 'job'},
            {'cause': 'wage', 'effect': 'age'},
            ['job'],
            7,
            [{}, []],
        ],
    }
    process, note, _ = rewrite(json.dumps(reply), 0.5)
    assert process.causal_graph.edges == (('job', 'age'),)
    assert note == (
        'left out of the graph: 4 edges of unknown columns; '
        'left out of the graph: 1 edge that would close a cycle'
    )


def test_an_endless_instruction_is_cut():
    process, _, _ = rewrite(json.dumps({**USEFUL, 'instruction': 'x' * 9000}), 0.5)
    assert len(process.instruction) == LONGEST


@pytest.mark.parametrize('end', ['.', ''])
def test_a_long_instruction_is_cut_at_a_sentence_or_at_a_word(end):
    told = f'Older people earn more{end} '
    process, _, _ = rewrite(json.dumps({**USEFUL, 'instruction': told * 60}), 0.5)
    assert LONGEST - len(told) < len(process.instruction) <= LONGEST
    last = process.instruction.split()[-1]
    assert last == 'more.' if end else last in told.split()


def test_an_instruction_may_be_longer_for_more_columns():
    assert instruction_length(2) == LONGEST
    assert instruction_length(20) == 1_600
    assert instruction_length(500) == 3_000
    limit = reply_schema(('age', 'job'), with_graph=True)['properties']['instruction']
    assert limit['maxLength'] == LONGEST


def test_a_whole_graph_takes_the_place_of_the_one_before():
    before = FIRST.revised(causal_graph=[('age', 'job')])
    whole = {**USEFUL, 'add': [], 'graph': [{'cause': 'job', 'effect': 'age'}]}
    provider = ScriptedProvider(script=[json.dumps(whole)])
    process, note = Optimizer(provider).rewrite(
        [Tried(before, 0.5, 0.75)], '', np.random.default_rng(0)
    )
    assert process.causal_graph.edges == (('job', 'age'),)
    assert note == ''


@pytest.mark.parametrize('graph', [[], None, 'none', 7])
def test_no_whole_graph_leaves_it_at_the_changes(graph):
    process, _, _ = rewrite(json.dumps({**USEFUL, 'graph': graph}), 0.5)
    assert process.causal_graph.edges == ((('job', 'age'),) if not graph else ())


def test_cycles_and_unknown_columns_in_a_whole_graph_cost_only_themselves():
    pairs = [('job', 'age'), ('age', 'job'), ('wage', 'age')]
    graph = [{'cause': cause, 'effect': effect} for cause, effect in pairs]
    process, note, _ = rewrite(json.dumps({**USEFUL, 'graph': graph}), 0.5)
    assert process.causal_graph.edges == (('job', 'age'),)
    assert note == (
        'left out of the graph: 1 edge of unknown columns; '
        'left out of the graph: 1 edge that would close a cycle'
    )


@pytest.mark.parametrize(
    ('measure', 'error', 'words'),
    [
        ('pairs', 0.1, '## Directions 1: 71 ± 5 of 100 pairs told right'),
        ('pairs', None, '## Directions 1: 71 of 100 pairs told right'),
        ('score', 0.1, '## Directions 1: score 0.42 ± 0.10'),
        ('accuracy', 0.1, '## Directions 1: score 0.42, accuracy of the classifier 0.60'),
    ],
)
def test_how_directions_did_is_one_figure_with_its_error(measure, error, words):
    provider = ScriptedProvider(script=[json.dumps(USEFUL)])
    tried = [Tried(FIRST, 0.42, 0.6, error)]
    Optimizer(provider, measure=measure).rewrite(tried, '', np.random.default_rng(0))
    prompt = provider.requests[0].messages[1].content
    assert f'{words}\n' in prompt
    assert ('accuracy' in prompt) == (measure == 'accuracy')


def test_evidence_reaches_the_prompt():
    evidence = Evidence(('"age" is too narrow',), [[90, 'clerk']], [[41, 'nurse']])
    provider = ScriptedProvider(script=[json.dumps(USEFUL)])
    Optimizer(provider).rewrite(
        history_of(0.5).tried(), '', np.random.default_rng(0), evidence=evidence
    )
    prompt = provider.requests[0].messages[1].content
    assert (
        'differ most from real ones\nSmall differences may be chance.\n- "age" is too narrow\n'
        in prompt
    )
    assert 'found least like real ones\n[90,"clerk"]\n' in prompt
    assert 'found most like real ones\n[41,"nurse"]\n' in prompt
    assert provider.requests[0].real_rows == 0


PROMPT = 'Change the last directions so that the classifier is right in fewer pairs. Name columns.'


@pytest.mark.parametrize(
    ('instruction', 'fault'),
    [
        ('beat feat duplicates durability and expense incredibly found', 'it names no column.'),
        ('Anything goes, as long as it is managed with care.', 'it names no column.'),
        ('age age age age age age age age age age age age', 'it repeats itself.'),
        (f'{PROMPT} The age.', 'it repeats the prompt.'),
        ('Clerks are mostly young, between 20 and 30; a clerk above 60 is rare.', ''),
        ('Let the AGE spread from twenty to ninety, evenly.', ''),
        ('Old people work less.', ''),  # too short to be sure
    ],
)
def test_an_instruction_that_is_not_about_the_table_is_noticed(instruction, fault):
    assert fault_of(instruction, FIRST, PROMPT) == fault


def test_a_name_in_two_words_is_recognized():
    schema = TableSchema((Column('hoursPerWeek', 'integer'), Column('marital.status', 'text')))
    process = GenerationProcess('', schema, CausalGraph(), 'first')
    for told in ('hours per week', 'hoursPerWeek', 'marital status', 'marital.status'):
        text = f'Write rows whose {told} varies as it does in life.'
        assert fault_of(text, process, PROMPT) == ''


def test_what_is_taken_over_from_the_best_directions_is_no_echo():
    process = FIRST.revised(instruction='Write each nurse as a person of some age and experience.')
    prompt = f'{PROMPT} Instruction: {process.instruction}'
    assert fault_of(f'{process.instruction} Clerks too.', process, prompt) == ''


def test_nonsense_is_refused_where_that_is_asked_for():
    nonsense = {**USEFUL, 'instruction': 'Should re-care and report all of our drooles again.'}
    for refuses in (True, False):
        provider = ScriptedProvider(script=[json.dumps(nonsense)])
        process, note = Optimizer(provider, refuses=refuses).rewrite(
            history_of(0.5).tried(), '', np.random.default_rng(0)
        )
        assert (note == 'rewrite not used: it names no column.') == refuses
        assert (process.causal_graph.edges == ()) == refuses


def test_the_request_is_the_optimizers_and_has_a_closed_schema():
    _, _, provider = rewrite(json.dumps(USEFUL), 0.5)
    request = provider.requests[0]
    assert request.role == 'optimizer'
    assert request.temperature == 1.0
    assert request.json_schema == reply_schema(('age', 'job'), with_graph=True)


def test_feedback_and_examples_reach_the_prompt():
    history = history_of(0.5)
    history.steps[0].verdict = Verdict(np.array([0.5]), 0.5, 0.7, 0.6, feedback='- More clerks.')
    provider = ScriptedProvider(script=[json.dumps(USEFUL)])
    Optimizer(provider).rewrite(
        history.tried(), history.feedback(), np.random.default_rng(0), [[41, 'nurse']]
    )
    prompt = provider.requests[0].messages[1].content
    assert '# What was wrong with the newest rows\n- More clerks.' in prompt
    assert '# Real rows\n[41,"nurse"]' in prompt


def test_the_newest_feedback_counts():
    history = history_of(0.2, 0.9)
    history.steps[0].verdict = Verdict(np.array([0.5]), 0.2, 0.7, 0.6, feedback='old')
    history.steps[1].verdict = Verdict(np.array([0.5]), 0.9, 0.7, 0.6, feedback='new')
    assert history.feedback() == 'new'


def test_without_a_graph_no_edges_are_asked_for():
    provider = ScriptedProvider(script=['{"instruction": "Clerks are young."}'])
    process, _ = Optimizer(provider, with_graph=False).rewrite(
        history_of(0.5).tried(), '', np.random.default_rng(0)
    )
    assert process.instruction == 'Clerks are young.'
    request = provider.requests[0]
    assert request.json_schema['required'] == ['instruction']
    assert 'graph' not in request.messages[1].content
