"""What happened in a fit, step by step."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Iterator
from operator import index
from typing import Any

import pandas as pd

from sdv_llmgan.discriminators.base import Discriminator, verdict_of
from sdv_llmgan.formats.markdown import folded, sections
from sdv_llmgan.formats.saved_json import (
    a_list,
    count,
    one_of,
    optional,
    parse,
    read_object,
    text,
)
from sdv_llmgan.formats.words import plural, visible
from sdv_llmgan.loop.origin import Origin
from sdv_llmgan.loop.step import Step
from sdv_llmgan.loop.story import tell
from sdv_llmgan.process.changes import Change
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.roles.tried import Tried

__all__ = ['History', 'Step']

LOGGER = logging.getLogger(__name__)

#: What the JSON form begins with.
FORMAT = 'sdv-llmgan history'
VERSION = 1
#: The heading of the JSON form in Markdown.
FOR_PROGRAMS = 'For History.from_markdown'


class History:
    """All steps of a fit in order, counted from 0.

    Args:
        steps: Those there are.
        stopped: Why the fit ended; empty while it runs.
        leads: Numbers of the steps whose processes took the lead in a race, in this order; empty
            where each step stands for itself, and the lowest score is best.
        origin: Where rows came from at the end of the fit; ``None`` before.
    """

    def __init__(
        self,
        steps: Iterable[Step] = (),
        stopped: str = '',
        leads: Iterable[int] = (),
        origin: Origin | None = None,
    ) -> None:
        self.steps = list(steps)
        self.stopped = stopped
        self.leads = list(leads)
        self.origin = origin

    def __len__(self) -> int:
        """Number of steps."""
        return len(self.steps)

    def __iter__(self) -> Iterator[Step]:
        """Go over the steps in order."""
        return iter(self.steps)

    def stop(self, reason: str) -> None:
        """Note why the fit ended; empty: it runs again."""
        self.stopped = reason
        if not reason:
            self.origin = None

    def end(self, origin: Origin) -> None:
        """Note where rows come from now that the fit has ended."""
        self.origin = origin

    def add(self, step: Step, discriminator: Discriminator) -> None:
        """Add a step, and judge every step on its own held-out rows with the newest discriminator.

        Older, weaker discriminators gave older processes flattering scores (MALLM-GAN, 3.4).
        """
        for judged in [*self.steps, step]:
            if judged.real is not None and judged.synthetic is not None:
                verdict = verdict_of(discriminator, judged.real, judged.synthetic)
                judged.judge(verdict, is_first=judged is step)
        self.append(step)

    def append(self, step: Step) -> None:
        """Add a step as it was judged."""
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

        A process whose rows passed for real is better than any that did not, and the leader of a
        race is best, also where another has a lower score within the error.
        """
        judged = [step for step in self.steps if step.verdict is not None]
        ranked = sorted(judged, key=_rank)[::-1]
        return sorted(ranked, key=self._is_leading)

    def _is_leading(self, step: Step) -> bool:
        return bool(self.leads) and step.process == self.steps[self.leads[-1]].process

    def tried(self) -> list[Tried]:
        """Judged processes and how they went, in the order of ``ranked``; in a race each once."""
        said: list[Tried] = []
        for step in self.ranked():
            is_told = self.leads and any(step.process == tried.process for tried in said)
            if step.verdict is not None and not is_told:
                verdict = step.verdict
                said.append(
                    Tried(step.process, verdict.score, verdict.accuracy, verdict.standard_error)
                )
        return said

    def best(self) -> Step | None:
        """The best judged step, last of ``ranked``, or ``None``."""
        ranked = self.ranked()
        return ranked[-1] if ranked else None

    def __repr__(self) -> str:
        """Short: ``to_frame`` has a line a step."""
        return f'<History: {plural(len(self.steps), "step")}, {self.stopped or "under way"}>'

    def _repr_html_(self) -> str:
        """A line a step, as a notebook shows it."""
        return str(self.to_frame().to_html())

    def has_judged(self, process: GenerationProcess) -> bool:
        """Whether some step judged this process."""
        return any(step.verdict is not None and step.process == process for step in self.steps)

    def feedback(self) -> str:
        """What the newest verdict says is wrong; empty where it says nothing."""
        verdicts = [step.verdict for step in self.steps if step.verdict is not None]
        return verdicts[-1].feedback if verdicts else ''

    def loss_values(self) -> pd.DataFrame:
        """Loss by epoch, as CTGAN reports it: the means over an epoch's judged steps.

        ``Generator Loss`` is the score in [0, 1] (0 is chance, lower is better), and
        ``Discriminator Loss`` the log loss in nats (ln 2 is chance), both by the newest
        discriminator.
        """
        judged = [(step.epoch, step.verdict) for step in self if step.verdict]
        losses = pd.DataFrame({
            'Epoch': [epoch for epoch, _ in judged],
            'Generator Loss': [verdict.score for _, verdict in judged],
            'Discriminator Loss': [verdict.log_loss for _, verdict in judged],
        })
        return losses.groupby('Epoch', as_index=False).mean()

    def steps_since_best(self) -> int:
        """How many steps were made after the best one; in a race, after the best one's newest."""
        best = self.best()
        if best is None:
            return 0
        of_best = [n for n, step in enumerate(self) if step is best or self._is_leading(step)]
        return len(self.steps) - 1 - of_best[-1]

    def records(self) -> list[Step]:
        """Steps that were better than all before them, by the newest scores; the best is last.

        Of a race those whose processes took the lead.
        """
        if self.leads:
            return [self.steps[number] for number in self.leads]
        found: list[Step] = []
        for step in self.steps:
            if step.verdict is not None and (not found or _rank(step) < _rank(found[-1])):
                found.append(step)
        return found

    def diff(self, before: int, after: int) -> Change:
        """What changed between the processes of two steps, and what that did to the score.

        Args:
            before: Number of a step, counted from 0; negative ones count from the end.
            after: Likewise.

        Raises:
            IndexError: There is no such step.
        """
        numbers = self._number(before), self._number(after)
        one, other = (self.steps[number] for number in numbers)
        return Change.between(numbers, (one.score, other.score), (one.process, other.process))

    def _number(self, step: int) -> int:
        found = index(step) + (len(self.steps) if index(step) < 0 else 0)
        if not 0 <= found < len(self.steps):
            there = f'0 to {len(self.steps) - 1}' if self.steps else 'none'
            raise IndexError(f'There is no step {step}; steps are counted from 0: {there}.')
        return found

    def to_json(self) -> str:
        """The story as indented JSON: processes, scores, counts, feedback; no rows.

        See ``Step.to_dict`` for what it says of the training table nevertheless.
        """
        steps = [step.to_dict() for step in self.steps]
        saved: dict[str, Any] = {'format': FORMAT, 'version': VERSION, 'stopped': self.stopped}
        origin = self.origin and self.origin.to_dict()
        saved |= {'leads': self.leads, 'origin': origin, 'steps': steps}
        told = json.dumps(saved, ensure_ascii=False, indent=2, default=str, allow_nan=False)
        return visible(told)

    @classmethod
    def from_json(cls, saved: str) -> History:
        """Read what ``to_json`` wrote, edited or not; nothing in it is executed.

        Returns:
            A history without rows: ``diagnostics`` and ``p_real`` of its verdicts are empty.

        Raises:
            ValueError: It is no JSON, of another version, has keys that are not known, or a value
                is out of range.
        """
        values = parse(saved, 'history')
        if isinstance(values, dict) and values.get('version', 1) != VERSION:
            raise ValueError(
                f'This history has version {values["version"]!r}; {VERSION} is what '
                'this version of sdv-llmgan reads.'
            )
        read = read_object(
            {'leads': [], 'origin': None, **values} if isinstance(values, dict) else values,
            'history',
            {
                'format': one_of((FORMAT,)),
                'version': count,
                'stopped': text,
                'leads': a_list(count),
                'origin': optional(Origin.from_dict),
                'steps': a_list(Step.from_dict),
            },
        )
        judged = [step.verdict is not None for step in read['steps']]
        if not all(number < len(judged) and judged[number] for number in read['leads']):
            raise ValueError(f'history, leads: needs numbers of judged steps, got {read["leads"]}.')
        return cls(**{name: read[name] for name in ('steps', 'stopped', 'leads', 'origin')})

    def to_markdown(self, *, for_programs: bool = True) -> str:
        """The story for a person to read: all steps, and how the best process came about.

        Args:
            for_programs: Whether at the end stands, folded away, what ``from_markdown`` reads: the
                same as ``to_json``.
        """
        told = tell(self.steps, self.records(), self.stopped, self.origin)
        if not for_programs:
            return told
        return f'{told}\n{folded(FOR_PROGRAMS, self.to_json(), "json")}\n'

    @classmethod
    def from_markdown(cls, saved: str) -> History:
        """Read what ``to_markdown`` wrote; of it, the part for programs.

        Raises:
            ValueError: That part is missing, or as ``from_json``.
        """
        found = sections(saved)
        if FOR_PROGRAMS not in found:
            raise ValueError(
                f'This story lacks its last section, "{FOR_PROGRAMS}", which to_markdown() writes.'
            )
        return cls.from_json(found[FOR_PROGRAMS])

    def to_frame(self) -> pd.DataFrame:
        """One line a step.

        ``score`` is the newest one of the step's process (0 is chance, lower is better),
        ``standard_error`` how far it may be off, and ``first_score`` what it was at the time;
        ``accuracy`` stands beside them (0.5 is chance). ``phi`` is the analyzer's score, where it
        was asked (1 is best).
        """
        best = self.best()
        lines = [
            {
                'epoch': step.epoch,
                'batch': step.batch,
                'score': _number(step.score),
                'standard_error': _number(step.verdict.standard_error if step.verdict else None),
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
    *('epoch', 'batch', 'score', 'standard_error', 'first_score', 'accuracy', 'phi'),
    *('verdict', 'best'),
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
    score = step.verdict.score
    return not step.verdict.is_real, float('inf') if math.isnan(score) else score


def _number(value: float | None) -> float:
    return float('nan') if value is None else value


def _phi(step: Step) -> float:
    diagnostics = step.verdict.diagnostics if step.verdict else None
    return diagnostics.score if diagnostics else float('nan')
