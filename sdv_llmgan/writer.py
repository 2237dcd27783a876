"""From a model's complete rows to rows as the table has them.

begun rows -> rules settle more -> generator -> missing values -> copies and broken rules rejected
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sdv_llmgan.copies import CopyCheck
from sdv_llmgan.examples import Examples
from sdv_llmgan.generator import Generator
from sdv_llmgan.missing import MissingPatterns
from sdv_llmgan.process import GenerationProcess
from sdv_llmgan.rows import ParsedRows
from sdv_llmgan.rules import Rules


@dataclass(frozen=True)
class Writer:
    """Has rows written, for the loop and for sampling alike.

    Attributes:
        generator: Asks the model.
        examples: Where few-shot examples come from.
        missing: Which values of a row are missing.
        rules: What every row keeps to.
        copies: Takes out rows that repeat a training row; ``None``: leave them in.
    """

    generator: Generator
    examples: Examples
    missing: MissingPatterns
    rules: Rules
    copies: CopyCheck | None

    def write(
        self,
        process: GenerationProcess,
        begun: pd.DataFrame,
        pieces: Sequence[pd.DataFrame],
        rng: np.random.Generator,
    ) -> ParsedRows:
        """Rows for begun ones, at most one each and with its index; see ``Generator.write``.

        Raises:
            ValueError: A condition contradicts a rule.
            ProviderError: The model could not be reached.
        """
        begun = self.rules.begin(begun, rng)
        parsed = self.generator.write(process, begun, pieces, rng)
        rows = self.missing.apply(parsed.rows, list(begun.columns), rng)
        parsed = self.rules.reject(ParsedRows(rows, parsed.rejected))
        return parsed if self.copies is None else self.copies.reject(parsed)
