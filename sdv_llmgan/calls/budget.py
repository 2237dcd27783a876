"""What a fit and the sampling after it may use, and what they have used.

    request -> upper bound -> fits the budget? -> in flight -> used
                                   |
                                   no: wait for calls in flight, then BudgetError

The upper bounds of all calls in flight count too, so that no bound is ever passed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

from sdv_llmgan.errors import BudgetError
from sdv_llmgan.providers.forks import renewed_after_fork
from sdv_llmgan.providers.usage import Usage

#: Seconds between looks at the clock while waiting for calls in flight.
LOOK_AGAIN = 0.2


@dataclass(frozen=True)
class Budget:
    """Bounds that no call may pass; ``None``: no bound. Replies from the cache use nothing.

    Attributes:
        max_usd: US dollars, > 0. Needs models whose price is known.
        max_tokens: Prompt and completion tokens together, > 0.
        max_calls: Calls, > 0.
        max_seconds: Seconds spent waiting for models, > 0; calls in flight then are not cut off.

    Raises:
        ValueError: A bound is not a number above 0.
    """

    max_usd: float | None = None
    max_tokens: int | None = None
    max_calls: int | None = None
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        for bound in fields(self):
            value = getattr(self, bound.name)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if value is not None and not (is_number and value > 0):
                raise ValueError(f'{bound.name} must be a number above 0 or None, got {value!r}.')

    def passed_by(self, used: Usage) -> str:
        """The name of a bound that this usage would pass; empty where there is none."""
        amounts = {'max_usd': used.usd, 'max_tokens': used.tokens, 'max_calls': used.calls}
        for name, amount in amounts.items():
            bound = getattr(self, name)
            if bound is not None and (amount is None or amount > bound):
                return name
        return ''


class Ledger:
    """What has been used by step and role, shared by all models of a synthesizer.

    Args:
        budget: What may be used at most.

    Attributes:
        step: The step of the fit that usage is counted for, from 0; ``None``: sampling.
        used: Usage by step and role.
        seconds: Seconds spent waiting for models.
    """

    def __init__(self, budget: Budget | None = None) -> None:
        self.budget = budget or Budget()
        self.step: int | None = None
        self.used: dict[tuple[int | None, str], Usage] = {}
        self.seconds = 0.0
        self._prepare()

    def _prepare(self) -> None:
        renewed_after_fork(self)
        self._in_flight: list[Usage] = []
        self._watch: Callable[[int, int], None] | None = None
        self._answered = self._asked = 0
        self._waiting = 0
        self._waiting_since: float | None = None
        self._changed = threading.Condition()

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle holds: what was used, nothing of the calls in flight."""
        return {key: value for key, value in vars(self).items() if not key.startswith('_')}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._prepare()

    def total(self) -> Usage:
        """Everything used so far."""
        return sum(self.by_role().values(), Usage())

    def by_role(self) -> dict[str, Usage]:
        """Everything used so far, by role."""
        total: dict[str, Usage] = {}
        with self._changed:
            for (_, role), usage in self.used.items():
                total[role] = total.get(role, Usage()) + usage
        return total

    def add(self, role: str, usage: Usage) -> None:
        """Count what a call used."""
        with self._changed:
            key = self.step, role
            self.used[key] = self.used.get(key, Usage()) + usage
            self._answered += 1
            answered, watch = self._answered, self._watch
        if watch is not None:
            watch(answered, self._asked)

    def allow(self, budget: Budget | None) -> None:
        """Set what may be used at most, of all that was used so far and will be."""
        self.budget = budget or Budget()

    @contextmanager
    def counted_for(self, step: int) -> Iterator[None]:
        """Count what is used in here for a step of the fit."""
        self.step = step
        try:
            yield
        finally:
            self.step = None

    def ask(self, num_calls: int) -> None:
        """Begin with so many calls, which are answered together."""
        self._answered, self._asked = 0, num_calls

    @contextmanager
    def watched(self, watch: Callable[[int, int], None]) -> Iterator[None]:
        """Tell ``watch`` of each call that is answered.

        Args:
            watch: Gets how many were answered of how many that were asked together.
        """
        before, self._watch = self._watch, watch
        try:
            yield
        finally:
            self._watch = before

    @contextmanager
    def clock(self) -> Iterator[None]:
        """Count the time spent in here as waiting for models; threads wait together."""
        with self._changed:
            self._waiting += 1
            if self._waiting == 1:
                self._waiting_since = time.monotonic()
        try:
            yield
        finally:
            with self._changed:
                self._waiting -= 1
                if not self._waiting:
                    self.seconds, self._waiting_since = self._seconds(), None

    @contextmanager
    def reserved(self, most: Usage) -> Iterator[None]:
        """Hold the upper bound of a call while it is in flight.

        Where it does not fit beside the bounds of other calls in flight, their end is waited for.

        Raises:
            BudgetError: It does not fit with no other call in flight either.
        """
        with self._changed:
            while passed := self._passed_by(most):
                if not self._in_flight or passed == 'max_seconds':
                    raise BudgetError(self._spent(passed, most))
                self._changed.wait(LOOK_AGAIN)
            self._in_flight.append(most)
        try:
            yield
        finally:
            with self._changed:
                self._in_flight.remove(most)
                self._changed.notify_all()

    def _passed_by(self, most: Usage) -> str:
        if self.budget.max_seconds is not None and self._seconds() >= self.budget.max_seconds:
            return 'max_seconds'
        return self.budget.passed_by(sum([*self._in_flight, *self.used.values()], most))

    def seconds_left(self) -> float:
        """Seconds until ``max_seconds`` is reached; infinite without it."""
        bound = self.budget.max_seconds
        return float('inf') if bound is None else bound - self._seconds()

    def _seconds(self) -> float:
        since = self._waiting_since
        return self.seconds + (0.0 if since is None else time.monotonic() - since)

    def _spent(self, passed: str, most: Usage) -> str:
        used = sum(self.used.values(), Usage())
        usd = 'unknown' if used.usd is None else f'{used.usd:.4f}'
        return (
            f'The next call could pass {passed}={getattr(self.budget, passed)}: used so far are '
            f'{used.calls} calls, {used.tokens} tokens, {usd} US dollars and '
            f'{self._seconds():.1f} seconds, and it may take {most.calls} calls and '
            f'{most.tokens} tokens. Raise the budget; replies in the cache are not paid for again.'
        )
