"""How long the loop runs and on what: the synthesizer's own arguments, under their own names."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sdv_llmgan.roles.examples import Selection
from sdv_llmgan.samplers.base import Sampler

#: ``'race'``: few processes are tried several times, and judged by all their rows.
#: ``'trajectory'``: each batch tries a new one, judged by held-out rows of that batch alone, as in
#: both papers.
Search = Literal['race', 'trajectory']

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoopSettings:
    """Arguments of ``LLMGANSynthesizer``, which has their defaults and says what they mean.

    Attributes:
        epochs: Passes over the training rows, >= 1.
        batch_size: Real rows in a batch at most, and generated rows asked for.
        examples_per_call: Few-shot examples in a prompt; ``None``: as many as pay, see ``Bound``.
        rows_per_example: Rows asked for, for each of them, >= 1.
        example_selection: How few-shot examples are chosen among a batch's rows.
        target: Column by whose values examples are stratified; ``None``: by clusters.
        optimizer_examples: Real rows that the optimizer is shown, >= 0.
        max_batches: Batches that a fit pays for at most; ``None``: no bound.
        patience: The fit stops when so many steps in a row found nothing better.
        futility: Whether the fit stops when more rows of the model would add nothing.
        max_top_ups: Rounds in which rows that were rejected while sampling are asked for again.
        reject_copies: Whether rows that repeat a training row are rejected where they can be.
        sampler: Where rows come from after the fit: a registered sampler's name, a ``Sampler``, or
            ``'auto'`` for ``'llm'`` or ``'distilled'``, whichever teaches more of real rows.
        seed: Makes the loop repeatable where the provider is.
        verbose: Whether progress bars are shown, and a line at the end of a fit.
        search: How processes are compared; see ``Search``.
    """

    epochs: int
    batch_size: int
    examples_per_call: int | None
    rows_per_example: int
    example_selection: Selection
    target: str | None
    optimizer_examples: int
    max_batches: int | None
    patience: int
    futility: bool
    max_top_ups: int
    reject_copies: bool
    sampler: str | Sampler
    seed: int
    verbose: bool
    search: Search

    def batches_per_epoch(self, num_rows: int) -> int:
        """Batches that so many rows are cut into."""
        return math.ceil(num_rows / self.batch_size)

    def planned_steps(self, num_rows: int) -> int:
        """Steps that a fit on so many rows takes at most."""
        planned = self.epochs * self.batches_per_epoch(num_rows)
        return min(planned, self.max_batches or planned)

    def last_reason(self, num_rows: int) -> str:
        """Why a fit on so many rows ends where nothing ends it before."""
        planned = self.epochs * self.batches_per_epoch(num_rows)
        return 'max_batches' if self.planned_steps(num_rows) < planned else 'epochs'

    def batches(
        self, num_rows: int, rng: np.random.Generator
    ) -> Iterator[tuple[int, int, np.ndarray]]:
        """Epoch, batch, and the row numbers in it; batches of an epoch are about equal in size."""
        per_epoch, total = self.batches_per_epoch(num_rows), self.planned_steps(num_rows)
        LOGGER.info(
            'This fit pays for at most %d batches (%d epochs of %d, max_batches=%s).',
            *(total, self.epochs, per_epoch, self.max_batches),
        )
        for number in range(total):
            epoch, batch = divmod(number, per_epoch)
            if batch == 0:
                shuffled = np.array_split(rng.permutation(num_rows), per_epoch)
            yield epoch, batch, shuffled[batch]
