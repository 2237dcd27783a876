"""One column given another, as drawn against the data: a panel is a pair of axes of a figure.

    numbers given numbers   points, and a line of medians
    numbers given levels    boxes
    levels given numbers    a line of one level's share
    levels given levels     bars of one level's share
    given nothing           a box, or bars of all shares

Real rows are dark, drawn ones green. A missing number is left out; among levels it is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from sdv_llmgan.plots.look import REAL, SYNTHETIC, label
from sdv_llmgan.table.column import Column, is_missing, to_json

#: Plain rows by kind, ``real`` before ``drawn``, each of shape (n_rows, n_columns).
Rows = Mapping[str, pd.DataFrame]

NAMES = {'real': 'real rows', 'drawn': 'drawn rows'}
COLORS = {'real': REAL, 'drawn': SYNTHETIC}
#: Levels that are told apart; the rarest share a place.
MOST_LEVELS = 6
OTHERS, MISSING, EVERY = 'others', 'missing', 'all rows'
#: Numbers are cut into so many groups of like size at most, of so many real rows at least.
MOST_GROUPS, ROWS_A_GROUP = 8, 10
#: Of fewer rows no median and no share is worth a point.
LEAST_ROWS = 3
#: Points drawn of each table, at most.
MAX_POINTS = 500
#: Letters of a level on an axis.
TICK = 12


@dataclass(frozen=True)
class Side:
    """One column of both tables, ready to be drawn.

    Attributes:
        title: What its axis is called; empty: it stands for no column, and all rows are alike.
        values: Numbers or dates, or names of levels, by kind of rows, shape (n_rows,) each.
        names: The levels in order; empty: numbers or dates.
    """

    title: str
    values: Mapping[str, pd.Series]
    names: Sequence[str] = ()

    @classmethod
    def of(cls, column: Column | None, rows: Rows, order: Sequence[object] = ()) -> Side:
        """Read a column.

        Args:
            column: ``None``: nothing is given.
            rows: Both tables.
            order: Levels from low to high, where they have an order.
        """
        if column is None:
            every = {kind: pd.Series(EVERY, index=table.index) for kind, table in rows.items()}
            return cls('', every, (EVERY,))
        values = {kind: table[column.name] for kind, table in rows.items()}
        if not has_levels(column):
            return cls(label(column.name), values)
        told = {kind: cells.map(level_name).astype(object) for kind, cells in values.items()}
        # Levels of drawn rows alone come after those of real ones.
        found = list(dict.fromkeys(name for cells in told.values() for name in _by_count(cells)))
        kept = found if len(found) <= MOST_LEVELS else found[: MOST_LEVELS - 1]
        ranks = {level_name(level): rank for rank, level in enumerate(order)}
        names = sorted(kept, key=lambda name: ranks.get(name, len(ranks)))
        names += [OTHERS] if len(kept) < len(found) else []
        told = {kind: cells.where(cells.isin(kept), OTHERS) for kind, cells in told.items()}
        return cls(label(column.name), told, names)

    def level(self, wanted: object) -> str:
        """The level whose share is shown, of levels: the wanted one, as JSON, if it has a place.

        Else the second most frequent: of two the rarer one, of more one that has room to move.
        """
        name = level_name(wanted)
        if name in self.names:
            return name
        found = [one for one in _by_count(self.values['real']) if one != OTHERS]
        return found[:2][-1]

    @property
    def axis(self) -> dict[str, object]:
        """Ticks of an axis of levels, each with a place; those of numbers are plotly's."""
        if not self.names:
            return {}
        return {
            'type': 'category',
            'categoryorder': 'array',
            'categoryarray': self.names,
            'tickvals': self.names,
            'ticktext': [label(name, TICK) for name in self.names],
            'range': [-0.5, len(self.names) - 0.5],
        }


def has_levels(column: Column) -> bool:
    """Whether a column's values are levels, rather than numbers or dates."""
    return column.kind in ('categorical', 'boolean')


def level_name(value: object) -> str:
    """A level as it is shown."""
    return MISSING if is_missing(value) else str(to_json(value))


def draw_conditional(
    figure: go.Figure,
    number: int,
    given: Side,
    drawn: Side,
    level: object = None,
    names: Mapping[str, str] = NAMES,
) -> None:
    """Draw how one column goes with another, in real rows and in drawn ones.

    Args:
        figure: Changed in place.
        number: Of the axes, >= 2: those that plotly calls ``x2`` and ``y2``, and so on.
        given: What is given.
        drawn: What is drawn given that.
        level: Whose share is shown; see ``Side.level``.
        names: What the legend calls each kind of rows.
    """
    x, title = given, drawn.title
    if not drawn.names:
        traces = _boxes(given, drawn) if given.names else _points(given, drawn)
    elif not given.title:
        x, title, traces = drawn, 'share of rows', _all_shares(drawn)
    else:
        shown = drawn.level(level)
        title = f'share of {label(shown, 20)}'
        draw = _share_bars if given.names else _share_line
        traces = draw(given, drawn, shown)
    percent = {'tickformat': '.0%', 'rangemode': 'tozero'} if drawn.names else {}
    axes = {'xaxis': f'x{number}', 'yaxis': f'y{number}', 'legend': 'legend2'}
    for kind, trace in traces:
        named = number == 2 and trace.showlegend is None
        figure.add_trace(trace.update(axes, name=names[kind], legendgroup=kind, showlegend=named))
    figure.update_layout({
        f'xaxis{number}': {'title': {'text': x.title}, 'anchor': f'y{number}', **x.axis},
        f'yaxis{number}': {'title': {'text': title}, 'anchor': f'x{number}', **percent},
    })


def missing_words(drawn: Side, names: Mapping[str, str] = NAMES) -> str:
    """How many rows of either kind have no value; empty: all have one."""
    shares = {
        kind: float((cells.isna() | (cells == MISSING)).mean())
        for kind, cells in drawn.values.items()
    }
    told = ', '.join(f'{share:.0%} of {names[kind]}' for kind, share in shares.items())
    return f'missing: {told}' if any(shares.values()) else ''


Traces = Iterator[tuple[str, Any]]


def _points(given: Side, drawn: Side) -> Traces:
    """Numbers given numbers: points, and medians of groups of like size."""
    for kind, x in given.values.items():
        known = x.notna() & drawn.values[kind].notna()
        is_real = kind == 'real'
        yield (
            kind,
            go.Scatter(
                x=x[known].iloc[:MAX_POINTS],
                y=drawn.values[kind][known].iloc[:MAX_POINTS],
                mode='markers',
                showlegend=False,
                marker={
                    'color': COLORS[kind],
                    'symbol': 'circle-open' if is_real else 'circle',
                    'size': 7 if is_real else 5,
                    'opacity': 0.5 if is_real else 0.4,
                },
                hoverinfo='skip',
            ),
        )
    for kind, parts in _groups(given, drawn).items():
        medians = [part.median() for _, part in parts]
        told = [f'median of {len(part):,} rows' for _, part in parts]
        yield kind, _line(kind, [x.median() for x, _ in parts], medians, told)


def _boxes(given: Side, drawn: Side) -> Traces:
    """Numbers given levels, or nothing: quartiles, and the whole range."""
    for kind, x in given.values.items():
        known = drawn.values[kind].notna()
        yield (
            kind,
            go.Box(
                x=x[known],
                y=drawn.values[kind][known],
                offsetgroup=kind,
                marker={'color': COLORS[kind]},
                line={'width': 1.5},
                boxpoints=False,
                hoverinfo='y',
            ),
        )


def _share_line(given: Side, drawn: Side, level: str) -> Traces:
    """A level's share given numbers, in groups of like size."""
    for kind, parts in _groups(given, drawn).items():
        shares = [float((part == level).mean()) for _, part in parts]
        told = [_told(part) for _, part in parts]
        yield kind, _line(kind, [x.median() for x, _ in parts], shares, told)


def _share_bars(given: Side, drawn: Side, level: str) -> Traces:
    """A level's share given levels."""
    for kind, x in given.values.items():
        parts = [drawn.values[kind][x == name] for name in given.names]
        shares = [float((part == level).mean()) if len(part) else None for part in parts]
        yield kind, _bars(kind, given.names, shares, [_told(part) for part in parts])


def _all_shares(drawn: Side) -> Traces:
    """The share of each level in all rows."""
    for kind, cells in drawn.values.items():
        shares = [float((cells == name).mean()) for name in drawn.names]
        told = [
            f'{label(name)}: {share:.1%}' for name, share in zip(drawn.names, shares, strict=True)
        ]
        yield kind, _bars(kind, drawn.names, shares, told)


def _line(kind: str, x: Sequence[object], y: Sequence[object], told: Sequence[str]) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=y,
        mode='lines+markers',
        cliponaxis=False,
        line={'color': COLORS[kind], 'width': 3},
        marker={'size': 9, 'symbol': 'circle' if kind == 'real' else 'diamond'},
        customdata=told,
        hovertemplate='%{customdata}<extra></extra>',
    )


def _bars(
    kind: str, names: Sequence[str], shares: Sequence[float | None], told: Sequence[str]
) -> go.Bar:
    return go.Bar(
        x=names,
        y=shares,
        offsetgroup=kind,
        marker={'color': COLORS[kind]},
        customdata=told,
        hovertemplate='%{customdata}<extra></extra>',
    )


def _told(cells: pd.Series) -> str:
    """How many rows these are, and the share of each of their levels, for pointing at them."""
    shares = cells.value_counts(normalize=True)
    told = (f'{label(name)}: {share:.0%}' for name, share in shares.items())
    return '<br>'.join([f'{len(cells):,} rows', *told])


def _by_count(names: pd.Series) -> list[str]:
    return list(names.value_counts().index) or [EVERY]


def _groups(given: Side, drawn: Side) -> dict[str, list[tuple[pd.Series, pd.Series]]]:
    """Rows by what is given, from small to large, in groups of like size among real rows.

    Values on an edge belong to the group below it, so that those that many rows have are one.
    """
    known = {
        kind: pd.DataFrame({'x': x, 'y': drawn.values[kind]}).dropna()
        for kind, x in given.values.items()
    }
    real = known['real']['x']
    count = max(1, min(MOST_GROUPS, len(real) // ROWS_A_GROUP))
    shares = np.linspace(0, 1, count + 1)[1:-1]
    edges = list(dict.fromkeys(real.quantile(share) for share in shares))
    parts: dict[str, list[tuple[pd.Series, pd.Series]]] = {}
    for kind, table in known.items():
        passed = np.zeros(len(table), dtype=int)
        for edge in edges:
            passed += (table['x'] > edge).to_numpy()
        groups = [table[passed == number] for number in range(len(edges) + 1)]
        parts[kind] = [(part['x'], part['y']) for part in groups if len(part) >= LEAST_ROWS]
    return parts
