"""Rows from the distilled sampler, under the same conditions and rules as the model's rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from sdv_llmgan.rules.constraints import Rules
from sdv_llmgan.samplers.base import Sampler
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.table.allowed import Allowed, alike, choices
from sdv_llmgan.table.column import Column
from sdv_llmgan.table.rows import ParsedRows, plain_rows

#: Rows drawn to find some in a range: for each row wanted, at a time, and in all.
POOL_ROWS = 20
POOL_STEP = 20_000
MAX_POOL = 100_000


@dataclass
class LocalSampler(Sampler):
    """Draws from a distilled sampler; no model is asked.

    Attributes:
        distilled: What is drawn from.
        rules: What every row keeps to.
        max_top_ups: See ``Sampler``; a round costs nothing here.
    """

    distilled: DistilledSampler
    rules: Rules
    max_top_ups: int = 20

    def agree(self, rows: pd.DataFrame) -> np.ndarray:
        """Which rows go together by the rules; see ``Sampler.agree``."""
        return self.rules.agree(rows)

    def draw(self, begun: pd.DataFrame, rng: np.random.Generator) -> ParsedRows:
        """Draw once for each begun row; see ``Sampler.draw``."""
        labels, begun = begun.index, begun.reset_index(drop=True)
        begun = self.rules.begin(begun, rng)
        rows = (
            self.distilled.complete(self._known(begun, rng), rng)
            if len(begun.columns)
            else self.distilled.sample(len(begun), rng)
        )
        stepped = {
            column.name: _in_steps(rows[column.name], column)
            for column in self.distilled.schema
            if column.step > 1 and column.name not in begun
        }
        parsed = self.rules.reject(ParsedRows(rows.assign(**stepped)), begun)
        return ParsedRows(parsed.rows.set_axis(labels[parsed.rows.index]), parsed.rejected)

    def _known(self, begun: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """One value for each settled cell, plain; those in ranges and choices are drawn."""
        drawn = begun.copy()
        kinds = alike(map(choices, begun.to_numpy()))
        chosen = {place for kind in kinds for place, cell in enumerate(kind) if cell is not None}
        pool = self._pool([str(begun.columns[place]) for place in sorted(chosen)], len(begun), rng)
        for choice, places in kinds.items():
            allowed = {str(n): c for n, c in zip(begun, choice, strict=True) if c is not None}
            if allowed:
                values = self._values(allowed, pool, len(places), rng)
                for name in allowed:
                    cells = [Allowed.exactly(value) for value in values[name]]
                    drawn.iloc[places, drawn.columns.get_loc(name)] = cells
        return plain_rows(drawn, self.distilled.schema)

    def _pool(self, names: list[str], num_rows: int, rng: np.random.Generator) -> _Pool:
        pool = _Pool(self.distilled, names, rng)
        if names:
            pool.grow(min(POOL_STEP, POOL_ROWS * num_rows + 1_000))
        return pool

    def _values(
        self, allowed: Mapping[str, Allowed], pool: _Pool, num_rows: int, rng: np.random.Generator
    ) -> dict[str, list[Any]]:
        """JSON values in ranges and choices, together as in own rows that happen to meet them."""
        together = pool.places(allowed, num_rows)
        if len(together):
            places = rng.choice(together, num_rows, replace=len(together) < num_rows)
            return {name: [pool.values[name][place] for place in places] for name in allowed}
        # Where no row meets all of them, each is met by itself.
        values = {}
        for name, cell in allowed.items():
            alone = pool.places({name: cell}, num_rows)
            values[name] = (
                [pool.values[name][place] for place in rng.choice(alone, num_rows)]
                if len(alone)
                else _spread(self.distilled.schema[name], cell, num_rows, rng)
            )
        return values


@dataclass
class _Pool:
    """JSON values of own rows by column, among which some meet a condition."""

    distilled: DistilledSampler
    names: Sequence[str]
    rng: np.random.Generator
    values: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    size: int = 0
    _met: dict[tuple[str, Allowed], np.ndarray] = field(default_factory=dict)

    def grow(self, num_rows: int) -> None:
        """Draw so many rows more."""
        rows = self.distilled.sample(num_rows, self.rng)
        told = self.distilled.schema.reordered(self.names).to_json_rows(rows)
        for name, values in zip(self.names, zip(*told, strict=True), strict=True):
            self.values[name] += values
        self.size += num_rows

    def places(self, allowed: Mapping[str, Allowed], wanted: int) -> np.ndarray:
        """Which rows meet all conditions, shape (n_met,).

        While some do, but fewer than are wanted, more rows are drawn, up to ``MAX_POOL``.
        """
        found = self._places(allowed)
        while 0 < len(found) < wanted and self.size < MAX_POOL:
            self.grow(POOL_STEP)
            found = self._places(allowed)
        return found

    def _places(self, allowed: Mapping[str, Allowed]) -> np.ndarray:
        return np.flatnonzero(
            np.logical_and.reduce([self._meets(name, cell) for name, cell in allowed.items()])
        )

    def _meets(self, name: str, cell: Allowed) -> np.ndarray:
        """Which rows meet a condition on one column, shape (size,)."""
        met = self._met.get((name, cell), np.zeros(0, dtype=bool))
        new = [cell.meets(value) for value in self.values[name][len(met) :]]
        self._met[name, cell] = np.append(met, np.array(new, dtype=bool))
        return self._met[name, cell]


def _spread(column: Column, allowed: Allowed, num_rows: int, rng: np.random.Generator) -> list[Any]:
    """Values all over what is allowed, where no row is there to go by."""
    if allowed.values is not None:
        return [allowed.values[i] for i in rng.integers(len(allowed.values), size=num_rows)]
    if column.kind == 'datetime':
        low, high = pd.Timestamp(str(allowed.minimum)), pd.Timestamp(str(allowed.maximum))
        times = low + (high - low) * pd.Series(rng.random(num_rows))
        return [time.strftime(column.datetime_format) for time in times]
    values = rng.uniform(float(allowed.minimum or 0), float(allowed.maximum or 0), num_rows)
    return [column.to_json_value(value) for value in values.round(column.decimals)]


def _in_steps(values: pd.Series, column: Column) -> pd.Series:
    """Numbers moved to the nearest multiple of the column's step inside its range."""
    low = np.ceil(float(column.minimum or 0) / column.step)
    high = np.floor(float(column.maximum or 0) / column.step)
    return (values / column.step).round().clip(low, high) * column.step
