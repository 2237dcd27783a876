"""Loads scripts of experiments/, which are no part of a package."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
EXPERIMENTS = ROOT / 'experiments'


def load(name: str, patch: pytest.MonkeyPatch) -> ModuleType:
    """A script as a module, for as long as the patch holds."""
    patch.syspath_prepend(EXPERIMENTS)
    spec = importlib.util.spec_from_file_location(f'{name}_experiment', EXPERIMENTS / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    patch.setitem(sys.modules, spec.name, module)  # a dataclass looks its module up
    spec.loader.exec_module(module)
    return module
