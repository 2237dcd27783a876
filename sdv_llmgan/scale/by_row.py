"""Values by the number of their row, no two alike but where that is wanted: what keys are of."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol, TypeVar

import numpy as np
from faker import Faker
from rdt.transformers import AnonymizedFaker

from sdv_llmgan.scale.enumeration import MAX_NUMBER, Enumeration

ThingT = TypeVar('ThingT')
#: Digits that are put into made-up text that has too few of its own.
MIN_DIGITS = 12
#: Digits that tell a row at most; those before them are 0.
MAX_DIGITS = 18
#: Of the Feistel network.
TURNS = 6


class ByRow(Protocol):
    """Makes a value for each row of a table."""

    @property
    def size(self) -> int:
        """For how many rows it has values."""
        ...

    def make(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Values of rows by their number, in [0, size), shape (n,) to shape (n,)."""
        ...


@dataclass(frozen=True)
class Enumerated:
    """Strings in their order, in pieces that are mixed where SDV mixes them."""

    strings: Enumeration
    is_scrambled: bool

    @property
    def size(self) -> int:
        """How many there are."""
        return self.strings.size

    def make(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """See ``ByRow.make``."""
        return self.strings.at(rng.permutation(rows) if self.is_scrambled else rows)


@dataclass(frozen=True)
class Scattered:
    """Strings in an order that looks like chance."""

    strings: Enumeration

    @property
    def size(self) -> int:
        """How many there are."""
        return self.strings.size

    def make(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """See ``ByRow.make``."""
        return self.strings.at(scattered(rows, min(self.size, MAX_NUMBER)))


@dataclass(frozen=True)
class Integers:
    """Whole numbers of a range, in an order that looks like chance."""

    low: int
    high: int

    @property
    def size(self) -> int:
        """How many there are."""
        return self.high - self.low + 1

    def make(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """See ``ByRow.make``."""
        return self.low + scattered(rows, self.size)


@dataclass(frozen=True)
class Counted:
    """A number that counts up, between two texts."""

    prefix: str
    start: int
    suffix: str
    size: int = MAX_NUMBER

    def make(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """See ``ByRow.make``."""
        made = [f'{self.prefix}{self.start + row}{self.suffix}' for row in rows.tolist()]
        return np.array(made, dtype=object)


@dataclass(frozen=True)
class Numbered:
    """Faker's values, each with its row's number in place of its digits."""

    transformer: AnonymizedFaker
    size: int = MAX_NUMBER

    def make(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """See ``ByRow.make``."""
        # Its own copy, which need make no value twice over.
        faker = seeded_faker(self.transformer, rng)
        made = altered(self.transformer, cardinality_rule=None, faker=faker)
        return numbered([made._function() for _ in rows], rows)


@dataclass(frozen=True)
class Cycled:
    """Values that begin again after the last one."""

    values: ByRow
    size: int = MAX_NUMBER

    def make(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """See ``ByRow.make``."""
        return self.values.make(rows % min(self.values.size, MAX_NUMBER), rng)


@dataclass(frozen=True)
class Scaled:
    """Values that repeat as often as those of the training table; those of two parts differ.

    Attributes:
        values: No two alike.
        scale: RDT's: how often a value repeats, and the shares of that.
    """

    values: ByRow
    scale: Mapping[str, Sequence[float]]
    size: int = MAX_NUMBER

    def make(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """See ``ByRow.make``."""
        shares = np.asarray(self.scale['frequency'], dtype=float)
        repeats = rng.choice(self.scale['num_repetitions'], len(rows), p=shares / shares.sum())
        places = np.repeat(np.arange(len(rows)), repeats)[: len(rows)]
        used = np.arange(places.max(initial=-1) + 1)
        made = Cycled(self.values).make(rows[:1] + used, rng)
        return rng.permutation(made[places])


def altered(thing: ThingT, **attributes: object) -> ThingT:
    """A copy, as deep as its own attributes, of which some are others."""
    made = copy.copy(thing)
    made.__dict__.update(attributes)
    return made


def numbered(values: Sequence[object], rows: np.ndarray) -> np.ndarray:
    """Made-up values that tell their rows, so that no two rows have the same; shape (n_rows,).

    A value's digits, in their places, become its row's number, mixed. Where it has too few, it
    loses them, and the number is put at its end, of an address before the @. A value that is no
    text becomes the number.
    """
    made = np.array(rows, dtype=object)
    counts = np.array([
        len(re.findall('[0-9]', value)) if isinstance(value, str) else -1 for value in values
    ])
    has_room = np.array([10**count for count in counts.tolist()], dtype=object) > rows
    for count in np.unique(counts[counts >= 0]).tolist():
        own = np.flatnonzero((counts == count) & has_room)
        for place, digits in zip(own, _digits(rows[own], count), strict=True):
            texts = re.split('[0-9]', str(values[int(place)]))
            made[place] = ''.join(chain(*zip(texts, f'{digits} ', strict=True)))[:-1]
    longer = np.flatnonzero((counts >= 0) & ~has_room)
    count = max(MIN_DIGITS, len(str(rows.max(initial=0))))
    for place, digits in zip(longer, _digits(rows[longer], count), strict=True):
        name, at, domain = re.sub('[0-9]', '', str(values[int(place)])).partition('@')
        made[place] = f'{name}{digits}{at}{domain}'
    return made


def _digits(rows: np.ndarray, count: int) -> list[str]:
    """Rows as so many digits, mixed; none where the count is 0."""
    mixed = scattered(rows, 10 ** min(count, MAX_DIGITS)).tolist()
    return [str(number).zfill(count) if count else '' for number in mixed]


def scattered(rows: np.ndarray, size: int) -> np.ndarray:
    """Numbers below ``size``, no two alike, that look like chance, for rows with numbers below it.

    A Feistel network on a grid of at least that many cells; what falls beyond goes round again.
    Black and Rogaway, Ciphers with Arbitrary Finite Domains, 2002.

    Args:
        rows: Integers in [0, size), shape (n,).
        size: At most ``MAX_NUMBER``.
    """
    high = math.isqrt(size - 1) + 1
    low = -(-size // high)
    mixed, again = rows.astype(np.int64), np.arange(len(rows))
    while len(again):
        left, right = np.divmod(mixed[again], low)
        for turn in range(TURNS):
            if turn % 2:
                right = (right + _hashed(left, turn) % low) % low
            else:
                left = (left + _hashed(right, turn) % high) % high
        mixed[again] = left * low + right
        again = again[mixed[again] >= size]
    return mixed


def _hashed(values: np.ndarray, turn: int) -> np.ndarray:
    """Numbers in [0, 2 ** 31) that look like chance, shape as ``values``: splitmix64's mixing."""
    found = values.astype(np.uint64) + np.uint64((turn + 1) * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        found = (found ^ (found >> np.uint64(shift))) * np.uint64(factor)
    return (found >> np.uint64(33)).astype(np.int64)


def seeded_faker(transformer: AnonymizedFaker, rng: np.random.Generator) -> Faker:
    """Faker as the transformer has it, from a seed."""
    faker = Faker(transformer.locales)
    faker.seed_instance(int(rng.integers(2**32)))
    return faker
