"""From measured rows to a tree of columns: what is counted, and what each count may use.

columns by themselves -> how many rows there are, and coarser cells of about equal size
-> each with the target -> edges: known ones, then those that differ most from what is expected
-> tables of the edges, corrected -> shares
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from sdv_llmgan_dp.cells import Cells
from sdv_llmgan_dp.correct import corrected, raked, shares
from sdv_llmgan_dp.grouped import grouped
from sdv_llmgan_dp.measured import Floats, Integers, MeasuredRows
from sdv_llmgan_dp.tree import Tree, directed, spanning

Flags = npt.NDArray[np.bool_]

#: Parts of what is left after cells are paid for: columns by themselves, the choice of edges, their
#: tables, columns with the target.
COLUMNS, GRAPH, TABLES, PAIRS = 0.3, 0.15, 0.28, 0.27
#: A table has no more cells than have so many deviations of noise in rows, on average.
ROWS_A_CELL = 2.0
FEWEST, MOST_GROUPS, MOST_OF_TARGET = 2, 12, 6
#: How far expectations are trusted (see ``corrected``): that all cells are alike, that there is no
#: more than smaller tables have, what is known.
ALIKE, NO_MORE, KNOWN = 1.0, 2.0, 4.0
#: Of known shares, what is left for all cells alike; and missing values that nobody tells of.
OPEN, MISSING = 0.05, 0.01


@dataclass(frozen=True)
class Plan:
    """What each question may use of rho.

    Attributes:
        column: Each column by itself.
        with_target: Each other column with the target.
        choice: All edges that are chosen.
        table: The table of each edge.
    """

    column: float
    with_target: float
    choice: float
    table: float

    @classmethod
    def of(cls, rho: float, num_others: int, *, has_target: bool) -> Plan:
        """Deal rho out.

        Args:
            rho: All of it.
            num_others: Columns but for the target.
            has_target: Whether there is one.
        """
        edges, pairs = max(num_others - 1, 0), num_others * has_target
        parts = {
            'columns': COLUMNS,
            'choice': GRAPH * bool(edges),
            'tables': TABLES * bool(edges),
            'pairs': PAIRS * bool(pairs),
        }
        unit = rho / sum(parts.values())
        return cls(
            unit * parts['columns'] / (num_others + has_target),
            unit * PAIRS / max(pairs, 1),
            unit * GRAPH,
            unit * (TABLES if edges else PAIRS) / max(edges, 1),
        )


@dataclass
class Coder:
    """Codes rows once, however often they are asked for; row by row.

    Attributes:
        cells: By column.
    """

    cells: Mapping[str, Cells]
    _last: tuple[pd.DataFrame, dict[str, Integers]] | None = None

    def __call__(self, rows: pd.DataFrame) -> dict[str, Integers]:
        """The cells of all columns, those that rows lack left out, shape (n_rows,) each."""
        if self._last is None or self._last[0] is not rows:
            found = {name: one.code(rows[name]) for name, one in self.cells.items() if name in rows}
            self._last = rows, found
        return self._last[1]


@dataclass(frozen=True)
class Marginal:
    """One column by itself, corrected.

    Attributes:
        shares: Of its cells, adding up to 1.
        groups: The coarser cell of each.
        drawable: Cells that values may be drawn from.
    """

    shares: Floats
    groups: Integers
    drawable: Flags

    @property
    def num_groups(self) -> int:
        """How many coarser cells there are."""
        return int(self.groups.max()) + 1

    @cached_property
    def coarse(self) -> Floats:
        """Shares of coarser cells."""
        return np.bincount(self.groups, self.shares, self.num_groups).astype(float)

    @cached_property
    def within(self) -> Floats:
        """Shares of cells within each coarser one, shape (num_groups, n_cells)."""
        table = np.zeros((self.num_groups, len(self.groups)))
        table[self.groups, np.arange(len(self.groups))] = self.shares * self.drawable
        even = np.zeros_like(table)
        even[self.groups, np.arange(len(self.groups))] = 1.0
        return shares(table, even)


@dataclass
class Learning:
    """Learns a tree.

    Attributes:
        measured: The rows, and what they may still be asked.
        cells: By column.
        known: Rows made of what is known, of some columns.
        target: The column that all others are given, if there is one.
        edges: Pairs of columns that are known to hang together, likeliest first.
        rho: What all of it may use.
    """

    measured: MeasuredRows
    cells: Mapping[str, Cells]
    known: pd.DataFrame
    target: str | None
    edges: Sequence[tuple[str, str]]
    rho: float

    def learn(self) -> tuple[dict[str, Marginal], Tree]:
        """The columns by themselves, and how they hang together."""
        self.coder, self.coded_known = Coder(self.cells), Coder(self.cells)(self.known)
        others = [name for name in self.cells if name != self.target]
        plan = Plan.of(self.rho, len(others), has_target=self.target is not None)
        noisy = self._counted(plan.column)
        self.num_rows = self._total(noisy)
        found = {name: self._alone(name, *one) for name, one in noisy.items()}
        self.marginals = self._grouped(found, plan.table)
        kept = [] if self.is_rich else self._known_edges(others)
        missing = max(len(others) - 1 - len(kept), 0)
        table = plan.table if missing or not kept else plan.table + plan.choice / len(kept)
        self.given = {name: self._given_target(name, plan.with_target) for name in others}
        kept += self._chosen(others, kept, plan.choice)
        order, parents = directed(others, kept)
        tables = {name: self._table(name, parents.get(name), table) for name in order}
        if self.target is not None:
            order = [self.target, *order]
            tables[self.target] = self.marginals[self.target].coarse[None, None]
        drawn = {name: _drawn(table, self.marginals[name]) for name, table in tables.items()}
        return self.marginals, Tree(tuple(order), parents, self.target, drawn)

    @property
    def is_rich(self) -> bool:
        """Whether noise is so small that the edges to choose are better than those known."""
        return self.most == MOST_GROUPS

    def _known_edges(self, others: Sequence[str]) -> list[tuple[str, str]]:
        return spanning(others, [edge for edge in self.edges if set(edge) <= set(others)])[0]

    def _counted(self, rho: float) -> dict[str, tuple[Floats, float]]:
        return {
            name: self.measured.counts(
                lambda rows, name=name: self.coder(rows)[name],  # type: ignore[misc]
                len(one),
                rho,
                'columns',
            )
            for name, one in self.cells.items()
        }

    @staticmethod
    def _total(noisy: Mapping[str, tuple[Floats, float]]) -> float:
        """How many rows there are: the mean of all sums, each as sure as it is."""
        weights = [1 / len(counts) for counts, _ in noisy.values()]
        sums = [counts.sum() for counts, _ in noisy.values()]
        return max(1.0, float(np.average(sums, weights=weights)))

    def _alone(self, name: str, noisy: Floats, variance: float) -> tuple[Floats, Flags]:
        """Shares of a column's cells, corrected, and which of them values may be drawn from."""
        one, totals = self.cells[name], np.array([self.num_rows])
        trust = KNOWN if name in self.coded_known else ALIKE
        whole = corrected(noisy[None], self._expected(name)[None], variance, totals, trust)[0]
        drawable = np.ones(len(one), dtype=bool)
        drawable[-1] = one.column.nullable
        if one.elsewhere is not None:
            drawable[one.elsewhere] = False
        return whole / whole.sum(), drawable

    def _grouped(
        self, found: Mapping[str, tuple[Floats, Flags]], rho: float
    ) -> dict[str, Marginal]:
        """Every column cut into as many parts as tables of this rho can have."""

        def marginal(name: str, most: int) -> Marginal:
            likely, drawable = found[name]
            groups = grouped(likely, most, self.cells[name].is_ordered)
            return Marginal(likely, groups, drawable)

        marginals, num_target = {}, 1
        if self.target is not None:
            marginals[self.target] = marginal(self.target, MOST_OF_TARGET)
            num_target = marginals[self.target].num_groups
        a_cell = ROWS_A_CELL * self.measured.scale(rho) * num_target
        cells = self.num_rows / max(a_cell, 1e-9)
        self.most = int(np.clip(math.sqrt(cells), FEWEST, MOST_GROUPS))
        return marginals | {
            name: marginal(name, self.most) for name in found if name != self.target
        }

    def _expected(self, name: str) -> Floats:
        """Shares of a column's cells as far as they are known; else each cell alike."""
        one = self.cells[name]
        base = np.ones(len(one))
        base[-1] = 0.0
        if one.elsewhere is not None:
            base[one.elsewhere] = 0.0
        base = (1 - MISSING) * base / max(base.sum(), 1)
        base[-1] = MISSING * one.column.nullable
        if name in self.coded_known:
            counts = np.bincount(self.coded_known[name], minlength=len(one))
            base = (1 - OPEN) * counts / counts.sum() + OPEN * base
        return base / base.sum()

    def _coarse(self, rows: dict[str, Integers], name: str | None) -> Integers:
        """Coarser cells of a column; of none, all rows are in one."""
        if name is None:
            return np.zeros(len(next(iter(rows.values()))), dtype=int)
        return self.marginals[name].groups[rows[name]]

    def _sizes(self, names: Sequence[str | None]) -> tuple[int, ...]:
        return tuple(1 if name is None else self.marginals[name].num_groups for name in names)

    def _cross(self, rows: dict[str, Integers], names: Sequence[str | None]) -> Integers:
        """The place of each row in the table of these columns, flattened."""
        places = [self._coarse(rows, name) for name in names]
        return np.ravel_multi_index(places, self._sizes(names))

    def _known_table(self, names: Sequence[str | None]) -> Floats:
        """Shares of rows made of what is known; where a column is not, as if it hung on nothing."""
        sizes = self._sizes(names)
        alone = np.ones(sizes)
        for axis, name in enumerate(names):
            if name is not None:
                shape = [-1 if place == axis else 1 for place in range(len(names))]
                alone = alone * self.marginals[name].coarse.reshape(shape)
        used = [name for name in names if name is not None]
        if not all(name in self.coded_known for name in used):
            return alone
        counts = np.bincount(self._cross(self.coded_known, names), minlength=alone.size)
        return (1 - OPEN) * counts.reshape(sizes) / counts.sum() + OPEN * alone / alone.sum()

    def _trust(self, *names: str) -> float:
        """How far the expected table of these columns is trusted."""
        return KNOWN if all(name in self.coded_known for name in names) else NO_MORE

    def _measure(self, names: Sequence[str | None], rho: float) -> tuple[Floats, float]:
        size = int(np.prod(self._sizes(names)))
        noisy, variance = self.measured.counts(
            lambda rows: self._cross(self.coder(rows), names), size, rho, 'tables'
        )
        return noisy.reshape(self._sizes(names)), variance

    def _given_target(self, name: str, rho: float) -> Floats:
        """Shares of a column with the target, shape (n_target_groups, num_groups)."""
        mine = self.marginals[name].coarse
        if self.target is None:
            return mine[None]
        target = self.marginals[self.target].coarse
        known = self._known_table((self.target, name))
        expected = raked(known, [((0,), target), ((1,), mine)])
        noisy, variance = self._measure((self.target, name), rho)
        totals = self.num_rows * target
        lines, trust = shares(expected, known), self._trust(self.target, name)
        counts = corrected(noisy, lines, variance, totals, trust)
        return counts / counts.sum()

    def _expected_table(self, parent: str, name: str) -> Floats:
        """Shares by what is known, with the target: (parent, target, column)."""
        known = self._known_table((parent, self.target, name))
        return raked(known, [((0, 1), self.given[parent].T), ((1, 2), self.given[name])])

    def _unlinked(self, one: str, other: str) -> Floats:
        """Shares as they are without an edge: (one, target, other), by the target alone."""
        above, below = self.given[one].T, self.given[other]
        each = np.maximum(above.sum(0), 1e-300)
        return above[:, :, None] * below[None] / each[None, :, None]

    def _chosen(
        self, others: Sequence[str], kept: Sequence[tuple[str, str]], rho: float
    ) -> list[tuple[str, str]]:
        """Edges that differ most from what is expected, one after another, as MST chooses them."""
        chosen: list[tuple[str, str]] = []
        rounds = max(len(others) - 1 - len(kept), 0)
        pairs = [(a, b) for place, a in enumerate(others) for b in others[place + 1 :]]
        if not rounds:
            return chosen
        # Whole numbers: sums of their differences from counts are exact.
        expected = {p: np.round(self.num_rows * self._unlinked(*p)) for p in pairs}
        for _ in range(rounds):
            _, parts = spanning(others, [*kept, *chosen])
            open_to = [pair for pair in pairs if not any(set(pair) <= part for part in parts)]
            place = self.measured.best(
                lambda rows, open_to=open_to: np.array(  # type: ignore[misc]
                    [self._distance(rows, pair, expected[pair]) for pair in open_to]
                ),
                rho / rounds,
                'graph',
            )
            chosen.append(open_to[place])
        return chosen

    def _distance(self, rows: pd.DataFrame, pair: tuple[str, str], expected: Floats) -> float:
        """Sum of absolute differences of counts; one row more or less changes it by at most 1."""
        names = (pair[0], self.target, pair[1])
        counts = np.bincount(self._cross(self.coder(rows), names), minlength=expected.size)
        return float(np.abs(counts - expected.ravel()).sum())

    def _table(self, name: str, parent: str | None, rho: float) -> Floats:
        """Counts of a column given its parent and the target; see ``Tree``."""
        if parent is None:
            return self.given[name][None]
        expected = self._expected_table(parent, name)
        noisy, variance = self._measure((parent, self.target, name), rho)
        above, mine = self.given[parent].T, self.given[name]
        sizes, totals = expected.shape, self.num_rows * above
        trust = self._trust(parent, name)
        if sizes[1] > 1:  # first without the target: more rows a cell
            sums = corrected(
                noisy.sum(1),
                shares(expected.sum(1), expected.sum(1)),
                variance * sizes[1],
                totals.sum(1),
                trust,
            )
            expected = raked(expected, [((0, 1), above), ((1, 2), mine), ((0, 2), sums)])
        lines = shares(expected, np.broadcast_to(mine, sizes).copy())
        counts = corrected(
            noisy.reshape(-1, sizes[2]),
            lines.reshape(-1, sizes[2]),
            variance,
            totals.ravel(),
            trust,
        )
        return np.where(totals[..., None] > 0, counts.reshape(sizes), lines)


def _drawn(table: Floats, marginal: Marginal) -> Floats:
    """Shares of each line, of what values may be drawn from."""
    drawable = np.bincount(marginal.groups, marginal.drawable * marginal.shares, table.shape[2]) > 0
    if not drawable.any():
        drawable = np.bincount(marginal.groups, marginal.drawable, table.shape[2]) > 0
    even = np.broadcast_to(marginal.coarse * drawable, table.shape).copy()
    return shares(table * drawable, even)
