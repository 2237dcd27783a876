"""Local samplers of a table, and of what the loop has learned.

real rows -> by the graph that held-out rows prefer | real and generated rows, where these help
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from sdv_llmgan.samplers.base import Learned
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.table.training_set import TrainingSet

LOGGER = logging.getLogger(__name__)

#: Generated rows add nothing to larger tables.
MAX_ROWS_FOR_EXTRA = 2_000


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
        """Fit on all rows; on generated ones only where they surely help to predict real ones.

        Real rows are predicted from generated ones that were not written after seeing them, column
        by column; the mean gain must exceed two of its standard errors over columns.
        """
        alone = self.alone
        if len(self.training.rows) > MAX_ROWS_FOR_EXTRA:
            return alone
        generated = self.learned.generated()
        if generated is None:
            return alone
        helped = DistilledSampler.fit(
            self.training,
            [alone.causal_graph],
            order=alone.chain.names,
            generated=generated,
            on_model=self.learned.on_model,
        )
        gains = [
            without.conditional.nats - link.conditional.nats
            for without, link in zip(alone.chain, helped.chain, strict=True)
        ]
        surely = len(gains) > 1 and np.mean(gains) > 2 * np.std(gains, ddof=1) / len(gains) ** 0.5
        return helped if surely else alone

    @cached_property
    def alone(self) -> DistilledSampler:
        """Fitted on real rows, by the graph that held-out ones prefer.

        The loop's verdicts scatter more than they say of a graph.
        """
        graphs = self.learned.causal_graphs
        sampler = DistilledSampler.fit(self.training, graphs, on_model=self.learned.on_model)
        if len(graphs) > 1:
            LOGGER.info(
                'Columns are drawn in the order of the causal graph of %s.',
                'the best process' if sampler.causal_graph is graphs[0] else 'the first process',
            )
        return sampler

    def rows_of(self, part: pd.DataFrame, num_rows: int, *, quick: bool) -> pd.DataFrame:
        """Rows of a sampler of some real rows alone: generated ones were written after others.

        Args:
            part: The real rows, plain; their columns are drawn in the order of all.
            num_rows: How many to draw.
            quick: Whether its models are quick ones.
        """
        sampler = DistilledSampler.fit(
            self.training.with_rows(part),
            [self.alone.causal_graph],
            order=self.alone.chain.names,
            quick=quick,
            on_model=self.learned.on_model,
        )
        return sampler.sample(num_rows, np.random.default_rng([self.training.seed, num_rows]))
