"""Small tables for tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sdv.metadata import Metadata

from sdv_llmgan.loop.settings import LoopSettings
from sdv_llmgan.table.schema import Column, TableSchema

#: Of a loop of few calls, whose rows the model writes, and each of whose batches stands for itself.
LOOP_SETTINGS = LoopSettings(
    epochs=5,
    batch_size=20,
    examples_per_call=4,
    rows_per_example=1,
    example_selection='random',
    target=None,
    optimizer_examples=0,
    max_batches=6,
    patience=4,
    futility=False,
    max_top_ups=3,
    reject_copies=True,
    sampler='llm',
    seed=0,
    verbose=False,
    search='trajectory',
)

#: The schema of the style guide's example.
AGE_JOB = TableSchema((
    Column('age', 'integer', minimum=18, maximum=90),
    Column('job', 'categorical', categories=('nurse', 'clerk')),
))


def bills(
    num_rows: int, seed: int = 0, *, smokers: float = 0.2, wards: Sequence[str] = ('A', 'B', 'C')
) -> pd.DataFrame:
    """Smokers pay 25,000 more, and each year of age costs 250."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 65, num_rows)
    smoker = np.where(rng.random(num_rows) < smokers, 'yes', 'no')
    charges = 250.0 * age + 25_000 * (smoker == 'yes') + rng.normal(0, 4_000, num_rows)
    ward = rng.choice(wards, num_rows)
    return pd.DataFrame({
        'age': age,
        'smoker': smoker,
        'ward': ward,
        'charges': charges.clip(500).round(1),
    })


def visits(num_rows: int = 30, seed: int = 0) -> pd.DataFrame:
    """Hospital visits: every kind of column, some with missing values."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, num_rows)
    return pd.DataFrame({
        'patient': [f'P{i:04d}' for i in range(num_rows)],
        'age': age,
        'weight': np.round(rng.normal(70, 12, num_rows), 1),
        'smoker': rng.random(num_rows) < 0.3,
        'ward': rng.choice(['north', 'south', 'day, "short"'], num_rows),
        'stage': rng.choice([1, 2, 3], num_rows),
        'admitted': (
            pd.to_datetime('2024-01-01') + pd.to_timedelta(rng.integers(0, 300, num_rows), 'D')
        ).strftime('%Y-%m-%d'),
        'pressure': np.where(rng.random(num_rows) < 0.2, np.nan, 100 + age // 2),
    })


def visits_metadata(**changes: dict[str, object]) -> Metadata:
    columns: dict[str, dict[str, object]] = {
        'patient': {'sdtype': 'id', 'regex_format': 'P[0-9]{4}'},
        'age': {'sdtype': 'numerical'},
        'weight': {'sdtype': 'numerical'},
        'smoker': {'sdtype': 'boolean'},
        'ward': {'sdtype': 'categorical'},
        'stage': {'sdtype': 'categorical'},
        'admitted': {'sdtype': 'datetime', 'datetime_format': '%Y-%m-%d'},
        'pressure': {'sdtype': 'numerical'},
        **changes,
    }
    return Metadata.load_from_dict({
        'tables': {'visits': {'primary_key': 'patient', 'columns': columns}},
        'relationships': [],
        'METADATA_SPEC_VERSION': 'V1',
    })
