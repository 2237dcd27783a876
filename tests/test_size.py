"""The house stays one that can be read: files, functions and exceptions are few and short."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

from sdv_llmgan import LLMGANSynthesizer
from sdv_llmgan.synthesizer.arguments import Arguments

ROOT = Path(__file__).parent.parent
SHIPPED = ('sdv_llmgan', 'sdv_llmgan_cli', 'plugins/*/sdv_llmgan_*')
FILES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding='utf-8')
    for pattern in SHIPPED
    for folder in ROOT.glob(pattern)
    for path in folder.rglob('*.py')
}


def test_no_file_is_longer_than_400_lines():
    assert {name for name, text in FILES.items() if text.count('\n') > 400} == set()


def test_no_function_is_longer_than_60_lines():
    assert {
        f'{name}: {node.name}'
        for name, text in FILES.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (node.end_lineno or 0) - node.lineno >= 60
    } == set()


def test_hardly_any_type_is_unsaid():
    assert sum(text.count('noqa: ANN401') for text in FILES.values()) <= 10


def set_late(text: str) -> list[str]:
    """Attributes that a class neither declares nor makes in its ``__init__``, but sets later."""
    late = []
    for made in ast.walk(ast.parse(text)):
        if isinstance(made, ast.ClassDef):
            declared = {
                name.id
                for part in made.body
                if isinstance(part, (ast.Assign, ast.AnnAssign))
                for name in ast.walk(part)
                if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
            }
            by_method = {
                method.name: {
                    node.attr
                    for node in ast.walk(method)
                    if isinstance(node, ast.Attribute)
                    and isinstance(node.ctx, ast.Store)
                    and ast.unparse(node.value) == 'self'
                }
                for method in made.body
                if isinstance(method, ast.FunctionDef)
            }
            known = declared | by_method.pop('__init__', set())
            late += sorted(set().union(*by_method.values()) - known)
    return late


def test_no_attribute_of_another_object_is_set_but_of_other_libraries():
    assert {
        ast.unparse(node)
        for name, text in FILES.items()
        if name.startswith('sdv_llmgan/')
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and ast.unparse(node.value) not in ('self', 'cls')
    } == {
        'bar.n',
        'cell.data_type',
        'codes.columns',
        'connection.text_factory',
        'environment.filters',
        'made_up._nan_frequency',
        'pool._network_backend',
        'processor._id_columns_use_old_behavior',
        'self._rng.bit_generator.state',
    }


def test_few_attributes_are_set_outside_init():
    lines = sum(text.count('\n') for text in FILES.values())
    assert sum(len(set_late(text)) for text in FILES.values()) < 1.5 * lines / 1000


def test_branches_on_a_missing_view_stand_in_one_file_at_most():
    asking = {name for name, text in FILES.items() if re.search(r'view is (not )?None', text)}
    assert len(asking) <= 1


def test_no_path_leads_out_of_the_repository():
    assert {name for name, text in FILES.items() if '../shared' in text} == set()


def test_the_commands_do_not_import_the_papers_benchmark():
    imported = {
        node.module
        for name, text in FILES.items()
        if name.startswith('sdv_llmgan_cli/')
        for node in ast.parse(text).body
        if isinstance(node, ast.ImportFrom)
    }
    assert not {name for name in imported if name and name.startswith('sdv_llmgan.benchmark')}


def test_every_argument_of_the_constructor_is_declared_and_kept():
    given = inspect.signature(LLMGANSynthesizer.__init__).parameters.values()
    assert {one.name: one.annotation for one in given if one.kind is one.KEYWORD_ONLY} == (
        Arguments.__annotations__
    )
