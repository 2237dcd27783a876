"""Who asks for what: each request is out once, over all threads and processes that share a file.

    request -> its lock in this process -> its byte of a file, locked for this process -> ask

A lock of the operating system goes with the process that holds it, so none is left behind.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakValueDictionary

from sdv_llmgan.formats.private_files import open_private
from sdv_llmgan.providers.forks import renewed_after_fork

try:
    import fcntl
except ImportError:  # Windows: threads share, processes do not
    fcntl = None  # type: ignore[assignment]

LOGGER = logging.getLogger(__name__)

#: Added to the name of the file that is shared.
SUFFIX = '-asking'
#: A process without an answer after so many seconds hangs, or was stopped: it is not waited for.
LONGEST_WAIT = 600.0
#: Seconds between two looks at a request that another process has out: at first, at last.
FIRST_LOOK, LAST_LOOK = 0.01, 0.2
#: Hexadecimal digits of a key that choose its byte: any place that a file may have.
DIGITS = 15


class _LockFile:
    """A file of which bytes are locked. Closing it anywhere in a process unlocks all of them."""

    def __init__(self, path: Path) -> None:
        self.number = open_private(path, os.O_RDWR)

    def __del__(self) -> None:
        if hasattr(self, 'number'):
            os.close(self.number)

    def take(self, byte: int, given_up: threading.Event) -> bool:
        """Wait for a byte; False where it could not be had."""
        ends, pause = time.monotonic() + LONGEST_WAIT, FIRST_LOOK
        while not given_up.is_set() and time.monotonic() < ends:
            try:
                fcntl.lockf(self.number, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
            except (BlockingIOError, PermissionError):
                given_up.wait(pause)
                pause = min(2 * pause, LAST_LOOK)
            except OSError:  # a file system without locks
                return False
            else:
                return True
        return False

    def give_back(self, byte: int) -> None:
        fcntl.lockf(self.number, fcntl.LOCK_UN, 1, byte)


class Sharing:
    """What is asked now, whichever object stands for a file."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[tuple[Path, str], threading.Lock] = WeakValueDictionary()
        self._parents: set[tuple[Path, str]] = set()
        self._prepare()

    def _prepare(self) -> None:
        renewed_after_fork(self)
        # In a forked process, the parent may be waiting for us: what it asks is not waited for.
        self._parents |= {key for key, lock in self._locks.items() if lock.locked()}
        self._locks = WeakValueDictionary()
        self._files: WeakValueDictionary[Path, _LockFile] = WeakValueDictionary()
        self._lock = threading.Lock()

    @contextmanager
    def asking(
        self, file: Path, key: str, given_up: threading.Event | None = None
    ) -> Iterator[None]:
        """Be the only one, in here, that asks for something.

        Args:
            file: What callers share.
            key: What is asked for, in hexadecimal digits.
            given_up: Ends the waiting for other processes.
        """
        with self._lock:
            lock = self._locks.setdefault((file, key), threading.Lock())
        with lock, self._alone(file, key, given_up or threading.Event()):
            yield

    @contextmanager
    def _alone(self, file: Path, key: str, given_up: threading.Event) -> Iterator[None]:
        shared = None if (file, key) in self._parents else self._file(file)
        byte = int(key[:DIGITS], 16)
        if shared is None or not shared.take(byte, given_up):
            yield
            return
        try:
            yield
        finally:
            shared.give_back(byte)

    def _file(self, file: Path) -> _LockFile | None:
        """The file whose bytes are locked; ``None`` where there can be none."""
        with self._lock:
            try:
                found = self._files.get(file)
                if found is None and fcntl is not None:
                    found = _LockFile(file.with_name(file.name + SUFFIX))
                    self._files[file] = found
            except OSError as error:
                LOGGER.info('%s is not shared with other processes (%s).', file, error)
                return None
            return found
