from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import sdv_lines
from sdv.cag import Inequality
from sdv.errors import NotFittedError
from sdv.metadata import Metadata
from tables import visits, visits_metadata

from sdv_llmgan import EgressPolicy, LLMGANSynthesizer, ScriptedProvider, report
from sdv_llmgan.loop.origin import Origin
from sdv_llmgan.report import Report, make_report
from sdv_llmgan.report.charts import draw
from sdv_llmgan.report.content import Figure, Line, Lines, Network, Section
from sdv_llmgan.report.origin import sources as origin_of
from sdv_llmgan.report.result import format_figure

# What SDV, SDMetrics and their libraries warn of is not this package's.
pytestmark = pytest.mark.filterwarnings('ignore')
MAX_BYTES = 5_000_000


class Page(HTMLParser):
    """What a browser would load, and whether tags are closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.loaded: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.loaded += [
            value
            for name, value in attributes
            if name in ('src', 'href', 'xlink:href') and not (value or '').startswith('#')
        ]
        if tag not in ('meta', 'br'):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope='module')
def fitted() -> LLMGANSynthesizer:
    made = LLMGANSynthesizer(
        visits_metadata(),
        llm='scripted',
        max_batches=3,
        sampler='llm',
        target='smoker',
        context='Visits <b>to</b> a hospital.',
        causal_graph=[('age', 'pressure'), ('pressure', 'ward'), ('age', 'ward')],
    )
    sdv_lines.fit(made, visits(60))
    return made


@pytest.fixture(scope='module')
def full(fitted, tmp_path_factory) -> Report:
    path = tmp_path_factory.mktemp('report') / 'report.html'
    real, holdout = visits(60), visits(60, seed=1)
    synthetic = sdv_lines.sample(fitted, 60)
    made = fitted.report(real, synthetic, holdout, path)
    assert path.read_text(encoding='utf-8') == made.to_html()
    return made


def test_a_report_of_a_synthesizer_has_everything(full):
    assert [section.key for section in full.sections] == [
        *('likeness', 'usefulness', 'privacy', 'rules'),
        *('process', 'story', 'bill', 'egress'),
    ]
    values = {score.key: score.value for score in full.scores}
    without = [key for key, value in values.items() if value is None]
    assert without == ['rules_kept']
    assert full['rules_kept'].reason == 'No constraints were given.'
    html = full.to_html()
    assert 'Nothing. Every model that was asked ran on the machine' in html
    assert 'How near the rows lie' in html
    assert 'Score by step' in html


def test_every_score_says_which_way_is_better_and_what_it_means(full):
    for score in full.scores:
        assert score.direction.endswith('is better'), score.key
        assert score.meaning.endswith('.'), score.key
        assert (score.value is None) == bool(score.reason), score.key


def test_the_page_is_whole_and_loads_nothing(full):
    html = full.to_html()
    page = Page(html)
    assert page.open == []
    assert page.loaded == []
    assert 'script' not in page.tags
    assert 'url(http' not in html
    assert len(html.encode()) < MAX_BYTES


def test_names_cells_and_contexts_are_data():
    evil = '<script>alert(1)</script>'
    real = visits(40).rename(columns={'ward': f'ward{evil}'})
    real[f'ward{evil}'] = np.where(np.arange(40) % 2, evil, 'north')
    columns = {
        name: declared
        for name, declared in visits_metadata().to_dict()['tables']['visits']['columns'].items()
        if name != 'ward'
    }
    metadata = Metadata.load_from_dict({
        'tables': {
            'visits': {
                'primary_key': 'patient',
                'columns': {**columns, f'ward{evil}': {'sdtype': 'categorical'}},
            }
        }
    })
    made = LLMGANSynthesizer(
        metadata,
        llm='scripted',
        max_batches=1,
        sampler='llm',
        context=evil,
        instruction=f'Write rows. {evil}',
        causal_graph=[('age', f'ward{evil}')],
    )
    sdv_lines.fit(made, real)
    html = made.report(real, real, path=None, target=f'ward{evil}').to_html()
    assert html.count(evil) == 0
    assert '&lt;script&gt;alert(1)&lt;/script&gt;' in html
    assert 'script' not in Page(html).tags


def test_what_differs_scores_worse_than_what_is_alike():
    real, alike = visits(150), visits(150, seed=1)
    rng = np.random.default_rng(0)
    different = alike.assign(
        age=90, ward='north', weight=rng.normal(120, 1, 150), smoker=True, stage=3
    )
    good, bad = (make_report(real, rows, visits_metadata()) for rows in (alike, different))
    for key in ('quality', 'column_shapes', 'c2st', 'c2st_forest', 'alpha_precision'):
        assert good[key].value > bad[key].value + 0.1, key


def test_copies_are_found_and_honest_rows_are_not():
    real, holdout, honest = visits(100), visits(100, seed=1), visits(100, seed=2)
    copied, fresh = (
        make_report(real, rows, visits_metadata(), holdout=holdout) for rows in (real, honest)
    )
    assert copied['copied_rows'].value == 1
    assert copied['dcr_share'].value > 0.9
    assert copied['copied_rows'].look
    assert copied['near_copies'].look
    assert not fresh['near_copies'].look
    assert copied['dcr_share'].look
    assert copied['c2st_forest'].look
    assert fresh['copied_rows'].value == 0
    assert not fresh['copied_rows'].look
    assert not fresh['dcr_share'].look
    assert not fresh['c2st_forest'].look
    assert 'Worth a look' in copied.to_html()


def test_rows_with_one_cell_changed_are_near_copies_and_no_copies():
    real, other = visits(100), visits(100, seed=1)
    changed = real.assign(weight=other['weight'])
    for holdout in (other, None):
        made = make_report(real, changed, visits_metadata(), holdout=holdout)
        assert made['copied_rows'].value < 0.05
        assert made['near_copies'].look
        assert '100 of 100 synthetic rows come that close to a real one' in (
            made['near_copies'].reading
        )


def test_without_held_out_rows_it_says_what_it_cannot_say():
    made = make_report(visits(40), visits(40, seed=1), visits_metadata())
    assert made['dcr_share'].value is None
    assert 'No held-out rows were given' in made['dcr_share'].reason
    html = made.to_html()
    assert 'What this report cannot say' in html
    assert 'cannot say how much nearer the synthetic rows are' in html
    assert 'made from tables alone' in html


def test_a_tiny_odd_table_gets_a_report_and_no_gap_is_silent():
    def odd(seed: int) -> pd.DataFrame:
        rows = visits(25, seed)
        holes = np.random.default_rng(seed).random(25) < 0.3
        return rows.assign(
            ward=rows['ward'].mask(holes),
            admitted=rows['admitted'].mask(holes),
            empty=np.nan,
            never=None,
            one='same',
            name=[f'Name {i}' for i in range(25)],
        )

    metadata = visits_metadata(
        empty={'sdtype': 'numerical'},
        never={'sdtype': 'datetime', 'datetime_format': '%Y-%m-%d'},
        one={'sdtype': 'categorical'},
        name={'sdtype': 'name', 'pii': True},
    )
    made = make_report(odd(0), odd(1), metadata, holdout=odd(2), target='pressure')
    assert all(score.value is not None or score.reason for score in made.scores)
    assert made['quality'].value is not None
    assert made['dcr_share'].value is not None
    text = ' '.join(made.sections[0].notes)
    assert 'patient and name' in text
    assert 'empty and never' in text
    assert 'Name 3' not in made.to_html()


@pytest.mark.parametrize('missing', [None, 'north'])
def test_a_category_that_the_real_table_lacks_stops_nothing(missing):
    real, synthetic = visits(40), visits(40, seed=1)
    real.loc[0, 'ward'] = missing
    synthetic.loc[:3, 'ward'] = ['new', 'newer', None, 'newest']
    made = make_report(real, synthetic, visits_metadata(), holdout=synthetic)
    assert made['c2st'].value is not None
    assert made['c2st'].reference is not None


def test_a_category_of_few_rows_is_not_named():
    real = visits(40).assign(ward=['rare'] + ['north'] * 39)
    made = make_report(real, real, visits_metadata())
    drawn = {figure.title: figure.chart for figure in made.sections[0].small_figures}
    assert drawn['ward'].labels == ('north', '(others)')
    assert 'rare' not in made.to_html()


@pytest.mark.parametrize('policy', [None, EgressPolicy(rows=False)])
def test_no_page_names_what_one_real_row_has(policy):
    real = visits(60).assign(ward=['Zebrafels', 'Yakburg', *['north', 'south'] * 29])
    real['weight'] = [31.7, *np.linspace(60, 61, 58).round(1), 171.3]
    real['admitted'] = ['1987-02-03', *['2024-03-01', '2024-03-08'] * 29, '2031-11-09']
    synthesizer = LLMGANSynthesizer(
        visits_metadata(),
        llm='scripted',
        max_batches=2,
        sampler='llm',
        metadata_detail='full',
        egress=policy,
        instruction='Be fair.',
    )
    sdv_lines.fit(synthesizer, real)
    # So that every column has something to be said of it.
    synthetic = real.assign(
        ward=['north'] * 40 + ['newest'] * 20, weight=1_000.5, admitted='2035-01-01'
    )
    made = synthesizer.report(real, synthetic, path=None)
    pages = f'{made.to_html()}{made.to_json()}{made}'
    assert 'never written: others, of few rows each' in made.to_json().replace('\\', '')
    assert '"weight": median' in made.to_json().replace('\\', '')
    for told in ('Zebrafels', 'Yakburg', '31.7', '171.3', '1987-02-03', '2031-11-09'):
        assert told not in pages


def test_constraints_are_counted_row_by_row():
    real = pd.DataFrame({'low': range(30), 'high': range(1, 31)})
    metadata = Metadata.load_from_dict({
        'tables': {'t': {'columns': dict.fromkeys(real, {'sdtype': 'numerical'})}}
    })
    synthetic = real.assign(high=[-1] * 3 + list(range(4, 31)))
    rule = Inequality('low', 'high')
    made = make_report(real, synthetic, metadata, constraints=[rule])
    assert made['rules_kept'].value == 0.9
    assert made['rules_kept'].look
    rules = next(section for section in made.sections if section.key == 'rules')
    assert rules.tables[0].rows == (('"low" is at most "high".', 27, 3, 0.9),)

    broken = make_report(real, synthetic, metadata, constraints=[Inequality('low', 'gone')])
    assert broken['rules_kept'].value is None
    assert 'Not checked' in broken.to_html()


ON_PEOPLE = (
    *('singling_out_risk', 'singling_out_risk_univariate', 'linkability_risk', 'inference_risk'),
    'membership_inference',
)


def test_attacks_on_people_succeed_with_copies_and_not_with_fresh_rows():
    rows = visits(240, 0)
    real, fresh, holdout = (rows.iloc[part::3].reset_index(drop=True) for part in range(3))
    copied = make_report(real, real.copy(), visits_metadata(), holdout=holdout)
    honest = make_report(real, fresh, visits_metadata(), holdout=holdout)
    assert all(copied[key].look and not honest[key].look for key in ON_PEOPLE)
    assert all('more than chance explains' in copied[key].reading for key in ON_PEOPLE)
    assert all('no difference that chance does not' in honest[key].reading for key in ON_PEOPLE)
    assert (
        'Of people learned from, 560 of 560 cells are guessed' in copied['inference_risk'].reading
    )
    described = copied['singling_out_risk'].reading
    assert re.match(
        r'Of 500 descriptions that each fit one synthetic row, 500 fit exactly one of 80 people '
        r'learned from, and \d+ exactly one of as many not learned from: more than',
        described,
    )
    table = next(section for section in copied.sections if section.key == 'privacy').tables[0]
    assert table.title == 'Attacks on people'
    assert table.columns[1:4] == ('Learned from', 'Not learned from', 'By guessing')
    assert [row[0] for row in table.rows] == [copied[key].name for key in ON_PEOPLE]
    assert table.rows[3][1] == '100.0 %'


def test_attacks_on_people_say_what_they_cannot_tell():
    rows = visits(60, 0)
    without = make_report(rows, rows, visits_metadata())
    assert all('No held-out rows were given' in without[key].reason for key in ON_PEOPLE)
    few = make_report(rows[:50], rows[:50], visits_metadata(), holdout=rows[57:])
    assert 'So few rows are held out' in few['singling_out_risk'].reading
    constant = pd.DataFrame({'kind': ['a'] * 20})
    metadata = Metadata.detect_from_dataframes({'t': constant})
    metadata.update_column('kind', sdtype='categorical', table_name='t')
    odd = make_report(constant, constant, metadata, holdout=constant)
    for key in ON_PEOPLE[:-1]:
        assert odd[key].value is None
        assert 'nothing can be told' in odd[key].reason
    assert 'cannot tell anything' in odd['membership_inference'].reading


def test_attacks_are_those_that_were_named():
    real, holdout, synthetic = (visits(80, seed) for seed in range(3))
    made = make_report(
        real,
        synthetic,
        visits_metadata(),
        holdout=holdout,
        known_columns=['smoker'],
        sensitive_columns=['ward', 'stage'],
    )
    privacy = next(section for section in made.sections if section.key == 'privacy')
    assert [row[:2] for row in privacy.tables[1].rows] == [('ward', 'smoker'), ('stage', 'smoker')]
    assert 0 < made['disclosure_protection'].value <= 1
    with pytest.raises(ValueError, match="'patient' cannot be attacked"):
        make_report(real, synthetic, visits_metadata(), sensitive_columns=['patient'])


def test_an_attack_on_a_leak_succeeds_and_one_on_other_people_does_not():
    rng = np.random.default_rng(0)

    def people(low: int) -> pd.DataFrame:
        return pd.DataFrame({
            'town': [f'T{i}' for i in range(low, low + 15)] * 8,
            'ill': rng.random(120) < 0.5,
        })

    real, holdout = people(0), people(0)
    real['ill'] = [hash_of < 7 for hash_of in range(15)] * 8
    metadata = Metadata.load_from_dict({
        'tables': {'t': {'columns': dict.fromkeys(real, {'sdtype': 'categorical'})}}
    })
    arguments = {'known_columns': ['town'], 'sensitive_columns': ['ill'], 'holdout': holdout}
    leak = make_report(real, real, metadata, **arguments)['disclosure_protection']
    assert leak.value == 0
    assert leak.reference > 0.8
    assert leak.look


def test_the_same_tables_get_the_same_figures_and_the_dice_are_left_alone():
    tables = visits(40), visits(40, seed=1), visits_metadata()
    np.random.seed(5)
    first = make_report(*tables).to_dict()
    drawn = np.random.random()
    np.random.seed(5)
    assert drawn == np.random.random()
    second = make_report(*tables).to_dict()
    assert {**first, 'created': ''} == {**second, 'created': ''}


def test_it_saves_html_and_json_and_nothing_else(full, tmp_path):
    saved = json.loads(full.save(tmp_path / 'r.json').read_text(encoding='utf-8'))
    assert saved == full.to_dict()
    assert saved['sections'][0]['scores'][0]['key'] == 'quality'
    assert full.save(tmp_path / 'r.html').read_text(encoding='utf-8').startswith('<!doctype html>')
    with pytest.raises(ValueError, match='html or .json'):
        full.save(tmp_path / 'r.pdf')


def test_it_reads_as_text_and_as_a_table(full):
    assert re.search(r'Quality \(SDMetrics\) +0\.\d{3}  higher is better', str(full))
    frame = full.to_frame()
    assert frame.loc['copied_rows', 'direction'] == 'lower is better'
    with pytest.raises(KeyError, match='there are: quality'):
        full['nothing']


def test_tables_in_dicts_and_metadata_in_dicts_are_taken():
    real = {'visits': visits(30)}
    made = make_report(real, {'visits': visits(30, seed=1)}, visits_metadata().to_dict())
    assert made.title == 'Synthetic rows for “visits”'


@pytest.mark.parametrize(
    ('real', 'synthetic', 'target', 'message'),
    [
        (visits(5), visits(5).drop(columns='age'), None, 'synthetic table lacks age'),
        (visits(5), visits(5)[:0], None, 'synthetic table has no rows'),
        (visits(5), visits(5), 'patient', "target must be a column .* got 'patient'"),
        (visits(5), [1], None, 'must be a DataFrame, got list'),
        ({'a': visits(5), 'b': visits(5)}, visits(5), None, 'must be one table, got 2'),
    ],
)
def test_what_cannot_be_reported_on_is_an_error(real, synthetic, target, message):
    with pytest.raises(ValueError, match=message):
        make_report(real, synthetic, visits_metadata(), target=target)


def test_a_report_needs_a_fit():
    with pytest.raises(NotFittedError):
        LLMGANSynthesizer(visits_metadata(), llm='scripted').report(visits(5), visits(5))


class Outside(ScriptedProvider):
    """A model that says it is not on this machine."""

    remote = True


def test_what_left_the_machine_is_told_by_column(tmp_path):
    made = LLMGANSynthesizer(
        visits_metadata(),
        llm=Outside(),
        max_batches=1,
        sampler='llm',
        causal_graph='none',
        audit_log=tmp_path / 'audit.jsonl',
        egress=EgressPolicy({'age': 'bucket', 'ward': 'pseudonymize', 'weight': 'withhold'}),
    )
    sdv_lines.fit(made, visits(40))
    section = made.report(visits(40), visits(40, seed=1), path=None).sections[-1]
    assert dict(section.tables[0].rows) == {
        'patient': 'nothing',
        'age': 'ranges in place of values',
        'weight': 'nothing',
        'ward': 'stand-ins in place of values',
        **dict.fromkeys(['smoker', 'stage', 'admitted', 'pressure'], 'the values'),
    }
    assert 'A model outside was asked' in section.lead
    assert any('hold real rows as examples' in note for note in section.notes)
    assert any('audit log' in note for note in section.notes)


@pytest.mark.parametrize(
    ('policy', 'words'),
    [
        (EgressPolicy(rows=False), 'No row was sent'),
        (EgressPolicy(max_rows=7), 'At most 7 different real rows were sent'),
    ],
)
def test_rows_that_left_are_told(policy, words):
    made = LLMGANSynthesizer(
        visits_metadata(),
        llm=Outside(),
        max_batches=1,
        sampler='llm',
        causal_graph='none',
        egress=policy,
    )
    sdv_lines.fit(made, visits(40))
    assert words in made.report(visits(40), visits(40, seed=1), path=None).to_html()


def test_a_graph_is_drawn_with_an_arrow_for_each_edge():
    edges = (('a', 'b'), ('b', 'c'), ('a', 'c'), ('a', 'a long name that is cut'))
    svg = draw(Figure('g', Network(('a', 'b', 'c', 'a long name that is cut'), edges)))
    assert svg.count('marker-end') == len(edges)
    assert '<title>a long name that is cut</title>' in svg
    assert 'a long name that …' in svg


def test_a_line_may_have_gaps_or_a_single_point():
    line = Line('score', (1.0, 2.0, 3.0), (0.5, None, 0.25))
    assert draw(Figure('s', Lines((line,), 'step', 'score', points=True))).count('-dot') == 2
    single = Lines((Line('score', (1.0,), (0.5,)),), 'step', 'score', (1.0, 0.5, 'best'))
    assert 'best' in draw(Figure('s', single))


@pytest.mark.parametrize(
    ('value', 'text'),
    [
        (None, '–'),
        (0.12345, '0.123'),
        (12345, '12,345'),
        (123.45, '123.5'),
        (1.0, '1.000'),
        (0.00012, '0.0001'),
    ],
)
def test_figures_are_short(value, text):
    assert format_figure(value) == text


def test_a_page_on_a_fit_names_no_rare_category_and_no_extreme():
    real = visits(60).assign(ward=['hidden ward'] + ['north'] * 59)
    real.loc[0, 'age'] = 97
    made = LLMGANSynthesizer(visits_metadata(), llm='scripted', max_batches=1, sampler='llm')
    sdv_lines.fit(made, real)
    told = str(made.get_generation_process())
    assert 'hidden ward' in told
    assert 'to 97' in told
    page = made.report(real, visits(60), path=None).to_html()
    assert 'hidden ward' not in page
    assert 'to 97' not in page
    assert '&#34;age&#34;: whole number from' in page


def test_real_rows_that_were_not_fitted_on_are_noticed(fitted):
    synthetic = visits(20, seed=3)

    def cautions(real: pd.DataFrame) -> str:
        return fitted.report(real, synthetic, path=None).facts.get('Caution', '')

    assert cautions(visits(60)) == cautions(visits(60).sample(60, random_state=0)) == ''
    assert 'was fitted on 60 rows, and 0 of the 40 real rows' in cautions(visits(60)[:40])
    assert 'and 60 of the 60 real rows are not among them' in cautions(visits(60, seed=9))
    assert 'and 60 of the 60 real rows' in cautions(visits(60).assign(admitted='some day'))


def test_rows_that_constraints_and_a_policy_change_are_known_as_those_fitted_on():
    real = pd.DataFrame({'low': np.arange(30), 'high': np.arange(1, 31), 'job': ['a', 'b'] * 15})
    kinds = {'low': 'numerical', 'high': 'numerical', 'job': 'categorical'}
    columns = {name: {'sdtype': kind} for name, kind in kinds.items()}
    metadata = Metadata.load_from_dict({'tables': {'t': {'columns': columns}}})
    made = LLMGANSynthesizer(
        metadata, llm='scripted', max_batches=1, egress=EgressPolicy({'job': 'withhold'})
    )
    made.add_constraints([Inequality('low', 'high')])
    sdv_lines.fit(made, real)
    assert 'Caution' not in made.report(real, real, path=None).facts
    assert 'Caution' in made.report(real[3:], real, path=None).facts


def test_a_notebook_shows_the_page_and_an_error_message_a_line(full):
    assert full._repr_html_().startswith('<iframe srcdoc="&lt;!doctype html')
    assert len(repr(full)) < 200


def test_day_first_dates_stop_no_figure(tmp_path):
    days = pd.date_range('2024-01-01', periods=40).strftime('%d.%m.%Y')
    tables = [visits(40, seed=seed).assign(admitted=days) for seed in range(3)]
    declared = {'sdtype': 'datetime', 'datetime_format': '%d.%m.%Y'}
    made = make_report(*tables[:2], visits_metadata(admitted=declared), holdout=tables[2])
    failed = [score.name for score in made.scores if 'could not be computed' in score.reason]
    assert failed == []


def test_what_is_worth_a_look_stands_on_top():
    real = visits(60)
    odd = real.assign(age=real['age'].iloc[::-1].to_numpy() // 2, smoker=True)
    made = make_report(real, odd, visits_metadata(), holdout=visits(60, seed=1))
    looks = made.to_look_at()
    assert looks
    assert all(score.look for score in looks)
    top = made.to_html().partition('Before you pass it on')[0]
    assert '<h3>Worth a look</h3>' in top
    assert all(f'<li><b>{score.name}:</b>' in top for score in looks)


def test_a_report_that_has_no_place_to_go_is_not_made(fitted, tmp_path, monkeypatch):
    monkeypatch.setattr(report, 'make_report', None)
    with pytest.raises(ValueError, match=r"There is no folder '.*gone' to save a report in"):
        fitted.report(visits(60), visits(60), path=tmp_path / 'gone' / 'report.html')


def test_rows_that_were_not_held_out_at_all_are_noticed():
    real, synthetic = visits(40), visits(20, seed=3)
    overlapping = make_report(real, synthetic, visits_metadata(), holdout=real[:15])
    assert '15 of the 15 held-out rows' in overlapping.to_dict()['facts']['Caution']
    assert '15 of the 15 held-out rows' in overlapping.to_html()
    honest = make_report(real, synthetic, visits_metadata(), holdout=visits(15, seed=8))
    assert 'Caution' not in honest.to_dict()['facts']


def test_the_first_screen_says_where_rows_come_from():
    def sources(origin: Origin) -> Section:
        model = SimpleNamespace(origin=origin)
        facts = {'get_fitted_model': lambda: model, 'get_info': lambda: {'llm': 'acme/one'}}
        return origin_of(SimpleNamespace(**facts))

    shares = [
        {'real': 1 - generated, 'knowledge': 0.0, 'generated': generated}
        for generated in (0.9, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    ]
    learned = dict(zip('abcdefgh', shares, strict=True))
    told = sources(Origin('distilled', '', learned, {'a': 0.3, **dict.fromkeys('bcdefgh', 0)}, 100))
    assert told.lead == (
        "Rows are drawn by a sampler that learned 62% from your rows and 38% from the model's rows "
        "(mean of the columns). With the model's rows held-out real rows are predicted better "
        '(+0.30 ± 0.03 nats a row, all columns together, most in "a").'
    )
    (table,) = told.tables
    assert table.columns[1:] == (
        *('your rows', 'what was known before', "the model's rows", 'gain by them'),
    )
    assert table.rows[0] == ('a', '10%', '0%', '90%', 'better (+0.300 ± 0.022)')
    assert [row[0] for row in table.rows] == [*'ahgfed']
    assert table.note == 'The other 2 columns: under “How were the rows made?”.'
    alone = sources(Origin('distilled', '', {'b': learned['b']}))
    assert alone.lead == 'Rows are drawn by a sampler that learned from your rows alone.'
    assert alone.tables == ()
    assert sources(Origin('llm')).lead == 'The language model acme/one writes every row itself.'


def test_where_rows_come_from_stands_above_the_scores_and_not_in_a_report_of_tables(full):
    page = full.to_html()
    top = page.partition('At a glance')[2]
    assert full.sources is not None
    assert top.index('Where do the rows come from?') < top.index('Quality (SDMetrics)')
    assert 'writes every row itself.' in top
    assert full.to_dict()['sources']['lead'] == full.sources.lead
    of_tables = Report('Tables', '2026-01-01', {'Made with': 'x'}, ())
    assert of_tables.sources is None
    assert 'Where do the rows come from?' not in of_tables.to_html()
