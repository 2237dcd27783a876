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
from sdv_llmgan.roles.optimizer import MAX_INSTRUCTION, Optimizer, reply_schema

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
    assert 'score 0.20' in prompt
    assert 'score 0.90' not in prompt


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
    assert note == '4 edges name unknown columns; 1 edges would close a cycle'


def test_an_endless_instruction_is_cut():
    process, _, _ = rewrite(json.dumps({**USEFUL, 'instruction': 'x' * 9000}), 0.5)
    assert len(process.instruction) == MAX_INSTRUCTION


@pytest.mark.parametrize('end', ['.', ''])
def test_a_long_instruction_is_cut_at_a_sentence_or_at_a_word(end):
    told = f'Older people earn more{end} '
    process, _, _ = rewrite(json.dumps({**USEFUL, 'instruction': told * 60}), 0.5)
    assert MAX_INSTRUCTION - len(told) < len(process.instruction) <= MAX_INSTRUCTION
    last = process.instruction.split()[-1]
    assert last == 'more.' if end else last in told.split()


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
