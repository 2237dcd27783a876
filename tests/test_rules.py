from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sdv.cag import (
    FixedCombinations,
    FixedIncrements,
    Inequality,
    OneHotEncoding,
    Range,
    SingleTableProgrammableConstraint,
)
from sdv.metadata import Metadata
from sdv.sampling import Condition
from sdv_lines import SDV_2, fit, sample, sample_from_conditions

from sdv_llmgan import LLMGANSynthesizer, RangeCondition, SamplingError, ScriptedProvider
from sdv_llmgan.rules.constraints import Rules
from sdv_llmgan.table.allowed import Allowed
from sdv_llmgan.table.schema import TableSchema

pytestmark = pytest.mark.filterwarnings('ignore:We strongly recommend saving the metadata')


def stays(num_rows: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    low = rng.integers(0, 50, num_rows)
    beds = rng.integers(0, 3, num_rows)
    city = rng.choice(['Lyon', 'Paris', 'Bonn', 'Köln'], num_rows)
    arrived = pd.to_datetime('2024-01-01') + pd.to_timedelta(rng.integers(0, 200, num_rows), 'D')
    left = arrived + pd.to_timedelta(rng.integers(0, 90, num_rows), 'D')
    return pd.DataFrame({
        'country': np.where(np.isin(city, ['Lyon', 'Paris']), 'France', 'Germany'),
        'city': city,
        'price': rng.integers(1, 20, num_rows) * 25,
        'low': low,
        'middle': low + rng.integers(1, 25, num_rows),
        'high': low + rng.integers(26, 50, num_rows),
        'single': (beds == 0).astype(int),
        'double': (beds == 1).astype(int),
        'suite': (beds == 2).astype(int),
        'arrived': arrived.strftime('%d/%m/%Y'),
        'left': left.strftime('%d/%m/%Y'),
        'nights': rng.integers(1, 8, num_rows),
        'weeks': np.nan,
    }).assign(weeks=lambda table: table['nights'] * 2.0)


def metadata() -> Metadata:
    date = {'sdtype': 'datetime', 'datetime_format': '%d/%m/%Y'}
    columns = {name: {'sdtype': 'numerical'} for name in stays()}
    columns |= {'arrived': date, 'left': date}
    columns |= {name: {'sdtype': 'categorical'} for name in ('country', 'city')}
    return Metadata.load_from_dict({
        'tables': {'stays': {'columns': columns}},
        'relationships': [],
        'METADATA_SPEC_VERSION': 'V1',
    })


class UserRule(SingleTableProgrammableConstraint):
    """Says which rows are valid, and leaves them as they are unless a subclass does more."""

    def get_updated_metadata(self, metadata):
        return metadata

    def transform(self, data):
        return data

    def reverse_transform(self, data):
        return data


class DoubledNights(UserRule):
    """Weeks are twice the nights."""

    def reverse_transform(self, data):
        return data.assign(weeks=data['nights'] * 2.0)

    def is_valid(self, data):
        return data['weeks'] == data['nights'] * 2


class ShortStays(UserRule):
    def is_valid(self, data):
        return (data['nights'] != 9).to_numpy()


CONSTRAINTS = {
    'combinations': (FixedCombinations(['country', 'city']), '"country", "city" go together'),
    'increments': (FixedIncrements('price', 25), '"price" is a multiple of 25.'),
    'inequality': (Inequality('low', 'high'), '"low" is at most "high".'),
    'strict': (Inequality('low', 'high', strict_boundaries=True), '"low" is less than "high".'),
    'dates': (Inequality('arrived', 'left'), '"arrived" is at most "left".'),
    'one-hot': (
        OneHotEncoding(['single', 'double', 'suite']),
        'Exactly one of "single", "double", "suite" is set',
    ),
    'range': (
        Range('low', 'middle', 'high'),
        '"low" is less than "middle", and "middle" is less than "high".',
    ),
    'single-table code': (DoubledNights(), 'Weeks are twice the nights.'),
    'code': (ShortStays(), 'The rule "ShortStays" holds.'),
}


def fitted(*constraints: object, table: pd.DataFrame | None = None, **settings: object):
    made = LLMGANSynthesizer(
        metadata(),
        llm=ScriptedProvider(),
        max_batches=1,
        sampler='llm',
        **{'rows_per_example': 1, **settings},
    )
    made.add_constraints(list(constraints))
    fit(made, stays() if table is None else table)
    return made


def asked(made: LLMGANSynthesizer) -> list[str]:
    requests = made._model.generator.provider.provider.requests
    return [r.messages[1].content for r in requests if r.role == 'generator']


@pytest.mark.filterwarnings('ignore:None of 1 batches')
@pytest.mark.parametrize('name', CONSTRAINTS)
def test_rows_keep_the_rule_and_the_model_reads_the_users_columns_and_the_rule(name):
    constraint, words = CONSTRAINTS[name]
    made = fitted(constraint)
    assert words in asked(made)[0]
    assert all(f'"{column}":' in asked(made)[0] for column in stays())
    rows = sample(made, 30)
    assert len(rows) == 30
    made.validate_constraints(rows)
    assert rows.dtypes.equals(stays().dtypes)
    assert [type(kept) for kept in made.get_constraints()] == [type(constraint)]


@pytest.mark.filterwarnings('ignore:None of 1 batches')
def test_all_rules_hold_together_and_broken_ones_are_counted():
    rules = [
        CONSTRAINTS[name][0]
        for name in ('combinations', 'increments', 'dates', 'one-hot', 'strict', 'code')
    ]
    made = fitted(*rules)
    rows = sample(made, 20)
    made.validate_constraints(rows)
    reasons = made.get_history()['reasons'][0]
    assert reasons['rule: Inequality'] > 0
    assert 'rule: FixedCombinations' not in reasons
    assert 'rule: FixedIncrements' not in reasons


def test_combinations_are_as_frequent_as_in_training():
    table = stays(200)
    rows = sample(fitted(FixedCombinations(['country', 'city']), table=table), 400)
    real = table['city'].value_counts(normalize=True)
    made = rows['city'].value_counts(normalize=True)
    assert (abs(real - made) < 0.1).all()


def test_missing_values_among_combinations_come_back():
    table = stays()
    table.loc[table['city'] == 'Bonn', 'city'] = None
    made = fitted(FixedCombinations(['country', 'city']), table=table)
    rows = sample(made, 40)
    made.validate_constraints(rows)
    assert (rows['city'].isna() == ~rows['city'].isin(['Lyon', 'Paris', 'Köln'])).all()
    assert (rows.loc[rows['city'].isna(), 'country'] == 'Germany').all()


def test_a_condition_and_a_rule_hold_together_or_contradict_each_other():
    made = fitted(FixedCombinations(['country', 'city']))
    rows = sample_from_conditions(made, [Condition({'country': 'Germany'}, num_rows=12)])
    assert set(rows['city']) == {'Bonn', 'Köln'}
    before = len(asked(made))
    with pytest.raises(ValueError, match='No training row has the combination'):
        made.sample_from_conditions([Condition({'country': 'Germany', 'city': 'Lyon'})])
    assert len(asked(made)) == before


@pytest.mark.parametrize(
    ('constraint', 'column_values', 'error'),
    [
        (Inequality('low', 'high'), {'low': 45, 'high': 30}, r'No row has "low" of 45 or more'),
        (Inequality('low', 'high'), {'low': (45, None), 'high': (None, 30)}, 'No row has "low"'),
        (Range('low', 'middle', 'high'), {'low': 45, 'high': 30}, 'less than "middle"'),
        (FixedIncrements('price', 25), {'price': 110}, '"price" cannot be 110: it is a multiple'),
        (FixedIncrements('price', 25), {'price': (101, 124)}, '"price" cannot be in'),
        (OneHotEncoding(['single', 'double', 'suite']), {'single': 1, 'suite': 1}, 'No training'),
    ],
)
def test_conditions_that_contradict_a_rule_are_an_error_before_any_call(
    constraint, column_values, error
):
    made = fitted(constraint)
    before = len(asked(made))
    with pytest.raises(ValueError, match=error):
        made.sample_from_conditions([RangeCondition(column_values, 3)])
    assert len(asked(made)) == before


class TotalOfBeds(UserRule):
    """Middle is twice low."""

    def reverse_transform(self, data):
        return data.assign(middle=data['low'] * 2)

    def is_valid(self, data):
        return pd.Series(True, index=data.index)


def test_a_rule_that_sets_a_value_does_not_undo_a_condition():
    table = stays(200).assign(middle=lambda table: table['low'] * 2)
    made = fitted(TotalOfBeds(), table=table)
    rows = sample_from_conditions(made, [RangeCondition({'middle': (20, 60)}, 10)])
    assert rows['middle'].between(20, 60).all()
    assert (rows['middle'] == rows['low'] * 2).all()


class NoTwins(UserRule):
    """No two rows have the same city and nights."""

    def is_valid(self, data):
        return ~data.duplicated(['city', 'nights'])


def test_a_rule_on_the_table_as_a_whole_holds_and_the_table_is_full_or_a_warning_says_so():
    table = stays(200).drop_duplicates(['city', 'nights'])
    made = fitted(NoTwins(), table=table)
    rows = sample(made, 20)
    assert len(rows) == 20
    assert not rows.duplicated(['city', 'nights']).any()
    with pytest.warns(UserWarning, match='100 rows were wanted.*a rule for the table as a whole'):
        assert len(sample(made, 100)) <= 4 * 7


def test_gaps_are_as_frequent_as_in_training_where_rows_with_gaps_keep_a_rule_more_easily():
    table = stays(300)
    table['low'] = table['low'].mask(np.random.default_rng(1).random(300) < 0.2)
    rows = sample(fitted(Range('low', 'middle', 'high'), table=table), 300)
    assert abs(rows['low'].isna().mean() - table['low'].isna().mean()) < 0.07


def test_training_rows_that_break_a_rule_are_an_error_before_any_call():
    llm = ScriptedProvider()
    made = LLMGANSynthesizer(metadata(), llm=llm)
    made.add_constraints([Inequality('high', 'low')])
    with pytest.raises(Exception, match="not valid for the 'Inequality'"):
        fit(made, stays())
    assert not llm.requests


def never_lower(request) -> str:
    """Rows that break the rule, but for every tenth."""
    columns = request.json_schema['properties']['rows']['items']['properties']
    rows = [dict.fromkeys(columns, 1) for _ in range(5)]
    return json.dumps({'rows': rows})


@pytest.mark.filterwarnings('ignore:None of 1 batches')
@pytest.mark.parametrize('max_top_ups', [0, 2])
def test_where_rules_are_never_kept_the_calls_are_bounded_and_an_error_says_why(max_top_ups):
    made = fitted(Inequality('low', 'high', strict_boundaries=True), max_top_ups=max_top_ups)
    llm = made._model.generator.provider.provider
    good = llm.complete

    def breaks_the_rule(request):
        rows = json.loads(good(request).text)['rows']
        keys = list(rows[0])
        order = made.get_generation_process().written_schema().names
        low, high = keys[order.index('low')], keys[order.index('high')]
        llm.script = [json.dumps({'rows': [{**row, low: row[high]} for row in rows]})]
        completion = good(request)
        llm.script = None
        return completion

    llm.complete = breaks_the_rule
    llm.max_concurrency = made._model.generator.provider.max_concurrency = 1
    before = len(asked(made))
    with pytest.raises(SamplingError, match='terminated.*10 rows were wanted, 0 of '):
        sample(made, 10)
    calls = (len(asked(made)) - before) / 2
    assert calls == 2 + max_top_ups * 20


@pytest.mark.filterwarnings('ignore:None of 1 batches')
def test_where_rules_are_seldom_kept_the_table_is_short_and_a_warning_says_why():
    made = fitted(Range('low', 'middle', 'high'), max_top_ups=0)
    with pytest.warns(UserWarning, match=r'40 rows were wanted.*rule: Range'):
        rows = sample(made, 40)
    assert 0 < len(rows) < 40
    made.validate_constraints(rows)


def test_a_rule_for_columns_that_another_rule_makes_is_left_to_sdv():
    class HalfPrice(SingleTableProgrammableConstraint):
        def get_updated_metadata(self, metadata):
            metadata.remove_column('price', 'stays')
            metadata.add_column('half', 'stays', sdtype='numerical')
            return metadata

        def transform(self, data):
            return data.assign(half=data['price'] / 2).drop(columns='price')

        def reverse_transform(self, data):
            return data.assign(price=(data['half'] * 2).round().astype(int)).drop(columns='half')

        def is_valid(self, data):
            return pd.Series(True, index=data.index)

    made = fitted(HalfPrice(), Inequality('low', 'half'), table=stays().assign(price=200))
    rows = sample(made, 10)
    assert (rows['low'] <= rows['price'] / 2).all()
    before = len(asked(made))
    with pytest.raises(ValueError, match='Ranges and sets do not go with a constraint on columns'):
        made.sample_from_conditions([RangeCondition({'nights': (2, 4)}, 3)])
    assert len(asked(made)) == before


@pytest.mark.filterwarnings('ignore:Only able to sample')
def test_a_rule_on_keys_is_checked_by_sdv():
    class OddKeys(UserRule):
        def is_valid(self, data):
            return data['key'].str[-1].isin(list('13579'))

    keyed = metadata()
    keyed.add_column('key', 'stays', sdtype='id', regex_format='K[0-9]{4}')
    table = stays().assign(key=[f'K{2 * number + 1:04d}' for number in range(40)])
    made = LLMGANSynthesizer(keyed, llm=ScriptedProvider(), max_batches=1, sampler='llm')
    made.add_constraints([OddKeys()])
    fit(made, table)
    rows = sample(made, 10)
    assert len(rows) == 10
    made.validate_constraints(rows)
    rows = sample_from_conditions(made, [Condition({'nights': 3}, num_rows=10)])
    assert len(rows) >= 9
    made.validate_constraints(rows)


@pytest.mark.filterwarnings('ignore:None of 1 batches')
@pytest.mark.parametrize('sampler', ['llm', 'distilled'])
def test_fixed_increments_hold_where_rounding_is_not_enforced(sampler):
    table = stays()[['price', 'nights']].astype({'price': float})
    table['cost'] = np.round(np.random.default_rng(1).normal(50, 10, len(table)), 1)
    columns = {name: {'sdtype': 'numerical'} for name in table}
    made = LLMGANSynthesizer(
        Metadata.load_from_dict({
            'tables': {'stays': {'columns': columns}},
            'relationships': [],
            'METADATA_SPEC_VERSION': 'V1',
        }),
        enforce_rounding=False,
        llm=ScriptedProvider(),
        max_batches=1,
        sampler=sampler,
    )
    made.add_constraints([FixedIncrements('price', 25)])
    fit(made, table)
    rows = sample(made, 30)
    made.validate_constraints(rows)
    assert (rows['price'] % 25 == 0).all()
    assert rows['nights'].dtype == table['nights'].dtype
    assert not (rows['cost'] == rows['cost'].round(1)).all()


def tied() -> Rules:
    """Of the wards that have beds of kind ``day`` one is in Bonn, none in Rome."""
    table = pd.DataFrame(
        [('Bonn', 'w1', 'day'), ('Bonn', 'w2', 'night'), ('Lyon', 'w3', 'day')] * 10
        + [('Lyon', 'w4', 'day'), ('Rome', 'w5', 'night')] * 10,
        columns=['city', 'ward', 'kind'],
    )
    pairs = [FixedCombinations(['ward', 'kind']), FixedCombinations(['city', 'ward'])]
    metadata = Metadata.load_from_dict({
        'tables': {'t': {'columns': {name: {'sdtype': 'categorical'} for name in table}}},
        'relationships': [],
        'METADATA_SPEC_VERSION': 'V1',
    })
    for pair in pairs:
        pair.fit({'t': table} if SDV_2 else table, metadata)
    schema = TableSchema.learned(table, {})
    return Rules(pairs, table, schema)


def begun(num_rows: int = 1, **cells: str) -> pd.DataFrame:
    allowed = {name: [Allowed.exactly(value)] * num_rows for name, value in cells.items()}
    return pd.DataFrame(allowed, dtype=object)


def test_what_one_rule_settles_leaves_room_for_another_on_the_same_column():
    rules = tied()
    settled = rules.begin(begun(50, city='Bonn', kind='day'), np.random.default_rng(0))
    assert {cell.values for cell in settled['ward']} == {('w1',)}
    lyon = rules.begin(begun(50, city='Lyon', kind='day'), np.random.default_rng(0))
    assert {cell.values for cell in lyon['ward']} == {('w3',), ('w4',)}


def test_conditions_that_no_row_meets_under_two_rules_are_refused_without_a_draw():
    rules = tied()
    rules.check(begun(city='Bonn', kind='day'))
    with pytest.raises(ValueError, match="No training row has the combination.*'day'.*'Rome'"):
        rules.check(begun(city='Rome', kind='day'))
