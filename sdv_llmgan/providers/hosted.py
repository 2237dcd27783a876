"""What providers over HTTP share: one client, what a server refuses, errors, and prices.

The SDKs of OpenAI and Anthropic are made by one generator, so they fail in the same ways.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any, ClassVar, TypeAlias

from sdv_llmgan.errors import ProviderError, TransientError
from sdv_llmgan.providers.base import Completion, Request, is_loopback, place
from sdv_llmgan.providers.batch_api import BatchableProvider
from sdv_llmgan.providers.faults import (
    LONGEST_ERROR,
    UNREADABLE,
    provider_error,
    without_keys,
)
from sdv_llmgan.providers.forks import Lock
from sdv_llmgan.providers.prices import Prices
from sdv_llmgan.providers.settings import OptionalSettings
from sdv_llmgan.providers.transport import Guard, replies_up_to
from sdv_llmgan.providers.usage import Usage

#: The request was understood and will not be answered: a bad request, an unprocessable one.
REFUSED = (400, 422)
#: A client and a reply of the vendor's SDK, which is imported late.
SDKClient: TypeAlias = Any
SDKReply: TypeAlias = Any
#: Held while a client is made: the first calls come from many threads at once.
_LOCK = Lock()


class HostedProvider(BatchableProvider):
    """A model behind an HTTP API that a vendor's SDK talks to.

    Args:
        model: The model's name there.
        timeout: Seconds that one call may take.
        max_retries: How often a failed call is tried again, >= 0.
        max_concurrency: How many calls may be in flight at once, >= 1.
        prices: What the model costs there; ``None``: its list price, where one is known.

    Attributes:
        refusal_words: For each setting that a server may refuse, the words by which it names it.
        server_setting: What the user sets to name another server.
    """

    refusal_words: ClassVar[Mapping[str, Sequence[str]]]
    server_setting: ClassVar[str]

    def __init__(
        self,
        model: str,
        *,
        timeout: float = 120.0,
        max_retries: int = 4,
        max_concurrency: int = 16,
        prices: Prices | None = None,
    ) -> None:
        super().__init__(model)
        self.timeout = timeout
        self.max_retries = max_retries
        self.max_concurrency = max_concurrency
        self.prices = prices
        self.settings = OptionalSettings(self.refusal_words)

    @property
    @abstractmethod
    def server(self) -> str | None:
        """The server's address where it is not the vendor's own."""

    @property
    @abstractmethod
    def errors(self) -> type[Exception]:
        """What the SDK raises."""

    @abstractmethod
    def list_prices(self) -> Prices | None:
        """What the model costs by its vendor's list, where that is known."""

    @abstractmethod
    def make_client(self) -> SDKClient:
        """A client of the SDK, which leaves retries to the meter: it knows of budgets."""

    @abstractmethod
    def body(self, request: Request) -> dict[str, Any]:
        """A request as the API takes it."""

    @abstractmethod
    def send(self, body: dict[str, Any]) -> SDKReply:
        """The API's reply to a body."""

    @abstractmethod
    def read(self, reply: SDKReply) -> Completion:
        """A reply of the API as a completion."""

    @property
    def remote(self) -> bool:  # type: ignore[override]
        """Whether requests leave this machine: no for a server on loopback."""
        return not is_loopback(self.server)

    @property
    def name(self) -> str:
        """What logs call it, and the cache: with the server, where it is not the vendor's own."""
        return f'{type(self).__name__}({self.model!r}{place(self.server)})'

    def usd(self, usage: Usage) -> float | None:
        """US dollars that this usage costs; see ``Provider.usd``."""
        prices = self.prices or (self.list_prices() if self.remote else Prices(0, 0))
        return prices.usd(usage) if prices else None

    @cached_property
    def _client(self) -> SDKClient:
        return self.make_client()

    def client(self) -> SDKClient:
        """The SDK's client, made when it is first needed."""
        with _LOCK.held:
            return self._client

    def http_options(self) -> dict[str, Any]:
        """What every client of an SDK is given; see ``Guard``."""
        import httpx2

        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=self.max_concurrency)
        guard: Any = Guard(partial(httpx2.HTTPTransport, limits=limits), self.server_setting)
        http = httpx2.Client(transport=guard, timeout=self.timeout, follow_redirects=False)
        return {'http_client': http, 'timeout': self.timeout, 'max_retries': 0}

    def complete(self, request: Request) -> Completion:
        """Answer one request; see ``Provider.complete``."""
        body = self.body(request)
        try:
            with replies_up_to(request.most_bytes):
                reply = self.send(body)
        except (self.errors, ProviderError, *UNREADABLE) as error:
            if getattr(error, 'status_code', None) not in REFUSED:
                raise provider_error(error, self.name) from None  # its words may hold the key
            # The SDK's message leaves out what it does not know; the body has it all.
            response: Any = getattr(error, 'response', None)
            said = without_keys(response.text)[:LONGEST_ERROR]
            if self.settings.drop_refused(body, said, self.name, _named(error)):
                return self.complete(request)
            raise ProviderError(f'{self.name} refused the request: {said}') from None
        try:
            return self.read(reply)
        except UNREADABLE as error:
            said = without_keys(str(error))[:LONGEST_ERROR]
            raise TransientError(
                f'{self.name} answered in a form that is not its own ({said}).'
            ) from None


def _named(error: Exception) -> str | None:
    """The setting that a server names as the one it refuses."""
    named = getattr(error, 'param', None)
    return named if isinstance(named, str) else None
