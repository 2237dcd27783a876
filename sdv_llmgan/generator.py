"""Rows from a model: examples go in, accounted-for rows come out.

process + pieces of real rows -> requests (all in flight together) -> replies -> ParsedRows
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sdv_llmgan.column import dump
from sdv_llmgan.copies import CopyCheck
from sdv_llmgan.process import GenerationProcess
from sdv_llmgan.prompts import generator_messages
from sdv_llmgan.providers.base import Provider, Request
from sdv_llmgan.rows import ParsedRows, concat, parse_rows
from sdv_llmgan.schema import RowFormat

#: A reply may be so much longer than the same number of real rows, and then some.
LENGTH_MARGIN = 2.0
EXTRA_TOKENS = 64


@dataclass(frozen=True)
class Generator:
    """Asks a provider for rows.

    Attributes:
        provider: Who writes.
        temperature: Randomness of the replies, >= 0.
        row_format: How rows are written.
        enforce_range: Whether values beyond the training table's range are rejected.
    """

    provider: Provider
    temperature: float = 0.5
    row_format: RowFormat = 'short_keys'
    enforce_range: bool = True

    def write(
        self,
        process: GenerationProcess,
        pieces: Sequence[pd.DataFrame],
        copies: CopyCheck | None,
        rng: np.random.Generator,
    ) -> ParsedRows:
        """Ask for as many new rows as there are real ones in ``pieces``, piece by piece.

        Args:
            process: What to follow.
            pieces: Plain real rows, a few each: the few-shot examples of one prompt.
            copies: Takes out rows that repeat a training row; ``None``: leave them in.
            rng: Seeds the requests.

        Returns:
            Accepted rows (never more than asked for) and rejected ones by reason.
        """
        requests = [request for piece in pieces for request in self._requests(process, piece, rng)]
        completions = self.provider.complete_many([request for request, _ in requests])
        schema = process.written_schema
        parsed = concat([
            parse_rows(completion.text, schema, enforce_range=self.enforce_range, max_rows=num_rows)
            for completion, (_, num_rows) in zip(completions, requests, strict=True)
        ])
        parsed = ParsedRows(parsed.rows[list(process.schema.names)], parsed.rejected)
        return parsed if copies is None else copies.reject(parsed)

    def _requests(
        self, process: GenerationProcess, piece: pd.DataFrame, rng: np.random.Generator
    ) -> list[tuple[Request, int]]:
        """The requests for one piece, each with the number of rows it asks for."""
        schema = process.written_schema
        examples = schema.to_json_rows(piece)
        at_most = self.provider.rows_per_reply or len(piece)
        counts = [min(at_most, len(piece) - done) for done in range(0, len(piece), at_most)]
        schemas = [schema] * len(counts)
        if at_most == 1:
            # A model that writes single rows is small, and small models are far off in how often
            # to write null: every real row lends its pattern to one.
            schemas = [schema.with_missing(row) for row in piece.isna().to_dict('records')]
        return [
            (
                Request(
                    messages=generator_messages(process, examples, count, self.row_format),
                    json_schema=asked.rows_json_schema(
                        count, self.row_format, enforce_range=self.enforce_range
                    ),
                    temperature=self.temperature,
                    max_tokens=self._max_tokens(examples, count),
                    seed=int(rng.integers(2**31)),
                ),
                count,
            )
            for count, asked in zip(counts, schemas, strict=True)
        ]

    def _max_tokens(self, examples: Sequence[Sequence[Any]], num_rows: int) -> int:
        """A cut for replies that never end; a token is at least a character or so of JSON."""
        keys = 0 if self.row_format == 'arrays' else 6 * len(examples[0])
        longest = max(len(dump(row)) for row in examples) + keys
        return int(LENGTH_MARGIN * longest * num_rows) + EXTRA_TOKENS
