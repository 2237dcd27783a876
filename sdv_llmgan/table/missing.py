"""Which values of a generated row are missing.

Language models are far off in how often they write null, so they write complete rows, and here
some cells are emptied again (or filled with a value that models neither read nor write, see
``Column.unsaid``), column after column: each by a decision tree that reads the row as it
is by then and names training rows of its kind, one of which is followed. It is followed on in the
next columns while it is of the row's kind there, too. So values are missing together as in the
training table, however few rows there are, and as often in each kind of row.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

from sdv_llmgan.table.column import Column
from sdv_llmgan.table.schema import TableSchema

#: A kind of row (a leaf of a tree) has at least so many training rows, and there are at most so
#: many kinds: a few that matter, for generated rows are not spread like the training rows.
MIN_ROWS_IN_LEAF = 5
MAX_KINDS = 8


class MissingPatterns:
    """Learned from the training table: P(missing | the row so far) for each column with gaps.

    Columns that are always present come first, then those with gaps, the fullest first; a tree
    reads all columns before its own, gaps included.

    Args:
        training: Plain training rows, shape (n_rows, n_columns).
        schema: Their columns.
    """

    def __init__(self, training: pd.DataFrame, schema: TableSchema) -> None:
        gaps = pd.DataFrame({c.name: _gaps(training[c.name], c) for c in schema}).sum()
        self.schema, self.training = schema, training
        self.nullable = [
            str(name)
            for name in gaps.sort_values(kind='stable').index
            if 0 < gaps[name] < len(training)
        ]
        self.origins = {column.name: _origin(training[column.name], column) for column in schema}
        self.numbers = self._read(training) if self.nullable else {}
        self._trees: dict[tuple[str, ...], DecisionTreeClassifier] = {}
        self._leaves: dict[tuple[str, ...], np.ndarray] = {}

    def apply(
        self, rows: pd.DataFrame, settled: Collection[str], rng: np.random.Generator
    ) -> pd.DataFrame:
        """Empty some cells.

        Args:
            rows: Plain rows, shape (n_rows, n_columns), complete but for settled columns.
            settled: Columns that stay as they are, because a condition says what they hold.
            rng: Draws which cells are emptied.
        """
        if not self.nullable or rows.empty:
            return rows
        read = self._read(rows)
        left = [name for name in self.nullable if name not in settled]
        before = [name for name in self.schema.names if name not in left]
        emptied, followed = {}, np.full(len(rows), -1)
        for name in left:
            names = (*before, name)
            tree, leaves = self._tree(names), self._leaves[names]
            features = np.column_stack([read[other] for other in before] or [np.zeros(len(rows))])
            followed = _follow(followed, tree.apply(features), leaves, rng)
            empty = np.isnan(self.numbers[name][followed])
            read[name] = np.where(empty, np.nan, read[name])
            followed_cells = self.training[name].iloc[followed].set_axis(rows.index)
            emptied[name] = rows[name].where(~empty, followed_cells)
            before.append(name)
        return rows.assign(**emptied)

    def _read(self, rows: pd.DataFrame) -> dict[str, np.ndarray]:
        read = {}
        for column in self.schema:
            first, span = self.origins[column.name]
            # Trees read 32-bit numbers, to which times of one minute are the same.
            scaled = (_numbers(rows[column.name], column) - first) / span
            read[column.name] = np.clip(scaled, -1e30, 1e30)
        return read

    def _tree(self, names: Sequence[str]) -> DecisionTreeClassifier:
        """The tree for the last of these columns, given the others; fitted when first asked for."""
        key = tuple(names)
        if key not in self._trees:
            *before, name = names
            empty = np.isnan(self.numbers[name])
            features = np.column_stack(
                [self.numbers[other] for other in before] or [np.zeros(len(empty))]
            )
            tree = DecisionTreeClassifier(
                min_samples_leaf=MIN_ROWS_IN_LEAF, max_leaf_nodes=MAX_KINDS, random_state=0
            )
            self._trees[key] = tree.fit(features, empty)
            self._leaves[key] = tree.apply(features)
        return self._trees[key]


def _follow(
    followed: np.ndarray, kinds: np.ndarray, training_kinds: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Which training row each row follows: the same as before, while both are of one kind.

    Args:
        followed: Numbers of the training rows followed so far; -1: none.
        kinds: Of the rows, same shape.
        training_kinds: Of the training rows.
        rng: Draws one among those of a row's kind where that is needed.
    """
    led = followed.copy()
    lost = np.flatnonzero((followed < 0) | (training_kinds[followed] != kinds))
    for kind in np.unique(kinds[lost]):
        places = lost[kinds[lost] == kind]
        led[places] = rng.choice(np.flatnonzero(training_kinds == kind), len(places))
    return led


def _numbers(values: pd.Series, column: Column) -> np.ndarray:
    """A column as numbers for a tree: NaN where missing, categories from frequent to rare."""
    missing = _gaps(values, column)
    if column.kind == 'categorical':
        places = {category: place for place, category in enumerate(column.categories)}
        numbers = values.map(places.get)
    elif column.kind == 'text':
        numbers = values.map(len, na_action='ignore')
    elif column.kind == 'datetime':
        numbers = values.astype('int64')
    else:
        numbers = values
    read: np.ndarray = numbers.astype(float).to_numpy(copy=True)
    read[missing] = np.nan
    return read


def _gaps(values: pd.Series, column: Column) -> np.ndarray:
    """Which cells no model reads or writes: missing ones, and those of a value that is not said."""
    gaps: np.ndarray = values.isna().to_numpy()
    return gaps | (values == column.unsaid).to_numpy() if column.unsaid else gaps


def _origin(values: pd.Series, column: Column) -> tuple[float, float]:
    """Smallest value and span, > 0, of a training column as numbers."""
    numbers = _numbers(values.dropna(), column)
    return (numbers.min(), np.ptp(numbers) or 1.0) if len(numbers) else (0.0, 1.0)
