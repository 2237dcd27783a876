"""Results as plots: one for each metric, in one HTML page that needs nothing else.

HTML, not an image: plotly is a dependency already, where an image would need a browser (kaleido)
or another library; and a cell's value can be read off by pointing at it.
"""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from sdv_llmgan.benchmark.printed import TITLES
from sdv_llmgan.benchmark.report import METRICS, summarize

COLORS = (
    *('#4477AA', '#EE6677', '#228833', '#CCBB44', '#66CCEE', '#AA3377', '#BBBBBB', '#000000'),
    *('#EE8866', '#44BB99'),
)
PLOTTED = (
    *('mle', 'alpha_precision', 'beta_recall', 'c2st', 'dcr_share', 'copied_rows'),
    'fit_seconds',
)


def plot(results: pd.DataFrame, metric: str) -> go.Figure:
    """One metric over the number of training rows: a panel a table, a line a synthesizer.

    Bars show the standard deviation over seeds.

    Args:
        results: As ``runner.read_results`` gives them.
        metric: One of their columns.
    """
    summary = summarize(results, metric)
    tables = list(dict.fromkeys(summary['table']))
    synthesizers = list(dict.fromkeys(summary['synthesizer']))
    figure = make_subplots(rows=1, cols=len(tables), subplot_titles=tables)
    for number, table in enumerate(tables, start=1):
        for name, color in zip(synthesizers, cycle(COLORS), strict=False):
            chosen = (summary['table'] == table) & (summary['synthesizer'] == name)
            lines = summary[chosen].sort_values('rows')
            figure.add_trace(
                go.Scatter(
                    x=[f'{rows:,}' for rows in lines['rows']],
                    y=lines['mean'],
                    error_y={'type': 'data', 'array': lines['std'].fillna(0)},
                    mode='lines+markers',
                    name=TITLES.get(name, name),
                    legendgroup=name,
                    showlegend=number == 1,
                    line={'color': color},
                ),
                row=1,
                col=number,
            )
    sizes = [f'{rows:,}' for rows in sorted(set(summary['rows']))]
    figure.update_xaxes(
        title_text='training rows', type='category', categoryorder='array', categoryarray=sizes
    )
    figure.update_layout(title=METRICS[metric].title, template='plotly_white', height=420)
    return figure


def write_plots(results: pd.DataFrame, path: Path) -> None:
    """Write all plots into one page, with plotly's script inside."""
    figures = [plot(results, metric) for metric in PLOTTED if results[metric].notna().any()]
    parts = [
        figure.to_html(full_html=False, include_plotlyjs=number == 0)
        for number, figure in enumerate(figures)
    ]
    page = '\n'.join(parts)
    path.write_text(f'<!doctype html>\n<meta charset="utf-8">\n{page}\n', encoding='utf-8')
