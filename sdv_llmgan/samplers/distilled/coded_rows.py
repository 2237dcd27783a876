"""The rows that models of columns are fitted on, and the chains of models fitted on them.

real rows, then generated rows -> floats, and what each row tells of
    -> for each order of columns: a model of each column given those before it -> the best order
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn import config_context
from threadpoolctl import threadpool_limits

from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.knowledge import Knowledge
from sdv_llmgan.samplers.distilled.categorical import MANY_ROWS, LevelConditional
from sdv_llmgan.samplers.distilled.chain import Chain, Codes, Link
from sdv_llmgan.samplers.distilled.coding import LevelCoding, TableCoding
from sdv_llmgan.samplers.distilled.evidence import (
    Booleans,
    Conditional,
    Evidence,
    Floats,
    Integers,
)
from sdv_llmgan.samplers.distilled.known import Index
from sdv_llmgan.samplers.distilled.limits import CodedLimit
from sdv_llmgan.samplers.distilled.numerical import NumberConditional
from sdv_llmgan.samplers.distilled.raking import raked
from sdv_llmgan.samplers.distilled.remembered import remembered
from sdv_llmgan.table.training_set import GeneratedRows, TrainingSet, nearest_shown

#: A column's model is fitted on so many rows at most, drawn at random, other ones for each column.
MOST_ROWS = 200_000
#: A graph to follow, and the modelled columns in the order in which they are drawn.
Order = tuple[CausalGraph, Sequence[str]]


@dataclass(frozen=True)
class CodedRows:
    """Training rows, then generated rows, as floats.

    Attributes:
        coding: Columns as floats and as features.
        codes: The rows by column, each of shape (n_rows,).
        is_real: Which of them are training rows, shape (n_rows,).
        tells_of: Which rows each of them tells of; see ``Evidence``.
        seed: Seeds every fit.
        target: The column to be predicted later, if there is one.
        knowledge: What is known of the columns beforehand.
        counts: How much each training row counts where rows are real alone, shape (n_real,).
        told: By column how much of its shares these have from what is known.
        predictive: See ``Evidence``.
    """

    coding: TableCoding
    codes: Codes
    is_real: Booleans
    tells_of: Integers
    seed: int
    target: str | None
    knowledge: Knowledge
    counts: Floats
    told: Mapping[str, float]
    predictive: bool = False

    @classmethod
    def of(cls, training: TrainingSet, knowledge: Knowledge) -> CodedRows:
        """Code training rows."""
        count = len(training.rows)
        coding = TableCoding.fit(training.rows, training.schema, training.enforce_range)
        codes = coding.encode(training.rows)
        return cls(
            coding,
            codes,
            np.ones(count, dtype=bool),
            np.arange(count)[:, None],
            training.seed,
            training.target,
            knowledge,
            *raked(knowledge, coding, codes),
        )

    def with_generated(self, generated: GeneratedRows) -> CodedRows:
        """Training rows and generated ones, but for those of levels that the former lack."""
        more, known = self.coding.encode(generated.rows), np.ones(len(generated.rows), dtype=bool)
        for name, values in more.items():
            known &= self.coding.codings[name].knows(values)
        codes = {name: np.append(values, more[name][known]) for name, values in self.codes.items()}
        num_rows = self.num_real + int(known.sum())
        features = self.coding.features(codes, [*codes], num_rows)
        real, others = np.split(features, [self.num_real])
        nearest = nearest_shown(others, real, generated.shown[known])
        return replace(
            self,
            codes=codes,
            is_real=np.arange(num_rows) < self.num_real,
            tells_of=np.column_stack([
                np.arange(num_rows),
                np.append(np.full(self.num_real, -1), nearest),
            ]),
        )

    def some(self, chosen: Booleans) -> CodedRows:
        """Some of the rows, shape (n_rows,)."""
        return replace(
            self,
            codes={name: values[chosen] for name, values in self.codes.items()},
            is_real=self.is_real[chosen],
            tells_of=self.tells_of[chosen],
            counts=self.counts[chosen[self.is_real]],
        )

    @property
    def real(self) -> Codes:
        """The training rows alone."""
        return {name: values[self.is_real] for name, values in self.codes.items()}

    @property
    def num_real(self) -> int:
        """How many training rows there are."""
        return int(self.is_real.sum())

    def orders(self, causal_graphs: Sequence[CausalGraph], names: Sequence[str]) -> list[Order]:
        """Candidate orders of columns: each graph's and, in small tables, levels before numbers."""
        orders: list[Order] = []
        for graph in causal_graphs:
            by_graph = [name for name in graph.order(names) if name in self.codes]
            levels_first = sorted(
                by_graph, key=lambda name: not isinstance(self.coding.codings[name], LevelCoding)
            )
            orders.append((graph, by_graph))
            if levels_first != by_graph and len(self.is_real) <= MANY_ROWS:
                orders.append((graph, levels_first))
        return orders

    def best_chain(
        self, orders: Sequence[Order], on_model: Callable[[], object], *, quick: bool
    ) -> Chain:
        """Of the order that held-out rows prefer by quick models; the first one of equals."""
        if len(orders) == 1:
            return self.chain(orders[0], on_model, quick=quick)
        chains = [self.chain(order, on_model, quick=True) for order in orders]
        best = min(range(len(orders)), key=lambda place: chains[place].nats)
        return chains[best] if quick else self.chain(orders[best], on_model)

    def chain(
        self,
        order: Order,
        on_model: Callable[[], object],
        *,
        quick: bool = False,
        generated: float = 0.0,
    ) -> Chain:
        """A model of each column given those before it.

        Args:
            order: The columns in order, and the graph whose causes are favoured.
            on_model: Called when a column's model is fitted.
            quick: Whether only models that are fitted quickly are tried, on ``MANY_ROWS`` rows at
                most.
            generated: How many real rows a generated one counts as, >= 0.
        """
        graph, names = order
        max_rows = MANY_ROWS if quick else MOST_ROWS
        links = []
        for place, name in enumerate(names):
            before = names[:place]
            links.append(self.link(name, before, graph, max_rows, quick=quick, generated=generated))
            on_model()
        limits = CodedLimit.all_of(self.knowledge, self.coding, self.real)
        return Chain(self.coding, graph, links, limits)

    def link(
        self,
        name: str,
        predecessors: Sequence[str],
        graph: CausalGraph,
        max_rows: int,
        *,
        quick: bool = False,
        generated: float = 0.0,
    ) -> Link:
        """A model of one column, fitted on at most ``max_rows`` rows; see ``chain``."""
        # A generator for each column: what one draws does not change the next one's folds.
        rng = np.random.default_rng([self.seed, *map(ord, name), len(predecessors)])
        # A model's rows have what it knows; told twice, it would count twice.
        weights = np.full(len(self.is_real), generated)
        weights[self.is_real] = 1.0 if generated else self.counts
        rows = np.flatnonzero(weights)
        if len(rows) > max_rows:
            rows = np.sort(rng.choice(rows, max_rows, replace=False))
        names = list(predecessors)
        codes = {column: self.codes[column][rows] for column in [*names, name]}
        # Quick models ask nothing of the graph: what they are fitted on is the same for each.
        causes = {cause for cause, effect in graph.edges if effect == name and not quick}
        evidence = Evidence(
            self.coding.features(codes, names, len(rows)),
            codes[name],
            weights[rows],
            self.is_real[rows],
            self.tells_of[rows],
            np.array([owner in causes for owner in self.coding.owners(names)], dtype=bool),
            self.coding.for_trees(names),
            name == self.target,
            quick,
            None if generated else Index.of(self.knowledge, self.coding, name, names),
            0.0 if generated else self.told.get(name, 0.0),
            self.predictive,
        )
        place = (name, *names, quick, generated)
        made_of = (evidence, self.coding.codings[name], rng)
        return Link(
            name,
            tuple(predecessors),
            remembered(place, made_of, lambda: self._conditional(name, evidence, rng)),
        )

    def _conditional(self, name: str, evidence: Evidence, rng: np.random.Generator) -> Conditional:
        coding = self.coding.codings[name]
        # Many small models: threads that wait for each other take longer than one that works.
        with (
            threadpool_limits(limits=1),
            config_context(skip_parameter_validation=True, assume_finite=True),
        ):
            if isinstance(coding, LevelCoding):
                return LevelConditional.fit(evidence, len(coding.levels), rng)
            return NumberConditional.fit(evidence, coding.marginal, coding.special, rng)

    def has_many_values(self, names: Sequence[str]) -> bool:
        """Whether a number among these columns takes many values, so that rows can be new."""
        return any(
            not isinstance(self.coding.codings[name], LevelCoding)
            and len(np.unique(self.codes[name])) > max(10, 0.05 * len(self.is_real))
            for name in names
        )
