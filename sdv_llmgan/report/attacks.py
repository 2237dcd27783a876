"""Attacks on single columns: what is known of a person is looked up in the synthetic rows.

SDMetrics' disclosure protection (CAP), for rows that were learned from and for rows that were not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from sdmetrics.single_table import DisclosureProtection
from sklearn.metrics import adjusted_mutual_info_score

from sdv_llmgan.formats.words import and_list
from sdv_llmgan.metrics.encoding import NUMBER_SDTYPES
from sdv_llmgan.report.content import Score, Table
from sdv_llmgan.report.inputs import SEED, Inputs, attempt

DISCLOSURE = Score(
    'disclosure_protection',
    'Disclosure protection (SDMetrics)',
    'higher is better',
    'How badly an attacker who knows some columns of a person guesses another one from the '
    'synthetic rows, averaged over the attacks below: 1 is no better than guessing blindly.',
)
#: Rows of each table, at most, that an attack looks at; it goes over them one by one.
ATTACKED_ROWS = 2_000
#: Columns that are attacked where none are named, and columns that the attacker then knows.
ATTACKS, KNOWN = 6, 3
#: Levels of a column at most to be attacked, and the bins that numbers are cut into.
LEVELS, BINS = 20, 5
#: Real rows that an attack must find in the synthetic ones to be counted.
FOUND_ROWS = 10
#: How much a column must tell of another to count as the same in other words.
SAME = 0.99


def choose_attacks(
    inputs: Inputs, known: Sequence[str] | None, sensitive: Sequence[str] | None
) -> dict[str, list[str]]:
    """Columns to attack, each with what the attacker knows.

    Args:
        inputs: The tables.
        known: What the attacker knows; ``None``: the columns that tell most.
        sensitive: What the attacker wants to learn; ``None``: every suitable column.

    Raises:
        ValueError: A named column is not one that can be compared.
    """
    for name in [*(known or ()), *(sensitive or ())]:
        if name not in inputs.sdtypes:
            raise ValueError(
                f'{name!r} cannot be attacked or known: it is not compared. '
                f'There are: {", ".join(inputs.sdtypes)}.'
            )
    levels = _levels(inputs, inputs.real)
    if sensitive is None:
        counts = {
            name: levels[name].nunique() for name in inputs.sdtypes if name not in (known or ())
        }
        # Categories first, as they stand; numbers, cut into bins, where there are few of those.
        ranked = sorted(
            (name for name, count in counts.items() if 2 <= count <= LEVELS),
            key=lambda name: (name != inputs.target, inputs.sdtypes[name] in NUMBER_SDTYPES),
        )
        sensitive = ranked[:ATTACKS]
    attacks = {}
    for name in sensitive:
        others = [other for other in known or inputs.sdtypes if other != name]
        if known is None:
            tells = {other: _tells(levels[other], levels[name]) for other in others}
            # One that says the same in other words would give any row away, learned from or not.
            others = sorted((o for o in others if tells[o] < SAME), key=lambda o: -tells[o])[:KNOWN]
        if others:
            attacks[name] = others
    return attacks


def _tells(one: pd.Series, other: pd.Series) -> float:
    """How much a column tells of another beyond chance, at most 1."""
    if one.nunique() > LEVELS:
        return 0.0
    return float(adjusted_mutual_info_score(other, one))


def disclosure(inputs: Inputs, attacks: dict[str, list[str]]) -> tuple[Score, Table]:
    """All attacks on average, and one by one."""
    if not attacks:
        reason = 'No column has 2 to 20 values that another column could give away.'
        return replace(DISCLOSURE, reason=reason), Table('Attacks', (), ())
    synthetic = _levels(inputs, inputs.synthetic)
    real = _levels(inputs, inputs.real)
    holdout = None if inputs.holdout is None else _levels(inputs, inputs.holdout)
    lines = []
    for name, known in attacks.items():
        lines.append({
            'Attacked': name,
            'The attacker knows': and_list(known),
            'Rows found': _matches(real, synthetic, known),
            'Protection': _protection(real, synthetic, name, known),
            'Of held-out rows': None
            if holdout is None
            else _protection(holdout, synthetic, name, known),
        })
    table = pd.DataFrame(lines)
    note = (
        'The attacker looks for synthetic rows that have what is known of a person; “rows found” '
        f'is how many real rows have such. With fewer than {FOUND_ROWS} nothing is computed. A low '
        'figure alone is no leak: where columns depend on each other, they do so for everyone. '
    )
    note += (
        'Without held-out rows the two cannot be told apart.'
        if holdout is None
        else 'It is one where it lies clearly below that of held-out rows.'
    )
    shown = table if holdout is not None else table.drop(columns='Of held-out rows')
    attacked = Table.from_frame('Attacks', shown, note)
    known_lines = table[table['Protection'].notna()]
    if known_lines.empty:
        reason = 'Too few real rows have what an attacker would look for in the synthetic ones.'
        return replace(DISCLOSURE, reason=reason), attacked
    protection = known_lines['Protection'].astype(float)
    worst = known_lines.loc[protection.idxmin()]
    reading = f'Lowest for “{worst["Attacked"]}”, knowing {worst["The attacker knows"]}.'
    score = replace(DISCLOSURE, value=float(protection.mean()), reading=reading)
    if holdout is None:
        return score, attacked
    of_others = known_lines['Of held-out rows'].astype(float)
    margin = 1 / math.sqrt(min(len(real), len(holdout)))
    less = list(known_lines['Attacked'][of_others - protection > margin])
    if less:
        reading += f' People learned from are protected less than others: {and_list(less)}.'
    reference = float(of_others.mean()) if of_others.notna().all() else None
    return replace(score, reading=reading, reference=reference, look=bool(less)), attacked


def _matches(real: pd.DataFrame, synthetic: pd.DataFrame, known: list[str]) -> int:
    """How many real rows have the known values of some synthetic row."""
    there = set(synthetic[known].itertuples(index=False, name=None))
    return sum(row in there for row in real[known].itertuples(index=False, name=None))


def _protection(
    real: pd.DataFrame, synthetic: pd.DataFrame, name: str, known: list[str]
) -> float | None:
    if _matches(real, synthetic, known) < FOUND_ROWS:
        return None
    return attempt(
        lambda: DisclosureProtection.compute(
            real, synthetic, known_column_names=known, sensitive_column_names=[name]
        )
    )


def _levels(inputs: Inputs, table: pd.DataFrame) -> pd.DataFrame:
    """Columns as categories: numbers in bins of the real table, missing ones as one more."""
    real = inputs.compared(inputs.real)
    rows = inputs.compared(table)
    if len(rows) > ATTACKED_ROWS:
        rows = rows.sample(ATTACKED_ROWS, random_state=SEED).reset_index(drop=True)
    columns = {}
    for name, sdtype in inputs.sdtypes.items():
        if sdtype not in NUMBER_SDTYPES:
            columns[name] = rows[name].map(str)
            continue
        numbers = [
            part[name].astype('int64') if sdtype == 'datetime' else part[name]
            for part in (real[real[name].notna()], rows)
        ]
        edges = np.unique(np.quantile(numbers[0], np.linspace(0, 1, BINS + 1)[1:-1]))
        bins = pd.Series(np.searchsorted(edges, numbers[1]), index=rows.index).map(str)
        columns[name] = bins.where(rows[name].notna(), 'missing')
    return pd.DataFrame(columns)
