"""Whether drawn rows of a rare class help a classifier: none, copies, SMOTE and this package's.

python experiments/augment.py --seeds 5

Training rows of public tables with few of a class; as many are added as balance them; random
forests and logistic regressions are judged on rows kept out. A line for each way and model: F1 of
the rare class (at 0.5), average precision (higher is better for both) and Brier score (of
calibration; lower is better), means and standard errors over tables and seeds.
"""

from __future__ import annotations

import argparse
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from design import TABLES, design_rows
from imblearn.over_sampling import SMOTE, SMOTENC, RandomOverSampler
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sdv_llmgan.augment.over_sampler import LLMGANOverSampler

#: Tables, rows to train on, and how many of them are of the rare class.
CASES = (('adult', 200, 16), ('magic', 200, 16), ('default', 200, 20), ('shoppers', 200, 16))
NEIGHBOURS = 5


def cut(name: str, num_rows: int, rare: int, seed: int, data: Path) -> tuple[pd.DataFrame, ...]:
    """Features and classes (1 is rare) to train on, then those to judge by."""
    table = design_rows(TABLES[name], data)
    rows = table.rows.sample(frac=1, random_state=seed).reset_index(drop=True)
    values = rows[table.target]
    positive = values == values.value_counts().index[-1]
    chosen = [*np.flatnonzero(positive)[:rare], *np.flatnonzero(~positive)[: num_rows - rare]]
    rest = np.setdiff1d(np.arange(len(rows)), chosen)
    features = rows.drop(columns=table.target).dropna(axis=1)
    y = positive.astype(int)
    return (
        *(features.iloc[chosen].reset_index(drop=True), y.iloc[chosen].reset_index(drop=True)),
        *(features.iloc[rest], y.iloc[rest]),
    )


def ways(features: pd.DataFrame, seed: int) -> Iterator[tuple[str, object]]:
    """Over-samplers by name; ``None``: nothing is added."""
    levels = [not pd.api.types.is_numeric_dtype(values) for _, values in features.items()]
    smote = SMOTENC(levels, random_state=seed) if any(levels) else SMOTE(random_state=seed)
    yield 'none', None
    yield 'copies', RandomOverSampler(random_state=seed)
    yield 'SMOTE', smote
    yield 'sdv-llmgan', LLMGANOverSampler(random_state=seed)
    yield 'sdv-llmgan, half', LLMGANOverSampler(random_state=seed, sampling_strategy=0.5)


def judged(
    features: pd.DataFrame, classes: pd.Series, test: pd.DataFrame, wanted: pd.Series, seed: int
) -> Iterator[tuple[str, float, float, float]]:
    """Figures of two models."""
    levels = [name for name in features if not pd.api.types.is_numeric_dtype(features[name])]
    numbers = [name for name in features if name not in levels]
    coded = make_column_transformer(
        (OneHotEncoder(handle_unknown='ignore'), levels), (StandardScaler(), numbers)
    )
    forest = RandomForestClassifier(300, random_state=seed, n_jobs=1)
    for name, model in (('forest', forest), ('logistic', LogisticRegression(max_iter=2_000))):
        p = make_pipeline(coded, model).fit(features, classes).predict_proba(test)[:, 1]
        figures = f1_score(wanted, p > 0.5), average_precision_score(wanted, p)
        yield name, *figures, brier_score_loss(wanted, p)


def main() -> None:
    """Print the means by way and model, and by table."""
    asking = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asking.add_argument('--seeds', type=int, default=5)
    asking.add_argument('--data', type=Path, default=Path('../shared/data'))
    asking.add_argument('--out', type=Path, help='every line, as CSV')
    asked, lines = asking.parse_args(), []
    logging.disable(logging.CRITICAL)
    warnings.simplefilter('ignore')
    for name, num_rows, rare in CASES:
        for seed in range(asked.seeds):
            features, classes, test, wanted = cut(name, num_rows, rare, seed, asked.data)
            for way, sampler in ways(features, seed):
                more = (features, classes)
                if sampler is not None:
                    more = sampler.fit_resample(features, classes)  # type: ignore[attr-defined]
                for model, f1, precision, brier in judged(*more, test, wanted, seed):
                    figures = {'F1': f1, 'AP': precision, 'Brier': brier}
                    lines.append({'table': name, 'seed': seed, 'way': way, 'by': model, **figures})
        print(
            pd
            .DataFrame(lines)
            .query('table == @name')
            .groupby(['by', 'way'])[['F1', 'AP', 'Brier']]
            .mean()
            .round(3)
            .to_string(),
            flush=True,
        )
    table = pd.DataFrame(lines)
    if asked.out:
        table.round(4).to_csv(asked.out, index=False)
    base = table[table['way'] == 'none'].set_index(['table', 'seed', 'by'])
    less = table.set_index(['table', 'seed', 'by'])[['F1', 'AP', 'Brier']]
    less = less - base[['F1', 'AP', 'Brier']].reindex(less.index)
    less['way'] = table['way'].to_numpy()
    print(table.groupby(['by', 'way'])[['F1', 'AP', 'Brier']].mean().round(3).to_string())
    print(less.groupby(['by', 'way']).agg(['mean', 'sem']).round(3).to_string())


if __name__ == '__main__':
    main()
