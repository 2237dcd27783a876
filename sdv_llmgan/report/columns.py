"""Each column of both tables: how alike, how often missing, and drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sdv_llmgan.metrics.encoding import NUMBER_SDTYPES
from sdv_llmgan.report.content import Bars, Figure, Histogram, Table
from sdv_llmgan.report.inputs import Inputs
from sdv_llmgan.table.summaries import MIN_ROWS_TOLD

PAIRS_SHOWN = 10
OTHER = '(others)'
COLUMNS_DRAWN = 48
CATEGORIES_DRAWN = 6
BINS = 12


def column_tables(inputs: Inputs, details: pd.DataFrame, of_holdout: pd.DataFrame) -> list[Table]:
    """One line a column.

    Args:
        inputs: The tables.
        details: SDMetrics' column shapes; may be empty.
        of_holdout: The same for held-out rows; empty where there are none.
    """
    if details.empty:
        return []
    shapes = details.set_index('Column')['Score']
    lines = {
        'Column': list(inputs.sdtypes),
        'Type': list(inputs.sdtypes.values()),
        'Likeness': [shapes.get(name) for name in inputs.sdtypes],
    }
    note = 'Likeness is SDMetrics’ column shape: 1 where both are spread alike'
    if not of_holdout.empty:
        by_name = of_holdout.set_index('Column')['Score']
        lines['Held out'] = [by_name.get(name) for name in inputs.sdtypes]
        note += '; “held out” is that of held-out real rows'
    lines['Missing'] = [
        f'{percent(inputs.real[name].isna().mean())} / '
        f'{percent(inputs.synthetic[name].isna().mean())}'
        for name in inputs.sdtypes
    ]
    note += '. Missing values: real / synthetic.'
    return [Table.from_frame('Column by column', pd.DataFrame(lines), note)]


def pair_tables(details: pd.DataFrame) -> list[Table]:
    """The pairs of columns that are least alike, by SDMetrics' column pair trends."""
    if details.empty or not details['Score'].notna().any():
        return []
    worst = details[details['Score'].notna()].sort_values('Score', kind='stable')
    frame = worst.head(PAIRS_SHOWN)[['Column 1', 'Column 2', 'Score']]
    title = 'Pairs that are least alike' if len(worst) > PAIRS_SHOWN else 'Pairs of columns'
    note = f'{len(worst)} pairs were compared; 1 where they go together alike in both tables.'
    return [Table.from_frame(title, frame.set_axis(['One', 'Other', 'Likeness'], axis=1), note)]


def column_figures(inputs: Inputs, details: pd.DataFrame) -> list[Figure]:
    """The columns drawn; the least alike ones where there are too many."""
    names = list(inputs.sdtypes)
    if len(names) > COLUMNS_DRAWN and not details.empty:
        shapes = details.set_index('Column')['Score']
        worst = sorted(names, key=lambda name: shapes.get(name, np.nan))[:COLUMNS_DRAWN]
        names = [name for name in names if name in worst]
    real, synthetic = inputs.compared(inputs.real), inputs.compared(inputs.synthetic)
    return [
        Figure(name, chart)
        for name in names[:COLUMNS_DRAWN]
        if (chart := _column_chart(real[name], synthetic[name], inputs.sdtypes[name])) is not None
    ]


def _column_chart(real: pd.Series, synthetic: pd.Series, sdtype: str) -> Histogram | Bars | None:
    if not real.notna().any():
        return None
    if sdtype not in NUMBER_SDTYPES:
        return _bars(real, synthetic)
    is_date = sdtype == 'datetime'
    edges = _edges(_seconds(real) if is_date else real.dropna().to_numpy(float))
    tables = [
        _seconds(part) if is_date else part.dropna().to_numpy(float) for part in (real, synthetic)
    ]
    shares = [
        np.histogram(np.clip(part, edges[0], edges[-1]), edges)[0] / len(column)
        for part, column in zip(tables, (real, synthetic), strict=True)
    ]
    labels = [
        f'{pd.Timestamp(edge, unit="s"):%Y-%m-%d}' if is_date else _short(edge) for edge in edges
    ]
    of_real, of_synthetic = (tuple(map(float, part)) for part in shares)
    return Histogram(tuple(labels), of_real, of_synthetic)


def _bars(real: pd.Series, synthetic: pd.Series) -> Bars:
    """The most frequent categories, and the rest as one."""
    counts = real.value_counts()
    named = list(counts[counts >= MIN_ROWS_TOLD].index[:CATEGORIES_DRAWN])
    shares = [[float((column == name).mean()) for name in named] for column in (real, synthetic)]
    rest = [float((column.notna() & ~column.isin(named)).mean()) for column in (real, synthetic)]
    if any(rest):
        named = [*named, OTHER]
        shares = [[*part, other] for part, other in zip(shares, rest, strict=True)]
    return Bars(tuple(map(str, named)), tuple(shares[0]), tuple(shares[1]))


def _edges(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """About twelve bins between round ends, which no single row's value shows in."""
    low, high = float(values.min()), float(values.max())
    if high <= low:
        return np.array([low - 0.5, low + 0.5])
    step = (high - low) / BINS
    power = 10.0 ** np.floor(np.log10(step))
    step = power * next(times for times in (1, 2, 2.5, 5, 10) if times * power >= step)
    first = np.floor(low / step)
    return step * np.arange(first, np.ceil(high / step) + 1)


def _seconds(dates: pd.Series) -> np.ndarray[Any, Any]:
    return ((dates.dropna() - pd.Timestamp(0)) / pd.Timedelta('1s')).to_numpy(float)


def _short(number: float) -> str:
    number = 0.0 if abs(number) < 1e-12 else number
    return f'{number:,.0f}' if abs(number) >= 1_000 else f'{number:.4g}'


def percent(share: float) -> str:
    """A share in whole percent; what is there is never 0 %."""
    return f'{share:.0%}' if share == 0 or share >= 0.01 else '<1%'
