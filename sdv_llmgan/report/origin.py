"""Where the synthetic rows come from: rules, process, story of the fit, bill, what left."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import pandas as pd
from sdv.cag.base import BaseConstraint

from sdv_llmgan.egress.column_view import ColumnView
from sdv_llmgan.egress.policy import EgressPolicy
from sdv_llmgan.formats.words import and_list, plural
from sdv_llmgan.loop.fitted_model import FittedModel
from sdv_llmgan.loop.history import History
from sdv_llmgan.loop.origin import GAIN_MEANS, SHARES_MEAN, SOURCES, Origin
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.report.charts import MAX_NODES
from sdv_llmgan.report.content import Figure, Line, Lines, Network, Score, Section, Table
from sdv_llmgan.report.inputs import Inputs, measure
from sdv_llmgan.report.private import private_words
from sdv_llmgan.report.without_rows import DRAWN
from sdv_llmgan.report.without_rows import SENT as SENT_WITHOUT_ROWS
from sdv_llmgan.rules.words import rule_words
from sdv_llmgan.samplers.base import Privacy
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.summaries import MIN_ROWS_TOLD
from sdv_llmgan.table.types import SDVMetadata

NO_SYNTHESIZER = 'The report was made from tables alone, without the synthesizer.'
#: By the egress policy's treatment of a column.
TREATED = {
    'send': 'the values',
    'bucket': 'ranges in place of values',
    'pseudonymize': 'stand-ins in place of values',
    'withhold': 'nothing',
}
#: Columns that the first screen tells of.
MOST_SOURCES = 6
UNPRICED = 'at prices that are not all known'
CHANGED = 'From the first process to the best:'
#: What a model outside is sent, by ``metadata_detail``.
SENT = {
    'none': 'names of columns',
    'schema': 'names of columns, category lists, minima and maxima',
    'summary': 'names of columns, category lists with their shares, minima, maxima and quartiles',
    'full': 'names of columns, category lists with shares, minima, maxima, quartiles and examples',
}


class FittedSynthesizer(Protocol):
    """What a report reads of a fitted ``LLMGANSynthesizer``; see there."""

    egress: EgressPolicy | None
    metadata_detail: str
    audit_log: object
    _original_metadata: SDVMetadata

    @property
    def history(self) -> History:
        """All steps of the fit."""

    def get_generation_process(self) -> GenerationProcess:
        """The fitted process."""

    def get_info(self) -> dict[str, Any]:
        """Facts on the fit."""

    def get_history(self) -> pd.DataFrame:
        """One line a step."""

    def get_usage(self) -> pd.DataFrame:
        """One line a phase, and the total."""

    def get_fitted_model(self) -> FittedModel:
        """What the fit has learned."""


def rules(inputs: Inputs, constraints: Sequence[BaseConstraint]) -> Section:
    """The section on constraints: how many synthetic rows keep each.

    Args:
        inputs: The tables.
        constraints: SDV's constraints, on columns of the table.
    """
    if not constraints:
        score = replace(_rule_score(0), reason='No constraints were given.')
        return Section('rules', 'Does it keep the rules?', scores=(score,))
    kept = np.ones(len(inputs.synthetic), dtype=bool)
    rows, failed = [], []
    for number, constraint in enumerate(constraints, start=1):
        words = _words(constraint)

        def compute(constraint: BaseConstraint = constraint, words: str = words) -> float:
            valid = _valid(constraint, inputs)
            np.logical_and(kept, valid, out=kept)
            rows.append((words, int(valid.sum()), int((~valid).sum()), float(valid.mean())))
            return float(valid.mean())

        score = measure(Score(f'rule_{number}', words, 'higher is better', ''), compute)
        if score.value is None:
            failed.append(f'{words} {score.reason}')
    score = _rule_score(len(rows))
    if rows:
        broken = int((~kept).sum())
        reading = f'{broken:,} of {plural(len(kept), "row")} break one.'
        score = replace(score, value=float(kept.mean()), reading=reading, look=broken > 0)
    else:
        score = replace(score, reason='None of the constraints could be checked.')
    columns = ('Rule', 'Rows that keep it', 'Rows that break it', 'Share')
    tables = (Table('Rule by rule', columns, tuple(rows)),) if rows else ()
    notes = tuple(f'Not checked: {text}' for text in failed)
    return Section('rules', 'Does it keep the rules?', scores=(score,), notes=notes, tables=tables)


def sources(synthesizer: FittedSynthesizer) -> Section:
    """The first screen's words on where rows come from, with the columns that others had a part in.

    Where rows were learned from the table alone, or a model writes them, it is one sentence.
    """
    origin = synthesizer.get_fitted_model().origin
    title = 'Where do the rows come from?'
    lead = origin.words()
    if origin.source == 'llm':
        lead = f'The language model {synthesizer.get_info()["llm"]} writes every row itself.'
    if not origin.columns:
        return Section('sources', title, lead)
    told = origin.columns[:MOST_SOURCES]
    words = origin.gain_words()
    lead += f' {words[0].upper()}{words[1:]}.' if words else ''
    others = len(origin.learned_from) - len(told)
    note = (
        f'The other {plural(others, "column")}: under “How were the rows made?”.' if others else ''
    )
    return Section('sources', title, lead, tables=(_source_table(origin, told, note),))


def _source_table(origin: Origin, columns: Sequence[str], note: str = '') -> Table:
    """A line a column: whose share it is, and what the model's rows brought."""
    gain = ['gain by them'] if origin.gain else []
    head = ('Column', *SOURCES.values(), *gain)
    lines = tuple(
        (name, *origin.shares(name), *([origin.gain_of(name)] if origin.gain else []))
        for name in columns
    )
    return Table('What each column was learned from', head, lines, note)


def process(synthesizer: FittedSynthesizer) -> Section:
    """The section on the generation process: in words, and its graph."""
    found: GenerationProcess = synthesizer.get_generation_process()
    info = synthesizer.get_info()
    told = (
        f'The text is what the language model {info["llm"]} was told while the process was '
        'searched for.'
    )
    leads = {
        'llm': f'The rows were written by the language model {info["llm"]}, which followed the '
        'text below.',
        'distilled': 'The rows were drawn by a local sampler that was fitted on the training rows '
        f'at the end; it draws the columns in the order of the graph below. {told}',
    }
    of_a_plugin = f'The rows were drawn by the sampler {info["sampler"]}, fitted at the end. {told}'
    lead = DRAWN if info['made_without_data'] else leads.get(info['sampler'], of_a_plugin)
    if info['privacy'] is not None:
        lead = private_words(info['sampler'], Privacy(**info['privacy']))
    edges = found.causal_graph.edges
    linked = [name for name in found.schema.names if any(name in edge for edge in edges)]
    alone = [name for name in found.schema.names if name not in linked]
    notes, figures, tables = [], [], []
    if edges and len(linked) <= MAX_NODES:
        caption = 'An arrow leads from a column to one that depends on it. ' + (
            f'Without an arrow: {and_list(alone)}.' if alone else ''
        )
        figures.append(Figure('Which column affects which', Network(tuple(linked), edges), caption))
    elif edges:
        tables.append(Table('Which column affects which', ('Cause', 'Effect'), edges))
    else:
        notes.append('The causal graph has no edges: no column was taken to depend on another.')
    origin = synthesizer.get_fitted_model().origin
    if origin.columns or origin.gain:
        tables.append(_source_table(origin, [*origin.learned_from]))
        notes += [SHARES_MEAN, *([GAIN_MEANS] if origin.gain else [])]
    notes.append('The graph serves to write plausible rows; it does not prove what causes what.')
    notes.append(
        f'Ranges are rounded here, and categories of fewer than {MIN_ROWS_TOLD} training rows are '
        'not named.'
    )
    return Section(
        'process',
        'How were the rows made?',
        lead,
        notes=tuple(notes),
        tables=tuple(tables),
        figures=tuple(figures),
        text=_discreet(found, synthesizer.get_fitted_model()).to_text(),
    )


def story(synthesizer: FittedSynthesizer) -> Section:
    """The section on the fit: its score step by step."""
    history: pd.DataFrame = synthesizer.get_history()
    info = synthesizer.get_info()
    title = 'How did the fit go?'
    if history.empty:
        return Section('story', title, notes=(f'No step was made ({info["stopped"]}).',))
    history = history.reset_index(drop=True)
    steps = history.index  # counted from 0, as everywhere
    lead = (
        f'The fit made {plural(len(history), "step")} and ended: {info["stopped"]}. Each step '
        'tries one generation process on a batch; a discriminator then tells its rows from real '
        'ones. 0 means that it could only guess, 1 that it was always right: lower is better.'
    )
    best = history.index[history['best']]
    marked = None
    if len(best):
        score = float(history['score'][best[0]])
        marked = (float(best[0]), score, f'best: {score:.2f}')
    changes: tuple[str, ...] = ()
    revision: tuple[tuple[str, str], ...] = ()
    if len(best) and best[0] > 0:
        change = synthesizer.history.diff(0, int(best[0]))
        told = str(change).splitlines()
        # The columns in words would name rare categories; the process below tells them discreetly.
        changes = tuple(
            line for line in told if not line.startswith(('instruction: ', 'columns: '))
        )
        revision = tuple(change.words('instruction'))
    line = Line(
        'score by the last discriminator',
        tuple(map(float, steps)),
        tuple(None if pd.isna(value) else float(value) for value in history['score']),
    )
    chart = Lines((line,), 'step', 'score (lower is better)', marked, points=True)
    wanted = ['score', 'accuracy', 'accepted', 'rejected', 'edges', 'calls', 'tokens', 'note']
    shown = history[[name for name in wanted if name in history]]
    table = pd.concat([pd.Series(steps, name='step'), shown], axis=1)
    return Section(
        'story',
        title,
        lead,
        notes=(*_rejections(history), *([CHANGED] if changes else [])),
        points=changes,
        revision=revision,
        tables=(Table.from_frame('Step by step', table),),
        figures=(Figure('Score by step', chart),) if history['score'].notna().any() else (),
    )


def bill(synthesizer: FittedSynthesizer) -> Section:
    """The section on calls, tokens and, where prices are known, dollars."""
    usage: pd.DataFrame = synthesizer.get_usage()
    title = 'What did it cost?'
    if usage.empty:
        return Section('bill', title, 'No model was asked.')
    # One unknown price makes the sum unknown.
    total = {name: usage[name].sum(skipna=False) for name in usage if usage[name].notna().all()}
    frame = pd.concat([usage, pd.DataFrame([total], index=['all'])]).rename_axis('role')
    frame = frame.reset_index().rename(columns=lambda name: str(name).replace('_', ' '))
    usd = total.get('usd')
    price = 'at no charge' if usd == 0 else f'for {usd:.4f} US dollars' if usd else UNPRICED
    lead = (
        f'{plural(int(total["calls"]), "call")} to language models, {price}, in fitting and '
        'sampling so far.'
    )
    if replayed := int(total['replayed']):
        lead += f' {plural(replayed, "request")} more were answered from the cache.'
    return Section('bill', title, lead, tables=(Table.from_frame('By role', frame),))


def egress(synthesizer: FittedSynthesizer) -> Section:
    """The section on what left the machine."""
    info = synthesizer.get_info()
    usage: pd.DataFrame = synthesizer.get_usage()
    title = 'What left the machine?'
    if info['llm'] is None:
        return Section('egress', title, 'Nothing: no model was asked.')
    if not info['remote']:
        lead = (
            f'Nothing. Every model that was asked ran on the machine that fitted ({info["llm"]}).'
        )
        return Section('egress', title, lead)
    policy: EgressPolicy = synthesizer.egress or EgressPolicy()
    calls = int(usage['calls'].sum()) if len(usage) else 0
    lead = (
        f'A model outside was asked: at least one role has one ({info["llm"]} writes rows). '
        f'{plural(calls, "request")} were made in all, fitting and sampling together.'
    )
    without = info['made_without_data'] or info['privacy'] is not None
    notes = [SENT_WITHOUT_ROWS if without else _rows_sent(policy)]
    if policy.is_open and not without:
        notes.append(f'Of the columns: {SENT[synthesizer.metadata_detail]}.')
    notes.append(
        'With them: your context and descriptions, each constraint in words, and the values that '
        'conditions ask for. Keys and personal columns never are.'
    )
    if synthesizer.audit_log is not None:
        notes.append('Every request is noted in the audit log that was asked for.')
    shown = synthesizer.get_generation_process().schema.names
    rows = tuple(
        (name, TREATED[policy.columns.get(name, policy.default)] if name in shown else 'nothing')
        for name in next(iter(synthesizer._original_metadata.tables.values())).columns
    )
    table = Table('Column by column', ('Column', 'What a model is told of its values'), rows)
    return Section('egress', title, lead, notes=tuple(notes), tables=(table,))


def _discreet(process: GenerationProcess, model: FittedModel) -> GenerationProcess:
    """The same process without what its columns tell of single training rows."""
    if model.view.pool is not None:
        return process  # the policy saw to it
    training = model.writer.examples.training
    columns = tuple(
        ColumnView.sent(column, training[column.name], capped=True).column
        for column in process.schema
    )
    schema = TableSchema(columns)
    return replace(process, schema=schema, knowledge=process.knowledge.within(schema))


def _rows_sent(policy: EgressPolicy) -> str:
    if policy.is_open:
        return 'Requests that ask for rows hold real rows as examples.'
    statistics = 'only statistics: rounded ranges, and categories that at least five rows have'
    if not policy.rows:
        return f'No row was sent, {statistics}.'
    return f'At most {policy.max_rows} different real rows were sent; of the others {statistics}.'


def _rejections(history: pd.DataFrame) -> list[str]:
    if 'reasons' not in history:
        return []
    total = pd.DataFrame(list(history['reasons'])).sum().sort_values(ascending=False)
    if not len(total):
        return []
    words = [f'{reason} ({int(count):,})' for reason, count in total.head(8).items()]
    return [f'Generated rows were rejected for: {"; ".join(words)}.']


def _rule_score(count: int) -> Score:
    return Score(
        'rules_kept',
        'Constraints kept',
        'higher is better',
        f'Share of synthetic rows that keep {"the rule" if count == 1 else "all rules"} given for '
        'the table.',
    )


def _words(constraint: BaseConstraint) -> str:
    try:
        return rule_words(constraint)
    except Exception:  # noqa: BLE001 - a rule in code may describe itself in any way
        return f'The rule {type(constraint).__name__} holds.'


def _valid(constraint: BaseConstraint, inputs: Inputs) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which synthetic rows keep a constraint as the real table has it, shape (n_synthetic,)."""
    fresh = deepcopy(constraint)
    fresh.fit(inputs.real.copy(), inputs.metadata)
    return np.asarray(fresh.is_valid(inputs.synthetic.copy()), dtype=bool)
