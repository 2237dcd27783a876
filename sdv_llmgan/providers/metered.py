"""What stands around every provider.

    request -> cache -> budget -> gate -> audit log -> provider -> reply -> cache, usage
                           ^                 |
                           +---- retries ----+

A provider itself knows none of this.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from functools import cached_property

from sdv_llmgan.budget import Ledger
from sdv_llmgan.errors import BudgetError, ProviderError
from sdv_llmgan.providers.audit import AuditLog
from sdv_llmgan.providers.base import Completion, Provider, Request, WrappingProvider
from sdv_llmgan.providers.batches import BatchedProvider
from sdv_llmgan.providers.cache import ReplyCache
from sdv_llmgan.providers.gate import Gate
from sdv_llmgan.providers.retries import patiently
from sdv_llmgan.providers.threads import run_together
from sdv_llmgan.providers.tokens import count_tokens
from sdv_llmgan.usage import Usage

#: Tokens that a vendor may add around each message.
TOKENS_AROUND = 16


class MeteredProvider(WrappingProvider):
    """A provider that sends many requests at once, within a budget, and never one twice.

    Args:
        provider: The provider that answers.
        ledger: Counts what is used, and holds the budget.
        cache: Where replies are kept; ``None``: nowhere.
        audit: Where requests are logged; ``None``: nowhere.
    """

    def __init__(
        self,
        provider: Provider,
        ledger: Ledger | None = None,
        cache: ReplyCache | None = None,
        audit: AuditLog | None = None,
    ) -> None:
        super().__init__(provider)
        self.ledger = ledger or Ledger()
        self.cache = cache if provider.cacheable else None
        self.audit = audit

    @cached_property
    def _gate(self) -> Gate:
        return Gate(self.max_concurrency)

    def check(self) -> None:
        """Raise what would stop every call, sending nothing.

        Raises:
            ProviderError: A key or a package is missing, or the audit log cannot be written.
            BudgetError: Dollars are bounded and the model's price is unknown.
        """
        if self.cache is None or not self.cache.replay_only:
            super().check()
        if self.audit is not None:
            self.audit.check()
        if self.ledger.budget.max_usd is not None and self.usd(Usage(1, 1, 1)) is None:
            raise BudgetError(
                f'max_usd needs a model whose price is known; that of {self.name} is not. Give the '
                "provider its prices (OpenAIProvider('...', prices=Prices(...))), or bound "
                'max_tokens or max_calls.'
            )

    def batched(self) -> MeteredProvider:
        """The same provider by its batch API; what both use is counted together.

        Raises:
            ProviderError: The provider has no batch API.
        """
        batched = BatchedProvider(self.provider)
        return MeteredProvider(batched, self.ledger, self.cache, self.audit)

    def complete(self, request: Request) -> Completion:
        """Answer one request."""
        return self.complete_many([request])[0]

    def complete_many(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer requests in their order; see ``complete_each``."""
        replies = dict(self.complete_each(requests))
        return [replies[place] for place in range(len(requests))]

    def complete_each(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Answer requests as replies come in, ``max_concurrency`` of them in flight.

        The first failure cancels the requests that have not been sent and is raised; replies
        that came in before it are counted and kept all the same, for they were paid for.

        Raises:
            BudgetError: The next call might pass the budget.
            ProviderError: A call failed, and trying again did not help.
        """
        self.ledger.ask(len(requests))
        unknown = []
        for place, request in enumerate(requests):
            reply = self._known(request)
            if reply is None:
                unknown.append(place)
            else:
                yield place, reply
        with self.ledger.clock():
            for number, reply in self._ask([requests[place] for place in unknown]):
                yield unknown[number], reply

    def _known(self, request: Request) -> Completion | None:
        completion = None if self.cache is None else self.cache.get(self.provider, request)
        if completion is not None:
            self.ledger.add(request.role, completion.usage)
        return completion

    def _ask(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        if requests and type(self.provider).complete_many is not Provider.complete_many:
            return enumerate(self._send(requests))
        _ = self._gate  # made here, not by all threads at once
        return run_together(self._patiently, requests, self.max_concurrency)

    def _patiently(self, request: Request, cancelled: threading.Event) -> Completion:
        def attempt() -> Completion:
            with self._gate.call(cancelled):
                return self._send([request])[0]

        # A call that was given up may still be out: its reply is waited for, not asked for again.
        with nullcontext() if self.cache is None else self.cache.asking(self.provider, request):
            return self._known(request) or patiently(
                self.provider, attempt, cancelled, self.ledger.seconds_left
            )

    def _send(self, requests: Sequence[Request]) -> list[Completion]:
        """Send once what is not known; the one way out to a model."""
        with ExitStack() as calls:
            calls.enter_context(self.ledger.reserved(self._at_most(requests)))
            logged = [calls.enter_context(self._logged(request)) for request in requests]
            try:
                completions = (
                    [self.provider.complete(requests[0])]
                    if len(requests) == 1
                    else self.provider.complete_many(requests)
                )
            except ProviderError:
                for request in requests:  # sent all the same
                    self.ledger.add(request.role, Usage(calls=1))
                raise
            if len(completions) != len(requests):
                raise ProviderError(
                    f'{self.name} answered {len(completions)} of {len(requests)} requests.'
                )
            completions = [_readable(completion) for completion in completions]
            for line, completion in zip(logged, completions, strict=True):
                line.append(completion)
            for request, completion in zip(requests, completions, strict=True):
                self._keep(request, completion)
        return completions

    def _logged(self, request: Request) -> AbstractContextManager[list[Completion]]:
        return self.audit.sending(self.provider, request) if self.audit else nullcontext([])

    def _keep(self, request: Request, completion: Completion) -> None:
        if self.cache is not None:
            self.cache.put(self.provider, request, completion)
        usage = _credible(request, completion)
        usd = self.usd(usage)
        billed = None if usd is None else usd * completion.price_factor
        self.ledger.add(request.role, replace(usage, usd=billed))

    def _at_most(self, requests: Sequence[Request]) -> Usage:
        """An upper bound: a token is at least one byte, and replies are cut."""
        prompt = sum(
            len(request.body().encode(errors='surrogatepass'))
            + TOKENS_AROUND * len(request.messages)
            for request in requests
        )
        most = Usage(len(requests), prompt, sum(request.max_tokens for request in requests))
        return replace(most, usd=self.usd(most))


def _credible(request: Request, completion: Completion) -> Usage:
    """What a call used: as the provider says, or counted here where it says nothing."""
    said = completion.usage
    if said.tokens > 0 and min(said.prompt_tokens, said.completion_tokens) >= 0:
        return said
    read = sum(count_tokens(message.content) for message in request.messages)
    return Usage(max(1, said.calls), read, count_tokens(completion.text))


def _readable(completion: Completion) -> Completion:
    """A completion whose text can be written to a file: half characters are replaced."""
    return replace(completion, text=completion.text.encode(errors='replace').decode())
