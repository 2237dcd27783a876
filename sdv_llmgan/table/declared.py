"""Columns as metadata and dtypes declare them: no value of the table is looked at.

For samplers that guarantee something of each row; what such a schema leaves open, they are told by
the user, or pay for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_integer_dtype

from sdv_llmgan.table.column import DATE, DATETIME, Column, Kind, quote
from sdv_llmgan.table.dates import has_offset, unreadable
from sdv_llmgan.table.schema import TableSchema

#: Of a column.
DType: TypeAlias = np.dtype[Any] | pd.api.extensions.ExtensionDtype
#: Directives of a datetime format that tell more than the day.
OF_THE_DAY = ('%H', '%I', '%M', '%S', '%f', '%c', '%X', '%s', '%T')


def declared_schema(
    table: pd.DataFrame, declared: Mapping[Any, Mapping[str, Any]], steps: Mapping[str, int]
) -> TableSchema:
    """The columns of a table, without what its values tell: no category, range, share or decimal.

    Args:
        table: Its dtypes are read, and nothing else.
        declared: Entries of the metadata by column.
        steps: Of columns whose values are multiples of a whole number; others have none.

    Raises:
        ValueError: The values of a datetime column would have to be looked at to read them.
    """
    return TableSchema(
        tuple(
            _column(str(name), table.dtypes[name], declared[name], steps.get(str(name), 1))
            for name in table.columns
        )
    )


def _column(name: str, dtype: DType, entry: Mapping[str, Any], step: int) -> Column:
    # A dtype of categories lists what the table holds.
    stored = 'object' if isinstance(dtype, pd.CategoricalDtype) else str(dtype)
    is_full = isinstance(dtype, np.dtype) and dtype.kind in 'iub'
    sdtype = entry['sdtype']
    if sdtype == 'datetime':
        return _datetime(name, dtype, entry.get('datetime_format'))
    if sdtype == 'numerical':
        told = str(entry.get('computer_representation', '')).lower()
        # Not 'decimal_places': detection counts them in the values.
        is_whole = is_integer_dtype(dtype) or 'int' in told or step > 1
        kind: Kind = 'integer' if is_whole else 'number'
        return Column(name, kind, step=step, nullable=not is_full, dtype=stored)
    kinds: dict[str, Kind] = {'boolean': 'boolean', 'text': 'text'}
    kind = 'boolean' if is_bool_dtype(dtype) else kinds.get(sdtype, 'categorical')
    return Column(name, kind, nullable=not is_full, dtype=stored)


def _datetime(name: str, dtype: DType, told: str | None) -> Column:
    is_stored_so = isinstance(dtype, pd.DatetimeTZDtype) or dtype.kind == 'M'
    if not is_stored_so and (told is None or unreadable(told) or has_offset(told)):
        raise ValueError(
            f'Column {quote(name)} must have a datetime_format in the metadata, without an offset '
            f'from UTC, or a datetime dtype, got {told!r} and {dtype}: a private fit looks at no '
            'date to learn how it is written.'
        )
    is_date = told is not None and not any(part in told for part in OF_THE_DAY)
    return Column(
        name,
        'datetime',
        datetime_format=DATE if is_date or told is None else DATETIME,
        nullable=True,
        dtype=str(dtype),
        stored_format=None if is_stored_so else told,
        zone=str(dtype.tz) if isinstance(dtype, pd.DatetimeTZDtype) else '',
    )
