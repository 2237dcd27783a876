"""Cache, budget, limit of calls in flight, audit log and retries around any provider.

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

from sdv_llmgan.calls.audit import AuditLog
from sdv_llmgan.calls.batches import BatchedProvider
from sdv_llmgan.calls.budget import Ledger
from sdv_llmgan.calls.cache import ReplyCache
from sdv_llmgan.calls.gate import Gate
from sdv_llmgan.calls.retries import patiently
from sdv_llmgan.calls.threads import run_together
from sdv_llmgan.errors import BudgetError, ProviderError, TransientError
from sdv_llmgan.formats.tokens import count_tokens
from sdv_llmgan.providers.base import Completion, Provider, Request, WrappingProvider
from sdv_llmgan.providers.usage import Usage, as_count

#: Tokens that a vendor may add around each message.
MOST_TOKENS_AROUND = 16


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
        if self.ledger.guard.budget.max_usd is not None and self.usd(Usage(1, 1, 1)) is None:
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
        self.ledger.watch.ask(len(requests))
        unknown = []
        for place, request in enumerate(requests):
            reply = self._known(request)
            if reply is None:
                unknown.append(place)
            else:
                yield place, reply
        with self.ledger.guard.clock():
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
        asking = None if self.cache is None else self.cache.asking
        with nullcontext() if asking is None else asking(self.provider, request, cancelled):
            return self._known(request) or patiently(
                self.provider, attempt, cancelled, self.ledger.guard.seconds_left
            )

    def _send(self, requests: Sequence[Request]) -> list[Completion]:
        """Send once what is not known; the one way out to a model."""
        with ExitStack() as calls:
            calls.enter_context(self.ledger.guard.reserved(self._at_most(requests)))
            logged = [calls.enter_context(self._logged(request)) for request in requests]
            try:
                completions = (
                    [self.provider.complete(requests[0])]
                    if len(requests) == 1
                    else self.provider.complete_many(requests)
                )
                if len(completions) != len(requests):
                    raise ProviderError(
                        f'{self.name} answered {len(completions)} of {len(requests)} requests.'
                    )
                pairs = zip(requests, completions, strict=True)
                completions = [self._checked(*pair) for pair in pairs]
            except ProviderError:
                for request in requests:  # sent all the same
                    self.ledger.add(request.role, Usage(calls=1))
                raise
            # All are counted before anything else may go wrong; then what was paid for is kept.
            for request, completion in zip(requests, completions, strict=True):
                self._count(request, completion)
            for request, completion in zip(requests, completions, strict=True):
                if self.cache is not None:
                    self.cache.put(self.provider, request, completion)
            for line, completion in zip(logged, completions, strict=True):
                line.append(completion)
        return completions

    def _logged(self, request: Request) -> AbstractContextManager[list[Completion]]:
        return self.audit.sending(self.provider, request) if self.audit else nullcontext([])

    def _count(self, request: Request, completion: Completion) -> None:
        usd = self.usd(completion.usage)
        billed = None if usd is None else usd * completion.price_factor
        self.ledger.add(request.role, replace(completion.usage, usd=billed))

    def _checked(self, request: Request, completion: Completion) -> Completion:
        """A completion as it can be counted, written to a file and parsed, whoever made it."""
        if not isinstance(completion.text, str):
            raise TransientError(
                f'{self.name} answered with {type(completion.text).__name__} in place of text.'
            )
        text = completion.text[: request.most_characters].encode(errors='replace').decode()
        return replace(completion, text=text, usage=_credible(request, completion))

    def _at_most(self, requests: Sequence[Request]) -> Usage:
        """An upper bound: a token is at least one byte, and replies are cut."""
        prompt = sum(
            len(request.body().encode()) + MOST_TOKENS_AROUND * len(request.messages)
            for request in requests
        )
        most = Usage(len(requests), prompt, sum(request.max_tokens for request in requests))
        return replace(most, usd=self.usd(most))


def _credible(request: Request, completion: Completion) -> Usage:
    """What a call used: as the provider says, or counted here where it says nothing of use."""
    said = completion.usage
    read = as_count(said.prompt_tokens) or sum(
        count_tokens(message.content) for message in request.messages
    )
    return Usage(
        calls=max(1, as_count(said.calls)),
        prompt_tokens=read,
        completion_tokens=as_count(said.completion_tokens) or count_tokens(completion.text),
        cached_tokens=min(read, as_count(said.cached_tokens)),
    )
