"""What tokens cost, from the table of the genai-prices library, offline."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from sdv_llmgan.providers.usage import Usage

MILLION = 1_000_000


@dataclass(frozen=True)
class Prices:
    """US dollars per million tokens.

    Attributes:
        prompt: Of tokens read, >= 0.
        completion: Of tokens written, >= 0.
        cached: Of tokens read that the vendor had in its cache, >= 0; ``None``: as any others.
    """

    prompt: float
    completion: float
    cached: float | None = None

    def usd(self, usage: Usage) -> float:
        """US dollars for these tokens."""
        cached = self.prompt if self.cached is None else self.cached
        read = (usage.prompt_tokens - usage.cached_tokens) * self.prompt
        written = usage.completion_tokens * self.completion
        return (read + usage.cached_tokens * cached + written) / MILLION


@cache
def list_prices(model: str, *, vendor: str | None = None, url: str | None = None) -> Prices | None:
    """A hosted model's list prices for short prompts; ``None`` where the table has none.

    Args:
        model: The model's name.
        vendor: Who sells it, such as ``'openai'``.
        url: Where it is served, if the vendor is to be found by it.
    """
    # Reads a table of all vendors: only when a price is asked for.
    from genai_prices import Usage as Tokens
    from genai_prices import calc_price

    def price(tokens: Tokens) -> float:
        if url is not None:
            return float(calc_price(tokens, model, provider_api_url=url).total_price)
        return float(calc_price(tokens, model, provider_id=vendor).total_price)

    thousand = 1_000
    try:
        return Prices(
            prompt=price(Tokens(input_tokens=thousand)) * thousand,
            completion=price(Tokens(output_tokens=thousand)) * thousand,
            cached=price(Tokens(input_tokens=thousand, cache_read_tokens=thousand)) * thousand,
        )
    except LookupError:
        return None
