"""The columns in the order in which they are drawn, each with its model.

given columns -> first column's model -> ... -> last column's model -> rows
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.samplers.distilled.coding import TableCoding
from sdv_llmgan.samplers.distilled.evidence import Conditional, Floats
from sdv_llmgan.samplers.distilled.limits import MAX_REDRAWS, CodedLimit, keeps

Codes = dict[str, Floats]


@dataclass(frozen=True)
class Link:
    """One column of the chain: what it is drawn from, and given which columns.

    Attributes:
        name: The column.
        predecessors: The columns that it is drawn given.
        conditional: Its distribution.
        share: Of rows that it is drawn for, in [0, 1]: a column that was drawn before stays as it
            is in the others.
    """

    name: str
    predecessors: tuple[str, ...]
    conditional: Conditional
    share: float = 1.0


@dataclass(frozen=True)
class Chain:
    """Draws columns one after another.

    Attributes:
        coding: Columns as floats and as features.
        causal_graph: The graph that is followed.
        links: The columns in order; one may be drawn again at the end.
        limits: What is known that rows keep to.
    """

    coding: TableCoding
    causal_graph: CausalGraph
    links: Sequence[Link]
    limits: Sequence[CodedLimit] = ()

    def __iter__(self) -> Iterator[Link]:
        """The links in order."""
        return iter(self.links)

    @property
    def names(self) -> list[str]:
        """The columns in order, each once."""
        return list(dict.fromkeys(link.name for link in self.links))

    @property
    def learned_from(self) -> dict[str, dict[str, float]]:
        """How much of each column's distribution came from where; see ``Conditional``.

        Shares of ``real`` rows alone, of ``knowledge`` and of ``generated`` rows; each column's add
        up to 1.
        """
        found: dict[str, Floats] = {}
        for link in self.links:
            informed, generated = link.conditional.informed, link.conditional.generated
            shares = np.array([1 - informed - generated, informed, generated])
            before = found.get(link.name, shares)
            found[link.name] = (1 - link.share) * before + link.share * shares
        names = ('real', 'knowledge', 'generated')
        return {
            column: dict(zip(names, map(float, shares), strict=True))
            for column, shares in found.items()
        }

    @property
    def nats(self) -> float:
        """How badly the models predict held-out real rows, summed over columns; lower is better."""
        return sum(conditional.nats for conditional in self._first.values())

    @property
    def gain(self) -> dict[str, float]:
        """By how much generated rows helped to predict each column; see ``Conditional``.

        In nats a row, given the columns before it, and before a column is drawn again.
        """
        return {name: conditional.gain for name, conditional in self._first.items()}

    @property
    def _first(self) -> dict[str, Conditional]:
        """What each column is drawn from, before one is drawn again."""
        first = {link.name: link.conditional for link in reversed(self.links)}
        return {name: first[name] for name in self.names}

    def draw(self, given: Codes, num_rows: int, rng: np.random.Generator) -> Codes:
        """Rows as floats, the given columns as they are."""
        codes = dict(given)
        blocks = {name: self.coding.codings[name].features(codes[name]) for name in codes}
        for link in self.links:
            before = [blocks[name] for name in link.predecessors]
            features = np.concatenate([np.zeros((num_rows, 0)), *before], axis=1)
            drawn = self._within_limits(link, features, codes, rng)
            if link.name in codes:
                drawn = np.where(rng.random(num_rows) < link.share, drawn, codes[link.name])
            codes[link.name] = drawn
            blocks[link.name] = self.coding.codings[link.name].features(codes[link.name])
        return codes

    def _within_limits(
        self, link: Link, features: Floats, before: Codes, rng: np.random.Generator
    ) -> Floats:
        """Values of a column, those that break a limit with columns before it drawn anew."""
        drawn = link.conditional.draw(features, rng)
        names = {*before, link.name}
        limits = [
            limit
            for limit in self.limits
            if link.name in limit.limit.columns and names.issuperset(limit.limit.columns)
        ]
        if not limits:
            return drawn
        again = np.arange(len(drawn))
        for _ in range(MAX_REDRAWS):
            codes = {name: values[again] for name, values in before.items()}
            again = again[~keeps(limits, {**codes, link.name: drawn[again]}, rng)]
            if not len(again):
                break
            drawn[again] = link.conditional.draw(features[again], rng)
        return drawn
