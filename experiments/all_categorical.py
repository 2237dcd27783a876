"""Tables without a continuous column: DCR share and ML efficacy with nearness and without.

python experiments/all_categorical.py                    # 3 tables, 25 and 50 rows, 4 draws
python experiments/all_categorical.py --tables fair --rows 50 --draws 20

Each draw takes some rows to fit; the others of the table are held out, one half for ML efficacy,
one for the DCR share. ``as it is`` is the distilled sampler, ``off`` the same with a limit of ties
below 0, so that ``nearness`` decides nothing: same rows, same seeds, compared in pairs. ``real``
is the rows that were fitted and, for the DCR share, fresh rows. Tables: ``asia`` (asia_cpt, two
categories a column), ``adult`` with its numbers cut at their quartiles, and ``fair``, whole-number
codes, of which 300 rows are there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from design import TABLES, design_rows, measured

from sdv_llmgan.benchmark.tables import TrainingTable, metadata_by_dtypes
from sdv_llmgan.samplers.distilled import sampler

SETTINGS = {'as it is': sampler.MAX_TIED, 'off': -1.0}
FAIR = 'strong_model/fair_50'


def loaded(name: str, folder: Path) -> TrainingTable:
    """A table by its name; fitted and held-out rows are drawn from all of its rows."""
    if name == 'fair':
        rows = pd.concat([pd.read_csv(folder / FAIR / f'{part}.csv') for part in ('train', 'test')])
        rows = rows.reset_index(drop=True)
        return TrainingTable('fair', rows, metadata_by_dtypes(rows, ()), 'affair')
    if name == 'asia':
        return design_rows(TABLES['asia_cpt'], folder)
    table = design_rows(TABLES['adult'], folder)
    rows = table.rows.apply(quartered)
    return TrainingTable('adult', rows, metadata_by_dtypes(rows, ()), table.target)


def quartered(column: pd.Series) -> pd.Series:
    """Numbers as the number of their quarter, in words; other columns as they are."""
    if not pd.api.types.is_numeric_dtype(column):
        return column
    return 'q' + pd.qcut(column, 4, labels=False, duplicates='drop').astype(str)


def main() -> None:
    """Print a line each, then means, and what is lost to nearness."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--tables', nargs='+', default=['asia', 'adult', 'fair'])
    parser.add_argument('--rows', nargs='+', type=int, default=[25, 50])
    parser.add_argument('--draws', type=int, default=4)
    parser.add_argument('--samples', type=int, default=2)
    parser.add_argument('--data', type=Path, default=Path('../shared/data'))
    arguments = parser.parse_args()
    settings = {
        label: lambda limit=limit: setattr(sampler, 'MAX_TIED', limit)
        for label, limit in SETTINGS.items()
    }
    lines = []
    for name in arguments.tables:
        table = loaded(name, arguments.data)
        for num_rows in arguments.rows:
            for draw in range(arguments.draws):
                for found in measured(name, table, num_rows, draw, arguments.samples, settings):
                    print(*found.values(), flush=True)
                    lines.append(found)
    results = pd.DataFrame(lines).set_index(['table', 'rows', 'draw', 'setting']).unstack()
    cells = results.groupby(['table', 'rows'])
    print(cells.mean().round(3).to_string())
    for score in ('mle', 'dcr_share'):
        more = (results[score]['as it is'] - results[score]['off']).groupby(['table', 'rows'])
        print(f'{score}, as it is less off: mean, standard error')
        print(pd.concat({'mean': more.mean(), 'error': more.sem()}, axis=1).round(4).to_string())


if __name__ == '__main__':
    main()
