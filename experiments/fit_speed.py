"""How long a fit takes without a language model's time: random rows stand in for a model's.

python experiments/fit_speed.py    # Adult (14 columns), training rows of MALLM-GAN's protocol
python experiments/fit_speed.py --rows 800 --seeds 3
python experiments/fit_speed.py --columns 21 --rows 50 800    # a made-up table of mixed columns
python experiments/fit_speed.py --columns 21 --rows 50 800 --learning  # from rows and knowledge too

Each line has seconds of CPU and of wall clock of the fit, how many causal graphs were compared
(that of the best process and, where it is another one, the first), and seconds of CPU of drawing
50 rows. ``llm`` is all but the local sampler.
"""

from __future__ import annotations

import argparse
import time
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from sdv_llmgan import LLMGANSynthesizer
from sdv_llmgan.benchmark.protocols import MALLM_GAN
from sdv_llmgan.benchmark.synthesizers import SDVSynthesizer
from sdv_llmgan.benchmark.tables import TrainingTable
from sdv_llmgan.process import Effect, Knowledge
from sdv_llmgan.providers.base import Request
from sdv_llmgan.providers.scripted import ScriptedProvider, random_json

DRAWN = 50


def written(request: Request) -> str:
    """Random rows, to be learned from as if a model had written them."""
    return random_json(request.json_schema, np.random.default_rng(request.seed))


def knowledge_of(table: TrainingTable) -> Knowledge:
    """An effect of each column on the target and on the next one."""

    def level(name: str) -> object:
        values = table.rows[name]
        return None if values.dtype.kind in 'if' else sorted(values)[0]

    names = [name for name in table.rows if name != table.target]
    pairs = [*((name, str(table.target)) for name in names), *pairwise(names)]
    effects = (
        Effect(cause, effect, 'raises', level(cause), level(effect)) for cause, effect in pairs
    )
    return Knowledge(tuple(effects))


def mixed(num_columns: int, num_rows: int) -> TrainingTable:
    """A made-up table: every third column a number, the others of 2 to 6 categories."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(num_rows, 3))
    columns: dict[str, object] = {}
    for number in range(num_columns - 1):
        score = hidden @ rng.normal(size=3) + rng.normal(size=num_rows)
        if number % 3 == 0:
            columns[f'number {number}'] = np.round(np.exp(0.4 * score) * 100).astype(int)
        else:
            count = 2 + number % 5
            ends = np.quantile(score, np.arange(1, count) / count)
            columns[f'kind {number}'] = [f'k{code}' for code in np.searchsorted(ends, score)]
    columns['target'] = np.where(hidden.sum(1) + rng.normal(size=num_rows) > 0, 'good', 'bad')
    rows = pd.DataFrame(columns)
    kinds = {
        name: {'sdtype': 'numerical' if name.startswith('number') else 'categorical'}
        for name in columns
    }
    return TrainingTable('mixed', rows, {'columns': kinds}, 'target')


def main() -> None:
    """Print a line for each sampler, number of rows and seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, default=Path('../shared/data'))
    parser.add_argument('--rows', type=int, nargs='+', default=[25, 100, 400, 800])
    parser.add_argument('--columns', type=int, help='of a made-up table; else Adult')
    parser.add_argument('--seeds', type=int, default=1)
    parser.add_argument('--learning', action='store_true', help='from rows and knowledge too')
    parser.add_argument('--samplers', nargs='+', default=['llm', 'distilled', 'auto'])
    arguments = parser.parse_args()
    warnings.simplefilter('ignore')
    sources = {source.train: source for source in MALLM_GAN.sources}
    print('rows  sampler    seed  graphs  CPU s  wall s  50 rows, CPU s')
    for num_rows in arguments.rows:
        if arguments.columns:
            table = mixed(arguments.columns, num_rows)
        else:
            table = sources[f'mallm_gan/adult_{num_rows}_train.csv'].load(arguments.data).training
        for seed in range(arguments.seeds):
            for sampler in arguments.samplers:
                settings: dict[str, object] = {'llm': 'scripted', 'sampler': sampler}
                if arguments.learning:
                    settings |= {
                        'llm': ScriptedProvider(script=written),
                        'knowledge': knowledge_of(table),
                    }
                synthesizer = SDVSynthesizer(LLMGANSynthesizer, settings)
                cpu, wall = time.process_time(), time.perf_counter()
                synthesizer.fit(table, seed)
                cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
                drawing = time.process_time()
                synthesizer.sample(DRAWN)
                drawing = time.process_time() - drawing
                kept = synthesizer.model.get_generation_process().causal_graph
                first = synthesizer.model.history.steps[0].process.causal_graph
                graphs = 1 + bool(first.distance(kept))
                print(
                    f'{num_rows:4}  {sampler:9}  {seed:4}  {graphs:6}  {cpu:5.1f}  {wall:6.1f}  '
                    f'{drawing:14.2f}',
                    flush=True,
                )


if __name__ == '__main__':
    main()
