"""A number's mean, stacked from several models, and residuals on top of it: for small tables.

held-out predictions of every model -> weights >= 0 that add up to 1 -> mean
held-out residuals, less the models' own error -> quantiles that change along the mean

It is fitted on two scales, that of values and that of normal scores, and what comes of them is
averaged quantile by quantile. Breiman, Stacked regressions, 1996; van der Laan et al., Super
learner, 2007.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from sdv_llmgan.samplers.distilled.candidates import Fit, Member, mean_members, seed_of
from sdv_llmgan.samplers.distilled.categorical import num_folds
from sdv_llmgan.samplers.distilled.evidence import (
    Evidence,
    Floats,
    Integers,
    noise_share,
)
from sdv_llmgan.samplers.distilled.informed import leaning
from sdv_llmgan.samplers.distilled.marginal import Marginal
from sdv_llmgan.samplers.distilled.uniforms import Uniforms, spread_uniforms

#: Quantiles by which distributions are compared.
LEVELS = (np.arange(10) + 0.5) / 10
#: A member that weighs less is left out.
LEAST_WEIGHT = 0.02
#: How much more than a row the sum of weights counts.
SURE = 1_000.0
#: Shares of the model of scores that are tried.
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
#: Places along the predicted mean at which residuals are described.
ANCHORS = 20
RESIDUAL_LEVELS = 40
#: A local window holds so many residuals at least.
LEAST_RESIDUALS = 25


@dataclass(frozen=True)
class LocalResiduals:
    """Quantiles of residuals along the predicted mean.

    Attributes:
        anchors: Predicted means in ascending order.
        quantiles: Quantiles of residuals near each, shape (n_anchors, ``RESIDUAL_LEVELS``).
    """

    anchors: Floats
    quantiles: Floats

    @classmethod
    def fit(cls, means: Floats, residuals: Floats) -> LocalResiduals:
        """Learn them from held-out rows' predicted means and what was left."""
        order = np.argsort(means, kind='stable')
        means, residuals = means[order], residuals[order]
        count = len(means)
        width = min(count, max(LEAST_RESIDUALS, int(2 * np.sqrt(count))))
        middles = np.linspace(0, count - 1, min(ANCHORS, count)).round().astype(int)
        starts = np.clip(middles - width // 2, 0, count - width)
        levels = (np.arange(RESIDUAL_LEVELS) + 0.5) / RESIDUAL_LEVELS
        quantiles = np.array([
            np.quantile(residuals[start : start + width], levels, method='hazen')
            for start in starts
        ])
        return cls(means[middles], quantiles)

    def draw(self, means: Floats, uniforms: Floats) -> Floats:
        """Residuals at ``uniforms`` for rows with these predicted means."""
        place = np.interp(means, self.anchors, np.arange(len(self.anchors)))
        level = np.clip(uniforms * RESIDUAL_LEVELS - 0.5, 0, RESIDUAL_LEVELS - 1)
        low, left = place.astype(int), level.astype(int)
        high = np.minimum(low + 1, len(self.anchors) - 1)
        right = np.minimum(left + 1, RESIDUAL_LEVELS - 1)
        up, over = place - low, level - left
        table = self.quantiles
        return (1 - up) * ((1 - over) * table[low, left] + over * table[low, right]) + up * (
            (1 - over) * table[high, left] + over * table[high, right]
        )


@dataclass
class StackedMean:
    """A mean from several models, and local residuals, on the values' scale or on that of scores.

    Attributes:
        marginal: The column by itself.
        by_scores: Whether on the scale of normal scores.
        intercept: Added to the weighted sum: the weight that members leave to the mean of all
            rows, times this, and what held-out rows were off by on average.
        weights: Weight of each member, >= 0; with that of the mean they add up to 1.
        members: Fitted models.
        residuals: What is added to the mean.
        claim: See ``Conditional``.
    """

    marginal: Marginal
    by_scores: bool
    intercept: float
    weights: Floats
    members: list[Member]
    residuals: LocalResiduals
    claim: float

    @classmethod
    def fit(
        cls, evidence: Evidence, marginal: Marginal, by_scores: bool, rng: np.random.Generator
    ) -> tuple[StackedMean, str, Floats]:
        """Returns the model, what it is made of, and quantiles of held-out real rows.

        The latter have shape (n_real, n_levels), rows as they come in ``evidence``.
        """
        scaled = evidence.with_values(
            marginal.scores(evidence.values) if by_scores else evidence.values
        )
        candidates = mean_members(scaled)
        plain, means, rows = _held_out_means(scaled, candidates, rng)
        observed, counted, real = scaled.values[rows], scaled.weights[rows], scaled.is_real[rows]
        root = np.sqrt(counted)
        weights = _stack((means - plain[:, None]) * root[:, None], (observed - plain) * root)
        intercept = float(np.average(observed - means @ weights, weights=counted))
        seed = int(rng.integers(2**31))
        kept = np.flatnonzero(weights)
        predicted = intercept + means @ weights
        fits = list(candidates.values())
        members = [fits[place](scaled, seed) for place in kept]
        fitted = _weighted(members, weights[kept], intercept, scaled.features[rows])
        left = observed - predicted
        claimed = evidence.claimed[rows]
        open_ = np.average(left**2, weights=claimed)
        claim = float(1 - open_ / max(np.average((observed - plain) ** 2, weights=claimed), 1e-12))
        if not evidence.predictive:
            left *= noise_share(
                _root_mean_square((observed - fitted)[real]), _root_mean_square(left[real])
            )
        again = _in_proportion(counted)
        residuals = LocalResiduals.fit(predicted[again], left[again])
        model = cls(marginal, by_scores, intercept, weights[kept], members, residuals, claim)
        held_out = predicted[np.argsort(rows)][scaled.is_real]
        grid = np.column_stack([
            model.quantiles(held_out, np.full(len(held_out), level)) for level in LEVELS
        ])
        names = list(candidates)
        parts = [f'{weights[place]:.2f} {names[place]}' for place in kept]
        scale = 'scores' if by_scores else 'values'
        return model, f'{" + ".join(parts) or "mean"} of {scale}', grid

    @property
    def informed(self) -> float:
        """See ``Conditional``."""
        return leaning(self.members, self.weights)

    def means(self, features: Floats) -> Floats:
        """Predicted means on the model's scale."""
        return _weighted(self.members, self.weights, self.intercept, features)

    def quantiles(self, means: Floats, uniforms: Floats) -> Floats:
        """The column's values at ``uniforms`` of their distributions, before they are finished."""
        values = means + self.residuals.draw(means, uniforms)
        return self.marginal.from_scores(values) if self.by_scores else values


@dataclass
class AveragedQuantiles:
    """Models whose distributions are averaged quantile by quantile.

    Means on the values' scale are right where the tail is, on that of scores in the bulk.
    Ratcliff, Group reaction time distributions and an analysis of distribution statistics, 1979.

    Attributes:
        marginal: The column by itself.
        models: Fitted models.
        weights: Weight of each, > 0; they add up to 1.
    """

    marginal: Marginal
    models: list[StackedMean]
    weights: Floats

    @classmethod
    def fit(
        cls, evidence: Evidence, marginal: Marginal, rng: np.random.Generator
    ) -> tuple[AveragedQuantiles, str, float]:
        """Returns the model, what it is made of, and its held-out CRPS."""
        fitted = [StackedMean.fit(evidence, marginal, scale, rng) for scale in (False, True)]
        real, judge = evidence.values[evidence.is_real], judge_of(evidence, marginal)
        grids = [grid for _, _, grid in fitted]
        pairs = [np.array([1 - share, share]) for share in SHARES]
        scores = [
            crps(marginal.finish(np.tensordot(pair, grids, 1)), real, judge) for pair in pairs
        ]
        best = int(np.argmin(scores))
        weights = pairs[best]
        kept = np.flatnonzero(weights)
        words = [f'{weights[place]:.2f} ({fitted[place][1]})' for place in kept]
        model = cls(marginal, [fitted[place][0] for place in kept], weights[kept])
        return model, ' + '.join(words), scores[best]

    @classmethod
    def fused(cls, parts: Sequence[AveragedQuantiles], trust: Floats) -> AveragedQuantiles:
        """All models of these, weighted by the trust in each, which adds up to 1."""
        shares = [share * part.weights for share, part in zip(trust, parts, strict=True)]
        models = [model for part in parts for model in part.models]
        return cls(parts[0].marginal, models, np.concatenate(shares))

    @property
    def informed(self) -> float:
        """See ``Conditional``."""
        return float(self.weights @ [model.informed for model in self.models])

    def draw(
        self, features: Floats, rng: np.random.Generator, uniforms: Uniforms = spread_uniforms
    ) -> Floats:
        """One value for each row."""
        means = [model.means(features) for model in self.models]
        medians = self._averaged(means, np.full(len(features), 0.5))
        return self.marginal.finish(self._averaged(means, uniforms(medians, rng)))

    def quantiles(self, features: Floats, uniforms: Floats) -> Floats:
        """For each row the value at ``uniforms`` of its distribution, shape (n_rows,)."""
        means = [model.means(features) for model in self.models]
        return self.marginal.finish(self._averaged(means, uniforms))

    def _averaged(self, means: Sequence[Floats], uniforms: Floats) -> Floats:
        pairs = zip(self.models, means, strict=True)
        values = [model.quantiles(mean, uniforms) for model, mean in pairs]
        averaged: Floats = np.tensordot(self.weights, values, 1)
        return averaged


def judge_of(evidence: Evidence, marginal: Marginal) -> Marginal:
    """The column by itself in real rows: the same measure whatever else was learned from."""
    real = evidence.rows(evidence.is_real)
    return Marginal.fit(real.values, real.weights, marginal.bounds)


def crps(grid: Floats, values: Floats, marginal: Marginal) -> float:
    """Continuous ranked probability score of predicted quantiles, lower is better.

    Mean of the score of values, in standard deviations, and of that of ranks: neither a long
    tail nor the bulk decides alone.

    Args:
        grid: Quantiles at ``LEVELS``, shape (n_rows, n_levels).
        values: What was observed, shape (n_rows,).
        marginal: The column by itself, in real rows.
    """
    spread = float(np.std(values)) or 1.0
    ranks = marginal.ranks(grid.ravel()).reshape(grid.shape)
    return 0.5 * (_pinball(grid, values) / spread + _pinball(ranks, marginal.ranks(values)) / 0.29)


def _pinball(grid: Floats, values: Floats) -> float:
    gap = values[:, None] - grid
    return float(np.maximum(LEVELS * gap, (LEVELS - 1) * gap).mean())


def _held_out_means(
    evidence: Evidence, candidates: Mapping[str, Fit], rng: np.random.Generator
) -> tuple[Floats, Floats, Integers]:
    """Means of the rows that were fitted, each candidate's of held-out rows, and which these are.

    Shapes (n_rows,), (n_rows, n_candidates) and (n_rows,).
    """
    folds = evidence.folds(num_folds(len(evidence.values)), rng)
    means = []
    for fold in folds:
        part = evidence.without(fold)
        center = np.average(part.values, weights=part.weights) if len(part.values) else 0.0
        predictions = [
            fit(part, seed_of(name, rng))(evidence.features[fold])
            if len(part.values) > 2
            else np.full(len(fold), center)
            for name, fit in candidates.items()
        ]
        means.append(np.column_stack([np.full(len(fold), center), *predictions]))
    plain, *columns = np.concatenate(means).T
    return plain, np.array(columns).reshape(-1, len(plain)).T, np.concatenate(folds)


def _weighted(members: list[Member], weights: Floats, intercept: float, features: Floats) -> Floats:
    means = np.full(len(features), intercept)
    for weight, member in zip(weights, members, strict=True):
        means += weight * member(features)
    return means


def _in_proportion(counted: Floats) -> Integers:
    """Row numbers, each as often as it counts: about as many as the weights add up to."""
    if (counted == 1).all():
        return np.arange(len(counted))
    total = max(1, round(counted.sum()))
    places = (np.arange(total) + 0.5) / total
    ends = np.cumsum(counted) / counted.sum()
    return np.minimum(np.searchsorted(ends, places), len(counted) - 1)


def _root_mean_square(residuals: Floats) -> float:
    return float(np.sqrt((residuals**2).mean()))


def _stack(means: Floats, values: Floats) -> Floats:
    """Weights >= 0 by which members differ from the mean of all rows; what is left to 1 is its own.

    A member that would weigh less than ``LEAST_WEIGHT`` is left out, at weight 0, and the others
    are stacked anew: weights, intercept and residuals are those of the members that there are.

    Args:
        means: By how much each member's prediction of held-out rows is above the mean of the rows
            it was fitted on, shape (n_rows, n_members).
        values: By how much the rows themselves are, shape (n_rows,).
    """
    weights, kept = np.zeros(means.shape[1]), np.arange(means.shape[1])
    # One row more, which counts far more than all others, says that the sum is 1.
    sure = SURE * (_root_mean_square(values) or 1.0)
    target = np.append(values, sure)
    while len(kept):
        members = np.column_stack([means[:, kept], np.zeros(len(values))])
        found = nnls(np.vstack([members, np.full(len(kept) + 1, sure)]), target)[0][:-1]
        if (found >= LEAST_WEIGHT).all():
            weights[kept] = found / max(1.0, found.sum())
            break
        kept = kept[found >= LEAST_WEIGHT]
    return weights
