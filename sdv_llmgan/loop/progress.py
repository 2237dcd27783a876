"""What a person sees while a fit or a sample runs: bars, and a line at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext

from tqdm.auto import tqdm

from sdv_llmgan.calls.budget import Ledger
from sdv_llmgan.calls.progress import usage_words
from sdv_llmgan.formats.words import plural
from sdv_llmgan.loop.history import History
from sdv_llmgan.providers.usage import Usage

FIT = '{desc}: {n_fmt}/{total_fmt} |{bar}| {elapsed}<{remaining}{postfix}'
#: For a reader who has not seen a score before.
SCORE_MEANS = '0: they cannot be told from real ones, 1: always'
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
    begun, before = len(history), ledger.bill.total()

    def words(calls: str = '') -> str:
        used = usage_words(ledger.bill.total() - before)
        return ', '.join(filter(None, [calls, _scores(history), used]))

    with tqdm(total=total, disable=not enabled, bar_format=FIT, desc='Fitting') as bar:

        def show(epoch: int) -> None:
            bar.n = len(history) - begun
            bar.set_description_str(f'Epoch {epoch + 1}/{epochs}', refresh=False)
            bar.set_postfix_str(words())

        def answered(answers: int, calls: int) -> None:
            bar.set_postfix_str(words(f'call {answers}/{calls}'))

        with ledger.watch.watched(answered) if enabled else nullcontext():
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
        bar.refresh()  # the last count is shown too, however soon it came


def summary(
    history: History,
    source: str,
    seconds: float,
    learned_from: Mapping[str, Mapping[str, float]] | None = None,
) -> str:
    """A fit in one line.

    Args:
        history: All its steps.
        source: Where rows come from now, ``'llm'`` or ``'distilled'``.
        seconds: How long it took, the local sampler included.
        learned_from: See ``Chain.learned_from``; ``None``: rows are the model's own.
    """
    steps, best = list(history), history.best()
    scored = 'no rows of the model could be judged'
    if best is not None and best.score is not None:
        first, told = history.records()[0], best.score_words
        told += f', at first {first.score_words}' if first is not best else ''
        scored = f"score of the model's own rows {told} ({SCORE_MEANS})"
    accepted = sum(step.accepted for step in steps)
    rejected = sum(sum(step.rejected.values()) for step in steps)
    usage = sum((step.usage for step in steps), Usage())
    return (
        f'Fit ended after {plural(len(steps), "step")}, {seconds:.0f} s ({history.stopped}): '
        f'{scored}; {plural(accepted, "row")} valid, {rejected:,} rejected; '
        f'{_calls(usage)}. '
        f'Rows come from: {source}{_sources(learned_from or {})}.'
    )


def _calls(usage: Usage) -> str:
    """What was asked: calls and tokens, and answers that cost nothing."""
    replayed = f'{plural(usage.replayed, "call")} answered from the cache'
    if usage.replayed and not usage.calls:
        return replayed
    asked = f'{plural(usage.calls, "call")}, {usage_words(usage)}'
    return f'{asked}; {replayed}' if usage.replayed else asked


def _sources(learned_from: Mapping[str, Mapping[str, float]]) -> str:
    """What rows were learned from, mean of the columns; empty: nothing is known of it."""
    names = {'real': 'real rows', 'knowledge': 'knowledge', 'generated': 'generated rows'}
    shares = {
        source: sum(found[source] for found in learned_from.values()) / len(learned_from)
        for source in names
        if learned_from
    }
    told = [f'{names[source]} {share:.0%}' for source, share in shares.items() if share >= 0.005]
    return f' (learned from {", ".join(told)})' if told else ''


def _scores(history: History) -> str:
    best = history.best()
    if best is None or best.score is None:
        return ''
    newest = history.steps[-1].score
    of_best = best.score_words if best.verdict and best.verdict.standard_error else ''
    return (
        f'score {"none" if newest is None else f"{newest:.2f}"}, '
        f'best {of_best or f"{best.score:.2f}"}'
    )
