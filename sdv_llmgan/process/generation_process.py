"""The generation process: what a generator is told, and all that the loop optimizes.

    context + schema + knowledge (fixed)  ->  prompt  <-  causal graph + instruction (rewritten)

It takes the place of a GAN's weights (Ling et al., MALLM-GAN, section 3): text that a person can
read, edit, save and hand back.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, get_args

from sdv_llmgan.formats.markdown import fenced, sections
from sdv_llmgan.formats.saved_json import Json, a_list, one_of, parse, read_object, text
from sdv_llmgan.formats.words import visible
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.knowledge import NOTHING_KNOWN, Knowledge
from sdv_llmgan.table.allowed import Allowed
from sdv_llmgan.table.column import MetadataDetail, dump, quote
from sdv_llmgan.table.schema import TableSchema

if TYPE_CHECKING:
    import networkx as nx

HOW_TO_EDIT = (
    'What stands in the boxes can be edited; `GenerationProcess.from_markdown` reads it. In the '
    'graph a line is `cause -> effect`.'
)
#: A line of the graph in Markdown; names that would be misread are quoted as in JSON.
EDGE = re.compile(r'\s*("(?:[^"\\]|\\.)*"|.+?)\s*->\s*("(?:[^"\\]|\\.)*"|.+?)\s*')
#: Wider tables are written group of columns by group of columns.
COLUMNS_PER_PROMPT = 50
#: Columns of earlier groups that a later group is shown: its causes, the most telling ones first.
MAX_CAUSES = 10

DEFAULT_INSTRUCTION = (
    'Invent each row as one plausible record: every value fits the ones before it. Over many rows '
    'keep the spread of each column: what is common in the table stays common, what is rare stays '
    'possible. Vary the rows.'
)


@dataclass(frozen=True)
class GenerationProcess:
    """Context, schema, causal graph, knowledge and instruction (the papers' theta).

    Attributes:
        context: What the data is and how it was collected, in the user's words; may be empty.
        schema: The columns.
        causal_graph: Which column affects which.
        instruction: How rows are to be written.
        detail: How much of the schema the models are told.
        rules: What every row keeps to (SDV's constraints), in words.
        knowledge: What is known of the subject beyond the rows; see ``Knowledge``.
    """

    context: str
    schema: TableSchema
    causal_graph: CausalGraph
    instruction: str = DEFAULT_INSTRUCTION
    detail: MetadataDetail = 'summary'
    rules: tuple[str, ...] = ()
    knowledge: Knowledge = NOTHING_KNOWN

    def __post_init__(self) -> None:
        """Refuse what could not be put to a model.

        Raises:
            ValueError: The instruction is blank, the detail is none of those there are, or the
                graph or the knowledge is of something that is not there.
        """
        if self.detail not in get_args(MetadataDetail):
            raise ValueError(
                f'detail must be one of {get_args(MetadataDetail)}, got {self.detail!r}.'
            )
        if not self.instruction.strip():
            raise ValueError('A generation process needs an instruction; this one is blank.')
        self.causal_graph.check_columns(self.schema.names)
        self.knowledge.check(self.schema)

    def revised(
        self,
        *,
        causal_graph: CausalGraph | Iterable[Sequence[str]] | None = None,
        instruction: str | None = None,
        knowledge: Knowledge | None = None,
    ) -> GenerationProcess:
        """The same process with another graph (or its pairs), instruction or knowledge.

        Raises:
            ValueError: They are of columns that are not there, or the graph has a cycle.
        """
        graph = self.causal_graph if causal_graph is None else causal_graph
        return replace(
            self,
            causal_graph=graph if isinstance(graph, CausalGraph) else CausalGraph.from_edges(graph),
            instruction=self.instruction if instruction is None else instruction,
            knowledge=self.knowledge if knowledge is None else knowledge,
        )

    def conditioned(self, allowed: Mapping[str, Allowed]) -> GenerationProcess:
        """The same process for rows that meet a condition."""
        return replace(self, schema=self.schema.conditioned(allowed))

    def written_schema(self, first: Sequence[str] = ()) -> TableSchema:
        """The columns as rows are written: causes before their effects, free text last.

        Few rows tell no direction: where the graph says one and knowledge the other, knowledge
        holds, as it does in the words of the prompt. A column that has one value only is left out,
        where there are others.

        Args:
            first: Columns whose values are given; they come before all others.
        """
        texts, schema = self.schema.texts, self.schema.filled()
        varying = [c.name for c in schema if c.name in first or not c.is_settled]
        names = [name for name in self.schema.names if name not in texts]
        graph = self.causal_graph.turned_by(self.knowledge.causal_graph)
        ordered = graph.order([*names, *texts])
        rest = [name for name in ordered if name not in first and name in (varying or names)]
        return schema.reordered([*first, *rest])

    def parts(self, first: Sequence[str] = ()) -> list[tuple[GenerationProcess, tuple[str, ...]]]:
        """The process cut into groups of columns that fit a prompt, along the causal graph.

        Args:
            first: Columns whose values are given; see ``written_schema``.

        Returns:
            For each group: a process for its columns and the earlier ones that it depends on
            (``MAX_CAUSES`` at most), and the names of those earlier ones, whose values are given.
        """
        names = self.written_schema(first).names
        if len(names) <= COLUMNS_PER_PROMPT:
            return [(self, tuple(first))]
        size = math.ceil(len(names) / math.ceil(len(names) / COLUMNS_PER_PROMPT))
        parts = []
        for start in range(0, len(names), size):
            own = names[start : start + size]
            effects = {
                name: sum((name, effect) in self.causal_graph.edges for effect in own)
                for name in names[:start]
            }
            causes = sorted((name for name in effects if effects[name]), key=lambda n: -effects[n])
            given = (*causes[:MAX_CAUSES], *(name for name in own if name in first))
            parts.append((self._only(tuple(causes[:MAX_CAUSES]) + own), given))
        return parts

    def _only(self, names: tuple[str, ...]) -> GenerationProcess:
        edges = [edge for edge in self.causal_graph.edges if set(edge) <= set(names)]
        schema = self.schema.reordered(names)
        return replace(
            self,
            schema=schema,
            causal_graph=CausalGraph(tuple(edges)),
            knowledge=self.knowledge.within(schema),
        )

    def to_networkx(self) -> nx.DiGraph:
        """A new ``networkx.DiGraph`` of the causal graph, with all columns as nodes."""
        return self.causal_graph.to_networkx(self.schema.names)

    def to_text(self) -> str:
        """The process for a person to read."""
        lines = [
            'Context',
            f'  {self.context or "(none given)"}',
            'Columns',
            *(f'  {column.describe(self.detail)}' for column in self.schema),
            'Causal graph',
            *(f'  {quote(a)} -> {quote(b)}' for a, b in self.causal_graph.edges),
            *([] if self.causal_graph.edges else ['  (no edges)']),
            *(['Rules', *(f'  {rule}' for rule in self.rules)] if self.rules else []),
            *(['Knowledge'] if self.knowledge else []),
            *(f'  {line}' for line in self.knowledge.lines()),
            'Instruction',
            f'  {self.instruction}',
        ]
        return visible('\n'.join(lines))

    def _repr_markdown_(self) -> str:
        """The process, as a notebook shows it."""
        return fenced('Generation process', self.to_text())

    def __str__(self) -> str:
        """The process for a person to read."""
        return self.to_text()

    def to_markdown(self) -> str:
        """The process to be edited by hand, and read back with ``from_markdown``.

        Holds categories and ranges of the training table: data, not only text.
        """
        edges = (f'{_bare(cause)} -> {_bare(effect)}' for cause, effect in self.causal_graph.edges)
        columns = {'detail': self.detail, 'schema': self.schema.to_dict()}
        as_json = visible(json.dumps(columns, ensure_ascii=False, indent=1, default=str))
        parts = [
            f'# Generation process\n\n{HOW_TO_EDIT}',
            fenced('Context', self.context),
            fenced('Instruction', self.instruction),
            fenced('Causal graph', '\n'.join(edges)),
            fenced('Rules', '\n'.join(map(json.dumps, self.rules))),
            fenced('Knowledge', _readable(self.knowledge), 'json'),
            fenced('Columns', as_json, 'json'),
        ]
        return '\n\n'.join(parts) + '\n'

    @classmethod
    def from_markdown(cls, saved: str) -> GenerationProcess:
        """Read what ``to_markdown`` wrote, edited or not.

        Raises:
            ValueError: A section is missing, a line of the graph is no edge, or as ``from_dict``.
        """
        found = sections(saved)
        wanted = ('Context', 'Instruction', 'Causal graph', 'Rules', 'Columns')
        if missing := [name for name in wanted if name not in found]:
            raise ValueError(
                'Not a generation process: it needs the sections '
                f'{", ".join(wanted)}, each with a fenced block, as to_markdown() writes them. '
                f'Missing: {", ".join(missing)}.'
            )
        columns = parse(found['Columns'], 'Columns')
        return cls.from_dict({
            **(columns if isinstance(columns, dict) else {}),
            'context': found['Context'],
            'instruction': found['Instruction'],
            'causal_graph': list(map(_edge, _lines(found['Causal graph']))),
            'rules': [parse(line, 'Rules') for line in _lines(found['Rules'])],
            'knowledge': parse(found.get('Knowledge', '{}'), 'Knowledge'),
        })

    def to_dict(self) -> dict[str, Any]:
        """JSON form. Holds categories and ranges of the training table: data, not only text."""
        return {
            'context': self.context,
            'schema': self.schema.to_dict(),
            'causal_graph': [list(edge) for edge in self.causal_graph.edges],
            'instruction': self.instruction,
            'detail': self.detail,
            'rules': list(self.rules),
            'knowledge': self.knowledge.to_dict(),
        }

    def to_json(self) -> str:
        """``to_dict`` as indented JSON."""
        return visible(json.dumps(self.to_dict(), ensure_ascii=False, indent=2, default=str))

    @classmethod
    def from_dict(cls, saved: Json, where: str = 'generation process') -> GenerationProcess:
        """Read the JSON form, value by value.

        Args:
            saved: Any JSON value.
            where: What it is, for errors.

        Raises:
            ValueError: Something is missing, unknown, of the wrong type or out of range, or the
                graph is not acyclic.
        """
        defaults = {'detail': 'schema', 'rules': [], 'knowledge': {}}
        read = read_object(
            {**defaults, **saved} if isinstance(saved, Mapping) else saved,
            where,
            {
                'context': text,
                'schema': TableSchema.from_dict,
                'causal_graph': a_list(a_list(text)),
                'instruction': text,
                'detail': one_of(get_args(MetadataDetail)),
                'rules': a_list(text),
                'knowledge': Knowledge.from_dict,
            },
        )
        try:
            graph = CausalGraph.from_edges(read['causal_graph'])
            return cls(**{**read, 'causal_graph': graph, 'rules': tuple(read['rules'])})
        except ValueError as error:
            raise ValueError(f'{where}: {error}') from error

    @classmethod
    def from_json(cls, saved: str) -> GenerationProcess:
        """Read what ``to_json`` wrote; raises ``ValueError`` as ``from_dict`` does."""
        return cls.from_dict(parse(saved, 'generation process'))


def _readable(knowledge: Knowledge) -> str:
    """Its JSON form with a line for each effect, column and rule."""
    parts = (
        f'{json.dumps(name)}: [' + ','.join(f'\n  {dump(entry)}' for entry in entries) + ']'
        for name, entries in knowledge.to_dict().items()
    )
    return visible('{' + ',\n '.join(parts) + '}')


def _bare(name: str) -> str:
    """A column's name in a line of the graph."""
    plain = name.strip() == name and name.isprintable() and name and not {'"', '>'} & set(name)
    return name if plain else json.dumps(name)


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def _edge(line: str) -> list[str]:
    found = EDGE.fullmatch(line)
    if found is None:
        raise ValueError(f'The causal graph has a line that is no "cause -> effect": {line!r}.')
    return [parse(end, 'Causal graph') if end[0] == '"' else end for end in found.groups()]
