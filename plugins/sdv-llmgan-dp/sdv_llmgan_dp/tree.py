"""Columns in a tree, each drawn given its parent and the target: counts in, rows out.

    target -> root -> its children -> theirs ...        each column also given the target

Conditions are met exactly: how likely they are below each cell is passed up the tree, and cells are
drawn down it (Pearl, Probabilistic reasoning in intelligent systems, 1988).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sdv_llmgan_dp.measured import Floats, Integers

#: Of what conditions ask for, a cell that counts nothing has so much beside the others.
LEAST = 1e-12


@dataclass(frozen=True)
class Tree:
    """How likely each cell of each column is, given those of its parent and of the target.

    Attributes:
        order: The columns, parents before children, the target before all.
        parents: The parent of each column but the roots.
        target: The column that all others are given; ``None``: there is none.
        shares: By column, shape (n_parent_cells, n_target_cells, n_cells), the last axis adding up
            to 1; without a parent or target the axis has one place.
    """

    order: tuple[str, ...]
    parents: Mapping[str, str]
    target: str | None
    shares: Mapping[str, Floats]

    @property
    def edges(self) -> list[tuple[str, str]]:
        """Pairs of a column and one that is drawn given it."""
        others = [name for name in self.order if name != self.target]
        given = [(self.target, name) for name in others if self.target is not None]
        return [*given, *((self.parents[name], name) for name in others if name in self.parents)]

    def draw(
        self, weights: Mapping[str, Floats], num_rows: int, rng: np.random.Generator
    ) -> dict[str, Integers]:
        """Cells of rows by column, shape (num_rows,) each.

        Args:
            weights: What conditions allow of each cell, in [0, 1], shape (n_cells,); of other
                columns nothing is asked.
            num_rows: How many.
            rng: All randomness comes from here.
        """
        likely = self._upwards(weights)
        drawn: dict[str, Integers] = {}
        for name in self.order:
            above = drawn[self.parents[name]] if name in self.parents else 0
            given = 0 if self.target is None or name == self.target else drawn[self.target]
            lines = np.broadcast_to(likely[name][above, given], (num_rows, likely[name].shape[2]))
            ends = lines.cumsum(1)
            places = rng.random(num_rows)[:, None] * ends[:, -1:] >= ends[:, :-1]
            drawn[name] = places.sum(1)
        return drawn

    def _upwards(self, weights: Mapping[str, Floats]) -> dict[str, Floats]:
        """By column its shares times how likely the conditions on it and below it are."""
        likely: dict[str, Floats] = {}
        for name in reversed(self.order):
            table = self.shares[name]
            if name in weights:
                table = (table + LEAST) * weights[name]
            for child, below in likely.items():
                met = below.sum(2)
                if self.parents.get(child) == name:
                    table = table * met.T[None]
                elif name == self.target and child not in self.parents:
                    table = table * met[0]
            # Only proportions count, and products of many conditions grow small.
            likely[name] = table / max(table.max(), 1e-300)
        return likely


def spanning(
    names: Sequence[str], edges: Sequence[tuple[str, str]]
) -> tuple[list[tuple[str, str]], list[set[str]]]:
    """Edges that close no circle, first come first served, and the parts that they leave."""
    parts = [{name} for name in names]
    kept = []
    for one, other in edges:
        mine, theirs = (next(part for part in parts if end in part) for end in (one, other))
        if mine is not theirs:
            mine |= theirs
            parts.remove(theirs)
            kept.append((one, other))
    return kept, parts


def directed(
    names: Sequence[str], edges: Sequence[tuple[str, str]]
) -> tuple[list[str], dict[str, str]]:
    """The columns with parents before children, and the parent of each that has one.

    Args:
        names: All columns; the first of each part of the forest is its root.
        edges: Of a forest, in any direction.
    """
    order: list[str] = []
    parents: dict[str, str] = {}
    for root in names:
        pending = [root] if root not in order else []
        while pending:
            name = pending.pop(0)
            order.append(name)
            for one, other in edges:
                for end, far in ((one, other), (other, one)):
                    if end == name and far not in order and far not in pending:
                        parents[far] = name
                        pending.append(far)
    return order, parents
