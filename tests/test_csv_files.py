"""CSV files as people have them: read right, or refused, or said with the option that decides."""

# ruff: noqa: E501 - a file and its meaning stand on one line
from __future__ import annotations

import gzip
import io
import math
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdv_llmgan.formats.csv_files import CsvForm, parse_csv

PATH = Path('data.csv')
GAP = None


def read(raw: bytes | str, **form: object) -> tuple[pd.DataFrame, list[str]]:
    content = raw.encode() if isinstance(raw, str) else raw
    return parse_csv(content, PATH, form=CsvForm(**form))


def cells(table: pd.DataFrame) -> dict[str, list[object]]:
    """Columns as plain lists; missing is ``None``."""
    return {
        name: [None if pd.isna(cell) else cell for cell in column.tolist()]
        for name, column in table.items()
    }


#: What a file holds, and what it means.
LAYOUTS = {
    'commas': ('a,b\n1,x\n2,y\n', {'a': [1, 2], 'b': ['x', 'y']}),
    'semicolons': ('a;b\n1;x, y\n2;z\n', {'a': [1, 2], 'b': ['x, y', 'z']}),
    'tabs': ('a\tb\n1\tx y\n2\tz\n', {'a': [1, 2], 'b': ['x y', 'z']}),
    'bars': ('a|b\n1|x\n2|y\n', {'a': [1, 2], 'b': ['x', 'y']}),
    'spaces': ('a b\n1 x\n2 y\n', {'a': [1, 2], 'b': ['x', 'y']}),
    'aligned spaces': ('  a    b\n  1    x\n 20    y\n', {'a': [1, 20], 'b': ['x', 'y']}),
    'spaces after commas': ('a, b\n1, "x, y"\n2, z\n', {'a': [1, 2], 'b': ['x, y', 'z']}),
    'bars between spaces': ('a | b\n1 | x\n2 | y\n', {'a': [1, 2], 'b': ['x', 'y']}),
    'a column of sentences': ('note\nall is well\nvery, very well\n', None),
    'a column of two words': ('full name\nAnn Lee\nBo Poe\n', {'full name': ['Ann Lee', 'Bo Poe']}),
    'commas, quoted breaks': ('a,b\n1,"x\ny"\n2,z\n', {'a': [1, 2], 'b': ['x\ny', 'z']}),
    'semicolons, quoted breaks': ('a;b\n1;"x\ny;"\n2;z\n', {'a': [1, 2], 'b': ['x\ny;', 'z']}),
    'tabs, quoted breaks': ('a\tb\n1\t"x\r\n\r\ny"\n2\tz\n', {'a': [1, 2], 'b': ['x\r\n\r\ny', 'z']}),
    'bars, quoted breaks': ('a|b\n1|"x\ny"\n2|z\n', {'a': [1, 2], 'b': ['x\ny', 'z']}),
    'doubled quotes': ('a,b\n1,"6"" pipe, steel"\n2,z\n', {'a': [1, 2], 'b': ['6" pipe, steel', 'z']}),
    'quotes after backslashes': ('a,b\n1,"say \\"hi, you\\""\n2,z\n', {'a': [1, 2], 'b': ['say "hi, you"', 'z']}),
    'quotes as inches': ('a,b\n1,"6 inch\n2,z\n', {'a': [1, 2], 'b': ['"6 inch', 'z']}),
    'an open quote': ('a,b\n1,"x, y\n2,z\n3,w\n', None),
    'sep=;': ('sep=;\r\na;b\r\n1;x\r\n2;y\r\n', {'a': [1, 2], 'b': ['x', 'y']}),
    'sep= of one column': ('sep=;\na\n1\n2\n', {'a': [1, 2]}),
    'a title, padded': ('Export of 2024;;\n;;\na;b;c\n1;x;2\n3;y;4\n', {'a': [1, 3], 'b': ['x', 'y'], 'c': [2, 4]}),
    'a title': ('Export of 2024\na;b;c\n1;x;2\n3;y;4\n', {'a': [1, 3], 'b': ['x', 'y'], 'c': [2, 4]}),
    'two titles and a blank': ('Sales, all\nMade: 2024-01-02\n\na,b,c\n1,x,2\n3,y,4\n', {'a': [1, 3], 'b': ['x', 'y'], 'c': [2, 4]}),
    'a title over two columns': ('Report;\nn;price\nx;1\ny;2\n', {'n': ['x', 'y'], 'price': [1, 2]}),
    'a title over words': ('Report of wards;;\nn;m;k\nx;y;z\nu;v;w\n', {'n': ['x', 'u'], 'm': ['y', 'v'], 'k': ['z', 'w']}),
    'trailing separators': ('a;b;\n1;x;\n2;y;\n', {'a': [1, 2], 'b': ['x', 'y']}),
    'trailing separators of rows': ('a;b\n1;x;\n2;y;\n', {'a': [1, 2], 'b': ['x', 'y']}),
    'an index without a name': (',a\n0,5\n1,6\n', {'Unnamed: 0': [0, 1], 'a': [5, 6]}),
    'names of rows as R writes them': ('"a","b"\n"1",5,6\n"2",7,8\n', {'Unnamed: 0': [1, 2], 'a': [5, 7], 'b': [6, 8]}),
    'a remark below': ('a,b,c\n1,x,2\n3,y,4\n\nSource: the office\n', {'a': [1, 3], 'b': ['x', 'y'], 'c': [2, 4]}),
    'a total below': ('n;b;c\nx;1;2\ny;3;4\nTotal;4;6\n', {'n': ['x', 'y'], 'b': [1, 3], 'c': [2, 4]}),
    'empty lines below': ('a;b\n1;x\n2;y\n;\n;\n', {'a': [1, 2], 'b': ['x', 'y']}),
    'a row of gaps between': ('a;b\n1;x\n;\n2;y\n', {'a': [1, GAP, 2], 'b': ['x', GAP, 'y']}),
    'a total that is a kind': ('n,b\nTotal,1\npart,3\nTotal,4\n', {'n': ['Total', 'part', 'Total'], 'b': [1, 3, 4]}),
    'one column': ('a\n1\n2\n', {'a': [1, 2]}),
    'one column with a gap': ('a\n1\n""\n2\n', {'a': [1, GAP, 2]}),
    'one column of decimal commas': ('price\n1,5\n2,75\n', {'price': [1.5, 2.75]}),
    'one column with a whole number': ('price EUR\n1,5 €\n3 €\n', {'price EUR': [1.5, 3.0]}),
    'one column of German thousands': ('z\n1.234,56\n2,75\n', {'z': [1234.56, 2.75]}),
    'one column of bare fractions': ('z\n,5\n,75\n', {'z': [0.5, 0.75]}),
    'one column of spaced thousands': ('z\n1 234\n2 500\n', {'z': [1234, 2500]}),
    'one column of thousands in quotes': ('z\n"1,234"\n"5,678"\n', {'z': [1234, 5678]}),
    'one column of prices in quotes': ('z\n"1,5"\n"2,75"\n', {'z': [1.5, 2.75]}),
    'one column with names of rows': ('"z"\n"1",5\n"2",75\n', {'Unnamed: 0': [1, 2], 'z': [5, 75]}),
    'tabs below one name': ('z\n1\t234\n2\t567\n', {'Unnamed: 0': [1, 2], 'z': [234, 567]}),
    'decimal commas between spaces': ('a b\nx 5,1\ny 7,4\n', {'a': ['x', 'y'], 'b': [5.1, 7.4]}),
    'dates before decimal commas': ('day z\n2024-01-01 1,5\n2024-01-02 2,75\n', {'day': ['2024-01-01', '2024-01-02'], 'z': [1.5, 2.75]}),
    'decimal commas between commas': ('ward,z\nA,1,5\nA,2,75\n', None),
    'one row': ('a,b\n1,x\n', {'a': [1], 'b': ['x']}),
    'a name twice': ('a,a\n1,2\n', None),
    'a long row': ('a,b\n1,x\n2,y,z\n3,w\n', None),
    'a short row': ('a,b,c\n1,x,2\n3,y\n4,z,5\n', None),
    'a truncated end': ('a,b,c\n1,x,2\n3\n', None),
}  # fmt: skip

ENCODINGS = {
    'utf-8': ('Łódź', 'utf-8', True),
    'utf-8 with a mark': ('Łódź', 'utf-8-sig', True),
    'utf-16': ('Łódź', 'utf-16', True),
    'utf-32': ('Łódź', 'utf-32', True),
    'cp1252': ('Köchin – “oui”', 'cp1252', True),
    'latin-1': ('Ærøskøbing', 'latin-1', True),
    'cp1250': ('Źródło', 'cp1250', False),
    'cp1251': ('Москва', 'cp1251', False),
    'koi8-r': ('Москва', 'koi8-r', False),
    'iso8859-2': ('žena', 'iso8859-2', False),
    'shift_jis': ('校', 'shift_jis', False),
    'euc_jp': ('東京', 'euc_jp', False),
    'gb18030': ('男', 'gb18030', False),
    'big5': ('台北', 'big5', False),
    'euc_kr': ('서울', 'euc_kr', False),
    'cp850': ('Größe', 'cp850', False),
}

#: Cells of a column ``z`` beside a column of words, separated by semicolons.
NUMBERS = {
    'points': (['1.5', '2.25'], [1.5, 2.25]),
    'commas': (['1,5', '2,25'], [1.5, 2.25]),
    'German thousands': (['47.240,00', '999,50'], [47240.0, 999.5]),
    'English thousands': (['47,240.00', '999.50'], [47240.0, 999.5]),
    'millions': (['1.234.567', '12'], [1234567, 12]),
    'thousands beside hundreds': (['1,234', '999'], [1234, 999]),
    'thousands by spaces': (['1 234,56', '7,00'], [1234.56, 7.0]),
    'by no-break spaces': (['1\xa0234,56', '7,00'], [1234.56, 7.0]),
    'by thin spaces': (['1\u202f234,56', '7,00'], [1234.56, 7.0]),
    'by apostrophes': (["1'234.50", '7.00'], [1234.5, 7.0]),
    'by Swiss apostrophes': (['1’234.50', '7.00'], [1234.5, 7.0]),
    'lakhs': (['12,34,567.50', '7.00'], [1234567.5, 7.0]),
    'dollars': (['$12.50', '-$3.00'], [12.5, -3.0]),
    'euros': (['12,50 €', '3,00 €'], [12.5, 3.0]),
    'letters of money': (['EUR 12.50', 'EUR 3.00'], [12.5, 3.0]),
    'percents': (['12.5%', '3%'], [12.5, 3.0]),
    'percents apart': (['12,5 %', '3,0 %'], [12.5, 3.0]),
    'a unit': (['12 kg', '3 kg'], [12, 3]),
    'degrees': (['36.6 °C', '37.1 °C'], [36.6, 37.1]),
    'a real minus': (['−5', '3'], [-5, 3]),
    'a minus behind': (['5,20-', '3,00'], [-5.2, 3.0]),
    'brackets': (['(5.20)', '3.00'], [-5.2, 3.0]),
    'money in brackets': (['($5.20)', '$3.00'], [-5.2, 3.0]),
    'pluses and minuses': (['+5', '-3'], [5, -3]),
    'powers': (['1e5', '2.5E-3'], [1e5, 2.5e-3]),
    'bare fractions': (['.5', '.25'], [0.5, 0.25]),
    'bare fractions by comma': ([',5', ',25'], [0.5, 0.25]),
    'seventeen digits': (['0.30000000000000004', '2.718281828459045'], [0.1 + 0.2, math.e]),
    'spaces around': ([' 5 ', '7'], [5, 7]),
    'a gap': (['5', '', '7'], [5.0, GAP, 7.0]),
    'NA among numbers': (['5', 'NA', '7'], [5.0, GAP, 7.0]),
    'a dash among numbers': (['5', '-', '7'], [5.0, GAP, 7.0]),
    'a sheet error': (['5', '#DIV/0!', '7'], [5.0, GAP, 7.0]),
    'truths': (['TRUE', 'FALSE'], [True, False]),
    'truths in words': (['ja', 'nein'], ['ja', 'nein']),
    'leading zeros': (['007', '123'], ['007', '123']),
    'telephones': (['+4915112345678', '+4915187654321'], ['+4915112345678', '+4915187654321']),
    'grouped codes': (['732 829 320', '123 456 789'], ['732 829 320', '123 456 789']),
    'sixteen digits': (['1234567890123456', '1234567890123457'], [1234567890123456, 1234567890123457]),
    'sixteen digits and a gap': (['9999999999999999', ''], ['9999999999999999', GAP]),
    'twenty digits': (['12345678901234567890', '1'], ['12345678901234567890', '1']),
    'codes as formulas': (['="007"', '="123"'], ['007', '123']),
    'dates': (['01.02.2024', '31.12.2024'], ['01.02.2024', '31.12.2024']),
    'dates and NA': (['01.02.2024', 'NA'], ['01.02.2024', GAP]),
    'times with zones': (['2024-01-02T03:04:05Z', '2024-01-02T03:04:05+02:00'], ['2024-01-02T03:04:05Z', '2024-01-02T03:04:05+02:00']),
    'addresses': (['192.168.1.1', '10.0.0.1'], ['192.168.1.1', '10.0.0.1']),
    'clock': (['10 AM', '11 AM'], ['10 AM', '11 AM']),
    'wards': (['Ward 1', 'Ward 2'], ['Ward 1', 'Ward 2']),
    'two currencies': (['$5', '€6'], ['$5', '€6']),
    'Namibia': (['DE', 'NA', 'FR'], ['DE', 'NA', 'FR']),
    'no alcohol': (['None', 'mild', 'severe'], ['None', 'mild', 'severe']),
    'not applicable': (['n/a', 'yes', 'no'], ['n/a', 'yes', 'no']),
    'unknown jobs': (['?', 'clerk', '-'], ['?', 'clerk', '-']),
    'null in text': (['null', 'clerk', 'NaN'], [GAP, 'clerk', GAP]),
}  # fmt: skip


@pytest.mark.parametrize('case', LAYOUTS)
def test_files_of_any_layout_are_read_or_refused(case):
    text, right = LAYOUTS[case]
    if right is None:
        with pytest.raises(ValueError, match='data.csv'):
            read(text)
    else:
        assert cells(read(text)[0]) == right


@pytest.mark.parametrize('case', ENCODINGS)
def test_encodings_are_known_or_refused_and_can_be_named(case):
    word, encoding, known = ENCODINGS[case]
    raw = f'a,b\n{word},1\nx,2\n'.encode(encoding)
    if known:
        assert read(raw)[0]['a'][0] == word
    else:
        with pytest.raises(ValueError, match='--encoding'):
            read(raw)
    assert read(raw, encoding=encoding)[0]['a'][0] == word


@pytest.mark.parametrize('case', NUMBERS)
def test_cells_are_read_for_what_they_mean(case):
    written, right = NUMBERS[case]
    table, _ = read('w;z\n' + ''.join(f'w{i};{cell}\n' for i, cell in enumerate(written)))
    assert cells(table)['z'] == right
    assert [type(cell) for cell in cells(table)['z']] == [type(cell) for cell in right]


def test_the_decimal_sign_is_of_the_column():
    table, said = read('lat;price;count\n48.1374;3,50;1.200\n47.999;12,00;900\n48.25;1.250,00;1\n')
    assert cells(table) == {
        'lat': [48.1374, 47.999, 48.25],
        'price': [3.5, 12.0, 1250.0],
        'count': [1200, 900, 1],
    }
    assert 'with decimal commas: price' in said[0]
    assert said[1].startswith('"count" reads 1.200 as 1,200.0')
    assert '--decimal' in said[1]


@pytest.mark.parametrize(
    ('sure', 'unsure', 'right', 'told'),
    [
        (['1.234,56', '2,75'], ['1.234', '5.678'], [1234, 5678], True),
        (['3,50', '2,75'], ['1.234', '999'], [1234, 999], True),
        (['3,50', '2,75'], ['1,234', '5,678'], [1.234, 5.678], False),
        (['3,50', '2,75'], ['0,234', '5,678'], [0.234, 5.678], False),
        (['1,234.56', '2.75'], ['1,234', '5,678'], [1234, 5678], True),
        (['3.50', '2.75'], ['1.234', '5.678'], [1.234, 5.678], False),
        (['3.50', '2.75'], ['0.234', '5.678'], [0.234, 5.678], False),
        (['a', 'b'], ['1.234', '5.678'], [1.234, 5.678], True),
        (['a', 'b'], ['1.234', '999'], [1234, 999], True),
    ],
)
@pytest.mark.parametrize('separator', [';', '\t'])
def test_a_column_that_can_be_read_either_way_follows_those_that_cannot(
    sure, unsure, right, told, separator
):
    lines = ['a;b', *(f'{one};{other}' for one, other in zip(sure, unsure, strict=True))]
    table, said = read('\n'.join(lines).replace(';', separator))
    assert cells(table)['b'] == right
    assert any('--decimal' in line for line in said) == told


def test_commas_that_could_be_decimal_signs_or_separators_are_said():
    table, said = read('price\n1,5\n2,75\n')
    assert said[1] == "'price' is read as one column of numbers. --separator , cuts at commas."
    assert cells(read('price\n1,5\n2,75\n', separator=',')[0]) == {
        'Unnamed: 0': [1, 2],
        'price': [5, 75],
    }
    table, said = read('price,n\n1,5,7\n2,75,8\n')
    assert cells(table) == {'Unnamed: 0': [1, 2], 'price': [5, 75], 'n': [7, 8]}
    assert said[1].startswith('Lines have one cell more than the header; the first is read as the')
    assert len(read('a\n1\n2\n')[1]) == len(read('a,b\nx,5\ny,7\n')[1]) == 1


def test_a_comma_file_has_thousands_in_quotes_where_nothing_else_is_said():
    text = 'a,b\nx,"1,234"\ny,"5,678"\n'
    assert cells(read(text)[0])['b'] == [1234, 5678]
    assert cells(read(text, decimal=[','])[0])['b'] == [1.234, 5.678]
    assert cells(read(text, decimal=['b=,'])[0])['b'] == [1.234, 5.678]
    assert 'reads 1,234 as 1,234.0' in read(text)[1][1]
    assert len(read(text, decimal=['b=.'])[1]) == 1


def test_words_are_missing_where_they_are_so_among_numbers():
    text = 'n,kind,land\n1,NA,DE\nNA,mild,NA\n3,severe,FR\n'
    table, said = read(text)
    assert cells(table) == {
        'n': [1.0, GAP, 3.0],
        'kind': [GAP, 'mild', 'severe'],
        'land': ['DE', 'NA', 'FR'],
    }
    assert 'Read as missing: NA in "n" (1), NA in "kind" (1). --missing "" keeps words.' in said
    assert any(
        line.startswith('Kept, not missing: NA in "land" (1). --missing WORD') for line in said
    )
    assert cells(read(text, missing=['NA'])[0])['land'] == ['DE', GAP, 'FR']
    assert cells(read(text, missing=[''])[0])['n'] == ['1', 'NA', '3']
    assert len(read(text, missing=['NA'])[1]) == 1


def test_numbers_that_are_left_text_are_said():
    text = 'w,z\n' + ''.join(f'x,{i}\n' for i in range(9)) + 'x,unknown\n'
    table, said = read(text)
    assert table['z'][9] == 'unknown'
    assert said[1].startswith('"z" holds numbers but for \'unknown\', so it stays text. --missing')
    assert cells(read(text, missing=['unknown'])[0])['z'] == [*map(float, range(9)), GAP]


def test_what_is_left_out_is_said_and_can_be_kept():
    text = 'Report;;\nn;b;c\nx;1;2\ny;3;4\nTotal;4;6\n'
    _, said = read(text)
    assert said[1] == (
        "1 line above the header left out, from line 1 ('Report'). --skip-rows 0 keeps all."
    )
    assert said[2] == (
        "1 line below the last row left out, from line 5 ('Total'). --skip-footer 0 keeps all."
    )
    kept, said = read(text, skip_rows=1, skip_footer=0)
    assert list(kept['n']) == ['x', 'y', 'Total']
    assert len(said) == 1
    assert cells(read(text, skip_rows=2, skip_footer=1)[0]) == {'x': ['y'], '1': [3], '2': [4]}


def test_a_guess_of_the_encoding_shows_what_it_reads():
    _, said = read('a,b\nGyőr,1\n'.encode('cp1250'))
    assert said[1] == "Windows-1252 is a guess; it reads 'Gyõr'. --encoding names another."
    with pytest.raises(ValueError, match="cp1250: 'Źródło'"):
        read('a,b\nŹródło,1\n'.encode('cp1250'))


def zipped(name: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, 'w') as archive:
        archive.writestr(name, 'a,b')
    return packed.getvalue()


@pytest.mark.parametrize(
    ('raw', 'found', 'remedy'),
    [
        (zipped('[Content_Types].xml'), 'begins as an Excel workbook does', 'Save a sheet as CSV.'),
        (b'\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 'an Excel workbook', 'Save a sheet as CSV.'),
        (zipped('data.csv'), 'begins as an archive does', 'Unpack it.'),
        (gzip.compress(b'a,b', mtime=0), 'begins as an archive does', 'Unpack it.'),
        (b'\x89PNG\r\n\x1a\n', 'begins as a picture does', 'A CSV file is needed.'),
        (b'\xff\xd8\xff\xe0\0\x10JFIF', 'begins as a picture does', 'A CSV file is needed.'),
        (b'%PDF-1.7\n%\xe2\xe3\x01', 'begins as a PDF does', 'A CSV file is needed.'),
        (pickle.dumps(pd.DataFrame({'a': [1]})), 'begins as a pickle does', 'with to_csv.'),
        (pickle.dumps([1, 2], protocol=2), 'begins as a pickle does', 'with to_csv.'),
        (b'PAR1\x15\x04', 'begins as a binary table does', 'with to_csv.'),
        (b'SQLite format 3\0', 'begins as a database does', 'with to_csv.'),
        (b'\x7fELF\x02\x01\xf0\x9f', 'has control characters', 'A CSV file is needed.'),
        (b'\xff\xfe\x00', 'begins as UTF-16 does, but', 'A CSV file is needed.'),
        ('a,b\n1,2\n'.encode('utf-16-le'), 'has bytes of 0', '--encoding utf-16-le.'),
    ],
)
def test_what_is_no_text_is_refused_by_what_it_is(raw, found, remedy):
    with pytest.raises(ValueError, match='data.csv is no text file: it ') as caught:
        read(raw)
    assert found in str(caught.value)
    assert str(caught.value).endswith(remedy)


def test_text_that_begins_as_another_kind_of_file_is_text():
    assert cells(read('PAR1,PAR2\n1,2\n')[0]) == {'PAR1': [1], 'PAR2': [2]}
    assert cells(read('a,b\n1,2\n'.encode('utf-16-le'), encoding='utf-16-le')[0])['b'] == [2]


def test_a_form_that_does_not_fit_is_an_error():
    for form, message in (
        ({'encoding': 'klingon'}, '--encoding must be one that Python knows'),
        ({'encoding': 'ascii'}, 'is not in ascii'),
        ({'separator': 'ab'}, '--separator must be one character or tab'),
        ({'decimal': [';']}, '--decimal must be'),
        ({'decimal': ['c=,']}, '--decimal must be'),
    ):
        with pytest.raises(ValueError, match=message):
            read('a,b\nKöchin,1\n', **form)


def test_a_separator_can_be_named():
    assert cells(read('a^b\n1^x\n', separator='^')[0]) == {'a': [1], 'b': ['x']}
    assert cells(read('a;b\tc\n1;x\t2\n', separator='tab')[0]) == {'a;b': ['1;x'], 'c': [2]}


def test_a_second_table_is_read_as_the_first():
    first, _ = read('land,code\nNA,007\nDE,008\n')
    second, _ = parse_csv(b'land,code\nNA,110\nNA,111\n', PATH, like=first)
    assert cells(second) == {'land': ['NA', 'NA'], 'code': ['110', '111']}


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=8))
@settings(max_examples=60, deadline=None)
def test_no_digit_of_a_float_is_lost(numbers):
    text = 'w;z\n' + ''.join(f'x;{number!r}\n' for number in numbers)
    assert [float(cell) for cell in read(text, decimal=['.'])[0]['z']] == numbers


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_categories=['Cs', 'Cc', 'Zl', 'Zp'])), min_size=2, max_size=2),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([',', ';', '\t', '|']),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_text_that_pandas_writes_is_read_to_the_letter(rows, separator):
    # A letter before: else numbers, gaps and words for missing are what they are.
    table = pd.DataFrame([[f'x{cell}x' for cell in row] for row in rows], columns=['a', 'b'])
    text = table.to_csv(index=False, sep=separator)
    back, _ = read(text, separator=separator, skip_rows=0, skip_footer=0)
    pd.testing.assert_frame_equal(back, table)


@pytest.mark.parametrize('separator', [',', ';', '\t'])
def test_numbers_that_pandas_writes_are_read_to_the_digit(separator):
    rng = np.random.default_rng(1)
    table = pd.DataFrame({
        'ward': rng.choice(['north', 'south'], 40),
        'count': rng.integers(-5, 5, 40),
        'x': rng.normal(size=40),
        'gap': np.where(rng.random(40) < 0.3, np.nan, rng.normal(1e6, 1, 40)),
    })
    back, said = read(table.to_csv(index=False, sep=separator))
    pd.testing.assert_frame_equal(back, table, check_exact=True)
    assert len(said) == 1


@pytest.mark.parametrize(
    'words',
    [
        ['1E3', '10E2', '100E1', '2E5', '20E4', '7E1'],  # articles
        ['10e400', '11e401', '12e402'],  # beyond what a float holds
        ['01.15', '02.30', '08.45', '11.05'],  # hours and minutes
        ['01.2019', '12.2021', '07.2020'],  # months and years
    ],
)
def test_codes_that_could_be_numbers_keep_their_text(words):
    table, _ = read('code;n\n' + ''.join(f'{word};{place}\n' for place, word in enumerate(words)))
    assert table['code'].tolist() == words


def test_numbers_with_an_exponent_are_numbers():
    table, _ = read('p;n\n1.5e-07;1\n2.25E+03;2\n0.5;3\n')
    assert table['p'].tolist() == [1.5e-07, 2250.0, 0.5]


@pytest.mark.parametrize(
    ('cells', 'odd'),
    [
        (['1,5', '2.5', '3,75'], '2.5'),
        (['12 kg', '800 g', '3 kg'], '800 g'),
        (['$12.50', '€8.00', '$3.00'], '€8.00'),
        (['<5', '12', '7', '9'], '<5'),
        (['inf', '3', '4'], 'inf'),
    ],
)
def test_what_keeps_a_small_column_from_being_numbers_is_said(cells, odd):
    table, said = read('name;v\n' + ''.join(f'a;{cell}\n' for cell in cells))
    assert table['v'].tolist() == cells
    assert f'"v" holds numbers but for {odd!r}' in ' '.join(said)


def test_a_table_without_names_is_told():
    _, said = read('1,x\n2,y\n3,z\n')
    assert "'1' is a number above numbers" in ' '.join(said)
    _, said = read('age,x\n2,y\n3,z\n')
    assert 'above numbers' not in ' '.join(said)
