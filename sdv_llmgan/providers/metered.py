"""What stands around every provider: calls in flight together, and what they used.

requests -> threads (or the provider's own complete_many) -> completions, usage by role
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from sdv_llmgan.providers.base import Completion, Provider, Request, Role
from sdv_llmgan.usage import Usage


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
        pool = ThreadPoolExecutor(max_workers=max(1, min(self.max_concurrency, len(requests))))
        futures = [pool.submit(self.provider.complete, request) for request in requests]
        try:
            for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                future.result()  # raises what went wrong, without waiting for slower calls
            return [future.result() for future in futures]
        finally:
            # Not waiting lets Ctrl-C through while slow calls are still out.
            pool.shutdown(wait=False, cancel_futures=True)
            for request, future in zip(requests, futures, strict=True):
                if future.done() and not future.cancelled() and future.exception() is None:
                    self._count(request, future.result())

    def _count(self, request: Request, completion: Completion) -> None:
        self.usage[request.role] = self.usage.get(request.role, Usage()) + completion.usage
