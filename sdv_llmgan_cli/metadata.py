"""SDV's metadata from a file or detected, and tables as either SDV line takes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import sdv
from sdv.metadata import Metadata

from sdv_llmgan_cli.speech import Misused, say

#: SDV 2 takes and gives ``{name: table}``, SDV 1.38 the table itself.
TAKES_DICT = int(sdv.__version__.split('.')[0]) >= 2


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
        metadata = with_types(Metadata.detect_from_dataframes({name: table}), types)
        kinds: dict[str, list[str]] = {}
        for column, declared in columns_of(metadata).items():
            kinds.setdefault(declared['sdtype'], []).append(column)
        words = '; '.join(f'{kind}: {", ".join(names)}' for kind, names in kinds.items())
        say(f'Detected {words}. --type and --metadata give other types.')
        for column in kinds.get('id', ()):
            if table[column].dtype.kind in 'if':
                say(
                    f'Note: the numbers in "{column}" all differ, so it was taken for an id, whose '
                    f'values are made up. If they mean something: --type "{column}=numerical".'
                )
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
    return with_types(metadata, types)


def with_types(metadata: Metadata, types: Sequence[str]) -> Metadata:
    """The metadata with other types of single columns, which are then no key.

    Args:
        metadata: Of one table.
        types: Such as ``'income=numerical'``, ``'seen=datetime:%d.%m.%Y'``.

    Raises:
        Misused: A text is no such thing, or names an unknown column or type.
    """
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


def given(metadata: Metadata, table: pd.DataFrame) -> Any:  # noqa: ANN401 - of either SDV line
    """A table as the installed SDV takes it."""
    return {next(iter(metadata.tables)): table} if TAKES_DICT else table


def taken(data: Any) -> pd.DataFrame:  # noqa: ANN401 - of either SDV line
    """The table in what the installed SDV gave back."""
    return next(iter(data.values())) if isinstance(data, dict) else data
