"""Boosted trees as discriminator, one of the three that MALLM-GAN compares.

    real + synthetic rows -> RDT features -> a few more trees -> p_real of other rows -> verdict

Ling et al., MALLM-GAN, 2024. https://arxiv.org/abs/2406.10521
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from sdv_llmgan import Discriminator, hookimpl
from sdv_llmgan.discriminators.encoded import EncodedDiscriminator

if TYPE_CHECKING:
    import xgboost

__all__ = ['XGBoostDiscriminator', 'register_discriminators']

__version__ = '0.1.0'

#: Trees that a batch adds: more of them learn the noise of its few rows.
TREES_PER_BATCH = 5
#: Of one booster. What it learned before the newest 20 to 40 batches is forgotten then.
MAX_TREES = 200
PARAMETERS = {
    'objective': 'binary:logistic',
    'max_depth': 3,
    'eta': 0.3,
    # Both kinds weigh the same, so even odds are where boosting begins.
    'base_score': 0.5,
    # A batch has too few rows for threads to help, and one thread always adds in the same order.
    'nthread': 1,
    'verbosity': 0,
}


class XGBoostDiscriminator(EncodedDiscriminator):
    """Gradient boosting that continues with every batch; sees how columns hang together."""

    def begin(self, seed: int) -> None:
        """Forget all trees."""
        self.seed = seed
        self.booster: xgboost.Booster | None = None
        self.successor: xgboost.Booster | None = None

    def learn(self, real: np.ndarray, synthetic: np.ndarray) -> None:
        """Add a few trees that correct those before them on one more batch."""
        import xgboost

        sizes = [len(real), len(synthetic)]
        batch = xgboost.DMatrix(
            np.concatenate([real, synthetic]),
            label=np.repeat([1, 0], sizes),
            weight=np.repeat([sum(sizes) / 2 / size for size in sizes], sizes),
            nthread=1,
        )
        self.booster = self._with_more_trees(self.booster, batch)
        # Trees cannot be dropped: the later ones correct the earlier. So a second booster learns
        # from the newer batches only, and takes over when the first has grown too large.
        if self.booster.num_boosted_rounds() > MAX_TREES // 2:
            self.successor = self._with_more_trees(self.successor, batch)
        if self.booster.num_boosted_rounds() >= MAX_TREES:
            self.booster, self.successor = self.successor, None

    def _with_more_trees(
        self, booster: xgboost.Booster | None, batch: xgboost.DMatrix
    ) -> xgboost.Booster:
        import xgboost

        parameters = {**PARAMETERS, 'seed': self.seed}
        return xgboost.train(parameters, batch, TREES_PER_BATCH, xgb_model=booster)

    def p_real(self, rows: np.ndarray) -> np.ndarray:
        """Probability that each encoded row is real, shape (n_rows,)."""
        import xgboost

        if self.booster is None:
            raise RuntimeError('judge needs at least one update before it.')
        matrix = xgboost.DMatrix(rows, nthread=1)
        return self.booster.predict(matrix).astype(float)


@hookimpl
def register_discriminators(register: Callable[[str, Callable[[], Discriminator]], None]) -> None:
    """Offer ``discriminator='xgboost'``."""
    register('xgboost', XGBoostDiscriminator)
