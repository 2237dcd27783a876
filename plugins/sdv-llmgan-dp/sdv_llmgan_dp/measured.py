"""Rows that answer by OpenDP's measurements only, under one budget that OpenDP keeps.

    epsilon, delta -> the most zero-concentrated privacy (rho) that OpenDP says is worth no more
    a question + its share of rho -> noise scale -> measurement -> privacy filter -> noisy answer

Neighbouring tables differ in one row, added or removed. What OpenDP cannot know and takes our word
for is what each transformation does to that one row; there are three, each in ``MeasuredRows``:

    cells      row by row: one number a row. One row changes one number.
    published  counts of values: one row changes one count by one.
    scores     the caller's word: no score changes by more than 1.

Bun and Steinke, Concentrated differential privacy, 2016. https://arxiv.org/abs/1605.02065
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:
    from opendp.mod import Domain, Measure, Measurement, Metric, Transformation

#: Of a measurement, each of its own type.
Answer: TypeAlias = Any
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int_]

NEIGHBOURS = 'one row, added or removed'
#: Of delta, what publishing categories may use in all; the rest is for turning rho to epsilon.
PUBLISHING_SHARE = 0.1
#: A hair less than the whole is dealt out: parts add up in floats.
DEALT = 1 - 1e-9
#: Noise scales and thresholds are looked for up to these.
MOST_SCALE, MOST_THRESHOLD = 1e9, 2**30


@cache
def library() -> ModuleType:
    """OpenDP, with proofs that are its own and claims that are ours."""
    import opendp.prelude as dp

    dp.enable_features('contrib', 'honest-but-curious')
    return dp


def rho_of(epsilon: float, delta: float) -> float:
    """The most rho for which OpenDP gives this epsilon at this delta; ``inf`` for ``inf``.

    Args:
        epsilon: > 0.
        delta: In (0, 1); ``PUBLISHING_SHARE`` of it is taken for spent.
    """
    if math.isinf(epsilon):
        return math.inf
    return _rho_of(float(epsilon), float(delta))


@cache
def _rho_of(epsilon: float, delta: float) -> float:
    dp = library()

    def suffices(rho: float) -> bool:
        return bool(epsilon_of(rho, delta) <= epsilon)

    return float(dp.binary_search(suffices, bounds=(1e-15, max(1.0, epsilon**2))))


def epsilon_of(rho: float, delta: float) -> float:
    """OpenDP's epsilon at a delta, for rho and the share of delta that publishing may use."""
    dp = library()
    domain, metric = _rows_domain(), dp.symmetric_distance()
    odometer = dp.c.make_fully_adaptive_composition(domain, metric, _measure())
    whole = dp.c.make_privacy_filter(odometer, 1, (rho, PUBLISHING_SHARE * delta))
    return float(dp.c.make_fix_delta(dp.c.make_zCDP_to_approxDP(whole), delta).map(1)[0])


@cache
def gaussian_scale(rho: float) -> float:
    """Standard deviation of the noise of counts in which one row changes one by one."""
    dp = library()
    space = dp.vector_domain(dp.atom_domain(T='i32')), dp.l2_distance(T='f64')

    def suffices(scale: float) -> bool:
        return bool(dp.m.make_gaussian(*space, scale).map(1.0) <= rho)

    return 0.0 if math.isinf(rho) else float(dp.binary_search(suffices, bounds=(0.0, MOST_SCALE)))


@cache
def _selection_scale(rho: float) -> float:
    dp = library()
    space = dp.vector_domain(dp.atom_domain(T='f64', nan=False)), dp.linf_distance(T='f64')
    measure = dp.zero_concentrated_divergence()

    def suffices(scale: float) -> bool:
        return bool(dp.m.make_noisy_max(*space, measure, scale).map(1.0) <= rho)

    return 0.0 if math.isinf(rho) else float(dp.binary_search(suffices, bounds=(0.0, MOST_SCALE)))


@cache
def _rows_domain() -> Domain:
    return library().user_domain('rows', lambda rows: isinstance(rows, pd.DataFrame))


def _measure() -> Measure:
    dp = library()
    return dp.approximate(dp.zero_concentrated_divergence())


@dataclass
class MeasuredRows:
    """Plain rows, asked through measurements.

    Attributes:
        rows: Shape (n_rows, n_columns); nothing else than the methods here may look at them.
        rho: What all answers together may use; ``inf``: they are exact.
        delta: What publishing categories may use in all.
        costs: What each part has used of rho.
    """

    rows: pd.DataFrame
    rho: float
    delta: float
    costs: dict[str, float] = field(default_factory=dict)
    _filter: Any = None

    @staticmethod
    def scale(rho: float) -> float:
        """Standard deviation of the noise of counts that may use so much."""
        return gaussian_scale(rho)

    def counts(
        self, cells: Callable[[pd.DataFrame], Integers], num_cells: int, rho: float, part: str
    ) -> tuple[Floats, float]:
        """How many rows are in each cell, with noise.

        Args:
            cells: The cell of each row, row by row, in [0, num_cells).
            num_cells: How many there are.
            rho: What this may use.
            part: What it is used for, in a word.

        Returns:
            Counts, shape (num_cells,), and the variance of the noise of each.
        """
        dp = library()
        scale = gaussian_scale(rho)
        numbered = self._claimed(
            dp.vector_domain(dp.atom_domain(T='i32')),
            dp.symmetric_distance(),
            lambda rows: cells(rows).tolist(),
            lambda distance: distance,
        )
        counted = numbered >> dp.t.then_count_by_categories(
            categories=list(range(num_cells)), null_category=False, MO='L2Distance<f64>'
        )
        measured = dp.c.make_approximate(counted >> dp.m.then_gaussian(scale))
        return np.array(self._ask(measured, rho, part), dtype=float), scale**2

    def published(
        self,
        values: Callable[[pd.DataFrame], Sequence[str]],
        rho: float,
        delta: float,
        part: str,
    ) -> Mapping[str, float]:
        """Noisy counts of the values that so many rows have that naming them gives nobody away.

        Args:
            values: The value of each row as text, row by row.
            rho: What this may use.
            delta: With what probability a value of a single row may be named.
            part: What it is used for, in a word.
        """
        dp = library()
        scale = gaussian_scale(rho)
        texts = dp.map_domain(dp.atom_domain(T='String'), dp.atom_domain(T='i32'))
        counted = self._claimed(
            texts,
            dp.l02inf_distance(dp.absolute_distance(T='i32')),
            lambda rows: dict(Counter(values(rows))),
            lambda distance: (distance, distance, distance),
        )
        threshold = 0 if math.isinf(rho) else self._threshold(counted, scale, delta)
        measured = counted >> dp.m.then_gaussian_threshold(scale, threshold)
        return {str(name): float(count) for name, count in self._ask(measured, rho, part).items()}

    def best(self, scores: Callable[[pd.DataFrame], Floats], rho: float, part: str) -> int:
        """The place of the highest score, or of one near it.

        Args:
            scores: Of a table, shape (n_scores,); one row more or less changes none by more than 1.
            rho: What this may use.
            part: What it is used for, in a word.
        """
        dp = library()
        scored = self._claimed(
            dp.vector_domain(dp.atom_domain(T='f64', nan=False)),
            dp.linf_distance(T='f64'),
            lambda rows: scores(rows).tolist(),
            lambda distance: float(distance),
        )
        chosen = scored >> dp.m.then_noisy_max(
            dp.zero_concentrated_divergence(), _selection_scale(rho)
        )
        return int(self._ask(dp.c.make_approximate(chosen), rho, part))

    def _claimed(
        self,
        domain: Domain,
        metric: Metric,
        function: Callable[[pd.DataFrame], object],
        stability: Callable[[int], object],
    ) -> Transformation:
        dp = library()
        return dp.t.make_user_transformation(
            _rows_domain(), dp.symmetric_distance(), domain, metric, function, stability
        )

    @staticmethod
    def _threshold(counted: Transformation, scale: float, delta: float) -> int:
        dp = library()

        def suffices(threshold: int) -> bool:
            measured = counted >> dp.m.then_gaussian_threshold(scale, threshold)
            return bool(measured.map(1)[1] <= delta)

        return int(dp.binary_search(suffices, bounds=(1, MOST_THRESHOLD)))

    def _ask(self, measured: Measurement, rho: float, part: str) -> Answer:
        """The answer, if what is left allows it; OpenDP refuses it otherwise."""
        self.costs[part] = self.costs.get(part, 0.0) + rho
        if math.isinf(self.rho):
            return measured(self.rows)
        if self._filter is None:
            dp = library()
            odometer = dp.c.make_fully_adaptive_composition(
                _rows_domain(), dp.symmetric_distance(), _measure()
            )
            whole = dp.c.make_privacy_filter(odometer, 1, (self.rho, self.delta))
            self._filter = whole(self.rows)
        return self._filter(measured)
