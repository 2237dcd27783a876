"""Discriminators that read rows as numbers: a table is encoded once, however often it is judged."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import pandas as pd

from sdv_llmgan.discriminators.base import (
    Discriminator,
    Verdict,
    held_out,
    verdict_from_probabilities,
)
from sdv_llmgan.table.features import Features
from sdv_llmgan.table.schema import TableSchema


class EncodedDiscriminator(Discriminator):
    """A classifier on RDT features."""

    features: Features  #: From ``start`` on.

    @abstractmethod
    def begin(self, seed: int) -> None:
        """Make a new, untrained classifier."""

    @abstractmethod
    def learn(self, real: np.ndarray, synthetic: np.ndarray) -> None:
        """Learn from one more batch, both kinds weighing the same.

        Args:
            real: Encoded real rows, shape (n_real, n_features).
            synthetic: Encoded synthetic rows, shape (n_synthetic, n_features).
        """

    @abstractmethod
    def p_real(self, rows: np.ndarray) -> np.ndarray:
        """Probability that each encoded row is real, shape (n_rows,)."""

    def start(self, training: pd.DataFrame, schema: TableSchema, seed: int) -> None:
        """Forget everything and get ready for a table."""
        # Learning how to encode takes longer than all the rest of a judgment.
        if self.features is None or self.features.training is not training:
            self.features = Features(training, schema)
        self.begin(seed)

    def update(self, real: pd.DataFrame, synthetic: pd.DataFrame) -> None:
        """Learn from one more batch."""
        self.learn(self.features.encode(real), self.features.encode(synthetic))

    def judge(self, real: pd.DataFrame, synthetic: pd.DataFrame) -> Verdict:
        """Score rows that ``update`` has not seen."""
        encode = self.features.encode
        return verdict_from_probabilities(self.p_real(encode(real)), self.p_real(encode(synthetic)))

    def cross_fit(
        self,
        training: pd.DataFrame,
        schema: TableSchema,
        rows: tuple[pd.DataFrame, pd.DataFrame],
        folds: tuple[np.ndarray, np.ndarray],
        seed: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The same as of any discriminator, with each row encoded once.

        Raises:
            KeyError: A real row has a label that no training row has.
        """
        self.start(training, schema, seed)
        encoded = [self.features.known(rows[0].index), self.features.encode(rows[1])]
        p_real = (np.empty(folds[0].shape), np.empty(folds[1].shape))
        for repeat, held in held_out(folds):
            self.begin(seed)
            self.learn(*(x[~out] for x, out in zip(encoded, held, strict=True)))
            for p, x, out in zip(p_real, encoded, held, strict=True):
                p[repeat, out] = self.p_real(x[out])
        return p_real
