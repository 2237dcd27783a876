"""The metadata of a file, as far as SDV can be trusted with it.

Personal data is made up by Faker's method of the sdtype's name, keys by a pattern: a file could
name any method, and a pattern of any length.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping
from typing import Any

from faker import Faker
from rdt.transformers.pii.anonymization import SDTYPE_ANONYMIZERS

from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.table.column import quote
from sdv_llmgan.table.released import released

SDTYPES = {'numerical', 'categorical', 'boolean', 'datetime', 'id', 'text', 'unknown'}
#: A pattern's length, and the most characters that its counts, multiplied, ask for.
MOST_PATTERN, MOST_REPEATED = 500, 10_000
REPEATED = re.compile(r'\{(\d*),?(\d*)\}')
#: A made-up cell.
PLAIN = (str, bool, int, float, datetime.date)
MOST_TEXT = 10_000


def checked(saved: Json, where: str) -> Mapping[str, Any]:
    """Metadata of one table, without what no file needs.

    Raises:
        ValueError: It is none, or has made up what should not be.
    """
    tables = saved.get('tables') if isinstance(saved, Mapping) else None
    if not isinstance(tables, Mapping) or len(tables) != 1:
        raise ValueError(f'{where}: needs the metadata of one table.')
    columns = next(iter(tables.values())).get('columns')
    if not isinstance(columns, Mapping):
        raise ValueError(f'{where}: needs the columns of the table.')
    for name, declared in columns.items():
        _check(declared, f'{where}, {quote(str(name))}')
    return released(saved)


def _check(declared: Json, where: str) -> None:
    sdtype = declared.get('sdtype') if isinstance(declared, Mapping) else None
    if not isinstance(sdtype, str):
        raise ValueError(f'{where}: needs an sdtype.')
    if sdtype not in SDTYPES and sdtype not in SDTYPE_ANONYMIZERS and not _is_made_up(sdtype):
        raise ValueError(f'{where}: no value can be made up for the sdtype {sdtype[:80]!r}.')
    pattern = declared.get('regex_format', '')
    if not isinstance(pattern, str) or len(pattern) > MOST_PATTERN:
        raise ValueError(f'{where}: a pattern has at most {MOST_PATTERN} characters.')
    counts = [max(1, *(int(end or 1) for end in ends)) for ends in REPEATED.findall(pattern)]
    if math.prod(counts) > MOST_REPEATED:
        raise ValueError(f'{where}: the pattern asks for too long a text.')


def _is_made_up(sdtype: str) -> bool:
    """Whether Faker makes plain cells up by this name."""
    if not sdtype.isidentifier() or sdtype.startswith('_'):
        return False
    try:
        value = getattr(Faker(), sdtype)()
    except Exception:  # noqa: BLE001 - whatever a name that is no provider's meets
        return False
    return isinstance(value, PLAIN) and len(str(value)) <= MOST_TEXT
