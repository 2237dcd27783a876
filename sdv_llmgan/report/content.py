"""What a report holds: sections of scores, tables and figures, each readable on its own."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from sdv_llmgan.table.types import Cell

Direction = Literal['higher is better', 'lower is better', 'nearer to 0.5 is better']
BEST: dict[Direction, float] = {
    'higher is better': 1.0,
    'lower is better': 0.0,
    'nearer to 0.5 is better': 0.5,
}


@dataclass(frozen=True)
class Score:
    """One figure, and what it means.

    Attributes:
        key: Its name for machines.
        name: Its name for people.
        direction: Which way is better.
        meaning: What it measures, in one sentence of plain words.
        value: ``None`` where it could not be computed; ``reason`` then says why.
        reading: What this value says; may be empty.
        reference: What the value is held against; ``None`` where there is nothing.
        reference_name: What has this other value: held-out real rows in place of the synthetic
            ones, if nothing else is said.
        reason: Why there is no value; empty where there is one.
        look: Whether the value should be looked at: it is worse than chance would explain.
        interval: What holds the true value in 95 of 100 tables; ``None``: it is not worked out.
    """

    key: str
    name: str
    direction: Direction
    meaning: str
    value: float | None = None
    reading: str = ''
    reference: float | None = None
    reference_name: str = 'held-out real rows'
    reason: str = ''
    look: bool = False
    interval: tuple[float, float] | None = None

    @property
    def best(self) -> float:
        """The best value there is."""
        return BEST[self.direction]

    @property
    def share(self) -> float | None:
        """The value cut to [0, 1], for drawing."""
        return None if self.value is None else min(max(self.value, 0.0), 1.0)


@dataclass(frozen=True)
class Histogram:
    """Shares of real and synthetic rows by bin of a number; both sum up to at most 1.

    Attributes:
        labels: The bins' edges, one more than bins.
        real: Share of the real rows in each bin.
        synthetic: Share of the synthetic rows in each bin.
    """

    labels: tuple[str, ...]
    real: tuple[float, ...]
    synthetic: tuple[float, ...]
    kind: str = field(default='histogram', init=False)


@dataclass(frozen=True)
class Bars:
    """Shares of real and synthetic rows by category, each in [0, 1]."""

    labels: tuple[str, ...]
    real: tuple[float, ...]
    synthetic: tuple[float, ...]
    kind: str = field(default='bars', init=False)


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        name: What it shows.
        x: Places, rising.
        y: Values; ``None`` where there is none.
        style: ``'accent'`` for what the chart is about, ``'plain'`` for what it is held against.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    style: Literal['accent', 'plain'] = 'accent'


@dataclass(frozen=True)
class Lines:
    """Lines over a common axis; y is in [0, 1].

    Attributes:
        lines: What is drawn.
        x_label: What the x axis shows.
        y_label: What the y axis shows.
        marked: A point to mark, (x, y, text), or ``None``.
        points: Whether each value gets a dot; x are whole numbers then.
    """

    lines: tuple[Line, ...]
    x_label: str
    y_label: str
    marked: tuple[float, float, str] | None = None
    points: bool = False
    kind: str = field(default='lines', init=False)


@dataclass(frozen=True)
class Network:
    """A directed acyclic graph; ``edges`` are pairs (cause, effect) of ``nodes``."""

    nodes: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    kind: str = field(default='network', init=False)


Chart = Histogram | Bars | Lines | Network


@dataclass(frozen=True)
class Figure:
    """A chart with its words."""

    title: str
    chart: Chart
    caption: str = ''


@dataclass(frozen=True)
class Table:
    """Cells in rows and columns; a cell is text, a number, or ``None`` where nothing is known."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    note: str = ''

    @classmethod
    def from_frame(cls, title: str, frame: pd.DataFrame, note: str = '') -> Table:
        """A table of a frame's columns; NaN becomes ``None``."""
        cells = [tuple(map(_cell, row)) for row in frame.itertuples(index=False, name=None)]
        return cls(title, tuple(map(str, frame.columns)), tuple(cells), note)

    def is_number(self, place: int) -> bool:
        """Whether all cells of a column that are there are numbers or percentages."""
        cells = [row[place] for row in self.rows if row[place] is not None]
        return bool(cells) and all(
            isinstance(cell, (int, float)) or str(cell).endswith('%') for cell in cells
        )


@dataclass(frozen=True)
class Section:
    """One part of a report.

    Attributes:
        key: Its name for machines, and its anchor.
        title: Its name for people.
        lead: What it answers, in a few sentences.
        scores: Its figures.
        notes: Further paragraphs.
        points: A list behind them.
        revision: A text as it was rewritten: runs of words, each ``'kept'``, ``'removed'`` or
            ``'added'``.
        tables: Its tables.
        figures: Its charts.
        small_figures: Charts that stand side by side.
        text: What is shown as it stands, such as the generation process.
    """

    key: str
    title: str
    lead: str = ''
    scores: tuple[Score, ...] = ()
    notes: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    revision: tuple[tuple[str, str], ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    small_figures: tuple[Figure, ...] = field(default=())
    text: str = ''


def _cell(value: Cell) -> Cell:
    if isinstance(value, (dict, list, tuple, set)):
        return str(value)
    if value is None or pd.isna(value):
        return None
    value = value.item() if hasattr(value, 'item') else value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (int, float, str)) else str(value)
