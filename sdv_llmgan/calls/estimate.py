"""What a fit and sampling would use, found by rehearsing them with a model that costs nothing."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from sdv_llmgan.formats.words import plural
from sdv_llmgan.providers.usage import Usage


@dataclass(frozen=True)
class Estimate:
    """Calls, tokens and US dollars before any of them is used.

    Attributes:
        fit: Of the whole fit, ended early where the rehearsal was.
        sample: Of the rows asked for, if the model writes them; nothing with
            ``sampler='distilled'``.
        steps: Steps of the rehearsed fit.
        max_steps: Steps that a fit takes at most: one that goes on improving costs
            ``max_steps / steps`` times as much.
    """

    fit: Usage
    sample: Usage
    steps: int
    max_steps: int

    @property
    def total(self) -> Usage:
        """Fit and sampling together."""
        return self.fit + self.sample

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {**asdict(self), 'total': asdict(self.total)}

    def __str__(self) -> str:
        return (
            f'About {_words(self.total)}: the fit {_words(self.fit)} in {self.steps} steps (at '
            f'most {self.max_steps}), sampling {_words(self.sample)}.'
        )


def scaled(usage: Usage, factor: float, price_factor: float = 1.0) -> Usage:
    """So many times a usage, rounded up, at so many times the price."""
    return replace(
        usage,
        calls=math.ceil(usage.calls * factor),
        prompt_tokens=math.ceil(usage.prompt_tokens * factor),
        completion_tokens=math.ceil(usage.completion_tokens * factor),
        usd=None if usage.usd is None else usage.usd * factor * price_factor,
    )


def _words(usage: Usage) -> str:
    usd = 'an unknown price' if usage.usd is None else f'{usage.usd:.4f} US dollars'
    return f'{plural(usage.calls, "call")}, {usage.tokens:,} tokens, {usd}'
