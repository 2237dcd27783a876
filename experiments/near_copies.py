"""How many near copies the rule finds, and how many fresh rows it takes for some.

python experiments/near_copies.py --data ../shared/data --seeds 3

Of each table ROWS different rows are learned from, and as many others of it are fresh. ``Fresh``,
``One cell`` and ``Steps`` are shares of rows that ``CopyCheck`` rejects: of fresh rows, of training
rows with one cell of a fresh row in it, and of training rows all of whose numbers are up to a tenth
of a standard deviation off. ``By chance`` is the share of training rows a small step from another
one, above which not all can be rejected. ``Drawn`` is the share of rows of the distilled sampler
that lie a small step from a training row, ``Fresh near`` that of fresh rows.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.table.copies import CopyCheck
from sdv_llmgan.table.rows import ParsedRows
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.training_set import TrainingSet

TABLES = {
    'adult': 'mallm_gan/adult_800_train.csv',
    'insurance': 'mallm_gan/insurance_800_train.csv',
    'magic': 'mallm_gan/magic_800_train.csv',
    'asia': 'mallm_gan/asia_cpt_800_train.csv',
    'heart': 'synthia/heart.csv',
    'shoppers': 'synthia/shoppers.csv',
}
ROWS = (25, 100, 400)
STEP = 0.1
#: Rows of a table with a column of so many numbers are records; some stand there twice.
MANY = 100


def one_cell(training: pd.DataFrame, fresh: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Training rows, each with one cell of a fresh one in which the two differ."""
    changed = training.copy()
    for row in range(len(training)):
        differ = np.flatnonzero((training.iloc[row] != fresh.iloc[row]).to_numpy())
        if len(differ):
            place = rng.choice(differ)
            changed.iloc[row, place] = fresh.iloc[row, place]
    return changed


def steps(training: pd.DataFrame, schema: TableSchema, rng: np.random.Generator) -> pd.DataFrame:
    """Training rows, all of whose numbers are a little off."""
    changed = training.copy()
    for column in schema:
        if column.kind in ('integer', 'number'):
            values = training[column.name]
            moved = values + rng.uniform(-STEP, STEP, len(values)) * values.std()
            changed[column.name] = moved.round(column.decimals)
    return changed


def measure(name: str, table: pd.DataFrame, num_rows: int, seed: int) -> dict[str, object]:
    """Shares of one table, size and seed."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(table))[: 2 * num_rows]
    schema = TableSchema.learned(table.iloc[chosen], {})
    plain = schema.to_plain(table.iloc[chosen].reset_index(drop=True))
    training, fresh = plain[:num_rows], plain[num_rows:].reset_index(drop=True)
    check = CopyCheck(training, schema)

    def rejected(rows: pd.DataFrame) -> float:
        return 1 - len(check.reject(ParsedRows(rows)).rows) / num_rows

    def near(rows: pd.DataFrame) -> float:
        return float(check.repeats.close.find(check.cells(rows))[0].mean())

    sampler = DistilledSampler.fit(
        TrainingSet(training, schema, seed=seed), [CausalGraph()], quick=True
    )
    return {
        'Table': name,
        'Rows': num_rows,
        'Fresh': rejected(fresh),
        'One cell': rejected(one_cell(training, fresh, rng)),
        'Steps': rejected(steps(training, schema, rng)),
        'By chance': check.repeats.close.by_chance,
        'Drawn': near(sampler.sample(num_rows, rng)),
        'Fresh near': near(fresh),
    }


def main() -> None:
    """Measure and print."""
    warnings.simplefilter('ignore')
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--data', type=Path, required=True)
    parser.add_argument('--seeds', type=int, default=3)
    asked = parser.parse_args()
    lines = []
    for name, path in TABLES.items():
        table = pd.read_csv(asked.data / path)
        if table.drop(columns=table.select_dtypes('object')).nunique().max() > MANY:
            table = table.drop_duplicates(ignore_index=True)
        lines += [
            measure(name, table, num_rows, seed)
            for num_rows in ROWS
            for seed in range(asked.seeds)
            if len(table) >= 2 * num_rows
        ]
    print(pd.DataFrame(lines).groupby(['Table', 'Rows'], sort=False).mean().round(3).to_string())


if __name__ == '__main__':
    main()
