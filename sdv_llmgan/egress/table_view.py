"""The table that models see under an egress policy, and the way back to the real one.

    training table -> view -> the whole loop -> rows of the view -> what they say of real rows

Withheld columns are not in the view; in the place of others stand ranges or tokens (see
``column_view``). What a row of the view leaves open a local sampler fills in.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from sdv_llmgan.egress.column_view import ColumnView
from sdv_llmgan.egress.policy import EgressPolicy, Treatment
from sdv_llmgan.errors import EgressError
from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.rules.constraints import Rules, can_check
from sdv_llmgan.table.allowed import Allowed
from sdv_llmgan.table.features import Features
from sdv_llmgan.table.rows import ParsedRows, plain_rows
from sdv_llmgan.table.schema import TableSchema


@dataclass(frozen=True)
class View:
    """What models see of a table.

    Attributes:
        whole: All columns that could be modeled.
        training: Their plain training rows, which stay here.
        rules: What real rows keep to.
        columns: The columns that models see, in the table's order.
        ties: Groups of columns whose values a constraint ties together, each of which models see
            one column of at most.
        pool: Numbers of the training rows that may leave; ``None``: all of them.
        enforce_range: Whether values stay within the training table's range.
    """

    whole: TableSchema
    training: pd.DataFrame
    rules: Rules
    columns: tuple[ColumnView, ...]
    ties: tuple[frozenset[str], ...]
    pool: np.ndarray | None
    enforce_range: bool

    @classmethod
    def of(
        cls,
        training: pd.DataFrame,
        schema: TableSchema,
        rules: Rules,
        policy: EgressPolicy,
        treatments: Mapping[str, Treatment],
        *,
        target: str | None = None,
        enforce_range: bool = True,
        seed: int = 0,
    ) -> View:
        """Learn the view of a table.

        Args:
            training: Plain training rows, shape (n_rows, n_columns).
            schema: Their columns.
            rules: What they keep to.
            policy: What may leave.
            treatments: What the policy says of each column.
            target: Stays in the view where a constraint ties it to others.
            enforce_range: Whether values stay within the training table's range.
            seed: Chooses the rows that may leave.

        Raises:
            EgressError: Nothing is left to show.
        """
        ties = _ties(rules, treatments, policy)
        hidden = {name for tie in ties for name in _hidden(tie, schema, treatments, target)}
        columns = tuple(
            _show(schema, name, training, policy, treatment)
            for name, treatment in treatments.items()
            if treatment != 'withhold' and name not in hidden
        )
        if schema.names and not columns:
            raise EgressError(
                'The egress policy and the constraints leave no column to ask a model for. Send, '
                'bucket or pseudonymize one that no constraint ties to others.'
            )
        pool = policy.pool(len(training), seed)
        return cls(schema, training, rules, columns, ties, pool, enforce_range)

    @classmethod
    def everything(
        cls, training: pd.DataFrame, schema: TableSchema, rules: Rules | None = None
    ) -> View:
        """The view of a table that models see all of.

        Args:
            training: Plain training rows, shape (n_rows, n_columns).
            schema: Their columns.
            rules: What they keep to; ``None``: there are no rules.
        """
        columns = tuple(ColumnView(column, column, column) for column in schema)
        rules = rules or Rules([], training, schema)
        return cls(schema, training, rules, columns, (), None, enforce_range=True)

    @property
    def is_whole(self) -> bool:
        """Whether rows of the view are the real ones, and its columns told as they are."""
        told = [one.column for one in self.columns if one.column is one.whole]
        return self.pool is None and len(told) == len(self.whole.columns)

    @property
    def schema(self) -> TableSchema:
        """The columns that models see."""
        return TableSchema(tuple(one.column for one in self.columns))

    @property
    def named(self) -> TableSchema:
        """The same columns for words about real values; see ``ColumnView.named``."""
        return TableSchema(tuple(one.named for one in self.columns))

    @property
    def is_complete(self) -> bool:
        """Whether a row of the view says all of a real row."""
        return len(self.columns) == len(self.whole.columns) and all(
            one.is_exact for one in self.columns
        )

    def table(self, real: pd.DataFrame) -> pd.DataFrame:
        """Plain rows of the view for plain real ones."""
        if self.is_whole:
            return real
        columns = {one.column.name: one.values(real[one.column.name]) for one in self.columns}
        return pd.DataFrame(columns, index=real.index)

    @cached_property
    def told(self) -> pd.DataFrame:
        """The training rows as rows of the view, plain."""
        return self.table(self.training)

    @cached_property
    def features(self) -> Features:
        """The same rows as numbers."""
        return Features(self.told, self.schema)

    @cached_property
    def told_rules(self) -> Rules:
        """The rules on columns that are sent as they are, for rows of the view."""
        if self.is_whole:
            return self.rules
        sent = [one.column.name for one in self.columns if one.meanings is None]
        told = self.rules.constraints
        if told:
            stored = self.schema.reordered(sent).from_plain(self.told)
            told = [rule for rule in told if can_check(rule, stored)]
        return Rules(told, self.told, self.schema)

    def told_graph(self, graph: CausalGraph) -> CausalGraph:
        """The part of a graph that names no other column than those models see."""
        names = set(self.schema.names)
        return CausalGraph(tuple(edge for edge in graph.edges if set(edge) <= names))

    def begin(self, begun: pd.DataFrame) -> pd.DataFrame:
        """What is settled of rows of the view, where so much is of real ones.

        Args:
            begun: ``Allowed`` by cell of real columns, shape (n_rows, n_settled_columns).
        """
        columns = {}
        for one in self.columns:
            name = one.column.name
            if name in begun:
                asked = {cell: one.asked(cell) for cell in set(begun[name])}
                columns[name] = [asked[cell] for cell in begun[name]]
        return pd.DataFrame(columns, index=begun.index, dtype=object)

    def back(self, rows: pd.DataFrame, begun: pd.DataFrame) -> ParsedRows:
        """What rows of the view and conditions say together of real rows.

        Args:
            rows: Plain rows of the view.
            begun: ``Allowed`` by cell of real columns, with the rows' index among its own.

        Returns:
            ``Allowed`` by cell of real columns, without the rows that real ones cannot be like,
            and those by reason.
        """
        begun = begun.loc[rows.index]
        cells: dict[str, list[Allowed | None]] = {str(n): list(begun[n]) for n in begun}
        rejected: Counter[str] = Counter()
        met = np.ones(len(rows), dtype=bool)
        for one in self.columns:
            name = one.column.name
            if self._is_settled(name, begun):
                continue
            values = map(one.column.to_json_value, rows[name])
            given = cells.get(name, [None] * len(rows))
            cells[name] = [
                self._real_cell(one, value, wish) for value, wish in zip(values, given, strict=True)
            ]
            fits = np.array([cell is not None for cell in cells[name]], dtype=bool)
            rejected[f'{name}: out of range'] += int((met & ~fits).sum())
            met &= fits
        known = pd.DataFrame(cells, index=rows.index, dtype=object)
        return ParsedRows(known[met], +rejected)

    def restored(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Plain real rows, with the index of those of a complete view that they are; see ``back``.

        Args:
            rows: Plain rows of the view.
        """
        if self.is_whole:
            return rows
        return self.plain(self.back(rows, pd.DataFrame(index=rows.index)).rows)

    def plain(self, known: pd.DataFrame) -> pd.DataFrame:
        """Plain real rows, with their index, of which every cell is settled."""
        rows = plain_rows(known, self.whole)
        columns = {name: rows[name].to_numpy() for name in self.whole.names}
        return pd.DataFrame(columns, index=known.index)

    def _is_settled(self, name: str, begun: pd.DataFrame) -> bool:
        """Whether conditions on columns tied to this one say what it can be."""
        return any(name in tie and (tie - {name}) & set(begun.columns) for tie in self.ties)

    def _real_cell(self, one: ColumnView, value: Json, wish: Allowed | None) -> Allowed | None:
        cell, low, high = one.meaning(value), one.whole.minimum, one.whole.maximum
        if cell is None:
            return None
        if wish is not None:
            return cell.both(wish)
        limited = low is not None and (self.enforce_range or not cell.is_exact)
        if value is None or not limited:
            return cell
        return cell.both(Allowed(minimum=low, maximum=high))


def _show(
    schema: TableSchema,
    name: str,
    training: pd.DataFrame,
    policy: EgressPolicy,
    treatment: Treatment,
) -> ColumnView:
    column, values = schema[name], training[name]
    if treatment == 'bucket':
        return ColumnView.buckets(column, values, capped=not policy.is_open)
    if treatment == 'pseudonymize':
        # Who knows the categories and the code, but not the table, cannot draw the same numbers.
        hashed = pd.util.hash_pandas_object(training.astype(str), index=False).to_numpy()
        secret = hashlib.sha256(hashed.tobytes()).digest()
        rng = np.random.default_rng([*secret, *map(ord, name)])
        return ColumnView.tokens(column, values, rng, capped=not policy.is_open)
    return ColumnView.sent(column, values, capped=not policy.is_open)


def _ties(
    rules: Rules, treatments: Mapping[str, Treatment], policy: EgressPolicy
) -> tuple[frozenset[str], ...]:
    """Groups of columns that go together and cannot all be told.

    What goes together is drawn from training rows: where not all of it may leave, one of the
    columns is told and the others are drawn for it later.
    """
    ties: list[frozenset[str]] = []
    for combinations in rules.combinations:
        tie = frozenset(map(str, combinations.cells.columns))
        for other in [one for one in ties if one & tie]:
            ties.remove(other)
            tie |= other
        ties.append(tie)
    return tuple(
        tie for tie in ties if not policy.is_open or any(treatments[name] != 'send' for name in tie)
    )


def _hidden(
    tie: frozenset[str],
    schema: TableSchema,
    treatments: Mapping[str, Treatment],
    target: str | None,
) -> Sequence[str]:
    """All columns of a group but the first one of categories, or the target."""
    # A number that a model makes up goes together with nothing.
    names = [
        column.name
        for column in schema
        if column.name in tie
        and treatments[column.name] != 'withhold'
        and column.kind in ('categorical', 'boolean')
    ]
    told = target if target in names else next(iter(names), None)
    return [name for name in tie if name != told]
