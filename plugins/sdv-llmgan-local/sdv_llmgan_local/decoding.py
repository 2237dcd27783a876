"""Many replies at once: sample, let the grammar fast-forward, feed all new tokens in one pass.

    prompts -> common prefix (once) -> distinct prompts (once each) -> replies, decoded together
                                                                            |
              logits -> allowed tokens -> one sampled token -> forced tokens after it -> next pass
                 ^                                                                           |
                 +----------------------- replies that have not ended ----------------------+

A reply's randomness comes from its own seed, one uniform number for each sampled token.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from sdv_llmgan_local.attention import extend
from sdv_llmgan_local.reply import Reply
from sdv_llmgan_local.tree import Level

if TYPE_CHECKING:
    from transformers import Cache as ModelCache
    from transformers import PreTrainedModel

# Room in a reply before its keys and values are moved.
_SPARE = 32


class Cache(Protocol):
    """What the model has read so far of a batch."""

    def __init__(self, model: PreTrainedModel, prefix: list[int]) -> None:
        """Read what all prompts begin with."""
        ...

    def begin(self, prompts: Sequence[list[int]]) -> Tensor:
        """Read a batch of prompts; the logits after each, shape (prompts, vocabulary)."""
        ...

    def extend(self, rows: Sequence[int], tokens: Sequence[list[int]]) -> Tensor:
        """Read new tokens of some replies; the logits after each, shape (rows, vocabulary)."""
        ...


class TreeCache:
    """Shared prompts computed once; for models with plain causal attention."""

    def __init__(self, model: PreTrainedModel, prefix: list[int]) -> None:
        self._model = model
        self._prefix = prefix
        self._root = Level()
        if prefix:
            extend(model, self._root, [0], [prefix])
        self._replies = self._root

    def begin(self, prompts: Sequence[list[int]]) -> Tensor:
        """Read what follows the prefix: each distinct prompt once."""
        rests = [tuple(prompt[len(self._prefix) :]) for prompt in prompts]
        row = {rest: index for index, rest in enumerate(dict.fromkeys(rests))}
        # A root without tokens has no keys to attend to.
        level = Level(self._root, [0] * len(row)) if self._prefix else Level(None, [0] * len(row))
        logits = extend(self._model, level, list(row.values()), list(row))
        own = [row[rest] for rest in rests]
        self._replies = Level(level, own, spare=_SPARE)
        return logits[own]

    def extend(self, rows: Sequence[int], tokens: Sequence[list[int]]) -> Tensor:
        """Read new tokens, all in one pass."""
        return extend(self._model, self._replies, rows, tokens)


def read(
    model: PreTrainedModel, cache: ModelCache | None, tokens: Sequence[int]
) -> tuple[ModelCache | None, Tensor]:
    """Run tokens of one sequence through the model, with a cache of its own.

    Args:
        model: A causal language model of transformers.
        cache: What it has read; it is changed. ``None``: nothing.
        tokens: What it reads now, at least one.

    Returns:
        The cache afterwards, ``None`` if the model keeps none of that kind; and the logits after
        the last token, shape (vocabulary,).
    """
    # The argument's name since transformers 5.24, and before that and in code from the hub.
    known = inspect.signature(model.forward).parameters
    name = next((name for name in ('cache', 'past_key_values') if name in known), None)
    ids = torch.tensor([list(tokens)], device=model.device)
    given = {} if name is None else {name: cache, 'use_cache': True}
    output = model(input_ids=ids, **given)
    return (None if name is None else getattr(output, name, None)), output.logits[0, -1]


class PlainCache:
    """The model's own cache, one sequence after the other: slower, for every architecture."""

    def __init__(self, model: PreTrainedModel, prefix: list[int]) -> None:
        self._model = model
        self._prefix = prefix
        self._shared: ModelCache | None = None
        self._replies: list[ModelCache | None] = []
        if prefix:
            self._shared = self._read(None, prefix)[0]

    def _read(
        self, cache: ModelCache | None, tokens: Sequence[int]
    ) -> tuple[ModelCache | None, Tensor]:
        return read(self._model, cache, tokens)

    def begin(self, prompts: Sequence[list[int]]) -> Tensor:
        """Read what follows the prefix: each distinct prompt once, then copied."""
        found: dict[tuple[int, ...], tuple[ModelCache | None, Tensor]] = {}
        for prompt in prompts:
            rest = tuple(prompt[len(self._prefix) :])
            if rest not in found:
                found[rest] = self._read(copy.deepcopy(self._shared), rest)
        own = [found[tuple(prompt[len(self._prefix) :])] for prompt in prompts]
        self._replies = [copy.deepcopy(cache) for cache, _ in own]
        return torch.stack([logits for _, logits in own])

    def extend(self, rows: Sequence[int], tokens: Sequence[list[int]]) -> Tensor:
        """Read new tokens of one reply after the other."""
        logits = []
        for row, new in zip(rows, tokens, strict=True):
            self._replies[row], last = self._read(self._replies[row], new)
            logits.append(last)
        return torch.stack(logits)


class StepCache(PlainCache):
    """The same for models that keep a state beside keys and values: a prompt, then single tokens.

    Jamba and Bamba of transformers 5.23 and 5.24 forget their state, without an error, when they
    read several tokens after it. Generation in transformers reads one, and so nobody sees it there.
    """

    def __init__(self, model: PreTrainedModel, prefix: list[int]) -> None:
        del prefix  # Each prompt is read at once, from its beginning.
        super().__init__(model, [])

    def _read(
        self, cache: ModelCache | None, tokens: Sequence[int]
    ) -> tuple[ModelCache | None, Tensor]:
        if cache is None:
            return super()._read(None, tokens)
        for token in tokens:
            cache, last = super()._read(cache, [token])
        return cache, last


def common_prefix(prompts: Sequence[list[int]]) -> list[int]:
    """The tokens that all prompts begin with, short of the last of the shortest."""
    first, last = min(prompts), max(prompts)
    limit = min(len(prompt) for prompt in prompts) - 1
    length = 0
    while length < limit and first[length] == last[length]:
        length += 1
    return first[:length]


@torch.inference_mode()
def decode(
    model: PreTrainedModel,
    cache_type: type[Cache],
    replies: Sequence[Reply],
    stops: frozenset[int],
    max_batch: int,
) -> None:
    """Complete the replies in place.

    Args:
        model: A causal language model of transformers.
        cache_type: How the model reads a batch.
        replies: To complete.
        stops: Tokens that end a reply.
        max_batch: At most so many are decoded together, >= 1; it bounds the memory.
    """
    # What a grammar forces at the start is the end of the prompt, as far as the model can tell.
    prompts = [reply.prompt + reply.tokens for reply in replies]
    waiting = [index for index, reply in enumerate(replies) if not reply.ended]
    if not waiting:
        return
    cache: Cache = cache_type(model, common_prefix([prompts[index] for index in waiting]))
    for begin in range(0, len(waiting), max_batch):
        batch = waiting[begin : begin + max_batch]
        logits = cache.begin([prompts[index] for index in batch])
        rows = list(range(len(batch)))
        while rows:
            scores = logits.float().cpu().numpy()
            new = [replies[batch[row]].step(scores[n], stops) for n, row in enumerate(rows)]
            going = [n for n, row in enumerate(rows) if not replies[batch[row]].ended]
            rows, new = [rows[n] for n in going], [new[n] for n in going]
            if rows:
                logits = cache.extend(rows, new)
