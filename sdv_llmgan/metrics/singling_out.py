"""Singling out: does a description of one synthetic row fit exactly one person?

synthetic rows -> predicates that select one of them -> how many select one row learned from,
how many one row held out
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import hypergeom

from sdv_llmgan.metrics.attacks import (
    HELD_OUT,
    NOT_MADE,
    NUM_ATTACKS,
    REAL,
    SYNTHETIC,
    Attacked,
    AttackMetric,
    AttackResult,
)
from sdv_llmgan.metrics.encoding import Numbers
from sdv_llmgan.metrics.predicates import multivariate, random_ones, univariate
from sdv_llmgan.metrics.rates import Rate
from sdv_llmgan.table.types import SDVMetadata

#: Conditions that a predicate has where nothing else is said: families of few attributes.
NUM_CONDITIONS = 3
#: Divisions of all rows into two tables that tell how far predicates succeed together.
DIVISIONS = 200

Mode = Literal['multivariate', 'univariate']


class SinglingOutRisk(AttackMetric):
    """What predicates that select one synthetic row gain by rows having been learned from.

    A predicate is a description such as "age at least 71 and job is nurse". The attack succeeds
    where it fits exactly one person. The score is (attack - control) / (1 - control), at most 1,
    lower is better: 0 means that as many persons who were not learned from are singled out.

    ``'univariate'`` predicates name a value that one synthetic row has, or an end of a number's
    range; ``'multivariate'`` ones combine conditions on a few columns of one synthetic row: numbers
    on the outer side of its value as seen from the median, categories equal. The baseline combines
    random conditions.

    A predicate fits exactly one of few rows more or less often than of many by chance alone. So of
    the larger table, as many rows are drawn as the smaller one has; rates are means over *all* such
    draws, worked out exactly. Where few rows are held out, most of the persons who could be singled
    out are not in a draw, and the risk is low even for copies: h / n of what it would be.

    Predicates that the same row makes succeed do so together. How much that widens the interval is
    worked out from random divisions of all real rows into two tables, and no interval is narrower
    than one of as many attacks as there are real rows.

    Giomi et al., PoPETs 2023. https://arxiv.org/abs/2211.10459
    """

    name = 'Singling-out risk'

    @classmethod
    def compute(
        cls,
        real_data: pd.DataFrame,
        synthetic_data: pd.DataFrame,
        metadata: SDVMetadata = None,
        *,
        held_out_data: pd.DataFrame,
        mode: Mode = 'multivariate',
        num_conditions: int = NUM_CONDITIONS,
        num_attacks: int = NUM_ATTACKS,
        seed: int = 0,
    ) -> float:
        """The metric; arguments and errors are those of ``compute_breakdown``."""
        found = cls.compute_breakdown(
            real_data,
            synthetic_data,
            metadata,
            held_out_data=held_out_data,
            mode=mode,
            num_conditions=num_conditions,
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
        mode: Mode = 'multivariate',
        num_conditions: int = NUM_CONDITIONS,
        num_attacks: int = NUM_ATTACKS,
        seed: int = 0,
    ) -> dict[str, Any]:
        """The metric with its interval, and the rates that it is made of.

        Args:
            real_data: The rows that the synthesizer was fitted on, shape (n_real, n_columns).
            synthetic_data: Shape (n_synthetic, n_columns).
            metadata: A metadata ``dict`` or object of one table; ``None``: by dtypes.
            held_out_data: Real rows that it was not fitted on, shape (n_held_out, n_columns).
            mode: ``'multivariate'`` or ``'univariate'``.
            num_conditions: Columns that a multivariate predicate speaks of, at least 1; of fewer
                columns, all.
            num_attacks: Predicates, at most.
            seed: Of the choice of predicates and rows.

        Returns:
            ``score``, ``low`` and ``high``: the risk and the ends of its 95 % interval. For each of
            ``attack``, ``control`` and ``baseline``: the rate under this name, with ``_low`` and
            ``_high``, in [0, 1], and the counts ``_successes`` and ``_attacks``. ``note``: what
            stands in the way of reading the risk as it is, such as a weak attack; else empty.
            Figures are NaN where no predicate could be found.

        Raises:
            ValueError: A table is empty, the tables' columns differ or none can be compared, there
                is no such mode, or a number is less than 1.
        """
        if mode not in ('multivariate', 'univariate'):
            raise ValueError(f"mode must be 'multivariate' or 'univariate', got {mode!r}.")
        if num_conditions < 1:
            raise ValueError(f'num_conditions must be at least 1, got {num_conditions}.')
        tables = [real_data, synthetic_data, held_out_data]
        attacked = Attacked.of(tables, metadata, num_attacks, seed)
        return _singled_out(attacked, mode, num_conditions).breakdown()


def _singled_out(attacked: Attacked, mode: Mode, num_conditions: int) -> AttackResult:
    columns, rng, wanted = list(attacked.columns.values()), attacked.rng, attacked.num_attacks
    is_number = np.array([column.is_number for column in columns])
    synthetic = [column.parts[SYNTHETIC] for column in columns]
    count = min(num_conditions, len(columns)) if mode == 'multivariate' else 1
    if mode == 'multivariate':
        predicates = multivariate(synthetic, is_number, count, wanted, rng)
    else:
        predicates = univariate(synthetic, is_number, wanted, rng)
    guesses = random_ones(synthetic, is_number, count, len(predicates), rng)
    if not len(predicates):
        return NOT_MADE
    real, held_out = ([column.parts[part] for column in columns] for part in (REAL, HELD_OUT))
    fits = [predicates.fit(real), predicates.fit(held_out), guesses.fit(real)]
    size = min(len(fits[0].T), len(fits[1].T))
    effective = _effective(np.hstack(fits[:2]), len(fits[0].T), size, rng)
    attack, control, baseline = (
        Rate(float(_chances(fit.sum(axis=1), len(fit.T), size).sum()), len(fit), effective)
        for fit in fits
    )
    return AttackResult(attack, control, baseline, wanted, reach=size / len(fits[0].T))


def _chances(counts: Numbers, num_rows: int, size: int) -> Numbers:
    """How likely predicates fit exactly one of ``size`` rows drawn without replacement.

    Args:
        counts: How many of all rows each fits.
        num_rows: How many rows there are.
        size: How many are drawn; of all rows, the chance is 0 or 1.
    """
    chances: Numbers = hypergeom.pmf(1, num_rows, np.arange(num_rows + 1), size)
    return chances[counts.astype(np.intp)]


def _effective(fits: Numbers, num_real: int, size: int, rng: np.random.Generator) -> float:
    """How many independent attacks differ as much by chance, between attack and control.

    If nothing was learned, any division of the rows into two tables of these sizes is as likely as
    the one into rows learned from and held-out rows.

    Args:
        fits: Which rows of both tables each predicate fits, (n_predicates, n_real + n_held_out).
        num_real: How many rows were learned from.
        size: Of the smaller table.
        rng: Of the divisions.
    """
    most = float(min(fits.shape))
    side = np.arange(len(fits.T))[:, np.newaxis] < num_real
    sides = rng.permuted(np.repeat(side, DIVISIONS, axis=1), axis=0)
    counts = (fits.astype(np.float32) @ sides.astype(np.float32)).astype(np.float64)
    others = fits.sum(axis=1)[:, np.newaxis] - counts
    first = _chances(counts, num_real, size)
    second = _chances(others, len(fits.T) - num_real, size)
    spread = float(np.square(first.mean(axis=0) - second.mean(axis=0)).mean())
    rate = float(first.mean() + second.mean()) / 2
    return min(most, 2 * rate * (1 - rate) / spread) if spread else most
