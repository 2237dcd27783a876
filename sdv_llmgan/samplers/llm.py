"""Rows from the language model: the generator runs over the training rows with the best process.

Ling et al., MALLM-GAN, section 3.5. Rejected rows are asked for again, in rounds sized by the
share of rows accepted so far, up to a bound on all rows asked for.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sdv_llmgan.copies import CopyCheck
from sdv_llmgan.errors import SamplingError
from sdv_llmgan.examples import Examples
from sdv_llmgan.generator import Generator
from sdv_llmgan.process import GenerationProcess
from sdv_llmgan.rows import ParsedRows, concat
from sdv_llmgan.samplers.base import Sampler

LOGGER = logging.getLogger(__name__)

MAX_ROUNDS = 4
#: Where almost nothing is accepted, a round asks for no more than so many times the rows missing.
MAX_OVERSAMPLING = 10


@dataclass
class LLMSampler(Sampler):
    """Asks the generator until there are enough rows.

    Attributes:
        generator: Who writes.
        process: What to follow.
        examples: Where few-shot examples come from.
        copies: Takes out rows that repeat a training row; ``None``: leave them in.
    """

    generator: Generator
    process: GenerationProcess
    examples: Examples
    copies: CopyCheck | None

    def sample(self, num_rows: int, rng: np.random.Generator) -> pd.DataFrame:
        """Draw rows; see ``Sampler.sample``."""
        parts: list[ParsedRows] = []
        asked = accepted = 0
        for _ in range(MAX_ROUNDS):
            missing = num_rows - accepted
            share = accepted / asked if asked else 1.0
            oversampling = min(1 / share if share else MAX_OVERSAMPLING, MAX_OVERSAMPLING)
            wanted = math.ceil(missing * oversampling)
            parts.append(
                self.generator.write(
                    self.process, self.examples.draw(wanted, rng), self.copies, rng
                )
            )
            asked += wanted
            accepted += len(parts[-1].rows)
            if accepted >= num_rows:
                break
        parsed = concat(parts)
        if parsed.rejected:
            LOGGER.info('Rejected while sampling: %s.', dict(parsed.rejected))
        if accepted < num_rows:
            raise SamplingError(
                f'{num_rows} rows were wanted, {accepted} of {asked} generated ones could be '
                f'used. Rejected: {dict(parsed.rejected.most_common(5))}. Try a stronger model, '
                'another instruction, or fewer rules (enforce_min_max_values=False, '
                'reject_copies=False).'
            )
        return parsed.rows.head(num_rows)
