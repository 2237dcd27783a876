"""What the synthetic rows give away: distances, copies, and attacks on single columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact
from sdmetrics.single_table import DisclosureProtection
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.neighbors import NearestNeighbors

from sdv_llmgan.metrics import CopiedRows, DCRShare
from sdv_llmgan.metrics.encoding import NUMBER_SDTYPES, Numbers, encode
from sdv_llmgan.report.content import (
    Figure,
    Line,
    Lines,
    Score,
    Section,
    Table,
    and_list,
    plural,
)
from sdv_llmgan.report.inputs import NO_HOLDOUT, Inputs, attempt, measure

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
#: A chance below which a difference is not put down to chance.
UNLIKELY = 0.01
PLACES = np.linspace(0, 1, 60)


def privacy(
    inputs: Inputs, known: Sequence[str] | None = None, sensitive: Sequence[str] | None = None
) -> Section:
    """The section on what the synthetic rows give away.

    Args:
        inputs: The tables.
        known: Columns that an attacker knows of a person; ``None``: those that tell most.
        sensitive: Columns that the attacker wants to learn; ``None``: every suitable one.

    Raises:
        ValueError: A named column is not one that can be compared.
    """
    attacks = _choose_attacks(inputs, known, sensitive)
    disclosure, table = _disclosure(inputs, attacks)
    held_out = inputs.holdout is not None
    lead = (
        'Nothing can be learned from the table about a person beyond what rows of other people '
        'tell as well: that is the mark. So every figure for the rows that were learned from '
        'stands beside the same figure for held-out rows, which the synthesizer never saw.'
        if held_out
        else 'No held-out rows were given. So this section can show signs of copying, but '
        'cannot say how much nearer the synthetic rows are to the people who were learned from '
        'than to others: set real rows aside before the fit, and pass them as holdout.'
    )
    return Section(
        key='privacy',
        title='Does it give people away?',
        lead=lead,
        scores=(_dcr_share(inputs), *_copies(inputs), disclosure),
        notes=(
            'None of these figures is a guarantee: they show leaks of the kinds looked for, in '
            'these rows. A guarantee needs a method such as differential privacy, which this is '
            'not.',
        ),
        tables=(table,) if table.rows else (),
        figures=tuple(_distance_figures(inputs)),
    )


def _dcr_share(inputs: Inputs) -> Score:
    def compute() -> float:
        assert inputs.holdout is not None
        tables = inputs.compared(inputs.real), inputs.compared(inputs.synthetic)
        return DCRShare.compute(
            *tables, inputs.declared, held_out_data=inputs.compared(inputs.holdout)
        )

    words = {
        'key': 'dcr_share',
        'name': 'DCR share (distance to closest record)',
        'direction': 'nearer to 0.5 is better',
        'meaning': 'Share of synthetic rows that lie nearer to a row that was learned from than '
        'to equally many rows that were not: one half is ideal, 1 means that all are too near.',
    }
    if inputs.holdout is None:
        return Score(value=None, reason=NO_HOLDOUT, **words)  # type: ignore[arg-type]
    score = measure(compute=compute, **words)  # type: ignore[arg-type]
    if score.value is None:
        return score
    num_rows = min(len(inputs.synthetic), len(inputs.holdout))
    margin = 1 / math.sqrt(num_rows)
    reading = f'With {plural(num_rows, "row")}, up to {0.5 + margin:.2f} arises by chance.'
    if len(inputs.holdout) < len(inputs.real):
        ceiling = (1 + len(inputs.holdout) / len(inputs.real)) / 2
        reading += (
            f' So few rows are held out that copying every row would reach only {ceiling:.2f}.'
        )
    return replace(score, reading=reading, look=score.value > 0.5 + margin)


def _copies(inputs: Inputs) -> list[Score]:
    """Copies of real rows, and repetitions among the synthetic ones."""
    sizes: dict[str, float] = {}
    compared = list(inputs.sdtypes)
    real, synthetic = inputs.real[compared], inputs.synthetic[compared]

    def compute() -> float:
        sizes.update(CopiedRows.compute_breakdown(real, synthetic, inputs.declared))
        return sizes['score']

    score = measure(
        'copied_rows',
        'Copied rows',
        'lower is better',
        'Share of synthetic rows that equal a real row in every column but keys and personal data.',
        compute,
    )
    if score.value is None:
        return [score]
    copies = int(sizes['copies'])
    if inputs.holdout is not None:
        by_chance = attempt(
            lambda: CopiedRows.compute(real, inputs.holdout[compared], inputs.declared)  # type: ignore[index]
        )
        others, what = len(inputs.holdout), 'held-out real rows do so by chance'
    else:
        by_chance, others = float(real.duplicated(keep=False).mean()), len(real)
        what = 'real rows equal another real one'
    reading = f'{copies:,} of {plural(len(synthetic), "synthetic row")} equal a real one'
    if by_chance is None:
        return [replace(score, reading=f'{reading}.')]
    alike = round(by_chance * others)
    table = [[copies, len(synthetic) - copies], [alike, others - alike]]
    unlikely = fisher_exact(table, alternative='greater').pvalue < UNLIKELY
    reading += f'; {alike:,} of {others:,} {what}.'
    reading += ' That is more than chance explains.' if unlikely else ''
    reference = by_chance if inputs.holdout is not None else None
    return [replace(score, reading=reading, reference=reference, look=bool(unlikely))]


def _distance_figures(inputs: Inputs) -> list[Figure]:
    """How near synthetic rows lie to the real ones, held against real rows."""
    try:
        if inputs.holdout is None:
            tables = [inputs.real, inputs.synthetic]
        else:
            tables = [inputs.real, inputs.synthetic, inputs.holdout]
        points = [
            table.one_hot()
            for table in encode([inputs.compared(table) for table in tables], inputs.declared)
        ]
        to_real = [_nearest(points[0], part) for part in points[1:]]
        if inputs.holdout is None:
            to_real.append(_nearest(points[0], None))
    except Exception:  # noqa: BLE001 - the scores say what failed; a picture of it adds nothing
        return []
    top = max(float(np.quantile(np.concatenate(to_real), 0.99)), 1e-9)
    other = 'held-out real rows' if inputs.holdout is not None else 'real rows, to another one'
    styles = (('synthetic rows', 'accent'), (other, 'plain'))
    lines = tuple(
        Line(
            name,
            tuple(float(top * place) for place in PLACES),
            tuple(float((part <= top * place).mean()) for place in PLACES),
            style,  # type: ignore[arg-type]
        )
        for (name, style), part in zip(styles, to_real, strict=True)
    )
    caption = (
        'For each distance, the share of rows that have a real row of the training table within '
        'it. Where the synthetic line runs above the other, synthetic rows are nearer than real '
        'ones would be.'
    )
    chart = Lines(lines, 'distance to the nearest row that was learned from', 'share of rows')
    return [Figure('How near the rows lie', chart, caption)]


def _nearest(points: Numbers, queries: Numbers | None) -> Numbers:
    """L1 distance to the nearest point; without queries, of each point to the nearest other."""
    search = NearestNeighbors(n_neighbors=1, metric='manhattan', algorithm='brute').fit(points)
    distances: Numbers = search.kneighbors(queries)[0][:, 0]
    return distances


def _choose_attacks(
    inputs: Inputs, known: Sequence[str] | None, sensitive: Sequence[str] | None
) -> dict[str, list[str]]:
    """Columns to attack, each with what the attacker knows."""
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


def _disclosure(inputs: Inputs, attacks: dict[str, list[str]]) -> tuple[Score, Table]:
    """The worst of the attacks, and all of them."""
    score = Score(
        'disclosure_protection',
        'Disclosure protection (SDMetrics)',
        None,
        'higher is better',
        'How badly an attacker who knows some columns of a person guesses another one from the '
        'synthetic rows, averaged over the attacks below: 1 is no better than guessing blindly.',
    )
    if not attacks:
        reason = 'No column has 2 to 20 values that another column could give away.'
        return replace(score, reason=reason), Table('Attacks', (), ())
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
        return replace(score, reason=reason), attacked
    protection = known_lines['Protection'].astype(float)
    worst = known_lines.loc[protection.idxmin()]
    reading = f'Lowest for “{worst["Attacked"]}”, knowing {worst["The attacker knows"]}.'
    score = replace(score, value=float(protection.mean()), reading=reading)
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
        rows = rows.sample(ATTACKED_ROWS, random_state=0).reset_index(drop=True)
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
