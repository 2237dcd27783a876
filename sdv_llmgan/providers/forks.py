"""What a forked process must not take over: locks that nobody will release, connections, calls.

Only the thread that forks lives on in the new process. A lock that another thread held stays held
there, a connection has two ends that do not know of each other, and calls in flight never end. So
whoever has any of these says how it begins anew.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakSet


class Renewable(Protocol):
    """Has parts that a pickle leaves out, and a forked process too."""

    def _prepare(self) -> None:
        """Make these parts anew; the old ones are neither used nor waited for."""


_LIVING: WeakSet[Renewable] = WeakSet()


def renewed_after_fork(thing: Renewable) -> None:
    """Have a thing make its locks, connections and calls anew in a process forked from this one."""
    _LIVING.add(thing)


def _renew() -> None:
    for thing in list(_LIVING):
        thing._prepare()


class Renewed:
    """What begins anew in a forked process as a copy from a pickle does.

    Attributes that begin with an underscore are of one process alone: ``__init__`` makes them. The
    others are its arguments, and are kept.
    """

    def __getstate__(self) -> dict[str, Any]:
        """What is kept."""
        return {key: value for key, value in vars(self).items() if not key.startswith('_')}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        type(self).__init__(self, **kept)

    def _prepare(self) -> None:
        self.__setstate__(self.__getstate__())


class Lock:
    """A lock that nobody holds in a forked process.

    Attributes:
        held: The lock, for ``with``.
    """

    def __init__(self) -> None:
        self._prepare()
        renewed_after_fork(self)

    def _prepare(self) -> None:
        self.held = threading.Lock()


def around_forks(before: Callable[[], None], after: Callable[[], None]) -> None:
    """Call ``before`` each fork of this process, and ``after`` it in both processes."""
    if hasattr(os, 'register_at_fork'):  # there is no fork on Windows
        os.register_at_fork(before=before, after_in_parent=after, after_in_child=after)


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_renew)
