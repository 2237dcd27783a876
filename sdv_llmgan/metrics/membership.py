"""Membership inference: does the nearest synthetic row's distance tell who was learned from?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sdv_llmgan.metrics.attacks import (
    HELD_OUT,
    NUM_ATTACKS,
    REAL,
    SYNTHETIC,
    Attacked,
    blocks,
    distances,
)
from sdv_llmgan.metrics.base import HalfMetric
from sdv_llmgan.metrics.encoding import Numbers
from sdv_llmgan.metrics.rates import area_nearer
from sdv_llmgan.table.types import SDVMetadata

ALL_AS_NEAR = (
    'Every person is as near to the synthetic rows as every other: the attack cannot tell anything '
    'in such a table.'
)


class MembershipInference(HalfMetric):
    """How well the distance to the nearest synthetic row tells rows learned from and others apart.

    The area under the ROC curve: the chance that a row that was learned from lies nearer to its
    nearest synthetic row than a held-out row does, ties one half. In [0, 1], lower is better down
    to one half, which is ideal; less is no better. Distances are Gower's, in ranges of the
    synthetic columns.

    The interval is Newcombe's score interval with the Mann-Whitney test's variance (2006, method
    5): unlike DeLong's it also holds for a handful of rows, and for an area of 1.

    ``normalize`` turns the area round, into [0, 1], higher is better: 1 for one half or less, 0 for
    1, and linear between.
    """

    name = 'Membership inference'

    @classmethod
    def compute(
        cls,
        real_data: pd.DataFrame,
        synthetic_data: pd.DataFrame,
        metadata: SDVMetadata = None,
        *,
        held_out_data: pd.DataFrame,
        num_attacks: int = NUM_ATTACKS,
        seed: int = 0,
    ) -> float:
        """The metric; arguments and errors are those of ``compute_breakdown``."""
        found = cls.compute_breakdown(
            real_data,
            synthetic_data,
            metadata,
            held_out_data=held_out_data,
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
        num_attacks: int = NUM_ATTACKS,
        seed: int = 0,
    ) -> dict[str, Any]:
        """The metric with its interval, and the medians of both distances.

        Args:
            real_data: The rows that the synthesizer was fitted on, shape (n_real, n_columns).
            synthetic_data: Shape (n_synthetic, n_columns).
            metadata: A metadata ``dict`` or object of one table; ``None``: by dtypes.
            held_out_data: Real rows that it was not fitted on, shape (n_held_out, n_columns).
            num_attacks: Persons learned from to attack, at most, and as many not learned from.
            seed: Of the choice of persons.

        Returns:
            ``score``, ``low`` and ``high``: the area and the ends of its 95 % interval, in [0, 1];
            ``median_to_real`` and ``median_to_held_out``: how far persons of each kind are from
            their nearest synthetic row, a mean over columns, >= 0; ``attack_attacks`` and
            ``control_attacks``: how many persons of each kind; ``note``: what stands in the way of
            reading the area as it is, else empty.

        Raises:
            ValueError: A table is empty, the tables' columns differ or none can be compared, or
                ``num_attacks`` is less than 1.
        """
        tables = [real_data, synthetic_data, held_out_data]
        attacked = Attacked.of(tables, metadata, num_attacks, seed)
        real, held_out = (_nearest_distances(attacked, part) for part in (REAL, HELD_OUT))
        area = area_nearer(real, held_out)
        return {
            'score': area.value,
            'low': area.low,
            'high': area.high,
            'median_to_real': float(np.median(real)),
            'median_to_held_out': float(np.median(held_out)),
            'attack_attacks': len(real),
            'control_attacks': len(held_out),
            'note': ALL_AS_NEAR if area.low == area.high else '',
        }


def _nearest_distances(attacked: Attacked, part: int) -> Numbers:
    """How far each person is from the nearest synthetic row, a mean over columns."""
    columns = attacked.columns.values()
    nearest = [
        distances((column, column.parts[part][rows]) for column in columns).min(axis=1)
        for rows in blocks(attacked.persons(part), attacked.sizes[SYNTHETIC])
    ]
    # Equal sums of differences may differ in their last bits, which would hide ties.
    return np.round(np.concatenate(nearest) / len(columns), 9)
