"""A reply in the making: tokens that the grammar allows, drawn with its own random numbers."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sdv_llmgan_local.grammar import Grammar


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
