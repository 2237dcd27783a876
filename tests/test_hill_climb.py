from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd

from sdv_llmgan.process.hill_climb import learn_causal_graph
from sdv_llmgan.table.schema import Column, TableSchema


def noisy(num_rows: int = 300) -> tuple[pd.DataFrame, TableSchema]:
    """x drives y and z; nothing drives noise."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=num_rows)
    table = pd.DataFrame({
        'x, "the cause"': x,
        'y': x + rng.normal(scale=0.3, size=num_rows),
        'z 🙂': np.where(x > 0, 'high', 'low'),
        'noise': rng.choice(['a', 'b', None], num_rows),
        'constant': 1.0,
        'name': [f'n{i}' for i in range(num_rows)],
    })
    kinds = ['number', 'number', 'categorical', 'categorical', 'integer', 'categorical']
    columns = [Column(name, kind) for name, kind in zip(table, kinds, strict=True)]
    return table.astype({'noise': object}), TableSchema(tuple(columns))


def test_dependent_columns_are_joined_and_independent_ones_are_not():
    graph = learn_causal_graph(*noisy())
    joined = {frozenset(edge) for edge in graph.edges}
    assert frozenset({'x, "the cause"', 'y'}) in joined
    assert frozenset({'x, "the cause"', 'z 🙂'}) in joined
    assert not {'noise', 'constant', 'name'} & {name for edge in graph.edges for name in edge}


def test_a_table_with_nothing_to_join_has_no_edges():
    table, schema = noisy()
    assert (
        learn_causal_graph(table[['x, "the cause"']], schema.reordered(['x, "the cause"'])).edges
        == ()
    )
    assert learn_causal_graph(table.head(2), schema).edges == ()


def test_the_graph_does_not_depend_on_the_hash_seed():
    script = (
        'import sys; sys.path.insert(0, "tests")\n'
        'from test_hill_climb import noisy\n'
        'from sdv_llmgan.process.hill_climb import learn_causal_graph\n'
        'print(ascii(learn_causal_graph(*noisy()).edges))'
    )
    seen = {
        subprocess.run(
            [sys.executable, '-c', script],
            env={'PYTHONHASHSEED': seed, 'PATH': ''},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ('1', '2', '3')
    }
    assert len(seen) == 1


def test_a_hundred_columns_take_seconds_and_find_the_chains_they_hold():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, 100))
    values[:, 1::2] += 2 * values[:, ::2]
    table = pd.DataFrame(values, columns=[f'c{number:03d}' for number in range(100)])
    schema = TableSchema(tuple(Column(name, 'number') for name in table))
    pairs = {(f'c{number:03d}', f'c{number + 1:03d}') for number in range(0, 100, 2)}
    found = {tuple(sorted(edge)) for edge in learn_causal_graph(table, schema).edges}
    assert pairs <= found
    assert len(found - pairs) < 10
