"""SDV's metadata from a file or detected, and tables as either SDV line takes them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import sdv
from sdv.metadata import Metadata

from sdv_llmgan.table.types import SDVData
from sdv_llmgan_cli.speech import Misused, say

#: SDV 2 takes and gives ``{name: table}``, SDV 1.38 the table itself.
TAKES_DICT = int(sdv.__version__.split('.')[0]) >= 2

#: A date without the name of its month, which does not begin with the year.
DATE = re.compile(
    r'\d{1,2}(?P<sign>[-./])\d{1,2}(?P=sign)(?P<year>\d{4}|\d\d)( (?P<clock>\d{1,2}:\d\d(:\d\d)?))?'
)


def read_metadata(
    path: Path | None, table: pd.DataFrame, name: str, types: Sequence[str] = ()
) -> Metadata:
    """SDV's metadata from a file, or detected, which is said.

    Args:
        path: The file; ``None``: there is none.
        table: What is detected from.
        name: The table's.
        types: Other types of single columns; see ``with_types``.

    Raises:
        FileNotFoundError: There is no such file.
        Misused: A type cannot be.
        ValueError: The file is not SDV's metadata of one table.
    """
    if path is None:
        detected = Metadata.detect_from_dataframes({name: table})
        metadata = with_types(detected, [*_missed(detected, table), *types])
        kinds: dict[str, list[str]] = {}
        for column, declared in columns_of(metadata).items():
            kinds.setdefault(declared['sdtype'], []).append(column)
        words = '; '.join(f'{kind}: {", ".join(names)}' for kind, names in kinds.items())
        say(f'Detected {words}. --type and --metadata give other types.')
        for note in _notes(columns_of(metadata), table, types):
            say(f'Note: {note}')
        return metadata
    return with_types(load_metadata(path, name), types)


def load_metadata(path: Path, name: str = 'table') -> Metadata:
    """SDV's metadata from a file.

    Args:
        path: The file.
        name: The table's, where the file names none.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not SDV's metadata of one table.
    """
    if not path.is_file():
        raise FileNotFoundError(f'There is no file {path}.')
    try:
        saved = json.loads(path.read_text(encoding='utf-8'))
        metadata = Metadata.load_from_dict(saved, single_table_name=name)
        metadata.validate()
    except Exception as error:
        raise ValueError(f'{path} is not SDV metadata of a table: {error}') from error
    if len(metadata.tables) != 1:
        raise ValueError(f'{path} has {len(metadata.tables)} tables; one is needed.')
    return metadata


def _missed(metadata: Metadata, table: pd.DataFrame) -> list[str]:
    """Types that SDV does not see: dates by the day first, and fractions that are no key.

    Where each date of a column could be either way, the other columns decide.
    """
    dates = {}
    types = []
    for column, declared in columns_of(metadata).items():
        cells = table[column].dropna()
        if declared.get('pii') or not len(cells):
            continue
        if pd.api.types.is_float_dtype(cells.dtype):
            if declared['sdtype'] == 'id' and (cells % 1 != 0).any():
                types.append(f'{column}=numerical')
        elif all(isinstance(cell, str) for cell in cells):
            dates[column] = _date_forms(cells.unique().tolist())
    days_first = any(len(forms) == 1 and forms[0].startswith('%d') for forms in dates.values())
    for column, forms in dates.items():
        known = columns_of(metadata)[column].get('datetime_format')
        # With points between, the day comes first wherever dates are written so.
        if forms and (known is None or days_first or '.' in forms[0]) and known != forms[0]:
            types.append(f'{column}=datetime:{forms[0]}')
    return types


def _date_forms(cells: Sequence[str]) -> list[str]:
    """The forms of dates without a name of the month that all cells have, the day first."""
    found = DATE.fullmatch(cells[0].strip())
    if found is None:
        return []
    sign = found['sign']
    clock = ['', ' %H:%M', ' %H:%M:%S'][(found['clock'] or '').count(':')]
    year = '%Y' if len(found['year']) == 4 else '%y'
    forms = [f'{sign.join(order)}{clock}' for order in (('%d', '%m', year), ('%m', '%d', year))]
    return [form for form in forms if _all_have(cells, form)]


def _all_have(cells: Sequence[str], form: str) -> bool:
    return bool(pd.to_datetime(pd.Series(cells), format=form, errors='coerce').notna().all())


def _notes(
    declared: dict[str, dict[str, Any]], table: pd.DataFrame, types: Sequence[str]
) -> list[str]:
    """What was detected and could be meant otherwise, by column."""
    said = {text.rpartition('=')[0] for text in types}
    notes = []
    for column, entry in declared.items():
        kind = entry['sdtype']
        is_number = table[column].dtype.kind in 'if'
        other = 'numerical' if is_number else 'categorical'
        if column in said:
            continue
        if kind == 'id' and is_number:
            notes.append(
                f'the numbers in "{column}" all differ, so it was taken for an id, whose '
                f'values are made up. If they mean something: --type "{column}=numerical".'
            )
        elif entry.get('pii'):
            notes.append(
                f'"{column}" was taken for personal data ({kind}), whose values are made up. '
                f'If they are to be learned: --type "{column}={other}".'
            )
        elif kind == 'datetime' and table[column].dtype.kind == 'O':
            forms = _date_forms(table[column].dropna().map(str).unique().tolist())
            taken_form = entry.get('datetime_format')
            if len(forms) == 2 and (others := [form for form in forms if form != taken_form]):
                notes.append(
                    f'the dates in "{column}" were read as {taken_form}, and could be {others[0]}. '
                    f'--type "{column}=datetime:{others[0]}" reads them so.'
                )
    return notes


def with_types(metadata: Metadata, types: Sequence[str]) -> Metadata:
    """The metadata with other types of single columns, which are then no key.

    Args:
        metadata: Of one table.
        types: Such as ``'income=numerical'``, ``'seen=datetime:%d.%m.%Y'``.

    Raises:
        Misused: A text is no such thing, or names an unknown column or type.
    """
    if not types:
        return metadata  # validating personal data takes SDV seconds
    saved = metadata.to_dict()
    table = next(iter(saved['tables'].values()))
    for text in types:
        name, _, said = text.rpartition('=')
        if name not in table['columns']:
            raise Misused(
                f'--type must be COLUMN=TYPE, got {text!r}. Columns: {", ".join(table["columns"])}.'
            )
        sdtype, _, form = said.partition(':')
        table['columns'][name] = {'sdtype': sdtype, **({'datetime_format': form} if form else {})}
        if table.get('primary_key') == name:
            del table['primary_key']
        table['alternate_keys'] = [key for key in table.get('alternate_keys', ()) if key != name]
    try:
        changed = Metadata.load_from_dict(saved)
        changed.validate()
    except Exception as error:
        raise Misused(f'--type {" ".join(types)}: {error}') from error
    return changed


def columns_of(metadata: Metadata) -> dict[str, dict[str, Any]]:
    """What the metadata of one table declares of its columns, by name."""
    return dict(next(iter(metadata.to_dict()['tables'].values()))['columns'])


def given(metadata: Metadata, table: pd.DataFrame) -> SDVData:
    """A table as the installed SDV takes it."""
    return {next(iter(metadata.tables)): table} if TAKES_DICT else table


def taken(data: SDVData) -> pd.DataFrame:
    """The table in what the installed SDV gave back."""
    return next(iter(data.values())) if isinstance(data, Mapping) else data
