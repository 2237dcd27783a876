"""Rows as numbers that a classifier can read, encoded with RDT.

plain table -> RDT (one-hot, timestamps, missing-value flags) -> standardized array
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from rdt import HyperTransformer
from rdt.transformers import (
    BinaryEncoder,
    FloatFormatter,
    OneHotEncoder,
    UnixTimestampEncoder,
)
from rdt.transformers.base import BaseTransformer
from sklearn.preprocessing import StandardScaler

from sdv_llmgan.table.schema import Column, TableSchema

#: Longer category lists are judged by how frequent the value is in training.
MAX_ONE_HOT = 50


class Features:
    """Learned from the training table once, so that every batch is encoded alike.

    Args:
        training: Training rows, plain, shape (n_rows, n_columns).
        schema: Their columns. Free text is judged by its length.
    """

    def __init__(self, training: pd.DataFrame, schema: TableSchema) -> None:
        self.training, self.schema = training, schema
        self.frequencies = {
            column.name: training[column.name].value_counts(normalize=True)
            for column in schema
            if _is_long(column)
        }
        numbered = self._numbered(training)
        self.transformer = HyperTransformer()
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            self.transformer.set_config({
                'sdtypes': {column.name: _sdtype(column) for column in schema},
                'transformers': {column.name: _transformer(column) for column in schema},
            })
            encoded = self.transformer.fit_transform(numbered)
        # They stay with a fit that is saved: flags of categories take a byte each.
        flags = encoded.select_dtypes('integer')
        self._encoded = encoded.astype(dict.fromkeys(flags, 'int8')).set_axis(training.index)
        # A spread that is small beside what is added to all values would count as none.
        self.origin = encoded.to_numpy(dtype=float).min(axis=0)
        self.scaler = StandardScaler().fit(encoded.to_numpy(dtype=float) - self.origin)

    def encode(self, table: pd.DataFrame) -> np.ndarray:
        """Encode plain rows: shape (n_rows, n_features), about zero mean and unit variance."""
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            encoded = self.transformer.transform(self._numbered(table))
        return self._scaled(encoded)

    def known(self, labels: pd.Index) -> np.ndarray:
        """The same of training rows with these labels, which are encoded already."""
        return self._scaled(self._encoded.loc[labels])

    def owned(self, name: str) -> np.ndarray:
        """Which features stem from a column, shape (n_features,); a number's value is the first."""
        owned = self.transformer.field_transformers[name].get_output_columns()
        return np.asarray(self._encoded.columns.isin(owned))

    def _scaled(self, encoded: pd.DataFrame) -> np.ndarray:
        scaled: np.ndarray = self.scaler.transform(encoded.to_numpy(dtype=float) - self.origin)
        return scaled

    def _numbered(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with text as its length and rare-valued categories as their frequency."""
        columns = {}
        for column in self.schema:
            values = table[column.name]
            if column.kind == 'text':
                values = values.map(lambda text: np.nan if text is None else len(text))
                values = values.astype(float)
            elif column.name in self.frequencies:
                known = values.map(self.frequencies[column.name]).astype(float)
                values = known.fillna(0.0).where(values.notna(), np.nan)
            columns[column.name] = values.reset_index(drop=True)
        return pd.DataFrame(columns)


def _is_long(column: Column) -> bool:
    return column.kind == 'categorical' and len(column.categories) > MAX_ONE_HOT


def _sdtype(column: Column) -> str:
    if column.kind in ('boolean', 'datetime'):
        return column.kind
    if column.kind == 'categorical' and not _is_long(column):
        return 'categorical'
    return 'numerical'


def _transformer(column: Column) -> BaseTransformer:
    return {
        'boolean': lambda: BinaryEncoder(missing_value_generation='from_column'),
        'datetime': lambda: UnixTimestampEncoder(missing_value_generation='from_column'),
        'categorical': OneHotEncoder,
        'numerical': lambda: FloatFormatter(missing_value_generation='from_column'),
    }[_sdtype(column)]()
