"""A folder of results is of one source: what is asked for has to be what was measured."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sdv_llmgan.benchmark.cli import main
from sdv_llmgan.benchmark.runner import COLUMNS, append, read_results, run
from sdv_llmgan.benchmark.scores import METRICS
from sdv_llmgan.benchmark.synthesizers import Entry, parse_entry
from sdv_llmgan.benchmark.tables import BenchmarkTable, TrainingTable, metadata_by_dtypes

# What SDMetrics and its libraries warn of is not this package's.
pytestmark = pytest.mark.filterwarnings('ignore')


def fruit(num_rows: int = 40, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({
        'kind': rng.choice(['apple', 'pear'], num_rows),
        'price': rng.integers(1, 50, num_rows),
        'size': rng.choice(['small', 'large'], num_rows),
    })


def table(target: str | None = None) -> BenchmarkTable:
    rows = fruit()
    metadata = metadata_by_dtypes(rows[:30])
    return BenchmarkTable(TrainingTable('fruit', rows[:30], metadata, target), rows[30:])


@pytest.fixture
def files(tmp_path):
    """Training rows, test rows and metadata of a user, who has measured them already."""
    written = fruit()
    written[:30].to_csv(tmp_path / 'fruit.csv', index=False)
    written[30:].to_csv(tmp_path / 'test.csv', index=False)
    columns = metadata_by_dtypes(written)
    described = {'tables': {'fruit': columns}, 'relationships': []}
    (tmp_path / 'metadata.json').write_text(json.dumps(described | {'METADATA_SPEC_VERSION': 'V1'}))
    measure(tmp_path)
    return tmp_path


def measure(folder: Path, target: str = 'kind', *more: str) -> None:
    arguments = [str(folder / 'fruit.csv'), '--test', str(folder / 'test.csv'), '--target', target]
    arguments += ['--metadata', str(folder / 'metadata.json'), '--synthesizers', 'real']
    main([*arguments, '--seeds', '1', '--metrics', 'mle', '--out', str(folder / 'out'), *more])


def other_rows(path: Path) -> None:
    fruit(30, seed=1).to_csv(path, index=False)


def other_metadata(path: Path) -> None:
    path.write_text(path.read_text().replace('numerical', 'categorical'))


@pytest.mark.parametrize(
    ('changed', 'change', 'words'),
    [
        ('fruit.csv', other_rows, 'training rows'),
        ('test.csv', other_rows, 'test rows'),
        ('metadata.json', other_metadata, 'metadata'),
    ],
)
def test_results_of_other_files_are_refused(files, capsys, changed, change, words):
    before = (files / 'out' / 'results.csv').read_text()
    change(files / changed)
    with pytest.raises(SystemExit) as stopped:
        measure(files, 'kind', '--seeds', '2')
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert f'({words}: ' in said
    assert 'Name another folder with --out' in said
    assert (files / 'out' / 'results.csv').read_text() == before


def test_results_of_another_target_or_context_are_refused(files, capsys):
    with pytest.raises(SystemExit):
        measure(files, 'size', '--context', 'Fruit.')
    said = capsys.readouterr().err
    assert 'fruit, 30 rows' in said
    assert "(target: 'kind', now 'size'; context: '', now 'Fruit.')" in said
    measure(files)


def test_another_number_of_rows_or_an_unmeasured_table_is_no_contradiction(files):
    (files / 'out' / 'results.csv').unlink()
    measure(files, 'size')
    fruit(20, seed=1).to_csv(files / 'fruit.csv', index=False)
    measure(files, 'size')
    assert read_results(files / 'out' / 'results.csv')['rows'].tolist() == [30, 20]


def test_results_without_a_note_of_their_source_are_those_of_what_is_asked_first(files):
    note = files / 'out' / 'tables.json'
    noted, before = note.read_text(), (files / 'out' / 'results.csv').read_text()
    note.unlink()
    measure(files)
    assert note.read_text() == noted
    assert (files / 'out' / 'results.csv').read_text() == before
    with pytest.raises(SystemExit):
        measure(files, 'size')


def test_a_line_that_lacks_a_metric_is_measured_again_with_those_it_has(tmp_path):
    path, entries = tmp_path / 'results.csv', [parse_entry('real')]
    first = run([table('kind')], entries, [0], ['mle'], path)
    assert first['c2st'].isna().all()
    second = run([table('kind')], entries, [0], ['c2st', 'copied_rows'], path)
    assert second[['mle', 'c2st', 'copied_rows']].notna().all(axis=None)
    assert second['mle'].tolist() == first['mle'].tolist()
    third = run([table('kind')], entries, [0], ['mle', 'c2st'], path)
    assert len(path.read_text().splitlines()) == 3
    pd.testing.assert_frame_equal(third, second)


def test_a_line_keeps_its_figures_where_measuring_it_again_fails(tmp_path):
    path, entries = tmp_path / 'results.csv', [parse_entry('real')]
    good = run([table()], entries, [0], ['copied_rows'], path)
    broken = [Entry('real', lambda: 1 / 0)]
    results = run([table()], broken, [0], ['beta_recall'], path)
    assert results['error'].tolist() == ['ZeroDivisionError: division by zero']
    figures = ['sampled', 'copied_rows', 'fit_seconds', 'sample_seconds']
    pd.testing.assert_frame_equal(results[figures], good[figures])
    mended = run([table()], entries, [0], ['beta_recall'], path)
    assert mended['error'].isna().all()
    assert mended[['copied_rows', 'beta_recall']].notna().all(axis=None)


def test_metrics_without_a_figure_are_not_measured_again(tmp_path, monkeypatch):
    path, entries = tmp_path / 'results.csv', [parse_entry('real')]
    monkeypatch.setitem(METRICS, 'c2st', lambda *_: {'c2st': float('nan')})
    for _ in range(2):
        # No target: machine-learning efficacy does not apply.
        results = run([table()], entries, [0], ['mle', 'c2st', 'copied_rows'], path)
    assert len(path.read_text().splitlines()) == 2
    assert results[['mle', 'c2st']].isna().all(axis=None)


RESULTS = Path(__file__).parent.parent / 'experiments' / 'results'


@pytest.mark.parametrize('protocol', ['mallm-gan', 'synthia'])
def test_nothing_of_the_results_in_this_repository_is_measured_again(
    protocol, tmp_path, monkeypatch
):
    from sdv_llmgan.benchmark.protocols import PROTOCOLS

    monkeypatch.setattr('sdv_llmgan.benchmark.runner._making', lambda *_: pytest.fail('measured'))
    path = tmp_path / 'results.csv'
    with (RESULTS / protocol / 'results.csv').open(newline='') as file:
        for line in csv.DictReader(file):
            append(path, {name: line[name] for name in COLUMNS})
    written = path.read_text()
    for line in read_results(path).drop_duplicates(['table', 'rows']).itertuples():
        rows = pd.DataFrame({'a': range(line.rows), 'b': 0})
        stand_in = BenchmarkTable(TrainingTable(line.table, rows, {'columns': {}}, 'b'), rows)
        entries, seeds = [parse_entry('real')], [0]
        run([stand_in], entries, seeds, PROTOCOLS[protocol].metrics, path)
    assert path.read_text() == written
