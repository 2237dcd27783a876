"""What a column is, without a row of it: its kind, its levels with shares, or its figures.

metadata + published statistics + what a model says or the user knows -> outlines -> schema
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.process.knowledge import Knowledge, Typical
from sdv_llmgan.table.column import Column, Kind
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.without_rows.marginal import decimals, quantile
from sdv_llmgan.without_rows.statistics import QUARTILES, ColumnStatistics, Declared

#: Shares that add up to this much are those of all levels.
ALL = 0.95
#: A level of which no share is said, where the others leave nothing.
LEAST_SHARE = 0.01


@dataclass(frozen=True)
class Outline:
    """One column.

    Attributes:
        name: The column's.
        kind: What its values are.
        levels: Of a column of categories or a boolean, as JSON; else empty.
        shares: Of the levels, adding up to 1.
        order: Levels from low to high, where they have an order.
        figures: All that is known of its values.
        decimals: Digits after the point.
    """

    name: str
    kind: Kind
    levels: tuple[Json, ...]
    shares: tuple[float, ...]
    order: tuple[Json, ...]
    figures: ColumnStatistics
    decimals: int = 0

    @property
    def heights(self) -> npt.NDArray[np.float64]:
        """How far up each level is, in [-1, 1], shape (n_levels,); 0 of one without a place."""
        ranks = {one: 2 * at / max(len(self.order) - 1, 1) - 1 for at, one in enumerate(self.order)}
        return np.array([ranks.get(level, 0.0) for level in self.levels])

    @classmethod
    def of(cls, name: str, sdtype: str, figures: ColumnStatistics, whole: bool) -> Outline:
        """The column as figures tell it.

        Args:
            name: The column's.
            sdtype: By the metadata.
            figures: What is known of it.
            whole: Whether the metadata says that it holds whole numbers.
        """
        if sdtype == 'datetime':
            return cls(name, 'datetime', (), (), (), figures)
        if sdtype == 'numerical':
            digits = 0 if whole else decimals(figures)
            return cls(name, 'number' if digits else 'integer', (), (), (), figures, digits)
        levels, shares = _shared(figures, sdtype == 'boolean')
        order = tuple(level for level in figures.order if level in levels)
        kind: Kind = 'boolean' if sdtype == 'boolean' else 'categorical'
        return cls(name, kind, levels, shares, order, figures)

    @property
    def column(self) -> Column:
        """As models are told of it."""
        if self.kind in ('boolean', 'categorical'):
            categories = self.levels if self.kind == 'categorical' else ()
            return Column(self.name, self.kind, categories)
        return Column(self.name, self.kind, decimals=self.decimals)

    @property
    def typical(self) -> Typical | None:
        """What it adds to knowledge; ``None``: nothing."""
        if self.levels:
            return Typical(
                self.name, (), tuple(zip(self.levels, self.shares, strict=True)), self.order
            )
        if self.kind == 'datetime' or self.figures.zeros:
            return None
        found = quantile(self.figures, np.array(QUARTILES)).round(self.decimals)
        return Typical(self.name, tuple(map(float, found)))


def outlines(declared: Declared, figures: Mapping[str, ColumnStatistics]) -> dict[str, Outline]:
    """The columns of which something is known, by name.

    Args:
        declared: The metadata's entries.
        figures: What is known of each column.
    """
    return {
        name: Outline.of(
            name,
            entry['sdtype'],
            figures[name],
            'int' in str(entry.get('computer_representation', '')).lower(),
        )
        for name, entry in declared.items()
        if name in figures and tells(figures[name], entry['sdtype'])
    }


def tells(figures: ColumnStatistics, sdtype: str) -> bool:
    """Whether values of a column can be drawn by its figures."""
    if sdtype in ('numerical', 'datetime'):
        return figures.tells_values
    total = sum(share for _, share in figures.shares)
    return total > 0 if sdtype == 'boolean' else total >= ALL or bool(_others(figures))


def schema_of(found: Mapping[str, Outline]) -> TableSchema:
    """The columns as models are told of them; no figure stands in it."""
    return TableSchema(tuple(one.column for one in found.values()))


def figures_of(
    told: Sequence[Mapping[str, ColumnStatistics]],
) -> dict[str, ColumnStatistics]:
    """What several say of each column; who comes first is believed first."""
    found: dict[str, ColumnStatistics] = {}
    for part in told:
        for name, one in part.items():
            found[name] = found[name].over(one) if name in found else one
    return found


def typical_of(knowledge: Knowledge) -> dict[str, ColumnStatistics]:
    """What knowledge says of each column by itself."""
    return {one.column: ColumnStatistics.of(one) for one in knowledge.typical}


def _others(figures: ColumnStatistics) -> list[Json]:
    """Levels that are known without a share."""
    return [one for one in figures.order if one not in dict(figures.shares)]


def _shared(
    figures: ColumnStatistics, is_boolean: bool
) -> tuple[tuple[Json, ...], tuple[float, ...]]:
    """All levels and their shares; those without one have what the others leave, in equal parts."""
    shares = dict(figures.shares)
    others = [one for one in (True, False) if one not in shares] if is_boolean else _others(figures)
    rest = max(1 - sum(shares.values()), LEAST_SHARE * len(others))
    shares |= dict.fromkeys(others, rest / max(len(others), 1))
    total = sum(shares.values())
    return tuple(shares), tuple(share / total for share in shares.values())
