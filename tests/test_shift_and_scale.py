"""Where a column lies, and in which unit it is told, changes nothing else of its sample."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from sdv_llmgan.causal_graph import CausalGraph
from sdv_llmgan.learn_column import learn_column
from sdv_llmgan.samplers import members, numerical
from sdv_llmgan.samplers.distilled import DistilledSampler
from sdv_llmgan.schema import TableSchema


def stays(num_rows: int = 40) -> pd.DataFrame:
    """A stay ends days after it begins; the ward tells of both."""
    rng = np.random.default_rng(0)
    start = rng.integers(0, 2_000, num_rows)
    ward = rng.choice(list('abcd'), num_rows)
    length = 1 + rng.integers(0, 60, num_rows) + 40 * (ward == 'a')
    return pd.DataFrame({'start': start, 'ward': ward, 'end': start + length})


def sampled(table: pd.DataFrame, num_rows: int = 60) -> pd.DataFrame:
    schema = TableSchema(tuple(learn_column(table[name], {}) for name in table))
    plain = schema.to_plain(table)
    sampler = DistilledSampler.fit(plain, schema, [CausalGraph()], target='end')
    return schema.from_plain(sampler.sample(num_rows, np.random.default_rng(0)))


def dates(first: str, unit: str) -> Callable[[pd.Series], pd.Series]:
    return lambda days: pd.Timestamp(first) + pd.to_timedelta(days, unit=unit)


@pytest.fixture(scope='module')
def as_it_is() -> pd.DataFrame:
    return sampled(stays())


@pytest.mark.parametrize(
    'told',
    [
        lambda days: days + 10**6,
        lambda days: days - 10**12,
        lambda days: 27 * days + 1_600_000_000,
        lambda days: 10**12 * days,
        lambda days: (days / 1e12).round(12),
        lambda days: (days / 1e20).round(20) + 0.0,
        lambda days: (1e6 + days / 1e3).round(3),
        dates('1690-01-01', 'D'),
        dates('2021-03-04', 'D'),
        dates('2250-12-31', 'D'),
        dates('2021-03-04 05:07:00', 'h'),
    ],
)
def test_shift_and_scale_of_a_column_are_all_that_changes(as_it_is, told):
    table = stays().assign(end=lambda t: told(t['end']), start=lambda t: told(t['start']))
    rows = sampled(table)
    pd.testing.assert_series_equal(rows['ward'], as_it_is['ward'])
    for name in ('start', 'end'):
        assert rows[name].tolist() == told(as_it_is[name]).tolist()


@pytest.mark.parametrize(
    'member', ['linear in causes', 'linear', 'products', 'radial basis', 'boosted trees']
)
def test_each_member_alone_draws_stays_of_the_right_length(monkeypatch, member):
    every = members.mean_members

    def alone(evidence):
        return {name: fit for name, fit in every(evidence).items() if name == member}

    monkeypatch.setattr(numerical, 'mean_members', alone)
    table = stays().assign(start=lambda t: t['start'] + 10**9, end=lambda t: t['end'] + 10**9)
    rows = sampled(table, 400)
    real = (table['end'] - table['start']).mean()
    assert (rows['end'] - rows['start']).mean() == pytest.approx(real, abs=100)


def test_weak_members_are_left_out_with_all_that_was_made_with_them():
    rng = np.random.default_rng(0)
    values = rng.normal(size=50)
    means = np.column_stack([values, rng.normal(size=50), values + rng.normal(size=50)])
    weights = numerical._stack(means, 0.985 * values + 0.015 * means[:, 1])
    assert weights[1] == 0
    assert 0.9 < weights.sum() <= 1
    assert numerical._stack(-means[:, :1], values).tolist() == [0.0]
    assert numerical._stack(means[:, :0], values).tolist() == []
    both = numerical._stack(np.column_stack([2 * values, 2 * values + means[:, 1]]), 2 * values)
    assert both.tolist() == pytest.approx([1.0, 0.0])
