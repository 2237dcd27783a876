"""What a fit needs more than once is worked out once, and comes out as without a memory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sdv.metadata import Metadata

from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.samplers.distilled.remembered import remembered, remembering
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.training_set import GeneratedRows, TrainingSet

AGE_JOB = pd.DataFrame({
    'age': [31, 45, 27, 52, 38, 61, 24, 47, 35, 58, 29, 43],
    'job': ['nurse', 'clerk', 'nurse', 'cook', 'clerk', 'cook'] * 2,
    'pay': [30, 42, 28, 35, 40, 37, 27, 44, 33, 36, 29, 41],
})
SCHEMA = TableSchema.from_sdv(
    Metadata.load_from_dict({
        'tables': {
            't': {
                'columns': {
                    'age': {'sdtype': 'numerical'},
                    'job': {'sdtype': 'categorical'},
                    'pay': {'sdtype': 'numerical'},
                }
            }
        },
        'relationships': [],
        'METADATA_SPEC_VERSION': 'V1',
    }),
    AGE_JOB,
)
TRAINING = TrainingSet(SCHEMA.to_plain(AGE_JOB), SCHEMA)
WRITTEN = GeneratedRows.of(TRAINING.rows.iloc[:6].assign(pay=[31, 43, 27, 36, 41, 38]))


def fitted() -> DistilledSampler:
    return DistilledSampler.fit(TRAINING, [CausalGraph()]).learning_from(WRITTEN)


def models(sampler: DistilledSampler) -> list[object]:
    """Of each column in order."""
    return [link.conditional for link in sampler.chain]


@pytest.fixture
def made() -> list[str]:
    """What was worked out."""
    return []


def add(made: list[str], value: str) -> str:
    made.append(value)
    return value


def test_nothing_is_worked_out_twice_until_it_is_made_of_something_else(made):
    with remembering():
        for rows in ([1, 2], [1, 2], [1, 3], [1, 2]):
            value = remembered('age', np.array(rows), lambda rows=rows: add(made, str(rows)))
            assert value == str(rows)
    assert made == ['[1, 2]', '[1, 3]', '[1, 2]']


def test_each_place_has_a_result_of_its_own(made):
    with remembering():
        for place in ('age', 'job', 'age', 'job'):
            remembered(place, 0, lambda place=place: add(made, place))
    assert made == ['age', 'job']


def test_all_is_forgotten_at_the_end_and_a_memory_in_another_is_its_own(made):
    def make() -> str:
        return remembered('age', 0, lambda: add(made, 'age'))

    make()
    with remembering():
        make()
        with remembering():
            make()
        make()
    make()
    assert len(made) == 4


def test_a_second_fit_on_the_same_rows_fits_no_model_and_draws_the_same():
    with remembering():
        first, second = (DistilledSampler.fit(TRAINING, [CausalGraph()]) for _ in range(2))
        learned = fitted()
    plain = DistilledSampler.fit(TRAINING, [CausalGraph()])
    assert all(one is other for one, other in zip(models(first), models(second), strict=True))
    assert not any(one is other for one, other in zip(models(first), models(plain), strict=True))
    for one, other in ((second, plain), (learned, fitted())):
        drawn = [sampler.sample(20, np.random.default_rng(0)) for sampler in (one, other)]
        pd.testing.assert_frame_equal(*drawn)


def test_only_models_that_know_of_a_changed_cell_are_fitted_anew():
    rows = TRAINING.rows.copy()
    rows.loc[11, 'pay'] = 44
    with remembering():
        before = DistilledSampler.fit(TRAINING, [CausalGraph()])
        after = DistilledSampler.fit(TrainingSet(rows, SCHEMA), [CausalGraph()])
    plain = DistilledSampler.fit(TrainingSet(rows, SCHEMA), [CausalGraph()])
    for one, other in zip(before.chain, after.chain, strict=True):
        asks_pay = 'pay' in (one.name, *one.predecessors)
        assert (one.conditional is other.conditional) is not asks_pay
    drawn = [sampler.sample(20, np.random.default_rng(0)) for sampler in (after, plain)]
    pd.testing.assert_frame_equal(*drawn)
