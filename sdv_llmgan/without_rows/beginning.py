"""All that a start without rows knows, as one value, and the rows that are made of it.

statistics, knowledge, a model's answers -> Beginning -> rows as SDV stores them
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sdv_llmgan.formats.words import and_list, plural
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.knowledge import Knowledge
from sdv_llmgan.table.column import quote
from sdv_llmgan.table.types import SDVMetadata
from sdv_llmgan.without_rows.draw import draw_rows
from sdv_llmgan.without_rows.influence import Influence, as_effects, influences
from sdv_llmgan.without_rows.outline import Outline, schema_of
from sdv_llmgan.without_rows.statistics import Declared, Statistics

#: Rows that a sampler is fitted on; more would say no more, but take longer.
MADE_ROWS = 1_000
#: Rounds, each of ``MADE_ROWS`` rows, in which rows that keep all constraints are looked for.
ROUNDS = 40
DATE = '%Y-%m-%d'
MADE_WITHOUT_DATA = 'made without data'
#: What sources begin with that are models; the others are published, or the user.
BY_MODEL = 'the model'
#: A pattern of a key that digits alone meet.
DIGITS = re.compile(r'(\\d|\[0-9\]|[0-9{},+*])+')


@dataclass(frozen=True)
class Beginning:
    """What a table holds, as far as anybody knows without a row of it.

    Attributes:
        outlines: The columns that are modelled, by name.
        influences: What pulls what.
        graph: Of the influences.
        knowledge: The same in words: effects, shares and quartiles, rules.
        sources: Who told of it, in words.
    """

    outlines: Mapping[str, Outline]
    influences: tuple[Influence, ...]
    graph: CausalGraph
    knowledge: Knowledge
    sources: tuple[str, ...]

    @classmethod
    def of(
        cls,
        outlines: Mapping[str, Outline],
        knowledge: Knowledge,
        statistics: Statistics,
        sources: tuple[str, ...],
    ) -> Beginning:
        """Put together what is known.

        Raises:
            ValueError: Knowledge or statistics name a level that a column does not have.
        """
        schema = schema_of(outlines)
        Knowledge(typical=knowledge.typical).check(schema)
        typical = tuple(t for one in outlines.values() if (t := one.typical) is not None)
        Knowledge(knowledge.effects, typical).check(schema)
        _check_groups(statistics, outlines)
        levels = {name: one.levels for name, one in outlines.items()}
        found, graph = influences(knowledge, statistics, levels)
        published = as_effects(found, statistics)
        settled = {frozenset(one.edge) for one in published}
        kept = (e for e in knowledge.effects if frozenset(e.edge) not in settled)
        Knowledge(limits=knowledge.limits).check(schema)
        told = Knowledge((*published, *kept), typical, knowledge.rules, knowledge.limits)
        return cls(outlines, tuple(found), graph, told, sources)

    @property
    def note(self) -> str:
        """What was known and who said it, in a sentence."""
        said = and_list(list(self.sources)) or 'nobody'
        effects = plural(len(self.knowledge.effects), 'effect')
        apart = '' if self.influences else ': columns tell nothing of each other'
        return f'{MADE_WITHOUT_DATA}, by what {said} told; {effects}{apart}'

    def plain_rows(self, num_rows: int, seed: int) -> pd.DataFrame:
        """Plain rows of the columns that are known, some cells missing, shape (num_rows, n_known).

        Args:
            num_rows: How many, >= 1.
            seed: Makes them repeatable.
        """
        rng = np.random.default_rng(seed)
        rows = draw_rows(self.outlines, self.influences, self.graph, num_rows, rng)
        for name, one in self.outlines.items():
            gone = rng.random(num_rows) < (one.figures.missing or 0.0)
            if one.kind == 'datetime':
                rows[name] = pd.to_datetime(rows[name].round().astype('int64'))
            elif one.levels:
                rows[name] = rows[name].astype(object).where(~gone, None)
                continue
            rows[name] = rows[name].mask(gone)
        return rows

    def rows(
        self,
        declared: Declared,
        constraints: Sequence[Any],
        metadata: SDVMetadata,
        seed: int,
    ) -> pd.DataFrame:
        """Rows as SDV stores them, with all columns, shape (``MADE_ROWS``, n_columns).

        Args:
            declared: The metadata's entries of all columns, in order.
            constraints: SDV's, which the rows keep.
            metadata: SDV's, for the constraints.
            seed: Makes them repeatable.

        Raises:
            ValueError: Hardly any row keeps the constraints and known limits.
        """
        rng = np.random.default_rng(seed)
        parts, count = [], 0
        for _ in range(ROUNDS):
            plain = draw_rows(self.outlines, self.influences, self.graph, MADE_ROWS, rng)
            stored = pd.DataFrame({
                name: _stored(one, plain[name], declared[name], rng)
                for name, one in self.outlines.items()
            })
            whole = with_keys(stored, declared, count)
            kept = np.ones(len(whole), dtype=bool)
            for limit in self.knowledge.limits:
                kept &= ~limit.breaks(plain).to_numpy(dtype=bool)
            for rule in constraints:
                kept &= np.asarray(rule.is_valid(whole, metadata), dtype=bool)
            parts.append(stored[kept])
            count += int(kept.sum())
            if count >= MADE_ROWS:
                break
        else:
            raise ValueError(
                f'Of {ROUNDS * MADE_ROWS:,} rows made of what is known {count:,} keep all '
                f'constraints and limits, and {MADE_ROWS:,} are needed: what is known contradicts '
                'them.'
            )
        rows = pd.concat(parts, ignore_index=True).head(MADE_ROWS)
        return with_keys(rows, declared, 0)


def _check_groups(statistics: Statistics, outlines: Mapping[str, Outline]) -> None:
    for one in statistics.groups:
        named = [(one.column, one.level)]
        named += [(name, level) for name, told in one.columns.items() for level, _ in told.shares]
        for name, level in named:
            if level not in outlines[name].levels:
                raise ValueError(
                    f'statistics, groups: {quote(name)} has no level {quote(level)}. There are: '
                    f'{", ".join(map(quote, outlines[name].levels)) or "none"}.'
                )


def _stored(
    one: Outline, values: pd.Series, declared: Mapping[str, Any], rng: np.random.Generator
) -> pd.Series:
    """Plain values as the table stores them, some of them missing."""
    gone = rng.random(len(values)) < (one.figures.missing or 0.0)
    if one.kind == 'datetime':
        times = pd.to_datetime(values.round().astype('int64'))
        form = declared.get('datetime_format') or DATE
        return times.dt.strftime(form).astype(object).mask(gone)
    if one.kind in ('integer', 'number'):
        is_whole = one.kind == 'integer' and not gone.any()
        return values.astype('int64') if is_whole else values.astype(float).mask(gone)
    if gone.any():
        return values.astype(object).mask(gone)
    return values.infer_objects()


def with_keys(rows: pd.DataFrame, declared: Declared, start: int) -> pd.DataFrame:
    """The same rows with stand-ins in columns that are not modelled; SDV makes those up anew."""
    numbers = range(start, start + len(rows))
    columns = {}
    for name, entry in declared.items():
        if name in rows:
            columns[name] = rows[name]
        elif DIGITS.fullmatch(str(entry.get('regex_format', ''))):
            columns[name] = pd.Series([str(number) for number in numbers], index=rows.index)
        else:
            columns[name] = pd.Series([f'{name} {number}' for number in numbers], index=rows.index)
    return pd.DataFrame(columns)
