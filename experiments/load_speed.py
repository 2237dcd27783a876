"""How soon a saved fit draws rows in a fresh process, and how much of that is this package.

python experiments/load_speed.py    # 100 training rows of Adult, 1,000 rows drawn

Seconds of CPU and of wall clock, the least of some runs. SDV imports this package by itself, so
that the one is imported without the other here.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from sdv_llmgan import LLMGANSynthesizer
from sdv_llmgan.benchmark.protocols import MALLM_GAN
from sdv_llmgan.benchmark.synthesizers import SDVSynthesizer

#: What a fresh process does; argument: the saved fit, or nothing for SDV alone.
FRESH = """
import sys, time, warnings
warnings.simplefilter('ignore')

class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] == 'sdv_llmgan':
            raise ImportError(name)

def told(name):
    global before
    now = time.process_time(), time.perf_counter()
    print(name, *(new - old for new, old in zip(now, before)), sep='|')
    before = time.process_time(), time.perf_counter()

if not sys.argv[1]:
    sys.meta_path.insert(0, Without())
before = time.process_time(), time.perf_counter()
import sdv.single_table
from sdv.utils import load_synthesizer
told('import' if sys.argv[1] else 'import of SDV alone')
if sys.argv[1]:
    synthesizer = load_synthesizer(sys.argv[1])
    told('load')
    synthesizer.sample(1_000)
    told('first 1,000 rows')
    synthesizer.sample(1_000)
    told('1,000 rows more')
"""


def main() -> None:
    """Print a line for each part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, default=Path('../shared/data'))
    parser.add_argument('--rows', type=int, default=100)
    parser.add_argument('--runs', type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter('ignore')
    sources = {source.train: source for source in MALLM_GAN.sources}
    table = sources[f'mallm_gan/adult_{arguments.rows}_train.csv'].load(arguments.data).training
    synthesizer = SDVSynthesizer(LLMGANSynthesizer, {'llm': 'scripted', 'sampler': 'distilled'})
    synthesizer.fit(table, 0)
    least: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / 'fit.pkl'
        synthesizer.model.save(saved)
        print(f'saved fit: {saved.stat().st_size / 2**20:.1f} MiB')
        for _ in range(arguments.runs):
            for path in ('', str(saved)):
                command = [sys.executable, '-c', FRESH, path]
                told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                for line in told.splitlines():
                    name, cpu, wall = line.split('|')
                    before = least.get(name, (float('inf'), float('inf')))
                    least[name] = min(before[0], float(cpu)), min(before[1], float(wall))
    print('                     CPU s  wall s')
    for name, (cpu, wall) in least.items():
        print(f'{name:20} {cpu:5.2f}  {wall:6.2f}')


if __name__ == '__main__':
    main()
