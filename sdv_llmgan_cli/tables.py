"""CSV files and metadata: what was found is said."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pandas as pd
import sdv
from sdv.metadata import Metadata

from sdv_llmgan_cli.speech import say

SEPARATORS = {',': 'commas', ';': 'semicolons', '\t': 'tabs', '|': 'bars'}
LINES_READ = 50
#: SDV 2 takes and gives ``{name: table}``, SDV 1.38 the table itself.
TAKES_DICT = int(sdv.__version__.split('.')[0]) >= 2


def read_csv(path: Path) -> pd.DataFrame:
    """Read a table, whatever its separator; say what is not plain commas and UTF-8.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is empty or no table.
    """
    if not path.is_file():
        raise FileNotFoundError(f'There is no file {path}.')
    raw = path.read_bytes()
    try:
        encoding, text = 'utf-8-sig', raw.decode('utf-8-sig')
    except UnicodeDecodeError:
        encoding, text = 'cp1252', raw.decode('cp1252', errors='replace')
    if not text.strip():
        raise ValueError(f'{path} is empty.')
    separator = _separator(text)
    decimal = ',' if separator != ',' and _has_decimal_commas(path, encoding, separator) else '.'
    try:
        table = pd.read_csv(path, sep=separator, encoding=encoding, decimal=decimal)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f'{path} cannot be read as a table: {error}') from error
    if table.empty:
        raise ValueError(f'{path} has {len(table.columns)} columns but no rows.')
    found = [
        *(['with a byte-order mark'] if raw.startswith(b'\xef\xbb\xbf') else []),
        *(['in Windows-1252, not UTF-8'] if encoding == 'cp1252' else []),
        *([f'separated by {SEPARATORS[separator]}'] if separator != ',' else []),
        *(['with decimal commas'] if decimal == ',' else []),
    ]
    notes = f' ({", ".join(found)})' if found else ''
    say(f'{path}: {len(table):,} rows, {len(table.columns)} columns{notes}.')
    return table


def read_metadata(path: Path | None, table: pd.DataFrame, name: str) -> Metadata:
    """SDV's metadata from a file, or detected, which is said.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not SDV's metadata of one table.
    """
    if path is None:
        metadata = Metadata.detect_from_dataframes({name: table})
        kinds: dict[str, list[str]] = {}
        for column, declared in columns_of(metadata).items():
            kinds.setdefault(declared['sdtype'], []).append(column)
        words = '; '.join(f'{kind}: {", ".join(names)}' for kind, names in kinds.items())
        say(f'Detected {words}. --metadata gives other types.')
        return metadata
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


def columns_of(metadata: Metadata) -> dict[str, dict[str, Any]]:
    """What the metadata of one table declares of its columns, by name."""
    return dict(next(iter(metadata.to_dict()['tables'].values()))['columns'])


def given(metadata: Metadata, table: pd.DataFrame) -> Any:  # noqa: ANN401 - of either SDV line
    """A table as the installed SDV takes it."""
    return {next(iter(metadata.tables)): table} if TAKES_DICT else table


def taken(data: Any) -> pd.DataFrame:  # noqa: ANN401 - of either SDV line
    """The table in what the installed SDV gave back."""
    return next(iter(data.values())) if isinstance(data, dict) else data


def _separator(text: str) -> str:
    """The separator that cuts the first lines into the most columns, all alike."""
    lines = [line for line in text.splitlines()[:LINES_READ] if line.strip()]
    widths = {}
    for separator in SEPARATORS:
        counts = [len(row) for row in csv.reader(lines, delimiter=separator)]
        widths[separator] = counts[0] if len(set(counts)) == 1 else 0
    best = max(widths, key=widths.__getitem__)
    return best if widths[best] > 1 else ','


def _has_decimal_commas(path: Path, encoding: str, separator: str) -> bool:
    """Whether some column is made of numbers such as 3,5."""
    head = pd.read_csv(path, sep=separator, encoding=encoding, dtype=str, nrows=LINES_READ)
    present = (head[name].dropna() for name in head)
    return any(
        len(column)
        and column.str.fullmatch(r'\s*-?\d+(,\d+)?\s*').all()
        and column.str.contains(',').any()
        for column in present
    )
