"""How many of the calls that were begun together are answered, for a progress bar."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sdv_llmgan.providers.forks import Renewed, renewed_after_fork


class CallWatch(Renewed):
    """Counts calls as they are answered, and tells who watches."""

    def __init__(self) -> None:
        renewed_after_fork(self)
        self._tell: Callable[[int, int], None] | None = None
        self._answered = self._asked = 0
        self._lock = threading.Lock()

    def ask(self, num_calls: int) -> None:
        """Begin with so many calls, which are answered together."""
        self._answered, self._asked = 0, num_calls

    def answered(self) -> None:
        """Count one more, and tell who watches."""
        with self._lock:
            self._answered += 1
            answered = self._answered
        if self._tell is not None:
            self._tell(answered, self._asked)

    @contextmanager
    def watched(self, tell: Callable[[int, int], None]) -> Iterator[None]:
        """Tell ``tell`` of each call that is answered.

        Args:
            tell: Gets how many were answered of how many that were asked together.
        """
        before, self._tell = self._tell, tell
        try:
            yield
        finally:
            self._tell = before
