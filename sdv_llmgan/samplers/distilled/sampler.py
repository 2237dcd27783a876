"""Rows without a language model: each column from a conditional model of those written before it.

    real rows + generated rows (as much as held-out real rows bear them out; see ``fusion``)
        -> for each column in the causal graph's order: P(column | predecessors)
        -> draw column after column -> rows that repeat a training row are drawn anew

What the conditional models are is chosen column by column on held-out real rows; see
``categorical.py`` and ``numerical.py``. So is which of several graphs is followed and, in small
tables, whether levels come before numbers instead of the graph's order: smoking before charges is
easier to tell than the other way round, and a learned graph's directions are often ties.

A column is told of its causes and of all others that come before it: the models weigh them by what
they help on held-out rows.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.knowledge import NOTHING_KNOWN, Knowledge
from sdv_llmgan.samplers.distilled.categorical import MANY_ROWS
from sdv_llmgan.samplers.distilled.chain import CANDIDATES, Chain, Codes, Link
from sdv_llmgan.samplers.distilled.coded_rows import CodedRows
from sdv_llmgan.samplers.distilled.coding import LevelCoding, TableCoding
from sdv_llmgan.samplers.distilled.fusion import Trust, fuse, fused_link, trust_in
from sdv_llmgan.samplers.distilled.nearness import nearness
from sdv_llmgan.samplers.distilled.similarity_filter import SimilarityFilter
from sdv_llmgan.samplers.distilled.thinning import aim, thin
from sdv_llmgan.table.cells import Cells
from sdv_llmgan.table.repeats import MAX_SETTLED_SHARE, Repeats
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.training_set import GeneratedRows, TrainingSet

LOGGER = logging.getLogger(__name__)

CHUNK_ROWS = 50_000
#: Pieces that are drawn at a time; fewer where OMP_NUM_THREADS says so, as engines have it.
THREADS = 2
#: Rows that repeat a training row, or are too near to one, are drawn anew so often.
MAX_REDRAWS = 20
#: Where chance repeats so many of the training rows, little is lost by avoiding them.
MAX_REPEATED = 0.05
#: Small tables are picked from 2 ** MAX_HALVINGS times as many rows, but no more than that many.
MAX_HALVINGS = 6
MAX_TO_PICK_FROM = 4_096
#: Where more rows are as near to training rows as to generated ones, nearness is no guide.
MAX_TIED = 0.5
#: Conditionals for an order that conditions ask for are fitted on so many rows at most.
ROWS_FOR_CONDITIONS = 10_000


@dataclass
class DistilledSampler:
    """Draws rows column by column; use ``fit``.

    Attributes:
        training: What it was fitted on. Free text is drawn from there.
        rows: Its rows and generated ones, as floats.
        chain: The columns in order, each with its model.
        trust: In real rows alone, and in generated ones; ``None``: there were none.
        repeats: What drawn rows may repeat of the training rows.
        similarity_filter: Which rows are too near to the training rows; only of large tables.
    """

    training: TrainingSet
    rows: CodedRows
    chain: Chain
    trust: Trust | None
    repeats: Repeats
    similarity_filter: SimilarityFilter | None
    _lazy: dict[tuple[str, tuple[str, ...]], Link] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        training: TrainingSet,
        causal_graphs: Sequence[CausalGraph],
        *,
        knowledge: Knowledge = NOTHING_KNOWN,
        order: Sequence[str] | None = None,
        quick: bool = False,
        on_model: Callable[[], object] = lambda: None,
    ) -> DistilledSampler:
        """Fit a model for each column.

        Args:
            training: Real rows. Free text is not modelled: each row gets the text of a training
                row drawn at random. Rows that repeat a training row are drawn anew where it says
                so, but not where chance repeats more than ``MAX_REPEATED``; see ``Repeats``. What
                predicts its target is kept best where rows are few.
            causal_graphs: One or more; held-out rows choose which is followed. It gives the order
                of columns; a column's causes are favoured in its model.
            knowledge: What is known of the columns beforehand: models that lean on it are among the
                candidates.
            order: All modelled columns, to be drawn in this order, whatever would be better.
            quick: Whether only models that are fitted quickly are tried, on ``MANY_ROWS`` rows at
                most.
            on_model: Called when a column's model is fitted.

        Raises:
            ValueError: There are no rows, or an order that is not of all modelled columns.
        """
        if not len(training.rows):
            raise ValueError('A distilled sampler needs at least one training row; got none.')
        rows = CodedRows.of(training, knowledge)
        names = list(rows.coding.codings)
        if order is not None and sorted(order) != sorted(names):
            raise ValueError(
                f'An order needs each of these columns once: {", ".join(names)}; got '
                f'{", ".join(order)}.'
            )
        orders = (
            rows.orders(causal_graphs, training.schema.names)
            if order is None
            else [(causal_graphs[0], order)]
        )
        chain = rows.best_chain(orders, on_model, quick=quick)
        repeats = _repeats(training, rows, chain)
        stands_off = rows.num_real > MANY_ROWS and rows.has_many_values(names)
        similarity_filter = _similarity_filter(rows, chain) if stands_off else None
        return cls(training, rows, chain, None, repeats, similarity_filter)

    def learning_from(
        self, generated: GeneratedRows, on_model: Callable[[], object] = lambda: None
    ) -> DistilledSampler:
        """The same, learned from rows of a model too, as far as held-out real rows bear them out.

        Not of more than ``MANY_ROWS`` rows, which say all that these could.

        Args:
            generated: Rows of the model.
            on_model: Called when a column's model is fitted.
        """
        rows = self._with(generated)
        if rows is None:
            return self
        chain, trust = fuse(rows, self.chain, on_model)
        repeats = _repeats(self.training, rows, chain)
        return DistilledSampler(self.training, rows, chain, trust, repeats, self.similarity_filter)

    def trust_in(self, generated: GeneratedRows) -> Trust | None:
        """How far rows of a model would be learned from; ``None``: not at all.

        Args:
            generated: Rows of the model.
        """
        rows = self._with(generated)
        return None if rows is None else trust_in(rows, self.chain, lambda: None)

    def _with(self, generated: GeneratedRows) -> CodedRows | None:
        """Its rows and these, where there are any and both are not too many."""
        rows = self.rows.with_generated(generated)
        is_few = self.rows.num_real < len(rows.is_real) <= MANY_ROWS
        return rows if is_few and self.chain.links else None

    @property
    def coding(self) -> TableCoding:
        """Columns as floats and as features."""
        return self.rows.coding

    @property
    def schema(self) -> TableSchema:
        """The columns."""
        return self.training.schema

    @property
    def causal_graph(self) -> CausalGraph:
        """The graph that is followed."""
        return self.chain.causal_graph

    def sample(
        self, num_rows: int, rng: np.random.Generator, present: Collection[str] = ()
    ) -> pd.DataFrame:
        """Draw plain rows, shape (num_rows, n_columns).

        Args:
            num_rows: How many, >= 1.
            rng: All randomness comes from here.
            present: Columns that are not to be missing; see ``Chain.draw``.
        """
        chunk_rows = CHUNK_ROWS // CANDIDATES if present else CHUNK_ROWS
        return pd.concat(self.chunks(num_rows, rng, chunk_rows, present), ignore_index=True)

    def chunks(
        self,
        num_rows: int,
        rng: np.random.Generator,
        chunk_rows: int = CHUNK_ROWS,
        present: Collection[str] = (),
    ) -> Iterator[pd.DataFrame]:
        """Draw rows in pieces of at most ``chunk_rows``, so that memory stays bounded.

        Pieces are drawn ``num_threads()`` at a time; each has a random generator of its own, so
        that they are the same however the threads run.
        """
        counts = [min(chunk_rows, num_rows - start) for start in range(0, num_rows, chunk_rows)]
        generators = rng.spawn(len(counts))

        def draw(number: int) -> pd.DataFrame:
            count, own = counts[number], generators[number]
            return self._decode(self._balanced(count, own, present), {}, count, own, present)

        threads = num_threads()
        with ThreadPoolExecutor(threads) as pool:
            started = deque(pool.submit(draw, number) for number in range(len(counts[:threads])))
            for number in range(len(counts)):
                piece = started.popleft().result()
                if number + threads < len(counts):
                    started.append(pool.submit(draw, number + threads))
                yield piece

    def complete(
        self, known: pd.DataFrame, rng: np.random.Generator, present: Collection[str] = ()
    ) -> pd.DataFrame:
        """Draw what is unknown of rows of which some columns are known.

        Known columns come first in the order, then the others as in the causal graph. A column
        whose model does not know all of them yet gets one that does, fitted when first asked for
        (on at most ``ROWS_FOR_CONDITIONS`` rows) and kept: exact for any columns and values,
        where resampling of finished rows would run dry on rare ones.

        Args:
            known: Plain values of some columns, shape (n_rows, n_known); NaN: known to be missing.
            rng: All randomness comes from here.
            present: Other columns that are not to be missing; see ``Chain.draw``.

        Returns:
            Plain rows with exactly these values, shape (n_rows, n_columns), in the same order.

        Raises:
            ValueError: ``known`` has a column that the table lacks.
        """
        unknown = [name for name in known if name not in self.schema.names]
        if unknown:
            raise ValueError(
                f'Conditions name columns that the table lacks: {", ".join(map(str, unknown))}. '
                f'Columns: {", ".join(self.schema.names)}.'
            )
        given = self.coding.encode(known)
        chain = self._chain_after(tuple(sorted(given)))
        known = known.reset_index(drop=True)
        codes = self._new_rows(given, chain, len(known), rng, present)
        cells = {str(name): known[name] for name in known}
        return self._decode(codes, cells, len(known), rng, present)

    @property
    def nats(self) -> float:
        """How badly the models predict held-out real rows, summed over columns; lower is better."""
        return self.chain.nats

    def choices(self) -> list[str]:
        """For each column in order: its model, its held-out score and its predecessors."""
        return [
            f'{link.name}: {link.conditional.choice} (held-out score '
            f'{link.conditional.score:.3f}) given {", ".join(link.predecessors) or "nothing"}'
            for link in self.chain
        ]

    def _chain_after(self, given: tuple[str, ...]) -> Chain:
        """All other columns, with the given ones before them."""
        links, before = [], list(given)
        for link in self.chain:
            if link.name in given:
                continue
            if not set(before) <= set(link.predecessors):
                key = (link.name, tuple(sorted(before)))
                if key not in self._lazy:
                    self._lazy[key] = fused_link(
                        self.rows,
                        self.trust,
                        link.name,
                        before,
                        self.causal_graph,
                        ROWS_FOR_CONDITIONS,
                    )
                link = self._lazy[key]
            links.append(link)
            before = [*before, link.name]
        return Chain(self.coding, self.causal_graph, links, self.chain.limits)

    def _new_rows(
        self,
        given: Codes,
        chain: Chain,
        num_rows: int,
        rng: np.random.Generator,
        present: Collection[str],
    ) -> Codes:
        """Draw rows, and those that repeat a training row, or are too near to one, anew."""
        codes = chain.draw(given, num_rows, rng, present)
        if len(given) > MAX_SETTLED_SHARE * len(self.coding.codings):
            return codes
        again, redrawn = np.arange(num_rows if chain.links else 0), 0
        for _ in range(MAX_REDRAWS):
            drawn = {name: values[again] for name, values in codes.items()}
            kept = self.repeats.keeps(_cells(self.coding, drawn), len(given), rng)
            if self.similarity_filter is not None:
                kept &= self.similarity_filter.keeps(drawn, rng)
            again = again[~kept]
            redrawn += len(again)
            if not len(again):
                break
            begun = {name: values[again] for name, values in given.items()}
            for name, values in chain.draw(begun, len(again), rng, present).items():
                codes[name][again] = values
        LOGGER.info('Drawn anew, too near to a training row: %d of %d rows.', redrawn, num_rows)
        return codes

    def _balanced(self, num_rows: int, rng: np.random.Generator, present: Collection[str]) -> Codes:
        """Rows picked from more, no worse than a large table, no nearer to the training rows."""
        halvings = max(0, min(MAX_HALVINGS, int(np.log2(MAX_TO_PICK_FROM / num_rows))))
        codes = self._new_rows({}, self.chain, num_rows << halvings, rng, present)
        if not halvings or not codes:
            return codes
        features = self.coding.features(codes, list(codes), num_rows << halvings)
        spread = features.std(0)
        num_real, target = self.rows.num_real, self.training.target
        near, tied = np.zeros(num_rows << halvings), 0.0
        if num_real <= MANY_ROWS:
            near, tied = nearness(self.coding, codes, self.rows.real)
            near *= tied <= MAX_TIED
        chosen = thin(
            (features - features.mean(0)) / np.where(spread > 0, spread, 1),
            near,
            halvings,
            rng,
            np.array([owner == target for owner in self.coding.owners(list(codes))], dtype=bool),
            aim(num_real, tied),
        )
        return {name: values[chosen] for name, values in codes.items()}

    def _decode(
        self,
        codes: Codes,
        known: Mapping[str, pd.Series],
        num_rows: int,
        rng: np.random.Generator,
        present: Collection[str],
    ) -> pd.DataFrame:
        columns = {}
        for name in self.schema.names:
            if name in known:
                columns[name] = known[name]
            elif name in self.schema.texts:
                texts = self.training.rows[name]
                texts = texts.dropna() if name in present else texts
                drawn = rng.integers(len(texts), size=num_rows)
                columns[name] = texts.iloc[drawn].reset_index(drop=True)
            else:
                columns[name] = self.coding.codings[name].decode(codes[name], rng)
        return pd.DataFrame(columns)


def num_threads() -> int:
    """How many pieces are drawn at a time: what is drawn does not depend on it."""
    said = os.environ.get('OMP_NUM_THREADS', '')
    return min(THREADS, int(said)) if said.isdigit() and int(said) else THREADS


def _repeats(training: TrainingSet, rows: CodedRows, chain: Chain) -> Repeats:
    """What drawn rows may repeat; those that chance repeats as often as fresh ones would."""
    if not training.reject_copies or not rows.coding.codings:
        return Repeats()
    columns = [column for column in training.schema if column.name in rows.coding.codings]
    cells, present = _cells(rows.coding, rows.real), training.rows[[*rows.coding.codings]].notna()
    repeats = Repeats.of(cells, present.to_numpy(), columns, MAX_REPEATED)
    if not repeats.is_by_chance:
        return repeats
    trial = chain.draw({}, MAX_TO_PICK_FROM, np.random.default_rng(training.seed))
    return repeats.held_to_chance(_cells(rows.coding, trial))


def _similarity_filter(rows: CodedRows, chain: Chain) -> SimilarityFilter:
    """From the training rows, as many drawn rows, and others to try it on."""
    rng, count = np.random.default_rng(rows.seed), rows.num_real
    sizes = [min(CHUNK_ROWS, count - start) for start in range(0, count, CHUNK_ROWS)]
    pieces = [chain.draw({}, size, rng) for size in sizes]
    generated = {name: np.concatenate([p[name] for p in pieces]) for name in pieces[0]}
    trial = chain.draw({}, CHUNK_ROWS, rng)
    return SimilarityFilter.fit(rows.coding, rows.real, generated, trial)


def _cells(coding: TableCoding, codes: Codes) -> Cells:
    """The modelled columns, numbers as counts of steps."""
    every = [codes[name] for name in coding.codings]
    levels = [isinstance(one, LevelCoding) for one in coding.codings.values()]
    hashes = [pd.util.hash_array(np.nan_to_num(values, nan=-1e300)) for values in every]
    return Cells(np.column_stack(hashes), np.where(levels, np.nan, np.column_stack(every)))
