"""What each part of this package adds: stages, each with one part more than the one before.

    few-shot -> +graph -> +knowledge -> +loop -> +fusion      beside them: real, distilled

Each is a synthesizer that can be named by itself, with settings of its own; ``ablation`` names all
of them, on any table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from sdv_llmgan.benchmark.report import grid

#: Settings of ``LLMGANSynthesizer``. Rows are the model's own up to ``+fusion``, where the sampler
#: draws that has learned from real rows, generated rows and knowledge. It learns from the rows of
#: all batches: futility would end it with another number of them than ``+loop``.
STAGES: dict[str, dict[str, Any]] = {
    'few-shot': {
        'causal_graph': 'none',
        'knowledge': 'none',
        'optimize': False,
        'epochs': 1,
        'max_batches': 1,
        'sampler': 'llm',
    }
}
STAGES['+graph'] = STAGES['few-shot'] | {'causal_graph': 'hill-climb'}
STAGES['+knowledge'] = STAGES['+graph'] | {'knowledge': 'ask'}
STAGES['+loop'] = STAGES['+knowledge'] | {'optimize': True, 'epochs': 6, 'max_batches': 6}
STAGES['+fusion'] = STAGES['+loop'] | {'sampler': 'distilled', 'futility': False}

#: What ``--synthesizers ablation`` stands for.
ABLATION = ('real', 'distilled', *STAGES)
#: What gains are measured from: the sampler that learned from the real rows alone.
BASE = 'distilled'
#: What stands above them.
GAINS = (
    'Means of tables ± their standard error; of each table the mean over seeds counts. The worst '
    'table is that of ML efficacy, and so is the scatter of runs: the standard deviation of the '
    'same fit with other seeds, mean of the tables; empty with one seed (more: --seeds). A DCR '
    "share's gain is none where it rises above 0.5."
)
#: Where ``+knowledge`` is ``+graph`` once more.
NOT_ASKED = (
    '`+knowledge` has the figures of `+graph` because the model was not asked what it knows: the '
    'embedded one and `scripted` would make it up. Name one with `--llm` that knows the subject.'
)


def draw_label(label: str, num_rows: int) -> str:
    """What rows beside those of the training table's number are stored under."""
    return f'{label}, {num_rows} rows'


def gains(results: pd.DataFrame, draws: Sequence[int] = ()) -> str:
    """Markdown: what each synthesizer has more than ``distilled`` of the same table and seed.

    Args:
        results: As ``runner.read_results`` gives them.
        draws: Numbers of rows that were drawn beside those of the training table.

    Returns:
        Means over tables ± their standard error; each table's figure is a mean over seeds, and the
        least of these stands beside it. Empty where nothing is measured beside ``distilled``.
    """
    scored = results.set_index(['table', 'rows', 'seed'])[['synthesizer', 'mle', 'dcr_share']]
    body = []
    endings = tuple(draw_label('', number) for number in draws)
    names = [name for name in dict.fromkeys(results['synthesizer']) if not name.endswith(endings)]
    for number in (None, *draws):
        of_draw = {label: label if number is None else draw_label(label, number) for label in names}
        base = scored[scored['synthesizer'] == of_draw.get(BASE, BASE)].drop(columns='synthesizer')
        for label, drawn in of_draw.items():
            own = scored[scored['synthesizer'] == drawn].drop(columns='synthesizer')
            gained = (own - base).dropna(how='all')
            if label == BASE or gained.empty:
                continue
            cells = gained.groupby(['table', 'rows']).mean()
            body.append([
                f'`{label}`',
                'as trained on' if number is None else str(number),
                *(_spread(cells[name]) for name in ('mle', 'dcr_share')),
                _scatter(gained['mle']),
                f'{cells["mle"].min():+.3f}',
                f'{len(cells)} ({len(gained)})',
            ])
    head = ['synthesizer', 'rows drawn', 'ML efficacy', 'DCR share', 'scatter of runs']
    table = grid([*head, 'worst table', 'tables (fits)'], body) if body else ''
    return f'{table}\n\n{NOT_ASKED}' if table and _is_not_asked(results) else table


def _is_not_asked(results: pd.DataFrame) -> bool:
    """Whether knowledge changed nothing at all, in whatever was measured of both stages."""
    key = ['table', 'rows', 'seed']
    names = dict.fromkeys(results['synthesizer'])
    pairs = [(name, name.replace('+graph', '+knowledge', 1)) for name in names]
    for graph, knowledge in pairs:
        if graph != knowledge and knowledge in names:
            one, other = (
                results[results['synthesizer'] == name].set_index(key)[['mle', 'dcr_share']]
                for name in (graph, knowledge)
            )
            one, other = one.align(other, join='inner')
            if len(one) and one.equals(other):
                return True
    return False


def _scatter(gained: pd.Series) -> str:
    """Standard deviation of runs that differ in their seed alone, pooled over tables."""
    variance = gained.groupby(level=['table', 'rows']).var().mean()
    return '' if pd.isna(variance) else f'{float(variance) ** 0.5:.3f}'


def _spread(cells: pd.Series) -> str:
    error = f' ± {float(cells.std() / len(cells) ** 0.5):.3f}' if len(cells) > 1 else ''
    return f'{float(cells.mean()):+.3f}{error}'
