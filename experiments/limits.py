"""What limits that are known bring the distilled sampler, and what wrong ones cost it.

python experiments/limits.py --simulated insurance adult asia_cpt --rows 25 50 --seeds 3

A line for each draw, for the sampler without limits, with right and with wrong ones: ML efficacy of
300 drawn rows and of as many as were fitted on, and the share of drawn rows that break a right one.
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from fusion import MANY, cases, parser, scores

from sdv_llmgan.process.hill_climb import learn_causal_graph
from sdv_llmgan.process.knowledge import Knowledge
from sdv_llmgan.process.limits import Bound, Limit
from sdv_llmgan.samplers.distilled.limits import CodedLimit
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler

EITHER = 'either tuberculosis or lung cancer'
SMOKER = (Bound('smoker', ('yes',)),)
HUSBAND, WIFE = ((Bound('relationship', (level,)),) for level in ('Husband', 'Wife'))
#: Written down from what is known of the subjects, and what is wrong of them.
RIGHT = {
    'insurance': [Limit(Bound('charges', at_least=12_000), SMOKER)],
    'adult': [
        Limit(Bound('sex', ('Male',)), HUSBAND),
        Limit(Bound('sex', ('Female',)), WIFE),
        Limit(Bound('marital-status', ('Married-civ-spouse',)), HUSBAND),
    ],
    'asia_cpt': [
        Limit(Bound(EITHER, ('yes',)), (Bound('lung cancer', ('yes',)),)),
        Limit(Bound(EITHER, ('yes',)), (Bound('tuberculosis', ('yes',)),)),
    ],
}
WRONG = {
    'insurance': [Limit(Bound('charges', at_most=12_000), SMOKER)],
    'adult': [
        Limit(Bound('sex', ('Female',)), HUSBAND),
        Limit(Bound('sex', ('Male',)), WIFE),
        Limit(Bound('marital-status', ('Never-married',)), HUSBAND),
    ],
    'asia_cpt': [
        Limit(Bound(EITHER, ('no',)), (Bound('lung cancer', ('yes',)),)),
        Limit(Bound(EITHER, ('no',)), (Bound('tuberculosis', ('yes',)),)),
    ],
}


def broken(sampler: DistilledSampler, limits: list[Limit]) -> float:
    """Share of drawn rows that break a limit, in [0, 1]."""
    rows = sampler.sample(3_000, np.random.default_rng(0))
    codes = sampler.coding.encode(rows)
    coded = CodedLimit.all_of(Knowledge(limits=tuple(limits)), sampler.coding, codes)
    return float(np.mean(np.logical_or.reduce([one.breaks(codes) for one in coded])))


def main() -> None:
    """Print a line each, then the means."""
    asking = parser(__doc__.splitlines()[0])
    asking.add_argument('--draws', type=int, default=4)
    asked, lines = asking.parse_args(), []
    for case in cases(asked):
        name = case.name.split()[0]
        if case.name.endswith('junk'):  # the same rows were fitted on as for the oracle
            continue
        graph = learn_causal_graph(case.training.rows, case.training.schema)
        line: dict[str, object] = {'table': case.name.removesuffix(' oracle')}
        for kind, limits in (('without', []), ('right', RIGHT[name]), ('wrong', WRONG[name])):
            known = Knowledge(limits=tuple(limits)).within(case.training.schema)
            sampler = DistilledSampler.fit(case.training, [graph], knowledge=known)
            for size, num_rows in (('300', MANY), ('n', len(case.training.rows))):
                mle = scores(case, sampler, num_rows, asked.draws)[0]
                line[f'{kind}_{size}'] = round(mle, 3)
            line[f'{kind}_broken'] = round(broken(sampler, RIGHT[name]), 4)
        print(json.dumps(line), flush=True)
        lines.append(line)
    table = pd.DataFrame(lines)
    for size in ('300', 'n'):
        for kind in ('right', 'wrong'):
            less = table[f'{kind}_{size}'] - table[f'without_{size}']
            error = less.std() / np.sqrt(len(less))
            print(f'{kind} less without, {size} rows: {less.mean():+.3f} +- {error:.3f}')
    print(table[[name for name in table if name.endswith('broken')]].mean().to_string())


if __name__ == '__main__':
    main()
