"""Regressions for small tables give what scikit-learn's give."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.preprocessing import StandardScaler

from sdv_llmgan.samplers.distilled.linear import Logistic, Ridge, Scale

PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)
RNG = np.random.default_rng(0)
WEIGHTS = np.where(RNG.random(30) < 0.5, 1.0, 0.3)
#: Fewer features than rows, and more.
TABLES = [RNG.normal(size=(30, 4)), np.column_stack([RNG.normal(size=(30, 50)), np.ones(30)])]


@pytest.mark.parametrize('features', TABLES)
def test_a_ridge_regression_takes_the_penalty_and_the_means_of_scikit_learns(features):
    values = 3 * features[:, 0] + RNG.normal(size=30) + 100
    other = RidgeCV(alphas=PENALTIES).fit(features, values, WEIGHTS)
    found = Ridge.fit(features, values, WEIGHTS, PENALTIES)
    assert found(features) == pytest.approx(other.predict(features), abs=1e-6)


@pytest.mark.parametrize('features', TABLES)
@pytest.mark.parametrize('num_levels', [2, 3])
def test_a_logistic_regression_has_the_shares_of_scikit_learns(features, num_levels):
    levels = np.arange(30) % num_levels
    other = LogisticRegression(C=0.3, tol=1e-3, max_iter=200).fit(features, levels, WEIGHTS)
    found = Logistic.fit(features, levels, WEIGHTS, num_levels, 0.3)
    assert found(features) == pytest.approx(other.predict_proba(features), abs=1e-3)


@pytest.mark.parametrize('weights', [None, WEIGHTS])
def test_scaled_features_have_mean_0_and_deviation_1_and_constants_stay_0(weights):
    features = 5 * TABLES[1] + 7
    expected = StandardScaler().fit(features, sample_weight=weights).transform(features)
    assert Scale.fit(features, weights)(features) == pytest.approx(expected, abs=1e-9)
    assert Scale.fit(features, weights)(features)[:, -1] == pytest.approx(0, abs=1e-9)


def test_a_ridge_regression_on_constant_features_is_the_mean():
    found = Ridge.fit(np.ones((4, 2)), np.array([1.0, 2.0, 3.0, 6.0]), np.ones(4), PENALTIES)
    assert found(np.zeros((1, 2))) == pytest.approx([3.0])
