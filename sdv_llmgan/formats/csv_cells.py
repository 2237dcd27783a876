"""What the cells of a CSV column mean: missing, numbers however they are written, codes, text.

Each column is looked at as a whole. It is read as numbers only where every cell is one, by one
decimal sign and with one unit; else it stays text, to the letter.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

#: A column of which this share are numbers is told where others keep it from being numbers.
MOSTLY = 0.5
#: Floats hold whole numbers exactly up to here.
WHOLE = 2**53
LARGEST = 2**63 - 1
#: These are never a category.
SURE = frozenset({'NaN', 'nan', 'NAN', 'NULL', 'null', '(null)', '<NA>', '#N/A', '#NA', '\\N'})
#: These may be one (Namibia, no alcohol, no answer), in lower case.
DOUBTFUL = frozenset({
    *('na', 'n/a', 'n.a.', 'none', 'nil', 'null', 'nan', 'missing', 'k.a.', 'k. a.', 's/d', 'n.d.'),
    *('-', '--', '---', '–', '—', '?', '.', '..', '#div/0!', '#value!', '#ref!', '#null!', '#num!'),
})
TRUTHS = {'True': True, 'TRUE': True, 'true': True, 'False': False, 'FALSE': False, 'false': False}
#: Digits that are no number: a postcode, an account.
CODE = re.compile(r'0\d+|\d{17,}')
TELEPHONE = re.compile(r'\+\d{4,}')
#: 12E4 is an article: programs that write numbers put a sign before the exponent.
ARTICLE = re.compile(r'\d+[eE]\d+')
#: Hours and minutes, days and months, months and years; some begin with 0, as no number does.
TWO_BY_TWO = re.compile(r'\d\d[.,]\d\d(\d\d)?')
FORMULA = re.compile(r'="([^"]*)"')
DATE = re.compile(r'\d{1,4}([-./])\d{1,2}\1\d{1,4}([T ].*)?')
MONEY = '$€£¥₹₽₩₺₪฿₫₴₱₦₡₸'
BEFORE = rf'(?:[A-Z]{{0,3}}[{MONEY}]|(?:EUR|USD|GBP|CHF|JPY|CNY|Rs\.?|kr\.?|Fr\.?)(?=[\s\d.,-]))'
AFTER = rf'(?:[%‰°]|°[CF]|[A-Z]{{0,3}}[{MONEY}]|[^\W\d_]{{2,8}}\.?|\s[^\W\d_][^\s\d]{{0,7}})'
HOURS = re.compile(r'[ap]\.?m\.?', re.IGNORECASE)
FORMS = {
    sign: re.compile(
        rf'(?P<open>\()?(?P<minus>[-+−–])?\s*(?P<before>{BEFORE})?\s*(?P<inner>[-−–])?'
        rf'(?P<whole>[1-9]\d{{0,2}}(?:(?P<group>[{group}\s\'’])\d{{3}})(?:(?P=group)\d{{3}})*'
        rf'{indian}|\d+|(?=\{sign}\d))(?P<rest>\{sign}\d*)?(?P<power>[eE][-+]?\d+)?'
        rf'(?P<after>\s?{AFTER})?(?P<trail>[-−])?(?P<close>\))?'
    )
    for sign, group, indian in (('.', ',', r'|[1-9]\d?(?:,\d\d)+,\d{3}'), (',', '.', ''))
}


@dataclass(frozen=True)
class Number:
    """A cell that is a number: as Python reads it, its unit, and whether its digits have groups."""

    plain: str
    unit: str
    grouped: bool
    fraction: bool


@dataclass(frozen=True)
class Column:
    """What the cells of a column could be.

    Attributes:
        cells: As they stand, shape (n_rows,).
        words: Those cells that may stand for missing.
        kind: ``numbers``, ``truths``, ``dates``, ``codes``, ``text`` or ``empty``.
        read: How each cell reads with a decimal point and with a comma, where all do.
        sign: The decimal sign that was taken.
        sure: Whether only one sign fits.
        odd: Cells that are no number, or have another unit, where at least half are alike.
    """

    cells: list[str]
    words: set[str]
    kind: str = 'text'
    read: dict[str, dict[str, Number]] = field(default_factory=dict)
    sign: str = '.'
    sure: bool = True
    odd: list[str] = field(default_factory=list)

    @property
    def numbers(self) -> list[Number]:
        """The distinct numbers, by the sign that was taken."""
        return list(self.read[self.sign].values())


def look_at(cells: list[str], is_missing: Callable[[str], bool] | None = None) -> Column:
    """See what a column could be.

    Args:
        cells: As they stand.
        is_missing: Whether a word stands for missing; ``None``: a list of words may.
    """
    distinct = Counter(cell.strip() for cell in cells)
    distinct.pop('', None)
    may_be = is_missing or (lambda word: word in SURE or word.lower() in DOUBTFUL)
    words = {word for word in distinct if may_be(word)}
    rest = [word for word in distinct if word not in words]
    if not rest:
        return Column(cells, words, 'empty' if words <= SURE or is_missing else 'text')
    if all(word in TRUTHS for word in rest):
        return Column(cells, words, 'truths')
    if all(map(DATE.fullmatch, rest)):
        return Column(cells, words, 'dates')
    if all(map(FORMULA.fullmatch, rest)):
        return Column(cells, words, 'codes')
    found = {sign: {word: _number(word, sign) for word in rest} for sign in FORMS}
    read: dict[str, dict[str, Number]] = {
        sign: numbers  # type: ignore[misc]
        for sign, numbers in found.items()
        if all(numbers.values())
        and len({number.unit for number in numbers.values() if number}) == 1
    }
    if not read:
        return Column(cells, words, odd=_odd(found, distinct))
    gaps = bool(words) or any(not cell.strip() for cell in cells)
    kind = 'codes' if _are_codes(rest, next(iter(read.values())), gaps) else 'numbers'
    return Column(cells, words, kind, read)


def is_number(word: str) -> bool:
    """Whether a cell is a number in either form."""
    return any(_number(word.strip(), sign) is not None for sign in FORMS)


def _number(word: str, sign: str) -> Number | None:
    found = FORMS[sign].fullmatch(word)
    if found is None or bool(found['open']) != bool(found['close']):
        return None
    before, after = (found['before'] or '').strip(), (found['after'] or '').strip()
    if (before and after) or HOURS.fullmatch(after):
        return None
    minus = [found[name] for name in ('minus', 'inner', 'trail') if found[name]]
    if len(minus) > 1 or (found['open'] and minus):
        return None
    digits = re.sub(r'\D', '', found['whole']) or '0'
    fraction = (found['rest'] or '').replace(sign, '.')
    plain = f'{digits}{fraction}{found["power"] or ""}'
    if math.isinf(float(plain)):
        return None
    negative = found['open'] or (minus and minus[0] != '+')
    return Number(
        f'-{plain}' if negative else plain,
        before or after,
        not found['whole'].isdigit() and bool(found['whole']),
        bool(fraction) or bool(found['power']),
    )


def _are_codes(rest: Sequence[str], read: Mapping[str, Number], gaps: bool) -> bool:
    """Whether digits are names: with leading zeros, too many, or of telephones."""
    if any(map(CODE.fullmatch, rest)) or all(map(ARTICLE.fullmatch, rest)):
        return True
    if all(map(TWO_BY_TWO.fullmatch, rest)) and any(re.match(r'0\d', word) for word in rest):
        return True
    whole = not any(number.fraction for number in read.values())
    signed = any(number.plain.startswith('-') for number in read.values())
    if whole and not signed and any(map(TELEPHONE.fullmatch, rest)):
        return True
    lengths = {len(number.plain) for number in read.values()}
    spaced = all(number.grouped and ' ' in word for word, number in read.items())
    if whole and spaced and len(rest) > 1 and len(lengths) == 1 and lengths.pop() >= 7:
        return True
    most = WHOLE if gaps else LARGEST  # beside gaps whole numbers are floats
    return whole and any(abs(int(number.plain)) > most for number in read.values())


def _odd(found: dict[str, dict[str, Number | None]], distinct: Counter[str]) -> list[str]:
    """The cells that keep a column from being numbers, where at least half are."""
    best: list[str] = []
    for read in found.values():
        units = Counter[str]()
        for word, number in read.items():
            if number is not None:
                units[number.unit] += distinct[word]
        unit, times = units.most_common(1)[0] if units else ('', 0)
        if times >= MOSTLY * sum(distinct[word] for word in read):
            odd = [w for w, number in read.items() if number is None or number.unit != unit]
            best = odd if not best or len(odd) < len(best) else best
    return best


def choose_sign(column: Column, usual: str | None, told: str | None, separator: str) -> Column:
    """A column of numbers with the decimal sign that is taken, and whether that is sure.

    Args:
        column: The numbers.
        usual: The sign that all columns of the file have where only one fits; ``None``: there is
            none, or they differ.
        told: What the user says of columns where both fit.
        separator: Of the file.
    """
    if len(column.read) == 1:
        return replace(column, sign=next(iter(column.read)))
    same = all(
        column.read['.'][word].plain == read.plain for word, read in column.read[','].items()
    )
    if same:
        return replace(column, sign=usual or '.')
    if told is not None:
        return replace(column, sign=told, sure=True)
    # Cells such as 1,234 alone: three decimals, or thousands. Thousands also have cells without.
    used = '.' if any(number.fraction for number in column.read['.'].values()) else ','
    usual = usual or ('.' if separator == ',' else None)
    mixed = not all(n.fraction or n.grouped for n in column.read[used].values())
    other = ',' if used == '.' else '.'
    return replace(column, sign=usual or (other if mixed else used), sure=usual == used)


def values_of(column: Column, missing: set[str]) -> pd.Series:
    """A column's values.

    Args:
        column: What it was taken for.
        missing: Words that stand for missing in it.
    """
    gone = {'', *missing}
    if column.kind == 'truths':
        read: dict[str, object] = dict(TRUTHS)
    elif column.kind == 'numbers':
        numbers = column.read[column.sign]
        as_float = any(number.fraction for number in numbers.values())
        convert: Callable[[str], object] = float if as_float else int
        read = {word: convert(number.plain) for word, number in numbers.items()}
    elif column.kind == 'codes':
        read = {cell: FORMULA.sub(r'\1', cell.strip()) for cell in column.cells}
        return _series([np.nan if c.strip() in gone else read[c] for c in column.cells])
    else:
        return _series([np.nan if cell.strip() in gone else cell for cell in column.cells])
    return _series([np.nan if c.strip() in gone else read[c.strip()] for c in column.cells])


def _series(values: list[object]) -> pd.Series:
    return pd.Series(values, dtype=float if all(value is np.nan for value in values) else None)
