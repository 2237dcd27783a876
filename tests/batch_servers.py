"""A server on loopback that speaks the batch APIs of OpenAI and Anthropic too.

    upload -> batch (checked as the real API does) -> polled a few times -> results, out of order

Each request of a batch is answered as an ordinary call of ``Server`` would be.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from servers import Answer, Received, Server, anthropic_error, openai_error

MAX_REQUESTS = {'openai': 50_000, 'anthropic': 100_000}
#: OpenAI's answer where too many tokens wait in batches.
ENQUEUED = 'Enqueued token limit reached for tiny. Limit: 90,000 enqueued tokens.'


@dataclass
class SentBatch:
    """One batch that came in.

    Attributes:
        id: What the server calls it.
        entries: Its requests as they came in.
        end: How it ends: ``'completed'``, ``'expired'``, ``'failed'`` or ``'cancelled'``.
        metadata: The label it came with (OpenAI).
        polls: How often it was looked at.
        created: Seconds since 1970.
        results: What came of each request, in the order of the entries.
    """

    id: str
    entries: list[dict[str, Any]]
    end: str
    metadata: dict[str, str] = field(default_factory=dict)
    polls: int = 0
    created: float = field(default_factory=time.time)
    results: list[Answer] = field(default_factory=list)


class BatchServer(Server):
    """A ``Server`` with batches.

    Args:
        polls: A batch ends when it has been looked at so many times.
        ends: How the first batches end, one each; the others are completed.
        spoil: Gives an answer in place of the ordinary one, or ``None``, for the number of a batch
            and of a request in it.
        lost: So many first batches are taken and the connection cut before the answer.
        max_requests: A batch of more is refused; ``None``: the vendor's limit.
        options: See ``Server``.

    Attributes:
        batches: Every batch taken, in order.
    """

    def __init__(
        self,
        *,
        polls: int = 2,
        ends: Iterable[str] = (),
        spoil: Callable[[int, int], Answer | None] = lambda batch, request: None,
        lost: int = 0,
        max_requests: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.polls = polls
        self.ends = iter(ends)
        self.spoil = spoil
        self.lost = lost
        self.max_requests = max_requests
        self.batches: list[SentBatch] = []
        self.files: dict[str, str] = {}

    @property
    def ordinary(self) -> list[Received]:
        """The requests that came outside of batches."""
        return [
            request
            for request in self.received
            if request.path in ('/v1/messages', '/v1/chat/completions')
        ]

    def _completion(self, request: Received) -> Answer | str:
        if request.path.startswith(('/v1/files', '/v1/batches')):
            return self._openai_batches(request)
        if request.path.startswith('/v1/messages/batches'):
            return self._anthropic_batches(request)
        return super()._completion(request)

    def _openai_batches(self, request: Received) -> Answer | str:
        said = request.headers.get('authorization')
        if self.key and said != f'Bearer {self.key}':
            return openai_error(401, f'Incorrect API key provided: {said}.', code='bad_api_key')
        path = request.path.removeprefix('/v1/').partition('?')[0].split('/')
        if path == ['files']:
            name = f'file-{len(self.files)}'
            self.files[name] = _uploaded(request)
            return Answer(200, _file(name))
        if path[0] == 'files':
            return Answer(200, self.files[path[1]])
        if path == ['batches'] and request.method == 'POST':
            body = request.body
            lines = self.files[body['input_file_id']].split('\n')
            entries = [json.loads(line) for line in lines]
            problem = self._problem(entries, 'openai')
            if problem or body['endpoint'] != '/v1/chat/completions':
                return openai_error(400, problem)
            return self._take(entries, body['metadata'], request, self._openai_batch)
        if path == ['batches']:
            found = [self._openai_batch(batch) for batch in self.batches[::-1]]
            return Answer(200, {'object': 'list', 'data': found, 'has_more': False})
        batch = self._looked_at(path[1])
        if batch is None:
            return openai_error(404, f"No batch found with id '{path[1]}'.")
        return Answer(200, self._openai_batch(batch))

    def _anthropic_batches(self, request: Received) -> Answer | str:
        sent = str(request.headers.get('x-api-key', request.headers.get('authorization')))
        if self.key and self.key not in sent:
            return anthropic_error(401, 'invalid x-api-key', 'authentication_error')
        path = request.path.removeprefix('/v1/messages/').partition('?')[0].split('/')
        if path == ['batches'] and request.method == 'POST':
            entries = request.body['requests']
            problem = self._problem(entries, 'anthropic')
            if problem:
                return anthropic_error(400, problem)
            return self._take(entries, {}, request, self._anthropic_batch)
        if path == ['batches']:
            found = [self._anthropic_batch(batch) for batch in self.batches[::-1]]
            return Answer(200, {'data': found, 'has_more': False, 'first_id': '', 'last_id': ''})
        if path[-1] == 'results':
            batch = next(batch for batch in self.batches if batch.id == path[1])
            lines = [
                _anthropic_line(*pair) for pair in zip(batch.entries, batch.results, strict=True)
            ]
            return Answer(200, '\n'.join(lines[::-1]) + '\n')
        batch = self._looked_at(path[1])
        if batch is None:
            return anthropic_error(404, 'batch not found', 'not_found_error')
        return Answer(200, self._anthropic_batch(batch))

    def _problem(self, entries: list[dict[str, Any]], vendor: str) -> str:
        most = self.max_requests or MAX_REQUESTS[vendor]
        if len(entries) > most:
            return f'A batch holds {most} requests at most, got {len(entries)}.'
        ids = [entry['custom_id'] for entry in entries]
        if len(set(ids)) < len(ids):
            return 'custom_id must be unique.'
        if not all(re.fullmatch('[a-zA-Z0-9_-]{1,64}', custom_id) for custom_id in ids):
            return 'custom_id does not match the pattern.'
        return ''

    def _take(
        self,
        entries: list[dict[str, Any]],
        metadata: dict[str, str],
        request: Received,
        shown: Callable[[SentBatch], dict[str, Any]],
    ) -> Answer | str:
        with self._lock:
            number = len(self.batches)
            end = next(self.ends, 'completed')
            batch = SentBatch(f'batch_{number}', entries, end, metadata)
            self.batches.append(batch)
        # The first half of an expired or cancelled batch was answered.
        answered = len(entries) // 2 if end in ('expired', 'cancelled') else len(entries)
        for place, entry in enumerate(entries):
            answer = self.spoil(number, place)
            if answer is None and place < answered:
                path = entry.get('url', '/v1/messages')
                one = replace(request, path=path, body=entry.get('body') or entry['params'])
                answer = super()._completion(one)
            batch.results.append(answer or Answer(0, {'message': end}))
        if number < self.lost:
            return 'lost'
        return Answer(200, shown(batch))

    def _looked_at(self, name: str) -> SentBatch | None:
        batch = next((batch for batch in self.batches if batch.id == name), None)
        if batch is not None:
            batch.polls += 1
        return batch

    def _openai_batch(self, batch: SentBatch) -> dict[str, Any]:
        ended = batch.polls >= self.polls
        shown: dict[str, Any] = {
            'id': batch.id,
            'object': 'batch',
            'endpoint': '/v1/chat/completions',
            'input_file_id': 'file-0',
            'completion_window': '24h',
            'created_at': int(batch.created),
            'metadata': batch.metadata,
            'status': batch.end if ended else 'in_progress',
            'request_counts': {'total': len(batch.entries), 'completed': 0, 'failed': 0},
        }
        if not ended:
            return shown
        if batch.end == 'failed':
            errors = [{'code': 'token_limit_exceeded', 'message': ENQUEUED}]
            return {**shown, 'errors': {'object': 'list', 'data': errors}}
        lines: dict[bool, list[str]] = {True: [], False: []}
        for entry, answer in zip(batch.entries, batch.results, strict=True):
            lines[answer.status == 200].append(_openai_line(entry, answer))
        for is_good, kind in ((True, 'output'), (False, 'error')):
            if lines[is_good]:
                name = f'{batch.id}-{kind}'
                self.files[name] = '\n'.join(lines[is_good][::-1]) + '\n'
                shown[f'{kind}_file_id'] = name
        counts = {'completed': len(lines[True]), 'failed': len(lines[False])}
        return {**shown, 'request_counts': {'total': len(batch.entries), **counts}}

    def _anthropic_batch(self, batch: SentBatch) -> dict[str, Any]:
        ended = batch.polls >= self.polls
        counts = dict.fromkeys(['processing', 'succeeded', 'errored', 'canceled', 'expired'], 0)
        for answer in batch.results:
            kind = 'succeeded' if answer.status == 200 else 'errored'
            counts[kind if ended else 'processing'] += 1
        created = datetime.fromtimestamp(batch.created, timezone.utc).isoformat()
        cancelled = ended and batch.end == 'cancelled'
        return {
            'id': batch.id,
            'type': 'message_batch',
            'processing_status': 'ended' if ended else 'in_progress',
            'request_counts': counts,
            'created_at': created,
            'expires_at': created,
            'ended_at': created if ended else None,
            'cancel_initiated_at': created if cancelled else None,
            'archived_at': None,
            'results_url': f'{self.url}/v1/messages/batches/{batch.id}/results' if ended else None,
        }


def _uploaded(request: Received) -> str:
    """The file in a form that was sent in parts."""
    boundary = request.headers['content-type'].partition('boundary=')[2].encode()
    for part in request.body['parts'].split(b'--' + boundary):
        head, _, content = part.partition(b'\r\n\r\n')
        if b'filename=' in head:
            return content.removesuffix(b'\r\n').decode()
    raise AssertionError('no file was sent')


def _file(name: str) -> dict[str, Any]:
    return {
        **{'id': name, 'object': 'file', 'bytes': 1, 'created_at': 1, 'status': 'processed'},
        **{'filename': 'requests.jsonl', 'purpose': 'batch'},
    }


def _openai_line(entry: dict[str, Any], answer: Answer) -> str:
    line = {'id': 'batch_req_1', 'custom_id': entry['custom_id'], 'error': None, 'response': None}
    if answer.status:
        line['response'] = {'status_code': answer.status, 'request_id': '1', 'body': answer.body}
    else:
        line['error'] = {'code': 'batch_expired', **answer.body}
    return json.dumps(line)


def _anthropic_line(entry: dict[str, Any], answer: Answer) -> str:
    result: dict[str, Any] = {'type': 'succeeded', 'message': answer.body}
    if answer.status == 0:
        result = {'type': answer.body['message'].replace('cancelled', 'canceled')}
    elif answer.status != 200:
        result = {'type': 'errored', 'error': answer.body}
    return json.dumps({'custom_id': entry['custom_id'], 'result': result})
