"""Forests as distributions: what a column does in the leaf that a row falls into.

A row falls into the leaf of one tree, drawn at random; the leaf's training values, weighted, are
the distribution there. For large tables, where leaves can be large enough to be smooth.

Meinshausen, Quantile regression forests, 2006; Reiter, Using CART to generate partially synthetic
public use microdata, 2005.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sdv_llmgan.samplers.distilled.evidence import Booleans, Evidence, Floats, Integers

TREES = 10
#: Rows that a tree's splits are found on at most, other ones for each tree; all fill its leaves.
ROWS_TO_SPLIT_BY = 50_000
LEAF_SIZES = (5, 15, 50, 150, 500)
#: Rows that leaf sizes are compared on.
ROWS_TO_CHOOSE_BY = 8_000
Model = TypeVar('Model')


def choose_leaf_size(
    evidence: Evidence,
    fit: Callable[[Evidence, int], Model],
    score: Callable[[Model, Evidence], float],
    rng: np.random.Generator,
) -> tuple[int, float]:
    """The leaf size with the best score, lower is better, on held-out rows, and that score.

    Fewer than four real rows are too few to hold one out: they are judged by themselves.
    """
    rows = rng.permutation(np.flatnonzero(evidence.is_real))[:ROWS_TO_CHOOSE_BY]
    fitted_on = evidence.rows(rows[len(rows) // 4 :])
    held_out = rows[: len(rows) // 4] if len(rows) >= 4 else rows
    scores = [score(fit(fitted_on, size), evidence.rows(held_out)) for size in LEAF_SIZES]
    best = int(np.argmin(scores))
    return LEAF_SIZES[best], float(scores[best])


@dataclass
class Trees:
    """What finds each row's leaf, once for each tree.

    Attributes:
        trees: scikit-learn's, or others with ``apply`` and ``node_count``.
        used: Which features they look at, shape (n_features,).
    """

    trees: list[Any]
    used: Booleans

    @classmethod
    def grow(cls, make: Callable[[int], Any], evidence: Evidence, seed: int) -> Trees:
        """Grow ``TREES`` trees on the features that are for trees."""
        features = np.asarray(evidence.features[:, evidence.for_trees], dtype=np.float32)
        trees, count = [], len(features)
        for number in range(TREES):
            rows = np.arange(count)
            if count > ROWS_TO_SPLIT_BY:
                rng = np.random.default_rng([seed, number])
                rows = np.sort(rng.choice(count, ROWS_TO_SPLIT_BY, replace=False))
            tree = make(seed + number)
            tree.fit(features[rows], evidence.values[rows], sample_weight=evidence.weights[rows])
            trees.append(tree.tree_)
        return cls(trees, evidence.for_trees)

    def leaves(self, features: Floats) -> list[Integers]:
        """Each tree's leaf of each row."""
        chosen = np.asarray(features[:, self.used], dtype=np.float32)
        return [tree.apply(chosen) for tree in self.trees]

    def drawn_leaves(self, features: Floats, rng: np.random.Generator) -> Sequence[Any]:
        """For each tree: the rows that fell to it, and their leaves."""
        chosen = np.asarray(features[:, self.used], dtype=np.float32)
        order = rng.permutation(len(features))
        parts = np.array_split(order, len(self.trees))
        return [
            (part, tree.apply(chosen[part])) for part, tree in zip(parts, self.trees, strict=True)
        ]


@dataclass
class LeafShares:
    """Shares of levels in leaves, each leaf's mixed with the marginal as if by one more row."""

    grown: Trees
    tables: list[Floats]

    @classmethod
    def fit(cls, evidence: Evidence, num_levels: int, leaf_size: int, seed: int) -> LeafShares:
        """Grow trees and count."""
        grown = Trees.grow(
            lambda number: DecisionTreeClassifier(
                min_samples_leaf=leaf_size, max_features=0.6, random_state=number % 2**31
            ),
            evidence,
            seed,
        )
        levels, leaves = evidence.values.astype(int), grown.leaves(evidence.features)
        return cls.of(grown, leaves, [levels] * len(leaves), evidence.weights, num_levels)

    @classmethod
    def of(
        cls,
        grown: Trees,
        leaves: Sequence[Integers],
        levels: Sequence[Integers],
        weights: Floats,
        num_levels: int,
    ) -> LeafShares:
        """Count levels in leaves.

        Args:
            grown: The trees.
            leaves: For each tree the leaf of each row.
            levels: For each tree the level of each row.
            weights: How much each row counts, shape (n_rows,).
            num_levels: How many levels there are.
        """
        marginal = np.bincount(levels[0], weights, num_levels)
        marginal = marginal / marginal.sum()
        tables = []
        for tree, fallen, found in zip(grown.trees, leaves, levels, strict=True):
            counts = np.bincount(
                fallen * num_levels + found, weights, tree.node_count * num_levels
            ).reshape(tree.node_count, num_levels)
            tables.append((counts + 0.1 * marginal) / (counts.sum(1, keepdims=True) + 0.1))
        return cls(grown, tables)

    def __call__(self, features: Floats) -> Floats:
        """Probabilities, shape (n_rows, n_levels)."""
        shares = [
            table[leaves]
            for table, leaves in zip(self.tables, self.grown.leaves(features), strict=True)
        ]
        return np.mean(shares, axis=0)

    def of_a_tree(self, features: Floats, rng: np.random.Generator) -> Floats:
        """Probabilities by one tree for each row, drawn at random: the same mixture, sooner."""
        shares = np.empty((len(features), self.tables[0].shape[1]))
        drawn = self.grown.drawn_leaves(features, rng)
        for table, (rows, leaves) in zip(self.tables, drawn, strict=True):
            shares[rows] = table[leaves]
        return shares


@dataclass
class LeafValues:
    """Values in leaves, in ascending order, with the share of the leaf's weight up to each.

    Attributes:
        grown: The trees.
        values: For each tree, training values by leaf, then by size.
        above: For each tree, the weight up to and with each of these values.
        starts: For each tree, the weight before each node's first value; one more at the end.
    """

    grown: Trees
    values: list[Floats]
    above: list[Floats]
    starts: list[Floats]

    @classmethod
    def fit(cls, evidence: Evidence, target: Floats, leaf_size: int, seed: int) -> LeafValues:
        """Grow trees on ``target`` (values on the scale to split by) and sort values."""
        grown = Trees.grow(
            lambda number: DecisionTreeRegressor(
                min_samples_leaf=leaf_size, max_features=0.6, random_state=number % 2**31
            ),
            evidence.with_values(target),
            seed,
        )
        values, above, starts = [], [], []
        for tree, leaves in zip(grown.trees, grown.leaves(evidence.features), strict=True):
            order = np.lexsort([evidence.values, leaves])
            values.append(evidence.values[order])
            above.append(np.cumsum(evidence.weights[order]))
            mass = np.bincount(leaves, evidence.weights, tree.node_count)
            starts.append(np.concatenate([[0.0], np.cumsum(mass)]))
        return cls(grown, values, above, starts)

    def quantiles(self, tree: int, leaves: Integers, uniforms: Floats) -> Floats:
        """Value of each row's leaf at ``uniforms``."""
        starts = self.starts[tree]
        wanted = starts[leaves] + uniforms * (starts[leaves + 1] - starts[leaves])
        place = np.searchsorted(self.above[tree], wanted, side='right')
        return self.values[tree][np.minimum(place, len(self.values[tree]) - 1)]

    def grid(self, features: Floats, levels: Floats) -> Floats:
        """Quantiles of the whole forest at ``levels``, shape (n_rows, n_levels)."""
        pooled = np.concatenate(
            [
                np.column_stack([
                    self.quantiles(tree, leaves, np.full(len(leaves), level)) for level in levels
                ])
                for tree, leaves in enumerate(self.grown.leaves(features))
            ],
            axis=1,
        )
        return np.quantile(pooled, levels, axis=1).T

    def draw(self, features: Floats, uniforms: Floats, rng: np.random.Generator) -> Floats:
        """One training value for each row, shape (n_rows,)."""
        drawn = np.empty(len(features))
        for tree, (rows, leaves) in enumerate(self.grown.drawn_leaves(features, rng)):
            drawn[rows] = self.quantiles(tree, leaves, uniforms[rows])
        return drawn
