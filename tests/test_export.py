"""A fit written to a file without training rows, and rows drawn from that file."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sdv_lines
from sdv.cag import Inequality
from sdv.errors import NotFittedError
from sdv.metadata import Metadata
from sdv.sampling import Condition
from typer.testing import CliRunner

from sdv_llmgan import LLMGANSynthesizer, RangeCondition, load_sampler
from sdv_llmgan.formats.array_files import MOST_BYTES
from sdv_llmgan.samplers.distilled.bins import BinnedGrid
from sdv_llmgan.samplers.distilled.grid import Grid
from sdv_llmgan.table.column import Column
from sdv_llmgan_cli.app import app

pytestmark = pytest.mark.filterwarnings('ignore')

METADATA = Metadata.load_from_dict({
    'tables': {
        'patients': {
            'columns': {
                'number': {'sdtype': 'id', 'regex_format': 'P-[0-9]{6}'},
                'mail': {'sdtype': 'email', 'pii': True},
                'age': {'sdtype': 'numerical'},
                'smoker': {'sdtype': 'boolean'},
                'ward': {'sdtype': 'categorical'},
                'charges': {'sdtype': 'numerical'},
                'weight': {'sdtype': 'numerical'},
                'seen': {'sdtype': 'datetime', 'datetime_format': '%d.%m.%Y'},
            },
            'primary_key': 'number',
        }
    }
})


def patients(num_rows: int = 160) -> pd.DataFrame:
    """Charges of smokers are higher; two patients lie in a ward of their own."""
    rng = np.random.default_rng(7)
    age = rng.integers(19, 80, num_rows)
    smoker = rng.random(num_rows) < 0.3
    ward = rng.choice(['north', 'south', 'west'], num_rows).astype(object)
    ward[:2] = 'isolation 7'
    charges = 211.37 * age + 23_456.78 * smoker + rng.normal(0, 1_500, num_rows)
    days = pd.Timestamp('2021-03-05') + pd.to_timedelta(rng.integers(0, 700, num_rows), 'D')
    return pd.DataFrame({
        'number': [f'P-{900_000 + place}' for place in range(num_rows)],
        'mail': [f'real{place}@clinic.org' for place in range(num_rows)],
        'age': age,
        'smoker': smoker,
        'ward': ward,
        'charges': charges.clip(1_017.33).round(2),
        'weight': np.where(
            rng.random(num_rows) < 0.2, np.nan, rng.normal(71, 9, num_rows).round(3)
        ),
        'seen': days.strftime('%d.%m.%Y'),
    }).assign(weight=lambda rows: rows['weight'].mask(rng.random(num_rows) < 0.2))


def fitted(table: pd.DataFrame, metadata: Metadata = METADATA, **arguments: object):
    arguments = {
        'llm': 'scripted',
        'sampler': 'distilled',
        'knowledge': 'none',
        'optimize': False,
        'max_batches': 1,
        'target': 'smoker',
        **arguments,
    }
    synthesizer = LLMGANSynthesizer(metadata, cache=False, **arguments)
    sdv_lines.fit(synthesizer, table)
    return synthesizer


@pytest.fixture(scope='module')
def table():
    return patients()


@pytest.fixture(scope='module')
def synthesizer(table):
    return fitted(table)


@pytest.fixture(scope='module')
def file(synthesizer, tmp_path_factory):
    path = tmp_path_factory.mktemp('export') / 'sampler.npz'
    told = synthesizer.export(path, num_rows=5_000)
    assert '"ward": 1 rarer value left out' in str(told)
    return path


@pytest.fixture(scope='module')
def loaded(file):
    return load_sampler(file)


def numbers_of(raw: bytes) -> np.ndarray:
    """All that a file can be read as, where every offset may begin a number."""
    found = []
    for dtype in ('<f8', '<f4', '<i8', '<i4'):
        size = np.dtype(dtype).itemsize
        found += [
            np.frombuffer(raw[at : at + (len(raw) - at) // size * size], dtype).astype(float)
            for at in range(size)
            if len(raw) - at >= size
        ]
    return np.concatenate(found)


def test_no_value_of_a_single_row_stands_in_the_file_and_all_do_in_the_pickle(
    synthesizer, table, file, tmp_path
):
    synthesizer.save(str(tmp_path / 'model.pkl'))
    pickled = (tmp_path / 'model.pkl').read_bytes()
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    contents = json.loads(parts['contents.json'])
    text = parts['contents.json'].decode()
    # Numbers as arrays hold them, as any bytes could be read, as JSON tells them, as bins begin.
    held = [numbers_of(raw) for raw in parts.values()]
    for name, raw in parts.items():
        if name.endswith('.npy'):
            held.append(np.load(io.BytesIO(raw), allow_pickle=False).ravel().astype(float))
    for column in contents['sampler']['columns']:
        if bins := column.get('bins'):
            edges = np.array([*bins['low'], *bins['ends']], dtype=float) * bins['step']
            unit = float(f'1e-{bins["decimals"]}') if bins['decimals'] is not None else 1
            held.append(bins['origin'] + edges * unit)
    every = np.sort(np.concatenate(held)[np.isfinite(np.concatenate(held))])
    seen = pd.to_datetime(table['seen'], format='%d.%m.%Y')
    sought = [*table['charges'], *table['weight'].dropna()]
    sought += [float(seen.min().value), float(seen.max().value)]
    sought = [one for one in sought if len(str(one).replace('.', '').rstrip('0')) >= 5]
    assert len(sought) > 200
    for one in sought:
        place = np.searchsorted(every, one - 1e-9 * abs(one))
        assert place == len(every) or every[place] > one + 1e-9 * abs(one), one
        assert f'{one}' not in text
    plain = synthesizer.get_fitted_model().training
    doubles = set(np.frombuffer(pickled[: len(pickled) // 8 * 8], '<f8'))
    for offset in range(1, 8):
        rest = pickled[offset:]
        doubles |= set(np.frombuffer(rest[: len(rest) // 8 * 8], '<f8'))
    assert all(one in doubles for one in plain['charges'])
    for words in ('isolation 7', 'real3@clinic.org', 'P-900003'):
        assert all(words.encode() not in raw for raw in [*parts.values(), file.read_bytes()])
    assert b'isolation 7' in pickled


def test_rows_are_drawn_in_the_table_s_own_form_and_as_the_fit_draws_them(
    synthesizer, table, loaded
):
    rows = sdv_lines.sample(loaded, 2_000)
    assert list(rows) == list(table)
    assert rows.dtypes.equals(sdv_lines.sample(synthesizer, 50).dtypes)
    assert rows['number'].str.fullmatch('P-[0-9]{6}').all()
    assert rows['number'].is_unique
    assert not set(rows['mail']) & set(table['mail'])
    assert set(rows['ward']) == {'north', 'south', 'west'}
    assert pd.to_datetime(rows['seen'], format='%d.%m.%Y').dt.year.isin([2021, 2022, 2023]).all()
    assert abs(rows['weight'].isna().mean() - table['weight'].isna().mean()) < 0.05
    assert (rows['charges'] == rows['charges'].round(2)).all()
    gaps = [
        some.groupby('smoker')['charges'].mean().diff().iloc[-1]
        for some in (table, rows, rows.assign(smoker=rows['smoker'].sample(frac=1).to_numpy()))
    ]
    assert abs(gaps[1] - gaps[0]) < 3_000
    assert abs(gaps[2]) < 3_000 < gaps[0]


def test_the_smallest_and_the_largest_value_are_not_where_drawn_rows_end(table, loaded):
    schema = loaded.get_fitted_model().schema
    for name in ('charges', 'weight'):
        column = schema[name]
        assert column.minimum not in set(table[name])
        assert column.maximum not in set(table[name])
        assert column.examples == column.quartiles == column.levels == column.shares == ()


def test_the_same_seed_gives_the_same_rows_from_every_load(file, loaded):
    first = sdv_lines.sample(load_sampler(file).seeded(3), 40)
    again = sdv_lines.sample(loaded.seeded(3), 40)
    other = sdv_lines.sample(loaded.seeded(4), 40)
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_a_file_of_the_first_version_draws_what_it_drew_on_either_line_of_sdv():
    loaded = load_sampler(Path(__file__).parent / 'files' / 'sampler_1.npz')  # by SDV 1.38
    rows = sdv_lines.sample(loaded.seeded(1), 300)
    assert rows['number'].str.fullmatch('P-[0-9]{6}').all()
    assert rows.drop(columns='number').head(3).to_numpy().tolist() == [
        [23, True, 'north', '05.10.2021'],
        [42, True, 'south', '03.10.2022'],
        [41, True, 'south', '12.08.2021'],
    ]


def test_what_detection_put_into_metadata_of_values_is_not_in_the_file(table, tmp_path):
    table = table.drop(columns=['mail', 'seen'])
    detected = Metadata.detect_from_dataframes({'patients': table})
    synthesizer = fitted(table, detected)
    synthesizer.export(tmp_path / 'sampler.npz', num_rows=5_000)
    with zipfile.ZipFile(tmp_path / 'sampler.npz') as archive:
        contents = json.loads(archive.read('contents.json'))
    told = json.dumps(contents['metadata'])
    for value in (
        'isolation 7',
        table['charges'].max(),
        table['charges'].min(),
        'range',
        'decimal',
    ):
        assert str(value) not in told
    loaded = load_sampler(tmp_path / 'sampler.npz')
    assert len(sdv_lines.sample(loaded, 200)) == 200
    if sdv_lines.SDV_2:  # the search finds what it seeks
        assert 'isolation 7' in json.dumps(detected.to_dict())


def test_keys_that_are_numbers_come_back_as_numbers(tmp_path):
    metadata = Metadata.load_from_dict({
        'tables': {
            't': {
                'columns': {
                    'case': {'sdtype': 'id'},
                    'tag': {'sdtype': 'id', 'regex_format': '[0-9]{8}'},
                    'age': {'sdtype': 'numerical'},
                },
                'primary_key': 'case',
            }
        }
    })
    table = pd.DataFrame({
        'case': np.arange(500, 540),
        'tag': [f'{10_000_000 + place}' for place in range(40)],
        'age': np.tile([30.5, 31.5, 32.5, 33.5], 10),
    })
    synthesizer = fitted(table, metadata, target=None)
    synthesizer.export(tmp_path / 'keys.npz', num_rows=5_000)
    rows = sdv_lines.sample(load_sampler(tmp_path / 'keys.npz'), 30)
    assert rows.dtypes.equals(table.dtypes)
    assert rows['case'].is_unique
    assert rows['tag'].str.fullmatch('[0-9]{8}').all()
    assert set(rows['age']) == {30.5, 31.5, 32.5, 33.5}


def test_a_file_is_the_same_each_time_and_its_owner_s(synthesizer, file, tmp_path):
    synthesizer.export(tmp_path / 'again.npz', num_rows=5_000)
    assert (tmp_path / 'again.npz').read_bytes() == file.read_bytes()
    if os.name == 'posix':
        assert (tmp_path / 'again.npz').stat().st_mode & 0o777 == 0o600


def test_conditions_and_gaps_are_met_from_a_file(loaded, table):
    exact = Condition(num_rows=30, column_values={'ward': 'west', 'smoker': True})
    rows = sdv_lines.sample_from_conditions(loaded, [exact])
    assert len(rows) == 30
    assert (rows['ward'] == 'west').all()
    assert rows['smoker'].all()
    ranged = RangeCondition({'age': (60, 70)}, 20)
    assert sdv_lines.sample_from_conditions(loaded, [ranged])['age'].between(60, 70).all()
    assert sdv_lines.sample(loaded, 50, missing=False)['weight'].notna().all()
    gapped = table.drop(columns=['number', 'mail']).head(20)
    filled = loaded.impute(gapped)
    assert filled['weight'].notna().all()
    rare = Condition(num_rows=1, column_values={'ward': 'isolation 7'})
    with pytest.raises(ValueError, match='isolation 7'):
        sdv_lines.sample_from_conditions(loaded, [rare])


def test_what_comes_from_a_file_says_so_and_cannot_go_on_with_a_fit(loaded, tmp_path):
    info = loaded.get_info()
    assert info['exported'] == {'min_rows': 5, 'num_rows': 5_000}
    assert info['learned_from'] is None
    assert not info['made_without_data']
    assert 'loaded from an exported file' in loaded.history.to_markdown()
    with pytest.raises(NotFittedError, match='holds no rows'):
        loaded.continue_fit()
    loaded.save(str(tmp_path / 'loaded.pkl'))
    assert b'isolation 7' not in (tmp_path / 'loaded.pkl').read_bytes()
    loaded.export(tmp_path / 'twice.npz', num_rows=5_000)
    assert len(sdv_lines.sample(load_sampler(tmp_path / 'twice.npz'), 10)) == 10


def test_a_fit_that_no_file_can_hold_is_refused_before_anything_is_written(
    synthesizer, table, tmp_path
):
    path = tmp_path / 'none.npz'
    with pytest.raises(ValueError, match='min_rows must be a whole number of at least 2'):
        synthesizer.export(path, min_rows=1)
    with pytest.raises(ValueError, match='num_rows must be a whole number of at least 5000'):
        synthesizer.export(path, num_rows=10)
    with pytest.raises(ValueError, match=r'is that of min_rows=150 training rows or more'):
        synthesizer.export(path, min_rows=150, num_rows=5_000)
    columns = ['age', 'charges']
    metadata = Metadata.load_from_dict({
        'tables': {'t': {'columns': {name: {'sdtype': 'numerical'} for name in columns}}}
    })
    arguments = {'metadata': metadata, 'target': None}
    few = table[columns].head(40)
    with pytest.raises(ValueError, match=r"a language model.*sampler='distilled'"):
        fitted(few, **arguments, sampler='llm').export(path)
    bound = LLMGANSynthesizer(metadata, llm='scripted', sampler='distilled', knowledge='none')
    bound.add_constraints([Inequality('age', 'charges')])
    sdv_lines.fit(bound, few)
    with pytest.raises(ValueError, match='The constraints Inequality hold code'):
        bound.export(path)
    assert not path.exists()


def rewritten(file, path, change=None, **arrays):
    """A file with other contents or arrays; ``None`` leaves one out, bytes stand as they are."""
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(path, 'w') as out:
        for name in archive.namelist():
            raw = archive.read(name)
            key = name.removesuffix('.npy')
            if name == 'contents.json' and change is not None:
                contents = json.loads(raw)
                raw = json.dumps(change(contents) or contents).encode()
            elif key in arrays:
                made = arrays[key]
                if callable(made):
                    made = made(np.load(io.BytesIO(raw), allow_pickle=False))
                if isinstance(made, np.ndarray):
                    buffer = io.BytesIO()
                    np.lib.format.write_array(buffer, made, allow_pickle=True)
                    made = buffer.getvalue()
                raw = made
            if raw is not None:
                out.writestr(name, raw)
    return path


def some_forest(file) -> str:
    """Where the last column's trees are."""
    with zipfile.ZipFile(file) as archive:
        places = [n.split('/')[0] for n in archive.namelist() if n.endswith('/left.npy')]
    return max(places, key=int)


class Evil:
    def __reduce__(self):
        return os.mkdir, ('was_run',)


def huge(shape: str) -> bytes:
    """An array that says it has this shape, and no bytes of it."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + '\n'
    return b'\x93NUMPY\x01\x00' + len(header).to_bytes(2, 'little') + header.encode()


def changed(place: int, value: float):
    def change(values: np.ndarray) -> np.ndarray:
        values = values.astype(float if isinstance(value, float) else np.int64)
        values[place] = value
        return values

    return change


@pytest.mark.parametrize(
    ('array', 'made', 'words'),
    [
        ('left', changed(0, 0), 'needs a later node'),  # a circle
        ('right', changed(0, 10**6), 'needs a later node'),
        ('left', changed(0, -7), 'needs a later node'),
        ('feature', changed(0, 999), 'needs numbers from 0'),
        ('threshold', changed(0, float('nan')), 'needs finite numbers'),
        ('codes', changed(0, 65_000), 'needs numbers from 0'),
        ('rows', changed(-1, 0), 'leaves need rows'),
        ('codes', lambda values: values[1:], 'each row needs a value in each tree'),
        ('nodes', lambda values: values[:0], 'as many entries'),
        ('nodes', changed(0, 0), 'needs numbers from 1'),
        ('threshold', None, 'threshold are missing'),
        ('left', lambda _: np.array([Evil()], dtype=object), 'needs numbers or booleans'),
        ('left', huge('(10000000000000,)'), 'needs 80000000000000 bytes'),
        ('left', huge('(-1,)'), 'needs numbers or booleans by row'),
        ('left', b'\x93NUMPY\x01\x00', 'this is no array'),
        ('left', b'', 'this is no array'),
        ('left', pickle.dumps(Evil()), 'this is no array'),
    ],
)
def test_a_damaged_or_hostile_array_is_refused_and_runs_no_code(
    file, tmp_path, monkeypatch, array, made, words
):
    monkeypatch.chdir(tmp_path)
    name = f'{some_forest(file)}/{array}'
    with pytest.raises(ValueError, match=words):
        load_sampler(rewritten(file, tmp_path / 'bad.npz', **{name: made}))
    assert not (tmp_path / 'was_run').exists()


def inside(*keys: object, value: object):
    def change(contents):
        at = contents
        for key in keys[:-1]:
            at = at[key]
        at[keys[-1]] = value

    return change


BINS = ('sampler', 'columns', 0, 'bins')


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (inside('version', value=2), 'is of version 2, and this sdv-llmgan reads versions up to 1'),
        (inside('version', value='new'), 'needs a version'),
        (inside('format', value='other'), 'is no file that export wrote'),
        (lambda contents: [1], 'is no file that export wrote'),
        (inside('more', value=1), 'unknown'),
        (inside('metadata', value={'tables': {}}), 'metadata of one table'),
        (inside('metadata', 'tables', 'patients', 'primary_key', value='zip'), 'zip'),
        (
            inside('metadata', 'tables', 'patients', 'columns', 'x', value={'sdtype': 'numerical'}),
            'has other columns',
        ),
        (
            inside(
                'metadata', 'tables', 'patients', 'columns', 'mail', 'sdtype', value='__class__'
            ),
            'made up',
        ),
        (
            inside('metadata', 'tables', 'patients', 'columns', 'mail', 'sdtype', value='binary'),
            'made up',
        ),
        (
            inside(
                'metadata',
                'tables',
                'patients',
                'columns',
                'number',
                'regex_format',
                value='[A-Z]{99999999}',
            ),
            'too long a text',
        ),
        (
            inside(
                'metadata',
                'tables',
                'patients',
                'columns',
                'number',
                'regex_format',
                value='((a{99}){99}){99}',
            ),
            'too long a text',
        ),
        (inside('sampler', 'order', value=['age']), 'needs each column once'),
        (inside('sampler', 'graph', value=[['age', 'ward'], ['ward', 'age']]), 'cycle'),
        (inside(*BINS, 'low', 0, value=10**9), 'ascending order'),
        (inside(*BINS, 'rows', 0, value=10**15), '1 to 10000000 rows'),
        (inside(*BINS, 'step', value=0), 'needs a step'),
        (inside(*BINS, 'decimals', value=9_999), 'a number from 0 to 400'),
        (inside('sampler', 'target', value='x'), 'there is no column'),
        (inside('sampler', 'columns', 2, 'levels', 'own', value=[999]), 'numbers of values'),
    ],
)
def test_damaged_contents_are_refused_with_a_sentence(file, tmp_path, change, words):
    with pytest.raises(ValueError, match=words):
        load_sampler(rewritten(file, tmp_path / 'bad.npz', change))


def test_a_file_that_is_none_is_refused_and_so_is_one_that_unpacks_to_more_than_is_read(
    file, tmp_path
):
    with pytest.raises(FileNotFoundError, match='There is no file'):
        load_sampler(tmp_path / 'nothing.npz')
    for words in (b'', b'no archive', file.read_bytes()[:5_000]):
        (tmp_path / 'bad.npz').write_bytes(words)
        with pytest.raises(ValueError, match=r'damaged, or no file of this kind'):
            load_sampler(tmp_path / 'bad.npz')
    np.savez(tmp_path / 'other.npz', a=np.zeros(3))
    with pytest.raises(ValueError, match='contents.json are needed'):
        load_sampler(tmp_path / 'other.npz')
    with (
        zipfile.ZipFile(tmp_path / 'bomb.npz', 'w', zipfile.ZIP_DEFLATED) as archive,
        archive.open('contents.json', 'w', force_zip64=True) as part,
    ):
        for _ in range(MOST_BYTES // 2**20 + 1):
            part.write(b' ' * 2**20)
    assert (tmp_path / 'bomb.npz').stat().st_size < 2**20
    with pytest.raises(ValueError, match='bytes in'):
        load_sampler(tmp_path / 'bomb.npz')


def test_the_command_line_exports_and_samples_from_the_file(synthesizer, tmp_path, monkeypatch):
    monkeypatch.setitem(LLMGANSynthesizer.export.__kwdefaults__, 'num_rows', 5_000)
    synthesizer.save(str(tmp_path / 'model.pkl'))
    out, rows = tmp_path / 'sampler.npz', tmp_path / 'rows.csv'

    def run(*arguments: object):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    done = run('export', tmp_path / 'model.pkl', '-o', out)
    assert done.exit_code == 0, done.stderr
    assert 'holds no training row' in done.stderr
    assert 'is there already' in run('export', tmp_path / 'model.pkl', '-o', out).stderr
    asked = ('sample', out, '-n', 25, '-o', rows, '--where', 'ward=north')
    assert run(*asked).exit_code == 0
    assert pd.read_csv(rows)['ward'].eq('north').sum() == 25


@pytest.mark.parametrize(
    ('values', 'column'),
    [
        (
            np.random.default_rng(0).lognormal(10, 1, 900).round(2),
            Column('x', 'number', decimals=2),
        ),
        (np.random.default_rng(0).integers(0, 90, 900).astype(float), Column('x', 'integer')),
        (np.where(np.arange(900) < 700, 0.0, np.arange(900.0)), Column('x', 'integer')),
        (
            pd.Timestamp('2020-01-01').as_unit('ns')
            + pd.to_timedelta(np.random.default_rng(0).integers(0, 10**17, 900), 'ns'),
            Column('x', 'datetime', datetime_format='%Y-%m-%d %H:%M:%S'),
        ),
    ],
)
def test_bins_hold_enough_rows_each_and_what_is_drawn_stays_in_its_bin(values, column):
    values = pd.Series(values)
    bins = BinnedGrid.fit(values, Grid.fit(values, column), 5)
    codes = bins.encode(values)
    assert np.bincount(codes.astype(int), minlength=len(bins.low)).min() >= 5
    assert 20 < len(bins.low) <= 250
    drawn = bins.decode(codes, np.random.default_rng(1))
    assert (bins.encode(drawn) == codes).all()
    spread = (values - values.mean()).abs().mean()
    assert (drawn - values).abs().mean() < 0.1 * spread


def test_a_column_of_fewer_rows_than_a_bin_needs_has_none():
    few = pd.Series([1.0, 2.0, 3.0, np.nan])
    assert BinnedGrid.fit(few, Grid.fit(few, Column('x', 'integer')), 5) is None
    assert BinnedGrid.fit(few, Grid.fit(few, Column('x', 'integer')), 3) is not None
