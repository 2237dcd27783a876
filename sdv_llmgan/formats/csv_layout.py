"""How a CSV file is cut: its separator and quotes, what stands above the header and below the rows.

    text -> sep= line -> each separator cuts the first rows -> titles, header, rows, footers

Of the separators that stand in the header, that is taken which leaves the fewest of the first rows
with another number of cells. Commas and spaces below a single name are those of its numbers.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import Any

from sdv_llmgan.formats.csv_cells import look_at
from sdv_llmgan.formats.words import and_list, plural

SEPARATORS = {',': 'commas', ';': 'semicolons', '\t': 'tabs', '|': 'bars', ' ': 'spaces'}
#: Of a file of one column: in no text, so that nothing is cut.
NOWHERE = '\x1f'
ROWS_READ = 200
DECLARED = re.compile(r'"?sep=([^"\r\n])"?[,;\t]*\r?\n', re.IGNORECASE)
TOTALS = re.compile(r'\W*(grand |sub)?(total|summe|gesamt|somme|totale|suma|итого|合計)\W*', re.I)
#: Quotes are doubled, then after backslashes, then no quotes at all.
QUOTES: tuple[dict[str, Any], ...] = (
    {'strict': True},
    {'strict': True, 'doublequote': False, 'escapechar': '\\'},
    {'quoting': csv.QUOTE_NONE},
)
Row = tuple[int, list[str]]


@dataclass(frozen=True)
class Layout:
    """A table as cells of text.

    Attributes:
        names: Of the columns; a nameless one is ``Unnamed: <index>``, as of pandas.
        columns: The cells of each, shape (n_columns, n_rows).
        separator: One character; ``NOWHERE`` where nothing is cut.
        found: What is not plain, in words.
        notes: Sentences on what was left out.
    """

    names: list[str]
    columns: list[list[str]]
    separator: str
    found: list[str]
    notes: list[str]


def lay_out(
    text: str,
    path: Path,
    separator: str | None = None,
    skip_rows: int | None = None,
    skip_footer: int | None = None,
) -> Layout:
    """Cut a text into cells.

    Args:
        text: Of the file.
        path: Its name, for words.
        separator: One character or ``tab``; ``None``: found.
        skip_rows: Lines above the header; ``None``: found.
        skip_footer: Lines below the last row; ``None``: found.

    Raises:
        ValueError: Lines differ in length, a quote stays open, a name occurs twice, or an argument
            cannot be.
    """
    separator = '\t' if separator in ('tab', '\\t') else separator
    if separator is not None and (len(separator) != 1 or separator in '"\r\n'):
        raise ValueError(f'--separator must be one character or tab, got {separator!r}.')
    if skip_rows:
        text = ''.join(text.splitlines(keepends=True)[skip_rows:])
    if declared := DECLARED.match(text):
        separator, text = separator or declared[1], text[declared.end() :]
    if separator is None:
        separator = _separator(text, skip_rows is None)
    rows, quotes = _rows(text, separator, path)
    width = _width(rows)
    start = _titles(rows, width) if skip_rows is None else _first_filled(rows)
    end = _footers(rows, width) if skip_footer is None else len(rows) - skip_footer
    above, below = rows[:start], [row for row in rows[end:] if _filled(row)]
    empty = [row for row in rows[end:] if row[1] and not _filled(row)]
    header, body = _named(rows[start:end], separator, path)
    names, columns, dropped = _columns(header, body)
    return Layout(
        names,
        columns,
        separator,
        _notes(text, separator, quotes, dropped),
        [
            *_left_out('above the header', '--skip-rows', [row for row in above if _filled(row)]),
            *_left_out('below the last row', '--skip-footer', below or empty),
            *_commas_notes(separator, rows[start][1], header, body),
        ],
    )


def _notes(text: str, separator: str, quotes: int, dropped: int) -> list[str]:
    """What is unusual of how the cells are written."""
    said = {
        f'separated by {SEPARATORS.get(separator, repr(separator))}': separator
        not in (',', NOWHERE),
        'with spaces beside separators': separator != ' ' and _is_spaced(text, separator),
        'with backslashes before quotes': quotes == 1,
        'with quotes as plain signs': quotes == 2,
        f'without {plural(dropped, "column")} that had no name and no cell': dropped > 0,
    }
    return [words for words, is_so in said.items() if is_so]


def _left_out(where: str, option: str, rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    first = next((cell.strip() for cell in rows[0][1] if cell.strip()), '')
    said = f'{plural(len(rows), "line")} {where} left out, from line {rows[0][0]}'
    return [f'{said}{f" ({first[:40]!r})" if first else " (empty)"}. {option} 0 keeps all.']


def _commas_notes(
    separator: str, written: Sequence[str], header: Sequence[str], body: Sequence[Row]
) -> list[str]:
    """What commas were taken for, where they could be decimal signs or separators."""
    if separator == NOWHERE and any(',' in cell for _, cells in body for cell in cells):
        return [f'{header[0]!r} is read as one column of numbers. --separator , cuts at commas.']
    if separator != ',' or header[1:] != list(written):
        return []
    columns = zip(*(cells for _, cells in body), strict=True)
    beside = ([f'{a},{b}' for a, b in zip(*pair, strict=True)] for pair in pairwise(columns))
    if all(look_at(cells).kind != 'numbers' for cells in beside):
        return []
    return [
        'Lines have one cell more than the header; the first is read as the name of its row. If '
        'commas are decimal signs here, the file needs another separator, or quotes.'
    ]


def _is_spaced(text: str, separator: str) -> bool:
    """Whether spaces stand beside separators, as in ``a, b`` and ``a | b``."""
    names = text.partition('\n')[0].strip().split(separator)
    return separator == ' ' or (len(names) > 1 and all(name.startswith(' ') for name in names[1:]))


def _reader(text: str, separator: str, quotes: int = 0) -> Iterator[Row]:
    spaced = _is_spaced(text, separator)
    lines: Iterator[str] = io.StringIO(text, newline='')
    if separator == ' ':
        lines = (line.strip(' ') for line in lines)
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=spaced, **QUOTES[quotes])
    for line in reader:
        cells = [cell.rstrip(' ') for cell in line] if spaced else line
        yield (
            reader.line_num,
            [] if len(cells) == 1 and cells[0] and not cells[0].strip() else cells,
        )


def _rows(text: str, separator: str, path: Path) -> tuple[list[Row], int]:
    """All lines, and which of ``QUOTES`` they have; blank ones have no cells."""
    failed: list[str] = []
    for quotes in range(len(QUOTES)):
        rows: list[Row] = []
        try:
            rows.extend(_reader(text, separator, quotes))
        except csv.Error as error:
            failed.append(f'line {rows[-1][0] + 1 if rows else 1}: {error}')
            continue
        # Without quotes anything can be cut; it is right only where all lines are alike.
        if quotes == 0 or len({len(cells) for _, cells in rows if cells}) == 1:
            return rows, quotes
    raise ValueError(f'{path}, {failed[0]}. Quotes within quotes need to be doubled.')


def _filled(row: Row) -> int:
    return sum(bool(cell.strip()) for cell in row[1])


def _first_filled(rows: Sequence[Row]) -> int:
    return next((index for index, row in enumerate(rows) if _filled(row)), 0)


def _width(rows: Sequence[Row]) -> int:
    """The usual number of cells, the larger of two."""
    counts = Counter(len(cells) for _, cells in rows if cells)
    return max(counts, key=lambda width: (counts[width], width), default=0)


def _titles(rows: Sequence[Row], width: int) -> int:
    """How many lines stand above the header: nearly empty ones, where it shows that they do."""
    first = _first_filled(rows)
    usual = median([_filled(row) for row in rows if row[1]] or [0])
    blank = next((i for i in range(first, len(rows)) if not _filled(rows[i])), first)
    start = blank if all(len(cells) < width for _, cells in rows[first:blank]) else first
    while start < len(rows) and (
        _filled(rows[start]) <= max(1, usual / 2) or len(rows[start][1]) < width - 1
    ):
        start += 1
    titles = rows[first:start]
    if not titles or usual < 2 or start + 1 >= len(rows):
        return first
    apart = any(not _filled(row) for row in titles)
    if len(titles) == 1 and len(titles[0][1]) == 2 and not titles[0][1][0].strip():
        return first  # pandas writes an index and one column so
    heads = _heads(rows[start][1], [cells for _, cells in rows[start + 1 :] if len(cells) == width])
    return start if apart or heads or (width > 2 and len(titles[0][1]) == width) else first


def _heads(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a line is a header: words above a column of cells with digits."""
    for index, name in enumerate(names):
        cells = [row[index] for row in rows[:ROWS_READ] if index < len(row) and row[index].strip()]
        if cells and not any(map(str.isdigit, name)) and name.strip():
            digits = sum(any(map(str.isdigit, cell)) for cell in cells)
            if digits >= 0.8 * len(cells):
                return True
    return False


def _footers(rows: Sequence[Row], width: int) -> int:
    """Where the rows end: below are empty lines, remarks and a total."""
    firsts = Counter(cells[0].strip() for _, cells in rows if cells)
    end = len(rows)
    while width > 1 and end > 1:
        cells = rows[end - 1][1]
        said = [cell.strip() for cell in cells if cell.strip()]
        if said:
            alone = len(said) == 1 and cells[0].strip() and any(map(str.isalpha, said[0]))
            apart = not _filled(rows[end - 2])
            remark = alone and (apart or (len(cells) == 1 and width > 2))
            total = len(said) > 1 and TOTALS.fullmatch(said[0]) and firsts[said[0]] == 1
            if not remark and not total:
                break
        end -= 1
    return end


def _separator(text: str, with_titles: bool) -> str:
    """The separator that cuts the first lines into the same number of cells, and into the most."""
    if _is_one_column(text):
        return NOWHERE
    best, rank = ',', (False, 0.0, 0)
    for separator in SEPARATORS:
        try:
            rows = list(islice(_reader(text, separator), ROWS_READ))
        except csv.Error:  # said where all lines are read
            continue
        width = _width(rows)
        start = _titles(rows, width) if with_titles else _first_filled(rows)
        cut = [cells for _, cells in rows[start:] if cells]
        if width < 2 or len(cut[0]) not in (width, width - 1):
            continue
        names = len(cut[0]) > 1
        if separator == ' ' and ((rank[2] and rank[0] >= names) or not _heads(cut[0], cut[1:])):
            continue  # words of a sentence
        alike = -sum(len(cells) != width for _, cells in rows if cells)
        if not rank[2] or (names, alike, width) > rank:
            best, rank = separator, (names, alike, width)
    return best


def _is_one_column(text: str) -> bool:
    """Whether lines that commas or spaces cut are numbers as a whole: ``1,5``, ``1 234,50``."""
    try:
        lines, *cut = (
            [cells for _, cells in islice(_reader(text, separator), ROWS_READ) if cells]
            for separator in (NOWHERE, ',', ' ')
        )
    except csv.Error:
        return False
    if not lines or all(len(cells) == 1 for found in cut for cells in found[1:]):
        return False
    name, *rest = [cells[0] for cells in lines]
    plain = not any(sign in name for sign in ',;\t|') and not any('\t' in line for line in rest)
    return plain and look_at(rest).kind == 'numbers'


def _named(rows: Sequence[Row], separator: str, path: Path) -> tuple[list[str], list[Row]]:
    """A name for each cell of a line, which may be empty, and the lines below.

    Raises:
        ValueError: The header has a name twice, or a line is longer or shorter than it.
    """
    header = list(rows[0][1])
    body = [(number, cells) for number, cells in rows[1:] if cells]
    if twice := [n for n, times in Counter(filter(str.strip, header)).items() if times > 1]:
        raise ValueError(f'{path} has more than one column {and_list(twice)}; rename all but one.')
    if {len(cells) - len(header) for _, cells in body} == {1}:
        if not any(cells[-1].strip() for _, cells in body):
            header = [*header, '']
        elif len({cells[0] for _, cells in body}) == len(body):
            header = ['', *header]  # R writes the names of rows without a name of their own
    for number, cells in body:
        if len(cells) != len(header):
            raise ValueError(
                f'{path}, line {number}: {plural(len(cells), "cell")}, where the header has '
                f'{len(header)}. Cells with {SEPARATORS.get(separator, repr(separator))} in them '
                'need quotes. --separator, --skip-rows and --skip-footer say how it is cut.'
            )
    return header, body


def _columns(header: Sequence[str], body: Sequence[Row]) -> tuple[list[str], list[list[str]], int]:
    """Names, cells by column, and how many columns were dropped that had neither."""
    columns = [[cells[index] for _, cells in body] for index in range(len(header))]
    kept = [
        index
        for index, name in enumerate(header)
        if name.strip() or not body or any(map(str.strip, columns[index]))
    ]
    names = [header[i] if header[i].strip() else f'Unnamed: {i}' for i in kept]
    return names, [columns[index] for index in kept], len(header) - len(kept)
