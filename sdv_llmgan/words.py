"""Counts and lists in English."""

from __future__ import annotations

from collections.abc import Sequence


def plural(count: int, noun: str) -> str:
    """``1 row``, ``2 rows``."""
    return f'{count:,} {noun}' if count == 1 else f'{count:,} {noun}s'


def and_list(names: Sequence[object]) -> str:
    """``a, b and c``."""
    words = [str(name) for name in names]
    return ' and '.join(filter(None, [', '.join(words[:-1]), *words[-1:]]))
