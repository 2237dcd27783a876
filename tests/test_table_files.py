"""Tables in files of any kind come back as they were written."""

from __future__ import annotations

import importlib.util
import logging

import numpy as np
import pandas as pd
import pytest

from sdv_llmgan import read_table
from sdv_llmgan.formats import table_files
from sdv_llmgan.formats.csv_files import CsvForm
from sdv_llmgan.formats.table_files import KINDS, read_file, write_file

openpyxl = pytest.importorskip('openpyxl')
pytest.importorskip('pyarrow')


def patients() -> pd.DataFrame:
    return pd.DataFrame({
        'age': [34, 51, 68],
        'weight': [70.5, np.nan, 81.25],
        'smoker': [True, False, True],
        'code': ['007', '012', '120'],
        'note': ['=1+1', None, 'ä, "b"'],
        'seen': pd.to_datetime(['2024-01-05', '2024-02-29', '2024-12-31']),
    })


@pytest.mark.parametrize('suffix', KINDS)
def test_a_table_comes_back_from_every_kind_of_file(tmp_path, suffix):
    path = tmp_path / f'patients{suffix}'
    write_file(patients(), path)
    table, (said, *_) = read_file(path)
    assert said == f'{path}: 3 rows, 6 columns ({KINDS[suffix]}).'
    if KINDS[suffix] == 'JSON lines':  # JSON has no dates: they are ISO text
        table['seen'] = pd.to_datetime(table['seen'])
    table['seen'] = table['seen'].astype('datetime64[ns]')
    table['note'] = table['note'].fillna('')  # None and NaN are both missing
    wanted = patients().astype({'seen': 'datetime64[ns]'}).fillna({'note': ''})
    pd.testing.assert_frame_equal(table, wanted, check_dtype=False)
    assert table['weight'].dtype.kind == 'f'
    assert table['age'].dtype.kind == 'i'


def test_a_formula_stays_text_in_excel(tmp_path):
    path = tmp_path / 'a.xlsx'
    write_file(patients(), path)
    cells = [cell for row in openpyxl.load_workbook(path).active.iter_rows() for cell in row]
    assert '=1+1' in [cell.value for cell in cells]
    assert 'f' not in {cell.data_type for cell in cells}


def test_columns_of_excel_that_hold_text_are_read_as_those_of_a_csv_file(tmp_path):
    path = tmp_path / 'odd.xlsx'
    cells = {'dose': [1.5, 'n/a', 2.5, None], 'mark': ['1,5', '2,25', '3,5', '4,5']}
    pd.DataFrame(cells).to_excel(path, index=False)
    table, said = read_file(path)
    assert table['dose'].tolist()[::2] == [1.5, 2.5]
    assert table['dose'].isna().tolist() == [False, True, False, True]
    assert table['mark'].tolist() == [1.5, 2.25, 3.5, 4.5]
    assert any('n/a in "dose" (1)' in sentence for sentence in said)


def test_numbers_of_excel_are_never_taken_for_thousands(tmp_path):
    path = tmp_path / 'numbers.xlsx'
    pd.DataFrame({'value': [1.234, 5.678, 9.012]}).to_excel(path, index=False)
    assert read_file(path)[0]['value'].tolist() == [1.234, 5.678, 9.012]


def test_empty_rows_and_columns_of_excel_are_left_out_and_other_sheets_are_said(tmp_path):
    path = tmp_path / 'book.xlsx'
    with pd.ExcelWriter(path) as writer:
        table = pd.DataFrame({'a': [1, None, 3], '': [None] * 3, 'b': ['x', None, 'y']})
        table.to_excel(writer, index=False, sheet_name='trial')
        table.to_excel(writer, index=False, sheet_name='more')
    table, said = read_file(path)
    assert table.to_dict('list') == {'a': [1, 3], 'b': ['x', 'y']}
    assert 'Read the first sheet, "trial", of 2.' in said


def test_lines_above_the_header_of_excel_are_skipped_where_they_are_told(tmp_path):
    path = tmp_path / 'titled.xlsx'
    pd.DataFrame([['Trial 7', None], ['age', 'arm'], [40, 'A'], [50, 'B']]).to_excel(
        path, index=False, header=False
    )
    assert any('--skip-rows' in sentence for sentence in read_file(path)[1])
    table, _ = read_file(path, form=CsvForm(skip_rows=1))
    assert table.to_dict('list') == {'age': [40, 50], 'arm': ['A', 'B']}


def test_a_named_index_is_a_column(tmp_path):
    path = tmp_path / 'a.parquet'
    patients().set_index('code').to_parquet(path)
    assert 'code' in read_file(path)[0]


@pytest.mark.parametrize('suffix', KINDS)
def test_what_is_no_such_file_is_said_so(tmp_path, suffix):
    path = tmp_path / f'broken{suffix}'
    with pytest.raises(FileNotFoundError, match='There is no file'):
        read_file(path)
    path.write_bytes(b'\x00\x01 no table')
    with pytest.raises(ValueError, match=f'no file of {KINDS[suffix]}'):
        read_file(path)


def test_a_file_without_rows_and_one_of_objects_are_refused(tmp_path):
    empty, nested = tmp_path / 'empty.parquet', tmp_path / 'nested.jsonl'
    patients().head(0).to_parquet(empty)
    with pytest.raises(ValueError, match='6 columns but no rows'):
        read_file(empty)
    nested.write_text('{"a": 1, "b": {"c": 2}}\n{"a": 2, "b": {"c": 3}}\n', encoding='utf-8')
    with pytest.raises(ValueError, match='lists or objects stand in b'):
        read_file(nested)


def test_options_of_csv_files_are_refused_where_they_mean_nothing(tmp_path):
    excel, parquet = tmp_path / 'a.xlsx', tmp_path / 'a.parquet'
    write_file(patients(), excel)
    write_file(patients(), parquet)
    with pytest.raises(ValueError, match='neither a separator nor an encoding'):
        read_file(excel, form=CsvForm(separator=';'))
    with pytest.raises(ValueError, match='options on how a CSV file is read do not fit'):
        read_file(parquet, form=CsvForm(missing=['-']))


@pytest.mark.parametrize(('suffix', 'extra'), [('.xlsx', 'excel'), ('.feather', 'parquet')])
def test_what_is_to_be_installed_is_said(tmp_path, monkeypatch, suffix, extra):
    path = tmp_path / f'a{suffix}'
    write_file(patients(), path)
    known = importlib.util.find_spec
    missing = {'openpyxl', 'pyarrow'}
    monkeypatch.setattr(
        table_files, 'find_spec', lambda name: None if name in missing else known(name)
    )
    with pytest.raises(ImportError, match=rf'sdv-llmgan\[{extra}\]'):
        read_file(path)


def test_read_table_takes_any_file_and_logs_what_was_guessed(tmp_path, caplog):
    path = tmp_path / 'a.csv'
    path.write_text('a;b\n1,5;x\n2,5;y\n', encoding='utf-8')
    with caplog.at_level(logging.INFO, 'sdv_llmgan'):
        table = read_table(str(path))
    assert table.to_dict('list') == {'a': [1.5, 2.5], 'b': ['x', 'y']}
    assert '2 rows, 2 columns' in caplog.text


def test_read_table_takes_tables_of_other_libraries():
    import pyarrow as pa

    table = read_table(pa.table({'a': [1, 2], 'b': ['x', None]}))
    assert isinstance(table, pd.DataFrame)
    assert table['a'].tolist() == [1, 2]
    with pytest.raises(TypeError):
        read_table(3)


def test_json_lines_keep_digits_and_write_dates_as_csv_does(tmp_path):
    path = tmp_path / 'a.jsonl'
    numbers = np.random.default_rng(0).normal(size=1_000)
    days = pd.to_datetime(['2024-01-05'] * 1_000)
    whole = pd.array([2**60 + 1, *[None] * 999], dtype='Int64')
    write_file(pd.DataFrame({'x': numbers, 'day': days, 'n': whole}), path)
    assert path.read_text(encoding='utf-8').startswith(
        f'{{"x": {float(numbers[0])!r}, "day": "2024-01-05", "n": {2**60 + 1}}}'
    )
    assert (read_file(path)[0]['x'].to_numpy() == numbers).all()
