"""What a batch API is: many requests go in at once, and come back hours later at half the price.

submit -> an id -> poll until it has ended -> results by custom id
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sdv_llmgan.errors import ProviderError, TransientError
from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.providers.base import Completion, Provider, Request
from sdv_llmgan.providers.faults import LONGEST_ERROR, UNREADABLE, provider_error

#: What a call costs in a batch, as a share of its ordinary price; sources stand at the adapters.
BATCH_PRICE = 0.5
#: How far a server's clock may be behind this machine's, in seconds.
CLOCK_SKEW = 300.0
#: Batches of an account that are looked through for one; a server's list need not end.
MOST_LISTED = 10_000
UNKNOWN = 'the server does not know it'
_T = TypeVar('_T')


@dataclass(frozen=True)
class BatchProgress:
    """How far a batch is.

    Attributes:
        ended: Whether the server is through with it.
        answered: Requests that it is through with, >= 0, as far as it says.
        problem: Why the batch as a whole came to nothing; empty where it did not.
    """

    ended: bool
    answered: int = 0
    problem: str = ''


class BatchAPI(ABC):
    """A vendor's batch API.

    Where the server did not answer, or had no room, methods return ``None``; whatever else goes
    wrong is a ``ProviderError``.

    Args:
        name: The provider's name, for errors.
        client: Gives the SDK's client.
        body: Turns a request into the body of an ordinary call.
        read: Turns a reply's body into a completion.
        errors: What the SDK raises.

    Attributes:
        max_requests: Requests that a batch may hold.
        max_bytes: Bytes that a batch may take.
        price_factor: What a call costs in a batch, as a share of its ordinary price, > 0.
    """

    max_requests: int
    max_bytes: int
    price_factor: float

    def __init__(
        self,
        name: str,
        client: Callable[[], Any],
        body: Callable[[Request], dict[str, Any]],
        read: Callable[[Any], Completion],
        errors: type[Exception],
    ) -> None:
        self.name = name
        self.client = client
        self.body = body
        self.read = read
        self.errors = errors

    @property
    def address(self) -> str:
        """Where batches are sent."""
        return str(self.client().base_url)

    @abstractmethod
    def entry(self, custom_id: str, request: Request) -> dict[str, Any]:
        """A request as it stands in a batch."""

    @abstractmethod
    def submit(self, token: str, entries: Sequence[dict[str, Any]]) -> str | None:
        """Send a batch, once.

        Args:
            token: What ``find`` can tell the batch by; the custom ids begin with it.
            entries: See ``entry``.

        Returns:
            The batch's id; ``None`` leaves open whether there is a batch now.
        """

    @abstractmethod
    def find(self, token: str, size: int, since: float, others: Collection[str]) -> str | None:
        """Look for a batch that may have been sent.

        Args:
            token: See ``submit``.
            size: Requests in it.
            since: It was not sent before this time, in seconds since 1970.
            others: Ids that belong to other tokens.

        Returns:
            The batch's id; empty where there is none.
        """

    @abstractmethod
    def poll(self, batch: str) -> BatchProgress | None:
        """How far a batch is."""

    @abstractmethod
    def results(self, batch: str) -> dict[str, Completion | str] | None:
        """By custom id the completion, or why there is none, in any order and with gaps."""

    @abstractmethod
    def read_line(self, line: Json) -> tuple[str, Completion | str]:
        """A result's custom id, and the completion or why there is none.

        Raises:
            ProviderError: It is no result, and so do all ``UNREADABLE`` say.
        """

    def asked(self, question: Callable[[], _T], what: str) -> _T | None:
        """What the server answers to a question, ``None`` where it may do so another time.

        Args:
            question: Asks with the SDK.
            what: What the server had to do, for errors.

        Raises:
            ProviderError: It will not do that.
        """
        try:
            return question()
        except (self.errors, ProviderError, *UNREADABLE) as error:
            fault = provider_error(error, self.name, what)
            if isinstance(fault, TransientError):
                return None
            raise fault from None  # its words may hold the key

    def read_lines(self, text: str) -> dict[str, Completion | str]:
        """A file of results, by custom id; broken lines are left out."""
        found = {}
        for line in text.split('\n'):
            try:
                custom_id, result = self.read_line(json.loads(line))
            except (*UNREADABLE, ProviderError):
                continue
            found[custom_id] = result[:LONGEST_ERROR] if isinstance(result, str) else result
        return found


class BatchableProvider(Provider):
    """A provider with a batch API."""

    @abstractmethod
    def batch_api(self) -> BatchAPI:
        """The API.

        Raises:
            ProviderError: It cannot be used with these settings.
        """


def no_batches(name: str) -> str:
    """What to say of a provider that has no batch API."""
    return (
        f"batch=True needs a provider with a batch API, and {name} has none. OpenAI's and "
        "Anthropic's have one: llm='openai/<model>' or 'anthropic/<model>'. Or leave batch=True "
        'out.'
    )
