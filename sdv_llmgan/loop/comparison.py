"""Which of two sources of rows is harder to tell from real ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


def chance(num_rows: int) -> float:
    """Two standard errors of |2 AUC - 1| where two sources of so many rows each are alike.

    AUC then scatters by sqrt((2n + 1) / 12 n^2) (Hanley and McNeil, 1982): 0.33 for 25 rows, 0.16
    for 100, 0.06 for 800. That is for scores that owe nothing to the rows; those of a cross-fitted
    forest scatter about 1.4 times as much, so one in six alike sources goes beyond.
    """
    return 4 * math.sqrt((2 * num_rows + 1) / (12 * num_rows**2))


@dataclass(frozen=True)
class Comparison:
    """How well two sources of rows were told from real rows.

    Attributes:
        llm: |2 AUC - 1| of a cross-fitted random forest on the model's rows, in [0, 1]; 0 is
            chance, lower is better. ``None``: there were too few rows.
        distilled: Likewise for rows of a local sampler that was not fitted on the real rows it is
            compared with, of quick models where that is enough to be chosen; its order of columns
            is that of the sampler that is kept.
        margin: Two standard errors of their difference, were both at chance; below it the
            cheaper source (``distilled``) is chosen.
        num_rows: Rows of each kind that were compared.
    """

    llm: float | None
    distilled: float | None
    margin: float
    num_rows: int

    @property
    def chosen(self) -> Literal['llm', 'distilled']:
        """The source that is harder to tell from real rows; the cheaper one in doubt."""
        if self.llm is None or self.distilled is None:
            return 'distilled'
        return 'llm' if self.llm + self.margin < self.distilled else 'distilled'

    def __str__(self) -> str:
        if self.llm is None or self.distilled is None:
            return f'sampler: {self.chosen} (too few rows to compare: {self.num_rows})'
        return (
            f'sampler: {self.chosen} (told from real rows by a forest: llm {self.llm:.2f}, '
            f'distilled {self.distilled:.2f}, 0 is chance; with {self.num_rows} rows a difference '
            f'below {self.margin:.2f} means nothing)'
        )
