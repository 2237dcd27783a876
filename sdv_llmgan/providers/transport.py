"""What stands between a vendor's SDK and the network: bounds that hold whatever a server sends.

    request -> (no proxy for this machine) -> deadline -> reply: no redirect, so many bytes -> SDK

The SDKs of OpenAI and Anthropic are built on httpx2, Ollama's on httpx. Both hand each request to
a transport, and take any object that has a transport's methods, so one class does for all.
"""

from __future__ import annotations

import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from sdv_llmgan.errors import ProviderError, TransientError
from sdv_llmgan.providers.base import is_loopback
from sdv_llmgan.providers.forks import renewed_after_fork

#: Bytes of an answer for which ``replies_up_to`` names no bound: a batch's state, a list of them.
MOST_BYTES = 8 * 2**20
#: A call may last its timeout, and a second more for so many bytes that came or went: files of
#: batches are large.
BYTES_PER_SECOND = 100_000
#: Bytes that are written before the clock is looked at again.
PIECE = 2**16
#: Either of the two forms that are asked for, zlib's or gzip's.
EITHER_FORM = 32 + zlib.MAX_WBITS

#: A request or response, a transport, and a network backend or stream: httpx's or httpx2's.
HTTPMessage: TypeAlias = Any
Transport: TypeAlias = Any
NetworkBackend: TypeAlias = Any

_LEFT_ALONE: list[Any] = []
_MOST: ContextVar[int] = ContextVar('most', default=MOST_BYTES)


@contextmanager
def replies_up_to(num_bytes: int) -> Iterator[None]:
    """Within this block, answers longer than so many bytes are refused, unpacked or not."""
    before = _MOST.set(num_bytes)
    try:
        yield
    finally:
        _MOST.reset(before)


class Clock:
    """How long a call may last.

    Args:
        timeout: Seconds; ``None``: without end.
    """

    def __init__(self, timeout: float | None) -> None:
        self.timeout = timeout
        self.began = time.monotonic()
        self.sent = 0
        self.came = 0

    def count(self, *, sent: int = 0, came: int = 0) -> None:
        """Count so many bytes more: they earn time."""
        self.sent += sent
        self.came += came

    def left(self, wanted: float | None) -> float | None:
        """Seconds that one step of the call may wait, ``wanted`` or fewer.

        Raises:
            TransientError: There are none left.
        """
        if self.timeout is None:
            return wanted
        # What comes beyond the bound, such as headers without end, earns no more time.
        moved = self.sent + min(self.came, _MOST.get())
        ends = self.began + self.timeout + moved / BYTES_PER_SECOND
        left = ends - time.monotonic()
        if left <= 0:
            raise TransientError(f'it timed out: no whole answer after {self.timeout:g} seconds')
        return left if wanted is None else min(wanted, left)


#: Outside of a call; what it counts bears on nothing.
_WITHOUT_END = Clock(None)
_CLOCK: ContextVar[Clock] = ContextVar('clock', default=_WITHOUT_END)


class Guard:
    """A transport around those of httpx or httpx2.

    - Redirects are errors: a request may hold real rows, and goes where the user sent it.
    - Requests to this machine go through no proxy, so that they do not leave it.
    - The timeout of a request holds for all of it, however slowly its answer drips in.
    - An answer is read up to a bound (``replies_up_to``), packed and unpacked.

    Args:
        make: Makes a transport that does the sending; it is given a ``proxy``, or ``None``.
        setting: What the user sets to name another server, for errors.
    """

    def __init__(self, make: Callable[..., Any], setting: str) -> None:
        self._make = make
        self._setting = setting
        self._inner: dict[str | None, Any] = {}
        self._lock = threading.Lock()
        renewed_after_fork(self)

    def _prepare(self) -> None:
        # Two processes on one connection would read each other's answers, and closing it waits
        # for locks that may be held: what a forked process took over is left alone.
        _LEFT_ALONE.append(self._inner)
        self._inner = {}
        self._lock = threading.Lock()

    def handle_request(self, request: HTTPMessage) -> HTTPMessage:
        """Send a request, and read all of its answer.

        Raises:
            ProviderError: A redirect, or a proxy that cannot be used.
            TransientError: The answer is too long, took too long, or cannot be unpacked.
        """
        clock = Clock(request.extensions.get('timeout', {}).get('read'))
        request.headers['accept-encoding'] = 'gzip, deflate'
        before = _CLOCK.set(clock)
        try:
            response = self._through(proxy_for(str(request.url))).handle_request(request)
            try:
                self._refuse_redirect(response, request)
                content = _content(response, _MOST.get())
            finally:
                response.close()
        finally:
            _CLOCK.reset(before)
        said = response.headers.multi_items()
        headers = [(name, value) for name, value in said if name.lower() not in _REWRITTEN]
        # Text in any other encoding than UTF-8 is none of JSON's.
        headers += [('content-type', response.headers.get('content-type', '').split(';')[0])]
        known = {'http_version', 'reason_phrase'}
        extensions = {key: response.extensions[key] for key in known & response.extensions.keys()}
        return type(response)(
            response.status_code, headers=headers, content=content, extensions=extensions
        )

    def _through(self, proxy: str | None) -> Transport:
        with self._lock:
            if proxy not in self._inner:
                try:
                    inner = self._make(proxy=proxy)
                except (ImportError, ValueError) as error:
                    raise ProviderError(
                        f'the proxy that the environment names cannot be used ({error}). Mend '
                        'HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, or name the server in NO_PROXY'
                    ) from None
                # No argument leads there. Where it is gone, slow headers alone escape the clock.
                pool: Any = getattr(inner, '_pool', None)
                if hasattr(pool, '_network_backend'):
                    pool._network_backend = _TimedNetwork(pool._network_backend)
                self._inner[proxy] = inner
            return self._inner[proxy]

    def _refuse_redirect(self, response: HTTPMessage, request: HTTPMessage) -> None:
        if not 300 <= response.status_code < 400:
            return
        there = urlsplit(response.headers.get('location', ''))
        to = there.hostname or request.url.host
        raise ProviderError(
            f'{request.url.host} redirects requests to {to} (status {response.status_code}), which '
            'is not followed: requests may hold real rows. If that is where they should go, name '
            f'its address yourself ({self._setting})'
        )

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for inner in self._inner.values():
                inner.close()

    def __enter__(self) -> Guard:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


#: Headers that are not those of the answer as it is handed on.
_REWRITTEN = {'content-type', 'content-encoding', 'content-length', 'transfer-encoding'}


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for an address; none for this machine's own."""
    address = urlsplit(url)
    if is_loopback(url) or proxy_bypass(address.netloc.rpartition('@')[2]):
        return None
    proxies = getproxies()
    proxy = proxies.get(address.scheme) or proxies.get('all')
    return f'http://{proxy}' if proxy and '://' not in proxy else proxy or None


def _content(response: HTTPMessage, most: int) -> bytes:
    """An answer's body, unpacked, read while it is no longer than so many bytes."""
    packed = response.headers.get('content-encoding', 'identity').strip().lower()
    if packed not in ('', 'identity', 'gzip', 'deflate'):
        raise TransientError(
            f'it answered in the encoding {packed[:40]!r}, which was not asked for'
        )
    unpack = zlib.decompressobj(EITHER_FORM) if packed in ('gzip', 'deflate') else None
    content, came = bytearray(), 0
    for piece in response.stream:
        came += len(piece)
        _CLOCK.get().left(None)
        try:
            content += unpack.decompress(piece, most + 1 - len(content)) if unpack else piece
        except zlib.error as error:
            raise TransientError(f'its answer cannot be unpacked ({error})') from None
        if max(came, len(content)) > most:
            raise TransientError(
                f'its answer is longer than the {most} bytes that what was asked for may take'
            )
    if unpack and not unpack.eof:
        raise TransientError('its answer, which is packed, was cut off')
    return bytes(content)


class _TimedNetwork:
    """A network backend of httpcore's whose connections look at the clock of the call."""

    def __init__(self, inner: NetworkBackend) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._inner, name)

    def connect_tcp(self, *args: object, timeout: float | None = None, **options: object) -> _Timed:
        return _Timed(self._inner.connect_tcp(*args, timeout=_left(timeout), **options))


class _Timed:
    """A connection that looks at the clock of the call it is used for."""

    def __init__(self, inner: NetworkBackend) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._inner, name)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        read: bytes = self._inner.read(max_bytes, _left(timeout))
        _CLOCK.get().count(came=len(read))
        return read

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), PIECE):
            piece = buffer[start : start + PIECE]
            self._inner.write(piece, _left(timeout))
            _CLOCK.get().count(sent=len(piece))

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> _Timed:
        return _Timed(self._inner.start_tls(ssl_context, server_hostname, _left(timeout)))


def _left(wanted: float | None) -> float | None:
    return _CLOCK.get().left(wanted)
