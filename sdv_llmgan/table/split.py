"""Rows to learn from, and rows set aside to judge by."""

from __future__ import annotations

import pandas as pd

SPLIT_SEED = 0


def split(rows: pd.DataFrame, test_share: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and test rows, drawn at random but always alike; at least one of each."""
    shuffled = rows.sample(frac=1, random_state=SPLIT_SEED).reset_index(drop=True)
    num_test = min(max(1, round(test_share * len(rows))), len(rows) - 1)
    return shuffled[num_test:].reset_index(drop=True), shuffled[:num_test]
