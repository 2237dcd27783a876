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

Codes = dict[str, Floats]


@dataclass(frozen=True)
class Link:
    """One column of the chain: what it is drawn from, and given which columns."""

    name: str
    predecessors: tuple[str, ...]
    conditional: Conditional


@dataclass(frozen=True)
class Chain:
    """Draws columns one after another.

    Attributes:
        coding: Columns as floats and as features.
        causal_graph: The graph that is followed.
        links: The columns in order.
    """

    coding: TableCoding
    causal_graph: CausalGraph
    links: Sequence[Link]

    def __iter__(self) -> Iterator[Link]:
        """The links in order."""
        return iter(self.links)

    @property
    def names(self) -> list[str]:
        """The columns in order."""
        return [link.name for link in self.links]

    @property
    def nats(self) -> float:
        """How badly the models predict held-out real rows, summed over columns; lower is better."""
        return sum(link.conditional.nats for link in self.links)

    def draw(self, given: Codes, num_rows: int, rng: np.random.Generator) -> Codes:
        """Rows as floats, the given columns as they are."""
        codes = dict(given)
        blocks = {name: self.coding.codings[name].features(codes[name]) for name in codes}
        for link in self.links:
            before = [blocks[name] for name in link.predecessors]
            features = np.concatenate([np.zeros((num_rows, 0)), *before], axis=1)
            codes[link.name] = link.conditional.draw(features, rng)
            blocks[link.name] = self.coding.codings[link.name].features(codes[link.name])
        return codes
