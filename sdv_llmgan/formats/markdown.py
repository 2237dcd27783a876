"""Text of any origin in Markdown: shown as it is, never as markup; or fenced, to be read back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from sdv_llmgan.formats.words import visible

#: A heading, and the fenced block under it: what ``fenced`` wrote, perhaps edited.
SECTION = re.compile(
    r'^#+ (?P<name>[^\n]+)\n+(?P<fence>`{3,})(?P<language>\w*)\n(?P<text>.*?)\n?^(?P=fence)[ ]*$',
    re.M | re.S,
)
#: What begins markup inside a line, in CommonMark and on GitHub. An underscore inside a word, ``>``
#: and ``#`` behind the beginning, ``<`` and ``&`` where no tag or character can follow begin none.
MARKUP = re.compile(
    r'(?<=[^\W_])_+(?=[^\W_])|([\\`*_{}\[\]|~$]|^[>#]|(?<=[A-Za-z/])>|<(?=[A-Za-z/!?])|&(?=[#\w]))'
)

JSON = 'json'
#: What ``visible`` writes, and what would be read as that.
ESCAPES = re.compile(r'(?:\\u[0-9a-f]{4})+')
ESCAPE = re.compile(r'\\(u[0-9a-f]{4})')


def escaped(text: str) -> str:
    """A text on one line, with what would be markup, or hidden, made harmless."""
    return MARKUP.sub(_made_harmless, visible(' '.join(text.split())))


def _made_harmless(found: re.Match[str]) -> str:
    return f'\\{found[0]}' if found[1] else found[0]


def quoted(text: str) -> str:
    """A text of several lines as a block quotation."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return '\n'.join(f'> {escaped(line)}' if line else '>' for line in lines) or '>'


def fenced(name: str, text: str, language: str = 'text') -> str:
    """A section that ``sections`` reads back to the letter: a heading, and a fenced block.

    What is hidden in a text is written as ``visible`` does; JSON has it so already.
    """
    if language != JSON:
        text = visible(ESCAPE.sub(r'\\u005c\1', text))
    runs = re.findall('`+', text)
    fence = '`' * max(3, 1 + max(map(len, runs), default=0))
    return f'## {name}\n\n{fence}{language}\n{text}\n{fence}'


def folded(name: str, text: str, language: str) -> str:
    """As ``fenced``, but shown only on request where HTML is shown at all."""
    return f'<details><summary>{name}</summary>\n\n{fenced(name, text, language)}\n\n</details>'


def sections(text: str) -> dict[str, str]:
    """The fenced blocks of a text by the heading right above each."""
    lines = text.replace('\r\n', '\n')
    return {
        found['name'].strip(): found['text']
        if found['language'] == JSON
        else ESCAPES.sub(lambda run: str(json.loads(f'"{run.group()}"')), found['text'])
        for found in SECTION.finditer(lines)
    }


def listed(lines: Iterable[str]) -> str:
    """Lines as a list."""
    return '\n'.join(f'- {line}' for line in lines)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; every column but the last is set to the right."""
    lines = [head, [*['--:'] * (len(head) - 1), ':--'], *rows]
    return '\n'.join(f'| {" | ".join(map(str, line))} |' for line in lines)
