"""What a condition allows in one cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sdv_llmgan.formats.saved_json import Json


@dataclass(frozen=True)
class Allowed:
    """One of a few JSON values, or anything in a range, or any value at all: ``Allowed()``.

    Attributes:
        values: The values allowed, ``None`` among them where the cell may be missing; ``None``
            where a range is meant instead.
        minimum: Lower end of the range, itself allowed: a number, or a date as ISO text; ``None``
            where it is open.
        maximum: Upper end, likewise.
    """

    values: tuple[Any, ...] | None = None
    minimum: float | str | None = None
    maximum: float | str | None = None

    @classmethod
    def exactly(cls, value: Json) -> Allowed:
        """This value and no other."""
        return cls((value,))

    @property
    def is_exact(self) -> bool:
        """Whether only one value is allowed."""
        return self.values is not None and len(self.values) == 1

    @property
    def is_any(self) -> bool:
        """Whether every value is allowed, and no missing one."""
        return self == Allowed()

    def least(self) -> Json:
        """The smallest value allowed; ``None``: there is none, or the cell may be missing."""
        return self._extreme(min, self.minimum)

    def most(self) -> Json:
        """The largest value allowed; ``None``: there is none, or the cell may be missing."""
        return self._extreme(max, self.maximum)

    def _extreme(self, choose: Callable[..., Any], end: Json) -> Json:
        if self.values is None:
            return end
        return None if None in self.values else choose(self.values)

    def meets(self, value: Json) -> bool:
        """Whether a JSON value is allowed."""
        if self.values is not None:
            return value in self.values
        return (
            value is not None
            and (self.minimum is None or self.minimum <= value)
            and (self.maximum is None or value <= self.maximum)
        )

    def both(self, other: Allowed) -> Allowed | None:
        """What this and another condition allow together; ``None`` where that is nothing."""
        if self.is_any and None not in (other.values or ()):
            return other
        if other.is_any and None not in (self.values or ()):
            return self
        if self.values is None and other.values is None:
            ends: Any = ((self.minimum, other.minimum), (self.maximum, other.maximum))
            low, high = max(ends[0]), min(ends[1])
            return Allowed(minimum=low, maximum=high) if low <= high else None
        listed, rest = (other, self) if self.values is None else (self, other)
        values = tuple(value for value in listed.values or () if rest.meets(value))
        return Allowed(values) if values else None


def choices(cells: Iterable[Allowed]) -> tuple[Allowed | None, ...]:
    """The cells that leave a choice; ``None`` in place of those that allow one value only."""
    return tuple(None if cell.is_exact else cell for cell in cells)


def alike(rows: Iterable[tuple[Any, ...]]) -> dict[tuple[Any, ...], list[int]]:
    """The places of rows of cells that are alike, by the row, in the order of their first ones."""
    places: dict[tuple[Any, ...], list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(row, []).append(place)
    return places
