"""What is known of a table without rows, asked for where nobody said it.

published statistics -> knowledge -> a model, in at most three calls: what columns hold, then twice
what affects what (see ``Expert``)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sdv_llmgan.errors import ReplyError
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.process.knowledge import NOTHING_KNOWN, Knowledge
from sdv_llmgan.providers.base import Provider
from sdv_llmgan.roles.expert import Expert
from sdv_llmgan.table.column import Column, quote
from sdv_llmgan.without_rows.beginning import BY_MODEL, Beginning
from sdv_llmgan.without_rows.outline import (
    Outline,
    figures_of,
    outlines,
    schema_of,
    tells,
    typical_of,
)
from sdv_llmgan.without_rows.outliner import ask_outline
from sdv_llmgan.without_rows.statistics import ColumnStatistics, Declared, Statistics

NEEDED = (
    'numbers need quartiles, mean and sd, or minimum and maximum; dates minimum and maximum; '
    'categories shares that add up to 1, or shares and an order'
)


@dataclass(frozen=True)
class Inquiry:
    """Who is asked of which columns.

    Attributes:
        declared: The metadata's entries of the columns that are modelled.
        provider: The model; ``None``: none is asked.
        context: What the table is; may be empty.
        descriptions: What columns mean, by name.
        target: The column that matters most, if there is one.
        told: Names of the columns that a model may be told of.
        seed: Makes answers repeatable where the provider is.
    """

    declared: Declared
    provider: Provider | None = None
    context: str = ''
    descriptions: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None
    told: Sequence[str] = ()
    seed: int = 0

    def complete(
        self, statistics: Statistics, given: Knowledge | None, *, strict: bool = True
    ) -> Beginning:
        """All that is known, who is believed first first.

        Args:
            statistics: Published.
            given: What the user knows; ``None``: the model is asked, if there is one.
            strict: Whether every column has to be told of in the end.

        Raises:
            ProviderError: The model could not be reached.
            ReplyError: It told too little of a column.
            ValueError: Nobody told of a column, or knowledge or statistics name what is not there.
        """
        knowledge = given or NOTHING_KNOWN
        self._check_names(knowledge)
        sources = ['published statistics'] * bool(statistics.columns) + ['the user'] * bool(given)
        said = [statistics.columns, typical_of(knowledge)]
        lacking = self._lacking(said)
        if not lacking:  # what contradicts itself does so before a call is paid for
            self._put_together(said, knowledge, statistics, sources)
        if self.provider is not None:
            if open_to := [name for name in lacking if name in self.told]:
                said.append(self._outlined(open_to))
            if given is None:
                knowledge = self._asked(said)
                said.insert(1, typical_of(knowledge))
            if open_to or given is None:
                sources.append(f'{BY_MODEL} {self.provider.name}')
        if strict and (lacking := self._lacking(said)):
            named = ', '.join(map(quote, lacking))
            if self.provider is not None and set(lacking) <= set(self.told):
                raise ReplyError(
                    f'The model told too little of {named}: {NEEDED}. Give them in statistics, or '
                    'ask another model.'
                )
            raise ValueError(
                f'Nothing is known of {named}: {NEEDED}. Give them in statistics or knowledge, or '
                "name a model to ask (llm='openai/gpt-4o-mini')."
            )
        return self._put_together(said, knowledge, statistics, sources)

    def _put_together(
        self,
        said: Sequence[Mapping[str, ColumnStatistics]],
        knowledge: Knowledge,
        statistics: Statistics,
        sources: Sequence[str],
    ) -> Beginning:
        found = outlines(self.declared, figures_of(said))
        return Beginning.of(found, knowledge, statistics, tuple(sources))

    def _outlined(self, names: Sequence[str]) -> dict[str, ColumnStatistics]:
        assert self.provider is not None
        asked = {name: self.declared[name] for name in names}
        return ask_outline(self.provider, asked, self.context, self.descriptions, self.seed)

    def _asked(self, said: Sequence[Mapping[str, ColumnStatistics]]) -> Knowledge:
        assert self.provider is not None
        found = outlines(self.declared, figures_of(said))
        shown = {name: self._described(one) for name, one in found.items() if name in self.told}
        if not shown:
            return NOTHING_KNOWN
        schema = schema_of(found).reordered(list(shown)).replaced(shown.values())
        process = GenerationProcess(self.context, schema, CausalGraph())
        expert = Expert(target=self.target if self.target in shown else None)
        return expert.ask(self.provider, process, self.seed)[0]

    def _described(self, one: Outline) -> Column:
        return replace(one.column, description=self.descriptions.get(one.name, ''))

    def _lacking(self, said: Sequence[Mapping[str, ColumnStatistics]]) -> list[str]:
        """Columns of which too little is known to make values."""
        known = figures_of(said)
        return [
            name
            for name, entry in self.declared.items()
            if name not in known or not tells(known[name], entry['sdtype'])
        ]

    def _check_names(self, knowledge: Knowledge) -> None:
        named = [one.column for one in knowledge.typical]
        named += [name for effect in knowledge.effects for name in effect.edge]
        if unknown := [name for name in named if name not in self.declared]:
            raise ValueError(
                f'knowledge: there is no column {quote(unknown[0])} to model. There are: '
                f'{", ".join(self.declared)}.'
            )
