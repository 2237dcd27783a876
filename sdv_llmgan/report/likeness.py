"""How alike the tables are: SDMetrics, supports, a classifier, and each column drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
from sdv.evaluation import evaluate_quality, run_diagnostic

from sdv_llmgan.analysis import analyze
from sdv_llmgan.formats.words import and_list
from sdv_llmgan.report.columns import column_figures, column_tables, pair_tables
from sdv_llmgan.report.content import Score, Section
from sdv_llmgan.report.inputs import Inputs, attempt, measure
from sdv_llmgan.report.whole_rows import detection, supports

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
        Score(
            'quality',
            'Quality (SDMetrics)',
            'higher is better',
            'How alike single columns and pairs of columns are in both tables, on average.',
        ),
        lambda: quality.read(evaluate_quality, inputs.dated(), inputs.dated().synthetic),
    )
    if inputs.holdout is not None:
        reference = attempt(
            lambda: of_holdout.read(evaluate_quality, inputs.dated(), inputs.dated().holdout)
        )
        overall = replace(overall, reference=reference)
    valid = measure(
        Score(
            'diagnostic',
            'Validity (SDMetrics diagnostic)',
            'higher is better',
            'Whether the synthetic table is well-formed; below 1, some values cannot be.',
        ),
        lambda: diagnostic.read(run_diagnostic, inputs, inputs.synthetic),
    )
    scores = [
        overall,
        *quality.scores(OF_QUALITY, of_holdout),
        valid,
        *diagnostic.scores(OF_DIAGNOSTIC),
        *detection(inputs),
        *supports(inputs),
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


class _Properties:
    """A report of SDMetrics, once it is read."""

    def __init__(self) -> None:
        self.report: Any = None

    def read(
        self, evaluate: Callable[..., Any], inputs: Inputs, table: pd.DataFrame | None
    ) -> float:
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
                Score(
                    key,
                    name,
                    'higher is better',
                    meaning,
                    reference=None
                    if reference is None
                    else attempt(partial(reference.value, name)),
                ),
                partial(self.value, name),
            )
            for name, (key, meaning) in wanted.items()
        ]


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
