"""Missing cells drawn given the cells that are there, by a model of each column given all others.

training rows -> gaps filled by models of each column given all others, fitted anew, in rounds
table with gaps -> gaps drawn column by column, given all other cells as they are by then, in sweeps

So later columns of the sampler's own order tell of earlier ones. Each model is the mixture of
candidates that the sampler has for a column, weighed on held-out rows. Given the cells that are
there, that a cell is missing is taken to say nothing of its value (missing at random).

Van Buuren et al., Fully conditional specification in multivariate imputation, 2006.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.samplers.distilled.chain import Chain, Codes, Link
from sdv_llmgan.samplers.distilled.coded_rows import CodedRows
from sdv_llmgan.samplers.distilled.coding import TableCoding
from sdv_llmgan.samplers.distilled.evidence import Booleans
from sdv_llmgan.samplers.distilled.fusion import Trust, fused_link
from sdv_llmgan.samplers.distilled.limits import CodedLimit
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.samplers.distilled.uniforms import plain_uniforms

#: How often training rows are filled by quick models, which are fitted anew each time.
ROUNDS = 3
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
        rows: The rows that were learned from, without missing values: their gaps are filled.
        gaps: Which cells of theirs are.
        trust: See ``DistilledSampler``.
        causal_graph: Whose causes are favoured.
        limits: What is known that rows keep to.
    """

    rows: CodedRows
    gaps: Gaps
    trust: Trust | None
    causal_graph: CausalGraph
    limits: Sequence[CodedLimit]
    _links: dict[str, Link] = field(default_factory=dict)

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
        imputer = cls(rows, gaps, sampler.trust, sampler.causal_graph, limits)
        rng = np.random.default_rng(old.seed)
        imputer._start(codes, gaps, rng)
        for _ in range(ROUNDS):
            for name in _fullest_first(gaps):
                imputer._redraw(imputer._fitted(name, quick=True), codes, gaps, rng)
        return imputer

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
        coding = self.rows.coding
        codes = coding.encode(table)
        gaps = {name: table[name].isna().to_numpy() for name in codes}
        self._start(codes, gaps, rng)
        gapped = _fullest_first(gaps)
        for _ in range(SWEEPS if len(gapped) > 1 else 1):
            for name in gapped:
                self._redraw(self._link(name), codes, gaps, rng)
        filled = {
            name: coding.codings[name].decode(codes[name]).set_axis(table.index) for name in gapped
        }
        return table[list(codes)].assign(**{
            name: table[name].where(~gaps[name], values) for name, values in filled.items()
        })

    def _start(self, codes: Codes, gaps: Gaps, rng: np.random.Generator) -> None:
        """Put a value of any training row into each gap."""
        for name, missing in gaps.items():
            known = self.rows.codes[name][~self.gaps[name] & self.rows.is_real]
            codes[name][missing] = rng.choice(known, int(missing.sum()))

    @property
    def _chain(self) -> Chain:
        """What draws a column, held to what is known."""
        return Chain(self.rows.coding, self.causal_graph, (), self.limits)

    def _link(self, name: str) -> Link:
        if name not in self._links:
            self._links[name] = self._fitted(name, quick=False)
        return self._links[name]

    def _fitted(self, name: str, *, quick: bool) -> Link:
        """A model of a column given all others, of the rows that have a value of it."""
        known = self.rows.some(~self.gaps[name])
        others = [other for other in self.rows.codes if other != name]
        if quick:
            return known.link(name, others, self.causal_graph, MOST_ROWS, quick=True)
        return fused_link(known, self.trust, name, others, self.causal_graph, MOST_ROWS)

    def _redraw(self, link: Link, codes: Codes, gaps: Gaps, rng: np.random.Generator) -> None:
        """Draw the gaps of a column given all other cells."""
        places = np.flatnonzero(gaps[link.name])
        others = {name: codes[name][places] for name in link.predecessors}
        features = self.rows.coding.features(others, list(link.predecessors), len(places))
        drawn = self._chain.draw_one(link, features, others, rng, uniforms=plain_uniforms)
        codes[link.name][places] = drawn


def _fullest_first(gaps: Gaps) -> list[str]:
    """The columns with gaps, those with few before those with many."""
    counts = {name: int(missing.sum()) for name, missing in gaps.items() if missing.any()}
    return sorted(counts, key=counts.__getitem__)
