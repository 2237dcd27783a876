"""What the calls of a synthesizer have used, by step of the fit and role."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sdv_llmgan.providers.forks import Renewed, renewed_after_fork
from sdv_llmgan.providers.usage import Usage


class Bill(Renewed):
    """Adds up what calls use; threads may add together.

    Args:
        step: The step of the fit that usage is counted for, from 0; ``None``: sampling.
        used: Usage by step and role.
    """

    def __init__(
        self,
        step: int | None = None,
        used: dict[tuple[int | None, str], Usage] | None = None,
    ) -> None:
        renewed_after_fork(self)
        self.step = step
        self.used = used or {}
        self._lock = threading.Lock()

    def total(self) -> Usage:
        """Everything used so far."""
        return sum(self.by_role().values(), Usage())

    def by_role(self) -> dict[str, Usage]:
        """Everything used so far, by role."""
        total: dict[str, Usage] = {}
        with self._lock:
            for (_, role), usage in self.used.items():
                total[role] = total.get(role, Usage()) + usage
        return total

    def add(self, role: str, usage: Usage) -> None:
        """Count what a call used."""
        with self._lock:
            key = self.step, role
            self.used[key] = self.used.get(key, Usage()) + usage

    @contextmanager
    def counted_for(self, step: int) -> Iterator[None]:
        """Count what is used in here for a step of the fit."""
        self.step = step
        try:
            yield
        finally:
            self.step = None
