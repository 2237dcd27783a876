"""Inference: does the nearest synthetic row tell a cell of a person that is not known?

all cells of a person but one -> the nearest synthetic row by them -> is its cell the person's?
"""

from __future__ import annotations

from collections.abc import Sequence
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
    column_distances,
    distances,
    rates_of,
)
from sdv_llmgan.metrics.encoding import EncodedColumn, Numbers
from sdv_llmgan.table.types import SDVMetadata

#: How far a guessed number may be off, as a share of the true one; a date, of the dates' range.
TOLERANCE = 0.05


class InferenceRisk(AttackMetric):
    """What guessing a person's secret gains by the row having been learned from.

    The attacker knows all cells of a person but one, and guesses that one from the synthetic row
    that is nearest by the others. The score is (attack - control) / (1 - control), at most 1, lower
    is better: 0 means that secrets of persons who were not learned from are guessed as often, by
    what columns tell of each other.

    A guess is right where it is the same category, a number within 5 % of the true one, or a date
    within 5 % of the synthetic dates' range; missing is guessed like a category. Near is by Gower's
    distance in ranges of the synthetic columns; ties are broken at random. The baseline guesses
    with a random synthetic row.

    Several secrets of one person are guessed right or wrong together; the interval is of as many
    independent guesses as the spread over persons speaks for, at least one a person.

    Giomi et al., PoPETs 2023. https://arxiv.org/abs/2211.10459
    """

    name = 'Inference risk'

    @classmethod
    def compute(
        cls,
        real_data: pd.DataFrame,
        synthetic_data: pd.DataFrame,
        metadata: SDVMetadata = None,
        *,
        held_out_data: pd.DataFrame,
        secrets: Sequence[Any] | None = None,
        known: Sequence[Any] | None = None,
        tolerance: float = TOLERANCE,
        num_attacks: int = NUM_ATTACKS,
        seed: int = 0,
    ) -> float:
        """The metric; arguments and errors are those of ``compute_breakdown``."""
        found = cls.compute_breakdown(
            real_data,
            synthetic_data,
            metadata,
            held_out_data=held_out_data,
            secrets=secrets,
            known=known,
            tolerance=tolerance,
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
        secrets: Sequence[Any] | None = None,
        known: Sequence[Any] | None = None,
        tolerance: float = TOLERANCE,
        num_attacks: int = NUM_ATTACKS,
        seed: int = 0,
    ) -> dict[str, Any]:
        """The metric with its interval, and the rates that it is made of.

        Args:
            real_data: The rows that the synthesizer was fitted on, shape (n_real, n_columns).
            synthetic_data: Shape (n_synthetic, n_columns).
            metadata: A metadata ``dict`` or object of one table; ``None``: by dtypes.
            held_out_data: Real rows that it was not fitted on, shape (n_held_out, n_columns).
            secrets: Columns that are guessed, one at a time; ``None``: every column in turn.
            known: Columns that the attacker knows, but for the secret; ``None``: all.
            tolerance: How far a guessed number may be off, as a share of the true one, >= 0.
            num_attacks: Persons learned from to attack, at most, and as many not learned from.
                Each is attacked once for each secret.
            seed: Of the choice of persons, and of ties.

        Returns:
            As ``SinglingOutRisk.compute_breakdown``, where an attack is one guess; NaN where there
            is nothing to know but the secret.

        Raises:
            ValueError: A table is empty, the tables' columns differ or none can be compared, a
                named column is not one of them, or a number is too low.
        """
        if not tolerance >= 0:
            raise ValueError(f'tolerance must be at least 0, got {tolerance}.')
        tables = [real_data, synthetic_data, held_out_data]
        attacked = Attacked.of(tables, metadata, num_attacks, seed)
        all_names = list(attacked.columns)
        wanted = attacked.named(all_names if secrets is None else secrets, 'secrets')
        told = attacked.named(all_names if known is None else known, 'known')
        return _inferred(attacked, wanted, told, tolerance).breakdown()


def _inferred(
    attacked: Attacked, secrets: list[Any], known: list[Any], tolerance: float
) -> AttackResult:
    secrets = [secret for secret in secrets if any(name != secret for name in known)]
    if not secrets:
        return NOT_MADE
    right: dict[int, Successes] = {}
    for part in (REAL, HELD_OUT):
        right[part] = np.vstack([
            _guesses(attacked, secrets, known, tolerance, part, rows)
            for rows in blocks(attacked.persons(part), attacked.sizes[SYNTHETIC])
        ])
    persons = attacked.persons(REAL)
    at_random = [
        _is_right(attacked.columns[name], REAL, persons, chosen, tolerance)
        for name, chosen in zip(
            secrets,
            attacked.rng.integers(attacked.sizes[SYNTHETIC], size=(len(secrets), len(persons))),
            strict=True,
        )
    ]
    return rates_of(right[REAL], right[HELD_OUT], np.column_stack(at_random))


def _guesses(
    attacked: Attacked,
    secrets: list[Any],
    known: list[Any],
    tolerance: float,
    part: int,
    rows: np.ndarray,
) -> Successes:
    """Which secrets of which persons are guessed, shape (n_rows, n_secrets)."""
    cells = {name: column.parts[part][rows] for name, column in attacked.columns.items()}
    near = distances((attacked.columns[name], cells[name]) for name in known)
    near += NOTHING * attacked.rng.random(near.shape)
    right = []
    for name in secrets:
        column = attacked.columns[name]
        others = near - column_distances(column, cells[name]) if name in known else near
        right.append(_is_right(column, part, rows, others.argmin(axis=1), tolerance))
    return np.column_stack(right)


def _is_right(
    column: EncodedColumn, part: int, rows: np.ndarray, chosen: np.ndarray, tolerance: float
) -> Successes:
    """Whether the cells of chosen synthetic rows are those of the persons, shape (n_rows,)."""
    truth, guess = column.parts[part][rows], column.parts[SYNTHETIC][chosen]
    if not column.is_number:
        return truth == guess
    scale: Numbers | float = np.abs(truth)
    if column.sdtype == 'datetime':
        dates = column.parts[SYNTHETIC]
        known = dates[~np.isnan(dates)]
        scale = float(np.ptp(known)) if len(known) else 0.0
    both_missing: Successes = np.isnan(truth) & np.isnan(guess)
    return both_missing | (np.abs(guess - truth) <= tolerance * scale)
