"""What the analyzer returns: every diagnostic, one score, and both in forms to read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sdv_llmgan.analysis.columns import CategoricalColumn, ColumnDiagnostics
from sdv_llmgan.analysis.copies import Copies
from sdv_llmgan.analysis.findings import Finding
from sdv_llmgan.analysis.missing import Missingness
from sdv_llmgan.analysis.pairs import Pair
from sdv_llmgan.formats.words import visible
from sdv_llmgan.table.schema import quote

#: What each part weighs in the score. Halves for columns and pairs are SDMetrics' quality report;
#: a fifth of them is given to what that report leaves out.
WEIGHTS = {'columns': 0.4, 'pairs': 0.4, 'coverage': 0.1, 'missing': 0.1}
PAIRS_SHOWN = 5
NAME_WIDTH = 20


@dataclass(frozen=True)
class Diagnostics:
    """How synthetic rows differ from real ones; ``print`` shows a table.

    Attributes:
        n_real: Real rows, >= 1; ``None`` where that is not to be told.
        n_synthetic: Synthetic rows, >= 1.
        columns: One entry a column, in order.
        pairs: One entry a pair of columns that could be compared.
        missing: Rates of missing values and joint missingness.
        copies: Signs of copying.
        problems: What is neither chance nor trifling, strongest first.
    """

    n_real: int | None
    n_synthetic: int
    columns: tuple[ColumnDiagnostics, ...]
    pairs: tuple[Pair, ...]
    missing: Missingness
    copies: Copies
    problems: tuple[Finding, ...]

    @property
    def score(self) -> float:
        """SYNTHIA's phi(S), in [0, 1], higher = more alike.

        0.4 columns + 0.4 pairs + 0.1 coverage + 0.1 missing values; a part that cannot be computed
        is left out, and the others weigh more. The parts are means: over columns of their
        ``similarity`` and ``coverage_similarity``, over pairs of their ``similarity``, and
        ``missing.similarity``. Honest samples score less than 1 by chance, more so the smaller
        they are: compare scores of equally many rows. Copies of the real rows score 1: the score
        says nothing of copying, ``copies`` and ``problems`` do.
        """
        known = {name: value for name, value in self.parts.items() if value is not None}
        total = sum(WEIGHTS[name] for name in known)
        return float(sum(WEIGHTS[name] * value for name, value in known.items()) / total)

    @property
    def parts(self) -> dict[str, float | None]:
        """The parts of the score, each in [0, 1], higher = more alike, or ``None``."""
        return {
            'columns': _mean([column.similarity for column in self.columns]),
            'pairs': _mean([pair.similarity for pair in self.pairs]),
            'coverage': _mean([column.coverage_similarity for column in self.columns]),
            'missing': self.missing.similarity,
        }

    def findings(self, most: int = 8) -> list[str]:
        """The worst problems in words, strongest first; empty where there are none.

        Args:
            most: Findings at most, >= 0. Each is a line; long names and lists in it are cut.
        """
        return [finding.text for finding in self.problems[:most]]

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON values; numbers that are not finite become ``None``."""
        values = {'score': self.score, 'parts': self.parts, **asdict(self)}
        return json.loads(json.dumps(values, default=str), parse_constant=lambda name: None)

    def to_json(self) -> str:
        """All of it as JSON; numbers are finite, and what cannot be computed is null."""
        return quote(self.to_dict())

    def __str__(self) -> str:
        lines = [
            f'score {self.score:.3f}, higher = more alike ({_parts_words(self.parts)}); '
            + ('' if self.n_real is None else f'{self.n_real} real rows, ')
            + f'{self.n_synthetic} synthetic',
            '',
            f'{"column":<{NAME_WIDTH}} {"kind":<11} {"KS|chi2":>7} {"KL":>5} {"JS":>5} '
            f'{"coverage":>8} {"outside":>7} {"missing":>11}',
            *(self._column_line(column) for column in self.columns),
            *self._pair_lines(),
            '',
            f'copies: exact {self.copies.exact:.1%} (expected {self.copies.expected_exact:.1%}), '
            f'near {self.copies.near:.1%} ({self.copies.expected_near:.1%}), '
            f'repeated {self.copies.repeated:.1%} ({self.copies.expected_repeated:.1%})',
            *(f'! {text}' for text in self.findings()),
        ]
        return visible('\n'.join(lines))

    def _column_line(self, column: ColumnDiagnostics) -> str:
        test = column.chi_squared if isinstance(column, CategoricalColumn) else column.ks
        rates = {rate.name: rate for rate in self.missing.rates}
        rate = rates.get(column.name)
        missing = '-' if rate is None else f'{rate.real:.0%} > {rate.synthetic:.0%}'
        return (
            f'{_cut(column.name):<{NAME_WIDTH}} {column.kind:<11} {_figure(test):>7} '
            f'{_figure(column.kl):>5} {_figure(column.js):>5} {_figure(column.coverage):>8} '
            f'{_figure(column.outside):>7} {missing:>11}'
        )

    def _pair_lines(self) -> list[str]:
        if not self.pairs:
            return []
        worst = sorted(self.pairs, key=lambda pair: pair.similarity)[:PAIRS_SHOWN]
        return [
            '',
            f'{"least alike pairs":<{2 * NAME_WIDTH + 3}} {"measure":<17} {"real":>5} '
            f'{"synth":>5} {"alike":>5}',
            *(
                f'{_cut(pair.first) + " x " + _cut(pair.second):<{2 * NAME_WIDTH + 3}} '
                f'{pair.measure:<17} {pair.real:>5.2f} {pair.synthetic:>5.2f} '
                f'{pair.similarity:>5.2f}'
                for pair in worst
            ),
        ]


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _figure(value: float | None) -> str:
    return '-' if value is None else f'{value:.2f}'


def _parts_words(parts: dict[str, float | None]) -> str:
    return ', '.join(f'{name} {_figure(value)}' for name, value in parts.items())


def _cut(name: str) -> str:
    return name if len(name) <= NAME_WIDTH else f'{name[: NAME_WIDTH - 1]}…'
