"""CSV files of any form: separator, encoding and decimal commas are found, and told."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from sdv_llmgan.words import and_list, plural

SEPARATORS = {',': 'commas', ';': 'semicolons', '\t': 'tabs', '|': 'bars'}
LINES_READ = 50
UTF_16 = (b'\xff\xfe', b'\xfe\xff')
BYTE_ORDER_MARK = b'\xef\xbb\xbf'
#: Digits that are no number: a postcode, a telephone number, an account.
CODE = re.compile(r'\s*(\+\d+|0\d+|\d{17,})\s*')
DECIMAL_COMMA = re.compile(r'\s*-?\d+(,\d+)?\s*')


def parse_csv(raw: bytes, path: Path, like: pd.DataFrame | None = None) -> tuple[pd.DataFrame, str]:
    """Read a table, whatever its separator.

    Codes stay text: columns with leading zeros or plus signs, or more digits than a number holds.

    Args:
        raw: What is in the file.
        path: Its name, for words.
        like: A table of the same kind, whose columns of text are text here, too.

    Returns:
        The table, and in words its size and what is not plain commas and UTF-8.

    Raises:
        ValueError: The file is empty or no table.
    """
    text, encoding = _decoded(raw, path)
    if not text.strip():
        raise ValueError(f'{path} is empty.')
    separator = _separator(text)
    header, cells = _cells(text, separator, path)
    codes = [name for name, column in cells.items() if any(map(CODE.fullmatch, column))]
    texts = [] if like is None else [name for name in like if _is_text(like[name])]
    decimal = ',' if separator != ',' and any(map(_has_decimal_commas, cells.values())) else '.'
    table = pd.read_csv(
        io.StringIO(text),
        sep=separator,
        decimal=decimal,
        dtype=dict.fromkeys([*codes, *texts], str),
    )
    if table.empty:
        raise ValueError(f'{path} has {plural(len(table.columns), "column")} but no rows.')
    nameless = [name for name, said in zip(table, header, strict=True) if not said.strip()]
    found = [
        *(['with a byte-order mark'] if raw.startswith(BYTE_ORDER_MARK) else []),
        *([f'in {encoding}, not UTF-8'] if encoding != 'UTF-8' else []),
        *([f'separated by {SEPARATORS[separator]}'] if separator != ',' else []),
        *(['with decimal commas'] if decimal == ',' else []),
        *([f'codes kept as text: {and_list(codes)}'] if codes else []),
        *([f'without a name: {and_list(nameless)}'] if nameless else []),
    ]
    notes = f' ({", ".join(found)})' if found else ''
    said = f'{plural(len(table), "row")}, {plural(len(table.columns), "column")}'
    return table, f'{path}: {said}{notes}.'


def _decoded(raw: bytes, path: Path) -> tuple[str, str]:
    """A file's text and its encoding."""
    try:
        if raw.startswith(UTF_16):
            return raw.decode('utf-16'), 'UTF-16'
        text, encoding = raw.decode('utf-8-sig'), 'UTF-8'
    except UnicodeDecodeError:
        text, encoding = raw.decode('cp1252', errors='replace'), 'Windows-1252'
    if '\0' in text:
        raise ValueError(f'{path} is no text file; a CSV file is needed.')
    return text, encoding


def _cells(text: str, separator: str, path: Path) -> tuple[list[str], dict[str, list[str]]]:
    """The header, and the cells of each column as they stand.

    Raises:
        ValueError: The header has a name twice, or a line is longer or shorter than it.
    """
    lines = _lines(text, separator, path)
    _, header = next(lines)
    names = [name for name in header if name.strip()]
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise ValueError(f'{path} has more than one column {and_list(twice)}; rename all but one.')
    columns: list[list[str]] = [[] for _ in header]
    for number, line in lines:
        if len(line) != len(header):
            raise ValueError(
                f'{path}, line {number}: {plural(len(line), "cell")}, where the header has '
                f'{len(header)}. Cells with {SEPARATORS[separator]} in them need quotes.'
            )
        for column, cell in zip(columns, line, strict=True):
            column.append(cell)
    return header, dict(zip(header, columns, strict=False))


def _lines(text: str, separator: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Lines that are not blank, each with its number."""
    reader = csv.reader(io.StringIO(text, newline=''), delimiter=separator)
    try:
        for line in reader:
            if line:
                yield reader.line_num, line
    except csv.Error as error:
        raise ValueError(f'{path}, line {reader.line_num}: {error}.') from error


def _separator(text: str) -> str:
    """The separator that cuts the first lines into the most columns, all alike."""
    lines = [line for line in text.splitlines()[:LINES_READ] if line.strip()]
    widths = {',': 0}
    for separator in SEPARATORS:
        try:
            counts = [len(row) for row in csv.reader(lines, delimiter=separator)]
        except csv.Error:  # a cell too long for it; said where the lines are read
            continue
        widths[separator] = counts[0] if len(set(counts)) == 1 else 0
    best = max(widths, key=widths.__getitem__)
    return best if widths[best] > 1 else ','


def _has_decimal_commas(column: list[str]) -> bool:
    """Whether a column is made of numbers such as 3,5."""
    present = [cell for cell in column if cell.strip()]
    return any(',' in cell for cell in present) and all(map(DECIMAL_COMMA.fullmatch, present))


def _is_text(column: pd.Series) -> bool:
    present = column.dropna()
    return len(present) > 0 and all(isinstance(value, str) for value in present)
