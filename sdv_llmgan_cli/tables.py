"""CSV files: read whatever their form, which is said; written plainly."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, Any

import pandas as pd

from sdv_llmgan.csv_files import parse_csv
from sdv_llmgan_cli.speech import say

#: Floats hold whole numbers exactly up to here.
WHOLE = 2**53


def read_csv(path: Path, like: pd.DataFrame | None = None) -> pd.DataFrame:
    """Read a table and say what was found; see ``parse_csv``.

    Args:
        path: The file; ``-``: stdin.
        like: A table of the same kind, whose columns of text are text here, too.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is empty or no table.
    """
    if str(path) == '-':
        raw = sys.stdin.buffer.read()
    elif path.exists() and not path.is_dir():
        raw = path.read_bytes()
    else:
        raise FileNotFoundError(f'There is no file {path}.')
    table, said = parse_csv(raw, path, like)
    say(said)
    return table


def write_csv(table: pd.DataFrame, to: Path | IO[str]) -> None:
    """Write a table; whole numbers without a point, also beside missing ones."""
    with_gaps = {
        name: 'Int64'
        for name, column in table.items()
        if column.dtype.kind == 'f' and column.hasnans and _are_whole(column.dropna())
    }
    table.astype(with_gaps).to_csv(to, index=False)


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows for JSON; missing is ``None``."""
    return table.astype(object).where(table.notna(), None).to_dict('records')


def _are_whole(present: pd.Series) -> bool:
    return len(present) > 0 and bool(((present % 1 == 0) & (present.abs() < WHOLE)).all())
