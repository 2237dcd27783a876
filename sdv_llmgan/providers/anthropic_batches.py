"""Anthropic's Message Batches: requests and replies in one body each.

https://platform.claude.com/docs/en/build-with-claude/batch-processing
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice
from typing import Any

from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.providers.base import Completion, Request
from sdv_llmgan.providers.batch_api import (
    BATCH_PRICE,
    CLOCK_SKEW,
    MOST_LISTED,
    UNKNOWN,
    BatchAPI,
    BatchProgress,
)
from sdv_llmgan.providers.faults import as_text
from sdv_llmgan.providers.usage import as_count

PAGE = 100
#: A batch that was being sent when the process died is there so many seconds later at most.
SENDING = 1_800.0


class AnthropicBatches(BatchAPI):
    """See ``BatchAPI``."""

    # "limited to either 100,000 Message requests or 256 MB in size", and "reducing costs by 50%"
    # (the address above).
    max_requests = 100_000
    max_bytes = 256 * 10**6
    price_factor = BATCH_PRICE

    def entry(self, custom_id: str, request: Request) -> dict[str, Any]:
        """A request as it stands in a batch."""
        return {'custom_id': custom_id, 'params': self.body(request)}

    def submit(self, token: str, entries: Sequence[Any]) -> str | None:
        """Start a batch of the requests once."""

        def start() -> str:
            # A second try of the SDK, after an answer that was lost, would be a second batch.
            client = self.client().with_options(max_retries=0)
            return as_text(client.messages.batches.create(requests=entries).id)

        return self.asked(start, 'take a batch')

    def find(self, token: str, size: int, since: float, others: Collection[str]) -> str | None:
        """A batch of this size from about this time.

        Batches carry no label and show their custom ids only in the results. Another batch's
        results fit none of ours, and its requests then count as not answered.
        """

        def search() -> str:
            near: dict[float, str] = {}
            listed = self.client().messages.batches.list(limit=PAGE)  # newest first
            for batch in islice(listed, MOST_LISTED):
                late = batch.created_at.timestamp() - since
                if late < -CLOCK_SKEW:
                    break
                total = sum(map(int, batch.request_counts.model_dump().values()))
                if total == size and late < SENDING and batch.id not in others:
                    near[abs(late)] = batch.id
            return near[min(near)] if near else ''

        return self.asked(search, 'list batches')

    def poll(self, batch: str) -> BatchProgress | None:
        """How far a batch is."""

        def look() -> BatchProgress:
            import anthropic

            try:
                found = self.client().messages.batches.retrieve(batch)
            except anthropic.NotFoundError:
                return BatchProgress(True, 0, UNKNOWN)
            counts = found.request_counts
            through = (counts.succeeded, counts.errored, counts.canceled, counts.expired)
            answered = sum(map(as_count, through))
            problem = 'it was cancelled' if found.cancel_initiated_at else ''
            if found.archived_at:
                problem = 'its results are no longer kept'
            return BatchProgress(
                bool(problem) or found.processing_status == 'ended', answered, problem
            )

        return self.asked(look, f'know the batch {batch}')

    def results(self, batch: str) -> dict[str, Completion | str] | None:
        """By custom id the completion, or why there is none."""

        def fetch() -> dict[str, Completion | str]:
            # The SDK's own method streams, and a stream that breaks off is not tried again.
            path = f'/v1/messages/batches/{batch}/results'
            text = self.client().get(
                path, cast_to=str, options={'headers': {'Accept': 'application/binary'}}
            )
            return self.read_lines(as_text(text))

        return self.asked(fetch, f'give the results of batch {batch}')

    def read_line(self, line: Json) -> tuple[str, Completion | str]:
        """A result's custom id, and the completion or why there is none."""
        import anthropic

        custom_id, result = str(line['custom_id']), line['result']
        if result['type'] == 'succeeded':
            return custom_id, self.read(anthropic.types.Message.construct(**result['message']))
        error = (result.get('error') or {}).get('error') or {}
        return custom_id, str(error.get('message') or result['type'])
