"""What attacks find in synthetic rows of the default without a model, of copies and of SDV's.

python experiments/attacks.py --seeds 10 --out attacks.csv

Rows to learn from and held-out rows are drawn anew for each seed, so that the lines of a table are
replicates. A line for each table, synthesizer, seed and attack, written as it comes; lines that the
file has are not measured again. Then, by table, synthesizer and attack: the mean risk and its
standard error over seeds (of membership, the area; one half is no leak), and in how many seeds the
95 % interval lies above no leak, which chance does in 2.5 of 100.
"""

from __future__ import annotations

import argparse
import logging
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sdv_llmgan.benchmark.synthesizers import make_rows, parse_entry
from sdv_llmgan.benchmark.tables import TrainingTable, metadata_by_dtypes
from sdv_llmgan.metrics import InferenceRisk, LinkabilityRisk, MembershipInference, SinglingOutRisk

HEART_LEVELS = ('sex', 'cp', 'fbs', 'restecg', 'exang', 'slope', 'thal')
FAIR = ('strong_model/fair_50/train.csv', 'strong_model/fair_50/test.csv')
#: Files that rows are drawn from, target, columns of levels, rows to learn from, held-out rows.
TABLES: dict[str, tuple[tuple[str, ...], str, tuple[str, ...], int, int]] = {
    'adult_100': (('synthia/adult_train.csv',), 'income', (), 100, 200),
    'adult_800': (('synthia/adult_train.csv',), 'income', (), 800, 800),
    'heart': (('synthia/heart.csv',), 'disease', HEART_LEVELS, 150, 153),
    'fair': (FAIR, 'affair', (), 150, 150),
}
ATTACKS: dict[str, Callable[..., dict[str, Any]]] = {
    'singling out': SinglingOutRisk.compute_breakdown,
    'singling out, one column': partial(SinglingOutRisk.compute_breakdown, mode='univariate'),
    'linkability': LinkabilityRisk.compute_breakdown,
    'inference': InferenceRisk.compute_breakdown,
    'membership': MembershipInference.compute_breakdown,
}
FIGURES = ('score', 'low', 'high', 'attack', 'control', 'baseline', 'note')
#: Fewer rows that have a category are few.
FEW = 5
SYNTHESIZERS = ('distilled', 'real', 'one cell', 'fresh', 'gaussian-copula', 'ctgan', 'tvae')


def cut(name: str, seed: int, folder: Path) -> tuple[TrainingTable, pd.DataFrame, pd.DataFrame]:
    """Rows to learn from, held-out rows, and the rest of the table."""
    files, target, levels, num_real, num_held_out = TABLES[name]
    rows = pd.concat([pd.read_csv(folder / file) for file in files], ignore_index=True)
    rows = rows.sample(frac=1, random_state=seed).reset_index(drop=True)
    real, held_out = rows[:num_real], rows[num_real : num_real + num_held_out]
    metadata = metadata_by_dtypes(real, levels)
    table = TrainingTable(name, real.reset_index(drop=True), metadata, target)
    return table, held_out.reset_index(drop=True), rows[num_real + num_held_out :]


def made(name: str, table: TrainingTable, rest: pd.DataFrame, seed: int) -> pd.DataFrame:
    """As many synthetic rows as were learned from."""
    rng = np.random.default_rng(seed)
    if name == 'fresh':
        return rest.head(len(table.rows)).reset_index(drop=True)
    if name == 'columns alone':
        drawn = {c: v.sample(frac=1, replace=True, random_state=rng) for c, v in table.rows.items()}
        return pd.DataFrame({column: values.to_numpy() for column, values in drawn.items()})
    if name == 'distilled, nothing rare':
        return without_rare(made('distilled', table, rest, seed), table)
    if name != 'one cell':
        return next(iter(make_rows(parse_entry(name), table, seed, {}))).rows
    changed = table.rows.astype(object)
    for place in range(len(changed)):
        column = int(rng.integers(changed.shape[1]))
        changed.iloc[place, column] = table.rows.iloc[int(rng.integers(len(changed))), column]
    return changed.astype(table.rows.dtypes)


def without_rare(rows: pd.DataFrame, table: TrainingTable) -> pd.DataFrame:
    """The rows with categories of few training rows replaced, and numbers cut to those of many."""
    changed = {}
    for name, values in rows.items():
        real = table.rows[name]
        if table.metadata['columns'][name]['sdtype'] == 'numerical':
            inner = real.dropna().sort_values().iloc[FEW - 1 : -FEW + 1]
            changed[name] = values.clip(inner.iloc[0], inner.iloc[-1])
        else:
            counts = real.value_counts()
            known = values.isin(counts.index[counts >= FEW]) | values.isna()
            changed[name] = values.where(known, counts.index[0])
    return pd.DataFrame(changed)


def measured(name: str, synthesizer: str, seed: int, folder: Path) -> Iterator[dict[str, Any]]:
    """A line for each attack."""
    table, held_out, rest = cut(name, seed, folder)
    if synthesizer == 'fresh' and rest.empty:
        return
    rows = made(synthesizer, table, rest, seed)
    for attack, compute in ATTACKS.items():
        found = compute(table.rows, rows, table.metadata, held_out_data=held_out, seed=seed)
        line = {'table': name, 'synthesizer': synthesizer, 'seed': seed, 'attack_on': attack}
        yield line | {figure: found.get(figure) for figure in FIGURES}


def summary(lines: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds."""
    none = np.where(lines['attack_on'] == 'membership', 0.5, 0.0)
    lines = lines.assign(above=lines['low'] > none)
    cells = lines.groupby(['table', 'attack_on', 'synthesizer'], sort=False)
    return cells.agg(
        mean=('score', 'mean'),
        error=('score', 'sem'),
        low=('low', 'mean'),
        high=('high', 'mean'),
        above=('above', 'sum'),
        seeds=('score', 'count'),
    ).round(3)


def main() -> None:
    """Measure what is missing, then print means."""
    asking = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asking.add_argument('--tables', nargs='+', default=[*TABLES], choices=[*TABLES])
    asking.add_argument('--synthesizers', nargs='+', default=[*SYNTHESIZERS])
    asking.add_argument('--seeds', type=int, default=10)
    asking.add_argument('--data', type=Path, default=Path('../shared/data'))
    asking.add_argument('--out', type=Path, default=Path('attacks.csv'))
    asked = asking.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter('ignore')
    key = ['table', 'synthesizer', 'seed']
    for name in asked.tables:
        for synthesizer in asked.synthesizers:
            for seed in range(asked.seeds):
                lines = pd.read_csv(asked.out) if asked.out.exists() else pd.DataFrame(columns=key)
                done = (lines[key].astype(object) == [name, synthesizer, seed]).all(axis=1)
                if done.any():
                    continue
                new = pd.DataFrame([*measured(name, synthesizer, seed, asked.data)])
                pd.concat([lines, new]).round(5).to_csv(asked.out, index=False)
                print(name, synthesizer, seed, flush=True)
    print(summary(pd.read_csv(asked.out)).to_string())


if __name__ == '__main__':
    main()
