"""The house stays one that can be read: files, functions and exceptions are few and short."""

from __future__ import annotations

import ast
import inspect
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
