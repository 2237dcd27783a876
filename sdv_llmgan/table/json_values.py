"""Cells as JSON values, JSON values as text, and the JSON Schemas that are made of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.formats.words import visible
from sdv_llmgan.table.types import Cell


def dump(value: Json) -> str:
    """Compact JSON, with letters as they are and nothing hidden."""
    return visible(json.dumps(value, ensure_ascii=False, separators=(',', ':')))


def quote(value: Json) -> str:
    """A name or value as JSON, so that odd characters cannot break a prompt or a terminal."""
    return visible(json.dumps(value, ensure_ascii=False))


def is_missing(value: Cell) -> bool:
    """Whether a cell holds no value."""
    return value is None or bool(pd.isna(value))


def to_json(category: Cell) -> Json:
    """A category as JSON knows it: dates, decimals and the like as text."""
    return category if isinstance(category, (str, int, float, bool)) else str(category)


def to_python(value: Cell) -> Json:
    """A NumPy scalar as the Python value that JSON knows."""
    return value.item() if isinstance(value, np.generic) else value


def enum(values: Iterable[Any]) -> dict[str, Any]:
    """JSON Schema of one of these values; names their types, as OpenAI's strict mode wants."""
    values = list(values)
    types = list(dict.fromkeys(map(json_type, values)))
    return {'type': types[0] if len(types) == 1 else types, 'enum': values}


def closed_object(properties: Mapping[str, Any]) -> dict[str, Any]:
    """JSON Schema of an object with exactly these entries."""
    return {
        'type': 'object',
        'properties': dict(properties),
        'required': list(properties),
        'additionalProperties': False,
    }


def json_type(value: Json) -> str:
    """What JSON Schema calls the type of a value that is no list or object."""
    if value is None:
        return 'null'
    if isinstance(value, bool):
        return 'boolean'
    if isinstance(value, int):
        return 'integer'
    return 'number' if isinstance(value, float) else 'string'
