from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sdv.metadata import Metadata
from tables import visits, visits_metadata

from sdv_llmgan.table.learn_column import learn_column
from sdv_llmgan.table.schema import Column, TableSchema

SCHEMA = TableSchema.from_sdv(visits_metadata(), visits().drop(columns='patient'))


def one_column(values: list[object], sdtype: str, **declared: str) -> TableSchema:
    table = pd.DataFrame({'x': values})
    metadata = visits_metadata(x={'sdtype': sdtype, **declared})
    return TableSchema.from_sdv(metadata, table)


def test_kinds_are_learned_from_metadata_and_values():
    assert {column.name: column.kind for column in SCHEMA} == {
        'age': 'integer',
        'weight': 'number',
        'smoker': 'boolean',
        'ward': 'categorical',
        'stage': 'categorical',
        'admitted': 'datetime',
        'pressure': 'integer',
    }


def test_categories_that_are_whole_numbers_stay_so_beside_missing_ones():
    schema = one_column([3.0, None, 1.0, 3.0], 'categorical')
    plain = schema.to_plain(pd.DataFrame({'x': [3.0, None, 1.0, 3.0]}))
    rows = schema.to_json_rows(plain)
    assert rows == [[3], [None], [1], [3]]
    assert [type(cell) for [cell] in rows] == [int, type(None), int, int]


def test_only_columns_with_missing_values_are_nullable():
    assert [column.name for column in SCHEMA if column.nullable] == ['pressure']


def test_plain_form_and_back_gives_the_same_table():
    table = visits().drop(columns='patient')
    pd.testing.assert_frame_equal(SCHEMA.from_plain(SCHEMA.to_plain(table)), table)


def test_dates_stored_as_text_come_back_in_their_own_format():
    schema = one_column(['03/02/2024', None], 'datetime', datetime_format='%d/%m/%Y')
    plain = schema.to_plain(pd.DataFrame({'x': ['03/02/2024', None]}))
    assert schema.to_json_rows(plain) == [['2024-02-03'], [None]]
    assert schema.from_plain(plain)['x'].tolist() == ['03/02/2024', None]


def test_times_are_written_with_hours():
    schema = one_column(['2024-02-03 10:30:00'], 'datetime', datetime_format='%Y-%m-%d %H:%M:%S')
    assert schema['x'].describe().startswith('"x": time YYYY-MM-DD HH:MM:SS from 2024-02-03 10:30')


@pytest.mark.parametrize(
    ('values', 'decimals'),
    [
        ([1.5, 2.25], 2),
        ([16884.92411, 1725.55233], 4),
        ([0.00001234, 0.00005678], 8),
        ([0.1, 1 / 3], 6),
        ([1e-12, 2.5e-12], 13),
        ([1.5e-20, 3e-20], 21),
        ([1_000_000.1234, 1_000_000.5], 4),
        ([1e12 + 0.25, 1e12, 1e12 + 0.5], 2),
        ([1e6 + 1 / 3, 1e6, 1e6 + 1 / 7], 6),
        ([0.1, 0.2, 0.1 + 0.2], 1),
        ([10.0**-power for power in range(1, 31)], 30),
    ],
)
def test_decimals_keep_what_tells_values_apart(values, decimals):
    assert one_column(values, 'numerical')['x'].decimals == decimals


@pytest.mark.parametrize(
    ('values', 'decimals'),
    [([1.5, 2.25], 6), ([0.1, 0.2], 7), ([30.0, None], 4), ([0.0, 0.0], 5), ([2e4, 3e6], 4)],
)
def test_decimals_are_not_learned_where_rounding_is_not_enforced(values, decimals):
    column = learn_column(pd.Series(values, name='x'), {}, enforce_rounding=False)
    assert (column.kind, column.decimals) == ('number', decimals)
    whole = learn_column(pd.Series([1, 2], name='x'), {}, enforce_rounding=False)
    assert (whole.kind, whole.decimals) == ('integer', 0)


def test_whole_floats_are_whole_numbers():
    assert one_column([1.0, None, 3.0], 'numerical')['x'].kind == 'integer'
    assert one_column([0.0, 1.0, None], 'categorical')['x'].categories == (0, 1)


def test_an_all_missing_column_is_always_null():
    schema = one_column([None, None], 'categorical')
    assert schema['x'].json_schema(enforce_range=True) == {'type': 'null'}
    assert schema['x'].describe() == '"x": always null'


def test_a_row_schema_of_objects_is_closed_and_complete():
    schema = SCHEMA.row_json_schema('objects', enforce_range=True)
    assert schema['required'] == list(schema['properties']) == list(SCHEMA.names)
    assert schema['additionalProperties'] is False
    assert schema['properties']['age'] == {'type': 'integer', 'minimum': 18, 'maximum': 87}
    assert schema['properties']['stage'] == {
        'type': 'integer',
        'enum': list(SCHEMA['stage'].categories),
    }
    assert schema['properties']['smoker'] == {'type': 'boolean'}
    assert schema['properties']['admitted']['format'] == 'date'
    assert schema['properties']['pressure']['anyOf'][1] == {'type': 'null'}


@pytest.mark.parametrize(
    ('first', 'last', 'good', 'bad'),
    [
        ('2024-01-05', '2024-10-06', ['2024-01-31', '2024-10-01'], ['2024-11-01', '2024-13-01']),
        ('1990-01-05', '2024-10-06', ['1990-12-01', '2024-01-01'], ['1989-12-01', '2024-1-1']),
        ('1200-01-01', '2200-01-01', ['1850-05-05'], ['1850-05-32', '1850-00-01', 'today']),
    ],
)
def test_dates_are_put_to_structured_output_as_years_or_months(first, last, good, bad):
    column = Column('x', 'datetime', minimum=first, maximum=last)
    pattern = column.json_schema(enforce_range=True)['pattern']
    assert all(re.search(pattern, date) for date in good)
    assert not any(re.search(pattern, date) for date in bad)


def test_ranges_are_left_out_when_they_are_not_enforced():
    schema = SCHEMA.row_json_schema('arrays', enforce_range=False)
    assert schema['prefixItems'][0] == {'type': 'integer'}


def test_one_row_as_an_array_needs_no_wrapper_and_more_rows_do():
    assert SCHEMA.rows_json_schema(1, 'arrays', enforce_range=True)['type'] == 'array'
    many = SCHEMA.rows_json_schema(3, 'short_keys', enforce_range=True)
    assert many['properties']['rows']['minItems'] == 3


def test_very_long_category_lists_are_left_to_validation():
    short, long = (
        one_column(['a', 'b'], 'categorical'),
        one_column([f'c{i}' for i in range(1200)], 'categorical'),
    )
    both = TableSchema((long['x'], replace(short['x'], name='y')))
    x, y = both.row_json_schema('arrays', enforce_range=True)['prefixItems']
    assert x == {'type': 'string'}
    assert y['enum'] == ['a', 'b']
    assert long['x'].describe().endswith('and 1150 rarer values')


def test_short_keys_are_unique_for_wide_tables():
    table = pd.DataFrame({f'column {i}': [1.0] for i in range(800)})
    schema = TableSchema.from_sdv(visits_metadata(), table)
    assert len(schema.short_keys()) == 800
    assert list(schema.short_keys())[:27][-1] == 'aa'


def test_descriptions_reach_the_words_and_unknown_names_are_an_error():
    table = visits().drop(columns='patient')
    schema = TableSchema.from_sdv(visits_metadata(), table, {'age': 'In years.'})
    assert schema['age'].describe() == '"age": whole number from 18 to 87. In years.'
    with pytest.raises(ValueError, match='column_descriptions name columns.*: wieght'):
        TableSchema.from_sdv(visits_metadata(), table, {'wieght': 'in kg'})


def test_infinite_numbers_are_an_error():
    with pytest.raises(ValueError, match='infinite numbers; replace them'):
        one_column([np.inf, 1.0], 'numerical')


def test_numbers_too_large_to_be_squared_are_an_error():
    with pytest.raises(ValueError, match=r'as large as 1e\+155; at most 1e\+100 can be modelled'):
        learn_column(pd.Series([0.1, -1e155], name='x'), {'sdtype': 'numerical'})
    assert learn_column(pd.Series([0.1, 1e99], name='x'), {'sdtype': 'numerical'}).maximum == 1e99


def test_the_json_form_round_trips():
    assert TableSchema.from_dict(SCHEMA.to_dict()) == SCHEMA


def test_keys_and_personal_data_are_no_columns():
    metadata = visits_metadata(mail={'sdtype': 'email'}, shop={'sdtype': 'company', 'pii': False})
    schema = TableSchema.from_sdv(metadata, visits().assign(mail='a@b.org', shop='Acme'))
    assert not {'patient', 'mail'} & set(schema.names)
    assert 'shop' in schema.names


def test_times_with_a_zone_come_back_in_their_zone():
    table = pd.DataFrame({
        'x': pd.to_datetime(['2024-02-03 10:30', None]).tz_localize('Asia/Tokyo')
    })
    schema = TableSchema.from_sdv(visits_metadata(x={'sdtype': 'datetime'}), table)
    plain = schema.to_plain(table)
    assert schema.to_json_rows(plain)[0] == ['2024-02-03 10:30:00']
    pd.testing.assert_frame_equal(schema.from_plain(plain), table)


def test_pandas_own_missing_values_are_read_in_any_column():
    table = pd.DataFrame({
        'all': pd.Series([None, None, None], dtype='Float64'),
        'some': pd.Series([1.0, None, 2.5], dtype='Float64'),
    })
    columns = {name: {'sdtype': 'categorical'} for name in table}
    schema = TableSchema.from_sdv(
        Metadata.load_from_dict({'tables': {'t': {'columns': columns}}}), table
    )
    assert schema.to_json_rows(schema.to_plain(table)) == [[None, 1], [None, None], [None, 2.5]]
