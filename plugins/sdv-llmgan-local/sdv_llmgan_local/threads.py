"""How many threads torch uses while it writes."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Held while torch's setting, which is the whole process's, differs from what it was.
_LOCK = threading.RLock()


@contextmanager
def limited_threads(threads: int | None) -> Iterator[None]:
    """Set torch's number of threads, and set it back afterwards.

    Args:
        threads: How many, >= 1; ``None``: one where there are at most two cores, else as many as
            torch is set to.
    """
    import torch

    with _LOCK:
        before = torch.get_num_threads()
        if threads is None:
            threads = before if (os.cpu_count() or 1) > 2 else 1
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
