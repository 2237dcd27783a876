"""One table in, one table out, on both SDV lines: the only place in the tests that knows of both.

SDV 2 takes and gives ``{name: table}``; SDV 1.38 takes and gives the table itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import sdv
from sdv.metadata import Metadata
from sdv.utils import load_synthesizer

SDV_2 = int(sdv.__version__.split('.')[0]) >= 2

if SDV_2:
    from sdv.evaluation import get_column_pair_plot, get_column_plot
else:
    from sdv.evaluation.single_table import get_column_pair_plot, get_column_plot


def given(metadata: Metadata, table: pd.DataFrame) -> Any:
    """A table as the installed line takes it."""
    return {_name(metadata): table} if SDV_2 else table


def taken(data: Any) -> pd.DataFrame:
    """The one table in what the installed line gave back."""
    return next(iter(data.values())) if SDV_2 else data


def fit(synthesizer: Any, table: pd.DataFrame) -> None:
    synthesizer.fit(given(synthesizer.metadata, table))


def sample(synthesizer: Any, num_rows: int, **options: object) -> pd.DataFrame:
    return taken(synthesizer.sample(num_rows, **options))


def sample_from_conditions(synthesizer: Any, conditions: Sequence[Any]) -> pd.DataFrame:
    return taken(synthesizer.sample_from_conditions(list(conditions)))


def sample_remaining_columns(synthesizer: Any, known: pd.DataFrame) -> pd.DataFrame:
    return taken(synthesizer.sample_remaining_columns(known))  # a table in on both lines


def output_option(folder: Path) -> dict[str, str]:
    """The option of ``sample`` that has the rows written to a file, too."""
    if SDV_2:
        return {'output_folder_path': str(folder)}
    return {'output_file_path': str(folder / 'sampled.csv')}


def named(metadata: Metadata, option: str) -> dict[str, str]:
    """The option that names the table, which only SDV 2 has."""
    return {option: _name(metadata)} if SDV_2 else {}


def load(path: Path) -> Any:
    return load_synthesizer(path)


def column_plot(
    real: pd.DataFrame, synthetic: pd.DataFrame, metadata: Metadata, column: str
) -> go.Figure:
    tables = given(metadata, real), given(metadata, synthetic)
    return get_column_plot(*tables, metadata, *_table_name(metadata), column)


def column_pair_plot(
    real: pd.DataFrame, synthetic: pd.DataFrame, metadata: Metadata, columns: Sequence[str]
) -> go.Figure:
    tables = given(metadata, real), given(metadata, synthetic)
    return get_column_pair_plot(*tables, metadata, *_table_name(metadata), list(columns))


def _table_name(metadata: Metadata) -> tuple[str, ...]:
    return (_name(metadata),) if SDV_2 else ()


def _name(metadata: Metadata) -> str:
    return next(iter(metadata.tables))
