"""How well rows of one source are told from real ones, with a standard error.

real rows, synthetic rows -> repeated cross-fitting -> pairs of held-out rows told right -> score
verdicts on single batches -> mean

A pair is a real row and a synthetic one of the same held-out fold, told right where the real one
looks more real. The share of pairs told right is the area under the ROC curve (AUC); its error is
that of DeLong et al., 1988 (https://doi.org/10.2307/2531595), with what the classifier's own error
adds. All sources meet the same real rows in the same folds, so most of the luck of those drops out
of a difference between two sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sdv_llmgan.discriminators.base import Discriminator, Verdict
from sdv_llmgan.table.schema import TableSchema

FOLDS = 4
#: Repeats that few rows are worth, and those of many.
REPEATS = 3
FEW_REPEATS = 2
FEW_ROWS = 250
#: Rows of a kind that are judged at most: a score is then sure to about 0.05.
MAX_ROWS = 300


@dataclass(frozen=True)
class Separation:
    """How well a source was told from real rows.

    Attributes:
        by_real: What each real row adds, shape (n_real,): the share of pairs told right with it,
            less the share told wrong, in [-1, 1]. Empty where a score is a mean of verdicts.
        by_synthetic: Likewise for each synthetic row, shape (n_synthetic,).
        mean: Of all pairs, in [-1, 1]; below 0 the classifier was worse than a guess.
        batch_variance: Squared standard error of the part that is a mean over batches; ``None``:
            it is not known.
        p_real: Mean probability of being real, for each synthetic row, shape (n_synthetic,).
        p_real_of_real: Likewise for each real row.
    """

    by_real: np.ndarray
    by_synthetic: np.ndarray
    mean: float
    batch_variance: float | None
    p_real: np.ndarray
    p_real_of_real: np.ndarray

    @property
    def score(self) -> float:
        """The score of a verdict: 0 is chance or worse, 1 is always told."""
        return float(np.clip(self.mean, 0, 1))

    @property
    def standard_error(self) -> float | None:
        """Of ``mean``, >= 0; ``None`` where it is not known."""
        if self.batch_variance is None:
            return None
        pairs = _variance(self.by_real) + _variance(self.by_synthetic)
        return float(np.sqrt(pairs * _inflation(self.mean) + self.batch_variance))

    def less(self, other: Separation) -> tuple[float, float]:
        """How much less another source is told apart, and the standard error of that.

        An error that is not known counts as 0.
        """
        by_real = self.by_real - other.by_real
        pairs = _variance(by_real) + _variance(self.by_synthetic) + _variance(other.by_synthetic)
        batches = (self.batch_variance or 0.0) + (other.batch_variance or 0.0)
        inflation = _inflation((self.mean + other.mean) / 2)
        return self.mean - other.mean, float(np.sqrt(pairs * inflation + batches))

    @classmethod
    def averaged(cls, parts: Sequence[Separation]) -> Separation:
        """Of several judges of the same rows, on average."""
        learned = [part for part in parts if len(part.by_real)]
        variances = [part.batch_variance for part in parts if part.batch_variance is not None]

        def mean(name: str, among: Sequence[Separation], number: int) -> np.ndarray:
            total: np.ndarray = np.sum([getattr(part, name) for part in among], axis=0)
            return total / number if among else np.empty(0)

        return cls(
            mean('by_real', learned, len(parts)),
            mean('by_synthetic', learned, len(parts)),
            float(np.mean([part.mean for part in parts])),
            sum(variances) / len(parts) ** 2 if len(variances) == len(parts) else None,
            mean('p_real', parts, len(parts)),
            mean('p_real_of_real', learned, max(1, len(learned))),
        )

    @classmethod
    def of_verdicts(cls, verdicts: Sequence[Verdict], spread: float | None) -> Separation:
        """Of verdicts on a source's batches, at least one: their mean score.

        Args:
            verdicts: One a batch.
            spread: Variance of the score of a batch; ``None``: it is not known.
        """
        return cls(
            np.empty(0),
            np.empty(0),
            float(np.mean([verdict.score for verdict in verdicts])),
            None if spread is None else spread / len(verdicts),
            np.concatenate([verdict.p_real for verdict in verdicts])[-MAX_ROWS:],
            np.empty(0),
        )


def _variance(parts: np.ndarray) -> float:
    """Squared standard error of a mean."""
    return float(parts.var(ddof=1) / len(parts)) if len(parts) > 1 else 0.0


def _inflation(mean: float) -> float:
    """How much more a score scatters than its held-out rows say.

    At chance what a classifier learns is luck, which scatters the score as much again; one that
    tells all has learned what any other rows would teach it. Between them the power 1.5 fits
    simulations of 25 to 400 rows (experiments/race.py --calibration).
    """
    return 1 + (1 - float(np.clip(mean, 0, 1))) ** 1.5


def cross_fitted(
    discriminator: Discriminator,
    training: pd.DataFrame,
    schema: TableSchema,
    synthetic: pd.DataFrame,
    seed: int,
) -> Separation:
    """Tell rows of one source from all training rows.

    Args:
        discriminator: Learns anew for each fold; see ``Discriminator.cross_fit``.
        training: Real rows, shape (n_real, n_columns), n_real >= 2. Of many, the same
            ``MAX_ROWS`` are judged for every source.
        schema: Their columns.
        synthetic: Rows of the source, shape (n_synthetic, n_columns), n_synthetic >= 2. Of many,
            the last ``MAX_ROWS`` are judged.
        seed: Chooses real rows, and cuts folds.
    """
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(training))[:MAX_ROWS])
    real, synthetic = training.iloc[chosen], synthetic.iloc[-MAX_ROWS:]
    sizes = (len(real), len(synthetic))
    num_folds = min(FOLDS, *sizes)
    repeats = REPEATS if sum(sizes) <= FEW_ROWS else FEW_REPEATS
    # The real rows' folds come first: they are the same however many rows a source has.
    folds = tuple(
        np.stack([rng.permutation(np.arange(size) % num_folds) for _ in range(repeats)])
        for size in sizes
    )
    p_real = discriminator.cross_fit(
        training, schema, (real, synthetic), (folds[0], folds[1]), seed
    )
    right, pairs = np.zeros(sizes), np.zeros(sizes)
    for repeat in range(repeats):
        together = folds[0][repeat][:, None] == folds[1][repeat][None, :]
        signs = np.sign(p_real[0][repeat][:, None] - p_real[1][repeat][None, :])
        right += np.where(together, signs, 0)
        pairs += together
    return Separation(
        right.sum(axis=1) / np.maximum(pairs.sum(axis=1), 1),
        right.sum(axis=0) / np.maximum(pairs.sum(axis=0), 1),
        float(right.sum() / pairs.sum()),
        0.0,
        p_real[1].mean(axis=0),
        p_real[0].mean(axis=0),
    )
