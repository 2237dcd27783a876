"""How much one column pulls another, from effects that are known and from published figures.

effects (size, how sure) + correlations + differences between groups -> influences -> causal graph

Published figures of two columns stand in place of what is known of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.process.causal_graph import CausalGraph, Edge
from sdv_llmgan.process.knowledge import Direction, Effect, Knowledge, Size, positive
from sdv_llmgan.table.column import to_json
from sdv_llmgan.without_rows.statistics import ColumnStatistics, Group, Statistics

#: From one level to another is as far as two standard deviations of a number (Gelman, Scaling
#: regression inputs by dividing by two standard deviations, 2008).
LEVEL_STEP = 2.0
#: Log odds scatter so much more than a standard normal number does.
LOGIT = 1.7
#: Shares nearer to 0 or 1 than this have no larger odds.
LEAST_SHARE = 0.01
#: Weights from which on an effect is called so, in standard deviations.
STRONG, MODERATE = 0.6, 0.3


@dataclass(frozen=True)
class Influence:
    """What one column adds to where another goes.

    Attributes:
        cause: Drawn first.
        effect: Drawn later.
        weight: For each standard deviation of the cause, or at its level: standard deviations of
            the effect without it, or the log odds of its level.
        cause_level: The level of the cause that has it; ``None``: by its order, or numbers.
        effect_level: The level of the effect that it is about; likewise.
        bend: 0: the more the more; 1 or -1: by how far the cause is from its middle, or how near.
        levels_off: Whether more of the cause adds less and less.
    """

    cause: str
    effect: str
    weight: float
    cause_level: Json = None
    effect_level: Json = None
    bend: int = 0
    levels_off: bool = False

    @property
    def edge(self) -> Edge:
        """Of the causal graph."""
        return self.cause, self.effect


def influences(
    knowledge: Knowledge, statistics: Statistics, levels: Mapping[str, Sequence[Json]]
) -> tuple[list[Influence], CausalGraph]:
    """All that do not close a cycle, published ones first, and their graph.

    Args:
        knowledge: Has the effects.
        statistics: Has correlations and groups.
        levels: Of each column, as JSON; none of numbers.
    """
    published = [*_correlated(statistics), *_grouped(statistics, levels)]
    settled = {frozenset(one.edge) for one in published}
    known = [
        _of_effect(effect, levels)
        for effect in knowledge.effects
        if frozenset(effect.edge) not in settled
    ]
    graph = CausalGraph()
    for part in (published, known):
        graph = graph.changed(_by_weight(part))[0]
    return [one for one in (*published, *known) if one.edge in graph.edges], graph


def as_effects(found: Iterable[Influence], published: Statistics) -> tuple[Effect, ...]:
    """The published ones in the words of knowledge."""
    pairs = {frozenset((a, b)) for a, b, _ in published.correlations}
    pairs |= {frozenset((one.column, name)) for one in published.groups for name in one.columns}
    return tuple(_to_effect(one) for one in found if frozenset(one.edge) in pairs and one.weight)


def _to_effect(one: Influence) -> Effect:
    weight = abs(one.weight) / (LEVEL_STEP if one.cause_level is not None else 1.0)
    weight /= LOGIT if one.effect_level is not None else 1.0
    size: Size = 'strong' if weight >= STRONG else 'moderate' if weight >= MODERATE else 'weak'
    direction: Direction = 'raises' if one.weight > 0 else 'lowers'
    return Effect(one.cause, one.effect, direction, one.cause_level, one.effect_level, size, 'sure')


def _by_weight(found: Iterable[Influence]) -> list[Edge]:
    weights: dict[Edge, float] = {}
    for one in found:
        weights[one.edge] = max(abs(one.weight), weights.get(one.edge, 0.0))
    return sorted(weights, key=lambda edge: -weights[edge])


def _of_effect(effect: Effect, levels: Mapping[str, Sequence[Json]]) -> Influence:
    weight = effect.strength * (-1.0 if effect.direction == 'lowers' else 1.0)
    if levels[effect.effect]:
        weight *= LOGIT
    cause_level = effect.cause_level
    if cause_level is None:
        cause_level = positive(levels[effect.cause])
    if cause_level is not None:
        weight *= LEVEL_STEP
    return Influence(
        *effect.edge,
        weight,
        cause_level,
        positive(levels[effect.effect]) if effect.effect_level is None else effect.effect_level,
        {'peaks': -1, 'dips': 1}.get(effect.direction, 0),
        effect.shape == 'levels off',
    )


def _correlated(statistics: Statistics) -> list[Influence]:
    return [
        Influence(cause, effect, r / float(np.sqrt(1 - r**2)))
        for cause, effect, r in statistics.correlations
    ]


def _grouped(statistics: Statistics, levels: Mapping[str, Sequence[Json]]) -> list[Influence]:
    """Each group against the mean of all that are told of the same columns."""
    found = []
    for one in statistics.groups:
        for name in one.columns:
            others = [
                group
                for group in statistics.groups
                if group.column == one.column and name in group.columns
            ]
            whole = statistics.columns.get(name, ColumnStatistics())
            for level, weight in _differences(one, name, others, whole, levels[name]):
                found.append(Influence(one.column, name, weight, one.level, level))
    return found


def _differences(
    one: Group,
    name: str,
    others: Sequence[Group],
    whole: ColumnStatistics,
    levels: Sequence[Json],
) -> list[tuple[Json, float]]:
    """By which a group is off, of each level of a column; of a number once, its level ``None``."""
    told = [group.columns[name] for group in others]
    if len(told) == 1:
        told = [*told, whole]
    own = one.columns[name]
    if levels:
        # All levels take part where all are told; else each is held against the others together.
        turned = _log if len(own.shares) == len(levels) else _logit
        told_of = [dict(map(turned, figures.shares)) for figures in told]
        return [
            (level, value - float(np.mean([found[level] for found in told_of if level in found])))
            for level, value in map(turned, own.shares)
        ]
    middles = [found for figures in told if (found := _middle(figures)) is not None]
    middle, spreads = _middle(own), [found for figures in told if (found := _spread(figures))]
    if middle is None or not spreads:
        return []
    return [(None, (middle - float(np.mean(middles))) / float(np.mean(spreads)))]


def _logit(pair: tuple[Json, float]) -> tuple[Json, float]:
    share = min(max(pair[1], LEAST_SHARE), 1 - LEAST_SHARE)
    return to_json(pair[0]), float(np.log(share / (1 - share)))


def _log(pair: tuple[Json, float]) -> tuple[Json, float]:
    return to_json(pair[0]), float(np.log(max(pair[1], LEAST_SHARE)))


def _middle(figures: ColumnStatistics) -> float | None:
    if figures.mean is not None:
        return figures.mean
    values = dict(figures.quantiles)
    return values.get(0.5)


def _spread(figures: ColumnStatistics) -> float:
    if figures.sd:
        return figures.sd
    values = dict(figures.quantiles)
    return (values[0.75] - values[0.25]) / 1.35 if {0.25, 0.75} <= set(values) else 0.0
