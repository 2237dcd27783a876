"""Trying failed calls again, with tenacity: backoff with jitter, and what the server asks for."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    stop_before_delay,
    stop_when_event_set,
    wait_exponential,
    wait_random_exponential,
)

from sdv_llmgan.errors import RateLimitError, TransientError
from sdv_llmgan.providers.base import Completion, Provider

#: Seconds before another try, as they grow (doubled each time), and as much again at random.
FIRST_PAUSE, LONGEST_PAUSE = 0.16, 15.0
_backoff = wait_exponential(FIRST_PAUSE, LONGEST_PAUSE) + wait_random_exponential(
    FIRST_PAUSE, LONGEST_PAUSE
)


def patiently(
    provider: Provider,
    attempt: Callable[[], Completion],
    cancelled: threading.Event,
    seconds_left: Callable[[], float] = lambda: math.inf,
) -> Completion:
    """Attempt a call until it succeeds or patience ends; the last failure is raised.

    Faults are tried again ``max_retries`` times; rate limits, which say nothing about the call,
    for up to ``max_wait`` seconds each time. A server that asks for more patience is given up.

    Args:
        provider: Whose patience is asked.
        attempt: Sends the request once.
        cancelled: Ends all waiting.
        seconds_left: How long to wait at most: past it, the next attempt finds the budget spent.
    """
    if not provider.max_retries:
        return attempt()
    given_up, sleep = stop_when_event_set(cancelled), sleep_using_event(cancelled)

    def wait(state: RetryCallState) -> float:
        return min(_wait(state), max(0.0, seconds_left()))

    limited = Retrying(
        retry=retry_if_exception_type(RateLimitError),
        stop=given_up | stop_before_delay(provider.max_wait),
        wait=wait,
        sleep=sleep,
        reraise=True,
    )
    faulty = Retrying(
        retry=retry_if_exception(_is_fault),
        stop=given_up
        | stop_after_attempt(1 + provider.max_retries)
        | stop_before_delay(provider.max_wait),
        wait=wait,
        sleep=sleep,
        reraise=True,
    )
    return faulty(limited, attempt)


def _is_fault(error: BaseException) -> bool:
    return isinstance(error, TransientError) and not isinstance(error, RateLimitError)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, TransientError) else None
    # Everyone who was told the same time would come back at once without the jitter; and a server
    # that says "at once" again and again is asked no more often than one that says nothing.
    pause = _backoff(state)
    return max(pause, (asked or 0.0) * (1 + 0.1 * min(1.0, pause)))
