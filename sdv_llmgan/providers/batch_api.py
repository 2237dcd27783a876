"""What a batch API is: many requests go in at once, and come back hours later at half the price.

submit -> an id -> poll until it has ended -> results by custom id
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sdv_llmgan.providers.base import Completion, Provider, Request

#: What a call costs in a batch, as a share of its ordinary price; sources stand at the adapters.
BATCH_PRICE = 0.5
#: How far a server's clock may be behind this machine's, in seconds.
CLOCK_SKEW = 300.0
UNKNOWN = 'the server does not know it'


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

    Where the server did not answer, or had no room (``settings.is_passing``), methods return
    ``None``; whatever else goes wrong is a ``ProviderError``.

    Attributes:
        max_requests: Requests that a batch may hold.
        max_bytes: Bytes that a batch may take.
        price_factor: What a call costs in a batch, as a share of its ordinary price, > 0.
    """

    max_requests: int
    max_bytes: int
    price_factor: float

    @property
    @abstractmethod
    def address(self) -> str:
        """Where batches are sent."""

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
