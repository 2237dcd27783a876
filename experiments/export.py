"""What an exported file costs and keeps, beside the pickle of the same fit.

python experiments/export.py --data ../shared/data --seeds 3 --output export.csv

ML efficacy on real test rows (weighted F1, R² for charges) of as many rows as were fitted on, and
of 300; seconds to write and to load; bytes; and how many of at most 1,000 training cells, whose
values no other training row has, stand in the file or in the pickle. Cells are sought that are no
coincidence: text, and numbers of five digits or more. The distilled sampler is fitted without a
model. ``--attacks`` measures in their place what attacks gain by rows of each, against rows that
were held out: each risk with half of its interval.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import tempfile
import time
import warnings
import zipfile
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import sdv
from sdv.metadata import Metadata

from sdv_llmgan import LLMGANSynthesizer, load_sampler, metrics
from sdv_llmgan.benchmark.tables import metadata_by_dtypes
from sdv_llmgan.metrics import MLEfficacy

HEART_LEVELS = ('sex', 'cp', 'fbs', 'restecg', 'exang', 'slope', 'thal')
#: Training rows, test rows (``None``: a part of the former), target, numbers that are levels, and
#: how many rows are fitted on.
TABLES: dict[str, tuple[str, str | None, str, tuple[str, ...], int]] = {
    'adult': ('mallm_gan/adult_{}_train.csv', 'mallm_gan/adult_800_test.csv', 'Income', (), 800),
    'heart': ('synthia/heart.csv', None, 'disease', HEART_LEVELS, 200),
    'fair': (
        'strong_model/fair_50/train.csv',
        'strong_model/fair_50/test.csv',
        'affair',
        (),
        50,
    ),
    'asia': (
        'mallm_gan/asia_cpt_{}_train.csv',
        'mallm_gan/asia_cpt_800_test.csv',
        'Dyspnea',
        (),
        800,
    ),
    'insurance': (
        'mallm_gan/insurance_{}_train.csv',
        'mallm_gan/insurance_800_test.csv',
        'charges',
        (),
        800,
    ),
    'magic': (
        'mallm_gan/magic_{}_train.csv',
        'mallm_gan/magic_800_test.csv',
        'gamma (signal), hadron (background)',
        (),
        800,
    ),
}
FEW, SOUGHT, DIGITS = 300, 1_000, 5
SDV_2 = int(sdv.__version__.split('.')[0]) >= 2


def read(
    name: str, folder: Path, rows: int | None, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, Metadata]:
    """Training rows, test rows and metadata."""
    train, test, _, levels, count = TABLES[name]
    count = rows or count
    real = pd.read_csv(folder / train.format(count))
    if test is None:
        real = real.iloc[np.random.default_rng(seed).permutation(len(real))]
        held = real.iloc[count:]
    else:
        held = pd.read_csv(folder / test)
    declared = metadata_by_dtypes(real, levels)
    return (
        real.head(count).reset_index(drop=True),
        held.reset_index(drop=True),
        Metadata.load_from_dict({'tables': {'table': declared}}),
    )


def fitted(metadata: Metadata, real: pd.DataFrame, target: str, seed: int) -> LLMGANSynthesizer:
    """The distilled sampler of the real rows, with no model asked."""
    synthesizer = LLMGANSynthesizer(
        metadata,
        llm='scripted',
        sampler='distilled',
        knowledge='none',
        optimize=False,
        epochs=1,
        max_batches=1,
        target=target,
        cache=False,
        seed=seed,
    )
    synthesizer.fit({'table': real} if SDV_2 else real)
    return synthesizer


def drawn(synthesizer: LLMGANSynthesizer, count: int) -> pd.DataFrame:
    """Rows of either line of SDV."""
    rows = synthesizer.sample(count)
    return next(iter(rows.values())) if SDV_2 else rows


def unique_cells(real: pd.DataFrame, metadata: Metadata, rng: np.random.Generator) -> list[object]:
    """Values of single training rows that are found by no coincidence."""
    found: list[object] = []
    for name in real:
        counts = real[name].value_counts()
        once = counts[counts == 1].index
        if real[name].dtype.kind in 'iuf':
            found += [float(one) for one in once if _digits(one) >= DIGITS]
        else:
            found += [str(one) for one in once if len(str(one)) >= 4]
    return [found[place] for place in rng.permutation(len(found))[:SOUGHT]]


def _digits(number: float) -> int:
    return len(Decimal(repr(float(number))).normalize().as_tuple().digits)


def held_in_file(path: Path, sought: list[object]) -> int:
    """How many of these values stand in a file: as text, as numbers, as ends of bins."""
    numbers, texts = [np.zeros(0)], ''
    with zipfile.ZipFile(path) as archive:
        texts = archive.read('contents.json').decode()
    with np.load(path, allow_pickle=False) as arrays:
        numbers += [
            arrays[name].ravel().astype(float) for name in arrays if name != 'contents.json'
        ]
    for column in json.loads(texts)['sampler']['columns']:
        if bins := column.get('bins'):
            unit = bins['step'] * float(f'1e-{bins["decimals"] or 0}')
            edges = np.array([*bins['low'], *bins['ends']], dtype=float)
            numbers += [edges, bins['origin'] + edges * unit]
    every = np.sort(np.concatenate(numbers))
    count = 0
    for one in sought:
        if isinstance(one, str):
            count += json.dumps(one, ensure_ascii=False) in texts
        else:
            place = np.searchsorted(every, one - 1e-9 * abs(one))
            count += bool(place < len(every) and every[place] <= one + 1e-9 * abs(one))
    return count


def held_in_pickle(path: Path, sought: list[object], metadata: Metadata) -> int:
    """How many of them stand in the training rows of a pickle."""
    with path.open('rb') as file:
        rows = pickle.load(file).get_fitted_model().training  # noqa: S301 - our own
    numbers = {float(v) for c in rows for v in rows[c] if isinstance(v, (int, float))}
    texts = {v for c in rows for v in rows[c] if isinstance(v, str)}
    return sum(one in (texts if isinstance(one, str) else numbers) for one in sought)


def attacked(name: str, folder: Path, rows: int | None, seed: int) -> dict[str, object]:
    """One line of the results of ``--attacks``: as many rows of each as were fitted on."""
    target = TABLES[name][2]
    real, test, metadata = read(name, folder, rows, seed)
    pickled = fitted(metadata, real, target, seed)
    with tempfile.TemporaryDirectory() as place:
        pickled.export(Path(place) / 'sampler.npz')
        loaded = load_sampler(Path(place) / 'sampler.npz')
    line: dict[str, object] = {'table': name, 'rows': len(real), 'seed': seed}
    for kind, synthesizer in (('pickle', pickled), ('file', loaded)):
        made = drawn(synthesizer, len(real))
        for words, metric, options in (
            ('single', metrics.SinglingOutRisk, {}),
            ('single_univariate', metrics.SinglingOutRisk, {'mode': 'univariate'}),
            ('link', metrics.LinkabilityRisk, {}),
            ('infer', metrics.InferenceRisk, {}),
            ('member', metrics.MembershipInference, {}),
        ):
            found = metric.compute_breakdown(
                real, made, metadata, held_out_data=test, seed=seed, **options
            )
            line[f'{words}_{kind}'] = round(found['score'], 4)
            line[f'{words}_{kind}_error'] = round((found['high'] - found['low']) / 2, 4)
    return line


def measured(name: str, folder: Path, rows: int | None, seed: int) -> dict[str, object]:
    """One line of the results."""
    target = TABLES[name][2]
    real, test, metadata = read(name, folder, rows, seed)
    pickled = fitted(metadata, real, target, seed)
    with tempfile.TemporaryDirectory() as place:
        model, file = Path(place) / 'model.pkl', Path(place) / 'sampler.npz'
        pickled.save(str(model))
        started = time.perf_counter()
        pickled.export(file)
        written = time.perf_counter()
        loaded = load_sampler(file)
        read_in = time.perf_counter()
        sought = unique_cells(real, metadata, np.random.default_rng(seed))
        line: dict[str, object] = {
            'table': name,
            'rows': len(real),
            'seed': seed,
            'export_seconds': round(written - started, 2),
            'load_seconds': round(read_in - written, 2),
            'file_bytes': os.path.getsize(file),
            'pickle_bytes': os.path.getsize(model),
            'sought': len(sought),
            'in_file': held_in_file(file, sought),
            'in_pickle': held_in_pickle(model, sought, metadata),
        }
    for kind, synthesizer in (('pickle', pickled), ('file', loaded)):
        for words, count in (('same', len(real)), ('few', FEW)):
            made = drawn(synthesizer, count)
            scores = MLEfficacy.compute_breakdown(test, made, metadata, target=target, seed=seed)
            line[f'mle_{kind}_{words}'] = round(scores['score'], 4)
    return line


def main() -> None:
    """Measure, and save each line as it comes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, default=Path('../shared/data'))
    parser.add_argument('--tables', nargs='+', default=list(TABLES))
    parser.add_argument('--rows', type=int, help='25 to 800, of the tables that have such a file.')
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--attacks', action='store_true')
    parser.add_argument('--output', type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter('ignore')
    lines: list[dict[str, object]] = []
    for seed in range(arguments.seeds):
        for name in arguments.tables:
            measure = attacked if arguments.attacks else measured
            lines.append(measure(name, arguments.data, arguments.rows, seed))
            print(lines[-1], flush=True)
            if arguments.output:
                pd.DataFrame(lines).to_csv(arguments.output, index=False)
    frame = pd.DataFrame(lines)
    print(frame.groupby('table', sort=False).mean(numeric_only=True).round(3).T.to_string())


if __name__ == '__main__':
    main()
