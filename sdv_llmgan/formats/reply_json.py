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
from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.formats.spans import flat_spans

NOT_JSON = 'reply is not JSON'
BROKEN = 'row is not JSON'
CUT_OFF = 'row was cut off'
#: Brackets around rows; lists are rows only where there are no objects.
KINDS = ('{}', '[]')
#: Longer texts, and those with more brackets, are not mended: mending takes time quadratic in both
#: (5,000 characters of ``{"`` took 2.3 s, with 100 brackets at most none takes 0.1 s).
LONGEST_MENDED = 5_000
MOST_BRACKETS = 100
#: Characters of rows of one reply that are mended at most; further broken ones are rejected.
MOST_MENDED = 50_000
#: What stands behind so many characters, or quotes and brackets, of a reply is not read: no reply
#: that was asked for is as long.
LONGEST = 1_000_000
MOST_SIGNS = 200_000

_FENCE = re.compile(r'```[a-zA-Z]*')


def read_json(reply: str) -> Json:
    """Read a reply that is one JSON value.

    Code fences, prose around the JSON, trailing commas, single quotes and a missing end are
    mended.

    Raises:
        ReplyError: There is no JSON in it, or it is longer than ``LONGEST``.
    """
    if len(reply) > LONGEST:
        raise ReplyError(
            f'Needed JSON of at most {LONGEST} characters, got {len(reply)}: {reply[:80]!r}.'
        )
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


def _mend(text: str) -> Json:
    """Almost-JSON as a value, or ``None`` where it cannot be mended."""
    if len(text) > LONGEST_MENDED or text.count('{') + text.count('[') > MOST_BRACKETS:
        return None
    try:
        return json_repair.loads(text)
    except (ValueError, RecursionError):
        return None


def read_rows(reply: str) -> tuple[list[Any], Counter[str]]:
    """Read the rows in a reply: lists and objects, alone, in a list, or under ``"rows"``.

    Returns:
        The rows as JSON values, and what could not be read, by reason; a reply without any row
        counts once. What stands behind ``LONGEST`` characters counts as cut off.
    """
    text = _unfenced(reply[:LONGEST])
    if len(reply) <= LONGEST:
        try:
            return _unwrapped(json.loads(text)), Counter()
        except (ValueError, RecursionError):
            pass
    # Rows are flat, so each is mended by itself: whatever is wrong outside of a row, or in
    # another one, cannot change its values. A row that lacks its end is never completed.
    spans = next(filter(None, (list(flat_spans(text, kind, MOST_SIGNS)) for kind in KINDS)), [])
    if not spans:
        return [], Counter({CUT_OFF if text[:1] in ('{', '[') else NOT_JSON: 1})
    candidates, rejected, room = [], Counter[str](), MOST_MENDED
    for start, end in spans:
        row, mended = _read_flat(text[start:end], room)
        room -= mended
        if row is None:
            rejected[BROKEN] += 1
        else:
            candidates.append(row)
    if len(reply) > LONGEST or text.find(text[spans[-1][0]], spans[-1][1]) >= 0:
        rejected[CUT_OFF] += 1
    return candidates, rejected


def _read_flat(text: str, room: int) -> tuple[Any, int]:
    """A row, or ``None``, and how many characters were mended for it, ``room`` at most."""
    try:
        return json.loads(text), 0
    except (ValueError, RecursionError):
        if len(text) > room:
            return None, 0
        row = _mend(text)
    if not isinstance(row, (list, dict)):
        return None, len(text)
    values = list(row.values()) if isinstance(row, dict) else row
    # An empty string that the reply did not hold was put in to fill a gap.
    invented = '' in values and '""' not in text and "''" not in text
    return None if invented else row, len(text)


def _unwrapped(value: Json) -> list[Any]:
    if isinstance(value, dict):
        inner = value.get('rows')
        return inner if isinstance(inner, list) else [value]
    if not isinstance(value, list):
        return [value]
    if value and not any(isinstance(entry, (list, dict)) for entry in value):
        return [value]
    return value
