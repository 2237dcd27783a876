"""What a call, a step or a whole fit used."""

from __future__ import annotations

from dataclasses import dataclass

#: No call uses more tokens than this; a server that says so is not believed.
MOST_TOKENS = 10**9


@dataclass(frozen=True)
class Usage:
    """Calls made, tokens used and what they cost; add two of them with ``+``.

    Attributes:
        calls: Requests sent to a provider, those that failed included, >= 0.
        prompt_tokens: Tokens read by the model, >= 0, as the provider counts them.
        completion_tokens: Tokens written by the model, >= 0.
        cached_tokens: Those of the prompt tokens that came from the provider's cache, >= 0.
        replayed: Requests answered from this package's cache, which cost nothing, >= 0.
        usd: US dollars, >= 0; ``None`` where a price is unknown. A provider leaves it: the meter
            sets it.
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    replayed: int = 0
    usd: float | None = 0.0

    def __add__(self, other: Usage) -> Usage:
        return self._joined(other, 1)

    def __sub__(self, other: Usage) -> Usage:
        return self._joined(other, -1)

    def _joined(self, other: Usage, sign: int) -> Usage:
        unknown = self.usd is None or other.usd is None
        return Usage(
            calls=self.calls + sign * other.calls,
            prompt_tokens=self.prompt_tokens + sign * other.prompt_tokens,
            completion_tokens=self.completion_tokens + sign * other.completion_tokens,
            cached_tokens=self.cached_tokens + sign * other.cached_tokens,
            replayed=self.replayed + sign * other.replayed,
            usd=None if unknown else (self.usd or 0.0) + sign * (other.usd or 0.0),
        )

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens


def as_count(value: object) -> int:
    """What a server says of tokens as a whole number of at least 0; 0 where it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0
    return int(value) if 0 <= value <= MOST_TOKENS and value == int(value) else 0
