"""The ablation with simulated models and with recorded rows, on the cells of MALLM-GAN's protocol.

python experiments/ablation.py --models oracle reader junk --seeds 2
python experiments/ablation.py --recorded ../shared/data/strong_model --seeds 3

Simulated models answer every prompt of every stage:

- ``oracle`` knows the subject: it writes fresh rows of the source, kept out of training and test
  rows, whatever the prompt says, and is right about what affects what;
- ``reader`` can only do what it is told: of a fresh row it writes the columns that the prompt
  connects, and every other column is from another row; it is right about what affects what, and
  rewrites by adding effects at random;
- ``junk`` writes random valid rows, and is wrong about every direction.

Of recorded rows there are the model's own (``recorded``) and what the sampler draws that learned
from them (``recorded+fusion``). Results join those of ``sdv-llmgan benchmark ablation`` in the
folder that ``--out`` names.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from fusion import Case, recorded, turned

from sdv_llmgan import LLMGANSynthesizer, ScriptedProvider
from sdv_llmgan.benchmark.ablation import STAGES
from sdv_llmgan.benchmark.cli import write_out
from sdv_llmgan.benchmark.protocols import PROTOCOLS
from sdv_llmgan.benchmark.runner import run
from sdv_llmgan.benchmark.synthesizers import Entry, SDVSynthesizer, parse_entry
from sdv_llmgan.benchmark.tables import BenchmarkTable, TrainingTable, metadata_by_dtypes
from sdv_llmgan.process.hill_climb import learn_causal_graph
from sdv_llmgan.process.knowledge import Knowledge
from sdv_llmgan.providers.base import Request
from sdv_llmgan.providers.scripted import random_json
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler

HERE = Path(__file__).parent
PROTOCOL = PROTOCOLS['ablation']
DRAWS = (300,)
TABLES = ('insurance', 'adult', 'magic')


class Model:
    """Answers the generator's, the expert's and the optimizer's prompts of one table.

    Args:
        source: Fresh rows, shape (n_rows, n_columns).
        known: What it says of the subject.
        kind: ``oracle``, ``reader`` or ``junk``.
    """

    def __init__(self, source: pd.DataFrame, known: Knowledge, kind: str) -> None:
        self.source, self.known, self.kind = source, known, kind

    def __call__(self, request: Request) -> str:
        """A reply; the same for the same seed."""
        rng = np.random.default_rng(request.seed)
        if request.role == 'expert':
            return json.dumps({**self.known.to_dict(), 'typical': [], 'rules': []})
        if request.role == 'optimizer' or self.kind == 'junk':
            return random_json(request.json_schema, rng)
        prompt = request.messages[-1].content
        asked = int(re.findall(r'Write (\d+) new row', prompt)[-1])
        rows = self.source.iloc[rng.choice(len(self.source), asked, replace=False)]
        if self.kind == 'reader':
            rows = apart(rows, connected(prompt, list(request.columns)), rng)
        return json.dumps({'rows': rows[list(request.columns)].to_numpy(object).tolist()})


def connected(prompt: str, columns: list[str]) -> list[set[str]]:
    """Columns that the prompt connects with each other, by effects, directly or over others."""
    groups = [{name} for name in columns]
    for line in prompt.split('\n'):
        names = [name for name in re.findall(r'"([^"]+)"', line) if name in columns]
        if not re.match(r'- ".*(affects|raises|lowers|peaks|dips) ', line) or len(names) < 2:
            continue
        together = set().union(*(group for group in groups if group & set(names)))
        groups = [group for group in groups if not group & together] + [together]
    return groups


def apart(rows: pd.DataFrame, groups: list[set[str]], rng: np.random.Generator) -> pd.DataFrame:
    """Rows whose groups of columns stem from different rows."""
    mixed = rows.copy()
    for group in groups:
        names = [name for name in rows if name in group]
        mixed[names] = rows[names].to_numpy(object)[rng.permutation(len(rows))]
    return mixed


def fresh_rows(table: BenchmarkTable, folder: Path) -> pd.DataFrame:
    """Rows of the largest training file that are neither training nor test rows of the table."""
    name, training = table.training.name, table.training.rows
    largest = PROTOCOLS['mallm-gan'].sources
    pool = next(s for s in largest if s.train == f'mallm_gan/{name}_800_train.csv')
    rows = pool.load(folder).training.rows
    seen = {row for part in (training, table.test) for row in part.itertuples(index=False)}
    levels = [
        n for n, c in table.training.metadata['columns'].items() if c['sdtype'] != 'numerical'
    ]
    kept = [row not in seen for row in rows.itertuples(index=False)]
    # A model is told the levels of the training table, and to write no others.
    told = rows[levels].isin({level: set(training[level]) for level in levels}).all(axis=1)
    return rows[kept & told].reset_index(drop=True)


def simulated(table: BenchmarkTable, kinds: list[str], folder: Path) -> Iterator[Entry]:
    """Every stage with every model."""
    source = fresh_rows(table, folder)
    text = (HERE / 'knowledge' / f'{table.training.name}.json').read_text(encoding='utf-8')
    known = Knowledge.from_json(text)
    for kind in kinds:
        script = Model(source, turned(known) if kind == 'junk' else known, kind)
        for stage, settings in STAGES.items():
            make = partial(synthesizer, script, settings)
            yield Entry(f'{stage}:llm={kind}', make)


def synthesizer(script: Callable[[Request], str], settings: dict[str, object]) -> SDVSynthesizer:
    """A stage with a simulated model."""
    llm = ScriptedProvider(script=script, is_expert=True)
    return SDVSynthesizer(LLMGANSynthesizer, {**settings, 'llm': llm, 'row_format': 'arrays'})


class Recorded:
    """The model's own rows, or those of a sampler that learned from them.

    Args:
        case: Has them.
        fuses: Which.
    """

    def __init__(self, case: Case, *, fuses: bool) -> None:
        self.case, self.fuses = case, fuses

    def fit(self, training: TrainingTable, seed: int) -> None:
        """Learn, where there is something to learn."""
        self.rng = np.random.default_rng(seed)
        if self.fuses:
            own = self.case.training
            graph = learn_causal_graph(own.rows, own.schema, seed)
            self.sampler = DistilledSampler.fit(own, [graph]).learning_from(self.case.generated)

    def sample(self, num_rows: int) -> pd.DataFrame:
        """At most as many rows as were recorded, or as many as are asked for."""
        schema, rows = self.case.training.schema, self.case.generated.rows
        if self.fuses:
            return schema.from_plain(self.sampler.sample(num_rows, self.rng))
        few = rows.sample(min(num_rows, len(rows)), random_state=int(self.rng.integers(2**31)))
        return schema.from_plain(few.reset_index(drop=True))


def recorded_tables(
    folder: Path, known: dict[str, BenchmarkTable]
) -> Iterator[tuple[BenchmarkTable, list[Entry]]]:
    """Tables with recorded rows; those of the protocol's cells are its own."""
    for case in recorded(folder):
        name = re.sub(r'_(\d+)', '', case.name)
        table = known.get(case.name)
        if table is None:
            rows = {
                part: pd.read_csv(folder / case.name / f'{part}.csv') for part in ('train', 'test')
            }
            levels = [c.name for c in case.training.schema if c.kind in ('categorical', 'boolean')]
            metadata = metadata_by_dtypes(rows['train'], levels)
            training = TrainingTable(name, rows['train'], metadata, case.training.target)
            table = BenchmarkTable(training, rows['test'])
        entries = [
            Entry('recorded', partial(Recorded, case, fuses=False)),
            Entry('recorded+fusion', partial(Recorded, case, fuses=True)),
        ]
        yield table, entries


def main() -> None:
    """Measure, and write the tables anew."""
    warnings.simplefilter('ignore')
    logging.basicConfig(level=logging.WARNING, format='%(asctime)s %(message)s', datefmt='%H:%M:%S')
    logging.getLogger('sdv_llmgan.benchmark').setLevel(logging.INFO)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--models', nargs='*', default=[], choices=['oracle', 'reader', 'junk'])
    parser.add_argument('--recorded', type=Path, help='folder of recorded tables')
    parser.add_argument('--tables', nargs='+', default=TABLES, choices=TABLES)
    parser.add_argument('--rows', nargs='+', type=int, default=[25, 50])
    parser.add_argument('--seeds', type=int, default=2)
    parser.add_argument('--data', type=Path, default=Path('../shared/data'))
    parser.add_argument('--out', type=Path, default=HERE / 'results' / 'ablation')
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    cells = {
        f'{table.training.name}_{len(table.training.rows)}': table
        for table in (source.load(given.data) for source in PROTOCOL.sources)
    }
    work = [
        (
            cells[f'{name}_{rows}'],
            list(simulated(cells[f'{name}_{rows}'], given.models, given.data)),
        )
        for name in (given.tables if given.models else ())
        for rows in given.rows
    ]
    work += recorded_tables(given.recorded, cells) if given.recorded else []
    results = pd.DataFrame()
    for seed in range(given.seeds):
        for table, entries in work:
            both = [parse_entry('real'), parse_entry('distilled'), *entries]
            path = given.out / 'results.csv'
            results = run([table], both, [seed], PROTOCOL.metrics, path, DRAWS)
            write_out(given.out, 'ablation', PROTOCOL, results, DRAWS)


if __name__ == '__main__':
    main()
