"""Files of the site that stand elsewhere in the checkout, and links between those and docs/.

Links are written so that they work in the checkout; the site gets its own.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
#: Files of the checkout by what each becomes in the site.
ELSEWHERE = {
    'contributing.md': 'CONTRIBUTING.md',
    'changelog.md': 'CHANGELOG.md',
    **{f'{path.name}': str(path.relative_to(ROOT)) for path in (ROOT / 'examples').glob('*.ipynb')},
    **{
        f'plugins/{path.parent.name}.md': str(path.relative_to(ROOT))
        for path in sorted((ROOT / 'plugins').glob('*/README.md'))
    },
}
LINK = re.compile(r'\]\((?!https?:|#)([^)#\s]+)')


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files that stand elsewhere."""
    for page, source in ELSEWHERE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links of the checkout into links of the site."""
    here = page.file.src_uri
    source = ROOT / ELSEWHERE.get(here, f'docs/{here}')

    def to_site(match: re.Match[str]) -> str:
        target = (source.parent / match[1]).resolve()
        if target.is_dir():
            target /= 'README.md'
        return f']({"../" * here.count("/")}{_page_of(target)}'

    return LINK.sub(to_site, markdown)


def _page_of(target: Path) -> str:
    pages = {ROOT / source: page for page, source in ELSEWHERE.items()}
    pages[ROOT / 'README.md'] = 'index.md'
    if target in pages:
        return pages[target]
    docs = ROOT / 'docs'
    # A link to anything else stays broken, and the strict build says so.
    return str(target.relative_to(docs) if docs in target.parents else target.relative_to(ROOT))
