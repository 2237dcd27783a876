"""The training table's way through the rooms; experiments/room_walk.py prints it."""

from __future__ import annotations

import sys
from collections import Counter

import pandas as pd
import pytest
import scripts
from sdv.metadata import Metadata
from sdv_lines import fit
from tables import visits

from sdv_llmgan import EgressPolicy, LLMGANSynthesizer
from sdv_llmgan.benchmark.tables import metadata_by_dtypes
from sdv_llmgan.process.hill_climb import learn_causal_graph
from sdv_llmgan.table.schema import TableSchema


@pytest.fixture
def room_walk(monkeypatch):
    """The experiment, which is no part of a package."""
    return scripts.load('room_walk', monkeypatch)


@pytest.mark.parametrize(
    ('columns', 'sampler', 'policy'),
    [
        (['smoker', 'ward'], 'auto', None),
        (['age', 'smoker'], 'distilled', EgressPolicy({'age': 'bucket'}, max_rows=10)),
    ],
)
def test_the_training_table_enters_each_room_at_most_twice(room_walk, columns, sampler, policy):
    table = visits(30)[columns]
    synthesizer = LLMGANSynthesizer(
        Metadata.load_from_dict(metadata_by_dtypes(table), 'visits'),
        llm='scripted',
        max_batches=1,
        batch_size=10,
        cache=False,
        sampler=sampler,
        egress=policy,
    )
    walked = room_walk.stays(lambda: fit(synthesizer, table), table)
    counts = Counter(room for room, _ in walked)
    assert {'synthesizer', 'table', 'rules', 'egress', 'process'} <= set(counts)
    assert {'loop', 'discriminators', 'samplers.distilled'} <= set(counts)
    assert max(counts.values()) == 2, walked


def test_a_call_is_seen_that_is_handed_all_rows_and_all_columns_and_no_other(room_walk):
    table = pd.DataFrame({'age': [31.0, 42.0, 53.0], 'weight': [60.0, 70.0, 80.0]})
    schema = TableSchema.learned(table, {})
    walk = room_walk.Walk(set(table), len(table))
    sys.setprofile(walk.watch)
    try:
        schema.to_plain(table)
        schema.to_plain(table.head(2))
        schema.reordered(['age']).to_plain(table[['age']])
        learn_causal_graph(table, schema)
    finally:
        sys.setprofile(None)
    assert [room for room, _ in walk.calls] == ['table', 'process']
