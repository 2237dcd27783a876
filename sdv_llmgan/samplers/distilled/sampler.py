"""Rows without a language model: each column from a conditional model of those written before it.

    real rows + accepted generated rows (weighted by how real they look)
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

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from sklearn import config_context
from threadpoolctl import threadpool_limits

from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.samplers.distilled.categorical import MANY_ROWS, LevelConditional
from sdv_llmgan.samplers.distilled.coding import LevelCoding, TableCoding
from sdv_llmgan.samplers.distilled.evidence import (
    Booleans,
    Conditional,
    Evidence,
    Floats,
    Integers,
    stacked,
)
from sdv_llmgan.samplers.distilled.nearness import nearness
from sdv_llmgan.samplers.distilled.numerical import NumberConditional
from sdv_llmgan.samplers.distilled.standoff import Standoff
from sdv_llmgan.samplers.distilled.thinning import aim, thin
from sdv_llmgan.table.repeats import MAX_SETTLED_SHARE, Repeats
from sdv_llmgan.table.schema import TableSchema

CHUNK_ROWS = 50_000
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
#: Orders of columns are compared by all models on up to so many real rows, by quick ones on more:
#: these mostly prefer the same orders, in a third of the time.
ROWS_FOR_ALL_MODELS = 400
#: Conditionals for an order that conditions ask for are fitted on so many rows at most.
ROWS_FOR_CONDITIONS = 10_000

Codes = dict[str, Floats]
#: A graph to follow, and the modelled columns in the order in which they are drawn.
Order = tuple[CausalGraph, Sequence[str]]


@dataclass(frozen=True)
class Link:
    """One column of the chain: what it is drawn from, and given which columns."""

    name: str
    predecessors: tuple[str, ...]
    conditional: Conditional


@dataclass
class DistilledSampler:
    """Draws rows column by column; use ``fit``.

    Attributes:
        schema: The columns.
        causal_graph: The graph that is followed.
        coding: Columns as floats and as features.
        codes: Training rows, then extra rows, as floats.
        weights: How much each of them counts, shape (n_rows,).
        is_real: Which of them are training rows, shape (n_rows,).
        tells_of: Which training rows each of them tells of; see ``Evidence``.
        texts: Training values of free-text columns.
        seed: Seeds every fit.
        target: The column to be predicted later, if there is one: see ``thin``.
        chain: The columns in order, each with its model.
        standoff: Which rows are too near to the training rows; only of large tables.
        repeats: What drawn rows may repeat of the training rows.
    """

    schema: TableSchema
    causal_graph: CausalGraph
    coding: TableCoding
    codes: Codes
    weights: Floats
    is_real: Booleans
    tells_of: Integers
    texts: Mapping[str, pd.Series]
    seed: int
    target: str | None = None
    chain: list[Link] = field(default_factory=list)
    standoff: Standoff | None = None
    repeats: Repeats = field(default_factory=Repeats)
    _lazy: dict[tuple[str, tuple[str, ...]], Link] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        training: pd.DataFrame,
        schema: TableSchema,
        causal_graphs: Sequence[CausalGraph],
        *,
        order: Sequence[str] | None = None,
        quick: bool = False,
        seed: int = 0,
        extra: pd.DataFrame | None = None,
        extra_weights: Floats | None = None,
        extra_shown: Integers | None = None,
        enforce_range: bool = True,
        reject_copies: bool = True,
        target: str | None = None,
        on_model: Callable[[], object] = lambda: None,
    ) -> DistilledSampler:
        """Fit a model for each column.

        Args:
            training: Plain real rows, shape (n_rows, n_columns), n_rows >= 1.
            schema: Their columns. Free text is not modelled: each row gets the text of a training
                row drawn at random.
            causal_graphs: One or more; held-out rows choose which is followed. It gives the order
                of columns; a column's causes are favoured in its model.
            order: All modelled columns, to be drawn in this order, whatever would be better.
            quick: Whether only models that are fitted quickly are tried, on ``MANY_ROWS`` rows at
                most.
            seed: Cuts folds and seeds models.
            extra: Plain generated rows to learn from, too, shape (n_extra, n_columns).
            extra_weights: How real each of them is, in [0, 1], shape (n_extra,); default 1.
            extra_shown: Numbers of the training rows that each was written after, filled up with
                -1, shape (n_extra, n_shown): what is learned from it is not judged by these.
            enforce_range: Whether numbers stay within the training table's range.
            reject_copies: Whether rows that repeat a training row are drawn anew; not where chance
                repeats more than ``MAX_REPEATED`` of them, see ``Repeats``.
            target: The column to be predicted later, if there is one: what predicts it is kept
                best where rows are few.
            on_model: Called when a column's model is fitted.

        Raises:
            ValueError: There are no rows, weights that do not fit the extra rows, or an order that
                is not of all modelled columns.
        """
        extra = training.iloc[:0] if extra is None else extra
        extra_weights = np.ones(len(extra)) if extra_weights is None else extra_weights
        if len(training) == 0 or len(extra_weights) != len(extra):
            raise ValueError(
                'A distilled sampler needs at least one training row and one weight for each '
                f'extra row; got {len(training)} training rows, {len(extra)} extra rows and '
                f'{len(extra_weights)} weights.'
            )
        counted = np.asarray(extra_weights) > 0
        rows = pd.concat([training, extra[counted]], ignore_index=True)
        is_real = np.arange(len(rows)) < len(training)
        weights = np.concatenate([np.ones(len(training)), np.asarray(extra_weights)[counted]])
        shown = np.full((len(extra), 1), -1) if extra_shown is None else extra_shown
        coding = TableCoding.fit(rows, weights, schema, enforce_range, len(training))
        if order is not None and sorted(order) != sorted(coding.codings):
            raise ValueError(
                f'An order needs each of these columns once: {", ".join(coding.codings)}; got '
                f'{", ".join(order)}.'
            )
        sampler = cls(
            schema,
            causal_graphs[0],
            coding,
            coding.encode(rows),
            weights,
            is_real,
            stacked([np.arange(len(training))[:, None], shown[counted]]),
            {c.name: training[c.name] for c in schema if c.kind == 'text'},
            seed,
            target,
        )
        if reject_copies and coding.codings:
            columns = [column for column in schema if column.name in coding.codings]
            cells = sampler._cells(sampler._real_codes)
            sampler.repeats = Repeats.of(cells, training, columns, MAX_REPEATED)
        orders = sampler._orders(causal_graphs) if order is None else [(causal_graphs[0], order)]
        sampler._link_best(orders, on_model, quick=quick)
        if sampler.repeats.is_by_chance:
            rng = np.random.default_rng(seed)
            trial = sampler._draw({}, sampler.chain, MAX_TO_PICK_FROM, rng)
            sampler.repeats = sampler.repeats.held_to_chance(sampler._cells(trial))
        if len(training) > MANY_ROWS and sampler._can_be_new([*coding.codings]):
            sampler.standoff = sampler._standoff()
        return sampler

    def sample(self, num_rows: int, rng: np.random.Generator) -> pd.DataFrame:
        """Draw plain rows, shape (num_rows, n_columns).

        Args:
            num_rows: How many, >= 1.
            rng: All randomness comes from here.
        """
        return pd.concat(self.chunks(num_rows, rng), ignore_index=True)

    def chunks(
        self, num_rows: int, rng: np.random.Generator, chunk_rows: int = CHUNK_ROWS
    ) -> Iterator[pd.DataFrame]:
        """Draw rows in pieces of at most ``chunk_rows``, so that memory stays bounded.

        Pieces are drawn ``THREADS`` at a time; each has a random generator of its own, so that
        they are the same however the threads run.
        """
        counts = [min(chunk_rows, num_rows - start) for start in range(0, num_rows, chunk_rows)]
        generators = rng.spawn(len(counts))

        def draw(number: int) -> pd.DataFrame:
            count, own = counts[number], generators[number]
            return self._decode(self._balanced(count, own), {}, count, own)

        with ThreadPoolExecutor(THREADS) as pool:
            started = deque(pool.submit(draw, number) for number in range(len(counts[:THREADS])))
            for number in range(len(counts)):
                piece = started.popleft().result()
                if number + THREADS < len(counts):
                    started.append(pool.submit(draw, number + THREADS))
                yield piece

    def complete(self, known: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """Draw what is unknown of rows of which some columns are known.

        Known columns come first in the order, then the others as in the causal graph. A column
        whose model does not know all of them yet gets one that does, fitted when first asked for
        (on at most ``ROWS_FOR_CONDITIONS`` rows) and kept: exact for any columns and values,
        where resampling of finished rows would run dry on rare ones.

        Args:
            known: Plain values of some columns, shape (n_rows, n_known); NaN: known to be missing.
            rng: All randomness comes from here.

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
        codes = self._new_rows(given, chain, len(known), rng)
        return self._decode(codes, {str(name): known[name] for name in known}, len(known), rng)

    @property
    def nats(self) -> float:
        """How badly the models predict held-out real rows, summed over columns; lower is better."""
        return _nats(self.chain)

    def choices(self) -> list[str]:
        """For each column in order: its model, its held-out score and its predecessors."""
        return [
            f'{link.name}: {link.conditional.choice} (held-out score '
            f'{link.conditional.score:.3f}) given {", ".join(link.predecessors) or "nothing"}'
            for link in self.chain
        ]

    def _orders(self, causal_graphs: Sequence[CausalGraph]) -> list[Order]:
        """What may be followed: each graph's order and, in small tables, levels before numbers."""
        orders: list[Order] = []
        for graph in causal_graphs:
            by_graph = [name for name in graph.order(self.schema.names) if name in self.codes]
            levels_first = sorted(
                by_graph, key=lambda name: not isinstance(self.coding.codings[name], LevelCoding)
            )
            orders.append((graph, by_graph))
            if levels_first != by_graph and len(self.weights) <= MANY_ROWS:
                orders.append((graph, levels_first))
        return orders

    def _link_best(
        self, orders: Sequence[Order], on_model: Callable[[], object], *, quick: bool
    ) -> None:
        """Follow the order that held-out rows prefer; the first one of equals."""
        many = len(orders) > 1 and self.is_real.sum() > ROWS_FOR_ALL_MODELS
        chains = [self._links(order, on_model, quick=quick or many) for order in orders]
        best = min(range(len(orders)), key=lambda place: _nats(chains[place]))
        self.causal_graph = orders[best][0]
        self.chain = self._links(orders[best], on_model) if many and not quick else chains[best]

    def _links(
        self, order: Order, on_model: Callable[[], object], *, quick: bool = False
    ) -> list[Link]:
        graph, names = order
        max_rows = MANY_ROWS if quick else len(self.weights)
        chain = []
        for place, name in enumerate(names):
            chain.append(self._link(name, names[:place], graph, max_rows, quick=quick))
            on_model()
        return chain

    def _link(
        self,
        name: str,
        predecessors: Sequence[str],
        graph: CausalGraph,
        max_rows: int,
        *,
        quick: bool = False,
    ) -> Link:
        # A generator for each column: what one draws does not change the next one's folds.
        rng = np.random.default_rng([self.seed, *map(ord, name), len(predecessors)])
        rows = np.arange(len(self.weights))
        if len(rows) > max_rows:
            rows = np.sort(rng.choice(rows, max_rows, replace=False))
        names = list(predecessors)
        codes = {column: self.codes[column][rows] for column in [*names, name]}
        causes = {cause for cause, effect in graph.edges if effect == name}
        evidence = Evidence(
            self.coding.features(codes, names, len(rows)),
            codes[name],
            self.weights[rows],
            self.is_real[rows],
            self.tells_of[rows],
            np.array([owner in causes for owner in self.coding.owners(names)], dtype=bool),
            self.coding.for_trees(names),
            name == self.target,
            quick,
        )
        coding = self.coding.codings[name]
        # Many small models: threads that wait for each other take longer than one that works.
        with threadpool_limits(limits=1), config_context(skip_parameter_validation=True):
            if isinstance(coding, LevelCoding):
                conditional: Conditional = LevelConditional.fit(evidence, len(coding.levels), rng)
            else:
                conditional = NumberConditional.fit(evidence, coding.marginal, coding.heaps, rng)
        return Link(name, tuple(predecessors), conditional)

    def _chain_after(self, given: tuple[str, ...]) -> list[Link]:
        """Links for all other columns, with the given ones before them."""
        chain, before = [], list(given)
        for link in self.chain:
            if link.name in given:
                continue
            if not set(before) <= set(link.predecessors):
                key = (link.name, tuple(sorted(before)))
                if key not in self._lazy:
                    self._lazy[key] = self._link(
                        link.name, before, self.causal_graph, ROWS_FOR_CONDITIONS
                    )
                link = self._lazy[key]
            chain.append(link)
            before = [*before, link.name]
        return chain

    def _draw(
        self, given: Codes, chain: Sequence[Link], num_rows: int, rng: np.random.Generator
    ) -> Codes:
        codes = dict(given)
        blocks = {name: self.coding.codings[name].features(codes[name]) for name in codes}
        for link in chain:
            before = [blocks[name] for name in link.predecessors]
            features = np.concatenate([np.zeros((num_rows, 0)), *before], axis=1)
            codes[link.name] = link.conditional.draw(features, rng)
            blocks[link.name] = self.coding.codings[link.name].features(codes[link.name])
        return codes

    def _new_rows(
        self, given: Codes, chain: Sequence[Link], num_rows: int, rng: np.random.Generator
    ) -> Codes:
        """Draw rows, and those that repeat a training row, or are too near to one, anew."""
        codes = self._draw(given, chain, num_rows, rng)
        is_known = len(given) > MAX_SETTLED_SHARE * len(self.coding.codings)
        if is_known and not self._can_be_new([link.name for link in chain]):
            return codes
        again = np.arange(num_rows if chain else 0)
        for _ in range(MAX_REDRAWS):
            drawn = {name: values[again] for name, values in codes.items()}
            kept = self.repeats.keeps(self._cells(drawn), len(given), rng)
            if self.standoff is not None:
                kept &= self.standoff.keeps(drawn, rng)
            again = again[~kept]
            if not len(again):
                break
            begun = {name: values[again] for name, values in given.items()}
            for name, values in self._draw(begun, chain, len(again), rng).items():
                codes[name][again] = values
        return codes

    def _standoff(self) -> Standoff:
        """From the training rows, as many drawn rows, and others to try it on."""
        rng = np.random.default_rng(self.seed)
        count = int(self.is_real.sum())
        sizes = [min(CHUNK_ROWS, count - start) for start in range(0, count, CHUNK_ROWS)]
        pieces = [self._draw({}, self.chain, size, rng) for size in sizes]
        generated = {name: np.concatenate([p[name] for p in pieces]) for name in pieces[0]}
        trial = self._draw({}, self.chain, CHUNK_ROWS, rng)
        return Standoff.fit(self.coding, self._real_codes, generated, trial)

    @property
    def _real_codes(self) -> Codes:
        return {name: values[self.is_real] for name, values in self.codes.items()}

    def _balanced(self, num_rows: int, rng: np.random.Generator) -> Codes:
        """Rows picked from more, no worse than a large table, no nearer to the training rows."""
        halvings = max(0, min(MAX_HALVINGS, int(np.log2(MAX_TO_PICK_FROM / num_rows))))
        codes = self._new_rows({}, self.chain, num_rows << halvings, rng)
        if not halvings or not codes:
            return codes
        features = self.coding.features(codes, list(codes), num_rows << halvings)
        spread = features.std(0)
        num_real = int(self.is_real.sum())
        near, tied = np.zeros(num_rows << halvings), 0.0
        if num_real <= MANY_ROWS:
            near, tied = nearness(self.coding, codes, self._real_codes)
            near *= tied <= MAX_TIED
        chosen = thin(
            (features - features.mean(0)) / np.where(spread > 0, spread, 1),
            near,
            halvings,
            rng,
            np.array([owner == self.target for owner in self.coding.owners(list(codes))]),
            aim(num_real, tied),
        )
        return {name: values[chosen] for name, values in codes.items()}

    def _can_be_new(self, names: Sequence[str]) -> bool:
        """Whether a number among these columns takes many values."""
        return any(
            not isinstance(self.coding.codings[name], LevelCoding)
            and len(np.unique(self.codes[name])) > max(10, 0.05 * len(self.weights))
            for name in names
        )

    def _cells(self, codes: Codes) -> np.ndarray:
        """Each cell as a hash, shape (n_rows, n_modelled_columns)."""
        return np.column_stack([
            pd.util.hash_array(np.nan_to_num(codes[name], nan=-1e300))
            for name in self.coding.codings
        ])

    def _decode(
        self,
        codes: Codes,
        known: Mapping[str, pd.Series],
        num_rows: int,
        rng: np.random.Generator,
    ) -> pd.DataFrame:
        columns = {}
        for name in self.schema.names:
            if name in known:
                columns[name] = known[name]
            elif name in self.texts:
                drawn = rng.integers(len(self.texts[name]), size=num_rows)
                columns[name] = self.texts[name].iloc[drawn].reset_index(drop=True)
            else:
                columns[name] = self.coding.codings[name].decode(codes[name])
        return pd.DataFrame(columns)


def _nats(chain: Sequence[Link]) -> float:
    return sum(link.conditional.nats for link in chain)
