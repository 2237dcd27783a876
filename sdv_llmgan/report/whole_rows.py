"""Figures of whole rows: a classifier that tells them from real ones, typicality, coverage."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from sdmetrics.single_table import LogisticDetection
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from sdv_llmgan.metrics import AlphaPrecision, BetaRecall
from sdv_llmgan.metrics.encoding import encode
from sdv_llmgan.report.content import Score
from sdv_llmgan.report.inputs import SEED, Inputs, attempt, measure
from sdv_llmgan.table.types import SDVMetadata

C2ST = Score(
    'c2st',
    'Indistinguishability (C2ST)',
    'higher is better',
    'Whether a simple classifier (logistic regression, as SDMetrics has it) can tell synthetic '
    'rows from real ones: 1 where it guesses, 0 where it is always right.',
)
C2ST_FOREST = Score(
    'c2st_forest',
    'Indistinguishability, to a forest',
    'higher is better',
    'The same for a random forest, which also sees how columns go together: 1 where it guesses, '
    '0 where it is always right.',
)
ALPHA_PRECISION = Score(
    'alpha_precision',
    'Alpha-precision',
    'higher is better',
    'How typical synthetic rows are: 1 where they lie as far from the centre of the real table as '
    'real rows do; low for outliers, and for rows that are all too average.',
)
BETA_RECALL = Score(
    'beta_recall',
    'Beta-recall',
    'nearer to 0.5 is better',
    'How much of the variety of the real rows is covered; a fresh real sample of the same size '
    'gets about 0.5, and far more speaks for copying.',
)


def detection(inputs: Inputs) -> list[Score]:
    """How well classifiers tell synthetic rows from real ones."""
    real = inputs.compared(inputs.real)
    aucs: list[float] = []

    def by_regression(table: pd.DataFrame) -> float:
        return float(LogisticDetection.compute(real, _only_known(table, real), inputs.declared))

    def by_forest(table: pd.DataFrame) -> float:
        aucs.append(_forest_auc(real, table, inputs.declared))
        return 2 - 2 * max(aucs[-1], 0.5)

    regression = _scored(C2ST, inputs, by_regression)
    forest = _scored(C2ST_FOREST, inputs, by_forest)
    margin = 1 / math.sqrt(min(len(inputs.real), len(inputs.synthetic)))
    if forest.value is not None and aucs[0] < 0.5 - margin:
        reading = (
            f'The forest is wrong more often than right (AUC {aucs[0]:.2f}, chance is 0.5): many '
            'rows have a near twin in the other table, as copies of real rows would.'
        )
        forest = replace(forest, reading=reading, look=True)
    return [regression, forest]


def supports(inputs: Inputs) -> list[Score]:
    """Whether synthetic rows are typical, and whether they cover the real ones."""
    real, declared = inputs.compared(inputs.real), inputs.declared
    return [
        _scored(
            ALPHA_PRECISION, inputs, lambda table: AlphaPrecision.compute(real, table, declared)
        ),
        _scored(BETA_RECALL, inputs, lambda table: BetaRecall.compute(real, table, declared)),
    ]


def _scored(score: Score, inputs: Inputs, compute: Callable[[pd.DataFrame], float]) -> Score:
    """A score of the synthetic rows, beside the same of the held-out ones."""
    scored = measure(score, lambda: compute(inputs.compared(inputs.synthetic)))
    holdout = inputs.holdout
    if holdout is None:
        return scored
    return replace(scored, reference=attempt(lambda: compute(inputs.compared(holdout))))


def _only_known(table: pd.DataFrame, real: pd.DataFrame) -> pd.DataFrame:
    """A table with the real one's rarest category for those that it lacks.

    SDMetrics stops at a category, or a missing value, that the real table has not.
    """
    known = table.copy()
    for name in known.select_dtypes(exclude=['number', 'datetime']):
        rarest = real[name].value_counts(dropna=False).index[-1]
        known[name] = known[name].where(known[name].isin(real[name]), rarest)
    return known


def _forest_auc(real: pd.DataFrame, table: pd.DataFrame, declared: SDVMetadata) -> float:
    """AUC of a cross-fitted random forest, in [0, 1]; 0.5 where it guesses."""
    x = np.concatenate([part.one_hot() for part in encode([real, table], declared)])
    is_real = np.repeat([1, 0], [len(real), len(table)])
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
    forest = RandomForestClassifier(100, min_samples_leaf=2, random_state=SEED)
    chances = cross_val_predict(forest, x, is_real, cv=folds, method='predict_proba')[:, 1]
    return float(roc_auc_score(is_real, chances))
