from __future__ import annotations

import threading
from contextlib import suppress

import pytest

from sdv_llmgan.calls.gate import Cancelled, Gate
from sdv_llmgan.errors import ProviderError, RateLimitError

GO = threading.Event()


def pass_through(gate, error=None):
    with gate.call(GO):
        if error is not None:
            raise error


def test_a_rate_limit_halves_the_calls_in_flight_and_successes_bring_them_back():
    gate = Gate(16)
    with pytest.raises(RateLimitError):
        pass_through(gate, RateLimitError('slow down'))
    assert gate.limit == 8
    for _ in range(200):
        pass_through(gate)
    assert gate.limit == 16


def test_other_failures_change_nothing():
    gate = Gate(16)
    with pytest.raises(ProviderError):
        pass_through(gate, ProviderError('no such model'))
    assert gate.limit == 16


def test_calls_that_were_out_together_count_as_one_rate_limit():
    gate = Gate(8)
    together = threading.Barrier(8)

    def refused():
        with suppress(RateLimitError), gate.call(GO):
            together.wait(10)
            raise RateLimitError('slow down')

    threads = [threading.Thread(target=refused) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert gate.limit == 4


def test_one_call_at_least_goes_through():
    gate = Gate(4)
    for _ in range(20):
        with pytest.raises(RateLimitError):
            pass_through(gate, RateLimitError('slow down'))
    assert gate.limit == 1
    pass_through(gate)


def test_who_waits_for_a_place_can_be_cancelled():
    gate, cancelled = Gate(1), threading.Event()
    with gate.call(GO):
        threading.Timer(0.05, cancelled.set).start()
        with pytest.raises(Cancelled), gate.call(cancelled):
            pass
