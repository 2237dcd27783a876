"""A fit told in Markdown: what was known, what was tried, and what came of it.

opening -> what was known before -> steps in a table -> the first process -> each that led, and what
changed -> those that were tried and not taken, and why -> the best process -> where rows come from
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from sdv_llmgan.formats.markdown import escaped, listed, quoted, table
from sdv_llmgan.formats.words import plural
from sdv_llmgan.loop.origin import GAIN_MEANS, SHARES_MEAN, SOURCES, Origin
from sdv_llmgan.loop.step import Step
from sdv_llmgan.process.changes import Change, score_words
from sdv_llmgan.process.generation_process import GenerationProcess

HEAD = ('step', 'score', 'at the time', 'accepted', 'rejected', 'edges', 'tokens')


def tell(
    steps: Sequence[Step], records: Sequence[Step], stopped: str, origin: Origin | None = None
) -> str:
    """Tell a fit.

    Args:
        steps: All steps, in order.
        records: Those of them that were better than all before; the last one is the best.
        stopped: Why the fit ended; may be empty.
        origin: Where rows come from since; ``None``: nothing is known of it.

    Returns:
        Markdown that begins with a heading of the first level.
    """
    number = {id(step): place for place, step in enumerate(steps)}
    best = number[id(records[-1])] if records else None
    parts = ['# The story of the generation process', _opening(len(steps), best, stopped, origin)]
    if steps:
        parts += _known(steps[0].process)
        lines = (_line(n, step, n == best) for n, step in enumerate(steps))
        parts += ['## Step by step', table(HEAD, lines)]
        parts += list(_notes(steps))
        parts += ['## Step 0: the first process', _process(steps[0].process)]
    for before, after in pairwise(_path(steps, records)):
        numbers = number[id(before)], number[id(after)]
        heading = f'## {_step(steps, *numbers)}, after step {numbers[0]}'
        parts += [heading, _change(numbers, before, after).to_markdown()]
        if after.verdict and after.verdict.feedback:
            parts += ['What the discriminator said of it:', quoted(after.verdict.feedback)]
    if refused := list(_refused(steps, records)):
        parts += ['## Tried, and not taken', *refused]
    if best:
        parts += [f'## Step {best}: the best process', _process(steps[best].process)]
    if origin is not None:
        parts += ['## What came of it', *_told(origin)]
    return '\n\n'.join(parts) + '\n'


def _opening(num_steps: int, best: int | None, stopped: str, origin: Origin | None) -> str:
    said = plural(num_steps, 'step')
    said += f'; end of the fit: {escaped(stopped)}.' if stopped else '.'
    said += ' No step was judged.' if best is None else f' Step {best} is the best.'
    if origin is not None:
        said += f' {escaped(origin.words())}'
    return (
        f'{said}\n\nScores are in [0, 1]: 0 is chance, lower is better; behind ± stands the '
        'standard error.'
    )


def _known(process: GenerationProcess) -> list[str]:
    if not process.knowledge:
        return []
    lines = map(escaped, process.knowledge.lines())
    return ['## What was known before any row was shown', listed(lines)]


def _line(number: int, step: Step, is_best: bool) -> list[object]:
    is_cached = step.usage.replayed and not step.usage.tokens
    return [
        f'**{number}**' if is_best else number,
        step.score_words,
        score_words(step.first_score),
        step.accepted,
        sum(step.rejected.values()),
        len(step.process.causal_graph.edges),
        'from the cache' if is_cached else f'{step.usage.tokens:,}',
    ]


def _notes(steps: Sequence[Step]) -> Iterator[str]:
    """What went otherwise than planned, a line each."""
    lines = [
        f'step {number}: {escaped(note)}'
        for number, step in enumerate(steps)
        for note in step.note.split('; ')
        if note.strip()
    ]
    if lines:
        yield listed(lines)


def _path(steps: Sequence[Step], records: Sequence[Step]) -> list[Step]:
    """The steps that led, after the first one."""
    return [*([] if records and records[0] is steps[0] else steps[:1]), *records]


def _step(steps: Sequence[Step], before: int, after: int) -> str:
    if after < before:
        return f'Back to step {after}'
    first = next(n for n, step in enumerate(steps) if step.process == steps[after].process)
    return f'Step {after}' if first == after else f'Step {after}, step {first} tried again'


def _change(numbers: tuple[int, int], before: Step, after: Step) -> Change:
    return Change.between(numbers, (before.score, after.score), (before.process, after.process))


def _refused(steps: Sequence[Step], records: Sequence[Step]) -> Iterator[str]:
    """Each process that never led: what it changed, and why it was not taken."""
    told = [step.process for step in _path(steps, records)]
    number = {id(step): place for place, step in enumerate(steps)}
    for place, step in enumerate(steps):
        if step.process in told:
            continue
        told.append(step.process)
        led = [one for one in records if number[id(one)] < place]
        before = led[-1] if led else steps[0]
        change = _change((number[id(before)], place), before, step)
        yield f'Step {place}, after step {change.before}: {_why_not(step, records)}'
        yield change.to_markdown()


def _why_not(step: Step, records: Sequence[Step]) -> str:
    """Why a process did not become the best."""
    if step.verdict is None or step.score is None or math.isnan(step.score):
        return 'it could not be judged.'
    if not records or records[-1].verdict is None or records[-1].score is None:
        return 'no process was found better than the first.'
    best = records[-1]
    scores = f'its score is {step.score_words}, that of the best process {best.score_words}'
    if best.verdict is not None and best.verdict.is_real and not step.verdict.is_real:
        return f"{scores}; the best one's rows passed for real, and its rows did not."
    if best.score is not None and step.score < best.score:
        return f'{scores}; the difference is within its error.'
    return f'{scores}: no better.'


def _told(origin: Origin) -> list[str]:
    """Where rows come from, and what the model's part in it brought."""
    parts = [escaped(origin.words())]
    if origin.why:
        parts.append(f'Why not from elsewhere: {escaped(origin.why)}.')
    if not origin.learned_from or origin.is_real_alone and not origin.gain:
        return parts
    head = ['column', *SOURCES.values(), *(["gain by the model's rows"] if origin.gain else [])]
    rows = (
        [escaped(name), *origin.shares(name), *([origin.gain_of(name)] if origin.gain else [])]
        for name in origin.learned_from
    )
    parts += [table(head, rows), SHARES_MEAN]
    if words := origin.gain_words():
        parts += [f'{words[0].upper()}{escaped(words[1:])}.', GAIN_MEANS]
    return parts


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
