"""Text of any origin in Markdown: shown as it is, never as markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

#: What begins markup inside a line, in CommonMark and on GitHub.
MARKUP = re.compile(r'([\\`*_{}\[\]<>#|~$&])')


def escaped(text: str) -> str:
    """A text on one line, with what would be markup made harmless."""
    return MARKUP.sub(r'\\\1', ' '.join(text.split()))


def quoted(text: str) -> str:
    """A text of several lines as a block quotation."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return '\n'.join(f'> {escaped(line)}' if line else '>' for line in lines) or '>'


def listed(lines: Iterable[str]) -> str:
    """Lines as a list."""
    return '\n'.join(f'- {line}' for line in lines)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; every column but the last is set to the right."""
    lines = [head, [*['--:'] * (len(head) - 1), ':--'], *rows]
    return '\n'.join(f'| {" | ".join(map(str, line))} |' for line in lines)
