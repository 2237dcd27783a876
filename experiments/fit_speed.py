"""How long a fit takes without a language model's time: random rows stand in for a model's.

python experiments/fit_speed.py    # Adult (14 columns), training rows of MALLM-GAN's protocol
python experiments/fit_speed.py --rows 800 --seeds 3

Each line has seconds of CPU and of wall clock, and how many causal graphs were compared: that of
the best process and, where it is another one, the first. ``llm`` is all but the local sampler.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

from sdv_llmgan import LLMGANSynthesizer
from sdv_llmgan.benchmark.protocols import MALLM_GAN
from sdv_llmgan.benchmark.synthesizers import SDVSynthesizer


def main() -> None:
    """Print a line for each sampler, number of rows and seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, default=Path('../shared/data'))
    sizes = [25, 50, 100, 200, 400, 800]
    parser.add_argument('--rows', type=int, nargs='+', choices=sizes, default=[25, 100, 400, 800])
    parser.add_argument('--seeds', type=int, default=1)
    parser.add_argument('--samplers', nargs='+', default=['llm', 'distilled', 'auto'])
    arguments = parser.parse_args()
    warnings.simplefilter('ignore')
    sources = {source.train: source for source in MALLM_GAN.sources}
    print('rows  sampler    seed  graphs  CPU s  wall s')
    for num_rows in arguments.rows:
        table = sources[f'mallm_gan/adult_{num_rows}_train.csv'].load(arguments.data).training
        for seed in range(arguments.seeds):
            for sampler in arguments.samplers:
                settings = {'llm': 'scripted', 'sampler': sampler}
                synthesizer = SDVSynthesizer(LLMGANSynthesizer, settings)
                cpu, wall = time.process_time(), time.perf_counter()
                synthesizer.fit(table, seed)
                cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
                kept = synthesizer.model.get_generation_process().causal_graph
                first = synthesizer.model.history.steps[0].process.causal_graph
                graphs = 1 + bool(first.distance(kept))
                print(
                    f'{num_rows:4}  {sampler:9}  {seed:4}  {graphs:6}  {cpu:5.1f}  {wall:6.1f}',
                    flush=True,
                )


if __name__ == '__main__':
    main()
