"""Who writes the next process: the model, or the analyzer's findings by rule.

best process, evidence -> model -> instruction about the table? -> new process
-> nonsense, or three that did not help -> by rule
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sdv_llmgan.discriminators.analyzer import AnalyzerDiscriminator
from sdv_llmgan.loop.directions import Directions
from sdv_llmgan.loop.history import History
from sdv_llmgan.loop.step import Step
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.roles.optimizer import Optimizer
from sdv_llmgan.roles.tried import Evidence
from sdv_llmgan.table.schema import TableSchema

#: Columns and pairs that the model is told of, and rows of each kind.
MOST_FINDINGS = 3
MOST_ROWS = 3
#: Columns and pairs that a first rule is about, how many more a later one, and what there can be.
FIRST_TOPICS, MORE_TOPICS, MOST_TOPICS = 4, 3, 40
#: A model is not asked again after so many useless answers and none of use,
MOST_REFUSED = 2
#: and one process is written by rule after so many of the model's that did not take the lead.
MOST_UNHELPFUL = 3


class Rewriting:
    """Writes processes to be tried.

    Args:
        optimizer: Asks a model; ``None``: all are written by rule.
        training: The rows as models see them, plain, shape (n_rows, n_columns).
        schema: Their columns.
        seed: Of the analyzer.
        by_rule: Whether rules take the place of a model that does not help.
        capped: Whether only statistics of the rows may leave.
    """

    def __init__(
        self,
        optimizer: Optimizer | None,
        training: pd.DataFrame,
        schema: TableSchema,
        seed: int,
        *,
        by_rule: bool,
        capped: bool = False,
    ) -> None:
        self.optimizer, self.by_rule = optimizer, by_rule
        self.directions, self.capped = Directions(training, schema, capped=capped), capped
        self.analyzer = AnalyzerDiscriminator()
        self.analyzer.start(training, schema, seed)
        self.schema = schema
        self.refused = self.used = self.unhelpful = self.leads = 0

    def next(
        self, history: History, rng: np.random.Generator, examples: Sequence[Sequence[Any]]
    ) -> tuple[GenerationProcess, str]:
        """A process to try after the best one, and a note; the best one where there is none.

        Args:
            history: What was tried; at least one step is judged.
            rng: Seeds the request.
            examples: Real rows that a model may see, as JSON values; may be empty.
        """
        best = history.best()
        if best is None:
            raise ValueError('A process can be rewritten once a step is judged, and none is.')
        if len(history.leads) != self.leads:
            self.leads, self.unhelpful = len(history.leads), 0
        note = ''
        if self.optimizer is None:
            reason = 'no model is asked'
        elif self.by_rule and self.refused >= MOST_REFUSED and not self.used:
            reason = f'{self.refused} answers of the model were of no use'
        elif self.by_rule and self.unhelpful >= MOST_UNHELPFUL:
            reason = f'{self.unhelpful} rewrites of the model in a row did not help'
        else:
            evidence = self.evidence(history) if self.by_rule else None
            process, note = self.optimizer.rewrite(
                history.tried(), history.feedback(), rng, examples, evidence
            )
            if process != best.process or not self.by_rule:
                self.used += 1
                self.unhelpful += 1
                return process, note
            self.refused += 1
            reason = note.removeprefix('rewrite not used: ').rstrip('.') or 'the answer is the same'
        process = self._ruled(history, best)
        if process == best.process:
            return process, note or 'nothing new to say by rule'
        self.unhelpful = 0
        return process, f'by rule: {reason}'

    def evidence(self, history: History) -> Evidence:
        """What the rows of the best process are told by."""
        best = history.best()
        rows = _rows(history, best) if best else None
        if rows is None or best is None or best.process.detail == 'none':
            return Evidence()
        findings = self.analyzer.telling(rows, MOST_FINDINGS)
        told = [finding.text for finding in findings]
        if self.capped:  # the shares in findings are the real ones
            told = self.directions.facts([one.columns for one in findings if one.columns])
        return Evidence(tuple(told), *self._extremes(history, best))

    def _extremes(self, history: History, best: Step) -> tuple[list[list[Any]], list[list[Any]]]:
        """Rows that the classifier was surest of, and those that passed."""
        if best.synthetic is None or best.verdict is None:
            return [], []
        # Of a large batch the last rows are judged.
        p_real = best.verdict.p_real
        judged = best.synthetic.iloc[-len(p_real) :]
        if len(p_real) != len(judged) or np.ptp(p_real) == 0:
            return [], []
        order = np.argsort(p_real, kind='stable')
        most = min(MOST_ROWS, len(order) // 2)
        return tuple(  # type: ignore[return-value]
            self.schema.filled().to_json_rows(judged.iloc[places])
            for places in (order[:most], order[::-1][:most])
        )

    def _ruled(self, history: History, best: Step) -> GenerationProcess:
        """A process by rule that was not tried; the best one where there is nothing new to say."""
        rows = _rows(history, best)
        if rows is None or best.process.detail == 'none':
            return best.process
        topics = list(dict.fromkeys(f.columns for f in self.analyzer.telling(rows, MOST_TOPICS)))
        topics = [topic for topic in topics if topic]
        for most in range(FIRST_TOPICS, len(topics) + MORE_TOPICS, MORE_TOPICS):
            process = self.directions.write(best.process, topics[:most])
            if not history.has_judged(process):
                return process
        return best.process


def _rows(history: History, best: Step) -> pd.DataFrame | None:
    """All rows of the best process."""
    tables = [step.rows for step in history if step.process == best.process]
    known = [table for table in tables if table is not None]
    return pd.concat(known, ignore_index=True) if known else None
