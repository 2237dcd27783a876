"""Pictures of a fit: what happened from step to step, counted from 0 as in ``get_history``."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from sdv_llmgan.analysis import Diagnostics, analyze
from sdv_llmgan.loop.history import History, Step
from sdv_llmgan.plots.look import (
    BAD,
    GOOD,
    LEGEND_LINE,
    PALE,
    REAL,
    SYNTHETIC,
    dress,
    label,
)
from sdv_llmgan.process.causal_graph import CausalGraph, Edge

#: Above the columns of the heat map: what is not said of one column, by its name in ``parts``.
WHOLE = {'phi': 'all (phi)', 'pairs': 'pairs', 'coverage': 'coverage', 'missing': 'missing values'}
#: A heat map of more cells is not written into.
CELLS_WRITTEN = 250
STEPS_WRITTEN = 8
REASONS_SHOWN = 6


def get_steps_plot(history: History) -> go.Figure:
    """Score, and accepted and rejected rows, by step.

    The score is in [0, 1], 0 is chance, lower is better. The line is what the newest
    discriminator says of each step, the dots what was said at the time; the star is the best step.
    Pointing at rejected rows shows the reasons.

    Args:
        history: The steps of a fit; may be empty.
    """
    steps = list(history)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    _add_scores(figure, history)
    for name, color, counts in (
        ('accepted rows', GOOD, [step.accepted for step in steps]),
        ('rejected rows', BAD, [sum(step.rejected.values()) for step in steps]),
    ):
        figure.add_bar(
            x=list(range(len(steps))),
            y=counts,
            name=name,
            marker={'color': color},
            customdata=[_reasons(step) if color == BAD else '' for step in steps],
            hovertemplate=f'step %{{x}}: %{{y}} {name}%{{customdata}}<extra></extra>',
            **{'row': 2, 'col': 1},
        )
    dress(figure, 'Steps of the fit', note='score: 0 is chance, lower is better', height=560)
    figure.update_layout(barmode='stack', margin_b=2 * LEGEND_LINE + 24)
    figure.update_yaxes(title_text='score', range=[-0.05, 1.05], row=1, col=1)
    figure.update_yaxes(title_text='rows', rangemode='tozero', row=2, col=1)
    _count_steps(figure, len(steps))
    figure.update_xaxes(title_text='step', row=2, col=1)
    return figure


def _add_scores(figure: go.Figure, history: History) -> None:
    steps, best = list(history), history.best()
    numbers = list(range(len(steps)))
    figure.add_scatter(
        x=numbers,
        y=[_number(step.score) for step in steps],
        mode='lines+markers',
        name='score',
        line={'color': REAL},
        hovertemplate='step %{x}: score %{y:.3f}<extra></extra>',
    )
    figure.add_scatter(
        x=numbers,
        y=[_number(step.first_score) for step in steps],
        mode='markers',
        name='score at the time',
        marker={'color': PALE, 'symbol': 'circle-open', 'size': 9},
        hovertemplate='step %{x}: score at the time %{y:.3f}<extra></extra>',
    )
    if best is not None:
        figure.add_scatter(
            x=[steps.index(best)],
            y=[_number(best.score)],
            mode='markers',
            name='best',
            marker={'color': BAD, 'symbol': 'star', 'size': 15},
            cliponaxis=False,
            hovertemplate='step %{x} is the best: score %{y:.3f}<extra></extra>',
        )


def get_diagnostics_plot(history: History) -> go.Figure:
    """How alike synthetic and real rows are, by column and step: a heat map.

    Cells are in [0, 1], higher = more alike: of a column the mean of its three measures, on top
    the parts of the analyzer's score that are not about one column, and the score phi itself.
    Where the discriminator asked the analyzer its figures are shown (synthetic rows against all
    training rows); elsewhere they are worked out from the rows that were judged, held-out real
    ones among them. Steps without rows stay blank.

    Args:
        history: The steps of a fit in this process or a pickle; a history read from JSON has no
            rows, and gives a blank picture.
    """
    names, values = _similarities(history)
    num_steps = len(history)
    rows = [*reversed(names), *reversed(WHOLE.values())]
    known = values[np.isfinite(values)]
    least = math.floor(10 * known.min()) / 10 if len(known) else 0.0
    written = values.size <= CELLS_WRITTEN and num_steps <= STEPS_WRITTEN
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=list(range(num_steps)),
            y=list(range(len(rows))),
            customdata=[[label(name, 80)] * num_steps for name in rows],
            zmin=min(least, 0.9),
            zmax=1,
            colorscale=[[0, REAL], [1, SYNTHETIC]],
            colorbar={'thickness': 12, 'outlinewidth': 0},
            xgap=1,
            ygap=1,
            hoverongaps=False,
            texttemplate='%{z:.2f}' if written else None,
            hovertemplate='step %{x}, %{customdata}: %{z:.3f}<extra></extra>',
        )
    )
    height = 150 + 22 * len(rows)
    dress(figure, 'Diagnostics', note='1 is most alike', height=height, legend=False)
    figure.add_hline(y=len(names) - 0.5, line={'color': 'white', 'width': 4})
    figure.update_yaxes(
        tickmode='array',
        tickvals=list(range(len(rows))),
        ticktext=[label(name) for name in rows],
        tickfont={'size': 12},
        showgrid=False,
        range=[-0.5, len(rows) - 0.5],
    )
    _count_steps(figure, num_steps)
    figure.update_xaxes(title_text='step', showgrid=False)
    return figure


def get_graph_distance_plot(history: History, known: CausalGraph | Sequence[Edge]) -> go.Figure:
    """How far each step's causal graph is from a known one, by step.

    The graph edit distance, see ``CausalGraph.distance``; 0 is the known graph itself. A small
    distance is not what a fit aims at, rows that pass for real ones are.

    Args:
        history: The steps of a fit.
        known: The graph to compare with, or its (cause, effect) pairs.

    Raises:
        ValueError: The pairs are none, close a cycle, or name a column that models do not see.
    """
    graph = known if isinstance(known, CausalGraph) else CausalGraph.from_edges(known)
    steps = list(history)
    if steps:
        graph.check_columns(steps[0].process.schema.names)
    figure = go.Figure(
        go.Scatter(
            x=list(range(len(steps))),
            y=[step.process.causal_graph.distance(graph) for step in steps],
            mode='lines+markers',
            line={'color': REAL, 'shape': 'hv'},
            hovertemplate='step %{x}: distance %{y}<extra></extra>',
        )
    )
    note = f'edges to add or remove; 0 is the known graph, of {len(graph.edges)}'
    dress(figure, 'Distance to the known graph', note=note, legend=False)
    figure.update_yaxes(title_text='graph edit distance', rangemode='tozero', tickformat='d')
    _count_steps(figure, len(steps))
    figure.update_xaxes(title_text='step')
    return figure


def _count_steps(figure: go.Figure, num_steps: int) -> None:
    """Whole numbers on the x-axis, and room for one step as for many."""
    figure.update_xaxes(
        range=[-0.5, max(num_steps, 1) - 0.5],
        tick0=0,
        dtick=max(1, math.ceil(num_steps / 12)),
        zeroline=False,
    )


def _reasons(step: Step) -> str:
    shown = step.rejected.most_common(REASONS_SHOWN)
    lines = [f'<br>{count}: {label(reason, 60)}' for reason, count in shown]
    more = len(step.rejected) - len(shown)
    return ''.join(lines) + (f'<br>and {more} more reasons' if more else '')


def _similarities(history: History) -> tuple[list[str], np.ndarray]:
    """Columns, and how alike they are by step, shape (n_columns + n_parts, n_steps), last first."""
    names = list(dict.fromkeys(name for step in history for name in step.process.schema.names))
    values = np.full((len(names) + len(WHOLE), len(history)), math.nan)
    for number, step in enumerate(history):
        if (diagnostics := _diagnostics(step)) is None:
            continue
        parts = {'phi': diagnostics.score, **diagnostics.parts}
        columns = {column.name: column.similarity for column in diagnostics.columns}
        listed = [*(parts[name] for name in WHOLE), *(columns.get(name) for name in names)]
        values[:, number] = [_number(value) for value in reversed(listed)]
    return names, values


def _diagnostics(step: Step) -> Diagnostics | None:
    if step.verdict is not None and step.verdict.diagnostics is not None:
        return step.verdict.diagnostics
    if step.real is None or step.synthetic is None:
        return None
    return analyze(step.real, step.synthetic, step.process.schema)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
