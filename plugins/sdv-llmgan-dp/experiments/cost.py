"""What privacy costs: ML efficacy and tables of one and two columns, by epsilon and rows of Adult.

python plugins/sdv-llmgan-dp/experiments/cost.py --data ../shared/data --out /tmp/dp.csv
    --methods: 'dp', 'dp+known' (with experiments/without_rows/adult.json), 'distilled' (without
    privacy), 'known' (without a row), 'mst': MST of smartnoise-synth on the same ranges in even
    bins, run by the Python of an environment that has it (--mst)

Every method has the categories and ranges that UCI's description of Adult tells. A line a run is
added to the file as it is made; runs that are there are not made again. ``mle``: weighted F1 on
real test rows of classifiers that learned from 2,000 drawn rows; ``one`` and ``two``: total
variation distance from the test rows of columns and pairs, numbers in tenths; lower is better.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import subprocess
import tempfile
import time
import warnings
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sdv
from sdv.metadata import Metadata
from sdv_llmgan_dp import DPSampler

from sdv_llmgan import Knowledge, LLMGANSynthesizer
from sdv_llmgan.metrics import MLEfficacy
from sdv_llmgan.samplers.base import Sampler

KNOWN = Path(__file__).parents[3] / 'experiments/without_rows/adult.json'
TARGET = 'Income'
RANGES = {
    'age': (17, 90),
    'education-num': (1, 16),
    'capital-gain': (0, 99_999),
    'capital-loss': (0, 4_500),
    'hours-per-week': (1, 99),
}
SIZES, EPSILONS = (100, 800, 5_000, 32_000), (1.0, 3.0, 10.0, math.inf)
DRAWN, TESTED = 2_000, 4_000
#: Of each number for MST, even ones: its own way of binning costs it epsilon.
BINS = 20
MST = """
import sys, numpy as np, pandas as pd
from snsynth import Synthesizer
coded, out, epsilon, delta, count, seed = sys.argv[1:]
rows = pd.read_csv(coded)
made = Synthesizer.create('mst', epsilon=float(epsilon), delta=float(delta))
made.fit(rows, categorical_columns=list(rows), preprocessor_eps=0.0)
made.sample(int(count)).to_csv(out, index=False)
"""


def tables(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, Metadata]:
    """Rows to learn from, test rows, and metadata."""
    parts = [
        pd.read_csv(folder / f'synthia/adult_{one}.csv').rename(columns={'income': TARGET})
        for one in ('train', 'test')
    ]
    names = [name for name in parts[0] if name != 'fnlwgt']
    columns = {
        name: {'sdtype': 'numerical', 'computer_representation': 'Int64'}
        if name in RANGES
        else {'sdtype': 'categorical'}
        for name in names
    }
    metadata = Metadata.load_from_dict({
        'tables': {'adult': {'columns': columns}},
        'relationships': [],
        'METADATA_SPEC_VERSION': 'V1',
    })
    train, test = (part[names] for part in parts)
    return train, test.sample(TESTED, random_state=0).reset_index(drop=True), metadata


def categories(train: pd.DataFrame) -> dict[str, list[str]]:
    """All that UCI's description lists, which all are in the whole table."""
    return {name: sorted(train[name].dropna().unique()) for name in train if name not in RANGES}


def drawn(
    metadata: Metadata,
    real: pd.DataFrame | None,
    sampler: str | Sampler,
    said: Mapping[str, Any] | None,
    seed: int,
) -> pd.DataFrame:
    """Rows of a sampler of real rows, of what is known, or of both."""
    usual: dict[str, Any] = {
        **{'llm': 'scripted', 'sampler': sampler, 'max_batches': 1, 'target': TARGET},
        **{'seed': seed, 'cache': False},
    }
    if said is None:
        synthesizer = LLMGANSynthesizer(metadata, knowledge='none', **usual)
    else:
        known = Knowledge.from_dict(said['knowledge'])
        statistics = said['statistics']
        synthesizer = LLMGANSynthesizer.from_knowledge(
            metadata, knowledge=known, statistics=statistics, **usual
        )
    if real is not None:
        is_2 = int(sdv.__version__.split('.')[0]) >= 2
        synthesizer.fit({'adult': real} if is_2 else real)
    sampled = synthesizer.sample(DRAWN)
    return next(iter(sampled.values())) if isinstance(sampled, Mapping) else sampled


def by_mst(
    python: str, real: pd.DataFrame, train: pd.DataFrame, epsilon: float, seed: int
) -> pd.DataFrame:
    """Rows of MST on the same bins for numbers, drawn evenly within them."""
    edges = {name: np.linspace(low, high + 1, BINS + 1) for name, (low, high) in RANGES.items()}
    for name in ('capital-gain', 'capital-loss'):
        edges[name] = np.unique([0, 1, *edges[name][1:]])
    codes = categories(train)
    coded = pd.DataFrame({
        name: np.digitize(real[name], edges[name][1:-1])
        if name in RANGES
        else real[name].map({level: place for place, level in enumerate(codes[name])}).fillna(-1)
        for name in real
    }).astype(int)
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / 'coded.csv', Path(folder) / 'made.csv'
        coded.to_csv(given, index=False)
        told = [str(given), str(made), str(epsilon), '1e-6', str(DRAWN), str(seed)]
        subprocess.run([python, '-W', 'ignore', '-c', MST, *told], check=True, capture_output=True)
        rows = pd.read_csv(made).astype(int)
    rng = np.random.default_rng(seed)
    found = {}
    for name in real:
        places = rows[name].to_numpy()
        if name in RANGES:
            low, high = edges[name][places], edges[name][places + 1]
            found[name] = np.floor(low + rng.random(len(rows)) * (high - low)).astype(int)
        else:
            levels = np.array([*codes[name], None], dtype=object)
            found[name] = levels[places]
    return pd.DataFrame(found)


def distances(test: pd.DataFrame, rows: pd.DataFrame) -> tuple[float, float]:
    """Total variation distance of columns and of pairs, means of all."""
    binned = []
    for table in (test, rows):
        columns = {}
        for name in test:
            if name in RANGES:
                cuts = np.unique(test[name].quantile(np.linspace(0, 1, 11)[1:-1]))
                columns[name] = np.searchsorted(cuts, table[name], side='left').astype(str)
            else:
                columns[name] = table[name].fillna('missing').astype(str)
        binned.append(pd.DataFrame(columns))
    found: dict[int, list[float]] = {1: [], 2: []}
    for size, off in found.items():
        for names in combinations(test, size):
            ours, theirs = (part.value_counts(list(names), normalize=True) for part in binned)
            off.append(float(ours.subtract(theirs, fill_value=0).abs().sum() / 2))
    return float(np.mean(found[1])), float(np.mean(found[2]))


def runs(arguments: argparse.Namespace) -> list[tuple[str, int, float, int]]:
    """Method, rows, epsilon and seed of what is to be run."""
    methods = [*arguments.methods]
    return [
        (method, size, epsilon, seed)
        for seed in range(arguments.seeds)
        for size in arguments.sizes
        for method in methods
        for epsilon in (EPSILONS if method in ('dp', 'dp+known', 'mst') else (math.inf,))
        if not (method == 'mst' and math.isinf(epsilon))
        if not (method == 'known' and size != arguments.sizes[0])
    ]


def main() -> None:
    """Add a line for each run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', type=Path, required=True)
    parser.add_argument('--out', type=Path, required=True)
    parser.add_argument('--methods', nargs='+', default=['dp', 'dp+known', 'distilled', 'known'])
    parser.add_argument('--sizes', nargs='+', type=int, default=list(SIZES))
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--mst', default='python', help='a Python that has smartnoise-synth')
    arguments = parser.parse_args()
    warnings.simplefilter('ignore')
    said = json.loads(KNOWN.read_text(encoding='utf-8'))
    train, test, metadata = tables(arguments.data)
    declared = metadata.to_dict()['tables']['adult']
    head = ('method', 'rows', 'epsilon', 'seed', 'mle', 'one', 'two', 'seconds')
    there = set()
    if arguments.out.exists():
        with arguments.out.open(encoding='utf-8') as file:
            there = {tuple(line[:4]) for line in csv.reader(file)}
    else:
        arguments.out.write_text(','.join(head) + '\n', encoding='utf-8')
    for method, size, epsilon, seed in runs(arguments):
        if tuple(map(str, (method, size, epsilon, seed))) in there:
            continue
        real = train.sample(min(size, len(train)), random_state=seed).reset_index(drop=True)
        started = time.monotonic()
        if method == 'mst':
            rows = by_mst(arguments.mst, real, train, epsilon, seed)
        elif method == 'known':
            rows = drawn(metadata, None, 'distilled', said, seed)
        elif method == 'distilled':
            rows = drawn(metadata, real, 'distilled', None, seed)
        else:
            sampler = DPSampler(epsilon, categories=categories(train), ranges=RANGES)
            rows = drawn(metadata, real, sampler, said if method == 'dp+known' else None, seed)
        seconds = time.monotonic() - started
        mle = MLEfficacy.compute(test, rows, declared, target=TARGET, seed=seed)
        line = (method, size, epsilon, seed, mle, *distances(test, rows), seconds)
        with arguments.out.open('a', encoding='utf-8') as file:
            csv.writer(file).writerow(line)
        print(*line, flush=True)


if __name__ == '__main__':
    main()
