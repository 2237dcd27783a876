"""Rows from a model: examples go in, accounted-for rows come out.

process + begun rows + pieces of real rows -> requests (all in flight together) -> replies -> rows

Rows can be *begun*: some of their cells are settled by conditions or rules, and the model completes
them. Wide tables are written group of columns by group of columns in the same way: what an earlier
group says begins the rows of a later one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.providers.base import Provider, Request
from sdv_llmgan.roles.examples import Piece, piece_of
from sdv_llmgan.roles.prompts import generator_messages
from sdv_llmgan.table.allowed import Allowed, alike, choices
from sdv_llmgan.table.classes import class_counts
from sdv_llmgan.table.column import Column, dump, quote, to_json
from sdv_llmgan.table.rows import ParsedRows, concat, read_cells, read_leniently, to_frame
from sdv_llmgan.table.schema import RowFormat, TableSchema

#: A reply may be so much longer than the same number of real rows, and then some.
LENGTH_MARGIN = 2.0
EXTRA_TOKENS = 64
NOT_BEGUN = 'not one of the rows to complete'


@dataclass(frozen=True)
class Task:
    """One request and what its reply has to be.

    Attributes:
        request: The request.
        schema: The columns in the order they are written in.
        begun: ``Allowed`` by cell of the rows asked for, one line a row.
    """

    request: Request
    schema: TableSchema
    begun: pd.DataFrame


@dataclass(frozen=True)
class _Read:
    """What a reply came to: rows of plain cells with the index of the begun row of each."""

    schema: TableSchema
    rows: Sequence[tuple[int, Sequence[Any]]]
    rejected: Counter[str]


@dataclass(frozen=True)
class Generator:
    """Asks a provider for rows.

    Attributes:
        provider: Who writes.
        temperature: Randomness of the replies, >= 0.
        row_format: How rows are written.
        enforce_range: Whether values beyond the training table's range are rejected.
        target: Column of whose classes so many rows each are asked for, where the model writes
            several rows a reply and is told shares; ``None``: there is none.
    """

    provider: Provider
    temperature: float = 0.5
    row_format: RowFormat = 'short_keys'
    enforce_range: bool = True
    target: str | None = None

    def write(
        self,
        process: GenerationProcess,
        begun: pd.DataFrame,
        pieces: Sequence[Piece],
        rng: np.random.Generator,
    ) -> ParsedRows:
        """Ask for complete rows (see ``missing``), as many as there are begun ones.

        Args:
            process: What to follow.
            begun: ``Allowed`` by cell, one line a row wanted, shape (n_rows, n_settled_columns);
                without columns where nothing is settled. Its index counts from 0.
            pieces: The few-shot examples of one prompt each; they ask for n_rows rows in all.
            rng: Seeds the requests.

        Returns:
            Accepted rows, at most one for each begun row and with its index, and rejected ones by
            reason.
        """
        rejected: Counter[str] = Counter()
        written = pd.DataFrame(index=begun.index)
        asked, begun = begun, _without_unsaid(begun, process.schema)
        for part, given in process.parts(tuple(begun.columns)):
            settled = _settled(part.schema, given, begun, written)
            tasks = self._tasks(part, settled, pieces, rng)
            if not tasks:  # no row of an earlier group of columns was accepted
                return ParsedRows(to_frame([], process.schema), rejected)
            # Read while others are out; then put in the order of the requests.
            read = {
                place: self._read(completion.text, tasks[place])
                for place, completion in self.provider.complete_each([t.request for t in tasks])
            }
            parsed = _together([read[place] for place in range(len(tasks))])
            rejected += parsed.rejected
            new = [name for name in parsed.rows if name not in written]
            written = written.join(parsed.rows[new], how='inner')
        complete = _with_unwritten(written.sort_index(), process.schema, asked)
        return ParsedRows(complete, rejected)

    def _tasks(
        self,
        process: GenerationProcess,
        begun: pd.DataFrame,
        pieces: Sequence[Piece],
        rng: np.random.Generator,
    ) -> list[Task]:
        """Requests for the rows in ``begun``, whose index says which piece each belongs to."""
        tasks = []
        for group, shared in _groups(begun):
            alike = process.conditioned(shared)
            varying = tuple(name for name in begun.columns if name not in shared)
            values = {name: [cell.values[0] for cell in group[name]] for name in varying}
            schema = alike.written_schema(varying).admitting(values)
            # All pieces at once: a few rows at a time take pandas many times as long.
            shown = schema.to_json_rows(pd.concat([piece.rows for piece in pieces]))
            cuts = np.cumsum([0, *(len(piece.rows) for piece in pieces)])
            numbers = piece_of(pieces, group.index.to_numpy())
            for number, rows in group[list(varying)].groupby(numbers):
                examples = shown[cuts[int(number)] : cuts[int(number) + 1]]
                at_most = self.provider.rows_per_reply or len(rows)
                for start in range(0, len(rows), at_most):
                    tasks.append(
                        self._task(alike, schema, examples, rows.iloc[start : start + at_most], rng)
                    )
        heads = Counter(_head(task.request) for task in tasks)
        return [
            replace(task, request=replace(task.request, shared_by=heads[_head(task.request)]))
            for task in tasks
        ]

    def _task(
        self,
        process: GenerationProcess,
        schema: TableSchema,
        examples: Sequence[Sequence[Any]],
        begun: pd.DataFrame,
        rng: np.random.Generator,
    ) -> Task:
        # Of single rows the JSON Schema says how they begin, so that all of them share one prompt.
        # Otherwise the prompt does: a hosted model is slow to take up each new JSON Schema.
        in_schema = self.provider.rows_per_reply == 1
        begins = {str(name): cell for name, cell in begun.iloc[0].items()}
        asked = schema.conditioned(begins) if in_schema else schema
        told = begun[[]] if in_schema else begun
        request = Request(
            messages=generator_messages(
                process,
                schema,
                examples,
                len(begun),
                self.row_format,
                [[cell.values[0] for cell in row] for row in told.to_numpy()],
                self._classes(process, schema, begun, rng),
            ),
            json_schema=asked.rows_json_schema(
                len(begun), self.row_format, enforce_range=self.enforce_range
            ),
            temperature=self.temperature,
            max_tokens=self._max_tokens(schema, examples, len(begun)),
            seed=int(rng.integers(2**31)),
            columns=schema.names,
            real_rows=len(examples),
        )
        return Task(request, asked, begun)

    def _classes(
        self,
        process: GenerationProcess,
        schema: TableSchema,
        begun: pd.DataFrame,
        rng: np.random.Generator,
    ) -> dict[str, int]:
        """How many rows of each class of the target to ask for, by the class in words."""
        is_told = process.detail in ('summary', 'full') and self.provider.rows_per_reply != 1
        if not is_told or self.target not in schema.names or self.target in begun:
            return {}
        column = schema[self.target]
        counts = class_counts(column, len(begun), rng)
        return {f'{quote(column.name)} = {dump(value)}': n for value, n in counts.items() if n}

    def _read(self, reply: str, task: Task) -> _Read:
        """The rows of a reply that complete begun ones."""
        rows, rejected = read_cells(
            reply, task.schema, enforce_range=self.enforce_range, max_rows=len(task.begun)
        )
        known = [
            (label, row)
            for label, row in zip(_completed(rows, task), rows, strict=True)
            if label is not None
        ]
        rejected[NOT_BEGUN] += len(rows) - len(known)
        return _Read(task.schema, known, rejected)

    def _max_tokens(
        self, schema: TableSchema, examples: Sequence[Sequence[Any]], num_rows: int
    ) -> int:
        """A cut for replies that never end; a token is at least a character or so of JSON."""
        keys = 0 if self.row_format == 'arrays' else 6 * len(schema.columns)
        lengths = [len(dump(row)) for row in examples] or [sum(map(_longest, schema))]
        longest = max(lengths) + keys
        return int(LENGTH_MARGIN * longest * num_rows) + EXTRA_TOKENS


def _longest(column: Column) -> int:
    """Characters of the longest value that a column is known to have, with a comma."""
    told = [*map(to_json, column.categories), column.minimum, column.maximum, *(column.only or ())]
    text = 2 + column.max_length if column.kind == 'text' else 0
    return 1 + max(text, column.decimals + 1, *(len(dump(value)) for value in told))


def _together(replies: Sequence[_Read]) -> ParsedRows:
    """The rows of all replies; one table for those in the same order, as a table each is slow."""
    alike: dict[tuple[str, ...], list[_Read]] = {}
    for reply in replies:
        alike.setdefault(reply.schema.names, []).append(reply)
    parts = []
    for group in alike.values():
        rows = [row for reply in group for row in reply.rows]
        table = to_frame([cells for _, cells in rows], group[0].schema)
        rejected: Counter[str] = sum((reply.rejected for reply in group), Counter())
        parts.append(ParsedRows(table.set_axis([label for label, _ in rows]), rejected))
    return concat(parts)


def _completed(rows: Sequence[Sequence[Any]], task: Task) -> list[int | None]:
    """The begun row that each row completes; ``None``: none of them, or it is complete already."""
    waiting: dict[tuple[Any, ...], list[int]] = {}
    for label, cells in zip(task.begun.index[::-1], task.begun.to_numpy()[::-1], strict=True):
        waiting.setdefault(tuple(cell.values[0] for cell in cells), []).append(label)
    columns = [
        (task.schema.names.index(name), task.schema[name]) for name in map(str, task.begun.columns)
    ]
    keys = [tuple(column.to_json_value(row[place]) for place, column in columns) for row in rows]
    return [labels.pop() if (labels := waiting.get(key)) else None for key in keys]


def _without_unsaid(begun: pd.DataFrame, schema: TableSchema) -> pd.DataFrame:
    """Conditions with null in place of the values that models do not read."""
    cells = {
        name: [
            Allowed(tuple(None if value == unsaid else value for value in cell.values))
            if cell.values and unsaid in cell.values
            else cell
            for cell in begun[name]
        ]
        for name in begun
        if (unsaid := schema[str(name)].unsaid)
    }
    replaced = begun.copy(deep=False)
    for name, values in cells.items():
        replaced[name] = pd.Series(values, begun.index, object)
    return replaced


def _with_unwritten(
    written: pd.DataFrame, schema: TableSchema, asked: pd.DataFrame
) -> pd.DataFrame:
    """Rows with all columns: with those that have one value, and values that are not read."""
    columns = {}
    for column in schema:
        if column.name not in written:
            cell = read_leniently(column.constant, replace(column, nullable=True))
            alike = to_frame([[cell]] * len(written), TableSchema((column,)))
            columns[column.name] = alike[column.name].set_axis(written.index)
            continue
        columns[column.name] = written[column.name]
        if column.unsaid and column.name in asked:
            wishes = asked.loc[written.index, column.name]
            meant = np.array([column.unsaid in (wish.values or ()) for wish in wishes], dtype=bool)
            gap = meant & columns[column.name].isna().to_numpy()
            columns[column.name] = columns[column.name].where(~gap, column.unsaid)
    return pd.DataFrame(columns, index=written.index)


def _head(request: Request) -> str:
    """What a request may share with others."""
    last = request.messages[-1]
    return last.content[: last.stable]


def _settled(
    schema: TableSchema, given: Sequence[str], begun: pd.DataFrame, written: pd.DataFrame
) -> pd.DataFrame:
    """What is settled of rows of one group of columns: by conditions, or by earlier groups."""
    here = written.index
    return pd.DataFrame(
        {
            name: begun.loc[here, name]
            if name in begun
            else [Allowed.exactly(schema[name].to_json_value(value)) for value in written[name]]
            for name in given
        },
        index=here,
        dtype=object,
    )


def _groups(begun: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, dict[str, Allowed]]]:
    """Rows that a prompt can serve together, and the conditions that all of them share.

    Exact values may differ from row to row; choices and ranges are part of the prompt.
    """
    for places in alike(map(choices, begun.to_numpy())).values():
        group = begun.iloc[places]
        shared = {name: group[name].iloc[0] for name in group.columns if len(set(group[name])) == 1}
        yield group, shared
