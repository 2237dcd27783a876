"""MALLM-GAN's protocol, cell by cell, and how many cells reach their marks.

python benchmarks/marks.py                                  # what docs/benchmarks.md shows
python benchmarks/marks.py --of distilled --folder results  # of other results, a column fewer

Reads the ``results.csv`` of ``sdv-llmgan benchmark mallm-gan``; measures nothing. The marks: ML
efficacy at or above what the paper prints for GPT-4o, or less than it by ``SLACK`` at most, and at
or above each of SDV's synthesizers; a DCR share of at most 0.55 with 100 training rows or more, of
0.60 below. All are means over seeds, compared as they are, not rounded. The paper's Asia stands
beside two tables and is reached where both reach it. Two synthesizers are then compared in pairs,
seed by seed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from sdv_llmgan.benchmark.printed import TITLES, printed
from sdv_llmgan.benchmark.protocols import MALLM_GAN
from sdv_llmgan.benchmark.report import grid, summarize
from sdv_llmgan.benchmark.runner import read_results

PAPER, SLACK = 'mallm-gan', 0.03
#: Means of equal figures differ by less.
TIE = 1e-9
SDV = ('gaussian-copula', 'ctgan', 'tvae')
BESIDE = ('real', 'smote', *SDV)
PRINTED_AS = {source.table: source.printed_as or source.table for source in MALLM_GAN.sources}

Cell = tuple[str, int]
Means = dict[str, pd.Series]


def most_dcr(num_rows: int) -> float:
    """The largest DCR share that meets its mark."""
    return 0.55 if num_rows >= 100 else 0.6


def paper(cell: Cell) -> float:
    """What the paper prints for GPT-4o."""
    return printed('mallm-gan', PRINTED_AS[cell[0]], cell[1], 'mle')[PAPER]


def shown(results: pd.DataFrame, metric: str) -> Means:
    """For each synthesizer and cell, mean ± standard deviation in words."""
    summary = summarize(results, metric).set_index(['table', 'rows'])
    words = summary['mean'].map('{:.3f}'.format) + summary['std'].map(
        lambda std: '' if pd.isna(std) else f' ± {std:.3f}'
    )
    return {name: words[summary['synthesizer'] == name] for name in summary['synthesizer'].unique()}


def means(results: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Means over seeds, one row a cell, one column a synthesizer; cells as they were measured."""
    summary = summarize(results, metric)
    table = summary.pivot_table(
        index=['table', 'rows'], columns='synthesizer', values='mean', sort=False
    )
    return table.sort_index()


def misses(cell: Cell, name: str, mle: pd.DataFrame, dcr: pd.DataFrame) -> str:
    """By how much the paper's figure is missed, who of SDV's is ahead, and the DCR share."""
    found, wanted = mle.loc[cell, name], paper(cell)
    parts = [f'paper by {wanted - found:.3f}'] if found < wanted - TIE else []
    parts += [TITLES[other] for other in SDV if mle.loc[cell, other] > found + TIE]
    parts += ['DCR share'] if dcr.loc[cell, name] > most_dcr(cell[1]) else []
    return ', '.join(parts)


def reached(name: str, mle: pd.DataFrame, dcr: pd.DataFrame) -> dict[str, str]:
    """For each mark, how many cells meet it, of how many."""
    mle, dcr = mle[mle[name].notna()], dcr[mle[name].notna()]
    gap = pd.Series([mle.loc[cell, name] - paper(cell) for cell in mle.index], mle.index)
    # The paper's cells: the worse one counts where two tables stand beside the same figure.
    gap.index = pd.MultiIndex.from_tuples([(PRINTED_AS[table], rows) for table, rows in mle.index])
    gap = gap.groupby(level=[0, 1]).min()
    ahead = mle[name] > mle[[*SDV]].max(axis=1) - TIE
    near = dcr[name] <= pd.Series([most_dcr(rows) for _, rows in dcr.index], dcr.index)
    counts = {
        'figures of the paper reached': gap > -TIE,
        f'figures of the paper missed by {SLACK} at most': gap > -SLACK - TIE,
        "cells at or above each of SDV's": ahead,
        'cells with a DCR share within its mark': near,
    }
    return {mark: f'{int(met.sum())} of {len(met)}' for mark, met in counts.items()}


def pairs(results: pd.DataFrame, one: str, other: str) -> str:
    """What the first one has more than the second of the same seed, in a table and in words."""
    keyed = results.set_index(['table', 'rows', 'seed'])
    first, second = (keyed[keyed['synthesizer'] == name] for name in (one, other))
    less = (first[['mle', 'dcr_share']] - second[['mle', 'dcr_share']]).dropna()
    cells = less.groupby(['table', 'rows'])
    spent = first.loc[less.index, ['calls', 'completion_tokens', 'fit_seconds']]
    spent = spent.groupby(['table', 'rows']).mean()
    gain, error = cells.mean(), cells.sem()
    body = [
        [
            *map(str, cell),
            f'{gain.loc[cell, "mle"]:+.3f} ± {error.loc[cell, "mle"]:.3f}',
            f'{gain.loc[cell, "dcr_share"]:+.3f}',
            *(f'{number:,.0f}' for number in spent.loc[cell]),
        ]
        for cell in gain.index
    ]
    head = ['table', 'rows', 'ML efficacy', 'DCR share', 'calls', 'tokens written', 'fit, s']
    mean, sem = less.mean(), less.sem()
    return (
        f'{grid(head, body)}\n\n{one} less {other} of the same seed, {len(less)} fits: ML efficacy '
        f'{mean["mle"]:+.4f} ± {sem["mle"]:.4f}, DCR share {mean["dcr_share"]:+.4f} ± '
        f'{sem["dcr_share"]:.4f} (standard errors); no difference to the last digit in '
        f'{int((less["mle"] == 0).sum())}.'
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--folder', type=Path, default=Path('benchmarks/results/mallm-gan'))
    parser.add_argument('--of', nargs='+', default=['llmgan', 'distilled'], metavar='SYNTHESIZER')
    arguments = parser.parse_args()
    results = read_results(arguments.folder / 'results.csv')
    names = [*BESIDE, *arguments.of]
    results = results[results['synthesizer'].isin(names)]
    mle, dcr = means(results, 'mle'), means(results, 'dcr_share')
    efficacy, share = shown(results, 'mle'), shown(results, 'dcr_share')
    body = [
        [
            *map(str, cell),
            *(efficacy[name].get(cell, '') for name in names),
            f'{paper(cell):.2f}',
            *(share[name].get(cell, '') for name in arguments.of),
            *(misses(cell, name, mle, dcr) for name in arguments.of),
        ]
        for cell in mle.index
    ]
    head = ['table', 'rows', *(TITLES.get(name, name) for name in names), 'GPT-4o (paper)']
    head += [f'DCR share, {name}' for name in arguments.of]
    head += [f'{name} misses' for name in arguments.of]
    print(grid(head, body), end='\n\n')
    marks = [reached(name, mle, dcr) for name in arguments.of]
    counts = [[mark, *(found[mark] for found in marks)] for mark in marks[0]]
    print(grid(['mark', *arguments.of], counts))
    if len(arguments.of) > 1:
        print('', pairs(results, *arguments.of[:2]), sep='\n')


if __name__ == '__main__':
    main()
