"""Local samplers of a table, and of what the loop has learned.

real rows -> by the graph that held-out rows prefer; real and generated rows -> in that order
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from sdv_llmgan.samplers.base import Learned
from sdv_llmgan.samplers.distilled.evidence import Integers
from sdv_llmgan.samplers.distilled.fusion import Trust
from sdv_llmgan.samplers.distilled.remembered import remembering
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.table.training_set import GeneratedRows, TrainingSet

__all__ = ['Distillation', 'remembering']

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Distillation:
    """Fits local samplers.

    Attributes:
        training: The real rows.
        learned: Has graphs that may give the order of columns, and generated rows.
    """

    training: TrainingSet
    learned: Learned

    def fit(self) -> DistilledSampler:
        """Fit on real rows, and on what the model generated as far as held-out ones bear it out."""
        if self.learned.generated is None:
            return self.alone
        return self.alone.learning_from(self.learned.generated, self.learned.on_model)

    @cached_property
    def alone(self) -> DistilledSampler:
        """Fitted on real rows, by the graph that held-out ones prefer.

        The loop's verdicts scatter more than they say of a graph.
        """
        graphs = self.learned.causal_graphs
        sampler = DistilledSampler.fit(
            self.training,
            graphs,
            knowledge=self.learned.knowledge,
            on_model=self.learned.on_model,
        )
        if len(graphs) > 1:
            LOGGER.info(
                'Columns are drawn in the order of the causal graph of %s.',
                'the best process' if sampler.causal_graph is graphs[0] else 'the first process',
            )
        return sampler

    def trust(self) -> Trust | None:
        """How far held-out rows trust real rows alone, and generated ones.

        By quick models, in the order of the first graph. ``None``: there are no generated rows, or
        too many real ones to learn from others.
        """
        if self.learned.generated is None or not len(self.learned.generated.rows):
            return None
        alone = DistilledSampler.fit(
            self.training,
            self.learned.causal_graphs[:1],
            knowledge=self.learned.knowledge,
            quick=True,
        )
        return alone.trust_in(self.learned.generated)

    def rows_of(self, held_out: Integers, nearest: Integers, num_rows: int) -> pd.DataFrame:
        """Rows of a sampler of quick models that knows nothing of some real rows.

        Args:
            held_out: Numbers of these.
            nearest: For each generated row the real one that it may copy; see ``nearest_shown``.
                Rows that may copy a row that is held out are not learned from.
            num_rows: How many to draw.
        """
        alone = self.alone
        with remembering():  # what is fitted to a part is of no use to others
            return self._rows_of(alone, held_out, nearest, num_rows)

    def _rows_of(
        self, alone: DistilledSampler, held_out: Integers, nearest: Integers, num_rows: int
    ) -> pd.DataFrame:
        known = np.setdiff1d(np.arange(len(self.training.rows)), held_out)
        rows = self.training.rows.iloc[known].reset_index(drop=True)
        sampler = DistilledSampler.fit(
            replace(self.training, rows=rows),
            [alone.causal_graph],
            knowledge=self.learned.knowledge,
            order=alone.chain.names,
            quick=True,
            on_model=self.learned.on_model,
        )
        if self.learned.generated is not None:
            kept = ~np.isin(nearest, held_out)
            # The last place is for -1, which stays what it is.
            numbers = np.full(len(self.training.rows) + 1, -1)
            numbers[known] = np.arange(len(known))
            shown = numbers[nearest[kept]]
            others = self.learned.generated.rows[kept].reset_index(drop=True)
            sampler = sampler.learning_from(GeneratedRows(others, shown[:, None]))
        return sampler.sample(num_rows, np.random.default_rng([self.training.seed, num_rows]))
