"""A race between few generation processes: who is best, and who gets the next batch.

rows of a process so far -> told from all real rows (cross-fitting) -> score, standard error
    difference to the best beyond its error -> takes the lead
    room for one more -> a new process, else a batch for the one of which that is worth most

After Birattari et al., F-Race, 2002: several candidates are tried on a little each, and what is
left is spent on those that may be best. One look at each would choose the luckiest.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sdv_llmgan.discriminators.base import (
    Discriminator,
    Verdict,
    verdict_from_probabilities,
    verdict_of,
)
from sdv_llmgan.discriminators.panel import Panel, passes
from sdv_llmgan.discriminators.separation import MAX_ROWS, Separation, cross_fitted
from sdv_llmgan.loop.allocation import SPREAD, gains, shrunken
from sdv_llmgan.loop.history import History
from sdv_llmgan.loop.step import Step
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.table.schema import TableSchema

#: Processes that are tried once each before any is tried again.
ROOM = 4
#: The lead changes hands where a difference exceeds so many of its standard errors: what costs
#: least on average where rewrites are better, worse or neither (experiments/race.py).
LEAST_ERRORS = 0.1


@dataclass
class Contender:
    """A process and what is known of it.

    Attributes:
        process: The process.
        steps: Its judged batches, in order.
        verdicts: On each batch, those of the judges that do not learn.
        separation: How well all its rows are told from real ones.
    """

    process: GenerationProcess
    steps: list[Step] = field(default_factory=list)
    verdicts: list[list[Verdict]] = field(default_factory=list)
    separation: Separation | None = None

    def judge(self, separation: Separation, verdict: Verdict) -> None:
        """Take what all rows say, for every step; of the newest, score and note stay."""
        self.separation = separation
        for step in self.steps:
            step.judge(verdict, is_first=step is self.steps[-1])

    @property
    def is_real(self) -> bool:
        """Whether the newest verdict says that its rows pass for real."""
        verdict = self.steps[-1].verdict
        return verdict is not None and verdict.is_real is True


class Race:
    """Judges processes by all their rows.

    Args:
        discriminator: Tells rows from real ones; learns anew for each judgment.
        training: Real rows, plain, shape (n_rows, n_columns).
        schema: Their columns.
        seed: Cuts folds: the same ones for all processes.
    """

    def __init__(
        self, discriminator: Discriminator, training: pd.DataFrame, schema: TableSchema, seed: int
    ) -> None:
        members = discriminator.members if isinstance(discriminator, Panel) else [discriminator]
        self.learners = [member for member in members if member.learns]
        self.others = [member for member in members if not member.learns]
        self.training, self.schema, self.seed = training, schema, seed
        self.contenders: list[Contender] = []
        self.leader: Contender | None = None

    def add(self, history: History, step: Step) -> None:
        """Add a step, judge its process by all its rows, and see who leads."""
        if step.real is None or step.synthetic is None:
            history.append(step)
            return
        contender = self._contender(step.process)
        contender.verdicts.append([
            verdict_of(other, step.real, step.synthetic) for other in self.others
        ])
        contender.steps.append(step)
        self._judge(contender)
        history.append(step)
        leader = self._leader()
        if leader is not self.leader:
            self.leader = leader
            history.leads.append(history.steps.index(leader.steps[-1]))

    def turn(self, steps_left: int) -> GenerationProcess | None:
        """Whose batch is next: a process that was tried, or ``None``, a new one.

        Args:
            steps_left: Batches that the fit can still pay for, >= 1.
        """
        tried = len(self.contenders)
        again = sum(len(contender.steps) - 1 for contender in self.contenders)
        # Of six batches four go to new processes and two to those tried; so on from there.
        room = min(ROOM, max(2, round(2 / 3 * (tried + again + steps_left))))
        return None if tried < room or 2 * again >= tried else self.again()

    def again(self) -> GenerationProcess | None:
        """The process of which one more batch is worth most; ``None``: there is none yet."""
        if len(self.contenders) < 2:
            return self.contenders[0].process if self.contenders else None
        means, variances = self._known()
        batches = np.array([len(contender.steps) for contender in self.contenders])
        return self.contenders[int(np.argmax(gains(means, variances, batches)))].process

    def _known(self) -> tuple[np.ndarray, np.ndarray]:
        """Scores of all contenders, and their squared errors."""
        known = [contender.separation for contender in self.contenders if contender.separation]
        errors = [one.standard_error for one in known]
        # Before any process has two batches of verdicts, nothing is known of their scatter.
        variances = [SPREAD**2 if error is None else error**2 for error in errors]
        return np.array([one.mean for one in known]), np.array(variances)

    def _contender(self, process: GenerationProcess) -> Contender:
        for contender in self.contenders:
            if contender.process == process:
                return contender
        self.contenders.append(Contender(process))
        return self.contenders[-1]

    def _leader(self) -> Contender:
        """The best process: the one that led, unless another is better beyond the error."""
        believed = dict(zip(map(id, self.contenders), shrunken(*self._known())[0], strict=True))
        best = min(self.contenders, key=lambda one: (not one.is_real, believed[id(one)]))
        leader = self.leader
        if leader is None or best.is_real != leader.is_real:
            return best
        if best.separation is None or leader.separation is None:
            return leader
        difference, error = best.separation.less(leader.separation)
        return best if difference < -LEAST_ERRORS * error else leader

    def _judge(self, contender: Contender) -> None:
        """Give all steps of a process the verdict on all its rows."""
        tables = [step.synthetic for step in contender.steps if step.synthetic is not None]
        rows = pd.concat(tables).iloc[-MAX_ROWS:]
        parts = [
            cross_fitted(learner, self.training, self.schema, rows, self.seed)
            for learner in self.learners
        ]
        figures = [verdict_from_probabilities(one.p_real_of_real, one.p_real) for one in parts]
        for place in range(len(self.others)):
            said = [verdicts[place] for verdicts in contender.verdicts]
            parts.append(Separation.of_verdicts(said, self._spread(place)))
            figures += said
        separation = Separation.averaged(parts)
        newest = contender.verdicts[-1]
        verdict = Verdict(
            separation.p_real[-len(tables[-1]) :],
            separation.score,
            float(np.mean([one.accuracy for one in figures])),
            float(np.mean([one.log_loss for one in figures])),
            '\n'.join(one.feedback for one in newest if one.feedback),
            passes(newest, [part.score for part in parts[: len(self.learners)]]),
            next((one.diagnostics for one in newest if one.diagnostics), None),
            '; '.join(one.note for one in newest if one.note),
            separation.standard_error,
        )
        contender.judge(separation, verdict)

    def _spread(self, place: int) -> float | None:
        """Variance of one judge's score of a batch, within processes; ``None``: not known."""
        scores = [[one[place].score for one in each.verdicts] for each in self.contenders]
        several = [group for group in scores if len(group) > 1]
        freedom = sum(len(group) - 1 for group in several)
        squares = sum(float(np.var(group)) * len(group) for group in several)
        return squares / freedom if freedom else None
