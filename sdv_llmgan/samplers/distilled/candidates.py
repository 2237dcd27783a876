"""Candidate models of a column: each gives a mean, or probabilities, for each row.

Small tables: linear and logistic models on the causes alone and on all predecessors, the same on
a radial basis (Nystroem) for smooth curves and interactions, and forests for steps; where something
is known of the column beforehand, models that lean on it too (``informed``).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import ARDRegression, LogisticRegression, RidgeCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sdv_llmgan.samplers.distilled.evidence import Booleans, Evidence, Floats, Integers
from sdv_llmgan.samplers.distilled.informed import InformedMean, InformedShares

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


class RadialBasis(TransformerMixin, BaseEstimator):
    """Features of a Gaussian kernel at landmarks, besides the features themselves.

    Williams and Seeger, Using the Nystroem method to speed up kernel machines, 2001. The kernel's
    width is ``width`` times the median distance between rows.
    """

    def __init__(self, width: float, seed: int) -> None:
        self.width = width
        self.seed = seed

    def fit(self, features: Floats, y: object = None) -> RadialBasis:
        """Choose landmarks among the rows."""
        rng = np.random.default_rng(self.seed)
        chosen = rng.choice(len(features), min(LANDMARKS, len(features)), replace=False)
        self.landmarks_ = features[chosen]
        squares = _squared_distances(self.landmarks_, self.landmarks_)
        positive = squares[squares > 1e-9]
        self.gamma_ = 0.5 / (self.width**2 * (np.median(positive) if len(positive) else 1.0))
        kernel = np.exp(-self.gamma_ * squares)
        values, vectors = np.linalg.eigh(kernel)
        kept = values > 1e-6 * values[-1]
        self.root_ = vectors[:, kept] / np.sqrt(values[kept])
        return self

    def transform(self, features: Floats) -> Floats:
        """Shape (n_rows, at most ``LANDMARKS``)."""
        kernel = np.exp(-self.gamma_ * _squared_distances(features, self.landmarks_))
        scaled: Floats = kernel @ self.root_ * np.sqrt(len(self.landmarks_) / 10)
        return scaled


class Forest:
    """A random forest (Breiman, 2001) for tables so small that scikit-learn's checks take longest.

    ``TREES`` trees with leaves of two rows or more, each on rows drawn with replacement.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def fit(self, features: Floats, levels: Integers, sample_weight: Floats) -> None:
        """Grow the trees."""
        rng = np.random.default_rng(self.seed)
        features, count = features.astype(np.float32), len(levels)
        seen, codes = np.unique(levels, return_inverse=True)
        self.num_levels, self.trees = len(seen), []
        for _ in range(TREES):
            weights = sample_weight * np.bincount(rng.integers(count, size=count), minlength=count)
            drawn = weights > 0
            tree = DecisionTreeClassifier(
                max_features='sqrt', min_samples_leaf=2, random_state=int(rng.integers(2**31))
            )
            tree.fit(features[drawn], codes[drawn], weights[drawn], check_input=False)
            self.trees.append(tree)

    def predict_proba(self, features: Floats) -> Floats:
        """Mean of the trees' shares of the levels seen, shape (n_rows, n_levels)."""
        shares = np.zeros((len(features), self.num_levels))
        features = features.astype(np.float32)
        for tree in self.trees:
            found = tree.tree_.predict(features).reshape(len(features), -1)
            shares[:, tree.classes_] += found / TREES
        return shares


@dataclass(frozen=True)
class _Mean:
    """A mean from the features that are used."""

    model: Any
    used: slice | Booleans

    def __call__(self, features: Floats) -> Floats:
        return np.asarray(self.model.predict(features[:, self.used]), dtype=float)


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
    """Probabilities from the features that are used; levels that were not seen have none."""

    model: Any
    used: slice | Booleans
    present: Integers
    num_levels: int

    def __call__(self, features: Floats) -> Floats:
        shares = np.zeros((len(features), self.num_levels))
        if len(self.present) > 1:
            shares[:, self.present] = self.model.predict_proba(features[:, self.used])
        else:
            shares[:, self.present] = 1.0
        return shares


def _squared_distances(a: Floats, b: Floats) -> Floats:
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2 * a @ b.T
    return np.maximum(squares, 0.0)


def mean_members(evidence: Evidence) -> Mapping[str, Fit]:
    """Models of a mean, by name."""
    members: dict[str, Fit] = {}
    if evidence.features.shape[1] == 0:
        return members
    if evidence.parents.any() and not evidence.parents.all():
        members['linear in causes'] = lambda e, seed: _mean(_ridge(), e, e.parents)
    members['linear'] = lambda e, seed: _mean(_ridge(), e)
    members['products'] = _products
    members['radial basis'] = lambda e, seed: _mean(
        make_pipeline(StandardScaler(), RadialBasis(2.0, seed), RidgeCV(alphas=ALPHAS)), e
    )
    members['boosted trees'] = lambda e, seed: _mean(
        GradientBoostingRegressor(
            n_estimators=TREES,
            max_depth=2,
            min_samples_leaf=2,
            subsample=0.7,
            max_features=0.7,
            random_state=seed,
        ),
        e,
        e.for_trees,
        'sample_weight',
    )
    if evidence.known is not None and InformedMean.fit(evidence).slope:
        members['knowledge'] = lambda e, seed: InformedMean.fit(e)
    return _asked_for(members, evidence)


def probability_members(evidence: Evidence, num_levels: int) -> Mapping[str, Fit]:
    """Models of probabilities, by name; ``evidence.values`` are codes below ``num_levels``."""
    members: dict[str, Fit] = {}
    if evidence.features.shape[1] == 0:
        return members
    if evidence.parents.any() and not evidence.parents.all():
        members['logistic in causes'] = lambda e, seed: _shares(
            _logistic(1.0), e, num_levels, e.parents
        )
    few = num_levels <= MAX_KERNEL_CLASSES
    for strength in (0.1, 1.0, 10.0) if few else (0.3,):
        members[f'logistic {strength}'] = partial(_logistic_shares, strength, num_levels)
    if few:
        members['radial basis'] = lambda e, seed: _shares(
            make_pipeline(StandardScaler(), RadialBasis(1.0, seed), _logistic(1.0)),
            e,
            num_levels,
            name='logisticregression__sample_weight',
        )
    members['forest'] = lambda e, seed: _shares(Forest(seed), e, num_levels, e.for_trees)
    for strength in INFORMED if evidence.known is not None else ():
        if InformedShares.fit(strength, num_levels, evidence).slope:
            members[f'knowledge {strength}'] = partial(_informed, strength, num_levels)
    return _asked_for(members, evidence)


def _asked_for(members: Mapping[str, Fit], evidence: Evidence) -> Mapping[str, Fit]:
    return {name: fit for name, fit in members.items() if name in QUICK or not evidence.quick}


def _ridge() -> Pipeline:
    return make_pipeline(StandardScaler(), RidgeCV(alphas=ALPHAS))


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


def _informed(strength: float, num_levels: int, evidence: Evidence, seed: int) -> Member:
    return InformedShares.fit(strength, num_levels, evidence)


def seed_of(candidate: str, rng: np.random.Generator) -> int:
    """A seed for a fit. Models that lean on knowledge take none: the others stay as without."""
    return 0 if candidate.startswith('knowledge') else int(rng.integers(2**31))


def _logistic(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=200, tol=1e-3)


def _logistic_shares(strength: float, num_levels: int, evidence: Evidence, seed: int) -> Member:
    return _shares(_logistic(strength), evidence, num_levels)


def _mean(
    model: Any,  # noqa: ANN401 - any scikit-learn regressor
    evidence: Evidence,
    used: Booleans | None = None,
    name: str = 'ridgecv__sample_weight',
) -> Member:
    chosen = slice(None) if used is None else used
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        model.fit(evidence.features[:, chosen], evidence.values, **{name: evidence.weights})
    return _Mean(model, chosen)


def _shares(
    model: Any,  # noqa: ANN401 - any scikit-learn classifier
    evidence: Evidence,
    num_levels: int,
    used: Booleans | None = None,
    name: str = 'sample_weight',
) -> Member:
    chosen = slice(None) if used is None else used
    levels = evidence.values.astype(int)
    present = np.unique(levels)
    if len(present) > 1:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            model.fit(evidence.features[:, chosen], levels, **{name: evidence.weights})
    return _Shares(model, chosen, present, num_levels)
