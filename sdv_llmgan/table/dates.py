"""Datetimes as tables store them, and as a clock on the wall.

    text, 20210314, datetime64 with a zone or none, Arrow, objects -> datetime64[ns] -> text

A column has one clock. Where values have offsets, it is that of the offset most of them have.

Formats are those of ``strftime``; besides, ``%3f`` is a fraction of a second with three digits, and
``%1930y`` two digits of a year in the hundred years from 1930.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from datetime import tzinfo
from typing import Any, Literal

import numpy as np
import pandas as pd
from pandas.tseries.api import guess_datetime_format

DateTimeErrorChoices = Literal['raise', 'coerce']
#: So many different values are looked at for a format.
GUESSED_VALUES = 100
CENTURY = pd.DateOffset(years=100)
#: An offset or a zone's name at the end of a text.
OFFSET = r'(Z|[+-]\d\d(?::?\d\d)?|[A-Z]{3,4})$'
#: Two digits of a year fall to the years around these where no date does in so many others.
LEAST_GAP = 10
#: Python reads two digits as a year from here on.
FIRST_OF_TWO_DIGITS = 1969
#: What formats write an offset or a zone's name for.
OFFSET_DIRECTIVES = ('%z', '%Z')


def to_datetime(
    values: pd.Series,
    stored_format: str | None = None,
    zone: str = '',
    errors: DateTimeErrorChoices = 'raise',
) -> pd.Series:
    """Dates in any form as datetime64[ns] of one clock, missing ones as NaT.

    Args:
        values: Dates, shape (n_rows,).
        stored_format: ``strftime`` format of text and numbers; ``None``: any, also several.
        zone: Whose clock tells instants, such as ``'+02:00'``; empty: see ``zone_of``.
        errors: ``'coerce'``: what is no date is missing.

    Raises:
        ValueError: A value is no date of this format, or none from 1677 to 2262.
    """
    times = values if _is_datetime64(values) else _parse(as_text(values), stored_format, errors)
    if isinstance(times.dtype, pd.DatetimeTZDtype):
        if times is not values:
            times = times.dt.tz_convert(_clock(zone or zone_of(values)))
        times = times.dt.tz_localize(None)
    if errors == 'coerce' and times.dtype != 'datetime64[ns]':
        times = times.where(times.between(pd.Timestamp.min, pd.Timestamp.max))
    times = times.astype('datetime64[ns]')
    if stored_format and (first := re.search(r'%(\d+)y', stored_format)):
        times = times.where(~(times.dt.year >= int(first[1]) + 100), times - CENTURY)
    return times


def as_text(values: pd.Series) -> pd.Series:
    """Dates as objects that pandas reads: whole numbers as text, other values as they are."""
    cells = values.astype(object)
    return cells.map(_digits, na_action='ignore').where(values.notna(), None)


def _digits(cell: object) -> object:
    is_number = isinstance(cell, (int, float, np.integer, np.floating))
    return str(int(cell)) if is_number and cell == cell // 1 else cell  # type: ignore[operator]


def from_datetime(times: pd.Series, stored_format: str, zone: str) -> pd.Series:
    """A clock's datetimes as text in a format, missing ones as ``None``."""
    for directive in OFFSET_DIRECTIVES:
        stored_format = stored_format.replace(directive, zone)
    before, *fraction = re.split(r'%(\d)f', re.sub(r'%\d+y', '%y', stored_format), maxsplit=1)
    written = times.dt.strftime(before)
    if fraction:
        digits, after = fraction
        written += times.dt.strftime('%f').str[: int(digits)] + times.dt.strftime(after)
    return written.astype(object).where(times.notna(), None)


def as_written(values: pd.Series, stored_format: str, zone: str) -> str:
    """The format with what it leaves open: the digits of a fraction, the century of two digits.

    Args:
        values: Dates of this format, none missing, shape (n_rows,).
        stored_format: As declared or guessed.
        zone: See ``zone_of``.
    """
    texts = as_text(values.drop_duplicates()[:GUESSED_VALUES])
    years = to_datetime(values, stored_format, zone).dt.year if '%y' in stored_format else None
    first = None if years is None else _first_year(np.unique(years))
    dated = stored_format.replace('%y', f'%{first}y') if first else stored_format
    forms = [dated.replace('%f', f'%{digits}f') for digits in range(1, 6)] if '%f' in dated else []
    for form in dict.fromkeys([*forms, dated]):
        if (from_datetime(to_datetime(texts, form, zone), form, zone) == texts).all():
            return form
    return stored_format


def _first_year(years: np.ndarray[Any, Any]) -> int | None:
    """From which year on two digits are told, where these years lie at both ends otherwise."""
    ends = np.sort(years % 100)
    gaps = np.diff(ends, append=ends[0] + 100)
    first = int(np.roll(ends, -1)[gaps.argmax()]) + 1900
    split = first < FIRST_OF_TWO_DIGITS <= years.min() < 2000
    return first if split and gaps.max() > LEAST_GAP else None


def guess_format(values: pd.Series) -> str | None:
    """The format that all of these dates have, or else most of them; ``None``: it is unknown."""
    texts = as_text(values.dropna()).map(str)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of days before months
        guesses = Counter(map(guess_datetime_format, texts.unique()[:GUESSED_VALUES]))
        likely = [form for form, _ in guesses.most_common() if form]
        return next((form for form in likely if _all_have(texts, form)), next(iter(likely), None))


def has_format(values: pd.Series, stored_format: str) -> bool:
    """Whether all of these dates have a format."""
    return _all_have(as_text(values.dropna()), stored_format)


def _all_have(cells: pd.Series, stored_format: str) -> bool:
    readable = _readable(stored_format)
    return bool(pd.to_datetime(cells, format=readable, errors='coerce', utc=True).notna().all())


def unreadable(stored_format: str) -> str:
    """Why no date can be read by a format, in the words of pandas; empty: dates can."""
    try:
        pd.to_datetime(pd.Series(['']), format=_readable(stored_format), errors='coerce')
    except ValueError as error:
        return str(error).rstrip('.')
    return ''


def has_offset(stored_format: str) -> bool:
    """Whether a format writes an offset or a zone."""
    return any(directive in stored_format for directive in OFFSET_DIRECTIVES)


def zone_of(values: pd.Series) -> str:
    """The zone of a dtype, or the offset that most dates are written with; empty: there is none."""
    if values.dtype.kind == 'M':
        zone = getattr(getattr(values.dtype, 'pyarrow_dtype', values.dtype), 'tz', None)
        return '' if zone is None else str(zone)
    offsets = values.dropna().map(str).str.extract(OFFSET, expand=False).dropna()
    return str(offsets.mode()[0]) if len(offsets) else ''


def _clock(zone: str) -> str | tzinfo | None:
    if zone[:1] not in ('+', '-'):
        return 'UTC' if zone in ('', 'Z') else zone
    return pd.Timestamp(f'2000-01-01T00:00{zone}').tz


def _is_datetime64(values: pd.Series) -> bool:
    return isinstance(values.dtype, (np.dtype, pd.DatetimeTZDtype)) and values.dtype.kind == 'M'


def _readable(stored_format: str) -> str:
    """The format that reads what this one writes: ``%-d`` and ``%#d`` write no leading zeros."""
    return re.sub(r'%(?:[-#]|\d+(?=[fy]))', '%', stored_format)


def _parse(cells: pd.Series, stored_format: str | None, errors: DateTimeErrorChoices) -> pd.Series:
    """Cells as datetime64: in UTC where offsets differ."""
    form = 'mixed' if stored_format is None else _readable(stored_format)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # pandas 2 warns of several offsets
        try:
            times = pd.to_datetime(cells, format=form, errors=errors)
        except ValueError as error:
            if 'tz' not in str(error).lower():
                raise
            times = cells
        if times.dtype != object and errors == 'raise':
            return times
        instants = pd.to_datetime(cells, format=form, errors=errors, utc=True)
        # Objects of another offset than the first are no dates to errors='coerce'.
        fewer = times.dtype == object or times.notna().sum() < instants.notna().sum()
        return instants if fewer else times
