"""The sampler: what it may spend and is told; rows in once, rows out as often as wanted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from sdv_llmgan import Learned, ParsedRows, Privacy, Sampler, TableSchema, TrainingSet, Wanted
from sdv_llmgan.table.allowed import Allowed
from sdv_llmgan_dp.cells import Cells
from sdv_llmgan_dp.domains import Domains, Told
from sdv_llmgan_dp.learn import Learning, Marginal
from sdv_llmgan_dp.measured import (
    DEALT,
    NEIGHBOURS,
    PUBLISHING_SHARE,
    Floats,
    MeasuredRows,
    rho_of,
)
from sdv_llmgan_dp.tree import Tree

#: A greater delta is no guarantee of anybody.
MOST_DELTA = 0.01
#: What finding cells of columns that nobody told of may use.
FINDING = 0.1
UNIT = 'rho, zero-concentrated differential privacy; parts add up'


@dataclass(frozen=True)
class _Fitted:
    """What is drawn from: noisy answers, and what was made of them.

    Attributes:
        cells: By column, in the table's order.
        marginals: By column.
        tree: How they hang together.
        privacy: What is guaranteed of rows that were learned from.
    """

    cells: Mapping[str, Cells]
    marginals: Mapping[str, Marginal]
    tree: Tree
    privacy: Privacy


class DPSampler(Sampler):
    """Rows from noisy counts: differential privacy of each training row.

    The noise comes from OpenDP, which no seed steers: two fits differ, and their epsilons add up.

    Args:
        epsilon: How much likelier any outcome may be with a row than without, as a log ratio, > 0;
            lower is better. ``inf``: no noise, and no guarantee.
        delta: With what probability that may fail, in (0, 0.01]; keep it well below one in as many
            rows as the table has: with one in so many, a whole row may be given away.
        categories: All levels of columns of categories, by column. Those of other columns are
            known, or paid for.
        ranges: The least and the greatest value of columns of numbers and dates, by column; what
            lies beyond counts as the end. Those of others are known, or paid for.
        decimals: Digits after the point, by column. Those of other columns are 0 for whole numbers
            by dtype, ``computer_representation`` or range, those that are known, or so many that
            the range has three digits; metadata's ``decimal_places`` is not read.

    Raises:
        ValueError: An argument is out of range.
    """

    is_private = True
    meets_wishes = True

    def __init__(
        self,
        epsilon: float = 1.0,
        delta: float = 1e-6,
        *,
        categories: Mapping[str, Sequence[Any]] | None = None,
        ranges: Mapping[str, tuple[Any, Any]] | None = None,
        decimals: Mapping[str, int] | None = None,
    ) -> None:
        for name, value, most in (('epsilon', epsilon, math.inf), ('delta', delta, MOST_DELTA)):
            if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value <= most:
                raise ValueError(f'{name} must be above 0 and at most {most}, got {value!r}.')
        self.epsilon, self.delta = float(epsilon), float(delta)
        self.told = Told(categories or {}, ranges or {}, decimals or {})
        self._fitted: _Fitted | None = None

    def __repr__(self) -> str:
        return f'DPSampler(epsilon={self.epsilon:g}, delta={self.delta:g})'

    @property
    def privacy(self) -> Privacy | None:
        """What is guaranteed, and what each part of it has used; ``None`` before ``fit``."""
        return None if self._fitted is None else self._fitted.privacy

    @property
    def tree(self) -> Tree | None:
        """How columns hang together; ``None`` before ``fit``."""
        return None if self._fitted is None else self._fitted.tree

    def check(self, schema: TableSchema) -> None:
        """Refuse categories, ranges and decimals of columns that the table does not have."""
        self.told.check(schema)

    def fit(self, training: TrainingSet, learned: Learned) -> None:
        """Ask the rows for counts, within epsilon and delta; see ``Sampler.fit``.

        Raises:
            ValueError: An argument is of what the table does not have, or the noise hides what a
                column holds.
        """
        self._fitted = None
        self.check(training.schema)
        domains = Domains.of(self.told, learned)
        rho = rho_of(self.epsilon, self.delta)
        delta = PUBLISHING_SHARE * self.delta
        measured = MeasuredRows(training.rows, rho, delta)
        paid = [column for column in training.schema if not domains.is_free(column)]
        texts = [column for column in paid if column.kind == 'categorical']
        finding = rho * FINDING if paid else 0.0
        cells = {
            column.name: domains.paid(
                column, measured, DEALT * finding / len(paid), DEALT * delta / max(len(texts), 1)
            )
            if column in paid
            else domains.free(column)
            for column in training.schema
        }
        learning = Learning(
            measured,
            cells,
            domains.rows,
            training.target,
            [edge for graph in learned.causal_graphs for edge in graph.edges],
            DEALT * (rho - finding if finding < rho else rho),
        )
        marginals, tree = learning.learn()
        privacy = Privacy(self.epsilon, self.delta, NEIGHBOURS, dict(measured.costs), UNIT)
        self._fitted = _Fitted(cells, marginals, tree, privacy)

    def sample(self, wanted: Wanted, rng: np.random.Generator) -> ParsedRows:
        """Draw once for each wanted row, under its conditions; see ``Sampler.sample``."""
        if self._fitted is None:
            raise RuntimeError('sample needs a fit before it.')
        kinds, parts = wanted.kinds, []
        for kind in np.unique(kinds):
            places = np.flatnonzero(kinds == kind)
            allowed = dict(wanted.cells.iloc[places[0]])
            parts.append(self._drawn(allowed, len(places), rng).set_axis(places))
        if not parts:
            return ParsedRows(self._drawn({}, 0, rng))
        return ParsedRows(pd.concat(parts).sort_index())

    def _drawn(
        self, allowed: Mapping[str, Allowed], num_rows: int, rng: np.random.Generator
    ) -> pd.DataFrame:
        """Rows that meet one condition."""
        assert self._fitted is not None
        fitted = self._fitted
        fits = {name: fitted.cells[name].fits(cell) for name, cell in allowed.items()}
        inner = {name: _given(fitted.marginals[name], fits.get(name)) for name in fitted.cells}
        weights = {name: inner[name].sum(1) for name in fits}
        groups = fitted.tree.draw(weights, num_rows, rng)
        columns = {}
        for name, cells in fitted.cells.items():
            ends = inner[name][groups[name]].cumsum(1)
            places = (rng.random(num_rows)[:, None] * ends[:, -1:] >= ends[:, :-1]).sum(1)
            columns[name] = cells.draw(places, allowed.get(name), rng)
        return pd.DataFrame(columns)


def _given(marginal: Marginal, fits: Floats | None) -> Floats:
    """How likely each cell is within its coarser one, under a condition."""
    if fits is None:
        return marginal.within
    there = np.zeros_like(marginal.within)
    there[marginal.groups, np.arange(len(marginal.groups))] = 1e-9
    return (marginal.within + there) * fits
