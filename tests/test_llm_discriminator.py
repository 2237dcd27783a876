from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from tables import visits, visits_metadata

from sdv_llmgan.discriminators.analyzer import AnalyzerDiscriminator
from sdv_llmgan.discriminators.base import Discriminator
from sdv_llmgan.discriminators.llm import LLMDiscriminator
from sdv_llmgan.discriminators.logistic import LogisticDiscriminator
from sdv_llmgan.discriminators.panel import Panel
from sdv_llmgan.errors import ProviderError
from sdv_llmgan.providers.scripted import ScriptedProvider
from sdv_llmgan.table.schema import TableSchema

TABLE = visits(200).drop(columns='patient')
SCHEMA = TableSchema.from_sdv(visits_metadata(), TABLE)
PLAIN = SCHEMA.to_plain(TABLE)
REAL = PLAIN.head(100)
SAME = PLAIN.tail(100)
SHIFTED = SAME.assign(age=SAME['age'] + 40, ward='north')
SYNTHETIC = {
    'analysis': 'Too old.',
    'feedback': ['Lower "age".', 'Use all wards.'],
    'verdict': 'synthetic',
    'reason': 'Everybody is in the north ward.',
}


def started(discriminator: Discriminator, reply: object = None) -> Discriminator:
    text = reply if isinstance(reply, str) else json.dumps(reply)
    discriminator.provider = ScriptedProvider(script=[text])
    discriminator.start(REAL, SCHEMA, 0)
    return discriminator


def test_the_analyzer_scores_by_statistics_and_tells_both_ways():
    analyzer = started(AnalyzerDiscriminator())
    same, shifted = analyzer.judge(REAL, SAME), analyzer.judge(REAL, SHIFTED)
    assert same.score + 0.05 < shifted.score
    assert same.score == 1 - same.diagnostics.score
    assert '"age"' in shifted.feedback
    assert '"ward"' in shifted.feedback
    assert same.is_real is None


def test_the_models_word_and_feedback_go_into_the_verdict_beside_the_analyzers_score():
    verdict = started(LLMDiscriminator(), SYNTHETIC).judge(REAL, SHIFTED)
    assert verdict.is_real is False
    assert verdict.feedback == (
        '- Lower "age".\n- Use all wards.\n- Everybody is in the north ward.'
    )
    assert verdict.score == 1 - verdict.diagnostics.score
    assert verdict.note == ''
    real = started(LLMDiscriminator(), {**SYNTHETIC, 'verdict': 'real'}).judge(REAL, SAME)
    assert real.is_real is True


def test_the_verdict_real_is_overruled_while_the_analyzer_has_findings():
    verdict = started(LLMDiscriminator(), {**SYNTHETIC, 'verdict': 'real'}).judge(REAL, SHIFTED)
    assert verdict.is_real is False
    assert verdict.note == 'verdict "real" overruled: the analyzer has findings'
    assert 'is too narrow' in verdict.feedback
    assert 'Lower "age"' in verdict.feedback
    blind = started(LLMDiscriminator(analyzer=False), {**SYNTHETIC, 'verdict': 'real'})
    assert blind.judge(REAL, SHIFTED).is_real is True


def test_the_model_sees_both_samples_and_the_diagnostics():
    discriminator = started(LLMDiscriminator(sample_rows=5), SYNTHETIC)
    verdict = discriminator.judge(REAL, SHIFTED)
    request = discriminator.provider.requests[0]
    prompt = request.messages[1].content
    known = prompt.split('# Sample that is known to be real\n')[1].split('\n\n')[0].splitlines()
    open_ = prompt.split('# Sample of undetermined origin\n')[1].split('\n\n')[0].splitlines()
    assert len(known) == len(open_) == 5
    assert all('"north"' in row for row in open_)
    assert str(verdict.diagnostics) in prompt
    assert request.role == 'discriminator'


@pytest.mark.parametrize(
    'reply',
    [
        'I think they are fine.',
        '{"verdict": "perhaps"}',
        '[]',
        '{"verdict": ["real"]}',
        '{',
        '{"analysis":"…","feedback":["…"],"verdict":"real","reason":"…"}',
    ],
)
def test_nonsense_falls_back_to_the_analyzer_and_is_noted(reply):
    verdict = started(LLMDiscriminator(), reply).judge(REAL, SHIFTED)
    assert verdict.score == 1 - verdict.diagnostics.score
    assert verdict.is_real is None
    assert '"age"' in verdict.feedback
    assert verdict.note.startswith('reply of the discriminator not used, scored by the analyzer')


def test_feedback_of_the_wrong_type_is_left_out():
    reply = {'verdict': 'synthetic', 'feedback': [1, None, ' Be bold. '], 'reason': 7}
    assert started(LLMDiscriminator(), reply).judge(REAL, SAME).feedback == '- Be bold.'


def test_without_the_analyzer_the_model_sees_no_statistics_and_the_score_is_the_same():
    blind = started(LLMDiscriminator(analyzer=False), SYNTHETIC)
    seeing = started(LLMDiscriminator(), SYNTHETIC)
    assert blind.judge(REAL, SHIFTED).score == seeing.judge(REAL, SHIFTED).score
    assert '# Statistics' not in blind.provider.requests[0].messages[1].content
    assert '# Statistics' in seeing.provider.requests[0].messages[1].content


@pytest.mark.parametrize('verdict', [' Real', 'REAL', 'real '])
def test_the_verdict_may_be_written_sloppily(verdict):
    reply = {**SYNTHETIC, 'verdict': verdict}
    assert started(LLMDiscriminator(), reply).judge(REAL, SAME).is_real is True


@pytest.mark.parametrize('arguments', [{'sample_rows': 0}, {'temperature': -1}])
def test_arguments_out_of_range_are_errors(arguments):
    with pytest.raises(ValueError, match='sample_rows must be at least 1'):
        LLMDiscriminator(**arguments)


def test_the_same_rows_are_not_paid_for_twice():
    discriminator = started(LLMDiscriminator(), SYNTHETIC)
    first = discriminator.judge(REAL, SAME)
    assert discriminator.judge(REAL, SAME.copy()) is first
    discriminator.judge(REAL, SHIFTED)
    assert len(discriminator.provider.requests) == 2


def test_the_whole_prompt_is_bounded_however_wide_the_table():
    notes = pd.Series([f'{i} ' + 'words ' * 300 for i in range(200)], name='notes')
    wide = pd.concat([*(PLAIN.add_suffix(f' of visit {i}') for i in range(30)), notes], axis=1)
    schema = TableSchema.from_sdv(visits_metadata(), wide)
    discriminator = LLMDiscriminator(sample_rows=50)
    discriminator.provider = ScriptedProvider(script=[json.dumps(SYNTHETIC)])
    discriminator.start(wide, schema, 0)
    discriminator.judge(wide, wide)
    prompt = discriminator.provider.requests[0].messages[1].content
    assert len(prompt) < 25_000
    assert '"age of visit 29"' in prompt


def test_a_discriminator_without_a_model_says_what_to_name():
    discriminator = started(LLMDiscriminator(), SYNTHETIC)
    discriminator.provider = None
    with pytest.raises(ProviderError, match='name one with llm= or discriminator_llm='):
        discriminator.judge(REAL, SAME)


def test_a_panel_averages_scores_and_puts_feedback_together():
    panel = Panel([LogisticDiscriminator(), LLMDiscriminator()])
    started(panel, {**SYNTHETIC, 'verdict': 'real'})
    panel.update(REAL.head(50), SHIFTED.head(50))
    verdict = panel.judge(REAL.tail(50), SHIFTED.tail(50))
    alone = [member.judge(REAL.tail(50), SHIFTED.tail(50)) for member in panel.members]
    assert verdict.score == np.mean([one.score for one in alone])
    assert verdict.p_real.shape == (50,)
    assert alone[0].score > 0.5
    assert verdict.is_real is False  # the learned score knows better
    assert 'Lower "age"' in verdict.feedback
    assert verdict.diagnostics is alone[1].diagnostics
    assert panel.learns


def test_a_panel_hands_its_model_and_target_to_its_members():
    panel = Panel([LogisticDiscriminator(), LLMDiscriminator()])
    panel.prepare(target='smoker')
    started(panel, SYNTHETIC)
    assert all(member.provider is panel.provider for member in panel.members)
    assert len(np.unique(panel.members[1].strata)) == 2


def test_a_judge_that_has_judged_pickles():
    discriminator = started(LLMDiscriminator(), SYNTHETIC)
    verdict = discriminator.judge(REAL, SAME)
    again = pickle.loads(pickle.dumps(discriminator)).judge(REAL, SAME)
    assert again.score == verdict.score
