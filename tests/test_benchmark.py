from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from own_synthesizers import Bootstrap
from tables import visits

from sdv_llmgan import LLMGANSynthesizer, ScriptedProvider
from sdv_llmgan.benchmark import synthesizers
from sdv_llmgan.benchmark.baselines import Smote
from sdv_llmgan.benchmark.cli import main
from sdv_llmgan.benchmark.pairs import paired
from sdv_llmgan.benchmark.plots import plot
from sdv_llmgan.benchmark.printed import printed
from sdv_llmgan.benchmark.protocols import PROTOCOLS
from sdv_llmgan.benchmark.report import to_markdown
from sdv_llmgan.benchmark.runner import COLUMNS, append, read_results, run
from sdv_llmgan.benchmark.scores import ATTACKS
from sdv_llmgan.benchmark.synthesizers import (
    Entry,
    SDGymSynthesizer,
    SDVSynthesizer,
    make_rows,
    parse_entry,
    parse_settings,
)
from sdv_llmgan.benchmark.tables import (
    BenchmarkTable,
    Source,
    TrainingTable,
    load_own,
    metadata_by_dtypes,
)
from sdv_llmgan.benchmark.targets import against_paper

# What SDV, SDMetrics and their libraries warn of is not this package's.
pytestmark = pytest.mark.filterwarnings('ignore')

HERE = Path(__file__).parent
ADULT = HERE.parent / 'examples' / 'adult_100.csv'
DATA = HERE.parent.parent / 'shared' / 'data'


def adult(num_train: int = 40) -> BenchmarkTable:
    rows = pd.read_csv(ADULT)
    train, test = rows[:num_train], rows[num_train:]
    training = TrainingTable('adult', train, metadata_by_dtypes(train), 'Income')
    return BenchmarkTable(training, test.reset_index(drop=True))


def test_a_run_on_a_csv_measures_all_synthesizers_side_by_side(tmp_path):
    names = ['real', 'smote', 'gaussian-copula', 'llmgan:llm=scripted,max_batches=1,sampler=llm']
    arguments = [str(ADULT), '--target', 'Income', '--test-share', '0.5', '--seeds', '2']
    main([*arguments, '--synthesizers', *names, '--out', str(tmp_path)])

    results = read_results(tmp_path / 'results.csv')
    assert results['error'].isna().all()
    assert results[['synthesizer', 'seed']].value_counts().to_dict() == {
        (name, seed): 1 for name in names for seed in (0, 1)
    }
    assert set(results['rows']) == {50}
    assert set(results['sampled']) == {50}
    for score in ('mle', 'mle_svc', 'alpha_precision', 'beta_recall', 'c2st', 'dcr_share'):
        assert results[score].between(0, 1).all(), score
    real = results[results['synthesizer'] == 'real']
    assert (real['copied_rows'] == 1).all()
    assert (real['dcr_share'] == 1).all()
    usage = results[results['synthesizer'] == names[-1]]
    assert (usage['calls'] >= 2).all()
    assert (usage['prompt_tokens'] > 0).all()
    assert (results['fit_seconds'] >= 0).all()

    markdown = (tmp_path / 'tables.md').read_text()
    assert '| adult_100 | 50 |' in markdown
    assert '`llmgan:llm=scripted,max_batches=1,sampler=llm`' in markdown
    assert 'failed' not in markdown
    page = (tmp_path / 'plots.html').read_text()
    assert page.count('plotly-graph-div') >= 6
    assert 'Machine-learning efficacy' in page


def test_attacks_are_measured_with_their_error_and_catch_the_training_rows(tmp_path):
    names = list(ATTACKS)
    entries = [parse_entry('real')]
    results = run([adult(60)], entries, [0], names, tmp_path / 'results.csv')
    line = results.iloc[0]
    for name in names:
        none = 0.5 if name == 'membership_inference' else 0.0
        assert none < line[name] <= 1
        assert 0 < line[f'{name}_error'] < 0.4
    assert line['inference_risk'] - line['inference_risk_error'] > 0.8

    markdown = to_markdown(results)
    assert '## Linkability risk\n\nHalves of a row linked. What an attack gains' in markdown
    assert f'{line["linkability_risk"]:.3f} ± {line["linkability_risk_error"]:.3f}' in markdown
    again = run([adult(60)], entries, [0, 1], names, tmp_path / 'results.csv')
    mean, spread = again['linkability_risk'].agg(['mean', 'std'])
    assert f'{mean:.3f} ± {spread:.3f}' in to_markdown(again)


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    log, out = tmp_path / 'fits', tmp_path / 'out'
    settings = json.dumps({'log': str(log)})
    arguments = [str(ADULT), '--seeds', '4', '--metrics', 'copied_rows', '--out', str(out)]
    arguments += ['--synthesizers', f'own_synthesizers:Bootstrap:{settings}']
    command = [sys.executable, '-m', 'sdv_llmgan.benchmark', *arguments]
    environment = {**os.environ, 'PYTHONPATH': str(HERE), 'PAUSE': '100'}
    killed = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    results = out / 'results.csv'
    while killed.poll() is None and not (results.exists() and results.read_text().count('\n') == 2):
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = results.read_text()
    assert log.read_text().split() == ['0']

    main(arguments)
    assert results.read_text().startswith(before)
    assert read_results(results)['seed'].tolist() == [0, 1, 2, 3]
    assert log.read_text().split() == ['0', '1', '2', '3']


def test_a_line_that_was_cut_short_is_measured_again_and_the_others_are_not(tmp_path):
    path, fits = tmp_path / 'results.csv', []

    class Counted(Bootstrap):
        def fit(self, data):
            fits.append(self.seed)
            super().fit(data)

    entries = [Entry('own', lambda: SDVSynthesizer(Counted, {}))]
    whole = run([adult()], entries, range(3), ['copied_rows'], path)
    assert fits == [0, 1, 2]
    written = path.read_text()
    path.write_text(written[:-20])
    again = run([adult()], entries, range(3), ['copied_rows'], path)
    assert fits == [0, 1, 2, 2]
    path.write_text(written[:10])  # killed in the line of names
    run([adult()], entries, [0], ['copied_rows'], path)
    assert fits == [0, 1, 2, 2, 0]
    assert len(read_results(path)) == 1
    timed = ['fit_seconds', 'sample_seconds']
    pd.testing.assert_frame_equal(whole.drop(columns=timed), again.drop(columns=timed))


def test_a_failure_is_a_result_and_is_tried_again(tmp_path):
    path = tmp_path / 'results.csv'
    entries = [parse_entry('own_synthesizers:Failing'), parse_entry('real')]
    run([adult()], entries, [0], ['copied_rows'], path)
    results = run([adult()], entries, [0], ['copied_rows'], path)
    assert len(path.read_text().splitlines()) == 4
    assert results['error'].tolist()[-1] == 'RuntimeError: no rows, sorry'
    markdown = to_markdown(results)
    assert (
        '| adult | 40 | own_synthesizers:Failing | RuntimeError: no rows, sorry | 1 |' in markdown
    )
    assert '| failed |' in markdown


def test_a_table_may_be_named_na_and_a_run_without_any_result_fails(tmp_path, capsys):
    rows = tmp_path / 'NA.csv'
    rows.write_bytes(ADULT.read_bytes())
    arguments = [str(rows), '--seeds', '1', '--metrics', 'copied_rows', '--out', str(tmp_path)]
    main([*arguments, '--synthesizers', 'real'])
    assert read_results(tmp_path / 'results.csv')['table'].tolist() == ['NA']
    assert '| NA | 80 |' in (tmp_path / 'tables.md').read_text()
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, '--synthesizers', 'own_synthesizers:Failing'])
    assert stopped.value.code == 1
    assert 'Nothing could be measured: RuntimeError: no rows, sorry' in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, '--out', str(rows)])
    assert stopped.value.code == 2
    assert 'File exists' in capsys.readouterr().err


def test_what_a_failed_fit_used_is_billed(tmp_path):
    entry = parse_entry('own_synthesizers:FailingAtACost')
    results = run([adult()], [entry], [0], ['copied_rows'], tmp_path / 'results.csv')
    assert results['error'].tolist() == ['RuntimeError: no rows, sorry']
    assert results['calls'].tolist() == [7]


def test_results_of_another_version_are_not_mixed_in(tmp_path):
    (tmp_path / 'results.csv').write_text('table,seed\nadult,0\n')
    with pytest.raises(ValueError, match='Name another folder with --out'):
        run([adult()], [parse_entry('real')], [0], ['copied_rows'], tmp_path / 'results.csv')


def test_the_local_sampler_alone_makes_no_call_of_a_language_model():
    training, bill = adult(20).training, {}
    next(make_rows(parse_entry('distilled'), training, 0, bill))
    assert bill == {}
    next(make_rows(parse_entry('distilled:generator_llm=scripted'), training, 0, bill))
    assert bill['calls'] > 0


PLANTED = 'Planted-in-the-test-rows'


@pytest.fixture
def planted() -> BenchmarkTable:
    """Adult with a category, and a number, that only test rows have."""
    table = adult()
    test = table.test.assign(workclass=PLANTED, age=1234567.0)
    return BenchmarkTable(table.training, test)


def test_no_synthesizer_makes_what_only_test_rows_have(planted, tmp_path, monkeypatch):
    made = []

    def spy(*arguments):
        for result in make_rows(*arguments):
            made.append(result.rows)
            yield result

    monkeypatch.setattr('sdv_llmgan.benchmark.runner.make_rows', spy)
    names = ['real', 'smote', 'gaussian-copula', 'ctgan:epochs=1', 'tvae:epochs=1']
    names += ['llmgan:llm=scripted,max_batches=1,sampler=llm', 'own_synthesizers:Bootstrap']
    entries = [parse_entry(name) for name in names]
    results = run([planted], entries, [0], ['mle', 'dcr_share'], tmp_path / 'results.csv')
    assert results['error'].isna().all()
    assert len(made) == len(names)
    for rows in made:
        assert not rows.isin([PLANTED, 1234567.0]).any(axis=None)


def test_no_prompt_holds_what_only_test_rows_have(planted, tmp_path):
    providers = [ScriptedProvider()]

    class Prompted(LLMGANSynthesizer):
        def __init__(self, metadata, *, seed, target):
            super().__init__(
                metadata, llm=providers[0], metadata_detail='full', seed=seed, target=target
            )

    entry = Entry('llmgan', lambda: SDVSynthesizer(Prompted, {}))
    results = run([planted], [entry], [0], ['mle', 'dcr_share'], tmp_path / 'results.csv')
    assert results['error'].isna().all()
    prompts = [message.content for r in providers[0].requests for message in r.messages]
    assert any('Private' in prompt for prompt in prompts)
    assert not any(PLANTED in prompt or '1234567' in prompt for prompt in prompts)
    assert PLANTED not in str([request.json_schema for request in providers[0].requests])


def test_metadata_of_an_own_csv_comes_from_its_training_rows(tmp_path):
    rows = pd.read_csv(ADULT)
    rows[:50].assign(size=range(1_000, 1_050)).to_csv(tmp_path / 'mine.csv', index=False)
    # Together with these, this column would be numerical.
    rows[50:].assign(size=1_000).to_csv(tmp_path / 'test.csv', index=False)
    table = load_own(tmp_path / 'mine.csv', tmp_path / 'test.csv', target='Income')
    assert table.training.metadata['columns']['size']['sdtype'] == 'id'
    assert len(table.training.rows) == len(table.test) == 50


def test_an_own_csv_may_have_any_separator_and_keeps_its_codes(tmp_path, caplog):
    train = 'code;weight;ill\n' + ''.join(f'0{i};{i},5;{"yn"[i % 2]}\n' for i in range(10, 30))
    (tmp_path / 'mine.csv').write_text(train)
    (tmp_path / 'test.csv').write_text('code;weight;ill\n110;3,5;y\n')
    with caplog.at_level('INFO', 'sdv_llmgan.benchmark'):
        table = load_own(tmp_path / 'mine.csv', tmp_path / 'test.csv', target='ill')
    assert table.training.rows['code'][0] == '010'
    assert table.training.rows['weight'].tolist() == [i + 0.5 for i in range(10, 30)]
    assert table.test.values.tolist() == [['110', 3.5, 'y']]
    assert 'separated by semicolons, with decimal commas, codes kept as text: code' in caplog.text


def test_rows_to_test_on_may_have_gaps_and_numbers_without_a_point(tmp_path):
    rows = pd.DataFrame({'seen': [True, False] * 5, 'dose': [None, *range(9)], 'ill': ['y'] * 10})
    rows.to_csv(tmp_path / 'mine.csv', index=False)
    other = pd.DataFrame({'seen': [None, True], 'dose': [3, 40], 'ill': ['y', 'n']})
    other.to_csv(tmp_path / 'test.csv', index=False)
    table = load_own(tmp_path / 'mine.csv', tmp_path / 'test.csv', target='ill')
    assert table.test['dose'].tolist() == [3, 40]
    # The dose is 2.0 among the training rows, which have one that is missing.
    rows[3:].convert_dtypes().to_csv(tmp_path / 'test.csv', index=False)
    with pytest.raises(ValueError, match='all are rows of'):
        load_own(tmp_path / 'mine.csv', tmp_path / 'test.csv', target='ill')


def test_a_protocol_needs_rows(tmp_path):
    (tmp_path / 'none.csv').write_text('age,ill\n')
    with pytest.raises(ValueError, match='none.csv needs at least 1 row, found 0'):
        Source('none', 'none.csv', 'none.csv', 'ill', '').load(tmp_path)


def test_columns_that_no_metric_looks_at_are_named(tmp_path, caplog):
    rows = pd.DataFrame({'size': range(1_000, 1_060), 'kind': ['a', 'b'] * 30})
    rows.to_csv(tmp_path / 'sizes.csv', index=False)
    load_own(tmp_path / 'sizes.csv', target='kind')
    assert 'no metric looks at them: size (id)' in caplog.text
    caplog.clear()
    load_own(ADULT, target='Income')
    assert 'no metric' not in caplog.text


def test_numbers_that_a_protocol_calls_categories_are_categories(tmp_path):
    pd.DataFrame({'sex': [1, 2] * 10, 'age': range(20), 'ill': ['y', 'n'] * 10}).to_csv(
        tmp_path / 'small.csv', index=False
    )
    table = Source('small', 'small.csv', None, 'ill', '', categorical=('sex',)).load(tmp_path)
    columns = table.training.metadata['columns']
    assert {name: column['sdtype'] for name, column in columns.items()} == {
        'sex': 'categorical',
        'age': 'numerical',
        'ill': 'categorical',
    }
    assert (len(table.training.rows), len(table.test)) == (18, 2)


def test_a_csv_is_split_alike_every_time_without_overlap():
    first, second = load_own(ADULT, test_share=0.3), load_own(ADULT, test_share=0.3)
    pd.testing.assert_frame_equal(first.test, second.test)
    assert (len(first.training.rows), len(first.test)) == (70, 30)
    both = pd.concat([first.training.rows, first.test])
    everything = pd.read_csv(ADULT)
    order = list(everything.columns)
    pd.testing.assert_frame_equal(
        both.sort_values(order).reset_index(drop=True),
        everything.sort_values(order).reset_index(drop=True),
    )


@pytest.mark.parametrize(
    'name',
    ['own_synthesizers:Bootstrap:log=', 'own_synthesizers:SDGymPair', 'own_synthesizers'],
)
def test_synthesizers_of_ones_own_are_found_by_path(name):
    training = adult().training
    bill = {}
    made = next(make_rows(parse_entry(name), training, 0, bill))
    assert made.rows.shape == training.rows.shape
    assert bill == {}


def test_a_synthesizer_that_writes_into_its_table_spoils_no_other(caplog):
    def train(rows: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        rows.drop(rows.index[3:], inplace=True)
        rows['age'] = 0
        return rows

    training = adult().training
    before = training.rows.copy()
    entry = Entry('greedy', lambda: SDGymSynthesizer(train, lambda rows, count: rows))
    assert next(make_rows(entry, training, 0, {})).rows['age'].tolist() == [0, 0, 0]
    pd.testing.assert_frame_equal(training.rows, before)
    assert f'greedy: 3 rows of {len(before)} were sampled; figures are theirs.' in caplog.text


def test_other_seeds_make_other_rows_and_the_same_seed_the_same():
    entry, training = parse_entry('gaussian-copula'), adult().training
    first, again, other = (next(make_rows(entry, training, seed, {})).rows for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


@pytest.mark.parametrize(
    ('text', 'settings'),
    [
        ('', {}),
        ('epochs=2,llm=ollama/qwen3:4b', {'epochs': 2, 'llm': 'ollama/qwen3:4b'}),
        ('verbose=false,seed=None,x=True', {'verbose': False, 'seed': None, 'x': True}),
        ('causal_graph=[["a", "b"]],epochs=1', {'causal_graph': [['a', 'b']], 'epochs': 1}),
        ('{"llm": "a,b=c"}', {'llm': 'a,b=c'}),
    ],
)
def test_settings_are_read(text, settings):
    assert parse_settings(text) == settings


def test_any_setting_reaches_llmgan_and_the_presets_are_its_settings(monkeypatch):
    seen = {}

    class Recorder:
        def __init__(self, metadata, *, seed, target, context, **settings):
            seen.update(settings, seed=seed, target=target)

        def fit(self, data):
            raise RuntimeError('enough')

    monkeypatch.setattr('sdv_llmgan.synthesizer.LLMGANSynthesizer', Recorder)
    names = ('distilled', 'llmgan:sampler=distilled,epochs=2', 'mallm-gan:epochs=3', 'synthia')
    for name in names:
        seen.clear()
        with pytest.raises(RuntimeError, match='enough'):
            next(make_rows(parse_entry(name), adult().training, 7, {}))
        if name.startswith('llmgan'):
            assert seen == {'sampler': 'distilled', 'epochs': 2, 'seed': 7, 'target': 'Income'}
        if name == 'distilled':
            assert (seen['llm'], seen['sampler']) == ('scripted', 'distilled')
        if name.startswith('mallm'):
            assert seen['epochs'] == 3
            assert seen['row_format'] == 'objects'
    assert seen['discriminator'] == 'llm'


def test_unknown_names_and_settings_are_refused_before_the_run():
    with pytest.raises(ValueError, match=r"Unknown synthesizer 'ctgam' .* There are: real, smote"):
        parse_entry('ctgam')
    with pytest.raises(ValueError, match=r"name=value, got 'fast'"):
        parse_entry('ctgan:fast')


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('ctgan:epcohs=1', r'CTGANSynthesizer takes no epcohs. It takes: .*epochs'),
        ('llmgan:epochs=1,sampller=llm', r'LLMGANSynthesizer takes no sampller. It takes: .*sampl'),
        ('distilled:epcohs=1', 'takes no epcohs'),
        ('own_synthesizers:Bootstrap:lgo=a', 'Bootstrap takes no lgo. It takes: seed, log.'),
        ('own_synthesizers:SDGymPair:log=a', 'takes no arguments'),
        ('real:seed=1', 'takes no arguments'),
    ],
)
def test_a_misspelt_setting_is_refused_before_the_run(text, words):
    with pytest.raises(ValueError, match=words) as refused:
        parse_entry(text)
    assert text in str(refused.value)


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['nothing'], "Unknown protocol 'nothing'"),
        (['missing.csv'], 'No missing.csv'),
        (['mallm-gan', '--data', 'nowhere'], '--data'),
        (['mallm-gan', '--tables', 'iris'], "no table ['iris']"),
        (['synthia', '--target', 'x'], '--target would be ignored with synthia: only a CSV file'),
        ([str(ADULT), '--test', 'few.csv', '--test-share', '0.5'], '--test or --test-share'),
        ([str(ADULT), '--metrics', 'mle'], 'needs the column to predict: name it with --target'),
        ([str(ADULT), '--synthesizers', 'ctgan:{"x'], 'name=value or a JSON object, got'),
        (['few.csv', '--rows', '25', '--data', '.'], '--data, --rows would be ignored with few'),
        ([str(ADULT), '--target', 'wage'], "'wage' is no column"),
        ([str(ADULT), '--synthesizers', 'ctgam'], 'Unknown synthesizer'),
        ([str(ADULT), '--synthesizers', 'ctgan:epcohs=1'], 'takes no epcohs'),
        ([str(ADULT), '--seeds', '0'], "--seeds: needs a whole number of at least 1, found '0'"),
        ([str(ADULT), '--seeds', '-1'], "--seeds: needs a whole number of at least 1, found '-1'"),
        ([str(ADULT), '--test-share', '2'], '--test-share: needs a share between 0 and 1'),
        ([str(ADULT), '--test-share', 'half'], "found 'half'"),
        ([str(ADULT), '--test', 'few.csv'], 'few.csv needs the columns of'),
        ([str(ADULT), '--test', 'few.csv'], "lacks ['workclass',"),
        ([str(ADULT), '--test', 'names.csv'], 'names.csv has 2 columns but no rows'),
        ([str(ADULT), '--test', str(ADULT)], 'needs rows that are not trained on'),
        ([str(ADULT), '--test', 'part.csv'], 'all are rows of'),
        ([str(ADULT), '--test', 'text.csv'], "has text in ['age']"),
        (['sizes.csv', '--target', 'size'], 'taken for a key or personal data: size (id)'),
        (['few.csv'], 'few.csv needs at least 2 rows, found 1'),
        (['names.csv'], 'names.csv has 2 columns but no rows'),
        (['empty.csv'], 'empty.csv is empty'),
        (['binary.csv'], 'binary.csv is no text file'),
        ([str(ADULT), '--metadata', str(ADULT)], "adult_100.csv needs to be SDV's metadata"),
        ([str(ADULT), '--metadata', 'none.json'], "none.json needs to be SDV's metadata"),
        ([str(ADULT), '--metadata', 'list.json'], "list.json needs to be SDV's metadata"),
        ([str(ADULT), '--metadata', 'other.json'], "in one file only: ['Income',"),
    ],
)
def test_the_command_line_says_what_is_wrong(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    texts = {'empty.csv': '', 'names.csv': 'age,job\n', 'few.csv': 'age,job\n41,nurse\n'}
    texts |= {'list.json': '[]', 'other.json': '{"tables": {}, "relationships": []}'}
    for name, text in texts.items():
        Path(name).write_text(text)
    rows = pd.read_csv(ADULT)
    rows[30:50].sample(frac=1, random_state=0)[rows.columns[::-1]].to_csv('part.csv', index=False)
    rows.assign(age='old').to_csv('text.csv', index=False)
    sizes = pd.DataFrame({'size': range(1_000, 1_060), 'kind': ['a', 'b'] * 30})
    sizes.to_csv('sizes.csv', index=False)
    Path('binary.csv').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, '--out', 'out'])
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err
    assert not Path('out').exists()


def test_a_size_that_no_table_has_is_refused_before_the_run(tmp_path, monkeypatch, capsys):
    sources = [
        Source('few', 'few.csv', None, 'ill', ''),
        Source('more', 'more.csv', None, 'ill', ''),
    ]
    for name, num_rows in (('few', 10), ('more', 20)):
        rows = pd.DataFrame({'age': range(num_rows), 'ill': ['y', 'n'] * (num_rows // 2)})
        rows.to_csv(tmp_path / f'{name}.csv', index=False)
    protocol = dataclasses.replace(PROTOCOLS['mallm-gan'], sources=sources)
    monkeypatch.setitem(PROTOCOLS, 'mallm-gan', protocol)
    out = tmp_path / 'out'
    arguments = ['mallm-gan', '--data', str(tmp_path), '--synthesizers', 'real', '--seeds', '1']
    arguments += ['--metrics', 'copied_rows', '--out', str(out), '--rows']
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, '26', '18'])
    assert stopped.value.code == 2
    assert 'No table has [26] training rows; there are: 9, 18.' in capsys.readouterr().err
    assert not out.exists()
    main([*arguments, '18'])
    assert read_results(out / 'results.csv')['table'].tolist() == ['more']


def test_progress_is_shown_although_a_synthesizer_takes_the_handlers_away(tmp_path):
    # As SDGym does, when it is imported.
    (tmp_path / 'thief.py').write_text(
        'import logging\nfrom own_synthesizers import *\nlogging.getLogger().handlers.clear()\n'
    )
    command = [sys.executable, '-m', 'sdv_llmgan.benchmark', str(ADULT), '--seeds', '1']
    command += ['--synthesizers', 'thief', '--metrics', 'copied_rows']
    command += ['--out', str(tmp_path / 'out')]
    path = os.pathsep.join([str(tmp_path), str(HERE), *sys.path])
    environment = {**os.environ, 'PYTHONPATH': path}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert 'adult_100, 80 rows, thief, seed 0: copies' in done.stderr


def test_dates_keys_and_missing_cells_pass_through_a_run(tmp_path):
    visits(60).to_csv(tmp_path / 'visits.csv', index=False)
    arguments = [str(tmp_path / 'visits.csv'), '--target', 'smoker', '--seeds', '1']
    main([*arguments, '--synthesizers', 'gaussian-copula', 'smote', '--out', str(tmp_path)])
    results = read_results(tmp_path / 'results.csv')
    assert results['error'].isna().all()
    assert results['mle'].notna().all()


def smote(rows: pd.DataFrame, target: str | None) -> pd.DataFrame:
    made = Smote()
    made.fit(TrainingTable('t', rows, metadata_by_dtypes(rows), target), 0)
    return made.sample(len(rows))


def test_smote_makes_rows_between_neighbours_of_a_class():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({'x': np.r_[rng.random(20), 10 + rng.random(10)].round(2)})
    rows['y'] = (rows['x'] * 2).round(1)
    rows['large'] = np.where(rows['x'] > 5, 'yes', 'no')
    made = smote(rows, 'large')
    assert len(made) == 30
    assert made['large'].value_counts().to_dict() == {'no': 20, 'yes': 10}
    assert ((made['x'] > 5) == (made['large'] == 'yes')).all()
    assert not (made['x'].between(1, 10, inclusive='neither')).any()
    assert (made['y'] - 2 * made['x']).abs().max() < 0.2
    assert made['y'].round(1).equals(made['y'])


@pytest.mark.parametrize(
    ('columns', 'target'),
    [
        (['ward', 'smoker', 'stage'], 'smoker'),
        (['age', 'weight', 'pressure'], 'weight'),
        (['age', 'ward', 'pressure', 'stage'], 'ward'),
    ],
)
def test_smote_takes_categories_numbers_and_missing_cells(columns, target):
    rows = visits(40)[columns]
    rows.loc[3, 'ward' if 'ward' in columns else 'age'] = np.nan
    made = smote(rows, target)
    assert made.columns.tolist() == columns
    assert len(made) >= 38
    for name in columns:
        if rows[name].dtype == object:
            assert set(made[name].dropna()) <= set(rows[name].dropna())


@pytest.mark.parametrize(
    ('written', 'declared'),
    [
        ('%d.%m.%Y', {'datetime_format': '%d.%m.%Y'}),
        ('%Y-%m-%d', {}),
        ('%Y-%m-%d %H:%M:%S', {}),
        (None, {}),
    ],
)
def test_smote_makes_dates_as_the_training_rows_have_them(written, declared):
    rows = visits(40)[['admitted', 'age', 'ward']]
    step = '7h' if written and '%H' in written else '3D'
    dates = pd.Series(pd.date_range('2024-01-01', periods=40, freq=step))
    rows['admitted'] = dates if written is None else dates.dt.strftime(written)
    rows.loc[5, 'admitted'] = None
    metadata = metadata_by_dtypes(rows)
    metadata['columns']['admitted'] = {'sdtype': 'datetime', **declared}
    made = Smote()
    made.fit(TrainingTable('t', rows, metadata, 'ward'), 0)
    admitted = made.sample(40)['admitted']
    assert admitted.dtype == rows['admitted'].dtype
    parsed = pd.to_datetime(admitted, format=written)
    assert parsed.between(dates.min(), dates.max()).all()
    assert not set(admitted) <= set(rows['admitted'])
    if step == '3D':
        assert (parsed == parsed.dt.normalize()).all()


def test_smote_leaves_a_class_of_one_row_out_and_needs_two_others():
    rows = pd.DataFrame({'x': [1.0, 2, 3, 4, 9], 'y': ['a', 'a', 'b', 'b', 'c']})
    assert set(smote(rows, 'y')['y']) == {'a', 'b'}
    with pytest.raises(ValueError, match='two classes of two rows'):
        smote(rows[1:3], 'y')
    with pytest.raises(ValueError, match='--target'):
        smote(rows, None)


def line(**changes: object) -> dict[str, object]:
    return {'table': 'adult', 'rows': 25, 'synthesizer': 'ctgan', 'seed': 0} | changes


def test_printed_figures_stand_beside_measured_ones(tmp_path):
    path = tmp_path / 'results.csv'
    append(path, line(mle=0.7))
    append(path, line(mle=0.8, seed=1))
    append(path, line(mle=0.9, synthesizer='own|mine'))
    append(path, line(mle=0.9, table='asia_cpt', rows=100))
    markdown = to_markdown(read_results(path), 'mallm-gan', {'asia_cpt': 'asia'})
    table = [row.strip('| ').split(' | ') for row in markdown.splitlines() if row.startswith('|')]
    cells = dict(zip(table[0], table[2], strict=True))
    assert table[0][:5] == ['table', 'rows', 'CTGAN', 'CTGAN (paper)', '`own\\|mine`']
    assert cells['CTGAN'] == '0.750 ± 0.071'
    assert cells['CTGAN (paper)'] == '0.72'
    assert cells['MALLM-GAN (paper)'] == '0.82'
    assert table[3][3] == '0.63'
    assert 'paper' not in to_markdown(read_results(path))


def test_cells_are_held_against_the_paper_and_the_best_of_sdv(tmp_path):
    path = tmp_path / 'results.csv'
    measured = {
        ('adult', 25): (0.83, 0.61),  # the paper has 0.82; a DCR share above 0.60
        ('asia', 25): (0.75, 0.50),  # 0.74
        ('asia_cpt', 25): (0.70, 0.50),  # the same figure, by 0.04
        ('insurance', 100): (0.70, 0.55),  # 0.72
        ('insurance', 200): (0.60, 0.50),  # 0.69
    }
    for (table, rows), (mle, dcr) in measured.items():
        cell = {'table': table, 'rows': rows}
        append(path, line(**cell, synthesizer='distilled', mle=mle, dcr_share=dcr))
        append(path, line(**cell, synthesizer='tvae', mle=0.65))
    append(path, line(table='asia_cpt', synthesizer='tvae', mle=0.70))  # a tie
    markdown = against_paper(read_results(path), 'distilled', {'asia_cpt': 'asia'})
    lines = [row[2:-2].split(' | ') for row in markdown.splitlines() if row.startswith('|')]
    misses = {(row[0], row[1]): row[-1].strip() for row in lines[2:7]}
    assert misses == {
        ('adult', '25'): 'DCR share',
        ('asia', '25'): '',
        ('asia_cpt', '25'): 'paper by 0.040',
        ('insurance', '100'): 'paper by 0.020',
        ('insurance', '200'): 'paper by 0.090, TVAE',
    }
    counts = [row[1:] for row in lines[9:]]
    assert counts == [['1', '4'], ['2', '4'], ['4', '5'], ['3', '5'], ['4', '5']]
    assert against_paper(read_results(path), 'ctgan', {}) == ''


def test_synthesizers_are_paired_by_seed(tmp_path):
    path = tmp_path / 'results.csv'
    cell = {'table': 'adult', 'rows': 25}
    took = {'calls': 129, 'completion_tokens': 7_000, 'fit_seconds': 60.0}
    for seed, mle, other in ((0, 0.80, 0.80), (1, 0.78, 0.74)):
        ours = {'seed': seed, 'mle': mle, 'dcr_share': 0.6, **took}
        append(path, line(**cell, synthesizer='llmgan', **ours))
        append(path, line(**cell, synthesizer='distilled', seed=seed, mle=other, dcr_share=0.59))
    append(path, line(**cell, synthesizer='distilled', seed=2, mle=0.1, dcr_share=0.5))
    said = paired(read_results(path), 'llmgan', 'distilled')
    assert '| adult | 25 | +0.020 ± 0.020 | +0.010 ± 0.000 | 129 | 7,000 | 60 |' in said
    assert 'Over 2 fits: ML efficacy +0.0200 ± 0.0200' in said
    assert said.endswith('no difference in ML efficacy to the last digit in 1.')
    assert paired(read_results(path), 'llmgan', 'ctgan') == ''


def test_the_page_shows_the_tables_of_the_results_that_are_kept():
    root = Path(__file__).parent.parent
    results = read_results(root / 'experiments/results/mallm-gan/results.csv')
    page = (root / 'docs/benchmarks.md').read_text(encoding='utf-8')
    asia = {'asia_cpt': 'asia'}
    cells, marks = against_paper(results, 'distilled', asia).split('\n\n')
    pairs, words = paired(results, 'llmgan', 'distilled').split('\n\n')
    for table in (cells, marks, pairs):
        assert table in page
    assert words in ' '.join(page.split())


def test_the_page_shows_the_full_tables_as_measured():
    root = Path(__file__).parent.parent
    results = read_results(root / 'experiments/results/synthia/results.csv')
    page = (root / 'docs/benchmarks.md').read_text(encoding='utf-8')
    metrics = ['alpha_precision', 'beta_recall', 'c2st', 'dcr_share']
    for (table, rows), ours in results[results['synthesizer'] == 'distilled'].groupby([
        'table',
        'rows',
    ]):
        assert len(ours) == 5
        shown = [
            f'{ours[metric].mean():.3f} ({printed("synthia", table, rows, metric)["synthia"]:.3f})'
            for metric in metrics
        ]
        seconds = f'{ours["fit_seconds"].mean():.0f} | {ours["sample_seconds"].mean():.1f}'
        line = (
            f'| {table} | {rows} | {" | ".join(shown)} | {ours["copies"].sum():.0f} | {seconds} |'
        )
        assert line in page


def test_the_plot_has_a_panel_a_table_and_a_line_a_synthesizer(tmp_path):
    path = tmp_path / 'results.csv'
    for seed, table, rows in ((0, 'adult', 25), (1, 'adult', 25), (0, 'adult', 50), (0, 'x', 50)):
        append(path, line(mle=0.7 + seed / 10, seed=seed, table=table, rows=rows))
    figure = plot(read_results(path), 'mle')
    assert [note.text for note in figure.layout.annotations] == ['adult', 'x']
    assert figure.layout.xaxis.ticktext == ('25', '50')
    assert figure.layout.xaxis2.ticktext == ('50',)
    assert list(figure.data[0].y) == pytest.approx([0.75, 0.7])
    assert [trace.showlegend for trace in figure.data] == [True, False]


def test_synthesizers_stand_side_by_side_in_a_plot_with_the_papers_figures(tmp_path):
    path = tmp_path / 'results.csv'
    for name in ('ctgan', 'tvae'):
        for rows in (25, 50):
            append(path, line(mle=0.7, synthesizer=name, rows=rows, table='asia_cpt'))
    figure = plot(read_results(path), 'mle', 'mallm-gan', {'asia_cpt': 'asia'})
    traces = {trace.name: trace for trace in figure.data}
    assert list(traces) == ['CTGAN', 'CTGAN (paper)', 'TVAE', 'TVAE (paper)', 'MALLM-GAN (paper)']
    first, second = traces['CTGAN'].x, traces['TVAE'].x
    assert first[0] < second[0] < first[1]
    assert traces['CTGAN (paper)'].x == first
    assert traces['CTGAN (paper)'].y == (0.75, 0.41)
    assert traces['MALLM-GAN (paper)'].y == (0.74, 0.82)
    assert [name for name, trace in traces.items() if trace.showlegend] == [
        'CTGAN',
        'TVAE',
        'MALLM-GAN (paper)',
    ]
    assert 'paper' in figure.layout.title.text
    assert 'paper' not in plot(read_results(path), 'mle').layout.title.text


def test_figures_of_the_papers_are_found_by_cell():
    insurance = printed('mallm-gan', 'insurance', 100, 'mle')
    assert insurance['tabddpm'] == -5.26
    assert insurance['mallm-gan'] == 0.72
    assert 'tabpfn' not in printed('mallm-gan', 'adult', 800, 'mle')
    assert printed('synthia', 'magic', 17118, 'dcr_share')['tabddpm'] == 0.784
    assert printed('synthia', 'heart', 273, 'alpha_precision')['synthia'] == 0.991
    assert printed('mallm-gan', 'adult', 33, 'mle') == {}


@pytest.mark.skipif(not DATA.is_dir(), reason=f'the benchmark data is not at {DATA}')
@pytest.mark.parametrize('name', PROTOCOLS)
def test_every_table_of_a_protocol_is_there(name):
    for source in PROTOCOLS[name].sources:
        table = source.load(DATA)
        assert source.target in table.training.metadata['columns']
        assert set(table.training.rows.columns) == set(table.test.columns)
        assert len(table.test) >= 30
        assert set(source.categorical) <= set(table.training.rows.columns)


def test_columns_of_the_results_are_those_that_are_documented():
    assert COLUMNS[:4] == ('table', 'rows', 'synthesizer', 'seed')
    assert len(set(COLUMNS)) == len(COLUMNS)


def test_one_class_serves_both_lines_of_sdv(monkeypatch):
    given = []

    class Seen(Bootstrap):
        def fit(self, data):
            given.append(type(data))
            super().fit(data)

    for takes_dict in (True, False):
        monkeypatch.setattr(synthesizers, 'TAKES_DICT', takes_dict)
        next(make_rows(Entry('own', lambda: SDVSynthesizer(Seen, {})), adult().training, 0, {}))
    assert given == [dict, pd.DataFrame]
