"""What happened in a fit, step by step."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pandas as pd

from sdv_llmgan.discriminators.base import Discriminator, Verdict
from sdv_llmgan.process import GenerationProcess
from sdv_llmgan.usage import Usage

LOGGER = logging.getLogger(__name__)


@dataclass(eq=False)  # tables and arrays have no plain equality
class Step:
    """One batch: a process, the rows it led to, and what was said of them.

    Attributes:
        epoch: Counted from 0.
        batch: Batch within the epoch, counted from 0.
        process: The generation process that was tried.
        accepted: Rows that passed validation.
        rejected: Rows that did not, by reason.
        usage: Calls and tokens of generating, judging, and of the rewrite that led here.
        seconds: Wall time of the same.
        rows: All accepted rows, plain; ``None`` where there were too few to judge.
        real: Held-out real rows, plain.
        synthetic: Held-out synthetic rows, plain.
        verdict: The newest discriminator's verdict on the held-out rows; ``None`` where there
            were too few rows to judge.
        first_score: The score when the step was made; ``verdict`` changes as the discriminator
            learns.
        note: What went otherwise than planned; may be empty.
    """

    epoch: int
    batch: int
    process: GenerationProcess
    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    rows: pd.DataFrame | None = None
    real: pd.DataFrame | None = None
    synthetic: pd.DataFrame | None = None
    verdict: Verdict | None = None
    first_score: float | None = None
    note: str = ''

    @property
    def score(self) -> float | None:
        """The newest discriminator's score, in [0, 1]; 0 is chance, lower is better."""
        return self.verdict.score if self.verdict else None

    def add_note(self, note: str) -> None:
        """Put a note behind those there are; an empty one changes nothing."""
        self.note = '; '.join(filter(None, [self.note, note]))


class History:
    """All steps of a fit in order.

    Attributes:
        stopped: Why the fit ended; empty while it runs.
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.stopped = ''

    def __len__(self) -> int:
        """Number of steps."""
        return len(self.steps)

    def __iter__(self) -> Iterator[Step]:
        """Go over the steps in order."""
        return iter(self.steps)

    def add(self, step: Step, discriminator: Discriminator) -> None:
        """Add a step, and judge every step on its own held-out rows with the newest discriminator.

        Older, weaker discriminators gave older processes flattering scores (MALLM-GAN, 3.4).
        """
        for judged in [*self.steps, step]:
            if judged.real is not None and judged.synthetic is not None:
                judged.verdict = discriminator.judge(judged.real, judged.synthetic)
        if step.verdict is not None:
            step.first_score = step.verdict.score
            step.add_note(step.verdict.note)
        self.steps.append(step)
        LOGGER.info(
            'Step %d: score %s, accepted %d, rejected %s. %s',
            len(self.steps),
            'none' if step.first_score is None else f'{step.first_score:.3f}',
            step.accepted,
            dict(step.rejected),
            step.note,
        )

    def ranked(self) -> list[Step]:
        """Judged steps, worst first, best last; of equal ones the earlier counts as better.

        A process whose rows passed for real is better than any that did not.
        """
        judged = [step for step in self.steps if step.verdict is not None]
        return sorted(judged, key=_rank)[::-1]

    def best(self) -> Step | None:
        """The judged step with the lowest score, or ``None``."""
        ranked = self.ranked()
        return ranked[-1] if ranked else None

    def feedback(self) -> str:
        """What the newest verdict says is wrong; empty where it says nothing."""
        verdicts = [step.verdict for step in self.steps if step.verdict is not None]
        return verdicts[-1].feedback if verdicts else ''

    def steps_since_best(self) -> int:
        """How many steps were made after the best one."""
        best = self.best()
        return 0 if best is None else len(self.steps) - 1 - self.steps.index(best)

    def to_frame(self) -> pd.DataFrame:
        """One line a step.

        ``score`` is by the newest discriminator (0 is chance, lower is better), ``first_score``
        by that of the time; ``accuracy`` stands beside them (0.5 is chance). ``phi`` is the
        analyzer's score, where it was asked (1 is best).
        """
        best = self.best()
        lines = [
            {
                'epoch': step.epoch,
                'batch': step.batch,
                'score': _number(step.score),
                'first_score': _number(step.first_score),
                'accuracy': step.verdict.accuracy if step.verdict else float('nan'),
                'phi': _phi(step),
                'verdict': VERDICTS[step.verdict.is_real if step.verdict else None],
                'best': step is best,
                'accepted': step.accepted,
                'rejected': sum(step.rejected.values()),
                'reasons': dict(step.rejected),
                'edges': len(step.process.causal_graph.edges),
                'instruction': step.process.instruction,
                'feedback': step.verdict.feedback if step.verdict else '',
                'calls': step.usage.calls,
                'tokens': step.usage.tokens,
                'usd': step.usage.usd,
                'seconds': round(step.seconds, 2),
                'note': step.note,
            }
            for step in self.steps
        ]
        return pd.DataFrame(lines, columns=COLUMNS)


COLUMNS = [
    *('epoch', 'batch', 'score', 'first_score', 'accuracy', 'phi', 'verdict', 'best'),
    *(
        'accepted',
        'rejected',
        'reasons',
        'edges',
        'instruction',
        'feedback',
        'calls',
        'tokens',
        'usd',
        'seconds',
    ),
    'note',
]
#: In words, by ``Verdict.is_real``.
VERDICTS = {True: 'real', False: 'synthetic', None: ''}


def _rank(step: Step) -> tuple[bool, float]:
    if step.verdict is None:
        return True, float('inf')
    return not step.verdict.is_real, step.verdict.score


def _number(value: float | None) -> float:
    return float('nan') if value is None else value


def _phi(step: Step) -> float:
    diagnostics = step.verdict.diagnostics if step.verdict else None
    return diagnostics.score if diagnostics else float('nan')
