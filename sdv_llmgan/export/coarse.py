"""A distilled sampler learned anew from rows that it drew, in which no value is a single row's.

    fitted sampler -> many drawn rows, with values alone that enough training rows have
        -> numbers and dates as bins, levels by name -> a chain of large-table models

Models are fitted on drawn rows, and to these a number is the bin that it is in: what they learn of
it is one of few bins, each with round ends and enough training rows inside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from sdv_llmgan.formats.words import plural
from sdv_llmgan.process.knowledge import NOTHING_KNOWN
from sdv_llmgan.process.limits import Bound, Limit
from sdv_llmgan.samplers.distilled.bins import BinnedGrid
from sdv_llmgan.samplers.distilled.categorical import MANY_ROWS
from sdv_llmgan.samplers.distilled.chain import Chain
from sdv_llmgan.samplers.distilled.coded_rows import CodedRows
from sdv_llmgan.samplers.distilled.coding import Coding, LevelCoding, NumberCoding, TableCoding
from sdv_llmgan.samplers.distilled.evidence import Floats
from sdv_llmgan.samplers.distilled.grid import Grid
from sdv_llmgan.samplers.distilled.limits import CodedLimit
from sdv_llmgan.samplers.distilled.nearness import nearness
from sdv_llmgan.samplers.distilled.sampler import MAX_TIED, DistilledSampler
from sdv_llmgan.samplers.distilled.thinning import aim
from sdv_llmgan.table.column import NO_SUMMARY, Column, quote, to_json
from sdv_llmgan.table.repeats import Repeats
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.training_set import TrainingSet

#: Rows to choose from for each that is wanted, where rows near to training rows are thinned out.
SPARE = 2
#: How often the strength of that is halved in search of the right one, and the greatest one.
STEPS, MOST_POWER = 20, 64.0
#: Rows drawn at most for each that is wanted.
MOST_TRIES = 10
#: A limit that so many rows keep is broken by none.
ALWAYS = 10**9
#: Types of values that JSON keeps apart.
PLAIN = (str, bool, int, float)


@dataclass(frozen=True)
class CoarseSampler:
    """What an exported file holds.

    Attributes:
        columns: Those that are drawn, in the table's order; nothing in them is a single row's.
        chain: The columns in the order in which they are drawn, each with its model.
        min_rows: Training rows that have each level that is named, and are in each bin, at least.
        num_rows: Drawn rows that it was learned from.
        seed: Seeds it.
        target: The column to be predicted later, if there is one.
        codes: The drawn rows by column, as codes; not in the file.
        left_out: How many levels of each column are left out, for fewer rows have them; not in the
            file.
    """

    columns: TableSchema
    chain: Chain
    min_rows: int
    num_rows: int
    seed: int
    target: str | None
    codes: Mapping[str, Floats] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)

    def to_sampler(self, num_rows: int) -> DistilledSampler:
        """A sampler that stands on rows of its own in the place of training rows.

        Conditions and gaps are met by models fitted on these, where the chain's order is another.

        Args:
            num_rows: How many, more than ``MANY_ROWS``: nobody's rows are stood off from.
        """
        assert num_rows > MANY_ROWS
        rng = np.random.default_rng(self.seed)
        coding = self.chain.coding
        codes = self.chain.draw({}, num_rows, rng)
        rows = pd.DataFrame({
            name: coding.codings[name].decode(codes[name], rng) for name in self.columns.names
        })
        training = TrainingSet(rows, self.columns, self.seed, self.target, reject_copies=False)
        coded = _coded(coding, codes, self.seed, self.target)
        return DistilledSampler(training, coded, self.chain, None, Repeats(), None)


def coarsened(fitted: DistilledSampler, *, min_rows: int, num_rows: int) -> CoarseSampler:
    """Learn a sampler anew from rows that it drew.

    Args:
        fitted: Of any training rows; no column of it is free text.
        min_rows: See ``CoarseSampler``.
        num_rows: Rows to draw and learn from, more than ``MANY_ROWS``.

    Raises:
        ValueError: A column has no value that so many training rows have, or hardly any row has
            such values in all columns.
    """
    assert num_rows > MANY_ROWS
    training = fitted.training
    named = {
        name: _levels(training.rows[name], coding, min_rows)
        for name, coding in fitted.coding.codings.items()
    }
    bins = {
        name: BinnedGrid.fit(training.rows[name], Grid.fit(training.rows[name], one), min_rows)
        for one in training.schema
        if isinstance(fitted.coding.codings[name := one.name], NumberCoding)
    }
    _check(named, bins, training, min_rows)
    rows = _drawn(fitted, named, num_rows)
    codings = {
        column.name: _coding(column, bins.get(column.name), rows[column.name])
        for column in training.schema
    }
    coding = TableCoding(codings)
    coded = _coded(coding, coding.encode(rows), training.seed, training.target)
    chain = coded.chain((fitted.causal_graph, fitted.chain.names), lambda: None)
    columns = training.schema.replaced(_told(one, codings[one.name]) for one in training.schema)
    counted = {name: training.rows[name].nunique() for name in named if name not in bins}
    left_out = {
        name: count - sum(level is not None for level in named[name])
        for name, count in counted.items()
    }
    return CoarseSampler(
        columns,
        replace(chain, limits=()),
        min_rows,
        num_rows,
        training.seed,
        training.target,
        coded.codes,
        {name: count for name, count in left_out.items() if count},
    )


def _levels(values: pd.Series, coding: Coding, min_rows: int) -> list[Any]:
    """Levels that enough training rows have, ``None`` for missing; of numbers that one at most."""
    missing = [None] * bool(values.isna().sum() >= min_rows)
    if isinstance(coding, NumberCoding):
        return missing
    counts = np.bincount(coding.encode(values).astype(int), minlength=len(coding.levels))
    pairs = zip(coding.levels, counts, strict=True)
    return missing + [level for level, n in pairs if level is not None and n >= min_rows]


def _check(
    named: Mapping[str, list[Any]],
    bins: Mapping[str, BinnedGrid | None],
    training: TrainingSet,
    min_rows: int,
) -> None:
    rare = [
        quote(name)
        for name, levels in named.items()
        if not levels and bins.get(name) is None and name in training.schema.names
    ]
    if rare:
        raise ValueError(
            f'{", ".join(rare)}: no value, or range of values, is that of min_rows={min_rows} '
            f'training rows or more, of {plural(len(training.rows), "row")}. Leave such a column '
            'out of the fit, mark it as pii in the metadata, so that it is made up, or export with '
            'fewer min_rows.'
        )
    for name, levels in named.items():
        for level in levels:
            if level is not None and type(level) not in PLAIN:
                raise ValueError(
                    f'{quote(name)} has levels of the type {type(level).__name__}, and an exported '
                    'file takes text, numbers and booleans. Turn them into text before the fit.'
                )


def _drawn(fitted: DistilledSampler, named: Mapping[str, list[Any]], num_rows: int) -> pd.DataFrame:
    """So many plain rows, with levels alone that are named."""
    limits = [
        CodedLimit(
            Limit(Bound(name, tuple(to_json(one) for one in levels if one is not None))),
            fitted.coding,
            ALWAYS,
        )
        for name, levels in named.items()
        if any(one is not None for one in levels)
        and len(levels) < len(_all_levels(fitted.coding.codings[name]))
    ]
    chain = replace(fitted.chain, limits=[*fitted.chain.limits, *limits])
    sampler, rng = replace(fitted, chain=chain), np.random.default_rng(fitted.rows.seed)
    # Of large tables the sampler itself has such rows drawn anew.
    spare = SPARE if fitted.rows.num_real <= MANY_ROWS else 1
    parts: list[pd.DataFrame] = []
    for _ in range(MOST_TRIES):
        rows = sampler.sample(spare * num_rows, rng)
        kept = np.logical_and.reduce([
            _is_named(rows[name], fitted.coding.codings[name], levels)
            for name, levels in named.items()
        ])
        parts.append(rows[kept])
        if sum(map(len, parts)) >= spare * num_rows:
            found = pd.concat(parts, ignore_index=True).head(spare * num_rows)
            return found if spare == 1 else _stood_off(fitted, found, num_rows, rng)
    drawn, kept = spare * num_rows * MOST_TRIES, sum(map(len, parts))
    raise ValueError(
        f'Of {drawn:,} drawn rows {kept:,} have, in every column, values alone that enough '
        'training rows have. Leave columns of rare values out of the fit, mark them as pii, or '
        'export with fewer min_rows.'
    )


def _stood_off(
    fitted: DistilledSampler, rows: pd.DataFrame, num_rows: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Some of the rows, by chance, so that they are no nearer to training rows than is aimed at."""
    near, tied = nearness(fitted.coding, fitted.coding.encode(rows), fitted.rows.real)
    near *= tied <= MAX_TIED
    wanted, turns = aim(fitted.rows.num_real, tied), rng.gumbel(size=len(rows))
    low, high = 0.0, MOST_POWER
    for _ in range(STEPS):
        power = (low + high) / 2
        chosen = np.argsort(power * near - turns)[:num_rows]
        low, high = (power, high) if near[chosen].mean() > wanted else (low, power)
    chosen = np.argsort(high * near - turns)[:num_rows]
    return rows.iloc[np.sort(chosen)].reset_index(drop=True)


def _all_levels(coding: Coding) -> Sequence[Any]:
    return coding.levels if isinstance(coding, LevelCoding) else ()


def _is_named(values: pd.Series, coding: Coding, levels: list[Any]) -> np.ndarray:
    """Which values are among the levels; of numbers, which are not missing unless some may be."""
    if isinstance(coding, NumberCoding):
        return values.notna().to_numpy() | (None in levels)
    keys = {(type(level), level) for level in levels}  # True is not 1
    places = [place for place, one in enumerate(coding.levels) if (type(one), one) in keys]
    return np.isin(coding.encode(values), places)


def _coding(column: Column, bins: BinnedGrid | None, rows: pd.Series) -> Coding:
    if bins is None:
        return LevelCoding.fit(rows, column)
    return NumberCoding.of(bins, bins.encode(rows), enforce_range=True)


def _told(column: Column, coding: Coding) -> Column:
    """A column of which nothing is told that its coding does not hold."""
    plain = replace(
        column,
        nullable=coding.missing is not None,
        shares=(),
        missing=0.0,
        examples=(),
        description='',
        **NO_SUMMARY,
    )
    if isinstance(coding, LevelCoding):
        levels = tuple(level for level in coding.levels if level is not None)
        if column.kind == 'boolean':
            return plain
        return replace(plain, categories=levels)
    bins = coding.grid
    assert isinstance(bins, BinnedGrid)
    first, last = bins.grid.decode(np.array([bins.low[0], bins.ends[-1] - 1]))
    return replace(plain, minimum=column.to_json_value(first), maximum=column.to_json_value(last))


def _coded(
    coding: TableCoding, codes: Mapping[str, Floats], seed: int, target: str | None
) -> CodedRows:
    """Rows that are known as codes, in the place of training rows; nothing else is known."""
    count = len(next(iter(codes.values())))
    return CodedRows(
        coding,
        dict(codes),
        np.ones(count, dtype=bool),
        np.arange(count)[:, None],
        seed,
        target,
        NOTHING_KNOWN,
        np.ones(count),
        {},
    )
