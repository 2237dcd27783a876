from __future__ import annotations

import pandas as pd
from tables import AGE_JOB

from sdv_llmgan.copies import CopyCheck
from sdv_llmgan.rows import ParsedRows
from sdv_llmgan.schema import Column, TableSchema


def people(*ages: int) -> pd.DataFrame:
    return AGE_JOB.to_plain(pd.DataFrame({'age': ages, 'job': ['nurse'] * len(ages)}))


def test_a_copy_of_a_training_row_is_rejected_and_a_new_row_is_not():
    check = CopyCheck(people(41, 42), AGE_JOB)
    left = check.reject(ParsedRows(people(42, 43)))
    assert left.rows['age'].tolist() == [43]
    assert left.rejected == {'copy of a training row': 1}


def test_copies_are_left_in_where_training_rows_repeat_each_other():
    check = CopyCheck(people(41, 41, 42), AGE_JOB)
    assert not check.possible
    assert len(check.reject(ParsedRows(people(41, 42))).rows) == 2


def test_records_that_stand_there_twice_are_no_reason_to_let_copies_in():
    schema = TableSchema((Column('charges', 'number', decimals=2), Column('smoker', 'boolean')))
    charges = [round(1_000.37 * number, 2) for number in range(40)]
    table = pd.DataFrame({'charges': charges, 'smoker': [True, False] * 20})
    twice = pd.concat([table, table[:8]], ignore_index=True)
    assert CopyCheck(twice, schema).possible
    rounded = twice.assign(charges=twice['charges'] // 10_000)  # here chance repeats rows
    assert not CopyCheck(rounded, schema).possible


def test_rows_with_an_amount_that_many_have_may_repeat_and_those_with_their_own_may_not():
    schema = TableSchema((Column('charges', 'number', decimals=2), Column('smoker', 'boolean')))
    charges = [0.0] * 30 + [round(1_000.37 * number, 2) for number in range(1, 31)]
    table = pd.DataFrame({'charges': charges, 'smoker': [True, False] * 30})
    check = CopyCheck(table, schema)
    assert not check.possible
    assert sum(known.avoided.sum() for known in check.repeats.whole.known) == 30
    left = check.reject(ParsedRows(table))
    assert left.rows['charges'].tolist() == [0.0] * 30
    assert left.rejected == {'copy of a training row': 30}
    # Where next to none repeats another by chance, little is lost by rejecting all copies.
    mostly = table[29:]
    assert CopyCheck(mostly, schema).reject(ParsedRows(mostly)).rows.empty


def test_copies_are_found_at_the_precision_that_the_model_writes():
    schema = TableSchema((Column('x', 'number', decimals=1),))
    check = CopyCheck(pd.DataFrame({'x': [1.2345]}), schema)
    assert check.reject(ParsedRows(pd.DataFrame({'x': [1.2]}))).rows.empty


def test_copies_are_left_in_where_the_training_rows_fill_all_there_can_be():
    letters, digits = Column('x', 'categorical', ('a', 'b')), Column('y', 'boolean')
    design = pd.DataFrame({'x': ['a', 'a', 'b', 'b'], 'y': [True, False, True, False]})
    assert not CopyCheck(design, TableSchema((letters, digits))).possible
    many = Column('x', 'categorical', tuple(range(100)))
    sparse = pd.DataFrame({'x': [1, 2, 3, 4], 'y': [True, False, True, False]})
    assert CopyCheck(sparse, TableSchema((many, digits))).possible
