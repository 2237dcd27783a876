"""How often a fit ends with the best of four directions, and what a standard error is worth.

    python experiments/race.py                      # the papers' way and the race, side by side
    python experiments/race.py --rows 100 --seeds 20
    python experiments/race.py --calibration        # standard errors against the true scatter

A simulated model writes fresh rows of the table's source, moved along one column by so much that
the ideal classifier tells them from real ones with an AUC of 0.65 under one direction, and of 0.75
under three. The optimizer answers the directions one after the other, round and round. Six batches
of 25 rows.
"""

from __future__ import annotations

import argparse
import json
import re
import warnings
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pandas as pd

from sdv_llmgan.calls.metered import MeteredProvider
from sdv_llmgan.discriminators.separation import cross_fitted
from sdv_llmgan.egress.table_view import View
from sdv_llmgan.loop.loop import LLMGAN
from sdv_llmgan.loop.settings import LoopSettings
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.providers.base import Request
from sdv_llmgan.providers.scripted import ScriptedProvider
from sdv_llmgan.registry import find_discriminator
from sdv_llmgan.roles.generator import Generator
from sdv_llmgan.roles.optimizer import Optimizer
from sdv_llmgan.table.schema import Column, TableSchema

COLUMNS = ('age', 'height', 'weight', 'pulse', 'sodium')
SCHEMA = TableSchema(
    tuple(Column(name, 'number', minimum=-9.0, maximum=9.0, decimals=3) for name in COLUMNS)
)
DIRECTIONS = tuple(
    f'Take care of {name}: it goes with the other columns as in people of variant {number}.'
    for number, name in enumerate(COLUMNS[:4], start=1)
)
SETTINGS = LoopSettings(
    epochs=6,
    batch_size=25,
    examples_per_call=5,
    rows_per_example=4,
    example_selection='random',
    target=None,
    optimizer_examples=0,
    max_batches=6,
    patience=4,
    futility=False,
    max_top_ups=3,
    reject_copies=False,
    sampler='llm',
    seed=0,
    verbose=False,
    search='race',
)


def shift(auc: float) -> float:
    """How far one of two normal distributions is moved if this is the best AUC there can be."""
    return 2**0.5 * NormalDist().inv_cdf(auc)


class Simulated:
    """A model that writes rows as well as the direction in its prompt is good.

    Args:
        aucs: Of the ideal classifier, by direction, in the order in which they are tried.
        seed: Of the rows.
    """

    def __init__(self, aucs: tuple[float, ...], seed: int) -> None:
        self.aucs = aucs
        self.rng = np.random.default_rng([seed, 1])
        self.answers = 0

    def __call__(self, request: Request) -> str:
        """The next direction, or rows."""
        if request.role == 'optimizer':
            self.answers = (self.answers + 1) % len(self.aucs)
            return json.dumps({'graph': [], 'instruction': DIRECTIONS[self.answers]})
        prompt = request.messages[-1].content
        number = next(n for n, text in enumerate(DIRECTIONS) if text in prompt)
        asked = int(re.findall(r'Write (\d+)', f'{prompt}Write 1')[0])
        return json.dumps({'rows': self.rows(asked, number).round(3).tolist()})

    def rows(self, num_rows: int, number: int) -> np.ndarray:
        """Rows under a direction, shape (num_rows, n_columns)."""
        rows = self.rng.normal(size=(num_rows, len(COLUMNS)))
        rows[:, number] += shift(self.aucs[number])
        return rows


def real_rows(num_rows: int, seed: int) -> pd.DataFrame:
    """Rows of the source."""
    drawn = np.random.default_rng([seed, 0]).normal(size=(num_rows, len(COLUMNS)))
    return pd.DataFrame(drawn.round(3), columns=list(COLUMNS))


def ends_with_best(num_rows: int, seed: int, discriminator: str, **settings: object) -> bool:
    """Whether a fit ends with the best direction."""
    best = int(np.random.default_rng(seed).integers(4))
    aucs = tuple(0.65 if number == best else 0.75 for number in range(4))
    provider = MeteredProvider(ScriptedProvider(script=Simulated(aucs, seed)))
    loop = LLMGAN(
        Generator(provider, row_format='arrays'),
        find_discriminator(discriminator),
        Optimizer(provider),
        replace(SETTINGS, seed=seed, **settings),  # type: ignore[arg-type]
        View.everything(real_rows(num_rows, seed), SCHEMA),
        GenerationProcess('', SCHEMA, CausalGraph(), DIRECTIONS[0]),
        provider.ledger,
    )
    loop.fit()
    return loop.fitted.process.instruction == DIRECTIONS[best]


def calibration(seeds: int, discriminator: str) -> None:
    """Print standard errors beside the true scatter over tables and rows."""
    print('real  rows   AUC |  score    true scatter   standard error | difference: true, error')
    for num_real, num_rows in ((25, 25), (100, 25), (100, 50), (400, 50)):
        for auc in (0.5, 0.65, 0.75, 0.9):
            found = []
            for seed in range(seeds):
                real, model = real_rows(num_real, seed), Simulated((auc, auc), seed)
                one, other = (
                    cross_fitted(
                        find_discriminator(discriminator),
                        real,
                        SCHEMA,
                        pd.DataFrame(model.rows(num_rows, number), columns=list(COLUMNS)),
                        seed,
                    )
                    for number in range(2)
                )
                found.append([one.mean, one.standard_error or 0.0, *one.less(other)])
            score, error, difference, its_error = np.array(found).T
            print(
                f'{num_real:4d}  {num_rows:4d}  {auc:.2f} | {score.mean():6.3f}  '
                f' {score.std():6.3f}         {np.sqrt((error**2).mean()):6.3f}         |'
                f' {difference.std():6.3f}  {np.sqrt((its_error**2).mean()):6.3f}',
                flush=True,
            )


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rows', type=int, nargs='*', default=[100, 50, 25])
    parser.add_argument('--seeds', type=int, default=100)
    parser.add_argument('--discriminator', default='logistic')
    parser.add_argument('--search', nargs='*', default=['trajectory', 'race'])
    parser.add_argument('--calibration', action='store_true')
    arguments = parser.parse_args()
    warnings.simplefilter('ignore')
    if arguments.calibration:
        calibration(arguments.seeds, arguments.discriminator)
        return
    for num_rows in arguments.rows:
        for search in arguments.search:
            ends = [
                ends_with_best(num_rows, seed, arguments.discriminator, search=search)
                for seed in range(arguments.seeds)
            ]
            print(
                f'{num_rows:4d} real rows, {search:10s}: the best direction in {sum(ends)} of '
                f'{len(ends)} fits',
                flush=True,
            )


if __name__ == '__main__':
    main()
