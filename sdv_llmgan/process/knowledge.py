"""What is known of a table's subject beyond its rows: effects, typical values, limits and rules.

    effects  ("smoker" = "yes" raises "charges", strong, sure)   qualify edges of the causal graph
    typical  quartiles of numbers, shares and order of levels    of the population, not the table
    limits   where the "kind" is "e-bike", the "weight" is at least 20; see ``limits``
    rules    sentences for whoever writes rows

A model says it before it sees a row, or the user does. Capstick et al., AutoElicit, 2024
(https://arxiv.org/abs/2411.17284), ask models for priors of coefficients: directions are nearly
always right, widths too narrow. So held-out rows decide how much of it counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from sdv_llmgan.formats.saved_json import (
    Json,
    a_list,
    number,
    one_of,
    parse,
    read_object,
    scalar,
    text,
    with_defaults,
)
from sdv_llmgan.process.causal_graph import CausalGraph, Edge
from sdv_llmgan.process.limits import Limit, levels_of
from sdv_llmgan.table.column import quote
from sdv_llmgan.table.schema import TableSchema

#: ``'peaks'``: highest in the middle of the cause; ``'dips'``: lowest there.
Direction = Literal['raises', 'lowers', 'peaks', 'dips']
Size = Literal['weak', 'moderate', 'strong']
Sure = Literal['unsure', 'likely', 'sure']
Shape = Literal['straight', 'levels off']

OPPOSITE: Mapping[Direction, Direction] = {
    'raises': 'lowers',
    'lowers': 'raises',
    'peaks': 'dips',
    'dips': 'peaks',
}
#: How much an effect counts beside others, by its size and by how sure it is.
SIZES: Mapping[Size, float] = {'weak': 0.25, 'moderate': 0.5, 'strong': 1.0}
SURENESS: Mapping[Sure, float] = {'unsure': 0.4, 'likely': 0.8, 'sure': 1.0}
#: Of two levels written like this the first one is what "raises" means.
YES = (True, 1, 1.0, '1', 'yes', 'y', 'true', 'positive', 'present')


@dataclass(frozen=True)
class Effect:
    """How one column goes with another, all else the same.

    Attributes:
        cause: The column that affects.
        effect: The column that is affected.
        direction: Where values of the effect go as the cause grows, or at its level.
        cause_level: The level of a cause of levels that has the effect; ``None``: numbers, or
            levels of which an order is known.
        effect_level: The level that becomes likelier or rarer; ``None`` likewise.
        size: How much it matters beside the other effects of the table.
        sure: How sure that is.
        shape: Whether the effect of a number grows with it, or less and less.
    """

    cause: str
    effect: str
    direction: Direction
    cause_level: Json = None
    effect_level: Json = None
    size: Size = 'moderate'
    sure: Sure = 'likely'
    shape: Shape = 'straight'

    @property
    def edge(self) -> Edge:
        """The edge of the causal graph that it qualifies."""
        return self.cause, self.effect

    @property
    def key(self) -> tuple[str, ...]:
        """What it is about: effects of one key say the same or contradict each other."""
        return (*self.edge, quote(self.cause_level), quote(self.effect_level))

    @property
    def strength(self) -> float:
        """How much it counts beside others, in (0, 1]."""
        return SIZES[self.size] * SURENESS[self.sure]

    def __str__(self) -> str:
        cause = quote(self.cause)
        if self.cause_level is not None:
            cause += f' = {quote(self.cause_level)}'
        effect = quote(self.effect)
        if self.effect_level is not None:
            effect += f' = {quote(self.effect_level)}'
        leveled = self.effect_level is not None
        verb = {
            'raises': f'makes {effect} likelier' if leveled else f'raises {effect}',
            'lowers': f'makes {effect} less likely' if leveled else f'lowers {effect}',
            'peaks': f'goes with the most of {effect} in the middle of its range',
            'dips': f'goes with the least of {effect} in the middle of its range',
        }[self.direction]
        notes = [self.size, self.sure, *([self.shape] if self.shape != 'straight' else [])]
        return f'{cause} {verb} ({", ".join(notes)})'


@dataclass(frozen=True)
class Typical:
    """What values of one column are typical in the population that the table is drawn from.

    Attributes:
        column: The column.
        quartiles: Of a number: first quartile, median, third quartile, ascending; or empty.
        shares: Of levels: pairs of a level and its share in [0, 1]; need not name all.
        order: Levels from low to high, where they have an order; or empty.
    """

    column: str
    quartiles: tuple[float, ...] = ()
    shares: tuple[tuple[Json, float], ...] = ()
    order: tuple[Json, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is no description of a distribution.

        Raises:
            ValueError: Quartiles are not three ascending numbers, or shares are no pairs, or add up
                to more than 1.
        """
        if not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in self.shares):
            raise ValueError(
                f'{quote(self.column)}: shares are pairs of a level and its share, such as '
                f"(('yes', 0.2), ('no', 0.8)), got {self.shares!r}."
            )
        rising = list(self.quartiles) == sorted(self.quartiles)
        if self.quartiles and not (len(self.quartiles) == 3 and rising):
            raise ValueError(
                f'{quote(self.column)}: quartiles are three numbers, from small to large, got '
                f'{list(self.quartiles)}.'
            )
        if (total := sum(share for _, share in self.shares)) > 1.05:
            raise ValueError(f'{quote(self.column)}: shares add up to at most 1, got {total:.2f}.')

    def __str__(self) -> str:
        parts = []
        if self.quartiles:
            low, middle, high = (f'{value:g}' for value in self.quartiles)
            parts.append(f'half of the values from {low} to {high}, median {middle}')
        if self.shares:
            parts.append(', '.join(f'{share:.0%} {quote(level)}' for level, share in self.shares))
        if self.order:
            parts.append(f'from low to high: {", ".join(map(quote, self.order))}')
        return f'{quote(self.column)}: {"; ".join(parts)}'


@dataclass(frozen=True)
class Knowledge:
    """What is known of the subject of a table, before any row is looked at.

    Attributes:
        effects: How columns go together.
        typical: What values are typical, each column once.
        rules: What rows keep to, in words.
        limits: What rows keep to as columns can say it.
    """

    effects: tuple[Effect, ...] = ()
    typical: tuple[Typical, ...] = ()
    rules: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is known."""
        return bool(self.effects or self.typical or self.rules or self.limits)

    @property
    def causal_graph(self) -> CausalGraph:
        """The graph of the effects; of those that would close a cycle the weaker are left out."""
        edges: dict[Edge, float] = {}
        for effect in self.effects:
            edges[effect.edge] = max(effect.strength, edges.get(effect.edge, 0.0))
        return CausalGraph().changed(sorted(edges, key=lambda edge: -edges[edge]))[0]

    def of(self, column: str) -> Typical:
        """What is typical of a column; empty where nothing is known."""
        return next((one for one in self.typical if one.column == column), Typical(column))

    def within(self, schema: TableSchema) -> Knowledge:
        """The part that these columns and their levels can be told by."""
        found = (_typical_within(one, schema) for one in self.typical)
        typical = tuple(one for one in found if one is not None)
        limits = (limit.within(schema) for limit in self.limits)
        kept = replace(self, typical=typical, limits=tuple(filter(None, limits)))
        return replace(
            kept, effects=tuple(e for e in self.effects if not kept._objection(e, schema))
        )

    def check(self, schema: TableSchema) -> None:
        """Refuse knowledge of what a table does not have.

        Raises:
            ValueError: A column or level is unknown, or an effect does not say of which level.
        """
        for effect in self.effects:
            if objection := self._objection(effect, schema):
                raise ValueError(f'knowledge: {effect}: {objection}')
        for one in self.typical:
            if _typical_within(one, schema) != one:
                raise ValueError(
                    f'knowledge: {one}: this is not of a column of the table and its values. '
                    'Quartiles are of numbers; shares and order are of the levels that there are.'
                )
        for limit in self.limits:
            if limit.within(schema) != limit:
                raise ValueError(
                    f'knowledge: {limit}: this is not of columns of the table and their values. '
                    'Ranges are of numbers; "one_of" is of the levels that there are.'
                )

    def _objection(self, effect: Effect, schema: TableSchema) -> str:
        """What keeps an effect from being one of this table's; empty: nothing."""
        if effect.cause == effect.effect:
            return 'a column has no effect on itself.'
        for name, level in (
            (effect.cause, effect.cause_level),
            (effect.effect, effect.effect_level),
        ):
            if name not in schema.names:
                return f'there is no column {quote(name)}. There are: {", ".join(schema.names)}.'
            levels = levels_of(schema[name])
            if level is not None and level not in levels:
                return f'{quote(name)} has no level {quote(level)}.'
            if schema[name].kind == 'text':
                return f'{quote(name)} is free text.'
            if levels and level is None and not self.of(name).order and positive(levels) is None:
                return f'{quote(name)} has levels: name one, or give their order from low to high.'
        return ''

    def merged(self, other: Knowledge) -> Knowledge:
        """This knowledge, and what another has to add on other pairs and columns."""
        keys = {effect.key for effect in self.effects}
        columns = {one.column for one in self.typical}
        more = (effect for effect in other.effects if effect.key not in keys)
        return Knowledge(
            (*self.effects, *more),
            (*self.typical, *(one for one in other.typical if one.column not in columns)),
            tuple(dict.fromkeys([*self.rules, *other.rules])),
            tuple(dict.fromkeys([*self.limits, *other.limits])),
        )

    def lines(self) -> list[str]:
        """A line for each effect, column, limit and rule, for a person or a model to read."""
        rules = (' '.join(rule.split()) for rule in self.rules)  # a line break would end the list
        return [*map(str, [*self.effects, *self.typical, *self.limits]), *rules]

    def to_dict(self) -> dict[str, Any]:
        """JSON form; what is not known of an effect or a column is left out."""
        return {
            'effects': [_short(asdict(effect)) for effect in self.effects],
            'typical': [
                _short({**asdict(one), 'shares': [list(pair) for pair in one.shares]})
                for one in self.typical
            ],
            'rules': list(self.rules),
            **({'limits': [limit.to_dict() for limit in self.limits]} if self.limits else {}),
        }

    @classmethod
    def from_dict(cls, saved: Json, where: str = 'knowledge') -> Knowledge:
        """Read the JSON form.

        Raises:
            ValueError: A key is unknown, or a value is not what it has to be.
        """
        empty: dict[str, Any] = {'effects': [], 'typical': [], 'rules': [], 'limits': []}
        read = read_object(
            {**empty, **saved} if isinstance(saved, Mapping) else saved,
            where,
            {
                'effects': a_list(_effect),
                'typical': a_list(_typical),
                'rules': a_list(text),
                'limits': a_list(Limit.from_dict),
            },
        )
        return cls(*(tuple(read[name]) for name in empty))

    @classmethod
    def from_json(cls, saved: str) -> Knowledge:
        """Read JSON text; raises ``ValueError`` as ``from_dict`` does."""
        return cls.from_dict(parse(saved, 'knowledge'))


NOTHING_KNOWN = Knowledge()


def positive(levels: Sequence[Json]) -> Json:
    """Of two levels the one that "raises" speaks of, where their names say so; else ``None``."""
    if len(levels) != 2:
        return None
    found = [one for one in levels if (one.lower() if isinstance(one, str) else one) in YES]
    return found[0] if len(found) == 1 else None


def _typical_within(one: Typical, schema: TableSchema) -> Typical | None:
    """What is said of a column that there is, of levels that it has."""
    if one.column not in schema.names:
        return None
    column = schema[one.column]
    levels = levels_of(column)
    kept = replace(
        one,
        quartiles=one.quartiles if column.kind in ('integer', 'number') else (),
        shares=tuple((level, share) for level, share in one.shares if level in levels),
        order=tuple(level for level in one.order if level in levels),
    )
    return kept if kept != Typical(one.column) else None


def _short(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in values.items()
        if value not in (None, (), [])
    }


def _effect(saved: Json, where: str) -> Effect:
    read = read_object(
        with_defaults(saved, Effect('', '', 'raises')) if _has(saved, 'direction') else saved,
        where,
        {
            'cause': text,
            'effect': text,
            'direction': one_of(get_args(Direction)),
            'cause_level': scalar,
            'effect_level': scalar,
            'size': one_of(get_args(Size)),
            'sure': one_of(get_args(Sure)),
            'shape': one_of(get_args(Shape)),
        },
    )
    return Effect(**read)


def _has(saved: Json, *keys: str) -> bool:
    return isinstance(saved, Mapping) and all(key in saved for key in keys)


def _typical(saved: Json, where: str) -> Typical:
    read = read_object(
        with_defaults(saved, Typical('')) if _has(saved, 'column') else saved,
        where,
        {
            'column': text,
            'quartiles': a_list(number(float('-inf'))),
            'shares': a_list(_share),
            'order': a_list(scalar),
        },
    )
    figures = {key: tuple(read[key]) for key in ('quartiles', 'shares', 'order')}
    return Typical(read['column'], **figures)


def _share(saved: Json, where: str) -> tuple[Json, float]:
    if not isinstance(saved, (list, tuple)) or len(saved) != 2:
        raise ValueError(f'{where}: needs a level and its share, got {saved!r}.')
    return scalar(saved[0], where), number(0, 1)(saved[1], where)
