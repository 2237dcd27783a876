"""Levers of the generator, each on the same design rows: which of them pays is decided here.

python experiments/levers.py                                   # adult, insurance; 50 rows, 4 draws
python experiments/levers.py --tables magic --rows 50 100 --draws 8 --out levers.csv

    training rows -> few-shot examples, begun rows -> model -> rows -> chosen or changed -> scores
                     ^ levers that ask the model                      ^ levers on rows of the base

Rows are drawn as in ``design.py``: never test rows of a protocol. Each lever brings as many rows as
were fitted, which are scored by rows that were not: ML efficacy, alpha-precision and beta-recall by
one half of them, the DCR share by the other. ``calls`` counts what the model was asked for, rows of
the base among it that a lever chooses from or learns from.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from design import TABLES, cut, design_rows
from trial import Trial

from sdv_llmgan.benchmark.tables import TrainingTable
from sdv_llmgan.metrics import AlphaPrecision, BetaRecall, DCRShare, MLEfficacy
from sdv_llmgan.providers.base import Provider
from sdv_llmgan.roles.examples import Examples, Piece
from sdv_llmgan.table.allowed import Allowed
from sdv_llmgan.table.wanted import Wanted

BASE = 'base'
SCORES = ('mle', 'dcr_share', 'alpha_precision', 'beta_recall')

#: Plain rows from a trial, from rows of the base (for a lever that works on those) and from a
#: generator of random numbers that begins alike for each lever.
Lever = Callable[[Trial, pd.DataFrame, np.random.Generator], pd.DataFrame]


@dataclass(frozen=True)
class Chosen(Examples):
    """Shows chosen training rows, which may come again: so many numbers, prompt after prompt."""

    choose: Callable[[int], np.ndarray] = field(kw_only=True)

    def draw(self, num_rows: int, rng: np.random.Generator) -> list[Piece]:
        """Pieces to ask for ``num_rows`` rows."""
        return self.pieces(self.choose(num_rows), rng)


def base(trial: Trial, pool: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Rows after examples that were drawn at random."""
    return pool


def stratified(trial: Trial, pool: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Each prompt shows its share of every class of the target."""
    return trial.write(rng, replace(trial.examples, strata=trial.strata))


def balanced(trial: Trial, pool: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Prompts show every class equally often."""
    classes = [np.flatnonzero(trial.strata == number) for number in np.unique(trial.strata)]

    def choose(num_rows: int) -> np.ndarray:
        turns = math.ceil(num_rows / len(classes))
        passes = [
            np.concatenate([rng.permutation(rows) for _ in range(math.ceil(turns / len(rows)))])
            for rows in classes
        ]
        dealt = np.column_stack([rows[:turns] for rows in passes])
        return rng.permuted(dealt, axis=1).ravel()[:num_rows]

    return trial.write(rng, Chosen(**vars(trial.examples), choose=choose))


def residual_aware(trial: Trial, pool: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """What the base does not reach is shown more often: rows with high odds of being real."""
    odds, _ = trial.real_odds(pool)

    def choose(num_rows: int) -> np.ndarray:
        size = min(trial.examples.per_call, len(odds))
        prompts = [
            rng.choice(len(odds), size, replace=False, p=odds / odds.sum())
            for _ in range(math.ceil(num_rows / size))
        ]
        return np.concatenate(prompts)[:num_rows]

    return trial.write(rng, Chosen(**vars(trial.examples), choose=choose))


def four_an_example(trial: Trial, pool: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Four rows are asked for with each example, so a quarter of the training rows is shown."""
    return trial.write(rng, replace(trial.examples, rows_per_example=4))


def seeded(
    trial: Trial,
    pool: pd.DataFrame,
    rng: np.random.Generator,
    settled: Callable[[Trial], Sequence[str]],
) -> pd.DataFrame:
    """The local sampler draws some columns, the model completes the row."""
    drawn = trial.local.sample(len(trial.training), rng)
    cells = {
        name: [Allowed.exactly(trial.schema[name].to_json_value(value)) for value in drawn[name]]
        for name in settled(trial)
    }
    return trial.write(rng, wanted=Wanted(pd.DataFrame(cells, drawn.index, dtype=object)))


def roots(trial: Trial) -> list[str]:
    """The columns without a cause, but for the target."""
    effects = {effect for _, effect in trial.model.fitted.process.causal_graph.edges}
    return [name for name in trial.predictors if name not in effects]


def local(trial: Trial, pool: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The local sampler draws all columns: the end of seeding, without a model."""
    return trial.local.sample(len(trial.training), rng)


def rejected(trial: Trial, pool: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Rows are kept by their odds of being real.

    After Azadi et al., Discriminator Rejection Sampling, 2019. https://arxiv.org/abs/1810.06758
    """
    _, odds = trial.real_odds(pool)
    size = min(len(trial.training), len(pool))
    return pool.iloc[rng.choice(len(pool), size, replace=False, p=odds / odds.sum())]


def curated(trial: Trial, pool: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Rows whose target a model of the real rows finds unlikely, and is sure of it, are left out.

    Unlikely: a mean probability over the stages of boosting below half of chance. Sure: a mean of
    p (1 - p) below half of what it can be. The least unlikely fill up where too few are left. After
    Seedat et al., Curated LLM, 2024. https://arxiv.org/abs/2312.12112
    """
    stages = trial.label_chances(pool)
    confidence, doubt = stages.mean(axis=0), (stages * (1 - stages)).mean(axis=0)
    half_of_chance = 0.5 / len(set(trial.classes(trial.training)))
    unlikely = (confidence < half_of_chance) & (doubt < 0.125)
    order = rng.permutation(len(pool))
    last = np.where(unlikely, 1 - confidence, 0)[order]
    return pool.iloc[order[np.argsort(last, kind='stable')][: len(trial.training)]]


def calibrated(trial: Trial, pool: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Each number becomes a training quantile of its own rank, between two training values."""
    rows = pool.copy()
    for column in trial.schema:
        if column.kind not in ('integer', 'number'):
            continue
        known = rows[column.name].notna()
        values = rows.loc[known, column.name].to_numpy(copy=True)
        order = np.lexsort((rng.random(len(values)), values))
        levels = (np.arange(len(values)) + rng.random(len(values))) / max(len(values), 1)
        told = trial.training[column.name].quantile(levels).to_numpy() / column.step
        values[order] = np.round(told, column.decimals) * column.step
        rows.loc[known, column.name] = values
    return rows


#: By name: the lever, and how many times the rows wanted the base has to write for it.
LEVERS: dict[str, tuple[Lever, int]] = {
    BASE: (base, 1),
    'stratified': (stratified, 0),
    'class-balanced': (balanced, 0),
    'residual-aware': (residual_aware, 1),
    '4 rows an example': (four_an_example, 0),
    'roots seeded': (partial(seeded, settled=roots), 0),
    'half seeded': (
        partial(seeded, settled=lambda trial: trial.predictors[: len(trial.predictors) // 2]),
        0,
    ),
    'all but target seeded': (partial(seeded, settled=lambda trial: trial.predictors), 0),
    'all drawn locally': (local, 0),
    'rejection': (rejected, 2),
    'curation': (curated, 2),
    'calibration': (calibrated, 1),
}


def measured(
    name: str, table: TrainingTable, num_rows: int, draw: int, llm: str | Provider
) -> Iterator[dict[str, object]]:
    """A line for the real rows, and one for each lever."""
    fitted, test, held_out = cut(table, num_rows, draw)
    trial = Trial.fit(table, fitted, draw, llm)

    def line(lever: str, rows: pd.DataFrame, near: pd.DataFrame, calls: int) -> dict[str, object]:
        about = table.metadata
        scores = (
            MLEfficacy.compute(test, rows, about, target=table.target, seed=draw),
            DCRShare.compute(fitted, near, about, held_out_data=held_out),
            AlphaPrecision.compute(test, rows, about),
            BetaRecall.compute(test, rows, about),
        )
        common = {'table': name, 'rows': num_rows, 'draw': draw, 'lever': lever}
        return common | dict(zip(SCORES, scores, strict=True)) | {'calls': calls}

    yield line('real', fitted, test, 0)
    rng, begun = np.random.default_rng(draw), trial.calls
    pools, used = [trial.training.iloc[:0]], [0]
    for _ in range(2):
        pools.append(pd.concat([*pools[1:], trial.write(rng)], ignore_index=True))
        used.append(trial.calls - begun)
    for label, (lever, times) in LEVERS.items():
        before = trial.calls
        rows = lever(trial, pools[times], np.random.default_rng(draw))
        rows = trial.schema.from_plain(rows.reset_index(drop=True))
        yield line(label, rows, rows, used[times] + trial.calls - before)


def summary(lines: pd.DataFrame) -> str:
    """By score: means, and differences to the base on the same draws with their standard errors."""
    wide = lines.set_index(['table', 'rows', 'draw', 'lever']).unstack()
    order = [label for label in ('real', *LEVERS) if label in wide['mle']]
    cells = {**wide.groupby(['table', 'rows']).groups, 'all': wide.index}
    calls = pd.DataFrame({
        cell: wide.loc[draws, 'calls'][order].mean() for cell, draws in cells.items()
    })
    texts = [f'calls\n{calls.round(1)}']
    for score in SCORES:
        told = {}
        for cell, draws in cells.items():
            found = wide.loc[draws, score][order]
            less = found.sub(found[BASE], axis=0)
            told[cell] = [
                f'{found[label].mean():.3f} ({less[label].mean():+.3f} ± {less[label].sem():.3f})'
                for label in order
            ]
        texts.append(f'{score} (less that of the base ± standard error)')
        texts.append(pd.DataFrame(told, order).to_string())
    return '\n'.join(texts)


def main() -> None:
    """Print a line each, then the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--tables', nargs='+', default=['adult', 'insurance'], choices=[*TABLES])
    parser.add_argument('--rows', nargs='+', type=int, default=[50])
    parser.add_argument('--draws', type=int, default=4)
    parser.add_argument('--llm', default='local')
    parser.add_argument('--data', type=Path, default=Path('../shared/data'))
    parser.add_argument('--out', type=Path, help='every line, as CSV')
    arguments = parser.parse_args()
    tables = {name: design_rows(TABLES[name], arguments.data) for name in arguments.tables}
    lines = []
    for draw in range(arguments.draws):
        for num_rows in arguments.rows:
            for name, table in tables.items():
                for found in measured(name, table, num_rows, draw, arguments.llm):
                    print(*found.values(), flush=True)
                    lines.append(found)
                    if arguments.out:
                        pd.DataFrame(lines).to_csv(arguments.out, index=False)
    print(summary(pd.DataFrame(lines)))


if __name__ == '__main__':
    main()
