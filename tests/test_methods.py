"""The presets of both papers, and the ablations of their tables."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import sdv_lines
from tables import visits, visits_metadata

from sdv_llmgan import LLMGANSynthesizer, ScriptedProvider
from sdv_llmgan.discriminators.llm import LLMDiscriminator
from sdv_llmgan.providers.base import Request
from sdv_llmgan.providers.scripted import random_json

pytestmark = pytest.mark.filterwarnings('ignore:We strongly recommend saving the metadata')
TABLE = visits(40)


def scripted(**by_role: object) -> ScriptedProvider:
    """Random rows, and fixed answers of the other roles."""

    def answer(request: Request) -> str:
        if request.role in by_role:
            return json.dumps(by_role[request.role])
        return random_json(request.json_schema, np.random.default_rng(request.seed))

    return ScriptedProvider(script=answer)


def fit(make=LLMGANSynthesizer, **arguments: object) -> LLMGANSynthesizer:
    made = make(
        visits_metadata(),
        **{
            'llm': scripted(),
            'max_batches': 3,
            'sampler': 'llm',
            'rows_per_example': 1,
            **arguments,
        },
    )
    sdv_lines.fit(made, TABLE)
    return made


def prompts(made: LLMGANSynthesizer, role: str) -> list[str]:
    return [r.messages[1].content for r in made.llm.requests if r.role == role]


SYNTHETIC = {'analysis': '', 'feedback': ['More wards.'], 'verdict': 'synthetic', 'reason': 'No.'}


def test_mallm_gan_has_the_papers_settings_and_takes_overrides():
    made = LLMGANSynthesizer.mallm_gan(visits_metadata(), llm='scripted', epochs=2)
    parameters = made.get_parameters()
    assert parameters['epochs'] == 2
    assert parameters['max_batches'] is None
    assert (parameters['generator_temperature'], parameters['optimizer_temperature']) == (0.5, 1.0)
    assert (parameters['batch_size'], parameters['top_k']) == (50, 3)
    assert parameters['row_format'] == 'objects'


def test_mallm_gan_writes_objects_and_rewrites_the_graph():
    made = fit(LLMGANSynthesizer.mallm_gan, llm=scripted())
    assert '"age":' in prompts(made, 'generator')[0]
    assert 'Causal graph' in prompts(made, 'optimizer')[0]
    assert 'wrong with the newest rows' not in prompts(made, 'optimizer')[0]


def test_synthia_asks_the_discriminator_and_hands_its_feedback_on():
    made = fit(LLMGANSynthesizer.synthia, llm=scripted(discriminator=SYNTHETIC))
    assert len(prompts(made, 'discriminator')) == len(made.get_history())
    rewriting = prompts(made, 'optimizer')[0]
    assert '- More wards.' in rewriting
    assert '# Real rows\n[' in rewriting
    assert 'graph' not in rewriting
    assert made.get_causal_graph().number_of_edges() == 0
    history = made.get_history()
    assert set(history['verdict']) == {'synthetic'}
    assert history['score'].between(0, 1).all()


def test_synthias_prompt_holds_the_full_metadata_and_a_pattern_that_rows_match():
    made = fit(LLMGANSynthesizer.synthia, llm=scripted(discriminator=SYNTHETIC))
    prompt = prompts(made, 'generator')[0]
    assert re.search(r'one of "\w+.*" \(\d+%\)', prompt)
    assert 'For example ' in prompt
    pattern = prompt.split('Every row matches this pattern: ')[1].splitlines()[0]
    rows = prompt.split('# Real rows\n')[1].split('\n\n')[0].splitlines()
    assert len(rows) == 10
    assert all(re.fullmatch(pattern, row) for row in rows)
    assert not re.fullmatch(pattern, rows[0].replace(':', ';'))


def test_the_verdict_real_ends_the_fit():
    trusting = LLMDiscriminator(analyzer=False)
    real = {**SYNTHETIC, 'verdict': 'real'}
    made = fit(discriminator=trusting, llm=scripted(discriminator=real))
    assert len(made.get_history()) == 1
    assert made.get_info()['stopped'] == 'verdict: real'


def test_no_gain_ends_the_fit_and_so_do_epochs():
    stuck = fit(discriminator=LLMDiscriminator(analyzer=False), patience=1, epochs=30,
                max_batches=None, llm=scripted(discriminator=SYNTHETIC))  # fmt: skip
    assert stuck.get_info()['stopped'] == 'no better process in 1 steps'
    whole = fit(epochs=2, max_batches=None, patience=9)
    assert whole.get_info()['stopped'] == 'epochs'


def test_a_nonsensical_discriminator_never_stops_the_fit():
    made = fit(discriminator='llm', llm=scripted(discriminator='the rows, they sing'))
    history = made.get_history()
    assert history['note'].str.contains('scored by the analyzer').all()
    assert history['score'].notna().all()


def test_learned_score_and_feedback_in_words_together():
    made = fit(discriminator=['logistic', 'llm'], llm=scripted(discriminator=SYNTHETIC))
    rewriting = prompts(made, 'optimizer')[0]
    assert 'Causal graph' in rewriting
    assert '- More wards.' in rewriting


def test_ablation_few_shot_only():
    made = fit(causal_graph='none', optimize=False)
    assert not prompts(made, 'optimizer')
    assert '# What affects what' not in prompts(made, 'generator')[0]


def test_ablation_causal_graph_without_optimizer():
    made = fit(causal_graph=[('age', 'pressure')], optimize=False)
    assert not prompts(made, 'optimizer')
    assert '"age" affects "pressure"' in prompts(made, 'generator')[-1]


def test_ablation_without_metadata():
    made = fit(metadata_detail='none')
    words = prompts(made, 'generator')[0].split('# Real rows')[0]
    assert '"ward"' in words
    assert 'north' not in words
    assert 'whole number' not in words


def test_ablation_analyzer_feedback_without_a_language_model_as_discriminator():
    made = fit(discriminator='analyzer', llm=scripted())
    assert not prompts(made, 'discriminator')
    assert '# What was wrong with the newest rows' in prompts(made, 'optimizer')[0]


def test_ablation_without_analyzer():
    made = fit(
        discriminator=LLMDiscriminator(analyzer=False), llm=scripted(discriminator=SYNTHETIC)
    )
    assert all('# Statistics' not in prompt for prompt in prompts(made, 'discriminator'))
    assert made.get_history()['phi'].notna().all()


def test_an_empty_graph_may_grow_and_no_graph_may_not():
    grows = {'add': [{'cause': 'age', 'effect': 'pressure'}], 'remove': [], 'instruction': 'Go on.'}
    made = fit(causal_graph=[], llm=scripted(optimizer=grows))
    assert made.get_history()['edges'].tolist()[:2] == [0, 1]
    made = fit(causal_graph='none', llm=scripted(optimizer=grows))
    assert set(made.get_history()['edges']) == {0}


def test_stratified_examples_show_the_target_in_every_prompt():
    made = fit(example_selection='stratified', target='smoker', max_batches=1)
    shares = []
    for prompt in prompts(made, 'generator'):
        rows = prompt.split('# Real rows\n')[1].split('\n\n')[0]
        shares.append(rows.count(':true'))
    assert max(shares) - min(shares) <= 1


def test_an_unknown_target_is_an_error_before_any_call():
    llm = scripted()
    with pytest.raises(ValueError, match="The target must be a column that the model sees, got 'w"):
        fit(target='wage', llm=llm)
    assert llm.requests == []


def test_the_process_that_passed_for_real_is_kept():
    verdicts = iter(['synthetic', 'real'])

    def answer(request: Request) -> str:
        if request.role == 'discriminator':
            return json.dumps({**SYNTHETIC, 'verdict': next(verdicts)})
        return random_json(request.json_schema, np.random.default_rng(request.seed))

    trusting = LLMDiscriminator(analyzer=False)
    made = fit(discriminator=trusting, llm=ScriptedProvider(script=answer), seed=3)
    history = made.get_history()
    assert history['verdict'].tolist() == ['synthetic', 'real']
    assert history['best'].tolist() == [False, True]
    assert made.get_generation_process().instruction == history['instruction'][1]


def test_the_discriminator_is_told_as_much_as_the_generator():
    made = fit(LLMGANSynthesizer.synthia, metadata_detail='none', llm=scripted())
    told = prompts(made, 'discriminator')[0].split('# Sample')[0]
    assert '"ward"' in told
    assert 'north' not in told


def test_a_remote_model_in_any_role_is_said():
    remote = ScriptedProvider()
    remote.remote = True
    here = fit(discriminator_llm=remote)
    assert here.get_info()['remote'] is False  # the logistic discriminator asks nobody
    assert fit(discriminator='llm', discriminator_llm=remote).get_info()['remote'] is True
    assert fit(optimizer_llm=remote).get_info()['remote'] is True
