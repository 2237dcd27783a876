"""OpenAI's Batch API: a file of requests goes up, a file of replies and one of errors come down.

https://developers.openai.com/api/docs/guides/batch
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from itertools import islice
from typing import Any, Final

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

ENDPOINT: Final = '/v1/chat/completions'
#: The entry of a batch's metadata that holds our token.
LABEL = 'sdv-llmgan'
PAGE = 100


class OpenAIBatches(BatchAPI):
    """See ``BatchAPI``."""

    # The reference of POST /v1/batches: "up to 50,000 requests, and can be up to 200 MB in size".
    max_requests = 50_000
    max_bytes = 200 * 10**6
    # "Each model will be offered at 50% cost discount vs. the synchronous APIs."
    # (https://help.openai.com/en/articles/9197833-batch-api-faq)
    price_factor = BATCH_PRICE

    def entry(self, custom_id: str, request: Request) -> dict[str, Any]:
        """A request as it stands in a batch."""
        return {
            'custom_id': custom_id,
            'method': 'POST',
            'url': ENDPOINT,
            'body': self.body(request),
        }

    def submit(self, token: str, entries: Sequence[dict[str, Any]]) -> str | None:
        """Upload the requests, and start a batch of them once."""
        lines = '\n'.join(json.dumps(entry) for entry in entries)

        def start() -> str:
            client = self.client()
            file = client.files.create(file=(f'{token}.jsonl', lines.encode()), purpose='batch')
            # A second try of the SDK, after an answer that was lost, would be a second batch.
            batch = client.with_options(max_retries=0).batches.create(
                input_file_id=file.id,
                endpoint=ENDPOINT,
                completion_window='24h',
                metadata={LABEL: token},
            )
            return as_text(batch.id)

        return self.asked(start, 'take a batch')

    def find(self, token: str, size: int, since: float, others: Collection[str]) -> str | None:
        """The batch with this token in its metadata."""

        def search() -> str:
            listed = self.client().batches.list(limit=PAGE)  # newest first
            for batch in islice(listed, MOST_LISTED):
                if batch.created_at < since - CLOCK_SKEW:
                    break
                if (batch.metadata or {}).get(LABEL) == token:
                    return batch.id
            return ''

        return self.asked(search, 'list batches')

    def poll(self, batch: str) -> BatchProgress | None:
        """How far a batch is."""

        def look() -> BatchProgress:
            import openai

            try:
                found = self.client().batches.retrieve(batch)
            except openai.NotFoundError:
                return BatchProgress(True, 0, UNKNOWN)
            counts = found.request_counts
            answered = as_count(counts.completed) + as_count(counts.failed) if counts else 0
            if found.status in ('cancelling', 'cancelled'):
                return BatchProgress(True, answered, 'it was cancelled')
            if found.status == 'failed':
                errors = found.errors.data if found.errors else None
                said = {str(error.message or error.code or '') for error in errors or ()}
                return BatchProgress(True, answered, '; '.join(sorted(said)) or 'no reason given')
            return BatchProgress(found.status in ('completed', 'expired'), answered)

        return self.asked(look, f'know the batch {batch}')

    def results(self, batch: str) -> dict[str, Completion | str] | None:
        """By custom id the completion, or why there is none."""

        def fetch() -> dict[str, Completion | str]:
            import openai

            client = self.client()
            found = client.batches.retrieve(batch)
            files = filter(None, (found.error_file_id, found.output_file_id))
            try:
                texts = [client.files.content(file).content.decode() for file in files]
            except openai.NotFoundError:
                texts = []  # no longer kept
            return self.read_lines('\n'.join(texts))

        return self.asked(fetch, f'give the results of batch {batch}')

    def read_line(self, line: Json) -> tuple[str, Completion | str]:
        """A result's custom id, and the completion or why there is none."""
        from openai.types.chat import ChatCompletion

        custom_id, response = str(line['custom_id']), line.get('response') or {}
        if response.get('status_code') == 200:
            return custom_id, self.read(ChatCompletion.construct(**response['body']))
        error = line.get('error') or response['body'].get('error') or response['body']
        return custom_id, str(error.get('message') or error)
