"""What a model knows of a table's subject, asked before any row is shown.

columns, context -> the same question in two wordings -> knowledge, as sure as the answers agree

Neither rows nor ranges, shares or any other figure of the table stand in the question. Asked once,
models are too sure of themselves (https://arxiv.org/abs/2506.21964); how far answers to several
wordings agree says more (https://arxiv.org/abs/2601.17609).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from sdv_llmgan.errors import ReplyError
from sdv_llmgan.formats.reply_json import read_json
from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.formats.words import plural
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.process.knowledge import (
    OPPOSITE,
    SIZES,
    Direction,
    Effect,
    Knowledge,
    Shape,
    Size,
    Sure,
    Typical,
    positive,
)
from sdv_llmgan.process.limits import Limit, levels_of
from sdv_llmgan.providers.base import Message, Provider, Request
from sdv_llmgan.table.column import (
    NO_SUMMARY,
    Column,
    MetadataDetail,
    closed_object,
    enum,
    quote,
)
from sdv_llmgan.table.rows import read_leniently
from sdv_llmgan.table.schema import TableSchema

TEMPERATURE = 0.3
MAX_TOKENS = 6_000
#: Effects that are asked for at most, for each column.
EFFECTS_PER_COLUMN = 3
MAX_LIMITS = MAX_RULES = 10
MAX_RULE_LENGTH = 200

EXPERT_ROLE = (
    'You are an expert in the subject that a data table is about. You have not seen the table. '
    'You say what is known in general of people or things like those in it.'
)
#: The same question twice: how far answers agree says how sure they are.
WORDINGS = (
    'Which columns affect which others, in what direction and how strongly? What values are '
    'typical?',
    'Think of what has been published on this subject, and of what anybody in the field has seen '
    'often. Suppose that two records differ in one column and are alike in whatever else matters: '
    'which other columns differ then, which way and how much? And what does an ordinary sample '
    'look like, column by column?',
)
LEVEL = {'anyOf': [{'type': kind} for kind in ('string', 'number', 'boolean', 'null')]}


@dataclass(frozen=True)
class Expert:
    """Who tells a generation process what is known: the user, or else a model that is asked.

    Attributes:
        provider: The model; ``None``: none is worth asking.
        given: What the user knows; ``None``: the model is asked.
        target: The column to be predicted later, if there is one.
        with_graph: Whether the causal graph is that of the effects.
    """

    provider: Provider | None = None
    given: Knowledge | None = None
    target: str | None = None
    with_graph: bool = False

    def inform(self, process: GenerationProcess, seed: int) -> tuple[GenerationProcess, str]:
        """The process with what is known of its columns, and a note; empty: no model was asked.

        A process keeps what it knows already, unless the user says otherwise. Arguments and errors
        are those of ``ask``.
        """
        note = ''
        if self.given is not None:
            process = process.revised(knowledge=self.given.within(process.schema))
        elif self.provider is not None and not process.knowledge:
            knowledge, note = self.ask(self.provider, process, seed)
            process = process.revised(knowledge=knowledge)
        if self.with_graph and process.knowledge.effects:
            process = process.revised(causal_graph=process.knowledge.causal_graph)
        return process, note

    def ask(
        self, provider: Provider, process: GenerationProcess, seed: int
    ) -> tuple[Knowledge, str]:
        """What the model knows of a process's columns; one call for each of ``WORDINGS``.

        Args:
            provider: The model.
            process: Has the columns and the context.
            seed: Makes the answers repeatable where the provider is.

        Returns:
            The knowledge, and a note on what came of the calls.

        Raises:
            ProviderError: The model could not be reached.
        """
        schema = process.schema
        requests = [
            Request(
                messages=expert_messages(process, wording, self.target),
                json_schema=knowledge_schema(schema.names),
                temperature=TEMPERATURE,
                max_tokens=MAX_TOKENS,
                seed=(seed + number) % 2**31,
                role='expert',
                columns=schema.names,
            )
            for number, wording in enumerate(WORDINGS)
        ]
        answers, left_out = [], 0
        for completion in provider.complete_many(requests):
            try:
                knowledge, useless = read_knowledge(read_json(completion.text), schema)
            except ReplyError:
                continue
            answers.append(knowledge)
            left_out += useless
        knowledge = agreed(answers)
        note = (
            f'knowledge from {len(answers)} of {plural(len(requests), "answer")}: '
            f'{plural(len(knowledge.effects), "effect")}, '
            f'{plural(len(knowledge.typical), "column")} described, '
            f'{plural(len(knowledge.limits), "limit")}, {plural(len(knowledge.rules), "rule")}'
        )
        return knowledge, note + (f', {left_out} of no use' if left_out else '')


def expert_messages(
    process: GenerationProcess, wording: str, target: str | None
) -> tuple[Message, ...]:
    """Ask what is known; nothing in it is a figure of the table.

    Args:
        process: Has the columns and the context.
        wording: The question.
        target: The column that matters most, if there is one.
    """
    columns = [_without_figures(column) for column in process.schema if column.kind != 'text']
    detail: MetadataDetail = 'none' if process.detail == 'none' else 'schema'
    most = EFFECTS_PER_COLUMN * len(columns)
    lines = [
        *(['# The data', process.context, ''] if process.context else []),
        '# Columns',
        *(f'- {column.describe(detail)}' for column in columns),
        '',
        '# Question',
        wording,
        *([f'What affects {quote(target)} matters most.'] if target else []),
        'Leave out what is not known: a gap does no harm, an error does.',
        '',
        '# Your answer',
        'One JSON object and nothing else, with four keys.',
        f'"effects": a list of at most {most} objects. "cause" and "effect" are columns. '
        '"direction" is "raises", "lowers", "peaks" (the effect is highest where the cause is '
        'neither low nor high) or "dips" (lowest there). Of a column of categories, "cause_level" '
        'names the category that has the effect, and "effect_level" the one that becomes likelier '
        '("raises") or rarer ("lowers"); both are null for numbers, and for three or more '
        'categories with an order. "size" is "weak", "moderate" or "strong" beside the other '
        'effects on that column. "sure" is "unsure", "likely" or "sure". "shape" is "straight", or '
        '"levels off" where more of the cause adds less and less.',
        '"typical": a list with one object a column. "quartiles" are the first quartile, the '
        'median and the third quartile of a number, else null. "shares" are objects with "level" '
        'and "share" (0 to 1) for each category, else null. "order" lists categories from low to '
        'high where they have an order, else null.',
        f'"limits": at most {MAX_LIMITS} objects for what every plausible row keeps to. "column" '
        'is limited to the categories in "one_of", or to numbers from "at_least" to "at_most"; '
        'what does not apply is null. "when" is a list of such objects on other columns: where all '
        'of them hold, the limit does; [] is everywhere.',
        f'"rules": at most {MAX_RULES} short sentences on what every plausible row keeps to and no '
        'limit can say.',
    ]
    return Message('system', EXPERT_ROLE), Message('user', '\n'.join(lines))


def _without_figures(column: Column) -> Column:
    """A column as anybody could describe it who has not seen its values; categories are names."""
    nothing = {'minimum': None, 'maximum': None, 'shares': (), 'examples': (), 'missing': 0.0}
    said = sorted((one for one in column.categories if one != column.unsaid), key=str)
    changes = {**NO_SUMMARY, **nothing, 'categories': tuple(said), 'unsaid': ''}
    return replace(column, **changes)


def knowledge_schema(names: Sequence[str]) -> dict[str, Any]:
    """JSON Schema of the answer."""
    null = {'type': 'null'}
    numbers = {'type': 'array', 'items': {'type': 'number'}}
    share = closed_object({'level': LEVEL, 'share': {'type': 'number'}})
    effect = {
        'cause': enum(names),
        'effect': enum(names),
        'direction': enum(get_args(Direction)),
        'cause_level': LEVEL,
        'effect_level': LEVEL,
        'size': enum(get_args(Size)),
        'sure': enum(get_args(Sure)),
        'shape': enum(get_args(Shape)),
    }
    typical = {
        'column': enum(names),
        'quartiles': {'anyOf': [numbers, null]},
        'shares': {'anyOf': [{'type': 'array', 'items': share}, null]},
        'order': {'anyOf': [{'type': 'array', 'items': LEVEL}, null]},
    }
    end = {'anyOf': [{'type': 'number'}, null]}
    bound = {
        'column': enum(names),
        'one_of': {'anyOf': [{'type': 'array', 'items': LEVEL}, null]},
        'at_least': end,
        'at_most': end,
    }
    limit = {**bound, 'when': {'type': 'array', 'items': closed_object(bound)}}
    return closed_object({
        'effects': {'type': 'array', 'items': closed_object(effect)},
        'typical': {'type': 'array', 'items': closed_object(typical)},
        'limits': {'type': 'array', 'items': closed_object(limit)},
        'rules': {'type': 'array', 'items': {'type': 'string'}},
    })


def read_knowledge(reply: Json, schema: TableSchema) -> tuple[Knowledge, int]:
    """What an answer says of these columns, entry by entry.

    Returns:
        The knowledge, and how many entries were of no use.

    Raises:
        ReplyError: The answer is no object.
    """
    if not isinstance(reply, dict):
        raise ReplyError('needed an object with "effects", "typical", "limits" and "rules".')
    read, given = Knowledge(), 0
    # What is typical comes first: it has the order of levels that effects may lean on.
    for part in ('typical', 'effects', 'limits'):
        entries = reply.get(part)
        for entry in entries if isinstance(entries, list) else []:
            given += 1
            try:
                one = Knowledge.from_dict({part: [_with_levels(entry, schema)]})
            except (ValueError, TypeError, AttributeError, KeyError):
                continue
            read = read.merged(one)
    found = reply.get('rules')
    rules = [r.strip() for r in found if isinstance(r, str)] if isinstance(found, list) else []
    kept = tuple(r for r in rules if 0 < len(r) <= MAX_RULE_LENGTH)[:MAX_RULES]
    known = replace(read, rules=kept).within(schema)
    effects = (_in_one_form(effect, known, schema) for effect in known.effects)
    limits = known.limits[:MAX_LIMITS]
    known = Knowledge((), known.typical, kept, limits).merged(Knowledge(tuple(effects)))
    return known, given - len(known.effects) - len(known.typical) - len(limits)


def _with_levels(entry: dict[str, Any], schema: TableSchema) -> dict[str, Any]:
    """An entry without nulls, its levels as the table has them."""
    said = {key: value for key, value in entry.items() if value is not None}
    for end in ('cause', 'effect'):
        if f'{end}_level' in said:
            said[f'{end}_level'] = _level(said[f'{end}_level'], said[end], schema)
    if 'shares' in said:
        pairs = [(share['level'], share['share']) for share in said['shares']]
        said['shares'] = [[_level(level, said['column'], schema), share] for level, share in pairs]
    for key in ('order', 'one_of'):
        if key in said:
            said[key] = [_level(level, said['column'], schema) for level in said[key]]
    if 'when' in said:
        said['when'] = [_with_levels(bound, schema) for bound in said['when']]
    return said


def _level(value: Json, name: str, schema: TableSchema) -> Json:
    """A level as the table writes it, however the model does: " Yes", or "1.0" for 1."""
    if name not in schema.names:
        return value
    column, levels = schema[name], levels_of(schema[name])
    spelled = [value]
    if isinstance(value, str):
        try:
            spelled.append(float(value))
        except ValueError:
            pass
    read = [read_leniently(one, column) for one in spelled]
    return next((one for one in read if one in levels), read[0])


def _in_one_form(effect: Effect, known: Knowledge, schema: TableSchema) -> Effect:
    """The same effect told of one of two levels: no cause of "no" is a cause of "yes"."""
    for name, key in ((effect.cause, 'cause_level'), (effect.effect, 'effect_level')):
        levels, level = levels_of(schema[name]), getattr(effect, key)
        if len(levels) != 2 or (level is None and known.of(name).order):
            continue
        told = positive(levels)
        told = sorted(levels, key=str)[0] if told is None else told
        turns = level is not None and level != told
        direction = OPPOSITE[effect.direction] if turns else effect.direction
        effect = replace(effect, **{key: told}, direction=direction)
    return effect


def agreed(answers: Sequence[Knowledge]) -> Knowledge:
    """What several answers say together.

    An effect has the direction that most answers give it, and is left out where they are even. It
    is sure where all agree, and unsure where fewer than half speak of it or some object. Figures
    are means. Of limits of the same columns the looser ends hold.
    """
    said: dict[tuple[str, ...], list[Effect]] = {}
    described: dict[str, list[Typical]] = {}
    for answer in answers:
        for effect in answer.effects:
            said.setdefault(effect.key, []).append(effect)
        for one in answer.typical:
            described.setdefault(one.column, []).append(one)
    effects = (_agreed_effect(effects, len(answers)) for effects in said.values())
    limits: dict[tuple[object, ...], Limit] = {}
    for limit in (limit for answer in answers for limit in answer.limits):
        limits[limit.key] = limit.looser(limits.get(limit.key, limit))
    rules = dict.fromkeys(rule for answer in answers for rule in answer.rules)
    return Knowledge(
        tuple(effect for effect in effects if effect is not None),
        tuple(map(_agreed_typical, described.values())),
        tuple(rules)[:MAX_RULES],
        tuple(limits.values())[:MAX_LIMITS],
    )


def _agreed_effect(effects: Sequence[Effect], num_answers: int) -> Effect | None:
    votes = {one.direction: sum(e.direction == one.direction for e in effects) for one in effects}
    best = max(votes, key=votes.__getitem__)
    if sorted(votes.values())[-2:].count(votes[best]) > 1:
        return None
    same = [effect for effect in effects if effect.direction == best]
    mean = np.mean([SIZES[effect.size] for effect in same])
    size = min(SIZES, key=lambda one: abs(SIZES[one] - mean))
    levels = get_args(Sure)
    sure: Sure = sorted((effect.sure for effect in same), key=levels.index)[0]
    if len(same) < num_answers:
        sure = 'unsure'
    return replace(same[0], size=size, sure=sure)


def _agreed_typical(said: Sequence[Typical]) -> Typical:
    quartiles = [one.quartiles for one in said if one.quartiles]
    shares: dict[str, tuple[Json, list[float]]] = {}
    for one in said:
        for level, share in one.shares:
            shares.setdefault(quote(level), (level, []))[1].append(share)
    means = [(level, float(np.mean(given))) for level, given in shares.values()]
    total = max(1.0, sum(share for _, share in means))
    return Typical(
        said[0].column,
        tuple(map(float, np.mean(quartiles, axis=0))) if quartiles else (),
        tuple((level, share / total) for level, share in means),
        next((one.order for one in said if one.order), ()),
    )
