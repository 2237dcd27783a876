"""Conditions that a value is missing, or known, in every form and from every sampler."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sdv.metadata import Metadata
from sdv.sampling import Condition, DataFrameCondition
from sdv_lines import fit, sample, sample_from_conditions, sample_remaining_columns, taken
from typer.testing import CliRunner

from sdv_llmgan import EgressPolicy, LLMGANSynthesizer, RangeCondition, ScriptedProvider
from sdv_llmgan.table.allowed import Allowed
from sdv_llmgan.table.column import Column
from sdv_llmgan_cli.app import app

pytestmark = pytest.mark.filterwarnings('ignore:We strongly recommend saving the metadata')
KNOWN = (None, None)
RNG = np.random.default_rng(0)
#: Four of five of the first group do not tell their income.
PEOPLE = pd.DataFrame({'group': np.resize(['a', 'b'], 200), 'age': RNG.integers(20, 70, 200)})
PEOPLE['income'] = np.where(
    (PEOPLE['group'] == 'a') & (RNG.random(200) < 0.8), np.nan, 100.0 * PEOPLE['age']
)
PEOPLE['note'] = np.where(RNG.random(200) < 0.5, RNG.choice(['new', 'old'], 200), None)
PEOPLE['member'] = np.where(RNG.random(200) < 0.3, None, PEOPLE['age'] > 40)
SDTYPES = {
    'group': 'categorical',
    'age': 'numerical',
    'income': 'numerical',
    'note': 'categorical',
    'member': 'boolean',
}
METADATA = Metadata.load_from_dict({
    'tables': {'people': {'columns': {name: {'sdtype': kind} for name, kind in SDTYPES.items()}}}
})
FREE = {'max_batches': 1, 'causal_graph': 'none', 'cache': False, 'reject_copies': False}


def made_with(sampler: str, **settings: Any) -> LLMGANSynthesizer:
    made = LLMGANSynthesizer(
        METADATA, llm=ScriptedProvider(), sampler=sampler, **{**FREE, **settings}
    )
    fit(made, PEOPLE)
    return made


@pytest.fixture(scope='module')
def fitted() -> dict[str, LLMGANSynthesizer]:
    return {sampler: made_with(sampler) for sampler in ('distilled', 'llm')}


every_sampler = pytest.mark.parametrize('sampler', ['distilled', 'llm'])


@every_sampler
def test_every_form_of_condition_asks_for_missing_and_for_known_values(fitted, sampler):
    made = fitted[sampler]
    rows = sample_from_conditions(
        made,
        [
            Condition({'income': None, 'group': 'b'}, num_rows=4),
            DataFrameCondition(pd.DataFrame({'note': ['new', np.nan], 'income': [np.nan, 3000]})),
            RangeCondition({'income': KNOWN, 'note': None}, 5),
            RangeCondition({'note': KNOWN, 'member': KNOWN, 'group': 'a'}, 5),
            RangeCondition({'income': KNOWN, 'age': (30, 40)}, 5),
            RangeCondition({'note': [None, 'old']}, 5),
        ],
    )
    assert len(rows) == 26
    assert rows['income'][:4].isna().all()
    assert (rows['group'][:4] == 'b').all()
    assert rows['note'][4:6].tolist()[0] == 'new'
    assert (
        rows['note'][4:6].isna().tolist() == rows['income'][4:6].notna().tolist() == [False, True]
    )
    assert rows['income'][6:11].notna().all()
    assert rows['note'][6:11].isna().all()
    assert rows[['note', 'member']][11:16].notna().all(axis=None)
    assert rows['income'][16:21].notna().all()
    assert rows['age'][16:21].between(30, 40).all()
    assert (rows['note'][21:].isna() | (rows['note'][21:] == 'old')).all()


@every_sampler
def test_known_rows_with_gaps_keep_them(fitted, sampler):
    known = pd.DataFrame({'income': [np.nan, 4000.0, np.nan], 'note': ['old', None, None]})
    rows = sample_remaining_columns(fitted[sampler], known)
    pd.testing.assert_series_equal(rows['income'], known['income'])
    assert rows['note'].tolist()[0] == 'old'
    assert rows['note'][1:].isna().all()


@every_sampler
def test_rows_without_gaps_have_the_tables_form_and_no_gap(fitted, sampler):
    made = fitted[sampler]
    rows = sample(made, 30, missing=False)
    assert list(rows) == list(PEOPLE)
    assert len(rows) == 30
    assert rows.notna().all(axis=None)
    assert rows.dtypes.equals(PEOPLE.dtypes)
    first = sample(made, 10, missing=False, seed=3)
    pd.testing.assert_frame_equal(first, sample(made, 10, missing=False, seed=3))
    assert sample(made, 30)['note'].isna().any()


def test_rows_without_gaps_are_as_those_that_have_none_not_as_filled_ones(fitted):
    complete = PEOPLE.dropna()
    rows = sample(fitted['distilled'], 1_000, missing=False)
    filled = fitted['distilled'].impute(sample(fitted['distilled'], 1_000))
    real, drawn, after = ((table['group'] == 'a').mean() for table in (complete, rows, filled))
    assert real < 0.25
    assert abs(drawn - real) < 0.07
    assert 0.4 < after < 0.6
    # Beside ranges, too, where rows are drawn until they meet all that is asked.
    asked = RangeCondition({'income': KNOWN, 'age': (30, 60)}, 300)
    within = sample_from_conditions(fitted['distilled'], [asked])
    tells = PEOPLE[PEOPLE['income'].notna() & PEOPLE['age'].between(30, 60)]
    assert abs((within['group'] == 'a').mean() - (tells['group'] == 'a').mean()) < 0.12


def test_a_table_without_gaps_is_sampled_as_ever():
    table = PEOPLE[['group', 'age', 'note']].dropna()
    columns = {name: {'sdtype': SDTYPES[name]} for name in table}
    metadata = Metadata.load_from_dict({'tables': {'people': {'columns': columns}}})
    made = LLMGANSynthesizer(metadata, llm='scripted', sampler='distilled', **FREE)
    fit(made, table)
    pd.testing.assert_frame_equal(sample(made, 20, seed=1), sample(made, 20, seed=1, missing=False))


def test_the_model_is_told_nothing_of_values_that_it_writes_anyway(fitted):
    llm = fitted['llm']._model.generator.provider.provider
    sample(fitted['llm'], 5, seed=9)
    plain = llm.requests[-1].messages
    sample(fitted['llm'], 5, seed=9, missing=False)
    assert llm.requests[-1].messages == plain


def test_what_is_known_under_a_policy_is_known_in_real_rows():
    policy = EgressPolicy({'income': 'bucket', 'note': 'pseudonymize', 'member': 'withhold'})
    made = made_with('llm', egress=policy)
    rows = sample(made, 20, missing=False)
    assert rows.notna().all(axis=None)
    rows = sample_from_conditions(made, [RangeCondition({'income': KNOWN, 'note': None}, 10)])
    assert rows['income'].notna().all()
    assert rows['note'].isna().all()


@pytest.mark.parametrize(('said', 'gone'), [({'missing': True}, True), ({'missing': False}, False)])
@every_sampler
def test_words_say_that_an_income_is_unknown_or_known(fitted, sampler, said, gone, monkeypatch):
    made = fitted[sampler]
    llm = made._model.generator.provider.provider
    keys = ('one_of', 'none_of', 'at_least', 'more_than', 'at_most', 'less_than')
    entry = {'column': 'income', **dict.fromkeys(keys), **said}
    reply, own = json.dumps({'conditions': [entry], 'not_expressible': []}), llm.complete

    def complete(request):
        done = own(request)
        return type(done)(reply, done.usage) if request.role == 'interpreter' else done

    monkeypatch.setattr(llm, 'complete', complete)
    rows = taken(made.sample_from_description('people whose income is (un)known', 12))
    assert (rows['income'].isna() == gone).all()


def test_a_column_that_never_has_a_value_cannot_be_known():
    table = PEOPLE.assign(member=None)
    made = LLMGANSynthesizer(METADATA, llm='scripted', sampler='distilled', **FREE)
    fit(made, table)
    for ask in (
        lambda: sample_from_conditions(made, [RangeCondition({'member': KNOWN})]),
        lambda: sample(made, 5, missing=False),
    ):
        with pytest.raises(ValueError, match='"member" cannot be known: it always is missing'):
            ask()


@pytest.mark.parametrize(
    'other', [Allowed((1, None)), Allowed((1, 2)), Allowed(minimum=0, maximum=5)]
)
def test_any_value_and_another_condition_leave_what_is_no_gap(other):
    both = Allowed().both(other)
    assert both == other.both(Allowed())
    assert both.meets(1)
    assert not both.meets(None)


def test_any_value_meets_whatever_is_there():
    assert all(Allowed().meets(value) for value in (0, '', False, 'x', 1.5))
    assert not Allowed().meets(None)
    assert Allowed().both(Allowed()).is_any
    assert Allowed().both(Allowed((None,))) is None
    assert not Allowed((1,)).is_any
    column = Column('age', 'integer', minimum=1, maximum=9, nullable=True)
    assert column.conditioned(Allowed()).json_schema(enforce_range=True)['type'] == 'integer'


@every_sampler
def test_the_command_line_asks_for_known_and_missing_values(fitted, sampler, tmp_path):
    fitted[sampler].save(str(tmp_path / 'model.pkl'))
    model, out = str(tmp_path / 'model.pkl'), str(tmp_path / 'out.csv')

    def rows_of(*options: str) -> pd.DataFrame:
        done = CliRunner().invoke(app, ['sample', model, '-n', '8', *options, '-f', '-o', out])
        assert done.exit_code == 0, done.output
        return pd.read_csv(out)

    rows = rows_of('--where', 'income=..', '--where', 'note=..', '--where', 'member=')
    assert rows[['income', 'note']].notna().all(axis=None)
    assert rows['member'].isna().all()
    assert rows_of('--no-missing').notna().all(axis=None)
    misused = CliRunner().invoke(app, ['sample', model, '--no-missing', '--where', 'note=..'])
    assert misused.exit_code == 2
