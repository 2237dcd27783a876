"""What ``sampler='auto'`` loses against the better source of rows, the model or the sampler.

python experiments/choice.py --recorded ../shared/data/strong_model
python experiments/choice.py --simulated magic insurance --rows 25 50 --seeds 1

A line for each table: the comparison and what it chose; ML efficacy of 300 rows and of as many as
were fitted, of the model's own rows (drawn from those that it wrote) and of the distilled sampler
that learned from them; regret, the mean of what the choice loses in both against the better source.
``oracle`` and ``junk`` are those of ``fusion.py``.
"""

from __future__ import annotations

import time
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
from fusion import MANY, Case, cases, parser, scores

from sdv_llmgan.egress.table_view import View
from sdv_llmgan.loop.comparison import NOT_COMPARED, compare
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.process.hill_climb import learn_causal_graph
from sdv_llmgan.samplers.base import Learned
from sdv_llmgan.samplers.distillation import Distillation


def measured(case: Case, draws: int) -> dict[str, object]:
    """A line."""
    training, rows = case.training, case.generated.rows
    graph = learn_causal_graph(training.rows, training.schema)
    process = GenerationProcess('', training.schema, CausalGraph())
    learned = Learned(process, None, causal_graphs=[graph], generated=case.generated)  # type: ignore[arg-type]
    distillation = Distillation(training, learned)
    distilled = distillation.fit()
    started = time.process_time()
    comparison = NOT_COMPARED
    trust = distillation.trust()
    if trust is None or not trust.is_futile:
        view = View.everything(training.rows, training.schema)
        comparison = compare(distillation, view, [case.generated])
    spent = time.process_time() - started
    own = SimpleNamespace(
        sample=lambda count, rng: rows.sample(
            min(count, len(rows)), random_state=int(rng.integers(2**31))
        )
    )
    found = {
        name: np.array([scores(case, one, count, draws)[0] for count in (MANY, len(training.rows))])  # type: ignore[arg-type]
        for name, one in (('llm', own), ('distilled', distilled))
    }
    best = np.maximum(found['llm'], found['distilled'])
    return {
        'table': case.name,
        'llm': comparison.llm and round(comparison.llm, 3),
        'distilled': comparison.distilled and round(comparison.distilled, 3),
        'error': round(comparison.error, 3),
        'chosen': comparison.chosen,
        'cpu_s': round(spent, 1),
        **{
            f'{name}_{size}': round(float(score), 3)
            for name, both in found.items()
            for size, score in zip(('300', 'n'), both, strict=True)
        },
        **{
            f'regret {name}': round(float((best - found[source]).mean()), 3)
            for name, source in (
                ('auto', comparison.chosen),
                ('llm', 'llm'),
                ('distilled', 'distilled'),
            )
        },
    }


def main() -> None:
    """Print a line each, then the mean regrets of the choice and of either source always."""
    warnings.simplefilter('ignore')
    asking = parser(__doc__.splitlines()[0], seeds=1)
    asking.add_argument('--draws', type=int, default=6)
    arguments = asking.parse_args()
    lines = []
    for case in cases(arguments):
        lines.append(measured(case, arguments.draws))
        print(*lines[-1].values(), flush=True)
    table = pd.DataFrame(lines)
    kinds = table['table'].str.extract(r'(oracle|junk)')[0].fillna('recorded')
    regrets = [name for name in table if name.startswith('regret')]
    print(table.to_string(index=False))
    print(table.groupby(kinds)[regrets].agg(['mean', 'max']).round(3).T.to_string())


if __name__ == '__main__':
    main()
