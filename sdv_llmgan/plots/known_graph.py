"""The causal graph with what is known of its edges, and of what its columns were learned from.

known effects, causal graph -> edges with sign, size and surety
shares, gain, limits        -> nodes
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from sdv_llmgan.loop.fitted_model import FittedModel
from sdv_llmgan.loop.origin import SOURCES
from sdv_llmgan.plots.graphs import (
    NODE_COLOR,
    Place,
    add_edges,
    curve,
    frame,
    neighbours,
    places,
    split,
)
from sdv_llmgan.plots.look import GROUPS, PALE, REAL, label, wrapped
from sdv_llmgan.process.causal_graph import CausalGraph, Edge
from sdv_llmgan.process.knowledge import SIZES, Effect, Size

if TYPE_CHECKING:
    import networkx as nx

#: The sign of an edge by what its effects say: of levels they may say several things.
SIGNS = {'raises': '+', 'lowers': '−', 'peaks': '∩', 'dips': '∪', 'mixed': '±'}
#: The other signs share a color.
COLORS = {'+': GROUPS[5], '−': GROUPS[3]}
OTHER_COLOR = GROUPS[4]
NAMES = {'+': '+ raises', '−': '− lowers'}
OTHER_NAME = '± by level, ∩ peaks, ∪ dips'
UNKNOWN_NAME = 'no effect known'
#: Width of an edge in pixels, by its largest effect.
WIDTHS: Mapping[Size, float] = {'weak': 1.2, 'moderate': 2.4, 'strong': 4.4}
#: What disks in each other, whose areas are shares, are filled with, from the outermost on.
FILLS = {'real': REAL, 'knowledge': GROUPS[0], 'generated': GROUPS[1]}
NODE_SIZE = 20
SIGN_SIZE = 17
#: A smaller share is none.
LEAST_SHARE = 0.005


@dataclass(frozen=True)
class KnownGraph:
    """The causal graph, and the known effects of columns that there are.

    Attributes:
        names: All columns.
        causal_graph: That of the process.
        effects: The known effects by edge, those of the strongest edge first.
    """

    names: tuple[str, ...]
    causal_graph: CausalGraph
    effects: Mapping[Edge, tuple[Effect, ...]]

    @classmethod
    def of(cls, fitted: FittedModel) -> KnownGraph:
        """What is known after a fit."""
        names = fitted.schema.names
        found: dict[Edge, list[Effect]] = defaultdict(list)
        for effect in fitted.learned.knowledge.effects:
            if {*effect.edge} <= {*names}:
                found[effect.edge].append(effect)
        ranked = sorted(found, key=lambda edge: -max(one.strength for one in found[edge]))
        effects = {edge: tuple(found[edge]) for edge in ranked}
        return cls(names, fitted.process.causal_graph, effects)

    @property
    def unknown(self) -> list[Edge]:
        """Edges of the causal graph of which no effect is known, either way round."""
        return [
            edge
            for edge in self.causal_graph.edges
            if edge not in self.effects and edge[::-1] not in self.effects
        ]

    @property
    def ordered(self) -> CausalGraph:
        """Edges of either kind; of those that would close a cycle the weaker are left out."""
        return CausalGraph().changed([*self.effects, *self.unknown])[0]

    @property
    def whole(self) -> nx.DiGraph:
        """All edges of either kind, and all columns as nodes."""
        return CausalGraph((*self.effects, *self.unknown)).to_networkx(self.names)

    def sign(self, edge: Edge) -> str:
        """What all effects of an edge say, as a sign."""
        directions = {effect.direction for effect in self.effects[edge]}
        return SIGNS[directions.pop() if len(directions) == 1 else 'mixed']

    def is_unsure(self, edge: Edge) -> bool:
        """Whether none of an edge's effects is likely."""
        return all(effect.sure == 'unsure' for effect in self.effects[edge])

    def size(self, edge: Edge) -> Size:
        """The size of an edge's largest effect."""
        return max((effect.size for effect in self.effects[edge]), key=SIZES.__getitem__)

    def words(self, edge: Edge) -> str:
        """Its effects, one after the other, and whether the causal graph has it."""
        lines = [f'<b>{" → ".join(label(name) for name in edge)}</b>']
        lines += [wrapped(str(effect)) for effect in self.effects[edge]]
        if edge[::-1] in self.causal_graph.edges:
            lines.append('the other way round in the causal graph')
        elif edge not in self.causal_graph.edges:
            lines.append('not in the causal graph')
        return '<br>'.join(lines)


def draw_known_graph(figure: go.Figure, fitted: FittedModel) -> Mapping[str, Place]:
    """Draw it on a figure's first axes.

    Args:
        figure: Changed in place.
        fitted: What the fit has learned.

    Returns:
        Where nodes stand.
    """
    known = KnownGraph.of(fitted)
    standing = places(known.whole, known.ordered.to_networkx())
    _draw_edges(figure, known, standing)
    _draw_nodes(figure, fitted, known.whole, standing)
    frame(figure, standing, NODE_SIZE)
    return standing


def _draw_edges(figure: go.Figure, known: KnownGraph, standing: Mapping[str, Place]) -> None:
    """Lines by sign and size, with the sign upon each; those of the graph alone are dotted."""

    def between(edge: Edge) -> list[Place]:
        return curve(standing[edge[0]], standing[edge[1]])

    dotted = {'color': PALE, 'dash': 'dot', 'width': 1.5}
    curves = [between(edge) for edge in known.unknown]
    add_edges(figure, curves, dotted, name=UNKNOWN_NAME, group=UNKNOWN_NAME, size=NODE_SIZE)
    named: set[str] = set()
    ranks = {edge: rank for rank, edge in enumerate(known.effects)}
    for sign in SIGNS.values():
        name, color = NAMES.get(sign, OTHER_NAME), COLORS.get(sign, OTHER_COLOR)
        edges = [edge for edge in known.effects if known.sign(edge) == sign]
        if not edges:
            continue
        for size, width in WIDTHS.items():
            curves = [between(edge) for edge in edges if known.size(edge) == size]
            line = {'color': color, 'dash': 'solid', 'width': width}
            legend = bool(curves) and name not in named
            named |= {name} if legend else set()
            add_edges(figure, curves, line, name=name, group=name, legend=legend, size=NODE_SIZE)
        figure.add_scatter(
            **split(_place_of_sign(between(edge), ranks[edge]) for edge in edges),
            mode='markers+text',
            text=[sign + '?' * known.is_unsure(edge) for edge in edges],
            textfont={'size': 13, 'color': color, 'weight': 'bold'},
            marker={'size': SIGN_SIZE, 'color': 'white', 'line': {'color': color, 'width': 1}},
            customdata=[known.words(edge) for edge in edges],
            hovertemplate='%{customdata}<extra></extra>',
            legendgroup=name,
            showlegend=False,
        )


def _place_of_sign(points: list[Place], turn: int) -> Place:
    """A place on an edge, nearer to its end: so that two that are each other's reverse part.

    Edges of one column lie side by side, so the next one's place is another.
    """
    shift = turn % 3 - 1
    if len(points) > 2:
        return points[len(points) // 2 + 2 * shift]
    share = 0.6 + 0.06 * shift
    (x0, y0), (x1, y1) = points
    return (1 - share) * x0 + share * x1, (1 - share) * y0 + share * y1


def _draw_nodes(
    figure: go.Figure, fitted: FittedModel, graph: nx.DiGraph, standing: Mapping[str, Place]
) -> None:
    """Disks in each other, from the outermost on; rows of other samplers have a plain one."""
    learned_from = fitted.learned_from
    told = [_told(fitted, graph, name) for name in standing]
    fills = FILLS if learned_from else {'': NODE_COLOR}
    within = np.ones(len(standing))
    for place, (source, color) in enumerate(fills.items()):
        within[within < LEAST_SHARE] = 0
        figure.add_scatter(
            **split(standing.values()),
            mode='markers',
            name=f'from {SOURCES[source]}' if learned_from else '',
            showlegend=bool(learned_from) and bool(within.any()),
            marker={
                'size': NODE_SIZE * np.sqrt(within),
                'color': color,
                'opacity': 1,
                'line': {'color': REAL, 'width': 0 if place else 1},
            },
            customdata=told,
            hovertemplate='%{customdata}<extra></extra>',
            cliponaxis=False,
        )
        if learned_from:
            within = within - [learned_from[name][source] for name in standing]


def _told(fitted: FittedModel, graph: nx.DiGraph, name: str) -> str:
    """All that is known of a column, for pointing at it."""
    lines, origin = [neighbours(graph, name)], fitted.origin
    if name in origin.learned_from:
        pairs = zip(origin.shares(name), SOURCES.values(), strict=True)
        lines.append(
            wrapped(f'learned {", ".join(f"{share} from {words}" for share, words in pairs)}')
        )
    if gain := origin.gain_of(name):
        lines.append(wrapped(f"with the model's rows: {gain}"))
    knowledge = fitted.learned.knowledge
    if (typical := knowledge.of(name)) in knowledge.typical:
        lines.append(wrapped(f'typical: {typical}'))
    for limit in knowledge.limits:
        if name in limit.columns:
            trust = (fitted.limits or {}).get(str(limit))
            lines.append(
                wrapped(f'limit{f" (trusted {trust:.0%})" if trust is not None else ""}: {limit}')
            )
    return '<br>'.join(lines)
