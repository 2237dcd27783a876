"""How many rows of which values a table is to have more of."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, TypeAlias

import pandas as pd

from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.formats.words import plural

#: ``'auto'``: each class as often as the most frequent one; ``'minority'``: only the rarest one; a
#: number in (0, 1]: the rarer of two classes as this share of the other; or rows in all, by class
#: or by range of numbers (low, high), where ``None`` leaves an end open.
Strategy: TypeAlias = str | float | Mapping[Any, int]
#: A class, or a range of numbers.
Kind: TypeAlias = Json | tuple[float | None, float | None]


def rows_wanted(values: pd.Series, strategy: Strategy) -> dict[Kind, int]:
    """How many rows are to be added, by class or range; those of which none are have no entry.

    Args:
        values: Of the column that is unbalanced, shape (n_rows,). Missing values count nowhere.
        strategy: See ``Strategy``.

    Raises:
        ValueError: It does not fit the column, or asks for fewer rows than there are.
    """
    counts = values.dropna().value_counts()
    if isinstance(strategy, Mapping):
        there = {kind: _found(values, kind) for kind in strategy}
        targets = {kind: int(count) for kind, count in strategy.items()}
    elif not len(counts) or _are_no_classes(values, len(counts)):
        raise ValueError(
            f'{values.name} has {plural(len(counts), "value")} in {plural(len(values), "row")}: '
            'these are no classes. Give rows in all by range, such as {(None, 10): 50}.'
        )
    else:
        there = counts.to_dict()
        targets = _targets(there, strategy)
    if short := [
        f'{kind}: {targets[kind]} of {there[kind]}'
        for kind in targets
        if targets[kind] < there[kind]
    ]:
        raise ValueError(f'Rows are added, none taken away; asked for {", ".join(short)}.')
    wanted = {kind: targets[kind] - there[kind] for kind in targets}
    return {kind: count for kind, count in wanted.items() if count}


def _are_no_classes(values: pd.Series, num_values: int) -> bool:
    return pd.api.types.is_numeric_dtype(values) and num_values > len(values) / 2


def _targets(there: Mapping[Any, int], strategy: str | float) -> dict[Any, int]:
    most, least = max(there.values()), min(there, key=there.__getitem__)
    if strategy == 'auto':
        return dict.fromkeys(there, most)
    if strategy == 'minority':
        return {least: most}
    is_share = isinstance(strategy, Real) and 0 < float(strategy) <= 1
    if not is_share or len(there) != 2:
        raise ValueError(
            "strategy must be 'auto', 'minority', rows in all by class or range, or, of two "
            f'classes, a number above 0 and at most 1; got {strategy!r}, and there are '
            f'{len(there)} classes.'
        )
    return {least: max(there[least], round(float(strategy) * most))}


def _found(values: pd.Series, kind: Kind) -> int:
    """How many rows there are of a class or in a range.

    Raises:
        ValueError: There is no such class, or ranges are asked of what are no numbers.
    """
    if not isinstance(kind, tuple):
        found = int((values == kind).sum())
        if not found:
            classes = ', '.join(map(repr, values.dropna().unique()[:20]))
            raise ValueError(f'{values.name} has no class {kind!r}. There are: {classes}.')
        return found
    if not pd.api.types.is_numeric_dtype(values) or len(kind) != 2 or kind == (None, None):
        raise ValueError(
            f'{values.name}: a range is a pair (low, high) of a column of numbers, with one end at '
            f'least; got {kind!r}.'
        )
    low, high = kind
    return int(
        values.between(
            -float('inf') if low is None else low, float('inf') if high is None else high
        ).sum()
    )
