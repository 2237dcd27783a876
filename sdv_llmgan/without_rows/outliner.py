"""A model is asked what columns hold of which nobody said it: levels, figures, gaps.

names, types and descriptions of columns -> one question -> figures of each
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sdv_llmgan.errors import ReplyError
from sdv_llmgan.formats.reply_json import read_json
from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.providers.base import Message, Provider, Request
from sdv_llmgan.roles.expert import EXPERT_ROLE, LEVEL, MAX_TOKENS, TEMPERATURE
from sdv_llmgan.table.column import closed_object, enum, quote
from sdv_llmgan.without_rows.statistics import ColumnStatistics, Declared, Statistics

#: Levels of a column that are asked for at most.
MAX_LEVELS = 20
FIGURES = ('minimum', 'maximum', 'zeros', 'missing', 'decimals')


def ask_outline(
    provider: Provider,
    declared: Declared,
    context: str,
    descriptions: Mapping[str, str],
    seed: int,
) -> dict[str, ColumnStatistics]:
    """What a model says of these columns, in one call; what cannot be read is left out.

    Args:
        provider: The model.
        declared: The metadata's entries of the columns to ask about, at least one.
        context: What the table is; may be empty.
        descriptions: What columns mean, by name.
        seed: Makes the answer repeatable where the provider is.

    Raises:
        ProviderError: The model could not be reached.
    """
    request = Request(
        messages=outline_messages(declared, context, descriptions),
        json_schema=outline_schema(list(declared)),
        temperature=TEMPERATURE,
        max_tokens=MAX_TOKENS,
        seed=seed % 2**31,
        role='expert',
        columns=tuple(declared),
    )
    try:
        reply = read_json(provider.complete_many([request])[0].text)
    except ReplyError:
        return {}
    entries = reply.get('columns') if isinstance(reply, dict) else None
    found: dict[str, ColumnStatistics] = {}
    for entry in entries if isinstance(entries, list) else []:
        try:
            found |= Statistics.from_dict(_as_statistics(entry), declared).columns
        except (ValueError, TypeError, AttributeError, KeyError):
            continue
    return found


def outline_messages(
    declared: Declared, context: str, descriptions: Mapping[str, str]
) -> tuple[Message, ...]:
    """The question; arguments are those of ``ask_outline``."""
    columns = [
        f'- {quote(name)}: {entry["sdtype"]}'
        + (f'; {descriptions[name]}' if descriptions.get(name) else '')
        for name, entry in declared.items()
    ]
    lines = [
        *(['# The data', context, ''] if context else []),
        '# Columns',
        *columns,
        '',
        '# Question',
        'There is no row of this table yet. What would each of these columns hold?',
        '',
        '# Your answer',
        'One JSON object and nothing else: {"columns": [...]}, with one object for each column.',
        f'"shares" of categories: objects with "level" and "share" (0 to 1), at most {MAX_LEVELS}, '
        'adding up to 1, levels spelled as in such a table; null for numbers and dates. "order" '
        'lists categories from low to high where they have an order, else null.',
        '"quartiles" of numbers: first quartile, median, third quartile; null for categories and '
        'dates. "minimum" and "maximum" of numbers, and of dates as "YYYY-MM-DD"; else null. '
        '"decimals": digits after the point. "zeros": the share of numbers that are exactly 0, '
        'where that is more than a few; quartiles are then of the others. "missing": the share of '
        'rows without a value.',
    ]
    return Message('system', EXPERT_ROLE), Message('user', '\n'.join(lines))


def outline_schema(names: list[str]) -> dict[str, Any]:
    """JSON Schema of the answer."""
    null, number = {'type': 'null'}, {'type': 'number'}
    share = closed_object({'level': LEVEL, 'share': number})
    lists = {'shares': share, 'order': LEVEL, 'quartiles': number}
    ends = {'anyOf': [number, {'type': 'string'}, null]}
    column = {
        'column': enum(names),
        **{
            name: {'anyOf': [{'type': 'array', 'items': items}, null]}
            for name, items in lists.items()
        },
        **{'minimum': ends, 'maximum': ends},
        **dict.fromkeys(('zeros', 'missing', 'decimals'), {'anyOf': [number, null]}),
    }
    return closed_object({'columns': {'type': 'array', 'items': closed_object(column)}})


def _as_statistics(entry: dict[str, Any]) -> dict[str, Json]:
    """One column of the answer as published statistics are written."""
    said: dict[str, Json] = {name: entry[name] for name in FIGURES if entry.get(name) is not None}
    if 'decimals' in said:
        said['decimals'] = int(said['decimals'])
    if entry.get('shares'):
        pairs = [[one['level'], one['share']] for one in entry['shares'][:MAX_LEVELS]]
        total = sum(share for _, share in pairs)
        said['shares'] = [[level, share / max(total, 1.0)] for level, share in pairs]
    said |= {name: entry[name] for name in ('order', 'quartiles') if entry.get(name)}
    return {'columns': {entry['column']: said}}
