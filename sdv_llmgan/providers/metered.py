"""What stands around every provider: calls in flight together, and what they used.

requests -> threads (or the provider's own complete_many) -> completions, usage by role
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

from sdv_llmgan.providers.base import Completion, Provider, Request, Role
from sdv_llmgan.providers.batches import BatchedProvider
from sdv_llmgan.usage import Usage

_LOCK = threading.Lock()


class MeteredProvider(Provider):
    """A provider that counts, and sends many requests at once.

    Args:
        provider: The provider that answers.

    Attributes:
        usage: What each role has used so far.
    """

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider.model)
        self.provider = provider
        self.rows_per_reply = provider.rows_per_reply
        self.row_format = provider.row_format
        self.max_concurrency = provider.max_concurrency
        self.usage: dict[Role, Usage] = {}

    @property
    def remote(self) -> bool:  # type: ignore[override]
        """Whether requests leave this machine."""
        return self.provider.remote

    @property
    def name(self) -> str:
        """The inner provider's name."""
        return self.provider.name

    def check(self) -> None:
        """Raise what would stop every call, sending nothing."""
        self.provider.check()

    def batched(self) -> MeteredProvider:
        """The same provider by its batch API; what both use is counted together.

        Raises:
            ProviderError: The provider has no batch API.
        """
        batched = MeteredProvider(BatchedProvider(self.provider))
        batched.usage = self.usage
        return batched

    def complete(self, request: Request) -> Completion:
        """Answer one request and count it."""
        return self.complete_many([request])[0]

    def complete_many(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer requests in their order, ``max_concurrency`` of them in flight.

        The first failure cancels the requests that have not been sent and is raised; replies
        that came in before it are counted all the same, for they were paid for.
        """
        if type(self.provider).complete_many is not Provider.complete_many:
            completions = self.provider.complete_many(requests)
            for request, completion in zip(requests, completions, strict=True):
                self._count(request, completion)
            return completions
        return run_together(self._complete_one, requests, self.max_concurrency)

    def _complete_one(self, request: Request) -> Completion:
        completion = self.provider.complete(request)
        self._count(request, completion)
        return completion

    def _count(self, request: Request, completion: Completion) -> None:
        with _LOCK:
            self.usage[request.role] = self.usage.get(request.role, Usage()) + completion.usage


def run_together(
    call: Callable[[Request], Completion], requests: Sequence[Request], at_once: int
) -> list[Completion]:
    """Call for every request from so many threads; replies come in the order of the requests.

    The first failure, or Ctrl-C, is raised at once and no further request is sent. The threads
    are daemons, so that a program can end while slow calls are still out.
    """
    waiting = deque(enumerate(requests))
    done: SimpleQueue[tuple[int, Completion | BaseException]] = SimpleQueue()

    def work() -> None:
        while True:
            try:
                place, request = waiting.popleft()
            except IndexError:
                return
            try:
                done.put((place, call(request)))
            except BaseException as error:  # noqa: BLE001 - raised again by the caller's thread
                waiting.clear()
                done.put((place, error))

    for _ in range(min(max(1, at_once), len(requests))):
        threading.Thread(target=work, daemon=True).start()
    replies: dict[int, Completion] = {}
    try:
        while len(replies) < len(requests):
            try:
                place, reply = done.get(timeout=0.2)
            except Empty:  # a wait without end would not notice Ctrl-C everywhere
                continue
            if isinstance(reply, BaseException):
                raise reply
            replies[place] = reply
    finally:
        waiting.clear()
    return [replies[place] for place in range(len(requests))]
