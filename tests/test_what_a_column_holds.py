"""Whatever a model writes into a column: it is kept as it was written, or rejected and counted."""

from __future__ import annotations

import json
import math
from datetime import datetime
from decimal import Decimal
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
import sdv_lines
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sdv.metadata import Metadata

from sdv_llmgan import LLMGANSynthesizer, ScriptedProvider
from sdv_llmgan.table.rows import parse_rows
from sdv_llmgan.table.schema import Column, TableSchema

WHOLE = ['int8', 'int32', 'int64', 'uint8', 'uint64', 'Int8', 'Int64', 'UInt16']
has_arrow = pytest.mark.skipif(find_spec('pyarrow') is None, reason='needs pyarrow')
ARROW = [
    pytest.param(f'{name}[pyarrow]', marks=has_arrow)
    for name in ('int8', 'int64', 'uint16', 'double', 'float')
]
FLOATS = ['float16', 'float32', 'float64', 'Float32', 'Float64']
IN_LITTLE_TIME = settings(max_examples=60, deadline=None, derandomize=True)
EDGES = [
    *(2**7, 2**8, 2**15, 2**16, 2**31, 2**32, 2**53, 2**53 + 1, 2**63, 2**64, 10**20, 10**400),
    *(-1, -(2**7) - 1, -(2**31) - 1, -(2**63), 65_504, 65_520, 0.5, -0.0, 3.5e38, 1e100, 1e300),
]
numbers = (
    st.sampled_from(EDGES) | st.integers() | st.integers(-300, 300) | st.floats(allow_nan=False)
).map(json.dumps)
#: Numbers as JSON, as text in JSON, and what only looks like one.
written = (
    numbers
    | numbers.map(json.dumps)
    | st.sampled_from([
        '1e400',
        '-1e400',
        'NaN',
        'Infinity',
        '-Infinity',
        '1E5',
        '"1e400"',
        '"inf"',
    ])
    | st.sampled_from(['true', 'null', '""', '[1]', '{"a": 1}', '"1_0"', '9' * 5_000])
    | st.text(max_size=5).map(json.dumps)
)


def schema_of(values: list[object], dtype: str, sdtype: str) -> TableSchema:
    table = pd.DataFrame({'x': pd.Series(values, dtype=dtype)})
    return TableSchema.from_sdv(Metadata.load_from_dict(METADATA[sdtype]), table)


METADATA = {
    sdtype: {'tables': {'t': {'columns': {'x': {'sdtype': sdtype}}}}}
    for sdtype in ('numerical', 'datetime', 'boolean')
}


def accepted(text: str, schema: TableSchema, enforce_range: bool) -> object:
    """The cell that a reply came to, as the table stores it; None where it was rejected."""
    parsed = parse_rows(f'{{"rows": [[{text}]]}}', schema, enforce_range=enforce_range)
    assert len(parsed.rows) + sum(parsed.rejected.values()) == 1
    assert all(reason for reason in parsed.rejected)
    stored = schema.from_plain(parsed.rows)
    return stored['x'].iloc[0] if len(stored) else None


def as_number(text: str) -> Decimal:
    value = json.loads(text, parse_float=str)
    return Decimal(value)


def assert_kept(text: str, dtype: str, values: list[object], enforce_range: bool) -> None:
    schema = schema_of(values, dtype, 'numerical')
    kept = accepted(text, schema, enforce_range)
    if kept is None:
        return
    column = schema['x']
    told = as_number(text)
    step = Decimal(1).scaleb(-column.decimals)
    digits = {'float16': 11, 'float32': 24, 'Float32': 24, 'float[pyarrow]': 24}.get(dtype, 53)
    slack = max(step * Decimal('0.501'), abs(told) * Decimal(2) ** -digits)
    assert math.isfinite(kept)
    exact = Decimal(int(kept) if isinstance(kept, np.integer) else float(kept))
    assert abs(exact - told) <= slack
    if enforce_range:
        assert min(values) <= kept <= max(values)


@pytest.mark.parametrize('dtype', [*WHOLE, *ARROW[:3]])
@example('100000000000000000000', False)
@example('"9007199254740993"', False)
@IN_LITTLE_TIME
@given(written, st.booleans())
def test_whole_numbers_are_kept_as_written_or_rejected(dtype, text, enforce_range):
    assert_kept(text, dtype, [3, 50, 100], enforce_range)


@pytest.mark.parametrize('dtype', [*FLOATS, *ARROW[3:]])
@example('1e39', False)
@example('65520', False)
@IN_LITTLE_TIME
@given(written, st.booleans())
def test_numbers_are_kept_as_written_or_rejected(dtype, text, enforce_range):
    assert_kept(text, dtype, [0.25, 1.5, 100.75], enforce_range)


@pytest.mark.parametrize('dtype', ['int64', 'uint64', 'float64', 'Int64'])
@pytest.mark.parametrize('largest', [2**53 + 2, 2**60, 2**63 - 1_024])
def test_columns_of_very_large_numbers_go_on_to_take_such(dtype, largest):
    schema = schema_of([3, largest], dtype, 'numerical')
    assert accepted(str(largest), schema, True) == largest
    assert accepted(str(2**65), schema, False) is None


def test_numbers_that_are_stored_as_booleans_are_0_or_1():
    schema = TableSchema((Column('x', 'integer', minimum=0, maximum=1, dtype='bool'),))
    assert accepted('5', schema, False) is None
    assert accepted('1', schema, False)


def test_what_a_local_sampler_draws_beyond_a_dtype_is_its_end():
    schema = schema_of([3, 127], 'int8', 'numerical')
    drawn = pd.DataFrame({'x': [-200.0, 5.0, 128.0]})
    assert schema.from_plain(drawn)['x'].tolist() == [-128, 5, 127]


def test_no_negative_zero_is_kept():
    schema = schema_of([0.25, 1.5], 'float64', 'numerical')
    for text in ('-0.0', '"-0"', '-0.001'):
        assert str(accepted(text, schema, False)) == '0.0'


dates = (
    st.datetimes().map(lambda time: time.isoformat(sep=' '))
    | st.dates().map(str)
    | st.sampled_from([
        *('9999-12-31', '0001-01-01', '1600-02-29', '2500-01-01', '10000-01-01', '0000-01-01'),
        *('9999-12-31T23:59:59.999999+00:00', '0001-01-01T00:00:00+14:00', '2020-13-01', 'soon'),
        *('2262-04-11', '2262-04-12', '1677-09-21', '1677-09-22', '+12020-01-01', '-0001-01-01'),
    ])
).map(json.dumps)


@pytest.mark.parametrize('dtype', ['datetime64[ns]', 'datetime64[s]', 'object'])
@example('"9999-12-31"', False)
@example('"0001-01-01"', False)
@IN_LITTLE_TIME
@given(dates | written, st.booleans())
def test_dates_are_kept_as_written_or_rejected(dtype, text, enforce_range):
    times = [pd.Timestamp('2001-02-03 04:05:06'), pd.Timestamp('2020-01-01')]
    schema = schema_of(times if dtype != 'object' else list(map(str, times)), dtype, 'datetime')
    kept = accepted(text, schema, enforce_range)
    if kept is None:
        return
    told = datetime.fromisoformat(str(json.loads(text)).strip()).replace(tzinfo=None)
    assert abs(pd.Timestamp(kept) - pd.Timestamp(told)) < pd.Timedelta('1s')


@IN_LITTLE_TIME
@given(written)
def test_booleans_and_categories_are_kept_as_written_or_rejected(text):
    assert accepted(text, schema_of([True, False], 'bool', 'boolean'), False) in (True, False, None)
    named = Column('x', 'categorical', categories=('a', 1, 2.5, '1e400'))
    assert accepted(text, TableSchema((named,)), False) in ('a', 1, 2.5, '1e400', None)


@pytest.mark.parametrize(
    ('odd', 'reason'),
    [
        ({'amount': 10**20}, 'amount: beyond what its column can hold'),
        ({'small': 128}, 'small: beyond what its column can hold'),
        ({'day': '9999-12-31'}, 'day: not within the years 1677 to 2262'),
    ],
)
def test_what_cannot_be_stored_is_counted_and_the_fit_goes_on(odd, reason):
    good = {'amount': 60, 'small': 2, 'day': '2020-02-03'}
    table = pd.DataFrame({
        'amount': np.arange(40) * 10,
        'small': pd.Series(np.arange(40) % 5, dtype='int8'),
        'day': pd.date_range('2020-01-01', periods=40),
    })
    metadata = Metadata.load_from_dict({
        'tables': {
            't': {
                'columns': {
                    'amount': {'sdtype': 'numerical'},
                    'small': {'sdtype': 'numerical'},
                    'day': {'sdtype': 'datetime'},
                }
            }
        }
    })
    synthesizer = LLMGANSynthesizer(
        metadata,
        llm=ScriptedProvider(script=lambda request: json.dumps([good, {**good, **odd}] * 20)),
        row_format='objects',
        max_batches=1,
        causal_graph='none',
        sampler='llm',
        reject_copies=False,
        enforce_min_max_values=False,
    )
    sdv_lines.fit(synthesizer, table)
    rows = sdv_lines.sample(synthesizer, 7)
    assert len(rows) == 7
    assert rows.drop_duplicates().to_dict('records') == [
        {**good, 'day': pd.Timestamp('2020-02-03')}
    ]
    assert synthesizer.history.steps[0].rejected[reason] > 0
