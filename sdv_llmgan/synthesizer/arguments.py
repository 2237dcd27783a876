"""Arguments of ``LLMGANSynthesizer`` that cannot work, refused before anything is sent."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, TypeAlias, get_args

from sdv_llmgan.calls.audit import AuditLog
from sdv_llmgan.calls.budget import Budget
from sdv_llmgan.calls.cache import ReplyCache
from sdv_llmgan.discriminators.base import Discriminator
from sdv_llmgan.egress.policy import EgressPolicy, check_settings
from sdv_llmgan.loop.callbacks import check_callbacks
from sdv_llmgan.loop.settings import Search
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.process.knowledge import Knowledge
from sdv_llmgan.providers.base import Provider
from sdv_llmgan.registry import find_discriminator, find_provider, find_sampler
from sdv_llmgan.roles.examples import Selection
from sdv_llmgan.roles.optimizer import RULES
from sdv_llmgan.samplers.base import Sampler
from sdv_llmgan.synthesizer.private_settings import check_private
from sdv_llmgan.table.column import MetadataDetail
from sdv_llmgan.table.schema import RowFormat

#: What scikit-learn's models take.
MAX_SEED = 2**32 - 1

#: A model: ``'provider/model'``, a provider, or the default one.
LLM: TypeAlias = str | Provider | None


class Arguments:
    """What ``LLMGANSynthesizer`` is given, beside what every synthesizer of SDV is; see there."""

    llm: LLM
    context: str
    column_descriptions: Mapping[str, str] | None
    metadata_detail: MetadataDetail
    target: str | None
    causal_graph: str | Sequence[Sequence[str]]
    knowledge: str | Knowledge | Mapping[str, Any]
    instruction: str | None
    epochs: int
    batch_size: int
    examples_per_call: int | None
    rows_per_example: int | None
    example_selection: Selection
    optimizer_examples: int
    max_batches: int | None
    patience: int
    futility: bool
    max_top_ups: int
    discriminator: str | Discriminator | Sequence[str | Discriminator]
    search: Search
    optimize: bool
    generator_llm: LLM
    discriminator_llm: LLM
    optimizer_llm: LLM
    generator_temperature: float
    optimizer_temperature: float
    top_k: int
    row_format: RowFormat | None
    reject_copies: bool
    sampler: str | Sampler
    batch: bool
    budget: Budget | None
    cache: bool | str | os.PathLike[str] | ReplyCache
    audit_log: str | os.PathLike[str] | AuditLog | None
    seed: int
    verbose: bool
    callbacks: Sequence[Any]
    generation_process: GenerationProcess | None
    egress: EgressPolicy | None


def check_arguments(arguments: Mapping[str, Any]) -> None:
    """Check arguments that need no table.

    Args:
        arguments: Every argument of ``LLMGANSynthesizer`` by name.

    Raises:
        EgressError: The settings would send rows that the egress policy lets no model see, or show
            rows to others than a private sampler.
        PluginError: There is no such provider, discriminator or sampler.
        ValueError: An argument is out of range, or the causal graph has a cycle.
    """
    _check_numbers(arguments)
    _check_choices(arguments)
    for name in ('context', 'instruction'):
        if not isinstance(arguments[name] or '', str):
            raise ValueError(f'{name} must be text, got {arguments[name]!r}.')
    if not isinstance(arguments['column_descriptions'] or {}, Mapping):
        raise ValueError('column_descriptions must map names of columns to texts.')
    if isinstance(arguments['causal_graph'], (list, tuple)):
        CausalGraph.from_edges(arguments['causal_graph'])
    elif arguments['causal_graph'] not in ('hill-climb', 'ask', 'none'):
        raise ValueError(
            "causal_graph must be 'hill-climb', 'ask', 'none' or a list of (cause, effect) pairs, "
            f'got {arguments["causal_graph"]!r}.'
        )
    _check_knowledge(arguments['knowledge'])
    if arguments['causal_graph'] == 'ask' and arguments['knowledge'] == 'none':
        raise ValueError(
            "causal_graph='ask' needs knowledge, whose effects are the graph, but knowledge is "
            "'none'. Use knowledge='ask' or your own, or causal_graph='hill-climb'."
        )
    for llm in (
        arguments['generator_llm'],
        arguments['discriminator_llm'],
        None if arguments['optimizer_llm'] == RULES else arguments['optimizer_llm'],
    ):
        find_provider(arguments['llm'] if llm is None else llm)
    discriminator = find_discriminator(arguments['discriminator'])
    check_settings(
        arguments['egress'],
        asks_model=discriminator.asks_model,
        optimizer_examples=arguments['optimizer_examples'],
    )
    check_callbacks(arguments['callbacks'])
    _check_process(arguments)
    _check_safeguards(arguments)
    check_private(arguments)


def _check_knowledge(knowledge: object) -> None:
    if isinstance(knowledge, Mapping):
        Knowledge.from_dict(knowledge)
    elif knowledge not in ('ask', 'none') and not isinstance(knowledge, Knowledge):
        raise ValueError(
            "knowledge must be 'ask', 'none', a Knowledge or its JSON form (a mapping with "
            f'"effects", "typical" and "rules"), got {knowledge!r}.'
        )


def _check_numbers(arguments: Mapping[str, Any]) -> None:
    counts = {
        **{'epochs': 1, 'batch_size': 2, 'patience': 1, 'top_k': 1},
        **{'optimizer_examples': 0, 'max_top_ups': 0, 'seed': 0},
    }
    may_be_none = ('max_batches', 'rows_per_example', 'examples_per_call')
    counts |= {name: 1 for name in may_be_none if arguments[name] is not None}
    for name, least in counts.items():
        _check_number(name, arguments[name], least, Integral)
    if arguments['seed'] > MAX_SEED:
        raise ValueError(f'seed must be at most {MAX_SEED}, got {arguments["seed"]}.')
    for name in ('generator_temperature', 'optimizer_temperature'):
        _check_number(name, arguments[name], 0, Real)
    if (arguments['examples_per_call'] or 1) > arguments['batch_size']:
        raise ValueError(
            f'examples_per_call ({arguments["examples_per_call"]}) must not exceed batch_size '
            f'({arguments["batch_size"]}): a batch is cut into calls.'
        )


def _check_choices(arguments: Mapping[str, Any]) -> None:
    choices = {
        'row_format': (None, *get_args(RowFormat)),
        'metadata_detail': get_args(MetadataDetail),
        'example_selection': get_args(Selection),
        'search': get_args(Search),
    }
    for name, allowed in choices.items():
        if arguments[name] not in allowed:
            raise ValueError(
                f'{name} must be one of {", ".join(map(repr, allowed))}, got {arguments[name]!r}.'
            )
    for name in ('batch', 'futility'):
        if arguments[name] not in (True, False):
            raise ValueError(f'{name} must be True or False, got {arguments[name]!r}.')
    may_ask_model(arguments['sampler'])
    if arguments['batch'] and arguments['sampler'] != 'llm':
        raise ValueError(
            "batch=True sends sampling through the provider's batch API, so it needs "
            f"sampler='llm', got {arguments['sampler']!r}."
        )


def may_ask_model(sampler: str | Sampler) -> bool:
    """Whether rows may come from a model.

    Raises:
        PluginError: There is no such sampler.
    """
    return sampler == 'auto' or find_sampler(sampler).asks_model


def _check_safeguards(arguments: Mapping[str, Any]) -> None:
    kinds: dict[str, tuple[type[Any], ...]] = {
        'budget': (Budget, type(None)),
        'cache': (bool, str, os.PathLike, ReplyCache),
        'audit_log': (str, os.PathLike, AuditLog, type(None)),
    }
    for name, allowed in kinds.items():
        if not isinstance(arguments[name], allowed):
            names = ', '.join(kind.__name__ for kind in allowed)
            raise ValueError(f'{name} must be one of {names}, got {arguments[name]!r}.')


def _check_process(arguments: Mapping[str, Any]) -> None:
    process = arguments['generation_process']
    if not isinstance(process, (GenerationProcess, type(None))):
        raise ValueError(
            f'generation_process must be a GenerationProcess, got {process!r}. '
            'GenerationProcess.from_json() reads a saved one.'
        )
    if process is not None and (arguments['instruction'] or arguments['context']):
        raise ValueError(
            'generation_process has a context and an instruction of its own: leave those arguments '
            'out, or give dataclasses.replace(process, context=...).'
        )


def _check_number(name: str, value: object, least: int, kind: type[Any]) -> None:
    if isinstance(value, bool) or not isinstance(value, kind) or not value >= least:
        noun = 'a whole number' if kind is Integral else 'a number'
        raise ValueError(f'{name} must be {noun} of at least {least}, got {value!r}.')
