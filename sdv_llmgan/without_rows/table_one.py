"""The first table of a paper as CSV: one statistic a line.

variable,level,statistic,value,group
age,,mean,54.4,
age,,mean,57.0,disease=yes
sex,F,percent,32,
age,pressure,correlation,0.28,
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.table.column import quote

#: What a line may tell, beside shares and quantiles.
FIGURES = ('mean', 'sd', 'minimum', 'maximum', 'zeros', 'missing', 'decimals')
ALSO = {'min': 'minimum', 'max': 'maximum', 'median': 'p50', 'q1': 'p25', 'q3': 'p75'}
QUANTILE = re.compile(r'p(\d+(?:\.\d+)?)')
NEEDED = ('variable', 'statistic', 'value')


def read_table_one(path: Path, declared: Mapping[str, Mapping[str, Any]]) -> Json:
    """Statistics in the form that ``Statistics.from_dict`` reads.

    Args:
        path: The file, in UTF-8.
        declared: The metadata's entries by column.

    Raises:
        ValueError: A line says what is no statistic.
    """
    lines = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    if lacking := [name for name in NEEDED if name not in lines]:
        raise ValueError(f'{path} lacks the column {quote(lacking[0])}; see docs/without-rows.md.')
    columns: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {}
    correlations: list[Json] = []
    for number, line in enumerate(lines.to_dict('records'), start=2):
        where = f'{path}, line {number}'
        name, level = line['variable'], line.get('level', '')
        kind = line['statistic'].strip().lower()
        if kind == 'correlation':
            correlations.append([name, level, _number(line['value'], where)])
            continue
        group = line.get('group', '')
        told = groups.setdefault(group, {}) if group else columns
        is_date = declared.get(name, {}).get('sdtype') == 'datetime'
        _tell(told.setdefault(name, {}), ALSO.get(kind, kind), level, line['value'], where, is_date)
    found = [columns, *groups.values()]
    for told in (one for part in found for one in part.values()):
        if 'shares' in told:
            told['shares'] = typed(told['shares'])
    split = {group: group.partition('=') for group in groups}
    return {
        'columns': columns,
        'correlations': correlations,
        'groups': [
            {'column': split[group][0], 'level': _plain(split[group][2]), 'columns': told}
            for group, told in groups.items()
        ],
    }


def _tell(
    told: dict[str, Any], kind: str, level: str, value: str, where: str, is_date: bool
) -> None:
    cell: Json = value if is_date and kind not in FIGURES[4:] else _number(value, where)
    if kind in ('share', 'percent'):
        told.setdefault('shares', []).append([level, cell / 100 if kind == 'percent' else cell])
    elif found := QUANTILE.fullmatch(kind):
        told.setdefault('quantiles', []).append([float(found[1]) / 100, cell])
    elif kind in FIGURES:
        told[kind] = int(cell) if kind == 'decimals' else cell
    else:
        raise ValueError(
            f'{where}: {quote(kind)} is no statistic. There are: share, percent, '
            f'{", ".join([*FIGURES, *ALSO])}, p5 (or another percentile), correlation.'
        )


def _number(cell: str, where: str) -> float:
    try:
        return float(cell.strip().rstrip('%'))
    except ValueError as error:
        raise ValueError(f'{where}: the value must be a number, got {cell!r}.') from error


def _plain(cell: str) -> Json:
    """A level that reads as a number is one."""
    try:
        number = float(cell)
    except ValueError:
        return cell
    return int(number) if number.is_integer() else number


def typed(pairs: list[list[Json]]) -> list[list[Json]]:
    """Pairs of a level and its share; levels in text are numbers where all of them read as such."""
    plain = [_plain(level) for level, _ in pairs]
    if any(isinstance(level, str) for level in plain):
        return pairs
    return [[level, share] for level, (_, share) in zip(plain, pairs, strict=True)]
