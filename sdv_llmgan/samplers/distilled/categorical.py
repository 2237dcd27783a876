"""Levels given predecessors: a mixture of models, weighed by rows that they have not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import entr

from sdv_llmgan.samplers.distilled.candidates import Fit, Member, probability_members, seed_of
from sdv_llmgan.samplers.distilled.evidence import (
    Conditional,
    Evidence,
    Floats,
    Integers,
    noise_share,
)
from sdv_llmgan.samplers.distilled.informed import leaning
from sdv_llmgan.samplers.distilled.leaves import LeafShares, choose_leaf_size
from sdv_llmgan.samplers.distilled.uniforms import Uniforms, spread_uniforms

#: Larger tables are left to forests alone: leaves of many rows say all that the others could.
MANY_ROWS = 2_000
#: Of more rows than are picked from, each is drawn by one member alone.
ROWS_MIXED = 4_096
#: A member that weighs less is left out.
LEAST_WEIGHT = 0.05
EM_STEPS = 100
#: A smaller share counts as this much in a log loss.
LEAST_SHARE = 1e-6
#: Shares are raised to this power at most.
MAX_POWER = 8.0


@dataclass(frozen=True)
class Sharpened:
    """Shares raised to a power, so that less is left open.

    What a mixture leaves open is the data's noise and its own error. Drawn row by row, the error
    is noise too, which hides from 25 rows what they are to teach.

    Attributes:
        power: >= 1.
        factors: What each level is multiplied by then, > 0, shape (n_levels,): over held-out
            rows it stays as frequent.
    """

    power: float
    factors: Floats

    @classmethod
    def fit(cls, shares: Floats, noise: float) -> Sharpened | None:
        """Find the power that leaves ``noise`` times the entropy of these shares.

        Args:
            shares: Of held-out rows, shape (n_rows, n_levels).
            noise: In (0, 1].

        Returns:
            ``None`` where no power up to ``MAX_POWER`` does: the shares hardly differ by row.
        """
        wanted = noise * _entropy(shares) + 1e-9
        low, high = 1.0, MAX_POWER
        if _entropy(cls._at(high, shares)(shares)) > wanted:
            return None
        for _ in range(12):
            middle = (low + high) / 2
            if _entropy(cls._at(middle, shares)(shares)) > wanted:
                low = middle
            else:
                high = middle
        return cls._at(low, shares)

    @classmethod
    def _at(cls, power: float, shares: Floats) -> Sharpened:
        sharpened = cls(power, np.ones(shares.shape[1]))
        for _ in range(20):
            found = np.maximum(sharpened(shares).mean(0), 1e-12)
            factors = sharpened.factors * np.maximum(shares.mean(0), 1e-12) / found
            sharpened = cls(power, factors)
        return sharpened

    def __call__(self, shares: Floats) -> Floats:
        """Shape (n_rows, n_levels), as it came."""
        raised: Floats = shares**self.power * self.factors
        return raised / raised.sum(1, keepdims=True)


@dataclass(frozen=True)
class LevelConditional(Conditional):
    """Mixture of models of probabilities.

    Attributes:
        marginal: Share of each level, smoothed, shape (n_levels,).
        weights: Weight of the marginal, then of each member; they add up to 1.
        members: Fitted models.
        sharpened: How much more certain than this mixture the column is; ``None``: no more.
    """

    marginal: Floats
    weights: Floats
    members: list[Member]
    choice: str
    score: float
    sharpened: Sharpened | None = None
    claim: float = 0.0
    cost: float = 0.0
    informed: float = 0.0
    generated: float = 0.0
    gain: float = 0.0

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
            return cls._of_leaves(evidence, marginal, seed, rng)
        candidates = probability_members(evidence, num_levels)
        fits = list(candidates.values())
        shares, rows = _held_out_shares(evidence, num_levels, candidates, rng)
        values = evidence.values[rows]
        given = np.maximum(shares[range(len(rows)), :, values.astype(int)], LEAST_SHARE)
        counted, real = evidence.weights[rows], evidence.is_real[rows]
        claimed = evidence.claimed[rows]
        weights = _mixture_weights(given, counted)
        kept = [place for place, weight in enumerate(weights) if place and weight >= LEAST_WEIGHT]
        weights = weights[[0, *kept]] / weights[[0, *kept]].sum()
        names = ['marginal', *candidates]
        choice = ' + '.join(
            f'{weight:.2f} {names[place]}'
            for place, weight in zip([0, *kept], weights, strict=True)
            if weight >= 0.005
        )
        likely = np.log(given[:, [0, *kept]] @ weights)
        score = float(-likely[real].mean())
        members = [fits[place - 1](evidence, seed) for place in kept]
        unseen = np.tensordot(shares[real][:, [0, *kept]], weights, axes=(1, 0))
        alone = np.log(given[:, 0])
        model = cls(
            marginal,
            weights,
            members,
            choice,
            score,
            claim=float(1 - claimed @ likely / min(claimed @ alone, -1e-9)),
            cost=float((unseen.argmax(1) != values[real]).mean()) / 2,
            informed=1 - (1 - leaning(members, weights[1:])) * (1 - evidence.told),
        )
        # Where nothing before the column tells of it, all that is open is noise.
        gain = (likely - alone)[real]
        if evidence.is_target and gain.mean() > gain.std() / np.sqrt(len(gain)):
            seen = model.probabilities(evidence.features[rows[real]])
            noise = noise_share(_log_loss(seen, values[real]), score)
            if (sharpened := Sharpened.fit(unseen, noise)) is not None:
                choice += f', to the power of {sharpened.power:.1f}'
                model = replace(model, choice=choice, sharpened=sharpened)
        return model

    @classmethod
    def _of_leaves(
        cls, evidence: Evidence, marginal: Floats, seed: int, rng: np.random.Generator
    ) -> LevelConditional:
        leaf_size, score = choose_leaf_size(
            evidence,
            lambda part, size: LeafShares.fit(part, len(marginal), size, seed),
            lambda model, part: _log_loss(
                0.99 * model(part.features) + 0.01 * marginal, part.values
            ),
            rng,
        )
        leaves = LeafShares.fit(evidence, len(marginal), leaf_size, seed)
        return cls(marginal, np.array([0.0, 1.0]), [leaves], f'leaves of {leaf_size}', score)

    @classmethod
    def fused(cls, parts: Sequence[LevelConditional], trust: Floats) -> LevelConditional:
        """Conditionals of one column, whose probabilities are averaged.

        Args:
            parts: With the same levels and features.
            trust: Weight of each, >= 0; they add up to 1.
        """
        words = ' | '.join(
            f'{share:.2f} [{part.choice}]' for share, part in zip(trust, parts, strict=True)
        )
        members: list[Member] = [part.probabilities for part in parts]
        score = float(trust @ [part.score for part in parts])
        weights = np.append(0.0, trust)
        informed = float(trust @ [part.informed for part in parts])
        marginal = np.zeros_like(parts[0].marginal)
        return cls(marginal, weights, members, words, score, informed=informed)

    @property
    def nats(self) -> float:  # type: ignore[override]
        """Log loss; see ``Conditional``."""
        return self.score

    def probabilities(self, features: Floats) -> Floats:
        """Probability of each level, shape (n_rows, n_levels)."""
        shares = np.tile(self.weights[0] * self.marginal, (len(features), 1))
        for weight, member in zip(self.weights[1:], self.members, strict=True):
            shares += weight * member(features)
        shares /= shares.sum(1, keepdims=True)
        return shares if self.sharpened is None else self.sharpened(shares)

    def share(self, features: Floats, number: int) -> Floats:
        """See ``Conditional``."""
        shares: Floats = self.probabilities(features)[:, number]
        return shares

    def draw(
        self,
        features: Floats,
        rng: np.random.Generator,
        *,
        uniforms: Uniforms = spread_uniforms,
        barred: int | None = None,
    ) -> Floats:
        """One code for each row; see ``Conditional``."""
        leaves = self.members[0] if self.members else None
        if isinstance(leaves, LeafShares):
            shares = leaves.of_a_tree(features, rng)
        elif len(features) > ROWS_MIXED and self.sharpened is None:
            shares = self._of_a_member(features, rng)
        else:
            shares = self.probabilities(features)
        if barred is not None:
            shares = _without(shares, barred)
        places = uniforms(shares @ np.arange(shares.shape[1]), rng)
        drawn = (np.cumsum(shares, axis=1)[:, :-1] <= places[:, None]).sum(1)
        return drawn.astype(float)

    def _of_a_member(self, features: Floats, rng: np.random.Generator) -> Floats:
        """Probabilities by one member for each row, drawn by weight: the same mixture, sooner."""
        shares = np.empty((len(features), len(self.marginal)))
        ends = np.cumsum(self.weights / self.weights.sum()) * len(features)
        parts = np.split(rng.permutation(len(features)), np.round(ends[:-1]).astype(int))
        shares[parts[0]] = self.marginal
        for rows, member in zip(parts[1:], self.members, strict=True):
            if len(rows):
                shares[rows] = member(features[rows])
        normed: Floats = shares / shares.sum(1, keepdims=True)
        return normed


def _without(shares: Floats, level: int) -> Floats:
    """Shares of the other levels, which add up to 1; where they have none, all have the same."""
    kept = np.where(np.arange(shares.shape[1]) == level, 0.0, np.maximum(shares, 1e-300))
    without: Floats = kept / kept.sum(1, keepdims=True)
    return without


def _marginal(evidence: Evidence, num_levels: int) -> Floats:
    counts = np.bincount(evidence.values.astype(int), evidence.weights, num_levels)
    shares: Floats = (counts + 0.5 / num_levels) / (counts.sum() + 0.5)
    return shares


def _held_out_shares(
    evidence: Evidence,
    num_levels: int,
    candidates: Mapping[str, Fit],
    rng: np.random.Generator,
) -> tuple[Floats, Integers]:
    """What each candidate, the marginal first, gave to each level of held-out rows, and which.

    Shapes (n_rows, 1 + n_candidates, n_levels) and (n_rows,).
    """
    folds = evidence.folds(num_folds(len(evidence.values)), rng)
    parts = []
    for fold in folds:
        part = evidence.without(fold)
        given = [np.tile(_marginal(part, num_levels), (len(fold), 1))]
        for name, fit in candidates.items():
            member = fit(part, seed_of(name, rng))
            given.append(member(evidence.features[fold]))
        parts.append(np.stack(given, axis=1))
    return np.concatenate(parts), np.concatenate(folds)


def num_folds(num_rows: int) -> int:
    """More folds where rows are few, so that every fit still sees most of them."""
    return min(10 if num_rows <= 100 else 5 if num_rows <= 400 else 3, num_rows)


def _mixture_weights(shares: Floats, counted: Floats) -> Floats:
    """Weights that give held-out rows the highest likelihood, by EM, held back from extremes.

    A prior as strong as one row for each candidate keeps 25 rows from electing one by luck; the
    marginal, first among them, has none, since the others are drawn towards it already.
    """
    prior = np.arange(shares.shape[1]) > 0
    weights = np.full(shares.shape[1], 1 / shares.shape[1])
    for _ in range(EM_STEPS):
        joint = shares * weights
        counts = counted @ (joint / joint.sum(1, keepdims=True)) + prior
        weights = counts / counts.sum()
    return weights


def _entropy(shares: Floats) -> float:
    return float(entr(shares).sum(1).mean())


def _log_loss(shares: Floats, values: Floats) -> float:
    observed = shares[range(len(values)), values.astype(int)]
    return float(-np.log(np.maximum(observed, LEAST_SHARE)).mean())
