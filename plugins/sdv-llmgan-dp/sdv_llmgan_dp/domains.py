"""Into which cells each column is cut: told by the user, known, or paid for.

categories: argument, the user's knowledge -> free   otherwise published where many rows have them
ranges:     argument, the user's knowledge -> free   otherwise from noisy counts of magnitudes

What a model says of a column gives expected shares and levels, but is not taken for all there is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from sdv_llmgan import Learned
from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.process.knowledge import NOTHING_KNOWN, Knowledge
from sdv_llmgan.process.limits import levels_of
from sdv_llmgan.table.column import Column, quote, to_json
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan_dp.cells import Cells, Levels, levels_of_texts, numbers_of, ranges, text_of
from sdv_llmgan_dp.measured import Floats, Integers, MeasuredRows

#: Magnitudes are counted from 2 to the power of the first to that of the last.
LEAST_POWER, MOST_POWER = -20, 62
#: Of a magnitude that counts, the noise alone hardly ever makes as much: so many deviations.
SURE = 5.5
#: Digits of a range that its values are told by, where nobody says how many they have.
DIGITS = 3
SPENT = 'This fit counts, too: add its epsilon to that of the next.'
#: Parts that known values are cut into.
PARTS = 50


@dataclass(frozen=True)
class Told:
    """What the user says of columns, by name; of all else, values are paid for.

    Attributes:
        categories: All levels of a column.
        ranges: The least and the greatest number or date of a column.
        decimals: Digits after the point of a column.
    """

    categories: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    ranges: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    decimals: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what tells nothing; raises ``ValueError``."""
        for argument in ('categories', 'ranges', 'decimals'):
            if not isinstance(given := getattr(self, argument), Mapping):
                raise ValueError(f'{argument} must map columns to values, got {given!r}.')
        for name, levels in self.categories.items():
            if not _items(levels):
                raise ValueError(f'categories: {quote(name)} needs a list, got {levels!r}.')
        for name, ends in self.ranges.items():
            if len(_items(ends)) != 2 or not _is_ascending(*ends):
                raise ValueError(
                    f'ranges: {quote(name)} needs the least and the greatest value, got {ends!r}.'
                )
        for name, digits in self.decimals.items():
            if isinstance(digits, bool) or not isinstance(digits, int) or digits < 0:
                raise ValueError(f'decimals: {quote(name)} needs 0 or more, got {digits!r}.')

    def check(self, schema: TableSchema) -> None:
        """Refuse what is of no column of its kind; raises ``ValueError``."""
        kinds = {
            'categories': ('categorical', 'boolean'),
            'ranges': ('integer', 'number', 'datetime'),
            'decimals': ('integer', 'number'),
        }
        for argument, fitting in kinds.items():
            for name in getattr(self, argument):
                found = [column.name for column in schema if column.kind in fitting]
                if name not in found:
                    raise ValueError(
                        f'{argument}: {quote(name)} is no column that is modelled as '
                        f'{" or ".join(fitting)}. There are: {", ".join(found) or "none"}.'
                    )


def _items(given: object) -> list[Any]:
    """What a list holds, of whatever kind; nothing of what is none."""
    if not isinstance(given, Iterable) or isinstance(given, (str, bytes, Mapping)):
        return []
    return list(given)


def _is_ascending(low: object, high: object) -> bool:
    """Whether two numbers, or two dates, are in order."""
    try:
        return bool(low <= high)  # type: ignore[operator]
    except TypeError:
        return False


@dataclass(frozen=True)
class Domains:
    """Finds the cells of columns.

    Attributes:
        told: By the user.
        known: By the user, as knowledge: shares and orders of levels, quartiles, limits.
        outlined: Columns as knowledge of anybody tells them.
        rows: Rows made of that, without a training row; of some columns.
    """

    told: Told
    known: Knowledge = NOTHING_KNOWN
    outlined: TableSchema = TableSchema(())
    rows: pd.DataFrame = field(default_factory=pd.DataFrame)

    @classmethod
    def of(cls, told: Told, learned: Learned) -> Domains:
        """What the user and knowledge say."""
        rows = pd.DataFrame() if learned.generated is None else learned.generated.rows
        return cls(told, learned.known, learned.process.schema, rows)

    def is_free(self, column: Column) -> bool:
        """Whether a column's cells are known without looking at its values."""
        if column.kind == 'boolean':
            return True
        if column.kind == 'categorical':
            return column.name in self.told.categories or bool(self._levels(column.name))
        return column.name in self.told.ranges or self._ends(column) is not None

    def free(self, column: Column) -> Cells:
        """The cells of a column that are known."""
        if column.kind == 'boolean':
            return Levels(column, (True, False))
        if column.kind == 'categorical':
            levels = self.told.categories.get(column.name)
            plain = self._levels(column.name) if levels is None else map(to_json, levels)
            return Levels(column, tuple(dict.fromkeys(plain)))
        given = self.told.ranges.get(column.name)
        ends = self._ends(column) if given is None else _ends_of(column, given)
        assert ends is not None
        return self._ranged(column, *ends)

    def paid(self, column: Column, measured: MeasuredRows, rho: float, delta: float) -> Cells:
        """The cells of another column, from noisy answers.

        Raises:
            ValueError: They tell nothing.
        """
        if column.kind == 'categorical':
            return self._published(column, measured, rho, delta)
        return self._by_magnitude(column, measured, rho)

    def _published(
        self, column: Column, measured: MeasuredRows, rho: float, delta: float
    ) -> Levels:
        counts = measured.published(
            lambda rows: [text_of(value) for value in rows[column.name]], rho, delta, 'categories'
        )
        texts = [text for text in sorted(counts, key=lambda text: -counts[text]) if text != 'null']
        said: list[Json] = []
        if column.name in self.outlined.names:
            said += levels_of(self.outlined[column.name])
        levels = {quote(level): level for level in [*levels_of_texts(texts), *said]}
        if not levels:
            raise ValueError(
                f'{quote(column.name)} has no category that so many rows have that it can be told '
                f'at this epsilon. Give them: {_given("categories", column.name, "[...]")}, or '
                f'knowledge of their shares. {SPENT}'
            )
        return Levels(column, tuple(levels.values()))

    def _by_magnitude(self, column: Column, measured: MeasuredRows, rho: float) -> Cells:
        step = self._unit(column) or 1.0
        edges = _magnitudes()

        def cells(rows: pd.DataFrame) -> Integers:
            numbers = numbers_of(rows[column.name]) / (step if column.kind == 'datetime' else 1.0)
            found = np.searchsorted(edges, np.nan_to_num(numbers), side='right')
            return np.where(np.isnan(numbers), len(edges) + 1, found)

        noisy, variance = measured.counts(cells, len(edges) + 2, rho, 'ranges')
        there = np.flatnonzero(noisy[1 : len(edges)] > SURE * math.sqrt(variance))
        if not len(there):
            raise ValueError(
                f'Noise hides which numbers {quote(column.name)} has at this epsilon. Give the '
                f'least and the greatest: {_given("ranges", column.name, "[0, 100]")}, or '
                f'knowledge with limits or quartiles. {SPENT}'
            )
        low, high = edges[there[0]], edges[there[-1] + 1]
        scale = step if column.kind == 'datetime' else 1.0
        return self._ranged(column, low * scale, high * scale)

    def _ranged(self, column: Column, low: float, high: float) -> Cells:
        step = self._unit(column) or _fine(high - low)
        rough: Floats = np.zeros(0)
        if column.name in self.rows:
            values = numbers_of(self.rows[column.name])
            values = values[~np.isnan(values)]
            rough = np.quantile(values, np.linspace(0, 1, PARTS)) if len(values) else rough
        return ranges(column, step, low, high, list(rough))

    def _unit(self, column: Column) -> float | None:
        """How far apart values are at least; ``None``: nobody says."""
        if column.kind == 'datetime':
            return float(column.unit / pd.Timedelta(1, 'ns'))
        if column.step > 1:
            return float(column.step)
        if column.name in self.told.decimals:
            return float(10.0 ** -self.told.decimals[column.name])
        if column.kind == 'integer' or self._is_whole(column.name):
            return 1.0
        if column.name in self.outlined.names:
            return float(10.0 ** -self.outlined[column.name].decimals)
        return None

    def _is_whole(self, name: str) -> bool:
        """Whether the user wrote both ends of a range as whole numbers."""
        ends = self.told.ranges.get(name, (0.5, 0.5))
        return all(isinstance(end, Integral) for end in ends)

    def _levels(self, name: str) -> tuple[Json, ...]:
        """All levels that the user knows of; none where those named are not all."""
        typical = self.known.of(name)
        named = dict(typical.shares) | dict.fromkeys(typical.order, 0.0)
        is_outlined = name in self.outlined.names
        return tuple(levels_of(self.outlined[name])) if named and is_outlined else ()

    def _ends(self, column: Column) -> tuple[float, float] | None:
        """The range that the user knows: by limits, else where known values lie."""
        low = high = None
        for limit in self.known.limits:
            if not limit.when and limit.then.column == column.name and not limit.then.one_of:
                low = limit.then.at_least if low is None else low
                high = limit.then.at_most if high is None else high
        if self.known.of(column.name).quartiles and column.name in self.rows:
            values = numbers_of(self.rows[column.name])
            low = float(np.nanmin(values)) if low is None else low
            high = float(np.nanmax(values)) if high is None else high
        return None if low is None or high is None else (low, high)


def _given(argument: str, name: str, value: str) -> str:
    """How a user says something of a column, in Python and on the command line."""
    return (
        f'DPSampler({argument}={{{name!r}: {value}}}), or {{"{argument}": {{{quote(name)}: '
        f'{value}}}}} in the file of --sampler-settings'
    )


def _ends_of(column: Column, given: tuple[Any, Any]) -> tuple[float, float]:
    if column.kind == 'datetime':
        low, high = (float(pd.Timestamp(end).value) for end in given)
    else:
        low, high = map(float, given)
    return low, high


def _magnitudes() -> Floats:
    """Powers of 2 on both sides of 0, ascending; 0 has a range of its own."""
    sizes = 2.0 ** np.arange(LEAST_POWER, MOST_POWER + 1)
    return np.concatenate([-sizes[::-1], sizes])


def _fine(span: float) -> float:
    """A power of 10 that a range is told finely enough by."""
    return float(10.0 ** (math.floor(math.log10(span)) - DIGITS + 1)) if span > 0 else 1.0
