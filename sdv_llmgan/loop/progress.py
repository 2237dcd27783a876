"""What a person sees while a fit or a sample runs: bars, and a line at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from tqdm.auto import tqdm

from sdv_llmgan.calls.budget import Ledger
from sdv_llmgan.formats.words import plural, visible
from sdv_llmgan.loop.history import History
from sdv_llmgan.providers.usage import Usage

FIT = '{desc}: {n_fmt}/{total_fmt} |{bar}| {elapsed}<{remaining}{postfix}'
ROWS = '{desc}: {n_fmt}/{total_fmt} rows |{bar}| {elapsed}<{remaining}{postfix}'
MODELS = '{desc}: {n_fmt} models of columns, {elapsed}'


@contextmanager
def fit_bar(
    total: int, epochs: int, ledger: Ledger, history: History, *, enabled: bool
) -> Iterator[Callable[[int], None]]:
    """A bar over the batches of a fit, with epoch, score, tokens and dollars.

    Args:
        total: Batches at most.
        epochs: Epochs at most.
        ledger: Where calls are counted.
        history: Where steps are added.
        enabled: Whether anything is shown at all.

    Yields:
        What brings the bar up to date; it gets the epoch, counted from 0.
    """
    begun, before = len(history), ledger.total()

    def words(calls: str = '') -> str:
        used = usage_words(ledger.total() - before)
        return ', '.join(filter(None, [calls, _scores(history), used]))

    with tqdm(total=total, disable=not enabled, bar_format=FIT, desc='Fitting') as bar:

        def show(epoch: int) -> None:
            bar.n = len(history) - begun
            bar.set_description_str(f'Epoch {epoch + 1}/{epochs}', refresh=False)
            bar.set_postfix_str(words())

        def answered(answers: int, calls: int) -> None:
            bar.set_postfix_str(words(f'call {answers}/{calls}'))

        with ledger.watched(answered) if enabled else nullcontext():
            yield show


@contextmanager
def distill_bar(*, enabled: bool) -> Iterator[Callable[[], object]]:
    """A count of the models of columns that are fitted; how many it will be is not known.

    Yields:
        What is to be called after each.
    """
    with tqdm(
        disable=not enabled, leave=False, bar_format=MODELS, desc='Fitting the local sampler'
    ) as bar:
        yield bar.update


@contextmanager
def rows_bar(num_rows: int, parts: int, ledger: Ledger | None) -> Iterator[None]:
    """A bar over rows that a model writes; it moves as the replies come in.

    Args:
        num_rows: Rows asked for.
        parts: How many times the model is asked, one after the other, for a part of each row.
        ledger: Where calls are counted; ``None``: nothing is shown.
    """
    if ledger is None:
        yield
        return
    before, parts_done = ledger.total(), 0
    # Below a bar of SDV's own (leave=None) it is taken away at the end.
    with tqdm(total=num_rows, leave=None, bar_format=ROWS, desc='Sampling') as bar:

        def answered(answers: int, calls: int) -> None:
            nonlocal parts_done
            share = (parts_done + answers / calls) / parts
            parts_done += answers == calls
            bar.n = min(round(num_rows * share), num_rows)
            bar.set_postfix_str(usage_words(ledger.total() - before))

        with ledger.watched(answered):
            yield


def summary(history: History, source: str, seconds: float) -> str:
    """A fit in one line.

    Args:
        history: All its steps.
        source: Where rows come from now, ``'llm'`` or ``'distilled'``.
        seconds: How long it took, the local sampler included.
    """
    steps, best = list(history), history.best()
    scored = 'no step could be judged'
    if best is not None and best.score is not None:
        first = history.records()[0].score
        scored = f'best score {best.score:.3f}, first {first:.3f} (0 is chance)'
    accepted = sum(step.accepted for step in steps)
    rejected = sum(sum(step.rejected.values()) for step in steps)
    usage = sum((step.usage for step in steps), Usage())
    return (
        f'Fit ended after {plural(len(steps), "step")}, {seconds:.0f} s ({history.stopped}): '
        f'{scored}; {plural(accepted, "row")} accepted, {rejected:,} rejected; '
        f'{plural(usage.calls, "call")}, {usage_words(usage)}. Rows come from: {source}.'
    )


def say(line: str) -> None:
    """Show a line beside bars, in a terminal or a notebook."""
    tqdm.write(visible(line), file=sys.stderr)


def usage_words(usage: Usage) -> str:
    """Tokens, and dollars where any were spent and the price is known."""
    tokens = f'{usage.tokens:,} tokens'
    return f'{tokens}, ${usage.usd:.4f}' if usage.usd else tokens


def _scores(history: History) -> str:
    best = history.best()
    if best is None or best.score is None:
        return ''
    newest = history.steps[-1].score
    return f'score {"none" if newest is None else f"{newest:.2f}"}, best {best.score:.2f}'
