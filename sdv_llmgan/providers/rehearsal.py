"""Stands in for a provider to find out what it would be asked: nothing is sent, nothing is paid.

Replies are random rows of the right form (see ``scripted``), and so about as long as real ones.
"""

from __future__ import annotations

import re

from sdv_llmgan.providers.base import Completion, Provider, Request
from sdv_llmgan.providers.scripted import ScriptedProvider
from sdv_llmgan.usage import Usage

#: What tokenizers of today make one token of: up to three digits, a short word or a piece of a long
#: one with the space before it, a few signs in a row, a line's end.
TOKEN = re.compile(r'\d{1,3}| ?[^\W\d_]{1,7}|\n+| ?[^\w\s]{1,3}|_| +')
#: Tokens that a vendor puts around each message.
TOKENS_AROUND = 4


def count_tokens(text: str) -> int:
    """About how many tokens a text is, without any model's tokenizer.

    On this package's prompts and replies within a tenth of a byte-pair tokenizer that takes digits
    in threes.
    """
    return sum(1 for _ in TOKEN.finditer(text))


class Rehearsal(ScriptedProvider):
    """Plays a provider that is never called.

    Args:
        provider: Whose limits and prices to take on.
    """

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider.model)
        self.provider = provider
        self.row_format = provider.row_format
        self.rows_per_reply = provider.rows_per_reply

    def usd(self, usage: Usage) -> float | None:
        """What the provider would cost."""
        return self.provider.usd(usage)

    def complete(self, request: Request) -> Completion:
        """Answer at random, and count tokens as the provider would."""
        text = super().complete(request).text
        read = sum(count_tokens(message.content) + TOKENS_AROUND for message in request.messages)
        return Completion(text, Usage(1, read, count_tokens(text)))
