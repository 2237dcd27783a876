"""The statistical analyzer as a discriminator: no model, no learning, feedback in words.

    synthetic rows against all training rows -> diagnostics -> score 1 - phi(S), findings

It is SYNTHIA's analyzer without its discriminator (one of that paper's ablations), and what the
language-model discriminator stands on.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from sdv_llmgan.analysis import Finding, analyze
from sdv_llmgan.analysis.findings import most_telling
from sdv_llmgan.discriminators.base import Discriminator, Verdict
from sdv_llmgan.table.schema import TableSchema


class AnalyzerDiscriminator(Discriminator):
    """Scores rows by how their statistics differ from the training table's.

    The score is ``1 - phi(S)`` (see ``Diagnostics.score``). An honest sample scores a little more
    than 0, the more so the smaller it is.
    """

    learns = False

    def start(self, training: pd.DataFrame, schema: TableSchema, seed: int) -> None:
        """Forget everything and get ready for a table."""
        self.training, self.schema, self.seed = training, schema, seed
        self._verdicts: dict[int, Verdict] = {}

    def update(self, real: pd.DataFrame, synthetic: pd.DataFrame) -> None:
        """Nothing to learn."""

    def judge(self, real: pd.DataFrame, synthetic: pd.DataFrame) -> Verdict:
        """Compare the synthetic rows with all training rows.

        The loop asks again for every stored step; the same rows get the same verdict, at no cost.
        """
        rows = int(pd.util.hash_pandas_object(synthetic.astype(str), index=False).sum())
        if rows not in self._verdicts:
            self._verdicts[rows] = self.look_at(real, synthetic)
        return self._verdicts[rows]

    def look_at(self, real: pd.DataFrame, synthetic: pd.DataFrame) -> Verdict:
        """Judge rows that were not seen before."""
        diagnostics = analyze(self.training, synthetic, self.schema)
        # At phi = 1 nothing is left to tell a synthetic row by: one half.
        p_real = diagnostics.score / 2
        return Verdict(
            p_real=np.full(len(synthetic), p_real),
            score=1 - diagnostics.score,
            accuracy=1 - p_real,
            log_loss=-math.log(max(1 - p_real, 1e-15)),
            feedback='\n'.join(f'- {finding}' for finding in diagnostics.findings()),
            diagnostics=diagnostics,
        )

    def telling(self, synthetic: pd.DataFrame, most: int) -> list[Finding]:
        """What tells these rows from the training rows most.

        Args:
            synthetic: Plain rows, shape (n_synthetic, n_columns), n_synthetic >= 1.
            most: Findings at most, >= 0: first what is neither chance nor trifling, then single
                columns and pairs that may be either.
        """
        diagnostics = self.judge(self.training, synthetic).diagnostics
        if diagnostics is None:
            return []
        sure = list(diagnostics.problems)
        told = {finding.columns for finding in sure}
        rest = most_telling(diagnostics.columns, diagnostics.pairs, self.schema)
        return [*sure, *(finding for finding in rest if finding.columns not in told)][:most]
