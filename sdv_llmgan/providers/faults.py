"""What went wrong with a call over HTTP, in this package's errors and without keys.

Both SDKs are made by one generator, so their errors have the same shape.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from sdv_llmgan.errors import ProviderError, RateLimitError, TransientError

#: Characters of a server's answer that an error repeats; it may be a whole page.
LONGEST_ERROR = 500
HIDDEN = '[key]'
#: What to say of text that is no Unicode, which no request can carry.
HALF_CHARACTER = (
    'There is half a character (a lone surrogate, U+D800 to U+DFFF) in the request. Mend the cell, '
    "the column's name or the context that holds it"
)
#: What stands in the names of variables that hold keys.
KEY_VARIABLES = re.compile('KEY|TOKEN|SECRET|PASSW|CREDENTIAL', re.IGNORECASE)
#: Shorter values of key variables are placeholders, such as "none".
SHORTEST_KEY = 8
#: Too many requests at once; but also: no money left, which no waiting cures.
RATE_LIMITED = 429
OUT_OF_MONEY = ('insufficient_quota', 'billing_hard_limit', 'credit balance')
TRANSIENT = (408, 409)
SERVER_FAULT = 500
#: What comes of reading an answer that is none, such as a list where a number has to be, or
#: 200,000 brackets.
UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)


def provider_error(error: Exception, name: str, what: str = 'answer') -> ProviderError:
    """An SDK's error as one of ours: one that trying again may cure, or a final one.

    Args:
        error: What the SDK or its transport raised; one of ``UNREADABLE`` where it could not read
            the answer.
        name: The provider's name.
        what: What it did not do.
    """
    # Anthropic's SDK puts an error of its own in front of the transport's.
    error = error.__cause__ if isinstance(error.__cause__, ProviderError) else error
    status = getattr(error, 'status_code', None)
    said = f'{name} did not {what}: {without_keys(str(error))[:LONGEST_ERROR]}'
    if isinstance(error, UnicodeEncodeError):
        return ProviderError(f'{said}. {HALF_CHARACTER}')
    if isinstance(error, ProviderError):
        return type(error)(said)
    reason = f'{said} {getattr(error, "code", "")}'.lower()
    if status == RATE_LIMITED and not any(word in reason for word in OUT_OF_MONEY):
        return RateLimitError(said, retry_after(error))
    on_the_line = 'Connection' in type(error).__name__ or 'Timeout' in type(error).__name__
    unreadable = isinstance(error, UNREADABLE)
    if on_the_line or unreadable or status in TRANSIENT or (status or 0) >= SERVER_FAULT:
        return TransientError(said, retry_after(error))
    return ProviderError(said)


def without_keys(text: str) -> str:
    """A text in which the keys that the environment holds are hidden."""
    for variable, value in os.environ.items():
        if KEY_VARIABLES.search(variable) and len(value) >= SHORTEST_KEY:
            text = text.replace(value, HIDDEN)
    return text


def retry_after(error: Exception) -> float | None:
    """Seconds after which a server wants to be asked again, in any form that servers use."""
    response: Any = getattr(error, 'response', None)
    headers: Mapping[str, str] = getattr(response, 'headers', {})
    for header, per_second in (('retry-after-ms', 1000.0), ('retry-after', 1.0)):
        try:
            seconds = float(headers.get(header, '')) / per_second
            return max(0.0, seconds) if math.isfinite(seconds) else None
        except ValueError:
            continue
    try:
        at = parsedate_to_datetime(headers.get('retry-after', ''))
    except (TypeError, ValueError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
    return max(0.0, (at - datetime.now(timezone.utc)).total_seconds())


def as_text(value: object) -> str:
    """What a server says that a model wrote.

    Raises:
        TypeError: It is no text.
    """
    if not isinstance(value, str):
        raise TypeError(f'needed text, got {type(value).__name__}')
    return value
