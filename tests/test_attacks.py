"""Attacks on synthetic rows: rates and their intervals, honest rows, copies, odd tables."""

from __future__ import annotations

import math
import re
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu
from scripts import ROOT, load
from tables import visits, visits_metadata

from sdv_llmgan.metrics import (
    DCRShare,
    InferenceRisk,
    LinkabilityRisk,
    MembershipInference,
    SinglingOutRisk,
)
from sdv_llmgan.metrics.rates import Rate, area_nearer, risk

ATTACKS = {
    'singling out': SinglingOutRisk.compute_breakdown,
    'singling out, univariate': partial(SinglingOutRisk.compute_breakdown, mode='univariate'),
    'linkability': LinkabilityRisk.compute_breakdown,
    'inference': InferenceRisk.compute_breakdown,
    'membership': MembershipInference.compute_breakdown,
}
#: What an attack finds where nothing leaks.
NONE = dict.fromkeys(ATTACKS, 0.0) | {'membership': 0.5}
METRICS = [SinglingOutRisk, LinkabilityRisk, InferenceRisk, MembershipInference]


def people(num_rows: int, seed: int) -> tuple[pd.DataFrame, ...]:
    """Rows learned from, fresh rows of the same source, and held-out rows: no key is shared."""
    rows = visits(3 * num_rows, seed)
    return tuple(rows.iloc[start::3].reset_index(drop=True) for start in range(3))


def with_one_cell_changed(rows: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Each row with one cell of another row, never the key."""
    rng, changed = np.random.default_rng(seed), rows.astype(object)
    for place in range(len(rows)):
        column = int(rng.integers(1, rows.shape[1]))
        changed.iloc[place, column] = rows.iloc[int(rng.integers(len(rows))), column]
    return changed.infer_objects()


@pytest.mark.parametrize('metric', [*METRICS, DCRShare])
def test_without_a_control_it_is_said_what_is_needed(metric):
    rows = pd.DataFrame({'a': [1, 2, 3], 'b': list('xyz')})
    with pytest.raises(ValueError, match='held-out table is needed, got None'):
        metric.compute_breakdown(rows, rows, held_out_data=None)


def test_rows_of_the_control_are_no_sign_that_few_are_held_out():
    real, held_out = (
        pd.DataFrame(np.random.default_rng(seed).integers(0, 9, (100, 4))) for seed in (0, 1)
    )
    found = LinkabilityRisk.compute_breakdown(real, held_out, held_out_data=held_out)
    assert found['score'] < 0
    assert 'So few rows are held out' not in found['note']


def test_a_rate_has_wilsons_interval():
    found = Rate(10, 100, 100).interval
    assert (found.value, found.low, found.high) == pytest.approx((0.1, 0.0552, 0.1744), abs=1e-4)
    none, all_of_3 = Rate(0, 10, 10).interval, Rate(3, 3, 3).interval
    assert (none.low, none.high) == pytest.approx((0, 0.2775), abs=1e-4)
    assert (all_of_3.low, all_of_3.high) == pytest.approx((0.4385, 1), abs=1e-4)


def test_attacks_that_succeed_together_widen_the_interval():
    apart, together = Rate(100, 1_000, 1_000).interval, Rate(100, 1_000, 100).interval
    assert together.value == apart.value
    assert together.low < apart.low < apart.high < together.high


def test_a_risk_is_the_gain_over_the_control_as_a_share_of_what_there_was_to_gain():
    assert risk(Rate(60, 100, 100), Rate(20, 100, 100)).value == pytest.approx(0.5)
    assert risk(Rate(100, 100, 100), Rate(0, 100, 100)).value == 1
    assert risk(Rate(20, 100, 100), Rate(60, 100, 100)).value == pytest.approx(-1)
    assert math.isnan(risk(Rate(100, 100, 100), Rate(50, 50, 50)).value)


@pytest.mark.parametrize(('rate', 'sizes'), [(0.02, (500, 100)), (0.3, (30, 200)), (0.8, (60, 60))])
def test_the_interval_of_a_risk_holds_the_truth_in_95_of_100_trials(rate, sizes):
    rng = np.random.default_rng(0)
    for true_risk in (0.0, 0.4):
        rates = (rate + true_risk * (1 - rate), rate)
        hits = 0
        for _ in range(600):
            found = risk(
                *(Rate(int(rng.binomial(n, p)), n, n) for n, p in zip(sizes, rates, strict=True))
            )
            hits += math.isnan(found.value) or found.low <= true_risk <= found.high
        assert hits / 600 >= 0.925


def test_the_interval_of_an_area_leaves_out_one_half_just_where_mann_and_whitney_do():
    rng = np.random.default_rng(0)
    told_apart = 0
    for seed in range(300):
        first = rng.normal(0, 1, 15 + seed % 20).round(seed % 2)
        second = rng.normal(0.7, 1, 25).round(seed % 2)
        found = area_nearer(first, second)
        test = mannwhitneyu(first, second, method='asymptotic', use_continuity=False)
        assert found.value == pytest.approx(1 - test.statistic / (len(first) * 25))
        assert (found.low > 0.5 or found.high < 0.5) == (test.pvalue < 0.05)
        told_apart += found.low > 0.5
    assert 90 < told_apart < 270


def test_three_rows_do_not_make_an_area_of_one_certain():
    found = area_nearer(np.array([0.0, 0.1, 0.2]), np.array([0.3, 0.4, 0.5]))
    assert (found.value, found.high) == (1, 1)
    assert 0.3 < found.low < 0.7
    turned = area_nearer(np.array([0.3, 0.4, 0.5]), np.array([0.0, 0.1, 0.2]))
    assert (turned.value, turned.low, turned.high) == pytest.approx((0, 0, 1 - found.low))


@pytest.mark.parametrize('name', ATTACKS)
def test_fresh_rows_of_the_source_give_intervals_that_hold_no_leak(name):
    found = []
    for seed in range(80):
        real, fresh, held_out = people(60, seed)
        found.append(
            ATTACKS[name](real, fresh, visits_metadata(), held_out_data=held_out, seed=seed)
        )
    above = sum(one['low'] > NONE[name] for one in found)
    below = sum(one['high'] < NONE[name] for one in found)
    # Of 80 trials, more than 9 or more than 7 on one side come by chance in 1 of 100.
    assert above + below <= 9
    assert max(above, below) <= 7
    assert np.mean([one['score'] for one in found]) == pytest.approx(NONE[name], abs=0.03)


@pytest.mark.parametrize('name', ATTACKS)
def test_copies_are_caught_by_every_attack(name):
    real, _, held_out = people(150, 0)
    copies = real.sample(frac=1, random_state=0)
    found = ATTACKS[name](real, copies, visits_metadata(), held_out_data=held_out)
    assert found['low'] > NONE[name] + 0.1
    assert found['note'] == '' or found['note'].startswith('Only')


@pytest.mark.parametrize('name', ATTACKS)
def test_copies_with_one_cell_changed_are_caught_by_every_attack(name):
    real, _, held_out = people(150, 0)
    changed = with_one_cell_changed(real)
    assert (
        ATTACKS[name](real, changed, visits_metadata(), held_out_data=held_out)['low'] > NONE[name]
    )


@pytest.mark.parametrize('name', ATTACKS)
def test_a_third_as_many_held_out_rows_are_enough_to_catch_copies(name):
    real, _, held_out = people(240, 0)
    held_out = held_out.head(80)
    assert ATTACKS[name](real, real, visits_metadata(), held_out_data=held_out)['low'] > NONE[name]


@pytest.mark.parametrize('metric', METRICS)
def test_the_same_seed_gives_the_same_figures_and_keys_take_no_part(metric):
    real, fresh, held_out = people(40, 0)
    compute = partial(metric.compute_breakdown, metadata=visits_metadata(), held_out_data=held_out)
    once = compute(real, fresh, seed=3)
    assert compute(real, fresh.assign(patient=list(real['patient'])), seed=3) == once
    assert (
        metric.compute(real, fresh, visits_metadata(), held_out_data=held_out, seed=3)
        == (once['score'])
    )


@pytest.mark.parametrize('metric', METRICS)
def test_three_held_out_rows_prove_nothing(metric):
    real, fresh, held_out = people(60, 1)
    found = metric.compute_breakdown(
        real, fresh, visits_metadata(), held_out_data=held_out.head(3), seed=1
    )
    none = 0.5 if metric is MembershipInference else 0.0
    assert found['low'] <= none <= found['high']
    if metric is SinglingOutRisk:
        assert 'So few rows are held out' in found['note']
    else:
        assert found['high'] - found['low'] > 0.2


@pytest.mark.parametrize('name', ATTACKS)
def test_constant_tables_say_that_nothing_can_be_told(name):
    table = pd.DataFrame({'size': [1.0] * 20, 'kind': ['a'] * 20})
    found = ATTACKS[name](table, table, held_out_data=table)
    assert found['note']
    assert math.isnan(found['score']) or found['low'] <= NONE[name] <= found['high']


def test_one_column_leaves_nothing_to_link_or_to_know():
    table = pd.DataFrame({'size': np.arange(40.0)})
    for metric in (LinkabilityRisk, InferenceRisk):
        found = metric.compute_breakdown(table, table, held_out_data=table + 100)
        assert math.isnan(found['score'])
        assert found['note'].startswith('No attack of this kind')
    for metric in (SinglingOutRisk, MembershipInference):
        found = metric.compute_breakdown(table, table, held_out_data=table + 100)
        assert found['low'] > (0.5 if metric is MembershipInference else 0.0)


def test_fewer_predicates_than_wanted_are_said():
    rows = pd.DataFrame({'kind': ['a', 'b', 'b', 'c', 'c'] * 1, 'yes': [True] * 5})
    found = SinglingOutRisk.compute_breakdown(rows, rows, held_out_data=rows, mode='univariate')
    assert found['attack_attacks'] == 1
    assert 'Only 1 of 500 attacks could be made.' in found['note']


def test_an_attack_no_better_than_guessing_is_called_weak():
    rng = np.random.default_rng(0)
    tables = [pd.DataFrame(rng.integers(0, 2, (60, 4)).astype(str)) for _ in range(3)]
    found = InferenceRisk.compute_breakdown(*tables[:2], held_out_data=tables[2])
    assert 'no better than random guesses' in found['note']
    assert abs(found['attack'] - 0.5) < 0.15


def test_a_secret_that_columns_tell_of_everyone_is_no_risk():
    rng = np.random.default_rng(0)

    def table(num_rows: int) -> pd.DataFrame:
        ward = rng.choice(['a', 'b', 'c'], num_rows)
        return pd.DataFrame({'ward': ward, 'floor': ward, 'age': rng.normal(50, 20, num_rows)})

    found = InferenceRisk.compute_breakdown(
        table(100), table(100), held_out_data=table(100), secrets=['floor'], known=['ward']
    )
    assert (found['attack'], found['control']) == (1, 1)
    assert math.isnan(found['score'])
    assert 'no room for a leak' in found['note']


def test_a_guessed_number_may_be_off_by_its_tolerance_and_a_missing_one_is_guessed():
    real = pd.DataFrame({'key': ['a', 'b', 'c', 'd'], 'size': [100.0, 100.0, np.nan, 100.0]})
    synthetic = real.assign(size=[104.0, 106.0, np.nan, np.nan])
    options = {'held_out_data': real, 'secrets': ['size'], 'known': ['key']}
    found = InferenceRisk.compute_breakdown(real, synthetic, **options)
    assert found['attack_successes'] == 2
    exact = InferenceRisk.compute_breakdown(real, synthetic, **options, tolerance=0.0)
    assert exact['attack_successes'] == 1


def test_two_halves_are_linked_where_they_share_a_nearest_row():
    real = pd.DataFrame({'a': [0.0, 5.0, 10.0], 'b': [0.0, 5.0, 10.0]})
    synthetic = pd.DataFrame({'a': [0.0, 5.0, 10.0], 'b': [0.0, 10.0, 5.0]})
    link = partial(LinkabilityRisk.compute_breakdown, held_out_data=real, sides=(['a'], ['b']))
    assert link(real, synthetic)['attack_successes'] == 1
    assert link(real, synthetic, num_neighbors=2)['attack_successes'] == 3


def test_a_predicate_counts_where_it_fits_exactly_one_row():
    synthetic = pd.DataFrame({'job': ['nurse', 'clerk', 'clerk', 'cook', 'cook']})
    one = pd.DataFrame({'job': ['nurse', 'clerk', 'cook', 'cook', 'cook']})
    two = pd.DataFrame({'job': ['nurse', 'nurse', 'cook', 'cook', 'cook']})
    found = SinglingOutRisk.compute_breakdown(one, synthetic, held_out_data=two, mode='univariate')
    assert (found['attack_successes'], found['control_successes']) == (1, 0)
    # A draw of 5 of these 10 rows holds exactly one of both nurses with chance 5/9.
    twice = pd.concat([one, one])
    found = SinglingOutRisk.compute_breakdown(
        twice, synthetic, held_out_data=two, mode='univariate'
    )
    assert found['attack_successes'] == pytest.approx(5 / 9)


@pytest.mark.parametrize(
    ('metric', 'options', 'said'),
    [
        (SinglingOutRisk, {'mode': 'both'}, "'multivariate' or 'univariate', got 'both'"),
        (SinglingOutRisk, {'num_conditions': 0}, 'num_conditions must be at least 1'),
        (LinkabilityRisk, {'num_neighbors': 0}, 'num_neighbors must be at least 1'),
        (LinkabilityRisk, {'sides': (['age'], ['age', 'ward'])}, "got ['age'] in both"),
        (LinkabilityRisk, {'sides': (['age'], ['patient'])}, "got ['patient']"),
        (LinkabilityRisk, {'sides': (['age'],)}, 'must be two lists of columns, got 1'),
        (InferenceRisk, {'secrets': ['salary']}, "got ['salary']. There are: age"),
        (InferenceRisk, {'known': []}, 'known must be columns that are compared, got none'),
        (InferenceRisk, {'tolerance': -1}, 'tolerance must be at least 0'),
        (MembershipInference, {'num_attacks': 0}, 'num_attacks must be at least 1'),
    ],
)
def test_what_an_attack_cannot_be_told_is_refused(metric, options, said):
    real, fresh, held_out = people(10, 0)
    with pytest.raises(ValueError, match=re.escape(said)):
        metric.compute(real, fresh, visits_metadata(), held_out_data=held_out, **options)


def test_normalized_figures_are_better_the_higher_and_no_risk_is_best():
    assert [SinglingOutRisk.normalize(risk) for risk in (-0.5, 0.0, 0.25, 1.0)] == [1, 1, 0.75, 0]
    assert [MembershipInference.normalize(area) for area in (0.3, 0.5, 0.75, 1)] == [1, 1, 0.5, 0]
    assert math.isnan(InferenceRisk.normalize(math.nan))
    with pytest.raises(ValueError, match=re.escape('at most 1, got 1.5')):
        LinkabilityRisk.normalize(1.5)


def test_anonymeter_finds_the_same_within_our_intervals(monkeypatch):
    check = load('attacks_check', monkeypatch)
    found = check.beside(ROOT.parent / 'shared' / 'data')
    assert set(found['kind']) == {'copies', 'one cell', 'half', 'fresh'}
    assert len(found) >= 24
    # Ours is one run; that of many has its mean within 95 of 100 intervals.
    within = found['risk'].between(found['our_low'], found['our_high'].clip(lower=0))
    assert within.mean() > 0.95
    for rate in ('attack_rate', 'control_rate'):
        error = 2.5 * np.sqrt(0.25 / found['our_attacks'])
        assert ((found[f'our_{rate}'] - found[rate]).abs() < error).all()
    leaks = found[found['kind'].isin(['copies', 'one cell'])]
    assert (leaks['our_low'] > 0).all()
    assert (leaks['low'] > 0).all()
