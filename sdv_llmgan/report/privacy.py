"""What the synthetic rows give away: distances, copies, and attacks on people and columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.stats import fisher_exact
from sklearn.neighbors import NearestNeighbors

from sdv_llmgan.formats.words import plural
from sdv_llmgan.metrics import CopiedRows, DCRShare, NearCopies
from sdv_llmgan.metrics.encoding import Numbers, encode
from sdv_llmgan.report.attacks import choose_attacks, disclosure
from sdv_llmgan.report.content import Figure, Line, Lines, Score, Section
from sdv_llmgan.report.inputs import NO_HOLDOUT, Inputs, attempt, measure
from sdv_llmgan.report.people import attacks_on_people

DCR_SHARE = Score(
    'dcr_share',
    'DCR share (distance to closest record)',
    'nearer to 0.5 is better',
    'Share of synthetic rows that lie nearer to a row that was learned from than to equally many '
    'rows that were not: one half is ideal, 1 means that all are too near.',
)
COPIED_ROWS = Score(
    'copied_rows',
    'Copied rows',
    'lower is better',
    'Share of synthetic rows that equal a real row in every column but keys and personal data.',
)
NEAR_COPIES = Score(
    'near_copies',
    'Near copies',
    'lower is better',
    'Share of synthetic rows that equal a real row but for one column, or whose numbers and dates '
    'are all a small step from those of one, copies among them.',
)
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
    attacks = choose_attacks(inputs, known, sensitive)
    protection, table = disclosure(inputs, attacks)
    on_people, attacked = attacks_on_people(inputs)
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
        scores=(
            _dcr_share(inputs),
            _copies(COPIED_ROWS, CopiedRows, 'equal a real one', inputs),
            _copies(NEAR_COPIES, NearCopies, 'come that close to a real one', inputs),
            *on_people,
            protection,
        ),
        notes=(
            'None of these figures is a guarantee: they show leaks of the kinds looked for, in '
            'these rows. A guarantee needs a method such as differential privacy; where a sampler '
            'has one, “How were the rows made?” says so.',
        ),
        tables=tuple(one for one in (attacked, table) if one and one.rows),
        figures=tuple(_distance_figures(inputs)),
    )


def _dcr_share(inputs: Inputs) -> Score:
    def compute() -> float:
        assert inputs.holdout is not None
        tables = inputs.compared(inputs.real), inputs.compared(inputs.synthetic)
        return DCRShare.compute(
            *tables, inputs.declared, held_out_data=inputs.compared(inputs.holdout)
        )

    if inputs.holdout is None:
        return replace(DCR_SHARE, reason=NO_HOLDOUT)
    score = measure(DCR_SHARE, compute)
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


def _copies(score: Score, metric: type[CopiedRows | NearCopies], do: str, inputs: Inputs) -> Score:
    """Copies of real rows, held against those that chance makes."""
    compared = list(inputs.sdtypes)
    real, synthetic = inputs.real[compared], inputs.synthetic[compared]
    score = measure(score, lambda: metric.compute(real, synthetic, inputs.declared))
    if score.value is None:
        return score
    copies = round(score.value * len(synthetic))
    if inputs.holdout is not None:
        others, what = inputs.holdout[compared], 'held-out real rows do so by chance'
        by_chance = attempt(lambda: metric.compute(real, others, inputs.declared))
    else:
        others, what = real, 'real rows do so to another one'
        by_chance = attempt(lambda: metric.among(real, inputs.declared))
    reading = f'{copies:,} of {plural(len(synthetic), "synthetic row")} {do}'
    if by_chance is None:
        return replace(score, reading=f'{reading}.')
    alike = round(by_chance * len(others))
    table = [[copies, len(synthetic) - copies], [alike, len(others) - alike]]
    unlikely = fisher_exact(table, alternative='greater').pvalue < UNLIKELY
    reading += f'; {alike:,} of {len(others):,} {what}.'
    reading += ' That is more than chance explains.' if unlikely else ''
    reference = by_chance if inputs.holdout is not None else None
    return replace(score, reading=reading, reference=reference, look=bool(unlikely))


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
