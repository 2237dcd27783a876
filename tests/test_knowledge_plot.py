"""One picture of what a fit knows, by the figure's data."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
import sdv_lines
from sdv.errors import NotFittedError
from sdv.metadata import Metadata
from tables import bills, visits, visits_metadata

from sdv_llmgan import LLMGANSynthesizer, plots
from sdv_llmgan.loop.fitted_model import FittedModel
from sdv_llmgan.plots.conditionals import Side, draw_conditional, missing_words
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.knowledge import Effect, Knowledge
from sdv_llmgan.process.limits import Bound, Limit
from sdv_llmgan.samplers.local import LocalSampler
from sdv_llmgan.table.schema import Column

TABLE = bills(60)
METADATA = Metadata.load_from_dict({
    'tables': {
        'bills': {
            'columns': {
                'age': {'sdtype': 'numerical'},
                'smoker': {'sdtype': 'categorical'},
                'ward': {'sdtype': 'categorical'},
                'charges': {'sdtype': 'numerical'},
            }
        }
    },
    'relationships': [],
    'METADATA_SPEC_VERSION': 'V1',
})
KNOWLEDGE = Knowledge(
    effects=(
        Effect('age', 'charges', 'raises', size='moderate', sure='sure'),
        Effect('smoker', 'charges', 'raises', 'yes', size='strong', sure='sure'),
        Effect('age', 'smoker', 'lowers', effect_level='yes', size='weak', sure='unsure'),
        Effect('ward', 'smoker', 'raises', 'A', 'yes'),
        Effect('ward', 'smoker', 'lowers', 'B', 'yes'),
    ),
    limits=(Limit(Bound('charges', at_least=0)),),
)


def fitted(**settings: object) -> LLMGANSynthesizer:
    usual = {'sampler': 'distilled', 'causal_graph': [('smoker', 'charges'), ('ward', 'age')]}
    made = LLMGANSynthesizer(
        METADATA,
        llm='scripted',
        cache=False,
        max_batches=1,
        **{**usual, 'knowledge': KNOWLEDGE, **settings},
    )
    sdv_lines.fit(made, TABLE)
    return made


@pytest.fixture(scope='module')
def synthesizer() -> LLMGANSynthesizer:
    return fitted()


@pytest.fixture(scope='module')
def figure(synthesizer: LLMGANSynthesizer) -> go.Figure:
    return plots.get_knowledge_plot(synthesizer, num_rows=200)


class Told(LocalSampler):
    """Draws as the local sampler does, with shares and gain that a test sets."""

    shares = {
        'age': {'real': 0.5, 'knowledge': 0.3, 'generated': 0.2},
        'smoker': {'real': 0.1, 'knowledge': 0.0, 'generated': 0.9},
        'ward': {'real': 1.0, 'knowledge': 0.0, 'generated': 0.0},
        'charges': {'real': 1.0, 'knowledge': 0.0, 'generated': 0.0},
    }

    @property
    def learned_from(self) -> dict[str, dict[str, float]]:
        return self.shares

    @property
    def gain(self) -> dict[str, float]:
        return dict.fromkeys(self.shares, 0.2)


class Holding:
    """Stands for a synthesizer with this fitted model."""

    def __init__(self, model: FittedModel) -> None:
        self.model = model

    def get_fitted_model(self) -> FittedModel:
        return self.model


def holding(synthesizer: LLMGANSynthesizer, **changes: object) -> Holding:
    return Holding(replace(synthesizer.get_fitted_model(), **changes))


def scatters(figure: go.Figure, mode: str) -> list[go.Scatter]:
    return [one for one in figure.data if one.type == 'scatter' and one.mode == mode]


def lines(figure: go.Figure) -> list[go.Scatter]:
    """Lines of edges, without their arrows."""
    return scatters(figure, 'lines')


def signs(figure: go.Figure) -> dict[str, str]:
    """The sign of each edge, by its name for pointing at it."""
    return {
        told.partition('</b>')[0].removeprefix('<b>'): sign
        for one in scatters(figure, 'markers+text')
        for told, sign in zip(one.customdata, one.text, strict=True)
    }


def nodes(figure: go.Figure) -> dict[str, str]:
    """What pointing at a node tells, by column."""
    told = next(one for one in scatters(figure, 'markers') if one.hovertemplate)
    return {text.partition('</b>')[0].removeprefix('<b>'): text for text in told.customdata}


def panels(figure: go.Figure) -> list[str]:
    return [
        note.text.partition('<br>')[0] for note in figure.layout.annotations if '<b>' in note.text
    ]


def test_a_known_effect_has_the_sign_of_its_direction_with_a_question_mark_if_unsure(figure):
    assert signs(figure) == {
        'age → charges': '+',
        'smoker → charges': '+',
        'age → smoker': '−?',
        'ward → smoker': '±',
    }


def test_colors_of_signs_differ_and_the_legend_names_each_once(figure):
    named = {one.name: one.line.color for one in lines(figure) if one.showlegend}
    assert list(named) == [
        'no effect known',
        '+ raises',
        '− lowers',
        '± by level, ∩ peaks, ∪ dips',
    ]
    assert len(set(named.values())) == 4
    assert sum(bool(one.showlegend) for one in lines(figure)) == 4


def test_an_edge_is_the_wider_the_larger_its_effect(synthesizer):
    sizes = ('weak', 'moderate', 'strong')
    widths = []
    for size in sizes:
        known = Knowledge((Effect('age', 'charges', 'raises', size=size),))
        model = synthesizer.get_fitted_model()
        process = replace(model.process, knowledge=known, causal_graph=CausalGraph())
        drawn = plots.get_knowledge_plot(
            holding(synthesizer, process=process, known=Knowledge()), columns=[]
        )
        [line] = lines(drawn)
        widths.append(line.line.width)
    assert widths == sorted(set(widths))


def test_edges_of_the_graph_alone_are_dotted_and_have_no_sign(figure):
    [dotted] = [one for one in lines(figure) if one.line.dash == 'dot']
    assert dotted.name == 'no effect known'
    assert dotted.x.count(None) == 1
    assert 'ward → age' not in signs(figure)
    assert (
        'known effects: 5 (wide: strong, ?: unsure), other edges: 1'
        in figure.layout.title.subtitle.text
    )


def test_pointing_at_a_sign_tells_its_effects_and_whether_the_graph_has_it(figure):
    told = [text for one in scatters(figure, 'markers+text') for text in one.customdata]
    [smoker] = [text for text in told if '<b>smoker → charges</b>' in text]
    [age] = [text for text in told if '<b>age → charges</b>' in text]
    assert smoker.replace('<br>', ' ') == (
        '<b>smoker → charges</b> "smoker" = "yes" raises "charges" (strong, sure)'
    )
    assert age.endswith('not in the causal graph')


def test_effects_that_close_a_cycle_are_drawn_too(synthesizer):
    model = synthesizer.get_fitted_model()
    known = Knowledge((
        Effect('age', 'charges', 'raises', size='strong'),
        Effect('charges', 'age', 'peaks', size='weak'),
    ))
    process = replace(
        model.process, knowledge=known, causal_graph=CausalGraph((('charges', 'age'),))
    )
    drawn = plots.get_knowledge_plot(
        holding(synthesizer, process=process, known=Knowledge()), columns=[]
    )
    assert signs(drawn) == {'age → charges': '+', 'charges → age': '∩'}
    places = {note.text: note.x for note in drawn.layout.annotations}
    assert places['age'] < places['charges']


def test_disks_in_each_other_have_the_areas_of_the_shares(synthesizer):
    told = Told(distilled=synthesizer.get_fitted_model().chosen.distilled)
    drawn = plots.get_knowledge_plot(holding(synthesizer, chosen=told), num_rows=50)
    disks = {one.name: one for one in drawn.data if one.name and one.name.startswith('from ')}
    assert list(disks) == ['from your rows', 'from what was known before', "from the model's rows"]
    names = list(nodes(drawn))
    whole = disks['from your rows'].marker.size[0] ** 2
    within = {
        name: [
            round(disk.marker.size[names.index(name)] ** 2 / whole, 6) for disk in disks.values()
        ]
        for name in names
    }
    assert within['age'] == [1, 0.5, 0.2]
    assert within['smoker'] == [1, 0.9, 0.9]
    assert within['ward'] == [1, 0, 0]
    text = nodes(drawn)['age'].replace('<br>', ' ')
    assert "50% from your rows, 30% from what was known before, 20% from the model's rows" in text
    assert "with the model's rows: better (+0.200 ± 0.016)" in text
    assert panels(drawn)[0].startswith('<b>smoker</b>')
    assert panels(drawn)[1].startswith('<b>age</b>')


def test_pointing_at_a_column_tells_its_limits_and_how_far_they_are_trusted(figure, synthesizer):
    [(words, trust)] = synthesizer.get_fitted_model().limits.items()
    text = nodes(figure)['charges'].replace('<br>', ' ')
    assert f'limit (trusted {trust:.0%}): {words}' in text
    assert 'limit' not in nodes(figure)['ward']


def test_a_column_is_drawn_given_its_strongest_known_cause_then_that_of_the_graph(synthesizer):
    drawn = plots.get_knowledge_plot(synthesizer, ['charges', 'age', 'ward'], 50)
    assert panels(drawn) == [
        '<b>charges</b> given <b>smoker</b>',
        '<b>age</b> given <b>ward</b>',
        '<b>ward</b>',
    ]
    told = ' '.join(note.text for note in drawn.layout.annotations)
    assert 'known: "smoker" = "yes" raises "charges"' in told
    assert 'its strongest cause in the graph' in told
    assert 'no cause is known' in told


def test_of_several_causes_in_the_graph_the_one_that_goes_with_the_column_most_is_taken(
    synthesizer,
):
    model = synthesizer.get_fitted_model()
    graph = CausalGraph((('ward', 'charges'), ('smoker', 'charges')))
    process = replace(model.process, knowledge=Knowledge(), causal_graph=graph)
    unknowing = holding(synthesizer, process=process, known=Knowledge())
    assert panels(plots.get_knowledge_plot(unknowing, ['charges'], 50)) == [
        '<b>charges</b> given <b>smoker</b>'
    ]


def test_without_shares_the_columns_of_most_causes_are_drawn(synthesizer):
    told = Told(distilled=synthesizer.get_fitted_model().chosen.distilled)
    told.shares = dict.fromkeys(Told.shares, {'real': 1.0, 'knowledge': 0.0, 'generated': 0.0})
    drawn = plots.get_knowledge_plot(holding(synthesizer, chosen=told), num_rows=50)
    assert [text.split('</b>')[0] for text in panels(drawn)] == ['<b>smoker', '<b>charges']


def test_real_rows_are_those_fitted_on_and_drawn_ones_leave_the_random_state_alone(synthesizer):
    synthesizer.reset_sampling()
    expected = sdv_lines.sample(synthesizer, 5)
    synthesizer.reset_sampling()
    drawn = plots.get_knowledge_plot(synthesizer, ['ward'], 70)
    pd.testing.assert_frame_equal(sdv_lines.sample(synthesizer, 5), expected)
    assert '60 real rows, 70 drawn' in drawn.layout.title.subtitle.text
    bars = {one.name: one for one in drawn.data if one.type == 'bar'}
    shares = TABLE['ward'].value_counts(normalize=True)
    assert dict(zip(bars['real rows'].x, bars['real rows'].y, strict=True)) == dict(shares)
    again = plots.get_knowledge_plot(synthesizer, ['ward'], 70)
    assert again.to_json() == drawn.to_json()


def test_a_model_is_never_asked_for_a_picture():
    made = fitted(sampler='llm')
    before = made.get_usage()['calls'].sum()
    drawn = plots.get_knowledge_plot(made)
    assert made.get_usage()['calls'].sum() == before
    assert 'no rows drawn: a model would be asked' in drawn.layout.title.subtitle.text
    assert panels(drawn) == []
    assert nodes(drawn)['age'].startswith('<b>age</b>')


def test_under_a_model_the_local_sampler_that_completes_its_rows_draws(synthesizer):
    local = synthesizer.get_fitted_model().chosen
    completed = holding(synthesizer, chosen=None, source='llm', local=local)
    drawn = plots.get_knowledge_plot(completed, num_rows=50)
    note = drawn.layout.title.subtitle.text
    assert '60 real rows, 50 drawn by the local sampler, not the model' in note
    assert len(panels(drawn)) == 2
    assert not any(one.name and one.name.startswith('from ') for one in drawn.data)


def test_panels_stand_under_each_other_and_their_words_fit_a_telephone(figure):
    assert figure.layout.width is None
    assert figure.layout.xaxis2.domain == figure.layout.xaxis3.domain == (0, 1)
    assert figure.layout.yaxis2.domain[0] > figure.layout.yaxis3.domain[1]
    told = [note.text for note in figure.layout.annotations if '<b>' in note.text]
    assert max(len(re.sub('<.*?>', '', line)) for one in told for line in one.split('<br>')) <= 48


def test_rows_made_without_data_are_never_called_real():
    typical = {
        'age': {'minimum': 18, 'maximum': 65, 'mean': 40, 'sd': 12},
        'smoker': {'shares': {'yes': 0.2, 'no': 0.8}},
        'ward': {'shares': {'A': 0.5, 'B': 0.5}},
        'charges': {'minimum': 500, 'maximum': 50_000, 'mean': 12_000, 'sd': 9_000},
    }
    made = LLMGANSynthesizer.from_knowledge(
        METADATA, knowledge=KNOWLEDGE, statistics={'columns': typical}, cache=False
    )
    drawn = plots.get_knowledge_plot(made, ['charges', 'smoker'], 50)
    assert 'rows made without data, 50 drawn' in drawn.layout.title.subtitle.text
    assert 'real rows' not in drawn.to_json()
    assert {one.name for one in drawn.data if one.type == 'box'} == {
        'made without data',
        'drawn rows',
    }


@pytest.mark.parametrize('columns', ['age', ['agee'], ['age', None]])
def test_columns_that_there_are_not_are_an_error(synthesizer, columns):
    with pytest.raises(ValueError, match='There are: age, smoker, ward, charges'):
        plots.get_knowledge_plot(synthesizer, columns)


def test_a_picture_needs_a_fit_and_rows(synthesizer):
    with pytest.raises(NotFittedError):
        plots.get_knowledge_plot(LLMGANSynthesizer(METADATA, llm='scripted'))
    with pytest.raises(ValueError, match='num_rows'):
        plots.get_knowledge_plot(synthesizer, num_rows=0)


def test_a_table_with_dates_gaps_and_keys_is_drawn_and_two_panels_stand_under_a_wide_graph():
    table = visits(40).assign(weight=7.0)
    made = LLMGANSynthesizer(
        visits_metadata(),
        llm='scripted',
        cache=False,
        max_batches=1,
        sampler='distilled',
        knowledge='none',
        causal_graph=[
            ('admitted', 'age'),
            ('age', 'pressure'),
            ('pressure', 'weight'),
            ('weight', 'smoker'),
            ('stage', 'admitted'),
            ('smoker', 'ward'),
        ],
    )
    sdv_lines.fit(made, table)
    names = list(made.get_fitted_model().schema.names)
    drawn = plots.get_knowledge_plot(made, names, 60)
    assert len(panels(drawn)) == len(names) == 7
    assert drawn.to_json()
    assert drawn.layout.width > 500
    assert drawn.layout.xaxis2.domain[1] < drawn.layout.xaxis3.domain[0]
    assert drawn.layout.yaxis2.domain == drawn.layout.yaxis3.domain
    assert any('missing: ' in note.text for note in drawn.layout.annotations)


NUMBER, LEVELS = (
    Column('x', 'number', decimals=1),
    Column('y', 'categorical', categories=('a', 'b')),
)


def draw(given: Column | None, column: Column, real: pd.DataFrame, drawn: pd.DataFrame, level=None):
    rows, made = {'real': real, 'drawn': drawn}, go.Figure()
    draw_conditional(made, 2, Side.of(given, rows), Side.of(column, rows), level)
    return made


def test_levels_given_numbers_are_shares_of_groups_of_like_size_in_both_tables():
    x = np.arange(100.0)
    real = pd.DataFrame({'x': x, 'y': np.where(x < 50, 'a', 'b')})
    turned = real.assign(y=np.where(x < 50, 'b', 'a'))
    one, other = draw(NUMBER, LEVELS, real, turned, 'b').data
    assert list(one.y) == [0, 0, 0, 0, 1, 1, 1, 1]
    assert list(other.y) == [1, 1, 1, 1, 0, 0, 0, 0]
    assert list(one.x) == sorted(one.x)
    assert one.line.color != other.line.color
    assert one.customdata[0] == '13 rows<br>a: 100%'


def test_numbers_given_numbers_are_points_with_medians_that_show_what_differs():
    x = np.arange(100.0)
    real = pd.DataFrame({'x': x, 'z': 2 * x})
    flat = pd.DataFrame({'x': x, 'z': 100.0})
    made = draw(NUMBER, Column('z', 'number'), real, flat)
    points = scatters(made, 'markers')
    rising, level = scatters(made, 'lines+markers')
    assert [len(one.x) for one in points] == [100, 100]
    assert np.allclose(np.array(rising.y), 2 * np.array(rising.x))
    assert set(level.y) == {100.0}


def test_numbers_that_most_rows_share_are_a_group_of_their_own():
    real = pd.DataFrame({'x': [0.0] * 90 + [5.0] * 10, 'y': ['a'] * 90 + ['b'] * 10})
    one, _ = draw(NUMBER, LEVELS, real, real, 'b').data
    assert list(one.y) in ([0.1], [0.0, 1.0])


def test_numbers_given_levels_are_boxes_beside_each_other():
    real = pd.DataFrame({'x': [1.0, 2.0, 9.0, np.nan], 'y': ['a', 'a', 'b', None]})
    one, other = draw(LEVELS, NUMBER, real, real).data
    assert (one.type, list(one.x), list(one.y)) == ('box', ['a', 'a', 'b'], [1.0, 2.0, 9.0])
    assert one.offsetgroup != other.offsetgroup


def test_levels_given_levels_are_shares_and_missing_is_a_level():
    ward = Column('ward', 'categorical', categories=('n', 's'))
    real = pd.DataFrame({'ward': ['n', 'n', 's', None], 'y': ['a', 'b', 'b', 'a']})
    one, _ = draw(ward, LEVELS, real, real, 'b').data
    assert dict(zip(one.x, one.y, strict=True)) == {'n': 0.5, 's': 1.0, 'missing': 0.0}
    rows = {'real': real, 'drawn': real.dropna()}
    assert missing_words(Side.of(ward, rows)) == 'missing: 25% of real rows, 0% of drawn rows'
    assert missing_words(Side.of(LEVELS, rows)) == ''


def test_the_rarest_of_many_levels_share_a_place_which_is_never_the_one_shown():
    many = [letter for at, letter in enumerate('abcdefgh') for _ in range(9 - at)]
    real = pd.DataFrame({'y': many, 'x': 1.0})
    side = Side.of(LEVELS, {'real': real, 'drawn': real}, order='hgfedcba')
    assert side.names == ['e', 'd', 'c', 'b', 'a', 'others']
    assert side.level('h') == side.level(None) == 'b'


@pytest.mark.parametrize('given', [NUMBER, LEVELS, None])
@pytest.mark.parametrize('column', [Column('z', 'number'), Column('w', 'categorical')])
def test_constant_empty_and_absent_values_are_drawn(given, column):
    gone = pd.DataFrame({'x': np.nan, 'y': None, 'z': np.nan, 'w': None}, index=range(3))
    constant = gone.assign(x=1.0, y='a', z=2.0, w='b')
    for real, drawn in ((constant, gone), (gone, constant), (constant, constant[:0])):
        assert draw(given, column, real, drawn).to_json()
