"""Published statistics of a table, such as the first table of a paper.

a dictionary, a JSON file, or a CSV file (see ``table_one``) -> Statistics

{"columns": {"age": {"mean": 54, "sd": 9, "minimum": 29}, "sex": {"shares": {"F": 0.4, ...}}},
"correlations": [["age", "pressure", 0.25]],
"groups": [{"column": "disease", "level": "yes", "columns": {"age": {"mean": 57, "sd": 8}}}]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from sdv_llmgan.formats.saved_json import (
    Json,
    a_list,
    count,
    number,
    optional,
    parse,
    read_object,
    scalar,
    text,
    with_defaults,
)
from sdv_llmgan.process.knowledge import Typical
from sdv_llmgan.table.column import quote
from sdv_llmgan.without_rows.table_one import read_table_one, typed

#: Rounded shares add up to no more than this.
MOST_SHARES = 1.05
QUARTILES = (0.25, 0.5, 0.75)
#: Entries of the metadata by column.
Declared = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class ColumnStatistics:
    """What is known of the values of one column by themselves.

    Attributes:
        shares: Pairs of a level and its share among the values present, in [0, 1].
        order: Levels from low to high, where they have an order.
        quantiles: Pairs of a share of the values in (0, 1) and the number that it lies below, both
            ascending. Dates are nanoseconds since 1970 here and below.
        mean: Of the numbers; counts where there are no quantiles.
        sd: Their standard deviation, > 0.
        minimum: Nothing is below it.
        maximum: Nothing is above it.
        zeros: Share of numbers that are exactly 0, in [0, 1); all other figures are of the others.
        missing: Share of rows without a value, in [0, 1).
        decimals: Digits after the point; ``None``: as many as the other figures have.
    """

    shares: tuple[tuple[Json, float], ...] = ()
    order: tuple[Json, ...] = ()
    quantiles: tuple[tuple[float, float], ...] = ()
    mean: float | None = None
    sd: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    zeros: float | None = None
    missing: float | None = None
    decimals: int | None = None

    @classmethod
    def of(cls, typical: Typical) -> ColumnStatistics:
        """What is said to be typical of a column."""
        quantiles = tuple(zip(QUARTILES, typical.quartiles, strict=False))
        return cls(typical.shares, typical.order, quantiles)

    @property
    def tells_values(self) -> bool:
        """Whether values can be drawn by it."""
        numbers = self.quantiles or self.mean is not None
        return bool(self.shares or numbers or None not in (self.minimum, self.maximum))

    def over(self, other: ColumnStatistics) -> ColumnStatistics:
        """This, and what only another says; quantiles, mean and spread count as one figure."""
        kept = {field.name: getattr(self, field.name) for field in fields(self)}
        told = bool(self.quantiles) or self.mean is not None
        for name, value in kept.items():
            if value in (None, ()) and not (told and name in ('quantiles', 'mean', 'sd')):
                kept[name] = getattr(other, name)
        return replace(self, **kept)


@dataclass(frozen=True)
class Group:
    """What is known of the rows in which a column has one level.

    Attributes:
        column: The column that makes the groups.
        level: Its level in this one.
        columns: What is known of the others in it.
    """

    column: str
    level: Json
    columns: Mapping[str, ColumnStatistics]


@dataclass(frozen=True)
class Statistics:
    """Published statistics of a table.

    Attributes:
        columns: Of each column by itself.
        correlations: Triples of two columns of numbers, and how they correlate, in (-1, 1).
        groups: Of rows in which a column has one level.
    """

    columns: Mapping[str, ColumnStatistics]
    correlations: tuple[tuple[str, str, float], ...] = ()
    groups: tuple[Group, ...] = ()

    @classmethod
    def from_dict(cls, saved: Json, declared: Declared) -> Statistics:
        """Read the JSON form.

        Args:
            saved: The form that the module's head shows. Columns alone may stand at the top.
            declared: The metadata's entries of the columns that are modelled.

        Raises:
            ValueError: A column or key is unknown, shares add up to more than 1, quantiles do not
                ascend, or a value is not what it has to be.
        """
        if not isinstance(saved, Mapping):
            raise ValueError(f'statistics must be an object, got {saved!r}.')
        parts = {'columns', 'correlations', 'groups'}
        if not set(saved) & parts:
            saved = {'columns': saved}
        if unknown := sorted(set(saved) - parts):
            raise ValueError(f'statistics: there is no {quote(unknown[0])}; {sorted(parts)} are.')
        return cls(
            _columns(saved.get('columns', {}), declared, 'statistics'),
            tuple(_correlation(one, declared) for one in saved.get('correlations', [])),
            tuple(_group(one, declared) for one in saved.get('groups', [])),
        )

    @classmethod
    def read(cls, given: Json | Path, declared: Declared) -> Statistics:
        """Read a dictionary, or a .json or .csv file; arguments and errors as for ``from_dict``.

        Raises:
            FileNotFoundError: There is no such file.
        """
        if isinstance(given, (str, Path)):
            path = Path(given)
            if not path.is_file():
                raise FileNotFoundError(f'There is no file {path} with statistics.')
            if path.suffix.lower() == '.csv':
                given = read_table_one(path, declared)
            else:
                given = parse(path.read_text(encoding='utf-8'), f'statistics in {path}')
        return cls.from_dict(given if given is not None else {}, declared)


NO_STATISTICS = Statistics({})


def _columns(saved: Json, declared: Declared, where: str) -> dict[str, ColumnStatistics]:
    if not isinstance(saved, Mapping):
        raise ValueError(f'{where}: columns must be an object, got {saved!r}.')
    for name in saved:
        _check_column(name, declared, where)
    return {
        name: _column(one, declared[name], f'{where} of {quote(name)}')
        for name, one in saved.items()
    }


def _check_column(name: Json, declared: Declared, where: str) -> None:
    if name not in declared:
        raise ValueError(
            f'{where}: there is no column {quote(name)} to model. There are: {", ".join(declared)}.'
        )


def _column(saved: Json, declared: Mapping[str, Any], where: str) -> ColumnStatistics:
    if not isinstance(saved, Mapping):
        raise ValueError(f'{where}: needs an object, got {saved!r}.')
    said = dict(saved)
    points = list(said.pop('quantiles', None) or [])
    if quartiles := said.pop('quartiles', None):
        if not isinstance(quartiles, (list, tuple)) or len(quartiles) != len(QUARTILES):
            raise ValueError(f'{where}: quartiles are three numbers, got {quartiles!r}.')
        points += zip(QUARTILES, quartiles, strict=True)
    if (median := said.pop('median', None)) is not None:
        points.append((0.5, median))
    shares = said.pop('shares', ())
    pairs = typed([*map(list, shares.items())]) if isinstance(shares, Mapping) else shares
    figure, share = optional(_figure(declared)), optional(number(0, 1))
    read = read_object(
        with_defaults({**said, 'shares': [], 'quantiles': []}, ColumnStatistics()),
        where,
        {
            'shares': a_list(scalar),
            'order': a_list(scalar),
            'quantiles': a_list(scalar),
            **{'mean': figure, 'sd': optional(number(0)), 'minimum': figure, 'maximum': figure},
            **{'zeros': share, 'missing': share, 'decimals': optional(count)},
        },
    )
    read['shares'] = tuple((_level(level, declared), _share(one, where)) for level, one in pairs)
    read['order'] = tuple(_level(level, declared) for level in read['order'])
    read['quantiles'] = _quantiles(points, declared, where)
    _check(read, declared['sdtype'], where)
    return ColumnStatistics(**read)


def _figure(declared: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a reader, as in saved_json
    """A reader of numbers, or of dates where the column has those."""

    def read_date(saved: Json, where: str) -> float:
        try:
            return float(pd.Timestamp(text(saved, where)).value)
        except ValueError as error:
            raise ValueError(
                f'{where}: needs a date such as "2021-05-31", got {saved!r}.'
            ) from error

    return read_date if declared['sdtype'] == 'datetime' else number(float('-inf'))


def _share(saved: Json, where: str) -> float:
    return float(number(0, 1)(saved, f'{where}, share'))


def _level(level: Json, declared: Mapping[str, Any]) -> Json:
    """A level as the table has it: keys of JSON objects and cells of CSV files are text."""
    if declared['sdtype'] == 'boolean':
        truths = {'true': True, 'false': False, '1': True, '0': False}
        level = truths.get(str(level).lower(), level)
    return scalar(level, 'a level')


def _quantiles(
    points: Sequence[Any], declared: Mapping[str, Any], where: str
) -> tuple[tuple[float, float], ...]:
    read = _figure(declared)
    if not all(isinstance(one, (list, tuple)) and len(one) == 2 for one in points):
        raise ValueError(f'{where}: quantiles are pairs of a share and a number, got {points!r}.')
    pairs = {_share(share, where): read(value, where) for share, value in points}
    found = tuple(sorted(pairs.items()))
    values = [value for _, value in found]
    if values != sorted(values):
        raise ValueError(f'{where}: quantiles must ascend with their shares, got {list(found)}.')
    return found


def _check(read: Mapping[str, Any], sdtype: str, where: str) -> None:
    if (total := sum(share for _, share in read['shares'])) > MOST_SHARES:
        raise ValueError(f'{where}: shares add up to at most 1, got {total:.2f}.')
    low, high = read['minimum'], read['maximum']
    inner = [value for _, value in read['quantiles']]
    inner += [] if read['mean'] is None else [read['mean']]
    ends = [low] * (low is not None), sorted(inner), [high] * (high is not None)
    if (line := [value for part in ends for value in part]) != sorted(line):
        raise ValueError(
            f'{where}: quantiles and mean must be from minimum to maximum, got {line}.'
        )
    if (read['mean'] is None) != (read['sd'] is None):
        raise ValueError(f'{where}: a mean needs its sd, and an sd its mean.')
    is_number = sdtype in ('numerical', 'datetime')
    if read['shares'] and is_number or (inner and not is_number):
        needed = 'quartiles, or mean and sd' if is_number else 'shares'
        raise ValueError(f'{where}: a column of the sdtype {sdtype!r} is told by {needed}.')


def _correlation(saved: Json, declared: Declared) -> tuple[str, str, float]:
    where = 'statistics, correlations'
    if not isinstance(saved, (list, tuple)) or len(saved) != 3:
        raise ValueError(f'{where}: each is two columns and a number, got {saved!r}.')
    for name in saved[:2]:
        _check_column(name, declared, where)
        if declared[name]['sdtype'] not in ('numerical', 'datetime'):
            raise ValueError(f'{where}: {quote(name)} is no number; groups tell of its levels.')
    return saved[0], saved[1], float(number(-0.99, 0.99)(saved[2], where))


def _group(saved: Json, declared: Declared) -> Group:
    where = 'statistics, groups'
    readers = {'column': text, 'level': scalar, 'columns': lambda one, _: one}
    read = read_object(saved, where, readers)
    _check_column(read['column'], declared, where)
    level = _level(read['level'], declared[read['column']])
    where = f'statistics where {quote(read["column"])} is {quote(level)}'
    return Group(read['column'], level, _columns(read['columns'], declared, where))
