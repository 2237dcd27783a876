"""A progress bar while a model is asked for rows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm.auto import tqdm

from sdv_llmgan.calls.budget import Ledger
from sdv_llmgan.formats.words import visible
from sdv_llmgan.providers.usage import Usage

ROWS = '{desc}: {n_fmt}/{total_fmt} rows |{bar}| {elapsed}<{remaining}{postfix}'


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
    before, parts_done = ledger.bill.total(), 0
    # Below a bar of SDV's own (leave=None) it is taken away at the end.
    with tqdm(total=num_rows, leave=None, bar_format=ROWS, desc='Sampling') as bar:

        def answered(answers: int, calls: int) -> None:
            nonlocal parts_done
            share = (parts_done + answers / calls) / parts
            parts_done += answers == calls
            bar.n = min(round(num_rows * share), num_rows)
            bar.set_postfix_str(usage_words(ledger.bill.total() - before))

        with ledger.watch.watched(answered):
            yield


def say(line: str) -> None:
    """Show a line beside bars, in a terminal or a notebook."""
    tqdm.write(visible(line), file=sys.stderr)


def usage_words(usage: Usage) -> str:
    """Tokens, and dollars where any were spent and the price is known."""
    tokens = f'{usage.tokens:,} tokens'
    return f'{tokens}, ${usage.usd:.4f}' if usage.usd else tokens
