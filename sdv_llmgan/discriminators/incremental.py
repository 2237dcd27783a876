"""Classifiers that learn batch after batch with scikit-learn's ``partial_fit``.

Ling et al., MALLM-GAN, section 3.3: the discriminator keeps its weights between batches, so that it
grows together with the generator.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from sdv_llmgan.discriminators.encoded import EncodedDiscriminator

#: How often each batch is gone through; one pass over fifty rows moves the weights too little.
PASSES = 20
#: Of many rows fewer passes do: all of them together are so many rows, in five passes at least.
ROWS_LEARNED = 3_000
FEWEST_PASSES = 5


class Classifier(Protocol):
    """A classifier of scikit-learn's that learns batch after batch."""

    def partial_fit(self, x: np.ndarray, y: np.ndarray, classes: Sequence[int]) -> object:
        """Learn from some more rows."""

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        """Probability of each class, shape (n_rows, n_classes)."""


class IncrementalDiscriminator(EncodedDiscriminator):
    """A scikit-learn classifier with ``partial_fit`` on RDT features."""

    @abstractmethod
    def make_model(self, seed: int) -> Classifier:
        """A new, untrained classifier with ``partial_fit`` and ``predict_proba``."""

    def begin(self, seed: int) -> None:
        """Make a new, untrained classifier."""
        self.rng = np.random.default_rng(seed)
        self.model = self.make_model(seed)

    def learn(self, real: np.ndarray, synthetic: np.ndarray) -> None:
        """Learn from one more batch, both kinds weighing the same."""
        # Repeating the rarer kind does for any classifier what weights do for some.
        most = max(len(real), len(synthetic))
        x = np.concatenate([np.resize(part, (most, part.shape[1])) for part in (real, synthetic)])
        labels = np.repeat([1, 0], most)
        passes = min(PASSES, max(FEWEST_PASSES, round(ROWS_LEARNED / (2 * most))))
        for _ in range(passes):
            order = self.rng.permutation(2 * most)
            self.model.partial_fit(x[order], labels[order], classes=[0, 1])

    def p_real(self, rows: np.ndarray) -> np.ndarray:
        """Probability that each encoded row is real, shape (n_rows,)."""
        p_real: np.ndarray = self.model.predict_proba(rows)[:, 1]
        return p_real
