"""The discriminator of SYNTHIA: a language model that explains what is wrong with the rows.

    real sample, undetermined sample, diagnostics -> model -> analysis, feedback, verdict

The score is the analyzer's, ``1 - phi(S)``: the model's part is the feedback, and to say when the
rows pass for real, which they cannot while the analyzer has findings. A reply that makes no sense
leaves the analyzer's verdict, and is noted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from sdv_llmgan.discriminators.analyzer import AnalyzerDiscriminator
from sdv_llmgan.discriminators.base import Verdict
from sdv_llmgan.errors import ProviderError, ReplyError
from sdv_llmgan.formats.reply_json import read_json
from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.providers.base import Request
from sdv_llmgan.roles.prompts import discriminator_messages
from sdv_llmgan.table.column import closed_object, dump, enum
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.strata import find_strata, stratified_sample

#: Characters of rows that are shown of each sample at most, whatever ``sample_rows`` says, and of
#: the statistics: with ``prompts.MAX_COLUMNS_LENGTH`` they bound the prompt at about 15,000.
MAX_SAMPLE_LENGTH = 3_000
MAX_STATISTICS = 4_000
MAX_TOKENS = 1024
MAX_FEEDBACK = 5

REPLY_SCHEMA = closed_object({
    'analysis': {'type': 'string', 'minLength': 20, 'maxLength': 600},
    'feedback': {
        'type': 'array',
        'items': {'type': 'string', 'minLength': 10, 'maxLength': 200},
        'maxItems': MAX_FEEDBACK,
    },
    'verdict': enum(['real', 'synthetic']),
    'reason': {'type': 'string', 'minLength': 10, 'maxLength': 200},
})


class LLMDiscriminator(AnalyzerDiscriminator):
    """Shows a model both samples and the diagnostics, and takes its word.

    The real sample is stratified by the target, or by clusters where none is named.

    Args:
        sample_rows: Rows of each sample that the model is shown, >= 1.
        analyzer: Whether it is shown the diagnostics. The score is the analyzer's either way, or
            every synthetic verdict would tie.
        temperature: Randomness of the reply, >= 0.
    """

    asks_model = True

    def __init__(
        self,
        sample_rows: int = 20,
        *,
        analyzer: bool = True,
        temperature: float = 0.0,
    ) -> None:
        if sample_rows < 1 or temperature < 0:
            raise ValueError(
                'sample_rows must be at least 1 and temperature at least 0, got '
                f'{sample_rows!r} and {temperature!r}.'
            )
        self.sample_rows = sample_rows
        self.analyzer = analyzer
        self.temperature = temperature

    def start(self, training: pd.DataFrame, schema: TableSchema, seed: int) -> None:
        """Forget everything and get ready for a table."""
        super().start(training, schema, seed)
        self.rng = np.random.default_rng(seed)
        self.strata = find_strata(training, schema, self.target, seed)

    def look_at(self, real: pd.DataFrame, synthetic: pd.DataFrame) -> Verdict:
        """Ask the model about rows that it was not asked about before."""
        if self.provider is None:
            raise ProviderError(
                'The discriminator asks a language model, and has none: name one with llm= or '
                'discriminator_llm=.'
            )
        statistics = super().look_at(real, synthetic)
        pool = np.arange(len(self.training)) if self.pool is None else self.pool
        sample = pool[stratified_sample(self.strata[pool], self.sample_rows, self.rng)]
        known = self._bounded(self.training.iloc[sample])
        diagnostics = statistics.diagnostics
        if diagnostics is not None and self.pool is not None:
            # A policy that counts the rows that leave says nothing of how many others there are.
            diagnostics = replace(diagnostics, n_real=None)
        shown = synthetic.iloc[self.rng.permutation(len(synthetic))[: self.sample_rows]]
        request = Request(
            messages=discriminator_messages(
                self.schema,
                known,
                self._bounded(shown),
                str(diagnostics)[:MAX_STATISTICS] if self.analyzer else '',
                self.detail,
            ),
            json_schema=REPLY_SCHEMA,
            temperature=self.temperature,
            max_tokens=MAX_TOKENS,
            seed=int(self.rng.integers(2**31)),
            role='discriminator',
            columns=self.schema.names,
            real_rows=len(known),
        )
        reply = self.provider.complete(request).text
        try:
            is_real, feedback = _read(read_json(reply))
        except ReplyError as error:
            note = f'reply of the discriminator not used, scored by the analyzer: {error}'
            return replace(statistics, note=note)
        if is_real and self.analyzer and statistics.feedback:
            # Small models call anything real; what is beyond chance cannot pass.
            return replace(
                statistics,
                feedback='\n'.join([statistics.feedback, feedback]).strip(),
                is_real=False,
                note='verdict "real" overruled: the analyzer has findings',
            )
        return replace(statistics, feedback=feedback, is_real=is_real)

    def _bounded(self, table: pd.DataFrame) -> list[list[Any]]:
        """Rows as JSON values, as many as fit into ``MAX_SAMPLE_LENGTH``, at least one."""
        rows = self.schema.filled().to_json_rows(table)
        lengths = np.cumsum([len(dump(row)) for row in rows])
        return rows[: max(1, int((lengths <= MAX_SAMPLE_LENGTH).sum()))]


def _read(reply: Json) -> tuple[bool, str]:
    """The verdict in a reply, and its feedback as lines."""
    if not isinstance(reply, Mapping):
        raise ReplyError('it is no object.')
    word = str(reply.get('verdict')).strip().lower()
    if word not in ('real', 'synthetic'):
        raise ReplyError('it has no verdict "real" or "synthetic".')
    advice = reply.get('feedback')
    lines = [line for line in advice if isinstance(line, str)] if isinstance(advice, list) else []
    reason = reply.get('reason')
    said = [reply.get('analysis'), reason, *lines]
    if not any(isinstance(text, str) and re.search(r'\w{2}', text) for text in said):
        raise ReplyError('it gives no reason in words.')
    if word == 'synthetic' and isinstance(reason, str):
        lines.append(reason)
    lines = [line.strip() for line in lines if re.search(r'\w{2}', line)]
    return word == 'real', '\n'.join(f'- {line}' for line in lines[: MAX_FEEDBACK + 1])
