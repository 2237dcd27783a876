"""A server on loopback that keeps to no protocol: a test says byte by byte what it does.

connection -> request, read whole and noted -> whatever ``behave`` does with the connection
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any


class HostileServer:
    """Serves from ``with`` to the end of the block, one request a connection.

    Args:
        behave: Gets the connection when its request was read, and answers as it likes.

    Attributes:
        requests: Heads and bodies, as they came in.
        sent: Bytes that ``drip`` and ``flood`` could send.
    """

    def __init__(self, behave: Callable[[HostileServer, socket.socket], None]) -> None:
        self.behave = behave
        self.requests: list[str] = []
        self.sent = 0
        self.closed = threading.Event()

    def __enter__(self) -> HostileServer:
        self._socket = socket.create_server(('127.0.0.1', 0))
        self.url = f'http://127.0.0.1:{self._socket.getsockname()[1]}'
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.closed.set()
        with contextlib.suppress(OSError):  # not there any more, or not connected
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._answer, args=[connection], daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(10.0)
            self.requests.append(_request(connection))
            self.behave(self, connection)

    def drip(self, connection: socket.socket, text: bytes, pause: float) -> None:
        """Send a byte, pause, send the next."""
        for byte in text:
            if self.closed.wait(pause):
                return
            connection.sendall(bytes([byte]))
            self.sent += 1

    def flood(self, connection: socket.socket, piece: bytes) -> None:
        """Send the same without end."""
        while not self.closed.is_set():
            connection.sendall(piece)
            self.sent += len(piece)


def _request(connection: socket.socket) -> str:
    came = b''
    while b'\r\n\r\n' not in came:
        came += _received(connection)
    head, _, body = came.partition(b'\r\n\r\n')
    length = re.search(rb'content-length: (\d+)', head, re.IGNORECASE)
    while length and len(body) < int(length[1]):
        body += _received(connection)
    return (head + b'\r\n\r\n' + body).decode(errors='replace')


def _received(connection: socket.socket) -> bytes:
    """What comes next; ``OSError`` where the other side has given up."""
    piece = connection.recv(65_536)
    if not piece:
        raise ConnectionResetError
    return piece


def head(status: int = 200, length: int | None = None, **headers: str) -> bytes:
    """The beginning of an answer; an underscore in a header's name stands for a dash."""
    lines = [f'HTTP/1.1 {status} OK', 'content-type: application/json', 'connection: close']
    lines += [f'{name.replace("_", "-")}: {value}' for name, value in headers.items()]
    lines += [] if length is None else [f'content-length: {length}']
    return '\r\n'.join([*lines, '', '']).encode()


def answers(status: int, body: bytes = b'{}', **headers: str) -> Callable[..., None]:
    """Behaviour: always the same answer."""

    def behave(server: HostileServer, connection: socket.socket) -> None:
        connection.sendall(head(status, len(body), **headers) + body)

    return behave


def in_turn(*bodies: bytes, status: int = 200, **headers: str) -> Callable[..., None]:
    """Behaviour: one body after the other."""
    left = iter(bodies)

    def behave(server: HostileServer, connection: socket.socket) -> None:
        answers(status, next(left), **headers)(server, connection)

    return behave


def reply(vendor: str, text: Any, counts: Any = 7) -> dict[str, Any]:
    """A completion in a vendor's form, with any JSON value as its text and its token counts."""
    if vendor == 'anthropic':
        return {
            **{'id': 'msg_1', 'type': 'message', 'role': 'assistant', 'model': 'tiny'},
            **{'stop_reason': 'end_turn', 'stop_sequence': None},
            'content': [{'type': 'text', 'text': text}],
            'usage': {'input_tokens': counts, 'output_tokens': counts},
        }
    message = {'role': 'assistant', 'content': text}
    if vendor == 'ollama':
        return {
            **{'model': 'tiny', 'created_at': '2026-01-01T00:00:00Z', 'done': True},
            **{'message': message, 'prompt_eval_count': counts, 'eval_count': counts},
        }
    return {
        **{'id': 'chatcmpl-1', 'object': 'chat.completion', 'created': 1, 'model': 'tiny'},
        'choices': [{'index': 0, 'finish_reason': 'stop', 'message': message}],
        'usage': {'prompt_tokens': counts, 'completion_tokens': counts, 'total_tokens': counts},
    }


def encoded(vendor: str, text: Any, counts: Any = 7) -> bytes:
    """As ``reply``, in bytes."""
    return json.dumps(reply(vendor, text, counts)).encode()


def elapsed(work: Callable[[], Any]) -> float:
    """Seconds that something takes."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def peak_mb(work: Callable[[], Any]) -> float:
    """Megabytes of memory that something takes at most, beyond what is in use (Linux)."""
    with open('/proc/self/clear_refs', 'w') as file:
        file.write('5')  # forget the peak so far
    before = _status('VmRSS')
    work()
    return (_status('VmHWM') - before) / 1024


def _status(name: str) -> int:
    with open('/proc/self/status') as file:
        lines: Iterable[str] = file.readlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f'{name}:'))
