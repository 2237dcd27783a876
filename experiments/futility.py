"""Which models a fit stops paying: trust in their rows, after so many of them.

python experiments/futility.py --recorded ../shared/data/strong_model --embedded
python experiments/futility.py --simulated magic adult insurance asia_cpt default shoppers

A line for each table, model and number of rows: the trust of held-out real rows in real rows alone,
in generated ones that count 0.3 and 2, and the last by the first, which futility looks at. Models
are simulated (``oracle`` and ``junk``, see ``fusion.py``), recorded (``strong``, in batches of 25)
or the default one that runs here (``embedded``, minutes a table).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from fusion import Case, cases, parser
from sdv.metadata import Metadata

from sdv_llmgan import LLMGANSynthesizer
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.hill_climb import learn_causal_graph
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.table.training_set import GeneratedRows

BATCH = 25
#: Of recorded rows.
GIVEN = ('learned',)


def part(rows: GeneratedRows, start: int, stop: int) -> GeneratedRows:
    """Some of a model's rows, in the order in which they were written."""
    chosen = slice(start, stop)
    return GeneratedRows(rows.rows.iloc[chosen].reset_index(drop=True), rows.shown[chosen])


def batches(rows: GeneratedRows) -> Iterator[GeneratedRows]:
    """What a look has seen after 1, 2 and 4 batches, and each later batch as if it came first."""
    for stop in (BATCH, 2 * BATCH, 4 * BATCH):
        if stop <= len(rows.rows):
            yield part(rows, 0, stop)
    for start in range(BATCH, min(4 * BATCH, len(rows.rows)), BATCH):
        yield part(rows, start, start + BATCH)


def embedded(case: Case) -> Case:
    """The same table with two batches of rows of the default model."""
    training = case.training
    metadata = Metadata.load_from_dict({'tables': {'table': case.metadata}})
    synthesizer = LLMGANSynthesizer(
        metadata, target=training.target, futility=False, max_batches=2, verbose=False
    )
    synthesizer.fit({'table': training.rows})
    parts = [
        GeneratedRows(step.rows.reset_index(drop=True), step.shown)
        for step in synthesizer.history
        if step.rows is not None and step.shown is not None
    ]
    return replace(case, generated=GeneratedRows.joined(parts))


def lines(case: Case, kind: str, graphs: Sequence[str]) -> Iterator[dict[str, object]]:
    """The trust in a model's rows, by causal graph and number of rows."""
    training = case.training
    for graph in graphs:
        learned = learn_causal_graph(training.rows, training.schema)
        chosen = learned if graph == 'learned' else CausalGraph()
        alone = DistilledSampler.fit(training, [chosen], quick=True)
        for rows in batches(case.generated):
            trust = alone.trust_in(rows)
            if trust is None:
                continue
            ratio = trust.table[-1] / trust.table[0]
            yield {
                'table': case.name,
                'model': kind,
                'graph': graph,
                'rows': len(rows.rows),
                **dict(zip(('real', 'some', 'double'), trust.table.round(2), strict=True)),
                'ratio': round(float(ratio), 2),
                'stopped': trust.is_futile,
            }


def main() -> None:
    """Print a line each, then how many were stopped."""
    warnings.simplefilter('ignore')
    asking = parser(__doc__.splitlines()[0], seeds=2)
    asking.add_argument('--embedded', action='store_true', help='the default model, too')
    arguments = asking.parse_args()
    found = []
    for case in cases(arguments):
        kind = case.name.split()[-1]
        is_simulated = kind in ('oracle', 'junk')
        looks = [(case, kind, ('learned', 'none')) if is_simulated else (case, 'strong', GIVEN)]
        if arguments.embedded and not is_simulated and 'no_rows' not in case.name:
            looks.append((embedded(case), 'embedded', GIVEN))
        for look in looks:
            for line in lines(*look):
                print(*line.values(), flush=True)
                found.append(line)
    table = pd.DataFrame(found)
    counts = table.groupby(['model', 'rows'])['stopped'].agg(['sum', 'count'])
    print(counts.to_string())
    print(table.groupby('model')['ratio'].quantile(np.array([0, 0.1, 0.5, 0.9, 1])).unstack())


if __name__ == '__main__':
    main()
