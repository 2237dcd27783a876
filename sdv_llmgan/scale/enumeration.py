r"""Strings by number: the values that a regular expression or a Faker pattern has, each once.

``\d{2}-[A-Z]`` has 2,600 values: number 0 is 00-A, number 26 is 01-A. Any number is found at once,
without those before it, so that workers who know only which rows are theirs make distinct keys.
"""

from __future__ import annotations

import math
import re
import string
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeAlias

import numpy as np

if sys.version_info >= (3, 11):
    from re import _parser as parser
else:
    import sre_parse as parser

#: What the parser of regular expressions makes, which is untyped.
Parsed: TypeAlias = Any
#: What RDT takes for "any number of times".
MAX_REPEAT = 16
#: No row has a higher number.
MAX_NUMBER = 2**62
CATEGORIES = {
    parser.CATEGORY_SPACE: r'\s',
    parser.CATEGORY_NOT_SPACE: r'\S',
    parser.CATEGORY_DIGIT: r'\d',
    parser.CATEGORY_NOT_DIGIT: r'\D',
    parser.CATEGORY_WORD: r'\w',
    parser.CATEGORY_NOT_WORD: r'\W',
}
#: What signs in a pattern of Faker's ``bothify`` stand for.
SIGNS = {'#': string.digits, '%': string.digits[1:]}


class Enumeration(Protocol):
    """Distinct strings, numbered from 0."""

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    @property
    def lengths(self) -> int:
        """How many lengths they have."""
        ...

    def at(self, numbers: np.ndarray) -> np.ndarray:
        """The strings of these numbers, shape (n,) to shape (n,).

        Args:
            numbers: Integers in [0, size), below ``MAX_NUMBER``.
        """
        ...

    def of_length(self, place: int) -> Enumeration:
        """Those of one length: the shortest at 0, the longest at -1."""
        ...


@dataclass(frozen=True)
class Letters:
    """Single letters, or texts of one length."""

    choices: tuple[str, ...]
    lengths = 1

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.choices)

    def at(self, numbers: np.ndarray) -> np.ndarray:
        """See ``Enumeration.at``."""
        found: np.ndarray = np.array(self.choices, dtype=object)[numbers]
        return found

    def of_length(self, place: int) -> Letters:
        """Itself."""
        return self


@dataclass(frozen=True)
class Repeated:
    """The same part so many times; its length tells how many."""

    part: Enumeration
    times: tuple[int, ...]

    @cached_property
    def size(self) -> int:
        """How many there are."""
        return sum(self.part.size**count for count in self.times)

    @property
    def lengths(self) -> int:
        """How many lengths they have."""
        return len(self.times)

    def at(self, numbers: np.ndarray) -> np.ndarray:
        """See ``Enumeration.at``; fewer repetitions come first."""
        found, start = np.full(len(numbers), '', dtype=object), 0
        for count in self.times:
            end = start + self.part.size**count
            own = (numbers >= start) & (numbers < end)
            if own.any() and count:
                found[own] = Joined((self.part,) * count).at(numbers[own] - start)
            start = end
        return found

    def of_length(self, place: int) -> Enumeration:
        """That of the fewest repetitions, but for none, or of the most."""
        times = [count for count in self.times if count] or [0]
        return Repeated(self.part, (times[place],))


@dataclass(frozen=True)
class Joined:
    """Parts one after the other, of which at most one has several lengths; the last runs fastest.

    So each string is split in one way only, and no two numbers have the same one.
    """

    parts: tuple[Enumeration, ...]

    @classmethod
    def of(cls, parts: Sequence[Enumeration]) -> Joined:
        """Of parts of any lengths: all but the one with most values are kept at their shortest."""
        loose = [part for part in parts if part.lengths > 1]
        kept = max(loose, key=lambda part: part.size, default=None)
        return cls(
            tuple(
                part if part.lengths == 1 or part is kept else part.of_length(0) for part in parts
            )
        )

    @cached_property
    def size(self) -> int:
        """How many there are."""
        return math.prod(part.size for part in self.parts)

    @property
    def lengths(self) -> int:
        """How many lengths they have."""
        return max((part.lengths for part in self.parts), default=1)

    def at(self, numbers: np.ndarray) -> np.ndarray:
        """See ``Enumeration.at``."""
        left, pieces = numbers, []
        for part in self.parts[::-1]:
            size = min(part.size, MAX_NUMBER)
            pieces.append(part.at(left % size))
            left = left // size
        joined = np.full(len(numbers), '', dtype=object)
        for piece in pieces[::-1]:
            joined = joined + piece
        return joined

    def of_length(self, place: int) -> Joined:
        """All parts of one length."""
        return Joined(tuple(part.of_length(place) for part in self.parts))


def of_regex(pattern: str) -> Enumeration:
    """The strings of a regular expression, of those that SDV takes for a column of IDs.

    Raises:
        ValueError: It has a part that SDV does not make either, such as ``a|b``.
    """
    return _joined(parser.parse(pattern), pattern)


def of_bothify(text: str, letters: str = string.ascii_letters) -> Enumeration:
    """The strings of a pattern of Faker's ``bothify``: ``?`` a letter, ``#`` and ``%`` digits.

    Args:
        text: The pattern; ``!`` and ``@``, a digit or nothing, are digits.
        letters: What ``?`` stands for.
    """
    signs = {**SIGNS, '!': SIGNS['#'], '@': SIGNS['%'], '?': ''.join(dict.fromkeys(letters))}
    return Joined(tuple(Letters(tuple(signs.get(sign, sign))) for sign in text))


def _joined(parsed: Parsed, pattern: str) -> Enumeration:
    found = [(kind, value) for kind, value in parsed if kind != parser.AT]
    return Joined.of([_part(kind, value, pattern) for kind, value in found])


def _part(kind: Parsed, value: Parsed, pattern: str) -> Enumeration:
    if kind == parser.SUBPATTERN:
        return _joined(value[3], pattern)
    if kind == parser.MAX_REPEAT:
        least, most, repeated = value
        most = max(least, MAX_REPEAT) if most == parser.MAXREPEAT else most
        part = _joined(repeated, pattern)
        times = tuple(range(least, most + 1))
        return Repeated(part.of_length(0) if most > 1 else part, times)
    letters = _letters(kind, value)
    if not letters:
        raise ValueError(f'No strings are made from the part {kind} of the regex {pattern!r}.')
    return Letters(tuple(dict.fromkeys(letters)))


def _letters(kind: Parsed, value: Parsed) -> str:
    """The letters of a part of one letter; none where it is something else."""
    if kind == parser.LITERAL:
        return chr(value)
    if kind == parser.ANY:
        return string.printable
    if kind == parser.RANGE:
        return ''.join(map(chr, range(value[0], value[1] + 1)))
    if kind == parser.CATEGORY:
        return ''.join(re.findall(CATEGORIES[value], string.printable))
    if kind == parser.IN and all(_letters(*option) for option in value):
        return ''.join(_letters(*option) for option in value)
    return ''
