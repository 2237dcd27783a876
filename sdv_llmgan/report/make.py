"""A report from tables, with or without the synthesizer that they come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from typing import Any

import pandas as pd

from sdv_llmgan.formats.words import plural
from sdv_llmgan.metrics import CopiedRows
from sdv_llmgan.report.content import Section
from sdv_llmgan.report.inputs import MAX_ROWS, Inputs, attempt, repeatable
from sdv_llmgan.report.likeness import likeness
from sdv_llmgan.report.origin import (
    NO_SYNTHESIZER,
    FittedSynthesizer,
    bill,
    egress,
    process,
    rules,
    sources,
    story,
)
from sdv_llmgan.report.privacy import privacy
from sdv_llmgan.report.result import Report
from sdv_llmgan.report.usefulness import usefulness
from sdv_llmgan.report.without_rows import MADE_WITHOUT_DATA, uncompared
from sdv_llmgan.table.types import SDVData, SDVMetadata

#: Rows of few categories repeat each other by chance.
MAX_OVERLAP = 0.5
#: By whether there were none to learn from.
_REAL = {False: 'Real rows, learned from', True: 'Real rows, compared with'}
OF_THE_FIT: dict[str, tuple[str, Callable[[Any], Section]]] = {
    'process': ('How were the rows made?', process),
    'story': ('How did the fit go?', story),
    'bill': ('What did it cost?', bill),
    'egress': ('What left the machine?', egress),
}


def make_report(
    real: SDVData | None,
    synthetic: SDVData,
    metadata: SDVMetadata,
    *,
    holdout: SDVData | None = None,
    target: str | None = None,
    known_columns: Sequence[str] | None = None,
    sensitive_columns: Sequence[str] | None = None,
    constraints: Sequence[Any] = (),
    synthesizer: FittedSynthesizer | None = None,
    title: str | None = None,
) -> Report:
    """Everything there is to say of a synthetic table, each figure with its meaning.

    What cannot be computed says why. The same tables always get the same figures.

    Args:
        real: The rows that were learned from: a DataFrame, or ``{name: DataFrame}``; ``None``:
            the synthetic ones were made without data, and nothing is compared.
        synthetic: The synthetic rows, likewise.
        metadata: SDV's metadata of the table, or its dictionary.
        holdout: Real rows that were not learned from; without them, what privacy and usefulness
            figures can say is limited, and the report says how.
        target: Column to predict.
        known_columns: What an attacker knows of a person; ``None``: the columns that tell most
            about the attacked one.
        sensitive_columns: What the attacker wants to learn; ``None``: every suitable column.
        constraints: SDV's constraints that rows are to keep.
        synthesizer: Where the synthetic rows come from, for the process, the fit and the bill.
        title: What stands on top; ``None``: the table's name.

    Raises:
        ValueError: A table is empty or lacks a column, or a named column cannot be compared.
    """
    with repeatable():
        base = synthetic if real is None else real
        inputs = Inputs.of(base, synthetic, holdout, metadata, target)
        sections = uncompared()
        if real is not None:
            attacked = privacy(inputs, known_columns, sensitive_columns)
            sections = [likeness(inputs), usefulness(inputs), attacked]
        sections.append(rules(inputs, constraints))
    for key, (heading, make) in OF_THE_FIT.items():
        if synthesizer is None:
            sections.append(Section(key, heading, notes=(NO_SYNTHESIZER,)))
        else:
            sections.append(make(synthesizer))
    return Report(
        title=title or _title(inputs),
        created=datetime.now(timezone.utc).isoformat(timespec='seconds'),
        facts=_facts(inputs, synthesizer, is_compared=real is not None),
        sections=tuple(sections),
        sources=None if synthesizer is None else sources(synthesizer),
    )


def _cautions(inputs: Inputs, fitted: pd.DataFrame | None) -> dict[str, str]:
    """Warnings where tables are not what they were said to be.

    Args:
        inputs: The tables.
        fitted: Plain rows that the synthesizer was fitted on, where there is one.
    """
    said = []
    if inputs.holdout is not None:
        compared = list(inputs.sdtypes)
        same = _repeated(inputs.holdout[compared], inputs.real, inputs.declared)
        if same > len(inputs.holdout) * MAX_OVERLAP:
            said.append(
                f'{same:,} of the {len(inputs.holdout):,} held-out rows are among those learned '
                'from, so that figures against them say little about copying'
            )
    if fitted is not None:
        try:
            other = len(inputs.real) - _repeated(inputs.schema().to_plain(inputs.real), fitted)
        except (ValueError, TypeError):  # such as dates of another form
            other = len(inputs.real)
        if other or len(inputs.real) != len(fitted):
            said.append(
                f'the synthesizer was fitted on {plural(len(fitted), "row")}, and {other:,} of the '
                f'{len(inputs.real):,} real rows are not among them: figures on copies and privacy '
                'need the rows that were fitted on'
            )
    return {'Caution': '; '.join(said)} if said else {}


def _repeated(rows: pd.DataFrame, others: pd.DataFrame, metadata: SDVMetadata = None) -> int:
    """How many rows are among others, in the columns that both have."""
    names = [name for name in rows if name in others]
    found = attempt(
        lambda: CopiedRows.compute_breakdown(others[names], rows[names], metadata)['copies']
    )
    return int(found or 0)


def _title(inputs: Inputs) -> str:
    name = next(iter(inputs.metadata.to_dict()['tables']))
    return 'A synthetic table' if name == 'table' else f'Synthetic rows for “{name}”'


def _facts(
    inputs: Inputs, synthesizer: FittedSynthesizer | None, *, is_compared: bool
) -> dict[str, str]:
    model = None if synthesizer is None else synthesizer.get_fitted_model()
    without = not is_compared or (model is not None and model.made_without_data)
    is_kept = model is not None and not (without or model.is_private)
    fitted = model.training if model is not None and is_kept else None
    held_out = len(inputs.holdout) if inputs.holdout is not None else 0
    sizes = [len(inputs.real), len(inputs.synthetic), held_out]
    return {
        **({'Made without data': MADE_WITHOUT_DATA} if without else {}),
        **({_REAL[without]: f'{sizes[0]:,}'} if is_compared else {}),
        'Synthetic rows': f'{sizes[1]:,}',
        'Real rows, held out': f'{held_out:,}' if held_out else 'none given',
        **_cautions(inputs, fitted),
        'Columns': f'{len(inputs.sdtypes)} compared, {len(inputs.left_out)} not',
        'Target': inputs.target or 'none named',
        **({'Compared row by row': plural(MAX_ROWS, 'row')} if max(sizes) > MAX_ROWS else {}),
        'Made with': ', '.join(
            f'{name} {version(name)}' for name in ('sdv-llmgan', 'sdv', 'sdmetrics')
        ),
    }
