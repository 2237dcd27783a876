"""Candidate models of a column: each gives a mean, or probabilities, for each row.

Small tables: linear and logistic models on the causes alone and on all predecessors, the same on
a radial basis (Nystroem) for smooth curves and interactions, and forests for steps; where something
is known of the column beforehand, models that lean on it too (``informed``).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import ARDRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sdv_llmgan.samplers.distilled.evidence import Booleans, Evidence, Floats, Integers
from sdv_llmgan.samplers.distilled.informed import InformedMean, InformedShares
from sdv_llmgan.samplers.distilled.linear import Logistic, Ridge, Scale

LANDMARKS = 150
TREES = 24
ALPHAS = (0.1, 1.0, 10.0, 100.0, 1000.0)
MAX_KERNEL_CLASSES = 8
#: Of models that lean on what is known: how little they are held back.
INFORMED = (0.03, 0.3)
#: The only candidates of a quick fit: linear and logistic models, and a radial basis.
QUICK = (
    *('linear', 'logistic 0.3', 'logistic 1.0', 'radial basis', 'knowledge'),
    *(f'knowledge {strength}' for strength in INFORMED),
)
#: Features whose products are looked at.
MULTIPLIED = 4


class Member(Protocol):
    """A fitted model."""

    def __call__(self, features: Floats) -> Floats:
        """Means, shape (n_rows,), or probabilities, shape (n_rows, n_levels)."""


Fit = Callable[[Evidence, int], Member]


@dataclass(frozen=True)
class RadialBasis:
    """A Gaussian kernel at landmarks.

    Williams and Seeger, Using the Nystroem method to speed up kernel machines, 2001.

    Attributes:
        landmarks: Rows, shape (n_landmarks, n_features).
        gamma: What squared distances are multiplied by.
    """

    landmarks: Floats
    gamma: float

    @classmethod
    def fit(cls, features: Floats, width: float, seed: int) -> tuple[RadialBasis, Floats]:
        """Choose landmarks among the rows.

        The kernel's width is ``width`` times the median distance between them.

        Returns:
            The basis, and what the kernel is multiplied by for features that are nearly
            independent, shape (n_landmarks, n_kept).
        """
        rng = np.random.default_rng(seed)
        chosen = rng.choice(len(features), min(LANDMARKS, len(features)), replace=False)
        landmarks = features[chosen]
        squares = _squared_distances(landmarks, landmarks)
        positive = squares[squares > 1e-9]
        gamma = 0.5 / (width**2 * (np.median(positive) if len(positive) else 1.0))
        values, vectors = np.linalg.eigh(np.exp(-gamma * squares))
        kept = values > 1e-6 * values[-1]
        root = vectors[:, kept] / np.sqrt(values[kept]) * np.sqrt(len(landmarks) / 10)
        return cls(landmarks, float(gamma)), root

    def __call__(self, features: Floats) -> Floats:
        """The kernel, shape (n_rows, n_landmarks)."""
        squares = _squared_distances(features, self.landmarks)
        squares *= -self.gamma
        return np.exp(squares, out=squares)


@dataclass(frozen=True)
class Forest:
    """A random forest (Breiman, 2001) for tables so small that scikit-learn's checks take longest.

    ``TREES`` trees with leaves of two rows or more, each on rows drawn with replacement.

    Attributes:
        trees: What finds each row's node.
        shares: Each tree's part of the shares of levels in its nodes, shape (n_nodes, n_levels).
    """

    trees: Sequence[Any]
    shares: Sequence[Floats]

    @classmethod
    def fit(
        cls, features: Floats, levels: Integers, weights: Floats, num_levels: int, seed: int
    ) -> Forest:
        """Grow the trees; arguments are those of ``Logistic.fit``."""
        rng = np.random.default_rng(seed)
        features, count = features.astype(np.float32), len(levels)
        trees, shares = [], []
        for _ in range(TREES):
            counted = weights * np.bincount(rng.integers(count, size=count), minlength=count)
            drawn = counted > 0
            grown = DecisionTreeClassifier(
                max_features='sqrt', min_samples_leaf=2, random_state=int(rng.integers(2**31))
            )
            grown.fit(features[drawn], levels[drawn], counted[drawn], check_input=False)
            trees.append(grown.tree_)
            shares.append(np.zeros((grown.tree_.node_count, num_levels)))
            shares[-1][:, grown.classes_] = grown.tree_.value[:, 0] / TREES
        return cls(trees, shares)

    def __call__(self, features: Floats) -> Floats:
        """Mean of the trees' shares of the levels, shape (n_rows, n_levels)."""
        features = features.astype(np.float32)
        total = np.zeros((len(features), self.shares[0].shape[1]))
        for tree, shares in zip(self.trees, self.shares, strict=True):
            total += shares[tree.apply(features)]
        return total


@dataclass(frozen=True)
class _Steps:
    """A model of transformed features."""

    steps: Sequence[Callable[[Floats], Floats]]

    def __call__(self, features: Floats) -> Floats:
        for step in self.steps:
            features = step(features)
        return features


@dataclass(frozen=True)
class _Some:
    """Some of the features."""

    used: Booleans

    def __call__(self, features: Floats) -> Floats:
        return features[:, self.used]


@dataclass(frozen=True)
class _Products:
    """A linear mean of products of scaled features."""

    center: float
    scale: float
    scaler: StandardScaler
    used: Integers
    expand: Pipeline
    model: ARDRegression

    def __call__(self, features: Floats) -> Floats:
        terms = np.asarray(self.expand.transform(self.scaler.transform(features)[:, self.used]))
        mean: Floats = self.center + self.scale * np.asarray(self.model.predict(terms))
        return mean


@dataclass(frozen=True)
class _Shares:
    """Probabilities of the levels that were seen; the others have none."""

    model: Member | None
    present: Integers
    num_levels: int

    def __call__(self, features: Floats) -> Floats:
        shares = np.zeros((len(features), self.num_levels))
        shares[:, self.present] = 1.0 if self.model is None else self.model(features)
        return shares


def _squared_distances(a: Floats, b: Floats) -> Floats:
    squares: Floats = -2 * a @ b.T
    squares += (a**2).sum(1)[:, None]
    squares += (b**2).sum(1)
    return np.maximum(squares, 0.0, out=squares)


def mean_members(evidence: Evidence) -> Mapping[str, Fit]:
    """Models of a mean, by name."""
    members: dict[str, Fit] = {}
    if evidence.features.shape[1] == 0:
        return members
    if evidence.parents.any() and not evidence.parents.all():
        members['linear in causes'] = lambda e, seed: _of(e.parents, _linear, e, seed)
    members['linear'] = _linear
    members['products'] = _products
    members['radial basis'] = _radial_mean
    members['boosted trees'] = lambda e, seed: _of(e.for_trees, _boosted, e, seed)
    if evidence.known is not None and (leaning := _leaning(InformedMean.fit, evidence)):
        members['knowledge'] = leaning
    return _asked_for(members, evidence)


def probability_members(evidence: Evidence, num_levels: int) -> Mapping[str, Fit]:
    """Models of probabilities, by name; ``evidence.values`` are codes below ``num_levels``."""
    members: dict[str, Fit] = {}
    if evidence.features.shape[1] == 0:
        return members
    if evidence.parents.any() and not evidence.parents.all():
        by_causes = partial(_logistic, 1.0, num_levels)
        members['logistic in causes'] = lambda e, seed: _of(e.parents, by_causes, e, seed)
    few = num_levels <= MAX_KERNEL_CLASSES
    for strength in (0.1, 1.0, 10.0) if few else (0.3,):
        members[f'logistic {strength}'] = partial(_logistic, strength, num_levels)
    if few:
        members['radial basis'] = partial(_radial_shares, num_levels)
    grown = partial(_forest, num_levels)
    members['forest'] = lambda e, seed: _of(e.for_trees, grown, e, seed)
    for strength in INFORMED if evidence.known is not None else ():
        if leaning := _leaning(partial(InformedShares.fit, strength, num_levels), evidence):
            members[f'knowledge {strength}'] = leaning
    return _asked_for(members, evidence)


def _leaning(
    fit: Callable[[Evidence], InformedMean | InformedShares], evidence: Evidence
) -> Fit | None:
    """A model that leans on what is known; ``None`` where the rows do not bear it out.

    It is fitted on all of them once.
    """
    on_all = fit(evidence)

    def again(part: Evidence, seed: int) -> Member:
        return on_all if part is evidence else fit(part)

    return again if on_all.slope else None


def _asked_for(members: Mapping[str, Fit], evidence: Evidence) -> Mapping[str, Fit]:
    return {name: fit for name, fit in members.items() if name in QUICK or not evidence.quick}


def _of(used: Booleans, fit: Fit, evidence: Evidence, seed: int) -> Member:
    """A model of some of the features."""
    part = replace(evidence, features=evidence.features[:, used])
    return _Steps([_Some(used), fit(part, seed)])


def _linear(evidence: Evidence, seed: int) -> Member:
    scale = Scale.fit(evidence.features)
    return _Steps([scale, _ridge(scale(evidence.features), evidence)])


def _ridge(features: Floats, evidence: Evidence) -> Ridge:
    return Ridge.fit(features, evidence.values, evidence.weights, ALPHAS)


def _radial_mean(evidence: Evidence, seed: int) -> Member:
    scale = Scale.fit(evidence.features)
    scaled = scale(evidence.features)
    basis, root = RadialBasis.fit(scaled, 2.0, seed)
    ridge = _ridge(basis(scaled) @ root, evidence)
    # Of what is multiplied twice the smaller part first: many rows are drawn.
    return _Steps([scale, basis, replace(ridge, coefficients=root @ ridge.coefficients)])


def _boosted(evidence: Evidence, seed: int) -> Member:
    model = GradientBoostingRegressor(
        n_estimators=TREES,
        max_depth=2,
        min_samples_leaf=2,
        subsample=0.7,
        max_features=0.7,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        model.fit(evidence.features, evidence.values, evidence.weights)
    return _Steps([model.predict])


def _products(evidence: Evidence, seed: int) -> Member:
    """A linear mean of the features that matter most, their squares and products.

    Each coefficient has a penalty of its own, so that few remain: automatic relevance determination
    (MacKay, Bayesian interpolation, 1992), first to find the features, then to weigh the terms.
    """
    center = float(np.average(evidence.values, weights=evidence.weights))
    scale = float(np.std(evidence.values)) or 1.0
    values, root = (evidence.values - center) / scale, np.sqrt(evidence.weights)

    def relevant(terms: Floats) -> ARDRegression:
        model = ARDRegression(fit_intercept=False, max_iter=50)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            return model.fit(terms * root[:, None], values * root)

    # Weighted, the variance of a constant may come out a little below 0; its scale is 1 then.
    with np.errstate(invalid='ignore'):
        scaler = StandardScaler().fit(evidence.features, sample_weight=evidence.weights)
        features = scaler.transform(evidence.features)
        chosen = np.argsort(-np.abs(relevant(features).coef_), kind='stable')[:MULTIPLIED]
        expand = make_pipeline(PolynomialFeatures(2, include_bias=False), StandardScaler())
        expand.fit(features[:, chosen], standardscaler__sample_weight=evidence.weights)

    model = relevant(np.asarray(expand.transform(features[:, chosen])))
    return _Products(center, scale, scaler, chosen, expand, model)


def seed_of(candidate: str, rng: np.random.Generator) -> int:
    """A seed for a fit. Models that lean on knowledge take none: the others stay as without."""
    return 0 if candidate.startswith('knowledge') else int(rng.integers(2**31))


def _logistic(strength: float, num_levels: int, evidence: Evidence, seed: int) -> Member:
    def fit(levels: Integers, seen: int) -> Member:
        return Logistic.fit(evidence.features, levels, evidence.weights, seen, strength)

    return _shares(fit, num_levels, evidence)


def _radial_shares(num_levels: int, evidence: Evidence, seed: int) -> Member:
    def fit(levels: Integers, seen: int) -> Member:
        scale = Scale.fit(evidence.features)
        scaled = scale(evidence.features)
        basis, root = RadialBasis.fit(scaled, 1.0, seed)
        model = Logistic.fit(basis(scaled) @ root, levels, evidence.weights, seen, 1.0)
        return _Steps([scale, basis, replace(model, coefficients=root @ model.coefficients)])

    return _shares(fit, num_levels, evidence)


def _forest(num_levels: int, evidence: Evidence, seed: int) -> Member:
    def fit(levels: Integers, seen: int) -> Member:
        return Forest.fit(evidence.features, levels, evidence.weights, seen, seed)

    return _shares(fit, num_levels, evidence)


def _shares(fit: Callable[[Integers, int], Member], num_levels: int, evidence: Evidence) -> Member:
    """A model of the levels that there are, numbered anew; where there is one, it is sure."""
    present, levels = np.unique(evidence.values.astype(int), return_inverse=True)
    model = fit(levels, len(present)) if len(present) > 1 else None
    return _Shares(model, present, num_levels)
