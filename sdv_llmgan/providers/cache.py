"""Replies on disk, so that no call is paid for twice: a fit that was killed picks up here.

    hash of model, settings and messages -> reply and its usage

SQLite: safe for threads and processes, and after a kill. Prompts are not in it, only their hash;
what is read back is checked, never executed.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from sdv_llmgan.errors import ProviderError
from sdv_llmgan.providers.base import Completion, Provider, Request
from sdv_llmgan.providers.folder import CACHE_VARIABLE, cache_folder
from sdv_llmgan.usage import Usage

LOGGER = logging.getLogger(__name__)

GIBIBYTE = 2**30
#: Part of every hash: replies to prompts of another format are never found.
FORMAT = 1
#: Share of the bound that is left after the oldest replies were deleted.
KEPT_SHARE = 0.9
SECONDS_FOR_LOCKS = 60.0
#: What a row takes besides its reply: hash, numbers, index.
ROW_BYTES = 200
#: What is asked now, by process, file and request, whichever cache stands for the file.
ASKED: WeakValueDictionary[tuple[int, str, str], threading.Lock] = WeakValueDictionary()
ASKED_LOCK = threading.Lock()
TABLE = """
create table if not exists replies (
    key text primary key, text text not null, prompt_tokens integer not null,
    completion_tokens integer not null, bytes integer not null, used real not null
) without rowid
"""


class ReplyCache:
    """Replies by what was asked, in one SQLite file.

    Args:
        path: The file; ``None``: ``replies.sqlite`` in ``cache_folder()``.
        max_bytes: The replies least recently used are deleted beyond this, >= 1.
        replay_only: Whether a request that is not in the cache is an error: such a run is
            offline, free and repeats another one exactly.

    Raises:
        ValueError: ``max_bytes`` is below 1.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        max_bytes: int = GIBIBYTE,
        replay_only: bool = False,
    ) -> None:
        if max_bytes < 1:
            raise ValueError(f'max_bytes must be at least 1, got {max_bytes!r}.')
        self.path = path
        self.max_bytes = max_bytes
        self.replay_only = replay_only
        self._prepare()

    def _prepare(self) -> None:
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._process = 0
        self._bytes = 0

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle holds: where the file is, not what is in it."""
        return {key: value for key, value in vars(self).items() if not key.startswith('_')}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._prepare()

    def __repr__(self) -> str:
        return (
            f'ReplyCache({str(self.file)!r}, max_bytes={self.max_bytes}, '
            f'replay_only={self.replay_only})'
        )

    @property
    def file(self) -> Path:
        """The SQLite file."""
        return Path(self.path) if self.path is not None else cache_folder() / 'replies.sqlite'

    def get(self, provider: Provider, request: Request) -> Completion | None:
        """The reply to a request, if it is known; its usage is one replayed call.

        Raises:
            ProviderError: It is not, and ``replay_only`` says that it has to be.
        """
        key = _key(provider, request)
        try:
            found = self._find(key)
        except sqlite3.DatabaseError as error:
            self._put_aside(error)
            found = None
        if found and isinstance(found[0], str):
            return Completion(found[0], Usage(replayed=1))
        if self.replay_only:
            raise ProviderError(
                f'The cache {self.file} has no reply to this {request.role} request, and '
                'replay_only=True sends nothing. Run once with the same data, settings and seed '
                'without it.'
            )
        return None

    def put(self, provider: Provider, request: Request, completion: Completion) -> None:
        """Keep a reply; it is on disk when this returns, whatever becomes of the process."""
        usage = completion.usage
        size = len(completion.text.encode()) + ROW_BYTES
        row = [completion.text, usage.prompt_tokens, usage.completion_tokens, size, time.time()]
        entry = [_key(provider, request), *row]
        try:
            self._add(entry, size)
        except sqlite3.DatabaseError as error:
            self._put_aside(error)
            self._add(entry, size)

    def asking(self, provider: Provider, request: Request) -> threading.Lock:
        """What to hold while asking, so that no other thread asks the same meanwhile.

        The others wait, and then find the reply in the file. Threads of a process that this one
        was forked from do not count: they would never let go.
        """
        with ASKED_LOCK:
            key = os.getpid(), str(self.file.absolute()), _key(provider, request)
            return ASKED.setdefault(key, threading.Lock())

    def clear(self) -> None:
        """Delete all replies."""
        with self._open() as connection:
            connection.execute('delete from replies')

    def __len__(self) -> int:
        """Number of replies."""
        with self._open() as connection:
            return int(connection.execute('select count(*) from replies').fetchone()[0])

    def _find(self, key: str) -> tuple[Any] | None:
        with self._open() as connection:
            found = connection.execute('select text from replies where key = ?', [key]).fetchone()
            if found and not self.replay_only:
                connection.execute('update replies set used = ? where key = ?', [time.time(), key])
        return found if found else None

    def _add(self, entry: list[Any], size: int) -> None:
        with self._open() as connection:
            connection.execute('insert or replace into replies values (?, ?, ?, ?, ?, ?)', entry)
            self._bytes += size
            if self._bytes > self.max_bytes:
                self._shrink(connection)

    def _put_aside(self, error: sqlite3.DatabaseError) -> None:
        """Begin a new file in place of a damaged one; whatever else is wrong is raised."""
        if isinstance(error, sqlite3.OperationalError):
            raise self._unusable(error) from error
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            aside = self.file.with_suffix('.broken')
            LOGGER.warning(
                '%s is no cache, or damaged (%s); it is now %s.', self.file, error, aside
            )
            self.file.replace(aside)
            for rest in ('-wal', '-shm'):
                self.file.with_name(self.file.name + rest).unlink(missing_ok=True)

    def _shrink(self, connection: sqlite3.Connection) -> None:
        """Delete what was not used for longest; other processes may have done so."""
        rows = connection.execute(
            'select key, cast(bytes as integer) from replies order by used'
        ).fetchall()
        self._bytes = sum(size for _, size in rows)
        for key, size in rows:
            if self._bytes <= self.max_bytes * KEPT_SHARE:
                break
            connection.execute('delete from replies where key = ?', [key])
            self._bytes -= size

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A transaction; a file that is no cache is put aside, and a new one begun."""
        with self._lock:
            if self._connection is None or self._process != os.getpid():
                self._connection = self._connect()
                self._process = os.getpid()
                total = self._connection.execute(
                    'select total(cast(bytes as integer)) from replies'
                )
                self._bytes = int(total.fetchone()[0])
            connection = self._connection
            connection.execute('begin immediate')
            try:
                yield connection
            except BaseException:
                connection.execute('rollback')
                raise
            connection.execute('commit')

    def _connect(self) -> sqlite3.Connection:
        if self.replay_only and not self.file.exists():
            raise ProviderError(
                f'There is no cache {self.file} to replay, and replay_only=True sends nothing.'
            )
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            return _connected(self.file)
        except sqlite3.DatabaseError as error:
            self._put_aside(error)
            return _connected(self.file)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> ProviderError:
        return ProviderError(
            f'Replies cannot be kept in {self.file} ({error}); nothing was sent. Name another '
            f'file (cache=...) or folder ({CACHE_VARIABLE}), or take cache=False.'
        )


def to_cache(wanted: bool | str | os.PathLike[str] | ReplyCache) -> ReplyCache | None:
    """What the argument ``cache`` stands for: a cache, a file, the default one, or none."""
    if isinstance(wanted, ReplyCache):
        return wanted
    if isinstance(wanted, bool):
        return ReplyCache() if wanted else None
    return ReplyCache(wanted)


def _connected(file: Path) -> sqlite3.Connection:
    # Made here, for its owner only: SQLite gives its side files the same rights.
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(
        file, timeout=SECONDS_FOR_LOCKS, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = lambda raw: raw.decode(errors='replace')
    try:
        # Readers and writers do not wait for each other; a commit outlives a kill of the process.
        connection.execute('pragma journal_mode = wal')
        connection.execute('pragma synchronous = normal')
        connection.execute(TABLE)
        connection.execute('select key, text, bytes, used from replies limit 1')
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _key(provider: Provider, request: Request) -> str:
    asked = f'{FORMAT}\n{provider.name}\n{request.body()}'
    return hashlib.sha256(asked.encode(errors='surrogatepass')).hexdigest()
