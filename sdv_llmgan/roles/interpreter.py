"""Conditions in words, turned into conditions that every row can be checked against.

'smokers over 60' -> model, asked once -> RangeCondition({'smoker': [True], 'age': (61, None)})
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sdv_llmgan.errors import ReplyError
from sdv_llmgan.formats.reply_json import read_json
from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.providers.base import Provider, Request
from sdv_llmgan.roles.prompts import interpreter_messages
from sdv_llmgan.rules.conditions import RangeCondition, check_num_rows, next_to
from sdv_llmgan.table.column import Column, closed_object, quote, to_json
from sdv_llmgan.table.rows import read_leniently
from sdv_llmgan.table.schema import TableSchema

MAX_TOKENS = 1024
#: A condition on a column is of one of these kinds, said by these keys.
KINDS_OF_WISH = (
    ('missing',),
    ('one_of',),
    ('none_of',),
    ('at_least', 'more_than', 'at_most', 'less_than'),
)
KEYS = tuple(key for kind in KINDS_OF_WISH for key in kind)
NULL = {'type': 'null'}
END = {'anyOf': [{'type': 'string'}, {'type': 'number'}, NULL]}
VALUE = {'anyOf': [*END['anyOf'], {'type': 'boolean'}]}
VALUES = {'anyOf': [{'type': 'array', 'items': VALUE}, NULL]}


def interpret(
    description: str,
    num_rows: int,
    schema: TableSchema,
    provider: Provider,
    *,
    context: str = '',
    told: TableSchema,
) -> RangeCondition:
    """Have a model turn words into a condition.

    Args:
        description: Which rows are wanted.
        num_rows: How many, >= 1.
        schema: The columns.
        provider: Who is asked, once.
        context: What the data is, in the user's words; may be empty.
        told: What the model is told of them; in the user's words there
            are real values, so what it answers is read as such.

    Raises:
        ReplyError: The model did not answer in the form asked for.
        ValueError: The description says what conditions on these columns cannot.
    """
    if not isinstance(description, str) or not description.strip():
        raise ValueError(f'A description of the rows in words is needed, got {description!r}.')
    check_num_rows(num_rows)
    completion = provider.complete(
        Request(
            messages=interpreter_messages(told, context, description),
            json_schema=conditions_schema(told.names),
            temperature=0.0,
            max_tokens=MAX_TOKENS,
            seed=0,
            role='interpreter',
            columns=told.names,
        )
    )
    try:
        reply = read_json(completion.text)
        missed = [text for text in reply['not_expressible'] if isinstance(text, str) and text[1:]]
        entries = {
            name: _wish(entry, schema.reordered(told.names)[name])
            for name, entry in _by_column(reply['conditions']).items()
        }
    except (KeyError, TypeError, AttributeError, _Unclear) as error:
        raise ReplyError(
            f'Needed one clear condition a column for {quote(description)}, got '
            f'{completion.text[:300]!r} ({error}). RangeCondition says it without a model.'
        ) from error
    if missed or not entries:
        raise ValueError(
            f'{quote(description)} cannot be checked on the columns '
            f'{", ".join(map(quote, told.names))}'
            + (f': they cannot say {", ".join(map(quote, missed))}.' if missed else '.')
        )
    return RangeCondition(entries, num_rows)


class _Unclear(Exception):
    """Why an entry cannot be taken as a condition."""


def _by_column(entries: Json) -> dict[str, dict[str, Any]]:
    """What is said of each column; a column may be named twice, once for each end of a range."""
    merged: dict[str, dict[str, Any]] = {}
    for entry in entries:
        said = {key: value for key, value in entry.items() if key in KEYS and value is not None}
        before = merged.setdefault(str(entry['column']), {})
        if set(before) & set(said):
            raise _Unclear(f'two conditions on {quote(entry["column"])}')
        before.update(said)
    return merged


def _wish(said: Mapping[str, Any], column: Column) -> Json:
    """What ``RangeCondition`` takes for one column."""
    kinds = [kind for kind in KINDS_OF_WISH if any(said.get(key) not in (None, []) for key in kind)]
    if len(kinds) != 1:
        raise _Unclear(f'{len(kinds)} kinds of condition on {quote(column.name)}')
    if 'missing' in said:
        return _missing_or_not(said['missing'])
    if 'one_of' in said:
        return [_value(value, column) for value in said['one_of']]
    if 'none_of' in said:
        excluded = [_value(value, column) for value in said['none_of']]
        return [value for value in _all_values(column) if value not in excluded]
    ends = {key: _value(value, column) for key, value in said.items()}
    lows = [ends['at_least']] if 'at_least' in ends else []
    lows += [next_to(ends['more_than'], column, 'low')] if 'more_than' in ends else []
    highs = [ends['at_most']] if 'at_most' in ends else []
    highs += [next_to(ends['less_than'], column, 'high')] if 'less_than' in ends else []
    if column.kind == 'datetime':
        lows, highs = list(map(pd.Timestamp, lows)), list(map(pd.Timestamp, highs))
    return max(lows, default=None), min(highs, default=None)


def _value(value: Json, column: Column) -> Json:
    """A value read as leniently as in a generated row; one that is unknown stays as it is."""
    if isinstance(value, (list, dict)):
        raise _Unclear(f'{value!r} is no value of {quote(column.name)}')
    return read_leniently(value, column)


def _all_values(column: Column) -> list[Any]:
    if column.kind == 'boolean':
        return [True, False]
    if column.kind != 'categorical':
        raise _Unclear(f'{quote(column.name)} has no categories to exclude')
    return list(map(to_json, column.categories))


def _missing_or_not(missing: Json) -> Json:
    """A missing value, or any other."""
    return None if str(missing).lower() == 'true' else (None, None)


def conditions_schema(names: tuple[str, ...]) -> dict[str, Any]:
    """JSON Schema of a reply on columns of these names."""
    entry = {
        'column': {'type': 'string', 'enum': list(names)},
        'one_of': VALUES,
        'none_of': VALUES,
        **dict.fromkeys(('at_least', 'more_than', 'at_most', 'less_than'), END),
        'missing': {'anyOf': [{'type': 'boolean'}, NULL]},
    }
    parts = {
        'conditions': {'type': 'array', 'items': closed_object(entry)},
        'not_expressible': {'type': 'array', 'items': {'type': 'string'}},
    }
    return closed_object(parts)
