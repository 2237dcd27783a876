from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sdv_llmgan.table.copies import CopyCheck
from sdv_llmgan.table.missing import MissingPatterns
from sdv_llmgan.table.rows import ParsedRows
from sdv_llmgan.table.schema import TableSchema

NOTHING = {'tables': {}}


class NoMetadata:
    columns: dict[str, dict[str, str]] = {}  # noqa: RUF012


def people(num_rows: int = 600, *, depends: bool = True) -> pd.DataFrame:
    """Age is missing for men only, or as often but for anybody; income goes with age."""
    rng = np.random.default_rng(0)
    sex = rng.choice(['M', 'F'], num_rows)
    unknown = (sex == 'M') & (rng.random(num_rows) < 0.4)
    if not depends:
        unknown = rng.permutation(unknown)
    return pd.DataFrame({
        'sex': sex,
        'age': np.where(unknown, np.nan, rng.integers(20, 80, num_rows)),
        'income': np.where(unknown, np.nan, rng.integers(1, 9, num_rows) * 1000.0),
    })


def emptied(training: pd.DataFrame, settled: tuple[str, ...] = (), **columns: object):
    schema = TableSchema.from_sdv(NoMetadata, training)
    rng = np.random.default_rng(1)
    rows = schema.to_plain(training.assign(age=50.0, income=3000.0, **columns))
    return MissingPatterns(schema.to_plain(training), schema).apply(rows, settled, rng)


@pytest.mark.parametrize('depends', [True, False])
def test_values_are_missing_as_often_in_each_kind_of_row_as_in_training(depends):
    training = people(depends=depends)
    rows = emptied(training)
    real = training['age'].isna().groupby(training['sex']).mean()
    made = rows['age'].isna().groupby(rows['sex']).mean()
    error = 2 * np.sqrt(2 * real * (1 - real) / 300)
    assert (abs(made - real) <= error).all()
    assert (made['F'] == 0) == depends


def test_missing_text_is_none_and_missing_numbers_are_nan():
    training = people().assign(note=lambda table: table['age'].map('{:.0f}'.format))
    training.loc[training['age'].isna(), 'note'] = None
    rows = emptied(training)
    assert rows['age'].dtype == float
    assert set(rows.loc[rows['age'].isna(), 'note']) == {None}


def test_values_are_missing_together():
    rows = emptied(people())
    assert rows['age'].isna().any()
    assert (rows['age'].isna() == rows['income'].isna()).all()


def test_settled_columns_stay_and_the_others_agree_with_them():
    training = people()
    there = emptied(training, ('age',), sex='M')
    assert there['age'].notna().all()
    assert there['income'].notna().all()
    schema = TableSchema.from_sdv(NoMetadata, training)
    rows = schema.to_plain(training.assign(sex='M', age=np.nan, income=3000.0))
    patterns = MissingPatterns(schema.to_plain(training), schema)
    gone = patterns.apply(rows, ('age',), np.random.default_rng(1))
    assert gone['income'].isna().all()


def test_a_table_in_which_every_column_has_gaps_keeps_their_shares():
    training = people()[['age', 'income']]
    rows = emptied(training)
    assert abs(rows['age'].isna().mean() - training['age'].isna().mean()) < 0.05


def test_a_table_without_gaps_is_left_alone():
    training = people().fillna(1.0)
    assert emptied(training).notna().all(axis=None)


@pytest.mark.parametrize('num_rows', [9, 90])
def test_rows_of_nothing_come_as_often_as_in_training_however_few_rows_there_are(num_rows):
    training = people(num_rows, depends=False).ffill().bfill()
    training.loc[::9] = None
    schema = TableSchema.from_sdv(NoMetadata, training)
    plain = schema.to_plain(training)
    full = plain.dropna().sample(5_000, replace=True, random_state=0).reset_index(drop=True)
    rows = MissingPatterns(plain, schema).apply(full, (), np.random.default_rng(0))
    assert rows.isna().all(axis=1).mean() == pytest.approx(1 / 9, abs=0.03)
    assert (rows.isna().all(axis=1) == rows.isna().any(axis=1)).all()
    assert CopyCheck(plain, schema).reject(ParsedRows(rows)).rows.isna().all(axis=1).any()
