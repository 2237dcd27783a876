"""Rows that are asked for, and what each of their cells may be."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from sdv_llmgan.table.allowed import alike
from sdv_llmgan.table.rows import ParsedRows
from sdv_llmgan.table.schema import TableSchema

NOT_WANTED = 'not what was asked for'


@dataclass(frozen=True)
class Wanted:
    """Rows wanted.

    Attributes:
        cells: ``Allowed`` by cell, one line a row wanted, shape (n_rows, n_settled_columns);
            without columns where nothing is settled. A sampler is given rows numbered from 0.
    """

    cells: pd.DataFrame

    @classmethod
    def unconditioned(cls, num_rows: int) -> Wanted:
        """So many rows of which nothing is settled."""
        return cls(pd.DataFrame(index=pd.RangeIndex(num_rows)))

    def __len__(self) -> int:
        """How many rows are wanted."""
        return len(self.cells)

    @property
    def columns(self) -> list[str]:
        """The columns of which something is settled."""
        return [str(name) for name in self.cells.columns]

    def is_any(self, name: str) -> bool:
        """Whether all that is settled of a column is that it is not missing, in every row."""
        return all(cell.is_any for cell in self.cells[name])

    @cached_property
    def kinds(self) -> np.ndarray:
        """Which wanted rows are alike, as numbers, shape (n_rows,)."""
        kinds = np.zeros(len(self), dtype=int)
        if self.columns:
            for number, places in enumerate(alike(map(tuple, self.cells.to_numpy())).values()):
                kinds[places] = number
        return kinds

    def at(self, places: np.ndarray) -> Wanted:
        """The wanted rows at these places, which may repeat, numbered from 0."""
        return Wanted(self.cells.iloc[places].reset_index(drop=True))

    def reject(self, parsed: ParsedRows, schema: TableSchema) -> ParsedRows:
        """Take rows out that are not as wanted, and count them.

        Args:
            parsed: Plain rows, each with the number of the wanted row that it is meant for.
            schema: Their columns.
        """
        met = self.met(parsed.rows, schema)
        rejected = parsed.rejected + Counter({NOT_WANTED: int((~met).sum())})
        return ParsedRows(parsed.rows[met], rejected)

    def met(self, rows: pd.DataFrame, schema: TableSchema) -> np.ndarray:
        """Which plain rows are as wanted, shape (n_rows,); see ``reject``."""
        met = np.ones(len(rows), dtype=bool)
        for name in self.columns:
            values = map(schema[name].to_json_value, rows[name])
            cells = self.cells.loc[rows.index, name]
            met &= [cell.meets(value) for cell, value in zip(cells, values, strict=True)]
        return met
