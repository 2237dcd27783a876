"""Tables as numbers, the way that distances between rows need them.

The scheme is that of the papers on diffusion models (TabSyn and after): numerical columns are
scaled by the real table's range, categorical columns are one-hot. Keys, personal data and columns
of unknown type take no part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

from sdv_llmgan.table.dates import to_datetime
from sdv_llmgan.table.types import SDVMetadata

Numbers = npt.NDArray[np.float64]
NUMBER_SDTYPES = ('numerical', 'datetime')
CATEGORY_SDTYPES = ('categorical', 'boolean', 'ordinal', 'text')
#: What tables are compared, in this order.
ROLES = ('real', 'synthetic', 'held-out')


@dataclass(frozen=True)
class EncodedTable:
    """A table as numbers.

    Attributes:
        numbers: Shape (n_rows, n_numerical); the real table's rows lie in [0, 1].
        codes: Shape (n_rows, n_categorical); whole numbers, equal where the values are. A
            numerical column with missing values adds one that says which are.
        num_levels: How many codes each categorical column has, shape (n_categorical,).
    """

    numbers: Numbers
    codes: Numbers
    num_levels: tuple[int, ...]

    def one_hot(self) -> Numbers:
        """All features side by side, shape (n_rows, n_numerical + sum(num_levels))."""
        levels = [
            codes[:, np.newaxis] == np.arange(count)
            for codes, count in zip(self.codes.T, self.num_levels, strict=True)
        ]
        return np.hstack([self.numbers, *levels]).astype(np.float64)


def encode(
    tables: Sequence[pd.DataFrame],
    metadata: SDVMetadata = None,
) -> list[EncodedTable]:
    """Encode tables of the same columns by the first one's ranges.

    Args:
        tables: The real one, then the synthetic one, then held-out rows. A level that only a later
            one has is a level of its own; a missing number becomes the first table's mean.
        metadata: A metadata ``dict`` or object of one table; ``None``: by the first table's dtypes.

    Returns:
        One encoded table for each.

    Raises:
        ValueError: Their columns cannot be compared, see ``check_columns``, or none can be encoded.
    """
    num_real = len(tables[0])
    numbers: list[Numbers] = []
    codes: list[Numbers] = []
    ends = np.cumsum([0, *map(len, tables)])
    for column in encode_columns(tables, metadata).values():
        values = np.concatenate(column.parts)
        if not column.is_number:
            codes.append(values)
            continue
        unknown = np.isnan(values)
        if unknown.any():
            codes.append(unknown.astype(np.float64))
        numbers.append(_scaled(values, num_real))
    num_levels = tuple(int(column.max()) + 1 for column in codes)
    return [
        EncodedTable(_stack(numbers, start, end), _stack(codes, start, end), num_levels)
        for start, end in zip(ends, ends[1:], strict=False)
    ]


@dataclass(frozen=True)
class EncodedColumn:
    """One column of several tables as numbers.

    Attributes:
        sdtype: Its sdtype.
        parts: Values of each table, shape (n_rows,): numbers as they stand, dates in seconds, NaN
            where missing; of categories, whole numbers that are equal where the values are, a
            missing one as one more level.
    """

    sdtype: str
    parts: tuple[Numbers, ...]

    @property
    def is_number(self) -> bool:
        """Whether values have an order and differences."""
        return self.sdtype in NUMBER_SDTYPES


def encode_columns(
    tables: Sequence[pd.DataFrame], metadata: SDVMetadata = None
) -> dict[Any, EncodedColumn]:
    """Encode each column of tables that have the same ones, by name; see ``encode``.

    Raises:
        ValueError: Their columns cannot be compared, see ``check_columns``, or none can be encoded.
    """
    check_columns(tables, metadata)
    sdtypes, formats = column_sdtypes(tables[0], metadata), datetime_formats(metadata)
    if not sdtypes:
        raise ValueError('No column to compare: the metadata declares keys only.')
    starts = np.cumsum([len(table) for table in tables])[:-1]
    columns = {}
    for name, sdtype in sdtypes.items():
        stacked = pd.concat([table[name] for table in tables], ignore_index=True)
        if sdtype in NUMBER_SDTYPES:
            values = as_numbers(stacked, sdtype, formats.get(name))
        else:
            values = pd.factorize(as_levels(stacked))[0].astype(np.float64)
        columns[name] = EncodedColumn(sdtype, tuple(np.split(values, starts)))
    return columns


def check_rows(tables: Sequence[pd.DataFrame]) -> None:
    """Refuse tables that are none or empty, with a ``ValueError``; in the order of ``ROLES``."""
    for role, table in zip(ROLES, tables, strict=False):
        if table is None:
            raise ValueError(
                f'The {role} table is needed, got None. Without rows that were not learned from, '
                'what is told of people cannot be held apart from what is told of everybody: set '
                'some aside before the fit (sdv-llmgan split).'
            )
        if not len(table):
            raise ValueError(f'The {role} table must have at least one row, found none.')


def check_columns(
    tables: Sequence[pd.DataFrame],
    metadata: SDVMetadata = None,
) -> None:
    """Refuse tables whose columns cannot be compared.

    Args:
        tables: In the order of ``ROLES``.
        metadata: A metadata ``dict`` or object of one table; ``None``: by the first table's dtypes.

    Raises:
        ValueError: A table lacks a column of the real one, or has dates in another time zone.
    """
    real = tables[0]
    dates = [name for name, kind in column_sdtypes(real, metadata).items() if kind == 'datetime']
    for role, table in zip(ROLES, tables, strict=False):
        if missing := [name for name in real.columns if name not in table.columns]:
            raise ValueError(
                f"The {role} table must have the real one's columns; it lacks {missing}."
            )
        for name in dates:
            zone, other = (getattr(t[name].dtype, 'tz', None) for t in (real, table))
            if str(zone) != str(other):
                raise ValueError(
                    f'Dates must be in one time zone: column {name!r} of the real table is in '
                    f'{zone or "none"}, that of the {role} table in {other or "none"}. Take it '
                    'from both: column.dt.tz_localize(None).'
                )


def column_sdtypes(table: pd.DataFrame, metadata: SDVMetadata = None) -> dict[Any, str]:
    """The sdtype of each column that is neither a key nor personal data.

    Args:
        table: Its columns are those that are returned.
        metadata: A metadata ``dict`` or object of one table; ``None``: by the table's dtypes.
    """
    if metadata is None:
        return {name: _sdtype_of(table[name]) for name in table.columns}
    declared = _declared_columns(metadata)
    if unknown := [name for name in table.columns if name not in declared]:
        raise ValueError(
            f'The metadata must declare every column of the table; it lacks {unknown}.'
        )
    return {
        name: declared[name]['sdtype']
        for name in table.columns
        if declared[name].get('sdtype') in NUMBER_SDTYPES + CATEGORY_SDTYPES
        and not declared[name].get('pii', False)
    }


def datetime_formats(metadata: SDVMetadata) -> dict[Any, str | None]:
    """The ``strftime`` formats that metadata declare, by column."""
    declared = {} if metadata is None else _declared_columns(metadata)
    return {name: column.get('datetime_format') for name, column in declared.items()}


def as_levels(column: pd.Series) -> pd.Series:
    """A categorical column as text in which 1, 1.0 and '1' are one level, missing ones too."""
    numbers = pd.to_numeric(column.astype(object), errors='coerce')
    # Booleans keep their words: True is no 1 where the column also holds other words.
    is_number = numbers.notna() & ~column.map(lambda value: isinstance(value, (bool, np.bool_)))
    levels = column.astype(object).where(column.notna(), None).map(str)
    return levels.where(~is_number, numbers.astype(float).map(repr))


def as_numbers(column: pd.Series, sdtype: str, datetime_format: str | None = None) -> Numbers:
    """A numerical or datetime column as floats, missing ones as NaN, shape (n_rows,)."""
    if sdtype == 'datetime':
        dates = to_datetime(column, datetime_format)
        seconds = (dates - pd.Timestamp(0)).dt.total_seconds()
        return seconds.to_numpy(dtype=np.float64)
    return pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)


def _scaled(values: Numbers, num_real: int) -> Numbers:
    real = values[:num_real][~np.isnan(values[:num_real])]
    low, high, mean = (real.min(), real.max(), real.mean()) if len(real) else (0.0, 0.0, 0.0)
    filled = np.where(np.isnan(values), mean, values)
    return (filled - low) / (high - low if high > low else 1.0)


def _stack(columns: Sequence[Numbers], start: int, end: int) -> Numbers:
    if not columns:
        return np.empty((end - start, 0))
    return np.column_stack([column[start:end] for column in columns])


def _sdtype_of(column: pd.Series) -> str:
    if is_datetime64_any_dtype(column):
        return 'datetime'
    if is_numeric_dtype(column) and not is_bool_dtype(column):
        return 'numerical'
    return 'categorical'


def _declared_columns(metadata: SDVMetadata) -> Mapping[Any, Mapping[str, Any]]:
    declared = metadata if isinstance(metadata, Mapping) else metadata.to_dict()
    if 'tables' not in declared:
        return declared['columns']
    if len(declared['tables']) != 1:
        raise ValueError(
            f'Metadata of one table is needed, found {len(declared["tables"])}: pass '
            "metadata.to_dict()['tables'][name]."
        )
    return next(iter(declared['tables'].values()))['columns']
