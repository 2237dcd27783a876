"""Linkability: do synthetic rows tell that two halves of a row belong to one person?

a person's cells in two sets of columns -> the nearest synthetic rows of each -> one in common?
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from sdv_llmgan.metrics.attacks import (
    HELD_OUT,
    NOT_MADE,
    NOTHING,
    NUM_ATTACKS,
    REAL,
    SYNTHETIC,
    Attacked,
    AttackMetric,
    AttackResult,
    Successes,
    blocks,
    distances,
    rates_of,
)
from sdv_llmgan.metrics.rates import Rate
from sdv_llmgan.table.types import SDVMetadata

#: Random divisions of the columns, where none is named.
DIVISIONS = 5

Sides = tuple[Sequence[Any], Sequence[Any]]


class LinkabilityRisk(AttackMetric):
    """What linking two halves of a person's row gains by the row having been learned from.

    The attacker has two tables of the same persons with different columns, and takes a row of each
    for one person's where their nearest synthetic rows are the same. The score is
    (attack - control) / (1 - control), at most 1, lower is better: 0 means that rows that were not
    learned from are linked as often.

    Near is by Gower's distance in ranges of the synthetic columns; ties are broken at random. The
    baseline draws the neighbours at random. The attack is weak in tables of few categories, where
    many rows are as near.

    Giomi et al., PoPETs 2023. https://arxiv.org/abs/2211.10459
    """

    name = 'Linkability risk'

    @classmethod
    def compute(
        cls,
        real_data: pd.DataFrame,
        synthetic_data: pd.DataFrame,
        metadata: SDVMetadata = None,
        *,
        held_out_data: pd.DataFrame,
        sides: Sides | None = None,
        num_neighbors: int = 1,
        num_attacks: int = NUM_ATTACKS,
        seed: int = 0,
    ) -> float:
        """The metric; arguments and errors are those of ``compute_breakdown``."""
        found = cls.compute_breakdown(
            real_data,
            synthetic_data,
            metadata,
            held_out_data=held_out_data,
            sides=sides,
            num_neighbors=num_neighbors,
            num_attacks=num_attacks,
            seed=seed,
        )
        return float(found['score'])

    @classmethod
    def compute_breakdown(
        cls,
        real_data: pd.DataFrame,
        synthetic_data: pd.DataFrame,
        metadata: SDVMetadata = None,
        *,
        held_out_data: pd.DataFrame,
        sides: Sides | None = None,
        num_neighbors: int = 1,
        num_attacks: int = NUM_ATTACKS,
        seed: int = 0,
    ) -> dict[str, Any]:
        """The metric with its interval, and the rates that it is made of.

        Args:
            real_data: The rows that the synthesizer was fitted on, shape (n_real, n_columns).
            synthetic_data: Shape (n_synthetic, n_columns).
            metadata: A metadata ``dict`` or object of one table; ``None``: by dtypes.
            held_out_data: Real rows that it was not fitted on, shape (n_held_out, n_columns).
            sides: Columns of either table of the attacker's, none in both; ``None``: all columns
                in halves, five times at random, each an attack of its own.
            num_neighbors: Synthetic rows that count as nearest, at least 1 (of fewer rows, all).
            num_attacks: Persons learned from to attack, at most, and as many not learned from.
            seed: Of the choice of persons and columns, and of ties.

        Returns:
            As ``SinglingOutRisk.compute_breakdown``; NaN where there are no two columns.

        Raises:
            ValueError: A table is empty, the tables' columns differ or none can be compared, a side
                has no such column or shares one with the other, or a number is less than 1.
        """
        if num_neighbors < 1:
            raise ValueError(f'num_neighbors must be at least 1, got {num_neighbors}.')
        tables = [real_data, synthetic_data, held_out_data]
        attacked = Attacked.of(tables, metadata, num_attacks, seed)
        return _linked(attacked, _divisions(attacked, sides), num_neighbors).breakdown()


def _divisions(attacked: Attacked, sides: Sides | None) -> list[list[list[Any]]]:
    """Pairs of sides: the one that was named, or several at random."""
    if sides is None:
        names, half = list(attacked.columns), len(attacked.columns) // 2
        orders = [attacked.rng.permutation(len(names)) for _ in range(DIVISIONS if half else 0)]
        return [
            [[names[place] for place in part] for part in (order[:half], order[half:])]
            for order in orders
        ]
    chosen = [attacked.named(side, 'sides') for side in sides]
    if len(chosen) != 2:
        raise ValueError(f'sides must be two lists of columns, got {len(chosen)}.')
    if shared := [name for name in chosen[0] if name in chosen[1]]:
        raise ValueError(f'sides must have no column in common, got {shared} in both.')
    return [chosen]


def _linked(
    attacked: Attacked, divisions: list[list[list[Any]]], num_neighbors: int
) -> AttackResult:
    if not divisions:
        return NOT_MADE
    num_rows = attacked.sizes[SYNTHETIC]
    count = min(num_neighbors, num_rows)
    linked: dict[int, Successes] = {}
    for part in (REAL, HELD_OUT):
        linked[part] = np.vstack([
            np.column_stack([
                _share_one(*(_nearest(attacked, side, part, rows, count) for side in sides))
                for sides in divisions
            ])
            for rows in blocks(attacked.persons(part), num_rows)
        ])
    attacks = linked[REAL].size
    apart = math.comb(num_rows - count, count) / math.comb(num_rows, count)
    by_chance = Rate(attacks * (1 - apart), attacks, attacks)
    return replace(rates_of(linked[REAL], linked[HELD_OUT], linked[REAL]), baseline=by_chance)


def _nearest(
    attacked: Attacked, names: list[Any], part: int, rows: np.ndarray, count: int
) -> np.ndarray:
    """The nearest synthetic rows by some columns, shape (n_rows, count)."""
    columns = [attacked.columns[name] for name in names]
    near = distances((column, column.parts[part][rows]) for column in columns)
    near += NOTHING * attacked.rng.random(near.shape)
    return np.argpartition(near, count - 1, axis=1)[:, :count]


def _share_one(first: np.ndarray, second: np.ndarray) -> Successes:
    found: Successes = (first[:, :, np.newaxis] == second[:, np.newaxis]).any(axis=(1, 2))
    return found
