"""Charts as inline SVG: no script, colours from the page's style, a few kilobytes each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import networkx as nx
from markupsafe import Markup, escape

from sdv_llmgan.report.content import Chart, Figure, Histogram, Line, Lines, Network

#: A graph with more columns than this is told in a table instead.
MAX_NODES = 60
NODE_WIDTH, NODE_HEIGHT, LAYER_GAP, NODE_GAP = 132, 26, 34, 14
LETTERS_IN_NODE = 18
#: A column, or a place that an edge passes on its way: (cause, effect, layer).
Node = str | tuple[str, str, int]


def draw(figure: Figure) -> Markup:
    """The SVG of a figure's chart; bars are drawn by the page itself."""
    chart: Chart = figure.chart
    if isinstance(chart, Histogram):
        return _histogram(chart, figure.title)
    if isinstance(chart, Lines):
        return _lines(chart, figure.title)
    if isinstance(chart, Network):
        return _network(chart, figure.title)
    return Markup('')


def _svg(width: float, height: float, title: str, parts: Sequence[str]) -> Markup:
    body = Markup('').join(Markup(part) for part in parts)
    return Markup(
        '<svg viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">{}</svg>'
    ).format(_n(width), _n(height), _n(width), _n(height), title, body)


def _histogram(chart: Histogram, title: str) -> Markup:
    """The real table as filled steps, the synthetic one as a line on top."""
    width, height, base = 300.0, 108.0, 88.0
    top = max([*chart.real, *chart.synthetic, 1e-9])
    edges = [width * i / len(chart.real) for i in range(len(chart.real) + 1)]

    def steps(shares: Sequence[float]) -> str:
        path = [f'M{_n(edges[0])} {_n(base)}']
        for (left, right), share in zip(pairwise(edges), shares, strict=True):
            y = base - 80 * share / top
            path.append(f'L{_n(left)} {_n(y)}L{_n(right)} {_n(y)}')
        return ''.join([*path, f'L{_n(edges[-1])} {_n(base)}'])

    places = [(0, 'start'), (len(edges) // 2, 'middle'), (len(edges) - 1, 'end')]
    return _svg(
        width,
        height,
        title,
        [
            f'<path class="real-area" d="{steps(chart.real)}Z"/>',
            f'<path class="accent-line" d="{steps(chart.synthetic)}"/>',
            f'<path class="axis" d="M0 {_n(base)}H{_n(width)}"/>',
            *(
                _text(edges[place], height - 4, chart.labels[place], f'tick {anchor}')
                for place, anchor in places
            ),
        ],
    )


def _lines(chart: Lines, title: str) -> Markup:
    width, height, left, right, top, base = 680.0, 260.0, 52.0, 16.0, 28.0, 212.0
    xs = [x for line in chart.lines for x in line.x]
    low, high = min(xs), max(xs)

    def place(x: float, y: float) -> tuple[float, float]:
        share = (x - low) / (high - low) if high > low else 0.5
        return left + share * (width - left - right), base - min(max(y, 0), 1) * (base - top)

    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        _, y = place(low, tick)
        parts += [
            f'<path class="grid" d="M{_n(left)} {_n(y)}H{_n(width - right)}"/>',
            _text(left - 8, y + 4, f'{tick:g}', 'tick end'),
        ]
    for tick in _ticks(low, high, whole=chart.points):
        parts.append(_text(place(tick, 0)[0], base + 18, f'{tick:g}', 'tick middle'))
    for line in chart.lines:
        parts += _line(line, [place(x, y) for x, y in _known(line)], chart.points)
    parts.append(_text(left, 15, chart.y_label, 'label start'))
    parts.append(_text(width - right, height - 8, chart.x_label, 'label end'))
    if chart.marked is not None:
        x, y = place(*chart.marked[:2])
        side = 'end' if x > width - 150 else 'start'
        nudge = -12 if side == 'end' else 12
        parts += [
            f'<circle class="mark" cx="{_n(x)}" cy="{_n(y)}" r="7"/>',
            _text(x + nudge, y - 10 if y > 40 else y + 20, chart.marked[2], f'label strong {side}'),
        ]
    return _svg(width, height, title, parts)


def _line(line: Line, points: Sequence[tuple[float, float]], dots: bool) -> list[str]:
    path = 'L'.join(f'{_n(x)} {_n(y)}' for x, y in points)
    parts = [f'<path class="{line.style}-line" d="M{path}"/>'] if path else []
    if dots:
        parts += [
            f'<circle class="{line.style}-dot" cx="{_n(x)}" cy="{_n(y)}" r="3.5"/>'
            for x, y in points
        ]
    return parts


def _known(line: Line) -> list[tuple[float, float]]:
    return [(x, y) for x, y in zip(line.x, line.y, strict=True) if y is not None]


def _ticks(low: float, high: float, *, whole: bool) -> list[float]:
    """About six round places between two ends."""
    span = high - low
    if span <= 0:
        return [low]
    steps = [base * 10.0**power for power in range(-6, 7) for base in (1, 2, 5)]
    step = next(step for step in steps if span / step <= 6 and (step >= 1 or not whole))
    first = -(-low // step) * step
    return [first + i * step for i in range(int((high - first) / step + 1e-9) + 1)]


def _network(chart: Network, title: str) -> Markup:
    """Causes above, effects below; edges that skip layers run between the nodes."""
    graph = nx.DiGraph(list(chart.edges))
    paths = _split_long_edges(graph)
    layers = _layers(graph)
    widths = [sum(_width(node) + NODE_GAP for node in layer) - NODE_GAP for layer in layers]
    middle: dict[Node, tuple[float, float]] = {}
    for row, (layer, width) in enumerate(zip(layers, widths, strict=True)):
        x = 2 + (max(widths) - width) / 2
        for node in layer:
            middle[node] = x + _width(node) / 2, 2 + row * (NODE_HEIGHT + LAYER_GAP)
            x += _width(node) + NODE_GAP
    parts = [
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path class="arrow" d="M0 0L8 4L0 8z"/></marker></defs>',
        *(_edge([middle[node] for node in path]) for path in paths),
    ]
    for name in chart.nodes:
        x, y = middle[name]
        shown = name if len(name) <= LETTERS_IN_NODE else f'{name[: LETTERS_IN_NODE - 1]}…'
        parts.append(
            f'<g><title>{escape(name)}</title><rect class="node" x="{_n(x - NODE_WIDTH / 2)}" '
            f'y="{_n(y)}" width="{NODE_WIDTH}" height="{NODE_HEIGHT}" rx="3"/>'
            f'{_text(x, y + 17, shown, "tick strong middle")}</g>'
        )
    height = len(layers) * (NODE_HEIGHT + LAYER_GAP) - LAYER_GAP + 4
    return _svg(max(widths) + 4, height, title, parts)


def _split_long_edges(graph: nx.DiGraph) -> list[list[Node]]:
    """Put a place to pass through on every layer that an edge skips; each edge's nodes."""
    depth = {
        node: number
        for number, layer in enumerate(nx.topological_generations(graph))
        for node in layer
    }
    paths = []
    for cause, effect in list(graph.edges):
        between = range(depth[cause] + 1, depth[effect])
        paths.append([cause, *((cause, effect, number) for number in between), effect])
        if len(paths[-1]) > 2:
            graph.remove_edge(cause, effect)
            nx.add_path(graph, paths[-1])
    return paths


def _layers(graph: nx.DiGraph) -> list[list[Node]]:
    """Nodes by their distance from the first causes, ordered so that few edges cross."""
    layers = [list(layer) for layer in nx.topological_generations(graph)]
    place = {node: (i + 0.5) / len(layer) for layer in layers for i, node in enumerate(layer)}
    for neighbours, order in [(graph.predecessors, layers), (graph.successors, layers[::-1])] * 4:
        for layer in order:
            near = {node: [place[other] for other in neighbours(node)] for node in layer}
            layer.sort(key=lambda n: sum(near[n]) / len(near[n]) if near[n] else place[n])  # noqa: B023 - sorted at once
            place.update({node: (i + 0.5) / len(layer) for i, node in enumerate(layer)})
    return layers


def _edge(points: Sequence[tuple[float, float]]) -> str:
    """A curve from the foot of the first node past the places between to the head of the last."""
    x, y = points[0][0], points[0][1] + NODE_HEIGHT
    path = f'M{_n(x)} {_n(y)}'
    for number, (next_x, next_y) in enumerate(points[1:], start=1):
        bend = (next_y - y) / 2
        path += (
            f'C{_n(x)} {_n(y + bend)} {_n(next_x)} {_n(next_y - bend)} {_n(next_x)} {_n(next_y)}'
        )
        x, y = next_x, next_y
        if number < len(points) - 1:
            y += NODE_HEIGHT
            path += f'L{_n(x)} {_n(y)}'
    return f'<path class="edge" marker-end="url(#arrow)" d="{path}"/>'


def _width(node: Node) -> float:
    return NODE_WIDTH if isinstance(node, str) else 0


def _text(x: float, y: float, text: str, classes: str) -> str:
    return f'<text class="{classes}" x="{_n(x)}" y="{_n(y)}">{escape(text)}</text>'


def _n(number: float) -> str:
    return f'{number:.1f}'.removesuffix('.0')
