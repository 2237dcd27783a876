"""The optimizer: from what was tried and how it went to the next generation process.

    history -> the best k processes, best last   \
    newest verdict -> feedback in words           -> model -> changed edges + new instruction
    rows of the best -> what told them apart     /
    real rows -> a stratified few               /

With a learned score and a graph this is the optimizer of MALLM-GAN (section 3.4); with feedback,
examples and no graph it is SYNTHIA's update U(M, X_sub, F); with both, more than either.

The model answers with changes to the best graph, or with a whole new one where changes would not
do; an unusable edge costs that edge, not the rewrite. Weak models answer nonsense: an instruction
that is not about the table can be refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sdv_llmgan.errors import ReplyError
from sdv_llmgan.formats.reply_json import read_json
from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.formats.words import plural
from sdv_llmgan.process.causal_graph import CausalGraph, Edge
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.providers.base import Provider, Request
from sdv_llmgan.roles.prompts import optimizer_messages
from sdv_llmgan.roles.tried import Evidence, Measure, Tried
from sdv_llmgan.table.column import closed_object, enum

#: In the place of an optimizer: no model is asked, directions come from figures by rule.
RULES: Literal['rules'] = 'rules'
#: Characters of an instruction: so many, and more for each column, up to a bound.
INSTRUCTION, INSTRUCTION_PER_COLUMN, MAX_INSTRUCTION = 400, 60, 3_000
#: A text this short may do without the name of a column.
SHORT_INSTRUCTION = 40
MAX_CHANGES = 5
#: Effects of a whole graph, for each column.
EDGES_PER_COLUMN = 3
MAX_FEEDBACK = 2_000
MAX_TOKENS = 1024
#: A model that repeats itself has fewer different runs of three words than this share of all.
LEAST_VARIETY = 0.5
#: An answer of which such a share stands in the prompt, in runs of five words, is an echo.
MOST_ECHOED = 0.5


@dataclass(frozen=True)
class Optimizer:
    """Asks a provider to rewrite the process.

    Attributes:
        provider: Who rewrites.
        temperature: Randomness of the rewrite, >= 0.
        top_k: How many of the best processes it is shown, >= 1.
        with_graph: Whether it rewrites the causal graph too.
        measure: What it is told scores as.
        refuses: Whether an instruction that is not about the table is not used; see
            ``fault_of``.
    """

    provider: Provider
    temperature: float = 1.0
    top_k: int = 3
    with_graph: bool = True
    measure: Measure = 'pairs'
    refuses: bool = False

    def rewrite(
        self,
        tried: Sequence[Tried],
        feedback: str,
        rng: np.random.Generator,
        examples: Sequence[Sequence[Any]] = (),
        evidence: Evidence | None = None,
    ) -> tuple[GenerationProcess, str]:
        """Ask for a process that scores lower than the best one so far.

        Args:
            tried: Judged processes, worst first, the best last; at least one.
            feedback: What the newest verdict says is wrong; may be empty.
            rng: Seeds the request.
            examples: Real rows to show, as JSON values in the schema's order; may be empty.
            evidence: What the rows of the best process were told by; ``None``: nothing is shown.

        Returns:
            The new process, and a note on what could not be used (empty if all was). A reply
            that makes no sense leaves the best process as it is.
        """
        best = tried[-self.top_k :]
        process = best[-1].process
        names = process.schema.names
        length = instruction_length(len(names))
        request = Request(
            messages=optimizer_messages(
                best,
                length,
                measure=self.measure,
                feedback=feedback[:MAX_FEEDBACK],
                evidence=evidence,
                examples=examples,
                with_graph=self.with_graph,
            ),
            json_schema=reply_schema(names, with_graph=self.with_graph),
            temperature=self.temperature,
            # In some scripts a character takes a token or more.
            max_tokens=MAX_TOKENS + length,
            seed=int(rng.integers(2**31)),
            role='optimizer',
            columns=names,
            real_rows=len(examples),
        )
        reply = self.provider.complete(request).text
        try:
            revised, note = apply_reply(process, read_json(reply), with_graph=self.with_graph)
            prompt = request.messages[-1].content
            if self.refuses and (fault := fault_of(revised.instruction, process, prompt)):
                raise ReplyError(fault)
        except ReplyError as error:
            return process, f'rewrite not used: {error}'
        return revised, note


def instruction_length(num_columns: int) -> int:
    """Characters that an instruction for so many columns may have."""
    return min(INSTRUCTION + INSTRUCTION_PER_COLUMN * num_columns, MAX_INSTRUCTION)


def fault_of(instruction: str, process: GenerationProcess, prompt: str) -> str:
    """Why an instruction is not about the table; empty where nothing speaks against it.

    Args:
        instruction: What a model wrote.
        process: What it was to improve.
        prompt: What it was asked.
    """
    words = _words(instruction)
    runs = list(zip(words, words[1:], words[2:], strict=False))
    if len(set(runs)) < LEAST_VARIETY * len(runs):
        return 'it repeats itself.'
    # What it takes over from directions that were tried is no echo.
    asked = _runs_of_five(prompt) - _runs_of_five(process.instruction)
    own = _runs_of_five(instruction)
    if own and len(own & asked) > MOST_ECHOED * len(own):
        return 'it repeats the prompt.'
    if len(instruction) >= SHORT_INSTRUCTION and not _names_something(words, process):
        return 'it names no column.'
    return ''


def _names_something(words: Sequence[str], process: GenerationProcess) -> bool:
    """Whether these words hold the name of a column, or a category."""
    text = f' {" ".join(words)} '
    named = [*process.schema.names]
    for column in process.schema:
        named += [value for value in column.categories if isinstance(value, str) and len(value) > 2]
    phrases = [' '.join(_words(re.sub(r'(?<=[a-z])(?=[A-Z])', ' ', name))) for name in named]
    phrases += [' '.join(_words(name)) for name in named]
    return any(f' {phrase} ' in text for phrase in phrases if phrase)


def _words(text: str) -> list[str]:
    return re.findall(r'[^\W_]+', text.lower())


def _runs_of_five(text: str) -> set[tuple[str, ...]]:
    words = _words(text)
    return set(zip(*(words[start:] for start in range(5)), strict=False))


def reply_schema(names: tuple[str, ...], *, with_graph: bool = True) -> dict[str, Any]:
    """JSON Schema of the optimizer's reply."""
    length = instruction_length(len(names))
    instruction = {'type': 'string', 'minLength': SHORT_INSTRUCTION, 'maxLength': length}
    edge = closed_object({'cause': enum(names), 'effect': enum(names)})
    edges = {'type': 'array', 'items': edge, 'maxItems': MAX_CHANGES}
    whole = {**edges, 'maxItems': EDGES_PER_COLUMN * len(names)}
    graph = {'anyOf': [whole, {'type': 'null'}]}
    changes = {'add': edges, 'remove': edges, 'graph': graph} if with_graph else {}
    return closed_object({**changes, 'instruction': instruction})


def apply_reply(
    process: GenerationProcess,
    reply: Json,
    *,
    with_graph: bool = True,
) -> tuple[GenerationProcess, str]:
    """Apply the changes that a reply asks for.

    Args:
        process: What to change.
        reply: The reply as JSON.
        with_graph: Whether edges are changed at all.

    Returns:
        The changed process, and a note on the edges that were left out (empty if none).

    Raises:
        ReplyError: The reply is no object, or has no instruction.
    """
    if not isinstance(reply, Mapping):
        raise ReplyError('needed an object with "add", "remove", "graph" and "instruction".')
    instruction = reply.get('instruction')
    if not isinstance(instruction, str) or not instruction.strip():
        raise ReplyError('it has no instruction.')
    names = set(process.schema.names)
    changes = reply if with_graph else {}
    # An empty list is what a model writes where it has nothing to say.
    if whole := changes.get('graph'):
        add, unknown = _edges(whole, names)
        graph, cyclic = CausalGraph().changed(add)
    else:
        add, unknown = _edges(changes.get('add'), names)
        remove, _ = _edges(changes.get('remove'), names)
        graph, cyclic = process.causal_graph.changed(add, remove)
    notes = []
    if unknown:
        notes.append(f'left out of the graph: {plural(unknown, "edge")} of unknown columns')
    if cyclic:
        notes.append(f'left out of the graph: {plural(cyclic, "edge")} that would close a cycle')
    told = bounded(instruction.strip(), instruction_length(len(names)))
    return process.revised(causal_graph=graph, instruction=told), '; '.join(notes)


def bounded(instruction: str, length: int) -> str:
    """At most so many characters, cut at the end of a sentence, else of a word."""
    if len(instruction) <= length:
        return instruction
    begun = instruction[: length + 1]
    ends = [found.end(1) for found in re.finditer(r'([.!?])\s', begun)]
    words = [found.start() for found in re.finditer(r'\s', begun)]
    return begun[: (ends or words or [length])[-1]]


def _edges(entries: Json, names: set[str]) -> tuple[list[Edge], int]:
    """Usable (cause, effect) pairs, and how many entries were not."""
    if not isinstance(entries, list):
        return [], 0
    edges = []
    for entry in entries:
        pair = (entry.get('cause'), entry.get('effect')) if isinstance(entry, Mapping) else entry
        is_pair = isinstance(pair, (list, tuple)) and [type(name) for name in pair] == [str, str]
        if is_pair and names.issuperset(pair):
            edges.append((str(pair[0]), str(pair[1])))
    return edges, len(entries) - len(edges)
