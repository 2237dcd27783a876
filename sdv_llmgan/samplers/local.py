"""Rows from the distilled sampler, under the same conditions as the model's rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from sdv_llmgan.samplers.base import Learned, Sampler
from sdv_llmgan.samplers.distillation import Distillation
from sdv_llmgan.samplers.distilled.chain import Chain
from sdv_llmgan.samplers.distilled.imputing import Imputer
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.table.allowed import Allowed, alike, choices
from sdv_llmgan.table.column import Column, to_json
from sdv_llmgan.table.rows import ParsedRows, plain_rows
from sdv_llmgan.table.training_set import TrainingSet
from sdv_llmgan.table.wanted import Wanted

#: Rows drawn to find some in a range: for each row wanted, at a time, and in all.
POOL_ROWS = 20
POOL_STEP = 20_000
MAX_POOL = 100_000


@dataclass
class LocalSampler(Sampler):
    """A local sampler fitted to the table: no model is asked.

    Attributes:
        distilled: What is drawn from; ``None`` before ``fit``.
    """

    meets_wishes = True

    distilled: DistilledSampler | None = None
    _imputer: Imputer | None = None

    def fit(self, training: TrainingSet, learned: Learned) -> None:
        """Distil what the loop has learned; see ``Sampler.fit``."""
        self.distilled = Distillation(training, learned).fit()
        self._imputer = None

    @property
    def chain(self) -> Chain | None:
        """The columns in order, each with its model; ``None`` before ``fit``."""
        return None if self.distilled is None else self.distilled.chain

    @property
    def learned_from(self) -> dict[str, dict[str, float]] | None:
        """See ``Chain.learned_from``; ``None`` before ``fit``."""
        return None if self.distilled is None else self.distilled.chain.learned_from

    @property
    def gain(self) -> dict[str, float] | None:
        """See ``Chain.gain``; ``None`` where no generated rows were learned from."""
        if self.distilled is None or self.distilled.trust is None:
            return None
        return self.distilled.chain.gain

    def sample(self, wanted: Wanted, rng: np.random.Generator) -> ParsedRows:
        """Draw once for each wanted row; see ``Sampler.sample``."""
        if self.distilled is None:
            raise RuntimeError('sample needs a fit before it.')
        present, rest = _apart(wanted)
        rows = (
            self.distilled.complete(_known(self.distilled, rest, rng), rng, present)
            if rest.columns
            else self.distilled.sample(len(wanted), rng, present)
        )
        stepped = {
            column.name: _in_steps(rows[column.name], column)
            for column in self.distilled.schema
            if column.step > 1 and column.name not in wanted.columns
        }
        return ParsedRows(rows.assign(**stepped))

    def fill(self, rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """Draw what is missing, given what is there; see ``Imputer``.

        Args:
            rows: Plain rows, shape (n_rows, n_columns), of all columns.
            rng: All randomness comes from here.

        Returns:
            The rows without gaps, but for columns that are missing in all training rows. Free text
            is that of any training row.
        """
        if self.distilled is None:
            raise RuntimeError('fill needs a fit before it.')
        if self._imputer is None:
            self._imputer = Imputer.fit(self.distilled)
        filled = self._imputer.fill(rows, rng)
        columns = {}
        for column in self.distilled.schema:
            values, name = rows[column.name], column.name
            if name in filled:
                drawn = _in_steps(filled[name], column) if column.step > 1 else filled[name]
                values = values.where(values.notna(), drawn)
            elif column.kind == 'text':
                texts = self.distilled.training.rows[name].dropna().to_numpy()
                values = values.where(values.notna(), rng.choice(texts, len(rows)))
            columns[name] = values
        return pd.DataFrame(columns)


def _apart(wanted: Wanted) -> tuple[list[str], Wanted]:
    """The columns of which nothing else is wanted than a value, and what is of the others.

    Beside ranges and choices there are none of the former: rows are drawn that meet all together.
    """
    present = [name for name in wanted.columns if wanted.is_any(name)]
    rest = Wanted(wanted.cells.drop(columns=present))
    is_exact = all(cell.is_exact for name in rest.columns for cell in rest.cells[name])
    return (present, rest) if is_exact else ([], wanted)


def _known(distilled: DistilledSampler, wanted: Wanted, rng: np.random.Generator) -> pd.DataFrame:
    """One value for each settled cell, plain; those in ranges and choices are drawn."""
    drawn, names = wanted.cells.copy(), wanted.columns
    kinds = alike(map(choices, drawn.to_numpy()))
    chosen = {place for kind in kinds for place, cell in enumerate(kind) if cell is not None}
    pool = _Pool(distilled, [names[place] for place in sorted(chosen)], rng)
    if chosen:
        pool.grow(min(POOL_STEP, POOL_ROWS * len(wanted) + 1_000))
    for choice, places in kinds.items():
        allowed = {name: cell for name, cell in zip(names, choice, strict=True) if cell is not None}
        if allowed:
            values = pool.draw(allowed, len(places))
            for name in allowed:
                cells = [Allowed.exactly(value) for value in values[name]]
                drawn.iloc[places, drawn.columns.get_loc(name)] = cells
    return plain_rows(drawn, distilled.schema)


@dataclass
class _Pool:
    """JSON values of own rows by column, among which some meet a condition."""

    distilled: DistilledSampler
    names: Sequence[str]
    rng: np.random.Generator
    values: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    size: int = 0
    _met: dict[tuple[str, Allowed], np.ndarray] = field(default_factory=dict)

    def draw(self, allowed: Mapping[str, Allowed], num_rows: int) -> dict[str, list[Any]]:
        """JSON values in ranges and choices, together as in own rows that happen to meet them."""
        together = self.places(allowed, num_rows)
        if len(together):
            places = self.rng.choice(together, num_rows, replace=len(together) < num_rows)
            return {name: [self.values[name][place] for place in places] for name in allowed}
        # Where no row meets all of them, each is met by itself.
        values = {}
        for name, cell in allowed.items():
            alone = self.places({name: cell}, num_rows)
            values[name] = (
                [self.values[name][place] for place in self.rng.choice(alone, num_rows)]
                if len(alone)
                else _spread(self.distilled.schema[name], cell, num_rows, self.rng)
            )
        return values

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
    if allowed.is_any:
        allowed = _every(column)
    if allowed.values is not None:
        return [allowed.values[i] for i in rng.integers(len(allowed.values), size=num_rows)]
    if column.kind == 'datetime':
        low, high = pd.Timestamp(str(allowed.minimum)), pd.Timestamp(str(allowed.maximum))
        times = low + (high - low) * pd.Series(rng.random(num_rows))
        return [time.strftime(column.datetime_format) for time in times]
    values = rng.uniform(float(allowed.minimum or 0), float(allowed.maximum or 0), num_rows)
    return [column.to_json_value(value) for value in values.round(column.decimals)]


def _every(column: Column) -> Allowed:
    """All values that training rows have, or what lies between them."""
    if column.minimum is not None:
        return Allowed(minimum=column.minimum, maximum=column.maximum)
    levels = (False, True) if column.kind == 'boolean' else map(to_json, column.categories)
    return Allowed(tuple(levels))


def _in_steps(values: pd.Series, column: Column) -> pd.Series:
    """Numbers moved to the nearest multiple of the column's step inside its range."""
    low = np.ceil(float(column.minimum or 0) / column.step)
    high = np.floor(float(column.maximum or 0) / column.step)
    return (values / column.step).round().clip(low, high) * column.step
