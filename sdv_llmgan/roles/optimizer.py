"""The optimizer: from what was tried and how it went to the next generation process.

    history -> the best k processes, best last   \
    newest verdict -> feedback in words           -> model -> changed edges + new instruction
    real rows -> a stratified few                /

With a learned score and a graph this is the optimizer of MALLM-GAN (section 3.4); with feedback,
examples and no graph it is SYNTHIA's update U(M, X_sub, F); with both, more than either.

The model answers with changes to the best graph instead of a whole new one: far fewer tokens, and
one unusable edge costs that edge, not the rewrite.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sdv_llmgan.errors import ReplyError
from sdv_llmgan.formats.reply_json import read_json
from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.process.causal_graph import Edge
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.providers.base import Provider, Request
from sdv_llmgan.roles.prompts import optimizer_messages
from sdv_llmgan.table.column import closed_object, enum

MAX_INSTRUCTION = 800
MAX_CHANGES = 5
MAX_FEEDBACK = 2_000
MAX_TOKENS = 1024

#: A process, its score and the discriminator's accuracy; see ``Verdict``.
Tried = tuple[GenerationProcess, float, float]


@dataclass(frozen=True)
class Optimizer:
    """Asks a provider to rewrite the process.

    Attributes:
        provider: Who rewrites.
        temperature: Randomness of the rewrite, >= 0.
        top_k: How many of the best processes it is shown, >= 1.
        with_graph: Whether it rewrites the causal graph too.
    """

    provider: Provider
    temperature: float = 1.0
    top_k: int = 3
    with_graph: bool = True

    def rewrite(
        self,
        tried: Sequence[Tried],
        feedback: str,
        rng: np.random.Generator,
        examples: Sequence[Sequence[Any]] = (),
    ) -> tuple[GenerationProcess, str]:
        """Ask for a process that scores lower than the best one so far.

        Args:
            tried: Judged processes, worst first, the best last; at least one.
            feedback: What the newest verdict says is wrong; may be empty.
            rng: Seeds the request.
            examples: Real rows to show, as JSON values in the schema's order; may be empty.

        Returns:
            The new process, and a note on what could not be used (empty if all was). A reply
            that makes no sense leaves the best process as it is.
        """
        best = tried[-self.top_k :]
        process = best[-1][0]
        names = process.schema.names
        request = Request(
            messages=optimizer_messages(
                best,
                MAX_INSTRUCTION,
                feedback=feedback[:MAX_FEEDBACK],
                examples=examples,
                with_graph=self.with_graph,
            ),
            json_schema=reply_schema(names, with_graph=self.with_graph),
            temperature=self.temperature,
            max_tokens=MAX_TOKENS,
            seed=int(rng.integers(2**31)),
            role='optimizer',
            columns=names,
            real_rows=len(examples),
        )
        reply = self.provider.complete(request).text
        try:
            return apply_reply(process, read_json(reply), with_graph=self.with_graph)
        except ReplyError as error:
            return process, f'rewrite not used: {error}'


def reply_schema(names: tuple[str, ...], *, with_graph: bool = True) -> dict[str, Any]:
    """JSON Schema of the optimizer's reply."""
    instruction = {'type': 'string', 'minLength': 40, 'maxLength': MAX_INSTRUCTION}
    edge = closed_object({'cause': enum(names), 'effect': enum(names)})
    edges = {'type': 'array', 'items': edge, 'maxItems': MAX_CHANGES}
    changes = {'add': edges, 'remove': edges} if with_graph else {}
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
        raise ReplyError('needed an object with "add", "remove" and "instruction".')
    instruction = reply.get('instruction')
    if not isinstance(instruction, str) or not instruction.strip():
        raise ReplyError('it has no instruction.')
    names = set(process.schema.names)
    changes = reply if with_graph else {}
    add, unknown = _edges(changes.get('add'), names)
    remove, _ = _edges(changes.get('remove'), names)
    graph, cyclic = process.causal_graph.changed(add, remove)
    notes = []
    if unknown:
        notes.append(f'{unknown} edges name unknown columns')
    if cyclic:
        notes.append(f'{cyclic} edges would close a cycle')
    revised = process.revised(causal_graph=graph, instruction=_bounded(instruction.strip()))
    return revised, '; '.join(notes)


def _bounded(instruction: str) -> str:
    """At most ``MAX_INSTRUCTION`` characters, cut at the end of a sentence, else of a word."""
    if len(instruction) <= MAX_INSTRUCTION:
        return instruction
    begun = instruction[: MAX_INSTRUCTION + 1]
    ends = [found.end(1) for found in re.finditer(r'([.!?])\s', begun)]
    words = [found.start() for found in re.finditer(r'\s', begun)]
    return begun[: (ends or words or [MAX_INSTRUCTION])[-1]]


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
