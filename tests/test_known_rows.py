"""Rows that are completed from a file or table: read in one place, refused by number, keys kept."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sdv_llmgan import LLMGANSynthesizer
from sdv_llmgan.scale.known import Known
from tests.sdv_lines import taken
from tests.test_partitions import patients, synthesizer_of

COLUMNS = {
    'patient': {'sdtype': 'id', 'regex_format': r'P\d{2}'},
    'email': {'sdtype': 'email', 'pii': True},
    'number': {'sdtype': 'id'},
    'age': {'sdtype': 'numerical'},
    'pressure': {'sdtype': 'numerical'},
    'ward': {'sdtype': 'categorical'},
}


@pytest.fixture(scope='module')
def fitted() -> LLMGANSynthesizer:
    table = patients(40).assign(
        patient=[f'P{number:02d}' for number in range(40)],
        ward=[f'0{number % 3}' for number in range(40)],
    )
    return synthesizer_of(table[list(COLUMNS)], COLUMNS)


def written(path: Path, table: pd.DataFrame) -> Path:
    table.to_csv(path, index=False) if path.suffix == '.csv' else table.to_parquet(path)
    return path


@pytest.mark.parametrize('name', ['known.csv', 'known.parquet', 'known.data'])
def test_a_file_of_known_columns_is_read_by_its_form_and_codes_stay_text(fitted, tmp_path, name):
    known = pd.DataFrame({'ward': ['00', '01', '02', '01'], 'age': [30, 40, 50, 60]})
    path = written(tmp_path / name, known)
    fitted.sample_to(tmp_path / 'rows', known=path, rows_per_file=3, workers=1)
    if os.name != 'nt':
        assert (tmp_path / 'rows').stat().st_mode & 0o077 == 0  # known cells are real ones
    rows = pd.read_parquet(tmp_path / 'rows')
    assert rows[['ward', 'age']].equals(known)


def test_text_of_the_fitted_table_is_text_in_a_csv_file_and_its_form_is_said(fitted, tmp_path):
    (tmp_path / 'known.csv').write_text('patient;age\n77;30,0\n78;40,0\n', encoding='utf-8')
    known = fitted.read_known(tmp_path / 'known.csv')
    assert known.source['patient'].tolist() == ['77', '78']
    assert known.source['age'].tolist() == [30, 40]
    assert known.notes[0].endswith(
        '2 rows, 2 columns (separated by semicolons, with decimal commas).'
    )


def test_a_folder_is_no_file_of_known_columns(fitted, tmp_path):
    with pytest.raises(ValueError, match='is a folder: name one file of known columns'):
        fitted.read_known(tmp_path)


@pytest.mark.parametrize(
    ('column', 'cells', 'said'),
    [
        (
            'ward',
            ['00', '01', '00', '00', '09', '01', '07'],
            r'row 5: "ward" cannot be \'09\': .*"0',
        ),
        ('age', [30.0, 31, 32, np.nan, 33, 34, 99], 'row 4: "age" cannot be missing'),
        ('age', [30, 31, 32, 33, 34, 35, 999], 'row 7: "age" cannot be 999: .* to 7'),
        ('patient', ['a', 'b', 'c', 'd', 'e', None, 'f'], 'row 6: "patient" cannot be missing: it'),
        (
            'patient',
            [*'abc', 'a', *'ab', 'a'],
            'row 4: "patient" \'a\' is the key of row 1 as well',
        ),
        ('email', [*'abcdef', 'b'], 'row 7: "email" \'b\' is the key of row 2 as well'),
    ],
)
@pytest.mark.parametrize('suffix', ['csv', 'parquet'])
def test_a_known_row_that_cannot_be_is_named_before_a_file_is_written(
    fitted, tmp_path, suffix, column, cells, said
):
    path = written(tmp_path / f'known.{suffix}', pd.DataFrame({column: cells, 'pressure': 120}))
    with pytest.raises(ValueError, match=f'known.{suffix}, {said}'):
        fitted.sample_to(tmp_path / 'rows', known=path, rows_per_file=2, workers=1)
    assert not (tmp_path / 'rows').exists()


def test_a_key_of_another_kind_is_refused(fitted):
    known = pd.DataFrame({'number': [1, 'x']})
    with pytest.raises(ValueError, match='row 2: "number" cannot be \'x\': it holds numbers'):
        fitted.sample_remaining_columns(known)


def test_a_column_that_the_table_lacks_is_refused_without_a_row(fitted):
    with pytest.raises(ValueError, match="^Unexpected column name 'agee'"):
        fitted.draw(0, 2, known=pd.DataFrame({'agee': [30, 31]}))


def test_known_keys_are_kept_and_may_be_more_than_the_format_has(fitted, tmp_path):
    ids = [f'customer {number}' for number in range(150)]
    known = pd.DataFrame({'patient': ids, 'age': np.arange(150) % 40 + 25})
    path = written(tmp_path / 'known.parquet', known.set_index('patient'))
    fitted.sample_to(tmp_path / 'rows', known=path, rows_per_file=60, workers=1)
    rows = pd.read_parquet(tmp_path / 'rows')
    assert rows[['patient', 'age']].equals(known)
    assert rows['email'].is_unique
    assert set(rows['ward']) == {'00', '01', '02'}


def test_keys_alone_are_completed_by_every_way_of_sampling(fitted):
    known = pd.DataFrame({'patient': ['c', 'a', 'b'], 'number': [7, 5, 6]}, index=[4, 4, 9])
    for rows in (fitted.draw(0, 3, known=known), taken(fitted.sample_remaining_columns(known))):
        assert rows[['patient', 'number']].to_numpy().tolist() == known.to_numpy().tolist()
        assert rows['number'].dtype == 'int64'
        assert rows['age'].notna().all()


def test_a_missing_known_cell_stands_where_the_table_has_missing_ones(fitted):
    rows = fitted.draw(0, 2, known=pd.DataFrame({'pressure': [np.nan, 120.0]}))
    assert rows['pressure'].isna().tolist() == [True, False]


def test_keys_that_only_hash_alike_are_no_repeats(monkeypatch):
    known = Known.of(pd.DataFrame({'k': ['a', 'b', None, None], 'm': [1, 1, 1, 2]}))
    monkeypatch.setattr(
        'sdv_llmgan.scale.known._hashes', lambda rows: np.zeros(len(rows), dtype=np.uint64)
    )
    known.check_keys([('k',), ('k', 'm')], 3)
    with pytest.raises(ValueError, match='row 2: "m" 1 is the key of row 1'):
        known.check_keys([('m',)], 3)
