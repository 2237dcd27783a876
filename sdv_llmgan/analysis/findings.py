"""The worst problems in words, for people and for the model that rewrites the process.

diagnostics -> tests of one kind -> those beyond chance (Benjamini-Hochberg) and beyond what
matters -> strongest first

All in all, an honest sample gets a finding in about ``FALSE_ALARMS`` of the cases at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal

import pandas as pd
from scipy.stats import false_discovery_control

from sdv_llmgan.analysis.columns import (
    CategoricalColumn,
    CategoryShares,
    ColumnDiagnostics,
    NumericalColumn,
)
from sdv_llmgan.analysis.copies import Copies
from sdv_llmgan.analysis.missing import Missingness
from sdv_llmgan.analysis.pairs import Pair
from sdv_llmgan.table.rounding import nearest
from sdv_llmgan.table.schema import Column, TableSchema, quote
from sdv_llmgan.table.types import Cell

Topic = Literal[
    'shape', 'narrow', 'outside', 'dependence', 'missing', 'missing together', 'copies', 'too exact'
]

#: Chance that an honest sample gets any finding, shared by the topics.
FALSE_ALARMS = 0.02
TOPICS = 8
#: What is less than this is no problem, however sure it is.
LEAST = {
    'shape': 0.05,
    'narrow': 0.1,
    'outside': 0.01,
    'dependence': 0.05,
    'missing': 0.02,
    'missing together': 0.1,
    'copies': 0.01,
    'too exact': 0.2,
}
#: Names, categories and lists are cut to this, so that no finding gets long.
LONGEST_WORD = 40
LONGEST_LIST = 3
#: Stands for real categories of few rows; see ``CategoricalColumn.rare``.
OTHERS = 'others, of few rows each'
MEASURE_WORDS = {
    'pearson': 'correlation',
    'correlation_ratio': 'correlation ratio',
    'cramers_v': "Cramér's V",
}


@dataclass(frozen=True)
class Finding:
    """A problem that is neither chance nor trifling.

    Attributes:
        topic: ``shape`` (shares or values differ), ``narrow`` (part of the real range is never
            reached), ``outside`` (values beyond it), ``dependence``, ``missing`` (rates),
            ``missing together``, ``copies`` (exact, near or repeated rows), ``too exact``.
        columns: Whose problem it is; empty for whole rows.
        strength: How great it is, in [0, 1]; a difference of shares or of a similarity from 1.
        p_value: Chance of as much in an honest sample, before counting the number of tests.
        text: The same in words, with figures.
    """

    topic: Topic
    columns: tuple[str, ...]
    strength: float
    p_value: float
    text: str


def find_problems(
    columns: Sequence[ColumnDiagnostics],
    pairs: Sequence[Pair],
    missing: Missingness,
    copies: Copies,
    schema: TableSchema,
) -> tuple[Finding, ...]:
    """All findings, strongest first."""
    candidates = [
        *(finding for column in columns for finding in _column_findings(column, schema)),
        *(_pair_finding(pair) for pair in pairs),
        *_missing_findings(missing),
        *_copy_findings(copies),
    ]
    topics = dict.fromkeys(finding.topic for finding in candidates)
    sure = [
        finding
        for topic in topics
        for finding in _beyond_chance([one for one in candidates if one.topic == topic])
    ]
    matter = [finding for finding in sure if finding.strength >= LEAST[finding.topic]]
    return tuple(sorted(matter, key=lambda finding: -finding.strength))


def most_telling(
    columns: Sequence[ColumnDiagnostics], pairs: Sequence[Pair], schema: TableSchema
) -> list[Finding]:
    """What differs most between the tables in single columns and in pairs, surest first.

    Chance may have done it: these are not held against the number of tests.
    """
    found = [finding for column in columns for finding in _column_findings(column, schema)]
    found = [finding for finding in found if finding.topic == 'shape']
    found += map(_pair_finding, pairs)
    return sorted(found, key=lambda finding: (finding.p_value, -finding.strength))


def _beyond_chance(findings: Sequence[Finding]) -> list[Finding]:
    adjusted = false_discovery_control([finding.p_value for finding in findings])
    level = FALSE_ALARMS / TOPICS
    return [one for one, p_value in zip(findings, adjusted, strict=True) if p_value <= level]


def _column_findings(column: ColumnDiagnostics, schema: TableSchema) -> Iterator[Finding]:
    if column.similarity is None:
        return
    if isinstance(column, CategoricalColumn):
        text = f'{_word(column.name)}: {_category_words(column)}'
        yield Finding('shape', (column.name,), _category_strength(column), column.p_value, text)
        return
    if not column.real_quantiles:
        return
    yield from _number_findings(column, schema[column.name])


def _category_strength(column: CategoricalColumn) -> float:
    """Greatest difference of a share, or what the categories compared together tell."""
    greatest = max((abs(one.real - one.synthetic) for one in column.differing), default=0.0)
    return max(greatest, 1 - (column.js if column.js is not None else 1.0))


def _category_words(column: CategoricalColumn) -> str:
    differing = [one for one in column.differing if one.category not in column.rare]
    parts = [_share_words(one) for one in differing if abs(one.real - one.synthetic) >= 0.02]
    told = {*column.rare, *(one.category for one in differing)}
    missing = [_word(one) for one in column.missing if one not in told]
    missing += [OTHERS] if set(column.missing) & set(column.rare) else []
    text = '; '.join(parts[:LONGEST_LIST]) or 'the shares of the categories differ'
    if missing:
        text += f'; never written: {_listed(missing)}'
    if column.unseen and column.outside:
        text += f'; not in the real data ({column.outside:.0%} of values): '
        text += _listed(map(_word, column.unseen))
    return text


def _share_words(one: CategoryShares) -> str:
    return f'category {_word(one.category)} is {one.real:.0%} real, {one.synthetic:.0%} synthetic'


def _number_findings(column: NumericalColumn, described: Column) -> Iterator[Finding]:
    name, subject = (column.name,), _word(column.name)
    if column.kind == 'text':
        subject += ' (length of the text)'
    real, synthetic = (
        [_value_words(value, described) for value in quantiles]
        for quantiles in (column.real_quantiles, column.synthetic_quantiles)
    )
    shape = (
        f'{subject}: median {real[1]} real, {synthetic[1]} synthetic; the middle 90% of values '
        f'lie in {real[0]} to {real[2]} real, {synthetic[0]} to {synthetic[2]} synthetic'
    )
    yield Finding('shape', name, 1 - (column.ks or 0.0), column.p_value, shape)
    coverage, expected = column.coverage or 0.0, column.expected_coverage or 1.0
    narrow = (
        f'{subject} is too narrow: synthetic covers {coverage:.0%} of the real range; the middle '
        f'90% lie in {synthetic[0]} to {synthetic[2]}, real in {real[0]} to {real[2]}'
    )
    yield Finding('narrow', name, max(0.0, 1 - coverage / expected), column.p_narrow, narrow)
    outside = (
        f'{subject}: {column.outside:.0%} of the synthetic values lie beyond the real minimum '
        'and maximum'
    )
    yield Finding('outside', name, column.outside or 0.0, column.p_outside, outside)


def _pair_finding(pair: Pair) -> Finding:
    words = MEASURE_WORDS[pair.measure]
    text = (
        f'{_word(pair.first)} and {_word(pair.second)}: {words} {pair.real:.2f} real, '
        f'{pair.synthetic:.2f} synthetic'
    )
    # Unlike Pearson's r, the other coefficients have no sign to show it.
    turned = abs(pair.real - pair.synthetic) < 1 - pair.similarity
    if pair.measure != 'pearson' and turned:
        text += '; other values go together than in the real data'
    return Finding('dependence', (pair.first, pair.second), 1 - pair.similarity, pair.p_value, text)


def _missing_findings(missing: Missingness) -> Iterator[Finding]:
    for rate in missing.rates:
        text = (
            f'{_word(rate.name)}: missing in {rate.real:.0%} of the real rows, '
            f'{rate.synthetic:.0%} of the synthetic ones'
        )
        yield Finding('missing', (rate.name,), 1 - rate.similarity, rate.p_value, text)
    for pair in missing.together:
        text = (
            f'{_word(pair.first)} and {_word(pair.second)}: of the rows that lack either, '
            f'{pair.real:.0%} lack both in the real data, {pair.synthetic:.0%} in the synthetic'
        )
        names = (pair.first, pair.second)
        yield Finding('missing together', names, 1 - pair.similarity, pair.p_value, text)


def _copy_findings(copies: Copies) -> Iterator[Finding]:
    kinds = (
        (copies.exact, copies.expected_exact, copies.p_exact, 'equal a real row'),
        (copies.near, copies.expected_near, copies.p_near, 'almost equal a real row'),
        (copies.repeated, copies.expected_repeated, copies.p_repeated, 'repeat an earlier one'),
    )
    for share, expected, p_value, words in kinds:
        text = (
            f'copies: {share:.0%} of the synthetic rows {words} (expected {expected:.0%}); '
            'write new rows, with more variety'
        )
        yield Finding('copies', (), max(0.0, share - expected), p_value, text)
    text = (
        f'frequencies are too exact: they differ from the real ones {copies.misfit:.0%} as much '
        'as random draws would; draw values instead of counting them out'
    )
    yield Finding('too exact', (), max(0.0, 1 - copies.misfit), copies.p_too_exact, text)


def _value_words(value: float, column: Column) -> str:
    if column.coarse:
        value = _rounded(value, column)
    if column.kind == 'datetime':
        return datetime.fromtimestamp(value, timezone.utc).strftime(column.datetime_format)
    # As many digits as tell values apart, less two: findings are about typical ones.
    decimals = max(column.decimals - 2, min(column.decimals, 4))
    return f'{round(float(value), decimals):.10g}'


def _rounded(value: float, column: Column) -> float:
    """A figure of a column of which no real one may be told."""
    if column.kind == 'datetime':
        spread = pd.Timestamp(str(column.maximum)) - pd.Timestamp(str(column.minimum))
        return nearest(pd.Timestamp(value, unit='s'), spread / 10).timestamp()
    if column.kind == 'text':
        return nearest(value, max(1.0, (column.max_length - column.min_length) / 10))
    return nearest(value, (float(column.maximum or 0) - float(column.minimum or 0)) / 10)


def _word(value: Cell) -> str:
    text = quote(value if isinstance(value, (bool, int, float)) else str(value))
    return text if len(text) <= LONGEST_WORD else f'{text[: LONGEST_WORD - 2]}…"'


def _listed(words: Iterable[str]) -> str:
    words = list(words)
    more = len(words) - LONGEST_LIST
    return ', '.join(words[:LONGEST_LIST]) + (f' and {more} more' if more > 0 else '')
