"""Tables in files of any kind, by suffix.

    CSV                            -> text -> cells -> table; see ``csv_files``
    Excel                          -> cells; columns that hold text are read as those of a CSV file
    Parquet, Feather, JSON lines   -> table

What was found or guessed is said in sentences, as for CSV files.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import os
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import narwhals as nw
import pandas as pd

from sdv_llmgan.formats.csv_files import FOUND, CsvForm, parse_csv
from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.formats.words import plural

if TYPE_CHECKING:
    from narwhals.typing import IntoDataFrame

LOGGER = logging.getLogger(__name__)

#: What kind of file a suffix stands for; all others are CSV.
KINDS = {
    '.xlsx': 'Excel',
    '.xlsm': 'Excel',
    '.parquet': 'Parquet',
    '.pq': 'Parquet',
    '.feather': 'Feather',
    '.arrow': 'Feather',
    '.jsonl': 'JSON lines',
    '.ndjson': 'JSON lines',
}
#: What reads a kind of file, and the extra that brings it.
NEEDED = {'Excel': ('openpyxl', 'excel'), 'Parquet': ('pyarrow', 'parquet')}
NEEDED['Feather'] = NEEDED['Parquet']


def kind_of(path: Path) -> str:
    """What kind of file a path is by its suffix: ``'CSV'`` or one of ``KINDS``."""
    return KINDS.get(path.suffix.lower(), 'CSV')


def need_reader(kind: str) -> None:
    """Say what to install before any work is done.

    Raises:
        ImportError: What reads and writes this kind of file is missing.
    """
    module, extra = NEEDED.get(kind, ('pandas', ''))
    if find_spec(module) is None:
        raise ImportError(
            f'{kind} files need {module}, which is not installed: pip install '
            f"'sdv-llmgan[{extra}]'."
        )


def read_table(source: str | os.PathLike[str] | IntoDataFrame) -> pd.DataFrame:
    """Read a table as ``fit`` takes it.

    Args:
        source: A file: CSV of any form, Excel (its first sheet), Parquet, Feather or JSON lines, by
            its suffix; or a table of Polars, Arrow or another library that narwhals knows.

    Returns:
        The table. What was found or guessed of a file is logged, under ``sdv_llmgan``.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: What reads this kind of file is not installed.
        ValueError: The file is empty or no table.
    """
    if not isinstance(source, (str, os.PathLike)):
        return nw.from_native(source, eager_only=True).to_pandas()
    table, said = read_file(Path(source))
    for sentence in said:
        LOGGER.info('%s', sentence)
    return table


def read_file(
    path: Path, like: pd.DataFrame | None = None, form: CsvForm = FOUND
) -> tuple[pd.DataFrame, list[str]]:
    """Read a table from a file of any kind.

    Args:
        path: The file.
        like: A table of the same kind, whose columns of text are text here, too.
        form: What is known of the file, where it is CSV; of Excel ``missing``, ``decimal``,
            ``skip_rows`` and ``skip_footer``.

    Returns:
        The table, and sentences; see ``parse_csv``.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: What reads this kind of file is not installed.
        ValueError: The file is empty or no table, or the form does not fit it.
    """
    if not path.is_file():
        raise FileNotFoundError(f'There is no file {path}.')
    kind = kind_of(path)
    if kind == 'CSV':
        return parse_csv(path.read_bytes(), path, like, form)
    need_reader(kind)
    if kind == 'Excel':
        table, notes = _read_excel(path, like, form)
    else:
        if form != FOUND:
            raise ValueError(f'{path} is of {kind}: options on how a CSV file is read do not fit.')
        table, notes = _read_typed(path, kind), []
    if not len(table):
        raise ValueError(f'{path} has {plural(len(table.columns), "column")} but no rows.')
    said = f'{plural(len(table), "row")}, {plural(len(table.columns), "column")}'
    return table, [f'{path}: {said} ({kind}).', *notes]


def write_file(table: pd.DataFrame, path: Path) -> None:
    """Write a table as a file of the kind that its suffix says, CSV excepted.

    Text that looks like a formula stays text in Excel.

    Args:
        table: Any.
        path: Where to.

    Raises:
        ImportError: What writes this kind of file is not installed.
        ValueError: It is a CSV file.
    """
    kind = kind_of(path)
    need_reader(kind)
    if kind == 'Excel':
        _write_excel(table, path)
    elif kind == 'Parquet':
        table.to_parquet(path, index=False)
    elif kind == 'Feather':
        table.to_feather(path)
    elif kind == 'JSON lines':
        _write_lines(table, path)
    else:
        raise ValueError(f'{path} is a CSV file; needed one of {", ".join(KINDS)}.')


def _read_typed(path: Path, kind: str) -> pd.DataFrame:
    """A table of a file that says the types of its columns."""
    try:
        if kind == 'JSON lines':
            table = pd.read_json(
                path, lines=True, dtype=False, convert_dates=False, precise_float=True
            )
        else:
            table = pd.read_parquet(path) if kind == 'Parquet' else pd.read_feather(path)
    except (ValueError, OSError) as error:  # pyarrow's errors are of these
        raise ValueError(f'{path} is no file of {kind}: {error}') from error
    if table.index.name is not None:
        table = table.reset_index()
    nested = [name for name, values in table.items() if any(map(_is_nested, values))]
    if nested:
        raise ValueError(
            f'{path}: lists or objects stand in {", ".join(map(str, nested))}. A table needs one '
            'value in a cell.'
        )
    return table


def _read_excel(
    path: Path, like: pd.DataFrame | None, form: CsvForm
) -> tuple[pd.DataFrame, list[str]]:
    if form.separator is not None or form.encoding is not None:
        raise ValueError(f'{path} is of Excel, which has neither a separator nor an encoding.')
    try:
        book = pd.ExcelFile(path, engine='openpyxl')
    except Exception as error:  # zipfile's, openpyxl's and others
        raise ValueError(f'{path} is no file of Excel: {error}') from error
    with book:
        sheets = [str(name) for name in book.sheet_names]
        table = book.parse(
            0,
            dtype=object,
            na_values=[''],
            keep_default_na=False,
            skiprows=form.skip_rows or 0,
            skipfooter=form.skip_footer or 0,
        )
    table = table.dropna(how='all', axis=0).reset_index(drop=True)
    nameless = [name for name in table if str(name).startswith('Unnamed: ')]
    table = table.drop(columns=[name for name in nameless if table[name].isna().all()])
    table = table.set_axis([str(name) for name in table], axis=1)
    notes = [f'Read the first sheet, "{sheets[0]}", of {len(sheets)}.'] if len(sheets) > 1 else []
    if left := [name for name in nameless if name in table]:
        notes.append(
            f'{plural(len(left), "column")} without a name: {", ".join(map(str, left))}. If lines '
            'stand above the header, --skip-rows says how many.'
        )
    return _with_texts(table, path, like, form, notes)


def _with_texts(
    table: pd.DataFrame, path: Path, like: pd.DataFrame | None, form: CsvForm, notes: list[str]
) -> tuple[pd.DataFrame, list[str]]:
    """A table of Excel's cells; columns with text among them are read as those of a CSV file."""
    texts = [name for name in table if table[name].map(lambda cell: isinstance(cell, str)).any()]
    typed = {name: table[name].infer_objects() for name in table if name not in texts}
    if texts and len(table):
        cells = io.StringIO()
        writer = csv.writer(cells)
        writer.writerow(texts)
        writer.writerows(table[texts].map(_as_text).to_numpy().tolist())
        plain = replace(form, separator=',', encoding='utf-8', skip_rows=0, skip_footer=0)
        read, (_, *guesses) = parse_csv(cells.getvalue().encode(), path, like, plain)
        typed |= {name: read[name] for name in texts}
        notes = [*notes, *guesses]
    return pd.DataFrame({name: typed[name] for name in table}), notes


def _as_text(cell: Json) -> str:
    if cell is None or cell != cell:
        return ''
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def _is_nested(cell: Json) -> bool:
    return (
        isinstance(cell, (list, dict, tuple, set)) or hasattr(cell, '__array__') and cell.ndim > 0
    )


def _write_lines(table: pd.DataFrame, path: Path) -> None:
    """Each number with all of its digits, and dates as a CSV file has them."""
    texts = {
        name: values.astype(str)
        for name, values in table.items()
        if pd.api.types.is_datetime64_any_dtype(values)
    }
    written = table.assign(**{str(name): values for name, values in texts.items()})
    written = written.astype(object).where(table.notna(), None)
    with path.open('w', encoding='utf-8') as file:
        for row in written.to_dict('records'):
            file.write(json.dumps(row, ensure_ascii=False, default=_plain) + '\n')


def _plain(cell: Json) -> Json:
    """A value of numpy as Python's own; another one as text."""
    return cell.item() if hasattr(cell, 'item') else str(cell)


def _write_excel(table: pd.DataFrame, path: Path) -> None:
    with pd.ExcelWriter(path, engine='openpyxl') as writer:
        table.to_excel(writer, index=False)
        for sheet in writer.sheets.values():
            for row in sheet.iter_rows():
                for cell in row:
                    if cell.data_type == 'f':  # text that begins with "="
                        cell.data_type = 's'
