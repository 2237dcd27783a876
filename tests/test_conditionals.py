"""The conditional models of single columns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import entr

from sdv_llmgan.samplers.distilled import stacking
from sdv_llmgan.samplers.distilled.candidates import mean_members
from sdv_llmgan.samplers.distilled.categorical import LevelConditional, Sharpened
from sdv_llmgan.samplers.distilled.evidence import Evidence, noise_share
from sdv_llmgan.samplers.distilled.marginal import Marginal
from sdv_llmgan.samplers.distilled.stacking import AveragedQuantiles
from sdv_llmgan.samplers.distilled.thinning import AIM, aim


def evidence(features: np.ndarray, values: np.ndarray, *, is_target: bool = False) -> Evidence:
    count, width = features.shape
    return Evidence(
        features,
        values.astype(float),
        np.ones(count),
        np.ones(count, dtype=bool),
        np.arange(count)[:, None],
        np.zeros(width, dtype=bool),
        np.ones(width, dtype=bool),
        is_target,
    )


def entropy(shares: np.ndarray) -> float:
    return float(entr(shares).sum(1).mean())


@pytest.mark.parametrize('noise', [0.6, 0.9])
def test_sharpening_leaves_so_much_open_and_every_level_as_frequent(noise):
    shares = np.random.default_rng(0).dirichlet([4.0, 1.0, 0.3], 200)
    found = Sharpened.fit(shares, noise)
    assert found is not None
    sharpened = found(shares)
    assert sharpened.sum(1) == pytest.approx(1.0)
    assert entropy(sharpened) == pytest.approx(noise * entropy(shares), rel=0.02)
    assert sharpened.mean(0) == pytest.approx(shares.mean(0), abs=0.005)
    assert (shares**8).mean(0)[2] / (shares**8).mean(0).sum() < 0.5 * shares.mean(0)[2]


def test_shares_that_hardly_differ_by_row_are_not_sharpened():
    alike = np.tile([0.7, 0.2, 0.1], (30, 1))
    assert Sharpened.fit(alike, 0.9) is None
    noisy = alike + np.random.default_rng(0).uniform(-0.01, 0.01, alike.shape)
    assert Sharpened.fit(noisy / noisy.sum(1, keepdims=True), 0.9) is None


@pytest.mark.parametrize(('seen', 'share'), [(1.0, 1.0), (0.64, 0.8), (0.0, 0.5), (1.3, 1.0)])
def test_noise_lies_between_what_is_seen_and_unseen(seen, share):
    assert noise_share(seen, 1.0) == pytest.approx(share)
    assert noise_share(0.0, 0.0) == 0.5


def levels(
    count: int, *, is_target: bool, slope: float = 2.5, seed: int = 1
) -> tuple[LevelConditional, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 6))
    values = rng.random(count) < 1 / (1 + np.exp(-slope * features[:, 0]))
    fitted = LevelConditional.fit(
        evidence(features, values, is_target=is_target), 2, np.random.default_rng(0)
    )
    return fitted, rng.normal(size=(2_000, 6))


def test_few_rows_of_a_target_are_less_open_and_many_are_as_they_were():
    few, new = levels(30, is_target=True)
    plain, _ = levels(30, is_target=False)
    assert plain.sharpened is None
    assert entropy(few.probabilities(new)) < 0.9 * entropy(plain.probabilities(new))
    assert few.sharpened is not None
    many, _ = levels(1_500, is_target=True)
    assert many.sharpened is not None
    assert 1.0 <= many.sharpened.power < few.sharpened.power


def test_a_target_that_nothing_predicts_is_not_sharpened():
    fits = [levels(40, is_target=True, slope=0.0, seed=seed)[0] for seed in range(12)]
    assert sum(fitted.sharpened is not None for fitted in fits) <= 3
    told = [levels(40, is_target=True, seed=seed)[0] for seed in range(12)]
    assert sum(fitted.sharpened is not None for fitted in told) >= 9


def test_averaged_quantiles_are_at_least_as_good_as_either_scale(monkeypatch):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(80, 2))
    values = np.exp(features[:, 0]) + 3 * (features[:, 1] > 1) + rng.normal(0, 0.2, 80)
    values = (100 * values).round()
    rows = evidence(features, values)
    marginal = Marginal.fit(values, np.ones(80), None)
    _, words, score = AveragedQuantiles.fit(rows, marginal, np.random.default_rng(0))
    assert 'of values' in words
    assert 'of scores' in words
    for share in (0.0, 1.0):
        monkeypatch.setattr(stacking, 'SHARES', (share,))
        model, _, alone = AveragedQuantiles.fit(rows, marginal, np.random.default_rng(0))
        assert len(model.models) == 1
        assert score < alone


def test_a_product_of_features_is_found_and_noise_is_not_made_one():
    rng = np.random.default_rng(0)
    features, new = rng.normal(size=(60, 5)), rng.normal(size=(1_000, 5))

    def r2(values: np.ndarray, wanted: np.ndarray, name: str) -> float:
        member = mean_members(evidence(features, values))[name](evidence(features, values), 0)
        return float(1 - ((member(new) - wanted) ** 2).mean() / wanted.var())

    def product(rows: np.ndarray) -> np.ndarray:
        return rows[:, 0] + rows[:, 1] + 2 * rows[:, 0] * rows[:, 1]

    assert r2(product(features), product(new), 'linear') < 0.5
    assert r2(product(features), product(new), 'products') > 0.95
    weights, far = np.repeat([1.0, 0.02], [30, 300]), np.repeat([0.0, 3.0], [30, 300])
    rows = far[:, None] + rng.normal(size=(330, 5))
    weighted = replace(evidence(rows, rows[:, 0]), weights=weights)
    assert np.abs(mean_members(weighted)['products'](weighted, 0)(new) - new[:, 0]).max() < 0.2
    noise = mean_members(evidence(features, rng.normal(size=60)))['products']
    assert np.std(noise(evidence(features, rng.normal(size=60)), 0)(new)) < 0.5


@pytest.mark.parametrize('seed', range(8))
def test_a_constant_feature_does_no_harm_among_weighted_rows(seed):
    rng = np.random.default_rng(seed)
    features = np.column_stack([np.full(100, 3 * rng.normal()), rng.normal(size=100)])
    weights = np.append(np.ones(50), 0.3 * rng.random(50))
    rows = replace(evidence(features, features[:, 1]), weights=weights)
    predicted = mean_members(rows)['products'](rows, 0)(features)
    assert predicted == pytest.approx(features[:, 1], abs=0.05)


def test_the_aim_falls_short_of_one_half_by_more_where_rows_are_few():
    assert [round(aim(count), 2) for count in (1, 25, 50, 100, 800)] == [0.1, 0.26, 0.33, 0.38, AIM]
