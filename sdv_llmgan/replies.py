"""From a reply's text to JSON values, mended where only the JSON is broken.

A reply is data: it is parsed, never evaluated, and nothing is made up to save it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import json_repair

from sdv_llmgan.errors import ReplyError

NOT_JSON = 'reply is not JSON'
BROKEN = 'row is not JSON'
CUT_OFF = 'row was cut off'
#: Longer texts are not mended: mending takes time quadratic in the quotes.
LONGEST_MENDED = 5_000

_FENCE = re.compile(r'```[a-zA-Z]*')
_STRING = r'"(?:[^"\\]|\\.)*"'
_FLAT_OBJECT = re.compile(r'\{(?:[^{}"]|' + _STRING + r')*\}', re.DOTALL)
_FLAT_ARRAY = re.compile(r'\[(?:[^\[\]"]|' + _STRING + r')*\]', re.DOTALL)


def read_json(reply: str) -> Any:  # noqa: ANN401 - any JSON value
    """Read a reply that is one JSON value.

    Code fences, prose around the JSON, trailing commas, single quotes and a missing end are
    mended.

    Raises:
        ReplyError: There is no JSON in it.
    """
    text = _unfenced(reply)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    start = re.search(r'[\[{]', text)
    value = _mend(text[start.start() :]) if start else None
    if not isinstance(value, (list, dict)):
        raise ReplyError(f'Needed JSON, got {reply[:80]!r}.')
    return value


def _unfenced(reply: str) -> str:
    """A reply without a code fence around it."""
    text = reply.strip()
    fence = _FENCE.match(text)
    text = text[fence.end() :] if fence else text
    return text.removesuffix('```').strip()


def _mend(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """Almost-JSON as a value, or ``None`` where it cannot be mended."""
    if len(text) > LONGEST_MENDED:
        return None
    try:
        return json_repair.loads(text)
    except (ValueError, RecursionError):
        return None


def read_rows(reply: str) -> tuple[list[Any], Counter[str]]:
    """Read the rows in a reply: lists and objects, alone, in a list, or under ``"rows"``.

    Returns:
        The rows as JSON values, and what could not be read, by reason; a reply without any row
        counts once.
    """
    text = _unfenced(reply)
    try:
        return _unwrapped(json.loads(text)), Counter()
    except (ValueError, RecursionError):
        pass
    # Rows are flat, so each is mended by itself: whatever is wrong outside of a row, or in
    # another one, cannot change its values. A row that lacks its end is never completed.
    matches = list(_FLAT_OBJECT.finditer(text)) or list(_FLAT_ARRAY.finditer(text))
    if not matches:
        return [], Counter({CUT_OFF if text[:1] in ('{', '[') else NOT_JSON: 1})
    candidates, rejected = [], Counter[str]()
    for match in matches:
        row = _read_flat(match.group())
        if row is None:
            rejected[BROKEN] += 1
        else:
            candidates.append(row)
    opening = text[matches[-1].start()]
    if opening in text[matches[-1].end() :]:
        rejected[CUT_OFF] += 1
    return candidates, rejected


def _read_flat(text: str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(text)
    except ValueError:
        row = _mend(text)
    if not isinstance(row, (list, dict)):
        return None
    values = list(row.values()) if isinstance(row, dict) else row
    # An empty string that the reply did not hold was put in to fill a gap.
    invented = '' in values and '""' not in text and "''" not in text
    return None if invented else row


def _unwrapped(value: Any) -> list[Any]:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        inner = value.get('rows')
        return inner if isinstance(inner, list) else [value]
    if not isinstance(value, list):
        return [value]
    if value and not any(isinstance(entry, (list, dict)) for entry in value):
        return [value]
    return value
