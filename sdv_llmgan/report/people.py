"""Attacks on people: each on rows that were learned from, and on held-out rows.

real, synthetic, held out -> metrics with intervals -> a sentence, a score and a line of a table
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sdv_llmgan.formats.words import plural
from sdv_llmgan.metrics import (
    InferenceRisk,
    LinkabilityRisk,
    MembershipInference,
    SinglingOutRisk,
)
from sdv_llmgan.report.content import Score, Table
from sdv_llmgan.report.inputs import NO_HOLDOUT, Inputs, measure

Found = Mapping[str, Any]

BEYOND = 'more than chance explains.'
WITHIN = 'no difference that chance does not explain.'
NOTE = (
    'Each attack is made on people who were learned from and on people who were not; what succeeds '
    'with both is what the table tells of everyone. The risk is the difference, as a share of what '
    'there was to gain: 0 is none, 1 that every attack succeeds, and only with people learned from '
    '(Giomi et al., 2023). Its interval holds the true risk in 95 of 100 tables; below 0 arises '
    'by chance. Of membership, one half is none, and 1 that all are told apart. A description fits '
    'exactly one of many rows less often: of the larger table, as many rows are drawn as the '
    'smaller has, and figures are means over all such draws.'
)


@dataclass(frozen=True)
class Attack:
    """One attack of the section.

    Attributes:
        score: Its score without a value.
        compute: The metric's ``compute_breakdown``.
        sentence: What was found, from the breakdown and how many people are looked at; ends
            before the verdict.
        none: The value of the score where nothing leaks.
    """

    score: Score
    compute: Callable[..., Found]
    sentence: Callable[[Found, int], str]
    none: float = 0.0

    def read(self, found: Found, num_people: int) -> Score:
        """The score with its sentence."""
        if math.isnan(found['score']):
            return replace(self.score, reason=found['note'])
        look = found['low'] > self.none
        reading = (
            f'{self.sentence(found, num_people)}: {BEYOND if look else WITHIN} '
            f'With its interval: {_interval(found)}. {found["note"]}'
        )
        interval = (float(found['low']), float(found['high']))
        known = replace(self.score, value=found['score'], look=look, interval=interval)
        return replace(known, reading=reading.strip())


def _described(found: Found, num_people: int) -> str:
    return (
        f'Of {plural(found["attack_attacks"], "description")} that each fit one synthetic row, '
        f'{found["attack_successes"]:,.0f} fit exactly one of {plural(num_people, "person")} '
        f'learned from, and {found["control_successes"]:,.0f} exactly one of as many not learned '
        'from'
    ).replace('persons', 'people')


def _counted(what: str, found: Found, num_people: int) -> str:
    return (
        f'Of people learned from, {_of(found, "attack")} {what}; of people not learned from, '
        f'{_of(found, "control")}'
    )


def _nearer(found: Found, num_people: int) -> str:
    return (
        f'In {_percent(found["score"], 0)} of pairs, a person learned from is nearer to the '
        'synthetic rows than one who was not'
    )


ATTACKS = (
    Attack(
        Score(
            'singling_out_risk',
            'Singling-out risk',
            'lower is better',
            'What an attacker gains who describes one synthetic row by a few of its columns, and '
            'hopes that the description fits exactly one person.',
        ),
        SinglingOutRisk.compute_breakdown,
        _described,
    ),
    Attack(
        Score(
            'singling_out_risk_univariate',
            'Singling-out risk, one column',
            'lower is better',
            'Likewise by a single value that only one synthetic row has, such as the highest age.',
        ),
        partial(SinglingOutRisk.compute_breakdown, mode='univariate'),
        _described,
    ),
    Attack(
        Score(
            'linkability_risk',
            'Linkability risk',
            'lower is better',
            'What an attacker gains who has two tables with different columns of the same people, '
            'and takes rows for one person’s whose nearest synthetic row is the same.',
        ),
        LinkabilityRisk.compute_breakdown,
        partial(_counted, 'pairs of half rows are linked'),
    ),
    Attack(
        Score(
            'inference_risk',
            'Inference risk',
            'lower is better',
            'What an attacker gains who knows all of a person but one cell, and guesses that from '
            'the nearest synthetic row.',
        ),
        InferenceRisk.compute_breakdown,
        partial(_counted, 'cells are guessed'),
    ),
    Attack(
        Score(
            'membership_inference',
            'Membership inference',
            'nearer to 0.5 is better',
            'How well an attacker tells who was learned from by how near the nearest synthetic row '
            'is: one half is a blind guess.',
        ),
        MembershipInference.compute_breakdown,
        _nearer,
        none=0.5,
    ),
)


def attacks_on_people(inputs: Inputs) -> tuple[tuple[Score, ...], Table | None]:
    """The scores of all attacks, and a table of those that could be made."""
    if inputs.holdout is None:
        return tuple(replace(attack.score, reason=NO_HOLDOUT) for attack in ATTACKS), None
    real, synthetic, held_out = map(
        inputs.compared, (inputs.real, inputs.synthetic, inputs.holdout)
    )
    num_people = min(len(real), len(held_out))
    scores, lines = [], []
    for attack in ATTACKS:
        found: dict[str, Any] = {}

        def compute(attack: Attack = attack, found: dict[str, Any] = found) -> float:
            found.update(attack.compute(real, synthetic, inputs.declared, held_out_data=held_out))
            return float(found['score'])

        score = measure(attack.score, compute)
        scores.append(attack.read(found, num_people) if found else score)
        if found:
            lines.append((score.name, *_cells(found)))
    columns = ('Attack', 'Learned from', 'Not learned from', 'By guessing', 'Risk', '95 % interval')
    return tuple(scores), Table('Attacks on people', columns, tuple(lines), NOTE) if lines else None


def _cells(found: Found) -> tuple[str | float | None, ...]:
    rates = [
        None if math.isnan(found.get(name, math.nan)) else _percent(found[name], 1)
        for name in ('attack', 'control', 'baseline')
    ]
    if math.isnan(found['score']):
        return (*rates, None, None)
    return (*rates, round(found['score'], 3), f'{found["low"]:.2f} to {found["high"]:.2f}')


def _percent(share: float, places: int) -> str:
    return f'{100 * share:.{places}f} %'


def _of(found: Found, name: str) -> str:
    return f'{found[f"{name}_successes"]:,.0f} of {found[f"{name}_attacks"]:,}'


def _interval(found: Found) -> str:
    return f'{found["score"]:.2f}, between {found["low"]:.2f} and {found["high"]:.2f} (95 %)'
