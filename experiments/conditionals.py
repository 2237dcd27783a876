"""How well single columns are told from all others, on design rows.

python experiments/conditionals.py --rows 50
python experiments/conditionals.py --rows 25 100 --set candidates.MULTIPLIED=4,8

Rows and ``--set`` are those of ``design.py``. R2 is that of the mean of the predicted distribution
(higher is better), CRPS as the sampler judges by (lower is better; see ``stacking.crps``), both on
rows that were not fitted; ``chosen by`` is the CRPS that the sampler saw, on folds of its own rows.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from design import TABLES, design_rows, parse_set
from sklearn import config_context
from sklearn.metrics import r2_score
from threadpoolctl import threadpool_limits

from sdv_llmgan.benchmark.tables import TrainingTable
from sdv_llmgan.samplers.distilled.coding import TableCoding
from sdv_llmgan.samplers.distilled.evidence import Evidence
from sdv_llmgan.samplers.distilled.stacking import LEVELS, AveragedQuantiles, crps
from sdv_llmgan.table.schema import TableSchema

COLUMNS = (
    ('insurance', 'charges'),
    ('insurance', 'bmi'),
    ('magic', 'major axis of ellipse (mm)'),
    ('magic', '3rd root of third moment along major axis (mm)'),
    ('adult', 'hours-per-week'),
    ('default', 'LIMIT_BAL'),
    ('shoppers', 'BounceRates'),
)
MEAN_LEVELS = (np.arange(20) + 0.5) / 20


def told(table: TrainingTable, name: str, num_rows: int, draw: int) -> dict[str, float]:
    """Fit on some rows, predict the others."""
    order = np.random.default_rng([num_rows, draw]).permutation(len(table.rows))
    fitted = table.rows.iloc[order[:num_rows]].reset_index(drop=True)
    schema = TableSchema.from_sdv(table.sdv_metadata(), fitted)
    coding = TableCoding.fit(schema.to_plain(fitted), schema, True)
    others = [other for other in coding.codings if other != name]
    codes = coding.encode(schema.to_plain(fitted))
    rest = coding.encode(schema.to_plain(table.rows.iloc[order[num_rows:]].reset_index(drop=True)))
    features = coding.features(codes, others, num_rows)
    evidence = Evidence(
        features,
        codes[name],
        np.ones(num_rows),
        np.ones(num_rows, dtype=bool),
        np.arange(num_rows)[:, None],
        np.zeros(features.shape[1], dtype=bool),
        coding.for_trees(others),
    )
    marginal = coding.codings[name].marginal
    rng = np.random.default_rng(draw)
    with threadpool_limits(limits=1), config_context(skip_parameter_validation=True):
        model, _, chosen_by = AveragedQuantiles.fit(evidence, marginal, rng)
    told_by = coding.features(rest, others, len(rest[name]))

    def grid(levels: np.ndarray) -> np.ndarray:
        return np.column_stack([
            model.quantiles(told_by, np.full(len(told_by), level)) for level in levels
        ])

    return {
        'R2': r2_score(rest[name], grid(MEAN_LEVELS).mean(1)),
        'CRPS': crps(grid(LEVELS), rest[name], marginal),
        'chosen by': chosen_by,
    }


def main() -> None:
    """Print means over draws."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--set', default='', metavar='MODULE.NAME=VALUE,...')
    parser.add_argument('--rows', nargs='+', type=int, default=[25, 50, 100])
    parser.add_argument('--draws', type=int, default=6)
    parser.add_argument('--data', type=Path, default=Path('../shared/data'))
    arguments = parser.parse_args()
    lines = []
    for chosen, name in COLUMNS:
        table = design_rows(TABLES[chosen], arguments.data)
        for num_rows in arguments.rows:
            for label, set_it in parse_set(arguments.set).items():
                set_it()
                common = {'column': f'{chosen}: {name}', 'rows': num_rows, 'setting': label}
                lines += [
                    {**common, **told(table, name, num_rows, draw)}
                    for draw in range(arguments.draws)
                ]
    means = pd.DataFrame(lines).groupby(['column', 'rows', 'setting'], sort=False).mean()
    print(means.round(3).to_string())


if __name__ == '__main__':
    main()
