"""Masked cells of five tables: what ``impute`` fills in, beside scikit-learn's imputers.

python experiments/imputation.py                                  # all tables, three masks each
python experiments/imputation.py --tables heart --masks 5 --methods local weighting
python experiments/imputation.py --set imputing.SWEEPS=3,8,20 --methods local

Each mask hides a fifth of the cells at random; everything is fitted on the table with these gaps,
and fills it. ``rmse`` is the root mean square error of numbers in standard deviations of the
column, ``error`` the share of categories that are wrong, each a mean over columns (lower is
better); a best guess is the mean or mode of the draws. ``covered`` is the share of hidden numbers
in the 90 % interval of 20 draws (Weibull quantiles, which are exact for interchangeable draws).

``local`` is the local sampler without a language model; ``weighting`` draws 100 rows for each row
with gaps forward in the sampler's own order of columns, and weighs them by the likelihood of the
cells that are there. ``iterative`` and ``knn`` are scikit-learn's, with one-hot categories.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from design import parse_set
from scipy.stats import norm
from sdv.metadata import Metadata
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - makes the next line work
from sklearn.impute import IterativeImputer, KNNImputer

from sdv_llmgan.process.hill_climb import learn_causal_graph
from sdv_llmgan.samplers.distilled.categorical import LevelConditional
from sdv_llmgan.samplers.distilled.evidence import Conditional
from sdv_llmgan.samplers.distilled.numerical import NumberConditional
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.samplers.distilled.stacking import AveragedQuantiles
from sdv_llmgan.samplers.local import LocalSampler
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.training_set import TrainingSet

CODES = ('sex', 'cp', 'fbs', 'restecg', 'exang', 'slope', 'ca', 'thal')
TABLES = {
    'heart': 'examples/heart.csv',
    'adult': '{data}/mallm_gan/adult_400_train.csv',
    'insurance': '{data}/mallm_gan/insurance_400_train.csv',
    'magic': '{data}/mallm_gan/magic_200_train.csv',
    'asia': '{data}/mallm_gan/asia_cpt_400_train.csv',
}
SHARE = 0.2
CANDIDATES = 100
LEVELS = (np.arange(40) + 0.5) / 40


def load(name: str, data: Path) -> tuple[pd.DataFrame, list[str], Metadata]:
    """A table, its columns of categories, its metadata."""
    table = pd.read_csv(TABLES[name].format(data=data))
    levels = [c for c in table if table[c].dtype.kind in 'Ob' or (name == 'heart' and c in CODES)]
    sdtypes = {c: {'sdtype': 'categorical' if c in levels else 'numerical'} for c in table}
    return table, levels, Metadata.load_from_dict({'tables': {name: {'columns': sdtypes}}})


def training_set(gapped: pd.DataFrame, metadata: Metadata, seed: int) -> TrainingSet:
    """The table with gaps, as samplers take it."""
    schema = TableSchema.from_sdv(metadata, gapped)
    return TrainingSet(schema.to_plain(gapped), schema, seed)


def fitted(training: TrainingSet, *, quick: bool) -> DistilledSampler:
    """The sampler, following the graph that the rows tell."""
    graph = learn_causal_graph(training.rows, training.schema, training.seed)
    return DistilledSampler.fit(training, [graph], quick=quick)


def by_columns(training: TrainingSet, num_draws: int) -> list[pd.DataFrame]:
    """The local sampler's: each gap given all other cells, in sweeps."""
    local = LocalSampler(fitted(training, quick=True))  # its own order is not used
    every = pd.concat([training.rows] * num_draws, ignore_index=True)
    filled = local.fill(every, np.random.default_rng(training.seed))
    return np.array_split(filled, num_draws)


def by_weighting(training: TrainingSet, num_draws: int) -> list[pd.DataFrame]:
    """Rows drawn forward in the sampler's order, chosen by the likelihood of what is there."""
    sampler, rng = fitted(training, quick=False), np.random.default_rng(training.seed)
    coding, count = sampler.coding, len(training.rows)
    tried = np.repeat(np.arange(count), CANDIDATES)
    known = {name: values[tried] for name, values in coding.encode(training.rows).items()}
    gaps = {name: training.rows[name].isna().to_numpy()[tried] for name in known}
    codes: dict[str, Any] = {}
    likely = np.zeros(len(tried))
    for link in sampler.chain:
        features = coding.features(codes, list(link.predecessors), len(tried))
        barred, gap = coding.codings[link.name].missing, gaps[link.name]
        codes[link.name] = known[link.name].copy()
        if gap.any():
            codes[link.name][gap] = link.conditional.draw(features[gap], rng, barred=barred)
        likely[~gap] += log_density(link.conditional, features[~gap], known[link.name][~gap])
    weights = np.exp(likely.reshape(count, -1) - likely.reshape(count, -1).max(1, keepdims=True))
    ends = np.cumsum(weights / weights.sum(1, keepdims=True), axis=1)
    draws = []
    for _ in range(num_draws):
        place = (ends < rng.random((count, 1))).sum(1).clip(max=CANDIDATES - 1)
        chosen = place + CANDIDATES * np.arange(count)
        draws.append(
            pd.DataFrame({n: coding.codings[n].decode(v[chosen]) for n, v in codes.items()})
        )
    return draws


def log_density(conditional: Conditional, features: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Of values that are there; numbers by a normal distribution with their quantiles' moments."""
    if not len(values):
        return np.zeros(0)
    if isinstance(conditional, LevelConditional):
        shares = conditional.probabilities(features)[range(len(values)), values.astype(int)]
        return np.log(np.maximum(shares, 1e-6))
    assert isinstance(conditional, NumberConditional)
    likely, rest = np.zeros(len(values)), np.ones(len(values), dtype=bool)
    if conditional.gate is not None:
        shares = conditional.gate.probabilities(features)
        for number, value in enumerate(conditional.special):
            at = values == value
            likely[at], rest = np.log(np.maximum(shares[at, number], 1e-6)), rest & ~at
        likely[rest] = np.log(np.maximum(shares[rest, -1], 1e-6))
    if isinstance(conditional.model, AveragedQuantiles) and rest.any():
        grid = np.column_stack([
            conditional.model.quantiles(features[rest], np.full(rest.sum(), level))
            for level in LEVELS
        ])
        spread = np.maximum(grid.std(1), 1e-3 * (np.ptp(values) or 1.0))
        likely[rest] += norm.logpdf(values[rest], grid.mean(1), spread)
    return likely


def by_scikit(
    imputer: IterativeImputer | KNNImputer, gapped: pd.DataFrame, levels: list[str]
) -> list[pd.DataFrame]:
    """One filled table; numbers are standardized first."""
    numbers = [name for name in gapped if name not in levels]
    center, scale = gapped[numbers].mean(), gapped[numbers].std().replace(0, 1)
    parts = [(gapped[numbers] - center) / scale]
    for name in levels:
        flags = pd.get_dummies(gapped[name]).astype(float)
        parts.append(flags.where(gapped[name].notna(), np.nan).add_prefix(f'{name}\t'))
    coded = pd.concat(parts, axis=1)
    found = pd.DataFrame(imputer.fit_transform(coded.to_numpy()), columns=coded.columns)
    filled = {name: found[name] * scale[name] + center[name] for name in numbers}
    for name in levels:
        known = pd.get_dummies(gapped[name]).columns
        best = found[[f'{name}\t{level}' for level in known]].to_numpy().argmax(1)
        filled[name] = pd.Series(known.to_numpy(object)[best])
    return [pd.DataFrame(filled)[list(gapped)]]


def scores(
    table: pd.DataFrame, hidden: np.ndarray, levels: list[str], draws: list[pd.DataFrame]
) -> dict[str, float]:
    """Errors of hidden cells, and how many intervals cover them; see the module's head."""
    rmse, error, covered = [], [], []
    for place, name in enumerate(table):
        at = hidden[:, place]
        truth = table[name].to_numpy()[at]
        drawn = pd.DataFrame([one[name].to_numpy()[at] for one in draws])
        if name in levels:
            error.append((drawn.mode().iloc[0].to_numpy() != truth).mean())
            continue
        off = drawn.astype(float).mean().to_numpy() - truth
        rmse.append(np.sqrt((off**2).mean()) / table[name].std())
        low, high = np.quantile(drawn.iloc[:20].astype(float), [0.05, 0.95], 0, method='weibull')
        covered.append(((low - 1e-9 <= truth) & (truth <= high + 1e-9)).mean())
    means = {'rmse': rmse, 'error': error, 'covered': covered if len(draws) > 1 else []}
    return {name: float(np.mean(found)) if found else np.nan for name, found in means.items()}


def measured(
    table: pd.DataFrame, levels: list[str], metadata: Metadata, mask: int, method: str, draws: int
) -> dict[str, float]:
    """What a method comes to on the table with one mask."""
    hidden = np.random.default_rng(mask).random(table.shape) < SHARE
    hidden &= table.notna().to_numpy()
    gapped = table.astype({name: object for name in table if table[name].dtype == bool})
    gapped = gapped.mask(hidden)
    if method == 'iterative':
        filled = by_scikit(IterativeImputer(random_state=0), gapped, levels)
    elif method == 'knn':
        filled = by_scikit(KNNImputer(), gapped, levels)
    else:
        fill = by_columns if method == 'local' else by_weighting
        filled = fill(training_set(gapped, metadata, mask), draws)
    return scores(table, hidden, levels, filled)


def main() -> None:
    """Print a line for each table, mask, method and value, then means over masks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--tables', nargs='+', default=[*TABLES], choices=[*TABLES])
    parser.add_argument(
        '--methods',
        nargs='+',
        default=['iterative', 'knn', 'local'],
        choices=['iterative', 'knn', 'local', 'weighting'],
    )
    parser.add_argument('--masks', type=int, default=3)
    parser.add_argument('--draws', type=int, default=20)
    parser.add_argument('--set', default='', metavar='MODULE.NAME=VALUE,...')
    parser.add_argument('--data', type=Path, default=Path('../shared/data'))
    parser.add_argument('--out', type=Path, help='every line, as CSV')
    arguments = parser.parse_args()
    warnings.simplefilter('ignore')
    lines = []
    for name in arguments.tables:
        loaded = load(name, arguments.data)
        for mask in range(arguments.masks):
            for method in arguments.methods:
                for value, set_it in parse_set(arguments.set).items():
                    set_it()
                    found = measured(*loaded, mask, method, arguments.draws)
                    lines.append({
                        'table': name,
                        'mask': mask,
                        'method': method,
                        'set': value,
                        **found,
                    })
                    print(*lines[-1].values(), flush=True)
        if arguments.out:
            pd.DataFrame(lines).round(4).to_csv(arguments.out, index=False)
    means = pd.DataFrame(lines).drop(columns='mask').groupby(['table', 'method', 'set'], sort=False)
    print(means.mean().round(3).to_string())


if __name__ == '__main__':
    main()
