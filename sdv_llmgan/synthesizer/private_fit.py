"""A fit whose sampler guarantees something of each row: nothing else may look at the rows.

what is known, asked without a row -> rows made of it -> the sampler, which alone sees real rows
    -> rows that it draws -> all the rest: schema, graph, process, few-shot examples, rules

What is computed from rows of a private sampler is as private as they are (post-processing), so that
the rest of the package is used as it is, on such rows.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from rdt.transformers import BaseTransformer
from sdv.cag import FixedIncrements, Inequality, Range
from sdv.data_processing import DataProcessor
from sdv.metadata import Metadata

from sdv_llmgan.calls.budget import Ledger
from sdv_llmgan.errors import EgressError, SamplingError
from sdv_llmgan.loop.fitted_model import FittedModel
from sdv_llmgan.loop.loop import LLMGAN
from sdv_llmgan.loop.step import Step
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.process.knowledge import NOTHING_KNOWN, Knowledge
from sdv_llmgan.registry import find_sampler
from sdv_llmgan.rules.words import parameters
from sdv_llmgan.samplers.base import Learned, Sampler
from sdv_llmgan.synthesizer.build import make_loop
from sdv_llmgan.synthesizer.from_knowledge import NO_MODEL
from sdv_llmgan.table.column import quote
from sdv_llmgan.table.declared import declared_schema
from sdv_llmgan.table.released import released
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.training_set import GeneratedRows, TrainingSet
from sdv_llmgan.table.types import SDVMetadata
from sdv_llmgan.table.wanted import Wanted
from sdv_llmgan.without_rows.beginning import BY_MODEL, Beginning
from sdv_llmgan.without_rows.outline import figures_of, outlines, schema_of, typical_of
from sdv_llmgan.without_rows.statistics import NO_STATISTICS

if TYPE_CHECKING:
    from sdv_llmgan.synthesizer.synthesizer import LLMGANSynthesizer

#: Rows made of what is known; and rows that the private sampler draws for the rest to learn from.
KNOWN_ROWS, DRAWN_ROWS = 10_000, 2_000
#: Rounds in which drawn rows that keep all constraints are looked for.
ROUNDS = 20
#: Constraints that say of a row by itself whether it keeps them, and learn nothing of others.
BY_ROW = (Inequality, Range, FixedIncrements)
STOPPED = 'private: no loop'


def check_table(given: LLMGANSynthesizer, names: Sequence[str]) -> None:
    """Refuse what SDV would carry from training rows past a private sampler.

    Args:
        given: Its constraints and transformers.
        names: The columns that SDV hands over.

    Raises:
        EgressError: A constraint or a transformer learns from the rows, or the metadata may have.
    """
    tables = given._original_metadata.to_dict()['tables']
    if tables != without_values(given._original_metadata).to_dict()['tables']:
        raise EgressError(
            f'sampler={given.sampler!r} was set after the synthesizer was made, with metadata that '
            'holds ranges or other values. Make a new one with this sampler.'
        )
    rules = [*given._chained_constraints, *given._reject_sampling_constraints]
    learning = [rule for rule in rules if not isinstance(rule, BY_ROW)]
    if given._chained_constraints or learning:
        named = ', '.join(type(rule).__name__ for rule in learning) or 'a chained constraint'
        raise EgressError(
            f'sampler={given.sampler!r} guarantees privacy, and {named} learns from training rows '
            'what samples then hold. Only Inequality, Range and FixedIncrements on columns of the '
            'table go with it.'
        )
    fields = given._data_processor._hyper_transformer.field_transformers
    changed = {str(name) for name, one in fields.items() if one is not None and _learns(one)}
    changed |= {*names} - {str(name) for name in given._handed_over(given.metadata)}
    if changed:
        raise EgressError(
            f'sampler={given.sampler!r} guarantees privacy, and the transformers of '
            f'{", ".join(map(quote, sorted(changed)))} learn from training rows. Leave them out.'
        )


def _learns(transformer: BaseTransformer) -> bool:
    """Whether a transformer of RDT keeps something of values; those that make values up do not."""
    rule = getattr(transformer, 'cardinality_rule', None)
    return not transformer.is_generator() or rule in ('match', 'scale')


def without_values(metadata: SDVMetadata) -> Metadata:
    """Other metadata of the same table, without what detection learns from its values.

    Ranges, levels, decimals and gaps: nobody can tell whether somebody wrote them down.
    """
    metadata.validate()
    return Metadata.load_from_dict(released(Metadata.load_from_dict(metadata.to_dict()).to_dict()))


def forget_values(processor: DataProcessor) -> None:
    """Have SDV's data processor keep nothing of the values of training rows, nor their number."""
    processor.formatters.clear()  # minimum, maximum, decimals, how dates are written
    for name, dtype in processor._dtypes.items():
        if isinstance(dtype, pd.CategoricalDtype):
            processor._dtypes[name] = dtype.categories.dtype
    for made_up in processor._hyper_transformer.field_transformers.values():
        if made_up is not None and made_up.is_generator():
            # RDT seeds what it makes up with the first values, and keeps how many there were.
            column = made_up.get_input_column()
            made_up.fit(pd.DataFrame({column: [None]}, dtype=object), column)
            made_up._nan_frequency = 0.0


def fit_privately(given: LLMGANSynthesizer, table: pd.DataFrame) -> LLMGAN:
    """A model of which nothing but the sampler has seen the table.

    Args:
        given: Its arguments, metadata and constraints.
        table: What SDV hands over, shape (n_rows, n_columns).

    Raises:
        EgressError: Something else would look at the rows, or learn from them.
        SamplingError: Hardly any drawn row keeps the constraints.
        ValueError: A column cannot be modelled, or an argument is of what the table does not have.
    """
    check_table(given, [str(name) for name in table])
    started, ledger = time.monotonic(), Ledger(given.budget)
    sampler = copy.deepcopy(find_sampler(given.sampler))
    schema = _schema(given, table, sampler)
    sampler.check(schema)
    beginning = _known(given, ledger)
    learned = _learned(given, beginning, schema)
    training = TrainingSet(
        schema.to_plain(table), schema, given.seed, given.target, reject_copies=False
    )
    sampler.fit(training, learned)
    drawn = _drawn(given, sampler, schema)
    twin = copy.copy(given)
    twin.__dict__.update(
        knowledge=beginning.knowledge,
        causal_graph=list(learned.causal_graphs[0].edges),
        reject_copies=False,  # they would be copies of drawn rows
        _beginning=beginning,
        **({} if ledger.bill.used else NO_MODEL),
    )
    model = make_loop(twin, drawn, ledger)
    process, _ = model.expert.inform(model.fitted.process, given.seed)
    step = Step(0, 0, process)
    step.add_note(str(sampler.privacy or ''))
    step.count_usage(ledger.bill.total(), time.monotonic() - started)
    model.history.add(step, model.discriminator)
    model.history.stop(STOPPED)
    model.follow(process)
    model.take(_with(model, sampler, given.sampler, schema))
    model.history.end(model.fitted.origin)
    return model


def _schema(given: LLMGANSynthesizer, table: pd.DataFrame, sampler: Sampler) -> TableSchema:
    rules = [parameters(rule) for rule in given._reject_sampling_constraints if _has_step(rule)]
    steps = {rule['column_name']: int(rule['increment_value']) for rule in rules}
    schema = declared_schema(table, given._handed_over(given.metadata), steps)
    if schema.texts and not sampler.writes_text:
        raise ValueError(
            f'sampler={given.sampler!r} cannot write free text ({", ".join(schema.texts)}): '
            'mark the columns as pii, or leave them out.'
        )
    if given.target is not None and given.target not in schema.names:
        raise ValueError(
            f'The target must be a column that is modelled, got {given.target!r}. It can be: '
            f'{", ".join(schema.names)}.'
        )
    return schema


def _has_step(rule: object) -> bool:
    return isinstance(rule, FixedIncrements)


def _known(given: LLMGANSynthesizer, ledger: Ledger) -> Beginning:
    """What the user knows, published, or a model says, which is asked about names alone."""
    if given._beginning is not None:
        return given._beginning
    if given.knowledge == 'ask':
        return given._beginning_of(None, ledger, strict=False)
    known = given.knowledge if isinstance(given.knowledge, Knowledge) else NOTHING_KNOWN
    if isinstance(given.knowledge, Mapping):
        known = Knowledge.from_dict(given.knowledge)
    declared = given._handed_over(given.metadata)
    found = outlines(declared, figures_of([typical_of(known)]))
    told = known.within(schema_of(found))
    return Beginning.of(found, told, NO_STATISTICS, ('the user',))


def _learned(given: LLMGANSynthesizer, beginning: Beginning, schema: TableSchema) -> Learned:
    """What a private sampler is told; nothing of it comes from training rows."""
    known = given.knowledge
    known = Knowledge.from_dict(known) if isinstance(known, Mapping) else known
    by_user = BY_MODEL not in ' '.join(beginning.sources)
    graph = beginning.graph
    if not isinstance(given.causal_graph, str):
        graph = CausalGraph.from_edges(given.causal_graph)
        graph.check_columns(schema.names)
    elif isinstance(known, Knowledge):
        edges = [edge for edge in known.causal_graph.edges if set(edge) <= set(schema.names)]
        graph = graph.changed(edges)[0]
    told = schema_of(beginning.outlines)
    process = GenerationProcess(
        given.context,
        told,
        CausalGraph.from_edges([e for e in graph.edges if set(e) <= set(told.names)]),
        knowledge=beginning.knowledge.within(told),
    )
    rows = beginning.plain_rows(KNOWN_ROWS, given.seed)
    trusted = known if isinstance(known, Knowledge) and by_user else NOTHING_KNOWN
    return Learned(
        process, None, causal_graphs=[graph], generated=GeneratedRows.of(rows), known=trusted
    )


def _drawn(given: LLMGANSynthesizer, sampler: Sampler, schema: TableSchema) -> pd.DataFrame:
    """Rows of the sampler that keep the constraints, as SDV stores them."""
    rng, parts, count = np.random.default_rng(given.seed), [], 0
    for _ in range(ROUNDS):
        plain = sampler.sample(Wanted.unconditioned(DRAWN_ROWS), rng).rows
        stored = schema.from_plain(plain)
        kept = np.ones(len(stored), dtype=bool)
        for rule in given._reject_sampling_constraints:
            kept &= np.asarray(rule.is_valid(stored), dtype=bool)
        parts.append(stored[kept])
        count += int(kept.sum())
        if count >= DRAWN_ROWS:
            break
    if count < DRAWN_ROWS / ROUNDS:
        raise SamplingError(
            f'{count} of {ROUNDS * DRAWN_ROWS} rows that {given.sampler!r} draws keep the '
            'constraints. Leave them out, or give the sampler more to spend.'
        )
    return pd.concat(parts, ignore_index=True).head(DRAWN_ROWS)


def _with(
    model: LLMGAN, sampler: Sampler, named: str | Sampler, schema: TableSchema
) -> FittedModel:
    """The fitted model whose rows the sampler draws; columns may be missing as dtypes have it."""
    fitted = model.fitted
    whole = fitted.view.whole.replaced(
        replace(column, nullable=schema[column.name].nullable) for column in fitted.view.whole
    )
    source = named if isinstance(named, str) else type(named).__name__
    view = replace(fitted.view, whole=whole)
    return replace(fitted, view=view, source=source, chosen=sampler, is_private=True)
