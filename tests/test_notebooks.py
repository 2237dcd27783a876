"""The notebooks run from top to bottom, and say what their pages in docs/ say.

After a change of a page: ``make notebooks``. With ``NOTEBOOKS=full`` they run with the model that
they name, as a reader runs them; else models are played and fits are small.
"""

from __future__ import annotations

import os
import runpy
import shutil
from types import SimpleNamespace

import pages
import pytest
import sdv_lines

nbformat = pytest.importorskip('nbformat', reason='the group docs is not installed')
nbclient = pytest.importorskip('nbclient', reason='the group docs is not installed')

EXAMPLES = pages.ROOT / 'examples'
NOTEBOOKS = SimpleNamespace(**runpy.run_path(str(EXAMPLES / 'notebooks.py')))
#: What a reader is promised.
MAX_SECONDS = 300
SMALL = f"""
import sys
sys.path.insert(0, {str(pages.ROOT / 'tests')!r})
import pages, pytest
pages.make_small(pytest.MonkeyPatch())
"""


@pytest.mark.parametrize('page', NOTEBOOKS.PAGES)
def test_a_notebook_is_written_from_its_page(page):
    saved = (EXAMPLES / f'{page}.ipynb').read_text(encoding='utf-8')
    assert saved == NOTEBOOKS.written(page), 'run make notebooks'
    nbformat.validate(nbformat.reads(saved, as_version=4))


@pytest.mark.skipif(not sdv_lines.SDV_2, reason='the notebooks are written for SDV 2')
@pytest.mark.filterwarnings('ignore')
@pytest.mark.timeout(MAX_SECONDS)
@pytest.mark.parametrize('page', NOTEBOOKS.PAGES)
def test_a_notebook_runs(page, tmp_path):
    for table in (*EXAMPLES.glob('*.csv'), *EXAMPLES.glob('pneumonia*.json')):
        shutil.copy(table, tmp_path)
    book = nbformat.read(EXAMPLES / f'{page}.ipynb', as_version=4)
    if os.environ.get('NOTEBOOKS') != 'full':
        book.cells.insert(0, nbformat.v4.new_code_cell(SMALL))
    resources = {'metadata': {'path': str(tmp_path)}}
    nbclient.NotebookClient(book, timeout=MAX_SECONDS, resources=resources).execute()
    outputs = [output for cell in book.cells for output in cell.get('outputs', [])]
    assert 'best' in ''.join(output.get('text', '') for output in outputs)
