"""Counts and lists in English, and text of any origin with nothing hidden in it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

#: Control and format characters, halves of characters, and separators of lines: what a reader
#: does not see, and what moves, hides or turns round what one does.
HIDDEN = ('Cc', 'Cf', 'Cs', 'Zl', 'Zp')


def plural(count: int, noun: str) -> str:
    """``1 row``, ``2 rows``."""
    return f'{count:,} {noun}' if count == 1 else f'{count:,} {noun}s'


def and_list(names: Sequence[object]) -> str:
    """``a, b and c``."""
    words = [str(name) for name in names]
    return ' and '.join(filter(None, [', '.join(words[:-1]), *words[-1:]]))


def visible(text: str) -> str:
    """A text in which nothing is hidden: such characters are written as JSON writes them.

    Line feeds and tabs stay; of CR LF, the line feed. In a JSON text it is the same value.
    """
    if text.isprintable():
        return text
    lines = text.replace('\r\n', '\n').split('\n')
    return '\n'.join(line if line.isprintable() else ''.join(map(_seen, line)) for line in lines)


def is_encodable(text: str) -> bool:
    """Whether it can be sent and stored; JSON can say halves of characters, which cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _seen(character: str) -> str:
    if character == '\t' or unicodedata.category(character) not in HIDDEN:
        return character
    units = character.encode('utf-16-be', 'surrogatepass').hex()
    return ''.join(f'\\u{units[start : start + 4]}' for start in range(0, len(units), 4))
