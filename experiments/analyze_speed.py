"""How long ``analyze`` takes: 32,000 rows x 15 columns against as many, by default.

python experiments/analyze_speed.py [--csv TABLE.csv] [--rows 32000] [--repeat 3]

Without a CSV file a table like a census is made up: 6 numerical columns (one with many zeros, one
with missing values), a datetime, 7 categorical columns of 2 to 1,000 categories, and a boolean.
With one, its rows are cut into halves; where it has too few, rows are drawn from it.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from sdv.metadata import Metadata

from sdv_llmgan.analysis import analyze
from sdv_llmgan.table.schema import TableSchema


def census(num_rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """A table of 15 columns that could be from a census."""
    age = rng.integers(17, 91, num_rows)
    wage = np.round(rng.lognormal(10, 0.6, num_rows), 2)
    columns: dict[str, object] = {
        'age': age,
        'wage': np.where(rng.random(num_rows) < 0.05, np.nan, wage),
        'gain': np.where(rng.random(num_rows) < 0.9, 0, rng.integers(1, 99_999, num_rows)),
        'hours': rng.integers(1, 100, num_rows),
        'weight': rng.integers(10_000, 1_000_000, num_rows),
        'height': np.round(rng.normal(170, 9, num_rows), 1),
        'born': pd.Timestamp('2024-01-01') - pd.to_timedelta(age * 365, 'D'),
        'citizen': rng.random(num_rows) < 0.9,
    }
    for levels in (2, 5, 7, 9, 16, 42, 1_000):
        chosen = np.minimum(levels - 1, rng.geometric(3 / (levels + 2), num_rows) - 1)
        columns[f'category_{levels}'] = np.char.add('level ', chosen.astype(str)).astype(object)
    return pd.DataFrame(columns)


def tables(csv: str | None, num_rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Real and synthetic rows, ``num_rows`` of each, from the same source."""
    rng = np.random.default_rng(0)
    if csv is None:
        return census(num_rows, rng), census(num_rows, rng)
    table = pd.read_csv(csv)
    if len(table) >= 2 * num_rows:
        rows = rng.permutation(len(table))[: 2 * num_rows]
    else:
        rows = rng.integers(0, len(table), 2 * num_rows)
    drawn = table.iloc[rows].reset_index(drop=True)
    return drawn[:num_rows], drawn[num_rows:].reset_index(drop=True)


def main() -> None:
    """Time both forms of the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--csv', help='a table; made up where not given')
    parser.add_argument('--rows', type=int, default=32_000, help='of each table')
    parser.add_argument('--repeat', type=int, default=3)
    options = parser.parse_args()
    real, synthetic = tables(options.csv, options.rows)
    schema = TableSchema.from_sdv(Metadata.detect_from_dataframes({'table': real}), real)
    times = []
    for stored in ('as SDV stores them', 'plain'):
        if stored == 'plain':
            real, synthetic = schema.to_plain(real), schema.to_plain(synthetic)
        for _ in range(options.repeat):
            start = time.perf_counter()
            diagnostics = analyze(real, synthetic, schema)
            times.append(time.perf_counter() - start)
        shown = ', '.join(f'{seconds:.2f}' for seconds in times)
        print(f'{len(real)} x {len(schema.columns)} against as many, {stored}: {shown} s')
        times.clear()
    print(diagnostics)


if __name__ == '__main__':
    main()
