"""Metadata of SDV without what detection learned from values: what a table is, not what it holds.

Ranges, levels, decimals and the like are values of single rows, which neither an exported file nor
a private fit may hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: What is kept of a column, and of a table.
OF_A_COLUMN = ('sdtype', 'pii', 'datetime_format', 'regex_format', 'computer_representation')
OF_A_TABLE = ('primary_key', 'alternate_keys', 'column_relationships')
#: Sdtypes whose order of levels detection learns, and what they are without it.
PLAIN = {'ordinal': 'categorical'}
#: Of metadata that both SDV lines read.
VERSION = 'V1'


def released(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata, as both SDV lines read it, without a value of the table.

    Args:
        metadata: That of one table or more, as a dictionary.
    """
    return {
        'tables': {name: _table(table) for name, table in metadata['tables'].items()},
        'relationships': [],
        'METADATA_SPEC_VERSION': VERSION,
    }


def _table(table: Mapping[str, Any]) -> dict[str, Any]:
    columns = {name: _column(declared) for name, declared in table['columns'].items()}
    return {'columns': columns, **{key: table[key] for key in OF_A_TABLE if key in table}}


def _column(declared: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: declared[key] for key in OF_A_COLUMN if key in declared}
    return {**kept, 'sdtype': PLAIN.get(kept['sdtype'], kept['sdtype'])}
