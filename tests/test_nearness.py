"""Rows of the distilled sampler are as near to training rows as fresh rows of the source are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sdv_llmgan.metrics import CopiedRows, DCRShare
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.training_set import TrainingSet


class NoMetadata:
    columns: dict[str, dict[str, str]] = {}  # noqa: RUF012


KINDS = {'categories': 'ccccccccc', 'codes': 'nnnnnnnnn', 'both': 'cncncncnc'}


def answers(num_rows: int, seed: int, kinds: str) -> pd.DataFrame:
    """Answers from 0 to 3 of people of three sorts, as words or as whole numbers."""
    rng = np.random.default_rng(seed)
    sort = rng.choice(3, num_rows, p=[0.5, 0.3, 0.2])
    table = {}
    for place, kind in enumerate(kinds):
        usual = (sort + place) % 4
        given = np.where(rng.random(num_rows) < 0.6, usual, rng.integers(0, 4, num_rows))
        table[f'q{place}'] = np.array(list('abcd'))[given] if kind == 'c' else given
    return pd.DataFrame(table)


def fit(table: pd.DataFrame) -> DistilledSampler:
    schema = TableSchema.from_sdv(NoMetadata, table)
    return DistilledSampler.fit(
        TrainingSet(schema.to_plain(table), schema), [CausalGraph()], quick=True
    )


@pytest.mark.parametrize('kinds', KINDS.values(), ids=KINDS)
def test_rows_are_as_near_to_training_rows_as_fresh_ones_where_no_column_is_continuous(kinds):
    training, fresh, held_out = (
        answers(count, seed, kinds) for seed, count in enumerate((50, 300, 600))
    )
    sampler = fit(training)
    rows = [
        sampler.schema.from_plain(sampler.sample(50, np.random.default_rng(s))) for s in range(4)
    ]
    share = np.mean([DCRShare.compute(training, some, held_out_data=held_out) for some in rows])
    of_fresh = DCRShare.compute(training, fresh, held_out_data=held_out)
    assert share == pytest.approx(of_fresh, abs=0.1)
    many = sampler.schema.from_plain(sampler.sample(300, np.random.default_rng(0)))
    copied = CopiedRows.compute(training, many)
    assert copied <= CopiedRows.compute(training, fresh) + 0.03
