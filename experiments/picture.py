"""The picture that README.md and docs/benchmarks.md begin with: quality against real rows.

    python experiments/picture.py                 # writes docs/quality.svg

    results/mallm-gan/results.csv  ->  two panels: ML efficacy of each synthesizer by real rows
    results/strong_model.csv       ->  a third: 300 rows of the distilled sampler, without and with
                                       rows that a strong model wrote, and those rows themselves

The second file is made with ``fusion.py`` and ``choice.py``; docs/does-the-model-help.md shows it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parent.parent
CELLS = ROOT / 'experiments/results/mallm-gan/results.csv'
RECORDED = ROOT / 'experiments/results/strong_model.csv'
PICTURE = ROOT / 'docs/quality.svg'

#: Asia's own rows are public for 25 and 50 only; ``asia_cpt`` has all six sizes.
CLASSES = ('adult', 'magic', 'asia_cpt')
INK, FAINT, PAPER = '#263238', '#dfe5e8', '#ffffff'
WITH, OWN = '#d84315', '#6d4c41'
WIDTH, HEIGHT, TOP, BOTTOM = 1000, 400, 104, 336
SUBTITLE = 68


@dataclass(frozen=True)
class Line:
    """How a synthesizer's line looks: its name, colour, width in pixels and dashes."""

    name: str
    colour: str
    width: float = 2.0
    dashes: str = ''


#: In the order drawn: the last lies on top.
LINES = {
    'ctgan': Line('CTGAN', '#8e5aa8'),
    'gaussian-copula': Line('GaussianCopula', '#4a73ba'),
    'tvae': Line('TVAE', '#96701f'),
    'smote': Line('SMOTE', '#607d8b'),
    'real': Line('real rows', '#37474f', dashes='5 4'),
    'distilled': Line('sdv-llmgan', '#00796b', 4.0),
}


@dataclass(frozen=True)
class Axes:
    """Where values lie: real rows from left to right by their logarithm, ML efficacy upwards."""

    left: float
    right: float
    low: float
    high: float

    def x(self, rows: float) -> float:
        """The place of a number of rows, 25 to 800, in pixels from the left."""
        return self.left + (self.right - self.left) * math.log2(rows / 25) / 5

    def y(self, value: float) -> float:
        """The place of an ML efficacy, in pixels from the top."""
        return BOTTOM - (BOTTOM - TOP) * (value - self.low) / (self.high - self.low)


def text(x: float, y: float, words: str, **attributes: object) -> str:
    """One line of text; ``anchor`` and ``weight`` are SVG's ``text-anchor``, ``font-weight``."""
    names = {'anchor': 'text-anchor', 'weight': 'font-weight', 'size': 'font-size'}
    more = ''.join(f' {names.get(name, name)}="{value}"' for name, value in attributes.items())
    return f'<text x="{x:.1f}" y="{y:.1f}"{more}>{escape(words)}</text>'


def spread(places: list[float], gap: float) -> list[float]:
    """Ascending ``places`` moved apart to ``gap`` pixels at least, the lowest one held."""
    moved = places[-1:]
    for place in reversed(places[:-1]):
        moved.append(min(place, moved[-1] - gap))
    return moved[::-1]


def grid(axes: Axes, ticks: list[float], style: str) -> list[str]:
    """Horizontal lines at ``ticks`` with their values, and the numbers of rows below."""
    parts = []
    for tick in ticks:
        y = axes.y(tick)
        parts.append(f'<path d="M{axes.left:.1f} {y:.1f}H{axes.right:.1f}" stroke="{FAINT}"/>')
        parts.append(text(axes.left - 8, y + 4, format(tick, style), anchor='end', size=12))
    for rows in (25, 50, 100, 200, 400, 800):
        parts.append(text(axes.x(rows), BOTTOM + 20, str(rows), anchor='middle', size=12))
    middle = (axes.left + axes.right) / 2
    return [*parts, text(middle, BOTTOM + 42, 'real rows to learn from', anchor='middle', size=13)]


def lines(means: pd.DataFrame, axes: Axes, name: str) -> list[str]:
    """Each synthesizer's line, cut off below the axis, and its name at the right end."""
    width, height = axes.right - axes.left + 12, BOTTOM - TOP + 6
    parts = [
        f'<clipPath id="{name}"><rect x="{axes.left - 6:.1f}" y="{TOP - 6}" '
        f'width="{width:.1f}" height="{height}"/></clipPath>',
        f'<g clip-path="url(#{name})" fill="none" stroke-linejoin="round">',
    ]
    for key, line in LINES.items():
        points = ' '.join(f'{axes.x(n):.1f},{axes.y(v):.1f}' for n, v in means[key].items())
        dashes = f' stroke-dasharray="{line.dashes}"' if line.dashes else ''
        parts.append(
            f'<polyline points="{points}" stroke="{line.colour}" '
            f'stroke-width="{line.width:g}"{dashes}/>'
        )
    parts.append('</g>')
    ends = means.iloc[-1].loc[list(LINES)].sort_values(ascending=False)
    heights = [axes.y(max(value, axes.low)) for value in ends]
    for key, y in zip(ends.index, spread(heights, 15.5), strict=True):
        line, weight = LINES[key], 700 if key == 'distilled' else 400
        words = line.name if ends[key] >= axes.low else f'{line.name}: below {axes.low:g}'
        parts.append(text(axes.right + 10, y + 4, words, fill=line.colour, weight=weight, size=13))
    return parts


def mark(kind: str, x: float, y: float) -> str:
    """Hollow: real rows alone; full: with the model's rows; a small diamond: those rows."""
    if kind == 'llm':
        return f'<path d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z" fill="{OWN}"/>'
    if kind == 'distilled':
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5.5" fill="{WITH}"/>'
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{PAPER}" '
        f'stroke="{LINES["distilled"].colour}" stroke-width="2.5"/>'
    )


def dumbbells(recorded: pd.DataFrame, left: float, right: float) -> list[str]:
    """One row a table, from its mark without the model's rows to that with them."""
    parts, low, high = [], 0.58, 0.91
    for tick in (0.6, 0.7, 0.8, 0.9):
        x = left + (right - left) * (tick - low) / (high - low)
        parts.append(f'<path d="M{x:.1f} {TOP}V{BOTTOM}" stroke="{FAINT}"/>')
        parts.append(text(x, BOTTOM + 20, f'{tick:.1f}', anchor='middle', size=12))
    words = 'F1 (Insurance: R²), upper bounds'
    parts.append(text((left + right) / 2, BOTTOM + 42, words, anchor='middle', size=13))
    parts.append(text(left - 10, TOP - 6, 'table, rows', anchor='end', size=12))
    step = (BOTTOM - TOP) / len(recorded)
    for place, row in enumerate(recorded.to_dict('records')):
        y = TOP + step * (place + 0.5)
        x = {
            kind: left + (right - left) * (row[kind] - low) / (high - low)
            for kind in ('llm', 'without', 'distilled')
        }
        gain = row['distilled'] - row['without']
        sign = '+' if gain >= 0 else '−'
        ends = f'M{x["without"]:.1f} {y:.1f}H{x["distilled"]:.1f}'
        parts += [
            text(left - 10, y + 4, f'{row["table"]} {row["rows"]}', anchor='end', size=13),
            f'<path d="{ends}" stroke="{WITH}" stroke-width="3"/>',
            *(mark(kind, place, y) for kind, place in x.items()),
            text(right + 56, y + 4, f'{sign}{abs(gain):.2f}', anchor='end', size=13, fill=WITH),
        ]
    return parts


def draw(cells: pd.DataFrame, recorded: pd.DataFrame) -> str:
    """The whole picture, as SVG.

    Args:
        cells: Lines of a benchmark's ``results.csv``; means over seeds and tables are drawn.
        recorded: ML efficacy ``without`` a model's rows, ``distilled`` with them, and of those
            rows themselves (``llm``), one line a table.
    """
    kept = cells[cells['synthesizer'].isin(LINES)]
    means = {
        name: kept[kept['table'].isin(tables)].pivot_table('mle', 'rows', 'synthesizer')
        for name, tables in (('classes', CLASSES), ('insurance', ('insurance',)))
    }
    order = (recorded['distilled'] - recorded['without']).sort_values(ascending=False).index
    first, second = Axes(52, 242, 0.55, 0.9), Axes(402, 582, 0.0, 0.9)
    label = 'Quality of synthetic rows by number of real rows, and what a model adds to it'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="system-ui, sans-serif" fill="{INK}" role="img" aria-label="{label}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="10" fill="{PAPER}"/>',
        text(22, 36, 'Quality without a language model', weight=700, size=17),
        text(22, SUBTITLE, 'F1, mean of Adult, Magic, Asia', size=13),
        text(372, SUBTITLE, 'R², Insurance', size=13),
        *grid(first, [0.6, 0.7, 0.8, 0.9], '.1f'),
        *lines(means['classes'], first, 'classes'),
        *grid(second, [0.0, 0.3, 0.6, 0.9], '.1f'),
        *lines(means['insurance'], second, 'insurance'),
        f'<path d="M706 22V{HEIGHT - 22}" stroke="{FAINT}"/>',
        text(716, 36, 'With a strong model', weight=700, size=17),
        '</svg>',
    ]
    third = [
        mark('without', 722, SUBTITLE - 4),
        text(733, SUBTITLE, 'without', size=13),
        mark('distilled', 796, SUBTITLE - 4),
        text(807, SUBTITLE, 'with its rows', size=13),
        mark('llm', 900, SUBTITLE - 4),
        text(910, SUBTITLE, 'rows alone', size=13),
        *dumbbells(recorded.loc[order], 816, 926),
    ]
    return '\n'.join([*parts[:-1], *third, parts[-1]]) + '\n'


if __name__ == '__main__':
    PICTURE.write_text(draw(pd.read_csv(CELLS), pd.read_csv(RECORDED)), encoding='utf-8')
    print(PICTURE)
