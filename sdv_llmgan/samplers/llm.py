"""Rows from the language model: the generator runs over the training rows with the best process.

Ling et al., MALLM-GAN, section 3.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdv_llmgan.calls.progress import rows_bar
from sdv_llmgan.samplers.base import Learned, Sampler
from sdv_llmgan.table.rows import ParsedRows
from sdv_llmgan.table.training_set import TrainingSet
from sdv_llmgan.table.wanted import Wanted


@dataclass
class LLMSampler(Sampler):
    """The language model: each row is paid for.

    Attributes:
        learned: Who writes, and what to follow; ``None`` before ``fit``.
    """

    asks_model = True
    writes_text = True

    learned: Learned | None = None

    def fit(self, training: TrainingSet, learned: Learned) -> None:
        """Take what the loop has learned; see ``Sampler.fit``."""
        self.learned = learned

    def sample(self, wanted: Wanted, rng: np.random.Generator) -> ParsedRows:
        """Ask once for each wanted row; see ``Sampler.sample``."""
        if self.learned is None or self.learned.writer is None:
            raise RuntimeError('sample needs a fit before it.')
        writer, process = self.learned.writer, self.learned.process
        pieces = writer.examples.draw(len(wanted), rng)
        num_parts = len(process.parts(tuple(wanted.columns)))
        with rows_bar(len(wanted), num_parts, self.learned.progress_of):
            return writer.write(process, wanted, pieces, rng)
