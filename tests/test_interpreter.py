from __future__ import annotations

import json

import pandas as pd
import pytest
from sdv_lines import fit, sample_from_conditions, taken
from tables import visits, visits_metadata

from sdv_llmgan import LLMGANSynthesizer, ReplyError, ScriptedProvider

pytestmark = pytest.mark.filterwarnings('ignore:We strongly recommend saving the metadata')
TABLE = visits(40)
KEYS = ('one_of', 'none_of', 'at_least', 'more_than', 'at_most', 'less_than', 'missing')


def reads(conditions: dict[str, dict[str, object]], missed: tuple[str, ...] = ()) -> str:
    """A reply; a column that is not there is left out by the model."""
    entries = [
        {'column': name, **dict.fromkeys(KEYS), **found} for name, found in conditions.items()
    ]
    return json.dumps({'conditions': entries, 'not_expressible': list(missed)})


def fitted(reply: str, sampler: str = 'llm') -> tuple[LLMGANSynthesizer, ScriptedProvider]:
    llm = ScriptedProvider()
    made = LLMGANSynthesizer(visits_metadata(), llm=llm, max_batches=1, sampler=sampler)
    fit(made, TABLE)
    own = llm.complete

    def complete(request):
        completion = own(request)
        if request.role != 'interpreter':
            return completion
        return type(completion)(reply, completion.usage)

    llm.complete = complete
    return made, llm


def interpreting(llm: ScriptedProvider) -> list[str]:
    return [r.messages[1].content for r in llm.requests if r.role == 'interpreter']


@pytest.mark.parametrize('sampler', ['llm', 'distilled'])
def test_words_become_a_condition_in_one_call_and_every_row_meets_it(caplog, sampler):
    reply = reads({'smoker': {'one_of': [True]}, 'age': {'more_than': 60}})
    made, llm = fitted(reply, sampler)
    asked = len(llm.requests)
    rows = taken(made.sample_from_description('smokers over 60', 30))
    assert (len(llm.requests) == asked + 1) == (sampler == 'distilled')
    assert len(rows) == 30
    assert rows['smoker'].all()
    assert (rows['age'] > 60).all()
    assert len(interpreting(llm)) == 1
    assert '"smokers over 60"' in interpreting(llm)[0]
    assert made.get_usage().loc['interpreter', 'calls'] == 1
    shown = "'smokers over 60' was read as RangeCondition({'smoker': [True], 'age': (61, None)}"
    assert shown in caplog.text


def test_the_condition_can_be_seen_before_rows_are_paid_for():
    made, llm = fitted(
        reads({
            'ward': {'none_of': ['north']},
            'admitted': {'at_least': '2024-03-01', 'less_than': '2024-04-01'},
            'weight': {'at_most': 80},
            'pressure': {'missing': True},
        })
    )
    before = len(llm.requests)
    condition = made.conditions_from_description('not in the north ward, in March', 5)
    assert len(llm.requests) == before + 1
    assert set(condition.column_values['ward']) == {'south', 'day, "short"'}
    march = (pd.Timestamp('2024-03-01'), pd.Timestamp('2024-03-31'))
    assert condition.column_values['admitted'] == march
    rows = sample_from_conditions(made, [condition])
    assert rows['admitted'].str.startswith('2024-03').all()
    assert rows['pressure'].isna().all()
    assert (rows['weight'] <= 80).all()


@pytest.mark.parametrize(
    ('reply', 'error', 'message'),
    [
        (reads({'age': {'at_least': 60}}, ('rich',)), ValueError, 'cannot say "rich"'),
        (reads({}), ValueError, 'cannot be checked on the columns "age", "weight"'),
        (reads({'ward': {'one_of': ['west']}}), ValueError, '"ward" cannot be .west.'),
        (reads({'age': {'at_least': 200}}), ValueError, '"age" cannot be in'),
        (reads({'height': {'at_least': 2}}), ReplyError, 'Needed one clear condition a column'),
        (reads({'age': {'one_of': [[60, 61]]}}), ReplyError, 'is no value of "age"'),
        (reads({'age': {'at_least': 60, 'one_of': [20]}}), ReplyError, '2 kinds of condition'),
        (reads({'age': {'none_of': [60]}}), ReplyError, 'no categories to exclude'),
        (reads({'age': {'at_least': 1e400}}), ValueError, '"age" cannot be in'),
        (reads({'age': {}}), ReplyError, 'Needed one clear condition a column'),
        ('{"conditions": 7}', ReplyError, 'Needed one clear condition a column'),
        ('Sure!', ReplyError, 'Needed JSON'),
    ],
)
def test_what_cannot_be_checked_is_an_error_before_any_row(reply, error, message):
    made, llm = fitted(reply)
    before = len(llm.requests)
    with pytest.raises(error, match=message):
        made.sample_from_description('whatever', 5)
    assert len(llm.requests) == before + 1


@pytest.mark.parametrize(
    ('said', 'condition'),
    [
        ({'age': {'more_than': '60', 'at_least': 70}}, {'age': (70, None)}),
        ({'age': {'one_of': ['41', 42.0]}}, {'age': [41, 42]}),
        ({'age': {'missing': 'false', 'at_least': None}}, {'age': (None, None)}),
        ({'smoker': {'none_of': ['true']}}, {'smoker': [False]}),
        ({'smoker': {'one_of': ['yes']}}, {'smoker': [True]}),
        ({'stage': {'none_of': ['2', '3']}}, {'stage': [1]}),
        ({'ward': {'one_of': ['North']}}, {'ward': ['north']}),
        (
            {'admitted': {'more_than': '2024-03-01T10:00:00Z'}},
            {'admitted': (pd.Timestamp('2024-03-02'), None)},
        ),
    ],
)
def test_values_are_read_however_they_are_spelled(said, condition):
    made, _ = fitted(reads(said))
    assert made.conditions_from_description('whatever').column_values == condition


def test_a_column_named_twice_has_both_ends_of_a_range_but_not_two_choices():
    both = json.loads(reads({'age': {'more_than': 60}}))
    both['conditions'] += json.loads(reads({'age': {'less_than': 70}}))['conditions']
    made, _ = fitted(json.dumps(both))
    assert made.conditions_from_description('sixties').column_values == {'age': (61, 69)}
    both['conditions'] += json.loads(reads({'age': {'less_than': 80}}))['conditions']
    made, _ = fitted(json.dumps(both))
    with pytest.raises(ReplyError, match='two conditions on "age"'):
        made.conditions_from_description('sixties')


def test_a_blank_description_is_not_sent():
    made, llm = fitted('')
    with pytest.raises(ValueError, match='description of the rows in words is needed'):
        made.sample_from_description('  ', 5)
    with pytest.raises(ValueError, match='description of the rows in words is needed'):
        made.sample_from_description(None, 5)
    with pytest.raises(ValueError, match='num_rows must be'):
        made.sample_from_description('old', 0)
    assert not interpreting(llm)


def test_the_json_schema_asks_for_every_key():
    made, llm = fitted(reads({'age': {'at_least': 60}}))
    made.conditions_from_description('old')
    schema = next(r.json_schema for r in llm.requests if r.role == 'interpreter')
    entry = schema['properties']['conditions']['items']
    assert entry['required'] == ['column', *KEYS]
    assert entry['properties']['column']['enum'][0] == 'age'
