from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import graphviz
import networkx as nx
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
import sdv_lines
from hypothesis import given, settings
from hypothesis import strategies as st
from sdv.sampling import Condition
from tables import AGE_JOB, visits, visits_metadata

from sdv_llmgan import (
    CausalGraph,
    GenerationProcess,
    LLMGANSynthesizer,
    RangeCondition,
    ScriptedProvider,
    Verdict,
    plots,
)
from sdv_llmgan.analysis import analyze
from sdv_llmgan.loop.history import History, Step
from sdv_llmgan.metrics import DCRShare
from sdv_llmgan.table.schema import Column, TableSchema

PLAIN = pd.DataFrame({'age': [20.0, 30.0, 40.0, 50.0] * 5, 'job': ['nurse', 'clerk'] * 10})
SHIFTED = PLAIN.assign(age=PLAIN['age'] + 30)
REAL, METADATA = visits(60), visits_metadata()
PROCESS = GenerationProcess('', AGE_JOB, CausalGraph((('age', 'job'),)))


def step(score: float | None, synthetic: pd.DataFrame | None = None, **facts: object) -> Step:
    usual = {'process': PROCESS, 'accepted': 20, 'rejected': Counter({'age: high': 2})}
    made = Step(0, 0, **{**usual, **facts})
    if score is not None:
        made.verdict = Verdict(np.full(20, 0.5), score, 0.5, 0.7)
        made.real, made.synthetic = PLAIN, PLAIN if synthetic is None else synthetic
        made.first_score = score
    return made


def history(*steps: Step) -> History:
    made = History()
    made.steps = list(steps)
    return made


def trace(figure: go.Figure, name: str) -> object:
    [found] = [trace for trace in figure.data if trace.name == name]
    return found


def test_steps_show_scores_rows_and_the_best():
    figure = plots.get_steps_plot(history(step(0.8), step(None, accepted=1), step(0.3)))
    assert trace(figure, 'score').y[0] == 0.8
    assert np.isnan(trace(figure, 'score').y[1])
    assert trace(figure, 'best').x == (2,)
    assert trace(figure, 'accepted rows').y == (20, 1, 20)
    assert trace(figure, 'rejected rows').y == (2, 2, 2)
    assert trace(figure, 'rejected rows').customdata[0] == '<br>2: age: high'


@pytest.mark.parametrize(
    'steps', [[], [step(None)], [step(0.5)], [step(float('nan'))], [step(0.1)] * 60]
)
def test_a_history_of_any_length_and_with_any_scores_is_drawn(steps):
    for draw in (plots.get_steps_plot, plots.get_diagnostics_plot):
        assert draw(history(*steps)).to_json()
    assert plots.get_graph_distance_plot(history(*steps), []).to_json()


def test_diagnostics_are_high_for_rows_that_are_alike_and_low_for_those_that_are_not():
    [heat] = plots.get_diagnostics_plot(history(step(0.1), step(0.9, SHIFTED), step(None))).data
    rows = [row[0] for row in heat.customdata]
    by_name = dict(zip(rows, heat.z, strict=True))
    assert rows[-1] == 'all (phi)'
    assert by_name['age'][0] > 0.95 > 0.6 > by_name['age'][1]
    assert by_name['job'][0] == by_name['job'][1] > 0.95
    assert by_name['all (phi)'][0] > by_name['all (phi)'][1]
    assert np.isnan(heat.z[:, 2]).all()


def test_diagnostics_that_a_discriminator_asked_for_are_taken_as_they_are():
    made = step(0.1)
    diagnostics = analyze(PLAIN, SHIFTED, AGE_JOB)
    made.verdict = Verdict(np.full(20, 0.5), 0.1, 0.5, 0.7, diagnostics=diagnostics)
    [heat] = plots.get_diagnostics_plot(history(made)).data
    assert heat.z[-1][0] == pytest.approx(diagnostics.score)


def test_the_distance_to_a_known_graph_is_drawn_by_step():
    other = PROCESS.revised(causal_graph=CausalGraph((('job', 'age'),)))
    figure = plots.get_graph_distance_plot(
        history(step(0.5), step(0.4, process=other)), [('age', 'job')]
    )
    assert figure.data[0].y == (0, 2)


def test_a_known_graph_of_other_columns_is_an_error():
    with pytest.raises(ValueError, match='columns that the model does not see: agee'):
        plots.get_graph_distance_plot(history(step(0.5)), [('agee', 'job')])


names = st.sampled_from('abcd')
graphs = st.lists(st.tuples(names, names), max_size=5).map(
    lambda edges: CausalGraph().changed(edges)[0]
)


@settings(max_examples=25, deadline=None)
@given(graphs, graphs)
def test_the_distance_between_graphs_is_their_edit_distance(one, other):
    drawn = [graph.to_networkx('abcd') for graph in (one, other)]
    for graph in drawn:
        nx.set_node_attributes(graph, {name: name for name in graph}, 'name')
    expected = nx.graph_edit_distance(
        *drawn, node_subst_cost=lambda a, b: 0 if a['name'] == b['name'] else 1_000
    )
    assert one.distance(other) == expected


def compared() -> nx.DiGraph:
    before = CausalGraph((('a', 'b'), ('b', 'c'))).to_networkx('abcd')
    after = CausalGraph((('a', 'b'), ('c', 'b'))).to_networkx('abcd')
    return plots.compare_causal_graphs(before, after)


def test_two_graphs_as_one_say_what_was_kept_added_and_removed():
    assert dict(nx.get_edge_attributes(compared(), 'change')) == {
        ('a', 'b'): 'kept',
        ('c', 'b'): 'added',
        ('b', 'c'): 'removed',
    }
    assert list(compared()) == list('abcd')


def test_graphviz_draws_removed_edges_red_and_dashed():
    source = plots.visualize_causal_graph(compared()).source
    assert '1 -> 2 [color="#FF0000" style=dashed]' in source
    assert '2 -> 1 [color="#36B37E" style=bold]' in source


def test_graphviz_takes_any_name_as_text():
    graph = nx.DiGraph([('a:b', '<b>"x"\\n</b>')])
    source = plots.visualize_causal_graph(graph).source
    assert '0 [label="a:b"]' in source
    assert '0 -> 1' in source
    assert '<b>\\"x\\"\\\\n</b>' in source


def test_a_file_without_dot_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(graphviz.ExecutableNotFound, match='PATH'):
        plots.visualize_causal_graph(compared(), tmp_path / 'graph.png')


def places(figure: go.Figure) -> dict[str, tuple[float, float]]:
    return {note.text: (note.x, note.y) for note in figure.layout.annotations}


def test_causes_stand_left_of_their_effects_and_no_two_columns_in_one_place():
    rng = np.random.default_rng(0)
    names = [f'column {number}' for number in range(40)]
    edges = [tuple(map(str, rng.choice(names, 2, replace=False))) for _ in range(60)]
    graph, _ = CausalGraph().changed(edges)
    found = places(plots.get_causal_graph_plot(graph.to_networkx(names)))
    assert len(set(found.values())) == len(found) == 40
    assert all(found[cause][0] < found[effect][0] for cause, effect in graph.edges)


def test_each_edge_is_a_line_and_an_arrow():
    figure = plots.get_causal_graph_plot(compared())
    for change, dash in (('kept', 'solid'), ('added', 'solid'), ('removed', 'dash')):
        line, arrows = (trace for trace in figure.data if trace.legendgroup == change)
        assert line.line.dash == dash
        assert sum(size > 0 for size in arrows.marker.size) == 1
    assert '2 edges, 1 added, 1 removed' in figure.layout.title.subtitle.text


@pytest.mark.parametrize('graph', [nx.DiGraph(), CausalGraph().to_networkx(['alone'])])
def test_a_graph_without_edges_is_drawn(graph):
    assert '0 edges' in plots.get_causal_graph_plot(graph).layout.title.subtitle.text


def test_names_are_cut_in_the_middle_and_never_read_as_markup():
    names = [f'<b>a very long name of a column</b> {number}' for number in range(3)]
    schema = TableSchema(tuple(Column(name, 'integer', minimum=0, maximum=9) for name in names))
    figure = plots.get_causal_graph_plot(CausalGraph().to_networkx(schema.names))
    shown = [note.text for note in figure.layout.annotations]
    assert len(set(shown)) == 3
    assert all(text.startswith('&lt;b&gt;a very') for text in shown)


def test_copies_lie_at_distance_zero_from_training_rows_and_fresh_rows_do_not():
    train, held_out = REAL[:30], REAL[30:]
    copies, fresh = train.sample(20, random_state=0), visits(20, seed=9)
    for synthetic, share_at_zero in ((copies, 1.0), (fresh, 0.0)):
        figure = plots.get_dcr_plot(train, synthetic, held_out, METADATA)
        curve = trace(figure, 'to training rows')
        assert max([0, *curve.y[curve.x == 0]]) == share_at_zero
        share = DCRShare.compute(train, synthetic, METADATA, held_out_data=held_out)
        assert f'{share:.0%} of rows' in figure.layout.title.subtitle.text
    assert share < 0.8


def test_tables_are_taken_as_either_line_of_sdv_gives_them():
    tables = REAL[:30], visits(20, seed=9), REAL[30:]
    named = [{'visits': table} for table in tables]
    plain, by_name = plots.get_dcr_plot(*tables, METADATA), plots.get_dcr_plot(*named, METADATA)
    assert plain.to_json() == by_name.to_json()
    assert plots.get_map_plot(named[0], named[1], METADATA).data


def test_more_training_rows_are_not_nearer_by_their_number_alone():
    figure = plots.get_dcr_plot(visits(400, 1), visits(200, 2), visits(100, 3), METADATA)
    medians = [np.interp(0.5, curve.y, curve.x) for curve in figure.data]
    assert medians[0] == pytest.approx(medians[1], rel=0.15)


def test_many_rows_make_a_curve_of_few_points():
    figure = plots.get_dcr_plot(visits(50, 1), visits(3_000, 2), visits(50, 3), METADATA)
    assert len(figure.data[0].x) <= 400
    assert figure.data[0].y[-1] == 1


def test_dcr_needs_rows_of_all_kinds():
    with pytest.raises(ValueError, match='synthetic table must have at least one row, found none'):
        plots.get_dcr_plot(REAL, REAL[:0], REAL, METADATA)


def test_a_map_sets_apart_what_differs_and_not_what_is_alike():
    alike = visits(60, seed=4)
    older = alike.assign(age=alike['age'] + 300, weight=alike['weight'] + 900)
    for synthetic, is_far in ((alike, False), (older, True)):
        real, drawn = plots.get_map_plot(REAL, synthetic, METADATA).data
        gap = abs(np.median(real.x) - np.median(drawn.x)) + abs(
            np.median(real.y) - np.median(drawn.y)
        )
        assert (gap > 1) == is_far


def test_rows_of_a_map_are_colored_by_the_first_condition_that_they_meet():
    conditions = {
        'old': RangeCondition({'age': (60, None)}),
        'north': Condition({'ward': 'north'}),
    }
    figure = plots.get_map_plot(REAL, REAL[:40], METADATA, conditions=conditions)
    counts = {trace.name: len(trace.x) for trace in figure.data}
    some = REAL[:40]
    assert counts['synthetic: old'] == (some['age'] >= 60).sum()
    assert counts['synthetic: north'] == ((some['age'] < 60) & (some['ward'] == 'north')).sum()
    assert sum(counts.values()) == 100
    assert counts['real: old'] == (REAL['age'] >= 60).sum()


def test_labels_color_synthetic_rows_and_rare_ones_share_a_grey():
    labels = [number % 9 for number in range(50)]
    figure = plots.get_map_plot(REAL, REAL[:50], METADATA, labels=labels)
    assert [trace.name for trace in figure.data][:2] == ['real', 'synthetic: other']
    assert len(figure.data) == 8
    with pytest.raises(ValueError, match='for each of the 50 synthetic rows'):
        plots.get_map_plot(REAL, REAL[:50], METADATA, labels=[1, 2])


def test_a_map_of_no_synthetic_rows_or_of_one_feature_is_drawn():
    assert len(plots.get_map_plot(REAL, REAL[:0], METADATA).data) == 1
    single = pd.DataFrame({'x': [1.0, 2.0, 3.0]})
    assert plots.get_map_plot(single, single).data[0].y.tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match='at least 2 real rows, got 1'):
        plots.get_map_plot(REAL[:1], REAL, METADATA)


@pytest.mark.parametrize('condition', [RangeCondition({'agee': 3}), 3])
def test_a_condition_that_cannot_be_drawn_is_an_error(condition):
    with pytest.raises(ValueError, match="condition 'x' must be a Condition or RangeCondition on"):
        plots.get_map_plot(REAL, REAL, METADATA, conditions={'x': condition})
    with pytest.raises(ValueError, match='A DataFrame, or {name: DataFrame}, is needed, got None'):
        plots.get_dcr_plot(REAL, REAL, None, METADATA)


def test_umap_is_used_where_it_is_installed_and_else_named(monkeypatch):
    class UMAP:
        def __init__(self, neighbors: int, **settings: object) -> None:
            assert (neighbors, settings['n_components']) == (15, 2)

        def fit_transform(self, table):
            return table[:, :2]

    monkeypatch.setitem(sys.modules, 'umap', None)
    with pytest.raises(ImportError, match='pip install umap-learn'):
        plots.get_map_plot(REAL, REAL, METADATA, method='umap')
    module = ModuleType('umap')
    module.UMAP = UMAP
    monkeypatch.setitem(sys.modules, 'umap', module)
    assert plots.get_map_plot(REAL, REAL, METADATA, method='umap').layout.xaxis.title.text == (
        'UMAP 1'
    )
    with pytest.raises(ValueError, match="'pca' or 'umap'"):
        plots.get_map_plot(REAL, REAL, METADATA, method='tsne')


def test_pictures_need_no_matplotlib():
    package = Path(plots.__file__).parent.parent
    for path in package.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                assert 'matplotlib' not in ast.unparse(node), path
    code = 'import sys, sdv_llmgan.plots; assert "matplotlib" not in sys.modules'
    subprocess.run([sys.executable, '-c', code], check=True, timeout=240)


def test_the_loss_curve_shows_a_fit_of_one_epoch():
    made = LLMGANSynthesizer(
        METADATA, llm='scripted', max_batches=1, sampler='llm', causal_graph='none', cache=False
    )
    sdv_lines.fit(made, REAL)
    curves = made.get_loss_values_plot().data
    assert [curve.mode for curve in curves] == ['lines+markers'] * 2
    assert [len(curve.x) for curve in curves] == [1, 1]


@pytest.mark.filterwarnings('ignore:None of 1 batches')
def test_the_loss_curve_of_a_fit_without_a_verdict_is_empty():
    made = LLMGANSynthesizer(
        METADATA,
        llm=ScriptedProvider(script=['no']),
        max_batches=1,
        causal_graph='none',
        sampler='llm',
        cache=False,
    )
    sdv_lines.fit(made, REAL)
    assert not any(len(curve.x) for curve in made.get_loss_values_plot().data)
    assert plots.get_steps_plot(made.history).to_json()
