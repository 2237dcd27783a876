"""Numbers and dates as a few ranges in words, such as "under 30", "30 to 39" and "40 or more".

Ranges have round edges, hold several training rows and more than one possible value each, and the
outer ones have one end only: no word of them is the smallest or largest value.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sdv_llmgan.table.allowed import Allowed
from sdv_llmgan.table.column import Column
from sdv_llmgan.table.rounding import nearest
from sdv_llmgan.table.summaries import MIN_ROWS_TOLD
from sdv_llmgan.table.types import Cell

ANY = 'any value'
MAX_RANGES = 6


def ranges(values: pd.Series, column: Column) -> dict[str, Allowed]:
    """Ranges of about equally many rows, from low to high, and what they mean.

    Args:
        values: Plain training values, shape (n_rows,); missing ones do not count.
        column: Their column, of numbers or dates.
    """
    is_date = column.kind == 'datetime'
    # Before and after every JSON value of the column.
    lowest: Any = '' if is_date else -np.inf
    highest: Any = '~' if is_date else np.inf
    edges = _edges(_as_written(values.dropna(), column).sort_values(ignore_index=True), column)
    lows, highs = [None, *edges], [*edges, None]
    return {
        _words(low, high, column): Allowed(
            minimum=lowest if low is None else column.to_json_value(low),
            maximum=highest if high is None else column.to_json_value(_before(high, column)),
        )
        for low, high in zip(lows, highs, strict=True)
    }


def _edges(ordered: pd.Series, column: Column) -> list[Any]:
    """Round numbers or dates that cut sorted values into ranges of enough rows to be told."""
    # Where many rows have the same value, quantiles of the rows may all be that one.
    for points in (ordered, ordered.drop_duplicates(ignore_index=True)):
        kept: list[Any] = []
        for edge in _round_quantiles(points, column):
            start = kept[-1] if kept else ordered.iloc[0]
            above = ordered[ordered >= edge]
            rows = int((ordered >= start).sum()) - len(above), len(above)
            # A range of a single value would tell it.
            is_wide = edge - start > _unit(column) and ordered.iloc[-1] > edge
            if min(rows) >= MIN_ROWS_TOLD and is_wide:
                kept.append(edge)
        if kept:
            return kept
    return []


def _round_quantiles(ordered: pd.Series, column: Column) -> list[Any]:
    ranks = np.linspace(0, len(ordered) - 1, MAX_RANGES + 1).round().astype(int)
    cuts = list(dict.fromkeys(ordered.iloc[ranks]))
    edges = set()
    for before, cut, after in zip(cuts, cuts[1:], cuts[2:], strict=False):
        edge = nearest(cut, max((after - before) / 2, _unit(column)))
        if cuts[0] < edge < cuts[-1]:
            edges.add(edge)
    return sorted(edges)


def _unit(column: Column) -> Cell:
    """The smallest difference of two values."""
    return column.unit if column.kind == 'datetime' else float(f'1e-{column.decimals}')


def _before(edge: Cell, column: Column) -> Cell:
    """The largest value below an edge."""
    before = edge - _unit(column)
    # One whole number less is the same float where numbers are very large.
    return before if before < edge else float(np.nextafter(edge, -np.inf))


def _as_written(values: pd.Series, column: Column) -> pd.Series:
    """Values as rows of the table are told and counted, on which each range has its rows."""
    if column.kind == 'datetime':
        # Nanoseconds cannot say how far apart dates of different centuries are.
        return values.dt.floor(column.unit).astype('datetime64[s]')
    return values.map(lambda value: float(column.to_json_value(value)))


def _words(low: Cell, high: Cell, column: Column) -> str:
    is_date = column.kind == 'datetime'
    if low is None and high is None:
        return ANY
    if low is None:
        return f'{"before" if is_date else "under"} {_figure(high, column)}'
    if high is None:
        return f'{_figure(low, column)} or {"later" if is_date else "more"}'
    if column.kind == 'number':
        return f'{_figure(low, column)} to under {_figure(high, column)}'
    return f'{_figure(low, column)} to {_figure(_before(high, column), column)}'


def _figure(value: Cell, column: Column) -> str:
    return str(column.to_json_value(value)).removesuffix('.0')
