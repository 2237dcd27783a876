"""More rows of rare classes and ranges, alone and in pipelines of imbalanced-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sdv_lines
from sdv.metadata import Metadata
from sklearn.linear_model import LogisticRegression

from sdv_llmgan import EgressPolicy, LLMGANSynthesizer, ScriptedProvider
from sdv_llmgan.augment.augmented import augmented
from sdv_llmgan.augment.strategy import rows_wanted

imblearn = pytest.importorskip('imblearn')

from imblearn.pipeline import make_pipeline  # noqa: E402
from imblearn.utils import estimator_checks as checks  # noqa: E402

from sdv_llmgan.augment.over_sampler import (  # noqa: E402
    LLMGANOverSampler,
    LLMGANRangeOverSampler,
)


def bills(num_rows: int = 60, rare: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    ill = np.arange(num_rows) < rare
    return pd.DataFrame({
        'age': np.where(ill, rng.integers(60, 90, num_rows), rng.integers(20, 60, num_rows)),
        'ward': pd.Series(np.where(ill, 'B', rng.choice(['A', 'B'], num_rows))),
        'dose': np.where(np.arange(num_rows) % 5 == 4, np.nan, rng.normal(5, 1, num_rows).round(2)),
        'ill': np.where(ill, 'yes', 'no'),
    })


COLUMNS = {
    'age': {'sdtype': 'numerical'},
    'ward': {'sdtype': 'categorical'},
    'dose': {'sdtype': 'numerical'},
    'ill': {'sdtype': 'categorical'},
}


def fitted(table: pd.DataFrame, **options: object) -> LLMGANSynthesizer:
    metadata = Metadata.load_from_dict({'tables': {'bills': {'columns': COLUMNS}}})
    options = {'llm': ScriptedProvider(), 'max_batches': 1, 'sampler': 'distilled', **options}
    made = LLMGANSynthesizer(metadata, **options)
    sdv_lines.fit(made, table)
    return made


@pytest.mark.parametrize(
    ('strategy', 'wanted'),
    [
        ('auto', {'b': 5, 'c': 7}),
        ('minority', {'c': 7}),
        ({'c': 4, 'b': 3}, {'c': 3}),
    ],
)
def test_a_strategy_says_how_many_rows_of_which_class_are_added(strategy, wanted):
    values = pd.Series([*'a' * 8, *'b' * 3, 'c', None], name='kind')
    assert rows_wanted(values, strategy) == wanted


def test_a_share_is_of_the_more_frequent_of_two_classes():
    values = pd.Series(['no'] * 10 + ['yes'] * 2, name='ill')
    assert rows_wanted(values, 0.5) == {'yes': 3}
    assert rows_wanted(values, 0.1) == {}


def test_ranges_have_both_ends_and_may_be_open():
    values = pd.Series([1.0, 2.0, 5.0, 9.0, np.nan], name='dose')
    assert rows_wanted(values, {(None, 2): 4, (5, 9): 3}) == {(None, 2): 2, (5, 9): 1}


@pytest.mark.parametrize(
    ('values', 'strategy', 'needed'),
    [
        (['a', 'b', 'b'], 'most', "strategy must be 'auto'"),
        (['a', 'b', 'b', 'c'] * 2, 0.5, 'there are 3 classes'),
        (['a', 'b', 'b'], {'b': 1}, 'none taken away; asked for b: 1 of 2'),
        (['a', 'b', 'b'], {'d': 4}, "no class 'd'"),
        (['a', 'b', 'b'], {(1, 2): 4}, 'a column of numbers'),
        ([1.5, 2.5, 3.5, 4.5], 'auto', 'Give rows in all by range'),
        ([1.5, 2.5, 3.5, 4.5], {(None, None): 9}, 'one end at least'),
    ],
)
def test_a_strategy_that_does_not_fit_is_refused(values, strategy, needed):
    with pytest.raises(ValueError, match=needed):
        rows_wanted(pd.Series(values, name='kind'), strategy)


def test_the_table_stays_as_it_is_and_drawn_rows_of_the_rare_class_follow():
    table = bills()
    more = augmented(fitted(table), table, 'ill', marked='drawn')
    pd.testing.assert_frame_equal(more.loc[~more['drawn'], list(table)], table)
    drawn = more[more['drawn']]
    assert more['ill'].value_counts().to_dict() == {'no': 52, 'yes': 52}
    assert set(drawn['ill']) == {'yes'}
    assert drawn['age'].mean() > 60  # as in real rows of the class
    assert drawn['dose'].isna().mean() < 0.5
    assert (more.drop(columns='drawn').dtypes == table.dtypes).all()


def test_rows_of_rare_ranges_are_drawn_in_them():
    table = bills()
    more = augmented(fitted(table), table, 'age', {(70, None): 30})
    drawn = more[len(table) :]
    assert (drawn['age'] >= 70).all()
    assert (more['age'] >= 70).sum() == 30


def test_nothing_is_asked_of_a_model_and_what_does_not_fit_is_said():
    llm, table = ScriptedProvider(), bills()
    made = fitted(table, llm=llm, egress=EgressPolicy(rows=False))
    asked = len(llm.requests)
    augmented(made, table, 'ill')
    assert len(llm.requests) == asked
    with pytest.raises(ValueError, match="no column 'sick'"):
        augmented(made, table, 'sick')
    with pytest.raises(ValueError, match='column of the table already'):
        augmented(made, table, 'ill', marked='age')


@pytest.mark.parametrize(
    'check',
    [
        checks.check_target_type,
        checks.check_samplers_one_label,
        checks.check_samplers_fit,
        checks.check_samplers_string,
        checks.check_samplers_nan,
        checks.check_sampler_get_feature_names_out,
    ],
    ids=lambda check: check.__name__,
)
def test_checks_of_imbalanced_learn_that_take_seconds(check):
    check('LLMGANOverSampler', LLMGANOverSampler(random_state=0))


def test_tables_and_arrays_are_given_back_as_they_came():
    table = bills()
    features, ill = table.drop(columns='ill'), table['ill']
    sampler = LLMGANOverSampler(random_state=0, sampling_strategy=0.5)
    drawn, classes = sampler.fit_resample(features.astype({'ward': 'category'}), ill)
    assert (drawn.dtypes == features.astype({'ward': 'category'}).dtypes).all()
    assert classes.name == 'ill'
    assert classes.value_counts().to_dict() == {'no': 52, 'yes': 26}
    again, _ = sampler.fit_resample(features.astype({'ward': 'category'}), ill)
    pd.testing.assert_frame_equal(drawn, again)
    numbers, labels = sampler.fit_resample(features[['age', 'dose']].to_numpy(), ill.to_numpy())
    assert numbers.shape == (78, 2)
    assert labels.shape == (78,)


def test_it_works_in_pipelines_and_with_ranges_for_regression():
    table = bills()
    pipeline = make_pipeline(LLMGANOverSampler(random_state=0), LogisticRegression())
    pipeline.fit(table[['age']], table['ill'])
    assert pipeline.predict(pd.DataFrame({'age': [85]}))[0] == 'yes'
    sampler = LLMGANRangeOverSampler({(70, None): 30}, random_state=0)
    drawn, age = sampler.fit_resample(table[['ward', 'dose']], table['age'])
    assert (age >= 70).sum() == 30
    assert len(drawn) == len(age)
    with pytest.raises(ValueError, match='ranges must say'):
        LLMGANRangeOverSampler().fit_resample(table[['dose']], table['age'])


def test_drawn_rows_have_gaps_only_where_the_table_has_some():
    table = bills()
    made = fitted(table)
    whole = table.assign(dose=table['dose'].fillna(5.0))
    more = augmented(made, whole, 'ill')
    assert more.notna().all(axis=None)
    assert more['dose'][len(table) :].nunique() > 5
    assert augmented(made, table, 'ill')['dose'][len(table) :].isna().any()
