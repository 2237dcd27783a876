"""The end of a fit: the sampler that was asked for is fitted, or the better one chosen.

real rows + generated rows -> sampler
real rows -> trust in the model's rows -> error of predicting real ones from either source; see
``comparison``
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace

import numpy as np

from sdv_llmgan.egress.table_view import View
from sdv_llmgan.loop.comparison import NOT_COMPARED, Comparison, compare
from sdv_llmgan.loop.fitted_model import ColumnOrder, FittedModel
from sdv_llmgan.loop.history import History
from sdv_llmgan.loop.progress import distill_bar
from sdv_llmgan.loop.settings import LoopSettings
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.registry import find_sampler
from sdv_llmgan.samplers.base import Learned, Sampler
from sdv_llmgan.samplers.distillation import Distillation
from sdv_llmgan.samplers.local import LocalSampler
from sdv_llmgan.table.training_set import GeneratedRows, TrainingSet

LOGGER = logging.getLogger(__name__)


def with_sampler(
    fitted: FittedModel,
    settings: LoopSettings,
    *,
    enforce_range: bool,
    is_futile: bool = False,
) -> FittedModel:
    """A fitted model whose rows come from where the settings say.

    Args:
        fitted: With rows from the model.
        settings: Say which sampler is wanted, and whether progress is shown.
        enforce_range: Whether numbers stay within the training table's range.
        is_futile: Whether more rows of the model are known to add nothing.
    """
    view, named = fitted.view, settings.sampler
    if named == 'auto' and view.whole.texts:
        named = 'llm'
    is_fitted_already = named == 'llm' and view.is_complete
    with distill_bar(enabled=settings.verbose and not is_fitted_already) as on_model:
        training = training_set(view, settings, enforce_range=enforce_range)
        learned = replace(learned_by(fitted), on_model=on_model)
        distillation = Distillation(training, learned)
        if settings.futility and not (is_futile or is_fitted_already):
            is_futile = _is_futile(distillation)
        if is_futile:
            # What such rows change is scatter: rows of real ones alone cost nothing.
            learned = replace(learned, generated=None)
            distillation = Distillation(training, learned)
        if named == 'auto':
            comparison = _compared(distillation, fitted, is_futile=is_futile)
            fitted, named = replace(fitted, comparison=comparison), comparison.chosen
        sampler: Sampler
        if named == 'distilled':
            sampler = LocalSampler(distillation.fit())
        else:
            sampler = deepcopy(find_sampler(named))
            if sampler.asks_model:
                training, learned = _seen(training, view), replace(learned, generated=None)
            sampler.fit(training, learned)
        local = sampler if isinstance(sampler, LocalSampler) else None
        if local is None and not view.is_complete:
            local = LocalSampler(distillation.fit())
    source = named if isinstance(named, str) else type(named).__name__
    fitted = replace(fitted, local=local, source=source, chosen=sampler)
    best = fitted.history.best()
    words = (
        order_words(fitted.order, len(learned.causal_graphs)),
        limit_words(fitted.limits or {}),
    )
    if best is not None and any(words):
        best.add_note('; '.join(filter(None, words)))
    fitted.history.end(fitted.origin)
    return fitted


def order_words(order: ColumnOrder | None, num_graphs: int) -> str:
    """Whose causal graph gives the order of columns, in words; empty where there was one only."""
    if order is None or num_graphs < 2:
        return ''
    graph = {
        'known': 'what is known',
        'first': 'the first causal graph',
        'best': 'the causal graph of the best process',
    }[order.graph]
    return f'columns are drawn in the order of {graph}, which held-out real rows preferred'


def limit_words(limits: Mapping[str, float]) -> str:
    """How many limits that are known hold drawn rows, in words; empty: none is known."""
    if not limits:
        return ''
    held = sum(trust > 0.5 for trust in limits.values())
    words = f'limits that are known: {len(limits)}, of which drawn rows keep {held}'
    broken = [limit for limit, trust in limits.items() if trust <= 0.5]
    return words + (f'; real rows break: {"; ".join(broken)}' if broken else '')


def training_set(view: View, settings: LoopSettings, *, enforce_range: bool) -> TrainingSet:
    """The real rows, and what is wanted of rows like them."""
    return TrainingSet(
        view.training,
        view.whole,
        settings.seed,
        settings.target,
        enforce_range,
        settings.reject_copies,
    )


def _seen(training: TrainingSet, view: View) -> TrainingSet:
    """The rows and columns that models may see."""
    rows = view.told if view.pool is None else view.told.iloc[view.pool]
    return replace(training, rows=rows, schema=view.schema)


def learned_by(fitted: FittedModel) -> Learned:
    """What the loop has learned."""
    view, history = fitted.view, fitted.history
    # The one that the loop began with may be what is known, and not be that of the best process.
    begun = [step.process.causal_graph for step in history.steps[:1]]
    graphs: list[CausalGraph] = []
    for graph in (fitted.process.causal_graph, *begun, fitted.first_graph):
        if all(graph.distance(other) for other in graphs):
            graphs.append(graph)
    is_knowing = not fitted.writer.generator.provider.is_random and view.is_complete
    generated = _generated(view, history) if is_knowing else None
    return replace(fitted.learned, causal_graphs=graphs, generated=generated)


def _generated(view: View, history: History) -> GeneratedRows:
    """All valid rows that the model wrote, whatever the verdict on their process was."""
    parts = [GeneratedRows(view.training.iloc[:0], np.zeros((0, 0), int))]
    for part in _written(history):
        rows = view.restored(part.rows)
        parts.append(GeneratedRows(rows, part.shown[rows.index]))
    return GeneratedRows.joined(parts)


def _written(history: History) -> list[GeneratedRows]:
    """The same as the model wrote them, in the columns that it sees, by step."""
    return [
        GeneratedRows(step.rows.reset_index(drop=True), step.shown)
        for step in history
        if step.rows is not None and step.shown is not None
    ]


def _is_futile(distillation: Distillation) -> bool:
    trust = distillation.trust()
    return trust is not None and trust.is_futile


def _compared(distillation: Distillation, fitted: FittedModel, *, is_futile: bool) -> Comparison:
    """Both sources of rows on held-out rows, which the log notes.

    Where held-out rows do not trust the model's, or it makes them up, there is nothing to compare.
    """
    view, history = fitted.view, fitted.history
    comparison, is_random = NOT_COMPARED, fitted.writer.generator.provider.is_random
    if not is_random and not is_futile:
        written = _written(history)
        if (generated := distillation.learned.generated) is not None:
            written = [replace(generated, rows=view.table(generated.rows))]
        comparison = compare(distillation, view, written)
    LOGGER.info('%s.', comparison)
    return comparison
