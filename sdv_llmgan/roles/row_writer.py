"""From a model's complete rows to rows as the table has them.

wanted rows -> rules settle more -> generator -> missing values -> copies and broken rules rejected
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.roles.examples import Examples, Piece
from sdv_llmgan.roles.generator import Generator
from sdv_llmgan.rules.constraints import Combinations, Rules
from sdv_llmgan.table.copies import CopyCheck
from sdv_llmgan.table.missing import MissingPatterns
from sdv_llmgan.table.repeats import MAX_SETTLED_SHARE
from sdv_llmgan.table.rows import ParsedRows
from sdv_llmgan.table.wanted import Wanted


@dataclass(frozen=True)
class Writer:
    """Has rows written, for the loop and for sampling alike.

    Attributes:
        generator: Asks the model.
        examples: Where few-shot examples come from.
        missing: Which values of a row are missing.
        rules: What every row keeps to.
        copies: Takes out rows that repeat a training row; ``None``: leave them in.
        unlisted: Columns with more categories than a prompt lists: their values are drawn from
            the training rows and given to the model, which could not know them.
    """

    generator: Generator
    examples: Examples
    missing: MissingPatterns
    rules: Rules
    copies: CopyCheck | None
    unlisted: Sequence[Combinations] = ()

    def write(
        self,
        process: GenerationProcess,
        wanted: Wanted,
        pieces: Sequence[Piece],
        rng: np.random.Generator,
    ) -> ParsedRows:
        """Rows for those wanted, at most one each and with its number; see ``Generator.write``.

        Raises:
            ValueError: A condition contradicts a rule.
            ProviderError: The model could not be reached.
        """
        # A model writes a value into every cell: that it is to is nothing to tell it.
        known = [name for name in wanted.columns if wanted.is_any(name)]
        num_settled = len(wanted.columns) - len(known)
        is_known = num_settled > MAX_SETTLED_SHARE * len(process.schema.columns)
        begun = self.rules.begin(wanted.cells, rng)
        for combinations in self.unlisted:
            begun = combinations.settle(begun, rng)
        settled = list(begun.columns)
        begun = begun.drop(columns=[name for name in known if Wanted(begun).is_any(name)])
        parsed = self.generator.write(process, begun, pieces, rng)
        parsed = self.rules.reject(parsed, begun, complete=True)
        rows = self.missing.apply(parsed.rows, settled, rng)
        parsed = self.rules.reject(ParsedRows(rows, parsed.rejected), begun)
        if self.copies is not None and not is_known:
            parsed = self.copies.reject(parsed, num_settled)
        return parsed
