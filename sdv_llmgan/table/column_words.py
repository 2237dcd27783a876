"""One column in words, as prompts tell it: by name, by type and range, or with a summary."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sdv_llmgan.table.json_values import quote, to_json

if TYPE_CHECKING:
    from sdv_llmgan.table.column import Column

#: How much of a column a prompt tells: its name alone; its type with categories and range (as
#: MALLM-GAN does); also how common values are and where they lie; or also examples (as SYNTHIA
#: does).
MetadataDetail = Literal['none', 'schema', 'summary', 'full']

#: Longer category lists stand in the prompt in part: every category costs tokens.
CATEGORIES_IN_PROMPT = 50
CATEGORIES_LENGTH = 1_500
#: Rarer categories are told without their share.
LEAST_SHARE = 0.05
ALWAYS_NULL = 'always null'
DATE = '%Y-%m-%d'


def describe(column: Column, detail: MetadataDetail) -> str:
    """A column in words.

    Args:
        column: The column.
        detail: How much to tell; what a condition allows is told in any case.
    """
    if column.only is not None:
        return f'{quote(column.name)}: always {" or ".join(map(quote, column.only))}'
    if detail == 'none' and not column.bounded:
        return quote(column.name)
    is_summed_up = detail in ('summary', 'full')
    words = {
        'categorical': _category_words,
        'boolean': _boolean_words,
        'integer': _whole_words,
        'number': _number_words,
        'datetime': _date_words,
        'text': _text_words,
    }[column.kind](column, is_summed_up)
    if column.nullable and not column.is_empty:
        share = f' ({column.missing:.0%})' if is_summed_up and column.missing else ''
        words += f', or null where the value is missing{share}'
    if detail == 'full':
        words += _example_words(column)
    if column.description:
        words += f'. {column.description}'
    return f'{quote(column.name)}: {words}'


def listed(column: Column) -> list[str]:
    """The categories that a prompt lists, quoted."""
    names = [quote(to_json(value)) for value in column.said[:CATEGORIES_IN_PROMPT]]
    lengths = np.cumsum([len(name) for name in names])
    return names[: max(1, int((lengths <= CATEGORIES_LENGTH).sum()))]


def _category_words(column: Column, is_summed_up: bool) -> str:
    names = listed(column)
    if not names:
        return ALWAYS_NULL
    hidden = len(column.said) - len(names)
    words = f'one of {_with_shares(names, column.shares if is_summed_up else ())}'
    return words + (f' and {hidden} rarer values' if hidden > 0 else '')


def _with_shares(names: Iterable[str], shares: Iterable[float]) -> str:
    """Names with the shares that are known and not small."""
    shares = list(shares)
    names = list(names)
    shares += [0.0] * (len(names) - len(shares))
    # Without spaces a comma between quotes is one token instead of two.
    return ','.join(
        f'{name} ({share:.0%})' if share >= LEAST_SHARE else name
        for name, share in zip(names, shares, strict=False)
    )


def _boolean_words(column: Column, is_summed_up: bool) -> str:
    if not is_summed_up or not column.shares:
        return 'true or false'
    return f'true ({column.shares[0]:.0%}) or false'


def _level_words(column: Column, is_summed_up: bool) -> str:
    names = map(str, column.levels)
    return f'one of {_with_shares(names, column.shares if is_summed_up else ())}'


def _whole_words(column: Column, is_summed_up: bool) -> str:
    if column.few:
        return _level_words(column, is_summed_up)
    step = '' if column.step == 1 else f', a multiple of {column.step}'
    return f'whole number{_range_words(column)}{step}{_summary(column, is_summed_up)}'


def _number_words(column: Column, is_summed_up: bool) -> str:
    if column.few:
        return _level_words(column, is_summed_up)
    digits = f'decimals: {column.decimals}'
    if column.digits:
        digits = f'{column.digits} significant digits and {column.decimals} decimals at most'
    return f'number{_range_words(column)}, {digits}{_summary(column, is_summed_up)}'


def _date_words(column: Column, is_summed_up: bool) -> str:
    form = 'date YYYY-MM-DD' if column.datetime_format == DATE else 'time YYYY-MM-DD HH:MM:SS'
    return f'{form}{_range_words(column)}{_summary(column, is_summed_up)}'


def _text_words(column: Column, is_summed_up: bool) -> str:
    return f'free text, {column.min_length} to {column.max_length} characters'


def _range_words(column: Column) -> str:
    return '' if column.minimum is None else f' from {column.minimum} to {column.maximum}'


def _summary(column: Column, is_summed_up: bool) -> str:
    """Which values stand out, and where the others lie."""
    if not is_summed_up:
        return ''
    words = ''
    if column.levels:
        words += f', often {_with_shares(map(str, column.levels), column.shares)}'
    if column.quartiles:
        quartiles = ', '.join(map(str, column.quartiles))
        words += f', quartiles {"of the others " if words else ""}{quartiles}'
    return words


def _example_words(column: Column) -> str:
    if column.kind == 'categorical':
        return '' if column.unsaid else f'. {len(column.categories)} different values'
    examples: list[Any] = list(column.examples)
    return f'. For example {", ".join(map(quote, examples))}' if examples else ''
