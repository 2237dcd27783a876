"""What a fit takes beside its calls, by the number of columns: the graph and the local sampler.

python experiments/columns_speed.py [--columns 15 40 80] [--rows 100] [--graph-only]

Columns are normal numbers, seven in ten of them an earlier one's effect. Seconds of processor
time on one thread, which other work on the machine hardly changes.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from sdv_llmgan.process.hill_climb import learn_causal_graph
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.table.schema import Column, TableSchema
from sdv_llmgan.table.training_set import TrainingSet


def linked_columns(num_rows: int, num_columns: int) -> pd.DataFrame:
    """Numbers, most columns with one cause among those before them."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(num_rows, num_columns))
    for place in range(1, num_columns):
        if rng.random() < 0.7:
            values[:, place] += 1.2 * values[:, rng.integers(place)]
    names = [f'c{place}' for place in range(num_columns)]
    return pd.DataFrame(values.round(2), columns=names)


def main() -> None:
    """Fit on tables of each width and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--columns', type=int, nargs='+', default=[15, 40, 80])
    parser.add_argument('--rows', type=int, default=100)
    parser.add_argument('--graph-only', action='store_true')
    arguments = parser.parse_args()
    learn_causal_graph(linked_columns(20, 2), _schema(linked_columns(20, 2)))  # imports
    for num_columns in arguments.columns:
        table = linked_columns(arguments.rows, num_columns)
        schema = _schema(table)
        with threadpool_limits(limits=1):
            started = time.process_time()
            graph = learn_causal_graph(table, schema)
            learned = time.process_time()
            line = f'{num_columns} columns x {arguments.rows} rows: graph {learned - started:.1f} s'
            if not arguments.graph_only:
                DistilledSampler.fit(TrainingSet(table, schema), [graph])
                line += f', local sampler {time.process_time() - learned:.1f} s'
        print(f'{line} ({len(graph.edges)} edges)', flush=True)


def _schema(table: pd.DataFrame) -> TableSchema:
    ends = [(float(table[name].min()), float(table[name].max())) for name in table]
    return TableSchema(
        tuple(
            Column(str(name), 'number', minimum=low, maximum=high, decimals=2)
            for name, (low, high) in zip(table, ends, strict=True)
        )
    )


if __name__ == '__main__':
    main()
