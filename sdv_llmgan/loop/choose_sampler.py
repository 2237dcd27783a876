"""The end of a fit: a local sampler is distilled, and the better source of rows is chosen.

real rows + accepted generated rows -> DistilledSampler
told apart from real rows: the model's rows | those of a sampler that saw half of the real ones
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
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
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.samplers.distilled.evidence import stacked
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.samplers.local import LocalSampler
from sdv_llmgan.table.features import Features
from sdv_llmgan.table.schema import TableSchema

LOGGER = logging.getLogger(__name__)

#: Sources are compared by so many rows each, at least and at most.
MIN_COMPARED = 10
MAX_COMPARED = 1_000
#: Generated rows add nothing to larger tables.
MAX_ROWS_FOR_EXTRA = 2_000
FOLDS = 5


def with_sampler(
    fitted: FittedModel,
    discriminator: Discriminator,
    settings: LoopSettings,
    *,
    enforce_range: bool,
) -> FittedModel:
    """A fitted model whose rows are drawn, or completed, by a local sampler where that is wanted.

    Args:
        fitted: With rows from the model.
        discriminator: Says how real generated rows look.
        settings: Say which source of rows is wanted, and whether progress is shown.
        enforce_range: Whether numbers stay within the training table's range.
    """
    may_draw = settings.sampler != 'llm' and not fitted.schema.texts
    if not may_draw and fitted.view.is_complete:
        return fitted
    with distill_bar(enabled=settings.verbose) as on_model:
        distillation = Distillation.of(
            fitted.view,
            fitted.history,
            fitted.process,
            discriminator,
            settings,
            enforce_range=enforce_range,
            on_model=on_model,
        )
        if may_draw and settings.sampler == 'auto':
            fitted = replace(fitted, comparison=_compared(distillation, fitted.history))
            may_draw = fitted.comparison is not None and fitted.comparison.chosen == 'distilled'
        if not may_draw and fitted.view.is_complete:
            return fitted
        fitted = replace(fitted, local=LocalSampler(distillation.fit(), fitted.rules))
    return replace(fitted, source='distilled') if may_draw else fitted


def _compared(distillation: Distillation, history: History) -> Comparison:
    """Both sources of rows on held-out rows, which the log and the best step note."""
    best = history.best()
    comparison = distillation.compare(best.rows if best else None)
    LOGGER.info('%s.', comparison)
    if best is not None:
        best.add_note(str(comparison))
    return comparison


@dataclass(frozen=True)
class Distillation:
    """Fits local samplers on a table and on what a fit generated.

    Attributes:
        training: Plain training rows, shape (n_rows, n_columns).
        schema: Their columns.
        graphs: What may give the order of columns: the graph of the best process, and the first.
        extra: Accepted generated rows, plain; may be empty.
        weights: How much each of them counts, in [0, 1], shape (n_extra,).
        shown: Which training rows each of them was written after, see ``Step.shown``.
        view: What the model saw of the table. Sources are compared by that part: what is
            completed here is so whatever the source.
        settings: Say the seed, the column to be predicted later, and whether rows that repeat a
            training row are drawn anew where that is right.
        enforce_range: Whether numbers stay within the training table's range.
        on_model: Called when a column's model is fitted.
    """

    training: pd.DataFrame
    schema: TableSchema
    graphs: Sequence[CausalGraph]
    extra: pd.DataFrame
    weights: np.ndarray
    shown: np.ndarray
    view: View
    settings: LoopSettings
    enforce_range: bool
    on_model: Callable[[], object]

    @classmethod
    def of(
        cls,
        view: View,
        history: History,
        process: GenerationProcess,
        discriminator: Discriminator,
        settings: LoopSettings,
        *,
        enforce_range: bool,
        on_model: Callable[[], object] = lambda: None,
    ) -> Distillation:
        """Collect what a fit generated, weighted by how real the discriminator finds it.

        A row's weight is the odds p / (1 - p) of being real, at most 1: what makes generated rows
        stand for real ones (Azadi et al., Discriminator Rejection Sampling, 2019). A
        discriminator that does not learn is not asked again; its rows weigh 1 - score. Rows of a
        view that does not say all of a row are left out.
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
        graphs = [process.causal_graph]
        if history.steps and graphs[0].distance(first := history.steps[0].process.causal_graph):
            graphs.append(first)
        return cls(
            view.training,
            view.whole,
            graphs,
            pd.concat(filled, ignore_index=True) if filled else parts[0],
            np.concatenate(weights),
            stacked(shown),
            view,
            settings,
            enforce_range,
            on_model,
        )

    def fit(self) -> DistilledSampler:
        """Fit on all rows; on generated ones only where they surely help to predict real ones.

        Real rows are predicted from generated ones that were not written after seeing them, column
        by column; the mean gain must exceed two of its standard errors over columns.
        """
        alone = self._alone
        if len(self.training) > MAX_ROWS_FOR_EXTRA or not self._extra_passes:
            return alone
        helped = self._sampler(
            self.training, [alone.causal_graph], order=_order(alone), with_extra=True
        )
        gains = [
            without.conditional.nats - link.conditional.nats
            for without, link in zip(alone.chain, helped.chain, strict=True)
        ]
        surely = len(gains) > 1 and np.mean(gains) > 2 * np.std(gains, ddof=1) / len(gains) ** 0.5
        return helped if surely else alone

    def compare(self, generated: pd.DataFrame | None) -> Comparison:
        """Compare both sources on held-out rows.

        Where a local sampler of quick models is chosen already, that settles it.

        Args:
            generated: The model's rows under the best process, plain, as it sees them; ``None``:
                there are none.
        """
        order = np.random.default_rng(self.settings.seed).permutation(len(self.training))
        half = len(order) // 2
        num_rows = min(half, 0 if generated is None else len(generated), MAX_COMPARED)
        if generated is None or num_rows < MIN_COMPARED:
            return Comparison(None, None, 0.0, num_rows)
        fitted = self.training.iloc[order[:half]]
        real = self.training.iloc[order[half : half + num_rows]]
        theirs = generated.sample(num_rows, random_state=self.settings.seed)
        llm = self._told_apart(self.view.table(real), theirs)
        margin = math.sqrt(2) * chance(num_rows)
        for quick in (True, False):
            own = self._told_apart(
                self.view.table(real), self.view.table(self._rows(fitted, num_rows, quick))
            )
            comparison = Comparison(llm, own, margin, num_rows)
            if comparison.chosen == 'distilled':
                break
        return comparison

    def _rows(self, training: pd.DataFrame, num_rows: int, quick: bool) -> pd.DataFrame:
        """Of a sampler of these rows alone: generated ones were written after seeing others."""
        graphs, order = [self._alone.causal_graph], _order(self._alone)
        sampler = self._sampler(training, graphs, order=order, quick=quick)
        return sampler.sample(num_rows, np.random.default_rng([self.settings.seed, num_rows]))

    @cached_property
    def _alone(self) -> DistilledSampler:
        """Fitted on real rows, by the graph that held-out ones prefer.

        The loop's verdicts scatter more than they say of a graph.
        """
        sampler = self._sampler(self.training, self.graphs)
        if len(self.graphs) > 1:
            LOGGER.info(
                'Columns are drawn in the order of the causal graph of %s.',
                'the best process'
                if sampler.causal_graph is self.graphs[0]
                else 'the first process',
            )
        return sampler

    @cached_property
    def _features(self) -> Features:
        return Features(self.view.told, self.view.schema)

    @cached_property
    def _extra_passes(self) -> bool:
        """Whether generated rows are told from real ones no better than by chance.

        Neither this nor the gain that ``fit`` asks for is a guard by itself where rows are few.
        """
        num_rows = min(len(self.training), int((self.weights > 0).sum()), MAX_COMPARED)
        if num_rows < MIN_COMPARED:
            return False
        extra = self.extra[self.weights > 0].sample(num_rows, random_state=self.settings.seed)
        real = self.training.sample(num_rows, random_state=self.settings.seed)
        return self._told_apart(self.view.table(real), self.view.table(extra)) <= chance(num_rows)

    def _sampler(
        self,
        training: pd.DataFrame,
        graphs: Sequence[CausalGraph],
        *,
        order: Sequence[str] | None = None,
        with_extra: bool = False,
        quick: bool = False,
    ) -> DistilledSampler:
        return DistilledSampler.fit(
            training,
            self.schema,
            graphs,
            order=order,
            quick=quick,
            seed=self.settings.seed,
            extra=self.extra if with_extra else None,
            extra_weights=self.weights if with_extra else None,
            extra_shown=self.shown if with_extra else None,
            enforce_range=self.enforce_range,
            reject_copies=self.settings.reject_copies,
            target=self.settings.target,
            on_model=self.on_model,
        )

    def _told_apart(self, real: pd.DataFrame, synthetic: pd.DataFrame) -> float:
        encode = self._features.encode
        encoded = np.concatenate([encode(real), encode(synthetic)])
        labels = np.repeat([1, 0], [len(real), len(synthetic)])
        forest = RandomForestClassifier(200, min_samples_leaf=3, random_state=self.settings.seed)
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=self.settings.seed)
        p_real = cross_val_predict(forest, encoded, labels, cv=folds, method='predict_proba')[:, 1]
        return verdict_from_probabilities(p_real[labels == 1], p_real[labels == 0]).score


def _order(sampler: DistilledSampler) -> list[str]:
    return [link.name for link in sampler.chain]
