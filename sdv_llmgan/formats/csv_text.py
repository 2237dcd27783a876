"""The text of a CSV file: UTF-8 and UTF-16 are known, Windows-1252 is a guess that can be refused.

A single-byte guess never merges two texts, but gives them wrong letters. So it is refused where a
byte has no letter in it, or where the text does not look like words of Western Europe.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path

MARKS = (
    (codecs.BOM_UTF32_LE, 'utf-32', 'UTF-32'),
    (codecs.BOM_UTF8, 'utf-8-sig', 'UTF-8'),
    (codecs.BOM_UTF16_LE, 'utf-16', 'UTF-16'),
    (codecs.BOM_UTF16_BE, 'utf-16', 'UTF-16'),
)
#: How files begin that are no text, what they are, and how a table in them becomes a CSV file.
NO_TEXT = (
    (rb'PK\x03\x04.{26}(\[Content_Types\]|_rels|xl)', 'an Excel workbook', 'Save a sheet as CSV'),
    (rb'\xd0\xcf\x11\xe0', 'an Excel workbook', 'Save a sheet as CSV'),
    (rb'PK\x03\x04|\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|Rar!', 'an archive', 'Unpack it'),
    (rb'\x89PNG|\xff\xd8\xff|GIF8|RIFF|BM.{4}\0\0\0\0|II\*\0|MM\0\*', 'a picture', ''),
    (rb'%PDF-', 'a PDF', ''),
    (rb'\x80[\x02-\x05][\x95}\]c(K]', 'a pickle', 'Read it with pandas, and write it with to_csv'),
    (rb'PAR1|ARROW1|\x89HDF', 'a binary table', 'Read it with pandas, and write it with to_csv'),
    (rb'SQLite format 3\0', 'a database', 'Read it with pandas, and write it with to_csv'),
)
#: Text hardly has these, and no text that is in Windows-1252.
CONTROLS = re.compile(rb'[\x00-\x08\x0e-\x1a]')
#: What is shown to a user who has to name the encoding.
OTHERS = ('cp1252', 'cp1250', 'cp1251', 'shift_jis', 'gb18030')
#: Signs that stand alone or in rows in Western text, too.
COMMON = '\xa0€£°·«»–—…‘’“”„'
#: Three letters in a row without one of ASCII, or a word of two: not Western Europe.
FOREIGN = re.compile(
    rf'[^\x00-\x7f{COMMON}]{{3}}|(?<![a-zA-Z])[^\x00-\x7f{COMMON}]{{2}}(?![a-zA-Z])'
)
#: Signs that do not stand before letters, or not within words.
WITHIN = re.compile(r'[¢£¤¥¦¨¬¯¶¸¹¼½¾×÷ƒ†‡ˆ˜][^\W\d_]|[^\W\d_][”“„‰‹›™¡±¿][^\W\d_]')
LETTERS = re.compile(r'[^\s,;|"\']*[^\x00-\x7f\s][^\s,;|"\']*')


def decode(raw: bytes, path: Path, encoding: str | None = None) -> tuple[str, list[str], str]:
    """A file's text.

    Args:
        raw: What is in the file.
        path: Its name, for words.
        encoding: As Python names it; ``None``: found.

    Returns:
        The text, what is not plain UTF-8, in words, and a note on a guess, which may be empty.

    Raises:
        ValueError: The encoding is unknown, does not fit, or cannot be guessed, or this is no text.
    """
    controlled = CONTROLS.search(raw)
    for start, kind, remedy in NO_TEXT:
        if controlled and re.match(start, raw, re.DOTALL):
            raise _no_text(path, f'it begins as {kind} does', remedy)
    if encoding is not None:
        return _checked(_named(raw, path, encoding), path), [], ''
    for mark, codec, name in MARKS:
        if raw.startswith(mark):
            said = 'with a byte-order mark' if name == 'UTF-8' else f'in {name}, not UTF-8'
            text = _decoded(raw, codec)
            if text is None:
                raise _no_text(path, f'it begins as {name} does, but does not go on so')
            return _checked(text, path), [said], ''
    try:
        return _checked(raw.decode('utf-8'), path), [], ''
    except UnicodeDecodeError as error:
        odd = raw[error.start]
    if controlled:
        raise _no_text(path, 'it is not in UTF-8, and has control characters')
    text = _decoded(raw, 'cp1252')
    if text is None or FOREIGN.search(text) or WITHIN.search(text):
        shown = [(name, _decoded(raw, name)) for name in OTHERS]
        words = [f'{name}: {_example(found)}' for name, found in shown if found is not None]
        raise ValueError(
            f'{path} is not in UTF-8 (byte 0x{odd:02x}), nor does it look like Windows-1252. Name '
            f'its encoding with --encoding. It would read: {"; ".join(words)}.'
        )
    note = (
        f'Windows-1252 is a guess; it reads {_example(_checked(text, path))}. --encoding names '
        'another.'
    )
    return text, ['in Windows-1252, not UTF-8'], note


def _named(raw: bytes, path: Path, encoding: str) -> str:
    try:
        return raw.decode('utf-8-sig' if encoding.lower() in ('utf-8', 'utf8') else encoding)
    except LookupError as error:
        raise ValueError(
            f'--encoding must be one that Python knows, such as {", ".join(OTHERS)}; got '
            f'{encoding!r}.'
        ) from error
    except UnicodeError as error:
        raise ValueError(
            f'{path} is not in {encoding}: {error}. --encoding names another.'
        ) from error


def _decoded(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def _checked(text: str, path: Path) -> str:
    if '\0' in text:
        raise _no_text(
            path, 'it has bytes of 0', 'If it is UTF-16 without a mark, give --encoding utf-16-le'
        )
    return text


def _no_text(path: Path, found: str, remedy: str = '') -> ValueError:
    end = f' {remedy}.' if remedy else ''
    return ValueError(f'{path} is no text file: {found}. A CSV file is needed.{end}')


def _example(text: str) -> str:
    found = LETTERS.search(text)
    return repr(found[0][:30] if found else text[:30])
