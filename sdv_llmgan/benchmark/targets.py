"""Cell by cell: what one synthesizer reaches of MALLM-GAN's printed figures, and of its rivals'.

The marks are this project's own: ML efficacy at or above the paper's (GPT-4o) and above SDV's
synthesizers, rows that are no nearer to the training rows than new ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from sdv_llmgan.benchmark.printed import TITLES, printed
from sdv_llmgan.benchmark.report import grid, summarize

RIVALS = ('gaussian-copula', 'ctgan', 'tvae')
#: Further below the paper's figure than this is too far.
MARGIN = 0.03
#: Largest DCR share, where the table has fewer training rows than ``MANY`` and where not.
MANY = 100
DCR_FEW, DCR_MANY = 0.60, 0.55
#: Means of equal scores differ by less.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Cell:
    """One table with one number of training rows.

    Attributes:
        table: Its name.
        rows: Training rows.
        printed_as: The paper's table that it stands for.
        measured: Mean and standard deviation over seeds, and how many of them, by synthesizer.
        paper: What MALLM-GAN reaches in print.
        ours: The synthesizer that is looked at.
        dcr: Its DCR share: mean, standard deviation, seeds.
    """

    table: str
    rows: int
    printed_as: str
    measured: Mapping[str, tuple[float, float, int]]
    paper: float
    ours: str
    dcr: tuple[float, float, int]

    @property
    def difference(self) -> float:
        """Mean ML efficacy less the paper's."""
        return self._mean(self.ours) - self.paper

    @property
    def best_rival(self) -> str:
        """The one of SDV's synthesizers with the highest mean."""
        return max((name for name in RIVALS if name in self.measured), key=self._mean)

    @property
    def loses_to_rival(self) -> bool:
        """Whether the best of SDV's is above."""
        return self._mean(self.best_rival) - self._mean(self.ours) > ROUNDING

    @property
    def beats_rival(self) -> bool:
        """Whether the best of SDV's is below."""
        return self._mean(self.ours) - self._mean(self.best_rival) > ROUNDING

    @property
    def most_dcr(self) -> float:
        """The mark for the DCR share."""
        return DCR_MANY if self.rows >= MANY else DCR_FEW

    @property
    def misses(self) -> list[str]:
        """Which marks are missed, in words."""
        return [
            *([f'paper by {-self.difference:.3f}'] if self.difference < 0 else []),
            *([TITLES[self.best_rival]] if self.loses_to_rival else []),
            *(['DCR share'] if self.dcr[0] > self.most_dcr else []),
        ]

    def _mean(self, name: str) -> float:
        return self.measured[name][0]


def against_paper(results: pd.DataFrame, ours: str, printed_as: Mapping[str, str]) -> str:
    """Markdown: a line a cell with what it misses, then how many cells reach each mark.

    Args:
        results: As ``runner.read_results`` gives them.
        ours: The synthesizer to look at, as it stands in the results.
        printed_as: The paper's name of a table, where it is another one.
    """
    cells = _cells(results, ours, printed_as)
    if not cells:
        return ''
    others = ['real', 'smote', *RIVALS]
    head = ['table', 'rows', *(TITLES[name] for name in others), f'**{TITLES.get(ours, ours)}**']
    head += ['MALLM-GAN (GPT-4o, paper)', 'DCR share', 'misses']
    body = [
        [
            *(cell.table, str(cell.rows)),
            *(_shown(cell.measured.get(name)) for name in [*others, ours]),
            *(f'{cell.paper:.2f}', _shown(cell.dcr), ', '.join(cell.misses)),
        ]
        for cell in cells
    ]
    return f'{grid(head, body)}\n\n{_counts(cells)}'


def _cells(results: pd.DataFrame, ours: str, printed_as: Mapping[str, str]) -> list[Cell]:
    found: dict[tuple[str, int], dict[str, dict[str, tuple[float, float, int]]]] = {}
    for metric in ('mle', 'dcr_share'):
        for line in summarize(results, metric).to_dict('records'):
            if line['seeds']:
                by_metric = found.setdefault((line['table'], line['rows']), {})
                shown = (line['mean'], line['std'], line['seeds'])
                by_metric.setdefault(metric, {})[line['synthesizer']] = shown
    cells = []
    for (table, rows), by_metric in found.items():
        name = printed_as.get(table, table)
        paper = printed('mallm-gan', name, rows, 'mle').get('mallm-gan')
        measured, dcr = by_metric.get('mle', {}), by_metric.get('dcr_share', {})
        if paper is not None and ours in measured and ours in dcr and set(RIVALS) & set(measured):
            cells.append(Cell(table, rows, name, measured, paper, ours, dcr[ours]))
    return sorted(cells, key=lambda cell: (cell.table, cell.rows))


def _counts(cells: list[Cell]) -> str:
    """A figure of the paper that stands beside two tables is reached where both reach it."""
    by_figure: dict[tuple[str, int], list[float]] = {}
    for cell in cells:
        by_figure.setdefault((cell.printed_as, cell.rows), []).append(cell.difference)
    lowest = [min(differences) for differences in by_figure.values()]
    marks = {
        'figures of the paper reached': [d >= 0 for d in lowest],
        f'figures of the paper missed by {MARGIN} at most': [d >= -MARGIN for d in lowest],
        'cells at or above the best of SDV': [not cell.loses_to_rival for cell in cells],
        'cells above the best of SDV': [cell.beats_rival for cell in cells],
        'cells with a DCR share within its mark': [cell.dcr[0] <= cell.most_dcr for cell in cells],
    }
    body = [[mark, str(sum(met)), str(len(met))] for mark, met in marks.items()]
    return grid(['mark', 'met', 'of'], body)


def _shown(figure: tuple[float, float, int] | None) -> str:
    if figure is None:
        return ''
    mean, spread, seeds = figure
    return f'{mean:.3f} ± {spread:.3f} ({seeds})' if seeds > 1 else f'{mean:.3f} (1)'
