"""Conditions in words, turned into conditions that every row can be checked against.

'smokers over 60' -> model, asked once -> RangeCondition({'smoker': [True], 'age': (61, None)})
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sdv_llmgan.column import Column, quote, to_json
from sdv_llmgan.conditions import RangeCondition, next_to
from sdv_llmgan.errors import ReplyError
from sdv_llmgan.process import GenerationProcess
from sdv_llmgan.prompts import interpreter_messages
from sdv_llmgan.providers.base import Provider, Request
from sdv_llmgan.replies import read_json

MAX_TOKENS = 1024
NULL = {'type': 'null'}
END = {'anyOf': [{'type': 'string'}, {'type': 'number'}, NULL]}
VALUE = {'anyOf': [*END['anyOf'], {'type': 'boolean'}]}
VALUES = {'anyOf': [{'type': 'array', 'items': VALUE}, NULL]}


def interpret(
    description: str, num_rows: int, process: GenerationProcess, provider: Provider
) -> RangeCondition:
    """Have a model turn words into a condition.

    Args:
        description: Which rows are wanted.
        num_rows: How many, >= 1.
        process: Knows the columns and the context.
        provider: Who is asked, once.

    Raises:
        ReplyError: The model did not answer in the form asked for.
        ValueError: The description says what conditions on these columns cannot.
    """
    if not description.strip():
        raise ValueError('A description of the rows is needed; this one is blank.')
    completion = provider.complete(
        Request(
            messages=interpreter_messages(process.schema, process.context, description),
            json_schema=conditions_schema(process.schema.names),
            temperature=0.0,
            max_tokens=MAX_TOKENS,
            seed=0,
            role='interpreter',
        )
    )
    reply = read_json(completion.text)
    try:
        missed = list(map(str, reply['not_expressible']))
        entries = {
            str(entry['column']): _wish(entry, process.schema[entry['column']])
            for entry in reply['conditions']
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ReplyError(
            f'Needed conditions on columns for {quote(description)}, got '
            f'{completion.text[:200]!r}. RangeCondition says the same without a model.'
        ) from error
    if missed or not entries:
        raise ValueError(
            f'{quote(description)} cannot be checked on the columns '
            f'{", ".join(map(quote, process.schema.names))}'
            + (f': they cannot say {", ".join(map(quote, missed))}.' if missed else '.')
        )
    return RangeCondition(entries, num_rows)


def _wish(entry: Mapping[str, Any], column: Column) -> Any:  # noqa: ANN401 - value, pair or list
    """What ``RangeCondition`` takes for one column."""
    if entry.get('missing'):
        return None
    if entry.get('one_of'):
        return list(entry['one_of'])
    if entry.get('none_of'):
        categories = column.categories or (True, False)
        return [value for value in categories if to_json(value) not in entry['none_of']]
    low, high = entry.get('at_least'), entry.get('at_most')
    if entry.get('more_than') is not None:
        low = next_to(entry['more_than'], column, 'low')
    if entry.get('less_than') is not None:
        high = next_to(entry['less_than'], column, 'high')
    if low is None and high is None:
        raise KeyError(f'no condition on {column.name}')
    return (low, high)


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
        'conditions': {'type': 'array', 'items': _closed(entry)},
        'not_expressible': {'type': 'array', 'items': {'type': 'string'}},
    }
    return _closed(parts)


def _closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        'type': 'object',
        'properties': dict(properties),
        'required': list(properties),
        'additionalProperties': False,
    }
