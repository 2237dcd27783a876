"""Parquet files as others write them, read for a fit; and as they are written here, for others."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sdv_llmgan.scale.arrow import schema_of, to_arrow
from sdv_llmgan.scale.sampled import read_sample
from tests.sdv_lines import sample
from tests.test_partitions import synthesizer_of


def write(path: Path, index: bool | None = None, **columns: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_parquet(path, index=index)


def test_folders_named_by_a_value_give_a_column(tmp_path):
    write(tmp_path / 'year=2020' / 'site=a' / '0.parquet', x=[1, 2])
    write(tmp_path / 'year=2021' / 'site=b' / '0.parquet', x=[3])
    rows, total = read_sample(tmp_path, 10)
    assert total == 3
    assert rows.to_dict('list') == {
        'x': [1, 2, 3],
        'year': [2020, 2020, 2021],
        'site': ['a', 'a', 'b'],
    }
    some, _ = read_sample(tmp_path, 1)
    assert list(some) == ['x', 'year', 'site']


def test_folders_that_name_nothing_give_no_column(tmp_path):
    write(tmp_path / 'old' / '0.parquet', x=[1])
    write(tmp_path / '1.parquet', x=[2])
    write(tmp_path / '_temporary' / '2.parquet', x=[3])
    assert sorted(read_sample(tmp_path, 10)[0]['x']) == [1, 2]


@pytest.mark.parametrize('there', ['0.parquet', 'month=1/0.parquet', 'year=2021/month=1/0.parquet'])
def test_folders_of_different_columns_are_refused(tmp_path, there):
    write(tmp_path / 'year=2020' / '0.parquet', x=[1])
    write(tmp_path / there, x=[1])
    with pytest.raises(ValueError, match='lies in folders that give the columns'):
        read_sample(tmp_path, 10)


def test_a_column_of_files_and_folders_is_refused(tmp_path):
    write(tmp_path / 'year=2020' / '0.parquet', year=[1999])
    with pytest.raises(ValueError, match='"year" is a column of .*0.parquet and of the folder'):
        read_sample(tmp_path, 10)


@pytest.mark.parametrize(
    ('second', 'said'),
    [
        ({'x': [1]}, 'a.parquet has the column "y", which .*b.parquet lacks'),
        ({'x': [1], 'y': [1], 'z': [1]}, 'b.parquet has the column "z", which .*a.parquet lacks'),
        ({'x': ['1'], 'y': [1]}, r'"x" holds text in .*b.parquet .* and numbers in .*a.parquet'),
        ({'x': [True], 'y': [1]}, r'"x" holds bool in .*b.parquet .* and numbers in .*a.parquet'),
    ],
)
def test_files_of_different_columns_are_refused_by_file_and_column(tmp_path, second, said):
    write(tmp_path / 'a.parquet', x=[1], y=[2])
    write(tmp_path / 'b.parquet', **second)
    with pytest.raises(ValueError, match=said):
        read_sample(tmp_path, 10)


def test_kinds_are_compared_with_the_first_file_that_has_any_value(tmp_path):
    write(tmp_path / 'a.parquet', x=[None])
    write(tmp_path / 'b.parquet', x=['1'])
    write(tmp_path / 'c.parquet', x=[1])
    with pytest.raises(
        ValueError, match=r'"x" holds numbers in .*c.parquet .* text in .*b.parquet'
    ):
        read_sample(tmp_path, 10)


def test_numbers_categories_and_empty_columns_of_files_go_together(tmp_path):
    write(tmp_path / 'a.parquet', n=[1, 2], c=pd.Categorical(['u', 'v']), e=[None, None])
    write(tmp_path / 'b.parquet', n=[1.5, None], c=['w', 'u'], e=['e', 'f'])
    rows, _ = read_sample(tmp_path, 10)
    assert rows['n'].tolist()[:3] == [1, 2, 1.5]
    assert rows['c'].tolist() == ['u', 'v', 'w', 'u']
    assert rows['e'].tolist() == [None, None, 'e', 'f']


def test_an_index_that_has_a_name_is_a_column_and_another_one_is_none(tmp_path):
    table = pd.DataFrame({'x': [1, 2, 3]}, index=pd.Index(['a', 'b', 'c'], name='patient'))
    table.to_parquet(tmp_path / 'named.parquet')
    table.rename_axis(None).to_parquet(tmp_path / 'nameless.parquet')
    named, _ = read_sample(tmp_path / 'named.parquet', 10)
    assert named.to_dict('list') == {'patient': ['a', 'b', 'c'], 'x': [1, 2, 3]}
    assert list(read_sample(tmp_path / 'named.parquet', 2)[0]) == ['patient', 'x']
    assert list(read_sample(tmp_path / 'nameless.parquet', 10)[0]) == ['x']


@pytest.fixture(scope='module')
def typed() -> pd.DataFrame:
    count = 40
    numbers = np.arange(count)
    return pd.DataFrame({
        'whole': pd.array([None, *numbers[1:]], dtype='Int64'),
        'yes': pd.array([None, *(numbers[1:] % 2 == 0)], dtype='boolean'),
        'word': pd.array([f'w{n % 3}' for n in numbers], dtype='string'),
        'kind': pd.Categorical([f'k{n % 4}' for n in numbers]),
        'part': numbers / 4,
        'small': (numbers % 5).astype('int16'),
        'seen': pd.Timestamp('2024-01-01') + pd.to_timedelta(numbers, 'D'),
        'plain': [f'p{n % 3}' for n in numbers],
    })


def test_pandas_reads_the_dtypes_that_sample_gives(typed, tmp_path):
    kinds = {'whole': 'numerical', 'part': 'numerical', 'small': 'numerical', 'yes': 'boolean'}
    columns = {
        name: {'sdtype': 'datetime' if name == 'seen' else kinds.get(name, 'categorical')}
        for name in typed
    }
    fitted = synthesizer_of(typed, columns)
    fitted.sample_to(tmp_path, 60, rows_per_file=20, workers=1)
    read, sampled = pd.read_parquet(tmp_path), sample(fitted, 60)
    assert read.dtypes.to_dict() == sampled.dtypes.to_dict()
    assert (str(read['whole'].dtype), str(read['yes'].dtype)) == ('Int64', 'boolean')


def test_rows_with_gaps_come_back_in_pandas_dtypes_and_in_others_as_plain_types(tmp_path):
    rows = pd.DataFrame({
        'whole': pd.array([1, None], dtype='Int64'),
        'yes': pd.array([None, True], dtype='boolean'),
        'mixed': [1, 'a'],
    })
    table = to_arrow(rows, schema_of(rows, []))
    pq.write_table(table, tmp_path / 'x.parquet')
    assert [str(kind) for kind in pq.read_schema(tmp_path / 'x.parquet').types] == [
        'int64',
        'bool',
        'string',
    ]
    read = pd.read_parquet(tmp_path)
    assert read.equals(rows.assign(mixed=['1', 'a']))
    assert pa.Table.from_pandas(read).schema.types == table.schema.types


@pytest.mark.skipif(find_spec('duckdb') is None, reason='DuckDB is not installed')
def test_duckdb_reads_the_files(typed, tmp_path):
    import duckdb

    pq.write_table(to_arrow(typed, schema_of(typed, [])), tmp_path / 'x.parquet')
    found = duckdb.sql(f"SELECT count(whole), min(kind), max(word) FROM '{tmp_path}/*.parquet'")
    assert found.fetchall() == [(39, 'k0', 'w2')]
