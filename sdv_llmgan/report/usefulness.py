"""What models learn from the synthetic rows, tried on real ones."""

from __future__ import annotations

import pandas as pd

from sdv_llmgan.metrics import MLEfficacy
from sdv_llmgan.metrics.encoding import NUMBER_SDTYPES
from sdv_llmgan.report.content import Score, Section, Table
from sdv_llmgan.report.inputs import Inputs, attempt, measure


def usefulness(inputs: Inputs) -> Section:
    """The section on what models learn from the synthetic rows."""
    target = inputs.target
    held_out = inputs.holdout is not None
    tested = inputs.holdout if inputs.holdout is not None else inputs.real
    if target is None:
        score = Score(
            'ml_efficacy',
            'Usefulness for prediction',
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

    score = Score(
        'ml_efficacy',
        f'Prediction of “{target}”',
        'higher is better',
        'How well models that saw only synthetic rows predict this column of '
        f'{"held-out " if held_out else ""}real rows '
        f'({"R², at most 1" if is_number else "weighted F1, 0 to 1"}); the best of several models.',
        reference=attempt(lambda: efficacy(inputs.real)['score']) if held_out else None,
        reference_name='trained on the real rows',
    )
    score = measure(score, compute)
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
