"""Classifiers that learn batch after batch with scikit-learn's ``partial_fit``.

Ling et al., MALLM-GAN, section 3.3: the discriminator keeps its weights between batches, so that it
grows together with the generator.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pandas as pd

from sdv_llmgan.discriminators.base import (
    Discriminator,
    Verdict,
    verdict_from_probabilities,
)
from sdv_llmgan.table.features import Features
from sdv_llmgan.table.schema import TableSchema

#: How often each batch is gone through; one pass over fifty rows moves the weights too little.
PASSES = 20


class Classifier(Protocol):
    """A classifier of scikit-learn's that learns batch after batch."""

    def partial_fit(self, x: np.ndarray, y: np.ndarray, classes: Sequence[int]) -> object:
        """Learn from some more rows."""

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        """Probability of each class, shape (n_rows, n_classes)."""


class IncrementalDiscriminator(Discriminator):
    """A scikit-learn classifier with ``partial_fit`` on RDT features."""

    @abstractmethod
    def make_model(self, seed: int) -> Classifier:
        """A new, untrained classifier with ``partial_fit`` and ``predict_proba``."""

    def start(self, training: pd.DataFrame, schema: TableSchema, seed: int) -> None:
        """Forget everything and get ready for a table."""
        self.features = Features(training, schema)
        self.rng = np.random.default_rng(seed)
        self.model = self.make_model(seed)

    def update(self, real: pd.DataFrame, synthetic: pd.DataFrame) -> None:
        """Learn from one more batch, both kinds weighing the same."""
        x_real, x_synthetic = self.features.encode(real), self.features.encode(synthetic)
        # Repeating the rarer kind does for any classifier what weights do for some.
        most = max(len(x_real), len(x_synthetic))
        x = np.concatenate([
            np.resize(part, (most, part.shape[1])) for part in (x_real, x_synthetic)
        ])
        labels = np.repeat([1, 0], most)
        for _ in range(PASSES):
            order = self.rng.permutation(2 * most)
            self.model.partial_fit(x[order], labels[order], classes=[0, 1])

    def judge(self, real: pd.DataFrame, synthetic: pd.DataFrame) -> Verdict:
        """Score rows that ``update`` has not seen."""
        return verdict_from_probabilities(self._p_real(real), self._p_real(synthetic))

    def _p_real(self, table: pd.DataFrame) -> np.ndarray:
        p_real: np.ndarray = self.model.predict_proba(self.features.encode(table))[:, 1]
        return p_real
