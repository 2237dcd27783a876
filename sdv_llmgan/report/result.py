"""The report as an object: one page, one dictionary, one table of scores."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.formats.words import visible
from sdv_llmgan.report.charts import draw
from sdv_llmgan.report.columns import percent
from sdv_llmgan.report.content import Score, Section
from sdv_llmgan.table.types import Cell

#: The figures of the first page, where there are so many.
HEADLINES = (
    *('quality', 'diagnostic', 'c2st', 'ml_efficacy'),
    *('dcr_share', 'copied_rows', 'near_copies', 'singling_out_risk', 'membership_inference'),
    *('disclosure_protection', 'rules_kept'),
)
SUFFIXES = ('.html', '.htm', '.json')


NOTEBOOK_FRAME = 'style="width: 100%; height: 40em; border: 1px solid #8888"'


@dataclass(frozen=True, repr=False)
class Report:
    """What is to be said of a synthetic table; ``print`` shows the scores.

    Attributes:
        title: What it is about.
        created: When it was made, ISO 8601.
        facts: Sizes of the tables and versions, by name.
        sections: Its parts, in order.
        sources: Where the rows come from, for the first screen; ``None``: not known.
    """

    title: str
    created: str
    facts: dict[str, str]
    sections: tuple[Section, ...]
    sources: Section | None = None

    @property
    def scores(self) -> tuple[Score, ...]:
        """All scores in order."""
        return tuple(score for section in self.sections for score in section.scores)

    def __getitem__(self, key: str) -> Score:
        """A score by its key; ``KeyError`` names those that there are."""
        for score in self.scores:
            if score.key == key:
                return score
        raise KeyError(f'{key!r}; there are: {", ".join(score.key for score in self.scores)}')

    def headlines(self) -> Iterator[tuple[Section, Score]]:
        """The scores of the first page, each with the section that it stands in."""
        return (
            (section, score)
            for section in self.sections
            for score in section.scores
            if score.key in HEADLINES
        )

    def to_look_at(self) -> list[Score]:
        """The scores that are worth a look, wherever they stand."""
        return [score for score in self.scores if score.look]

    def has_reference(self) -> bool:
        """Whether any score is held against held-out rows."""
        return any(score.reference is not None for score in self.scores)

    def has_process(self) -> bool:
        """Whether the generation process is shown."""
        return any(section.text for section in self.sections)

    def to_frame(self) -> pd.DataFrame:
        """One line a score: name, value, direction, held-out reference, and why there is none."""
        columns = ['name', 'value', 'direction', 'reference', 'reading', 'reason']
        lines = {score.key: [getattr(score, column) for column in columns] for score in self.scores}
        return pd.DataFrame.from_dict(lines, orient='index', columns=columns)

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON values; a number that is not finite is ``None``."""
        return _plain(asdict(self))

    def to_json(self) -> str:
        """``to_dict`` as indented JSON."""
        made = json.dumps(self.to_dict(), ensure_ascii=False, indent=2, allow_nan=False)
        return visible(made)

    def to_html(self) -> str:
        """One page that needs nothing else: style and drawings are inside, scripts there are none.

        It opens offline, follows the reader's light or dark setting, and prints.
        """
        return visible(_template().render(report=self))

    def save(self, path: str | Path) -> Path:
        """Write the report: HTML, or JSON where the path ends so.

        Raises:
            ValueError: The path ends neither in .html nor in .json, or its folder is not there.
        """
        path = check_path(path)
        made = self.to_json() if path.suffix.lower() == '.json' else self.to_html()
        path.write_text(made, encoding='utf-8')
        return path

    def __repr__(self) -> str:
        """Short: ``print`` shows the scores, ``to_dict`` has everything."""
        return f'<Report {self.title!r}: {len(self.scores)} scores>'

    def _repr_html_(self) -> str:
        """The page, as a notebook shows it."""
        return f'<iframe srcdoc="{escape(self.to_html())}" {NOTEBOOK_FRAME}></iframe>'

    def __str__(self) -> str:
        """The scores as lines of text."""
        return visible('\n'.join([self.title, *map(_line, self.scores)]))


def _line(score: Score) -> str:
    if score.value is None:
        return f'{score.name:<42} {"–":>6}  {score.reason}'
    line = f'{score.name:<42} {score.value:>6.3f}  {score.direction}'
    if score.interval is not None:
        line += f' (95 %: {score.interval[0]:.2f} to {score.interval[1]:.2f})'
    return line + ('; worth a look' if score.look else '')


def check_path(path: str | Path) -> Path:
    """Where a report is to be saved; raises as ``Report.save`` does."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f'A report is saved as .html or .json, got {str(path)!r}.')
    if not path.parent.is_dir():
        raise ValueError(f'There is no folder {str(path.parent)!r} to save a report in.')
    return path


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader('sdv_llmgan.report', '.'),
        autoescape=True,  # cells, names and contexts are data
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {'figure': format_figure, 'draw': draw, 'percent': percent}
    return environment.get_template('page.html.j2')


def format_figure(value: Cell) -> str:
    """A cell as it is printed: numbers short, nothing as a dash."""
    if value is None:
        return '–'
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, int) or value.is_integer() and abs(value) > 1:
        return f'{value:,.0f}'
    if 0 < abs(value) < 0.0005:
        return f'{value:.1g}'
    return f'{value:.3f}' if abs(value) < 10 else f'{value:,.1f}'


def _plain(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _plain(cell) for key, cell in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(cell) for cell in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
