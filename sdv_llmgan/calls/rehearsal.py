"""Stands in for a provider to find out what it would be asked: nothing is sent, nothing is paid.

Replies are random rows of the right form (see ``scripted``), and so about as long as real ones.
"""

from __future__ import annotations

from sdv_llmgan.formats.tokens import TOKENS_AROUND, count_tokens
from sdv_llmgan.providers.base import Completion, Provider, Request
from sdv_llmgan.providers.scripted import ScriptedProvider
from sdv_llmgan.providers.usage import Usage


class Rehearsal(ScriptedProvider):
    """Plays a provider that is never called.

    Args:
        provider: Whose limits and prices to take on.
    """

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider.model)
        self.provider = provider
        self.row_format = provider.row_format
        self.context = provider.context
        self.rows_per_reply = provider.rows_per_reply
        self.is_expert = provider.is_expert

    def usd(self, usage: Usage) -> float | None:
        """What the provider would cost."""
        return self.provider.usd(usage)

    def complete(self, request: Request) -> Completion:
        """Answer at random, and count tokens as the provider would."""
        text = super().complete(request).text
        read = sum(count_tokens(message.content) + TOKENS_AROUND for message in request.messages)
        return Completion(text, Usage(1, read, count_tokens(text)))
