"""The figures that the papers print, to stand beside measured ones.

``printed.csv`` holds Ling et al., MALLM-GAN, tables 2 and 7 (the mean of 5 runs, GPT-4o), and
SYNTHIA's figures (Llama-3.1-8B); shares, where the papers have per cent. A figure that is not there
was not printed, or that synthesizer failed.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import pandas as pd

#: How the papers' synthesizers are written.
TITLES = {
    'real': 'real',
    'smote': 'SMOTE',
    'gaussian-copula': 'GaussianCopula',
    'ctgan': 'CTGAN',
    'tvae': 'TVAE',
    'great': 'GReaT',
    'tabddpm': 'TabDDPM',
    'tabsyn': 'TabSyn',
    'tabpfn': 'TabPFN',
    'tabdiff': 'TabDiff',
    'mallm-gan': 'MALLM-GAN',
    'synthia': 'SYNTHIA',
    'llmgan': 'LLMGAN',
    'distilled': 'LLMGAN (distilled, no LLM)',
}


@cache
def printed_figures() -> pd.DataFrame:
    """All of them: ``protocol``, ``table``, ``rows`` (<NA>: all), ``metric``, one column each."""
    with (files('sdv_llmgan.benchmark') / 'printed.csv').open(encoding='utf-8') as file:
        return pd.read_csv(file, dtype={'rows': 'Int64'})


def printed(protocol: str, table: str, num_rows: int, metric: str) -> dict[str, float]:
    """What a paper prints for one cell, by synthesizer; empty where it prints nothing."""
    figures = printed_figures()
    found = figures[
        (figures['protocol'] == protocol)
        & (figures['table'] == table)
        & (figures['metric'] == metric)
        & (figures['rows'].isna() | (figures['rows'] == num_rows))
    ]
    if found.empty:
        return {}
    row = found.iloc[0].drop(['protocol', 'table', 'rows', 'metric']).dropna()
    return {name: float(value) for name, value in row.items()}
