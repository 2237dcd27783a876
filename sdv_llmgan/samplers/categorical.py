"""Levels given predecessors: a mixture of models, weighed by rows that they have not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sdv_llmgan.samplers.evidence import Conditional, Evidence, Floats
from sdv_llmgan.samplers.leaves import LeafShares, choose_leaf_size
from sdv_llmgan.samplers.members import Fit, Member, probability_members
from sdv_llmgan.samplers.uniforms import spread_uniforms

#: Larger tables are left to forests alone: leaves of many rows say all that the others could.
MANY_ROWS = 2_000
#: A member that weighs less is left out.
LEAST_WEIGHT = 0.05
EM_STEPS = 100


@dataclass
class LevelConditional(Conditional):
    """Mixture of models of probabilities.

    Attributes:
        marginal: Share of each level, smoothed, shape (n_levels,).
        weights: Weight of the marginal, then of each member; they add up to 1.
        members: Fitted models.
    """

    marginal: Floats
    weights: Floats
    members: list[Member]
    choice: str
    score: float

    @classmethod
    def fit(cls, evidence: Evidence, num_levels: int, rng: np.random.Generator) -> LevelConditional:
        """Fit the candidates, weigh them by held-out rows, keep what weighs something.

        Args:
            evidence: Rows with codes in 0 ... ``num_levels`` - 1 for values.
            num_levels: How many levels there are, >= 1.
            rng: Cuts folds and seeds models.
        """
        seed = int(rng.integers(2**31))
        marginal = _marginal(evidence, num_levels)
        if num_levels == 1:
            return cls(marginal, np.ones(1), [], 'constant', 0.0)
        if len(evidence.values) > MANY_ROWS and evidence.features.shape[1]:
            leaf_size, score = choose_leaf_size(
                evidence,
                lambda part, size: LeafShares.fit(part, num_levels, size, seed),
                lambda model, part: _log_loss(
                    0.99 * model(part.features) + 0.01 * marginal, part.values
                ),
                rng,
            )
            leaves = LeafShares.fit(evidence, num_levels, leaf_size, seed)
            return cls(marginal, np.array([0.0, 1.0]), [leaves], f'leaves of {leaf_size}', score)
        candidates = probability_members(evidence, num_levels)
        fits = list(candidates.values())
        shares = _held_out_shares(evidence, num_levels, fits, rng)
        weights = _mixture_weights(shares)
        kept = [place for place, weight in enumerate(weights) if place and weight >= LEAST_WEIGHT]
        weights = weights[[0, *kept]] / weights[[0, *kept]].sum()
        names = ['marginal', *candidates]
        choice = ' + '.join(
            f'{weight:.2f} {names[place]}'
            for place, weight in zip([0, *kept], weights, strict=True)
            if weight >= 0.005
        )
        score = float(-np.log(shares[:, [0, *kept]] @ weights).mean())
        members = [fits[place - 1](evidence, seed) for place in kept]
        return cls(marginal, weights, members, choice, score)

    @property
    def nats(self) -> float:  # type: ignore[override]
        """Log loss; see ``Conditional``."""
        return self.score

    def probabilities(self, features: Floats) -> Floats:
        """Probability of each level, shape (n_rows, n_levels)."""
        shares = np.tile(self.weights[0] * self.marginal, (len(features), 1))
        for weight, member in zip(self.weights[1:], self.members, strict=True):
            shares += weight * member(features)
        return shares / shares.sum(1, keepdims=True)

    def draw(self, features: Floats, rng: np.random.Generator) -> Floats:
        """One code for each row; see ``Conditional``."""
        leaves = self.members[0] if self.members else None
        if isinstance(leaves, LeafShares):
            shares = leaves.of_a_tree(features, rng)
        else:
            shares = self.probabilities(features)
        uniforms = spread_uniforms(shares @ np.arange(shares.shape[1]), rng)
        drawn = (np.cumsum(shares, axis=1)[:, :-1] <= uniforms[:, None]).sum(1)
        return drawn.astype(float)


def _marginal(evidence: Evidence, num_levels: int) -> Floats:
    counts = np.bincount(evidence.values.astype(int), evidence.weights, num_levels)
    shares: Floats = (counts + 0.5 / num_levels) / (counts.sum() + 0.5)
    return shares


def _held_out_shares(
    evidence: Evidence,
    num_levels: int,
    fits: Sequence[Fit],
    rng: np.random.Generator,
) -> Floats:
    """What each candidate, the marginal first, gave to the level that held-out rows have."""
    folds = evidence.folds(num_folds(int(evidence.is_real.sum())), rng)
    shares = np.empty((sum(map(len, folds)), 1 + len(fits)))
    start = 0
    for fold in folds:
        part, values = evidence.without(fold), evidence.values[fold].astype(int)
        here = slice(start, start + len(fold))
        marginal = _marginal(part, num_levels)
        shares[here, 0] = marginal[values]
        for place, fit in enumerate(fits, start=1):
            member = fit(part, int(rng.integers(2**31)))
            shares[here, place] = member(evidence.features[fold])[range(len(fold)), values]
        start += len(fold)
    return np.maximum(shares, 1e-6)


def num_folds(num_rows: int) -> int:
    """More folds where rows are few, so that every fit still sees most of them."""
    return min(10 if num_rows <= 100 else 5, num_rows)


def _mixture_weights(shares: Floats) -> Floats:
    """Weights that give held-out rows the highest likelihood, by EM, held back from extremes.

    A prior as strong as one row for each candidate keeps 25 rows from electing one by luck; the
    marginal, first among them, has none, since the others are drawn towards it already.
    """
    prior = np.arange(shares.shape[1]) > 0
    weights = np.full(shares.shape[1], 1 / shares.shape[1])
    for _ in range(EM_STEPS):
        joint = shares * weights
        counts = (joint / joint.sum(1, keepdims=True)).sum(0) + prior
        weights = counts / counts.sum()
    return weights


def _log_loss(shares: Floats, values: Floats) -> float:
    observed = shares[range(len(values)), values.astype(int)]
    return float(-np.log(np.maximum(observed, 1e-6)).mean())
