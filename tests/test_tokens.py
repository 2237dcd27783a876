"""What a row costs; experiments/tokens.py has the figures by real tokenizers."""

from __future__ import annotations

import re

import pandas as pd
import pytest
import scripts
from sdv.metadata import Metadata

from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.synthesizer.build import ROWS_PER_EXAMPLE
from sdv_llmgan.table.schema import TableSchema


@pytest.fixture
def tokens(monkeypatch):
    """The benchmark, which is no part of a package."""
    return scripts.load('tokens', monkeypatch)


def count(text: str) -> int:
    """Words, digits and runs of punctuation: about what a tokenizer makes of JSON."""
    return len(re.findall(r'[^\W\d]+|\d|[^\w\s]+|\n *', text))


@pytest.mark.parametrize('per_call', [5, 10])
def test_a_row_of_adult_takes_at_most_two_fifths_of_a_plain_prompts_tokens(tokens, per_call):
    table = pd.read_csv(scripts.ROOT / 'examples' / 'adult_100.csv')
    metadata = Metadata.load_from_json(scripts.ROOT / 'examples' / 'adult_metadata.json')
    schema = TableSchema.from_sdv(metadata, table)
    process = GenerationProcess('Working people.', schema, CausalGraph())
    training = schema.to_plain(table)
    plain = tokens.plain(training, process, per_call, 200, 2, count)
    ours = tokens.ours(training, process, per_call, 200, 'short_keys', count, ROWS_PER_EXAMPLE)
    assert plain.accepted == ours.accepted == 200
    assert ours.total <= 0.4 * plain.total


def test_with_as_many_real_rows_as_pay_it_takes_no_more_even_of_one_line_prompts(tokens):
    table = pd.read_csv(scripts.ROOT / 'examples' / 'adult_100.csv')
    metadata = Metadata.load_from_json(scripts.ROOT / 'examples' / 'adult_metadata.json')
    schema = TableSchema.from_sdv(metadata, table)
    process = GenerationProcess('Working people.', schema, CausalGraph())
    training = schema.to_plain(table)
    plain = tokens.plain(training, process, 5, 200, None, count)
    ours = tokens.ours(training, process, 5, 200, 'short_keys', count, 1, filled=True)
    assert plain.accepted == ours.accepted == 200
    assert ours.total <= 0.4 * plain.total
