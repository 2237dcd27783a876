"""Rows from the language model: the generator runs over the training rows with the best process.

Ling et al., MALLM-GAN, section 3.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sdv_llmgan.calls.budget import Ledger
from sdv_llmgan.calls.progress import rows_bar
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.roles.row_writer import Writer
from sdv_llmgan.samplers.base import Sampler
from sdv_llmgan.table.rows import ParsedRows


@dataclass
class LLMSampler(Sampler):
    """Asks the model.

    Attributes:
        writer: Who writes.
        process: What to follow.
        max_top_ups: See ``Sampler``.
        shown: Whose calls a progress bar shows; ``None``: there is none.
    """

    writer: Writer
    process: GenerationProcess
    max_top_ups: int = 3
    shown: Ledger | None = None

    def agree(self, rows: pd.DataFrame) -> np.ndarray:
        """Which rows go together by the rules; see ``Sampler.agree``."""
        return self.writer.rules.agree(rows)

    def draw(self, begun: pd.DataFrame, rng: np.random.Generator) -> ParsedRows:
        """Ask once for each begun row; see ``Sampler.draw``."""
        pieces = self.writer.examples.draw(len(begun), rng)
        with rows_bar(len(begun), len(self.process.parts(tuple(begun.columns))), self.shown):
            return self.writer.write(self.process, begun, pieces, rng)
