"""SDV's constraints in words, as a model is told them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sdv.cag import FixedCombinations, FixedIncrements, Inequality, OneHotEncoding, Range
from sdv.cag.base import BaseConstraint

from sdv_llmgan.table.column import quote


def rule_words(rule: BaseConstraint) -> str:
    """A constraint in a sentence."""
    makers: dict[type, Callable[..., str]] = {
        FixedCombinations: _combination_words,
        FixedIncrements: _increment_words,
        Inequality: _inequality_words,
        OneHotEncoding: _one_hot_words,
        Range: _range_words,
    }
    for kind, make in makers.items():
        if isinstance(rule, kind):
            return make(**parameters(rule))
    return _programmed_words(rule)


def _combination_words(column_names: Sequence[str], **_: object) -> str:
    return f'Values of {listed(column_names)} go together as they do in the real rows.'


def _increment_words(column_name: str, increment_value: float, **_: object) -> str:
    return f'{quote(column_name)} is a multiple of {increment_value:g}.'


def _inequality_words(
    low_column_name: str,
    high_column_name: str,
    strict_boundaries: bool,
    **_: object,
) -> str:
    relation = 'less than' if strict_boundaries else 'at most'
    return f'{quote(low_column_name)} is {relation} {quote(high_column_name)}.'


def _one_hot_words(column_names: Sequence[str], **_: object) -> str:
    return f'Exactly one of {listed(column_names)} is set, the others are not.'


def _range_words(
    low_column_name: str,
    middle_column_name: str,
    high_column_name: str,
    strict_boundaries: bool,
    **_: object,
) -> str:
    relation = 'less than' if strict_boundaries else 'at most'
    low, middle, high = map(quote, (low_column_name, middle_column_name, high_column_name))
    return f'{low} is {relation} {middle}, and {middle} is {relation} {high}.'


def _programmed_words(rule: BaseConstraint) -> str:
    """What a rule in code says of itself: its own docstring, else its name."""
    inner = getattr(rule, 'programmable_constraint', rule)
    written = inspect.cleandoc(type(inner).__doc__ or '').split('\n\n')[0].replace('\n', ' ')
    return written or f'The rule {quote(type(inner).__name__)} holds.'


def parameters(rule: BaseConstraint) -> dict[str, Any]:
    """The arguments that a constraint was made with, by name."""
    return dict(rule.get_constraint_dict()['parameters'])


def listed(names: Iterable[str]) -> str:
    """Names, quoted, in a row."""
    return ', '.join(map(quote, names))
