from __future__ import annotations

import importlib.metadata
import logging
import sys

import pytest
import sdv_lines
from tables import visits, visits_metadata

from sdv_llmgan import LLMGANSynthesizer, registry
from sdv_llmgan.errors import PluginError
from sdv_llmgan.hookspecs import hookimpl
from sdv_llmgan.providers.openai import OpenAIProvider
from sdv_llmgan.providers.scripted import ScriptedProvider
from sdv_llmgan.samplers.local import LocalSampler


@pytest.fixture
def plugins():
    """A registry of its own, which a test may add to."""
    registry._plugins.cache_clear()
    yield registry._plugins()
    registry._plugins.cache_clear()


class Acme:
    @hookimpl
    def register_providers(self, register):
        register('acme', ScriptedProvider)


def test_a_name_before_the_slash_is_the_provider_and_the_rest_the_model():
    provider = registry.find_provider('openai/org/model:tag')
    assert isinstance(provider, OpenAIProvider)
    assert provider.model == 'org/model:tag'


def test_a_provider_object_is_taken_as_it_is():
    provider = ScriptedProvider()
    assert registry.find_provider(provider) is provider


def test_an_unknown_provider_names_those_installed():
    with pytest.raises(PluginError, match=r"Unknown provider 'opneai'. Installed: anthropic, azu"):
        registry.find_provider('opneai/gpt-4o-mini')


def test_something_else_than_a_name_or_provider_is_an_error():
    with pytest.raises(PluginError, match="a name such as 'openai/gpt-4o-mini' or a Provider"):
        registry.find_provider(7)


def test_an_unknown_discriminator_names_those_installed():
    with pytest.raises(PluginError, match="Unknown discriminator 'judge'. Installed: .*logistic"):
        registry.find_discriminator('judge')


def test_a_plugins_provider_is_found_by_name(plugins):
    plugins.register(Acme())
    assert registry.find_provider('acme/x').model == 'x'


def test_a_name_taken_twice_is_an_error(plugins):
    plugins.register(Acme())
    plugins.register(Acme())
    with pytest.raises(PluginError, match="Two plugins offer a provider named 'acme'"):
        registry.providers()


def test_a_broken_plugin_is_said_and_left_out(monkeypatch, caplog):
    broken = importlib.metadata.EntryPoint('broken', 'no_such_module', 'sdv_llmgan')
    monkeypatch.setattr(registry, 'entry_points', lambda group: [broken])
    registry._plugins.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert 'openai' in registry.providers()
    assert "Plugin 'broken' cannot be loaded" in caplog.text
    registry._plugins.cache_clear()


def test_without_the_local_plugin_and_without_a_name_the_error_shows_the_ways_on(monkeypatch):
    monkeypatch.setattr(registry, 'entry_points', lambda group: [])
    registry._plugins.cache_clear()
    with pytest.raises(PluginError) as error:
        registry.find_provider(None)
    for way in ('pip install sdv-llmgan-local', "llm='openai/", 'base_url'):
        assert way in str(error.value)
    registry._plugins.cache_clear()


def test_an_unknown_sampler_names_those_installed_and_auto():
    with pytest.raises(
        PluginError, match="Unknown sampler 'tree'. Installed: distilled, .*llm. 'auto' chooses"
    ):
        registry.find_sampler('tree')
    with pytest.raises(PluginError, match='Unknown sampler 7'):
        registry.find_sampler(7)


def test_a_sampler_object_is_taken_as_it_is():
    sampler = LocalSampler()
    assert registry.find_sampler(sampler) is sampler


def test_a_sampler_is_found_in_an_installed_plugin(tmp_path, monkeypatch):
    (tmp_path / 'sampler_plugin.py').write_text(
        'from sdv_llmgan import ParsedRows, Sampler, hookimpl\n'
        'class Repeating(Sampler):\n'
        '    def fit(self, training, learned):\n'
        '        self.rows = training.rows\n'
        '    def sample(self, wanted, rng):\n'
        '        rows = self.rows.sample(len(wanted), replace=True, random_state=rng)\n'
        '        return ParsedRows(rows.reset_index(drop=True))\n'
        '@hookimpl\n'
        'def register_samplers(register):\n'
        '    register("repeating", Repeating)\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    plugin = importlib.metadata.EntryPoint('repeating', 'sampler_plugin', 'sdv_llmgan')
    monkeypatch.setattr(registry, 'entry_points', lambda group: [plugin])
    registry._plugins.cache_clear()
    made = LLMGANSynthesizer(
        visits_metadata(), llm='scripted', max_batches=1, sampler='repeating', cache=False
    )
    table = visits(30)
    sdv_lines.fit(made, table)
    rows, known = sdv_lines.sample(made, 20), table.drop(columns='patient')
    assert len(rows.drop(columns='patient').merge(known.drop_duplicates())) == 20
    assert made.get_info()['sampler'] == 'repeating'
    registry._plugins.cache_clear()


class Raising:
    @hookimpl
    def register_providers(self, register):
        register('half', ScriptedProvider)
        raise RuntimeError('no licence')


@pytest.mark.parametrize('code', ['1 / 0', 'raise SystemExit(3)', 'def', 'raise KeyError("x")'])
def test_a_plugin_that_raises_on_import_stops_no_other_and_the_error_says_why_it_is_missing(
    tmp_path, monkeypatch, caplog, code
):
    (tmp_path / 'broken_plugin.py').write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'broken_plugin', raising=False)
    broken = importlib.metadata.EntryPoint('broken', 'broken_plugin', 'sdv_llmgan')
    monkeypatch.setattr(registry, 'entry_points', lambda group: [broken])
    registry._plugins.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert {'openai', 'scripted'} <= set(registry.providers())
        assert 'logistic' in registry.discriminators()
    assert caplog.text.count("Plugin 'broken' cannot be loaded") == 1
    for find in (registry.find_provider, registry.find_discriminator):
        with pytest.raises(PluginError, match=r"cannot be loaded: 'broken' \(\w+(Error|Exit): "):
            find('broken')
    registry._plugins.cache_clear()


def test_a_plugin_that_raises_when_it_registers_stops_no_other(plugins, caplog):
    plugins.register(Raising(), name='raising')
    plugins.register(Acme(), name='acme')
    assert {'openai', 'acme'} <= set(registry.providers())
    assert "Plugin 'raising' cannot be loaded: RuntimeError: no licence" in caplog.text
    with pytest.raises(PluginError, match='no licence'):
        registry.find_provider('raising')
