"""The gaps of a table filled by a local sampler, under the rules.

rows with gaps -> local sampler -> rules -> the gaps of rows that break one drawn again
    -> in the end what goes together from training rows, then the other gaps
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sdv_llmgan.rules.constraints import Rules
from sdv_llmgan.samplers.local import LocalSampler
from sdv_llmgan.table.allowed import Allowed, alike
from sdv_llmgan.table.rows import ParsedRows, plain_rows
from sdv_llmgan.table.schema import TableSchema

#: The gaps of a row that breaks a rule are drawn anew so often.
MAX_TRIES = 20
#: After so many tries, what goes together is drawn from training rows.
TRIES_OF_ALL = 5


@dataclass(frozen=True)
class Filling:
    """Fills gaps under rules.

    Attributes:
        local: Draws what is missing.
        rules: What filled rows keep to, where the cells that are there allow it.
    """

    local: LocalSampler
    rules: Rules

    def fill(
        self, rows: pd.DataFrame, rng: np.random.Generator
    ) -> tuple[pd.DataFrame, Counter[str]]:
        """Fill each row once.

        Args:
            rows: Plain rows with gaps, shape (n_rows, n_columns), of all columns, numbered from 0.
            rng: All randomness comes from here.

        Returns:
            The rows with the cells that were there as they were, and by rule how many of those with
            gaps break it to the last. Columns that are missing in all training rows stay missing.
        """
        filled = self.local.fill(rows, rng)
        left = np.flatnonzero(rows.isna().any(axis=1))
        broken: Counter[str] = Counter()
        for tries in range(MAX_TRIES if self.rules.constraints else 0):
            kept, broken = self._kept(filled.iloc[left], rows.iloc[left])
            filled = _replaced(filled, kept)
            left = np.setdiff1d(left, kept.index)
            if not len(left):
                break
            begun = rows.iloc[left]
            if tries >= TRIES_OF_ALL:
                begun = self._with_combinations(begun, rng)
            drawn = self.local.fill(begun.reset_index(drop=True), rng)
            filled = _replaced(filled, drawn.set_axis(left))
        return filled, broken if len(left) else Counter()

    def _kept(self, filled: pd.DataFrame, rows: pd.DataFrame) -> tuple[pd.DataFrame, Counter[str]]:
        """Rows that keep the rules, and how many break which; one may set what was missing."""
        parsed = self.rules.reject(ParsedRows(filled), pd.DataFrame(index=filled.index))
        before = rows.loc[parsed.rows.index]
        same = (parsed.rows == before) | before.isna()
        return parsed.rows[same.all(axis=1)], parsed.rejected

    def _with_combinations(self, begun: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """Rows with what goes together from training rows that have the cells that are there."""
        names = dict.fromkeys(str(n) for one in self.rules.combinations for n in one.cells)
        tied = self.rules.schema.reordered([*names])
        # Rows that have the same cells in these columns, missing ones among them, go together.
        kinds = alike(map(tuple, tied.to_json_rows(begun))).items()
        parts = [self._settled(begun.iloc[places], tied, kind, rng) for kind, places in kinds]
        return pd.concat(parts).loc[begun.index] if parts else begun

    def _settled(
        self,
        rows: pd.DataFrame,
        tied: TableSchema,
        cells: tuple[Any, ...],
        rng: np.random.Generator,
    ) -> pd.DataFrame:
        """Rows that have these cells in columns that are tied, with the others of those drawn."""
        there = {
            name: [Allowed.exactly(cell)] * len(rows)
            for name, cell in zip(tied.names, cells, strict=True)
            if cell is not None
        }
        try:
            settled = self.rules.begin(pd.DataFrame(there, rows.index, dtype=object), rng)
        except ValueError:  # no training row has what is there
            return rows
        values = plain_rows(settled, self.rules.schema)
        return rows.assign(**{str(name): values[name].to_numpy() for name in values})


def _replaced(filled: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """A table with other rows in the places of those that these are numbered as."""
    if not len(rows):
        return filled
    kept = filled.drop(index=rows.index)
    return (pd.concat([kept, rows]) if len(kept) else rows).sort_index()
