"""What a fit needs more than once is worked out once.

looks at whether more of a model's rows would help, the choice of an order, the fit that is kept
    -> the same models of the same rows, again and again

Values are compared byte for byte, so that nothing is drawn otherwise than without a memory.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

Result = TypeVar('Result')

#: Of each place the newest result, and what it was made of; ``None``: nothing is remembered.
_MEMORY: ContextVar[dict[Hashable, tuple[bytes, Any]] | None] = ContextVar('memory', default=None)


@contextmanager
def remembering() -> Iterator[None]:
    """In here, and in this thread, ``remembered`` works nothing out twice; then all is forgotten.

    One within another has a memory of its own.
    """
    token = _MEMORY.set({})
    try:
        yield
    finally:
        _MEMORY.reset(token)


def remembered(place: Hashable, made_of: object, make: Callable[[], Result]) -> Result:
    """What ``make`` returns, or did return the last time if it is made of the same.

    Args:
        place: Where it is kept: a newer one takes the place of an older one.
        made_of: All that the result depends on; can be pickled.
        make: Works it out; the result is not to be changed by anyone.
    """
    memory = _MEMORY.get()
    if memory is None:
        return make()
    key = hashlib.blake2b(pickle.dumps(made_of), digest_size=16).digest()
    if place not in memory or memory[place][0] != key:
        memory[place] = key, make()
    result: Result = memory[place][1]
    return result
