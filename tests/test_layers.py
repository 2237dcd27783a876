"""The house: its rooms, from the ground up, and the arrows allowed between them.

An import goes from a room to one that stands above it in this list, and only to those named
beside it; CONTRIBUTING draws them.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / 'sdv_llmgan'

ROOMS = {
    'errors': '',
    'formats': 'errors',
    'table': 'formats',
    'process': 'formats table',
    'rules': 'formats table',
    'egress': 'errors formats table process rules',
    'analysis': 'formats table',
    'metrics': 'table',
    'providers': 'errors formats table',
    'calls': 'errors formats table providers',
    'roles': 'errors formats table process rules providers',
    'discriminators': 'errors formats table analysis providers roles',
    'without_rows': 'errors formats table process providers roles',
    'samplers.distilled': 'table process',
    'export': 'formats table process samplers.distilled',
    'samplers': 'errors table process rules egress calls roles samplers.distilled',
    'scale': 'errors formats table',
    'hookspecs': 'providers discriminators samplers',
    'registry': 'errors providers discriminators samplers hookspecs',
    'loop': 'errors formats table process rules egress providers calls roles discriminators '
    'samplers registry',
    'report': 'formats table process rules egress analysis metrics samplers loop',
    'synthesizer': 'errors formats table process rules egress providers calls roles discriminators '
    'samplers scale registry loop report without_rows export',
    'plots': 'table process rules analysis metrics loop',
    'augment': 'formats rules synthesizer',
    'benchmark': 'formats table metrics synthesizer',
    '__main__': '',
    '__init__': 'errors formats table process rules egress providers calls discriminators samplers '
    'hookspecs loop synthesizer',
}
#: At the top of the package.
MODULES = {'__init__', '__main__', 'errors', 'hookspecs', 'registry'}


def room_of(module: str) -> str:
    """The room that a module stands in; a module at the top is a room of its own."""
    if module.startswith('samplers.distilled'):
        return 'samplers.distilled'
    return module.split('.')[0]


def modules() -> dict[str, Path]:
    return {
        '.'.join(path.relative_to(PACKAGE).with_suffix('').parts): path
        for path in PACKAGE.rglob('*.py')
    }


def imported(text: str) -> set[str]:
    """Modules below ``sdv_llmgan`` that a text imports, in whatever form and wherever it does."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f'a relative import: {ast.unparse(node)}'
            whole = node.module == 'sdv_llmgan'
            found |= {f'{node.module}.{one.name}' for one in node.names} if whole else {node.module}
        elif isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
    below = (name.partition('.') for name in found if name)
    return {rest for package, _, rest in below if package == 'sdv_llmgan'}


def arrows(room: str) -> set[str]:
    """The rooms that modules of this one import from."""
    texts = [
        path.read_text(encoding='utf-8')
        for module, path in modules().items()
        if room_of(module) == room
    ]
    return {room_of(name) for text in texts for name in imported(text)} - {room, '__version__'}


@pytest.mark.parametrize(
    'line',
    [
        'from sdv_llmgan.loop.loop import LLMGAN',
        'from sdv_llmgan import loop',
        'import sdv_llmgan.loop.loop',
        'def late():\n    import sdv_llmgan.loop as loop',
    ],
)
def test_an_import_is_seen_in_any_form(line):
    assert {room_of(name) for name in imported(line)} == {'loop'}


def test_a_relative_import_is_refused():
    with pytest.raises(AssertionError, match='a relative import'):
        imported('from ..loop.loop import LLMGAN')


def test_every_module_stands_in_a_room():
    assert {room_of(module) for module in modules()} == set(ROOMS)
    assert {module for module in modules() if '.' not in module} == MODULES


@pytest.mark.parametrize('room', ROOMS)
def test_a_room_imports_only_from_rooms_above_it_that_it_names(room):
    assert arrows(room) == set(ROOMS[room].split())
    assert arrows(room) <= set(list(ROOMS)[: list(ROOMS).index(room)])


def test_what_takes_long_to_import_is_imported_only_when_it_is_used():
    heavy = {'openai', 'anthropic', 'pgmpy', 'torch', 'transformers', 'networkx'}
    late = {PACKAGE / 'plots' / 'graphs.py', PACKAGE / 'report' / 'charts.py'}
    for path in set(PACKAGE.rglob('*.py')) - late:
        tree = ast.parse(path.read_text(encoding='utf-8'))
        top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        names = {alias.name for node in top if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module for node in top if isinstance(node, ast.ImportFrom)}
        assert not heavy & names, path
