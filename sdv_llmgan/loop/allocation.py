"""Which of a few noisy scores is best, and which is worth another look.

scores, squared errors -> shrunken towards each other -> gain to be expected of one more batch each

A score of few rows is believed less: it is shrunken towards the mean of all by what is known of it
(James and Stein, 1961). The next batch goes where it is expected to lower the score of the final
choice most, the knowledge gradient (Frazier, Powell and Dayanik, 2008,
https://doi.org/10.1137/070693424): to contenders that may be best, and of which little is known.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

#: How much processes of one model are expected to differ in score, as a standard deviation.
SPREAD = 0.1
#: Below this a gain is none.
TINY = 1e-12


def shrunken(scores: np.ndarray, variances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What to believe of scores, and the variance that is left.

    Args:
        scores: Shape (n,), n >= 1.
        variances: Squared standard errors, shape (n,), >= 0.
    """
    total = SPREAD**2 + variances
    middle = np.average(scores, weights=1 / total)
    return middle + SPREAD**2 / total * (scores - middle), SPREAD**2 * variances / total


def gains(scores: np.ndarray, variances: np.ndarray, batches: np.ndarray) -> np.ndarray:
    """How much one more batch of each is expected to lower the score of the final choice.

    Args:
        scores: Shape (n,), n >= 2.
        variances: Squared standard errors, shape (n,), >= 0; they fall with the batches.
        batches: Batches that each score rests on, shape (n,), >= 1.

    Returns:
        Shape (n,), >= 0.
    """
    believed, left = shrunken(scores, variances)
    _, left_then = shrunken(scores, variances * batches / (batches + 1))
    # How far a score may move as it gets another batch.
    moves = np.sqrt(np.maximum(left - left_then, TINY))
    others = np.array([np.delete(believed, place).min() for place in range(len(scores))])
    ratio = -np.abs(believed - others) / moves
    gained: np.ndarray = moves * (ratio * norm.cdf(ratio) + norm.pdf(ratio))
    return gained
