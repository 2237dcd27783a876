"""Where the flat objects and lists of a text are, in one pass, whatever else stands in it.

    '[{"a": 1}, {"b": "}'  ->  (1, 9)

A span begins with an opening bracket and ends with its closing one; between them are no brackets
but in strings. Text around it may be anything, so what is a string is known only from an opening
bracket on, and each of them begins a reading of its own. Two readings that are both inside of a
string, or both outside, go on alike: one of them is followed, so there are two at most. The time
is linear in the text, the memory in the spans.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

NOWHERE = -1


def flat_spans(text: str, brackets: str, most_signs: int) -> Iterator[tuple[int, int]]:
    """Starts and ends of flat values, from left to right; none overlaps another one.

    Of two that overlap, as in ``'{"{}"}'``, the one that begins first counts, if it ends.

    Args:
        text: Any text.
        brackets: ``'{}'`` or ``'[]'``.
        most_signs: After so many quotes, backslashes and brackets the text is left, > 0.
    """
    opening = brackets[0]
    # Starts of the reading that began first, and of the other one, which is where it is not.
    first = other = NOWHERE
    first_is_inside = False
    escaped = NOWHERE  # the place after a backslash, for the reading that is inside of a string
    inner: list[tuple[int, int]] = []  # found by the other reading: count if the first has no end
    for number, match in enumerate(re.finditer(rf'["\\{brackets[0]}\{brackets[1]}]', text)):
        if number == most_signs:
            break
        place, sign = match.start(), match.group()
        if sign == '\\':
            escaped = NOWHERE if escaped == place else place + 1
        elif sign == '"':
            if escaped != place:
                first_is_inside = not first_is_inside
            elif first_is_inside or other != NOWHERE:  # now both are inside
                first_is_inside, other = True, NOWHERE
            else:
                first_is_inside = True
        elif sign == opening and first != NOWHERE and first_is_inside:
            other = place
        elif sign == opening:
            yield from inner
            inner = []
            first, other = (place, NOWHERE) if other == NOWHERE else (other, place)
            first_is_inside = other != NOWHERE
        elif first != NOWHERE and not first_is_inside:
            yield first, place + 1
            inner, first, other = [], NOWHERE, NOWHERE
        elif other != NOWHERE:
            inner.append((other, place + 1))
            other = NOWHERE
    yield from inner
