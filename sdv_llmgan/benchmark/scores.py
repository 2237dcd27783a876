"""What is measured of synthetic rows: the only place that reads test rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pandas as pd
from sdmetrics.single_table import LogisticDetection

from sdv_llmgan.benchmark.tables import BenchmarkTable
from sdv_llmgan.metrics import (
    AlphaPrecision,
    BetaRecall,
    CopiedRows,
    DCRShare,
    InferenceRisk,
    LinkabilityRisk,
    MembershipInference,
    MLEfficacy,
    SinglingOutRisk,
)

Scores = dict[str, float]
Score = Callable[[BenchmarkTable, pd.DataFrame, int], Scores]


def _mle(table: BenchmarkTable, synthetic: pd.DataFrame, seed: int) -> Scores:
    training = table.training
    if training.target is None:
        return {}
    scores = MLEfficacy.compute_breakdown(
        table.test, synthetic, training.metadata, target=training.target, seed=seed
    )
    return {'mle': scores.pop('score'), **{f'mle_{name}': f1 for name, f1 in scores.items()}}


def _alpha_precision(table: BenchmarkTable, synthetic: pd.DataFrame, seed: int) -> Scores:
    training = table.training
    return {'alpha_precision': AlphaPrecision.compute(training.rows, synthetic, training.metadata)}


def _beta_recall(table: BenchmarkTable, synthetic: pd.DataFrame, seed: int) -> Scores:
    training = table.training
    return {'beta_recall': BetaRecall.compute(training.rows, synthetic, training.metadata)}


def _c2st(table: BenchmarkTable, synthetic: pd.DataFrame, seed: int) -> Scores:
    training = table.training
    return {'c2st': float(LogisticDetection.compute(training.rows, synthetic, training.metadata))}


def _dcr_share(table: BenchmarkTable, synthetic: pd.DataFrame, seed: int) -> Scores:
    training = table.training
    return {
        'dcr_share': DCRShare.compute(
            training.rows, synthetic, training.metadata, held_out_data=table.test
        )
    }


def _copied_rows(table: BenchmarkTable, synthetic: pd.DataFrame, seed: int) -> Scores:
    training = table.training
    found = CopiedRows.compute_breakdown(training.rows, synthetic, training.metadata)
    by_chance = CopiedRows.compute(training.rows, table.test, training.metadata)
    return {
        'copies': found['copies'],
        'copied_rows': found['score'],
        'copied_rows_in_test': by_chance,
    }


def _attack(
    name: str,
    compute: Callable[..., dict[str, Any]],
    table: BenchmarkTable,
    synthetic: pd.DataFrame,
    seed: int,
) -> Scores:
    """A risk, and half of its 95 % interval."""
    training = table.training
    found = compute(
        training.rows, synthetic, training.metadata, held_out_data=table.test, seed=seed
    )
    return {name: found['score'], f'{name}_error': (found['high'] - found['low']) / 2}


#: Each is a metric of its own.
ATTACKS: dict[str, Callable[..., dict[str, Any]]] = {
    'singling_out_risk': SinglingOutRisk.compute_breakdown,
    'singling_out_risk_univariate': partial(SinglingOutRisk.compute_breakdown, mode='univariate'),
    'linkability_risk': LinkabilityRisk.compute_breakdown,
    'inference_risk': InferenceRisk.compute_breakdown,
    'membership_inference': MembershipInference.compute_breakdown,
}
METRICS: dict[str, Score] = {
    'mle': _mle,
    'alpha_precision': _alpha_precision,
    'beta_recall': _beta_recall,
    'c2st': _c2st,
    'dcr_share': _dcr_share,
    'copied_rows': _copied_rows,
    **{name: partial(_attack, name, compute) for name, compute in ATTACKS.items()},
}
#: The columns that the metrics fill.
SCORES = (
    'mle',
    *(f'mle_{name}' for name in ('linear', 'forest', 'tree', 'svc', 'xgboost')),
    *('alpha_precision', 'beta_recall', 'c2st', 'dcr_share'),
    *('copies', 'copied_rows', 'copied_rows_in_test'),
    *(column for name in ATTACKS for column in (name, f'{name}_error')),
)


def applicable(table: BenchmarkTable, metrics: Sequence[str]) -> list[str]:
    """Those of the metrics that this table can be measured by: ML efficacy needs a target."""
    return [name for name in metrics if name != 'mle' or table.training.target is not None]


def score(
    table: BenchmarkTable, synthetic: pd.DataFrame, metrics: Sequence[str], seed: int
) -> Scores:
    """All metrics of one table of synthetic rows, by column of the results.

    Each metric fills the column of its name, with NaN where it has no figure.
    """
    scores: Scores = {}
    for name in metrics:
        scores |= METRICS[name](table, synthetic, seed)
    return scores
