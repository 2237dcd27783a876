from __future__ import annotations

import pytest
import sdv_lines
from servers import Server
from tables import visits, visits_metadata

from sdv_llmgan import LLMGANSynthesizer, OpenAIProvider, Prices
from sdv_llmgan.formats.tokens import count_tokens

PRICES = Prices(prompt=2.5, completion=10.0)


@pytest.mark.parametrize(
    'settings',
    [
        {},
        {'examples_per_call': 3, 'optimizer_examples': 4, 'max_batches': 3},
        {'discriminator': 'llm', 'max_batches': 2, 'metadata_detail': 'full'},
    ],
    ids=['default', 'smaller calls', 'asks a judge'],
)
def test_an_estimate_is_within_a_quarter_of_the_real_run(settings):
    table = visits(60)
    with Server(count=count_tokens) as server:
        llm = OpenAIProvider('tiny', base_url=f'{server.url}/v1', prices=PRICES)
        synthesizer = LLMGANSynthesizer(visits_metadata(), llm=llm, sampler='llm', **settings)
        estimate = synthesizer.estimate(sdv_lines.given(synthesizer.metadata, table), 40)
        assert server.received == []
        sdv_lines.fit(synthesizer, table)
        fitted = synthesizer.get_usage().sum()
        sdv_lines.sample(synthesizer, 40)
        used = synthesizer.get_usage().sum()
    for name in ('calls', 'prompt_tokens', 'completion_tokens', 'usd'):
        assert getattr(estimate.fit, name) == pytest.approx(fitted[name], rel=0.25)
        assert getattr(estimate.total, name) == pytest.approx(used[name], rel=0.25)
    assert estimate.steps <= estimate.max_steps <= 6
    assert f'{estimate.total.calls} calls' in str(estimate)


def test_an_estimate_needs_no_key_and_leaves_the_synthesizer_as_it_was():
    synthesizer = LLMGANSynthesizer(
        visits_metadata(), llm='openai/gpt-4o-mini', sampler='llm', rows_per_example=1
    )
    data = sdv_lines.given(synthesizer.metadata, visits(40))
    before = dict(vars(synthesizer))
    estimate = synthesizer.estimate(data, 1_000)
    assert estimate.sample.calls == pytest.approx(200, rel=0.1)
    assert 0 < estimate.fit.usd < estimate.total.usd < 1
    assert synthesizer.estimate(data).sample.calls == 0
    assert {key: vars(synthesizer)[key] for key in before} == before
    assert (
        synthesizer.get_info()['fitted' if 'fitted' in synthesizer.get_info() else 'is_fit']
        is False
    )


def test_an_unknown_price_is_said_and_local_rows_cost_nothing():
    unknown = LLMGANSynthesizer(visits_metadata(), llm='openai/no-such-model', sampler='distilled')
    estimate = unknown.estimate(sdv_lines.given(unknown.metadata, visits(30)), 500)
    assert estimate.total.usd is None
    assert estimate.sample.calls == 0
    assert 'unknown price' in str(estimate)
    assert estimate.to_dict()['total']['calls'] == estimate.fit.calls
