from __future__ import annotations

import inspect
import sys

import numpy as np
import pandas as pd
import pytest
from sdmetrics.single_table.base import SingleTableMetric
from tables import visits, visits_metadata

from sdv_llmgan import metrics
from sdv_llmgan.metrics import (
    AlphaPrecision,
    BetaRecall,
    CopiedRows,
    DCRShare,
    MLEfficacy,
    NearCopies,
)
from sdv_llmgan.metrics.encoding import encode

#: What ``AlphaPrecision`` of synthcity 0.2.12 answers on the arrays below:
#: ``delta_precision_alpha_naive`` and ``delta_coverage_beta_naive``. Its loader drops the
#: last column as a target, so a column of zeros was appended to the arrays there.
SYNTHCITY = {
    'same': (0.9409348659, 0.4802222222),
    'shifted': (0.7095555556, 0.3780000000),
    'narrow': (0.1255555556, 0.3102222222),
    'copies': (0.9977854406, 0.9977854406),
    'wide': (0.2326666667, 0.1590000000),
    'binary': (0.9287540230, 0.9617287356),
}


def arrays(kind: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The fixed arrays: real and synthetic points."""
    rng = np.random.default_rng(20260101)
    real = rng.normal(size=(300, 4))
    pairs = {
        'same': lambda: (real, rng.normal(size=(300, 4))),
        'shifted': lambda: (real, rng.normal(0.7, 1, size=(300, 4))),
        'narrow': lambda: (real, rng.normal(0, 0.4, size=(300, 4))),
        'copies': lambda: (real, real.copy()),
        'wide': lambda: (rng.random((200, 20)), rng.random((200, 20)) ** 2),
        'binary': lambda: (
            rng.integers(0, 2, (250, 6)).astype(float),
            rng.integers(0, 2, (250, 6)).astype(float),
        ),
    }
    first, second = pairs[kind]()
    return pd.DataFrame(first), pd.DataFrame(second)


@pytest.mark.parametrize('kind', SYNTHCITY)
def test_alpha_precision_and_beta_recall_agree_with_synthcity(kind):
    real, synthetic = arrays(kind)
    alpha, beta = SYNTHCITY[kind]
    assert AlphaPrecision.compute(real, synthetic) == pytest.approx(alpha, abs=5e-4)
    assert BetaRecall.compute(real, synthetic) == pytest.approx(beta, abs=5e-4)


@pytest.mark.parametrize('name', metrics.__all__)
def test_every_metric_is_one_of_sdmetrics(name):
    metric = getattr(metrics, name)
    assert issubclass(metric, SingleTableMetric)
    assert metric.name
    assert metric.goal
    assert metric.min_value < metric.max_value


@pytest.mark.parametrize('name', ['AlphaPrecision', 'BetaRecall', 'CopiedRows', 'NearCopies'])
@pytest.mark.parametrize('form', ['object', 'dict', 'table'])
def test_metadata_of_any_form_serves_and_keys_take_no_part(name, form):
    real, metadata = visits(60), visits_metadata()
    other_keys = real.assign(patient=[f'Q{i}' for i in range(60)])
    given = {
        'object': metadata,
        'dict': metadata.to_dict(),
        'table': metadata.to_dict()['tables']['visits'],
    }[form]
    compute = getattr(metrics, name).compute
    assert compute(real, other_keys, given) == compute(real, real, given) > 0.98


def test_levels_are_compared_by_value_and_missing_cells_are_a_level():
    real = pd.DataFrame({'level': ['1', '2', None], 'size': [1.0, np.nan, 3.0]})
    synthetic = pd.DataFrame({'level': [1.0, np.nan, 5.0], 'size': [1, 2, 3]})
    metadata = {'columns': {'level': {'sdtype': 'categorical'}, 'size': {'sdtype': 'numerical'}}}
    first, second = encode([real, synthetic], metadata)
    assert first.numbers[:, 0].tolist() == [0.0, 0.5, 1.0]
    assert first.codes.tolist() == [[0, 0], [1, 1], [2, 0]]
    assert second.codes.tolist() == [[0, 0], [2, 0], [3, 0]]
    assert first.one_hot().shape == (3, 1 + 4 + 2)


def test_dates_are_numbers():
    real, metadata = visits(40), visits_metadata()
    later = real.assign(admitted='2025-06-01')
    assert AlphaPrecision.compute(real, later, metadata) < AlphaPrecision.compute(
        real, real, metadata
    )


def test_dates_are_read_as_the_metadata_declare_them():
    days = pd.date_range('2024-01-01', periods=60)
    table = pd.DataFrame({'day': days.strftime('%d.%m.%Y')})
    shuffled = table.sample(frac=1, random_state=0).reset_index(drop=True)
    metadata = {'columns': {'day': {'sdtype': 'datetime', 'datetime_format': '%d.%m.%Y'}}}
    assert CopiedRows.compute(table, shuffled, metadata) == 1
    [encoded] = encode([table], metadata)
    assert np.diff(encoded.numbers[:, 0]) == pytest.approx(1 / 59)
    early = table[:12]  # month first would be read as well
    assert np.diff(encode([early], metadata)[0].numbers[:, 0]) == pytest.approx(1 / 11)


def test_a_table_that_lacks_a_column_is_refused():
    with pytest.raises(ValueError, match=r"lacks \['b'\]"):
        BetaRecall.compute(pd.DataFrame({'a': [1, 2], 'b': [1, 2]}), pd.DataFrame({'a': [1]}))


def points(num_rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({
        'x': rng.normal(size=num_rows),
        'y': rng.normal(size=num_rows),
        'kind': rng.choice(list('abc'), num_rows),
    })


@pytest.mark.parametrize(('num_train', 'num_held_out'), [(100, 400), (400, 100), (200, 200)])
def test_dcr_share_is_one_half_for_fresh_rows_and_more_for_copies(num_train, num_held_out):
    train, held_out = points(num_train, 1), points(num_held_out, 2)
    fresh = DCRShare.compute(train, points(2000, 3), held_out_data=held_out)
    copies = DCRShare.compute(train, train, held_out_data=held_out)
    # Of 400 training rows 100 are drawn: three copies in four lose their origin.
    assert fresh == pytest.approx(0.5, abs=0.06)
    assert copies == pytest.approx(1.0 if num_train <= num_held_out else 0.625, abs=0.03)


@pytest.mark.parametrize(('num_train', 'num_held_out'), [(30, 70), (70, 30)])
def test_dcr_share_is_the_mean_over_random_draws_of_equal_size(num_train, num_held_out):
    train, held_out, synthetic = points(num_train, 1), points(num_held_out, 2), points(50, 3)
    first, made, second = encode([train, synthetic, held_out])

    def distances(table):
        gaps = np.abs(made.numbers[:, None] - table.numbers).sum(axis=2)
        return gaps + 2 * (made.codes[:, None] != table.codes).sum(axis=2)

    to_train, to_held_out = distances(first), distances(second)
    rng, draw = np.random.default_rng(0), min(num_train, num_held_out)
    shares = []
    for _ in range(3000):
        a = to_train[:, rng.permutation(num_train)[:draw]].min(axis=1)
        b = to_held_out[:, rng.permutation(num_held_out)[:draw]].min(axis=1)
        shares.append(((a < b).mean() + (a <= b).mean()) / 2)
    exact = DCRShare.compute(train, synthetic, held_out_data=held_out)
    assert exact == pytest.approx(np.mean(shares), abs=0.005)


def test_distances_are_l1_and_a_category_that_differs_adds_two():
    train = pd.DataFrame({'x': [0, 10], 'y': [0, 4], 'kind': ['a', 'a']})
    synthetic = pd.DataFrame({'x': [1], 'y': [1], 'kind': ['b']})
    found = DCRShare.compute_breakdown(train, synthetic, held_out_data=synthetic)
    assert found['median_to_train'] == pytest.approx(1 / 10 + 1 / 4 + 2)
    assert found['median_to_held_out'] == 0
    assert found['score'] == 0


def test_rows_as_near_to_both_count_one_half():
    table = pd.DataFrame({'kind': ['a', 'b'] * 10})
    assert DCRShare.compute(table, table, held_out_data=table) == 0.5


def test_dcr_share_does_not_depend_on_the_size_of_its_blocks(monkeypatch):
    train, held_out, synthetic = points(60, 1), points(90, 2), points(50, 3)
    whole = DCRShare.compute_breakdown(train, synthetic, held_out_data=held_out)
    monkeypatch.setattr('sdv_llmgan.metrics.privacy.MAX_CELLS', 200)
    assert DCRShare.compute_breakdown(train, synthetic, held_out_data=held_out) == whole


def test_exact_copies_are_counted():
    real = pd.DataFrame({'age': [0.0, 41, 52], 'job': ['clerk', 'nurse', None]})
    synthetic = pd.DataFrame({
        'age': [-0.0, 41.0, 52.0, 52.0],
        'job': ['clerk', 'clerk', None, 'x'],
    })
    assert CopiedRows.compute_breakdown(real, synthetic) == {'score': 0.5, 'copies': 2}


def test_rows_that_differ_in_a_cell_or_by_small_steps_are_near_copies_and_fresh_rows_are_not():
    real, fresh, metadata = visits(150), visits(150, seed=1), visits_metadata()
    one_cell = real.assign(weight=fresh['weight'])
    stepped = real.assign(age=real['age'] + 1, weight=real['weight'] * 1.01)
    for rows in (real, one_cell, stepped):
        assert NearCopies.compute(real, rows, metadata) > 0.9
    assert CopiedRows.compute(real, one_cell, metadata) < 0.1
    found = NearCopies.compute_breakdown(real, fresh, metadata)
    assert found['score'] == found['copies'] / 150 < 0.1


def test_a_table_among_itself_tells_what_chance_does():
    real = visits(150)
    assert CopiedRows.among(real, visits_metadata()) == 0
    assert NearCopies.among(real, visits_metadata()) < 0.1
    twice = pd.concat([real, real[:75]], ignore_index=True)
    assert CopiedRows.among(twice, visits_metadata()) == 150 / 225
    assert NearCopies.among(twice, visits_metadata()) >= 150 / 225
    with pytest.raises(ValueError, match='at least one row'):
        NearCopies.among(real[:0], visits_metadata())


def test_hardly_any_row_is_a_near_copy_where_many_levels_are_drawn_at_random():
    rng = np.random.default_rng(0)
    real, other = (pd.DataFrame(rng.integers(0, 10, (500, 8)).astype(str)) for _ in range(2))
    assert NearCopies.compute(real, other) < 0.02


def test_in_two_columns_only_copies_are_near():
    real = pd.DataFrame({'age': [41, 52], 'job': ['clerk', 'nurse']})
    synthetic = pd.DataFrame({'age': [41, 41], 'job': ['clerk', 'nurse']})
    assert NearCopies.compute_breakdown(real, synthetic) == {'score': 0.5, 'copies': 1}


def rule(num_rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    size, kind = rng.normal(size=num_rows), rng.choice(list('ab'), num_rows)
    return pd.DataFrame({
        'size': np.where(rng.random(num_rows) < 0.1, np.nan, size),
        'kind': kind,
        'large': np.where(size > 0, 'yes', 'no'),
        'price': 3 * np.nan_to_num(size) + (kind == 'a'),
    })


@pytest.mark.parametrize(
    ('target', 'models'),
    [
        ('large', {'linear', 'forest', 'svc', 'xgboost'}),
        ('price', {'linear', 'tree', 'xgboost'}),
    ],
)
def test_efficacy_is_high_for_rows_that_follow_the_rule_and_low_for_shuffled_ones(target, models):
    test, good = rule(200, 1), rule(200, 2)
    shuffled = good.assign(**{target: good[target].sample(frac=1, random_state=0).to_numpy()})
    if target == 'large':
        test, good, shuffled = (t.drop(columns='price') for t in (test, good, shuffled))
    else:
        test, good, shuffled = (t.drop(columns='large') for t in (test, good, shuffled))
    high = MLEfficacy.compute_breakdown(test, good, target=target)
    low = MLEfficacy.compute_breakdown(test, shuffled, target=target)
    assert set(high) == {'score'} | models
    assert high['score'] == max(value for name, value in high.items() if name != 'score')
    assert high['score'] > 0.8
    assert low['score'] < 0.65


def test_efficacy_takes_rows_of_one_class_and_unseen_levels():
    train = pd.DataFrame({'kind': ['a', 'b'] * 5, 'large': ['yes'] * 10})
    test = pd.DataFrame({'kind': ['a', 'c'], 'large': ['yes', 'no']})
    assert MLEfficacy.compute(test, train, target='large') == pytest.approx(1 / 3)


def test_efficacy_without_xgboost_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, 'xgboost', None)
    with pytest.raises(ImportError, match=r"pip install 'sdv-llmgan\[benchmark\]'"):
        MLEfficacy.compute(rule(20, 1), rule(20, 2), target='large')


def test_efficacy_names_the_targets_there_can_be():
    with pytest.raises(ValueError, match="got 'wage'. It can be: size, kind"):
        MLEfficacy.compute(rule(20, 1), rule(20, 2), target='wage')


def compute(name: str, real: pd.DataFrame, synthetic: pd.DataFrame) -> float:
    metric = getattr(metrics, name)
    takes_held_out = 'held_out_data' in inspect.signature(metric.compute).parameters
    more = {'held_out_data': real} if takes_held_out else {}
    more |= {'target': 'kind'} if name == 'MLEfficacy' else {}
    return metric.compute(real, synthetic, **more)


@pytest.mark.parametrize('name', metrics.__all__)
def test_every_metric_refuses_tables_that_cannot_be_compared(name):
    table = points(20, 1)
    with pytest.raises(ValueError, match='real table must have at least one row, found none'):
        compute(name, table[:0], table)
    with pytest.raises(ValueError, match='synthetic table must have at least one row, found none'):
        compute(name, table, table[:0])
    with pytest.raises(ValueError, match=r"synthetic table must have .* it lacks \['x'\]"):
        compute(name, table, table.drop(columns='x'))
    naive = table.assign(at=pd.date_range('2024-01-01', periods=20))
    aware = naive.assign(at=naive['at'].dt.tz_localize('UTC'))
    with pytest.raises(ValueError, match="column 'at' of the real table is in UTC, .* in none"):
        compute(name, aware, naive)
    same = pytest.approx(compute(name, naive, naive), nan_ok=True)
    assert compute(name, aware, aware) == same
    extra = table.assign(other=1)
    assert compute(name, table, extra) == pytest.approx(compute(name, table, table), nan_ok=True)


def test_dcr_share_refuses_empty_held_out_rows():
    with pytest.raises(ValueError, match='held-out table must have at least one row'):
        DCRShare.compute(points(5, 1), points(5, 2), held_out_data=points(0, 3))


def test_beta_recall_needs_two_real_rows():
    with pytest.raises(ValueError, match='needs 2 real rows, got 1'):
        BetaRecall.compute(points(1, 1), points(5, 2))


def test_efficacy_refuses_what_nothing_can_be_learned_from():
    table = rule(20, 1)
    with pytest.raises(ValueError, match="to predict 'price' from, found no other"):
        MLEfficacy.compute(table[['price']], table[['price']], target='price')
    unknown = table.assign(price=np.nan)
    with pytest.raises(ValueError, match='at least 1 of the synthetic rows .* found 0'):
        MLEfficacy.compute(table, unknown, target='price')
    with pytest.raises(ValueError, match='at least 2 of the real rows .* found 1'):
        MLEfficacy.compute(table[:1], table, target='price')
    with pytest.raises(ValueError, match='at least 1 of the real rows .* found 0'):
        MLEfficacy.compute(table.assign(large=None), table, target='large')


@pytest.mark.parametrize(
    ('share', 'normalized'), [(0, 1), (0.3, 1), (0.5, 1), (0.75, 0.5), (0.9, 0.2), (1, 0)]
)
def test_a_dcr_share_below_one_half_is_no_better_than_one_half(share, normalized):
    assert DCRShare.normalize(share) == pytest.approx(normalized)
    with pytest.raises(ValueError, match='must be between'):
        DCRShare.normalize(1.1)
