"""Samplers of a plugin that do what they may not, or less than the built-in ones."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import sdv_lines
from tables import visits, visits_metadata

from sdv_llmgan import (
    EgressPolicy,
    LLMGANSynthesizer,
    ParsedRows,
    PluginError,
    RangeCondition,
    Sampler,
    SamplingError,
    Wanted,
)
from sdv_llmgan.table.allowed import Allowed
from sdv_llmgan.table.schema import Column, TableSchema
from sdv_llmgan.table.wanted import NOT_WANTED


@dataclass
class Shuffling(Sampler):
    """Training rows in any order, of one ward where that is asked for."""

    ward: str | None = None
    told: tuple = ()

    def fit(self, training, learned):
        self.told = (training, learned)
        rows = training.rows
        self.rows = rows[rows['ward'] == self.ward] if self.ward else rows

    def sample(self, wanted, rng):
        rows = self.rows.sample(len(wanted), replace=True, random_state=rng)
        return ParsedRows(rows.reset_index(drop=True))


def fitted(sampler, **settings):
    usual = {'llm': 'scripted', 'max_batches': 1, 'causal_graph': 'none', 'cache': False}
    made = LLMGANSynthesizer(visits_metadata(), sampler=sampler, **usual, **settings)
    sdv_lines.fit(made, visits(30))
    return made


def test_an_object_with_settings_draws_and_goes_by_its_class_and_stays_unfitted():
    given = Shuffling('north')
    made = fitted(given, target='ward', seed=7)
    assert set(sdv_lines.sample(made, 20)['ward']) == {'north'}
    assert made.get_info()['sampler'] == 'Shuffling'
    assert given.told == ()
    training, learned = made.get_fitted_model().chosen.told
    assert (training.seed, training.target, training.enforce_range) == (7, 'ward', True)
    assert len(training.rows) == 30
    assert training.schema.names == tuple(training.rows)
    assert learned.process == made.get_generation_process()


@pytest.mark.parametrize('sampler', ['llm', Shuffling('north')])
def test_what_a_sampler_keeps_of_the_loop_is_pickled_without_history_and_progress(sampler):
    made = fitted(sampler, verbose=True)
    again = pickle.loads(pickle.dumps(made))
    made.reset_sampling()
    again.reset_sampling()
    pd.testing.assert_frame_equal(sdv_lines.sample(again, 5), sdv_lines.sample(made, 5))


def test_what_cannot_be_drawn_is_rejected_and_counted_not_handed_out():
    made = fitted(Shuffling('north'))
    with pytest.raises(SamplingError, match=NOT_WANTED):
        sdv_lines.sample_from_conditions(made, [RangeCondition({'ward': 'south'}, 2)])


def test_after_another_process_is_set_rows_come_from_the_model_until_the_next_fit():
    made = fitted(Shuffling('north'))
    made.set_generation_process(made.get_generation_process())
    assert made.get_info()['sampler'] == 'llm'
    made.continue_fit()
    assert made.get_info()['sampler'] == 'Shuffling'


def test_free_text_needs_a_sampler_that_writes_it():
    metadata = visits_metadata()
    metadata.add_column('note', next(iter(metadata.tables)), sdtype='text', pii=False)
    table = visits(20).assign(note=[f'slept {place} h' for place in range(20)])
    made = LLMGANSynthesizer(metadata, llm='scripted', max_batches=1, sampler=Shuffling())
    with pytest.raises(ValueError, match=r'sampler=Shuffling.*cannot write free text .note'):
        sdv_lines.fit(made, table)


class Unnumbered(Shuffling):
    """Forgets whom its rows are for."""

    def sample(self, wanted, rng):
        parsed = super().sample(wanted, rng)
        return ParsedRows(parsed.rows.set_axis(parsed.rows.index + 1_000))


class Bare(Shuffling):
    """Returns a table."""

    def sample(self, wanted, rng):
        return super().sample(wanted, rng).rows


@pytest.mark.parametrize(
    ('sampler', 'said'),
    [
        (Unnumbered(), 'Unnumbered: rows must have the number of the wanted row'),
        (Bare(), 'Bare: sample must return ParsedRows, got DataFrame'),
    ],
)
def test_what_a_sampler_may_not_return_is_an_error_that_names_it(sampler, said):
    made = fitted(sampler)
    with pytest.raises(PluginError, match=said):
        sdv_lines.sample(made, 5)


class Asking(Shuffling):
    """Has the model write."""

    asks_model = True

    def sample(self, wanted, rng):
        _, learned = self.told
        pieces = learned.writer.examples.draw(len(wanted), rng)
        return learned.writer.write(learned.process, wanted, pieces, rng)


def test_a_sampler_that_asks_a_model_is_given_what_models_may_see_and_its_rows_are_completed():
    policy = EgressPolicy({'weight': 'withhold', 'age': 'bucket'}, max_rows=12)
    made = fitted(Asking(), egress=policy)
    training, learned = made.get_fitted_model().chosen.told
    assert 'weight' not in training.rows
    assert len(training.rows) == 12
    assert training.schema.names == made.get_generation_process().schema.names
    assert learned.generated is None
    before = made.get_usage()['calls'].sum()
    rows = sdv_lines.sample(made, 10)
    assert made.get_usage()['calls'].sum() > before
    assert rows['weight'].between(visits(30)['weight'].min(), visits(30)['weight'].max()).all()


def test_calls_are_estimated_only_for_a_sampler_that_may_ask_a_model():
    for sampler, asks in ((Shuffling(), False), (Asking(), True), ('auto', True)):
        made = LLMGANSynthesizer(visits_metadata(), llm='scripted', max_batches=1, sampler=sampler)
        estimate = made.estimate(sdv_lines.given(made.metadata, visits(30)), num_rows=10)
        assert (estimate.sample.calls > 0) == asks


def test_wanted_rows_know_their_kinds_and_which_rows_meet_them():
    cells = [Allowed.exactly('a'), Allowed(('a', 'b')), Allowed.exactly('a')]
    wanted = Wanted(pd.DataFrame({'ward': cells}, index=[7, 3, 5]))
    assert (len(wanted), wanted.columns) == (3, ['ward'])
    assert wanted.kinds.tolist() == [0, 1, 0]
    some = wanted.at(np.array([1, 1, 0]))
    assert some.cells.index.tolist() == [0, 1, 2]
    schema = TableSchema((Column('ward', 'categorical', ('a', 'b')),))
    parsed = some.reject(ParsedRows(pd.DataFrame({'ward': ['b', 'c', 'a']})), schema)
    assert parsed.rows['ward'].tolist() == ['b', 'a']
    assert parsed.rejected == {NOT_WANTED: 1}
    assert Wanted.unconditioned(4).kinds.tolist() == [0] * 4
