"""docs/tour.md is true: a fit and a sample come by its stops in their order."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import sdv_lines
from sdv.metadata import Metadata
from tables import visits

from sdv_llmgan import EgressPolicy, LLMGANSynthesizer
from sdv_llmgan.benchmark.tables import metadata_by_dtypes

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / 'sdv_llmgan'
STOP = re.compile(r'^\| \d+ \|[^|]*\|([^|]*)\|([^|]*)\|$', re.MULTILINE)


def told(page):
    """Files of the page's stops, and their functions, in order."""
    stops = STOP.findall(page)
    return tuple(
        [name for stop in stops for name in re.findall('`([^`]+)`', stop[i])] for i in (0, 1)
    )


@pytest.mark.parametrize('policy', [None, EgressPolicy(max_rows=10)])
def test_a_row_comes_by_the_stops_of_the_tour_in_their_order(policy):
    files, functions = told((ROOT / 'docs/tour.md').read_text(encoding='utf-8'))
    seen: dict[str, str] = {}

    def watch(frame, event, arg):
        code = frame.f_code
        if event == 'call' and code.co_qualname in functions:
            file = Path(code.co_filename)
            if PACKAGE in file.parents:
                seen.setdefault(code.co_qualname, file.relative_to(PACKAGE).as_posix())

    table = visits(30)
    made = LLMGANSynthesizer(
        Metadata.load_from_dict(metadata_by_dtypes(table), 'visits'),
        llm='scripted',
        max_batches=3,
        batch_size=10,
        futility=False,
        cache=False,
        egress=policy,
    )
    sys.setprofile(watch)
    try:
        sdv_lines.fit(made, table)
        sdv_lines.sample(made, 5)
    finally:
        sys.setprofile(None)
    other = 'View.everything' if policy else 'View.of'
    assert list(seen) == [name for name in functions if name != other]
    assert set(seen.values()) <= set(files)


def test_every_file_that_the_tour_names_is_there():
    page = (ROOT / 'docs/tour.md').read_text(encoding='utf-8')
    named = re.findall(r'`([a-z_/]+\.py)', page)
    assert len(named) > 20
    assert [name for name in named if not (PACKAGE / name).exists()] == []
