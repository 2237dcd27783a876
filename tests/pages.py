"""The pages of the documentation as scripts: their Python blocks, and models that stand in.

A page's blocks share one namespace and run in order. Two comments in a page change that:

    <!-- not run: needs a paid key -->    before a block: it is not run, for that reason
    fit(data)  # SDV 1.38: fit(table)     on SDV 1.38 the line reads as its comment says
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sdv_lines

from sdv_llmgan import Completion, LLMGANSynthesizer, Provider, Request, ScriptedProvider, Usage

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]

BLOCK = re.compile(r'^```python\n(.*?)^```', re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(r'<!-- not run: (.*?) -->\s*\Z')
FOR_SDV_1 = re.compile(r'^( *).*# SDV 1\.38: (.+)$', re.MULTILINE)

#: What a good model makes of the descriptions in the documentation.
READ = {
    'women over 60 in a private job': [
        {'column': 'sex', 'one_of': ['Female']},
        {'column': 'age', 'more_than': 60},
        {'column': 'workclass', 'one_of': ['Private']},
    ],
}


@dataclass(frozen=True)
class Block:
    """A Python block of a page, with the line that it begins on and why it is not run, if so."""

    code: str
    line: int
    not_run: str | None

    def run(self, page: Path, names: dict[str, Any]) -> None:
        code = self.code
        if not sdv_lines.SDV_2:
            code = FOR_SDV_1.sub(r'\1\2', code)
        # Tracebacks then point into the page.
        exec(compile('\n' * self.line + code, str(page), 'exec'), names)


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding='utf-8')
    found = []
    for match in BLOCK.finditer(text):
        mark = NOT_RUN.search(text[: match.start()])
        line = text[: match.start(1)].count('\n')
        found.append(Block(match[1], line, mark[1] if mark else None))
    return found


def run(page: Path) -> dict[str, Any]:
    """Everything that a page's blocks have made when they are through."""
    names: dict[str, Any] = {'__name__': page.stem}
    for block in blocks(page):
        if block.not_run is None:
            block.run(page, names)
    return names


class StandIn(ScriptedProvider):
    """Answers at random, but reads the descriptions of the documentation."""

    def complete(self, request: Request) -> Completion:
        if request.role != 'interpreter':
            return super().complete(request)
        asked = request.messages[-1].content
        wishes = next(wishes for words, wishes in READ.items() if words in asked)
        return Completion(json.dumps({'conditions': wishes, 'not_expressible': []}), Usage(1))


def stand_in(provider: Provider) -> Provider:
    """Who plays a provider: models are played, a page's own providers play themselves."""
    is_model = type(provider).__module__.startswith('sdv_llmgan')
    return StandIn() if is_model and not isinstance(provider, ScriptedProvider) else provider


def make_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fits of one batch, without a model and without distilling, unless a page asks for them.

    Exports are of fewer rows.
    """
    monkeypatch.setattr(LLMGANSynthesizer, '_stand_in', staticmethod(stand_in))
    for name, value in {'max_batches': 1, 'sampler': 'llm'}.items():
        monkeypatch.setitem(LLMGANSynthesizer.__init__.__kwdefaults__, name, value)
    monkeypatch.setitem(LLMGANSynthesizer.export.__kwdefaults__, 'num_rows', 5_000)
