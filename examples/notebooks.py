"""Write the notebooks from pages of the documentation, so that there is one text of each."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DOCS = HERE.parent / 'docs'
PAGES = ('tutorial', 'heart', 'forty-patients')
CODE = re.compile(r'^```python\n(.*?)\n```\n', re.MULTILINE | re.DOTALL)
LINK = re.compile(r'\]\((?!https?:|#)([^)]+)\)')
#: What only the page can say: that there is a notebook, and what its code prints.
ON_THE_PAGE = re.compile(r'The same steps are a notebook, \S+\n|^```text\n.*?\n```\n', re.M | re.S)


def written(page: str) -> str:
    """A page as a notebook's file."""
    return json.dumps(notebook(page), ensure_ascii=False, indent=1, sort_keys=True) + '\n'


def notebook(page: str) -> dict[str, Any]:
    """A page as a notebook without outputs (nbformat 4.5), which runs in its own folder."""
    text = ON_THE_PAGE.sub('', (DOCS / f'{page}.md').read_text(encoding='utf-8'))
    cells: list[dict[str, Any]] = []
    # With one group, split gives text and code by turns.
    for turn, part in enumerate(CODE.split(text)):
        if turn % 2:
            kind: dict[str, Any] = {'cell_type': 'code', 'execution_count': None, 'outputs': []}
            source = part.replace("'examples/", "'")
        else:
            kind = {'cell_type': 'markdown'}
            source = LINK.sub(r'](../docs/\1)', part).strip()
        lines = source.splitlines(keepends=True)
        cells.append(kind | {'id': f'{page}-{turn}', 'metadata': {}, 'source': lines})
    kernel = {'name': 'python3', 'display_name': 'Python 3', 'language': 'python'}
    return {
        'cells': [cell for cell in cells if cell['source']],
        'metadata': {'kernelspec': kernel, 'language_info': {'name': 'python'}},
        'nbformat': 4,
        'nbformat_minor': 5,
    }


if __name__ == '__main__':
    for page in PAGES:
        (HERE / f'{page}.ipynb').write_text(written(page), encoding='utf-8')
