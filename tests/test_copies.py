from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from tables import AGE_JOB

from sdv_llmgan.table.copies import CopyCheck
from sdv_llmgan.table.rows import ParsedRows
from sdv_llmgan.table.schema import Column, TableSchema


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


CHARGES = TableSchema((
    Column('age', 'integer', minimum=18, maximum=90),
    Column('sex', 'categorical', ('M', 'F')),
    Column('bmi', 'number', decimals=1),
    Column('smoker', 'boolean'),
    Column('charges', 'number', decimals=2),
))


def charged(num_rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({
        'age': rng.integers(18, 91, num_rows).astype(float),
        'sex': rng.choice(['M', 'F'], num_rows).astype(object),
        'bmi': rng.normal(30, 5, num_rows).round(1),
        'smoker': (rng.random(num_rows) < 0.2).astype(object),
        'charges': rng.lognormal(9, 1, num_rows).round(2),
    })


def answers(num_rows: int, seed: int, num_columns: int = 8) -> pd.DataFrame:
    """Answers from 0 to 2, which mostly go with the first one."""
    rng = np.random.default_rng(seed)
    first = rng.choice(3, num_rows, p=[0.6, 0.3, 0.1])
    return pd.DataFrame({
        f'q{place}': np.where(rng.random(num_rows) < 0.4, first, rng.integers(0, 3, num_rows))
        for place in range(num_columns)
    }).astype(float)


ANSWERS = TableSchema(
    tuple(Column(f'q{place}', 'integer', minimum=0, maximum=2) for place in range(8))
)


def with_one_cell_changed(table: pd.DataFrame, fresh: pd.DataFrame) -> pd.DataFrame:
    """Each row with one cell of a fresh row in which the two differ."""
    changed = table.copy()
    for row in range(len(table)):
        differ = [name for name in table if table[name][row] != fresh[name][row]]
        name = differ[row % len(differ)]
        changed.loc[row, name] = fresh.loc[row, name]
    return changed


def test_rows_that_differ_from_a_training_row_in_one_cell_are_rejected_and_fresh_rows_are_not():
    training, fresh = charged(200, 0), charged(200, 1)
    check = CopyCheck(training, CHARGES)
    left = check.reject(ParsedRows(with_one_cell_changed(training, fresh)))
    assert left.rows.empty
    assert left.rejected == {'near copy of a training row': 200}
    assert len(check.reject(ParsedRows(fresh)).rows) >= 198


def test_where_chance_repeats_rows_all_but_one_cell_no_more_than_that_are_let_in():
    training, fresh = answers(160, 0), answers(160, 1)
    check = CopyCheck(training, ANSWERS)
    assert 0.1 < check.repeats.near.by_chance < 0.9
    assert len(check.reject(ParsedRows(fresh)).rows) >= 157
    changed = with_one_cell_changed(training, fresh)
    assert len(check.reject(ParsedRows(changed)).rows) < 32


def test_where_chance_repeats_rows_copies_are_let_in_as_often_as_it_explains():
    training, fresh = answers(160, 0), answers(300, 1)
    check = CopyCheck(training, ANSWERS)
    by_chance = check.repeats.whole.by_chance
    assert 0.01 < by_chance < 0.3
    copies = pd.concat([fresh[:150], training[:150]], ignore_index=True)
    left = check.reject(ParsedRows(copies))
    assert left.rejected['copy of a training row'] > 100


def test_cells_that_a_condition_settles_do_not_make_a_near_copy():
    training = charged(200, 0)
    rows = with_one_cell_changed(training, charged(200, 1))
    check = CopyCheck(training, CHARGES)
    assert check.reject(ParsedRows(rows), num_settled=2).rows.empty
    assert len(check.reject(ParsedRows(rows), num_settled=3).rows) == 200


def test_near_copies_are_not_looked_for_where_rows_are_too_few_to_show_chance():
    training = charged(10, 0)
    rows = with_one_cell_changed(training, charged(10, 1))
    assert len(CopyCheck(training, CHARGES).reject(ParsedRows(rows)).rows) == 10


def test_rows_that_are_missing_but_for_one_value_copy_nobody():
    training = charged(50, 0)
    training.loc[:9, :] = np.nan
    training.loc[9, 'age'] = 30.0
    schema = TableSchema(tuple(replace(column, nullable=True) for column in CHARGES))
    check = CopyCheck(training, schema)
    left = check.reject(ParsedRows(training))
    assert left.rows.index.tolist() == list(range(10))
    # Rows of nothing that repeat each other are no reason to let copies of others in.
    assert check.possible


def a_step_off(table: pd.DataFrame, seed: int, step: float = 0.1) -> pd.DataFrame:
    """Each row with all of its numbers up to ``step`` standard deviations off."""
    rng = np.random.default_rng(seed)
    numbers = table.select_dtypes('number')
    moved = numbers + rng.uniform(-step, step, numbers.shape) * numbers.std().to_numpy()
    return table.assign(**moved.round({'age': 0, 'bmi': 1, 'charges': 2}))


def test_rows_a_small_step_from_a_training_row_are_rejected_and_fresh_rows_are_not():
    training, fresh = charged(200, 0), charged(200, 1)
    check = CopyCheck(training, CHARGES)
    left = check.reject(ParsedRows(a_step_off(training, 2)))
    assert len(left.rows) < 30  # in charges, far from normal, some steps are no small ones
    assert set(left.rejected) == {'near copy of a training row'}
    assert len(check.reject(ParsedRows(fresh)).rows) >= 195
    assert len(check.reject(ParsedRows(a_step_off(training, 2, step=2.0))).rows) > 190


def test_where_fresh_rows_lie_a_small_step_from_others_no_more_than_that_are_let_in():
    schema = TableSchema(tuple(Column(name, 'number', decimals=4) for name in 'xyz'))
    training, fresh = (
        pd.DataFrame(np.random.default_rng(seed).normal(size=(100, 3)), columns=[*'xyz'])
        for seed in (0, 1)
    )
    check = CopyCheck(training, schema)
    assert 0.05 < check.repeats.close.by_chance < 0.5
    assert len(check.reject(ParsedRows(fresh)).rows) >= 90
    copies = training + np.random.default_rng(2).uniform(-0.01, 0.01, training.shape)
    expected = check.repeats.close.expected(100)
    assert len(check.reject(ParsedRows(copies)).rows) <= 100 * expected + 1


def test_rows_far_out_a_small_part_of_their_distance_off_are_near_copies():
    training = charged(200, 0)
    training.loc[:19, 'charges'] = np.linspace(1e6, 9e6, 20)
    check = CopyCheck(training, CHARGES)
    moved = training[:20].assign(charges=training['charges'][:20] * 1.05)
    assert check.repeats.close.find(check.cells(moved))[0].all()
    further = training[:20].assign(charges=training['charges'][:20] * 1.6)
    assert not check.repeats.close.find(check.cells(further))[0].any()


def test_records_that_stand_there_twice_are_no_reason_to_let_in_rows_a_step_off():
    twice = pd.concat([charged(100, 0)] * 2, ignore_index=True)
    check = CopyCheck(twice, CHARGES)
    assert check.repeats.close.by_chance < 0.2
    assert len(check.reject(ParsedRows(a_step_off(twice, 2))).rows) < 60


def test_dates_and_gaps_count_in_rows_a_step_off():
    schema = TableSchema((
        Column('x', 'number', decimals=2, nullable=True),
        Column('on', 'datetime', nullable=True),
        Column('y', 'number', decimals=2),
    ))
    rng = np.random.default_rng(0)
    days = pd.to_timedelta(rng.integers(0, 3_650, 60), unit='D')
    training = pd.DataFrame({
        'x': rng.normal(0, 100, 60).round(2),
        'on': (pd.Timestamp('2015-01-01') + days).astype('datetime64[ns]'),
        'y': rng.normal(0, 100, 60).round(2),
    })
    training.loc[:9, 'x'], training.loc[10:14, 'on'] = np.nan, pd.NaT
    check = CopyCheck(training, schema)
    moved = training.assign(on=training['on'] + pd.Timedelta('3D'), y=training['y'] + 1)
    assert check.repeats.close.find(check.cells(moved))[0].all()
    filled = moved[:5].assign(x=0.0)
    assert not check.repeats.close.find(check.cells(filled))[0].any()
