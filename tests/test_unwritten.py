"""What models are not asked for is in the rows all the same."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import sdv_lines
from sdv.metadata import Metadata
from sdv.sampling import Condition

from sdv_llmgan import EgressPolicy, LLMGANSynthesizer, ScriptedProvider

ILLNESSES = [*['cold'] * 20, *['flu'] * 16, 'gout', 'gout', 'mumps', 'measles']
TABLE = pd.DataFrame({
    'hospital': 'St. Mary',
    'beds': 40,
    'opened': pd.Timestamp('1999-05-03'),
    'public': True,
    'nothing': pd.Series([None] * 40, dtype=object),
    'illness': ILLNESSES,
    'days': np.arange(40) % 13 + 1,
})
CONSTANT = ['hospital', 'beds', 'opened', 'public', 'nothing']
SDTYPES = {
    **{'hospital': 'categorical', 'beds': 'numerical', 'opened': 'datetime', 'public': 'boolean'},
    **{'nothing': 'categorical', 'illness': 'categorical', 'days': 'numerical'},
}


def fitted(policy: EgressPolicy | None = None, **arguments: object) -> LLMGANSynthesizer:
    metadata = Metadata.load_from_dict({
        'tables': {'stays': {'columns': {n: {'sdtype': kind} for n, kind in SDTYPES.items()}}},
        'relationships': [],
        'METADATA_SPEC_VERSION': 'V1',
    })
    made = LLMGANSynthesizer(
        metadata,
        llm=ScriptedProvider(),
        egress=policy,
        **{'max_batches': 1, 'sampler': 'llm', 'reject_copies': False, 'causal_graph': 'none'}
        | arguments,
    )
    sdv_lines.fit(made, TABLE)
    return made


def said(made: LLMGANSynthesizer) -> str:
    """All that the generator was told, with the JSON Schemas of its replies."""
    asked = [request for request in made.llm.requests if request.role == 'generator']
    assert asked
    return '\n'.join(
        message.content + json.dumps(request.json_schema)
        for request in asked
        for message in request.messages
    )


@pytest.mark.parametrize(
    ('policy', 'row_format'),
    [
        (None, 'arrays'),
        (EgressPolicy(rows=False), 'short_keys'),
        (None, 'objects'),
    ],
)
def test_columns_of_one_value_are_not_asked_for(policy, row_format):
    made = fitted(policy, row_format=row_format)
    rows = sdv_lines.sample(made, 30)
    assert len(rows) == 30
    for name in CONSTANT:
        assert f'"{name}"' not in said(made)
    known = [name for name in CONSTANT if name != 'nothing']
    assert (rows[known] == TABLE.loc[0, known]).all(axis=None)
    assert rows['nothing'].isna().all()
    assert rows.dtypes.equals(TABLE.dtypes)


def test_a_column_of_one_value_is_told_where_a_condition_names_it():
    made = fitted()
    conditions = [Condition({'hospital': 'St. Mary', 'illness': 'flu'}, num_rows=3)]
    rows = sdv_lines.sample_from_conditions(made, conditions)
    assert (rows['hospital'] == 'St. Mary').all()
    assert '"hospital": always "St. Mary"' in said(made)
    assert (rows['beds'] == 40).all()


def test_a_table_of_columns_of_one_value_is_written_whole():
    metadata = Metadata.load_from_dict({
        'tables': {'stays': {'columns': {'beds': {'sdtype': 'numerical'}}}},
        'relationships': [],
        'METADATA_SPEC_VERSION': 'V1',
    })
    made = LLMGANSynthesizer(metadata, llm='scripted', max_batches=1, sampler='llm')
    sdv_lines.fit(made, TABLE[['beds']])
    assert (sdv_lines.sample(made, 4)['beds'] == 40).all()


def test_categories_that_are_not_told_are_drawn_here_as_often_as_they_are():
    made = fitted(EgressPolicy(rows=False))
    rows = sdv_lines.sample(made, 300)
    rare = rows['illness'].isin(['gout', 'mumps', 'measles'])
    assert 0.05 < rare.mean() < 0.15  # 10 % of the training rows
    assert set(rows['illness']) == set(ILLNESSES)
    for never in ('gout', 'mumps', 'measles', '(another value)'):
        assert never not in said(made)


def test_a_condition_on_a_category_that_is_not_told_is_met():
    made = fitted(EgressPolicy(rows=False))
    conditions = [
        Condition({'illness': 'gout'}, num_rows=3),
        Condition({'illness': 'flu'}, num_rows=2),
    ]
    rows = sdv_lines.sample_from_conditions(made, conditions)
    assert sorted(rows['illness']) == ['flu', 'flu', 'gout', 'gout', 'gout']
    assert 'gout' not in said(made)
    assert '(another value)' not in said(made)


def test_a_column_has_the_same_key_in_whatever_order_it_is_written():
    lines = []
    for graph in ([('illness', 'days')], [('days', 'illness')]):
        made = fitted(causal_graph=graph, row_format='short_keys', optimize=False)
        lines.append({line for line in said(made).splitlines() if line.startswith('- ')})
    told = [{line for line in some if ' = ' in line} for some in lines]
    assert told[0] == told[1]
    assert {line[:15] for line in told[0]} == {'- f = "illness"', '- g = "days": w'}


def test_no_stand_in_for_what_is_not_told_stands_in_the_rows_of_any_role():
    made = fitted(
        EgressPolicy(max_rows=40),
        discriminator=['llm', 'logistic'],
        search='trajectory',
        optimizer_examples=40,
        max_batches=2,
        batch_size=40,
    )
    asked = {request.role: request.messages[-1].content for request in made.llm.requests}
    assert {'optimizer', 'discriminator'} <= set(asked)
    for role, prompt in asked.items():
        assert '(another value)' not in prompt, role
