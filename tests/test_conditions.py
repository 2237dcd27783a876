from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sdv.errors import InvalidDataError
from sdv.metadata import Metadata
from sdv.sampling import Condition, DataFrameCondition
from sdv_lines import fit, sample, sample_from_conditions, sample_remaining_columns
from tables import visits, visits_metadata

from sdv_llmgan import LLMGANSynthesizer, RangeCondition, ScriptedProvider
from sdv_llmgan.table.allowed import Allowed
from sdv_llmgan.table.rows import parse_rows
from sdv_llmgan.table.schema import TableSchema

pytestmark = pytest.mark.filterwarnings('ignore:We strongly recommend saving the metadata')
TABLE = visits(40)
SCHEMA = TableSchema.from_sdv(visits_metadata(), TABLE.drop(columns='patient'))


@pytest.fixture(scope='module')
def fitted() -> LLMGANSynthesizer:
    made = LLMGANSynthesizer(
        visits_metadata(),
        llm=ScriptedProvider(),
        max_batches=1,
        sampler='llm',
        rows_per_example=1,
    )
    fit(made, TABLE)
    return made


def sample_meeting(fitted: LLMGANSynthesizer, *conditions: object) -> tuple[pd.DataFrame, int]:
    """Rows, and the calls that they took."""
    llm = fitted._model.generator.provider.provider
    before = len(llm.requests)
    rows = sample_from_conditions(fitted, conditions)
    return rows, len(llm.requests) - before


@pytest.mark.parametrize(
    ('column', 'value'),
    [
        ('ward', 'day, "short"'),
        ('smoker', True),
        ('stage', 2),
        ('age', 50),
        ('weight', 70.5),
        ('admitted', '2024-03-02'),
    ],
)
def test_every_row_meets_its_condition_and_few_calls_are_made(fitted, column, value):
    rows, calls = sample_meeting(fitted, Condition({column: value}, num_rows=20))
    assert len(rows) == 20
    assert (rows[column] == value).all()
    assert 4 <= calls <= 6  # a few random dates are out of range
    assert rows.dtypes.equals(TABLE.dtypes)


def test_known_rows_are_completed(fitted):
    known = pd.DataFrame({'ward': ['north', 'south', 'north'], 'stage': [1, 2, 3]})
    rows, calls = sample_meeting(fitted, DataFrameCondition(known))
    pd.testing.assert_frame_equal(rows[['ward', 'stage']], known)
    assert 1 <= calls <= 3


def test_the_model_is_told_of_the_condition(fitted):
    sample_meeting(fitted, Condition({'ward': 'north', 'age': 50}, num_rows=2))
    request = fitted._model.generator.provider.provider.requests[-1]
    prompt = request.messages[1].content
    assert '"ward": always "north"' in prompt
    assert '"age": always 50' in prompt


def test_rows_that_miss_the_condition_are_rejected():
    schema = SCHEMA.reordered(['age', 'ward']).conditioned({'ward': Allowed.exactly('north')})
    parsed = parse_rows('[[50, "north"], [50, "south"]]', schema)
    assert len(parsed.rows) == 1
    assert parsed.rejected == {'ward: not as the condition says': 1}


def test_a_missing_value_can_be_the_condition(fitted):
    schema = SCHEMA.reordered(['pressure']).conditioned({'pressure': Allowed.exactly(None)})
    assert schema['pressure'].json_schema(enforce_range=True) == {'type': 'null', 'enum': [None]}
    assert len(parse_rows('[[null]]', schema).rows) == 1
    rows, _ = sample_meeting(fitted, Condition({'pressure': np.nan, 'ward': 'north'}, num_rows=5))
    assert rows['pressure'].isna().all()
    assert (rows['ward'] == 'north').all()
    known = pd.DataFrame({'pressure': [np.nan, 120.0, np.nan]})
    rows, _ = sample_meeting(fitted, DataFrameCondition(known))
    pd.testing.assert_frame_equal(rows[['pressure']], known)


def test_a_value_that_is_given_does_not_go_missing(fitted):
    rows, _ = sample_meeting(fitted, Condition({'pressure': 120}, num_rows=40))
    assert (rows['pressure'] == 120).all()


@pytest.mark.parametrize(
    ('column_values', 'error'),
    [
        ({'ward': 'west'}, r'"ward" cannot be \'west\': the training table has "'),
        ({'age': 200}, r'"age" cannot be 200: the training table has 18 to'),
        ({'age': 30.5}, r'"age" cannot be 30.5: it holds whole numbers'),
        ({'age': 'old'}, r'"age" cannot be \'old\': it holds whole numbers'),
        ({'age': None}, r'"age" cannot be missing: it never is in the training table'),
        ({'admitted': 'soon'}, r'"admitted" cannot be \'soon\': it holds dates'),
        ({'smoker': 'yes'}, r'"smoker" cannot be \'yes\': it holds True and False'),
    ],
)
def test_what_no_row_can_be_is_an_error_before_any_call(fitted, column_values, error):
    llm = fitted._model.generator.provider.provider
    before = len(llm.requests)
    with pytest.raises(ValueError, match=error):
        sample_meeting(fitted, Condition(column_values, num_rows=2))
    assert len(llm.requests) == before


def test_a_thousand_distinct_known_rows_take_as_many_requests_as_rows_fit_in_calls(fitted):
    known = pd.DataFrame({
        'weight': np.linspace(60, 80, 1_000),
        'ward': ['north', 'south'] * 500,
        'patient_of': 'x',
    }).drop(columns='patient_of')
    llm = fitted._model.generator.provider.provider
    before = len(llm.requests)
    rows = sample_remaining_columns(fitted, known)
    pd.testing.assert_frame_equal(rows[['weight', 'ward']], known)
    calls = len(llm.requests) - before
    assert 200 <= calls <= 200 + 40  # top-ups for random dates that are out of range


def test_known_personal_data_is_handed_through_and_never_sent():
    metadata = visits_metadata(name={'sdtype': 'name', 'pii': True})
    made = LLMGANSynthesizer(metadata, llm=ScriptedProvider(), max_batches=1, sampler='llm')
    fit(made, TABLE.assign(name='Ann Smith'))
    known = pd.DataFrame({'name': ['Zoe Quill', 'Max Moor'], 'ward': ['north', 'south']})
    rows = sample_remaining_columns(made, known)
    pd.testing.assert_frame_equal(rows[['name', 'ward']], known)
    requests = made._model.generator.provider.provider.requests
    assert not any('Zoe' in message.content for r in requests for message in r.messages)
    with pytest.raises(ValueError, match='"name": a key or personal data can be conditioned on s'):
        sample_from_conditions(made, [RangeCondition({'name': {'Zoe Quill', 'Max Moor'}})])


@pytest.mark.parametrize(
    ('column_values', 'inclusive', 'meets'),
    [
        ({'age': (65, None)}, 'both', lambda rows: rows['age'] >= 65),
        ({'age': (None, 40)}, 'left', lambda rows: rows['age'] < 40),
        ({'age': (64.5, 66.5)}, 'both', lambda rows: rows['age'].isin([65, 66])),
        ({'age': (64, 67)}, 'neither', lambda rows: rows['age'].isin([65, 66])),
        ({'weight': (70.0, 70.2)}, 'neither', lambda rows: rows['weight'] == 70.1),
        ({'pressure': (120, None)}, 'both', lambda rows: rows['pressure'] >= 120),
        (
            {'admitted': ('2024-03-01', '2024-03-31')},
            'both',
            lambda rows: rows['admitted'].str.startswith('2024-03'),
        ),
        (
            {'admitted': (pd.Timestamp('2024-08-01'), None)},
            'right',
            lambda rows: rows['admitted'] > '2024-08-01',
        ),
        ({'ward': {'north', 'south'}}, 'both', lambda rows: rows['ward'].isin(['north', 'south'])),
        (
            {'stage': [1, 2], 'smoker': True, 'age': (30, 50)},
            'both',
            lambda rows: rows['stage'].isin([1, 2]) & rows['smoker'] & rows['age'].between(30, 50),
        ),
    ],
)
def test_ranges_and_sets(fitted, column_values, inclusive, meets):
    rows, calls = sample_meeting(fitted, RangeCondition(column_values, 20, inclusive))
    assert len(rows) == 20
    assert meets(rows).all()
    assert calls <= 16
    assert rows.dtypes.equals(TABLE.dtypes)


def test_ranges_go_beside_exact_conditions(fitted):
    rows, _ = sample_meeting(
        fitted,
        Condition({'ward': 'north'}, num_rows=3),
        RangeCondition({'age': (60, None)}, num_rows=4),
        RangeCondition({'age': (None, 30)}, num_rows=2),
    )
    assert len(rows) == 9
    assert (rows['ward'][:3] == 'north').all()
    assert (rows['age'][3:7] >= 60).all()
    assert (rows['age'][7:] <= 30).all()


@pytest.mark.parametrize(
    ('column_values', 'error'),
    [
        ({'age': (200, None)}, r'"age" cannot be in \(200, None\): the training table has 18 to'),
        ({'age': (50, 40)}, r'"age" cannot be in \(50, 40\)'),
        ({'ward': ('a', 'b')}, '"ward" cannot be in a range: it holds categories'),
        ({'smoker': (0, 1)}, '"smoker" cannot be in a range: it holds True and False'),
        ({'age': ('young', None)}, '"age" cannot be in a range that ends at .young.: it holds num'),
        ({'admitted': ('then', None)}, '"admitted" cannot be .then.: it holds dates'),
        ({'height': (1, 2)}, "Unexpected column name 'height'"),
        ({'patient': 'P0001'}, 'primary key'),
    ],
)
def test_a_range_that_the_table_rules_out_is_an_error_before_any_call(fitted, column_values, error):
    llm = fitted._model.generator.provider.provider
    before = len(llm.requests)
    with pytest.raises(ValueError, match=error):
        sample_meeting(fitted, RangeCondition(column_values, 2))
    assert len(llm.requests) == before


@pytest.mark.parametrize(
    ('arguments', 'error'),
    [
        (({'age': (1,)},), 'must be a pair'),
        (({'age': (1, 2, 3)},), 'must be a pair'),
        (({'ward': set()},), 'none is given'),
        (({},), 'must map names of columns'),
        (({'age': (1, 2)}, 0), 'num_rows must be a whole number'),
        (({'age': (1, 2)}, 1, 'outer'), 'inclusive must be one of'),
    ],
)
def test_a_range_condition_checks_its_arguments(arguments, error):
    with pytest.raises(ValueError, match=error):
        RangeCondition(*arguments)


def test_without_enforced_ranges_a_range_may_lie_beyond_the_data():
    made = LLMGANSynthesizer(
        visits_metadata(),
        enforce_min_max_values=False,
        llm=ScriptedProvider(),
        max_batches=1,
        sampler='llm',
    )
    fit(made, TABLE)
    rows = sample_from_conditions(made, [RangeCondition({'age': (200, 210)}, 5)])
    assert rows['age'].between(200, 210).all()


@pytest.mark.parametrize('detail', ['none', 'schema', 'full'])
def test_a_condition_is_said_however_little_else_is(detail):
    held = SCHEMA.conditioned({'ward': Allowed.exactly('north')})['ward']
    assert held.describe(detail) == '"ward": always "north"'
    ranged = SCHEMA.conditioned({'age': Allowed(minimum=60, maximum=70)})['age']
    assert 'whole number from 60 to 70' in ranged.describe(detail)


def fit_to(table: pd.DataFrame, **settings: object) -> LLMGANSynthesizer:
    metadata = Metadata.detect_from_dataframes({'t': table})
    for name in table.select_dtypes('object'):
        metadata.update_column(name, 't', sdtype='categorical')
    made = LLMGANSynthesizer(
        metadata, llm=ScriptedProvider(), max_batches=1, sampler='llm', **settings
    )
    fit(made, table)
    return made


def test_known_rows_keep_their_index():
    known = pd.DataFrame({'ward': ['north', 'south', 'north', 'south']}, index=[10, 4, 4, 99])
    made = LLMGANSynthesizer(
        visits_metadata(), llm=ScriptedProvider(), max_batches=1, sampler='llm'
    )
    fit(made, TABLE)
    rows = sample_remaining_columns(made, known)
    assert rows.index.tolist() == [4, 4, 10, 99]
    assert rows['ward'].tolist() == ['south', 'north', 'north', 'south']


def test_completing_a_training_row_may_find_the_truth():
    made = LLMGANSynthesizer(
        visits_metadata(), llm=ScriptedProvider(), max_batches=1, sampler='llm'
    )
    fit(made, TABLE)
    known = TABLE.drop(columns=['patient', 'smoker'])
    completed = sample_remaining_columns(made, known)
    right = (completed['smoker'] == TABLE['smoker']).mean()
    assert 0.2 < right < 0.8  # the scripted model tosses a coin


def test_times_with_a_zone_can_be_conditions():
    days = pd.date_range('2024-03-01', periods=40, tz='Europe/Paris')
    made = fit_to(pd.DataFrame({'day': days, 'x': range(40)}))
    rows = sample_from_conditions(made, [Condition({'day': days[3]}, num_rows=3)])
    assert (rows['day'] == days[3]).all()
    rows = sample_from_conditions(made, [RangeCondition({'day': (days[5], days[9])}, 10)])
    assert rows['day'].between(days[5], days[9]).all()
    assert (rows['day'].dt.hour == 0).all()


def test_a_time_finer_than_the_table_is_an_error():
    days = pd.date_range('2024-03-01', periods=40)
    made = fit_to(pd.DataFrame({'day': days, 'x': range(40)}))
    noon = pd.Timestamp('2024-03-05 12:00')
    with pytest.raises(ValueError, match='"day" cannot be exactly .* written in whole days'):
        made.sample_from_conditions([Condition({'day': noon})])


def test_an_hour_of_a_year_is_met_in_few_calls():
    times = pd.date_range('2024-01-01', periods=400, freq='19h')
    made = fit_to(pd.DataFrame({'time': times, 'x': range(400)}))
    hour = (pd.Timestamp('2024-05-05 10:00'), pd.Timestamp('2024-05-05 10:59:59'))
    rows = sample_from_conditions(made, [RangeCondition({'time': hour}, 20)])
    assert len(rows) == 20
    assert rows['time'].between(*hour).all()


def test_a_thousand_categories_are_drawn_from_training_and_never_listed_whole():
    names = [f'shop {number:04d}' for number in range(1_000)]
    table = pd.DataFrame({'shop': names * 2, 'x': np.arange(2_000)})
    made = fit_to(table)
    rows = sample(made, 200)
    assert rows['shop'].isin(names).all()
    assert rows['shop'].nunique() > 150
    prompts = [r.messages[1].content for r in made._model.generator.provider.provider.requests]
    assert max(sum(name in prompt for name in names) for prompt in prompts) < 250


@pytest.mark.parametrize('sdtype', ['text', 'email'])
def test_a_key_that_models_would_see_is_an_error_before_any_call(sdtype):
    llm = ScriptedProvider()
    metadata = visits_metadata(patient={'sdtype': sdtype, 'pii': False})
    made = LLMGANSynthesizer(metadata, llm=llm)
    with pytest.raises(InvalidDataError, match='"patient" is a key, and keys are made up'):
        fit(made, TABLE)
    assert not llm.requests


def test_missing_values_of_any_make_are_conditions():
    made = LLMGANSynthesizer(
        visits_metadata(), llm=ScriptedProvider(), max_batches=1, sampler='llm'
    )
    fit(made, TABLE)
    for nothing in (None, np.nan, pd.NA):
        rows = sample_from_conditions(made, [Condition({'pressure': nothing}, num_rows=2)])
        assert rows['pressure'].isna().all()
        assert rows['pressure'].dtype == float


@pytest.mark.parametrize('end', [np.nan, float('inf'), [1, 2], pd.NA])
def test_an_end_that_is_no_number_is_an_error(fitted, end):
    with pytest.raises(ValueError, match='"age" cannot be in a range that ends at'):
        fitted.sample_from_conditions([RangeCondition({'age': (20, end)})])
