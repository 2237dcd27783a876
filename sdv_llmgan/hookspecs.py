"""What a plugin can add. Entry-point group: ``sdv_llmgan``."""

from __future__ import annotations

from collections.abc import Callable

import pluggy

from sdv_llmgan.discriminators.base import Discriminator
from sdv_llmgan.providers.base import Provider
from sdv_llmgan.samplers.base import Sampler

ProviderFactory = Callable[[str], Provider]
DiscriminatorFactory = Callable[[], Discriminator]
SamplerFactory = Callable[[], Sampler]

NAME = 'sdv_llmgan'
hookspec = pluggy.HookspecMarker(NAME)
hookimpl = pluggy.HookimplMarker(NAME)


@hookspec
def register_providers(register: Callable[[str, ProviderFactory], None]) -> None:
    """Offer providers of language models.

    Call ``register('acme', AcmeProvider)``; users then write ``llm='acme/model-name'``, and
    ``AcmeProvider('model-name')`` is made. Import the vendor's SDK inside the class, not at the
    top: every installed plugin is loaded.
    """


@hookspec
def register_discriminators(register: Callable[[str, DiscriminatorFactory], None]) -> None:
    """Offer discriminators.

    Call ``register('forest', ForestDiscriminator)``; users then write ``discriminator='forest'``,
    and ``ForestDiscriminator()`` is made.
    """


@hookspec
def register_samplers(register: Callable[[str, SamplerFactory], None]) -> None:
    """Offer samplers: where rows come from after the fit.

    Call ``register('copula', CopulaSampler)``; users then write ``sampler='copula'``, and
    ``CopulaSampler()`` is made, and fitted at the end of the fit. ``'auto'`` is no free name.
    """
