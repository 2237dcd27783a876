"""Trust and gain of single columns: how often they disagree, and whether a rule for that helps.

python experiments/coherence.py --recorded ../shared/data/strong_model --out coherence.csv
python experiments/coherence.py --simulated insurance adult magic asia_cpt --seeds 1

``learned_from`` says what a column is drawn from; ``gain`` whether held-out real rows are predicted
better so, of the target before it is drawn again. Rules that are tried in place of today's:

- ``column``: a column whose gain is below zero is drawn by the model of real rows alone,
- ``target``: the target's trust, as it is drawn again, also falls with its held-out log loss,
- ``both``.

A line for each table and rule: ML efficacy with the model's rows less that without, and, under
today's rule, each column's share of generated rows and its gain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from fusion import MANY, Case, cases, parser, scores

from sdv_llmgan.process.hill_climb import learn_causal_graph
from sdv_llmgan.samplers.distilled import fusion
from sdv_llmgan.samplers.distilled.evidence import Conditional, Floats
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler

RULES = ('today', 'column', 'target', 'both')


def column_rule(trust: fusion.Trust, nats: Floats) -> Floats:
    """The shares of sources in each column, real rows alone where the mixture is no better."""
    shares = fusion.weighed(fusion._likely(nats, trust.num_real), trust.table)
    worse = (shares * nats).sum(1) > nats[:, 0]
    shares[worse] = np.eye(nats.shape[1])[0]
    return shares


def target_rule(conditionals: Sequence[Conditional], num_real: int) -> tuple[Floats, float]:
    """As ``target_trust``, each source discounted by its held-out log loss as in other columns."""
    shares, share = TODAY(conditionals, num_real)
    nats = np.array([one.nats for one in conditionals])
    shares = shares * np.exp(fusion._likely(nats[None], num_real)[0])
    return shares / shares.sum(), share


TODAY = fusion.target_trust


@contextmanager
def ruled(rule: str) -> Iterator[None]:
    """Fits under a rule."""
    of_column = column_rule if rule in ('column', 'both') else fusion.Trust.in_columns
    of_target = target_rule if rule in ('target', 'both') else TODAY
    with (
        patch.object(fusion.Trust, 'in_columns', of_column),
        patch.object(fusion, 'target_trust', of_target),
    ):
        yield


def measured(case: Case, draws: int) -> Iterator[dict[str, object]]:
    """A line for each rule, and under today's one for each column."""
    graph = learn_causal_graph(case.training.rows, case.training.schema)
    alone = DistilledSampler.fit(case.training, [graph])
    base = {n: scores(case, alone, n, draws)[0] for n in (MANY, len(case.training.rows))}
    for rule in RULES:
        with ruled(rule):
            fused = alone.learning_from(case.generated)
        line: dict[str, object] = {'table': case.name, 'rule': rule, 'column': ''}
        for name, (num_rows, before) in zip(('300', 'n'), base.items(), strict=True):
            line[f'gain_{name}'] = round(scores(case, fused, num_rows, draws)[0] - before, 3)
        yield line
        if rule == RULES[0]:
            shares, gains = fused.chain.learned_from, fused.chain.gain
            again = {link.name: link.conditional.gain for link in fused.chain}
            for name, gain in gains.items():
                yield {
                    **{'table': case.name, 'rule': rule, 'column': name},
                    **{'share': round(shares[name]['generated'], 3), 'gain': round(gain, 4)},
                    'gain_again': round(again[name], 4),
                    'is_target': name == case.training.target,
                }


def main() -> None:
    """Print a line each, then the means."""
    asking = parser(__doc__.splitlines()[0], seeds=1)
    asking.add_argument('--draws', type=int, default=4)
    asking.add_argument('--out', type=Path, help='every line, as CSV')
    arguments = asking.parse_args()
    lines: list[dict[str, object]] = []
    for case in cases(arguments):
        for line in measured(case, arguments.draws):
            lines.append(line)
            print(*line.values(), flush=True)
            if arguments.out:
                pd.DataFrame(lines).to_csv(arguments.out, index=False)
    table = pd.DataFrame(lines)
    table['kind'] = table['table'].str.extract(r'(no_rows|oracle|junk)')[0].fillna('recorded')
    whole = table[table['column'] == '']
    print(whole.groupby(['kind', 'rule'])[['gain_300', 'gain_n']].agg(['mean', 'min']).round(3))
    columns = table[table['column'] != '']
    said = columns.assign(contradicts=(columns['share'] > 0.3) & (columns['gain'] < 0))
    print(said.groupby(['kind', 'is_target'])[['contradicts', 'share', 'gain']].mean().round(3))


if __name__ == '__main__':
    main()
