from __future__ import annotations

import socket

import pytest

from sdv_llmgan import (
    AnthropicProvider,
    AzureOpenAIProvider,
    OpenAIProvider,
    Prices,
    ScriptedProvider,
    Usage,
)
from sdv_llmgan.providers.prices import list_prices

MILLION = Usage(1, 10**6, 10**6)


def test_hosted_models_have_list_prices_and_no_network_is_asked(monkeypatch):
    monkeypatch.setattr(socket, 'socket', None)
    list_prices.cache_clear()
    assert OpenAIProvider('gpt-4o-mini').usd(MILLION) == pytest.approx(0.15 + 0.60)
    assert AzureOpenAIProvider('gpt-4o').usd(MILLION) == pytest.approx(2.5 + 10)
    sonnet, haiku = AnthropicProvider('claude-sonnet-4-5'), AnthropicProvider('claude-haiku-4-5')
    assert sonnet.usd(MILLION) > haiku.usd(MILLION) > 0


def test_an_unknown_price_is_none_and_never_zero(monkeypatch):
    assert OpenAIProvider('no-such-model').usd(MILLION) is None
    assert AnthropicProvider('no-such-model').usd(MILLION) is None
    assert OpenAIProvider('m', base_url='https://example.org/v1').usd(MILLION) is None
    assert (Usage(usd=None) + Usage(usd=1.0)).usd is None


def test_this_machine_costs_nothing_unless_prices_are_given(monkeypatch):
    url = 'http://localhost:8000/v1'
    assert OpenAIProvider('gpt-4o-mini', base_url=url).usd(MILLION) == 0
    assert OpenAIProvider('m', base_url=url, prices=Prices(1, 2)).usd(MILLION) == 3
    assert ScriptedProvider().usd(MILLION) == 0
    monkeypatch.setenv('ANTHROPIC_BASE_URL', 'http://127.0.0.1:9')
    assert AnthropicProvider('claude-sonnet-4-5').usd(MILLION) == 0


def test_a_vendor_is_known_by_its_address():
    deepseek = OpenAIProvider('deepseek-chat', base_url='https://api.deepseek.com/v1')
    assert deepseek.usd(MILLION) > 0
