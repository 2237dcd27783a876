"""How fast the distilled sampler fits and draws, beside CTGAN: seconds by the clock and of CPU.

python experiments/distilled_speed.py TABLE.csv [--rows 1000000] [--ctgan-epochs 1] [--no-ctgan]

Needs SDV 2, whose synthesizers take tables by name.

CTGAN's epochs bear on its fit alone: its sampling takes as long after one epoch as after 300.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
from sdv.metadata import Metadata
from sdv.single_table import CTGANSynthesizer

from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.training_set import TrainingSet


def metadata_of(table: pd.DataFrame) -> Metadata:
    """Numbers as numbers, everything else as categories."""
    columns = {
        str(name): {
            'sdtype': 'numerical' if pd.api.types.is_numeric_dtype(table[name]) else 'categorical'
        }
        for name in table
    }
    return Metadata.load_from_dict({
        'tables': {'table': {'columns': columns}},
        'relationships': [],
        'METADATA_SPEC_VERSION': 'V1',
    })


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long it takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f'{what} {wall:.1f} s, CPU {cpu:.1f} s', flush=True)


def main() -> None:
    """Print seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('table')
    parser.add_argument('--rows', type=int, default=1_000_000)
    parser.add_argument('--ctgan-epochs', type=int, default=1)
    parser.add_argument('--no-ctgan', action='store_true')
    arguments = parser.parse_args()
    table = pd.read_csv(arguments.table)
    metadata = metadata_of(table)
    schema = TableSchema.from_sdv(metadata, table)

    with timed(f'distilled: fit on {len(table)} rows'):
        sampler = DistilledSampler.fit(TrainingSet(schema.to_plain(table), schema), [CausalGraph()])
    with timed(f'distilled: {arguments.rows} rows'):
        for _ in sampler.chunks(arguments.rows, np.random.default_rng(0)):
            pass
    print(f'most memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB')
    if arguments.no_ctgan:
        return
    synthesizer = CTGANSynthesizer(metadata, epochs=arguments.ctgan_epochs)
    synthesizer.fit({'table': table})
    with timed(f'CTGAN: {arguments.rows} rows'):
        synthesizer.sample(arguments.rows)


if __name__ == '__main__':
    main()
