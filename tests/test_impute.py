"""Gaps filled: what is there stays, what is drawn is possible, likely, and free."""

from __future__ import annotations

from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from sdv.cag import FixedCombinations, Inequality
from sdv.metadata import Metadata
from sdv_lines import fit, given, taken
from tables import bills, visits, visits_metadata

from sdv_llmgan import EgressPolicy, LLMGANSynthesizer, ScriptedProvider
from sdv_llmgan.samplers.distilled import imputing

pytestmark = pytest.mark.filterwarnings('ignore:We strongly recommend saving the metadata')
FREE = {'llm': 'scripted', 'max_batches': 1, 'causal_graph': 'none', 'cache': False}


def emptied(table: pd.DataFrame, seed: int, share: float = 0.2) -> pd.DataFrame:
    """The table without some cells, as pandas reads such a file."""
    rng = np.random.default_rng(seed)
    wide = table.astype({name: object for name in table if table[name].dtype == bool})
    return wide.mask(rng.random(table.shape) < share)


def metadata_of(**sdtypes: str) -> Metadata:
    columns = {name: {'sdtype': sdtype} for name, sdtype in sdtypes.items()}
    return Metadata.load_from_dict({'tables': {'t': {'columns': columns}}})


def fitted(metadata: Metadata, table: pd.DataFrame, *rules: Any, **settings: Any) -> Any:
    made = LLMGANSynthesizer(metadata, **{**FREE, 'sampler': 'distilled', **settings})
    if rules:
        made.add_constraints(list(rules))
    fit(made, table)
    return made


def assert_kept(filled: pd.DataFrame, gapped: pd.DataFrame) -> None:
    """The cells that were there are the same objects or bits, in the same places."""
    pd.testing.assert_index_equal(filled.index, gapped.index)
    assert list(filled)[: gapped.shape[1]] == list(gapped)
    for name in gapped:
        there = gapped[name].notna().to_numpy()
        pd.testing.assert_series_equal(filled[name][there], gapped[name][there])


VISITS = visits(40)
GAPPED = emptied(VISITS.drop(columns='patient'), 0).assign(patient=VISITS['patient'])
#: Personal data, and a column that never has a value.
MORE = {'name': {'sdtype': 'name', 'pii': True}, 'note': {'sdtype': 'categorical'}}


@pytest.fixture(scope='module')
def clinic() -> Any:
    return fitted(visits_metadata(**MORE), GAPPED.assign(name='Ann Smith', note=None))


@pytest.fixture(autouse=True)
def two_fillings(monkeypatch):
    """Of the training rows: as many models as are needed to have several."""
    monkeypatch.setattr(imputing, 'VERSIONS', 2)


@pytest.mark.parametrize('seed', [0, 1, 2])
def test_cells_that_are_there_never_change_and_filled_ones_are_possible(clinic, seed):
    gapped = emptied(VISITS.sample(30, random_state=seed), seed, 0.4)
    filled = clinic.impute(gapped, seed=seed)
    assert_kept(filled, gapped)
    assert filled[list(gapped)].dtypes.equals(gapped.dtypes)
    assert not filled[list(gapped)].isna().any(axis=None)
    for name in ('age', 'weight', 'pressure'):
        ends = pd.concat([GAPPED[name], gapped[name]])
        assert filled[name].between(ends.min(), ends.max()).all()
    assert (filled['age'] % 1 == 0).all()
    assert set(filled['smoker']) == {True, False}
    assert set(filled['ward']) <= set(GAPPED['ward'].dropna())
    assert set(filled['stage']) <= {1, 2, 3}
    assert filled['admitted'].str.fullmatch(r'2024-\d\d-\d\d').all()
    assert filled['patient'].is_unique
    assert filled['patient'].str.fullmatch('P[0-9]{4}').all()


def test_the_same_seed_fills_the_same_and_draws_differ_in_gaps_alone(clinic):
    drawn = clinic.impute(GAPPED, draws=3, seed=5)
    assert len(drawn) == 3
    for one, again in zip(drawn, clinic.impute(GAPPED, 3, 5), strict=True):
        pd.testing.assert_frame_equal(one, again)
        assert_kept(one, GAPPED)
    assert not drawn[0].equals(drawn[1])
    assert not clinic.impute(GAPPED, seed=6).equals(clinic.impute(GAPPED, seed=5))


def test_a_table_of_other_dtypes_index_and_order_keeps_them(clinic):
    gapped = pd.DataFrame(
        {
            'ward': pd.Categorical(['north', None, 'north']),
            'age': pd.array([30, None, 50], dtype='Int64'),
            'smoker': pd.array([True, None, False], dtype='boolean'),
            'weight': np.array([70.5, np.nan, 60.25], dtype='float32'),
        },
        index=['a', 'b', 'a'],
    )
    before = gapped.copy()
    filled = clinic.impute(gapped)
    pd.testing.assert_frame_equal(gapped, before)
    assert_kept(filled.assign(ward=filled['ward'].astype(object)), gapped.astype({'ward': object}))
    kept = {name: dtype for name, dtype in gapped.dtypes.items() if name != 'ward'}
    assert {name: filled[name].dtype for name in kept} == kept
    assert isinstance(filled['ward'].dtype, pd.CategoricalDtype)  # of one category more, perhaps
    assert not filled[list(gapped)].isna().any(axis=None)


def test_columns_without_a_cell_and_columns_that_are_not_there_are_filled_whole(clinic):
    gapped = VISITS[['age', 'ward']].head(10).assign(pressure=np.nan, admitted=None)
    filled = clinic.impute(gapped)
    assert list(filled)[:4] == ['age', 'ward', 'pressure', 'admitted']
    assert list(filled)[4:] == ['patient', 'weight', 'smoker', 'stage', 'name', 'note']
    assert not filled.drop(columns='note').isna().any(axis=None)
    assert filled['pressure'].dtype == float
    assert filled['admitted'].str.fullmatch(r'2024-\d\d-\d\d').all()


def test_a_saved_synthesizer_fills_as_the_first(clinic, tmp_path):
    again = cloudpickle.loads(cloudpickle.dumps(clinic))
    pd.testing.assert_frame_equal(again.impute(GAPPED), clinic.impute(GAPPED))


def test_a_table_goes_in_as_sdv_takes_it_too_and_sampling_goes_on_as_without(clinic):
    clinic.reset_sampling()
    first = clinic.sample(5)
    clinic.reset_sampling()
    filled = clinic.impute(given(clinic.metadata, GAPPED))
    assert str(clinic.sample(5)) == str(first)
    pd.testing.assert_frame_equal(filled, clinic.impute(GAPPED))


@pytest.mark.parametrize(
    ('change', 'error'),
    [
        ({'table': GAPPED.assign(height=1.8)}, 'fitted without "height"'),
        ({'table': GAPPED.assign(age='old')}, '"age" holds whole numbers'),
        ({'draws': 0}, 'draws must be a whole number of at least 1'),
        ({'seed': -1}, 'seed must be a whole number of at least 0'),
    ],
)
def test_what_cannot_be_filled_is_an_error_that_says_why(clinic, change, error):
    with pytest.raises(ValueError, match=error):
        clinic.impute(**{'table': GAPPED, **change})


def test_missing_keys_are_none_that_are_there_and_personal_data_is_made_up(clinic):
    odd = VISITS.index % 2 > 0
    gapped = VISITS.assign(
        patient=VISITS['patient'].where(VISITS.index % 3 > 0),
        name=np.where(odd, 'Ann Smith', None),
    )
    for filled in clinic.impute(gapped, draws=2):
        assert_kept(filled, gapped)
        assert filled['patient'].is_unique
        assert filled['name'].notna().all()
        assert filled['name'][~odd].nunique() > 5


def test_a_column_that_never_has_a_value_stays_missing(clinic):
    filled = clinic.impute(VISITS[['age', 'ward']])
    assert filled['note'].isna().all()
    assert filled.drop(columns='note').notna().all(axis=None)


def test_later_columns_tell_of_earlier_ones_and_draws_scatter_as_the_data():
    table = bills(200)
    made = fitted(
        metadata_of(age='numerical', smoker='categorical', ward='categorical', charges='numerical'),
        table,
    )
    fresh = bills(200, seed=1)
    drawn = made.impute(fresh.assign(smoker=None), draws=5)
    told = np.mean([(one['smoker'] == fresh['smoker']).mean() for one in drawn])
    assert told > 0.95
    blind = made.impute(fresh.assign(smoker=None, charges=np.nan))
    assert (blind['smoker'] == fresh['smoker']).mean() < 0.8

    drawn = np.array([one['charges'] for one in made.impute(fresh.assign(charges=np.nan), 20)])
    low, high = np.quantile(drawn, [0.05, 0.95], axis=0, method='weibull')
    assert 0.83 < fresh['charges'].between(low, high).mean() < 0.97
    narrow = np.quantile(drawn, [0.4, 0.6], axis=0)
    assert fresh['charges'].between(*narrow).mean() < 0.35


BEDS = pd.DataFrame({
    'ward': np.resize(['north', 'south', 'east', 'west'], 80),
    'floor': np.resize(['one', 'two', 'three', 'one'], 80),
    'low': np.random.default_rng(0).integers(0, 60, 80),
})
BEDS['high'] = BEDS['low'] + np.resize([1, 5, 20, 30], 80)
BEDS_METADATA = metadata_of(
    ward='categorical', floor='categorical', low='numerical', high='numerical'
)
RULES = [Inequality('low', 'high'), FixedCombinations(['ward', 'floor'])]


@pytest.fixture(scope='module')
def ward() -> Any:
    """Fitted under both rules, on a table with gaps."""
    low = BEDS['low'].where(BEDS.index % 5 > 0)
    return fitted(BEDS_METADATA, BEDS.assign(low=low), *RULES)


def test_filled_rows_keep_the_rules(ward):
    gapped = emptied(BEDS, 3, 0.35)
    pairs = set(zip(BEDS['ward'], BEDS['floor'], strict=True))
    for filled in ward.impute(gapped, draws=3):
        assert_kept(filled, gapped)
        assert not filled.isna().any(axis=None)
        assert (filled['low'] <= filled['high']).all()
        assert set(zip(filled['ward'], filled['floor'], strict=True)) <= pairs


def test_cells_that_break_a_rule_themselves_are_left_and_told_of(ward):
    broken = pd.DataFrame({'ward': [None], 'floor': ['one'], 'low': [50], 'high': [3]})
    with pytest.warns(UserWarning, match="leave no way to keep all rules.*rule: Inequality': 1"):
        filled = ward.impute(broken)
    assert filled[['floor', 'low', 'high']].to_numpy().tolist() == [['one', 50, 3]]
    assert filled['ward'][0] in ('north', 'west')


def test_a_model_is_not_asked_to_fill_and_its_own_fit_says_what_to_do():
    llm = ScriptedProvider()
    made = fitted(visits_metadata(), VISITS, llm=llm, sampler='llm')
    asked = len(llm.requests)
    with pytest.raises(ValueError, match="this fit has none: .*Fit with sampler='distilled'"):
        made.impute(GAPPED)
    assert len(llm.requests) == asked


def test_under_an_egress_policy_the_sampler_that_completes_rows_fills_and_nothing_is_sent():
    llm = ScriptedProvider()
    policy = EgressPolicy({'ward': 'withhold', 'age': 'bucket'})
    made = fitted(visits_metadata(), VISITS, llm=llm, sampler='llm', egress=policy)
    asked = len(llm.requests)
    gapped = VISITS.assign(ward=None, age=VISITS['age'].where(VISITS.index % 2 > 0))
    filled = made.impute(gapped)
    assert_kept(filled, gapped)
    assert filled[['ward', 'age']].notna().all(axis=None)
    assert len(llm.requests) == asked


def test_a_table_of_one_value_is_sampled_and_filled():
    table = pd.DataFrame({'kind': ['only'] * 6})
    made = fitted(metadata_of(kind='categorical'), table)
    assert set(taken(made.sample(4))['kind']) == {'only'}
    assert made.impute(table.assign(kind=[None, *['only'] * 5])).equals(table)
