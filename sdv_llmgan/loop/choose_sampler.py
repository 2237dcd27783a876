"""The end of a fit: the sampler that was asked for is fitted, or the better one chosen.

real rows + generated rows -> sampler
told apart from real rows: the model's rows | those of a sampler that saw half of the real ones
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from sdv_llmgan.discriminators.base import verdict_from_probabilities
from sdv_llmgan.egress.table_view import View
from sdv_llmgan.loop.comparison import Comparison, chance
from sdv_llmgan.loop.fitted_model import FittedModel
from sdv_llmgan.loop.history import History
from sdv_llmgan.loop.progress import distill_bar
from sdv_llmgan.loop.settings import LoopSettings
from sdv_llmgan.registry import find_sampler
from sdv_llmgan.samplers.base import Learned, Sampler
from sdv_llmgan.samplers.distillation import Distillation
from sdv_llmgan.samplers.local import LocalSampler
from sdv_llmgan.table.column import quote
from sdv_llmgan.table.training_set import GeneratedRows, TrainingSet

LOGGER = logging.getLogger(__name__)

#: Sources are compared by so many rows each, at least and at most.
MIN_COMPARED = 10
MAX_COMPARED = 1_000
FOLDS = 5


def with_sampler(
    fitted: FittedModel,
    settings: LoopSettings,
    *,
    enforce_range: bool,
) -> FittedModel:
    """A fitted model whose rows come from where the settings say.

    Args:
        fitted: With rows from the model.
        settings: Say which sampler is wanted, and whether progress is shown.
        enforce_range: Whether numbers stay within the training table's range.
    """
    view, named = fitted.view, settings.sampler
    if named == 'auto' and view.whole.texts:
        named = 'llm'
    is_fitted_already = named == 'llm' and view.is_complete
    with distill_bar(enabled=settings.verbose and not is_fitted_already) as on_model:
        training = training_set(view, settings, enforce_range=enforce_range)
        learned = replace(learned_by(fitted), on_model=on_model)
        distillation = Distillation(training, learned)
        sampler: Sampler | None = None
        if named == 'auto':
            comparison = _compared(distillation, view, fitted.history)
            fitted, named = replace(fitted, comparison=comparison), comparison.chosen
            if named == 'distilled':
                sampler = LocalSampler(distillation.fit())
        if sampler is None:
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
    if best is not None and (words := learned_words(fitted.learned_from or {})):
        best.add_note(words)
    return fitted


def learned_words(learned_from: Mapping[str, Mapping[str, float]]) -> str:
    """What knowledge and the model's rows had a part in, in words; empty: in nothing."""
    sources = {'knowledge': 'what was known before', 'generated': 'rows of the model'}
    words = []
    for source, name in sources.items():
        shares = {column: found[source] for column, found in learned_from.items()}
        if not any(shares.values()):
            continue
        most, least = max(shares, key=shares.__getitem__), min(shares, key=shares.__getitem__)
        words.append(
            f'learned from {name}: {np.mean([*shares.values()]):.0%}, most in {quote(most)} '
            f'({shares[most]:.0%}), least in {quote(least)} ({shares[least]:.0%})'
        )
    return '; '.join(words)


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
    graphs = [fitted.process.causal_graph]
    if graphs[0].distance(fitted.first_graph):
        graphs.append(fitted.first_graph)
    is_knowing = not fitted.writer.generator.provider.is_random and view.is_complete
    generated = _generated(view, history) if is_knowing else None
    return replace(fitted.learned, causal_graphs=graphs, generated=generated)


def _generated(view: View, history: History) -> GeneratedRows:
    """All valid rows that the model wrote, whatever the verdict on their process was."""
    parts = [GeneratedRows(view.training.iloc[:0], np.zeros((0, 0), int))]
    for step in history:
        if step.rows is not None and step.shown is not None:
            rows = view.restored(step.rows.reset_index(drop=True))
            parts.append(GeneratedRows(rows, step.shown[rows.index]))
    return GeneratedRows.joined(parts)


def _compared(distillation: Distillation, view: View, history: History) -> Comparison:
    """Both sources of rows on held-out rows, which the log and the best step note."""
    best = history.best()
    comparison = compare(distillation, view, best.rows if best else None)
    LOGGER.info('%s.', comparison)
    if best is not None:
        best.add_note(str(comparison))
    return comparison


def compare(distillation: Distillation, view: View, generated: pd.DataFrame | None) -> Comparison:
    """Compare a local sampler and the model on held-out rows.

    Where a local sampler of quick models is chosen already, that settles it.

    Args:
        distillation: Fits local samplers.
        view: What the model saw of the table. Sources are compared by that part: what is completed
            here is so whatever the source.
        generated: The model's rows under the best process, plain, as it sees them; ``None``: there
            are none.
    """
    training, seed = distillation.training.rows, distillation.training.seed
    order = np.random.default_rng(seed).permutation(len(training))
    half = len(order) // 2
    num_rows = min(half, 0 if generated is None else len(generated), MAX_COMPARED)
    if generated is None or num_rows < MIN_COMPARED:
        return Comparison(None, None, 0.0, num_rows)
    fitted = training.iloc[order[:half]]
    real = view.table(training.iloc[order[half : half + num_rows]])
    forest = Forest(view, seed)
    llm = forest.told_apart(real, generated.sample(num_rows, random_state=seed))
    margin = math.sqrt(2) * chance(num_rows)
    for quick in (True, False):
        drawn = distillation.rows_of(fitted, num_rows, quick=quick)
        own = forest.told_apart(real, view.table(drawn))
        comparison = Comparison(llm, own, margin, num_rows)
        if comparison.chosen == 'distilled':
            break
    return comparison


@dataclass(frozen=True)
class Forest:
    """Tells rows of a view from real ones.

    Attributes:
        view: Whose columns are looked at.
        seed: Grows trees and cuts folds.
    """

    view: View
    seed: int

    def told_apart(self, real: pd.DataFrame, synthetic: pd.DataFrame) -> float:
        """|2 AUC - 1| of a cross-fitted random forest on plain rows of the view, in [0, 1]."""
        encode = self.view.features.encode
        encoded = np.concatenate([encode(real), encode(synthetic)])
        labels = np.repeat([1, 0], [len(real), len(synthetic)])
        forest = RandomForestClassifier(200, min_samples_leaf=3, random_state=self.seed)
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=self.seed)
        p_real = cross_val_predict(forest, encoded, labels, cv=folds, method='predict_proba')[:, 1]
        return verdict_from_probabilities(p_real[labels == 1], p_real[labels == 0]).score
