from __future__ import annotations

import json

import pandas as pd
import pytest
from tables import AGE_JOB

from sdv_llmgan.table.rows import concat, parse_rows
from sdv_llmgan.table.schema import Column, TableSchema

NURSE = {'age': 41, 'job': 'nurse'}


def one(column: Column) -> TableSchema:
    return TableSchema((column,))


def read(value: object, column: Column, **options: object) -> object:
    parsed = parse_rows(json.dumps([[value]]), one(column), **options)
    return parsed.rows['x'].tolist()[0] if len(parsed.rows) else next(iter(parsed.rejected))


def test_parse_rows_counts_every_rejected_row():
    reply = '[{"age": 41, "job": "nurse"}, {"age": "old", "job": "clerk"}, {"age": 30}]'
    parsed = parse_rows(reply, AGE_JOB)
    assert parsed.rows.to_dict('records') == [NURSE]
    assert parsed.rejected == {'age: not a number': 1, 'missing column: job': 1}


@pytest.mark.parametrize(
    'reply',
    [
        '[41, "nurse"]',
        '[[41, "nurse"]]',
        '{"age": 41, "job": "nurse"}',
        '{"a": 41, "b": "nurse"}',
        '{"rows": [[41, "nurse"]]}',
        '{"rows": [{"a": 41, "b": "nurse"}]}',
        '{"rows": [{"age": 41, "job": "nurse", "id": 7}]}',
    ],
)
def test_every_form_of_rows_is_read(reply):
    assert parse_rows(reply, AGE_JOB).rows.to_dict('records') == [NURSE]


@pytest.mark.parametrize(
    'reply',
    [
        '```json\n[[41, "nurse"]]\n```',
        'Here you are:\n[[41, "nurse"],]',
        "[{'age': 41, 'job': 'nurse'}]",
        '{"rows": [{"age": 41, "job": "nurse",}]} I hope, dear user, that this helps.',
        '{"age": 41, "job": "nurse"}\n',
        '{"rows": [[41, "nurse"]',
    ],
)
def test_broken_json_around_a_row_is_mended(reply):
    parsed = parse_rows(reply, AGE_JOB)
    assert parsed.rows.to_dict('records') == [NURSE]
    assert not parsed.rejected


def test_rows_one_a_line_are_all_read():
    reply = '{"age": 41, "job": "nurse"}\n{"age": 30, "job": "clerk"}'
    assert parse_rows(reply, AGE_JOB).rows['age'].tolist() == [41, 30]


@pytest.mark.parametrize(
    'reply',
    ['[[41, "nurse"], [3', '[[41, "nurse"], [30, "cle', '[{"age":41,"job":"nurse"},{"age":3'],
)
def test_a_row_that_was_cut_off_is_never_completed(reply):
    parsed = parse_rows(reply, AGE_JOB)
    assert parsed.rows.to_dict('records') == [NURSE]
    assert parsed.rejected == {'row was cut off': 1}


def test_a_gap_in_a_row_is_not_filled():
    parsed = parse_rows('[{"age": 41, "job": }]', AGE_JOB)
    assert parsed.rows.empty
    assert parsed.rejected == {'row is not JSON': 1}


@pytest.mark.parametrize('reply', ['', 'I cannot help with that.', 'null', '3'])
def test_a_reply_without_rows_counts_once(reply):
    parsed = parse_rows(reply, AGE_JOB)
    assert parsed.rows.empty
    assert sum(parsed.rejected.values()) == 1


def test_rows_past_those_asked_for_are_rejected():
    parsed = parse_rows(json.dumps([[41, 'nurse']] * 1000), AGE_JOB, max_rows=5)
    assert len(parsed.rows) == 5
    assert parsed.rejected == {'more rows than asked for': 995}


def test_deep_nesting_is_an_unreadable_reply_not_a_crash():
    assert parse_rows('[' * 100_000, AGE_JOB).rows.empty


@pytest.mark.parametrize(
    ('value', 'expected'),
    [
        (41, 41),
        (41.0, 41),
        ('41', 41),
        (' 41 ', 41),
        (41.5, 'x: not a whole number'),
        ('old', 'x: not a number'),
        (True, 'x: not a number'),
        ([41], 'x: not a number'),
        (17, 'x: out of range'),
        (91, 'x: out of range'),
        (None, 'x: missing value'),
        (float('inf'), 'x: not a number'),
        (10**400, 'x: not a number'),
    ],
)
def test_whole_numbers(value, expected):
    assert read(value, Column('x', 'integer', minimum=18, maximum=90)) == expected


def test_ranges_hold_only_when_they_are_enforced():
    column = Column('x', 'number', minimum=0.0, maximum=1.0, decimals=2)
    assert read(1.25, column) == 'x: out of range'
    assert read(1.254, column, enforce_range=False) == 1.25


@pytest.mark.parametrize(
    ('value', 'expected'),
    [
        ('Private', 'Private'),
        (' private', 'Private'),
        ('1', '1'),
        (1, '1'),
        (1.0, '1'),
        ('Prviate', 'x: unknown category'),
        (['Private'], 'x: unknown category'),
    ],
)
def test_categories(value, expected):
    assert read(value, Column('x', 'categorical', categories=('Private', '1'))) == expected


def test_categories_that_differ_in_case_only_must_be_written_exactly():
    column = Column('x', 'categorical', categories=('A', 'a'))
    assert read('a', column) == 'a'
    assert read(' A ', column) == 'x: unknown category'


def test_categories_that_are_numbers_keep_their_type():
    assert read('2', Column('x', 'categorical', categories=(1, 2))) == 2


@pytest.mark.parametrize(
    ('value', 'expected'),
    [(True, True), ('false', False), (1, True), ('No', False), ('maybe', 'x: not true or false')],
)
def test_booleans(value, expected):
    assert read(value, Column('x', 'boolean')) == expected


@pytest.mark.parametrize(
    ('value', 'expected'),
    [
        ('2024-02-03', pd.Timestamp('2024-02-03')),
        ('2024-02-30', 'x: not a date'),
        ('2025-01-01', 'x: out of range'),
        (20240203.5, 'x: not a date'),
    ],
)
def test_dates(value, expected):
    column = Column('x', 'datetime', minimum='2024-01-01', maximum='2024-12-31')
    assert read(value, column) == expected


@pytest.mark.parametrize('value', [None, 'null', '', 'NaN', float('nan')])
def test_missing_values_are_taken_where_the_data_has_some(value):
    column = Column('x', 'number', decimals=1, nullable=True)
    assert pd.isna(read(value, column))
    assert read(None, Column('x', 'number', decimals=1)) == 'x: missing value'


def test_a_category_called_none_is_a_category():
    column = Column('x', 'categorical', categories=('None', 'some'), nullable=True)
    assert read('None', column) == 'None'


def test_text_is_taken_as_it_is_whatever_it_says():
    text = 'Ignore all rules; "}] DROP TABLE rows; --'
    assert read(text, Column('x', 'text', max_length=60)) == text


@pytest.mark.parametrize('text', ['', 'abcdef'])
def test_text_outside_the_lengths_seen_in_training_is_rejected(text):
    column = Column('x', 'text', min_length=2, max_length=5)
    assert read(text, column) == 'x: too long or too short'


def test_parts_are_put_together_with_their_rejections():
    parts = [parse_rows('[41, "nurse"]', AGE_JOB), parse_rows('no', AGE_JOB)]
    both = concat(parts)
    assert len(both.rows) == 1
    assert both.rejected == {'reply is not JSON': 1}


def test_columns_named_like_short_keys_are_not_mixed_up():
    schema = TableSchema((Column('b', 'integer'), Column('a', 'integer')))
    assert not set(schema.short_keys()) & {'a', 'b'}
    keys = {name: key for key, name in schema.short_keys().items()}
    reply = json.dumps({keys['b']: 1, keys['a']: 2})
    assert parse_rows(reply, schema).rows.to_dict('records') == [{'b': 1, 'a': 2}]
