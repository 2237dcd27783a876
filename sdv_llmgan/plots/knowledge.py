"""One picture of what a fit knows: the causal graph, and columns given a cause, as drawn.

graph with known effects and shares -> the columns that the table alone told least of
each given its strongest cause      -> training rows against drawn ones
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import plotly.graph_objects as go

from sdv_llmgan.analysis.coded import code_tables
from sdv_llmgan.analysis.pairs import compare_pairs
from sdv_llmgan.loop.fitted_model import FittedModel
from sdv_llmgan.plots.conditionals import NAMES, Rows, Side, draw_conditional, missing_words
from sdv_llmgan.plots.graphs import graph_height
from sdv_llmgan.plots.known_graph import KnownGraph, draw_known_graph
from sdv_llmgan.plots.look import LEGEND_LINE, PALE, dress, label, wrapped
from sdv_llmgan.process.knowledge import Effect
from sdv_llmgan.rules.conditions import check_num_rows
from sdv_llmgan.table.wanted import Wanted

#: In pixels: above the graph; of its legend, which a telephone shows in several lines; of a panel,
#: above it, and below for ticks and title.
HEAD, GRAPH_LEGEND, PANEL, PANEL_HEAD, PANEL_FOOT = 96, 116, 250, 84, 84
#: Between two panels that stand side by side, as a share of the width.
BETWEEN = 0.2
#: Columns that are drawn where none are named.
MOST_DRAWN = 2
#: Letters of a line above a panel, and how many lines there are.
WORDS, LINES = 42, 3
SEED = 0
#: What rows are called that stand for real ones where there are none.
MADE = 'made without data'


class FittedSynthesizer(Protocol):
    """What the picture reads of a fitted ``LLMGANSynthesizer``; see there."""

    def get_fitted_model(self) -> FittedModel:
        """What the fit has learned."""


def get_knowledge_plot(
    synthesizer: FittedSynthesizer, columns: Sequence[str] | None = None, num_rows: int = 1_000
) -> go.Figure:
    """What a fit knows: the causal graph, and columns given a cause, drawn against the data.

    In the graph each known effect has a sign and a color, a width by its size, and a question mark
    where it is unsure; dotted edges are in the causal graph with no effect known. The areas of the
    disks of a node are what the column was learned from: training rows outside, then what was known
    before, the model's rows innermost. Pointing at a sign or a node shows the rest: how sure
    effects are, shares, gain, limits and how far they are trusted.

    Below, columns are shown given their strongest known cause, else the cause in the graph that
    goes with them most, else by themselves: training rows against drawn ones. The figure holds
    values of training rows; keep it as you keep them. After ``from_knowledge`` there are none: the
    rows that were made without data stand in their place, and are called that.

    No model is asked, and what ``sample`` gives next stays the same. Where a model writes the
    rows, the local sampler that completes them draws, if there is one; else the graph stands
    alone, and the note says so.

    Args:
        synthesizer: A fitted ``LLMGANSynthesizer``.
        columns: Which columns to draw; empty: the graph alone. ``None``: the two with the largest
            shares of knowledge and generated rows, else with the most causes.
        num_rows: Rows drawn, >= 1.

    Raises:
        NotFittedError: The synthesizer has not been fitted.
        SamplingError: No row could be drawn.
        ValueError: A column is not one that can be drawn, or ``num_rows`` is too small.
    """
    check_num_rows(num_rows)
    fitted = synthesizer.get_fitted_model()
    known = KnownGraph.of(fitted)
    chosen = _most_told(fitted, known) if columns is None else _checked(fitted, columns)
    rows, note = _rows(fitted, num_rows) if chosen else ({}, '')
    panels = chosen if rows else []
    figure = go.Figure()
    standing = draw_known_graph(figure, fitted)
    counts = f'known effects: {sum(map(len, known.effects.values()))} (wide: strong, ?: unsure)'
    note = '<br>'.join(filter(None, [f'{counts}, other edges: {len(known.unknown)}', note]))
    _lay_out(figure, graph_height(standing), len(panels), note)
    for number, name in enumerate(panels, start=2):
        _draw_panel(figure, number, _Panel.of(fitted, known, name), rows)
    return figure


def _most_told(fitted: FittedModel, known: KnownGraph) -> list[str]:
    """The columns that something beside the real rows tells most of, then those of most causes."""
    causes = dict(known.whole.in_degree)
    by_causes = sorted(known.names, key=lambda name: -causes[name])
    ranked = dict.fromkeys([*fitted.origin.columns, *by_causes])
    return [name for name in ranked if name not in fitted.schema.texts][:MOST_DRAWN]


def _checked(fitted: FittedModel, columns: Sequence[str]) -> list[str]:
    """Columns that were asked for, each once."""
    shown = [name for name in fitted.schema.names if name not in fitted.schema.texts]
    unknown = [str(name) for name in columns if name not in shown]
    if isinstance(columns, str) or unknown:
        raise ValueError(
            f'columns must be names of columns with numbers, dates or levels, got {columns!r}. '
            f'There are: {", ".join(shown)}.'
        )
    return list(dict.fromkeys(columns))


def _rows(fitted: FittedModel, num_rows: int) -> tuple[Rows, str]:
    """Real rows and drawn ones, with a note on them; none where only a model could draw them."""
    words = ''
    if fitted.sampler.sampler.asks_model:
        if fitted.local is None:
            return {}, 'no rows drawn: a model would be asked'
        fitted = replace(fitted, chosen=fitted.local)
        words = ' by the local sampler, not the model'
    rng = np.random.default_rng(SEED)
    drawn = fitted.sampler.sample(Wanted.unconditioned(num_rows), rng)
    kind = 'rows made without data' if fitted.made_without_data else 'real rows'
    note = f'{len(fitted.training):,} {kind}, {len(drawn):,} drawn{words}'
    return {'real': fitted.training, 'drawn': drawn}, note


@dataclass(frozen=True)
class _Panel:
    """A column, and what it is shown given.

    Attributes:
        fitted: What the fit has learned.
        name: The column.
        cause: Its strongest cause; ``None``: it has none.
        effect: The strongest effect that is known of that; ``None``: none is.
    """

    fitted: FittedModel
    name: str
    cause: str | None
    effect: Effect | None

    @classmethod
    def of(cls, fitted: FittedModel, known: KnownGraph, name: str) -> _Panel:
        """Choose the cause of a column."""
        found = {
            cause: max(known.effects.get((cause, name), ()), key=_strength, default=None)
            for cause in known.whole.predecessors(name)
            if cause not in fitted.schema.texts
        }
        cause = max(
            found,
            key=lambda one: (_strength(found[one]), _association(fitted, one, name)),
            default=None,
        )
        return cls(fitted, name, cause, None if cause is None else found[cause])

    @property
    def title(self) -> str:
        """What is shown given what."""
        given = f' given <b>{label(self.cause, 20)}</b>' if self.cause is not None else ''
        return f'<b>{label(self.name, 20)}</b>{given}'

    @property
    def words(self) -> str:
        """Why given that."""
        if self.effect is not None:
            return wrapped(f'known: {self.effect}', WORDS, LINES)
        return 'its strongest cause in the graph' if self.cause is not None else 'no cause is known'

    def side(self, name: str | None, rows: Rows) -> Side:
        """A column, its levels in the known order."""
        column = None if name is None else self.fitted.schema[name]
        order = self.fitted.learned.knowledge.of(name or '').order
        return Side.of(column, rows, order)


def _strength(effect: Effect | None) -> float:
    return effect.strength if effect is not None else 0.0


def _association(fitted: FittedModel, first: str, second: str) -> float:
    """How much two columns depend on each other in the real rows, in [0, 1]."""
    rows = fitted.training
    coded = code_tables(rows, rows, fitted.schema.reordered([first, second]))
    pairs = compare_pairs(coded, np.random.default_rng(SEED))
    return max((abs(pair.real) for pair in pairs), default=0.0)


def _draw_panel(figure: go.Figure, number: int, panel: _Panel, rows: Rows) -> None:
    """A conditional, and what it is above it."""
    given, drawn = panel.side(panel.cause, rows), panel.side(panel.name, rows)
    level = None if panel.effect is None else panel.effect.effect_level
    names = NAMES if not panel.fitted.made_without_data else {**NAMES, 'real': MADE}
    draw_conditional(figure, number, given, drawn, level, names)
    lines = [panel.words, missing_words(drawn, names)]
    small = f'<span style="font-size:12px;color:{PALE}">{"<br>".join(filter(None, lines))}</span>'
    figure.add_annotation(
        x=figure.layout[f'xaxis{number}'].domain[0],
        y=figure.layout[f'yaxis{number}'].domain[1],
        text=f'{panel.title}<br>{small}',
        **dict.fromkeys(('xref', 'yref'), 'paper'),
        **{'xanchor': 'left', 'yanchor': 'bottom', 'align': 'left', 'showarrow': False},
    )


def _lay_out(figure: go.Figure, graph: int, num_panels: int, note: str) -> None:
    """Give the graph and each panel its place, from top to bottom.

    Beside a graph that is wider than a window may be, two panels stand side by side.

    Args:
        figure: Changed in place; the graph is on it.
        graph: Height of the graph, in pixels.
        num_panels: How many panels stand below.
        note: Stands below the title.
    """
    across = 1 if figure.layout.width is None else 2
    whole = PANEL_HEAD + PANEL + PANEL_FOOT
    inner = graph
    if num_panels:
        inner += GRAPH_LEGEND + -(-num_panels // across) * whole - PANEL_FOOT
    foot = PANEL_FOOT + LEGEND_LINE if num_panels else GRAPH_LEGEND
    dress(figure, 'What the fit knows', note=note, height=HEAD + inner + foot)
    legend = {**figure.layout.legend.to_plotly_json(), 'itemsizing': 'constant'}
    beside = {'yref': 'paper', 'y': 1 - graph / inner, 'yanchor': 'top'} if num_panels else {}
    figure.update_layout(
        margin={'t': HEAD, 'b': foot},
        boxmode='group',
        legend={**legend, **beside},
        legend2=legend,
        yaxis={'domain': [1 - graph / inner, 1]},
    )
    width = (1 - BETWEEN * (across - 1)) / across
    for number in range(num_panels):
        row, column = divmod(number, across)
        top = graph + GRAPH_LEGEND + PANEL_HEAD + row * whole
        left = column * (width + BETWEEN)
        ends = [max(0.0, 1 - (top + PANEL) / inner), 1 - top / inner]
        figure.update_layout({
            f'xaxis{number + 2}': {'domain': [left, min(1.0, left + width)]},
            f'yaxis{number + 2}': {'domain': ends, 'automargin': True},
        })
