from __future__ import annotations

import pandas as pd
import pytest
from sdv.sampling import Condition, DataFrameCondition
from tables import visits, visits_metadata

from sdv_llmgan import LLMGANSynthesizer, ScriptedProvider
from sdv_llmgan.rows import parse_rows
from sdv_llmgan.schema import TableSchema

pytestmark = pytest.mark.filterwarnings('ignore:We strongly recommend saving the metadata')
TABLE = visits(40)
SCHEMA = TableSchema.from_sdv(visits_metadata(), TABLE.drop(columns='patient'))


@pytest.fixture(scope='module')
def fitted() -> LLMGANSynthesizer:
    made = LLMGANSynthesizer(visits_metadata(), llm=ScriptedProvider(), max_batches=1)
    made.fit({'visits': TABLE})
    return made


def sample(fitted: LLMGANSynthesizer, *conditions: object) -> tuple[pd.DataFrame, int]:
    """Rows, and the calls that they took."""
    llm = fitted._model.generator.provider.provider
    before = len(llm.requests)
    rows = fitted.sample_from_conditions(list(conditions))['visits']
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
    rows, calls = sample(fitted, Condition({column: value}, num_rows=20))
    assert len(rows) == 20
    assert (rows[column] == value).all()
    assert 4 <= calls <= 6  # a few random dates are out of range
    assert rows.dtypes.equals(TABLE.dtypes)


def test_known_rows_are_completed(fitted):
    known = pd.DataFrame({'ward': ['north', 'south', 'north'], 'stage': [1, 2, 3]})
    rows, calls = sample(fitted, DataFrameCondition(known))
    pd.testing.assert_frame_equal(rows[['ward', 'stage']], known)
    assert 3 <= calls <= 5


def test_the_model_is_told_of_the_condition(fitted):
    sample(fitted, Condition({'ward': 'north', 'age': 50}, num_rows=2))
    request = fitted._model.generator.provider.provider.requests[-1]
    prompt = request.messages[1].content
    assert '"ward": always "north"' in prompt
    assert '"age": always 50' in prompt


def test_rows_that_miss_the_condition_are_rejected():
    schema = SCHEMA.reordered(['age', 'ward']).conditioned({'ward': 'north'})
    parsed = parse_rows('[[50, "north"], [50, "south"]]', schema)
    assert len(parsed.rows) == 1
    assert parsed.rejected == {'ward: not as the condition says': 1}


def test_a_missing_value_can_be_the_condition():
    schema = SCHEMA.reordered(['pressure']).conditioned({'pressure': None})
    assert schema['pressure'].json_schema(enforce_range=True) == {'type': 'null', 'enum': [None]}
    assert len(parse_rows('[[null]]', schema).rows) == 1


def test_an_unknown_category_is_an_error_before_any_call(fitted):
    llm = fitted._model.generator.provider.provider
    before = len(llm.requests)
    with pytest.raises(ValueError, match='terminated') as error:
        sample(fitted, Condition({'ward': 'west'}, num_rows=2))
    assert '"ward" cannot be \'west\': the training table has' in str(error.value.__cause__)
    assert len(llm.requests) == before


@pytest.mark.parametrize('detail', ['none', 'schema', 'full'])
def test_a_condition_is_said_however_little_else_is(detail):
    column = SCHEMA.conditioned({'ward': 'north'})['ward']
    assert column.describe(detail) == '"ward": always "north"'
