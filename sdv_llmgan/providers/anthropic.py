"""Anthropic's messages.

    Request -> messages.create(output_config=json_schema) -> Completion

Anthropic's API has neither a seed nor a temperature (since its version of 2026-10-21), so a
request's are not sent, and a fit with it is not repeatable without a cache.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sdv_llmgan.errors import ProviderError
from sdv_llmgan.providers.anthropic_batches import AnthropicBatches
from sdv_llmgan.providers.base import Completion, Message, Request
from sdv_llmgan.providers.batch_api import BatchAPI
from sdv_llmgan.providers.faults import as_text
from sdv_llmgan.providers.hosted import HostedProvider
from sdv_llmgan.providers.json_schema import hosted
from sdv_llmgan.providers.prices import Prices, list_prices
from sdv_llmgan.providers.usage import Usage, as_count

if TYPE_CHECKING:
    import anthropic

KEYS = ('ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN')
REFUSAL_WORDS = {'output_config': ('output_config', 'format', 'schema', 'structured', 'grammar')}

#: A prompt's beginning is cached from 512 tokens on, with some models from 4,096; a mark on a
#: shorter one is ignored, and costs nothing.
#: (https://platform.claude.com/docs/en/build-with-claude/prompt-caching)
SHORTEST_CACHED = 512
CHARACTERS_PER_TOKEN = 4
#: Writing to the cache costs 1.25 times the price of a token, reading 0.1 times. Calls that are in
#: flight together all write, so a mark pays from so many calls for each of them.
CACHING_PAYS = (1.25 - 0.1) / (1 - 0.1)


class AnthropicProvider(HostedProvider):
    """A model behind Anthropic's API.

    The environment holds the key, ``ANTHROPIC_API_KEY``, and may name another server,
    ``ANTHROPIC_BASE_URL``.

    Args:
        model: The model's name.
        timeout: Seconds that one call may take.
        max_retries: How often a failed call is tried again, >= 0.
        max_concurrency: How many calls may be in flight at once, >= 1.
        prices: What the model costs; ``None``: its list price, where one is known.
    """

    refusal_words = REFUSAL_WORDS
    server_setting = 'the environment variable ANTHROPIC_BASE_URL'

    @property
    def server(self) -> str | None:
        """The server's address where it is not Anthropic's own."""
        return os.environ.get('ANTHROPIC_BASE_URL') or None

    def list_prices(self) -> Prices | None:
        """What the model costs by its vendor's list, where that is known."""
        return list_prices(self.model, vendor='anthropic')

    def check(self) -> None:
        """Raise ``ProviderError`` where the model's name or the key is missing."""
        if not self.model:
            raise ProviderError(
                "This provider needs a model's name, as in llm='anthropic/claude-sonnet-4-6'."
            )
        if not any(map(os.environ.get, KEYS)):
            raise ProviderError(
                f'The key for {self.name} is missing: set the environment variable '
                'ANTHROPIC_API_KEY.'
            )

    @property
    def errors(self) -> type[Exception]:
        """What the SDK raises."""
        import anthropic

        return anthropic.AnthropicError

    def make_client(self) -> anthropic.Anthropic:
        """A client of the SDK."""
        import anthropic

        return anthropic.Anthropic(**self.http_options())

    def body(self, request: Request) -> dict[str, Any]:
        """A request as the API takes it."""
        system = '\n'.join(m.content for m in request.messages if m.role == 'system')
        pays = request.shared_by > CACHING_PAYS * self.max_concurrency
        turns = [
            {'role': m.role, 'content': _content(m, pays)}
            for m in request.messages
            if m.role != 'system'
        ]
        return {
            'model': self.model,
            'max_tokens': request.max_tokens,
            'messages': turns,
            **({'system': system} if system else {}),
            **self.settings.wanted(output_config=_output_config(request)),
        }

    def read(self, reply: anthropic.types.Message) -> Completion:
        """A reply of the API as a completion."""
        read, written, rest, completion = (
            as_count(getattr(reply.usage, name, 0))
            for name in (
                *('cache_read_input_tokens', 'cache_creation_input_tokens'),
                *('input_tokens', 'output_tokens'),
            )
        )
        return Completion(
            text=''.join(as_text(block.text) for block in reply.content if block.type == 'text'),
            usage=Usage(
                calls=1,
                prompt_tokens=rest + read + written,
                completion_tokens=completion,
                cached_tokens=read,
            ),
        )

    def send(self, body: dict[str, Any]) -> anthropic.types.Message:
        """The API's reply to a body."""
        reply: anthropic.types.Message = self.client().messages.create(**body)
        return reply

    def batch_api(self) -> BatchAPI:
        """Anthropic's Message Batches."""
        return AnthropicBatches(self.name, self.client, self.body, self.read, self.errors)


def _content(message: Message, caching_pays: bool) -> str | list[dict[str, Any]]:
    """A message's content, its stable part marked for their cache where that pays."""
    if not caching_pays or message.stable < SHORTEST_CACHED * CHARACTERS_PER_TOKEN:
        return message.content
    stable, rest = message.content[: message.stable], message.content[message.stable :]
    return [
        {'type': 'text', 'text': stable, 'cache_control': {'type': 'ephemeral'}},
        *([{'type': 'text', 'text': rest}] if rest else []),
    ]


def _output_config(request: Request) -> dict[str, Any] | None:
    if request.json_schema is None:
        return None
    import anthropic

    # Their structured output knows fewer keywords; the SDK turns the others into descriptions.
    schema = anthropic.transform_schema(hosted(request.json_schema))
    return {'format': {'type': 'json_schema', 'schema': schema}}
