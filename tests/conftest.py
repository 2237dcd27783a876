"""Lets tests import the helpers that stand beside them."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import pytest
import sdv

sys.path.insert(0, str(Path(__file__).parent))


def pytest_report_header() -> str:
    return f'sdv {sdv.__version__}'


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    """No test finds replies of another, or writes into the user's cache."""
    monkeypatch.setenv('SDV_LLMGAN_CACHE', str(tmp_path / 'cache'))


@pytest.fixture(autouse=True)
def quiet_log():
    """The command line says what its process logs; the next test begins anew."""
    yield
    logging.getLogger('sdv_llmgan').setLevel(logging.NOTSET)
    root = logging.getLogger()
    root.handlers[:] = [one for one in root.handlers if type(one) is not logging.StreamHandler]


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    """No test can reach a real server: keys and addresses of the environment are taken away."""
    for name in os.environ:
        if name.startswith(('OPENAI_', 'AZURE_OPENAI_', 'ANTHROPIC_')):
            monkeypatch.delenv(name)
