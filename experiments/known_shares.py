"""What known shares of levels bring the distilled sampler, right ones and wrong ones.

python experiments/known_shares.py --rows 25 50 --seeds 20

A made-up table of 100,000 rows: a rare ward, a common habit, a class that depends on both and on a
number. Some rows are fitted; the loss is the divergence of drawn shares from the true ones, in
nats, mean of the columns of levels. Of the joint distribution it is the loss of held-out rows under
drawn ones: log loss of cells of (ward, habit, class), in nats. ``rough``: right within a factor of
1.5; ``turned``: the shares of each column in reverse order.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from sdv_llmgan.process.hill_climb import learn_causal_graph
from sdv_llmgan.process.knowledge import Knowledge, Typical
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.table.column import Column
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.training_set import TrainingSet

LEVELS = ['ward', 'habit', 'class']
DRAWN = 2_000


def made_up(num_rows: int, seed: int) -> pd.DataFrame:
    """Rows of the source."""
    rng = np.random.default_rng(seed)
    ward = rng.choice(['A', 'B', 'C', 'D'], num_rows, p=[0.6, 0.3, 0.06, 0.04])
    habit = np.where(rng.random(num_rows) < 0.2 + 0.3 * (ward == 'D'), 'yes', 'no')
    cost = rng.normal(0, 1, num_rows) + (habit == 'yes')
    odds = -3 + 1.5 * (habit == 'yes') + cost + 1.5 * (ward == 'D')
    sick = np.where(rng.random(num_rows) < 1 / (1 + np.exp(-odds)), 'sick', 'well')
    return pd.DataFrame({'cost': cost.round(2), 'ward': ward, 'habit': habit, 'class': sick})


def told(shares: pd.Series, kind: str, rng: np.random.Generator) -> tuple[tuple[str, float], ...]:
    """The shares as somebody says them."""
    values = shares.to_numpy()
    if kind == 'rough':
        values = values * np.exp(rng.uniform(-0.4, 0.4, len(values)))
    if kind == 'turned':
        values = values[::-1]  # they come sorted
    return tuple(zip(map(str, shares.index), map(float, values / values.sum()), strict=True))


def losses(rows: pd.DataFrame, truth: pd.DataFrame) -> tuple[float, float]:
    """Of the shares of columns, and of cells of all columns of levels."""
    found = []
    for names in [*([name] for name in LEVELS), LEVELS]:
        real = truth.groupby(names).size() / len(truth)
        drawn = rows.groupby(names).size().reindex(real.index, fill_value=0)
        smoothed = (drawn + 0.5) / (len(rows) + 0.5 * len(real))
        found.append(float((real * np.log(real / smoothed)).sum()))
    return float(np.mean(found[:-1])), found[-1]


def main() -> None:
    """Print mean losses by number of rows and kind of knowledge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--rows', nargs='+', type=int, default=[25, 50])
    parser.add_argument('--seeds', type=int, default=20)
    arguments = parser.parse_args()
    truth = made_up(100_000, 10_000)
    kinds = ['nothing', 'right', 'rough', 'turned']
    print('rows  knowledge  shares  joint  least and most of joint against nothing  known part')
    for num_rows in arguments.rows:
        found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
        parts: dict[str, list[float]] = {kind: [] for kind in kinds}
        for seed in range(arguments.seeds):
            rows = made_up(num_rows, seed)
            schema = TableSchema((
                Column('cost', 'number', decimals=2, minimum=-9.0, maximum=9.0),
                *(Column(n, 'categorical', tuple(sorted(rows[n].unique()))) for n in LEVELS),
            ))
            training = TrainingSet(
                rows.astype(dict.fromkeys(LEVELS, object)), schema, seed, 'class'
            )
            graph = learn_causal_graph(training.rows, schema)
            for kind in kinds:
                rng = np.random.default_rng(seed)
                typical = [
                    Typical(n, (), told(truth[n].value_counts(normalize=True), kind, rng))
                    for n in LEVELS
                ]
                known = Knowledge((), tuple(typical) if kind != 'nothing' else ()).within(schema)
                sampler = DistilledSampler.fit(training, [graph], knowledge=known, quick=True)
                drawn = sampler.sample(DRAWN, np.random.default_rng(seed))
                found[kind].append(losses(drawn, truth))
                learned = sampler.chain.learned_from
                parts[kind].append(float(np.mean([learned[n]['knowledge'] for n in LEVELS])))
        for kind in kinds:
            shares, joint = np.mean(found[kind], axis=0)
            apart = np.array(found[kind])[:, 1] - np.array(found['nothing'])[:, 1]
            print(
                f'{num_rows:4}  {kind:9}  {shares:6.4f}  {joint:5.3f}  {apart.min():+.3f} '
                f'{apart.max():+.3f}  {np.mean(parts[kind]):.2f}',
                flush=True,
            )


if __name__ == '__main__':
    main()
