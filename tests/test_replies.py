from __future__ import annotations

import re
import sys
import time
from contextlib import suppress

import pytest
from hostile_servers import peak_mb
from hypothesis import given, settings
from hypothesis import strategies as st

from sdv_llmgan.errors import ReplyError
from sdv_llmgan.formats.reply_json import read_json, read_rows
from sdv_llmgan.formats.spans import flat_spans


def test_read_json_mends_one_value_and_refuses_prose():
    assert read_json('Sure! {"instruction": "be bold",}') == {'instruction': 'be bold'}
    with pytest.raises(ReplyError, match='Needed JSON, got'):
        read_json('I would rather not.')


STRING = r'"(?:[^"\\]|\\.)*"'
#: What a span is, in one line each; takes quadratic time.
FLAT = {
    '{}': re.compile(r'\{(?:[^{}"]|' + STRING + r')*\}', re.DOTALL),
    '[]': re.compile(r'\[(?:[^\[\]"]|' + STRING + r')*\]', re.DOTALL),
}
SIGNS = [*'{}[]"\\', 'a', ' ', '\n', '{"a": 1}', '"b"', '["c"]', '\\"', "'", ',', ':']


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(SIGNS), max_size=30).map(''.join), st.sampled_from(list(FLAT)))
def test_the_spans_of_a_text_are_those_of_the_expression(text, brackets):
    expected = [match.span() for match in FLAT[brackets].finditer(text)]
    assert list(flat_spans(text, brackets, 10**6)) == expected


#: Patterns that regular expressions, or readings begun anew at each bracket, take too long for.
HOSTILE = ['{"', '{\\"', '{\\"{"', '{"a":"', '["', '[\\"', '[', '{"}"', '{\\', '{"a": "{\\"', '"{']


def lines_run(work):
    """Lines of Python that something takes; the same on any machine."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += event == 'line'
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize('pattern', HOSTILE)
def test_scanning_twice_as_much_takes_twice_the_work(pattern):
    def scan(length):
        text = (pattern * length)[:length]
        return lambda: [list(flat_spans(text, brackets, 10**9)) for brackets in FLAT]

    assert lines_run(scan(8_000)) < 2.1 * lines_run(scan(4_000)) + 50


@pytest.mark.parametrize('pattern', HOSTILE)
@pytest.mark.parametrize('length', [5_000, 1_000_000, 10_000_000])
def test_a_reply_of_nonsense_is_refused_within_a_second(pattern, length):
    reply = (pattern * length)[:length]
    started = time.process_time()
    rows, rejected = read_rows(reply)
    with suppress(ReplyError):
        assert read_json(reply) in ([], {}) or length == 5_000
    assert time.process_time() - started < 1.0
    assert sum(rejected.values()) >= 1 or length == 5_000
    assert not any(rows) or pattern in ('{"}"', '"{')


def test_no_more_of_a_reply_is_mended_than_a_bound(monkeypatch):
    mended = []
    monkeypatch.setattr(
        'sdv_llmgan.formats.reply_json.json_repair.loads',
        lambda text: mended.append(len(text)) or {'a': 1},
    )
    rows, rejected = read_rows(("{'a': 'x'}" + 'y' * 90) * 20_000)
    assert sum(mended) <= 50_000
    assert len(rows) == len(mended) == 5_000
    assert rejected == {'row is not JSON': 5_000, 'row was cut off': 1}


def test_what_stands_behind_the_longest_reply_is_cut_off():
    rows, rejected = read_rows('[' + '{"age": 41},' * 500_000)
    assert rows[:2] == [{'age': 41}] * 2
    assert len(rows) < 100_000
    assert rejected == {'row was cut off': 1}
    with pytest.raises(ReplyError, match='at most 1000000 characters, got 1000002'):
        read_json('"' + 'x' * 1_000_000 + '"')


@pytest.mark.skipif(sys.platform != 'linux', reason='the peak of memory is read from /proc')
@pytest.mark.parametrize('row', ['{"', '[41,"nurse"],', '{"age": 41},', '[],', 'x'])
def test_a_reply_of_ten_megabytes_takes_less_than_sixty_more(row):
    reply = '[' + row * (10_000_000 // len(row))
    assert peak_mb(lambda: read_rows(reply)) < 60
