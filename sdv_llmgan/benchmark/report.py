"""Results as Markdown: a table for each metric, the papers' printed figures beside the measured."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sdv_llmgan.benchmark.printed import TITLES, printed


@dataclass(frozen=True)
class Title:
    """How a metric is shown.

    Attributes:
        title: Its name.
        note: Range, direction and what is ideal.
    """

    title: str
    note: str


RISK = (
    'What an attack gains by rows having been learned from, at most 1; 0 is none, less is chance. '
    'Of one seed, ± is half of the 95 % interval.'
)
METRICS = {
    'mle': Title(
        'Machine-learning efficacy',
        'Weighted F1 in [0, 1], or R² up to 1 where the target is a number. Higher is better.',
    ),
    'alpha_precision': Title('Alpha-precision', 'In [0, 1], higher is better.'),
    'beta_recall': Title(
        'Beta-recall', 'In [0, 1], higher is better; fresh real rows get about 0.5.'
    ),
    'c2st': Title('C2ST (SDMetrics LogisticDetection)', 'In [0, 1], higher is harder to detect.'),
    'dcr_share': Title(
        'DCR share',
        'Share of rows nearer to training than to held-out rows, in [0, 1]; 0.5 is ideal.',
    ),
    'copied_rows': Title(
        'Copied rows', 'Share of rows that equal a training row, in [0, 1], lower is better.'
    ),
    'copied_rows_in_test': Title(
        'Test rows that equal a training row', 'What chance does: to read copied rows against.'
    ),
    'singling_out_risk': Title('Singling-out risk', f'Descriptions by a few columns. {RISK}'),
    'singling_out_risk_univariate': Title(
        'Singling-out risk, one column', f'Descriptions by a single value. {RISK}'
    ),
    'linkability_risk': Title('Linkability risk', f'Halves of a row linked. {RISK}'),
    'inference_risk': Title('Inference risk', f'Single cells guessed from all others. {RISK}'),
    'membership_inference': Title(
        'Membership inference',
        'Area under the ROC curve by distance to the nearest row, in [0, 1]; 0.5 is ideal. Of one '
        'seed, ± is half of the 95 % interval.',
    ),
    'fit_seconds': Title('Seconds to fit', 'Wall clock, lower is better.'),
    'sample_seconds': Title('Seconds to sample', 'Wall clock, lower is better.'),
    'calls': Title('Calls of a language model', 'Fit and sampling together.'),
    'prompt_tokens': Title('Tokens read', 'Fit and sampling together.'),
    'completion_tokens': Title('Tokens written', 'Fit and sampling together.'),
    'usd': Title('US dollars', 'Fit and sampling together; empty where the price is unknown.'),
}
FAILED = 'failed'


def to_markdown(
    results: pd.DataFrame, protocol: str = '', printed_as: dict[str, str] | None = None
) -> str:
    """All tables, one below the other.

    A cell is the mean over seeds ± the standard deviation (of a single attack, half of its 95 %
    interval); a synthesizer that failed with every
    seed of a cell reads "failed".

    Args:
        results: As ``runner.read_results`` gives them.
        protocol: Whose printed figures stand beside the measured ones; empty: none.
        printed_as: The paper's name of a table, where it is another one.
    """
    parts = [
        f'## {title.title}\n\n{title.note}\n\n{_table(results, metric, protocol, printed_as or {})}'
        for metric, title in METRICS.items()
        if results[metric].notna().any()
    ]
    if failures := _failures(results):
        parts.append(f'## Failures\n\n{failures}')
    return '\n\n'.join(parts) + '\n'


def summarize(results: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Replicates together: ``table``, ``rows``, ``synthesizer``, ``mean``, ``std``, ``seeds``.

    ``seeds`` counts those with a figure; ``failed`` says whether none of them went well. Where one
    seed has an error of its own, that is the ``std``.
    """
    own_error = f'{metric}_error'
    cells = results.assign(failed=results['error'].notna()).groupby(
        ['table', 'rows', 'synthesizer'], sort=False
    )
    summary = cells.agg(
        mean=(metric, 'mean'),
        std=(metric, 'std'),
        seeds=(metric, 'count'),
        failed=('failed', 'all'),
    )
    if own_error in results:
        single = summary['seeds'] == 1
        summary['std'] = summary['std'].where(~single, cells[own_error].mean())
    return summary.reset_index()


def _table(results: pd.DataFrame, metric: str, protocol: str, printed_as: dict[str, str]) -> str:
    cells: dict[tuple[str, int], dict[str, str]] = {}
    summary = summarize(results, metric).to_dict('records')
    for table in dict.fromkeys(results['table']):
        for line in sorted(summary, key=lambda line: line['rows']):
            if line['table'] == table:
                cells.setdefault((table, line['rows']), {})[line['synthesizer']] = _cell(line)
    paper = {
        (table, rows): printed(protocol, printed_as.get(table, table), rows, metric)
        for table, rows in cells
    }
    columns = _columns(list(dict.fromkeys(results['synthesizer'])), set().union(*paper.values()))
    head = ['table', 'rows', *(_title(name, is_printed) for name, is_printed in columns)]
    body = [
        [
            *(table, str(rows)),
            *(
                _printed(paper[table, rows].get(name)) if is_printed else measured.get(name, '')
                for name, is_printed in columns
            ),
        ]
        for (table, rows), measured in cells.items()
    ]
    return grid(head, body)


def _columns(measured: Sequence[str], in_paper: set[str]) -> list[tuple[str, bool]]:
    """Names, and whether the column is the paper's: next to the measured one, the others last."""
    columns = []
    for name in measured:
        columns += [(name, False)] + [(name, True)] * (name in in_paper)
    return columns + [(name, True) for name in TITLES if name in in_paper - set(measured)]


def grid(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    rule = ['---', *['---:'] * (len(head) - 1)]
    rows = [[cell.replace('|', '\\|') for cell in row] for row in (head, rule, *body)]
    return '\n'.join(f'| {" | ".join(row)} |' for row in rows)


def _failures(results: pd.DataFrame) -> str:
    failed = results[results['error'].notna()]
    if failed.empty:
        return ''
    counted = failed.groupby(['table', 'rows', 'synthesizer', 'error'], sort=False).size()
    body = [[str(part) for part in (*key, count)] for key, count in counted.items()]
    return grid(['table', 'rows', 'synthesizer', 'error', 'seeds'], body)


def _title(name: str, is_printed: bool) -> str:
    title = TITLES.get(name, f'`{name}`')
    return f'{title} (paper)' if is_printed else title


def _cell(line: Mapping[Hashable, Any]) -> str:
    if not line['seeds']:
        return FAILED if line['failed'] else ''
    mean, spread = _number(line['mean']), _number(line['std'])
    return mean if pd.isna(line['std']) else f'{mean} ± {spread}'


def _printed(value: float | None) -> str:
    return '' if value is None else f'{value:g}'


def _number(value: float) -> str:
    return f'{value:.3f}' if abs(value) < 100 else f'{value:,.0f}'
