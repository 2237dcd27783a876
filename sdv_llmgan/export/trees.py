"""Forests as arrays, and back: what is read is checked, so that drawing from it cannot fail.

trees, and what fell into their leaves -> one array each, all trees one after another -> trees
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sdv_llmgan.samplers.distilled.evidence import Booleans, Floats, Integers
from sdv_llmgan.samplers.distilled.leaves import LeafShares, LeafValues, Trees

#: Child of a leaf.
NONE = -1
#: Trees of a forest at most.
MOST_TREES = 1_000


@dataclass(frozen=True)
class ArrayTree:
    """A decision tree, in the order in which each node comes before its children.

    Attributes:
        left: Number of the child of rows whose feature is no greater than the threshold; ``NONE``
            of a leaf, shape (n_nodes,).
        right: Likewise, of the other rows.
        feature: Which feature is compared, by number.
        threshold: What it is compared with.
    """

    left: Integers
    right: Integers
    feature: Integers
    threshold: Floats

    @property
    def node_count(self) -> int:
        """How many nodes there are."""
        return len(self.left)

    def apply(self, features: np.ndarray) -> Integers:
        """The leaf of each row, shape (n_rows,), of features of shape (n_rows, n_used)."""
        nodes = np.zeros(len(features), dtype=np.int64)
        rows = np.arange(len(features)) if self.left[0] != NONE else np.zeros(0, dtype=np.int64)
        while len(rows):
            at = nodes[rows]
            goes_left = features[rows, self.feature[at]] <= self.threshold[at]
            nodes[rows] = at = np.where(goes_left, self.left[at], self.right[at])
            rows = rows[self.left[at] != NONE]
        return nodes


@dataclass(frozen=True)
class StoredForest:
    """Trees, and which value each row that fell into a leaf has.

    Attributes:
        nodes: Nodes of each tree, shape (n_trees,).
        left: See ``ArrayTree``; counted from the first node of its tree, shape (n_nodes,).
        right: Likewise.
        feature: Likewise.
        threshold: Likewise.
        rows: How many rows fell into each node, 0 where it is no leaf.
        codes: Their values as codes, leaf by leaf, ascending in each, of all trees.
    """

    nodes: np.ndarray
    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    rows: np.ndarray
    codes: np.ndarray

    @classmethod
    def of(cls, grown: Trees, features: Floats, codes: Floats) -> StoredForest:
        """Store a forest.

        Args:
            grown: The trees.
            features: Of the rows that fill the leaves, shape (n_rows, n_features).
            codes: Their values, whole numbers from 0, shape (n_rows,).
        """
        counts, found = [], []
        for tree, leaves in zip(grown.trees, grown.leaves(features), strict=True):
            counts.append(np.bincount(leaves, minlength=tree.node_count))
            found.append(codes[np.lexsort([codes, leaves])])
        join = {
            'left': [tree.children_left for tree in grown.trees],
            'right': [tree.children_right for tree in grown.trees],
            'feature': [np.maximum(tree.feature, 0) for tree in grown.trees],
            'threshold': [
                np.where(tree.feature < 0, 0.0, tree.threshold).astype(np.float32)
                for tree in grown.trees
            ],
        }
        return cls(
            np.array([tree.node_count for tree in grown.trees], dtype=np.int32),
            **{name: _short(np.concatenate(parts)) for name, parts in join.items()},
            rows=_short(np.concatenate(counts)),
            codes=_short(np.concatenate(found)),
        )

    @classmethod
    def read(
        cls, arrays: Mapping[str, np.ndarray], num_features: int, num_codes: int, where: str
    ) -> StoredForest:
        """Read and check what a file has under these names.

        Raises:
            ValueError: An array is missing, or a node, feature, count or code is none there is.
        """
        missing = [name for name in cls.__annotations__ if name not in arrays]
        if missing:
            raise ValueError(f'{where}: the arrays {", ".join(missing)} are missing.')
        forest = cls(**{name: arrays[name] for name in cls.__annotations__})
        forest._check(num_features, num_codes, where)
        return forest

    def _check(self, num_features: int, num_codes: int, where: str) -> None:
        for name in self.__annotations__:
            values = getattr(self, name)
            wanted = 'f' if name == 'threshold' else 'iu'
            if values.ndim != 1 or values.dtype.kind not in wanted:
                raise ValueError(f'{where}, {name}: needs numbers in one row.')
        _in_range(self.nodes, 1, len(self.left), f'{where}, nodes')
        count = int(self.nodes.sum(dtype=np.int64))
        lengths = {len(getattr(self, name)) for name in ('left', 'right', 'feature', 'rows')}
        is_whole = lengths == {count} and len(self.threshold) == count
        if not 1 <= len(self.nodes) <= MOST_TREES or not is_whole:
            raise ValueError(f'{where}: trees need as many entries of each kind as nodes.')
        own = np.concatenate([np.arange(size) for size in self.nodes])
        sizes = np.repeat(self.nodes, self.nodes)
        leaf = self.left == NONE
        for name in ('left', 'right'):
            children = getattr(self, name)
            # A child comes after its parent, so that no way goes in a circle.
            good = np.where(leaf, children == NONE, (children > own) & (children < sizes))
            if not good.all():
                raise ValueError(f'{where}, {name}: a node needs a later node of its tree.')
        _in_range(self.feature[~leaf], 0, num_features - 1, f'{where}, feature')
        _in_range(self.rows, 0, len(self.codes), f'{where}, rows')
        if (self.rows[leaf] < 1).any() or self.rows[~leaf].any():
            raise ValueError(f'{where}, rows: leaves need rows, and no other node has any.')
        starts = np.cumsum(self.nodes) - self.nodes
        per_tree = np.add.reduceat(self.rows.astype(np.int64), starts)
        if (per_tree != per_tree[0]).any() or per_tree.sum() != len(self.codes):
            raise ValueError(f'{where}, codes: each row needs a value in each tree.')
        _in_range(self.codes, 0, num_codes - 1, f'{where}, codes')

    def trees(self, used: Booleans) -> Trees:
        """The trees, which look at these features."""
        ends = np.cumsum(self.nodes)[:-1]
        parts = [
            np.split(values, ends)
            for values in (
                self.left.astype(np.int64),
                self.right.astype(np.int64),
                self.feature.astype(np.int64),
                self.threshold,
            )
        ]
        return Trees([ArrayTree(*some) for some in zip(*parts, strict=True)], used)

    def shares(self, used: Booleans, num_levels: int) -> LeafShares:
        """As shares of levels."""
        leaves = [np.repeat(np.arange(len(some)), some) for some in self._rows_by_tree]
        levels = [some.astype(np.int64) for some in self._codes_by_tree]
        weights = np.ones(len(leaves[0]))
        return LeafShares.of(self.trees(used), leaves, levels, weights, num_levels)

    def values(self, used: Booleans) -> LeafValues:
        """As values."""
        values = [some.astype(float) for some in self._codes_by_tree]
        starts = [np.append(0.0, np.cumsum(some)) for some in self._rows_by_tree]
        above = [np.arange(1.0, len(some) + 1) for some in values]
        return LeafValues(self.trees(used), values, above, starts)

    @property
    def _rows_by_tree(self) -> list[Integers]:
        return np.split(self.rows.astype(np.int64), np.cumsum(self.nodes)[:-1])

    @property
    def _codes_by_tree(self) -> list[np.ndarray]:
        return np.split(self.codes, len(self.nodes))


def _short(values: np.ndarray) -> np.ndarray:
    """The same whole numbers in as few bytes as hold them; floats stay as they are."""
    if values.dtype == np.float32:
        return values
    least, most = int(values.min(initial=0)), int(values.max(initial=0))
    kinds = (np.uint8, np.uint16, np.int32) if least >= 0 else (np.int16, np.int32)
    return values.astype(next(kind for kind in kinds if most <= np.iinfo(kind).max))


def _in_range(values: np.ndarray, least: int, most: int, where: str) -> None:
    if len(values) and (values.min() < least or values.max() > most):
        raise ValueError(f'{where}: needs numbers from {least} to {most}.')
