from __future__ import annotations

import io
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from sdv.metadata import Metadata
from sdv.single_table import GaussianCopulaSynthesizer
from sdv.utils import load_synthesizer
from tables import visits, visits_metadata
from typer.testing import CliRunner, Result

from sdv_llmgan import LLMGANSynthesizer
from sdv_llmgan.calls.budget import Budget
from sdv_llmgan.egress.policy import EgressPolicy
from sdv_llmgan.loop.history import History
from sdv_llmgan.registry import samplers
from sdv_llmgan.table.column import MetadataDetail
from sdv_llmgan.table.schema import Column, TableSchema
from sdv_llmgan_cli import work
from sdv_llmgan_cli.app import app
from sdv_llmgan_cli.metadata import columns_of, read_metadata
from sdv_llmgan_cli.options import FitOptions
from sdv_llmgan_cli.tables import load_table, records, save_table
from sdv_llmgan_cli.wishes import parse_wishes

# What SDV, SDMetrics and their libraries warn of is not this package's.
pytestmark = pytest.mark.filterwarnings('ignore')
ROOT = Path(__file__).parent.parent
QUICK = ('--llm', 'scripted', '--max-batches', '1', '--sampler', 'llm', '--causal-graph', 'none')


@pytest.fixture(autouse=True)
def warnings_as_they_were():
    """Commands show warnings their own way; the tests after them do not."""
    shown = warnings.showwarning
    yield
    warnings.showwarning = shown


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def error_of(result: Result, code: int = 1) -> str:
    """The one line that an error ends with."""
    assert result.exit_code == code
    assert isinstance(result.exception, SystemExit), result.exception
    line = result.stderr.splitlines()[-1]
    assert line.startswith('Error: ')
    assert 'Traceback' not in result.stderr
    return line


@pytest.fixture(scope='module')
def desk(tmp_path_factory) -> Path:
    """A folder with a table, its metadata, and a model fitted from the command line."""
    folder = tmp_path_factory.mktemp('desk')
    visits(40).to_csv(folder / 'data.csv', index=False)
    metadata = visits_metadata().to_dict()
    (folder / 'metadata.json').write_text(json.dumps(metadata), encoding='utf-8')
    fitted = run(
        *('fit', folder / 'data.csv', '-o', folder / 'model.pkl'),
        *('--metadata', folder / 'metadata.json', *QUICK),
    )
    assert fitted.exit_code == 0, fitted.output
    return folder


def test_whole_numbers_are_floats_where_those_of_the_other_table_are(tmp_path):
    (tmp_path / 'real.csv').write_text('age,stage\n38.0,1\n51.0,2\n')
    (tmp_path / 'drawn.csv').write_text('age,stage\n40,1\n41,2\n')
    real = load_table(tmp_path / 'real.csv')
    assert load_table(tmp_path / 'drawn.csv', like=real).dtypes.equals(real.dtypes)


def test_the_way_from_a_csv_to_a_report(tmp_path):
    data = tmp_path / 'visits.csv'
    visits(50).to_csv(data, index=False)
    model, rows, page = (tmp_path / name for name in ('m.pkl', 'out.csv', 'report.html'))
    train, holdout = tmp_path / 'visits-train.csv', tmp_path / 'visits-holdout.csv'

    for arguments in (
        ('split', data),
        ('fit', train, '-o', model, '--context', 'Visits.', '--target', 'smoker', *QUICK),
        ('sample', model, '-n', 30, '-o', rows),
        ('report', model, train, rows, '--holdout', holdout, '-o', page),
    ):
        done = run(*arguments)
        assert done.exit_code == 0, done.output

    assert [len(pd.read_csv(path)) for path in (train, holdout, rows)] == [40, 10, 30]
    assert 'DCR share' in done.stdout
    assert 'Visits.' in page.read_text(encoding='utf-8')


def test_fit_says_what_it_detected_and_what_came_of_it(tmp_path):
    data = tmp_path / 'data.csv'
    visits(30).to_csv(data, index=False)
    done = run('fit', data, '-o', tmp_path / 'm.pkl', *QUICK)
    assert done.stdout == ''
    assert f'{data}: 30 rows, 8 columns.' in done.stderr
    assert 'Detected id: patient; numerical: age' in done.stderr
    assert 'Fit ended after 1 step,' in done.stderr
    assert f'Saved {tmp_path / "m.pkl"}' in done.stderr


def test_every_option_reaches_the_synthesizer(tmp_path):
    names = ('data.csv', 'graph.json', 'known.json', 'm.pkl')
    data, graph, known, model = (tmp_path / name for name in names)
    visits(30).to_csv(data, index=False)
    graph.write_text('[["age", "pressure"]]', encoding='utf-8')
    known.write_text('{"rules": ["Nobody is 200."]}', encoding='utf-8')
    options = {
        'llm': 'scripted',
        'generator_llm': 'scripted',
        'optimizer_llm': 'scripted',
        'discriminator_llm': 'scripted',
        'preset': 'synthia',
        'context': 'Visits.',
        'describe': 'age=in years',
        'metadata_detail': 'none',
        'target': 'smoker',
        'causal_graph': str(graph),
        'knowledge': str(known),
        'discriminator': 'mlp',
        'sampler': 'llm',
        'epochs': 2,
        'batch_size': 15,
        'examples_per_call': 3,
        'max_batches': 1,
        'patience': 3,
        'withhold': 'weight',
        'bucket': 'age',
        'pseudonymize': 'ward',
        'max_rows': 20,
        'max_usd': 1.5,
        'max_tokens': 100_000,
        'audit_log': tmp_path / 'audit.jsonl',
        'seed': 7,
    }
    assert set(options) == set(FitOptions.__dataclass_fields__) - {
        *('cache', 'rows', 'column_types', 'max_fit_rows', 'sampler_settings')
    }
    given = [
        part for name, value in options.items() for part in (f'--{name.replace("_", "-")}', value)
    ]
    done = run('fit', data, '-o', model, '--no-cache', *given)
    assert done.exit_code == 0, done.output
    kept = load_synthesizer(str(model)).get_parameters()
    options |= {
        'column_descriptions': {'age': 'in years'},
        'causal_graph': [['age', 'pressure']],
        'knowledge': {'rules': ['Nobody is 200.']},
        'budget': Budget(max_usd=1.5, max_tokens=100_000),
        'egress': EgressPolicy(
            {'weight': 'withhold', 'age': 'bucket', 'ward': 'pseudonymize'}, max_rows=20
        ),
        'cache': False,
    }
    replaced = ('preset', 'describe', 'max_usd', 'max_tokens')
    for name in (*replaced, 'withhold', 'bucket', 'pseudonymize', 'max_rows'):
        del options[name]
    assert {name: kept[name] for name in options} == options
    assert kept['optimizer_examples'] == 10  # of the preset


def test_help_names_every_choice():
    text = run('fit', '--help').stdout
    for choice in ('auto', *samplers(), *get_args(MetadataDetail), *work.PRESETS):
        assert choice in text


@pytest.mark.parametrize(
    'command',
    [
        *('fit', 'preview', 'estimate', 'impute', 'augment', 'sample', 'report', 'story', 'split'),
        'export',
        'providers',
        *('benchmark', 'demo'),
    ],
)
def test_every_command_has_help(command):
    done = run(command, '--help')
    assert done.exit_code == 0
    assert len(done.stdout) > 100
    assert command in run('--help').stdout


def test_help_does_not_wait_for_sdv():
    code = (
        'import sys; sys.argv = ["sdv-llmgan", "fit", "--help"]\n'
        'from sdv_llmgan_cli.app import app\n'
        'try:\n    app()\nexcept SystemExit as end:\n    assert end.code == 0\n'
        'assert not {"sdv", "sdv_llmgan", "pandas", "torch"} & set(sys.modules)'
    )
    subprocess.run([sys.executable, '-c', code], check=True, capture_output=True, cwd=ROOT)


def test_a_real_process_writes_rows_to_stdout_and_the_rest_to_stderr(desk):
    command = [sys.executable, '-m', 'sdv_llmgan', 'sample', str(desk / 'model.pkl'), '-n', '5']
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    rows = pd.read_csv(io.StringIO(done.stdout))
    assert rows.shape == (5, 8)

    failed = subprocess.run(
        [*command, '--where', 'nope=1'], capture_output=True, text=True, cwd=ROOT
    )
    assert failed.returncode == 2
    assert failed.stdout == ''
    assert failed.stderr.splitlines()[-1].startswith('Error: --where names an unknown column')
    wrong = subprocess.run(command[:-2] + ['-n', 'many'], capture_output=True, text=True, cwd=ROOT)
    assert wrong.returncode == 2


def test_json_is_all_that_stdout_holds(desk, tmp_path):
    fitted = run('fit', desk / 'data.csv', '-o', tmp_path / 'm.pkl', '--json', *QUICK)
    told = json.loads(fitted.stdout)
    assert (told['rows'], told['steps'], told['remote']) == (40, 1, False)
    assert told['usage']['generator']['calls'] > 0
    sampled = json.loads(run('sample', desk / 'model.pkl', '-n', 4, '--json').stdout)
    assert (sampled['rows'], len(sampled['data'])) == (4, 4)
    out = tmp_path / 'out.csv'
    assert json.loads(run('sample', desk / 'model.pkl', '-n', 20, '-o', out, '--json').stdout) == {
        'output': str(out),
        'rows': 20,
        'asked_for': 20,
    }
    page = tmp_path / 'r.html'
    told = json.loads(run('report', desk / 'data.csv', out, '-o', page, '--json').stdout)
    assert told['sections'][0]['key'] == 'likeness'
    assert 'scripted' in {
        found['name'] for found in json.loads(run('providers', '--json').stdout)['providers']
    }
    failed = run('sample', tmp_path / 'gone.pkl', '--json')
    assert json.loads(failed.stdout) == {'error': f'There is no file {tmp_path / "gone.pkl"}.'}


def test_the_story_is_told_for_people_and_for_programs(desk, tmp_path):
    told = run('story', desk / 'model.pkl')
    assert told.stdout.startswith('# The story of the generation process')
    assert '"steps"' not in told.stdout
    assert told.stderr.strip() == 'The same for programs: --json, or -o story.json.'
    saved = run('story', desk / 'model.pkl', '--json').stdout
    assert len(History.from_json(saved)) == 1
    for name in ('story.md', 'story.json'):
        done = run('story', desk / 'model.pkl', '-o', tmp_path / name, '--json')
        assert json.loads(done.stdout) == {'output': str(tmp_path / name), 'steps': 1}
    assert (tmp_path / 'story.json').read_text(encoding='utf-8').strip() == saved.strip()
    written = (tmp_path / 'story.md').read_text(encoding='utf-8')
    assert written.startswith(told.stdout.strip())
    assert History.from_markdown(written).to_json().strip() == saved.strip()


def test_preview_shows_the_first_requests_and_sends_nothing(desk):
    arguments = ('preview', desk / 'data.csv', *QUICK, '--llm', 'openai/gpt-4o-mini', '--no-rows')
    shown = run(*arguments)
    assert shown.exit_code == 0, shown.output
    assert '=== Request 1 of' in shown.stdout
    requests = json.loads(run(*arguments, '--json').stdout)
    assert [request['role'] for request in requests[:3]] == ['expert', 'expert', 'generator']
    assert {request['real_rows'] for request in requests} == {0}


def test_estimate_says_what_a_fit_would_use(desk):
    arguments = ('estimate', desk / 'data.csv', '-n', 50, *QUICK, '--llm', 'openai/gpt-4o-mini')
    said = run(*arguments)
    assert said.exit_code == 0, said.output
    assert 'US dollars' in said.stdout
    told = json.loads(run(*arguments, '--json').stdout)
    assert told['total']['calls'] > told['fit']['calls'] > 0
    assert told['total']['usd'] > 0


def test_rows_meet_the_conditions(desk):
    where = [
        *('--where', 'age=30..40', '--where', 'ward=north|south'),
        *('--where', 'smoker=true', '--where', 'admitted=2024-03-01..', '--where', 'stage=2'),
    ]
    done = run('sample', desk / 'model.pkl', '-n', 6, *where)
    assert done.exit_code == 0, done.output
    rows = pd.read_csv(io.StringIO(done.stdout))
    assert len(rows) == 6
    assert rows['age'].between(30, 40).all()
    assert rows['ward'].isin(['north', 'south']).all()
    assert rows['smoker'].all()
    assert (rows['admitted'] >= '2024-03-01').all()
    assert (rows['stage'] == 2).all()


WISHES = TableSchema((
    Column('age', 'integer', minimum=18, maximum=90),
    Column('weight', 'number', minimum=40.0, maximum=120.0, decimals=1),
    Column('job', 'categorical', categories=('nurse', 'clerk', 'a..b', 'x|y')),
    Column('stage', 'categorical', categories=(1, 2, 3)),
    Column('smoker', 'boolean'),
    Column('sick', 'categorical', categories=(True, False)),
    Column('a=b', 'categorical', categories=('c',)),
    Column('seen', 'datetime', minimum='2024-01-01', maximum='2024-12-31'),
))


@pytest.mark.parametrize(
    ('text', 'wish'),
    [
        ('age=30..40', {'age': (30, 40)}),
        ('age=30..', {'age': (30, None)}),
        ('weight=..70.5', {'weight': (None, 70.5)}),
        ('age=41', {'age': 41}),
        ('age=41|42', {'age': [41, 42]}),
        ('age=', {'age': None}),
        ('job=nurse', {'job': 'nurse'}),
        ('job=nurse|clerk', {'job': ['nurse', 'clerk']}),
        ('job=a..b', {'job': 'a..b'}),
        ('job=x|y', {'job': 'x|y'}),
        ('stage=1|3', {'stage': [1, 3]}),
        ('smoker=no', {'smoker': False}),
        ('sick=true', {'sick': True}),
        ('sick=False', {'sick': False}),
        ('a=b=c', {'a=b': 'c'}),
        ('seen=2024-02-01..2024-03-01', {'seen': ('2024-02-01', '2024-03-01')}),
        ('name=Ann', {'name': 'Ann'}),
        ('age=..', {'age': (None, None)}),
        ('smoker=..', {'smoker': (None, None)}),
    ],
)
def test_conditions_are_read(text, wish):
    columns = [*WISHES.names, 'name']
    assert parse_wishes([text], WISHES, columns, 3).column_values == wish


@pytest.mark.parametrize(
    ('texts', 'message'),
    [
        (['ages=3'], 'unknown column "ages". There are: age, weight'),
        (['age'], "cannot read 'age'. Write COLUMN=VALUE"),
        (['age=old'], '"age" holds numbers, got \'old\''),
        (['weight=70,5'], 'Write decimals with a point'),
        (['smoker=maybe'], '"smoker" is true or false'),
        (['sick=maybe'], '"sick" is true or false'),
        (['age=3', 'age=4'], 'names "age" twice'),
    ],
)
def test_conditions_that_say_nothing_are_errors(texts, message):
    with pytest.raises(ValueError, match=message.replace('(', r'\(').replace('.', r'\.')):
        parse_wishes(texts, WISHES, WISHES.names, 3)


def test_a_seed_gives_other_rows_and_the_same_ones_again(desk):
    plain, seeded, again = (
        run('sample', desk / 'model.pkl', '-n', 5, *seed).stdout
        for seed in ((), ('--seed', 1), ('--seed', 1))
    )
    assert seeded == again != plain


@pytest.mark.parametrize(
    ('raw', 'notes', 'first'),
    [
        (b'\xef\xbb\xbfage,job\n41,nurse\n30,clerk\n', ' (with a byte-order mark)', 41),
        (b'age;job\n41;nurse, day\n30;clerk\n', ' (separated by semicolons)', 41),
        (b'age\tjob\n41\tnurse\n', ' (separated by tabs)', 41),
        (b'age;job\n4,5;nurse\n', ' (separated by semicolons, with decimal commas)', 4.5),
        ('age,job\n41,Köchin\n'.encode('cp1252'), ' (in Windows-1252, not UTF-8)', 41),
        (b'age,job\n41,"a;b"\n', '', 41),
        (b'age,job\n41,nurse\n30,\n', '', 41),
        ('age,job\n41,Köchin\n'.encode('utf-16'), ' (in UTF-16, not UTF-8)', 41),
        (b'age,job\n041,nurse\n7,clerk\n', ' (codes kept as text: age)', '041'),
        (b'age,job\n+4179,nurse\n+1,clerk\n', ' (codes kept as text: age)', '+4179'),
        (b'age,job\n41,' + b'9' * 17 + b'\n30,\n', ' (codes kept as text: job)', 41),
    ],
)
def test_any_common_csv_is_read_and_what_was_found_is_said(tmp_path, capsys, raw, notes, first):
    path = tmp_path / 'data.csv'
    path.write_bytes(raw)
    table = load_table(path)
    assert list(table)[0] == 'age'
    assert table['age'][0] == first
    said = capsys.readouterr().err
    assert said.splitlines()[0].endswith(f'columns{notes}.')
    guess = "Note: Windows-1252 is a guess; it reads 'Köchin'. --encoding names another."
    assert said.splitlines()[1:] == ([guess] if 'Windows' in notes else [])


FILES = Path(__file__).parent / 'files'


def test_an_excel_export_in_german_goes_from_the_file_to_a_report(tmp_path):
    data, model, out = (tmp_path / name for name in ('sales.csv', 'm.pkl', 'out.csv'))
    data.write_bytes((FILES / 'sales_german.csv').read_bytes())
    done = run('fit', data, '-o', model, *QUICK)
    assert done.exit_code == 0, done.output
    said = done.stderr.splitlines()
    assert said[0] == (
        f'{data}: 40 rows, 10 columns (in Windows-1252, not UTF-8, separated by semicolons, with '
        'decimal commas: Einzelpreis, Rabatt and Umsatz, with thousands set apart: Umsatz, numbers '
        "read: Einzelpreis without its '€' and Rabatt without its '%', codes kept as text: "
        'Kundennr).'
    )
    assert "2 lines above the header left out, from line 1 ('Umsatzbericht 2024')" in said[2]
    assert "1 line below the last row left out, from line 49 ('Summe')" in said[3]
    assert said[4] == 'Note: Read as missing: - in "Umsatz" (3). --missing "" keeps words.'
    assert 'datetime: Bestelldatum; numerical: Menge, Einzelpreis' in done.stderr
    done = run('sample', model, '-n', 20, '-o', out)
    assert done.exit_code == 0, done.output
    rows = pd.read_csv(out)
    assert set(rows['Ort']) <= {'Köln', 'München', 'Düsseldorf', 'Zürich'}
    assert rows['Rabatt'].between(0, 12.5).all()
    assert pd.to_datetime(rows['Bestelldatum'], format='%d.%m.%Y').dt.year.eq(2024).all()
    done = run('report', model, data, out, '-o', tmp_path / 'r.html')
    assert done.exit_code == 0, done.output
    done = run('split', data, '--missing', 'k.A.', '--skip-footer', '0')
    assert done.exit_code == 0, done.output
    assert 'data' not in done.stdout
    assert f'{data}: 41 rows' in done.stderr


def test_a_list_of_a_hospital_goes_from_the_file_to_rows(tmp_path):
    data, model = tmp_path / 'stays.csv', tmp_path / 'm.pkl'
    data.write_bytes((FILES / 'hospital_stays.csv').read_bytes())
    done = run('fit', data, '-o', model, *QUICK)
    assert done.exit_code == 0, done.output
    assert 'numerical: Age, Temp, Weight, CRP; datetime: Admission, Discharge' in done.stderr
    assert 'Note: Read as missing: n.d. in "CRP" (' in done.stderr
    rows = pd.read_csv(io.StringIO(run('sample', model, '-n', 20).stdout))
    admitted, discharged = (
        pd.to_datetime(rows[name], format='%d/%m/%Y %H:%M') for name in ('Admission', 'Discharge')
    )
    assert admitted.dt.year.eq(2023).all()
    assert discharged.dropna().between('2023-01-01', '2024-01-31').all()
    assert rows['Temp'].between(36, 41).all()


@pytest.mark.parametrize(
    ('seen', 'form', 'note'),
    [
        (['31.01.2024', '01.02.2024'], '%d.%m.%Y', None),
        (['31/01/2024 12:30', '01/02/2024 13:00'], '%d/%m/%Y %H:%M', None),
        (['31.01.24', '01.02.24'], '%d.%m.%y', None),
        (['01/31/2024', '02/01/2024'], '%m/%d/%Y', None),
        (['01/03/2024', '02/04/2024'], '%m/%d/%Y', '"seen=datetime:%d/%m/%Y" reads them so'),
        (['01.03.2024', '02.04.2024'], '%d.%m.%Y', '"seen=datetime:%m.%d.%Y" reads them so'),
    ],
)
def test_dates_are_seen_and_a_doubt_is_said(capsys, seen, form, note):
    table = pd.DataFrame({'seen': seen * 10, 'job': ['nurse', 'clerk'] * 10})
    declared = columns_of(read_metadata(None, table, 'data'))['seen']
    assert (declared['sdtype'], declared['datetime_format']) == ('datetime', form)
    said = capsys.readouterr().err
    assert (note in said) if note else ('Note' not in said)


def test_another_column_decides_whether_the_day_comes_first(capsys):
    table = pd.DataFrame({
        'admitted': ['01/03/2024', '02/04/2024'] * 10,
        'discharged': ['05/03/2024', '28/04/2024'] * 10,
    })
    declared = columns_of(read_metadata(None, table, 'data'))
    assert {entry['datetime_format'] for entry in declared.values()} == {'%d/%m/%Y'}
    assert 'the dates in "admitted" were read as %d/%m/%Y' in capsys.readouterr().err


def test_coordinates_are_no_ids_and_what_is_made_up_is_said(capsys):
    table = pd.DataFrame({'grid_id': np.linspace(47.1, 48.3, 20), 'job': ['nurse', 'clerk'] * 10})
    assert columns_of(read_metadata(None, table, 'data'))['grid_id']['sdtype'] == 'numerical'
    assert 'Note' not in capsys.readouterr().err
    read_metadata(None, table.rename(columns={'grid_id': 'latitude'}), 'data')
    assert capsys.readouterr().err.endswith(
        'Note: "latitude" was taken for personal data (latitude), whose values are made up. If '
        'they are to be learned: --type "latitude=numerical".\n'
    )


def test_cells_that_a_spreadsheet_would_compute_are_written_as_text_if_asked(tmp_path):
    data, model = tmp_path / 'data.csv', tmp_path / 'm.pkl'
    visits(30).assign(link=['=HYPERLINK("x")', '+1+cmd', '@a'] * 10).to_csv(data, index=False)
    assert run('fit', data, '-o', model, *QUICK).exit_code == 0
    plain, safe = (
        pd.read_csv(io.StringIO(run('sample', model, '-n', 9, *option).stdout))
        for option in ((), ('--spreadsheet-safe',))
    )
    assert set(plain['link'].str[0]) <= set('=+@')
    assert list(safe['link']) == ["'" + cell for cell in plain['link']]
    pd.testing.assert_frame_equal(safe.drop(columns='link'), plain.drop(columns='link'))


def test_one_row_is_one_row(tmp_path, capsys):
    (tmp_path / 'data.csv').write_text('age\n41\n', encoding='utf-8')
    assert list(load_table(tmp_path / 'data.csv')['age']) == [41]
    assert capsys.readouterr().err.endswith('data.csv: 1 row, 1 column.\n')


def test_a_table_comes_by_a_pipe(tmp_path):
    text = visits(30).to_csv(index=False)
    done = CliRunner().invoke(app, ['fit', '-', '-o', str(tmp_path / 'm.pkl'), *QUICK], input=text)
    assert done.exit_code == 0, done.output
    assert '-: 30 rows, 8 columns.' in done.stderr
    assert load_synthesizer(str(tmp_path / 'm.pkl'))._original_metadata.tables.keys() == {'table'}


def test_types_can_be_corrected(tmp_path):
    table = pd.DataFrame({
        'income': np.arange(20_000, 20_040),
        'seen': pd.date_range('2024-01-01', periods=40).strftime('%d.%m.%Y'),
        'job': ['nurse', 'clerk'] * 20,
    })
    data, model = tmp_path / 'data.csv', tmp_path / 'm.pkl'
    table.to_csv(data, index=False)
    done = run('fit', data, '-o', model, *QUICK)
    assert 'Note: the numbers in "income" all differ, so it was taken for an id' in done.stderr
    types = ('--type', 'income=numerical', '--type', 'seen=datetime:%d.%m.%Y')
    done = run('fit', data, '-o', model, '--force', *types, *QUICK)
    assert done.exit_code == 0, done.output
    assert 'Detected numerical: income; datetime: seen' in done.stderr
    assert 'Note: the numbers' not in done.stderr
    done = run('sample', model, '-n', 10, '--where', 'income=20010..20020')
    assert done.exit_code == 0, done.output
    rows = pd.read_csv(io.StringIO(done.stdout))
    assert rows['income'].between(20_010, 20_020).all()
    assert pd.to_datetime(rows['seen'], format='%d.%m.%Y').between('2024-01-01', '2024-03-01').all()


def test_a_table_of_keys_only_is_an_error_before_the_fit(tmp_path):
    data = tmp_path / 'data.csv'
    data.write_text('income\n' + '\n'.join(map(str, range(20_000, 20_040))), encoding='utf-8')
    message = error_of(run('fit', data, '-o', tmp_path / 'm.pkl', *QUICK))
    assert 'is a key or personal data, so there is nothing to learn. --type' in message


def test_whole_numbers_are_whole_also_in_rows_that_lack_none(tmp_path):
    data, model = tmp_path / 'data.csv', tmp_path / 'm.pkl'
    table = visits(60).assign(stage=[1, None, 2] * 20)
    table.to_csv(data, index=False)
    run('fit', data, '-o', model, *QUICK)
    for count in (1, 2, 30):
        rows = pd.read_csv(io.StringIO(run('sample', model, '-n', count).stdout), dtype=str)
        assert not rows[['stage', 'pressure']].stack().str.contains('.', regex=False).any()
    told = json.loads(run('sample', model, '-n', 2, '--json').stdout)['data']
    assert all(isinstance(row['stage'], (int, type(None))) for row in told)


def test_a_second_table_has_text_where_the_first_has(tmp_path):
    real, synthetic = tmp_path / 'real.csv', tmp_path / 'synthetic.csv'
    real.write_text('code,age\n007,41\n010,30\n', encoding='utf-8')
    synthetic.write_text('code,age\n110,41\n210,30\n', encoding='utf-8')
    assert list(load_table(synthetic, like=load_table(real))['code']) == ['110', '210']
    assert list(load_table(synthetic)['code']) == [110, 210]


def test_whole_numbers_beside_missing_ones_are_written_without_a_point(tmp_path):
    table = pd.DataFrame({'visits': [7, None], 'weight': [7.5, None], 'big': [1e300, None]})
    save_table(table, tmp_path / 'out.csv')
    assert (tmp_path / 'out.csv').read_text() == 'visits,weight,big\n7,7.5,1e+300\n,,\n'
    assert records(table)[1] == {'visits': None, 'weight': None, 'big': None}


def test_codes_survive_from_a_csv_to_synthetic_rows_and_a_report(tmp_path):
    data, model, out = (tmp_path / name for name in ('data.csv', 'm.pkl', 'out.csv'))
    table = visits(40).assign(code=['007', '010', '123', '950'] * 10)
    table['pressure'] = table['pressure'].astype('Int64')
    table.to_csv(data, index=False)
    for arguments in (
        ('fit', data, '-o', model, *QUICK),
        ('sample', model, '-n', 30, '-o', out),
        ('report', model, data, out, '-o', tmp_path / 'r.html'),
    ):
        done = run(*arguments)
        assert done.exit_code == 0, done.output
    rows = pd.read_csv(out, dtype=str)
    assert set(rows['code']) <= {'007', '010', '123', '950'}
    assert not rows['pressure'].str.contains('.', regex=False).any()
    assert 'Caution' not in (tmp_path / 'r.html').read_text(encoding='utf-8')


def test_a_reader_that_has_enough_ends_it_quietly(desk):
    command = [sys.executable, '-m', 'sdv_llmgan', 'sample', str(desk / 'model.pkl'), '-n', '3000']
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as run:
        assert run.stdout is not None
        run.stdout.readline()
        run.stdout.close()
        said = run.stderr.read().decode()
    assert 'Error' not in said
    assert 'Traceback' not in said


@pytest.mark.parametrize(
    ('raw', 'message'),
    [
        (b'', 'is empty'),
        (b'\n \n', 'is empty'),
        (b'age,job\n', '2 columns but no rows'),
        (b'age,job\n41,nurse\n30,clerk,x\n', 'line 3: 3 cells, where the header has 2'),
        (b'age,job\n41,nurse\n30\n', 'line 3: 1 cell, where the header has 2'),
        (b'age,job\n41,' + b'x' * 200_000 + b'\n', 'line 2: field larger than field limit'),
        (b'age,age\n41,30\n', 'more than one column age'),
        (b'\x80\x04\x95\x00\x00pickle', 'data.csv is no text file: it begins as a pickle'),
    ],
)
def test_files_that_are_no_tables_are_errors(tmp_path, raw, message):
    path = tmp_path / 'data.csv'
    path.write_bytes(raw)
    assert message in error_of(run('fit', path, '-o', tmp_path / 'm.pkl', *QUICK))


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('fit', 'gone.csv'), 'There is no file'),
        (('fit', 'data.csv', '--llm', 'scripted', '--target', 'x'), 'The target must be a column'),
        (('fit', 'data.csv', '--metadata', 'data.csv'), 'is not SDV metadata'),
        (('fit', 'data.csv', '-o', 'no/m.pkl'), 'There is no folder'),
        (('fit', 'data.csv', '-o', 'model.pkl'), 'is there already. --force overwrites it'),
        (('sample', 'data.csv'), 'is not a model that sdv-llmgan fit saved'),
        (('sample', 'model.pkl', '--where', 'age=900'), '"age" cannot be 900'),
        (('report', 'data.csv', 'metadata.json'), 'metadata.json'),
    ],
)
def test_errors_are_one_line(desk, monkeypatch, arguments, message):
    monkeypatch.chdir(desk)
    elsewhere = ('-o', 'new.pkl') if arguments[0] == 'fit' and '-o' not in arguments else ()
    assert message in error_of(run(*arguments, *elsewhere))


def test_another_synthesizers_model_is_an_error(desk, tmp_path):
    copula = GaussianCopulaSynthesizer(visits_metadata())
    copula.save(str(tmp_path / 'copula.pkl'))
    message = error_of(run('sample', tmp_path / 'copula.pkl'))
    assert 'holds a GaussianCopulaSynthesizer, not an LLMGANSynthesizer' in message


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('fit', 'data.csv', '--preset', 'gan'), '--preset must be one of mallm-gan, synthia'),
        (('fit', 'data.csv', '--describe', 'age'), '--describe must be COLUMN=MEANING'),
        (
            ('fit', 'data.csv', '--causal-graph', 'g'),
            '--causal-graph must be hill-climb, ask, none',
        ),
        (('fit', 'data.csv', '--knowledge', 'k'), '--knowledge must be ask, none, or a JSON file'),
        (('sample', 'model.pkl', '--where', 'age'), "--where cannot read 'age'"),
        (('fit', 'data.csv', '--llm', 'nobody/x'), "Unknown provider 'nobody'"),
        (('fit', 'data.csv', '--llm', 'scripted', '--epochs', '0'), 'epochs must be'),
        (
            ('fit', 'data.csv', '--llm', 'scripted', '--sampler', 'tree'),
            'Installed: distilled',
        ),
        (('fit', 'data.csv', '--type', 'wage=id'), "--type must be COLUMN=TYPE, got 'wage=id'"),
        (('fit', 'data.csv', '--type', 'age=lamp'), '--type age=lamp: '),
        (('report', 'data.csv'), 'two or three files'),
    ],
)
def test_options_that_cannot_be_are_one_line_and_wrong_usage(desk, monkeypatch, arguments, message):
    monkeypatch.chdir(desk)
    elsewhere = ('-o', 'new.pkl') if arguments[0] == 'fit' else ()
    done = run(*arguments, *elsewhere, '--json')
    assert message in error_of(done, 2)
    assert message in json.loads(done.stdout)['error']


def test_wrong_usage_ends_with_2(desk):
    assert run('fit').exit_code == 2
    assert run('sample', desk / 'model.pkl', '-n', '0').exit_code == 2
    assert run('report', desk / 'data.csv').exit_code == 2
    assert run('report', desk / 'data.csv', desk / 'data.csv', '-o', 'r.pdf').exit_code == 2
    assert run('nonsense').exit_code == 2
    model = desk / 'model.pkl'
    assert run('sample', model, '--where', 'age=30', '--describe', 'old').exit_code == 2


def test_ctrl_c_ends_with_130(desk, tmp_path, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt('Interrupted. The fit was interrupted in step 2')

    monkeypatch.setattr(work, 'fit', interrupted)
    done = run('fit', desk / 'data.csv', '-o', tmp_path / 'm.pkl', *QUICK)
    assert done.exit_code == 130
    assert done.stderr.endswith('Error: Stopped by Ctrl-C; nothing was saved.\n')


def test_nothing_is_overwritten_without_force(desk, tmp_path):
    out = tmp_path / 'out.csv'
    out.write_text('mine', encoding='utf-8')
    assert 'is there already' in error_of(run('sample', desk / 'model.pkl', '-o', out))
    assert out.read_text(encoding='utf-8') == 'mine'
    assert run('sample', desk / 'model.pkl', '-n', 3, '-o', out, '--force').exit_code == 0
    assert len(pd.read_csv(out)) == 3


def test_verbose_shows_the_log_and_where_an_error_arose(desk, tmp_path):
    done = run('fit', desk / 'data.csv', '-o', tmp_path / 'm.pkl', '-v', *QUICK)
    assert 'This fit pays for at most 1 batches' in done.stderr
    failed = run('sample', tmp_path / 'gone.pkl', '-v')
    assert 'Traceback' in failed.stderr
    assert failed.stderr.splitlines()[-1].startswith('Error: ')


def test_metadata_of_either_sdv_line_is_taken(tmp_path):
    table = visits(10)
    columns = visits_metadata().to_dict()['tables']['visits']
    forms = [
        {'tables': {'v': columns}, 'relationships': [], 'METADATA_SPEC_VERSION': version}
        for version in ('V1', 'V2')
    ]
    for saved in (*forms, {**columns, 'METADATA_SPEC_VERSION': 'SINGLE_TABLE_V1'}):
        path = tmp_path / 'metadata.json'
        path.write_text(json.dumps(saved), encoding='utf-8')
        metadata = read_metadata(path, table, 'v')
        assert isinstance(metadata, Metadata)
        assert list(metadata.tables) == ['v']
        assert metadata.tables['v'].columns['ward']['sdtype'] == 'categorical'


def test_the_demonstration_goes_the_whole_way(tmp_path, monkeypatch):
    quick = LLMGANSynthesizer.__init__

    def init(self, *args, **kwargs):
        quick(self, *args, **{'max_batches': 1, 'sampler': 'llm', 'causal_graph': 'none', **kwargs})

    monkeypatch.setattr(LLMGANSynthesizer, '__init__', init)
    done = run('demo', '--llm', 'scripted', '-o', tmp_path / 'demo')
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (tmp_path / 'demo').iterdir()) == [
        *('holdout.csv', 'model.pkl', 'report.html', 'synthetic.csv', 'train.csv'),
    ]
    assert 'Prediction of “Income”' in done.stdout
    said = '80 rows of the US census of 1994 are fitted, 20 set aside. Asked: scripted.'
    assert said in done.stderr
    assert 'real rows that were set aside, for the report' in done.stderr
    assert done.stderr.rstrip().endswith(f'sdv-llmgan story {tmp_path / "demo" / "model.pkl"}')


def test_benchmark_takes_the_arguments_that_it_always_took(tmp_path):
    done = run('benchmark', '--help')
    assert 'usage: sdv-llmgan benchmark' in done.stdout
    data = tmp_path / 'data.csv'
    visits(30).drop(columns='patient').to_csv(data, index=False)
    arguments = ('--synthesizers', 'real', '--seeds', 1, '--metrics', 'copied_rows')
    done = run('benchmark', data, *arguments, '--out', tmp_path / 'out')
    assert done.exit_code == 0, done.output
    assert (tmp_path / 'out' / 'tables.md').is_file()
    assert run('benchmark', 'nothing').exit_code == 2


def test_version_is_the_packages():
    from importlib.metadata import version

    assert run('--version').stdout.strip() == version('sdv-llmgan')


def test_a_folder_of_parquet_files_is_written_and_gone_on_with(desk, tmp_path):
    model, folder = desk / 'model.pkl', tmp_path / 'rows'
    asked = ('sample', model, '-n', 6, '--to', folder, '--rows-per-file', 4, '--workers', 1)
    told = json.loads(run(*asked, '--json').stdout)
    assert (told['num_rows'], told['finished']) == (6, True)
    rows = pd.read_parquet(folder)
    assert len(rows) == 6
    assert run(*asked).exit_code == 0
    other = run(*asked, '--seed', 3)
    assert other.exit_code == 1
    assert 'asked for otherwise (now / there): seed 3 / 0' in other.stderr


@pytest.mark.parametrize('suffix', ['csv', 'parquet'])
def test_known_columns_of_a_file_are_completed(desk, tmp_path, suffix):
    known = pd.DataFrame({'age': [41, 52, 63]})
    path = tmp_path / f'known.{suffix}'
    known.to_csv(path, index=False) if suffix == 'csv' else known.to_parquet(path)
    model = desk / 'model.pkl'
    done = run('sample', model, '--known', path, '-o', tmp_path / 'rows.csv')
    assert done.exit_code == 0, done.output
    assert pd.read_csv(tmp_path / 'rows.csv')['age'].tolist() == [41, 52, 63]
    done = run('sample', model, '--known', path, '--to', tmp_path / 'rows', '--workers', 1)
    assert done.exit_code == 0, done.output
    assert pd.read_parquet(tmp_path / 'rows')['age'].tolist() == [41, 52, 63]


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        (('--to', 'rows'), '--to needs -n, how many rows, or --known.'),
        (('--to', 'rows', '-n', 3, '--where', 'age=40'), '--to goes with -n or --known'),
        (('--workers', 2), 'need --to FOLDER'),
        (('--to', 'rows', '-n', 3, '--engine', 'ray'), 'engine must be one of processes, dask'),
        (('--known', 'gone.csv', '--where', 'age=40'), 'only one can be given'),
        (('--known', 'gone.csv'), 'There is no file gone.csv'),
    ],
)
def test_options_of_sample_that_do_not_go_together_are_refused(desk, options, said):
    done = run('sample', desk / 'model.pkl', *options)
    assert done.exit_code in (1, 2)
    assert said in done.stderr


def test_a_folder_of_parquet_files_is_fitted_by_a_sample_of_its_rows(tmp_path):
    table = pd.read_csv(ROOT / 'examples' / 'adult_100.csv')[['age', 'sex', 'Income']]
    (tmp_path / 'rows').mkdir()
    table[:70].to_parquet(tmp_path / 'rows' / 'a.parquet')
    table[70:].to_parquet(tmp_path / 'rows' / 'b.parquet')
    (tmp_path / 'rows' / '_manifest.json').write_text('{}')
    model = tmp_path / 'model.pkl'
    fitted = ('fit', tmp_path / 'rows', '--llm', 'scripted', '--sampler', 'distilled', '-o', model)
    done = run(*fitted, '--max-batches', 1, '--max-fit-rows', 60)
    assert done.exit_code == 0, done.output
    assert '60 of 100 rows at random, 3 columns.' in done.stderr
    assert run('sample', model, '-n', 3).exit_code == 0
    bare = run('fit', ROOT / 'examples' / 'adult_100.csv', '--max-fit-rows', 60)
    assert bare.exit_code == 2
    assert 'others are read whole' in bare.stderr
    assert run('fit', tmp_path / 'rows', '--separator', ';').exit_code == 2
    (tmp_path / 'none').mkdir()
    assert 'none in such a folder' in run('fit', tmp_path / 'none').stderr


def test_parquet_files_with_times_are_fitted(tmp_path):
    times = pd.Timestamp('2024-01-01') + pd.to_timedelta(range(40), 'D')
    table = pd.DataFrame({'age': [*range(20, 60)], 'seen': times})
    table.to_parquet(tmp_path / 'a.parquet')
    model = tmp_path / 'model.pkl'
    fitted = ('fit', tmp_path / 'a.parquet', '--llm', 'scripted', '--sampler', 'distilled')
    done = run(*fitted, '--max-batches', 1, '-o', model)
    assert done.exit_code == 0, done.output
    assert run('sample', model, '-n', 3).exit_code == 0


@pytest.mark.parametrize('suffix', ['.xlsx', '.parquet', '.feather', '.jsonl'])
def test_files_of_every_kind_go_in_and_out(tmp_path, monkeypatch, suffix):
    pytest.importorskip('openpyxl')
    pytest.importorskip('pyarrow')
    monkeypatch.chdir(tmp_path)
    table = pd.read_csv(ROOT / 'examples' / 'adult_100.csv')[['age', 'workclass', 'Income']]
    table.loc[::7, 'age'] = None
    save_table(table, tmp_path / f'data{suffix}')
    assert run('split', f'data{suffix}').exit_code == 0
    fit = run('fit', f'data-train{suffix}', '--llm', 'scripted', '--sampler', 'distilled')
    assert fit.exit_code == 0, fit.stderr
    assert run('sample', 'model.pkl', '-n', '30', '-o', f'more{suffix}').exit_code == 0
    report = run('report', 'model.pkl', f'data-train{suffix}', f'more{suffix}')
    assert report.exit_code == 0, report.stderr
    rows = load_table(tmp_path / f'more{suffix}')
    assert list(rows) == ['age', 'workclass', 'Income']
    assert len(rows) == 30
    assert rows['age'].dropna().mod(1).eq(0).all()
    known = rows[['Income']]
    save_table(known, tmp_path / f'known{suffix}')
    sample = run('sample', 'model.pkl', '--known', f'known{suffix}', '--json')
    assert sample.exit_code == 0, sample.stderr
    assert len(json.loads(sample.stdout)['data']) == 30


def test_gaps_are_filled_from_the_command_line(tmp_path):
    table = visits(40)
    table.to_csv(tmp_path / 'data.csv', index=False)
    model, gapped, out = (tmp_path / name for name in ('m.pkl', 'gapped.csv', 'filled.csv'))
    free = ('--llm', 'scripted', '--max-batches', '1', '--causal-graph', 'none')
    fitted = run('fit', tmp_path / 'data.csv', '-o', model, '--sampler', 'distilled', *free)
    assert fitted.exit_code == 0, fitted.output
    holes = np.random.default_rng(0).random(table.shape) < 0.2
    table.astype(object).mask(holes).to_csv(gapped, index=False)

    done = run('impute', model, gapped, '-o', out)
    assert done.exit_code == 0, done.output
    assert f'Wrote {out}: 40 rows, ' in done.stderr
    cells, filled = (pd.read_csv(path, dtype=str) for path in (gapped, out))
    assert filled.notna().all(axis=None)
    there = cells.notna()
    same = (filled == cells) | (filled + '.0' == cells)  # whole numbers are written without a point
    assert same.where(there, True).all(axis=None)
    printed = pd.read_csv(io.StringIO(run('impute', model, gapped).stdout), dtype=str)
    pd.testing.assert_frame_equal(printed, filled)

    told = json.loads(run('impute', model, gapped, '-o', out, '--draws', 2, '--json').stdout)
    assert told['output'] == [str(tmp_path / f'filled-{number}.csv') for number in (1, 2)]
    one, two = (pd.read_csv(path, dtype=str) for path in told['output'])
    assert not one.equals(two)
    assert 'each draw is a file' in error_of(run('impute', model, gapped, '--draws', 2), 2)
    assert 'is there already' in error_of(run('impute', model, gapped, '-o', out))


def test_rows_of_a_rare_class_are_added_from_the_command_line(tmp_path):
    table = pd.DataFrame({
        'age': [*range(20, 60), *range(70, 76)],
        'ill': [*[0] * 40, *[1] * 6],
    })
    table.to_csv(tmp_path / 'data.csv', index=False)
    model, out = tmp_path / 'm.pkl', tmp_path / 'more.xlsx'
    free = ('--llm', 'scripted', '--max-batches', '1', '--sampler', 'distilled')
    given = ('--type', 'ill=categorical', '--type', 'age=numerical')
    fitted = run('fit', tmp_path / 'data.csv', '-o', model, *free, *given)
    assert fitted.exit_code == 0, fitted.output
    data = tmp_path / 'data.csv'
    done = run('augment', model, data, '--column', 'ill', '--rows', '1=20', '-o', out)
    assert done.exit_code == 0, done.output
    assert f'Wrote {out}: 60 rows, 14 of them drawn.' in done.stderr
    assert pd.read_excel(out)['ill'].value_counts().to_dict() == {0: 40, 1: 20}
    ranged = run('augment', model, data, '--column', 'age', '--rows', '70..=10', '--json')
    rows = json.loads(ranged.stdout)['data']
    assert sum(row['age'] >= 70 for row in rows) == 10
    balanced = pd.read_csv(io.StringIO(run('augment', model, data, '--column', 'ill').stdout))
    assert balanced['ill'].value_counts().to_dict() == {0: 40, 1: 40}
    assert 'VALUE=N' in error_of(run('augment', model, data, '--column', 'ill', '--rows', '1'), 2)
    assert "no class '7'" in error_of(
        run('augment', model, data, '--column', 'ill', '--rows', '7=9')
    )
