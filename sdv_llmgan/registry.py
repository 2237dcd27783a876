"""Providers, discriminators and samplers by name: those of this package and of plugins."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from inspect import signature
from typing import Any

import pluggy

from sdv_llmgan import hookspecs
from sdv_llmgan.discriminators.analyzer import AnalyzerDiscriminator
from sdv_llmgan.discriminators.base import Discriminator
from sdv_llmgan.discriminators.llm import LLMDiscriminator
from sdv_llmgan.discriminators.logistic import LogisticDiscriminator
from sdv_llmgan.discriminators.mlp import MLPDiscriminator
from sdv_llmgan.discriminators.panel import Panel
from sdv_llmgan.errors import PluginError
from sdv_llmgan.hookspecs import DiscriminatorFactory, ProviderFactory, SamplerFactory, hookimpl
from sdv_llmgan.providers.anthropic import AnthropicProvider
from sdv_llmgan.providers.base import Provider
from sdv_llmgan.providers.openai import AzureOpenAIProvider, OpenAIProvider
from sdv_llmgan.providers.scripted import ScriptedProvider
from sdv_llmgan.samplers.base import Sampler
from sdv_llmgan.samplers.llm import LLMSampler
from sdv_llmgan.samplers.local import LocalSampler

LOGGER = logging.getLogger(__name__)

#: Samplers of this package, which are set by arguments of the synthesizer.
BUILT_IN = ('llm', 'distilled')
NO_LLM = """No language model was named, and none is installed here. Name one:
  pip install sdv-llmgan-local                 a small model in this process, no key (llm='local')
  llm='openai/<model>' or 'anthropic/<model>'  hosted; the key in OPENAI_API_KEY, ANTHROPIC_API_KEY
  llm=OpenAIProvider('<model>', base_url=...)  a server of your own that speaks OpenAI's API"""


class _Core:
    """What this package offers itself, through the same hooks as any plugin."""

    @hookimpl
    def register_providers(self, register: Callable[[str, ProviderFactory], None]) -> None:
        register('openai', OpenAIProvider)
        register('azure', AzureOpenAIProvider)
        register('anthropic', AnthropicProvider)
        register('scripted', ScriptedProvider)

    @hookimpl
    def register_discriminators(
        self, register: Callable[[str, DiscriminatorFactory], None]
    ) -> None:
        register('logistic', LogisticDiscriminator)
        register('mlp', MLPDiscriminator)
        register('analyzer', AnalyzerDiscriminator)
        register('llm', LLMDiscriminator)

    @hookimpl
    def register_samplers(self, register: Callable[[str, SamplerFactory], None]) -> None:
        register('llm', LLMSampler)
        register('distilled', LocalSampler)


def providers() -> dict[str, ProviderFactory]:
    """Installed providers by name."""
    return _collect('provider')


def discriminators() -> dict[str, DiscriminatorFactory]:
    """Installed discriminators by name."""
    return _collect('discriminator')


def samplers() -> dict[str, SamplerFactory]:
    """Installed samplers by name."""
    return _collect('sampler')


def find_provider(llm: str | Provider | None) -> Provider:
    """The provider that a user named.

    Args:
        llm: ``'provider/model'``, ``'provider'``, a ``Provider``, or ``None`` for the local model
            if its plugin is installed.

    Raises:
        PluginError: There is no such provider.
    """
    if isinstance(llm, Provider):
        return llm
    found = providers()
    if llm is None:
        if 'local' not in found:
            raise PluginError(NO_LLM)
        llm = 'local'
    if not isinstance(llm, str):
        raise PluginError(
            f"llm must be a name such as 'openai/gpt-4o-mini' or a Provider, got {llm!r}."
        )
    name, _, model = llm.partition('/')
    if name not in found:
        raise PluginError(f"Unknown provider '{name}'. {_installed(found)}")
    return found[name](model)


def find_discriminator(
    discriminator: str | Discriminator | Sequence[str | Discriminator],
) -> Discriminator:
    """The discriminator that a user named, or the one given; several judge on average.

    Raises:
        PluginError: There is no such discriminator.
    """
    if isinstance(discriminator, Discriminator):
        return discriminator
    found = discriminators()
    if not discriminator or isinstance(discriminator, type):
        raise PluginError(
            'discriminator must be a name, an instance, or a list with at least one of them, got '
            f'{discriminator!r}. {_installed(found)}'
        )
    if isinstance(discriminator, (list, tuple)):
        return Panel([find_discriminator(member) for member in discriminator])
    if not isinstance(discriminator, str) or discriminator not in found:
        raise PluginError(f"Unknown discriminator '{discriminator}'. {_installed(found)}")
    return found[discriminator]()


def find_sampler(sampler: str | Sampler) -> Sampler:
    """The sampler that a user named, or the one given.

    Raises:
        PluginError: There is no such sampler.
    """
    if isinstance(sampler, Sampler):
        return sampler
    found = samplers()
    if not isinstance(sampler, str) or sampler not in found:
        raise PluginError(
            f"Unknown sampler {sampler!r}. {_installed(found)} 'auto' chooses between 'llm' and "
            "'distilled'."
        )
    return found[sampler]()


def make_sampler(name: str, settings: Mapping[str, Any]) -> Sampler:
    """A registered sampler, made with settings of its own.

    Args:
        name: As for ``find_sampler``.
        settings: Arguments of what was registered, by name.

    Raises:
        PluginError: There is no such sampler, or it does not take these settings.
        ValueError: A setting is out of range, as the sampler says.
    """
    find_sampler(name)
    taken = {} if name in BUILT_IN else signature(samplers()[name]).parameters
    open_ended = any(one.kind is one.VAR_KEYWORD for one in dict(taken).values())
    if unknown := [key for key in settings if key not in taken and not open_ended]:
        raise PluginError(
            f'The sampler {name!r} has no setting {", ".join(map(repr, unknown))}. It takes: '
            f'{", ".join(taken) or "none"}.'
        )
    return samplers()[name](**settings)


@cache
def _plugins() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hookspecs.NAME)
    manager.add_hookspecs(hookspecs)
    manager.register(_Core(), name='sdv-llmgan')
    _broken().clear()
    for entry_point in entry_points(group=hookspecs.NAME):
        with _one_plugin(entry_point.name):
            manager.register(entry_point.load(), name=entry_point.name)
    return manager


@cache
def _broken() -> dict[str, str]:
    """Why plugins are left out, by their names."""
    return {}


@contextmanager
def _one_plugin(name: str) -> Iterator[None]:
    """Have one broken plugin not take the others with it, whatever it raises; say so once."""
    try:
        yield
    except PluginError:
        raise  # of this module: two plugins contradict each other
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is other people's code
        said = f'{type(error).__name__}: {error}'
        if _broken().get(name) != said:
            LOGGER.warning("Plugin '%s' cannot be loaded: %s.", name, said)
        _broken()[name] = said


def _installed(found: Mapping[str, object]) -> str:
    """What there is, and what should be but cannot be loaded."""
    reasons = '; '.join(f"'{name}' ({said})" for name, said in sorted(_broken().items()))
    return f'Installed: {", ".join(sorted(found))}.' + (
        f' Plugins that cannot be loaded: {reasons}.' if reasons else ''
    )


def _collect(kind: str) -> dict[str, Any]:
    """What all plugins offer of a kind, such as ``'provider'``, by name."""
    found: dict[str, Any] = {}

    def register(name: str, factory: ProviderFactory | DiscriminatorFactory) -> None:
        if name in found:
            raise PluginError(
                f"Two plugins offer a {kind} named '{name}': {found[name]} and {factory}. "
                'Uninstall one.'
            )
        found[name] = factory

    manager = _plugins()
    for name, plugin in manager.list_name_plugin():
        others = manager.get_plugins() - {plugin}
        with _one_plugin(name):
            manager.subset_hook_caller(f'register_{kind}s', others)(register=register)
    return found
