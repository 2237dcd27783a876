"""What the optimizer is told of processes that were tried, and of the rows of the best one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sdv_llmgan.process.generation_process import GenerationProcess

#: What a score is told as: pairs of rows told right, a score alone, or score and accuracy (as in
#: MALLM-GAN).
Measure = Literal['pairs', 'score', 'accuracy']

#: What stands before processes, by measure.
EXPLAINED: dict[Measure, str] = {
    'pairs': (
        'A classifier looks at pairs of a real and a synthetic row, and says which is real. Told '
        'right in 50 of 100 pairs, it was guessing; in 100, it always knew. Fewer is better. '
        'Differences smaller than the standard error behind ± mean nothing.'
    ),
    'score': (
        'Score: 0 means that the rows pass for real, 1 that nothing about them does. Lower is '
        'better. Differences smaller than the standard error behind ± mean nothing.'
    ),
    'accuracy': (
        'Score: 0 means the classifier was guessing, 1 means it always knew. Lower is better.'
    ),
}


@dataclass(frozen=True)
class Tried:
    """A judged process and how it went; see ``Verdict``.

    Attributes:
        process: What was tried.
        score: In [0, 1]; 0 is chance, lower is better.
        accuracy: Of the classifier, in [0, 1]; 0.5 is chance.
        standard_error: Of the score, >= 0; ``None`` where it is not known.
    """

    process: GenerationProcess
    score: float
    accuracy: float
    standard_error: float | None = None

    def words(self, measure: Measure) -> str:
        """How it went: one figure, which nothing beside it can contradict."""
        error = self.standard_error
        if measure == 'accuracy':
            return f'score {self.score:.2f}, accuracy of the classifier {self.accuracy:.2f}'
        if measure == 'score':
            return f'score {self.score:.2f}' + ('' if error is None else f' ± {error:.2f}')
        right = f'{50 + 50 * self.score:.0f}' + ('' if error is None else f' ± {50 * error:.0f}')
        return f'{right} of 100 pairs told right'


@dataclass(frozen=True)
class Evidence:
    """What the rows of the best process were told by. All of it may be empty.

    Attributes:
        findings: What differs most from the real rows, in words, one a line.
        caught: Synthetic rows that the classifier was surest of, as JSON values in the schema's
            order.
        passed: Those that it took for real most.
    """

    findings: tuple[str, ...] = ()
    caught: Sequence[Sequence[Any]] = ()
    passed: Sequence[Sequence[Any]] = ()
