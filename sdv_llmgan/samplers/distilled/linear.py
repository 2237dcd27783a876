"""Linear and logistic regression for tables so small that scikit-learn's checks take longest.

Both do what scikit-learn's ``RidgeCV`` and ``LogisticRegression`` do, on rows that count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import minimize

from sdv_llmgan.samplers.distilled.evidence import Floats, Integers

#: The likelihood is maximized until its slope for each row is below this.
TOLERANCE = 1e-3
MAX_STEPS = 200
#: Smaller shares of the largest eigenvalue are rounding.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Scale:
    """What makes each feature one of mean 0 and standard deviation 1; constants stay 0."""

    center: Floats
    spread: Floats

    @classmethod
    def fit(cls, features: Floats, weights: Floats | None = None) -> Scale:
        """Learn it; with ``weights``, shape (n_rows,), rows count as much."""
        center = np.average(features, axis=0, weights=weights)
        spread = np.sqrt(np.average((features - center) ** 2, axis=0, weights=weights))
        return cls(center, np.where(spread > 1e-9 * np.maximum(1, np.abs(center)), spread, 1.0))

    def __call__(self, features: Floats) -> Floats:
        """Shape (n_rows, n_features), as it came."""
        scaled: Floats = (features - self.center) / self.spread
        return scaled


@dataclass(frozen=True)
class Ridge:
    """A linear mean, held back as held-out rows say (generalized cross-validation).

    Golub, Heath and Wahba, Generalized cross-validation as a method for choosing a good ridge
    parameter, 1979; here each row is left out in turn, which has a closed form.
    """

    coefficients: Floats
    intercept: float

    @classmethod
    def fit(
        cls, features: Floats, values: Floats, weights: Floats, penalties: Sequence[float]
    ) -> Ridge:
        """Fit on rows that count ``weights``, with the best of these penalties."""
        total = weights.sum()
        center, middle = weights @ features / total, float(weights @ values / total)
        root = np.sqrt(weights)
        rows, left = (features - center) * root[:, None], (values - middle) * root
        directions, squares, sides = _decomposed(rows)
        along = directions.T @ left
        mean_leverage = weights / total
        best = (np.inf, np.zeros(len(squares)))
        for penalty in penalties:
            shrunk = squares / (squares + penalty)
            leverage = (directions**2) @ shrunk + mean_leverage
            off = (left - directions @ (shrunk * along)) / np.maximum(1 - leverage, 1e-9)
            if (error := float((off**2).mean())) < best[0]:
                best = error, along * np.sqrt(squares) / (squares + penalty)
        coefficients: Floats = sides @ best[1]
        return cls(coefficients, middle - float(center @ coefficients))

    def __call__(self, features: Floats) -> Floats:
        """Means, shape (n_rows,)."""
        means: Floats = features @ self.coefficients + self.intercept
        return means


def _decomposed(rows: Floats) -> tuple[Floats, Floats, Floats]:
    """Left singular vectors, squared singular values and right vectors of centered rows."""
    count, width = rows.shape
    wide = width >= count
    values, vectors = eigh(rows @ rows.T if wide else rows.T @ rows, check_finite=False)
    kept = values > ROUNDING * max(float(values[-1]), 1e-300) * max(count, width)
    values, vectors = values[kept], vectors[:, kept]
    other = (rows.T if wide else rows) @ vectors / np.sqrt(values)
    return (vectors, values, other) if wide else (other, values, vectors)


@dataclass(frozen=True)
class Logistic:
    """Probabilities of levels: two or more, whose scores are linear.

    Attributes:
        coefficients: Shape (n_features, n_scores); of two levels the second alone has a score.
        intercepts: Shape (n_scores,).
    """

    coefficients: Floats
    intercepts: Floats

    @classmethod
    def fit(
        cls, features: Floats, levels: Integers, weights: Floats, num_levels: int, strength: float
    ) -> Logistic:
        """Maximize the likelihood less ``|coefficients|² / (2 strength)``.

        Args:
            features: Shape (n_rows, n_features).
            levels: 0 ... ``num_levels`` - 1, shape (n_rows,).
            weights: How much each row counts, shape (n_rows,).
            num_levels: >= 2.
            strength: How little coefficients are held back, > 0.
        """
        width, scored = features.shape[1], num_levels if num_levels > 2 else 1
        observed = np.eye(num_levels)[levels]
        total, held = weights[:, None] / weights.sum(), 1.0 / (strength * weights.sum())
        rows = np.column_stack([features, np.ones(len(features))])
        penalized = np.append(np.full(width, held), 0.0)[:, None]

        def loss(values: Floats) -> tuple[float, Floats]:
            found = values.reshape(width + 1, scored)
            likely = log_shares(_scores(rows @ found))
            wrong = (np.exp(likely) - observed)[:, -scored:] * total
            held_back = penalized * found
            worse = 0.5 * (held_back * found).sum() - (total * likely * observed).sum()
            return float(worse), (rows.T @ wrong + held_back).ravel()

        found = minimize(
            loss,
            np.zeros((width + 1) * scored),
            jac=True,
            method='L-BFGS-B',
            options={'maxiter': MAX_STEPS, 'gtol': TOLERANCE, 'ftol': 64 * np.finfo(float).eps},
        ).x.reshape(width + 1, scored)
        return cls(found[:-1], found[-1])

    def __call__(self, features: Floats) -> Floats:
        """Shape (n_rows, n_levels)."""
        return shares(_scores(features @ self.coefficients + self.intercepts))


def _scores(scores: Floats) -> Floats:
    """One score for each level, shape (n_rows, n_levels)."""
    return scores if scores.shape[1] > 1 else np.column_stack([np.zeros(len(scores)), scores])


def shares(scores: Floats) -> Floats:
    """Shares in proportion to the exponentials of scores, shape (n_rows, n_levels).

    As scipy's ``softmax`` and ``log_softmax``, whose checks take longer than the figures.
    """
    raised = np.exp(scores - scores.max(1, keepdims=True))
    found: Floats = raised / raised.sum(1, keepdims=True)
    return found


def log_shares(scores: Floats) -> Floats:
    """Their logarithms."""
    below = scores - scores.max(1, keepdims=True)
    found: Floats = below - np.log(np.exp(below).sum(1, keepdims=True))
    return found
