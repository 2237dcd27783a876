"""A fit told in Markdown: every step in a table, then how the best process came about."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from sdv_llmgan.formats.markdown import escaped, listed, quoted, table
from sdv_llmgan.formats.words import plural
from sdv_llmgan.loop.step import Step
from sdv_llmgan.process.changes import Change, score_words
from sdv_llmgan.process.generation_process import GenerationProcess

HEAD = ('step', 'score', 'at the time', 'accepted', 'rejected', 'edges', 'tokens', 'note')


def tell(steps: Sequence[Step], records: Sequence[Step], stopped: str) -> str:
    """Tell a fit.

    Args:
        steps: All steps, in order.
        records: Those of them that were better than all before; the last one is the best.
        stopped: Why the fit ended; may be empty.

    Returns:
        Markdown that begins with a heading of the first level.
    """
    number = {id(step): place for place, step in enumerate(steps)}
    best = number[id(records[-1])] if records else None
    parts = ['# The story of the generation process', _opening(len(steps), best, stopped)]
    if steps:
        parts.append(table(HEAD, (_line(step, number[id(step)], best) for step in steps)))
        first = steps[0].process
        parts += ['## Step 0: the first process', _process(first)]
        if first.knowledge:
            parts += ['Known before:', listed(map(escaped, first.knowledge.lines()))]
    told = [*([] if records and records[0] is steps[0] else steps[:1]), *records]
    for before, after in pairwise(told):
        numbers = number[id(before)], number[id(after)]
        back = 'Back to step' if numbers[1] < numbers[0] else 'Step'
        change = Change.between(
            numbers, (before.score, after.score), (before.process, after.process)
        )
        parts += [f'## {back} {numbers[1]}, after step {numbers[0]}', change.to_markdown()]
        if after.verdict and after.verdict.feedback:
            parts += ['What the discriminator said of it:', quoted(after.verdict.feedback)]
    if best:
        parts += [f'## Step {best}: the best process', _process(steps[best].process)]
    return '\n\n'.join(parts) + '\n'


def _opening(num_steps: int, best: int | None, stopped: str) -> str:
    said = plural(num_steps, 'step')
    said += f'; end of the fit: {escaped(stopped)}.' if stopped else '.'
    said += (
        ' Scores are in [0, 1]: 0 is chance, lower is better; behind ± stands the standard error.'
    )
    return f'{said} {"No step was judged" if best is None else f"Step {best} is the best"}.'


def _line(step: Step, number: int, best: int | None) -> list[object]:
    return [
        f'**{number}**' if number == best else number,
        step.score_words,
        score_words(step.first_score),
        step.accepted,
        sum(step.rejected.values()),
        len(step.process.causal_graph.edges),
        f'{step.usage.tokens:,}',
        escaped(step.note),
    ]


def _process(process: GenerationProcess) -> str:
    edges = process.causal_graph.edges
    return '\n\n'.join([
        *(['Context:', quoted(process.context)] if process.context else []),
        'Instruction:',
        quoted(process.instruction),
        'Causal graph:' if edges else 'Causal graph: no edges.',
        *([listed(f'{escaped(a)} -> {escaped(b)}' for a, b in edges)] if edges else []),
        *(['Rules:', listed(map(escaped, process.rules))] if process.rules else []),
    ])
