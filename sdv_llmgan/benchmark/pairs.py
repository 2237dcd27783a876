"""Two synthesizers compared in pairs, seed by seed: what the one has more than the other."""

from __future__ import annotations

import pandas as pd

from sdv_llmgan.benchmark.report import grid

#: Results are written with six digits.
LAST_DIGIT = 1e-6


def paired(results: pd.DataFrame, ours: str, other: str) -> str:
    """Markdown: how much more one synthesizer has than another of the same seed, a line a cell.

    Args:
        results: As ``runner.read_results`` gives them.
        ours: A synthesizer, as it stands in the results.
        other: What it is compared with.

    Returns:
        Means ± standard errors over seeds of the differences in ML efficacy (higher is better) and
        DCR share, means of what ``ours`` took, and the same over all fits in words; empty where
        no seed of a cell was measured with both.
    """
    keyed = results.set_index(['table', 'rows', 'seed'])
    first, second = (keyed[keyed['synthesizer'] == name] for name in (ours, other))
    scores = ['mle', 'dcr_share']
    less = (first[scores] - second[scores]).dropna()
    if less.empty:
        return ''
    cells = less.groupby(['table', 'rows'])
    gain, error = cells.mean(), cells.sem()
    took = first.loc[less.index, ['calls', 'completion_tokens', 'fit_seconds']]
    took = took.groupby(['table', 'rows']).mean()
    body = [
        [
            *map(str, cell),
            *(f'{gain.loc[cell, name]:+.3f} ± {error.loc[cell, name]:.3f}' for name in scores),
            *('' if pd.isna(number) else f'{number:,.0f}' for number in took.loc[cell]),
        ]
        for cell in gain.index
    ]
    head = ['table', 'rows', 'ML efficacy', 'DCR share', 'calls', 'tokens written', 'fit, s']
    mean, sem = less.mean(), less.sem()
    same = int((less['mle'].abs() < LAST_DIGIT).sum())
    return (
        f'{grid(head, body)}\n\nOver {len(less)} fits: ML efficacy {mean["mle"]:+.4f} ± '
        f'{sem["mle"]:.4f}, DCR share {mean["dcr_share"]:+.4f} ± {sem["dcr_share"]:.4f}; no '
        f'difference in ML efficacy to the last digit in {same}.'
    )
