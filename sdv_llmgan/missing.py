"""Which values of a generated row are missing.

Language models are far off in how often they write null, so they write complete rows, and here
some cells are emptied again: a row gets the pattern of missing values of a training row like it.
So values are missing together as in the training table, and as often in each kind of row.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

from sdv_llmgan.discriminators.features import Features
from sdv_llmgan.schema import TableSchema

#: A kind of row (a leaf of the tree) has at least so many training rows.
MIN_ROWS = 5


class MissingPatterns:
    """Learned from the training table: a decision tree from values to patterns.

    The tree reads the columns that are always present. Each of its leaves keeps the patterns of
    its training rows, and one of them is drawn at random for a row that falls there. What is
    missing may depend on those columns; a dependence on the *value* of another column that is
    sometimes missing itself is not learned.

    Args:
        training: Plain training rows, shape (n_rows, n_columns).
        schema: Their columns.
    """

    def __init__(self, training: pd.DataFrame, schema: TableSchema) -> None:
        self.nullable = [name for name in schema.names if training[name].isna().any()]
        if not self.nullable:
            return
        self.patterns = training[self.nullable].isna().to_numpy()
        always = [name for name in schema.names if name not in self.nullable]
        self.features: Features | None = None
        self.leaves = np.zeros(len(training), dtype=int)
        if always:
            self.features = Features(training[always], schema.reordered(always))
            encoded = self.features.encode(training[always])
            _, classes = np.unique(self.patterns, axis=0, return_inverse=True)
            tree = DecisionTreeClassifier(min_samples_leaf=MIN_ROWS, random_state=0)
            self.tree = tree.fit(encoded, classes.ravel())
            self.leaves = tree.apply(encoded)

    def apply(
        self, rows: pd.DataFrame, settled: Collection[str], rng: np.random.Generator
    ) -> pd.DataFrame:
        """Empty some cells.

        Args:
            rows: Plain rows, shape (n_rows, n_columns), complete but for settled columns.
            settled: Columns that stay as they are, because a condition says what they hold.
            rng: Draws the patterns.
        """
        if not self.nullable or rows.empty:
            return rows
        leaves = np.zeros(len(rows), dtype=int)
        if self.features is not None:
            leaves = self.tree.apply(self.features.encode(rows[list(self.features.schema.names)]))
        is_settled = np.array([name in settled for name in self.nullable])
        fixed = rows[self.nullable].isna().to_numpy() & is_settled
        kinds, members = np.unique(np.column_stack([leaves, fixed]), axis=0, return_inverse=True)
        empty = np.zeros(fixed.shape, dtype=bool)
        for number, kind in enumerate(kinds):
            here = members.ravel() == number
            donors = self._donors(kind[0], kind[1:].astype(bool), is_settled)
            empty[here] = self.patterns[rng.choice(donors, here.sum())]
        empty &= ~is_settled
        emptied = {
            name: rows[name].where(~empty[:, place], None)
            for place, name in enumerate(self.nullable)
        }
        return rows.assign(**emptied)

    def _donors(self, leaf: int, fixed: np.ndarray, is_settled: np.ndarray) -> np.ndarray:
        """Training rows of this kind that agree in the settled columns, or the nearest to that."""
        in_leaf = self.leaves == leaf
        agree = (self.patterns[:, is_settled] == fixed[is_settled]).all(axis=1)
        best = next(chosen for chosen in (in_leaf & agree, agree, in_leaf) if chosen.any())
        return np.flatnonzero(best)
