from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tables import visits

from sdv_llmgan.benchmark.ablation import ABLATION, NOT_ASKED, STAGES, gains
from sdv_llmgan.benchmark.cli import main
from sdv_llmgan.benchmark.runner import read_results
from sdv_llmgan.benchmark.steps import plot_steps, read_steps, write_steps
from sdv_llmgan.benchmark.synthesizers import parse_entries

pytestmark = pytest.mark.filterwarnings('ignore')


def history(scores: list[float]) -> pd.DataFrame:
    """What ``get_history`` has of so many steps."""
    columns = ('standard_error', 'best', 'accepted', 'rejected', 'calls', 'tokens', 'seconds')
    return pd.DataFrame({'score': scores, 'first_score': scores}).assign(
        **dict.fromkeys(columns, 1)
    )


def test_each_stage_has_one_part_more_than_the_one_before():
    settings = list(STAGES.values())
    changed = [
        {name for name in {*before, *after} if before.get(name) != after.get(name)}
        for before, after in zip(settings, settings[1:], strict=False)
    ]
    assert changed == [
        {'causal_graph'},
        {'knowledge'},
        {'optimize', 'epochs', 'max_batches'},
        {'sampler', 'futility'},
    ]


def test_a_model_is_named_once_for_all_that_ask_one():
    labels = [entry.label for entry in parse_entries(['ablation', 'real'], 'scripted')]
    assert labels == [
        'real',
        'distilled',
        *(f'{name}:llm=scripted' for name in STAGES),
    ]
    own = parse_entries(['few-shot:llm=local', '+graph:epochs=2'], 'scripted')
    assert [entry.label for entry in own] == [
        'few-shot:llm=local',
        '+graph:llm=scripted,epochs=2',
    ]


def test_gains_are_of_the_same_table_seed_and_number_of_rows():
    results = pd.DataFrame(
        [
            ('a', 25, 'distilled', 0, 0.5, 0.5),
            ('a', 25, '+loop', 0, 0.6, 0.4),
            ('b', 25, 'distilled', 0, 0.7, 0.5),
            ('b', 25, '+loop', 0, 0.6, 0.6),
            ('a', 25, 'distilled, 300 rows', 0, 0.9, 0.5),
            ('a', 25, '+loop, 300 rows', 0, 0.7, 0.5),
        ],
        columns=['table', 'rows', 'synthesizer', 'seed', 'mle', 'dcr_share'],
    )
    lines = [
        [cell.strip() for cell in line.strip('|').split('|')]
        for line in gains(results, [300]).splitlines()[2:]
    ]
    assert lines == [
        ['`+loop`', 'as trained on', '+0.000 ± 0.100', '+0.000 ± 0.100', '', '-0.100', '2 (2)'],
        ['`+loop`', '300', '-0.200', '+0.000', '', '-0.200', '1 (1)'],
    ]
    assert gains(results[results['synthesizer'] == 'distilled']) == ''


COLUMNS = ['table', 'rows', 'synthesizer', 'seed', 'mle', 'dcr_share']


def test_runs_with_other_seeds_say_how_far_they_scatter():
    lines = [
        ('a', 25, name, seed, figure, 0.5)
        for name, figures in {'distilled': (0.5, 0.5), '+loop': (0.6, 0.8)}.items()
        for seed, figure in enumerate(figures)
    ]
    told = gains(pd.DataFrame(lines, columns=COLUMNS)).splitlines()
    cells = [cell.strip() for cell in told[2].strip('|').split('|')]
    assert told[0].startswith(
        '| synthesizer | rows drawn | ML efficacy | DCR share | scatter of runs'
    )
    assert cells == ['`+loop`', 'as trained on', '+0.200', '+0.000', '0.141', '+0.200', '1 (2)']


def test_a_line_says_why_knowledge_brought_nothing_where_the_model_was_not_asked():
    def told(knowledge: float) -> str:
        figures = {'distilled': 0.5, '+graph:llm=local': 0.6, '+knowledge:llm=local': knowledge}
        lines = [('a', 25, name, 0, figure, 0.5) for name, figure in figures.items()]
        return gains(pd.DataFrame(lines, columns=COLUMNS))

    assert told(0.6).endswith(NOT_ASKED)
    assert 'not asked' not in told(0.7)


def test_help_names_every_file_and_missing_tables_say_where_they_come_from(capsys, tmp_path):
    with pytest.raises(SystemExit):
        main(['--help'])
    shown = ' '.join(capsys.readouterr().out.split())
    assert 'steps.csv' in shown
    assert 'runs of each with other seeds, whose scatter is told' in shown
    for arguments, words in (
        (
            ['ablation', '--data', str(tmp_path)],
            'docs/does-the-model-help.md says where they come from',
        ),
        (['ablation', '--data', str(tmp_path)], 'examples/adult_100.csv'),
        ([str(tmp_path / 'mine.csv'), '--target', 'a'], 'Name a CSV file that is there.'),
    ):
        with pytest.raises(SystemExit):
            main([*arguments, '--llm', 'scripted', '--out', str(tmp_path / 'out')])
        assert words in capsys.readouterr().err


def test_the_steps_of_a_fit_that_is_measured_again_take_the_place_of_the_old_ones(tmp_path):
    path = tmp_path / 'steps.csv'
    write_steps(path, ('a', 25, '+loop', 0), history([0.5, 0.4]))
    write_steps(path, ('a', 25, '+loop', 1), history([0.3]))
    write_steps(path, ('a', 25, '+loop', 0), history([0.2, 0.1, 0.0]))
    steps = read_steps(path)
    assert steps['seed'].tolist() == [1, 0, 0, 0]
    assert steps['score'].tolist() == [0.3, 0.2, 0.1, 0.0]
    assert plot_steps(steps[steps['seed'] == 1]) is None
    assert [trace.name for trace in plot_steps(steps).data] == ['+loop']


def test_every_stage_is_measured_and_a_line_says_what_it_gains(tmp_path):
    table = tmp_path / 'visits.csv'
    visits(60).to_csv(table, index=False)
    out = tmp_path / 'out'
    arguments = [str(table), '--llm', 'scripted', '--seeds', '1', '--metrics', 'dcr_share']
    stages = ['--synthesizers', 'distilled', 'few-shot', '+graph', '+loop:max_batches=2']
    main([*arguments, *stages, '--draw', '80', '--out', str(out)])
    results = read_results(out / 'results.csv')
    assert results['error'].isna().all()
    assert results.set_index('synthesizer')['sampled'].to_dict() == {
        'distilled': 48,
        'distilled, 80 rows': 80,
        'few-shot:llm=scripted': 48,
        'few-shot:llm=scripted, 80 rows': 80,
        '+graph:llm=scripted': 48,
        '+graph:llm=scripted, 80 rows': 80,
        '+loop:llm=scripted,max_batches=2': 48,
        '+loop:llm=scripted,max_batches=2, 80 rows': 80,
    }
    steps = read_steps(out / 'steps.csv')
    assert steps.groupby('synthesizer')['step'].max().to_dict() == {
        'few-shot:llm=scripted': 1,
        '+graph:llm=scripted': 1,
        '+loop:llm=scripted,max_batches=2': 2,
    }
    assert np.isfinite(steps['score']).all()
    assert 'Gain over distilled' in (out / 'tables.md').read_text()
    assert 'Told from real rows, by batch' in (out / 'plots.html').read_text()


def test_the_names_of_an_ablation_begin_with_what_needs_no_model():
    assert ABLATION[:2] == ('real', 'distilled')
