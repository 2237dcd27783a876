"""The attacks of this package beside those of anonymeter, on fixed tables.

python -m venv anonymeter && anonymeter/bin/pip install anonymeter==1.1.0
anonymeter/bin/python experiments/attacks_check.py --package   # writes results/attacks_check.csv
python experiments/attacks_check.py                            # ours beside it

anonymeter needs an older numpy than pgmpy takes, so that the two do not run in one environment. Its
figures are means over ten runs (most of its random draws have no seed), the ends of its intervals
too. Risks are cut to [0, 1] there, and rates pulled to one half (Wilson's centre); ours are not.
"""

from __future__ import annotations

import argparse
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
RECORDED = HERE / 'results' / 'attacks_check.csv'
RUNS = 10
SIDES = (
    ['age', 'workclass', 'education', 'education-num', 'marital-status', 'occupation'],
    ['relationship', 'race', 'sex', 'capital-gain', 'capital-loss', 'hours-per-week', 'Income'],
)
#: Secret columns that are guessed, and whether as numbers.
SECRETS = {'Income': False, 'occupation': False, 'age': True}
#: Of single values there are few, and anonymeter counts predicates that it did not find as failed.
NUM_PREDICATES = {'multivariate': 500, 'univariate': 30}
KINDS = ('copies', 'one cell', 'half', 'fresh')
KEY = ['table', 'kind', 'attack']


def tables(name: str, data: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Rows learned from, as many held-out rows, and fresh rows for synthetic ones."""
    file = HERE.parent / 'examples/adult_100.csv'
    if name == 'adult_800':
        file = data / 'mallm_gan/adult_800_train.csv'
    rows = pd.read_csv(file)
    part = len(rows) * 2 // 5
    return tuple(  # type: ignore[return-value]
        rows.iloc[start : start + part].reset_index(drop=True) for start in (0, part, 2 * part)
    )


def synthetic(kind: str, real: pd.DataFrame, fresh: pd.DataFrame) -> pd.DataFrame:
    """Rows of a kind; always the same."""
    if kind in ('copies', 'fresh'):
        return real.copy() if kind == 'copies' else fresh.copy()
    if kind == 'half':
        return pd.concat([real.head(len(real) // 2), fresh], ignore_index=True)
    rng, changed = np.random.default_rng(0), real.copy()
    for place in range(len(real)):
        column = int(rng.integers(real.shape[1]))
        changed.iloc[place, column] = real.iloc[int(rng.integers(len(real))), column]
    return changed


def cases(data: Path) -> Iterator[tuple[str, str, pd.DataFrame, pd.DataFrame, pd.DataFrame]]:
    """Name, kind, rows learned from, synthetic and held-out rows."""
    for name in ('adult_100', 'adult_800'):
        if name == 'adult_800' and not data.is_dir():
            continue
        real, held_out, fresh = tables(name, data)
        for kind in KINDS:
            yield name, kind, real, synthetic(kind, real, fresh), held_out


def ours(
    real: pd.DataFrame, rows: pd.DataFrame, held_out: pd.DataFrame
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each attack by its name, and what it finds."""
    from sdv_llmgan.metrics import InferenceRisk, LinkabilityRisk, SinglingOutRisk

    single = SinglingOutRisk.compute_breakdown
    for mode, count in NUM_PREDICATES.items():
        yield mode, single(real, rows, held_out_data=held_out, mode=mode, num_attacks=count)
    link = LinkabilityRisk.compute_breakdown
    yield 'linkability', link(real, rows, held_out_data=held_out, sides=SIDES)
    for secret in SECRETS:
        guess = InferenceRisk.compute_breakdown
        yield secret, guess(real, rows, held_out_data=held_out, secrets=[secret])


def theirs(
    real: pd.DataFrame, rows: pd.DataFrame, held_out: pd.DataFrame
) -> Iterator[tuple[str, Any]]:
    """Each attack by its name, and anonymeter's evaluator after it."""
    from anonymeter.evaluators import (  # type: ignore[import-not-found]
        InferenceEvaluator,
        LinkabilityEvaluator,
        SinglingOutEvaluator,
    )

    tables = {'ori': real, 'syn': rows, 'control': held_out}
    for mode, count in NUM_PREDICATES.items():
        evaluator = SinglingOutEvaluator(**tables, n_attacks=count, max_attempts=10_000)
        evaluator.evaluate(mode=mode)
        yield mode, evaluator
    several = {**tables, 'n_attacks': len(real)}
    linking = LinkabilityEvaluator(**several, aux_cols=SIDES, n_neighbors=1)
    linking.evaluate(n_jobs=1)
    yield 'linkability', linking
    for secret, is_number in SECRETS.items():
        known = [name for name in real if name != secret]
        guessing = InferenceEvaluator(
            **several, aux_cols=known, secret=secret, regression=is_number
        )
        guessing.evaluate(n_jobs=1)
        yield secret, guessing


def record(data: Path) -> None:
    """Write anonymeter's figures."""
    lines = []
    for name, kind, real, rows, held_out in cases(data):
        for _ in range(RUNS):
            for attack, evaluator in theirs(real, rows, held_out):
                found, risk = evaluator.results(), evaluator.risk()
                lines.append({
                    **dict(zip(KEY, (name, kind, attack), strict=True)),
                    'risk': risk.value,
                    'low': risk.ci[0],
                    'high': risk.ci[1],
                    'attack_rate': found.n_success / found.n_attacks_ori,
                    'control_rate': found.n_control / found.n_attacks_control,
                    'attacks': found.n_attacks_ori,
                })
        print(name, kind, flush=True)
    means = pd.DataFrame(lines).groupby(KEY, sort=False).mean()
    means.round(4).reset_index().to_csv(RECORDED, index=False)


def beside(data: Path) -> pd.DataFrame:
    """Ours beside the recorded ones, by table, kind and attack."""
    lines = [
        {
            **dict(zip(KEY, (name, kind, attack), strict=True)),
            'our_risk': found['score'],
            'our_low': found['low'],
            'our_high': found['high'],
            'our_attack_rate': found['attack'],
            'our_control_rate': found['control'],
            'our_attacks': found['attack_attacks'],
        }
        for name, kind, *parts in cases(data)
        for attack, found in ours(*parts)
    ]
    return pd.read_csv(RECORDED).merge(pd.DataFrame(lines), on=KEY)


def main() -> None:
    """Record anonymeter's figures, or print ours beside them."""
    asking = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asking.add_argument('--package', action='store_true', help='run anonymeter, and record it')
    asking.add_argument('--data', type=Path, default=Path('../shared/data'))
    asked = asking.parse_args()
    warnings.simplefilter('ignore')
    logging.disable(logging.CRITICAL)
    if asked.package:
        record(asked.data)
    else:
        print(beside(asked.data).round(3).to_string())


if __name__ == '__main__':
    main()
