"""Known shares of levels move rows where rows bear them out, and hardly where they do not."""

import numpy as np
import pandas as pd
import pytest

from sdv_llmgan.process import CausalGraph, Knowledge, Typical
from sdv_llmgan.samplers.distilled.coded_rows import CodedRows
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.table.column import Column
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.training_set import TrainingSet

SCHEMA = TableSchema((
    Column('ward', 'categorical', ('A', 'B', 'C')),
    Column('dose', 'number', minimum=-5.0, maximum=5.0, decimals=2),
    Column('sick', 'boolean'),
))
#: 25 rows: C, known to be 3 % of all, has 8 % of them.
ROWS = pd.DataFrame({
    'ward': np.array(['A'] * 15 + ['B'] * 8 + ['C'] * 2, dtype=object),
    'dose': np.random.default_rng(0).normal(0, 1, 25).round(2),
    'sick': [True, False, False, True, False] * 5,
})


def fitted(*shares: tuple[str, float], target: str | None = None) -> DistilledSampler:
    known = Knowledge((), (Typical('ward', (), shares),) if shares else ())
    training = TrainingSet(ROWS, SCHEMA, 0, target)
    return DistilledSampler.fit(training, [CausalGraph()], knowledge=known, quick=True)


def share_of(sampler: DistilledSampler, level: str) -> float:
    return float((sampler.sample(3_000, np.random.default_rng(0))['ward'] == level).mean())


@pytest.mark.parametrize('target', [None, 'ward'])
def test_a_level_that_is_known_to_be_rare_is_drawn_less_often_than_few_rows_have_it(target):
    plain = share_of(fitted(target=target), 'C')
    told = fitted(('A', 0.64), ('B', 0.33), ('C', 0.03), target=target)
    assert plain == pytest.approx(0.08, abs=0.02)
    assert 0.03 < share_of(told, 'C') < plain - 0.01
    assert 0.2 < told.chain.learned_from['ward']['knowledge'] < 0.7


def test_shares_that_the_rows_speak_against_hardly_count():
    told = fitted(('A', 0.04), ('B', 0.06), ('C', 0.9))
    assert share_of(told, 'C') == pytest.approx(0.08, abs=0.05)
    assert told.chain.learned_from['ward']['knowledge'] < 0.06


def test_of_many_rows_known_shares_say_little():
    rows = pd.concat([ROWS] * 40, ignore_index=True)
    known = Knowledge((), (Typical('ward', (), (('C', 0.03),)),))
    coded = CodedRows.of(TrainingSet(rows, SCHEMA), known)
    assert coded.told.get('ward', 0) < 0.05
    assert coded.counts == pytest.approx(1, abs=0.05)


def test_levels_of_which_nothing_is_known_share_what_is_left_as_in_the_rows():
    known = Knowledge((), (Typical('ward', (), (('A', 0.5),)),))
    counts = CodedRows.of(TrainingSet(ROWS, SCHEMA), known).counts
    assert counts[0] < 1
    assert counts[15] == pytest.approx(counts[24])  # B and C
    assert counts.mean() == pytest.approx(1)


def test_what_goes_with_a_level_is_drawn_less_often_with_it():
    rows = ROWS.assign(ward=ROWS['ward'].where(np.arange(25) % 4 != 0, 'C'))
    rows['sick'] = rows['ward'] == 'C'
    known = Knowledge((), (Typical('ward', (), (('A', 0.55), ('B', 0.3), ('C', 0.15))),))
    graph = CausalGraph((('sick', 'ward'),))
    plain, told = (
        DistilledSampler.fit(TrainingSet(rows, SCHEMA), [graph], knowledge=one, quick=True).sample(
            3_000, np.random.default_rng(0)
        )
        for one in (Knowledge(), known)
    )
    assert told['sick'].mean() < plain['sick'].mean() - 0.01
    apart = [((one['ward'] == 'C') == one['sick']).mean() for one in (plain, told)]
    assert apart[1] == pytest.approx(apart[0], abs=0.02)


def test_numbers_are_drawn_nearer_to_known_quartiles_and_within_the_rows():
    doses = pd.DataFrame({'dose': np.linspace(-3, 3, 25).round(2)})
    known = Knowledge((), (Typical('dose', (-1.5, -1.0, 1.0)),))
    schema = TableSchema((SCHEMA['dose'],))
    plain, told = (
        DistilledSampler.fit(TrainingSet(doses, schema), [CausalGraph()], knowledge=one)
        for one in (Knowledge(), known)
    )
    drawn = [one.sample(3_000, np.random.default_rng(0))['dose'] for one in (plain, told)]
    assert drawn[0].median() == pytest.approx(0, abs=0.15)
    assert -1.0 < drawn[1].median() < -0.1
    assert drawn[1].between(-3, 3).all()
    assert 0 < told.chain.learned_from['dose']['knowledge'] < 1


def test_a_level_that_no_row_has_is_not_made_up():
    rows = ROWS[ROWS['ward'] != 'C'].reset_index(drop=True)
    known = Knowledge((), (Typical('ward', (), (('A', 0.5), ('B', 0.3), ('C', 0.2))),))
    training = TrainingSet(rows, SCHEMA)
    drawn = DistilledSampler.fit(training, [CausalGraph()], knowledge=known, quick=True)
    assert set(drawn.sample(500, np.random.default_rng(0))['ward']) == {'A', 'B'}


def test_where_values_are_missing_their_share_stays():
    rows = ROWS.assign(ward=ROWS['ward'].where(np.arange(25) % 5 != 0, None))
    known = Knowledge((), (Typical('ward', (), (('A', 0.62), ('B', 0.34), ('C', 0.04))),))
    nullable = SCHEMA.replaced([Column('ward', 'categorical', ('A', 'B', 'C'), nullable=True)])
    training = TrainingSet(rows, nullable)
    drawn = DistilledSampler.fit(training, [CausalGraph()], knowledge=known, quick=True)
    share = drawn.sample(2_000, np.random.default_rng(0))['ward'].isna().mean()
    assert share == pytest.approx(0.2, abs=0.04)


def test_the_same_rows_are_drawn_where_no_share_is_known():
    known = Knowledge((), (Typical('ward', (), (), ('A', 'B', 'C')),), ('Nobody likes ward C.',))
    training = TrainingSet(ROWS, SCHEMA)
    told = DistilledSampler.fit(training, [CausalGraph()], knowledge=known, quick=True)
    rows = [one.sample(20, np.random.default_rng(0)) for one in (told, fitted())]
    pd.testing.assert_frame_equal(*rows)
