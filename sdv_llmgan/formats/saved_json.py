"""Reading JSON that a person may have edited: closed objects, each value checked, none executed."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from typing import Any, NoReturn, TypeAlias

#: A value as ``json.loads`` returns it: an object, a list, text, a number, true, false or null.
Json: TypeAlias = Any
#: Ranges are compared with this tolerance: scores are sums of many parts.
SLACK = 1e-9
#: Counts beyond this fit into no table.
MOST = 2**63 - 1
#: Gets a value and where it stands; returns it as the program keeps it, or raises ``ValueError``.
Reader: TypeAlias = Callable[[Json, str], Any]


def parse(text: str, where: str) -> Json:
    """A JSON text as values; ``ValueError`` where it is none."""
    try:
        return json.loads(text, parse_constant=lambda name: _refuse(where, 'finite numbers', name))
    except (ValueError, RecursionError, TypeError) as error:
        if str(error).startswith(f'{where}: '):
            raise
        # Python itself reads no whole number of more than 4,300 digits.
        raise ValueError(f'{where}: this is no JSON text ({error}).') from error


def read_object(saved: Json, where: str, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """The values of an object that has exactly these keys.

    Args:
        saved: Any JSON value.
        where: What it is, for errors.
        readers: Who reads the value of each key.

    Raises:
        ValueError: It is no object, lacks a key, has another, or a value is not what it has to be.
    """
    if not isinstance(saved, Mapping):
        _refuse(where, 'an object', saved)
    missing, unknown = readers.keys() - saved.keys(), saved.keys() - readers.keys()
    if missing or unknown:
        raise ValueError(
            f'{where}: needs the keys {", ".join(sorted(readers))}. '
            f'Missing: {sorted(missing)}; unknown: {sorted(map(str, unknown))}.'
        )
    return {key: read(saved[key], f'{where}, {key}') for key, read in readers.items()}


def a_list(read: Reader) -> Reader:
    """A reader of lists."""

    def read_list(saved: Json, where: str) -> list[Any]:
        if not isinstance(saved, (list, tuple)):
            _refuse(where, 'a list', saved)
        return [read(value, f'{where} {number}') for number, value in enumerate(saved)]

    return read_list


def optional(read: Reader) -> Reader:
    """A reader of what may also be null."""
    return lambda saved, where: None if saved is None else read(saved, where)


def text(saved: Json, where: str) -> str:
    """Text."""
    return saved if isinstance(saved, str) else _refuse(where, 'text', saved)


def boolean(saved: Json, where: str) -> bool:
    """True or false."""
    return saved if isinstance(saved, bool) else _refuse(where, 'true or false', saved)


def count(saved: Json, where: str) -> int:
    """A whole number from 0 to ``MOST``."""
    if isinstance(saved, bool) or not isinstance(saved, int) or not 0 <= saved <= MOST:
        _refuse(where, f'a whole number from 0 to {MOST}', saved)
    return int(saved)


def number(least: float, most: float = math.inf) -> Reader:
    """A reader of finite numbers in a range."""

    def read_number(saved: Json, where: str) -> float:
        is_number = isinstance(saved, (int, float)) and not isinstance(saved, bool)
        in_range = is_number and least - SLACK <= saved <= most + SLACK
        if not in_range or abs(saved) > sys.float_info.max:
            _refuse(where, f'a number from {least} to {most}', saved)
        return saved

    return read_number


def scalar(saved: Json, where: str) -> Json:
    """Text, a finite number, true, false or null."""
    if isinstance(saved, (str, bool, type(None))):
        return saved
    return number(-math.inf)(saved, where)


def one_of(names: Collection[str]) -> Reader:
    """A reader of one of a few words."""

    def read_word(saved: Json, where: str) -> str:
        return saved if saved in names else _refuse(where, f'one of {", ".join(names)}', saved)

    return read_word


def counts(saved: Json, where: str) -> dict[str, int]:
    """Counts by name."""
    if not isinstance(saved, Mapping):
        _refuse(where, 'an object', saved)
    return {str(key): count(value, f'{where}, {key}') for key, value in saved.items()}


def with_defaults(saved: Json, defaults: Json) -> Json:
    """An object with the keys it lacks; files of earlier versions lack what came later.

    Args:
        saved: Any JSON value.
        defaults: A dataclass's instance that has the values of missing keys.
    """
    return {**asdict(defaults), **saved} if isinstance(saved, Mapping) else saved


def _refuse(where: str, needed: str, found: Json) -> NoReturn:
    # Python writes no whole number of more than 4,300 digits.
    is_huge = isinstance(found, int) and abs(found) > MOST
    shown = f'one of {found.bit_length()} bits' if is_huge else repr(found)
    raise ValueError(f'{where}: needs {needed}, got {shown if len(shown) < 80 else shown[:80]}.')
