"""One look for every picture: the colours of SDV's own plots, sizes that also fit a telephone."""

from __future__ import annotations

import html
import textwrap

import plotly.graph_objects as go
from sdmetrics.visualization import PlotConfig

REAL = PlotConfig.DATACEBO_DARK
SYNTHETIC = PlotConfig.DATACEBO_GREEN
GOOD = PlotConfig.GREEN
BAD = PlotConfig.ORANGE
REMOVED = PlotConfig.RED
PALE = '#8A8AA3'
#: Apart for the colour-blind too (Okabe and Ito, without their black and yellow).
GROUPS = ('#E69F00', '#56B4E9', '#009E73', '#D55E00', '#CC79A7', '#0072B2')

FONT_SIZE = 14
TITLE_SIZE = 18
LEGEND_LINE = 40
#: What is left does not cover the title on a telephone.
BUTTONS_REMOVED = ['select', 'lasso', 'zoomin', 'zoomout', 'pan', 'autoscale', 'zoom']
#: Longer names are cut in labels; pointing at them shows them whole.
LABEL_LENGTH = 24


def label(name: object, most: int = LABEL_LENGTH) -> str:
    """A name as text in a figure: cut, and with what plotly would read as markup made harmless.

    It is cut in the middle: names of many columns differ at their ends.
    """
    text = ' '.join(str(name).split())
    if len(text) > most:
        tail = most // 3
        text = f'{text[: most - tail - 1]}…{text[-tail:]}'
    return html.escape(text, quote=False)


def wrapped(text: str, width: int = 48, lines: int | None = None) -> str:
    """A sentence as text in a figure: in lines of so many letters, at most so many of them."""
    cut = textwrap.wrap(text, width, max_lines=lines, placeholder=' …')
    return '<br>'.join(html.escape(line, quote=False) for line in cut)


def dress(
    figure: go.Figure, title: str, *, height: int = 420, note: str = '', legend: bool = True
) -> go.Figure:
    """Give a figure the common look.

    Args:
        figure: Changed in place.
        title: A few words; what does not fit in 40 characters goes into the note.
        height: In pixels.
        note: A second, smaller line under the title.
        legend: Whether there is a legend; it stands below, so that the plot keeps its width.

    Returns:
        The same figure.
    """
    figure.update_layout(
        template='plotly_white',
        plot_bgcolor=PlotConfig.BACKGROUND_COLOR,
        font={'size': FONT_SIZE},
        title={
            'text': title,
            'font': {'size': TITLE_SIZE},
            'subtitle': {'text': note, 'font': {'size': FONT_SIZE - 1, 'color': PALE}},
            'x': 0.01,
            'xanchor': 'left',
            'yref': 'container',
            'y': 1,
            'yanchor': 'top',
            'pad': {'t': 16, 'l': 8},
        },
        height=height,
        margin={'t': 84 if note else 60, 'l': 8, 'r': 16, 'b': 8},
        showlegend=legend,
        legend={
            'orientation': 'h',
            'yref': 'container',
            'y': 0,
            'yanchor': 'bottom',
            'x': 0,
            'title_text': '',
            'traceorder': 'normal',
        },
        modebar={'remove': BUTTONS_REMOVED},
        hoverlabel={'align': 'left'},
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return figure
