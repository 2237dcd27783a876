"""The picture at the head of the README and of the benchmarks: ML efficacy against real rows.

python experiments/picture.py    # writes docs/quality.svg from experiments/results

Left: means over Adult, Magic and Asia of weighted F1, five seeds each
(``results/mallm-gan/results.csv``). Right: what rows of a strong model add
(``results/strong_model.csv``; made with ``fusion.py`` and ``choice.py``, 300 rows drawn).
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
TABLES = ('adult', 'magic', 'asia_cpt')
SIZES = (25, 50, 100, 200, 400, 800)
#: Key in the results, label, colour, whether it is drawn thick.
LINES = (
    ('real', 'the real rows', '#555555', False),
    ('smote', 'SMOTE*', '#b08d57', False),
    ('distilled', 'sdv-llmgan, no model', '#0b6e4f', True),
    ('tvae', 'TVAE', '#8e6bbf', False),
    ('gaussian-copula', 'GaussianCopula', '#3d7fc4', False),
    ('ctgan', 'CTGAN', '#d1495b', False),
)
LEFT, TOP, WIDTH, HEIGHT = 60, 78, 330, 300
RIGHT, SPAN = 660, 300
LOW, HIGH = 0.5, 0.9


def text(x: float, y: float, words: str, style: str = '') -> str:
    """A line of text."""
    return f'<text x="{x:.0f}" y="{y:.0f}" {style}>{escape(words)}</text>'


def place(size: int) -> float:
    """Across the left panel: sizes double from tick to tick."""
    return LEFT + WIDTH * SIZES.index(size) / (len(SIZES) - 1)


def height(score: float) -> float:
    """Down the left panel."""
    return TOP + HEIGHT * (HIGH - score) / (HIGH - LOW)


def apart(places: Sequence[float], least: float) -> list[float]:
    """The same places in order, moved down where they are nearer than ``least``."""
    moved: list[float] = []
    for one in places:
        moved.append(max(one, moved[-1] + least) if moved else one)
    return moved


def lines(results: pd.DataFrame) -> list[str]:
    """The left panel."""
    drawn = [text(LEFT, 48, 'Weighted F1 by number of real rows', 'class="head"')]
    drawn.append(text(LEFT, 65, 'Adult, Magic, Asia; as many rows drawn as there are real ones'))
    for score in (0.5, 0.6, 0.7, 0.8, 0.9):
        y = height(score)
        drawn.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{LEFT + WIDTH}"/>')
        drawn.append(text(LEFT - 8, y + 4, f'{score:.1f}', 'text-anchor="end"'))
    drawn += [
        text(place(size), TOP + HEIGHT + 18, str(size), 'text-anchor="middle"') for size in SIZES
    ]
    chosen = results[results['table'].isin(TABLES)]
    means = chosen.groupby(['synthesizer', 'rows'])['mle'].mean()
    ends = {key: height(float(means[key, SIZES[-1]])) for key, *_ in LINES}
    order = sorted(LINES, key=lambda line: ends[line[0]])
    labels = apart([ends[line[0]] for line in order], 15)
    for (key, label, colour, thick), y in zip(order, labels, strict=True):
        points = ' '.join(f'{place(n):.1f},{height(float(means[key, n])):.1f}' for n in SIZES)
        dashes = 'stroke-dasharray="5 4"' if key in ('real', 'smote') else ''
        width = 4 if thick else 2
        drawn.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" '
            f'stroke-width="{width}" {dashes}/>'
        )
        weight = 'font-weight="bold"' if thick else ''
        drawn.append(text(LEFT + WIDTH + 10, y + 4, label, f'style="fill:{colour}" {weight}'))
    return drawn


def dumbbells(results: pd.DataFrame) -> list[str]:
    """The right panel."""
    drawn = [text(RIGHT - 80, 48, 'What rows of a strong model add', 'class="head"')]
    drawn.append(text(RIGHT - 80, 65, 'F1 (Insurance: R²) by table and real rows; 300 rows drawn'))
    step = HEIGHT / len(results)

    def across(score: float) -> float:
        return RIGHT + 10 + SPAN * (score - 0.55) / 0.4

    for score in (0.6, 0.7, 0.8, 0.9):
        drawn.append(f'<path class="grid" d="M{across(score):.1f} {TOP}V{TOP + HEIGHT}"/>')
        drawn.append(text(across(score), TOP + HEIGHT + 18, f'{score:.1f}', 'text-anchor="middle"'))
    for number, row in enumerate(results.itertuples()):
        y = TOP + step * (number + 0.5)
        drawn.append(text(RIGHT, y + 4, f'{row.table} {row.rows}', 'text-anchor="end"'))
        start, end = across(row.without), across(row.distilled)
        drawn.append(
            f'<path d="M{start:.1f} {y:.1f}H{end:.1f}" stroke="#0b6e4f" stroke-width="3"/>'
            f'<circle cx="{start:.1f}" cy="{y:.1f}" r="5" fill="#ffffff" stroke="#0b6e4f" '
            f'stroke-width="2"/><circle cx="{end:.1f}" cy="{y:.1f}" r="6" fill="#0b6e4f"/>'
            f'<circle cx="{across(row.llm):.1f}" cy="{y:.1f}" r="4" fill="#e08e0b"/>'
        )
    y = TOP + HEIGHT + 40
    for x, fill, stroke, label in (
        (RIGHT - 80, '#ffffff', '#0b6e4f', 'real rows alone'),
        (RIGHT + 50, '#0b6e4f', '#0b6e4f', "with the model's rows"),
        (RIGHT + 210, '#e08e0b', '#e08e0b', "the model's rows themselves"),
    ):
        drawn.append(
            f'<circle cx="{x}" cy="{y - 4}" r="5" fill="{fill}" stroke="{stroke}" '
            'stroke-width="2"/>'
        )
        drawn.append(text(x + 10, y, label))
    return drawn


def main() -> None:
    """Write the picture."""
    results = HERE / 'results'
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1080 450" role="img" '
        'font-family="Helvetica, Arial, sans-serif" font-size="13">',
        '<title>ML efficacy by number of real rows, and what rows of a strong model add</title>',
        '<style>text{fill:#333}.head{font-size:16px;font-weight:bold}.grid{stroke:#e3e3e3}</style>',
        '<rect width="1080" height="450" rx="8" fill="#ffffff"/>',
        *lines(pd.read_csv(results / 'mallm-gan' / 'results.csv')),
        text(LEFT, TOP + HEIGHT + 40, '* SMOTE moves real rows: its rows lie next to them'),
        *dumbbells(pd.read_csv(results / 'strong_model.csv')),
        '</svg>',
    ]
    path = HERE.parent / 'docs' / 'quality.svg'
    path.write_text('\n'.join(parts) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
