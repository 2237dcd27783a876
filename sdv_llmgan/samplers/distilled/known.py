"""What is known of a column given those before it, as one figure a row: its index.

effects that touch the column -> a score of each predecessor, times how much the effect counts
    -> their sum: where the column goes, but for scale, which rows tell

An effect says where both of its columns go, so that a cause drawn after its effect has one too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sdv_llmgan.process.knowledge import Effect, Knowledge, positive
from sdv_llmgan.samplers.distilled.coding import LevelCoding, TableCoding
from sdv_llmgan.samplers.distilled.evidence import Floats, Integers
from sdv_llmgan.table.column import to_json

#: From one level to another is as far as two standard deviations of a number (Gelman, Scaling
#: regression inputs by dividing by two standard deviations, 2008).
LEVEL_STEP = 2.0
#: Mean distance of a standard normal value from 0.
MIDDLE = 0.8


@dataclass(frozen=True)
class Term:
    """What one effect adds.

    Attributes:
        places: Features that the score of the other column is made of, shape (n_used,).
        weights: What each counts in the score, shape (n_used,).
        bend: 0: the score is their sum; 1 or -1: how far the sum is from 0, or how near.
        outputs: What the score counts for each level of the column, shape (n_levels,); of a number
            there is one.
    """

    places: Integers
    weights: Floats
    bend: int
    outputs: Floats

    def __call__(self, features: Floats) -> Floats:
        """Shape (n_rows, n_levels)."""
        score = features[:, self.places] @ self.weights
        if self.bend:
            score = self.bend * (np.abs(score) - MIDDLE)
        return np.outer(score, self.outputs)


@dataclass(frozen=True)
class Index:
    """The sum of what all effects add."""

    terms: tuple[Term, ...]

    @classmethod
    def of(
        cls, knowledge: Knowledge, coding: TableCoding, name: str, predecessors: Sequence[str]
    ) -> Index | None:
        """What is known of a column; ``None`` where it is nothing.

        Args:
            knowledge: Effects; those of other columns than these are left out.
            coding: How columns are told by features.
            name: The column.
            predecessors: Those that it is drawn given, in the order of their features.
        """
        owners = np.array(coding.owners(list(predecessors)))
        terms = []
        for effect in knowledge.effects:
            reverse = effect.effect == name
            other = effect.cause if reverse else effect.effect
            if name not in effect.edge or other not in predecessors:
                continue
            if term := _term(knowledge, coding, effect, name, np.flatnonzero(owners == other)):
                terms.append(term)
        return cls(tuple(terms)) if terms else None

    def __call__(self, features: Floats) -> Floats:
        """Shape (n_rows, n_levels); a number has one."""
        total: Floats = sum(term(features) for term in self.terms)  # type: ignore[assignment]
        return total


def _term(
    knowledge: Knowledge, coding: TableCoding, effect: Effect, name: str, places: Integers
) -> Term | None:
    """What an effect adds to the index of ``name``, one of its two columns."""
    forwards = name == effect.effect
    other = effect.cause if forwards else effect.effect
    levels = (effect.cause_level, effect.effect_level)
    own_level, other_level = levels[::-1] if forwards else levels
    bend = {'raises': 0, 'lowers': 0, 'peaks': -1, 'dips': 1}[effect.direction]
    if bend and not forwards:  # a value in the middle says nothing of which side it came from
        return None
    # Levels that models see in the place of numbers, as under an egress policy, are not known here.
    ends = (name, own_level), (other, other_level)
    if any(level is not None and not _has_levels(coding, column) for column, level in ends):
        return None
    outputs = _by_level(knowledge, coding, name, own_level)
    if _has_levels(coding, other):
        used, weights = places, _of_levels(knowledge, coding, other, other_level)
        bend = 0
    else:
        # A normal score levels off at the extremes; it is also what has a middle.
        used = places[[0]] if bend or effect.shape == 'levels off' else places[[1]]
        weights = np.ones(1)
    sign = -1.0 if effect.direction == 'lowers' else 1.0
    return Term(used, weights, bend, sign * effect.strength * outputs)


def _has_levels(coding: TableCoding, name: str) -> bool:
    return isinstance(coding.codings[name], LevelCoding)


def _by_level(knowledge: Knowledge, coding: TableCoding, name: str, level: object) -> Floats:
    """How far each level of a column is up, in [-1, 1], shape (n_levels,); of a number 1."""
    column = coding.codings[name]
    if not isinstance(column, LevelCoding):
        return np.ones(1)
    levels = [to_json(one) for one in column.levels]
    order = [one for one in knowledge.of(name).order if one in levels]
    if level is None and len(order) > 1:
        ranks = {one: 2 * place / (len(order) - 1) - 1 for place, one in enumerate(order)}
        return np.array([ranks.get(one, 0.0) for one in levels])
    level = positive(levels) if level is None else level
    return np.array([float(one == level) for one in levels])


def _of_levels(knowledge: Knowledge, coding: TableCoding, name: str, level: object) -> Floats:
    """What each feature of a column of levels counts, shape (n_features,)."""
    up = _by_level(knowledge, coding, name, level)
    span = up.max() - up.min()
    up = LEVEL_STEP * up / (span or 1.0)
    column = coding.codings[name]
    assert isinstance(column, LevelCoding)
    others = [code for code in range(len(up)) if code not in column.seen]
    base = up[others].mean() if others else 0.0
    return np.array([up[code] - base for code in column.seen])
