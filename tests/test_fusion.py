from __future__ import annotations

import numpy as np
import pytest
from test_distilled import fit, people, shares_of_generated

from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.knowledge import NOTHING_KNOWN
from sdv_llmgan.samplers.distilled.coded_rows import CodedRows
from sdv_llmgan.samplers.distilled.fusion import Trust
from sdv_llmgan.samplers.distilled.pooling import pooled
from sdv_llmgan.table.training_set import GeneratedRows, TrainingSet

NUM_REAL = 40


def at_random(num_rows: int, seed: int = 2) -> GeneratedRows:
    """Values of real columns that tell nothing of each other."""
    rng = np.random.default_rng(seed)
    rows, _ = people(num_rows, seed=1)
    return GeneratedRows.of(rows.apply(lambda column: rng.permutation(column.to_numpy())))


def fresh(num_rows: int) -> GeneratedRows:
    return GeneratedRows.of(people(num_rows, seed=1)[0])


def test_a_column_in_which_there_is_nothing_to_know_speaks_for_no_source():
    # Twice as good in four columns that nobody claims to know, worse in the one that real rows do.
    nats = np.array([[2.0, 1.5, 1.0]] * 4 + [[0.3, 0.6, 0.7]])
    claims = np.array([[0.0, 0.0, 0.0]] * 4 + [[0.5, 0.02, 0.01]])
    guessing = Trust.of(nats, claims, NUM_REAL)
    assert guessing.table[0] > 0.9
    assert guessing.is_futile
    claims[:, 1:] = 0.4
    knowing = Trust.of(nats, claims, NUM_REAL)
    assert knowing.table[0] < 0.3
    assert not knowing.is_futile


def test_where_nobody_claims_to_know_anything_real_rows_count_alone():
    nats = np.array([[0.72, 0.70, 0.69], [0.36, 0.28, 0.27], [0.74, 0.70, 0.70]])
    assert Trust.of(nats, np.zeros((3, 3)), 25).table == pytest.approx([1, 0, 0])


def test_columns_count_for_the_table_as_much_as_is_said():
    likely, prior = np.log([[0.9, 0.1], [0.1, 0.9]]), np.array([0.5, 0.5])
    assert pooled(likely, prior, 1)[0] == pytest.approx([0.5, 0.5])
    assert pooled(likely, prior, 1, np.array([3.0, 0.0, 1.0]))[0] == pytest.approx([0.8, 0.2])


@pytest.mark.parametrize(('generated', 'least', 'most'), [
    (fresh(160), 0.8, 1.0),
    (at_random(160), -1.0, 0.1),
])  # fmt: skip
def test_rows_claim_what_they_know_whatever_real_ones_beside_them_do(generated, least, most):
    table, schema = people(NUM_REAL)
    rows = CodedRows.of(TrainingSet(table, schema), NOTHING_KNOWN).with_generated(generated)
    before, graph = ['sex', 'age', 'smoker'], CausalGraph()
    link = rows.link('charges', before, graph, 1_000, quick=True, generated=0.3)
    assert least < link.conditional.claim < most
    assert rows.link('charges', before, graph, 1_000).conditional.claim > 0.8


def test_rows_drawn_at_random_leave_columns_to_real_ones_and_the_gain_is_none():
    alone = fit(*people(NUM_REAL), quick=True)
    knowing, guessing = (alone.learning_from(rows) for rows in (fresh(160), at_random(160)))
    assert max(shares_of_generated(guessing).values()) < 0.1
    assert min(shares_of_generated(knowing).values()) > 0.3
    assert [name for name, gain in guessing.chain.gain.items() if abs(gain) > 0.01] == []
    assert knowing.chain.gain['charges'] > 0.05
    # What is said is what was measured: real rows alone, less the conditionals that are drawn from.
    assert sum(knowing.chain.gain.values()) == pytest.approx(alone.nats - knowing.nats)
    assert alone.chain.gain == dict.fromkeys(alone.chain.names, 0.0)
