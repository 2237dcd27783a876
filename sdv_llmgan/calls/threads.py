"""Calls from many threads at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue

from sdv_llmgan.providers.base import Completion, Request

Call = Callable[[Request, threading.Event], Completion]


def run_together(
    call: Call, requests: Sequence[Request], at_once: int
) -> Iterator[tuple[int, Completion]]:
    """Call for every request, from so many threads.

    The first failure, or Ctrl-C, is raised at once and no further request is sent. The threads
    are daemons, so that a program can end while slow calls are still out.

    Args:
        call: Answers a request; its event is set when the others are given up.
        requests: What to ask.
        at_once: Threads, >= 1.

    Yields:
        The place of a request and its reply, as they come in.
    """
    waiting = deque(enumerate(requests))
    done: SimpleQueue[tuple[int, Completion | BaseException]] = SimpleQueue()
    cancelled = threading.Event()

    def work() -> None:
        while not cancelled.is_set():
            try:
                place, request = waiting.popleft()
            except IndexError:
                return
            try:
                done.put((place, call(request, cancelled)))
            except BaseException as error:  # noqa: BLE001 - raised again by the caller's thread
                waiting.clear()
                done.put((place, error))  # first: the others fail too once they are given up
                cancelled.set()

    for _ in range(min(max(1, at_once), len(requests))):
        threading.Thread(target=work, daemon=True).start()
    left = len(requests)
    try:
        while left:
            try:
                place, reply = done.get(timeout=0.2)
            except Empty:  # a wait without end would not notice Ctrl-C everywhere
                continue
            if isinstance(reply, BaseException):
                raise reply
            left -= 1
            yield place, reply
    finally:
        cancelled.set()
