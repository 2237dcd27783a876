"""The picture in README.md and docs/benchmarks.md; experiments/picture.py draws it."""

from __future__ import annotations

import re

import pandas as pd
import pytest
import scripts


@pytest.fixture
def picture(monkeypatch):
    """The experiment, which is no part of a package."""
    return scripts.load('picture', monkeypatch)


def test_the_picture_is_drawn_from_the_results_that_are_kept(picture):
    drawn = picture.draw(pd.read_csv(picture.CELLS), pd.read_csv(picture.RECORDED))
    assert picture.PICTURE.read_text(encoding='utf-8') == drawn


def test_the_figures_of_a_strong_model_are_those_of_the_page(picture):
    page = (scripts.ROOT / 'docs/does-the-model-help.md').read_text(encoding='utf-8')
    recorded = pd.read_csv(picture.RECORDED, dtype=str)
    assert len(recorded) == 8
    for row in recorded.to_dict('records'):
        name = f'{row["table"]} {row["rows"]}' + (' (R²)' if row['table'] == 'Insurance' else '')
        assert f'| {name} | {row["without"]} | {row["distilled"]} | {row["llm"]} |' in page


def test_names_of_lines_that_end_together_are_moved_apart(picture):
    assert picture.spread([100.0, 101.0, 200.0, 210.0], 15) == [86.0, 101.0, 195.0, 210.0]


def test_a_line_that_ends_below_the_axis_says_so(picture):
    means = pd.DataFrame({key: [0.5, 0.6] for key in picture.LINES}, index=[25, 800])
    axes = picture.Axes(0, 100, 0.0, 1.0)
    assert not any('below' in part for part in picture.lines(means, axes, 'a'))
    means.loc[800, 'ctgan'] = -0.2
    (said,) = [part for part in picture.lines(means, axes, 'a') if 'below' in part]
    assert re.search('>CTGAN: below 0<', said)
