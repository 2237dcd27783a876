"""The scripts in docs/sdv.md run as they stand, for CTGAN as for LLMGAN; so does docs/story.md."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
import sdv_lines

pytestmark = pytest.mark.filterwarnings('ignore')
ROOT = Path(__file__).parent.parent
PAGE = (ROOT / 'docs' / 'sdv.md').read_text(encoding='utf-8')
PRIVACY = (ROOT / 'docs' / 'privacy.md').read_text(encoding='utf-8')
SCRIPT = re.compile(r'^### (.+?)\n+```python\n(.+?)^```', re.MULTILINE | re.DOTALL)
SCRIPTS = dict(SCRIPT.findall(PAGE))
ON_PRIVACY = dict(SCRIPT.findall(PRIVACY))
#: Enough to run: a model of random rows, or a network trained for one epoch.
SWAPS = {
    'LLMGAN': "LLMGANSynthesizer(metadata, llm='scripted', causal_graph='none', sampler='llm')",
    'CTGAN': 'CTGANSynthesizer(metadata, epochs=1, enable_gpu=False)',
}


def run(title: str, name: str) -> dict[str, object]:
    """Everything that a script has made when it is through."""
    code = {**SCRIPTS, **ON_PRIVACY}[title]
    if not sdv_lines.SDV_2:
        code = re.sub(r'^.*# SDV 1\.38: (.+)$', r'\1', code, flags=re.MULTILINE)
    code = code.replace('LLMGANSynthesizer(metadata)', SWAPS[name])
    code = code.replace('import LLMGANSynthesizer', f'import {name}Synthesizer')
    made: dict[str, object] = {}
    exec(code, made)
    return made


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch):
    """A folder with the examples in it, which a script may write to."""
    (tmp_path / 'examples').symlink_to(ROOT / 'examples')
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize('name', SWAPS)
def test_metadata_from_a_csv_file(name):
    made = run('Metadata from a CSV file', name)
    assert made['synthetic']['adult'].shape == (20, 14)
    assert 0 < made['quality'].get_score() < 1
    assert len(sdv_lines.sample(sdv_lines.load('adult.pkl'), 3)) == 3


@pytest.mark.parametrize('name', SWAPS)
def test_constraints(name):
    made = run('Constraints', name)
    real, pair = made['data']['adult'], ['education', 'education-num']
    known = set(real[pair].itertuples(index=False, name=None))
    assert set(made['synthetic'][pair].itertuples(index=False, name=None)) <= known
    assert len(made['synthetic']) == 20


def test_conditional_sampling():
    made = run('Conditional sampling', 'LLMGAN')
    some, completed = sdv_lines.taken(made['some']), sdv_lines.taken(made['completed'])
    assert some['sex'].tolist() == ['Female'] * 5 + ['Male'] * 5
    assert (some['Income'][5:] == '>50K').all()
    pd.testing.assert_frame_equal(completed[['sex', 'workclass']], made['known'])


def test_a_policy_and_its_preview():
    preview = run('A policy and its preview', 'LLMGAN')['preview']
    prompt = preview[0].messages[1].content
    assert '"age": one of "under ' in prompt
    assert '"occupation": one of "v1", "v2"' in prompt
    assert 'Income' not in prompt
    assert list(ON_PRIVACY) == ['A policy and its preview']
    assert PRIVACY.count('```python') == 1


def test_every_script_of_the_page_is_run():
    assert list(SCRIPTS) == ['Metadata from a CSV file', 'Constraints', 'Conditional sampling']
    assert PAGE.count('```python') == len(SCRIPTS)


def test_the_page_on_stories_runs_from_top_to_bottom():
    page = (ROOT / 'docs' / 'story.md').read_text(encoding='utf-8')
    code = '\n'.join(re.findall(r'^```python\n(.+?)^```', page, re.MULTILINE | re.DOTALL))
    if not sdv_lines.SDV_2:
        code = re.sub(r'^.*# SDV 1\.38: (.+)$', r'\1', code, flags=re.MULTILINE)
    quick = "LLMGANSynthesizer(metadata, llm='scripted', causal_graph='none', sampler='llm', "
    made: dict[str, object] = {}
    exec(code.replace('LLMGANSynthesizer(metadata, ', quick), made)
    assert made['edited'] in [step.process for step in made['history']]
    assert made['other'].history.steps[0].process.instruction == made['saved'].instruction
    assert Path('story.md').read_text().startswith('# The story')
