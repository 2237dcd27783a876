"""Whole fits: what is known, copied, caught and interrupted, up to the rows and what is said."""

from __future__ import annotations

import json
import re
from functools import partial

import numpy as np
import pandas as pd
import pytest
import tables
from sdv.metadata import Metadata
from sdv_lines import fit, given, load, sample

from sdv_llmgan import EgressPolicy, LLMGANSynthesizer, Verdict
from sdv_llmgan.loop.history import History, Step
from sdv_llmgan.loop.progress import summary
from sdv_llmgan.process import CausalGraph, Effect, GenerationProcess, Knowledge, Typical
from sdv_llmgan.providers.base import Request
from sdv_llmgan.providers.scripted import ScriptedProvider, random_json
from sdv_llmgan.providers.usage import Usage
from sdv_llmgan.report import make_report

KNOWN = Knowledge(
    (Effect('smoker', 'charges', 'raises', 'yes', size='strong', sure='sure'),),
    (Typical('smoker', (), (('yes', 0.2), ('no', 0.8))), Typical('age', (27, 39, 51))),
    ('Nobody under 20 is in ward C.',),
)
#: Ward names that no other text of a prompt has.
bills = partial(tables.bills, smokers=0.3, wards=('Aster', 'Birch', 'Cedar'))


PROCESS = GenerationProcess('', tables.AGE_JOB, CausalGraph(), 'Write rows.')


def metadata(**kinds: str) -> Metadata:
    columns = {name: {'sdtype': kind} for name, kind in kinds.items()}
    return Metadata.load_from_dict({'tables': {'bills': {'columns': columns}}})


METADATA = metadata(age='numerical', smoker='categorical', ward='categorical', charges='numerical')


def at_random(request: Request) -> str:
    return random_json(request.json_schema, np.random.default_rng(request.seed))


def synthesizer(llm: ScriptedProvider, **arguments: object) -> LLMGANSynthesizer:
    few = {'batch_size': 20, 'max_batches': 1, 'sampler': 'distilled', 'row_format': 'arrays'}
    return LLMGANSynthesizer(METADATA, llm=llm, cache=False, **{**few, **arguments})


def test_a_saved_synthesizer_knows_what_it_knew_and_draws_the_same_rows(tmp_path):
    made = synthesizer(ScriptedProvider(script=at_random), knowledge=KNOWN, target='charges')
    fit(made, bills(25))
    made.save(tmp_path / 'made.pkl')
    loaded = load(tmp_path / 'made.pkl')
    assert loaded.get_generation_process() == made.get_generation_process()
    assert loaded.get_info()['learned_from'] == made.get_info()['learned_from']
    shares = made.get_info()['learned_from'].values()
    assert any(share['knowledge'] > 0 for share in shares)
    pd.testing.assert_frame_equal(sample(loaded, 20), sample(made, 20))


@pytest.mark.parametrize('is_asked', [True, False])
def test_sixty_columns_with_knowledge_are_asked_about_once_and_written_in_bounded_prompts(is_asked):
    names = [f'c{number}' for number in range(60)]
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(12, 60)).round(2), columns=names)
    pairs = zip(names, names[1:], strict=False)
    known = Knowledge(
        tuple(Effect(cause, effect, 'raises') for cause, effect in pairs),
        tuple(Typical(name, (-0.7, 0.0, 0.7)) for name in names),
    )
    answer = json.dumps(known.to_dict())
    llm = ScriptedProvider(
        script=lambda one: answer if one.role == 'expert' else at_random(one), is_expert=True
    )
    made = LLMGANSynthesizer(
        metadata(**dict.fromkeys(names, 'numerical')),
        **{'llm': llm, 'cache': False, 'sampler': 'llm', 'max_batches': 1, 'batch_size': 4},
        **{'causal_graph': 'none', 'knowledge': 'ask' if is_asked else known},
    )
    with pytest.warns(UserWarning, match='60 columns'):
        fit(made, table)
    roles = [request.role for request in llm.requests]
    assert roles.count('expert') == (2 if is_asked else 0)
    assert len(made.get_generation_process().knowledge.effects) == 59
    told = [one.messages[-1].content for one in llm.requests if one.role == 'generator']
    # A prompt tells what is known of its own columns alone.
    assert all('"c0" raises "c1"' in one or '"c0":' not in one for one in told)
    assert max(one.count(' raises ') for one in told) < 45
    assert max(map(len, told)) < 12_000
    assert len(sample(made, 3)) == 3


def test_a_fit_interrupted_while_knowledge_is_asked_for_has_no_step_and_can_be_begun_again():
    def interrupted(request: Request) -> str:
        if request.role == 'expert' and len(llm.requests) == 1:
            raise KeyboardInterrupt
        return json.dumps(KNOWN.to_dict()) if request.role == 'expert' else at_random(request)

    llm = ScriptedProvider(script=interrupted, is_expert=True)
    made = synthesizer(llm, sampler='llm')
    with pytest.raises(KeyboardInterrupt, match='interrupted in step 1; .* has the 0'):
        fit(made, bills(25))
    assert len(made.get_history()) == 0
    assert not made.get_generation_process().knowledge
    assert made.get_info()['learned_from'] is None
    fit(made, bills(25))
    assert made.get_generation_process().knowledge.effects == KNOWN.effects


POLICIES = {
    'everything': EgressPolicy(),
    'no rows': EgressPolicy(rows=False),
    'five rows': EgressPolicy(max_rows=5),
    'treated': EgressPolicy(columns={'charges': 'bucket', 'ward': 'pseudonymize'}),
    'withheld': EgressPolicy(columns={'ward': 'withhold'}),
}


@pytest.mark.parametrize('name', POLICIES)
def test_the_optimizer_is_shown_rows_that_were_caught_as_models_may_see_them(name):
    llm = ScriptedProvider(script=at_random)
    table = bills(40)
    fit(synthesizer(llm, max_batches=2, sampler='llm', egress=POLICIES[name]), table)
    (asked, *_) = [one.messages[-1].content for one in llm.requests if one.role == 'optimizer']
    caught = asked.partition('# Rows written under them that it found least')[2]
    rows = [json.loads(line) for line in caught.splitlines() if line.startswith('[')]
    assert 2 <= len(rows) <= 6
    assert {len(row) for row in rows} == {3 if name == 'withheld' else 4}
    if name in ('treated', 'withheld'):
        assert not re.search('Aster|Birch|Cedar', asked)
    if name == 'treated':
        assert not any(isinstance(cell, float) for row in rows for cell in row)
    if name not in ('everything', 'withheld'):
        real = set(table['charges'].astype(str))
        assert not real & set(re.findall(r'\d+\.\d', asked))


def test_what_the_user_knows_of_columns_that_no_model_sees_reaches_the_sampler_alone():
    llm = ScriptedProvider(script=at_random)
    treated = EgressPolicy(columns={'smoker': 'pseudonymize', 'charges': 'bucket'})
    made = synthesizer(llm, knowledge=KNOWN, egress=treated)
    fit(made, bills(25))
    assert not made.get_generation_process().knowledge.effects
    assert not [one for one in llm.requests if 'raises' in one.messages[-1].content]
    learned = made.get_info()['learned_from']
    assert learned['charges']['knowledge'] + learned['smoker']['knowledge'] > 0


def test_of_a_batch_of_more_rows_than_are_judged_some_caught_ones_are_shown():
    llm = ScriptedProvider(script=at_random)
    fit(synthesizer(llm, max_batches=2, batch_size=400, sampler='llm'), bills(400))
    (asked, *_) = [one.messages[-1].content for one in llm.requests if one.role == 'optimizer']
    assert '# Rows written under them that it found least like real ones\n[' in asked


def copying(request: Request) -> str:
    """A model that writes down the rows that it is shown, with a little change."""
    if request.role != 'generator':
        return '{}'
    shown = request.messages[-1].content.partition('# Real rows\n')[2].partition('\n\n')[0]
    rows = [json.loads(line) for line in shown.splitlines()]
    wanted = request.json_schema['properties']['rows']['maxItems']
    rng = np.random.default_rng(request.seed)
    places = rng.integers(len(rows), size=wanted)
    changed = [
        [
            cell if isinstance(cell, str) else type(cell)(round(cell * rng.uniform(0.97, 1.03), 1))
            for cell in rows[place]
        ]
        for place in places
    ]
    return json.dumps({'rows': changed})


def test_a_model_that_copies_the_rows_it_is_shown_gains_little_trust():
    def share_of_generated(script) -> float:
        made = synthesizer(
            ScriptedProvider(script=script),
            **{'max_batches': 3, 'futility': False, 'knowledge': 'none', 'optimize': False},
            # Else all rows would be rejected, for they are a small step from those shown.
            **{'enforce_min_max_values': False, 'reject_copies': False},
        )
        fit(made, noise)
        shares = made.get_info()['learned_from'].values()
        return float(np.mean([one['generated'] for one in shares]))

    # In noise there is nothing to know: whoever predicts held-out rows has seen them.
    noise = pd.DataFrame({name: bills(25, seed)[name] for seed, name in enumerate(bills(1))})
    assert share_of_generated(copying) < 0.5


def test_the_line_at_the_end_says_what_rows_were_learned_from(capsys):
    learned = {
        'age': {'real': 0.7, 'knowledge': 0.1, 'generated': 0.2},
        'ward': {'real': 0.52, 'knowledge': 0.0, 'generated': 0.48},
    }
    said = summary(History(), 'distilled', 1.0, learned)
    assert said.endswith(
        'Rows come from: distilled (learned from real rows 61%, knowledge 5%, generated rows 34%).'
    )
    assert summary(History(), 'llm', 1.0).endswith('Rows come from: llm.')
    fit(synthesizer(ScriptedProvider(), knowledge='none', verbose=True), bills(25))
    assert '(learned from real rows 100%).' in capsys.readouterr().err


def test_the_line_at_the_end_says_what_was_asked_and_what_the_cache_answered():
    def line(*usage: Usage) -> str:
        steps = [Step(0, 0, PROCESS, accepted=3, usage=used) for used in usage]
        return summary(History(steps, 'max_batches'), 'llm', 1.0)

    assert '; 4 calls answered from the cache. Rows' in line(Usage(replayed=3), Usage(replayed=1))
    assert '; 2 calls, 30 tokens. Rows' in line(Usage(calls=2, prompt_tokens=30))
    both = line(Usage(calls=2, prompt_tokens=30), Usage(replayed=1))
    assert '; 2 calls, 30 tokens; 1 call answered from the cache. Rows' in both
    assert '(max_batches): no rows of the model could be judged; 6 rows valid, 0 rejected' in both
    judged = Step(0, 0, PROCESS, verdict=Verdict(np.array([0.5]), 0.7, 0.5, 0.7))
    assert (
        "score of the model's own rows 0.700 (0: they cannot be told from real ones, 1: always);"
        in summary(History([judged]), 'llm', 1.0)
    )


def test_a_report_gives_what_columns_were_learned_from_in_percent():
    table = bills(25)
    made = synthesizer(ScriptedProvider(script=at_random), knowledge=KNOWN)
    fit(made, table)
    page = make_report(
        given(METADATA, table), made.sample(20), METADATA, synthesizer=made
    ).to_html()
    lines = re.findall(r'<td>(age|smoker|ward|charges)</td>((?:\s*<td[^>]*>\d+%</td>){3})', page)
    assert len(lines) > 4  # with the process, and on the first screen those that have more to say
