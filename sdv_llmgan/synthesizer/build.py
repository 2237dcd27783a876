"""From a synthesizer's arguments and a table to a loop that is ready to be fitted.

table -> schema -> rules -> view -> models by role -> first process, expert -> LLMGAN
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from sdv_llmgan.calls.audit import AuditLog
from sdv_llmgan.calls.budget import Ledger
from sdv_llmgan.calls.cache import to_cache
from sdv_llmgan.calls.metered import MeteredProvider
from sdv_llmgan.discriminators.base import Discriminator
from sdv_llmgan.discriminators.panel import Panel
from sdv_llmgan.egress.table_view import View
from sdv_llmgan.loop.loop import LLMGAN
from sdv_llmgan.loop.settings import LoopSettings
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import (
    COLUMNS_PER_PROMPT,
    DEFAULT_INSTRUCTION,
    GenerationProcess,
)
from sdv_llmgan.process.hill_climb import learn_causal_graph
from sdv_llmgan.process.knowledge import NOTHING_KNOWN, Knowledge
from sdv_llmgan.providers.base import Provider
from sdv_llmgan.registry import find_discriminator, find_provider, find_sampler
from sdv_llmgan.roles.examples import FEW
from sdv_llmgan.roles.expert import Expert
from sdv_llmgan.roles.generator import Generator
from sdv_llmgan.roles.optimizer import RULES, Optimizer
from sdv_llmgan.roles.tried import Measure
from sdv_llmgan.rules.constraints import Rules
from sdv_llmgan.synthesizer.arguments import LLM
from sdv_llmgan.table.column import MetadataDetail, quote
from sdv_llmgan.table.schema import TableSchema, check_descriptions, declared_names

if TYPE_CHECKING:
    from sdv_llmgan.synthesizer.forecast import Forecast
    from sdv_llmgan.synthesizer.synthesizer import LLMGANSynthesizer

LOGGER = logging.getLogger(__name__)

#: Advice starts here: a fifth of so many rows is what a batch is judged by.
FEW_ROWS = 20
#: A category looks like free text from so many values on, and from such a share of the rows.
MANY_CATEGORIES = 10
UNIQUE_SHARE = 0.7
#: Rows asked for with each example: a prompt is paid for once (docs/benchmarks.md, tokens).
ROWS_PER_EXAMPLE = 4
#: Tokens of a context in which a prompt may be filled with real rows, and many rows asked for.
LARGE_CONTEXT = 16_000


def make_loop(
    given: LLMGANSynthesizer, table: pd.DataFrame, ledger: Ledger | None = None
) -> LLMGAN:
    """The adversarial loop for a table, ready to be fitted.

    Args:
        given: Its arguments, metadata and constraints.
        table: What SDV hands over, shape (n_rows, n_columns).
        ledger: Where calls are counted; ``None``: a new one.

    Raises:
        EgressError: The egress policy and the table contradict each other.
        PluginError: There is no such provider, discriminator or sampler.
        ValueError: An argument names what the table does not have.
    """
    check_descriptions(given.column_descriptions, [*declared_names(given.metadata), *table.columns])
    # What SDV hands over transformed is typed by its dtype: it is not what the metadata says.
    schema = TableSchema.learned(
        table,
        given._handed_over(given.metadata),
        given.column_descriptions,
        enforce_rounding=given.enforce_rounding,
    )
    if schema.texts and given.sampler != 'auto' and not find_sampler(given.sampler).writes_text:
        raise ValueError(
            f'sampler={given.sampler!r} cannot write free text ({", ".join(schema.texts)}): '
            "only a model can. Take sampler='llm' or 'auto', or mark the columns as pii."
        )
    training = schema.to_plain(table)
    _warn_of_few(len(training))
    _warn_of_texts(schema, len(training))
    rules = Rules(given._reject_sampling_constraints, training, schema)
    view = _view(given, training, rules.stepped(schema), rules)
    ledger = ledger or Ledger(given.budget)
    provider = providers_of(given, ledger)
    metered = provider(given.generator_llm)
    settings = _settings(given, metered)
    generator = Generator(
        metered,
        given.generator_temperature,
        given.row_format or metered.row_format,
        given.enforce_min_max_values,
        given.target if settings.examples_per_call is None else None,
    )
    process = _first_process(given, view, _detail(given, metered))
    discriminator = _discriminator(given, provider, view)
    return LLMGAN(
        generator,
        discriminator,
        _optimizer(given, provider, discriminator) if given.optimize else None,
        settings,
        view,
        process,
        ledger,
        replace(generator, provider=metered.batched()) if given.batch else None,
        _expert(given, provider, view),
    )


def _view(
    given: LLMGANSynthesizer, training: pd.DataFrame, schema: TableSchema, rules: Rules
) -> View:
    """What models may see of the table."""
    if given.egress is None:
        return View.everything(training, schema, rules)
    declared = declared_names(given._original_metadata)
    return View.of(
        training,
        schema,
        rules,
        given.egress,
        given.egress.treatments(schema, declared, given.target),
        target=given.target,
        enforce_range=given.enforce_min_max_values,
        seed=given.seed,
    )


def providers_of(given: Forecast, ledger: Ledger) -> Callable[[LLM], MeteredProvider]:
    """What gives each role its model; roles that name the same one share it, and so its limits."""
    made: dict[Any, MeteredProvider] = {}
    cache, audit = to_cache(given.cache), given.audit_log
    audit = AuditLog(audit) if isinstance(audit, (str, os.PathLike)) else audit

    def provider(llm: LLM) -> MeteredProvider:
        llm = given.llm if llm is None else llm
        key = llm if isinstance(llm, str) else id(llm)
        if key not in made:
            played = given._stand_in(find_provider(llm))
            made[key] = MeteredProvider(played, ledger, cache, audit)
            made[key].check()
        return made[key]

    return provider


def _discriminator(
    given: LLMGANSynthesizer, provider: Callable[[LLM], Provider], view: View
) -> Discriminator:
    discriminator = deepcopy(find_discriminator(given.discriminator))
    discriminator.prepare(
        provider(given.discriminator_llm) if discriminator.asks_model else None,
        target=given.target,
        detail=given.metadata_detail,
        pool=view.pool,
        features=view.features if discriminator.learns else None,
    )
    return discriminator


def _optimizer(
    given: LLMGANSynthesizer, provider: Callable[[LLM], Provider], discriminator: Discriminator
) -> Optimizer | Literal['rules']:
    if given.optimizer_llm == RULES:
        return RULES
    is_race = given.search == 'race'
    members = discriminator.members if isinstance(discriminator, Panel) else [discriminator]
    measure: Measure = 'pairs' if all(member.learns for member in members) else 'score'
    return Optimizer(
        provider(given.optimizer_llm),
        given.optimizer_temperature,
        given.top_k,
        with_graph=given.causal_graph != 'none',
        measure=measure if is_race else 'accuracy',
        refuses=is_race,
    )


def _expert(given: LLMGANSynthesizer, provider: Callable[[LLM], Provider], view: View) -> Expert:
    # A process that is given has the graph to begin with.
    with_graph = given.causal_graph == 'ask' and given.generation_process is None
    known = given.knowledge
    if not isinstance(known, str):
        knowledge = known if isinstance(known, Knowledge) else Knowledge.from_dict(known)
        if given._beginning is None:
            knowledge.check(view.whole)
        else:  # few rows need not have all levels that were known before there were any
            knowledge = knowledge.within(view.whole)
        return Expert(None, knowledge, given.target, with_graph)
    if known == 'none' or (given.generation_process and given.generation_process.knowledge):
        return Expert(with_graph=with_graph)
    asked = provider(None if given.optimizer_llm == RULES else given.optimizer_llm)
    return Expert(asked if asked.is_expert else None, None, given.target, with_graph)


def _settings(given: LLMGANSynthesizer, provider: Provider) -> LoopSettings:
    named = {field.name: getattr(given, field.name) for field in fields(LoopSettings)}
    one_a_reply = provider.rows_per_reply == 1
    has_room = not one_a_reply and (provider.context or LARGE_CONTEXT) >= LARGE_CONTEXT
    if given.examples_per_call is None and (given.rows_per_example or not has_room):
        named['examples_per_call'] = min(FEW, given.batch_size)
    by_default = 1 if one_a_reply else ROWS_PER_EXAMPLE
    named['rows_per_example'] = given.rows_per_example or by_default
    return LoopSettings(**named)


def _detail(given: LLMGANSynthesizer, provider: Provider) -> MetadataDetail:
    """How much of the columns the generator is told; the smallest models lose their way in more."""
    is_small = given.metadata_detail == 'summary' and provider.rows_per_reply == 1
    return 'schema' if is_small else given.metadata_detail


def _first_process(
    given: LLMGANSynthesizer, view: View, detail: MetadataDetail
) -> GenerationProcess:
    former, schema, graph = given.generation_process, view.schema, _given_graph(given)
    graph.check_columns(view.whole.names)
    process = GenerationProcess(
        former.context if former else given.context,
        schema,
        view.told_graph(graph),
        former.instruction if former else given.instruction or DEFAULT_INSTRUCTION,
        detail,
        view.told_rules.words,
        former.knowledge.within(schema) if former else NOTHING_KNOWN,
    )
    if given.target is not None and given.target not in schema.names:
        raise ValueError(
            f'The target must be a column that the model sees, got {given.target!r}. '
            f'It can be: {", ".join(schema.names)}.'
        )
    if not former and given.causal_graph in ('hill-climb', 'ask'):
        process = process.revised(causal_graph=learn_causal_graph(view.told, schema, given.seed))
    if (num_prompts := len(process.parts())) > 1:
        warnings.warn(
            f'The table has {len(schema.names)} columns: a row is written in '
            f'{num_prompts} prompts of at most {COLUMNS_PER_PROMPT} columns and the '
            'causes of those. What the causal graph does not connect across them is lost.',
            stacklevel=1,
        )
    return process


def _given_graph(given: LLMGANSynthesizer) -> CausalGraph:
    if given.generation_process is not None:
        return given.generation_process.causal_graph
    named = isinstance(given.causal_graph, str)
    return CausalGraph() if named else CausalGraph.from_edges(given.causal_graph)


def _warn_of_few(num_rows: int) -> None:
    if num_rows < FEW_ROWS:
        LOGGER.warning(
            '%d rows are very few: below %d, scores and the choice of a sampler are left to '
            'chance, and synthetic rows stay close to the real ones.',
            num_rows,
            FEW_ROWS,
        )


def _warn_of_texts(schema: TableSchema, num_rows: int) -> None:
    """Say which categories look like names or notes that the metadata do not declare as such."""
    suspects = [
        column.name
        for column in schema
        if len(column.categories) > max(MANY_CATEGORIES, UNIQUE_SHARE * num_rows)
        and all(isinstance(value, str) for value in column.categories)
    ]
    if suspects:
        LOGGER.warning(
            'Nearly all values differ in %s. If these are names, notes or codes of single people, '
            'they are sent to the model and sampled as they are: declare them in the metadata '
            "(pii=True, 'id', 'text'), or withhold them with an EgressPolicy.",
            ', '.join(map(quote, suspects)),
        )
