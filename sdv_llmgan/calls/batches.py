"""Many requests as one batch: half the price, hours of waiting, safe to interrupt and go on.

requests -> batches (claimed in the ledger, then sent) -> poll -> results -> completions
               ^                                                     |
               +--------------- those without an answer -------------+
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from sdv_llmgan.calls.batch_ledger import BatchLedger, Claim, fingerprint
from sdv_llmgan.calls.retries import patiently
from sdv_llmgan.errors import ProviderError
from sdv_llmgan.providers.base import Completion, Provider, Request, WrappingProvider
from sdv_llmgan.providers.batch_api import BatchableProvider, BatchAPI, no_batches
from sdv_llmgan.providers.transport import replies_up_to

LOGGER = logging.getLogger(__name__)

#: Seconds between two looks at a batch: at first, at last, and how they grow.
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 60.0
GROWTH = 1.5
#: So many looks in a row may go without an answer.
MAX_SILENT = 20
#: Seconds before a batch is sent again that a server did not acknowledge.
RESEND_PAUSES = (5.0, 30.0, 120.0)
#: Seconds after which whoever claimed a batch has sent it, or died.
CLAIM_SECONDS = 300.0
CLAIM_PAUSE = 1.0
#: Batches in which the same request is sent at most.
MAX_ROUNDS = 3
#: No more than so many requests without an answer are sent the ordinary way, one by one.
MAX_ORDINARY = 16
NO_ANSWER = 'no answer'


@dataclass(frozen=True)
class _Batch:
    """A batch under way: its claim, its id, and the places of its requests among all."""

    claim: Claim
    id: str
    places: Sequence[int]


class BatchedProvider(WrappingProvider):
    """Sends many requests through the batch API of another provider.

    A process that is killed while it waits finds its batches again when it is started again with
    the same requests: they are neither sent nor paid for twice. One request alone goes the
    ordinary way.

    Args:
        provider: The provider that answers.
        folder: Where it is noted which batches are under way (hashes and ids only); ``None``: the
            user's cache folder.

    Raises:
        ProviderError: The provider has no batch API.
    """

    provider: BatchableProvider

    def __init__(self, provider: Provider, folder: str | Path | None = None) -> None:
        if not isinstance(provider, BatchableProvider):
            raise ProviderError(no_batches(provider.name))
        provider.batch_api()  # raises where it cannot be used
        super().__init__(provider)
        self.ledger = BatchLedger(folder)

    def complete(self, request: Request) -> Completion:
        """Answer one request the ordinary way."""
        return patiently(self.provider, lambda: self.provider.complete(request), Event())

    def complete_many(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer requests in their order, by one batch or as few as the vendor's limits allow.

        Requests that a batch leaves without an answer go into another one, or, where they are
        few, the ordinary way.

        Raises:
            ProviderError: A batch failed or was cancelled, requests have no answer after
                ``MAX_ROUNDS`` batches, or the server cannot be reached. Unless the batch itself
                is lost, the same requests go on waiting for it another time.
        """
        api = self.provider.batch_api()
        answers: dict[int, Completion] = {}
        claimed: list[str] = []
        left, few, why = list(range(len(requests))), 1, ''
        for _ in range(MAX_ROUNDS):
            if len(left) <= few:
                break
            parts = self._parts(api, requests, left)
            batches = [self._start(api, part, requests) for part in parts]
            claimed += [batch.claim.key for batch in batches]
            answered, reasons = self._collect(api, batches, requests)
            answers |= answered
            left, few = sorted(reasons), MAX_ORDINARY
            if left:
                every = list(reasons.values())
                why = f'{len(left)} of {len(requests)} requests without an answer: ' + max(
                    every, key=every.count
                )
                LOGGER.warning('A batch left %s. They are sent again.', why)
                # The ordinary way finds out which settings are refused, or says what is wrong.
                first = left.pop(0)
                answers[first] = self.complete(requests[first])
        if len(left) > few:
            self.ledger.forget(claimed)
            raise ProviderError(f'{MAX_ROUNDS} batches of {self.name} left {why}.')
        for place in left:
            answers[place] = self.complete(requests[place])
        self.ledger.forget(claimed)
        return [answers[place] for place in range(len(requests))]

    def _collect(
        self, api: BatchAPI, batches: Sequence[_Batch], requests: Sequence[Request]
    ) -> tuple[dict[int, Completion], dict[int, str]]:
        """Wait for batches; by place the completions, and why there is none."""
        answers: dict[int, Completion] = {}
        reasons: dict[int, str] = {}
        for batch in batches:
            self._wait(api, batch)
            asked = [requests[place] for place in batch.places]
            with replies_up_to(sum(request.most_bytes for request in asked)):
                results = self._results(api, batch)
            for number, place in enumerate(batch.places):
                result = results.get(_custom_id(batch.claim.token, number), NO_ANSWER)
                if isinstance(result, Completion):
                    answers[place] = replace(result, price_factor=api.price_factor)
                else:
                    reasons[place] = result
        return answers, reasons

    def _parts(
        self, api: BatchAPI, requests: Sequence[Request], places: Sequence[int]
    ) -> Iterator[list[int]]:
        """Places cut into batches that keep to the vendor's limits."""
        part: list[int] = []
        room = api.max_bytes
        for place in places:
            entry = api.entry(_custom_id('0' * 32, len(requests)), requests[place])
            size = len(json.dumps(entry)) + 2
            if part and (len(part) == api.max_requests or size > room):
                yield part
                part, room = [], api.max_bytes
            part.append(place)
            room -= size
        yield part

    def _start(self, api: BatchAPI, places: Sequence[int], requests: Sequence[Request]) -> _Batch:
        """Send a batch, or find the one that was sent before."""
        asked = [requests[place] for place in places]
        claim = self._claim(fingerprint([api.address, self.name], asked))
        batch = claim.batch
        if batch:
            LOGGER.info('Batch %s of %d requests is under way already.', batch, len(places))
        else:
            batch = self._submit(api, claim, asked)
            LOGGER.info('%s has %d requests as batch %s.', self.name, len(places), batch)
            self.ledger.record(claim, batch)
        return _Batch(claim, batch, places)

    def _claim(self, key: str) -> Claim:
        """A claim that is new, has its batch, or was left behind."""
        while True:
            claim = self.ledger.claim(key)
            age = time.time() - claim.started
            if claim.is_new or claim.batch or age > CLAIM_SECONDS:
                return claim
            time.sleep(min(CLAIM_PAUSE, CLAIM_SECONDS))  # another process may be sending it

    def _submit(self, api: BatchAPI, claim: Claim, requests: Sequence[Request]) -> str:
        """The id of a batch of these requests: of one that may be there already, or a new one."""
        entries = [
            api.entry(_custom_id(claim.token, number), request)
            for number, request in enumerate(requests)
        ]
        is_open = not claim.is_new  # whether there may be a batch already
        for pause in (0.0, *RESEND_PAUSES):
            time.sleep(pause)
            if is_open:
                found = api.find(claim.token, len(entries), claim.started, self.ledger.ids())
                if found is None:
                    continue  # sending it now might be paying twice
                if found:
                    return found
            try:
                batch = api.submit(claim.token, entries)
            except ProviderError:
                self.ledger.forget([claim.key])
                raise
            if batch:
                return batch
            is_open = True
        raise ProviderError(
            f'{self.name} took no batch of {len(entries)} requests in {1 + len(RESEND_PAUSES)} '
            'tries: no connection, too many requests, or an error of the server.'
        )

    def _wait(self, api: BatchAPI, batch: _Batch) -> None:
        """Wait until a batch has ended."""
        pause, silent, answered = FIRST_PAUSE, 0, -1
        while silent <= MAX_SILENT:
            progress = api.poll(batch.id)
            silent = 0 if progress else silent + 1
            if progress and progress.problem:
                self.ledger.forget([batch.claim.key])
                raise ProviderError(
                    f'Batch {batch.id} of {self.name} came to nothing after {progress.answered} of '
                    f'{len(batch.places)} requests: {progress.problem}.'
                )
            if progress and progress.answered != answered:
                answered = progress.answered
                LOGGER.info('Batch %s: %d of %d.', batch.id, answered, len(batch.places))
            if progress and progress.ended:
                return
            time.sleep(pause)
            pause = min(GROWTH * pause, LONGEST_PAUSE)
        raise ProviderError(self._unreachable(batch))

    def _results(self, api: BatchAPI, batch: _Batch) -> dict[str, Completion | str]:
        for pause in (0.0, *RESEND_PAUSES):
            time.sleep(pause)
            results = api.results(batch.id)
            if results is not None:
                return results
        raise ProviderError(self._unreachable(batch))

    def _unreachable(self, batch: _Batch) -> str:
        return (
            f'{self.name} does not answer any more. Batch {batch.id} is noted: the same sampling, '
            'started again, goes on waiting for it.'
        )


def _custom_id(token: str, number: int) -> str:
    return f'{token}-{number}'
