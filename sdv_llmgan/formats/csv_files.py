"""CSV files of any form: read right, or said on one line with the option that decides it.

    bytes -> text -> cells -> values by column -> table, and what was found

Other readers were tried on the files of tests/test_csv_files.py: docs/log.md has the figures.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from sdv_llmgan.formats.csv_cells import (
    SURE,
    Column,
    choose_sign,
    is_number,
    look_at,
    values_of,
)
from sdv_llmgan.formats.csv_layout import lay_out
from sdv_llmgan.formats.csv_text import decode
from sdv_llmgan.formats.words import and_list, plural

SHOWN = 3


@dataclass(frozen=True)
class CsvForm:
    """What is known of a CSV file; what is ``None`` is found.

    Attributes:
        separator: One character, or ``tab``.
        encoding: As Python names it.
        decimal: The decimal sign of columns that can be read either way: ``.`` or ``,``, or
            ``COLUMN=,`` for one of them.
        missing: The words that stand for missing, beside empty cells; ``['']``: none does.
        skip_rows: Lines above the header.
        skip_footer: Lines below the last row.
    """

    separator: str | None = None
    encoding: str | None = None
    decimal: Sequence[str] | None = None
    missing: Sequence[str] | None = None
    skip_rows: int | None = None
    skip_footer: int | None = None


FOUND = CsvForm()


def parse_csv(
    raw: bytes, path: Path, like: pd.DataFrame | None = None, form: CsvForm = FOUND
) -> tuple[pd.DataFrame, list[str]]:
    """Read a table, whatever its form.

    Codes stay text: columns with leading zeros, telephone numbers, or more digits than a number
    holds.

    Args:
        raw: What is in the file.
        path: Its name, for words.
        like: A table of the same kind, whose columns of text are text here, too.
        form: What is known of the file.

    Returns:
        The table, and sentences: first its size and form, then one for each guess, with the option
        that decides it.

    Raises:
        ValueError: The file is empty or no table, or the form does not fit it.
    """
    text, found, guess = decode(raw, path, form.encoding)
    if not text.strip():
        raise ValueError(f'{path} is empty.')
    layout = lay_out(text, path, form.separator, form.skip_rows, form.skip_footer)
    if not layout.columns or not layout.columns[0]:
        raise ValueError(f'{path} has {plural(len(layout.names), "column")} but no rows.')
    known = None if form.missing is None else set(form.missing)
    columns = {
        name: look_at(cells, None if known is None else known.__contains__)
        for name, cells in zip(layout.names, layout.columns, strict=True)
    }
    texts = [] if like is None else [str(name) for name in like if _is_text(like[name])]
    for name in columns.keys() & set(texts):
        if columns[name].kind in ('numbers', 'truths'):
            columns[name] = replace(columns[name], kind='codes')
    missing = _missing(columns, known, like)
    told = _told(form.decimal, columns, path)
    numbers = {name: column for name, column in columns.items() if column.kind == 'numbers'}
    signs = {next(iter(column.read)) for column in numbers.values() if len(column.read) == 1}
    usual = signs.pop() if len(signs) == 1 else None
    numbers = {
        name: choose_sign(column, usual, told.get(name, told.get('')), layout.separator)
        for name, column in numbers.items()
    }
    columns |= numbers
    table = pd.DataFrame({name: values_of(c, missing[name]) for name, c in columns.items()})
    found += layout.found + _forms(columns, texts)
    notes = f' ({", ".join(found)})' if found else ''
    said = f'{plural(len(table), "row")}, {plural(len(table.columns), "column")}'
    guesses = [
        *filter(None, [guess]),
        *layout.notes,
        *_sign_notes(numbers),
        *_missing_notes(columns, missing, known),
        *_odd_notes(columns, texts),
        *_header_notes([*numbers]),
    ]
    return table, [f'{path}: {said}{notes}.', *guesses]


def _missing(
    columns: dict[str, Column], known: set[str] | None, like: pd.DataFrame | None
) -> dict[str, set[str]]:
    """The words that stand for missing, by column.

    Among numbers, dates and truths a word can mean nothing else. Such a word of the file is missing
    among text, too, unless it is one of many codes of two letters.
    """
    typed = {
        word
        for column in columns.values()
        if column.kind in ('numbers', 'dates', 'truths', 'codes')
        for word in column.words
    }
    found: dict[str, set[str]] = {}
    for name, column in columns.items():
        if known is not None or column.kind not in ('text', 'empty'):
            found[name] = column.words
            continue
        shown = {cell.strip() for cell in column.cells} - {'', 'NA'}
        codes = len(shown) > 0 and all(re.fullmatch('[A-Z]{2}', word) for word in shown)
        found[name] = {
            word
            for word in column.words
            if word in SURE or (word in typed and not (word == 'NA' and codes))
        }
        if like is not None and name in like:
            found[name] -= set(like[name].dropna().astype(str))
    return found


def _told(decimal: Sequence[str] | None, columns: dict[str, Column], path: Path) -> dict[str, str]:
    """Decimal signs by column, and under an empty name that of all others.

    Raises:
        ValueError: A text is no sign, or names no column.
    """
    told: dict[str, str] = {}
    for text in decimal or ():
        name, _, sign = text.rpartition('=')
        if sign not in ('.', ',') or (name and name not in columns):
            raise ValueError(
                f"--decimal must be '.', ',' or COLUMN=SIGN, got {text!r}. Columns of {path}: "
                f'{", ".join(columns)}.'
            )
        told[name] = sign
    return told


def _forms(columns: dict[str, Column], texts: Sequence[str]) -> list[str]:
    """How columns were read that are not plain numbers."""
    numbers = {name: column for name, column in columns.items() if column.kind == 'numbers'}
    fractions = {
        name: column.sign
        for name, column in numbers.items()
        if any(number.fraction for number in column.numbers)
    }
    commas = [name for name, sign in fractions.items() if sign == ',']
    which = f': {and_list(commas)}' if len(commas) < len(fractions) else ''
    grouped = [
        name for name, column in numbers.items() if any(number.grouped for number in column.numbers)
    ]
    units = {name: column.numbers[0].unit for name, column in numbers.items()}
    with_units = [f'{name} without its {unit!r}' for name, unit in units.items() if unit]
    codes = [n for n, column in columns.items() if column.kind == 'codes' and n not in texts]
    nameless = [name for name in columns if name.startswith('Unnamed: ')]
    return [
        *([f'with decimal commas{which}'] if commas else []),
        *([f'with thousands set apart: {and_list(grouped)}'] if grouped else []),
        *([f'numbers read: {and_list(with_units)}'] if with_units else []),
        *([f'codes kept as text: {and_list(codes)}'] if codes else []),
        *([f'without a name: {and_list(nameless)}'] if nameless else []),
    ]


def _sign_notes(numbers: dict[str, Column]) -> list[str]:
    read = []
    for name, column in numbers.items():
        if not column.sure:
            word, number = max(column.read[column.sign].items(), key=lambda item: len(item[0]))
            read.append(f'"{name}" reads {word} as {float(number.plain):,}')
    if not read:
        return []
    more = f' and {len(read) - SHOWN} more' if len(read) > SHOWN else ''
    return [
        f'{"; ".join(read[:SHOWN])}{more}. --decimal COLUMN=. or COLUMN=, says which the decimal '
        'sign is.'
    ]


def _missing_notes(
    columns: dict[str, Column], missing: dict[str, set[str]], known: set[str] | None
) -> list[str]:
    if known is not None:
        return []
    gone: list[str] = []
    kept: list[str] = []
    for name, column in columns.items():
        times = Counter(cell.strip() for cell in column.cells)
        for word in sorted(column.words):
            (gone if word in missing[name] else kept).append(f'{word} in "{name}" ({times[word]})')
    notes = []
    if gone:
        notes.append(f'Read as missing: {", ".join(gone)}. --missing "" keeps words.')
    if kept:
        said = ', '.join(kept)
        notes.append(f'Kept, not missing: {said}. --missing WORD reads a word as missing.')
    return notes


def _odd_notes(columns: dict[str, Column], texts: Sequence[str]) -> list[str]:
    return [
        f'"{name}" holds numbers but for {", ".join(map(repr, column.odd[:SHOWN]))}'
        f'{f" and {len(column.odd) - SHOWN} more" if len(column.odd) > SHOWN else ""}, so it stays '
        'text. --missing WORD reads a word as missing.'
        for name, column in columns.items()
        if column.odd and name not in texts
    ]


def _header_notes(numerical: Sequence[str]) -> list[str]:
    """What there is to say of numbers above numbers: a row, where a table has no names."""
    odd = [name for name in numerical if is_number(name)]
    if not odd:
        return []
    return [
        f'The first line was read as names of columns, and {", ".join(map(repr, odd[:SHOWN]))} '
        f'{"is a number" if len(odd) == 1 else "are numbers"} above numbers. If it is a row, put a '
        'line with names above it.'
    ]


def _is_text(column: pd.Series) -> bool:
    present = column.dropna()
    return len(present) > 0 and all(isinstance(value, str) for value in present)
