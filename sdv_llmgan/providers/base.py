"""What a provider is: a request goes in, a completion comes out.

Retry, concurrency, budget, cache and accounting wrap any provider from outside (``calls``),
so a provider is one method long.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlparse

from sdv_llmgan.errors import ProviderError
from sdv_llmgan.formats.words import visible
from sdv_llmgan.providers.usage import Usage
from sdv_llmgan.table.column import dump
from sdv_llmgan.table.schema import RowFormat

#: Names of this machine; the last stands for every address of its own.
LOOPBACK = ('localhost', '127.0.0.1', '::1', '0.0.0.0')
#: Characters of the longest tokens that tokenizers of today know (of spaces), and some more.
LONGEST_TOKEN = 128
ROOM = 2**16

#: What stands in a prompt before lines of JSON that say how each row of the reply begins.
BEGUN = 'Each of your rows begins with the values of one of these, unchanged:'

Role = Literal['expert', 'generator', 'discriminator', 'optimizer', 'interpreter']


@dataclass(frozen=True)
class Message:
    """One turn of a conversation.

    Whatever stands in cells, names, words of users and replies before: no character of it is
    hidden from a reader (see ``words.visible``), and all of it can be sent.

    Attributes:
        role: Whose turn it is.
        content: What is said.
        stable: So many characters at the beginning, >= 0, are the same in other requests too, as is
            everything before this message.
    """

    role: Literal['system', 'user', 'assistant']
    content: str
    stable: int = 0

    def __post_init__(self) -> None:
        """Write out what is hidden."""
        content = visible(self.content)
        if content != self.content:
            object.__setattr__(self, 'stable', len(visible(self.content[: self.stable])))
            object.__setattr__(self, 'content', content)


@dataclass(frozen=True)
class Request:
    """One question to a model.

    Attributes:
        messages: The conversation so far. What many requests share stands first.
        json_schema: The reply has to be JSON that meets this schema; ``None`` asks for free text.
        temperature: Randomness of the reply, >= 0. A provider without this setting ignores it.
        max_tokens: The reply is cut here.
        seed: Makes the reply repeatable where the provider can.
        role: Which part of the loop asks; used for accounting only.
        columns: Columns that the messages tell of; for the audit log only.
        real_rows: How many real rows stand in the messages, >= 0; for the audit log only.
        shared_by: How many requests, >= 1, are sent together and begin alike (see
            ``Message.stable``); for providers whose cache has to pay.
    """

    messages: tuple[Message, ...]
    json_schema: dict[str, Any] | None = field(default=None, hash=False)
    temperature: float = 0.5
    max_tokens: int = 2048
    seed: int | None = None
    role: Role = 'generator'
    columns: tuple[str, ...] = ()
    real_rows: int = 0
    shared_by: int = 1

    def __post_init__(self) -> None:
        """Refuse what could not be sent, before anything is.

        Raises:
            ProviderError: A name or value in the JSON Schema holds half a character.
        """
        try:
            json.dumps(self.json_schema, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            start = max(0, error.start - 30)
            raise ProviderError(
                'A request must be text that can be sent as UTF-8, and a name or value in its JSON '
                'Schema holds half a character (a lone surrogate): '
                f'{error.object[start : error.end]!a}. Nothing was sent. Replace it in the table.'
            ) from error

    @property
    def most_characters(self) -> int:
        """No reply that keeps to ``max_tokens`` is longer; the rest is cut off."""
        return ROOM + LONGEST_TOKEN * self.max_tokens

    @property
    def most_bytes(self) -> int:
        """No server's answer is longer: such a reply, escaped, with what stands around it."""
        return 4 * (ROOM + self.most_characters)

    def body(self) -> str:
        """What a model is told, as JSON: two requests with the same body are the same."""
        return dump({
            'messages': [[message.role, message.content] for message in self.messages],
            'json_schema': self.json_schema,
            'temperature': self.temperature,
            'max_tokens': self.max_tokens,
            'seed': self.seed,
        })


@dataclass(frozen=True)
class Completion:
    """One reply.

    Attributes:
        text: What the model wrote, raw.
        usage: What this call used.
        price_factor: The call costs so many times the model's ordinary price, > 0.
    """

    text: str
    usage: Usage = Usage(calls=1)
    price_factor: float = 1.0


def is_loopback(url: str | None) -> bool:
    """Whether a server's address is this machine's own."""
    return urlparse(url or '').hostname in LOOPBACK


def place(url: str | None) -> str:
    """A server's address for a provider's name, without what it may hold of names and keys."""
    server = urlparse(url or '')
    port = f':{server.port}' if server.port else ''
    return f', {server.hostname}{port}{server.path}' if url else ''


class Provider(ABC):
    """A source of completions.

    Subclasses write ``complete``. One that can serve many requests together (a model in this
    process) also overrides ``complete_many``; otherwise requests are sent from threads.

    Attributes whose names start with an underscore are left out of pickles: keep clients, models
    and locks there, and make them when they are first needed.

    Args:
        model: The model's name, as the part after the slash in ``llm='provider/model'``.

    Attributes:
        remote: Whether requests leave this machine.
        row_format: The form of rows that this provider's structured output handles best.
        context: Tokens that a prompt and its reply may have together; ``None``: plenty.
        rows_per_reply: At most so many rows are asked for in one reply; ``None``: no limit.
        max_concurrency: How many calls may be in flight at once.
        max_retries: How often a call that failed with ``TransientError`` is tried again.
        max_wait: Seconds for which a call that meets rate limits is tried again.
        cacheable: Whether its replies are worth keeping.
        is_random: Whether it stands for a model that knows nothing: its rows teach nothing.
        is_expert: Whether it is worth asking what it knows of a subject. The smallest models hold
            the form of an answer, and make the rest up.
    """

    remote: bool = True
    row_format: RowFormat = 'short_keys'
    context: int | None = None
    rows_per_reply: int | None = None
    max_concurrency: int = 16
    max_retries: int = 4
    max_wait: float = 600.0
    cacheable: bool = True
    is_random: bool = False
    is_expert: bool = True

    def __init__(self, model: str) -> None:
        self.model = model

    @property
    def name(self) -> str:
        """What logs and ``get_info`` call it."""
        return f'{type(self).__name__}({self.model!r})'

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle holds: no client, no model, no key."""
        return {key: value for key, value in vars(self).items() if not key.startswith('_')}

    def usd(self, usage: Usage) -> float | None:
        """US dollars that this usage costs; ``None``: unknown. Nothing, on this machine."""
        return None if self.remote else 0.0

    def check(self) -> None:  # noqa: B027 - optional to override
        """Raise what would stop every call (a missing key, a missing package), sending nothing.

        Raises:
            ProviderError: Says what is missing and how to supply it.
        """

    @abstractmethod
    def complete(self, request: Request) -> Completion:
        """Answer one request.

        Called from several threads at once.

        Raises:
            TransientError: It failed this time; ``RateLimitError`` where the server is busy.
            ProviderError: The model could not be reached or refused; trying again will not help.
        """

    def complete_many(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer requests in their order; override where a provider can share work among them."""
        return [self.complete(request) for request in requests]

    def complete_each(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Answer requests as replies come in, each with its request's place among them."""
        yield from enumerate(self.complete_many(requests))


class WrappingProvider(Provider):
    """A provider around another one, with its name, limits and price.

    Args:
        provider: The provider inside.
    """

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider.model)
        self.provider = provider
        self.row_format = provider.row_format
        self.is_random = provider.is_random
        self.is_expert = provider.is_expert
        self.context = provider.context
        self.rows_per_reply = provider.rows_per_reply
        self.max_concurrency = provider.max_concurrency

    @property
    def remote(self) -> bool:  # type: ignore[override]
        """Whether requests leave this machine."""
        return self.provider.remote

    @property
    def name(self) -> str:
        """The inner provider's name."""
        return self.provider.name

    def usd(self, usage: Usage) -> float | None:
        """The inner provider's price."""
        return self.provider.usd(usage)

    def check(self) -> None:
        """Raise what would stop every call, sending nothing."""
        self.provider.check()
