"""How fits went, step by step: a file beside the results, and its picture.

a fit's history -> steps.csv, a line a step -> score ± standard error by batch, a line a run
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from itertools import cycle
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from sdv_llmgan.benchmark.plots import COLORS

KEY = ('table', 'rows', 'synthesizer', 'seed')
#: Of ``LLMGANSynthesizer.get_history()``.
KEPT = (
    *('score', 'standard_error', 'first_score', 'best', 'accepted', 'rejected'),
    *('calls', 'tokens', 'seconds'),
)
COLUMNS = (*KEY, 'step', *KEPT)


def write_steps(path: Path, key: Sequence[Hashable], history: pd.DataFrame) -> None:
    """Put the steps of one fit in the place of those that the file has of it.

    Args:
        path: A CSV file, written as a whole.
        key: Table, rows, synthesizer and seed.
        history: One line a step; see ``LLMGANSynthesizer.get_history``.
    """
    lines = history[list(KEPT)].reset_index(drop=True)
    lines.insert(0, 'step', range(1, len(lines) + 1))
    for name, value in reversed(list(zip(KEY, key, strict=True))):
        lines.insert(0, name, value)
    before = read_steps(path)
    others = before[(before[list(KEY)] != list(key)).any(axis=1)]
    draft = path.with_suffix('.tmp')
    pd.concat([others, lines] if len(others) else [lines]).round(6).to_csv(draft, index=False)
    os.replace(draft, path)


def read_steps(path: Path) -> pd.DataFrame:
    """One line a step; columns as in ``COLUMNS``.

    ``score`` is the last one of the step's process (0 is chance, lower is better), with its
    ``standard_error``; ``first_score`` was said at the time.
    """
    if not path.exists():
        return pd.DataFrame(columns=list(COLUMNS))
    texts = {'table': str, 'synthesizer': str}
    missing = {name: ['', 'nan'] for name in COLUMNS if name not in texts}
    return pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=missing)


def plot_steps(steps: pd.DataFrame) -> go.Figure | None:
    """Score ± standard error by batch: a panel a table and size, a line a run.

    ``None``: no fit tried more than one batch.
    """
    runs = {key: run for key, run in steps.groupby(list(KEY), sort=False) if len(run) > 1}
    if not runs:
        return None
    panels = list(dict.fromkeys((table, rows) for table, rows, _, _ in runs))
    names = list(dict.fromkeys(name for _, _, name, _ in runs))
    colors = dict(zip(names, cycle(COLORS), strict=False))
    titles = [f'{table}, {rows} rows' for table, rows in panels]
    figure = make_subplots(rows=1, cols=len(panels), subplot_titles=titles, shared_yaxes=True)
    seen: set[Hashable] = set()
    for (table, rows, name, seed), run in runs.items():
        line = go.Scatter(
            x=run['step'],
            y=run['score'],
            error_y={'type': 'data', 'array': run['standard_error'].fillna(0)},
            mode='lines+markers',
            name=name,
            legendgroup=name,
            showlegend=name not in seen,
            line={'color': colors[name]},
            opacity=0.7,
            text=[f'seed {seed}'] * len(run),
        )
        seen.add(name)
        figure.add_trace(line, row=1, col=panels.index((table, rows)) + 1)
    figure.update_xaxes(title_text='batch', dtick=1)
    figure.update_yaxes(range=[0, 1])
    title = 'Told from real rows, by batch (0: not at all; ± standard error; a line a seed)'
    return figure.update_layout(title=title, template='plotly_white', height=460)
