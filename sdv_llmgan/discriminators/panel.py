"""Several discriminators as one: scores are averaged, feedback is put together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sdv_llmgan.discriminators.base import Discriminator, Verdict, verdict_of
from sdv_llmgan.table.schema import TableSchema

#: A learned score up to this one on twenty held-out rows of each kind can be chance.
NEAR_CHANCE = 0.3


class Panel(Discriminator):
    """Judges as its members do, on average.

    With ``['logistic', 'llm']`` the optimizer gets a learned score and feedback in words: more
    than either paper has.

    Args:
        members: At least one discriminator.
    """

    def __init__(self, members: Sequence[Discriminator]) -> None:
        self.members = list(members)
        self.learns = any(member.learns for member in self.members)
        self.asks_model = any(member.asks_model for member in self.members)

    def start(self, training: pd.DataFrame, schema: TableSchema, seed: int) -> None:
        """Forget everything and get ready for a table."""
        for member in self.members:
            member.prepare(
                self.provider,
                target=self.target,
                detail=self.detail,
                pool=self.pool,
                features=self.features,
            )
            member.start(training, schema, seed)

    def update(self, real: pd.DataFrame, synthetic: pd.DataFrame) -> None:
        """Learn from one more batch."""
        for member in self.members:
            member.update(real, synthetic)

    def judge(self, real: pd.DataFrame, synthetic: pd.DataFrame) -> Verdict:
        """Average what the members say.

        Rows are real if all who were asked say so, and no learned score says otherwise.
        """
        verdicts = [verdict_of(member, real, synthetic) for member in self.members]
        learned = [
            verdict.score
            for member, verdict in zip(self.members, verdicts, strict=True)
            if member.learns
        ]
        return Verdict(
            p_real=np.mean([verdict.p_real for verdict in verdicts], axis=0),
            score=float(np.mean([verdict.score for verdict in verdicts])),
            accuracy=float(np.mean([verdict.accuracy for verdict in verdicts])),
            log_loss=float(np.mean([verdict.log_loss for verdict in verdicts])),
            feedback='\n'.join(verdict.feedback for verdict in verdicts if verdict.feedback),
            is_real=passes(verdicts, learned),
            diagnostics=next((v.diagnostics for v in verdicts if v.diagnostics), None),
            note='; '.join(verdict.note for verdict in verdicts if verdict.note),
        )


def passes(verdicts: Sequence[Verdict], learned: Sequence[float]) -> bool | None:
    """Whether rows pass for real; ``None``: nobody was asked.

    Args:
        verdicts: Of all judges that may have been asked.
        learned: Scores of those that learn, which may speak against it.
    """
    words = [verdict.is_real for verdict in verdicts if verdict.is_real is not None]
    return all(words) and all(score <= NEAR_CHANCE for score in learned) if words else None
