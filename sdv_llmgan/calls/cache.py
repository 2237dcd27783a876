"""Replies on disk, so that no call is paid for twice: a fit that was killed picks up here.

    hash of model, settings and messages -> reply and its usage

SQLite: safe for threads and processes, and after a kill. Prompts are not in it, only their hash;
what is read back is checked, never executed.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any
from weakref import WeakSet

from sdv_llmgan.calls.folder import CACHE_VARIABLE, cache_folder
from sdv_llmgan.calls.sharing import Sharing
from sdv_llmgan.errors import ProviderError
from sdv_llmgan.formats.private_files import open_private
from sdv_llmgan.providers.base import Completion, Provider, Request
from sdv_llmgan.providers.forks import Renewed, around_forks
from sdv_llmgan.providers.usage import Usage

LOGGER = logging.getLogger(__name__)

GIBIBYTE = 2**30
#: Part of every hash: replies to prompts of another format are never found.
FORMAT = 1
#: Share of the bound that is left after the oldest replies were deleted.
KEPT_SHARE = 0.9
SECONDS_FOR_LOCKS = 60.0
#: What a row takes besides its reply: hash, numbers, index.
ROW_BYTES = 200
#: Replies that could not be written and are tried again with the next one, at most.
TRIED_AGAIN = 100
SHARING = Sharing()
TABLE = """
create table if not exists replies (
    key text primary key, text text not null, prompt_tokens integer not null,
    completion_tokens integer not null, bytes integer not null, used real not null
) without rowid
"""


class ReplyCache(Renewed):
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
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None  # the file behind the connection
        self._bytes = 0
        #: By key what is not in the file yet.
        self._unwritten: dict[str, list[Any]] = {}
        self._has_worked = self._has_failed = False
        _CACHES.add(self)

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
        text = self._unwritten[key][1] if key in self._unwritten else self._find(key)
        if isinstance(text, str):
            return Completion(text, Usage(replayed=1))
        if self.replay_only:
            raise ProviderError(
                f'The cache {self.file} has no reply to this {request.role} request, and '
                'replay_only=True sends nothing. Run once with the same data, settings and seed '
                'without it.'
            )
        return None

    def put(self, provider: Provider, request: Request, completion: Completion) -> None:
        """Keep a reply; it is on disk when this returns, whatever becomes of the process.

        Where it cannot be written, because the disk is full or another process is in the way, it
        is kept in memory and written with the next one. That is said in the log.
        """
        usage = completion.usage
        size = len(completion.text.encode()) + ROW_BYTES
        key = _key(provider, request)
        row = [completion.text, usage.prompt_tokens, usage.completion_tokens, size, time.time()]
        with self._lock:
            self._unwritten[key] = [key, *row]
            try:
                self._write()
            except (sqlite3.Error, OSError, ProviderError) as error:
                self._not_written(error)

    def asking(
        self, provider: Provider, request: Request, given_up: threading.Event | None = None
    ) -> AbstractContextManager[None]:
        """What to hold while asking, so that nobody else asks the same meanwhile.

        Other threads and processes with this file wait, and then find the reply in it. Threads of
        a process that this one was forked from do not count: it may be waiting for this one.
        """
        return SHARING.asking(self.file.absolute(), _key(provider, request), given_up)

    def clear(self) -> None:
        """Delete all replies."""
        with self._open() as connection:
            self._unwritten.clear()
            connection.execute('delete from replies')

    def __len__(self) -> int:
        """Number of replies."""
        with self._open() as connection:
            written = connection.execute('select count(*) from replies').fetchone()[0]
            return int(written) + len(self._unwritten)

    def _find(self, key: str) -> str | None:
        """The text under a key, ``None`` where there is none.

        Raises:
            ProviderError: The file cannot be used, and never could.
        """
        found = None
        try:
            with self._open() as connection:
                found = connection.execute(
                    'select text from replies where key = ?', [key]
                ).fetchone()
                if found and not self.replay_only:
                    connection.execute(
                        'update replies set used = ? where key = ?', [time.time(), key]
                    )
        except (sqlite3.Error, ProviderError) as error:
            if _is_damage(error):
                self._put_aside(error)
            elif self._has_worked:  # calls were paid for: replies are kept in memory from now on
                self._not_written(error)
            elif isinstance(error, ProviderError):
                raise
            else:
                raise self._unusable(error) from error
        return found[0] if found else None

    def _write(self) -> None:
        """Write what is not in the file yet, into a new one where that is damaged."""
        entries = list(self._unwritten.values())[:TRIED_AGAIN]
        try:
            self._add(entries)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            self._put_aside(error)
            self._add(entries)
        for key, *_ in entries:
            del self._unwritten[key]

    def _add(self, entries: list[list[Any]]) -> None:
        with self._open() as connection:
            connection.executemany(
                'insert or replace into replies values (?, ?, ?, ?, ?, ?)', entries
            )
            self._bytes += sum(entry[4] for entry in entries)
            if self._bytes > self.max_bytes:
                self._shrink(connection)

    def _not_written(self, error: Exception) -> None:
        if not self._has_failed:
            LOGGER.warning(
                'Replies cannot be written to %s any more (%s). %d are kept in memory, and go on '
                'to be used, counted and written as soon as that works again; they are lost when '
                'this process ends before. Make room on the disk, or name another file '
                '(cache=...).',
                self.file,
                error,
                len(self._unwritten),
            )
        self._has_failed = True

    def _put_aside(self, error: Exception) -> None:
        """Begin a new file in place of a damaged one, which nothing that was kept is lost with."""
        with self._lock:
            self._close()
            if self._opened is not None and self._opened != _identity(self.file):
                return  # another process has done so
            aside = _moved_aside(self.file)
            LOGGER.warning(
                '%s is no cache, or damaged (%s); it is now %s.', self.file, error, aside
            )

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

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
        """A transaction."""
        with self._lock:
            if self._connection is None:
                self._connection = self._connect()
                self._opened = _identity(self.file)
                total = self._connection.execute(
                    'select total(cast(bytes as integer)) from replies'
                )
                self._bytes = int(total.fetchone()[0])
            connection = self._connection
            connection.execute('begin immediate')
            try:
                yield connection
                connection.execute('commit')
            except BaseException:
                if connection.in_transaction:  # some errors end it by themselves
                    connection.execute('rollback')
                raise
            self._has_worked = True

    def _connect(self) -> sqlite3.Connection:
        if self.replay_only and not self.file.exists():
            raise ProviderError(
                f'There is no cache {self.file} to replay, and replay_only=True sends nothing.'
            )
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            return _connected(self.file)
        except (sqlite3.Error, OSError) as error:
            if not _is_damage(error):
                raise self._unusable(error) from error
            self._put_aside(error)
            return _connected(self.file)

    def _unusable(self, error: Exception) -> ProviderError:
        return ProviderError(
            f'Replies cannot be kept in {self.file} ({error}); nothing was sent. Name another '
            f'file (cache=...) or folder ({CACHE_VARIABLE}), or take cache=False.'
        )


#: Caches of this process. None is in the midst of something when it forks, and none takes a
#: connection with it: SQLite's do not stand it.
_CACHES: WeakSet[ReplyCache] = WeakSet()
_HELD: list[Any] = []


def _before_fork() -> None:
    for cache in list(_CACHES):
        cache._lock.acquire()
        _HELD.append(cache._lock)
        cache._close()


def _after_fork() -> None:
    while _HELD:
        _HELD.pop().release()


around_forks(_before_fork, _after_fork)


def to_cache(wanted: bool | str | os.PathLike[str] | ReplyCache) -> ReplyCache | None:
    """What the argument ``cache`` stands for: a cache, a file, the default one, or none."""
    if isinstance(wanted, ReplyCache):
        return wanted
    if isinstance(wanted, bool):
        return ReplyCache() if wanted else None
    return ReplyCache(wanted)


def _connected(file: Path) -> sqlite3.Connection:
    # Made here, for its owner only: SQLite gives its side files the same rights.
    os.close(open_private(file, os.O_RDWR))
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


def _is_damage(error: Exception) -> bool:
    """Whether a file is damaged, or no database: only these have no class of their own."""
    return type(error) is sqlite3.DatabaseError


def _identity(file: Path) -> tuple[int, int] | None:
    """What tells a file from another one of the same name."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _moved_aside(file: Path) -> Path:
    """Where a file is now, with what SQLite keeps beside it: under a name that was free."""
    for number in itertools.count(1):
        aside = file.with_suffix('.broken' if number == 1 else f'.broken-{number}')
        try:
            os.link(file, aside)  # fails where there is one, as renaming would not
        except FileExistsError:
            continue
        except FileNotFoundError:
            break
        except OSError:  # a file system without links
            if aside.exists():
                continue
            file.rename(aside)
        file.unlink(missing_ok=True)
        for rest in ('-wal', '-shm'):
            with suppress(FileNotFoundError):
                file.with_name(file.name + rest).rename(aside.with_name(aside.name + rest))
        break
    return aside


def _key(provider: Provider, request: Request) -> str:
    asked = f'{FORMAT}\n{provider.name}\n{request.body()}'
    return hashlib.sha256(asked.encode(errors='surrogatepass')).hexdigest()
