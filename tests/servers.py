"""A server on loopback that speaks like OpenAI, Azure OpenAI and Anthropic.

    request -> recorded -> failure | checked as the real API does -> refusal | completion

The SDKs' own clients talk to it over HTTP, so what they add, retry and reject is part of a test.
"""

from __future__ import annotations

import gc
import json
import re
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anthropic
import numpy as np
import openai

from sdv_llmgan.providers.base import Message, Request
from sdv_llmgan.providers.scripted import random_json

#: What both SDKs are asked in tests: one row with one number.
AGE = {
    'type': 'object',
    'properties': {'age': {'type': 'integer', 'minimum': 18, 'maximum': 90}},
    'required': ['age'],
    'additionalProperties': False,
}
ASK = Request(
    messages=(Message('system', 'You write rows.'), Message('user', 'Write a row as JSON.')),
    json_schema=AGE,
    temperature=0.5,
    max_tokens=64,
    seed=7,
)

CLIENTS = (openai.OpenAI, openai.AzureOpenAI, anthropic.Anthropic)
#: Nothing here waits longer, whatever a test does.
SECONDS = 10.0
DROPPED = 'dropped'
REWRITE = '{"add": [], "remove": [], "instruction": "Keep age and ward as they come together."}'


@dataclass(frozen=True)
class Answer:
    """What goes back: a status, a body (text as it is), and headers besides the usual ones."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """The answer to each request that carries a setting."""

    setting: str
    answer: Answer


@dataclass(frozen=True)
class Received:
    """One request as it arrived; header names in lower case."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    method: str = 'POST'


def openai_error(status: int, message: str, **more: str | None) -> Answer:
    """An error in OpenAI's form."""
    error = {'message': message, 'type': 'invalid_request_error', 'param': None, 'code': None}
    return Answer(status, {'error': {**error, **more}})


def anthropic_error(status: int, message: str, kind: str = 'invalid_request_error') -> Answer:
    """An error in Anthropic's form."""
    return Answer(status, {'type': 'error', 'error': {'type': kind, 'message': message}})


#: How servers say that they know no structured output.
NO_STRUCTURED_OUTPUT = {
    'openai': openai_error(
        400,
        "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this "
        'model. Learn more about supported models at the Structured Outputs guide.',
    ),
    'deepseek': openai_error(400, 'This response_format type is unavailable now'),
    'lm studio': Answer(400, {'error': "'response_format.type' must be 'text'"}),
    'vllm': Answer(
        400,
        {
            'object': 'error',
            'message': 'The provided JSON schema contains features not supported by xgrammar.',
            'type': 'BadRequestError',
            'param': None,
            'code': 400,
        },
    ),
    'llama.cpp': Answer(
        400,
        {
            'error': {
                'code': 400,
                'message': 'Failed to initialize samplers: failed to parse grammar',
                'type': 'invalid_request_error',
            }
        },
    ),
    'fastapi': Answer(
        422,
        {
            'detail': [
                {
                    'type': 'extra_forbidden',
                    'loc': ['body', 'response_format'],
                    'msg': 'Extra inputs are not permitted',
                }
            ]
        },
    ),
}
NO_TEMPERATURE = Refusal(
    'temperature',
    openai_error(
        400,
        "Unsupported value: 'temperature' does not support 0.5 with this model. Only the default "
        '(1) value is supported.',
        param='temperature',
        code='unsupported_value',
    ),
)
NO_SEED = Refusal('seed', openai_error(400, 'Unrecognized request argument supplied: seed'))
NO_MAX_COMPLETION_TOKENS = Refusal(
    'max_completion_tokens',
    openai_error(400, 'Unrecognized request argument supplied: max_completion_tokens'),
)
#: Both SDKs look at the milliseconds first, which keeps the tests fast.
TOO_MANY = Answer(
    429,
    {'error': {'type': 'rate_limit_error', 'message': 'Rate limit reached'}},
    {'retry-after': '1', 'retry-after-ms': '10'},
)
BROKEN = Answer(
    500,
    {'error': {'type': 'api_error', 'message': 'The server had an error'}},
    {'retry-after-ms': '10'},
)


class Server:
    """Serves from ``with`` to the end of the block; loopback only, on a port that is free.

    Args:
        delay: Seconds until each answer.
        gather: The first requests wait for each other until so many are in flight.
        refusals: Settings that are refused.
        failures: Answers to the first requests, one each, or ``DROPPED`` to cut the connection.
        key: Any other key is answered with 401; ``None``: every key will do.
        answer: Writes the reply from the JSON Schema (``None``: free text) and the prompt.
        count: How many tokens a text has; a character each, unless given.

    Attributes:
        received: Every request in the order of arrival.
        peak: The largest number of requests in flight at once.
    """

    def __init__(
        self,
        *,
        delay: float = 0.0,
        gather: int = 1,
        refusals: Iterable[Refusal] = (),
        failures: Iterable[Answer | str] = (),
        key: str | None = None,
        answer: Callable[[dict[str, Any] | None, str, int], str] | None = None,
        count: Callable[[str], int] = len,
    ) -> None:
        self.delay = delay
        self.refusals = tuple(refusals)
        self.failures = iter(failures)
        self.key = key
        self.answer = answer or default_answer
        self.count = count
        self.received: list[Received] = []
        self.peak = self._in_flight = 0
        self._lock = threading.Lock()
        self._gathered = threading.Barrier(gather)
        self._connections: set[socket.socket] = set()
        self._cached: set[str] = set()

    def __enter__(self) -> Server:
        self._http = _Http(('127.0.0.1', 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f'http://127.0.0.1:{self._http.server_address[1]}'
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.shutdown()
        with self._lock:
            for connection in self._connections:
                _cut(connection)
        self._gathered.abort()
        self._http.server_close()
        self._thread.join(SECONDS)
        # Providers leave their clients to the garbage collector, which warns of open sockets.
        for client in gc.get_referrers(*CLIENTS):
            if type(client) in CLIENTS:
                client.close()

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The JSON bodies received, in order."""
        return [request.body for request in self.received]

    def reply(self, request: Received) -> Answer | str:
        """Record a request and find its answer."""
        with self._lock:
            number = len(self.received)
            self.received.append(request)
            self._in_flight += 1
            self.peak = max(self.peak, self._in_flight)
            failure = next(self.failures, None)
        try:
            if number < self._gathered.parties:
                self._gather()
            time.sleep(self.delay)
            return failure or self._completion(request)
        finally:
            with self._lock:
                self._in_flight -= 1

    def _gather(self) -> None:
        try:
            self._gathered.wait(SECONDS)
        except threading.BrokenBarrierError:
            pass  # fewer came than a test asserts; it will see the peak

    def _completion(self, request: Received) -> Answer:
        if request.path == '/v1/messages':
            return self._anthropic(request)
        if request.path == '/api/chat':
            return self._ollama(request)
        azure = re.fullmatch(
            r'/openai/deployments/[^/]+/chat/completions\?api-version=[\w-]+', request.path
        )
        if not azure and request.path != '/v1/chat/completions':
            return openai_error(404, f'Invalid URL (POST {request.path})')
        key = request.headers.get('authorization', '').removeprefix('Bearer ')
        return self._openai(request, request.headers.get('api-key', '') if azure else key)

    def _openai(self, request: Received, key: str) -> Answer:
        body = request.body
        if not key or self.key not in (None, key):
            shown = f'{key[:3]}***{key[-2:]}'
            return openai_error(401, f'Incorrect API key provided: {shown}.', code='bad_api_key')
        for refusal in self.refusals:
            if refusal.setting in body:
                return refusal.answer
        problem = openai_problem(body)
        if problem:
            return openai_error(400, problem)
        prompt = ''.join(message['content'] for message in body['messages'])
        schema = body.get('response_format', {}).get('json_schema', {}).get('schema')
        text = self.answer(schema, prompt, body.get('seed', _seed(body)))
        return Answer(
            200,
            {
                'id': 'chatcmpl-1',
                'object': 'chat.completion',
                'created': 1,
                'model': body['model'],
                'choices': [
                    {
                        'index': 0,
                        'finish_reason': 'stop',
                        'message': {'role': 'assistant', 'content': text, 'refusal': None},
                    }
                ],
                'usage': {
                    'prompt_tokens': self.count(prompt),
                    'completion_tokens': self.count(text),
                    'total_tokens': self.count(prompt) + self.count(text),
                },
            },
        )

    def _ollama(self, request: Received) -> Answer:
        body = request.body
        prompt = ''.join(message['content'] for message in body['messages'])
        seed = body['options'].get('seed')
        text = self.answer(body.get('format'), prompt, _seed(body) if seed is None else seed)
        return Answer(
            200,
            {
                'model': body['model'],
                'created_at': '2026-01-01T00:00:00Z',
                'message': {'role': 'assistant', 'content': text},
                'done': True,
                'done_reason': 'stop',
                'prompt_eval_count': len(prompt),
                'eval_count': len(text),
            },
        )

    def _anthropic(self, request: Received) -> Answer:
        body, headers = request.body, request.headers
        # The SDK sends keys as bearers since its version 2.
        key = headers.get('x-api-key') or headers.get('authorization', '').removeprefix('Bearer ')
        if not key or self.key not in (None, key):
            return anthropic_error(401, 'invalid x-api-key', 'authentication_error')
        for refusal in self.refusals:
            if refusal.setting in body:
                return refusal.answer
        problem = anthropic_problem(body, headers.get('anthropic-version', ''))
        if problem:
            return anthropic_error(400, problem)
        prompt = ''.join(text for message in body['messages'] for text, _ in _blocks(message))
        read, written = self._anthropic_cache(body)
        schema = body.get('output_config', {}).get('format', {}).get('schema')
        # Their schemas know no bounds, so rows are written as a model would: after the prompt.
        text = self.answer(None if '# Real rows' in prompt else schema, prompt, _seed(body))
        return Answer(
            200,
            {
                'id': 'msg_1',
                'type': 'message',
                'role': 'assistant',
                'model': body['model'],
                'content': [{'type': 'text', 'text': text}],
                'stop_reason': 'end_turn',
                'stop_sequence': None,
                'usage': {
                    'input_tokens': len(prompt) - read - written,
                    'output_tokens': len(text),
                    'cache_read_input_tokens': read,
                    'cache_creation_input_tokens': written,
                },
            },
        )

    def _anthropic_cache(self, body: dict[str, Any]) -> tuple[int, int]:
        """Characters of the messages that came from the cache, and that went there."""
        before, marked = str(body.get('system')), ''
        for message in body['messages']:
            for text, is_marked in _blocks(message):
                before += text
                marked = before if is_marked else marked
        length = len(marked) - len(str(body.get('system')))
        with self._lock:
            if not marked or marked in self._cached:
                return max(0, length), 0
            self._cached.add(marked)
        return 0, length


def default_answer(schema: dict[str, Any] | None, prompt: str, seed: int) -> str:
    """Random JSON that meets the schema; without one, what a model makes of the prompt."""
    rng = np.random.default_rng(seed)
    if schema is not None:
        return random_json(schema, rng)
    if '# Real rows' not in prompt:
        return REWRITE
    real = [json.loads(line) for line in prompt.splitlines() if line.startswith('{"')]
    wanted = int(re.findall(r'Write (\d+) new rows?', prompt)[-1])
    rows = [{key: real[rng.integers(len(real))][key] for key in real[0]} for _ in range(wanted)]
    return f'Here they are:\n```json\n{json.dumps({"rows": rows})}\n```'


OPENAI_SETTINGS = {
    *('model', 'messages', 'response_format', 'temperature', 'seed'),
    *('max_completion_tokens', 'max_tokens'),
}
ANTHROPIC_SETTINGS = {'model', 'max_tokens', 'messages', 'system', 'output_config'}
TYPES = {'object', 'array', 'string', 'integer', 'number', 'boolean', 'null'}
#: The keywords that strict mode lists as supported, by type; the others are errors there.
#: (https://developers.openai.com/api/docs/guides/structured-outputs, supported schemas)
OPENAI_KEYWORDS = {
    'object': {'properties', 'required', 'additionalProperties'},
    'array': {'items', 'minItems', 'maxItems'},
    'string': {'enum', 'pattern', 'format'},
    'integer': {'enum', 'minimum', 'maximum', 'multipleOf'},
    'number': {'enum', 'minimum', 'maximum', 'multipleOf'},
    'boolean': {'enum'},
    'null': {'enum'},
}
#: Likewise for Anthropic's, which know no bounds and no patterns.
ANTHROPIC_KEYWORDS = {
    'object': {'properties', 'required', 'additionalProperties'},
    'array': {'items', 'minItems'},
    'string': {'format'},
    **{kind: set() for kind in ('integer', 'number', 'boolean', 'null')},
}


def openai_problem(body: dict[str, Any]) -> str:
    """What the real API would say about a request; empty where it would answer."""
    for name in sorted(set(body) - OPENAI_SETTINGS):
        return f'Unrecognized request argument supplied: {name}'
    if not isinstance(body.get('model'), str) or not body['model']:
        return 'you must provide a model parameter'
    if {'max_tokens', 'max_completion_tokens'} <= set(body):
        return "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
    if not 0 <= body.get('temperature', 1) <= 2:
        return f"Invalid 'temperature': decimal above maximum value. Got {body['temperature']}."
    if type(body.get('seed', 0)) is not int:
        return "Invalid type for 'seed': expected an integer."
    wanted = body.get('response_format')
    if wanted is not None:
        if set(wanted) != {'type', 'json_schema'} or wanted['type'] != 'json_schema':
            return "Invalid value: 'response_format'."
        name, schema = wanted['json_schema'].get('name', ''), wanted['json_schema'].get('schema')
        if not re.fullmatch('[a-zA-Z0-9_-]{1,64}', name):
            return "Invalid 'response_format.json_schema.name': string does not match pattern."
        problem = ''
        if wanted['json_schema'].get('strict'):
            problem = _strict_problem(schema) if schema.get('type') == 'object' else 'no object.'
        if problem:
            return f"Invalid schema for response_format '{name}': {problem}"
    return _messages_problem(body.get('messages'), ('system', 'user', 'assistant'))


def anthropic_problem(body: dict[str, Any], version: str) -> str:
    """What the real API would say about a request; empty where it would answer."""
    if not version:
        return 'anthropic-version: header is required'
    if 'temperature' in body and version >= '2026-10-21':
        return '`temperature` is deprecated for this model.'
    for name in sorted(set(body) - ANTHROPIC_SETTINGS):
        return f'{name}: Extra inputs are not permitted'
    for name in ('model', 'max_tokens', 'messages'):
        if not body.get(name):
            return f'{name}: Field required'
    wanted = body.get('output_config', {}).get('format')
    if wanted is not None:
        if wanted.get('type') != 'json_schema':
            return "output_config.format.type: Input should be 'json_schema'"
        problem = _closed_problem(wanted['schema'])
        if problem:
            return f'output_config.format.schema: {problem}'
    return _messages_problem(body['messages'], ('user', 'assistant'))


def _messages_problem(messages: Any, roles: tuple[str, ...]) -> str:
    if not messages:
        return 'messages: at least one message is required'
    for number, message in enumerate(messages):
        if message.get('role') not in roles:
            return f'messages.{number}.role: Input should be one of {", ".join(roles)}'
        try:
            is_text = all(text and isinstance(text, str) for text, _ in _blocks(message))
        except (KeyError, TypeError):
            is_text = False
        if not is_text or not message['content']:
            return f'messages.{number}.content: must be non-empty text'
    return ''


def _blocks(message: dict[str, Any]) -> list[tuple[str, bool]]:
    """The texts of a message, and whether each is marked as the end of what to cache."""
    if isinstance(message['content'], str):
        return [(message['content'], False)]
    return [(block['text'], 'cache_control' in block) for block in message['content']]


def _strict_problem(schema: Any, where: tuple[str, ...] = ()) -> str:
    """What OpenAI's strict mode would say about a schema."""
    context = f'In context={where}, '
    if not isinstance(schema, dict):
        return f'{context}{schema} is not a schema.'
    if 'anyOf' in schema:
        found = (
            _strict_problem(inner, (*where, 'anyOf', str(number)))
            for number, inner in enumerate(schema['anyOf'])
        )
        return next(filter(None, found), '')
    if 'type' not in schema:
        return f"{context}schema must have a 'type' key."
    kinds = schema['type'] if isinstance(schema['type'], list) else [schema['type']]
    if not set(kinds) <= TYPES:
        return f'{context}unknown type.'
    allowed = set.union({'type', 'description'}, *(OPENAI_KEYWORDS[kind] for kind in kinds))
    for keyword in sorted(set(schema) - allowed):
        return f"{context}'{keyword}' is not permitted."
    for value in schema.get('enum', ()):
        if not any(_is_of_type(value, kind) for kind in kinds):
            return f'{context}enum value {value} does not validate against {kinds}.'
    return _inner_problem(schema, where, _strict_problem)


def _closed_problem(schema: dict[str, Any], where: tuple[str, ...] = ()) -> str:
    """What Anthropic's structured output would say about a schema."""
    if 'anyOf' in schema:
        return next(filter(None, map(_closed_problem, schema['anyOf'])), '')
    if 'enum' in schema:
        return ''
    allowed = {'type', 'description'} | ANTHROPIC_KEYWORDS[schema['type']]
    for keyword in sorted(set(schema) - allowed):
        return f"For '{schema['type']}' type, property '{keyword}' is not supported"
    if schema.get('minItems', 0) > 1:
        return "For 'array' type, 'minItems' values other than 0 or 1 are not supported"
    return _inner_problem(schema, where, _closed_problem)


def _inner_problem(
    schema: dict[str, Any],
    where: tuple[str, ...],
    problem: Callable[[Any, tuple[str, ...]], str],
) -> str:
    context = f'In context={where}, '
    if schema['type'] == 'array':
        if 'items' not in schema:
            return f'{context}array schema missing items.'
        return problem(schema['items'], (*where, 'items'))
    if schema['type'] != 'object':
        return ''
    if schema.get('additionalProperties') is not False:
        return f"{context}'additionalProperties' is required to be supplied and to be false."
    if set(schema.get('required', ())) != set(schema['properties']):
        return f"{context}'required' must include every key in properties."
    found = (
        problem(inner, (*where, 'properties', key)) for key, inner in schema['properties'].items()
    )
    return next(filter(None, found), '')


def _is_of_type(value: Any, kind: str) -> bool:
    if isinstance(value, bool) or value is None:
        return kind == {True: 'boolean', False: 'boolean', None: 'null'}[value]
    if isinstance(value, (int, float)):
        return kind == 'number' or (kind == 'integer' and float(value).is_integer())
    return kind == 'string'


def _seed(body: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(body).encode())


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the client was faster


class _Http(ThreadingHTTPServer):
    daemon_threads = False  # joined when the server closes; none outlives the handler's timeout
    request_queue_size = 128


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'
        timeout = SECONDS
        wbufsize = -1

        def setup(self) -> None:
            super().setup()
            with server._lock:
                server._connections.add(self.connection)

        def finish(self) -> None:
            with server._lock:
                server._connections.discard(self.connection)
            try:
                super().finish()
            except OSError:
                pass  # the connection was cut

        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            sent = self.rfile.read(int(headers.get('content-length', 0)))
            if headers.get('content-type', '').startswith('multipart/'):
                body = {'parts': sent}
            else:
                body = json.loads(sent or b'{}')
            answer = server.reply(Received(self.path, headers, body, self.command))
            if not isinstance(answer, Answer):
                self.close_connection = True
                _cut(self.connection)
                return
            text = answer.body if isinstance(answer.body, (str, bytes)) else json.dumps(answer.body)
            payload = text if isinstance(text, bytes) else text.encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header('content-type', 'application/json')
            self.send_header('content-length', str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    return Handler
