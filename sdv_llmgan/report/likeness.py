"""How alike the tables are: SDMetrics, supports, a classifier's eye, and each column drawn."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sdmetrics.single_table import LogisticDetection
from sdv.evaluation import evaluate_quality, run_diagnostic
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from sdv_llmgan.analysis import analyze
from sdv_llmgan.metrics import AlphaPrecision, BetaRecall, MLEfficacy
from sdv_llmgan.metrics.encoding import NUMBER_SDTYPES, encode
from sdv_llmgan.report.columns import column_figures, column_tables, pair_tables
from sdv_llmgan.report.content import Score, Section, Table, and_list
from sdv_llmgan.report.inputs import SEED, Inputs, attempt, measure

OF_QUALITY = {
    'Column Shapes': (
        'column_shapes',
        'How alike each column on its own is spread in both tables, averaged over columns.',
    ),
    'Column Pair Trends': (
        'column_pair_trends',
        'How alike two columns go together in both tables, averaged over pairs of columns.',
    ),
}
OF_DIAGNOSTIC = {
    'Data Validity': (
        'data_validity',
        'Whether keys are unique and values stay in the ranges and categories of the real table.',
    ),
    'Data Structure': (
        'data_structure',
        'Whether the synthetic table has the columns of the real one, of the same types.',
    ),
}


def likeness(inputs: Inputs) -> Section:
    """The section on how alike the tables are."""
    quality, of_holdout, diagnostic = _Properties(), _Properties(), _Properties()
    overall = measure(
        'quality',
        'Quality (SDMetrics)',
        'higher is better',
        'How alike single columns and pairs of columns are in both tables, on average.',
        lambda: quality.read(evaluate_quality, inputs, inputs.synthetic),
    )
    if inputs.holdout is not None:
        reference = attempt(lambda: of_holdout.read(evaluate_quality, inputs, inputs.holdout))
        overall = replace(overall, reference=reference)
    valid = measure(
        'diagnostic',
        'Validity (SDMetrics diagnostic)',
        'higher is better',
        'Whether the synthetic table is well-formed; below 1, some values cannot be.',
        lambda: diagnostic.read(run_diagnostic, inputs, inputs.synthetic),
    )
    detection, *supports = _row_scores(inputs)
    scores = [
        overall,
        *quality.scores(OF_QUALITY, of_holdout),
        valid,
        *diagnostic.scores(OF_DIAGNOSTIC),
        detection,
        _forest_score(inputs),
        *supports,
    ]
    shapes = quality.details('Column Shapes')
    notes, findings = _differences(inputs)
    return Section(
        key='likeness',
        title='Is it like the real table?',
        lead=(
            'Every figure here compares the synthetic table with the real one it was learned from. '
            + (
                'Held-out real rows, scored in its place, show what a fresh real sample would get.'
                if inputs.holdout is not None
                else 'Without held-out rows there is no mark for what a fresh real sample would '
                'get: even that would stay below 1, the more so the smaller the tables are.'
            )
        ),
        scores=tuple(scores),
        notes=notes,
        points=findings,
        tables=(
            *column_tables(inputs, shapes, of_holdout.details('Column Shapes')),
            *pair_tables(quality.details('Column Pair Trends')),
        ),
        small_figures=tuple(column_figures(inputs, shapes)),
    )


def usefulness(inputs: Inputs) -> Section:
    """The section on what models learn from the synthetic rows."""
    target = inputs.target
    held_out = inputs.holdout is not None
    tested = inputs.holdout if inputs.holdout is not None else inputs.real
    if target is None:
        score = Score(
            'ml_efficacy',
            'Usefulness for prediction',
            None,
            'higher is better',
            'How well models that saw only synthetic rows predict a column of real rows.',
            reason="No column to predict was named; target='…' names one.",
        )
        return Section('usefulness', 'Is it useful?', scores=(score,))
    is_number = inputs.sdtypes[target] in NUMBER_SDTYPES

    def efficacy(train: pd.DataFrame) -> dict[str, float]:
        tables = inputs.compared(tested), inputs.compared(train)
        return MLEfficacy.compute_breakdown(*tables, inputs.declared, target=target)

    found: dict[str, float] = {}

    def compute() -> float:
        found.update(efficacy(inputs.synthetic))
        return found['score']

    score = measure(
        'ml_efficacy',
        f'Prediction of “{target}”',
        'higher is better',
        'How well models that saw only synthetic rows predict this column of '
        f'{"held-out " if held_out else ""}real rows '
        f'({"R², at most 1" if is_number else "weighted F1, 0 to 1"}); the best of several models.',
        compute,
        reference=attempt(lambda: efficacy(inputs.real)['score']) if held_out else None,
        reference_name='trained on the real rows',
    )
    rows = tuple((name, value) for name, value in found.items() if name != 'score')
    lead = (
        'Models were trained on the synthetic rows and tested on the held-out real ones. Beside '
        'it stands the same for models trained on the real rows: the mark to reach.'
        if held_out
        else 'Models were trained on the synthetic rows and tested on the real rows that the '
        'synthesizer had learned from, because no others were given: the figure is too good '
        'where rows were copied.'
    )
    tables = (Table('By model', ('Model', 'Score'), rows),) if rows else ()
    return Section('usefulness', 'Is it useful?', lead, (score,), tables=tables)


class _Properties:
    """A report of SDMetrics, once it is read."""

    def __init__(self) -> None:
        self.report: Any = None

    def read(self, evaluate: Any, inputs: Inputs, table: pd.DataFrame | None) -> float:  # noqa: ANN401
        self.report = evaluate(inputs.real, table, inputs.metadata, verbose=False)
        return float(self.report.get_score())

    def details(self, name: str) -> pd.DataFrame:
        """One line a column or pair; empty where SDMetrics has none."""
        return pd.DataFrame() if self.report is None else self.report.get_details(name)

    def value(self, name: str) -> float | None:
        if self.report is None:
            return None
        properties = self.report.get_properties().set_index('Property')['Score']
        return float(properties.get(name, float('nan')))

    def scores(
        self, wanted: dict[str, tuple[str, str]], reference: _Properties | None = None
    ) -> list[Score]:
        return [
            measure(
                key,
                name,
                'higher is better',
                meaning,
                lambda name=name: self.value(name),  # type: ignore[misc]
                reference=reference and attempt(lambda name=name: reference.value(name)),  # type: ignore[misc]
            )
            for name, (key, meaning) in wanted.items()
        ]


def _row_scores(inputs: Inputs) -> list[Score]:
    """What looks at whole rows."""
    real, synthetic = inputs.compared(inputs.real), inputs.compared(inputs.synthetic)
    holdout = None if inputs.holdout is None else inputs.compared(inputs.holdout)
    declared = inputs.declared
    wanted = [
        (
            'c2st',
            'Indistinguishability (C2ST)',
            'higher is better',
            'Whether a simple classifier (logistic regression, as SDMetrics has it) can tell '
            'synthetic rows from real ones: 1 where it guesses, 0 where it is always right.',
            lambda table: LogisticDetection.compute(real, _only_known(table, real), declared),
        ),
        (
            'alpha_precision',
            'Alpha-precision',
            'higher is better',
            'How typical synthetic rows are: 1 where they lie as far from the centre of the real '
            'table as real rows do; low for outliers, and for rows that are all too average.',
            lambda table: AlphaPrecision.compute(real, table, declared),
        ),
        (
            'beta_recall',
            'Beta-recall',
            'nearer to 0.5 is better',
            'How much of the variety of the real rows is covered; a fresh real sample of the same '
            'size gets about 0.5, and far more speaks for copying.',
            lambda table: BetaRecall.compute(real, table, declared),
        ),
    ]
    return [
        measure(
            key,
            name,
            direction,  # type: ignore[arg-type]
            meaning,
            lambda compute=compute: compute(synthetic),  # type: ignore[misc]
            reference=None
            if holdout is None
            else attempt(lambda compute=compute: compute(holdout)),  # type: ignore[misc]
        )
        for key, name, direction, meaning, compute in wanted
    ]


def _only_known(table: pd.DataFrame, real: pd.DataFrame) -> pd.DataFrame:
    """A table with the real one's rarest category for those that it lacks.

    SDMetrics stops at a category, or a missing value, that the real table has not.
    """
    known = table.copy()
    for name in known.select_dtypes(exclude=['number', 'datetime']):
        rarest = real[name].value_counts(dropna=False).index[-1]
        known[name] = known[name].where(known[name].isin(real[name]), rarest)
    return known


def _forest_score(inputs: Inputs) -> Score:
    """What a random forest can tell; far below chance it finds a twin of each row."""
    real, synthetic = inputs.compared(inputs.real), inputs.compared(inputs.synthetic)
    found: list[float] = []

    def compute(table: pd.DataFrame) -> float:
        found.append(_forest_auc(real, table, inputs.declared))
        return 2 - 2 * max(found[-1], 0.5)

    holdout = inputs.holdout
    reference = None if holdout is None else attempt(lambda: compute(inputs.compared(holdout)))
    score = measure(
        'c2st_forest',
        'Indistinguishability, to a forest',
        'higher is better',
        'The same for a random forest, which also sees how columns go together: 1 where it '
        'guesses, 0 where it is always right.',
        lambda: compute(synthetic),
        reference=reference,
    )
    margin = 1 / math.sqrt(min(len(real), len(synthetic)))
    if score.value is None or found[-1] > 0.5 - margin:
        return score
    reading = (
        f'The forest is wrong more often than right (AUC {found[-1]:.2f}, chance is 0.5): many '
        'rows have a near twin in the other table, as copies of real rows would.'
    )
    return replace(score, reading=reading, look=True)


def _forest_auc(real: pd.DataFrame, table: pd.DataFrame, declared: Any) -> float:  # noqa: ANN401
    """AUC of a cross-fitted random forest, in [0, 1]; 0.5 where it guesses."""
    x = np.concatenate([part.one_hot() for part in encode([real, table], declared)])
    is_real = np.repeat([1, 0], [len(real), len(table)])
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
    forest = RandomForestClassifier(100, min_samples_leaf=2, random_state=SEED)
    chances = cross_val_predict(forest, x, is_real, cv=folds, method='predict_proba')[:, 1]
    return float(roc_auc_score(is_real, chances))


def _differences(inputs: Inputs) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is not compared, and what differs by more than chance."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in inputs.left_out.items():
        by_reason.setdefault(reason, []).append(name)
    notes = [f'Not compared ({reason}): {and_list(names)}.' for reason, names in by_reason.items()]
    try:
        found = analyze(inputs.real, inputs.synthetic, inputs.schema()).findings()
    except Exception as error:  # noqa: BLE001 - a report says what failed, and goes on
        return (*notes, f'The analyzer could not look for differences: {error}'), ()
    said = 'What differs by more than chance explains:'
    return (*notes, said if found else 'Nothing differs by more than chance explains.'), tuple(
        found
    )
