"""Large tables: how fast they are drawn, written and fitted, and what kills do to a folder.

python experiments/scale.py draw --rows 1000000 --ctgan      # in memory, beside CTGAN
python experiments/scale.py draw --rows 1000000 --ctgan --again 32561
python experiments/scale.py write --rows 1000000 --engines processes dask --workers 1 2
python experiments/scale.py kill --rows 1000000 --kills 10   # killed at random, then compared
python experiments/scale.py fit --rows 1000000               # rows of the fit above, fitted again

Each fits ``examples/adult_100.csv`` (100 rows of Adult, 14 columns), or --table FILE.csv, without a
model first; with --again N, then N rows drawn from that fit. Needs SDV 2. ``engine share`` is what
is left of workers' time when that of drawing the same parts in one process, which runs first, is
taken away. OMP_NUM_THREADS=1 has a worker draw in one thread, as workers of engines do.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pandas as pd
import psutil
from distilled_speed import metadata_of
from sdv.single_table import CTGANSynthesizer

from sdv_llmgan import LLMGANSynthesizer

EXAMPLES = Path(__file__).parent.parent / 'examples'


def fitted(table: pd.DataFrame) -> LLMGANSynthesizer:
    """The local sampler of a table."""
    made = LLMGANSynthesizer(
        metadata_of(table), llm='scripted', sampler='distilled', max_batches=1, cache=False
    )
    made.fit({'table': table})
    return made


class Memory:
    """The most memory, in MiB, that this process and its children have had at one time."""

    def __enter__(self) -> Memory:
        self.most, self.over = 0.0, threading.Event()
        self.watch = threading.Thread(target=self._watch)
        self.watch.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self.watch.join()

    def _watch(self) -> None:
        own = psutil.Process()
        while not self.over.wait(0.2):
            sizes = []
            for process in (own, *own.children(recursive=True)):
                try:
                    sizes.append(process.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue
            self.most = max(self.most, sum(sizes) / 2**20)


def draw(table: pd.DataFrame, options: argparse.Namespace) -> None:
    """Rows in memory, ours and CTGAN's."""
    ours = fitted(table)
    ours.sample(10)
    kinds = {'ours': ours}
    if options.ctgan:
        theirs = CTGANSynthesizer(metadata_of(table), epochs=1)  # epochs change no draw's time
        theirs.fit({'table': table})
        kinds['CTGAN'] = theirs
    for name, made in kinds.items():
        cpu, started = time.process_time(), time.monotonic()
        with Memory() as memory:
            made.sample(options.rows)
        seconds = time.monotonic() - started
        print(
            f'{name}: {options.rows:,} rows in {seconds:.1f} s ({time.process_time() - cpu:.1f} s '
            f'of CPU), {memory.most:,.0f} MiB at most',
            flush=True,
        )


def write(table: pd.DataFrame, options: argparse.Namespace) -> None:
    """Folders of Parquet files, by engine and number of workers."""
    made = fitted(table)
    step = options.rows_per_file
    made.draw(0, 10)
    cpu, started = time.process_time(), time.monotonic()
    for number, first in enumerate(range(0, options.rows, step)):
        made.draw(number, min(step, options.rows - first), first_row=first)
    alone, alone_cpu = time.monotonic() - started, time.process_time() - cpu
    print(f'draw alone, one process: {alone:.1f} s ({alone_cpu:.1f} s of CPU)', flush=True)
    first_digest = None
    for engine in options.engines:
        for workers in options.workers:
            with tempfile.TemporaryDirectory() as folder, Memory() as memory:
                # The first rows wait for workers to start; that is said apart.
                started = time.monotonic()
                made.sample_to(folder, 2 * workers, 1, 1, engine, workers=workers)
                starting = time.monotonic() - started
                shutil.rmtree(folder)
                started = time.monotonic()
                made.sample_to(folder, options.rows, 0, step, engine, workers=workers)
                seconds = time.monotonic() - started
                share = 1 - alone / (workers * seconds)
                digest = digest_of(Path(folder))
                size = sum(path.stat().st_size for path in Path(folder).iterdir()) / 2**20
            first_digest = first_digest or digest
            print(
                f'{engine}, {workers} workers: {options.rows / seconds:,.0f} rows/s, {seconds:.1f} '
                f's (a folder of {2 * workers} rows {starting:.1f} s), engine share {share:.0%}, '
                f'{memory.most:,.0f} MiB in all processes, {size:.0f} MiB on disk, same bytes: '
                f'{digest == first_digest}',
                flush=True,
            )


def digest_of(folder: Path) -> str:
    """One of all files and names."""
    found = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def kill(table: pd.DataFrame, options: argparse.Namespace) -> None:
    """The command line killed at random, then run to its end; beside a folder without kills."""
    with tempfile.TemporaryDirectory() as desk:
        model, calm, killed = (Path(desk) / name for name in ('model.pkl', 'calm', 'killed'))
        fitted(table).save(str(model))
        command = [
            *(sys.executable, '-m', 'sdv_llmgan', 'sample', str(model), '-n', str(options.rows)),
            *('--rows-per-file', str(options.rows_per_file), '--to'),
        ]
        subprocess.run([*command, str(calm)], check=True, capture_output=True)
        chance, times = random.Random(0), {}
        for number in range(options.kills):
            running = subprocess.Popen([*command, str(killed)], stderr=subprocess.DEVNULL)
            wanted = len(times) + chance.randint(0, 2)
            while len([*killed.glob('*.parquet')]) < wanted and running.poll() is None:
                time.sleep(0.01)
            time.sleep(chance.uniform(0.0, 1.0))
            for process in (
                psutil.Process(running.pid),
                *psutil.Process(running.pid).children(True),
            ):
                try:
                    process.kill()
                except psutil.NoSuchProcess:
                    continue
            running.wait()
            there = {path.name: path.stat().st_mtime_ns for path in killed.glob('*.parquet')}
            again = [name for name in times if there.get(name) != times[name]]
            times = there
            print(f'kill {number + 1}: {len(there)} files there, drawn again: {again}', flush=True)
        subprocess.run([*command, str(killed)], check=True, capture_output=True)
        again = [name for name in times if (killed / name).stat().st_mtime_ns != times[name]]
        same = digest_of(calm) == digest_of(killed)
        print(f'at the end, drawn again: {again}; same bytes as without kills: {same}')


def fit(table: pd.DataFrame, options: argparse.Namespace) -> None:
    """A fit of as many rows as were drawn from a fit."""
    made = fitted(table)
    large = made.sample(options.rows, seed=0)['table']
    del made
    cpu, started = time.process_time(), time.monotonic()
    with Memory() as memory:
        again = fitted(large)
    print(
        f'{options.rows:,} rows fitted in {time.monotonic() - started:.0f} s '
        f'({time.process_time() - cpu:.0f} s of CPU), {memory.most:,.0f} MiB at most'
    )
    again.sample(1_000)
    print(f'{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB with drawing')


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('what', choices=['draw', 'write', 'kill', 'fit'])
    parser.add_argument('--table', type=Path, default=EXAMPLES / 'adult_100.csv')
    parser.add_argument('--rows', type=int, default=1_000_000)
    parser.add_argument('--rows-per-file', type=int, default=100_000)
    parser.add_argument('--ctgan', action='store_true')
    parser.add_argument('--engines', nargs='+', default=['processes', 'dask'])
    parser.add_argument('--workers', nargs='+', type=int, default=[1, 2])
    parser.add_argument('--again', type=int, help='fit so many rows drawn from the first fit')
    parser.add_argument('--kills', type=int, default=10)
    options = parser.parse_args()
    table = pd.read_csv(options.table)
    if options.again:
        table = fitted(table).draw(0, options.again)
    {'draw': draw, 'write': write, 'kill': kill, 'fit': fit}[options.what](table, options)


if __name__ == '__main__':
    main()
