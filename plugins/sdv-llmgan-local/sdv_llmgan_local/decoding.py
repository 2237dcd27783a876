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
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sdv_llmgan_local.attention import extend
from sdv_llmgan_local.grammar import Grammar
from sdv_llmgan_local.tree import Level

if TYPE_CHECKING:
    from transformers import Cache as ModelCache
    from transformers import PreTrainedModel

# Room in a reply before its keys and values are moved.
_SPARE = 32


@dataclass
class Reply:
    """One reply in the making.

    Attributes:
        prompt: Tokens of the prompt, at least one.
        grammar: What the reply has to follow; ``None``: free text.
        temperature: >= 0; 0 takes the likeliest token.
        max_tokens: The reply is cut here.
        seed: Of its randomness; ``None``: a fresh one.
        tokens: The reply so far, without the token that ends it.
        ended: Whether it is complete or cut.
    """

    prompt: list[int]
    grammar: Grammar | None
    temperature: float
    max_tokens: int
    seed: int | None
    tokens: list[int] = field(default_factory=list)
    ended: bool = False

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._fast_forward()

    def step(self, logits: NDArray[np.float32], stops: frozenset[int]) -> list[int]:
        """Sample a token and take the ones that it forces.

        Args:
            logits: Of the next token, shape (vocabulary,).
            stops: Tokens that end a reply.

        Returns:
            The new tokens, for the model to read.
        """
        begin = len(self.tokens)
        allowed = None if self.grammar is None else self.grammar.allowed()
        token = sample(logits, allowed, self.temperature, self._random.random())
        if token in stops:
            self.ended = True
            return []
        self.tokens.append(token)
        if self.grammar is not None:
            self.grammar.accept([token])
        self._fast_forward()
        return self.tokens[begin:]

    def _fast_forward(self) -> None:
        if self.grammar is not None:
            while not self.grammar.ended and (forced := self.grammar.forced()):
                self.grammar.accept(forced)
                self.tokens += forced
            self.ended = self.grammar.ended
        if len(self.tokens) >= self.max_tokens:
            del self.tokens[self.max_tokens :]
            self.ended = True


def sample(
    logits: NDArray[np.float32],
    allowed: NDArray[np.intp] | None,
    temperature: float,
    uniform: float,
) -> int:
    """Draw a token by inverting the distribution function.

    Args:
        logits: Shape (vocabulary,).
        allowed: Tokens to choose from, ascending; ``None``: all.
        temperature: >= 0; 0 takes the likeliest token.
        uniform: A number in [0, 1).

    Returns:
        The token.
    """
    if allowed is not None:
        allowed = allowed[: np.searchsorted(allowed, len(logits))]
        logits = logits[allowed]
    if temperature <= 0:
        choice = int(logits.argmax())
    else:
        scaled = (logits.astype(np.float64) - logits.max()) / temperature
        total = np.exp(scaled).cumsum()
        choice = int(np.searchsorted(total, uniform * total[-1], side='right'))
        choice = min(choice, len(logits) - 1)
    return choice if allowed is None else int(allowed[choice])


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
        ids = torch.tensor([list(tokens)], device=self._model.device)
        output = self._model(input_ids=ids, past_key_values=cache, use_cache=True)
        return output.past_key_values, output.logits[0, -1]

    def begin(self, prompts: Sequence[list[int]]) -> Tensor:
        """Read what follows the prefix: each distinct prompt once, then copied."""
        read: dict[tuple[int, ...], tuple[ModelCache | None, Tensor]] = {}
        for prompt in prompts:
            rest = tuple(prompt[len(self._prefix) :])
            if rest not in read:
                read[rest] = self._read(copy.deepcopy(self._shared), rest)
        found = [read[tuple(prompt[len(self._prefix) :])] for prompt in prompts]
        self._replies = [copy.deepcopy(cache) for cache, _ in found]
        return torch.stack([logits for _, logits in found])

    def extend(self, rows: Sequence[int], tokens: Sequence[list[int]]) -> Tensor:
        """Read new tokens of one reply after the other."""
        logits = []
        for row, new in zip(rows, tokens, strict=True):
            self._replies[row], last = self._read(self._replies[row], new)
            logits.append(last)
        return torch.stack(logits)


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
