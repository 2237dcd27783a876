"""Whose causal graph gives the order of columns: learned from few rows, known, or the better one.

python experiments/graphs.py --recorded FOLDER --simulated insurance adult magic --rows 25 50 100

A line for each draw: ML efficacy of 300 drawn rows and of as many as were fitted on, by the graph
of hill climbing (``learned``), by that of what a person wrote down of the table (``known``, which
``causal_graph='ask'`` would have from a model), by the known one with every edge turned round
(``wrong``), and by the one of two that held-out rows prefer (``both``: learned and known;
``misled``: learned and wrong). All are told the same knowledge of the table.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from fusion import MANY, cases, known_of, parser, scores

from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.hill_climb import learn_causal_graph
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler

KNOWLEDGE = Path(__file__).parent / 'knowledge'


def main() -> None:
    """Print a line each, then the mean differences to the learned graph."""
    asking = parser(__doc__.splitlines()[0])
    asking.add_argument('--draws', type=int, default=6)
    asked, lines = asking.parse_args(), []
    for case in cases(asked):
        if case.name.endswith('junk'):  # the same rows were fitted on as for the oracle
            continue
        known = known_of(case, KNOWLEDGE)
        learned = learn_causal_graph(case.training.rows, case.training.schema)
        wrong = CausalGraph(tuple((b, a) for a, b in known.causal_graph.edges))
        choices = {
            'learned': [learned],
            'known': [known.causal_graph],
            'wrong': [wrong],
            'both': [known.causal_graph, learned],
            'misled': [wrong, learned],
        }
        line: dict[str, object] = {'table': case.name.removesuffix(' oracle')}
        for name, graphs in choices.items():
            sampler = DistilledSampler.fit(case.training, graphs, knowledge=known)
            for size, num_rows in (('300', MANY), ('n', len(case.training.rows))):
                line[f'{name}_{size}'] = round(scores(case, sampler, num_rows, asked.draws)[0], 3)
            if len(graphs) > 1:
                line[f'{name}_followed'] = sampler.causal_graph is graphs[0]
        print(json.dumps(line), flush=True)
        lines.append(line)
    table = pd.DataFrame(lines)
    for size in ('300', 'n'):
        for name in ('known', 'wrong', 'both', 'misled'):
            less = table[f'{name}_{size}'] - table[f'learned_{size}']
            error = less.std() / np.sqrt(len(less))
            print(f'{name} less learned, {size} rows: {less.mean():+.3f} +- {error:.3f}')


if __name__ == '__main__':
    main()
