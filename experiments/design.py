"""The distilled sampler on design rows: what to change is decided here, never on test rows.

python experiments/design.py                                   # as it is
python experiments/design.py --set thinning.AIM_OFF=1.2,0.8    # values side by side, same draws
python experiments/design.py --tables magic insurance --rows 25 50 --draws 8

Of a table's training rows (at most 800; those that are test rows of MALLM-GAN's protocol left out)
some are drawn to be fitted, the rest is held out: one half for ML efficacy, one for the DCR share.
``--set`` names a number of a module of ``sdv_llmgan.samplers`` that no other module imports; each
value is fitted and sampled on the same draws, so lines are compared in pairs. ``real`` is the rows
that were fitted and, for the DCR share, fresh rows.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from sdv_llmgan.benchmark.protocols import MALLM_GAN, SYNTHIA
from sdv_llmgan.benchmark.tables import Source, TrainingTable
from sdv_llmgan.metrics import DCRShare, MLEfficacy
from sdv_llmgan.process.hill_climb import learn_causal_graph
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.training_set import TrainingSet

POOL = 800
SOURCES = {source.train: source for source in (*MALLM_GAN.sources, *SYNTHIA.sources)}
TABLES = {
    'adult': SOURCES['mallm_gan/adult_800_train.csv'],
    'magic': SOURCES['mallm_gan/magic_800_train.csv'],
    'insurance': SOURCES['mallm_gan/insurance_800_train.csv'],
    'asia_cpt': SOURCES['mallm_gan/asia_cpt_800_train.csv'],
    'default': SOURCES['synthia/default_train.csv'],
    'shoppers': SOURCES['synthia/shoppers.csv'],
}

Settings = dict[str, Callable[[], None]]


def parse_set(text: str) -> Settings:
    """Read ``module.NAME=value,value``: for each value what sets the constant; empty: nothing."""
    if not text:
        return {'as it is': lambda: None}
    name, _, values = text.partition('=')
    path, _, constant = name.rpartition('.')
    module = importlib.import_module(f'sdv_llmgan.samplers.distilled.{path}')
    as_it_is = getattr(module, constant)
    return {
        value: partial(setattr, module, constant, type(as_it_is)(value))
        for value in values.split(',')
    }


def design_rows(source: Source, folder: Path) -> TrainingTable:
    """Training rows of the source that are test rows of none, at most ``POOL``."""
    training = source.load(folder).training
    rows = training.rows
    tests = [other.load(folder).test for other in MALLM_GAN.sources if other.table == source.table]
    # Rows of nothing but levels repeat by chance: leaving these out would change the table.
    if tests and source.table != 'asia_cpt':
        seen = set(pd.concat(tests).itertuples(index=False, name=None))
        rows = rows[[row not in seen for row in rows.itertuples(index=False, name=None)]]
    rows = rows.sample(min(POOL, len(rows)), random_state=0).reset_index(drop=True)
    return TrainingTable(source.table, rows, training.metadata, training.target)


def cut(table: TrainingTable, num_rows: int, draw: int) -> list[pd.DataFrame]:
    """Rows to fit on, and the rest in halves: for ML efficacy, and for the DCR share."""
    order = np.random.default_rng([num_rows, draw]).permutation(len(table.rows))
    parts = (order[:num_rows], *np.array_split(order[num_rows:], 2))
    return [table.rows.iloc[part].reset_index(drop=True) for part in parts]


def drawn(
    fitted: pd.DataFrame, table: TrainingTable, seed: int, samples: int
) -> list[pd.DataFrame]:
    """Fit once, sample several times."""
    schema = TableSchema.from_sdv(table.sdv_metadata(), fitted)
    plain = schema.to_plain(fitted)
    graph = learn_causal_graph(plain, schema)
    sampler = DistilledSampler.fit(TrainingSet(plain, schema, seed, table.target), [graph])
    return [
        schema.from_plain(sampler.sample(len(fitted), np.random.default_rng([seed, number])))
        for number in range(samples)
    ]


def measured(
    name: str, table: TrainingTable, num_rows: int, draw: int, samples: int, settings: Settings
) -> Iterator[dict[str, object]]:
    """A line for the real rows and one for each value."""
    fitted, test, held_out = cut(table, num_rows, draw)
    common = {'table': name, 'rows': num_rows, 'draw': draw}

    def line(
        label: str, learned: list[pd.DataFrame], near: list[pd.DataFrame]
    ) -> dict[str, object]:
        efficacy = [
            MLEfficacy.compute(test, rows, table.metadata, target=table.target, seed=draw)
            for rows in learned
        ]
        shares = [
            DCRShare.compute(fitted, rows, table.metadata, held_out_data=held_out) for rows in near
        ]
        return {**common, 'setting': label, 'mle': np.mean(efficacy), 'dcr_share': np.mean(shares)}

    yield line('real', [fitted], [test])
    for label, set_it in settings.items():
        set_it()
        rows = drawn(fitted, table, draw, samples)
        yield line(label, rows, rows)


def main() -> None:
    """Print a line each, then means and differences to the first setting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--set', default='', metavar='MODULE.NAME=VALUE,...')
    parser.add_argument('--tables', nargs='+', default=[*TABLES], choices=[*TABLES])
    parser.add_argument('--rows', nargs='+', type=int, default=[25, 50, 100])
    parser.add_argument('--draws', type=int, default=4)
    parser.add_argument('--samples', type=int, default=4)
    parser.add_argument('--data', type=Path, default=Path('../shared/data'))
    parser.add_argument('--out', type=Path, help='every line, as CSV')
    arguments = parser.parse_args()
    settings = parse_set(arguments.set)
    lines = []
    for chosen in arguments.tables:
        table = design_rows(TABLES[chosen], arguments.data)
        for num_rows in arguments.rows:
            for draw in range(arguments.draws):
                for found in measured(chosen, table, num_rows, draw, arguments.samples, settings):
                    print(*found.values(), flush=True)
                    lines.append(found)
                    if arguments.out:
                        pd.DataFrame(lines).to_csv(arguments.out, index=False)
    results = pd.DataFrame(lines).set_index(['table', 'rows', 'draw', 'setting']).unstack()
    cells = results.groupby(['table', 'rows'])
    print(cells.mean().round(3).to_string())
    for score in ('mle', 'dcr_share'):
        first = next(iter(settings))
        less = results[score].drop(columns='real').sub(results[score][first], axis=0)
        print(f'{score}, less that of {first}: mean, standard error')
        print(pd.concat({'mean': less.mean(), 'error': less.sem()}, axis=1).round(4).to_string())


if __name__ == '__main__':
    main()
