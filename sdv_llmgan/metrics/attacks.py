"""What attacks on synthetic rows share: their tables, distances, results and words.

    rows learned from, synthetic rows, held-out rows -> columns as numbers -> attack, control and
    baseline, each a rate -> risk with its interval

An attacker has the synthetic rows and some cells of a person. The attack is on persons whose rows
were learned from, the control on persons whose rows were not: what succeeds with both is what the
table tells of everyone, and no leak. The baseline guesses at random; an attack that is no better
proves nothing, and the result says so.

Giomi et al., A unified framework for quantifying privacy risk in synthetic data, PoPETs 2023.
https://arxiv.org/abs/2211.10459
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sdmetrics.goal import Goal
from sdmetrics.single_table.base import SingleTableMetric

from sdv_llmgan.metrics.encoding import EncodedColumn, Numbers, check_rows, encode_columns
from sdv_llmgan.metrics.rates import Interval, Rate, risk
from sdv_llmgan.table.types import SDVMetadata

Successes = np.ndarray[Any, np.dtype[np.bool_]]

#: Attacks of each kind, at most, where nothing else is said.
NUM_ATTACKS = 500
#: Distances held in memory at once.
MAX_CELLS = 2_000_000
#: Less than any difference that counts, more than rounding leaves: it breaks ties at random.
NOTHING = 1e-9

NO_ATTACK = 'No attack of this kind can be made on these tables, so nothing can be told.'
WEAK = (
    'The attack is no better than random guesses by more than chance explains: too weak to prove '
    'anything.'
)
NO_ROOM = (
    'The attack succeeds with every person not learned from, too: that leaves no room for a leak '
    'to show.'
)
UNREACHED = (
    'So few rows are held out that even copies of every row would reach about {reach:.2f}, which '
    'could be chance.'
)
FEW = 'Only {count} of {wanted} attacks could be made.'


@dataclass(frozen=True)
class Attacked:
    """The tables of an attack, encoded.

    Attributes:
        columns: By name, with the parts ``REAL``, ``SYNTHETIC`` and ``HELD_OUT``. Keys and personal
            data take no part.
        sizes: How many rows each part has.
        rng: Of this attack.
        num_attacks: How many attacks are made at most, and how many persons are attacked at most.
    """

    columns: dict[Any, EncodedColumn]
    sizes: tuple[int, ...]
    rng: np.random.Generator
    num_attacks: int

    @classmethod
    def of(
        cls,
        tables: list[pd.DataFrame],
        metadata: SDVMetadata,
        num_attacks: int,
        seed: int,
    ) -> Attacked:
        """Encode the rows learned from, the synthetic and the held-out ones.

        Raises:
            ValueError: A table is empty, the tables' columns differ or none can be compared, or no
                attack is wanted.
        """
        check_rows(tables)
        if num_attacks < 1:
            raise ValueError(f'num_attacks must be at least 1, got {num_attacks}.')
        columns = encode_columns(tables, metadata)
        return cls(columns, tuple(map(len, tables)), np.random.default_rng(seed), num_attacks)

    def persons(self, part: int) -> np.ndarray[Any, np.dtype[np.intp]]:
        """Rows of a part to attack, each once, at random where there are too many."""
        return self.rng.permutation(self.sizes[part])[: self.num_attacks]

    def named(self, names: Iterable[Any], what: str) -> list[Any]:
        """The names, each once, if all are columns that are compared.

        Raises:
            ValueError: One is not, or there is none.
        """
        chosen = list(dict.fromkeys(names))
        if not chosen or (unknown := [name for name in chosen if name not in self.columns]):
            raise ValueError(
                f'{what} must be columns that are compared, got {unknown if chosen else "none"}. '
                f'There are: {", ".join(map(str, self.columns))}.'
            )
        return chosen


#: Places of the parts.
REAL, SYNTHETIC, HELD_OUT = range(3)


@dataclass(frozen=True)
class AttackResult:
    """What came of an attack.

    Attributes:
        attack: On persons whose rows were learned from.
        control: On persons whose rows were held out.
        baseline: Random guesses at persons whose rows were learned from.
        wanted: How many attacks were to be made.
        reach: The risk of copies of every row, about, if no other person were singled out.
    """

    attack: Rate
    control: Rate
    baseline: Rate
    wanted: int = 0
    reach: float = 1.0

    @property
    def risk(self) -> Interval:
        """What the attack gains by a row having been learned from, see ``rates.risk``."""
        return risk(self.attack, self.control)

    @property
    def is_weak(self) -> bool:
        """Whether random guesses do as well, within the attack's interval."""
        return not self.attack.interval.low > self.baseline.interval.value

    @property
    def note(self) -> str:
        """What stands in the way of reading the risk as it is; may be empty."""
        if not self.attack.attacks or not self.control.attacks:
            return NO_ATTACK
        said = [NO_ROOM] if self.control.successes == self.control.attacks else []
        if self.is_weak and not self.risk.low > 0:
            said.append(WEAK)
        if self.reach < min(1.0, self.risk.high - self.risk.value):
            said.append(UNREACHED.format(reach=self.reach))
        if self.attack.attacks < self.wanted:
            said.append(FEW.format(count=self.attack.attacks, wanted=self.wanted))
        return ' '.join(said)

    def breakdown(self) -> dict[str, Any]:
        """As ``compute_breakdown`` of the metrics gives it."""
        found: dict[str, Any] = dict(zip(('score', 'low', 'high'), _ends(self.risk), strict=True))
        for name in ('attack', 'control', 'baseline'):
            rate: Rate = getattr(self, name)
            ends = _ends(rate.interval)
            found |= dict(zip((name, f'{name}_low', f'{name}_high'), ends, strict=True))
            found |= {f'{name}_successes': rate.successes, f'{name}_attacks': rate.attacks}
        return found | {'note': self.note}


#: Where no attack can be made.
NOT_MADE = AttackResult(Rate(0, 0, 0), Rate(0, 0, 0), Rate(0, 0, 0))


def rates_of(attack: Successes, control: Successes, baseline: Successes) -> AttackResult:
    """The result of several attacks on each person.

    Those on one person succeed or fail together. By how much is told by the spread over persons,
    those of attack and control taken together, for either may be few.

    Args:
        attack: Whether each attack on each person succeeded, shape (n_persons, n_attacks).
        control: Likewise of persons not learned from.
        baseline: Likewise of random guesses at those learned from.
    """
    parts, num_attacks = (attack, control), attack.shape[1]
    rate = float(np.vstack(parts).mean())
    apart = sum(float(np.square(part.mean(axis=1) - part.mean()).sum()) for part in parts)
    spread = apart / max(1, len(attack) + len(control) - 2)
    alone = rate * (1 - rate) / num_attacks
    together = float(np.clip(spread / alone, 1, num_attacks)) if alone else float(num_attacks)
    tried, controlled, guessed = (
        Rate(float(part.sum()), part.size, part.size / together)
        for part in (attack, control, baseline)
    )
    return AttackResult(tried, controlled, guessed)


class AttackMetric(SingleTableMetric):
    """A metric of what an attack gains by a row having been learned from; lower is better."""

    goal = Goal.MINIMIZE
    min_value = -np.inf
    max_value = 1.0

    @classmethod
    def normalize(cls, raw_score: float) -> float:
        """The risk on a scale on which less than no risk is no better than none.

        Args:
            raw_score: What ``compute`` gave, at most 1.

        Returns:
            One less the risk, in [0, 1], higher is better; NaN of NaN.

        Raises:
            ValueError: The risk is above 1.
        """
        if raw_score > 1:
            raise ValueError(f'A risk is at most 1, got {raw_score}.')
        return raw_score if math.isnan(raw_score) else 1 - max(0.0, raw_score)


def distances(
    queries: Iterable[tuple[EncodedColumn, Numbers]], limit: Numbers | None = None
) -> Numbers:
    """Gower's distance, a sum over columns, of rows to all synthetic rows.

    A number counts its difference in ranges of the synthetic column, a category and a missing value
    where the other has one count 1.

    Args:
        queries: Columns, each with the rows' values, shape (n_rows,).
        limit: Is added to.

    Returns:
        Shape (n_rows, n_synthetic).
    """
    total = limit
    for column, values in queries:
        one = column_distances(column, values)
        total = one if total is None else total + one
    assert total is not None
    return total


def column_distances(column: EncodedColumn, values: Numbers) -> Numbers:
    """What a column adds to the distance of each value to each synthetic row, see ``distances``."""
    others = column.parts[SYNTHETIC]
    if not column.is_number:
        return (values[:, np.newaxis] != others).astype(np.float64)
    known = others[~np.isnan(others)]
    span = float(np.ptp(known)) if len(known) else 0.0
    apart = np.abs(values[:, np.newaxis] - others) / (span or 1.0)
    if np.isnan(apart).any():
        one_missing = np.isnan(values)[:, np.newaxis] != np.isnan(others)
        apart = np.where(np.isnan(apart), one_missing, apart)
    return apart


def blocks(rows: np.ndarray[Any, Any], num_others: int) -> Iterator[np.ndarray[Any, Any]]:
    """The rows in parts so small that their distances to all others fit in memory."""
    step = max(1, MAX_CELLS // max(1, num_others))
    return (rows[start : start + step] for start in range(0, len(rows), step))


def _ends(interval: Interval) -> tuple[float, float, float]:
    return interval.value, interval.low, interval.high
