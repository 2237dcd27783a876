"""A preview is what a fit sends first, and changes nothing."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import sdv_lines
from sdv.cag import FixedCombinations
from servers import Server
from wire import TABLE, answer, metadata

from sdv_llmgan import EgressPolicy, LLMGANSynthesizer, Preview, Request, ScriptedProvider
from sdv_llmgan.providers.openai import OpenAIProvider

pytestmark = pytest.mark.filterwarnings('ignore')
GIVEN = sdv_lines.given(metadata(), TABLE)
POLICIES = {
    'none': None,
    'mixed': EgressPolicy({'salary': 'bucket', 'clinic': 'pseudonymize', 'illness': 'withhold'}),
    'statistics': EgressPolicy(rows=False),
    'capped': EgressPolicy(max_rows=4),
}


def made(policy: EgressPolicy | None = None, **arguments: object) -> LLMGANSynthesizer:
    settings = {'llm': 'openai/gpt-x', 'batch_size': 20, 'max_batches': 1, 'sampler': 'llm'}
    settings['rows_per_example'] = 1
    return LLMGANSynthesizer(metadata(), egress=policy, **{**settings, **arguments})


@pytest.mark.parametrize('policy', POLICIES)
def test_a_fit_sends_exactly_what_the_preview_shows(policy):
    llm = ScriptedProvider()
    synthesizer = made(POLICIES[policy], llm=llm, max_batches=2, metadata_detail='full')
    preview = synthesizer.preview(GIVEN)
    assert llm.requests == []
    assert len(preview) == 4
    assert synthesizer.preview(GIVEN) == preview == preview[:]
    assert preview != made(POLICIES[policy], llm=llm, seed=1).preview(GIVEN)
    sdv_lines.fit(synthesizer, TABLE)
    first = [request for request in llm.requests if request.role == 'generator'][:4]
    assert sorted(map(str, first)) == sorted(map(str, preview))


def test_what_the_client_sends_says_what_the_preview_says():
    def knows_nothing(schema, prompt, seed):
        is_question = 'effects' in schema['properties']
        return (
            '{"effects":[],"typical":[],"rules":[]}'
            if is_question
            else answer(schema, prompt, seed)
        )

    with Server(answer=knows_nothing) as server:
        synthesizer = made(
            POLICIES['capped'], llm=OpenAIProvider('gpt-x', base_url=f'{server.url}/v1')
        )
        preview = synthesizer.preview(GIVEN)
        assert server.received == []
        sdv_lines.fit(synthesizer, TABLE)
        sent = [[m['content'] for m in body['messages']] for body in server.bodies]
    shown = [[message.content for message in request.messages] for request in preview]
    assert sorted(sent) == sorted(shown)


def test_a_preview_needs_no_key_and_leaves_everything_as_it_was():
    synthesizer = made(POLICIES['mixed'], discriminator='llm', knowledge='none')
    before = {name: str(value) for name, value in vars(synthesizer).items()}
    state = np.random.get_state()[1].tolist()
    assert len(synthesizer.preview(GIVEN)) == 4
    assert {name: str(value) for name, value in vars(synthesizer).items()} == before
    assert np.random.get_state()[1].tolist() == state
    assert synthesizer.get_info()['is_fit'] is False


def test_a_fitted_synthesizer_stays_fitted():
    llm = ScriptedProvider()
    synthesizer = made(llm=llm)
    sdv_lines.fit(synthesizer, TABLE)
    sdv_lines.sample(synthesizer, 3)
    second = sdv_lines.sample(synthesizer, 3)
    synthesizer.reset_sampling()
    sdv_lines.sample(synthesizer, 3)
    calls = len(llm.requests)
    synthesizer.preview(sdv_lines.given(metadata(), TABLE.head(30)))
    assert len(llm.requests) == calls
    pd.testing.assert_frame_equal(sdv_lines.sample(synthesizer, 3), second)
    assert len(synthesizer.get_history()) == 1


def test_constraints_are_in_the_preview():
    synthesizer = made()
    synthesizer.add_constraints([FixedCombinations(['clinic', 'illness'])])
    assert 'go together as they do in the real rows' in str(synthesizer.preview(GIVEN))


def test_a_model_for_rows_alone_is_enough():
    synthesizer = made(llm=None, generator_llm=ScriptedProvider(), optimizer_llm='openai/gpt-x')
    roles = [request.role for request in synthesizer.preview(GIVEN)]
    assert roles == ['expert'] * 2 + ['generator'] * 4


def test_a_preview_reads_as_text_and_as_json():
    preview = made(POLICIES['statistics'], knowledge='none').preview(GIVEN)
    text = str(preview)
    assert text.startswith('=== Request 1 of 4: generator, 0 real rows, 6 columns\n--- system\n')
    assert preview[0].messages[1].content in text
    assert json.dumps(preview[0].json_schema) in text
    assert repr(preview) == '<Preview of 4 requests; print() shows them>'
    saved = json.loads(preview.to_json())
    assert saved[0]['messages'][1]['content'] == preview[0].messages[1].content
    assert isinstance(preview[-1], Request)
    assert isinstance(preview[1:], Preview)
    assert [request.seed for request in preview[1:]] == [r.seed for r in list(preview)[1:]]
    assert str(Preview(())) == 'Nothing would be sent.'


def test_errors_of_the_table_are_those_of_a_fit():
    with pytest.raises(Exception, match='at least 2 are needed'):
        made().preview(sdv_lines.given(metadata(), TABLE.head(1)))
