"""The end of a fit: the sampler that was asked for is fitted, or the better one chosen.

real rows + accepted generated rows -> sampler
told apart from real rows: the model's rows | those of a sampler that saw half of the real ones
"""

from __future__ import annotations

import logging
import math
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from sdv_llmgan.discriminators.base import Discriminator, verdict_from_probabilities
from sdv_llmgan.egress.table_view import View
from sdv_llmgan.loop.comparison import Comparison, chance
from sdv_llmgan.loop.fitted_model import FittedModel
from sdv_llmgan.loop.history import History
from sdv_llmgan.loop.progress import distill_bar
from sdv_llmgan.loop.settings import LoopSettings
from sdv_llmgan.registry import find_sampler
from sdv_llmgan.samplers.base import Learned, Sampler, nothing
from sdv_llmgan.samplers.distillation import Distillation
from sdv_llmgan.samplers.distilled.evidence import stacked
from sdv_llmgan.samplers.local import LocalSampler
from sdv_llmgan.table.features import Features
from sdv_llmgan.table.training_set import GeneratedRows, TrainingSet

LOGGER = logging.getLogger(__name__)

#: Sources are compared by so many rows each, at least and at most.
MIN_COMPARED = 10
MAX_COMPARED = 1_000
FOLDS = 5


def with_sampler(
    fitted: FittedModel,
    discriminator: Discriminator,
    settings: LoopSettings,
    *,
    enforce_range: bool,
) -> FittedModel:
    """A fitted model whose rows come from where the settings say.

    Args:
        fitted: With rows from the model.
        discriminator: Says how real generated rows look.
        settings: Say which sampler is wanted, and whether progress is shown.
        enforce_range: Whether numbers stay within the training table's range.
    """
    view, named = fitted.view, settings.sampler
    if named == 'auto' and view.whole.texts:
        named = 'llm'
    is_fitted_already = named == 'llm' and view.is_complete
    with distill_bar(enabled=settings.verbose and not is_fitted_already) as on_model:
        training = training_set(view, settings, enforce_range=enforce_range)
        learned = replace(learned_by(fitted, discriminator, settings.seed), on_model=on_model)
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
                training, learned = _seen(training, view), replace(learned, generated=nothing)
            sampler.fit(training, learned)
        local = sampler if isinstance(sampler, LocalSampler) else None
        if local is None and not view.is_complete:
            local = LocalSampler(distillation.fit())
    source = named if isinstance(named, str) else type(named).__name__
    return replace(fitted, local=local, source=source, chosen=sampler)


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


def learned_by(fitted: FittedModel, discriminator: Discriminator, seed: int) -> Learned:
    """What the loop has learned; ``discriminator`` says how real generated rows look."""
    view, history = fitted.view, fitted.history
    graphs = [fitted.process.causal_graph]
    if history.steps and graphs[0].distance(first := history.steps[0].process.causal_graph):
        graphs.append(first)
    return replace(
        fitted.learned,
        causal_graphs=graphs,
        generated=lambda: _passed(_generated(view, history, discriminator), view, seed),
    )


def _generated(view: View, history: History, discriminator: Discriminator) -> GeneratedRows:
    """What a fit generated, weighted by how real the discriminator finds it.

    A row's weight is the odds p / (1 - p) of being real, at most 1: what makes generated rows stand
    for real ones (Azadi et al., Discriminator Rejection Sampling, 2019). A discriminator that does
    not learn is not asked again; its rows weigh 1 - score. Rows of a view that does not say all of
    a row are left out.
    """
    parts, weights, shown = [view.training.iloc[:0]], [np.zeros(0)], [np.zeros((0, 0), int)]
    for step in history if view.is_complete else []:
        if step.rows is None or step.shown is None or step.real is None or not step.verdict:
            continue
        rows = step.rows.reset_index(drop=True)
        if discriminator.learns:
            p_real = np.clip(discriminator.judge(step.real, rows).p_real, 0, 0.999)
            weight = np.minimum(p_real / (1 - p_real), 1)
        else:
            weight = np.full(len(rows), 1 - step.verdict.score)
        rows = view.restored(rows)
        parts.append(rows)
        weights.append(weight[rows.index])
        shown.append(step.shown[rows.index])
    filled = [part for part in parts if len(part)]
    rows = pd.concat(filled, ignore_index=True) if filled else parts[0]
    return GeneratedRows(rows, np.concatenate(weights), stacked(shown))


def _passed(generated: GeneratedRows, view: View, seed: int) -> GeneratedRows | None:
    """Generated rows that are told from real ones no better than by chance; else ``None``.

    Neither this nor the gain that ``Distillation.fit`` asks for is a guard by itself where rows are
    few.
    """
    rows = generated.counted().rows
    num_rows = min(len(view.training), len(rows), MAX_COMPARED)
    if num_rows < MIN_COMPARED:
        return None
    drawn = [one.sample(num_rows, random_state=seed) for one in (view.training, rows)]
    told_apart = Forest(view, seed).told_apart(*map(view.table, drawn))
    return generated if told_apart <= chance(num_rows) else None


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

    @cached_property
    def _features(self) -> Features:
        return Features(self.view.told, self.view.schema)

    def told_apart(self, real: pd.DataFrame, synthetic: pd.DataFrame) -> float:
        """|2 AUC - 1| of a cross-fitted random forest on plain rows of the view, in [0, 1]."""
        encode = self._features.encode
        encoded = np.concatenate([encode(real), encode(synthetic)])
        labels = np.repeat([1, 0], [len(real), len(synthetic)])
        forest = RandomForestClassifier(200, min_samples_leaf=3, random_state=self.seed)
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=self.seed)
        p_real = cross_val_predict(forest, encoded, labels, cv=folds, method='predict_proba')[:, 1]
        return verdict_from_probabilities(p_real[labels == 1], p_real[labels == 0]).score
