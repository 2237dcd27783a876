"""Round numbers and dates, and ranges with such ends."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdv_llmgan.egress.column_view import ColumnView
from sdv_llmgan.egress.ranges import ANY, MIN_ROWS_TOLD, ranges
from sdv_llmgan.table.allowed import Allowed
from sdv_llmgan.table.column import Column
from sdv_llmgan.table.learn_column import learn_column
from sdv_llmgan.table.rounding import around, beyond, nearest

NUMBERS = st.floats(-1e9, 1e9, allow_nan=False)


@pytest.mark.parametrize(
    ('value', 'gap', 'expected'),
    [
        (42.0, 10, (40.0, 50.0)),
        (42.0, 7.2, (40.0, 45.0)),
        (0.137, 0.02, (0.12, 0.14)),
        (-3.0, 2, (-4.0, -2.0)),
        (40.0, 5, (40.0, 45.0)),
        (63_770.43, 6_264, (60_000.0, 65_000.0)),
    ],
)
def test_round_numbers_stand_around_a_value(value, gap, expected):
    assert around(value, gap) == expected


@pytest.mark.parametrize(
    ('gap', 'expected'),
    [
        ('800D', ('2021-01-01', '2022-01-01')),
        ('100D', ('2021-04-01', '2021-07-01')),
        ('40D', ('2021-05-01', '2021-06-01')),
        ('8D', ('2021-05-03', '2021-05-10')),
        ('30h', ('2021-05-05', '2021-05-06')),
        ('2h', ('2021-05-05 13:00', '2021-05-05 14:00')),
        ('30s', ('2021-05-05 13:07', '2021-05-05 13:08')),
    ],
)
def test_round_dates_stand_around_a_date(gap, expected):
    found = around(pd.Timestamp('2021-05-05 13:07:09'), pd.Timedelta(gap))
    assert found == tuple(map(pd.Timestamp, expected))


@given(NUMBERS, st.floats(0.01, 1e9))
def test_a_value_is_between_the_round_values_around_it(value, gap):
    below, above = around(value, gap)
    assert below <= value < above
    assert above - below <= gap * 1.001 + 1e-6
    assert nearest(value, gap) in (below, above)


@given(NUMBERS, st.floats(0, 1e6))
def test_ends_beyond_a_range_are_no_value_of_it(low, spread):
    below, above = beyond(low, low + spread, 0.01)
    assert below < low
    assert above > low + spread


def test_a_constant_cannot_be_read_off_the_ends_beyond_it():
    assert beyond(42.0, 42.0, 1.0) == (40.0, 44.0)
    below, above = beyond(*[pd.Timestamp('2021-05-05')] * 2, pd.Timedelta('1D'))
    assert above - below > pd.Timedelta('300D')


def told(values: pd.Series, **declared: str) -> dict[str, Allowed]:
    column = learn_column(values, declared)
    plain = pd.to_datetime(values) if column.kind == 'datetime' else values.astype(float)
    return ranges(plain, column)


def test_ranges_are_words_for_numbers():
    ages = pd.Series([23, 25, 31, 34, 35, 38, 41, 44, 47, 52] * 4, name='age')
    assert told(ages) == {
        'under 35': Allowed(minimum=-np.inf, maximum=34),
        '35 to 39': Allowed(minimum=35, maximum=39),
        '40 to 44': Allowed(minimum=40, maximum=44),
        '45 or more': Allowed(minimum=45, maximum=np.inf),
    }


@pytest.mark.parametrize('kind', ['int', 'float', 'skewed', 'heap', 'date', 'time'])
def test_every_value_is_in_one_range_of_several_rows(kind):
    rng = np.random.default_rng(0)
    values = {
        'int': lambda: rng.integers(18, 90, 200),
        'float': lambda: rng.normal(70, 12, 200).round(2),
        'skewed': lambda: rng.lognormal(9, 1, 200).round(2),
        'heap': lambda: np.where(rng.random(200) < 0.9, 0, rng.integers(1, 99_999, 200)),
        'date': lambda: (
            pd.to_datetime('2019-03-07') + pd.to_timedelta(rng.integers(0, 900, 200), 'D')
        ),
        'time': lambda: (
            pd.to_datetime('2019-03-07') + pd.to_timedelta(rng.integers(0, 9_000, 200), 's')
        ),
    }[kind]()
    series = pd.Series(values, name='x')
    column = learn_column(series, {})
    found = told(series)
    assert 2 <= len(found) <= 6
    counts = dict.fromkeys(found, 0)
    for value in series:
        [label] = [
            label for label, cell in found.items() if cell.meets(column.to_json_value(value))
        ]
        counts[label] += 1
    assert min(counts.values()) >= MIN_ROWS_TOLD
    words = ' '.join(found)
    assert str(column.minimum) not in words.split()
    assert str(column.maximum) not in words.split()


@pytest.mark.parametrize('values', [[3, 4, 5, 6], [7] * 40, [0, 1] * 20])
def test_what_cannot_be_cut_without_singling_out_is_any_value(values):
    assert list(told(pd.Series(values, name='x'))) == [ANY]


def test_no_range_is_a_single_value():
    children = pd.Series([0, 1, 2, 3, 4, 5] * 20, name='x')
    assert list(told(children)) == ['under 2', '2 to 3', '4 or more']


def test_what_two_conditions_allow_together():
    low, high = Allowed(minimum=1, maximum=5), Allowed(minimum=4, maximum=9)
    assert low.both(high) == Allowed(minimum=4, maximum=5)
    assert low.both(Allowed(minimum=6, maximum=9)) is None
    assert low.both(Allowed((0, 2, 5, None))) == Allowed((2, 5))
    assert Allowed((0, None)).both(low) is None
    assert Allowed(('a', None)).both(Allowed((None, 'b'))) == Allowed((None,))


SCALES = st.sampled_from([1e-20, 1e-12, 1e-6, 0.001, 1.0, 1e3, 1e6, 1e9, 1e12, 1e16, 1e20])


@st.composite
def columns(draw):
    """Numbers of any size and spread, epoch seconds to nanoseconds, and dates of any span."""
    kind = draw(st.sampled_from(['number', 'whole', 'epoch', 'date', 'time', 'microseconds']))
    num_rows = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    spread = draw(st.floats(-6, 9))
    places = rng.random(num_rows) if draw(st.booleans()) else rng.random(num_rows) ** 8
    if kind in ('number', 'whole'):
        values = draw(SCALES) * (places * 10 ** (spread / 3) + draw(st.sampled_from([0, 1, -7])))
        values = values.round() if kind == 'whole' else values
    elif kind == 'epoch':
        unit = draw(st.sampled_from([1, 1e3, 1e6, 1e9]))
        values = ((1_700_000_000 + places * 10 ** max(0.0, spread)) * unit).astype(
            draw(st.sampled_from(['int64', 'float64']))
        )
    else:
        begin = np.datetime64(draw(st.sampled_from(['1700-01-01', '1969-12-31', '2024-02-29'])))
        microseconds = (places * 10**spread * 1e6).astype('int64')
        unit = {'date': 'D', 'time': 's', 'microseconds': 'us'}[kind]
        values = (begin.astype('datetime64[us]') + microseconds.astype('timedelta64[us]')).astype(
            f'datetime64[{unit}]'
        )
        values = values.astype('datetime64[ns]')
    return pd.Series(values, name='x')


@settings(max_examples=150, deadline=None, derandomize=True)
@given(columns())
def test_every_range_has_several_rows_and_every_value_one_range_at_any_scale(values):
    column = learn_column(values, {})
    plain = values if column.kind == 'datetime' else values.astype(float)
    found = ranges(plain, column)
    written = [column.to_json_value(value) for value in plain]
    assert all(sum(cell.meets(value) for cell in found.values()) == 1 for value in written)
    if list(found) != [ANY]:
        rows = [sum(cell.meets(value) for value in written) for cell in found.values()]
        assert min(rows) >= MIN_ROWS_TOLD
        assert not {str(column.minimum), str(column.maximum)} & set(' '.join(found).split())


@settings(max_examples=150, deadline=None, derandomize=True)
@given(columns())
def test_ends_that_are_told_in_place_of_the_real_ones_lie_beyond_them_at_any_scale(values):
    column = learn_column(values, {})
    told = ColumnView.sent(column, values, capped=True).column
    written = [column.to_json_value(value) for value in values]
    for end, told_end in ((column.minimum, told.minimum), (column.maximum, told.maximum)):
        if written.count(end) >= MIN_ROWS_TOLD:  # no single record's
            assert told_end == end
    if written.count(column.minimum) < MIN_ROWS_TOLD:
        is_floor = told.minimum == (1 if column.kind == 'integer' and column.minimum >= 1 else 0)
        assert told.minimum < column.minimum or is_floor
    if written.count(column.maximum) < MIN_ROWS_TOLD:
        assert told.maximum > column.maximum


def told_of(values: list[float]) -> Column:
    column = learn_column(pd.Series(values, name='x'), {})
    return ColumnView.sent(column, pd.Series(values, dtype=float), capped=True).column


def test_no_end_that_is_told_is_an_impossible_value():
    children = told_of([0] * 9 + [1] * 6 + [2] * 6 + [3] * 3)
    assert (children.minimum, children.maximum) == (0, 4)
    rating = told_of([1] + [2] * 3 + [3] * 6 + [4] * 16 + [5] * 20)
    assert (rating.minimum, rating.maximum) == (1, 5)
    loss = told_of([0.0, 0.4, 3.1, 8.25, 9.5])
    assert (loss.minimum, loss.maximum) == (0.0, 10.0)
    assert told_of([-0.5, 0.4, 3.1]).minimum == -0.6


def test_values_that_few_rows_have_are_in_no_summary():
    rating = told_of([1] + [2] * 3 + [3] * 6 + [4] * 16 + [5] * 20)
    assert (rating.levels, rating.shares) == ((3, 4, 5), (0.15, 0.35, 0.45))
    assert rating.describe('summary') == (
        '"x": whole number from 1 to 5, often 3 (15%),4 (35%),5 (45%)'
    )
    few = told_of([0.0] * 12 + [3.5, 7.25, 9.125])
    assert (few.levels, few.shares, few.quartiles) == ((0.0,), (0.8,), ())
