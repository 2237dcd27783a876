"""A synthesizer without a row: what is known and published stands in their place."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import sdv_lines
from sdv.cag import Inequality
from sdv.metadata import Metadata
from sdv.sampling import Condition
from typer.testing import CliRunner

from sdv_llmgan import (
    Bound,
    Budget,
    Effect,
    EgressPolicy,
    Knowledge,
    Limit,
    LLMGANSynthesizer,
    Typical,
)
from sdv_llmgan.errors import BudgetError, ReplyError
from sdv_llmgan.providers.scripted import ScriptedProvider
from sdv_llmgan.without_rows.marginal import quantile
from sdv_llmgan.without_rows.statistics import ColumnStatistics, Statistics
from sdv_llmgan_cli.app import app

pytestmark = pytest.mark.filterwarnings('ignore')

METADATA = Metadata.load_from_dict({
    'tables': {
        'patients': {
            'columns': {
                'number': {'sdtype': 'id', 'regex_format': '[0-9]{6}'},
                'age': {'sdtype': 'numerical'},
                'sex': {'sdtype': 'categorical'},
                'seen': {'sdtype': 'datetime', 'datetime_format': '%d.%m.%Y'},
                'disease': {'sdtype': 'boolean'},
            },
            'primary_key': 'number',
        }
    }
})
TABLE_ONE = {
    'columns': {
        'age': {'mean': 54.317, 'sd': 9, 'minimum': 29, 'maximum': 77, 'missing': 0.2},
        'sex': {'shares': {'F': 0.3, 'M': 0.7}},
        'seen': {'minimum': '2020-01-01', 'maximum': '2020-12-31'},
        'disease': {'shares': {'true': 0.4, 'false': 0.6}},
    }
}
KNOWN = Knowledge((
    Effect('age', 'disease', 'raises', effect_level=True, size='strong', sure='sure'),
    Effect('sex', 'disease', 'lowers', 'F', True, size='strong', sure='sure'),
))
CSV = """variable,level,statistic,value,group
age,,mean,54.317,
age,,sd,9,
age,,min,29,
age,,max,77,
age,,missing,0.2,
sex,F,percent,30,
sex,M,percent,70,
seen,,min,2020-01-01,
seen,,max,2020-12-31,
disease,true,share,0.4,
disease,false,share,0.6,
"""


def made(knowledge: object = KNOWN, statistics: object = TABLE_ONE, **arguments: object):
    arguments = {'llm': 'scripted', 'cache': False, **arguments}
    return LLMGANSynthesizer.from_knowledge(
        METADATA, 'Patients of a clinic.', knowledge, statistics, **arguments
    )


@pytest.fixture(scope='module')
def synthesizer():
    return made()


@pytest.fixture(scope='module')
def rows(synthesizer):
    synthesizer.reset_sampling()
    return sdv_lines.sample(synthesizer, 1_000)


def test_each_column_is_distributed_as_published(rows):
    assert abs(rows['age'].mean() - 54.3) < 1.5
    assert abs(rows['age'].std() - 9) < 1.5
    assert abs(rows['age'].isna().mean() - 0.2) < 0.05
    assert abs((rows['sex'] == 'F').mean() - 0.3) < 0.05
    assert abs(rows['disease'].astype(bool).mean() - 0.4) < 0.05
    seen = pd.to_datetime(rows['seen'], format='%d.%m.%Y')
    assert seen.between('2020-01-01', '2020-12-31').all()
    assert seen.dt.month.nunique() == 12


def test_effects_go_as_known_and_turn_round_with_it(rows):
    turned = Knowledge((
        Effect('age', 'disease', 'lowers', effect_level=True, size='strong', sure='sure'),
        Effect('sex', 'disease', 'raises', 'F', True, size='strong', sure='sure'),
    ))
    other = sdv_lines.sample(made(turned), 1_000)
    for drawn, sign in ((rows, 1), (other, -1)):
        sick = drawn['disease'].astype(bool)
        assert sign * (drawn['age'][sick].mean() - drawn['age'][~sick].mean()) > 2
        assert sign * (sick[drawn['sex'] == 'M'].mean() - sick[drawn['sex'] == 'F'].mean()) > 0.15


def test_published_groups_and_correlations_reach_the_rows_and_overrule_what_is_known():
    groups = [
        {'column': 'disease', 'level': True, 'columns': {'age': {'mean': 50, 'sd': 8}}},
        {'column': 'disease', 'level': False, 'columns': {'age': {'mean': 58, 'sd': 8}}},
    ]
    synthesizer = made(KNOWN, {**TABLE_ONE, 'groups': groups})
    drawn = sdv_lines.sample(synthesizer, 1_000)
    sick = drawn['disease'].astype(bool)
    assert -12 < drawn['age'][sick].mean() - drawn['age'][~sick].mean() < -4
    effects = synthesizer.get_generation_process().knowledge.effects
    assert ('age', 'disease') not in {effect.edge for effect in effects}


def test_everything_says_that_it_was_made_without_data(synthesizer, rows):
    info = synthesizer.get_info()
    assert info['made_without_data'] is True
    assert info['llm'] is None
    assert set(info['learned_from']['age'].items()) == {
        *(('real', 0.0), ('knowledge', 1.0), ('generated', 0.0))
    }
    story = synthesizer.history.to_markdown()
    assert 'made without data, by what published statistics and the user told; 2 effects' in story
    assert '"age" makes "disease" = true likelier (strong, sure)' in story
    report = synthesizer.report(None, rows, path=None).to_dict()
    assert report['facts']['Made without data'].startswith('Made without data')
    told = json.dumps(report)
    assert 'there are no real rows to compare with' in told
    assert 'Nothing: no model was asked.' in told
    assert 'Real rows, learned from' not in told


def test_a_report_against_real_rows_compares_and_still_says_so(synthesizer, rows):
    report = synthesizer.report(rows.head(200), rows.tail(300), path=None).to_dict()
    assert report['facts']['Real rows, compared with'] == '200'
    assert 'Made without data' in report['facts']
    assert 'Caution' not in report['facts']


def test_a_report_on_a_fit_needs_the_real_rows(rows):
    synthesizer = LLMGANSynthesizer(METADATA, llm='scripted', sampler='distilled', max_batches=1)
    sdv_lines.fit(synthesizer, rows.head(30))
    assert synthesizer.get_info()['made_without_data'] is False
    with pytest.raises(ValueError, match='Give the rows that were fitted on'):
        synthesizer.report(None, rows, path=None)


def test_keys_differ_and_conditions_hold(synthesizer, rows):
    assert rows['number'].is_unique
    wanted = Condition({'sex': 'F', 'disease': True}, num_rows=40)
    drawn = sdv_lines.sample_from_conditions(synthesizer, [wanted])
    assert len(drawn) == 40
    assert set(drawn['sex']) == {'F'}
    assert drawn['disease'].astype(bool).all()


def test_a_saved_one_draws_the_same_rows(synthesizer, rows, tmp_path):
    synthesizer.save(tmp_path / 'made.pkl')
    loaded = sdv_lines.load(tmp_path / 'made.pkl')
    loaded.reset_sampling()
    pd.testing.assert_frame_equal(sdv_lines.sample(loaded, 1_000), rows)
    assert loaded.get_info()['made_without_data'] is True


def test_it_writes_tables_in_parts(synthesizer, tmp_path):
    pytest.importorskip('pyarrow')
    written = synthesizer.sample_to(tmp_path / 'folder', 500, workers=1)
    assert written.num_rows == 500


def test_rows_keep_constraints_and_a_contradiction_is_told():
    metadata = Metadata.load_from_dict({
        'tables': {'t': {'columns': dict.fromkeys(('low', 'high'), {'sdtype': 'numerical'})}}
    })
    rule = Inequality(low_column_name='low', high_column_name='high')
    columns = {'low': {'quartiles': [1, 3, 5]}, 'high': {'quartiles': [3, 5, 8]}}
    synthesizer = LLMGANSynthesizer.from_knowledge(
        metadata, '', Knowledge(), columns, constraints=[rule]
    )
    drawn = sdv_lines.sample(synthesizer, 200)
    assert (drawn['low'] <= drawn['high']).all()
    columns = {'low': {'minimum': 8, 'maximum': 9}, 'high': {'minimum': 1, 'maximum': 2}}
    with pytest.raises(ValueError, match='what is known contradicts them'):
        LLMGANSynthesizer.from_knowledge(metadata, '', Knowledge(), columns, constraints=[rule])


OUTLINE = json.dumps({
    'columns': [
        {'column': 'age', 'quartiles': [47, 54, 61], 'minimum': 29, 'maximum': 77},
        {
            'column': 'sex',
            'shares': [{'level': 'F', 'share': 0.3}, {'level': 'M', 'share': 0.7}],
        },
        {'column': 'seen', 'minimum': '2020-01-01', 'maximum': '2020-12-31', 'missing': 0.1},
        {
            'column': 'disease',
            'shares': [{'level': True, 'share': 0.4}, {'level': False, 'share': 0.6}],
        },
    ]
})
EFFECTS = json.dumps({
    'effects': [
        {
            **{'cause': 'age', 'effect': 'disease', 'direction': 'raises', 'effect_level': True},
            **{'size': 'strong', 'sure': 'sure'},
        }
    ]
})


def expert(*replies: str) -> ScriptedProvider:
    return ScriptedProvider(script=replies or [OUTLINE, EFFECTS], is_expert=True)


def test_a_model_is_asked_in_three_calls_where_nobody_said_anything():
    llm = expert()
    synthesizer = made(None, None, llm=llm)
    assert [request.role for request in llm.requests] == ['expert'] * 3
    assert all(request.real_rows == 0 for request in llm.requests)
    assert synthesizer.get_usage()['calls'].to_dict() == {'expert': 3}
    assert (
        "by what the model ScriptedProvider('') told; 1 effect" in synthesizer.history.steps[0].note
    )
    drawn = sdv_lines.sample(synthesizer, 500)
    sick = drawn['disease'].astype(bool)
    assert drawn['age'][sick].mean() > drawn['age'][~sick].mean() + 2
    assert abs(drawn['age'].median() - 54) < 3


def test_no_figure_leaves_and_no_withheld_column_is_named():
    llm = expert(EFFECTS)
    made(None, TABLE_ONE, llm=llm, egress=EgressPolicy({'sex': 'withhold'}))
    said = '\n'.join(message.content for r in llm.requests for message in r.messages)
    assert len(llm.requests) == 2
    assert 'Patients of a clinic.' in said
    assert '"age"' in said
    assert not [figure for figure in ('54.3', '29', '77', '0.4', '0.7', '2020') if figure in said]
    assert '"sex"' not in said
    assert '"number"' not in said


def test_published_statistics_overrule_the_model():
    llm = expert(
        EFFECTS.replace(']}', '], "typical": [{"column": "age", "quartiles": [1, 2, 3]}]}')
    )
    drawn = sdv_lines.sample(made(None, TABLE_ONE, llm=llm), 300)
    assert abs(drawn['age'].mean() - 54.3) < 3


def test_with_all_said_no_model_is_asked():
    llm = expert()
    synthesizer = made(KNOWN, TABLE_ONE, llm=llm)
    assert llm.requests == []
    assert not len(synthesizer.get_usage())


def test_a_budget_stops_the_calls():
    llm = expert()
    with pytest.raises(BudgetError):
        made(None, None, llm=llm, budget=Budget(max_calls=1))
    assert len(llm.requests) == 1


def test_a_preview_sends_nothing_and_shows_what_would_be_asked():
    llm = expert()
    shown = LLMGANSynthesizer.preview_from_knowledge(METADATA, 'Patients.', None, None, llm=llm)
    assert llm.requests == []
    assert len(shown) == 1
    assert '- "age": numerical' in str(shown)
    shown = LLMGANSynthesizer.preview_from_knowledge(METADATA, '', None, TABLE_ONE, llm=llm)
    assert llm.requests == []
    assert len(shown) == 2
    assert len(LLMGANSynthesizer.preview_from_knowledge(METADATA, '', KNOWN, TABLE_ONE)) == 0


def test_a_model_that_tells_too_little_is_told_of():
    with pytest.raises(ReplyError, match='The model told too little of "age", "sex"'):
        made(None, None, llm=expert('{}'))


def test_a_later_fit_starts_from_what_is_known(rows):
    llm = expert()
    synthesizer = made(None, None, llm=llm, sampler='distilled', max_batches=1)
    known = synthesizer.get_generation_process().knowledge
    asked = len(llm.requests)
    women = rows[rows['sex'] == 'F'].head(25)  # a level that is known has no row
    sdv_lines.fit(synthesizer, women)
    assert 'expert' not in {request.role for request in llm.requests[asked:]}
    process = synthesizer.get_generation_process()
    assert process.knowledge.effects == known.effects
    info = synthesizer.get_info()
    assert info['made_without_data'] is False
    assert info['learned_from']['disease']['real'] > 0
    assert len(sdv_lines.sample(synthesizer, 20)) == 20


def test_there_is_nothing_to_go_on_with_before_a_fit(synthesizer):
    with pytest.raises(Exception, match='made without data'):
        synthesizer.continue_fit()


@pytest.mark.parametrize(
    ('statistics', 'message'),
    [
        ({'weight': {'mean': 1, 'sd': 1}}, 'there is no column "weight"'),
        ({'number': {'mean': 1, 'sd': 1}}, 'there is no column "number" to model'),
        ({'sex': {'shares': {'F': 0.7, 'M': 0.7}}}, 'shares add up to at most 1, got 1.40'),
        ({'sex': {'shares': {'F': 1.7}}}, 'needs a number from 0 to 1'),
        ({'sex': {'mean': 1, 'sd': 1}}, "a column of the sdtype 'categorical' is told by shares"),
        ({'age': {'quartiles': [3, 2, 1]}}, 'quantiles must ascend'),
        ({'age': {'quartiles': [1, 2]}}, 'quartiles are three numbers'),
        ({'age': {'quartiles': [1, 2, 3], 'maximum': 2}}, 'from minimum to maximum'),
        ({'age': {'mean': 1}}, 'a mean needs its sd'),
        ({'age': {'average': 1}}, 'average'),
        ({'seen': {'minimum': 'spring', 'maximum': '2020-01-01'}}, 'needs a date'),
        (
            {
                **TABLE_ONE,
                'groups': [
                    {'column': 'sex', 'level': 'X', 'columns': {'age': {'mean': 1, 'sd': 1}}}
                ],
            },
            '"sex" has no level "X"',
        ),
        ({**TABLE_ONE, 'correlations': [['age', 'sex', 0.2]]}, '"sex" is no number'),
        ({**TABLE_ONE, 'correlations': [['age', 'seen', 2]]}, 'needs a number from -0.99'),
        ({**TABLE_ONE, 'odds': []}, 'there is no "odds"'),
    ],
)
def test_wrong_statistics_are_refused_before_a_call(statistics, message):
    llm = expert()
    with pytest.raises(ValueError, match=message):
        made(None, statistics, llm=llm)
    assert llm.requests == []


def test_wrong_knowledge_and_gaps_are_refused_before_a_call():
    llm = expert()
    with pytest.raises(ValueError, match='there is no column "weight"'):
        made(Knowledge((Effect('weight', 'age', 'raises'),)), TABLE_ONE, llm=llm)
    with pytest.raises(ValueError, match='"sex" has no level "X"'):
        made(Knowledge((Effect('sex', 'age', 'raises', 'X'),)), TABLE_ONE, llm=llm)
    with pytest.raises(ValueError, match='Nothing is known of "age", "seen", "disease"'):
        made(Knowledge(typical=(Typical('sex', shares=(('F', 0.3), ('M', 0.7))),)), None)
    with pytest.raises(ValueError, match='The target must be a column'):
        made(KNOWN, TABLE_ONE, target='number')
    assert llm.requests == []


def test_free_text_is_refused():
    metadata = Metadata.load_from_dict({
        'tables': {'t': {'columns': {'note': {'sdtype': 'text', 'pii': False}}}}
    })
    with pytest.raises(ValueError, match='Free text .* cannot be made without rows'):
        LLMGANSynthesizer.from_knowledge(metadata, '', Knowledge(), {}, llm='scripted')


def test_a_table_one_in_csv_and_json_says_the_same(tmp_path):
    declared = dict(next(iter(METADATA.tables.values())).columns)
    as_csv, as_json = tmp_path / 'one.csv', tmp_path / 'one.json'
    as_csv.write_text(CSV)
    as_json.write_text(json.dumps(TABLE_ONE))
    read = Statistics.read(as_csv, declared)
    assert read == Statistics.read(str(as_json), declared)
    assert read == Statistics.read(TABLE_ONE, declared)
    as_csv.write_text(CSV + 'age,seen,correlation,0.2,\nage,,p90,66,sex=F\n')
    read = Statistics.read(as_csv, declared)
    assert read.correlations == (('age', 'seen', 0.2),)
    assert read.groups[0].level == 'F'
    assert read.groups[0].columns['age'].quantiles == ((0.9, 66.0),)
    as_csv.write_text(CSV + 'age,,mode,66,\n')
    with pytest.raises(ValueError, match='line 13: "mode" is no statistic'):
        Statistics.read(as_csv, declared)


def test_a_curve_goes_through_the_quartiles_and_is_as_skew():
    figures = ColumnStatistics(quantiles=((0.25, 4740.0), (0.5, 9382.0), (0.75, 16640.0)))
    drawn = quantile(figures, (np.arange(10_000) + 0.5) / 10_000)
    assert np.allclose(np.quantile(drawn, [0.25, 0.5, 0.75]), [4740, 9382, 16640], rtol=0.01)
    assert drawn.min() >= 0
    assert np.mean(drawn) > np.median(drawn) + 500
    assert len(np.unique(drawn)) > 9_000
    even = ColumnStatistics(quantiles=((0.25, -1.0), (0.5, 0.0), (0.75, 1.0)))
    drawn = quantile(even, (np.arange(10_000) + 0.5) / 10_000)
    assert abs(np.mean(drawn)) < 0.01


@pytest.mark.parametrize(
    'figures',
    [
        ColumnStatistics(mean=54.0, sd=9.0),
        ColumnStatistics(mean=3.0, sd=2.5),
        ColumnStatistics(mean=3.0, sd=1.5, minimum=0.0, maximum=6.0),
    ],
    ids=['normal', 'gamma', 'beta'],
)
def test_mean_and_spread_come_out(figures):
    drawn = quantile(figures, (np.arange(20_000) + 0.5) / 20_000)
    assert abs(drawn.mean() - figures.mean) < 0.02 * figures.sd
    assert abs(drawn.std() - figures.sd) < 0.02 * figures.sd
    assert drawn.min() >= 0


def mock(*arguments: object):
    return CliRunner().invoke(app, ['mock', *map(str, arguments)])


def test_mock_writes_rows_and_says_that_there_was_no_data(tmp_path):
    (tmp_path / 'metadata.json').write_text(json.dumps(METADATA.to_dict()))
    (tmp_path / 'one.csv').write_text(CSV)
    (tmp_path / 'known.json').write_text(json.dumps(KNOWN.to_dict()))
    given = (tmp_path / 'metadata.json', '--statistics', tmp_path / 'one.csv')
    given = (*given, '--knowledge', tmp_path / 'known.json', '--llm', 'scripted')
    model, output = tmp_path / 'm.pkl', tmp_path / 'rows.csv'
    done = mock(*given, '-n', 50, '-o', output, '--save', model)
    assert done.exit_code == 0
    assert done.stderr.splitlines()[-1] == (
        '50 rows, made without data, by what published statistics and the user told; 2 effects. '
        f'Wrote {output}.'
    )
    assert len(pd.read_csv(output)) == 50
    report = CliRunner().invoke(
        app, ['report', str(model), str(output), '-o', str(tmp_path / 'r.html')]
    )
    assert report.exit_code == 0
    assert 'Made without data' in (tmp_path / 'r.html').read_text()
    answered = json.loads(mock(*given, '-n', 5, '--json').stdout)
    assert answered['made_without_data'] is True
    assert len(answered['data']) == 5
    shown = mock(given[0], '--llm', 'openai/gpt-4o-mini', '--preview')
    assert '- "age": numerical' in shown.stdout
    assert (
        mock(given[0], '--llm', 'scripted')
        .stderr.splitlines()[-1]
        .startswith('Error: Nothing is known of "age"')
    )


def test_known_limits_are_kept_by_rows_made_without_data_and_by_a_later_fit():
    declared = {'sex': {'sdtype': 'categorical'}, 'pregnant': {'sdtype': 'categorical'}}
    metadata = Metadata.load_from_dict({'tables': {'t': {'columns': declared}}})
    limit = Limit(Bound('pregnant', ('no',)), (Bound('sex', ('male',)),))
    shares = {
        'sex': {'shares': {'female': 0.5, 'male': 0.5}},
        'pregnant': {'shares': {'yes': 0.2, 'no': 0.8}},
    }
    made = LLMGANSynthesizer.from_knowledge(
        metadata, 'Patients.', Knowledge(limits=(limit,)), {'columns': shares}, llm='scripted'
    )
    rows = sdv_lines.sample(made, 500)
    assert (rows.loc[rows['sex'] == 'male', 'pregnant'] == 'yes').mean() < 0.01
    assert (rows.loc[rows['sex'] == 'female', 'pregnant'] == 'yes').mean() > 0.1
    assert made.get_info()['limits'] == {str(limit): pytest.approx(1, abs=0.01)}
    sdv_lines.fit(made, rows)
    assert str(limit) in made.get_info()['limits']


@pytest.mark.parametrize('yes', [True, 'True', 'true', 1])
def test_truths_may_be_keys_of_shares_in_every_form(yes):
    declared = {'died': {'sdtype': 'boolean'}}
    metadata = Metadata.load_from_dict({'tables': {'t': {'columns': declared}}})
    shares = {'columns': {'died': {'shares': {yes: 0.2}}}}
    made = LLMGANSynthesizer.from_knowledge(metadata, statistics=shares, llm='scripted')
    assert sdv_lines.sample(made, 1_000)['died'].mean() == pytest.approx(0.2, abs=0.05)
