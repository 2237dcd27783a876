"""SDV's metadata from a file or detected, and tables as either SDV line takes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import sdv
from sdv.metadata import Metadata

from sdv_llmgan_cli.speech import say

#: SDV 2 takes and gives ``{name: table}``, SDV 1.38 the table itself.
TAKES_DICT = int(sdv.__version__.split('.')[0]) >= 2


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
