"""What rows made without data teach, against rows of a sampler that was fitted on 50 real ones.

python experiments/without_rows.py --data ../shared/data --seeds 3

ML efficacy on real test rows (weighted F1, R² for charges; means of seeds) of 300 rows: of
``from_knowledge`` with what ``without_rows/TABLE.json`` says (written from memory of what is
published of each table), of the same with distributions of columns
alone, and of the distilled sampler of 50 real rows that is told nothing. ``Kept`` is the share of
the last one's figure that the first one has. The tables are famous: who knows a table of their own
less well gets less.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sdv
from sdv.metadata import Metadata

from sdv_llmgan import Knowledge, LLMGANSynthesizer
from sdv_llmgan.benchmark.tables import metadata_by_dtypes
from sdv_llmgan.metrics import MLEfficacy
from sdv_llmgan.table.types import SDVData

HERE = Path(__file__).parent / 'without_rows'
ROWS, DRAWN = 50, 300
HEART_LEVELS = ('sex', 'cp', 'fbs', 'restecg', 'exang', 'slope', 'thal')
TABLES: dict[str, tuple[str, str | None, str, tuple[str, ...]]] = {
    'heart': ('synthia/heart.csv', None, 'disease', HEART_LEVELS),
    'adult': ('mallm_gan/adult_800_train.csv', 'mallm_gan/adult_800_test.csv', 'Income', ()),
    'fair': ('strong_model/fair_50/train.csv', 'strong_model/fair_50/test.csv', 'affair', ()),
    'insurance': (
        'mallm_gan/insurance_800_train.csv',
        'mallm_gan/insurance_800_test.csv',
        'charges',
        (),
    ),
    'asia': ('mallm_gan/asia_cpt_800_train.csv', 'mallm_gan/asia_cpt_800_test.csv', 'Dyspnea', ()),
}


def taken(data: SDVData) -> pd.DataFrame:
    """The table in what either line of SDV gives."""
    return next(iter(data.values())) if isinstance(data, Mapping) else data


def tables(name: str, folder: Path, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, Metadata]:
    """Fifty real rows, test rows, and metadata without a figure."""
    train, test, _, levels = TABLES[name]
    rows = pd.read_csv(folder / train)
    chosen = np.random.default_rng(seed).permutation(len(rows))
    real = rows.iloc[chosen[:ROWS]].reset_index(drop=True)
    held = rows.iloc[chosen[ROWS:]] if test is None else pd.read_csv(folder / test)
    metadata = Metadata.load_from_dict({
        'tables': {name: metadata_by_dtypes(rows, levels)},
        'relationships': [],
        'METADATA_SPEC_VERSION': 'V1',
    })
    return real, held.reset_index(drop=True), metadata


def without(metadata: Metadata, said: Mapping[str, Any], seed: int) -> pd.DataFrame:
    """Rows of what is known."""
    made = LLMGANSynthesizer.from_knowledge(
        metadata,
        knowledge=Knowledge.from_dict(said.get('knowledge', {})),
        statistics=said['statistics'],
        seed=seed,
        cache=False,
    )
    return taken(made.sample(DRAWN))


def fitted(metadata: Metadata, real: pd.DataFrame, target: str, seed: int) -> pd.DataFrame:
    """Rows of a sampler of real rows that is told nothing."""
    synthesizer = LLMGANSynthesizer(
        metadata,
        llm='scripted',
        sampler='distilled',
        knowledge='none',
        max_batches=1,
        target=target,
        seed=seed,
        cache=False,
    )
    is_2 = int(sdv.__version__.split('.')[0]) >= 2
    synthesizer.fit({next(iter(metadata.tables)): real} if is_2 else real)
    return taken(synthesizer.sample(DRAWN))


def main() -> None:
    """Print a line for each table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', type=Path, required=True)
    parser.add_argument('--tables', nargs='+', default=list(TABLES))
    parser.add_argument('--seeds', type=int, default=3)
    arguments = parser.parse_args()
    warnings.simplefilter('ignore')
    print('table      50 real rows  without rows  kept  shares alone', flush=True)
    for name in arguments.tables:
        target = TABLES[name][2]
        said = json.loads((HERE / f'{name}.json').read_text(encoding='utf-8'))
        alone = {'statistics': {'columns': said['statistics']['columns']}}
        found = []
        for seed in range(arguments.seeds):
            real, test, metadata = tables(name, arguments.data, seed)
            drawn = [
                fitted(metadata, real, target, seed),
                without(metadata, said, seed),
                without(metadata, alone, seed),
            ]
            declared = metadata.to_dict()['tables'][name]
            found.append([
                MLEfficacy.compute(test, rows, declared, target=target) for rows in drawn
            ])
        of_real, known, shares = np.mean(found, axis=0)
        print(
            f'{name:9}  {of_real:12.3f}  {known:12.3f}  {known / of_real:4.0%}  {shares:12.3f}',
            flush=True,
        )


if __name__ == '__main__':
    main()
