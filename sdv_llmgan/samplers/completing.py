"""Rows of a view made whole: what the model may not see is filled in here.

wanted rows -> in the view's terms -> model -> back in real terms -> local sampler -> real rows
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sdv_llmgan.egress.table_view import View
from sdv_llmgan.samplers.base import Learned, Sampler
from sdv_llmgan.samplers.rounds import draw
from sdv_llmgan.table.rows import ParsedRows
from sdv_llmgan.table.training_set import TrainingSet
from sdv_llmgan.table.wanted import Wanted

#: A row that the model wrote is completed anew so often where a rule is broken.
MAX_TRIES = 5
NOT_COMPLETED = 'rule: what is withheld cannot be filled in'


@dataclass
class CompletingSampler(Sampler):
    """Asks the model for rows of a view, and completes them.

    Attributes:
        view: What the model sees.
        model: Asks it; fitted.
        local: Completes its rows; ``None`` where they are complete.
    """

    asks_model = True
    writes_text = True

    view: View
    model: Sampler
    local: Sampler | None

    def fit(self, training: TrainingSet, learned: Learned) -> None:
        """Both samplers are fitted already; see ``Sampler.fit``."""

    def sample(self, wanted: Wanted, rng: np.random.Generator) -> ParsedRows:
        """Ask once for each wanted row; see ``Sampler.sample``."""
        written = self.model.sample(Wanted(self.view.begin(wanted.cells)), rng)
        told = self.view.back(written.rows, wanted.cells)
        if self.local is None:
            parsed = self.view.rules.reject(ParsedRows(self.view.plain(told.rows)), wanted.cells)
        else:
            parsed = self._completed(told.rows, self.local, rng)
        return ParsedRows(parsed.rows, written.rejected + told.rejected + parsed.rejected)

    def _completed(
        self, known: pd.DataFrame, local: Sampler, rng: np.random.Generator
    ) -> ParsedRows:
        """Rows completed, those that broke a rule again; a few are given up at last."""
        left = known[self.view.rules.in_order(known)]
        parts = [self.view.training.iloc[:0]]
        for _ in range(MAX_TRIES):
            if not len(left):
                break
            rows = draw(local, self.view.rules, Wanted(left.reset_index(drop=True)), rng).rows
            parts.append(rows.set_axis(left.index[rows.index]))
            left = left.drop(parts[-1].index)
        rows = pd.concat([part for part in parts if len(part)] or parts[:1])
        return ParsedRows(rows, +Counter({NOT_COMPLETED: len(known) - len(rows)}))
