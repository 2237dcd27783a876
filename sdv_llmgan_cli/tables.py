"""Files of tables: read whatever their form, which is said; written plainly."""

from __future__ import annotations

import io
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import pandas as pd

from sdv_llmgan.formats.csv_files import CsvForm, parse_csv
from sdv_llmgan.formats.private_files import make_private
from sdv_llmgan.formats.table_files import kind_of, read_file, write_file
from sdv_llmgan.scale.arrow import is_parquet
from sdv_llmgan.table.types import Cell
from sdv_llmgan_cli.options import ReadOptions
from sdv_llmgan_cli.speech import Misused, say, show

#: Floats hold whole numbers exactly up to here.
WHOLE = 2**53
FOUND = ReadOptions()
#: Of Parquet files so many rows are fitted at most.
MAX_ROWS = 1_000_000
#: What spreadsheets take for a formula.
FORMULA = re.compile(r'\s*[=+\-@\t\r]')


def load_table(
    path: Path, like: pd.DataFrame | None = None, form: ReadOptions = FOUND
) -> pd.DataFrame:
    """Read a table and say what was found; see ``table_files``.

    Args:
        path: The file, of a kind that its suffix says; ``-``: CSV from stdin.
        like: A table of the same kind, whose columns of text are text here, too, and its floats
            floats: one writes 38.0 what the other writes 38.
        form: What is known of the file.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: What reads this kind of file is not installed.
        ValueError: The file is empty or no table, or ``form`` does not fit it.
    """
    known = CsvForm(**asdict(form))
    if str(path) == '-':
        table, (said, *notes) = parse_csv(sys.stdin.buffer.read(), path, like, known)
    else:
        table, (said, *notes) = read_file(path, like, known)
    say(said)
    for note in notes:
        say(f'Note: {note}')
    floats = () if like is None else [name for name in like.select_dtypes('float') if name in table]
    return table.astype({name: float for name in floats if table[name].dtype.kind in 'iu'})


def read_table(path: Path, form: ReadOptions, max_rows: int | None = None) -> pd.DataFrame:
    """Read a table to fit on: a file, or a folder of Parquet files; say what was found.

    Args:
        path: The file or folder; ``-``: CSV from stdin.
        form: What is known of a CSV file.
        max_rows: Rows of Parquet files that are read at most; ``None``: ``MAX_ROWS``.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: pyarrow is not installed.
        ValueError: The file cannot be read.
    """
    if not (is_parquet(path) or path.is_dir()):
        if max_rows is not None:
            raise Misused('--max-fit-rows is of Parquet files; others are read whole.')
        return load_table(path, form=form)
    from sdv_llmgan.scale.sampled import read_sample

    if form != FOUND:
        raise Misused('Options on how a CSV file is read do not go with Parquet files.')
    most = max_rows or MAX_ROWS
    table, total = read_sample(path, most)
    said = f'Read {path}: {total:,} rows, {len(table.columns)} columns.'
    if total > most:
        said = f'Read {path}: {most:,} of {total:,} rows at random, {len(table.columns)} columns.'
    say(said)
    return table


def save_table(
    table: pd.DataFrame,
    to: Path | IO[str],
    *,
    spreadsheet_safe: bool = False,
    private: bool = False,
) -> None:
    """Write a table; whole numbers without a point, also beside missing ones.

    Args:
        table: Any.
        to: A file, of the kind that its suffix says.
        spreadsheet_safe: Put an apostrophe before text that a spreadsheet would compute, in cells
            and names.
        private: Whether real rows are in it: a file is readable by its owner only.
    """
    if private and isinstance(to, Path):
        make_private(to)
    with_gaps = {
        name: 'Int64'
        for name, column in table.items()
        if column.dtype.kind == 'f' and column.hasnans and _are_whole(column.dropna())
    }
    written = table.astype(with_gaps)
    if spreadsheet_safe:
        written = written.apply(lambda column: column.map(_inert)).rename(columns=_inert)
    if isinstance(to, Path) and kind_of(to) != 'CSV':
        write_file(written, to)
    else:
        written.to_csv(to, index=False)


def print_csv(table: pd.DataFrame, *, spreadsheet_safe: bool = False) -> None:
    """Write a table to stdout; a file or program gets the cells as they are."""
    pipe = io.StringIO()
    save_table(table, pipe, spreadsheet_safe=spreadsheet_safe)
    text = pipe.getvalue()
    show(text.rstrip('\n')) if sys.stdout.isatty() else sys.stdout.write(text)


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows for JSON; missing is ``None``."""
    return table.astype(object).where(table.notna(), None).to_dict('records')


def _inert(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and FORMULA.match(cell) else cell


def _are_whole(present: pd.Series) -> bool:
    return len(present) > 0 and bool(((present % 1 == 0) & (present.abs() < WHOLE)).all())
