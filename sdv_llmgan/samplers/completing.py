"""Rows of a view made whole: what the model may not see is filled in here.

begun rows -> in the view's terms -> model -> back in real terms -> local sampler -> real rows
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sdv_llmgan.egress.table_view import View
from sdv_llmgan.samplers.base import Sampler
from sdv_llmgan.samplers.llm import LLMSampler
from sdv_llmgan.samplers.local import LocalSampler
from sdv_llmgan.table.rows import ParsedRows, concat

#: A row that the model wrote is completed anew so often where a rule is broken.
MAX_TRIES = 5
NOT_COMPLETED = 'rule: what is withheld cannot be filled in'


@dataclass
class CompletingSampler(Sampler):
    """Asks the model for rows of a view, and completes them.

    Attributes:
        view: What the model sees.
        model: Asks it.
        local: Completes its rows; ``None`` where they are complete.
        max_top_ups: See ``Sampler``.
    """

    view: View
    model: LLMSampler
    local: LocalSampler | None
    max_top_ups: int = 3

    def agree(self, rows: pd.DataFrame) -> np.ndarray:
        """Which rows go together by the rules; see ``Sampler.agree``."""
        return self.view.rules.agree(rows)

    def draw(self, begun: pd.DataFrame, rng: np.random.Generator) -> ParsedRows:
        """Ask once for each begun row; see ``Sampler.draw``."""
        labels, begun = begun.index, begun.reset_index(drop=True)
        written = self.model.draw(self.view.begin(begun), rng)
        told = self.view.back(written.rows, begun)
        if self.local is None:
            parsed = self.view.rules.reject(ParsedRows(self.view.plain(told.rows)), begun)
        else:
            parsed = self._completed(told.rows, self.local, rng)
        rejected = written.rejected + told.rejected + parsed.rejected
        return ParsedRows(parsed.rows.set_axis(labels[parsed.rows.index]), rejected)

    def _completed(
        self, known: pd.DataFrame, local: LocalSampler, rng: np.random.Generator
    ) -> ParsedRows:
        """Rows completed, those that broke a rule again; a few are given up at last."""
        left = known[self.view.rules.in_order(known)]
        parts = [ParsedRows(self.view.training.iloc[:0])]
        for _ in range(MAX_TRIES):
            if not len(left):
                break
            parts.append(ParsedRows(local.draw(left, rng).rows))
            left = left.drop(parts[-1].rows.index)
        rows = concat(parts).rows
        return ParsedRows(rows, +Counter({NOT_COMPLETED: len(known) - len(rows)}))
