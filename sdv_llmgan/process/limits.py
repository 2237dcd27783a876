"""What rows keep to as columns can say it: where these values stand, that one is in a range.

    ("kind" is "e-bike") -> ("weight" is at least 20)

A limit is part of what is known of a subject; see ``knowledge``. What no limit can say is a rule in
words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import pandas as pd

from sdv_llmgan.formats.saved_json import Json, a_list, number, optional, read_object, scalar, text
from sdv_llmgan.table.column import Column, quote, to_json
from sdv_llmgan.table.schema import TableSchema


@dataclass(frozen=True)
class Bound:
    """Some values of one column: a few of its levels, or a range of numbers.

    Attributes:
        column: The column.
        one_of: Levels; or empty, and a range is meant.
        at_least: Lower end of the range, itself in it; ``None``: it has none.
        at_most: Upper end, likewise.
    """

    column: str
    one_of: tuple[Json, ...] = ()
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        """Refuse what bounds nothing.

        Raises:
            ValueError: There are neither levels nor ends of a range, both, or the ends are crossed.
        """
        ends = [end for end in (self.at_least, self.at_most) if end is not None]
        if isinstance(self.one_of, str) or not all(isinstance(end, Real) for end in ends):
            raise ValueError(
                f'{quote(self.column)}: "one_of" is a tuple of levels, "at_least" and "at_most" '
                f'are numbers (limits are of no dates); got {self!r}.'
            )
        if bool(self.one_of) == bool(ends) or ends != sorted(ends):
            raise ValueError(
                f'{quote(self.column)}: a limit needs either "one_of" with levels, or "at_least", '
                f'"at_most" or both, from small to large; got {self!r}.'
            )

    def __str__(self) -> str:
        column = quote(self.column)
        if self.one_of:
            return f'{column} is {" or ".join(map(quote, self.one_of))}'
        ends = {'at least': self.at_least, 'at most': self.at_most}
        said = (f'{words} {end:g}' for words, end in ends.items() if end is not None)
        return f'{column} is {" and ".join(said)}'

    def meets(self, values: pd.Series) -> pd.Series:
        """Which plain values are in it, shape (n_rows,); a missing one is not."""
        if self.one_of:
            return values.isin(self.one_of)
        low = -math.inf if self.at_least is None else self.at_least
        high = math.inf if self.at_most is None else self.at_most
        return values.between(low, high)

    def within(self, schema: TableSchema) -> Bound | None:
        """The part that a column and its levels can be told by; ``None``: nothing."""
        if self.column not in schema.names:
            return None
        column = schema[self.column]
        if not self.one_of:
            return self if column.kind in ('integer', 'number') else None
        levels = levels_of(column)
        kept = tuple(level for level in self.one_of if level in levels)
        return replace(self, one_of=kept) if kept else None


@dataclass(frozen=True)
class Limit:
    """Where some columns have these values, another one has those.

    Attributes:
        then: What holds.
        when: Where it does: all of these together; empty: in every row.
    """

    then: Bound
    when: tuple[Bound, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a limit of a column by itself; raises ``ValueError``."""
        if not isinstance(self.when, tuple):
            raise ValueError(f'"when" is a tuple of Bound, got {self.when!r}.')
        if len({*self.columns}) < len(self.columns):
            raise ValueError(f'A limit names each column once; this one does not: {self}.')

    def breaks(self, rows: pd.DataFrame) -> pd.Series:
        """Which plain rows break it, shape (n_rows,); a missing value breaks nothing."""
        values = rows[self.then.column]
        broken = values.notna() & ~self.then.meets(values)
        for bound in self.when:
            broken &= bound.meets(rows[bound.column])
        return broken

    @property
    def columns(self) -> list[str]:
        """The columns that it is of; the one that is limited comes last."""
        return [*(one.column for one in self.when), self.then.column]

    def __str__(self) -> str:
        where = f'where {" and ".join(map(str, self.when))}, ' if self.when else ''
        return where + str(self.then)

    def within(self, schema: TableSchema) -> Limit | None:
        """The same as these columns can say it; ``None`` where they cannot."""
        then, when = self.then.within(schema), [one.within(schema) for one in self.when]
        known = [one for one in when if one is not None]
        return Limit(then, tuple(known)) if then and len(known) == len(when) else None

    def looser(self, other: Limit) -> Limit:
        """What this and another limit of the same columns both say."""
        mine, theirs = self.then, other.then
        if mine.one_of or theirs.one_of:
            levels = tuple(dict.fromkeys([*mine.one_of, *theirs.one_of]))
            return Limit(replace(mine, one_of=levels), self.when)
        low = min(-math.inf if end is None else end for end in (mine.at_least, theirs.at_least))
        high = max(math.inf if end is None else end for end in (mine.at_most, theirs.at_most))
        if math.isinf(low) and math.isinf(high):
            return self
        ends = (None if math.isinf(end) else end for end in (low, high))
        return Limit(Bound(mine.column, (), *ends), self.when)

    @property
    def key(self) -> tuple[object, ...]:
        """What it is about: limits of one key differ in how far they go."""
        return self.then.column, bool(self.then.one_of), tuple(map(str, self.when))

    def to_dict(self) -> dict[str, Any]:
        """JSON form; what is not said is left out."""
        when = [_short(one) for one in self.when]
        return {**_short(self.then), **({'when': when} if when else {})}

    @classmethod
    def from_dict(cls, saved: Json, where: str = 'limit') -> Limit:
        """Read the JSON form; raises ``ValueError`` where it is none."""
        parts = dict(saved) if isinstance(saved, Mapping) else saved
        when = parts.pop('when', []) if isinstance(parts, dict) else []
        return cls(_bound(parts, where), tuple(a_list(_bound)(when, f'{where}, when')))


def levels_of(column: Column) -> tuple[Json, ...]:
    """The levels of a column as JSON values; none of numbers, dates and texts."""
    if column.kind == 'boolean':
        return (True, False)
    return tuple(map(to_json, column.categories)) if column.kind == 'categorical' else ()


def _short(bound: Bound) -> dict[str, Any]:
    ends = {'at_least': bound.at_least, 'at_most': bound.at_most}
    said = {key: value for key, value in ends.items() if value is not None}
    return {'column': bound.column, **said, **({'one_of': [*bound.one_of]} if bound.one_of else {})}


def _bound(saved: Json, where: str) -> Bound:
    empty: dict[str, Any] = {'one_of': [], 'at_least': None, 'at_most': None}
    end = optional(number(-math.inf))
    read = read_object(
        {**empty, **saved} if isinstance(saved, Mapping) else saved,
        where,
        {'column': text, 'one_of': a_list(scalar), 'at_least': end, 'at_most': end},
    )
    return Bound(**{**read, 'one_of': tuple(read['one_of'])})
