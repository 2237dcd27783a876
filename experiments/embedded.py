"""What rows of the embedded model, one batch of 25, change in what the default draws.

python experiments/embedded.py --simulated insurance adult magic asia_cpt --rows 25 50 --seeds 1

A line for each table, as of ``fusion.py``: ML efficacy and DCR share of the sampler of real rows
alone, and of the one that learned from the batch too, which is all that a futile fit has.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from fusion import cases, measured, parser
from futility import BATCH, embedded, part

from sdv_llmgan.process.knowledge import NOTHING_KNOWN


def main() -> None:
    """Print a line each, then the mean gains."""
    asking = parser(__doc__.splitlines()[0])
    asking.add_argument('--draws', type=int, default=6)
    asked, lines = asking.parse_args(), []
    for case in cases(asked):
        if case.name.endswith('junk'):  # the same rows were fitted on as for the oracle
            continue
        written = embedded(case).generated
        batch = replace(case, name=case.name.split(' oracle')[0], generated=part(written, 0, BATCH))
        lines.append(measured(batch, asked.draws, NOTHING_KNOWN))
        print(*lines[-1].values(), flush=True)
    table = pd.DataFrame(lines)
    print(table.to_string(index=False))
    gains = table[['gain_300', 'gain_n']]
    print(
        gains.mean().round(4).to_string(), (gains.std() / np.sqrt(len(gains))).round(4).to_string()
    )


if __name__ == '__main__':
    main()
