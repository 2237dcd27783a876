"""One table drawn in many places: the same rows everywhere, keys that are unique, whole folders."""

from __future__ import annotations

import hashlib
import json
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rdt.transformers import RegexGenerator
from rdt.transformers.id import IndexGenerator
from sdv.cag import Inequality
from sdv.metadata import Metadata

from sdv_llmgan import LLMGANSynthesizer
from sdv_llmgan.errors import SamplingError
from sdv_llmgan.scale import engines
from sdv_llmgan.scale.arrow import schema_of, to_arrow
from sdv_llmgan.scale.engines import find_engine
from sdv_llmgan.scale.folder import Folder
from sdv_llmgan.scale.known import Known
from sdv_llmgan.scale.manifest import Manifest
from sdv_llmgan.scale.sampled import read_sample
from tests import sdv_lines
from tests.sdv_lines import fit, sample, taken

COLUMNS = {
    'patient': {'sdtype': 'id', 'regex_format': r'P-\d{4,6}'},
    'email': {'sdtype': 'email', 'pii': True},
    'number': {'sdtype': 'id'},
    'name': {'sdtype': 'name', 'pii': True},
    'age': {'sdtype': 'numerical'},
    'pressure': {'sdtype': 'numerical'},
    'ward': {'sdtype': 'categorical'},
    'smokes': {'sdtype': 'boolean'},
    'seen': {'sdtype': 'datetime', 'datetime_format': '%Y-%m-%d'},
    'left': {'sdtype': 'datetime', 'datetime_format': '%Y-%m-%d'},
}
KEYS = ['patient', 'email', 'number']


def patients(num_rows: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    seen = pd.Timestamp('2024-01-01') + pd.to_timedelta(rng.integers(0, 300, num_rows), 'D')
    stay = pd.to_timedelta(rng.integers(1, 9, num_rows), 'D')
    return pd.DataFrame({
        'patient': [f'P-{number:04d}' for number in range(num_rows)],
        'email': [f'p{number}@example.org' for number in range(num_rows)],
        'number': np.arange(num_rows) + 1_000,
        'name': [None, *['Ann Bo'] * (num_rows - 1)],
        'age': rng.integers(20, 80, num_rows),
        'pressure': np.where(rng.random(num_rows) < 0.2, np.nan, rng.integers(90, 160, num_rows)),
        'ward': rng.choice(list('ABC'), num_rows),
        'smokes': rng.random(num_rows) < 0.5,
        'seen': seen.strftime('%Y-%m-%d'),
        'left': (seen + stay).strftime('%Y-%m-%d'),
    })


def synthesizer_of(table: pd.DataFrame, columns: dict = COLUMNS, **options) -> LLMGANSynthesizer:
    keys = {'primary_key': 'patient', 'alternate_keys': KEYS[1:]} if 'email' in columns else {}
    metadata = Metadata.load_from_dict({'tables': {'patients': {'columns': columns, **keys}}})
    given = {'llm': 'scripted', 'sampler': 'distilled', 'max_batches': 1, 'cache': False, **options}
    made = LLMGANSynthesizer(metadata, **given)
    if 'left' in columns:
        made.add_constraints([Inequality('seen', 'left', strict_boundaries=True)])
    fit(made, table)
    return made


@pytest.fixture(scope='module')
def fitted() -> LLMGANSynthesizer:
    return synthesizer_of(patients())


def bytes_of(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_a_partition_is_the_same_whatever_was_drawn_before(fitted):
    first = fitted.draw(2, 8, seed=5)
    fitted.draw(0, 8, seed=5)
    sample(fitted, 5)
    assert fitted.draw(2, 8, seed=5).equals(first)
    assert not fitted.draw(3, 8, seed=5).equals(first)
    assert not fitted.draw(2, 8, seed=6)['age'].equals(first['age'])


def test_drawing_a_partition_leaves_what_sample_draws_alone(fitted):
    fitted.reset_sampling()
    plain = sample(fitted, 6)
    fitted.reset_sampling()
    fitted.draw(1, 6)
    assert sample(fitted, 6).equals(plain)


def test_rows_of_a_partition_are_as_sample_returns_them(fitted):
    rows, sampled = fitted.draw(0, 9), sample(fitted, 9)
    assert list(rows) == list(sampled)
    assert rows.dtypes.equals(sampled.dtypes)
    assert (rows['left'] > rows['seen']).all()
    assert rows['name'].isna().sum() == 0  # one of 60 is missing, so none of 9
    assert list(rows.index) == list(range(9))


def test_keys_are_unique_over_partitions_and_made_up_names_are_not_the_same_again(fitted):
    parts = [fitted.draw(number, 12, seed=1) for number in range(4)]
    table = pd.concat(parts)
    assert all(table[key].is_unique for key in KEYS)
    assert table['patient'].str.fullmatch(r'P-\d{4,6}').all()
    assert table['number'].dtype == patients()['number'].dtype
    assert not parts[0]['name'].equals(parts[1]['name'])
    assert not parts[0]['age'].equals(parts[1]['age'])


def test_keys_go_on_where_the_parts_before_ended(fitted):
    short = fitted.draw(3, 10, seed=1, first_row=900)
    assert sorted(short['patient']) == [f'P-0{number}' for number in range(900, 910)]


def test_rows_of_two_partitions_repeat_each_other_no_more_than_those_of_one():
    table = patients(40)[['ward', 'smokes', 'age']]
    table['age'] = table['age'] // 20
    columns = {name: COLUMNS[name] for name in table}
    fitted = synthesizer_of(table, columns)
    names = list(table)
    whole = fitted.draw(0, 8_000, seed=1).value_counts(names, normalize=True)
    halves = [fitted.draw(part, 4_000, seed=2).value_counts(names) for part in (0, 1)]
    # As many rows of each kind as in one draw, and not the same ones twice.
    together = (halves[0].add(halves[1], fill_value=0) / 8_000).reindex(whole.index).fillna(0)
    assert (together - whole).abs().max() < 5 * np.sqrt(0.25 * 2 / 8_000)
    assert not halves[0].equals(halves[1])


def test_a_seed_makes_sample_repeatable(fitted):
    first = sample(fitted, 5, seed=3)
    sample(fitted, 4)
    assert sample(fitted, 5, seed=3).equals(first)
    assert not sample(fitted, 5, seed=4).equals(first)
    assert taken(fitted.sample(num_rows=5, seed=3)).equals(first)


@pytest.mark.parametrize(
    ('asked', 'said'),
    [
        ((-1, 5, 0), 'partition must be a whole number of at least 0, got -1'),
        ((0, 0, 0), 'num_rows must be a whole number of at least 1, got 0'),
        ((0, 5, -2), 'seed must be a whole number of at least 0, got -2'),
    ],
)
def test_numbers_out_of_range_are_refused(fitted, asked, said):
    with pytest.raises(ValueError, match=said):
        fitted.draw(*asked)


def test_a_format_with_too_few_keys_is_refused_before_the_first_row(tmp_path):
    table = patients(20)[['patient', 'email', 'number', 'age']]
    table['patient'] = [f'{number:02d}' for number in range(20)]
    columns = {name: COLUMNS[name] for name in table}
    columns['patient'] = {'sdtype': 'id', 'regex_format': r'\d{2}'}
    fitted = synthesizer_of(table, columns)
    assert fitted.draw(1, 50)['patient'].is_unique
    said = r"101 rows need as many different values of 'patient'; its format has 100"
    with pytest.raises(SamplingError, match=said):
        fitted.sample_to(tmp_path / 'rows', 101)
    assert not (tmp_path / 'rows').exists()
    with pytest.raises(SamplingError, match="'patient'; its format has 100"):
        fitted.draw(2, 50)


def test_known_columns_stand_in_the_rows_and_the_rest_is_drawn(fitted):
    known = pd.DataFrame({'age': [33, 44, 55], 'ward': ['A', 'B', 'C']}, index=[9, 8, 7])
    rows = fitted.draw(1, 3, known=known)
    assert rows[['age', 'ward']].to_numpy().tolist() == known.to_numpy().tolist()
    assert rows.equals(fitted.draw(1, 3, known=known))


def test_a_folder_holds_the_parts_and_says_what_they_are(fitted, tmp_path):
    manifest = fitted.sample_to(tmp_path / 'rows', 25, seed=1, rows_per_file=10, workers=1)
    assert manifest.finished
    assert manifest.types['age'] == 'int64'
    assert manifest.types['pressure'] == 'int64'
    assert manifest.types['seen'] == 'string'
    names = ['_manifest.json', *(f'part-{number:06d}.parquet' for number in range(3))]
    assert sorted(os.listdir(tmp_path / 'rows')) == names
    told = json.loads((tmp_path / 'rows' / '_manifest.json').read_text())
    assert (told['num_rows'], told['seed'], told['finished']) == (25, 1, True)
    rows = pd.read_parquet(tmp_path / 'rows')
    assert len(rows) == 25
    assert all(rows[key].is_unique for key in KEYS)
    drawn = pd.concat(
        [
            fitted.draw(part, count, 1, first_row=10 * part)
            for part, count in ((0, 10), (1, 10), (2, 5))
        ],
        ignore_index=True,
    )
    assert rows['age'].tolist() == drawn['age'].tolist()
    assert rows['email'].tolist() == drawn['email'].tolist()


@pytest.mark.skipif(find_spec('distributed') is None, reason='Dask is not installed')
def test_engines_and_workers_write_the_same_bytes(fitted, tmp_path):
    kinds = [('processes', 1), ('processes', 2), ('dask', 2)]
    for engine, workers in kinds:
        folder = tmp_path / f'{engine}{workers}'
        fitted.sample_to(folder, 25, 1, 6, engine, workers=workers)
    one, *others = [bytes_of(tmp_path / f'{engine}{workers}') for engine, workers in kinds]
    assert len(one) == 6
    assert others == [one, one]


@pytest.mark.skipif(find_spec('distributed') is None, reason='Dask is not installed')
def test_a_scheduler_is_found_by_its_address(fitted, tmp_path):
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster:
        fitted.sample_to(tmp_path, 5, engine='dask', scheduler=cluster.scheduler_address)
    assert len(pd.read_parquet(tmp_path)) == 5


@pytest.mark.skipif(find_spec('distributed') is None, reason='Dask is not installed')
def test_a_scheduler_without_workers_is_an_error(fitted, tmp_path, monkeypatch):
    from distributed import LocalCluster

    monkeypatch.setattr(engines, 'PATIENCE', 0.1)
    with (
        LocalCluster(n_workers=0, dashboard_address=None) as cluster,
        pytest.raises(SamplingError, match='has no worker after 0.1 seconds'),
    ):
        fitted.sample_to(tmp_path, 50, engine='dask', scheduler=cluster.scheduler_address)


def test_what_is_written_is_not_drawn_again_and_what_is_missing_is(fitted, tmp_path):
    fitted.sample_to(tmp_path, 25, 1, 10, workers=1)
    whole = bytes_of(tmp_path)
    (tmp_path / 'part-000001.parquet').unlink()
    (tmp_path / '_part-000001.parquet.5f.unfinished').write_bytes(b'half')
    kept = (tmp_path / 'part-000000.parquet').stat().st_mtime_ns
    fitted.sample_to(tmp_path, 25, 1, 10, workers=1)
    assert bytes_of(tmp_path) == whole
    assert (tmp_path / 'part-000000.parquet').stat().st_mtime_ns == kept


@pytest.mark.parametrize(
    ('asked', 'said'),
    [
        ({'seed': 2}, 'seed 2 / 1'),
        ({'num_rows': 9}, 'num_rows 9 / 10'),
        ({'rows_per_file': 4}, 'rows_per_file 4 / 5'),
    ],
)
def test_a_folder_of_other_rows_is_refused(fitted, tmp_path, asked, said):
    fitted.sample_to(tmp_path, 10, seed=1, rows_per_file=5, workers=1)
    before = bytes_of(tmp_path)
    with pytest.raises(ValueError, match=f'asked for otherwise.*{said}'):
        fitted.sample_to(tmp_path, **{'num_rows': 10, 'seed': 1, 'rows_per_file': 5, **asked})
    assert bytes_of(tmp_path) == before


def test_a_place_that_is_no_folder_of_rows_is_refused(fitted, tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(ValueError, match='file is a file: name a folder'):
        fitted.sample_to(tmp_path / 'file', 5, workers=1)
    (tmp_path / '_manifest.json').write_text('{')
    (tmp_path / 'part-000000.parquet').write_bytes(b'')
    with pytest.raises(ValueError, match='not a manifest that sample_to wrote'):
        fitted.sample_to(tmp_path, 5, workers=1)
    with pytest.raises(ValueError, match='5 rows are asked for, and 2 are known'):
        fitted.draw(0, 5, known=pd.DataFrame({'age': [30, 40]}))


def test_a_folder_of_another_fit_or_origin_is_refused(fitted, tmp_path):
    fitted.sample_to(tmp_path / 'rows', 5, workers=1)
    other = synthesizer_of(patients(50))
    said = r'asked for otherwise \(now / there\): fit [0-9a-f]{8} / [0-9a-f]{8}; num_rows 6 / 5\. '
    with pytest.raises(ValueError, match=said):
        other.sample_to(tmp_path / 'rows', 6, workers=1)
    (tmp_path / 'theirs').mkdir()
    (tmp_path / 'theirs' / 'a.parquet').write_bytes(b'')
    with pytest.raises(ValueError, match='holds Parquet files already'):
        fitted.sample_to(tmp_path / 'theirs', 50)


def test_manifests_differ_in_few_words():
    one = Manifest('a' * 64, 0, 25, 10, None, {'x': 'int64', 'y': 'bool'}, {'sdv': '1', 'rdt': '3'})
    two = Manifest('a' * 64, 0, 25, 10, 'b' * 64, {'x': 'double', 'y': 'bool'}, {'sdv': '2'}, True)
    assert one.differences(two) == [
        'known columns none / bbbbbbbb',
        'type of x int64 / double',
        'version of sdv 1 / 2',
        'version of rdt 3 / none',
    ]


def test_the_same_fit_again_is_the_same_fit(fitted, tmp_path):
    fitted.sample_to(tmp_path, 5, workers=1)
    assert synthesizer_of(patients()).sample_to(tmp_path, 5, workers=1).finished


def test_a_file_of_known_columns_is_completed_part_by_part(fitted, tmp_path):
    rng = np.random.default_rng(1)
    known = pd.DataFrame({'age': rng.integers(20, 80, 26), 'ward': rng.choice(list('ABC'), 26)})
    pq.write_table(pa.Table.from_pandas(known), tmp_path / 'known.parquet', row_group_size=7)
    fitted.sample_to(tmp_path / 'a', known=tmp_path / 'known.parquet', rows_per_file=10, workers=1)
    fitted.sample_to(tmp_path / 'b', known=known, rows_per_file=10, workers=1)
    rows = pd.read_parquet(tmp_path / 'a')
    assert rows[['age', 'ward']].equals(known)
    assert rows.equals(pd.read_parquet(tmp_path / 'b'))
    assert all(rows[key].is_unique for key in KEYS)
    with pytest.raises(ValueError, match='27 rows are asked for, and 26 are known'):
        fitted.sample_to(tmp_path / 'c', 27, known=known)
    with pytest.raises(ValueError, match='asked for otherwise.*known'):
        fitted.sample_to(tmp_path / 'a', known=known[::-1], rows_per_file=10, workers=1)


@pytest.mark.parametrize('row_group', [1, 7, 50])
def test_parts_of_a_file_have_the_rows_asked_for_whatever_its_row_groups(tmp_path, row_group):
    table = pd.DataFrame({'x': range(50)})
    pq.write_table(pa.Table.from_pandas(table), tmp_path / 'x.parquet', row_group_size=row_group)
    parts = [*Known.of(tmp_path / 'x.parquet').parts(15)]
    assert [len(part) for part in parts] == [15, 15, 15, 5]
    assert pd.concat(parts)['x'].tolist() == [*range(50)]


def test_known_columns_that_are_no_file_or_no_rows_are_refused(fitted, tmp_path):
    with pytest.raises(FileNotFoundError, match='There is no file'):
        fitted.sample_to(tmp_path / 'rows', known=tmp_path / 'gone.parquet')
    (tmp_path / 'text.parquet').write_text('no')
    with pytest.raises(ValueError, match='is not a Parquet file'):
        fitted.sample_to(tmp_path / 'rows', known=tmp_path / 'text.parquet')
    with pytest.raises(ValueError, match='have no rows'):
        fitted.sample_to(tmp_path / 'rows', known=pd.DataFrame({'age': []}))


def test_a_folder_in_which_files_are_missing_is_not_called_finished(tmp_path):
    manifest = Manifest('f', 0, 25, 10, None, {}, {})
    there = Folder(tmp_path)
    there.begin(manifest)
    for number in (0, 2):
        there.write(number, pa.table({'x': [1]}))
    with pytest.raises(SamplingError, match=r'1 of 3 files are not in .*part-000001.parquet'):
        there.finish(manifest)
    assert not Manifest.read(tmp_path / '_manifest.json').finished
    there.write(1, pa.table({'x': [1]}))
    assert there.finish(manifest).finished


def test_a_part_whose_rows_cannot_all_be_had_is_not_written(fitted, tmp_path, monkeypatch):
    few = fitted.draw(0, 10)
    monkeypatch.setattr(LLMGANSynthesizer, '_draw_part', lambda self, seed, part: few)
    with pytest.raises(SamplingError, match='Part 0: 20 rows were wanted, 10 could be had'):
        fitted.sample_to(tmp_path, 20, workers=1)
    assert os.listdir(tmp_path) == ['_manifest.json']


def test_rows_of_a_model_are_asked_for_here_under_the_budget_and_once(tmp_path):
    table = patients()[['age', 'ward', 'smokes']]
    fitted = synthesizer_of(table, {name: COLUMNS[name] for name in table}, sampler='llm')
    before = fitted.get_usage()['calls'].sum()
    fitted.sample_to(tmp_path, 60, rows_per_file=20)
    asked = fitted.get_usage()['calls'].sum()
    assert asked > before
    fitted.sample_to(tmp_path, 60, rows_per_file=20)
    assert fitted.get_usage()['calls'].sum() == asked
    with pytest.raises(ValueError, match="engine='dask' is for samplers that ask none"):
        fitted.sample_to(tmp_path / 'other', 60, engine='dask')


@pytest.mark.parametrize(
    ('asked', 'said'),
    [
        (('spark',), "engine must be one of processes, dask, got 'spark'"),
        (('processes', 0), 'workers must be at least 1, got 0'),
        (('processes', None, 'tcp://here:1'), "tcp://here:1 needs engine='dask'"),
    ],
)
def test_an_engine_that_is_not_there_is_refused(asked, said):
    with pytest.raises(ValueError, match=said):
        find_engine(*asked)


def test_types_are_those_of_the_table_in_every_part():
    table = pd.DataFrame({
        'n': [1.0, np.nan],
        'small': np.array([1, 2], 'int8'),
        'mixed': [1, 'a'],
        'none': [None, None],
        'kind': pd.Categorical(['a', 'b']),
        'on': pd.to_datetime(['2024'] * 2),
    })
    schema = schema_of(table, ['n'])
    assert [str(field.type) for field in schema] == [
        'int64',
        'int8',
        'string',
        'string',
        'dictionary<values=string, indices=int32, ordered=0>',
        'timestamp[ns]',
    ]
    gone = table.assign(n=np.nan, mixed=pd.Series([2, None], dtype=object))
    assert to_arrow(gone, schema).to_pydict()['mixed'] == ['2', None]
    with pytest.raises(ValueError, match=r"'n' was to be of type int64"):
        to_arrow(table.assign(n=[0.5, 1]), schema)


@pytest.mark.parametrize('row_group', [1, 7, 100])
def test_a_sample_of_files_has_each_row_once_and_as_likely(tmp_path, row_group):
    for number in range(2):
        part = pa.table({'x': np.arange(100 * number, 100 * number + 100)})
        pq.write_table(part, tmp_path / f'{number}.parquet', row_group_size=row_group)
    whole, total = read_sample(tmp_path, 200)
    assert (whole['x'].tolist(), total) == ([*range(200)], 200)
    some, total = read_sample(tmp_path, 30, seed=1)
    assert (len(some), total) == (30, 200)
    assert some['x'].is_monotonic_increasing
    counts = sum(
        np.isin(np.arange(200), read_sample(tmp_path, 30, seed)[0]['x']) for seed in range(40)
    )
    halves = counts.reshape(2, 100).sum(1)
    assert abs(halves[0] - halves[1]) < 5 * np.sqrt(40 * 30)


def of_keys(values: list, column: dict, transformer=None, key: bool = True) -> LLMGANSynthesizer:
    table = pd.DataFrame({'k': values, 'age': np.arange(len(values)) % 50 + 20})
    declared = {'columns': {'k': column, 'age': {'sdtype': 'numerical'}}}
    metadata = Metadata.load_from_dict({
        'tables': {'t': declared | ({'primary_key': 'k'} if key else {})}
    })
    made = LLMGANSynthesizer(
        metadata, llm='scripted', sampler='distilled', max_batches=1, cache=False
    )
    if transformer is not None:
        made.auto_assign_transformers(sdv_lines.given(metadata, table))
        made.update_transformers({'k': transformer})
    fit(made, table)
    return made


@pytest.mark.parametrize(
    ('values', 'column', 'transformer'),
    [
        ([f'+49 30 {n:06d}' for n in range(30)], {'sdtype': 'phone_number', 'pii': True}, None),
        ([f'{n:03d}-11-{n:04d}' for n in range(30)], {'sdtype': 'ssn', 'pii': True}, None),
        ([*range(1, 31)], {'sdtype': 'id', 'regex_format': r'[1-9]\d{0,5}'}, None),
        ([*range(30)], {'sdtype': 'id'}, None),
        ([f'x{n}' for n in range(30)], {'sdtype': 'id'}, IndexGenerator('ID-', 5)),
    ],
)
def test_keys_of_any_kind_are_unique_over_parts(values, column, transformer):
    made = of_keys(values, column, transformer)
    keys = pd.concat([made.draw(part, 8)['k'] for part in range(4)])
    assert keys.is_unique
    assert keys.dtype == pd.Series(values).dtype


def test_values_that_may_repeat_do_so_within_their_rule():
    doctors = [f'd{n % 6}' for n in range(30)]
    column, key = {'sdtype': 'id', 'regex_format': 'd[0-9]'}, False
    plain = of_keys(doctors, column, key=key)
    assert pd.concat([plain.draw(part, 8)['k'] for part in range(2)]).nunique() == 10
    scaled = of_keys(doctors, column, RegexGenerator('d[0-9]{3}', cardinality_rule='scale'), key)
    parts = [scaled.draw(part, 10)['k'] for part in range(3)]
    assert [part.nunique() for part in parts] == [2, 2, 2]  # each doctor has five patients
    assert pd.concat(parts).nunique() == 6
    matched = of_keys(doctors, column, RegexGenerator('d[0-9]{3}', cardinality_rule='match'), key)
    assert pd.concat([matched.draw(part, 8)['k'] for part in range(3)]).nunique() <= 8


def test_a_table_of_keys_is_drawn_in_parts_too(tmp_path):
    table = pd.DataFrame({'k': [f'x{n}' for n in range(20)]})
    declared = {'columns': {'k': {'sdtype': 'id'}}, 'primary_key': 'k'}
    metadata = Metadata.load_from_dict({'tables': {'t': declared}})
    made = LLMGANSynthesizer(metadata, llm='scripted')
    fit(made, table)
    assert pd.concat([made.draw(part, 8)['k'] for part in range(2)]).is_unique
    manifest = made.sample_to(tmp_path, 10, rows_per_file=4, workers=1)
    assert (manifest.finished, manifest.types) == (True, {'k': 'string'})
    assert pd.read_parquet(tmp_path)['k'].tolist() == made.draw(0, 10)['k'].tolist()
    assert made.sample_to(tmp_path, 10, rows_per_file=4, workers=1).finished
    with pytest.raises(ValueError, match='known ones decide nothing'):
        made.sample_to(tmp_path / 'other', known=table)


def test_a_damaged_file_is_drawn_again(fitted, tmp_path):
    fitted.sample_to(tmp_path, 10, 1, 5, workers=1)
    whole = bytes_of(tmp_path)
    with (tmp_path / 'part-000001.parquet').open('r+b') as file:
        file.truncate(100)
    (tmp_path / 'part-000000.parquet').write_bytes(b'')
    fitted.sample_to(tmp_path, 10, 1, 5, workers=1)
    assert bytes_of(tmp_path) == whole


def test_a_folder_without_files_is_anybodys(fitted, tmp_path):
    there = Folder(tmp_path)
    there.begin(Manifest('f', 0, 25, 10, None, {}, {}))
    assert fitted.sample_to(tmp_path, 5, workers=1).finished


def test_made_up_keys_of_a_categorical_dtype_are_there_and_names_may_be_numbers(tmp_path):
    keys = pd.Categorical([f'X-{n:03d}' for n in range(30)])
    table = pd.DataFrame({'k': keys, 5: np.arange(30) + 20})
    columns = {'k': {'sdtype': 'id', 'regex_format': 'X-[0-9]{3}'}, 5: {'sdtype': 'numerical'}}
    declared = {'columns': columns, 'primary_key': 'k'}
    metadata = Metadata.load_from_dict({'tables': {'t': declared}})
    made = LLMGANSynthesizer(
        metadata, llm='scripted', sampler='distilled', max_batches=1, cache=False
    )
    fit(made, table)
    assert sample(made, 5)['k'].str.fullmatch('X-[0-9]{3}').all()
    made.sample_to(tmp_path, 6, rows_per_file=3, workers=1)
    rows = pd.read_parquet(tmp_path)
    assert rows['k'].nunique() == 6
    assert list(rows) == ['k', '5']


def test_a_key_that_floats_cannot_tell_apart_is_refused():
    column = {'sdtype': 'id', 'regex_format': '[1-9][0-9]{9}'}
    made = of_keys(list(np.arange(30) + 10**9), column)
    assert made.draw(0, 5)['k'].is_unique
    narrow = of_keys(pd.Series(1e9 + 128.0 * np.arange(30), dtype='float32'), column)
    with pytest.raises(ValueError, match='a key of 10 digits stored as float32'):
        narrow.draw(0, 5)
