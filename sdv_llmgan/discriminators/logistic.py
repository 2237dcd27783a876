"""The discriminator of MALLM-GAN: a logistic regression that learns batch after batch.

Ling et al., MALLM-GAN, section 3.3: it keeps its weights between batches, so that it grows
together with the generator.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.linear_model import SGDClassifier

from sdv_llmgan.discriminators.base import (
    Discriminator,
    Verdict,
    verdict_from_probabilities,
)
from sdv_llmgan.discriminators.features import Features
from sdv_llmgan.schema import TableSchema

#: How often each batch is gone through; one pass over fifty rows moves the weights too little.
PASSES = 20


class LogisticDiscriminator(Discriminator):
    """Logistic regression by stochastic gradient descent on RDT features."""

    def start(self, training: pd.DataFrame, schema: TableSchema, seed: int) -> None:
        """Forget everything and get ready for a table."""
        self.features = Features(training, schema)
        self.rng = np.random.default_rng(seed)
        self.model = SGDClassifier(
            loss='log_loss', alpha=0.01, learning_rate='constant', eta0=0.01, random_state=seed
        )

    def update(self, real: pd.DataFrame, synthetic: pd.DataFrame) -> None:
        """Learn from one more batch."""
        x = self.features.encode(pd.concat([real, synthetic], ignore_index=True))
        labels = np.repeat([1, 0], [len(real), len(synthetic)])
        weights = np.repeat([0.5 / len(real), 0.5 / len(synthetic)], [len(real), len(synthetic)])
        for _ in range(PASSES):
            order = self.rng.permutation(len(labels))
            self.model.partial_fit(
                x[order],
                labels[order],
                classes=[0, 1],
                sample_weight=weights[order] * len(labels),
            )

    def judge(self, real: pd.DataFrame, synthetic: pd.DataFrame) -> Verdict:
        """Score rows that ``update`` has not seen."""
        return verdict_from_probabilities(self._p_real(real), self._p_real(synthetic))

    def _p_real(self, table: pd.DataFrame) -> np.ndarray:
        p_real: np.ndarray = self.model.predict_proba(self.features.encode(table))[:, 1]
        return p_real
