"""Directions by rule: plain sentences on the columns that gave rows away, without any model.

rows of the best process -> the analyzer's findings -> their columns and pairs -> real figures

    Keep to these figures: Of 100 rows about 80 have smoker = no, 20 yes. Half of the values of bmi
    lie between 26 and 34, 1 in 20 below 19, 1 in 20 above 44.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.roles.optimizer import bounded, instruction_length
from sdv_llmgan.table.column import Column, quote, to_python
from sdv_llmgan.table.rounding import nearest
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.summaries import MIN_ROWS_TOLD, SHARE_STEP
from sdv_llmgan.table.types import Cell

#: What stands before the sentences by rule, so that the next ones can take their place.
MARK = 'Keep to these figures:'
#: Values of a column that are named at most, and groups that are compared.
MOST_VALUES = 4
MOST_GROUPS = 3
#: A number is told value by value where it has so few, or where one value has such a share.
FEW_VALUES = 6
SPIKE = 0.3
#: Correlations from which a tie is called strong, clear and weak.
STRONG, CLEAR, WEAK = 0.6, 0.3, 0.1
#: Values that need no quotes.
PLAIN = re.compile(r'[\w.+<>=/&-]+( [\w.+<>=/&-]+)*')


class Directions:
    """Writes instructions from figures of the training rows, as models may see them.

    Args:
        training: The rows as models see them, plain, shape (n_rows, n_columns).
        schema: The columns as models see them. Figures of a coarse column are told rounded.
        capped: Whether only statistics may leave, so that shares are rounded, too.
    """

    def __init__(
        self, training: pd.DataFrame, schema: TableSchema, *, capped: bool = False
    ) -> None:
        self.training, self.schema = training, schema
        self.step = SHARE_STEP if capped else 0.01

    def write(
        self, process: GenerationProcess, topics: Sequence[tuple[str, ...]]
    ) -> GenerationProcess:
        """A process with figures for the columns and pairs that matter.

        Args:
            process: Whose instruction comes first; earlier sentences by rule are taken out.
            topics: Names of one or two columns each, the most telling first.
        """
        facts = self.facts(topics)
        before = process.instruction.partition(MARK)[0].strip()
        room = instruction_length(len(self.schema.names)) - len(before) - 1
        told = ' '.join([MARK, *facts])
        if not facts or room <= len(MARK) + len(facts[0]):
            return process
        return process.revised(instruction=f'{before} {bounded(told, room)}')

    def facts(self, topics: Sequence[tuple[str, ...]]) -> list[str]:
        """A sentence on each topic of which there is one; see ``write``."""
        return [fact for topic in topics if (fact := self._fact(topic))]

    def _fact(self, topic: tuple[str, ...]) -> str:
        columns = [self.schema[name] for name in topic]
        rows = self.training[list(topic)].dropna()
        if len(rows) < 2 * MIN_ROWS_TOLD or any(column.kind == 'text' for column in columns):
            return ''
        if len(columns) == 1:
            return _one(columns[0], rows[topic[0]], self.step)
        kinds = [_is_number(column) for column in columns]
        if all(kinds):
            return _numbers(columns, rows)
        first, second = columns if not kinds[0] else columns[::-1]
        return _groups(first, second, rows, self.step)


def _is_number(column: Column) -> bool:
    return column.kind in ('integer', 'number', 'datetime')


def _one(column: Column, values: pd.Series, step: float) -> str:
    """What is typical of a column."""
    shares = values.value_counts(normalize=True)
    is_spike = shares.iloc[0] >= SPIKE
    if not _is_number(column) or len(shares) <= FEW_VALUES:
        return _shares(column, values, step)
    name = _word(column.name)
    low, below, above, high = (
        _figure(column, value) for value in values.quantile([0.05, 0.25, 0.75, 0.95])
    )
    if is_spike and not column.coarse:
        words = [f'About {_of_100(shares.iloc[0], step)} of 100 rows have {name} = ']
        words += [f'{_figure(column, shares.index[0])}.']
        others = values[values != shares.index[0]]
        if len(others) >= MIN_ROWS_TOLD:
            ends = (_figure(column, end) for end in others.quantile([0.25, 0.75]))
            words += [f' Of the others half lie between {" and ".join(ends)}.']
        return ''.join(words)
    if below == above:
        return f'{name} is mostly {below}.'
    tails = f', 1 in 20 below {low}, 1 in 20 above {high}' if low < below and above < high else ''
    if column.kind == 'datetime':
        tails = ''
    return f'Half of the values of {name} lie between {below} and {above}{tails}.'


def _shares(column: Column, values: pd.Series, step: float) -> str:
    """How frequent the values of a column of few are."""
    counts = values.map(column.to_json_value).value_counts()
    told = [
        (value, count)
        for value, count in counts.items()
        if count >= MIN_ROWS_TOLD and value != column.unsaid
    ][:MOST_VALUES]
    if not told:
        return ''
    parts = [f'{_of_100(count / len(values), step)} have {_value(value)}' for value, count in told]
    parts[0] = parts[0].replace('have ', f'have {_word(column.name)} = ', 1)
    last = [' and '.join(parts[-2:])]
    return f'Of 100 rows about {", ".join([*parts[:-2], *last])}.'


def _numbers(columns: Sequence[Column], rows: pd.DataFrame) -> str:
    """How two numbers go together."""
    one, other = (
        values.astype('int64').astype(float) if values.dtype.kind == 'M' else values.astype(float)
        for values in (rows[column.name] for column in columns)
    )
    if one.nunique() < 2 or other.nunique() < 2:
        return ''
    r = float(one.rank().corr(other.rank()))
    first, second = (_word(column.name) for column in columns)
    if abs(r) < WEAK:
        return f'{first} and {second} have little to do with each other.'
    tie = 'strong' if abs(r) >= STRONG else 'clear' if abs(r) >= CLEAR else 'weak'
    end = 'high' if r > 0 else 'low'
    return f'Rows with a high {first} tend to have a {end} {second}; the tie is {tie}.'


def _groups(first: Column, second: Column, rows: pd.DataFrame, step: float) -> str:
    """What is typical of a column in each of a few groups of rows."""
    parts: list[str] = []
    name = _word(second.name)
    for value, group in _frequent(first, rows):
        if _is_number(second):
            told = f'is typically {_figure(second, group[second.name].median())}'
        else:
            counts = group[second.name].map(second.to_json_value).value_counts()
            if counts.iloc[0] < MIN_ROWS_TOLD or counts.index[0] == second.unsaid:
                continue
            share = _of_100(counts.iloc[0] / len(group), step)
            told = f'is {_value(counts.index[0])} in {share} of 100 rows'
        parts.append(
            f'where {_word(first.name)} = {value}, {name} {told}'
            if not parts
            else f'where {value}, it {told}'
        )
    text = '; '.join(parts)
    return f'{text[0].upper()}{text[1:]}.' if len(parts) > 1 else ''


def _frequent(column: Column, rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The most frequent groups of rows, of enough rows to be told."""
    values = rows[column.name].map(column.to_json_value)
    for value, count in list(values.value_counts().items())[:MOST_GROUPS]:
        if count >= MIN_ROWS_TOLD and value != column.unsaid:
            yield _value(value), rows[values == value]


def _of_100(share: float, step: float) -> int:
    return round(100 * step * round(share / step))


def _figure(column: Column, value: Cell) -> str:
    """A figure in few digits; of a coarse column one that no row need have."""
    if column.kind == 'datetime':
        moment = pd.Timestamp(value)
        if column.coarse:
            spread = pd.Timestamp(str(column.maximum)) - pd.Timestamp(str(column.minimum))
            moment = nearest(moment, spread / 10)
        return moment.strftime('%Y-%m-%d')
    number = float(value)
    if column.coarse:
        number = nearest(number, (float(column.maximum or 0) - float(column.minimum or 0)) / 10)
    digits = 2 - int(np.floor(np.log10(abs(number)))) if number else 0
    return f'{round(number, min(digits, column.decimals)):.12g}'


def _word(name: str) -> str:
    return name if PLAIN.fullmatch(name) else quote(name)


def _value(value: Cell) -> str:
    is_plain = isinstance(value, str) and PLAIN.fullmatch(value)
    return str(value) if is_plain else quote(to_python(value))
