"""``--where age=30..40``: from what is typed to a condition on columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sdv_llmgan.rules.conditions import RangeCondition
from sdv_llmgan.table.schema import Column, TableSchema
from sdv_llmgan.table.types import Cell
from sdv_llmgan_cli.speech import Misused

WORDS = {'true': True, 'yes': True, '1': True, 'false': False, 'no': False, '0': False}
FORM = 'Write COLUMN=VALUE, COLUMN=LOW..HIGH (either end may be left out) or COLUMN=A|B'


def parse_wishes(
    texts: Sequence[str], schema: TableSchema, columns: Sequence[str], num_rows: int
) -> RangeCondition:
    """A condition that all rows are to meet.

    Args:
        texts: Such as ``'age=30..40'``, ``'sex=F|M'``, ``'note='`` (missing), ``'note=..'`` (not
            missing).
        schema: The columns that the model sees, for what their values are.
        columns: All columns of the table.
        num_rows: Rows wanted, >= 1.

    Raises:
        Misused: A text is no condition, or names an unknown column or one twice.
    """
    wishes: dict[str, Any] = {}
    for text in texts:
        name = _name(text, columns)
        if name in wishes:
            raise Misused(f'--where names "{name}" twice; one condition a column is possible.')
        typed = text[len(name) + 1 :]
        wishes[name] = _wish(typed, schema[name]) if name in schema.names else typed
    return RangeCondition(wishes, num_rows=num_rows)


def _name(text: str, columns: Sequence[str]) -> str:
    """The column that a text begins with; names may hold an equals sign themselves."""
    found = [name for name in columns if text.startswith(f'{name}=')]
    if found:
        return max(found, key=len)
    if '=' not in text:
        raise Misused(f'--where cannot read {text!r}. {FORM}.')
    raise Misused(
        f'--where names an unknown column "{text.partition("=")[0]}". There are: '
        f'{", ".join(columns)}.'
    )


def _wish(typed: str, column: Column) -> Cell:
    if typed == '':
        return None
    known = {str(category): category for category in column.categories}
    if typed in known:
        return known[typed]
    low, dots, high = typed.partition('..')
    if typed == '..' or (dots and column.minimum is not None):
        return tuple(_value(end, column) if end else None for end in (low, high))
    if '|' in typed:
        return [_value(part, column) for part in typed.split('|')]
    return _value(typed, column)


def _value(typed: str, column: Column) -> Cell:
    known = {str(category): category for category in column.categories}
    if typed in known:
        return known[typed]
    if column.kind == 'boolean' or (known and known.keys() <= {'True', 'False'}):
        if typed.lower() not in WORDS:
            raise Misused(f'"{column.name}" is true or false, got {typed!r}.')
        return WORDS[typed.lower()]
    if column.kind in ('integer', 'number'):
        try:
            return int(typed) if column.kind == 'integer' else float(typed)
        except ValueError:
            point = ' Write decimals with a point.' if ',' in typed else ''
            raise Misused(f'"{column.name}" holds numbers, got {typed!r}.{point} {FORM}.') from None
    return typed
