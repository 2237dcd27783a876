"""The columns in the order in which they are drawn, each with its model.

given columns -> first column's model -> ... -> last column's model -> rows
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.samplers.distilled.coding import TableCoding
from sdv_llmgan.samplers.distilled.evidence import Conditional, Floats
from sdv_llmgan.samplers.distilled.limits import MAX_REDRAWS, CodedLimit, keeps
from sdv_llmgan.samplers.distilled.uniforms import Uniforms, spread_uniforms

Codes = dict[str, Floats]
#: Of so many rows one is chosen where some columns are not to be missing.
CANDIDATES = 10


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

    def draw(
        self,
        given: Codes,
        num_rows: int,
        rng: np.random.Generator,
        present: Collection[str] = (),
    ) -> Codes:
        """Rows as floats, the given columns as they are.

        Args:
            given: Codes of some columns, each of shape (num_rows,).
            num_rows: How many, >= 0.
            rng: All randomness comes from here.
            present: Columns that are not to be missing. They are drawn without gaps, and of
                ``CANDIDATES`` such rows for each one is chosen, by how likely a row so begun has
                none: which rows have gaps may depend on their values. Exact as candidates grow.
                Rubin, Using the SIR algorithm to simulate posterior distributions, 1988.
        """
        if not present:
            return self._draw(given, num_rows, rng, present)[0]
        tried = np.repeat(np.arange(num_rows), CANDIDATES)
        begun = {name: values[tried] for name, values in given.items()}
        codes, likely = self._draw(begun, len(tried), rng, present)
        turns = (likely + rng.gumbel(size=len(tried))).reshape(num_rows, CANDIDATES)
        chosen = turns.argmax(1) + CANDIDATES * np.arange(num_rows)
        return {name: values[chosen] for name, values in codes.items()}

    def _draw(
        self, given: Codes, num_rows: int, rng: np.random.Generator, present: Collection[str]
    ) -> tuple[Codes, Floats]:
        """Rows, and the logarithm of how likely columns are as present as they are to be."""
        codes, likely = dict(given), {name: np.zeros(num_rows) for name in present}
        blocks = {name: self.coding.codings[name].features(codes[name]) for name in codes}
        for link in self.links:
            before = [blocks[name] for name in link.predecessors]
            features = np.concatenate([np.zeros((num_rows, 0)), *before], axis=1)
            coding = self.coding.codings[link.name]
            barred = coding.missing if link.name in present else None
            drawn = self.draw_one(link, features, codes, rng, barred=barred)
            anew = np.ones(num_rows, dtype=bool)
            if link.name in codes:
                anew = rng.random(num_rows) < link.share
                drawn = np.where(anew, drawn, codes[link.name])
            if barred is not None:
                there = np.log(np.maximum(1 - link.conditional.share(features, barred), 1e-12))
                likely[link.name] = np.where(anew, there, likely[link.name])
            codes[link.name] = drawn
            blocks[link.name] = coding.features(codes[link.name])
        return codes, sum(likely.values(), np.zeros(num_rows))

    def draw_one(
        self,
        link: Link,
        features: Floats,
        before: Codes,
        rng: np.random.Generator,
        *,
        uniforms: Uniforms = spread_uniforms,
        barred: int | None = None,
    ) -> Floats:
        """Values of a column, those that break a limit with columns before it drawn anew.

        Args:
            link: The column.
            features: Of its predecessors.
            before: Codes of the columns that limits may hold it to.
            rng: All randomness comes from here.
            uniforms: See ``Conditional.draw``.
            barred: Likewise.
        """
        draw = partial(link.conditional.draw, rng=rng, uniforms=uniforms, barred=barred)
        drawn = draw(features)
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
            drawn[again] = draw(features[again])
        return drawn
