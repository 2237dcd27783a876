"""Same seed, same data, same model: same fit, same sample, in another process too."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import sdv_lines
from tables import visits, visits_metadata

from sdv_llmgan import LLMGANSynthesizer

pytestmark = pytest.mark.filterwarnings('ignore')
TABLE = visits(40)


def fitted(**arguments: object) -> LLMGANSynthesizer:
    made = LLMGANSynthesizer(
        visits_metadata(), **{'llm': 'scripted', 'max_batches': 3, 'sampler': 'llm'} | arguments
    )
    sdv_lines.fit(made, TABLE)
    return made


def fingerprint(**arguments: object) -> str:
    """What a fit learned, and its first two samples."""
    made = fitted(**arguments)
    parts = [
        made.get_history().drop(columns='seconds').to_csv(),
        made.get_generation_process().to_json(),
        *(sdv_lines.sample(made, 9).to_csv() for _ in range(2)),
    ]
    return hashlib.sha256('\n'.join(parts).encode()).hexdigest()


SETTINGS = [
    pytest.param({}, id='default'),
    pytest.param({'discriminator': ['mlp', 'analyzer'], 'target': 'stage'}, id='panel'),
    pytest.param({'example_selection': 'stratified', 'discriminator': 'llm'}, id='stratified'),
]


@pytest.mark.parametrize('arguments', SETTINGS)
def test_the_same_seed_gives_the_same_fit_and_samples(arguments):
    assert fingerprint(**arguments) == fingerprint(**arguments)


@pytest.mark.parametrize('arguments', SETTINGS)
def test_another_seed_gives_another_fit(arguments):
    assert fingerprint(**arguments) != fingerprint(**arguments, seed=1)


@pytest.mark.parametrize('hash_seed', ['1', '2'])
def test_another_process_gives_the_same(hash_seed):
    script = (
        'import sys, warnings; warnings.simplefilter("ignore")\n'
        'import test_reproducible as here\n'
        'sys.stdout.write("".join(here.fingerprint(**s.values[0]) for s in here.SETTINGS))'
    )
    done = subprocess.run(
        [sys.executable, '-c', script],
        cwd=Path(__file__).parent,
        env={**os.environ, 'PYTHONHASHSEED': hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ''.join(fingerprint(**setting.values[0]) for setting in SETTINGS)


def test_two_samples_in_a_row_differ_and_a_reset_starts_again():
    made = fitted()
    first, second = sdv_lines.sample(made, 9), sdv_lines.sample(made, 9)
    made.reset_sampling()
    assert not first.equals(second)
    pd.testing.assert_frame_equal(sdv_lines.sample(made, 9), first)
    pd.testing.assert_frame_equal(sdv_lines.sample(made, 9), second)


def test_a_fit_again_gives_the_same_and_forgets_the_first():
    made = fitted()
    history, rows = made.get_history(), sdv_lines.sample(made, 9)
    sdv_lines.fit(made, TABLE)
    pd.testing.assert_frame_equal(
        made.get_history().drop(columns='seconds'), history.drop(columns='seconds')
    )
    made.reset_sampling()
    pd.testing.assert_frame_equal(sdv_lines.sample(made, 9), rows)


def test_the_callers_own_randomness_is_left_alone():
    import random

    import numpy as np

    random.seed(7)
    np.random.seed(7)
    states = random.getstate(), np.random.get_state()[1].tolist()
    sdv_lines.sample(fitted(), 9)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states
