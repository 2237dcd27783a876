"""The Python in README.md and docs/ runs as it stands, on the installed SDV line."""

from __future__ import annotations

import re
from pathlib import Path

import pages
import pandas as pd
import pytest
import sdv_lines

import sdv_llmgan

pytestmark = pytest.mark.filterwarnings('ignore')
SDV_PAGE = pages.ROOT / 'docs' / 'sdv.md'
#: SDV's scripts run for CTGAN too, in a network trained for one epoch.
SWAPS = {
    'LLMGAN': 'LLMGANSynthesizer(metadata)',
    'CTGAN': 'CTGANSynthesizer(metadata, epochs=1, enable_gpu=False)',
}


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch):
    """A folder with the examples in it, which a script may write to, and small fits."""
    (tmp_path / 'examples').symlink_to(pages.ROOT / 'examples')
    monkeypatch.chdir(tmp_path)
    pages.make_small(monkeypatch)


@pytest.mark.parametrize('page', pages.PAGES, ids=lambda page: page.name)
def test_a_page_runs(page):
    if not pages.blocks(page):
        pytest.skip('no Python on this page')
    pages.run(page)


def test_few_blocks_are_not_run_and_each_says_why():
    every = [block for page in pages.PAGES for block in pages.blocks(page)]
    reasons = [block.not_run for block in every if block.not_run is not None]
    assert all(len(reason.split()) >= 3 for reason in reasons), reasons
    assert len(reasons) <= len(every) / 10, reasons
    marks = sum(page.read_text(encoding='utf-8').count('<!-- not run') for page in pages.PAGES)
    assert marks == len(reasons), 'a mark without a reason, or without a block after it'


def script(title: str, name: str) -> dict[str, object]:
    """Everything that the script under a title of docs/sdv.md has made."""
    begins = SDV_PAGE.read_text(encoding='utf-8').split(f'### {title}\n')[0].count('\n')
    block = next(block for block in pages.blocks(SDV_PAGE) if block.line > begins)
    code = block.code.replace('LLMGANSynthesizer(metadata)', SWAPS[name])
    code = code.replace('import LLMGANSynthesizer', f'import {name}Synthesizer')
    made: dict[str, object] = {}
    pages.Block(code, block.line, None).run(SDV_PAGE, made)
    return made


@pytest.mark.parametrize('name', SWAPS)
def test_metadata_from_a_csv_file(name):
    made = script('Metadata from a CSV file', name)
    assert made['synthetic']['adult'].shape == (20, 14)
    assert 0 < made['quality'].get_score() < 1
    assert len(sdv_lines.sample(sdv_lines.load('adult.pkl'), 3)) == 3


@pytest.mark.parametrize('name', SWAPS)
def test_constraints(name):
    made = script('Constraints', name)
    real, pair = made['data']['adult'], ['education', 'education-num']
    known = set(real[pair].itertuples(index=False, name=None))
    assert set(made['synthetic'][pair].itertuples(index=False, name=None)) <= known
    assert len(made['synthetic']) == 20


def test_conditional_sampling():
    made = script('Conditional sampling', 'LLMGAN')
    some, completed = sdv_lines.taken(made['some']), sdv_lines.taken(made['completed'])
    assert some['sex'].tolist() == ['Female'] * 5 + ['Male'] * 5
    assert (some['Income'][5:] == '>50K').all()
    pd.testing.assert_frame_equal(completed[['sex', 'workclass']], made['known'])


def test_a_preview_shows_what_the_policy_lets_through():
    preview = pages.run(pages.ROOT / 'docs' / 'privacy.md')['preview']
    prompt = preview[-1].messages[1].content
    assert '"age": one of "under ' in prompt
    assert '"occupation": one of "v1" (' in prompt
    assert 'Income' not in prompt


def test_the_story_page_edits_and_reads_back_a_history():
    made = pages.run(pages.ROOT / 'docs' / 'story.md')
    assert made['edited'] in [step.process for step in made['history']]
    assert made['other'].history.steps[0].process.instruction == made['saved'].instruction
    assert Path('story.md').read_text().startswith('# The story')


def test_the_reference_has_every_public_name():
    page = (pages.ROOT / 'docs' / 'reference.md').read_text(encoding='utf-8')
    named = set(re.findall(r'sdv_llmgan\.(\w+)(?:$|`)', page, re.MULTILINE))
    assert set(sdv_llmgan.__all__) <= named
