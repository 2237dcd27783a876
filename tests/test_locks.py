"""The locks of both environments, and whose warnings fail a test."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

tomllib = pytest.importorskip('tomllib', reason='the locks are for Python 3.11')

ROOT = Path(__file__).parents[1]
PLUGINS = sorted((ROOT / 'plugins').iterdir())
GROUPS = {
    'sdv2': (('install', 'dev', 'docs', 'release'), (ROOT, *PLUGINS)),
    'sdv1': (('install', 'sdv1'), (ROOT, ROOT / 'plugins/sdv-llmgan-local')),
}


def locked(line):
    """Versions by name; those for another platform than this one are left out."""
    text = (ROOT / 'locks' / f'{line}.txt').read_text('utf-8')
    named = [Requirement(found) for found in re.findall(r'^[^#\s][^#]*', text, re.MULTILINE)]
    return {one.name: one for one in named if one.marker is None or one.marker.evaluate()}


def asked_for(line):
    """What the files of the projects ask for, of this platform."""
    groups, projects = GROUPS[line]
    files = [tomllib.loads((project / 'pyproject.toml').read_text('utf-8')) for project in projects]
    found = [text for file in files for text in file['project']['dependencies']]
    found += [text for file in files for text in file['build-system']['requires']]
    pending = list(groups)
    while pending:
        for entry in files[0]['dependency-groups'][pending.pop()]:
            if isinstance(entry, str):
                found.append(entry)
            else:
                pending.append(entry['include-group'])
    own = {canonicalize_name(file['project']['name']) for file in files}
    needed = [Requirement(text) for text in found]
    return [
        one
        for one in needed
        if one.name not in own and (one.marker is None or one.marker.evaluate())
    ]


@pytest.mark.parametrize('line', ['sdv1', 'sdv2'])
def test_a_lock_has_all_that_is_asked_for_in_a_version_that_is_allowed(line):
    versions = locked(line)
    for wanted in asked_for(line):
        name = canonicalize_name(wanted.name)
        assert name in versions, f"{wanted}: run 'make lock UPGRADE='"
        (only,) = versions[name].specifier
        assert only.operator == '=='
        assert wanted.specifier.contains(only.version), f"{wanted}: run 'make lock UPGRADE='"


@pytest.mark.parametrize('line', ['sdv1', 'sdv2'])
def test_a_lock_names_no_host_no_path_and_no_cuda(line):
    text = (ROOT / 'locks' / f'{line}.txt').read_text('utf-8')
    lines = [one for one in text.splitlines() if one and not one.startswith('#')]
    assert len(lines) > 100
    assert all(re.match(r'[a-z0-9-]+==[0-9a-z.]+( |$)', one) for one in lines)
    assert not re.search(r'://|/|--|nvidia|cuda|triton', '\n'.join(lines))


OURS = """
import warnings, other
def test_ours(): warnings.warn('of this package', UserWarning, stacklevel=1)
def test_brought_about_by_us(): other.old()
def test_of_another(): other.of_its_own()
def test_of_a_thread():
    import threading
    thread = threading.Thread(target=lambda: 1 / 0); thread.start(); thread.join()
"""
OTHER = """
import warnings
def old(): warnings.warn('is deprecated', FutureWarning, stacklevel=2)
def of_its_own(): warnings.warn('is deprecated', FutureWarning, stacklevel=1)
"""


def test_warnings_at_our_lines_fail_a_test_and_those_of_other_packages_do_not(tmp_path):
    (tmp_path / 'tests').mkdir()
    (tmp_path / 'tests/test_some.py').write_text(OURS)
    (tmp_path / 'other.py').write_text(OTHER)
    command = ['-m', 'pytest', '-c', ROOT / 'pyproject.toml', '--rootdir', tmp_path, 'tests']
    plugins = ['-p', 'no:cacheprovider', '-p', 'no:hypothesispytest', '-p', 'no:xdist']
    found = subprocess.run(
        [sys.executable, *command, *plugins, '-o', 'pythonpath=.'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    failed = re.findall(r'^FAILED \S+::(\w+)', found.stdout, re.MULTILINE)
    assert failed == ['test_ours', 'test_brought_about_by_us', 'test_of_a_thread'], found.stdout
    assert '1 passed' in found.stdout


def test_every_warning_of_this_package_names_its_own_line():
    files = [
        file
        for folder in (ROOT, *PLUGINS)
        for package in folder.glob('sdv_llmgan*')
        for file in package.rglob('*.py')
    ]
    calls = [
        (file, node)
        for file in files
        if 'warnings.warn(' in (text := file.read_text('utf-8'))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == 'warnings.warn'
    ]
    assert calls
    for file, call in calls:
        levels = [ast.unparse(one.value) for one in call.keywords if one.arg == 'stacklevel']
        assert levels == ['1'], f'{file}:{call.lineno}: with stacklevel=1 tests can tell it is ours'
