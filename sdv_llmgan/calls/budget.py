"""What a fit and the sampling after it may use, and what they have used.

    request -> upper bound -> fits the budget? -> in flight -> used
                                   |
                                   no: wait for calls in flight, then BudgetError

The upper bounds of all calls in flight count too, so that no bound is ever passed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields

from sdv_llmgan.calls.bill import Bill
from sdv_llmgan.calls.watch import CallWatch
from sdv_llmgan.errors import BudgetError
from sdv_llmgan.providers.forks import Renewed, renewed_after_fork
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


class BudgetGuard(Renewed):
    """Lets no call begin that could pass a bound.

    Args:
        bill: What was used so far.
        budget: What may be used at most.
        seconds: Seconds spent waiting for models.
    """

    def __init__(self, bill: Bill, budget: Budget, seconds: float = 0.0) -> None:
        renewed_after_fork(self)
        self.bill = bill
        self.budget = budget
        self.seconds = seconds
        self._in_flight: list[Usage] = []
        self._waiting = 0
        self._waiting_since: float | None = None
        self._changed = threading.Condition()

    def allow(self, budget: Budget | None) -> None:
        """Set what may be used at most, of all that was used so far and will be."""
        self.budget = budget or Budget()

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
        return self.budget.passed_by(sum(self._in_flight, self.bill.total() + most))

    def seconds_left(self) -> float:
        """Seconds until ``max_seconds`` is reached; infinite without it."""
        bound = self.budget.max_seconds
        return float('inf') if bound is None else bound - self._seconds()

    def _seconds(self) -> float:
        since = self._waiting_since
        return self.seconds + (0.0 if since is None else time.monotonic() - since)

    def _spent(self, passed: str, most: Usage) -> str:
        used = self.bill.total()
        usd = 'unknown' if used.usd is None else f'{used.usd:.4f}'
        return (
            f'The next call could pass {passed}={getattr(self.budget, passed)}: used so far are '
            f'{used.calls} calls, {used.tokens} tokens, {usd} US dollars and '
            f'{self._seconds():.1f} seconds, and it may take {most.calls} calls and '
            f'{most.tokens} tokens. Raise the budget; replies in the cache are not paid for again.'
        )


class Ledger:
    """The bill, the budget and the calls under way, shared by all models of a synthesizer.

    Args:
        budget: What may be used at most; ``None``: no bound.

    Attributes:
        bill: What was used, by step and role.
        guard: Lets no call begin that could pass the budget.
        watch: Tells of calls as they are answered.
    """

    def __init__(self, budget: Budget | None = None) -> None:
        self.bill = Bill()
        self.guard = BudgetGuard(self.bill, budget or Budget())
        self.watch = CallWatch()

    def add(self, role: str, usage: Usage) -> None:
        """Count what a call used that was answered."""
        self.bill.add(role, usage)
        self.watch.answered()
