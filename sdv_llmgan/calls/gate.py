"""How many calls may be in flight: fewer after a rate limit, more again after successes.

Additive increase, multiplicative decrease, as TCP does it (Chiu & Jain, 1989).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sdv_llmgan.errors import RateLimitError
from sdv_llmgan.providers.forks import Renewed, renewed_after_fork

DECREASE = 0.5
#: Seconds between looks at whether the wait was cancelled.
LOOK_AGAIN = 0.2


class Cancelled(Exception):
    """The other calls of the same batch were given up."""


class Gate(Renewed):
    """Lets so many calls through at once.

    Args:
        most: Calls in flight when nothing is amiss, >= 1.
        limit: Calls in flight now, 1 to ``most``; ``None``: ``most``.
    """

    def __init__(self, most: int, limit: float | None = None) -> None:
        renewed_after_fork(self)
        self.most = max(1, most)
        self.limit = float(self.most if limit is None else limit)
        self._in_flight = 0
        self._lowered = -float('inf')
        self._changed = threading.Condition()

    @contextmanager
    def call(self, cancelled: threading.Event) -> Iterator[None]:
        """Wait for a place, and learn from how the call in here ends.

        Raises:
            Cancelled: The event was set while waiting.
        """
        with self._changed:
            while self._in_flight >= int(self.limit) and not cancelled.is_set():
                self._changed.wait(LOOK_AGAIN)
            if cancelled.is_set():
                raise Cancelled
            self._in_flight += 1
        began = time.monotonic()
        try:
            yield
            self._set_limit(self.limit + 1 / self.limit)
        except RateLimitError:
            # Calls that were out together are refused together: that is one reason, not many.
            if began > self._lowered:
                self._lowered = time.monotonic()
                self._set_limit(self.limit * DECREASE)
            raise
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def _set_limit(self, limit: float) -> None:
        with self._changed:
            self.limit = min(max(1.0, limit), float(self.most))
