"""Missing cells drawn given the cells that are there, by a model of each column given all others.

training rows -> gaps filled by models of each column given all others, fitted anew, in rounds
    -> a few versions of the rows, each with models of its own
table with gaps -> gaps drawn column by column, given all other cells as they are by then, in sweeps

So later columns of the sampler's own order tell of earlier ones. Each model is the mixture of
candidates that the sampler has for a column, weighed on held-out rows. Given the cells that are
there, that a cell is missing is taken to say nothing of its value (missing at random).

Van Buuren et al., Fully conditional specification in multivariate imputation, 2006.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.samplers.distilled.chain import Chain, Codes, Link
from sdv_llmgan.samplers.distilled.coded_rows import CodedRows
from sdv_llmgan.samplers.distilled.coding import TableCoding
from sdv_llmgan.samplers.distilled.evidence import Booleans, Integers
from sdv_llmgan.samplers.distilled.fusion import Trust, fused_link
from sdv_llmgan.samplers.distilled.limits import CodedLimit
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.samplers.distilled.uniforms import plain_uniforms

#: How often training rows are filled by quick models, fitted anew each time, before the first one.
ROUNDS = 3
#: So many filled versions of the training rows are learned from, where they have gaps.
VERSIONS = 5
#: How often each gap of a table is drawn: the last draws hardly depend on the first ones.
SWEEPS = 8
#: Models are fitted on so many rows at most.
MOST_ROWS = 10_000

#: Which cells are missing, by column, each of shape (n_rows,).
Gaps = Mapping[str, Booleans]


@dataclass
class Imputer:
    """Fills gaps; use ``fit``.

    Attributes:
        versions: The rows that were learned from without gaps, which are filled otherwise in each.
            A row's gaps are drawn by the models of one of them, for what stood in the gaps that
            these were fitted with is not known either.
        gaps: Which cells of theirs are filled.
        trust: See ``DistilledSampler``.
        causal_graph: Whose causes are favoured.
        limits: What is known that rows keep to.
    """

    versions: Sequence[CodedRows]
    gaps: Gaps
    trust: Trust | None
    causal_graph: CausalGraph
    limits: Sequence[CodedLimit]
    _links: dict[tuple[int, str], Link] = field(default_factory=dict)

    @classmethod
    def fit(cls, sampler: DistilledSampler) -> Imputer:
        """Fill the gaps of what a sampler has learned from.

        Args:
            sampler: Fitted. A column of which no training row has a value stays as it is.
        """
        training, old = sampler.training, sampler.rows
        coding = TableCoding.fit(
            {name: training.rows[name].dropna() for name in old.codes},
            training.schema.reordered([n for n in old.codes if training.rows[n].notna().any()]),
            training.enforce_range,
        )
        codes = {
            name: one.encode(old.coding.codings[name].decode(old.codes[name]))
            for name, one in coding.codings.items()
        }
        gaps = {name: ~coding.codings[name].knows(values) for name, values in codes.items()}
        # A target is not sharpened: what it leaves open is to be told.
        rows = replace(old, coding=coding, codes=codes, target=None, predictive=True)
        limits = [
            replace(one, coding=coding)
            for one in sampler.chain.limits
            if set(one.limit.columns) <= set(codes)
        ]
        begun = cls([rows], gaps, sampler.trust, sampler.causal_graph, limits)
        return replace(begun, versions=[*begun._filled(np.random.default_rng(old.seed))])

    def fill(self, table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """Draw what is missing, once for each row.

        A model is fitted when a column first has a gap, and kept.

        Args:
            table: Plain rows, shape (n_rows, n_columns), with all columns that can be filled.
            rng: All randomness comes from here; each row's draws are independent of the others'.

        Returns:
            The columns that can be filled, without gaps, shape (n_rows, n_filled_columns), with
            the index of ``table``.
        """
        coding = self.coding
        codes = coding.encode(table)
        gaps = {name: table[name].isna().to_numpy() for name in codes}
        self._start(codes, gaps, rng)
        gapped, turns = _fullest_first(gaps), rng.integers(len(self.versions), size=len(table))
        for _ in range(SWEEPS if len(gapped) > 1 else 1):
            for name in gapped:
                for turn in range(len(self.versions)):
                    places = np.flatnonzero(gaps[name] & (turns == turn))
                    self._redraw(self._link(turn, name), codes, places, rng)
        filled = {
            name: coding.codings[name].decode(codes[name]).set_axis(table.index) for name in gapped
        }
        return table[list(codes)].assign(**{
            name: table[name].where(~gaps[name], values) for name, values in filled.items()
        })

    @property
    def coding(self) -> TableCoding:
        """The columns, without missing values."""
        return self.versions[0].coding

    def _filled(self, rng: np.random.Generator) -> Iterator[CodedRows]:
        """The first version with its gaps filled, time after time."""
        first, gapped = self.versions[0], _fullest_first(self.gaps)
        codes = {name: values.copy() for name, values in first.codes.items()}
        self._start(codes, self.gaps, rng)
        for turn in range(ROUNDS + VERSIONS - 1 if gapped else 1):
            for name in gapped:
                link = self._fitted(replace(first, codes=codes), name, quick=True)
                self._redraw(link, codes, np.flatnonzero(self.gaps[name]), rng)
            if turn >= ROUNDS - 1 or not gapped:
                copied = {name: values.copy() for name, values in codes.items()}
                yield replace(first, codes=copied)

    def _start(self, codes: Codes, gaps: Gaps, rng: np.random.Generator) -> None:
        """Put a value of any training row into each gap."""
        rows = self.versions[0]
        for name, missing in gaps.items():
            known = rows.codes[name][~self.gaps[name] & rows.is_real]
            codes[name][missing] = rng.choice(known, int(missing.sum()))

    def _link(self, turn: int, name: str) -> Link:
        if (turn, name) not in self._links:
            self._links[turn, name] = self._fitted(self.versions[turn], name, quick=False)
        return self._links[turn, name]

    def _fitted(self, rows: CodedRows, name: str, *, quick: bool) -> Link:
        """A model of a column given all others, of the rows that have a value of it."""
        known = rows.some(~self.gaps[name])
        others = [other for other in rows.codes if other != name]
        if quick:
            return known.link(name, others, self.causal_graph, MOST_ROWS, quick=True)
        return fused_link(known, self.trust, name, others, self.causal_graph, MOST_ROWS)

    def _redraw(self, link: Link, codes: Codes, places: Integers, rng: np.random.Generator) -> None:
        """Draw cells of a column given all others of their rows, held to what is known."""
        others = {name: codes[name][places] for name in link.predecessors}
        features = self.coding.features(others, list(link.predecessors), len(places))
        chain = Chain(self.coding, self.causal_graph, (), self.limits)
        drawn = chain.draw_one(link, features, others, rng, uniforms=plain_uniforms)
        codes[link.name][places] = drawn


def _fullest_first(gaps: Gaps) -> list[str]:
    """The columns with gaps, those with few before those with many."""
    counts = {name: int(missing.sum()) for name, missing in gaps.items() if missing.any()}
    return sorted(counts, key=counts.__getitem__)
