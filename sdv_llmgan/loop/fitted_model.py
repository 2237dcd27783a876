"""What a fit has learned, as one value: sampling, report, command line and pictures read it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from sdv_llmgan.calls.budget import Ledger
from sdv_llmgan.egress.table_view import View
from sdv_llmgan.loop.comparison import Comparison
from sdv_llmgan.loop.history import History
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.roles.row_writer import Writer
from sdv_llmgan.rules.constraints import Rules
from sdv_llmgan.samplers.base import Sampler
from sdv_llmgan.samplers.completing import CompletingSampler
from sdv_llmgan.samplers.llm import LLMSampler
from sdv_llmgan.samplers.local import LocalSampler
from sdv_llmgan.table.schema import TableSchema


@dataclass(frozen=True)
class FittedModel:
    """A generation process, and where rows come from.

    Attributes:
        process: What the model follows as it writes rows: the best process of the fit, unless the
            user has set another one.
        history: All steps of the fit so far.
        view: What models see of the table.
        writer: Has rows written after the fit.
        max_top_ups: See ``Sampler``.
        local: Draws rows, or completes the model's, without a model; ``None``: not asked for.
        source: Where ``sampler`` takes rows from.
        comparison: How well the sources of rows were told from real ones; ``None`` where only one
            was asked for.
        progress_of: Whose calls a progress bar shows; ``None``: there is none.
    """

    process: GenerationProcess
    history: History
    view: View
    writer: Writer
    max_top_ups: int
    local: LocalSampler | None = None
    source: Literal['llm', 'distilled'] = 'llm'
    comparison: Comparison | None = None
    progress_of: Ledger | None = None

    def following(self, process: GenerationProcess) -> FittedModel:
        """The same with rows that the model writes under this process."""
        return replace(self, process=process, source='llm')

    @property
    def sampler(self) -> Sampler:
        """Where rows come from."""
        if self.source == 'distilled' and self.local is not None:
            return self.local
        rows = LLMSampler(self.writer, self.process, self.max_top_ups, self.progress_of)
        if self.view.is_whole:
            return rows
        return CompletingSampler(self.view, rows, self.local, rows.max_top_ups)

    @property
    def schema(self) -> TableSchema:
        """The columns of drawn rows."""
        return self.view.whole

    @property
    def training(self) -> pd.DataFrame:
        """The plain rows that were fitted on, shape (n_rows, n_columns)."""
        return self.view.training

    @property
    def rules(self) -> Rules:
        """What drawn rows keep to."""
        return self.view.rules
