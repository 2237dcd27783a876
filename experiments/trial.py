"""One draw of design rows with the language model fitted on them: what ``levers.py`` works with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from sdv_llmgan.benchmark.synthesizers import NAMED
from sdv_llmgan.benchmark.tables import TrainingTable
from sdv_llmgan.loop.loop import LLMGAN
from sdv_llmgan.providers.base import Provider
from sdv_llmgan.roles.examples import Examples
from sdv_llmgan.samplers.base import Learned
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.samplers.llm import LLMSampler
from sdv_llmgan.samplers.rounds import Rounds
from sdv_llmgan.table.features import Features
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.strata import MAX_STRATA, find_strata
from sdv_llmgan.table.training_set import TrainingSet
from sdv_llmgan.table.wanted import Wanted

#: The shortest loop that there is: one batch of a few rows. One row is asked for with each example.
SHORTEST = {'optimize': False, 'max_batches': 1, 'batch_size': 5, 'rows_per_example': 1}
FOLDS = 5
#: Probabilities of being real are cut here, so that no row's odds are more than 19.
SURE = 0.95


@dataclass(frozen=True)
class Trial:
    """What there is on one draw.

    Attributes:
        model: Fitted, with the language model as sampler.
        target: The column to be predicted later.
        seed: Of all models but the language model.
    """

    model: LLMGAN
    target: str
    seed: int = 0

    @classmethod
    def fit(
        cls, table: TrainingTable, fitted: pd.DataFrame, seed: int, llm: str | Provider
    ) -> Trial:
        """Fit on rows of a table without rewriting the process."""
        synthesizer = NAMED['llmgan']({'llm': llm, 'sampler': 'llm', **SHORTEST})
        synthesizer.fit(replace(table, rows=fitted), seed)
        return cls(synthesizer.model._loop(), table.target, seed)

    @property
    def training(self) -> pd.DataFrame:
        """The plain rows that were fitted on."""
        return self.model.fitted.training

    @property
    def schema(self) -> TableSchema:
        """Their columns."""
        return self.model.fitted.schema

    @property
    def calls(self) -> int:
        """How often the language model was asked so far."""
        return self.model.ledger.bill.total().calls

    @property
    def examples(self) -> Examples:
        """Where few-shot examples come from: training rows, at random."""
        return self.model.writer.examples

    @property
    def predictors(self) -> list[str]:
        """All columns but the target, causes before effects."""
        ordered = self.model.fitted.process.causal_graph.order(self.schema.names)
        return [name for name in ordered if name != self.target]

    @cached_property
    def strata(self) -> np.ndarray:
        """The target's class of each training row, or its quantile bin, shape (n_rows,)."""
        return find_strata(self.training, self.schema, self.target)

    @cached_property
    def local(self) -> DistilledSampler:
        """The distilled sampler, fitted on the training rows."""
        graph = self.model.fitted.process.causal_graph
        training = TrainingSet(self.training, self.schema, self.seed, self.target)
        return DistilledSampler.fit(training, [graph])

    def write(
        self,
        rng: np.random.Generator,
        examples: Examples | None = None,
        wanted: Wanted | None = None,
    ) -> pd.DataFrame:
        """Have the language model write as many plain rows as were fitted on.

        Args:
            rng: Draws examples and seeds requests.
            examples: Where they come from; ``None``: training rows, at random.
            wanted: What is settled of them; ``None``: nothing.
        """
        writer = replace(self.model.writer, examples=examples or self.examples)
        sampler = LLMSampler(Learned(self.model.fitted.process, writer))
        rounds = Rounds(sampler, writer.rules, self.model.fitted.max_top_ups)
        return rounds.sample(wanted or Wanted.unconditioned(len(self.training)), rng)

    def real_odds(self, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Odds of training rows and of generated ones of being real, by a cross-fitted forest."""
        features = Features(self.training, self.schema)
        encoded = np.concatenate([features.encode(self.training), features.encode(rows)])
        is_real = np.repeat([True, False], [len(self.training), len(rows)])
        forest = RandomForestClassifier(
            200, min_samples_leaf=3, class_weight='balanced', random_state=self.seed
        )
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=self.seed)
        told = cross_val_predict(forest, encoded, is_real, cv=folds, method='predict_proba')
        p_real = np.clip(told[:, 1], 1 - SURE, SURE)
        odds = p_real / (1 - p_real)
        return odds[is_real], odds[~is_real]

    def classes(self, rows: pd.DataFrame) -> np.ndarray:
        """The target as text, a number as its bin between training quantiles, shape (n_rows,)."""
        if self.schema[self.target].kind not in ('integer', 'number'):
            return rows[self.target].astype(str).to_numpy()
        ends = self.training[self.target].quantile(np.arange(1, MAX_STRATA) / MAX_STRATA)
        return np.searchsorted(ends, rows[self.target])

    def label_chances(self, rows: pd.DataFrame) -> np.ndarray:
        """Probability of each row's class by boosting on training rows, (n_stages, n_rows)."""
        others = self.predictors
        features = Features(self.training[others], self.schema.reordered(others))
        booster = GradientBoostingClassifier(max_depth=2, random_state=self.seed)
        booster.fit(features.encode(self.training[others]), self.classes(self.training))
        own = self.classes(rows)[:, None] == booster.classes_
        stages = booster.staged_predict_proba(features.encode(rows[others]))
        return np.stack([(stage * own).sum(axis=1) for stage in stages])
