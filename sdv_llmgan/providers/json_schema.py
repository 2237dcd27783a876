"""JSON Schemas as hosted structured output takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.table.column import closed_object

Schema = dict[str, Any]


def rewritten(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """A JSON Schema with every schema in it changed, the inner ones first."""

    def inner(part: Json) -> Json:
        if isinstance(part, list):
            return [inner(entry) for entry in part]
        return rewritten(part, change) if isinstance(part, dict) else part

    # The names of columns stand among the keys of "properties" and are none of the keywords.
    return change({
        key: {name: inner(value) for name, value in part.items()}
        if key == 'properties'
        else inner(part)
        for key, part in schema.items()
    })


def hosted(schema: Schema) -> Schema:
    """A JSON Schema of an object, whose arrays have one schema for all places.

    Hosted structured output knows neither ``prefixItems`` nor replies that are bare arrays. A row
    alone becomes one under ``"rows"``. Of a row that is an array, the number of places remains, and
    that each value fits one of them; which one is checked when the reply is read.
    """
    if schema.get('type') == 'array':
        rows = {'type': 'array', 'items': schema, 'minItems': 1, 'maxItems': 1}
        schema = closed_object({'rows': rows})

    def change(part: Schema) -> Schema:
        if 'prefixItems' not in part:
            return part
        kinds = [kind for place in part['prefixItems'] for kind in place.get('anyOf', [place])]
        distinct = [kind for number, kind in enumerate(kinds) if kind not in kinds[:number]]
        items = distinct[0] if len(distinct) == 1 else {'anyOf': distinct}
        rest = {key: value for key, value in part.items() if key != 'prefixItems'}
        return {**rest, 'items': items}

    return rewritten(schema, change)
