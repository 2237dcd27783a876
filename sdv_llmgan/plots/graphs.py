"""Pictures of the causal graph, before and after a fit.

    before, after -> one graph whose edges say kept, added or removed -> graphviz | plotly

The plotly picture needs no binary: causes stand left of their effects, one column of nodes for
each generation of the graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from pathlib import Path

import graphviz
import networkx as nx
import plotly.graph_objects as go

from sdv_llmgan.plots.look import GOOD, LEGEND_LINE, PALE, REAL, REMOVED, dress, label

Place = tuple[float, float]

#: How edges are drawn, by their ``change``: color and dash of plotly, and style of graphviz.
STYLES = {
    'kept': {'color': PALE, 'dash': 'solid', 'style': 'solid'},
    'added': {'color': GOOD, 'dash': 'solid', 'style': 'bold'},
    'removed': {'color': REMOVED, 'dash': 'dash', 'style': 'dashed'},
}
#: The fill of nodes in the pictures that SDV makes of metadata.
NODE_COLOR = '#B7E9FF'
NODE_LABEL = 18
NODE_SIZE = 14
ARROW_SIZE = 11
#: In pixels, between the nodes of one generation, and between generations.
ROW = 44
COLUMN = 120
#: A graph of more generations than this has a width of its own, so that labels have room; in a
#: narrower window it is scrolled.
WIDE = 4
#: Sweeps that put nodes near their neighbours; more change nothing.
SWEEPS = 8
#: How far an edge that skips generations bends, in rows.
BEND = 0.6
POINTS = 16


def compare_causal_graphs(before: nx.DiGraph, after: nx.DiGraph) -> nx.DiGraph:
    """Two graphs as one, for the pictures here or for work with networkx.

    Args:
        before: Such as ``history.steps[0].process.to_networkx()``.
        after: Such as ``synthesizer.get_causal_graph()``.

    Returns:
        A new graph with the nodes and edges of both. Each edge has the attribute ``change``
        (``'kept'``, ``'added'`` or ``'removed'``) and the ``color`` and ``style`` that graphviz
        draws it with: added ones green, removed ones red and dashed.
    """
    both = nx.DiGraph()
    both.add_nodes_from([*after.nodes, *before.nodes])
    for edge in dict.fromkeys([*after.edges, *before.edges]):
        is_new, was_there = after.has_edge(*edge), before.has_edge(*edge)
        change = 'kept' if is_new and was_there else 'added' if is_new else 'removed'
        style = STYLES[change]
        both.add_edge(*edge, change=change, color=style['color'], style=style['style'])
    return both


def visualize_causal_graph(
    graph: nx.DiGraph, output_filepath: str | Path | None = None
) -> graphviz.Digraph:
    """The graph for graphviz, as SDV's ``metadata.visualize`` gives its own.

    Args:
        graph: Such as ``synthesizer.get_causal_graph()`` or what ``compare_causal_graphs`` gives.
        output_filepath: A file to write; its ending says in which format. ``None``: none.

    Returns:
        The picture's source; a notebook shows it where graphviz' ``dot`` is installed.

    Raises:
        graphviz.ExecutableNotFound: A file is to be written, and there is no ``dot``.
        ValueError: The file's ending is no format that graphviz writes.
    """
    drawn = graphviz.Digraph(
        'causal graph',
        graph_attr={'rankdir': 'LR'},
        node_attr={'shape': 'box', 'style': 'rounded,filled', 'fillcolor': NODE_COLOR},
    )
    # Nodes have numbers for names: graphviz reads what follows a colon as a port.
    number = {name: str(place) for place, name in enumerate(graph.nodes)}
    for name in graph.nodes:
        drawn.node(number[name], label=graphviz.escape(str(name)))
    for cause, effect, change in graph.edges(data='change', default='kept'):
        style = STYLES[change]
        drawn.edge(number[cause], number[effect], color=style['color'], style=style['style'])
    if output_filepath is not None:
        drawn.render(outfile=Path(output_filepath), cleanup=True)
    return drawn


def get_causal_graph_plot(graph: nx.DiGraph) -> go.Figure:
    """The graph as a plotly figure: causes on the left, effects on the right.

    Columns that no edge touches stand together at the foot. Pointing at a node shows its whole
    name.

    Args:
        graph: Such as ``synthesizer.get_causal_graph()`` or what ``compare_causal_graphs`` gives.
    """
    current = nx.DiGraph(
        (cause, effect)
        for cause, effect, change in graph.edges(data='change', default='kept')
        if change != 'removed'
    )
    standing = places(graph, current)
    edges: dict[str, list[list[Place]]] = {change: [] for change in STYLES}
    for cause, effect, change in graph.edges(data='change', default='kept'):
        edges[change].append(curve(standing[cause], standing[effect]))
    figure = go.Figure()
    for change, curves in edges.items():
        style = STYLES[change]
        line = {'color': style['color'], 'dash': style['dash'], 'width': 1.5}
        add_edges(figure, curves, line, name=f'{change} edge', group=change)
    figure.add_scatter(
        **split(standing.values()),
        mode='markers',
        marker={'size': NODE_SIZE, 'color': NODE_COLOR, 'line': {'color': REAL, 'width': 1}},
        customdata=[neighbours(graph, name) for name in standing],
        hovertemplate='%{customdata}<extra></extra>',
        showlegend=False,
        cliponaxis=False,
    )
    counts = {change: len(curves) for change, curves in edges.items()}
    changes = f', {counts["added"]} added, {counts["removed"]} removed'
    note = f'{counts["kept"] + counts["added"]} edges' + changes * any(
        counts[change] for change in ('added', 'removed')
    )
    height = 140 + LEGEND_LINE + graph_height(standing)
    dress(figure, 'Causal graph', note=note, height=height)
    figure.update_layout(margin_b=LEGEND_LINE + 8)
    return frame(figure, standing)


def graph_height(standing: Mapping[str, Place]) -> int:
    """In pixels, of nodes that stand there."""
    rows = [row for _, row in standing.values()] or [0.0]
    return round(ROW * (max(rows) - min(rows) + 1))


def frame(figure: go.Figure, standing: Mapping[str, Place], size: float = NODE_SIZE) -> go.Figure:
    """Name the nodes, and give the figure's first axes the range that they need.

    Args:
        figure: Changed in place; wide graphs give it a width.
        standing: Where nodes stand.
        size: Of a node, in pixels; its name stands so far above it.
    """
    for name, (column, row) in standing.items():
        figure.add_annotation(
            x=column,
            y=row,
            text=label(name, NODE_LABEL),
            font={'size': 12, 'color': REAL},
            bgcolor='rgba(245, 245, 248, 0.7)',
            borderpad=0,
            showarrow=False,
            yshift=size,
        )
    rows = [row for _, row in standing.values()] or [0.0]
    last = max((column for column, _ in standing.values()), default=0.0)
    if last >= WIDE:
        figure.update_layout(width=round(COLUMN * (last + 1.2)))
    figure.update_layout(
        xaxis={'visible': False, 'range': [-0.6, last + 0.6]},
        yaxis={'visible': False, 'range': [min(rows) - 0.5, max(rows) + 0.9]},
    )
    return figure


def add_edges(
    figure: go.Figure,
    curves: Sequence[Sequence[Place]],
    line: Mapping[str, object],
    *,
    name: str,
    group: str,
    legend: bool = True,
    size: float = NODE_SIZE,
) -> None:
    """Curves with an arrow at their end, one entry in the legend for all of them.

    Args:
        figure: Changed in place.
        curves: Points of each; none: nothing is added.
        line: Color, dash and width, as plotly takes them.
        name: What the legend calls them.
        group: Of the legend: its edges are hidden and shown together.
        legend: Whether there is an entry; one is enough for a group.
        size: Of the node that an arrow ends at, in pixels.
    """
    if not curves:
        return
    gap = (None, None)
    figure.add_scatter(
        **split(point for points in curves for point in (*points, gap)),
        mode='lines',
        name=name,
        legendgroup=group,
        showlegend=legend,
        line=line,
        hoverinfo='skip',
    )
    # An arrow points away from the point before it, which itself has no size.
    figure.add_scatter(
        **split(point for points in curves for point in (*points[-2:], gap)),
        mode='markers',
        legendgroup=group,
        showlegend=False,
        marker={
            'symbol': 'arrow',
            'angleref': 'previous',
            'size': [0, ARROW_SIZE, 0] * len(curves),
            'standoff': [0, size / 2, 0] * len(curves),
            'color': line['color'],
            'opacity': 1,
        },
        hoverinfo='skip',
    )


def split(points: Iterable[tuple[float | None, float | None]]) -> dict[str, list[float | None]]:
    """Points as plotly takes them: ``x`` and ``y``."""
    pairs = list(points)
    return {'x': [x for x, _ in pairs], 'y': [y for _, y in pairs]}


def places(graph: nx.DiGraph, current: nx.DiGraph) -> dict[str, Place]:
    """Where nodes stand: generation by generation from left to right, the untouched at the foot.

    Args:
        graph: Every node, and every edge that is drawn.
        current: The edges that lead from left to right; without a cycle.
    """
    touched = {name for edge in graph.edges for name in edge}
    ordered = nx.DiGraph(current.edges)
    ordered.add_nodes_from(name for name in graph.nodes if name in touched)
    generations = [list(names) for names in nx.topological_generations(ordered)]
    for _ in range(SWEEPS):
        _sweep(graph, generations)
        _sweep(graph, generations[::-1])
    standing: dict[str, Place] = {}
    # Every second generation stands half a row lower, so that labels have room on both sides.
    for column, (names, shift) in enumerate(zip(generations, cycle((0.0, 0.5)))):
        top = (len(names) - 1) // 2
        standing |= {name: (column, top - row - shift) for row, name in enumerate(names)}
    alone = [name for name in graph.nodes if name not in touched]
    per_row = max(len(generations), 4)
    foot = min((row for _, row in standing.values()), default=0.0) - 1.5
    for number, name in enumerate(alone):
        row, column = divmod(number, per_row)
        width = max(len(generations) - 1, 3) / max(per_row - 1, 1)
        standing[name] = (column * width, foot - row - 0.5 * (column % 2))
    return standing


def _sweep(graph: nx.DiGraph, generations: Iterable[list[str]]) -> None:
    """Order each generation by where its nodes' neighbours stand."""
    levels: Mapping[str, float] = {
        name: row - (len(names) - 1) / 2 for names in generations for row, name in enumerate(names)
    }
    for names in generations:
        own = {name: levels[name] for name in names}
        near = {
            name: [levels[other] for other in nx.all_neighbors(graph, name)] or [own[name]]
            for name in names
        }
        names.sort(key=lambda name: (sum(near[name]) / len(near[name]), own[name]))


def curve(start: Place, end: Place) -> list[Place]:
    """Points from one node to another: straight to the next generation, else bent round nodes."""
    (x0, y0), (x1, y1) = start, end
    length = abs(x1 - x0)
    if length == 1:
        return [start, end]
    up = BEND * (1 if y1 >= y0 else -1) * min(max(length - 1, 0), 3)
    middle = (x0 + x1) / 2 + (BEND if not length else 0), (y0 + y1) / 2 + 2 * up
    shares = [point / POINTS for point in range(POINTS + 1)]
    return [
        (
            (1 - t) ** 2 * x0 + 2 * t * (1 - t) * middle[0] + t**2 * x1,
            (1 - t) ** 2 * y0 + 2 * t * (1 - t) * middle[1] + t**2 * y1,
        )
        for t in shares
    ]


def neighbours(graph: nx.DiGraph, name: str) -> str:
    """A node's name, causes and effects, for pointing at it."""
    lines = [f'<b>{label(name, 80)}</b>']
    for words, others in (
        ('caused by', graph.predecessors(name)),
        ('affects', graph.successors(name)),
    ):
        named = [label(other, 40) for other in others]
        if named:
            more = f' and {len(named) - 8} more' if len(named) > 8 else ''
            lines.append(f'{words}: {", ".join(named[:8])}{more}')
    return '<br>'.join(lines)
