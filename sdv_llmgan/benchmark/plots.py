"""Results as plots: one for each metric, in one HTML page that needs nothing else.

HTML, not an image: plotly is a dependency already, where an image would need a browser (kaleido)
or another library; and a cell's value can be read off by pointing at it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from sdv_llmgan.benchmark.printed import TITLES, printed
from sdv_llmgan.benchmark.report import METRICS, summarize

COLORS = (
    *('#4477AA', '#EE6677', '#228833', '#CCBB44', '#66CCEE', '#AA3377', '#BBBBBB', '#000000'),
    *('#EE8866', '#44BB99'),
)
PLOTTED = (
    *('mle', 'alpha_precision', 'beta_recall', 'c2st', 'dcr_share', 'copied_rows'),
    *('singling_out_risk', 'linkability_risk', 'inference_risk', 'membership_inference'),
    'fit_seconds',
)


#: Of the distance between two sizes, so much is taken by synthesizers side by side.
SPREAD = 0.6


def plot(
    results: pd.DataFrame,
    metric: str,
    protocol: str = '',
    printed_as: Mapping[str, str] | None = None,
) -> go.Figure:
    """One metric over the number of training rows: a panel a table, a line a synthesizer.

    Bars show the standard deviation over seeds (of a single attack, half of its 95 % interval);
    synthesizers stand side by side. Open diamonds are what the paper prints of the measured
    synthesizers, open stars what it prints of its own.

    Args:
        results: As ``runner.read_results`` gives them.
        metric: One of their columns.
        protocol: Whose printed figures are shown; empty: none.
        printed_as: The paper's name of a table, where it is another one.
    """
    summary = summarize(results, metric)
    tables = list(dict.fromkeys(summary['table']))
    measured = list(dict.fromkeys(summary['synthesizer']))
    names = list(dict.fromkeys([*measured, *({protocol} & TITLES.keys())]))
    figure = make_subplots(rows=1, cols=len(tables), subplot_titles=tables)
    has_printed = False
    for number, table in enumerate(tables, start=1):
        here = summary[summary['table'] == table].sort_values('rows')
        sizes = sorted(set(here['rows']))
        paper = [printed(protocol, (printed_as or {}).get(table, table), n, metric) for n in sizes]
        for place, (name, color) in enumerate(zip(names, cycle(COLORS), strict=False)):
            aside = SPREAD * ((place + 0.5) / len(names) - 0.5)
            lines = here[here['synthesizer'] == name]
            shared = {'legendgroup': name, 'showlegend': number == 1}
            if name in measured:
                places = [sizes.index(rows) + aside for rows in lines['rows']]
                figure.add_trace(_line(lines, places, name, color, shared), row=1, col=number)
            if found := {i: figures[name] for i, figures in enumerate(paper) if name in figures}:
                has_printed = True
                places = [index + aside for index in found]
                if name in measured:
                    own, marker = {'showlegend': False}, {'symbol': 'diamond-open', 'color': color}
                else:
                    own, marker = {}, {'symbol': 'star-open', 'color': '#000000'}
                marks = go.Scatter(
                    x=places,
                    y=list(found.values()),
                    mode='markers',
                    name=f'{TITLES[name]} (paper)',
                    marker={'size': 7 if name in measured else 9, **marker},
                    **shared | own,
                )
                figure.add_trace(marks, row=1, col=number)
        ticks = {'tickvals': [*range(len(sizes))], 'ticktext': [f'{rows:,}' for rows in sizes]}
        figure.update_xaxes(range=[-0.5, len(sizes) - 0.5], **ticks, row=1, col=number)
    figure.update_xaxes(title_text='training rows')
    title = METRICS[metric].title + (' (open marks: printed in the paper)' * has_printed)
    figure.update_layout(title=title, template='plotly_white', height=460)
    return figure


def _line(
    lines: pd.DataFrame, places: list[float], name: str, color: str, shared: Mapping[str, Any]
) -> go.Scatter:
    """What was measured of a synthesizer, with bars of the standard deviation over seeds."""
    return go.Scatter(
        x=places,
        y=lines['mean'],
        error_y={'type': 'data', 'array': lines['std'].fillna(0)},
        mode='lines+markers',
        name=TITLES.get(name, name),
        line={'color': color},
        **shared,
    )


def write_plots(
    results: pd.DataFrame,
    path: Path,
    protocol: str = '',
    printed_as: Mapping[str, str] | None = None,
    more: Sequence[go.Figure] = (),
) -> None:
    """Write all plots, and ``more``, into one page, with plotly's script inside; see ``plot``."""
    figures = [
        *more,
        *(
            plot(results, metric, protocol, printed_as)
            for metric in PLOTTED
            if results[metric].notna().any()
        ),
    ]
    parts = [
        figure.to_html(full_html=False, include_plotlyjs=number == 0)
        for number, figure in enumerate(figures)
    ]
    page = '\n'.join(parts)
    path.write_text(f'<!doctype html>\n<meta charset="utf-8">\n{page}\n', encoding='utf-8')
