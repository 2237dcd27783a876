"""What a fit has learned, as one value: sampling, report, command line and pictures read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from sdv_llmgan.calls.budget import Ledger
from sdv_llmgan.egress.table_view import View
from sdv_llmgan.loop.comparison import Comparison
from sdv_llmgan.loop.history import History
from sdv_llmgan.loop.origin import Origin
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.process.knowledge import NOTHING_KNOWN, Knowledge
from sdv_llmgan.roles.row_writer import Writer
from sdv_llmgan.rules.constraints import Rules
from sdv_llmgan.samplers.base import Learned, Sampler
from sdv_llmgan.samplers.completing import CompletingSampler
from sdv_llmgan.samplers.llm import LLMSampler
from sdv_llmgan.samplers.local import LocalSampler
from sdv_llmgan.samplers.rounds import Rounds
from sdv_llmgan.table.schema import TableSchema

#: Rounds in which missing rows are asked for again, where that costs nothing.
TOP_UPS_WITHOUT_MODEL = 20


@dataclass(frozen=True)
class ColumnOrder:
    """In what order the distilled sampler draws columns.

    Attributes:
        graph: Whose causal graph it follows: ``'known'``, the effects that are known;
            ``'first'``, the one learned from rows or given; ``'best'``, that of the best process.
        columns: The columns in order.
    """

    graph: Literal['known', 'first', 'best']
    columns: Sequence[str]


@dataclass(frozen=True)
class FittedModel:
    """A generation process, and where rows come from.

    Attributes:
        process: What the model follows as it writes rows: the best process of the fit, unless the
            user has set another one.
        history: All steps of the fit so far.
        view: What models see of the table.
        writer: Has rows written after the fit.
        max_top_ups: See ``Rounds``; of a sampler that asks a model.
        local: Completes the model's rows; ``None``: they are complete.
        source: Where rows come from: the name of a registered sampler, or of a class.
        chosen: Draws them; ``None``: the model does, under ``process``.
        comparison: How well real rows are predicted from either source of rows; ``None`` where only
            one was asked for.
        first_graph: The causal graph that the loop began with, learned from rows or given.
        known: What the user knows of the whole table; see ``Learned``.
        made_without_data: Whether the training rows were made of what is known, and are nobody's.
        progress_of: Whose calls a progress bar shows; ``None``: there is none.
        exported: Of what is drawn from an exported file: ``min_rows`` and ``num_rows`` that it was
            written with; the training rows are drawn ones then. ``None``: it was fitted.
        is_private: Whether the training rows were drawn by a private sampler, which alone has seen
            the user's.
    """

    process: GenerationProcess
    history: History
    view: View
    writer: Writer
    max_top_ups: int
    local: LocalSampler | None = None
    source: str = 'llm'
    chosen: Sampler | None = None
    comparison: Comparison | None = None
    first_graph: CausalGraph = CausalGraph()
    known: Knowledge = NOTHING_KNOWN
    made_without_data: bool = False
    progress_of: Ledger | None = None
    exported: Mapping[str, int] | None = None
    is_private: bool = False

    def following(self, process: GenerationProcess) -> FittedModel:
        """The same with rows that the model writes under this process."""
        return replace(self, process=process, source='llm', chosen=None)

    @property
    def learned(self) -> Learned:
        """What a sampler needs to have the model write rows."""
        return Learned(self.process, self.writer, self.progress_of, known=self.known)

    @property
    def sampler(self) -> Rounds:
        """Where rows come from."""
        chosen = self.chosen or LLMSampler(self.learned)
        if not chosen.asks_model:
            return Rounds(chosen, self.rules, TOP_UPS_WITHOUT_MODEL)
        if not self.view.is_whole:
            chosen = CompletingSampler(self.view, chosen, self.local)
        return Rounds(chosen, self.rules, self.max_top_ups)

    @property
    def order(self) -> ColumnOrder | None:
        """The order of columns; ``None`` where rows are not drawn by the distilled sampler."""
        chain = self._drawn_by.chain if self._drawn_by else None
        if chain is None:
            return None
        known = self.process.knowledge
        if known.effects and not chain.causal_graph.distance(known.causal_graph):
            return ColumnOrder('known', chain.names)
        is_first = not chain.causal_graph.distance(self.first_graph)
        return ColumnOrder('first' if is_first else 'best', chain.names)

    @property
    def limits(self) -> dict[str, float] | None:
        """The limits that are known, and how far they are trusted; see ``CodedLimit.trust``.

        ``None`` where rows are not drawn by the distilled sampler.
        """
        chain = self._drawn_by.chain if self._drawn_by else None
        return None if chain is None else {str(one.limit): one.trust for one in chain.limits}

    @property
    def learned_from(self) -> dict[str, dict[str, float]] | None:
        """How much of each column came from where; see ``Chain.learned_from``.

        ``None`` where rows are not drawn by the distilled sampler, or it comes from a file.
        """
        if self.exported:
            return None
        found = self.chosen.learned_from if isinstance(self.chosen, LocalSampler) else None
        if found is None or not self.made_without_data:
            return found
        return {name: {'real': 0.0, 'knowledge': 1.0, 'generated': 0.0} for name in found}

    @property
    def gain(self) -> dict[str, float] | None:
        """By how much the model's rows helped to predict each column; see ``Chain.gain``.

        ``None`` where rows are not drawn by the distilled sampler, or it was fitted without any.
        """
        return self._drawn_by.gain if self._drawn_by else None

    @property
    def origin(self) -> Origin:
        """Where rows come from, how much of each column from what, and what that brought."""
        compared = self.comparison
        why = compared.reason if compared and compared.chosen == self.source else ''
        sources, gain = self.learned_from or {}, self.gain or {}
        return Origin(self.source, why, sources, gain, len(self.training))

    @property
    def _drawn_by(self) -> LocalSampler | None:
        """The distilled sampler, where rows are drawn by it."""
        return self.chosen if isinstance(self.chosen, LocalSampler) else None

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
