"""One column as a model sees it: in words, as JSON Schema, as a pattern, as JSON values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

import pandas as pd

from sdv_llmgan.formats.saved_json import (
    Json,
    Reader,
    a_list,
    boolean,
    count,
    one_of,
    optional,
    read_object,
    scalar,
    text,
    with_defaults,
)
from sdv_llmgan.table.allowed import Allowed
from sdv_llmgan.table.column_words import (
    CATEGORIES_IN_PROMPT,
    DATE,
    MetadataDetail,
    describe,
    listed,
)
from sdv_llmgan.table.json_values import (
    closed_object,
    dump,
    enum,
    is_missing,
    json_type,
    quote,
    to_json,
    to_python,
)
from sdv_llmgan.table.types import Cell

__all__ = [
    'CATEGORIES_IN_PROMPT',
    'DATE',
    'DATETIME',
    'Column',
    'Kind',
    'MetadataDetail',
    'closed_object',
    'dump',
    'enum',
    'is_missing',
    'quote',
    'to_json',
    'to_python',
]

Kind = Literal['categorical', 'boolean', 'integer', 'number', 'datetime', 'text']

CATEGORIES_IN_PATTERN = 12
#: Finer steps than this many decimals are not put to structured output.
MAX_STEP = 12
#: The smallest numbers that there are have no more.
MOST_DECIMALS = 400
DATETIME = '%Y-%m-%d %H:%M:%S'
#: A range of dates is put to structured output as so many hours, days, months or years at most.
MAX_PERIODS = 40
#: A column's fields that sum up its values.
NO_SUMMARY: dict[str, Any] = {'levels': (), 'few': False, 'quartiles': ()}
#: Patterns of a year, month, day, and of an hour and what follows it.
DATE_PARTS = ('[0-9]{4}', '-(0[1-9]|1[0-2])', '-(0[1-9]|[12][0-9]|3[01])')
TIME_PARTS = (' ([01][0-9]|2[0-3])', ':[0-5][0-9]:[0-5][0-9]')
#: How long a date is after each of these parts.
PART_ENDS = (4, 7, 10, 13)


@dataclass(frozen=True)
class Column:
    """One column as the model sees it.

    Attributes:
        name: The user's own name.
        kind: What its values are.
        categories: For ``categorical``: the values in the training table, most frequent first.
        minimum: Smallest training value (numbers; ISO text for datetimes), or ``None``.
        maximum: Largest training value, likewise.
        decimals: Digits after the point that values are written with, >= 0.
        datetime_format: ``strftime`` format that the model reads and writes.
        min_length: For ``text``: characters of the shortest training value.
        max_length: For ``text``: characters of the longest training value.
        step: For ``integer``: every value is a multiple of this, >= 1.
        nullable: Whether the training table has missing values here.
        description: The user's words on what it means; may be empty.
        shares: Share of each category, or of each of ``levels``, among the values present, in
            [0, 1]; of a boolean: of true.
        levels: For numbers, values that many rows have as JSON: all values from small to large
            where they are ``few``, else the one that most have, if it stands out.
        few: Whether ``levels`` are all values that training rows have.
        quartiles: Of numbers and dates other than ``levels``, lower, median, upper, as JSON,
            rounded; empty where they are too few.
        missing: Share of training rows without a value, in [0, 1]; 0 also where it is not told.
        digits: For ``number``: significant digits that values have at most, where that says more
            than ``decimals``; else 0.
        unsaid: The last category, if models neither read nor write it (see ``column_view``): a gap
            to them, as a missing value is. Empty: there is none.
        examples: Some values as JSON, from small to large where they have an order.
        only: JSON values that a condition allows; ``None``: there is no such condition.
        bounded: Whether ``minimum`` and ``maximum`` are a condition, which holds in any case.
        coarse: Whether figures of it are told rounded only, so that none is a real record's.
        dtype: How the training table stores it.
        stored_format: Format (see ``dates``) of datetimes that the table stores as text or numbers;
            of those that have several formats, the one that most have.
        zone: Whose clock datetimes are told by, such as ``'Europe/Berlin'``; for text as it is
            written there: ``'Z'``, ``'+02:00'``. Empty where they have no zone.
        mixed: Whether datetimes are stored as text of several formats.
    """

    name: str
    kind: Kind
    categories: tuple[Any, ...] = ()
    minimum: float | str | None = None
    maximum: float | str | None = None
    decimals: int = 0
    datetime_format: str = DATE
    min_length: int = 0
    max_length: int = 0
    step: int = 1
    nullable: bool = False
    description: str = ''
    shares: tuple[float, ...] = ()
    levels: tuple[Any, ...] = ()
    few: bool = False
    quartiles: tuple[Any, ...] = ()
    missing: float = 0.0
    digits: int = 0
    unsaid: str = ''
    examples: tuple[Any, ...] = ()
    only: tuple[Any, ...] | None = None
    bounded: bool = False
    coarse: bool = False
    dtype: str = 'object'
    stored_format: str | None = None
    zone: str = ''
    mixed: bool = False

    def __post_init__(self) -> None:
        """Refuse what no value could be like.

        Raises:
            ValueError: The minimum is above the maximum, or they are of different kinds; there
                are more decimals than numbers have, or the step is 0.
        """
        if not 0 <= self.decimals <= MOST_DECIMALS or self.step < 1:
            raise ValueError(
                f'{quote(self.name)} needs 0 to {MOST_DECIMALS} decimals and a step of at least 1, '
                f'got {self.decimals} and {self.step}.'
            )
        low, high = self.minimum, self.maximum
        if low is None or high is None:
            return
        if isinstance(low, str) != isinstance(high, str) or low > high:  # type: ignore[operator]
            raise ValueError(
                f'The minimum of {quote(self.name)} must not be above its maximum, got {low!r} and '
                f'{high!r}.'
            )

    @classmethod
    def from_dict(cls, saved: Json, where: str = 'column') -> Column:
        """Read the JSON form, value by value; ``ValueError`` where it is none."""
        readers = {entry.name: _reader(entry.default) for entry in fields(cls)}
        readers |= {'name': text, 'kind': one_of(get_args(Kind)), 'only': optional(a_list(scalar))}
        read = read_object(with_defaults(saved, cls('', 'text')), where, readers)
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in read.items()
        }
        return cls(**values)

    def conditioned(self, allowed: Allowed) -> Column:
        """The column under a condition."""
        if allowed.values is not None:
            return replace(self, only=allowed.values)
        if allowed.is_any:
            return replace(self, nullable=False)
        return replace(
            self,
            minimum=allowed.minimum,
            maximum=allowed.maximum,
            bounded=True,
            nullable=False,
            **NO_SUMMARY,
        )

    def admitting(self, values: Iterable[Any]) -> Column:
        """The column as wide as these JSON values need it to be."""
        values = set(values)
        lengths = [len(value) for value in values if isinstance(value, str)]
        return replace(
            self,
            nullable=self.nullable or None in values,
            min_length=min([self.min_length, *lengths]),
            max_length=max([self.max_length, *lengths]),
        )

    @property
    def read_format(self) -> str | None:
        """The format that all stored datetimes have; ``None``: none, or several."""
        return None if self.mixed else self.stored_format

    @property
    def unit(self) -> pd.Timedelta:
        """How far apart two datetimes are at least, as they are written."""
        return pd.Timedelta('1D' if self.datetime_format == DATE else '1s')

    def filled(self) -> Column:
        """The column without missing and unsaid values, unless it has nothing else."""
        if self.is_empty or not (self.nullable or self.unsaid):
            return self
        is_empty = self.kind == 'categorical' and not self.said
        shares = self.shares
        if self.unsaid:  # the last one; what is written of the others are all values
            shares = tuple(share / (sum(shares[:-1]) or 1.0) for share in shares[:-1])
        return replace(self, nullable=is_empty, categories=self.said, shares=shares)

    @property
    def constant(self) -> Json:
        """The JSON value of all rows that have one; ``None``: they differ, or none has one."""
        if self.kind == 'categorical':
            return to_json(self.categories[0]) if len(self.categories) == 1 else None
        if self.kind == 'boolean':
            is_known = self.shares in ((0.0,), (1.0,)) and not self.coarse  # not rounded to it
            return bool(self.shares[0]) if is_known else None
        return self.minimum if self.minimum == self.maximum else None

    @property
    def said(self) -> tuple[Any, ...]:
        """The categories that models read and write."""
        if not self.unsaid:
            return self.categories
        return tuple(value for value in self.categories if value != self.unsaid)

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing to ask: all rows are alike, and no condition says otherwise."""
        is_conditioned = self.only is not None or self.bounded
        return not is_conditioned and (self.is_empty or self.constant is not None)

    @property
    def is_empty(self) -> bool:
        """Whether the training table has no value here at all."""
        return self.kind == 'categorical' and not self.categories

    def describe(self, detail: MetadataDetail = 'schema') -> str:
        """The column in words, for a prompt."""
        return describe(self, detail)

    @property
    def is_unlisted(self) -> bool:
        """Whether a prompt lists only some of the categories."""
        return len(self.said) > 1 and len(listed(self)) < len(self.said)

    def pattern(self) -> str:
        """A regular expression that every value of the column matches, written as JSON."""
        text = r'"(?:[^"\\]|\\.)*"'
        few = 0 < len(self.categories) <= CATEGORIES_IN_PATTERN
        number = r'-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?'
        pattern = {
            'categorical': '|'.join(re.escape(dump(to_json(value))) for value in self.categories)
            if few
            else f'{text}|{number}|true|false',
            'boolean': 'true|false',
            'integer': '-?[0-9]+',
            'number': number,
            'datetime': '"[-0-9 :]+"',
            'text': text,
        }[self.kind]
        return f'(?:{pattern}|null)' if self.nullable else f'(?:{pattern})'

    def json_schema(self, *, enforce_range: bool, list_categories: bool = True) -> dict[str, Any]:
        """JSON Schema of one value."""
        if self.only is not None:
            return enum(self.only)
        value = self._value_schema(enforce_range, list_categories)
        if not self.nullable or value == {'type': 'null'}:
            return value
        if 'enum' in value:
            return enum([*value['enum'], None])
        return {'anyOf': [value, {'type': 'null'}]}

    def _value_schema(self, enforce_range: bool, list_categories: bool) -> dict[str, Any]:
        bounds = {}
        enforce_range = enforce_range or self.bounded
        if enforce_range and self.minimum is not None:
            bounds = {'minimum': self.minimum, 'maximum': self.maximum}
        if self.kind == 'categorical':
            if self.is_empty:
                return {'type': 'null'}
            if list_categories:
                return enum(map(to_json, self.categories))
            kinds = {json_type(to_json(value)) for value in self.categories}
            return {'type': kinds.pop() if len(kinds) == 1 else 'string'}
        if self.kind == 'boolean':
            return {'type': 'boolean'}
        if self.kind == 'integer':
            step = {'multipleOf': self.step} if self.step > 1 else {}
            return {'type': 'integer', **step, **bounds}
        if self.kind == 'number':
            grid = {'multipleOf': float(f'1e-{self.decimals}')}
            return {'type': 'number', **(grid if self.decimals <= MAX_STEP else {}), **bounds}
        if self.kind == 'datetime':
            return self._datetime_schema(enforce_range)
        return {'type': 'string', 'minLength': self.min_length, 'maxLength': self.max_length}

    def _datetime_schema(self, enforce_range: bool) -> dict[str, Any]:
        # JSON Schema knows no range of dates; a list of years or months comes close.
        parts = DATE_PARTS if self.datetime_format == DATE else DATE_PARTS + TIME_PARTS
        begins = _periods(self.minimum, self.maximum, len(parts)) if enforce_range else []
        # However long the listed beginnings are, the parts after them follow.
        listed = sum(len(begins[0]) >= end for end in PART_ENDS) if begins else 0
        begin = f'({"|".join(begins)})' if begins else ''
        pattern = f'^{begin}{"".join(parts[listed:])}$'
        is_date = self.datetime_format == DATE
        return {'type': 'string', **({'format': 'date'} if is_date else {}), 'pattern': pattern}

    def to_json_value(self, value: Cell) -> Json:
        """A cell of a plain table as a JSON value; missing becomes ``None``."""
        if is_missing(value):
            return None
        if self.kind == 'integer':
            return int(value)
        if self.kind == 'number':
            return round(float(value), self.decimals)
        if self.kind == 'datetime':
            return value.strftime(self.datetime_format)
        if self.unsaid and value == self.unsaid and value not in self.categories:
            return None
        return to_json(to_python(value))


def _reader(default: object) -> Reader:
    """Who reads what is like this default of a column's attribute."""
    readers: dict[type, Reader] = {bool: boolean, int: count, str: text, tuple: a_list(scalar)}
    return readers.get(type(default), scalar)


def _periods(minimum: Json, maximum: Json, num_parts: int) -> list[str]:
    """The hours, days, months or years from one ISO date to another, the finest that are few."""
    if minimum is None:
        return []
    for freq, end in list(zip('YMDh', PART_ENDS, strict=True))[:num_parts][::-1]:
        periods = pd.period_range(minimum, maximum, freq=freq)
        if len(periods) <= MAX_PERIODS:
            return [str(period.start_time)[:end] for period in periods]
    return []
