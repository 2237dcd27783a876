"""The statistical analyzer: what differs between synthetic rows and real ones.

    real, synthetic -> coded columns -> columns, pairs, missing values, copies -> findings, score

It is the S of SYNTHIA ("A multi-agent GAN-LLM fusion for statistically guided synthetic data
generation", 2025), and ``Diagnostics.score`` its phi(S). Thresholds are not the paper's: findings
are held against what chance alone does to samples of that size.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sdv_llmgan.analysis.coded import code_tables
from sdv_llmgan.analysis.columns import CategoricalColumn, NumericalColumn, compare_column
from sdv_llmgan.analysis.copies import Copies, find_copies
from sdv_llmgan.analysis.diagnostics import Diagnostics
from sdv_llmgan.analysis.findings import Finding, find_problems
from sdv_llmgan.analysis.missing import Missingness, compare_missing
from sdv_llmgan.analysis.pairs import Pair, compare_pairs
from sdv_llmgan.table.schema import TableSchema

__all__ = [
    'CategoricalColumn',
    'Copies',
    'Diagnostics',
    'Finding',
    'Missingness',
    'NumericalColumn',
    'Pair',
    'analyze',
]

#: Of the draws that are shuffled and compared: the same tables always get the same diagnostics.
SEED = 0


def analyze(real: pd.DataFrame, synthetic: pd.DataFrame, schema: TableSchema) -> Diagnostics:
    """Compare synthetic rows with real ones.

    Args:
        real: Real rows, shape (n_real, n_columns), plain (see ``schema``) or as SDV stores them.
        synthetic: Synthetic rows, shape (n_synthetic, n_columns), likewise; as many as real ones
            or not.
        schema: The columns to compare; others are ignored. Infinite numbers count as missing.

    Raises:
        ValueError: A table has no rows or lacks a column, or the schema has no columns.
    """
    coded = code_tables(real, synthetic, schema)
    rng = np.random.default_rng(SEED)
    columns = tuple(compare_column(column) for column in coded)
    pairs = compare_pairs(coded, rng)
    missing = compare_missing(coded)
    copies = find_copies(coded, rng)
    return Diagnostics(
        n_real=len(real),
        n_synthetic=len(synthetic),
        columns=columns,
        pairs=pairs,
        missing=missing,
        copies=copies,
        problems=find_problems(columns, pairs, missing, copies, schema),
    )
