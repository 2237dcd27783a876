"""Candidate models of a column that lean on what is known of it; see ``known``.

The index of what is known, times a slope that rows tell and that is never negative, and on top of
it a linear or logistic model of all features, held back: where the index has the wrong sign its
slope is 0, and what is left is a model that knows nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize

from sdv_llmgan.samplers.distilled.evidence import Evidence, Floats
from sdv_llmgan.samplers.distilled.linear import Ridge, Scale, log_shares, shares

#: Held back more than models that know nothing: what is known is to be departed from slowly.
ALPHAS = (1.0, 10.0, 100.0, 1000.0, 10000.0)
MAX_STEPS = 60
#: The likelihood is maximized until its slope for each row is below this.
TOLERANCE = 1e-3

Index = Callable[[Floats], Floats]


@dataclass(frozen=True)
class InformedMean:
    """A mean: what is known, times a slope, and a ridge regression of what that leaves."""

    index: Index
    slope: float
    scale: Scale
    rest: Ridge

    @classmethod
    def fit(cls, evidence: Evidence) -> InformedMean:
        """Fit on rows of numbers."""
        index, weights = evidence.known, evidence.weights
        assert index is not None
        known = index(evidence.features)[:, 0]
        centered = known - np.average(known, weights=weights)
        values = evidence.values - np.average(evidence.values, weights=weights)
        spread = max(float(weights @ centered**2), 1e-12)
        slope = max(0.0, float(weights @ (centered * values)) / spread)
        scale = Scale.fit(evidence.features, weights)
        left = evidence.values - slope * known
        return cls(index, slope, scale, Ridge.fit(scale(evidence.features), left, weights, ALPHAS))

    def __call__(self, features: Floats) -> Floats:
        """Means, shape (n_rows,)."""
        rest = self.rest(self.scale(features))
        mean: Floats = self.slope * self.index(features)[:, 0] + rest
        return mean


@dataclass(frozen=True)
class InformedShares:
    """Probabilities: what is known of each level, times a slope, and a logistic regression."""

    index: Index
    slope: float
    intercepts: Floats
    coefficients: Floats

    @classmethod
    def fit(cls, strength: float, num_levels: int, evidence: Evidence) -> InformedShares:
        """Maximize the likelihood less ``|coefficients|² / (2 strength)``, the slope >= 0."""
        index, features = evidence.known, evidence.features
        assert index is not None
        known, width = index(features), features.shape[1]
        observed = np.eye(num_levels)[evidence.values.astype(int)]
        weights = evidence.weights
        counts = weights @ observed + 0.5 / num_levels

        def loss(values: Floats) -> tuple[float, Floats]:
            slope, intercepts = values[0], values[1 : 1 + num_levels]
            coefficients = values[1 + num_levels :].reshape(width, num_levels)
            scores = intercepts + slope * known + features @ coefficients
            likely = log_shares(scores)
            wrong = (np.exp(likely) - observed) * weights[:, None]
            penalty = float((coefficients**2).sum() / strength + 1e-3 * (intercepts**2).sum()) / 2
            slopes = [
                np.array([(wrong * known).sum()]),
                wrong.sum(0) + 1e-3 * intercepts,
                (features.T @ wrong + coefficients / strength).ravel(),
            ]
            return penalty - float(weights @ (likely * observed).sum(1)), np.concatenate(slopes)

        start = np.zeros(1 + num_levels + width * num_levels)
        start[1 : 1 + num_levels] = np.log(counts / counts.sum())
        bounds: list[Any] = [(0.0, None), *[(None, None)] * (len(start) - 1)]
        enough = {'maxiter': MAX_STEPS, 'gtol': TOLERANCE * weights.sum()}
        found = minimize(loss, start, jac=True, method='L-BFGS-B', bounds=bounds, options=enough).x
        return cls(
            index,
            float(found[0]),
            found[1 : 1 + num_levels],
            found[1 + num_levels :].reshape(width, num_levels),
        )

    def __call__(self, features: Floats) -> Floats:
        """Probabilities, shape (n_rows, n_levels)."""
        scores = self.intercepts + self.slope * self.index(features) + features @ self.coefficients
        return shares(scores)


def leaning(members: Sequence[object], weights: Floats) -> float:
    """The weight of members that lean on what is known: those whose slope is above 0."""
    informed = (InformedMean, InformedShares)
    return float(
        sum(
            weight
            for member, weight in zip(members, weights, strict=True)
            if isinstance(member, informed) and member.slope > 0
        )
    )
