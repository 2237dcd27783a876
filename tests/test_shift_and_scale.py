"""Where a column lies, and in which unit it is told, changes nothing else of what is made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sdv_llmgan.analysis import analyze
from sdv_llmgan.metrics import AlphaPrecision, BetaRecall, DCRShare, MLEfficacy
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.hill_climb import learn_causal_graph
from sdv_llmgan.samplers.distilled import candidates as members
from sdv_llmgan.samplers.distilled import categorical, numerical, stacking
from sdv_llmgan.samplers.distilled import sampler as distilled
from sdv_llmgan.samplers.distilled.evidence import Evidence
from sdv_llmgan.samplers.distilled.grid import Grid, common_step
from sdv_llmgan.samplers.distilled.marginal import Marginal
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.table.features import Features
from sdv_llmgan.table.learn_column import learn_column
from sdv_llmgan.table.missing import MissingPatterns
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.training_set import GeneratedRows, TrainingSet

Told = Callable[[pd.Series], pd.Series]
#: Microseconds of so many years are whole numbers as floats.
TIMES = st.datetimes(pd.Timestamp('1700-01-01'), pd.Timestamp('1980-01-01'))


def stays(num_rows: int = 40, seed: int = 0) -> pd.DataFrame:
    """A stay ends days after it begins; the ward tells how many."""
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 2_000, num_rows)
    ward = rng.choice(list('abcd'), num_rows)
    length = 1 + rng.integers(0, 60, num_rows) + 40 * (ward == 'a')
    return pd.DataFrame({'start': start, 'ward': ward, 'end': start + length})


def told_as(table: pd.DataFrame, told: Told) -> pd.DataFrame:
    return table.assign(start=told(table['start']), end=told(table['end']))


def schema_of(table: pd.DataFrame) -> TableSchema:
    return TableSchema(tuple(learn_column(table[name], {}) for name in table))


def sampled(table: pd.DataFrame) -> pd.DataFrame:
    schema = schema_of(table)
    sampler = DistilledSampler.fit(
        TrainingSet(schema.to_plain(table), schema), [CausalGraph()], order=['ward', 'start', 'end']
    )
    return schema.from_plain(sampler.sample(64, np.random.default_rng(0)))


def dates(first: str, unit: str) -> Told:
    return lambda days: pd.Timestamp(first) + pd.to_timedelta(days, unit=unit)


TOLD: list[Told] = [
    lambda days: days - 10**12,
    lambda days: 27 * days + 1_600_000_000,
    lambda days: (days / 1e20).map(lambda number: round(number, 20)),
    lambda days: (1e6 + days / 1e3).round(3),
    dates('1690-01-01', 'D'),
    dates('2250-12-31 05:07:00.123456', 's'),
]


def assert_same_but_for_shift_and_scale(table: pd.DataFrame, kinds: list[Told]) -> None:
    as_it_is = sampled(table)
    for told in kinds:
        rows, expected = sampled(told_as(table, told)), told_as(as_it_is, told)
        for name in table:
            assert rows[name].tolist() == expected[name].tolist()


def test_shift_and_scale_of_columns_change_a_small_tables_sample_by_just_that():
    assert_same_but_for_shift_and_scale(stays(25), TOLD[1::2])


def test_shift_and_scale_of_columns_change_a_large_tables_sample_by_just_that(monkeypatch):
    for module in (categorical, numerical, distilled):
        monkeypatch.setattr(module, 'MANY_ROWS', 100)
    assert_same_but_for_shift_and_scale(stays(150), TOLD[::2])


@pytest.mark.parametrize('factor', [1e-12, 1e-3, 0.1, 10.0, 100.0, 1e3, 1e6, 1e9, 1e12])
@pytest.mark.parametrize('seed', range(5))
def test_the_noise_of_a_product_changes_no_step(factor, seed):
    dollars = pd.Series(np.random.default_rng(seed).gamma(2.0, 4.0, 60).round(2), name='v')
    counts = [
        Grid.fit(values, learn_column(values, {})).encode(values)
        for values in (dollars, dollars * factor)
    ]
    assert counts[0].tolist() == counts[1].tolist()
    cents = dollars * factor
    grid = Grid.fit(cents, learn_column(cents, {}))
    assert grid.decode(counts[1]).tolist() == pytest.approx(cents.tolist(), rel=1e-12)


def test_gaps_and_heaps_are_shifted_and_scaled_too():
    table = stays().astype({'start': float, 'end': float})
    table.loc[::5, 'end'] = np.nan
    table.loc[1::3, 'start'] = 700.0
    as_it_is, far = sampled(table), sampled(told_as(table, lambda days: 1e9 + 8 * days))
    assert 0 < as_it_is['end'].isna().sum() < 32
    assert (as_it_is['start'] == 700).sum() > 10
    pd.testing.assert_frame_equal(far, told_as(as_it_is, lambda days: 1e9 + 8 * days))


def evidence(values: np.ndarray) -> Evidence:
    """Two features that tell values, one that does not; the first is a cause."""
    rng = np.random.default_rng(0)
    told = (values - values.mean()) / values.std()
    noise = rng.normal(size=(3, len(values)))
    features = np.column_stack([told + noise[0], told + noise[1], noise[2]])
    every = np.ones(len(values), dtype=bool)
    rows = np.arange(len(values))[:, None]
    parents = np.array([True, False, False])
    return Evidence(features, values, np.ones(len(values)), every, rows, parents, every[:3])


@pytest.mark.parametrize(
    'member', [None, 'linear in causes', 'linear', 'products', 'radial basis', 'boosted trees']
)
@pytest.mark.parametrize(('scale', 'shift'), [(1.0, 1e6), (27.0, 1.6e9), (1e12, 0.0)])
def test_a_stacked_mean_is_where_the_values_are(monkeypatch, member, scale, shift):
    every = members.mean_members
    if member is not None:
        monkeypatch.setattr(stacking, 'mean_members', lambda e: {member: every(e)[member]})
    values = np.random.default_rng(1).integers(0, 1_000, 40).astype(float)
    rows = evidence(values)

    def means(values: np.ndarray) -> np.ndarray:
        shifted = replace(rows, values=values)
        marginal = Marginal.fit(values, np.ones(40), None)
        rng = np.random.default_rng(0)
        return stacking.StackedMean.fit(shifted, marginal, False, rng)[0].means(rows.features)

    as_it_is = means(values)
    assert as_it_is.mean() == pytest.approx(values.mean(), abs=50)
    assert np.std(as_it_is) > 50
    assert (means(shift + scale * values) - shift) / scale == pytest.approx(as_it_is, abs=1)


def test_weak_members_are_left_out_before_the_others_are_stacked():
    rng = np.random.default_rng(0)
    values, other = rng.normal(size=(2, 50))
    means = np.column_stack([values, other, values + rng.normal(size=50)])
    weights = stacking._stack(means, 0.985 * values + 0.015 * other)
    assert weights[1] == 0
    assert 0.9 < weights.sum() <= 1
    assert stacking._stack(-means[:, :1], values).tolist() == [0.0]
    assert stacking._stack(means[:, :0], values).tolist() == []
    assert stacking._stack(np.column_stack([values / 2, values]), values) == pytest.approx([0, 1])


@given(
    st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=30),
    st.integers(-(10**12), 10**12),
    st.integers(-20, 12),
)
@settings(max_examples=40, deadline=None)
@example([0, 1, 3], 10**12, 0)
@example([7, 7], 0, -20)
def test_numbers_are_counted_alike_wherever_they_lie(whole, shift, power):
    def counted(numbers: list[float]) -> np.ndarray:
        values = pd.Series(numbers, name='x')
        grid = Grid.fit(values, learn_column(values, {}))
        counts = grid.encode(values)
        assert grid.decode(counts).tolist() == numbers
        return counts

    counts = counted([float(number) for number in whole])
    assert counted([float(number + shift) for number in whole]).tolist() == counts.tolist()
    short = [number % 1_000_000 for number in whole]
    counts = counted([float(number) for number in short])
    scaled = counted([float(f'{number}e{power}') for number in short])
    assert (np.diff(scaled) == 0).tolist() == (np.diff(counts) == 0).tolist()
    assert np.argsort(scaled, kind='stable').tolist() == np.argsort(counts, kind='stable').tolist()


@given(st.lists(TIMES, min_size=1, max_size=30))
@settings(max_examples=40, deadline=None)
@example([pd.Timestamp('1678-01-01 00:00:01'), pd.Timestamp('2262-01-01')])
@example([pd.Timestamp('2021-01-01') + pd.Timedelta(nanos, 'ns') for nanos in (1, 70, 800)])
def test_times_of_any_century_are_counted_without_loss(times):
    values = pd.Series(times, name='x', dtype='datetime64[ns]')
    column = learn_column(values, {})
    grid = Grid.fit(values, column)
    assert grid.decode(grid.encode(values)).tolist() == values.tolist()
    assert grid.decode(np.array([np.nan])).isna().tolist() == [True]


@pytest.mark.parametrize(
    ('counts', 'step'),
    [
        ([5], 1),
        ([0, 1_000], 1),
        ([1, 3, 7], 1),
        ([0, 500, 1_500, 3_000], 500),
        ([7, 22, 37, 52, 67, 112], 15),
        ([7, 22, 37, 52, 67, 113], 1),
        (range(0, 24, 2), 2),
        (range(1, 20, 2), 1),
    ],
)
def test_a_step_is_kept_where_chance_hardly_makes_it(counts, step):
    assert common_step(np.array(counts)) == step


@pytest.mark.parametrize(
    ('told', 'phase'),
    [
        (lambda steps: 500.0 * steps, 0),
        (lambda steps: 0.25 * steps - 3, 0),
        (lambda steps: pd.Timestamp('2021-01-05 10:07') + steps * pd.Timedelta('15min'), '7min'),
        (lambda steps: pd.Timestamp('2021-01-05') + steps * pd.Timedelta('7D'), '5D'),
        (lambda steps: pd.Timestamp('1901-01-05') + steps * pd.Timedelta('1ms'), '0s'),
    ],
)
def test_what_is_drawn_keeps_the_steps_of_training_values(told, phase):
    steps = pd.Series(np.random.default_rng(0).integers(0, 9_999, 30))
    table = pd.DataFrame({'ward': list('ab') * 15, 'start': steps, 'end': told(steps)})
    values = sampled(table)['end']
    assert values.nunique() > 20
    assert values.between(table['end'].min(), table['end'].max()).all()
    drawn = pd.Series(sorted(set(values) - set(table['end'])))
    step = told(pd.Series([1])).iloc[0] - told(pd.Series([0])).iloc[0]
    assert len(drawn) > 10
    assert set((drawn - told(pd.Series([0])).iloc[0]) % step) == {step - step}


def test_rows_of_a_model_that_keep_no_step_do_not_undo_it():
    table = stays().assign(end=lambda t: 500 * t['end'])
    schema = schema_of(table)
    extra = schema.to_plain(table.assign(end=table['end'] + 123).head(5))
    sampler = DistilledSampler.fit(
        TrainingSet(schema.to_plain(table), schema),
        [CausalGraph()],
        order=[*table],
        quick=True,
    ).learning_from(GeneratedRows.of(extra))
    assert set(sampler.sample(64, np.random.default_rng(0))['end'] % 500) == {0}


@pytest.mark.parametrize('size', [1e-300, 1e-20, 1e90])
def test_numbers_of_any_size_stay_different_ones(size):
    numbers = np.random.default_rng(0).uniform(1, 9, 25) * size
    rows = sampled(pd.DataFrame({'ward': 'a', 'start': numbers, 'end': numbers[::-1]}))
    assert rows['start'].nunique() > 50
    assert rows['start'].between(numbers.min() * 0.999, numbers.max() * 1.001).all()


def two_tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    return stays(60), stays(60, seed=1)


def near(days: pd.Series) -> pd.Series:
    """Epoch seconds some of which 32 bits do not tell apart."""
    return 1_600_000_000.0 + days


def tiny(days: pd.Series) -> pd.Series:
    return (days / 1e12).round(12)


@pytest.mark.parametrize('told', [near, tiny, dates('2021-03-04', 's')])
def test_metrics_do_not_see_shift_and_scale(told):
    real, rows = two_tables()
    far, far_rows = told_as(real, told), told_as(rows, told)

    def scores(real: pd.DataFrame, rows: pd.DataFrame) -> list[float]:
        return [
            AlphaPrecision.compute(real, rows),
            BetaRecall.compute(real, rows),
            DCRShare.compute(real.head(30), rows, held_out_data=real.tail(30)),
            MLEfficacy.compute(real, rows, target='end'),
            MLEfficacy.compute_breakdown(real, rows, target='end')['tree'],
            MLEfficacy.compute(real, rows, target='ward'),
        ]

    assert scores(far, far_rows) == pytest.approx(scores(real, rows), abs=0.01)


@pytest.mark.parametrize('told', [near, tiny, dates('2021-03-04', 's')])
def test_the_analysis_does_not_see_shift_and_scale(told):
    real, rows = two_tables()
    far, far_rows = told_as(real, told), told_as(rows, told)
    as_it_is = analyze(real, rows, schema_of(real))
    shifted = analyze(far, far_rows, schema_of(far))
    assert shifted.score == pytest.approx(as_it_is.score)
    for one, other in zip(as_it_is.columns, shifted.columns, strict=True):
        assert other.similarity == pytest.approx(one.similarity)
        assert other.coverage_similarity == pytest.approx(one.coverage_similarity, abs=1e-6)
    assert learn_causal_graph(far, schema_of(far)) == learn_causal_graph(real, schema_of(real))


@pytest.mark.parametrize('told', [near, tiny, dates('2021-03-04', 's')])
def test_features_and_gaps_do_not_see_shift_and_scale(told):
    real, rows = two_tables()
    far, far_rows = told_as(real, told), told_as(rows, told)
    encoded = Features(real, schema_of(real)).encode(rows)
    assert Features(far, schema_of(far)).encode(far_rows) == pytest.approx(encoded, abs=1e-6)

    def gaps(real: pd.DataFrame, rows: pd.DataFrame, late: pd.Series) -> list[bool]:
        real = real.assign(ward=real['ward'].where(~late, None))
        patterns = MissingPatterns(real, schema_of(real))
        return patterns.apply(rows, (), np.random.default_rng(0))['ward'].isna().tolist()

    late = real['start'].between(800, 1_000)
    assert gaps(far, far_rows, late) == gaps(real, rows, late)
    assert 0 < sum(gaps(real, rows, late)) < 30
