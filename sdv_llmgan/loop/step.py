"""One step of a fit, and its form as JSON."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from sdv_llmgan.discriminators.base import Verdict
from sdv_llmgan.formats.saved_json import (
    Json,
    Reader,
    boolean,
    count,
    counts,
    number,
    optional,
    read_object,
    text,
    with_defaults,
)
from sdv_llmgan.process.changes import score_words
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.providers.usage import Usage

#: What a verdict is in JSON: nothing by row, and no statistics of the tables.
VERDICT: dict[str, Reader] = {
    'score': optional(number(0, 1)),
    'accuracy': optional(number(0, 1)),
    'log_loss': optional(number(0)),
    'feedback': text,
    'is_real': optional(boolean),
    'note': text,
    'standard_error': optional(number(0)),
}


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
        shown: Numbers of the training rows that each of them was written after, filled up with
            -1, shape (n_rows, n_shown).
        real: Held-out real rows, plain.
        synthetic: Held-out synthetic rows, plain.
        verdict: In a race that on all rows of the process so far, else the newest
            discriminator's on the held-out rows; ``None`` where there were too few rows to judge.
        first_score: The score when the step was made; ``verdict`` changes as more is known.
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
    shown: np.ndarray | None = None
    real: pd.DataFrame | None = None
    synthetic: pd.DataFrame | None = None
    verdict: Verdict | None = None
    first_score: float | None = None
    note: str = ''

    @property
    def score(self) -> float | None:
        """The newest score, in [0, 1]; 0 is chance, lower is better."""
        return self.verdict.score if self.verdict else None

    @property
    def score_words(self) -> str:
        """The newest score for a person to read, with its standard error where it is known."""
        error = self.verdict.standard_error if self.verdict else None
        if self.score is None or error is None or math.isnan(self.score):
            return score_words(self.score)
        return f'{self.score:.2f} ± {error:.2f}'

    def rewrite(self, process: GenerationProcess, note: str) -> None:
        """Try another process than the one that the step began with."""
        self.process = process
        self.add_note(note)

    def count_rows(self, accepted: int, rejected: Counter[str]) -> None:
        """Note how many rows passed validation, and why the others did not."""
        self.accepted, self.rejected = accepted, rejected

    def keep_rows(
        self,
        rows: pd.DataFrame,
        shown: np.ndarray,
        real: pd.DataFrame,
        synthetic: pd.DataFrame,
    ) -> None:
        """Keep rows that can be judged; see the attributes."""
        self.rows, self.shown, self.real, self.synthetic = rows, shown, real, synthetic

    def count_usage(self, usage: Usage, seconds: float) -> None:
        """Note what the step took."""
        self.usage, self.seconds = usage, seconds

    def judge(self, verdict: Verdict | None, *, is_first: bool) -> None:
        """Take the newest verdict; of the first one, score and note stay."""
        self.verdict = verdict
        if is_first and verdict is not None:
            self.first_score = verdict.score
            self.add_note(verdict.note)

    def add_note(self, note: str) -> None:
        """Put a note behind those there are; an empty one changes nothing."""
        self.note = '; '.join(filter(None, [self.note, note]))

    def to_dict(self) -> dict[str, Any]:
        """JSON form: the process, scores, counts and words; no row, and no example of a value.

        The process holds categories and ranges of the training table, and feedback is what the
        discriminator wrote: data, not only text. What is not finite becomes null.
        """
        process = replace(
            self.process,
            schema=self.process.schema.replaced(
                replace(column, examples=()) for column in self.process.schema
            ),
        )
        verdict = self.verdict and {name: _finite(getattr(self.verdict, name)) for name in VERDICT}
        return {
            'epoch': self.epoch,
            'batch': self.batch,
            'process': process.to_dict(),
            'accepted': int(self.accepted),
            'rejected': {str(reason): int(count) for reason, count in self.rejected.items()},
            'usage': asdict(self.usage),
            'seconds': self.seconds,
            'verdict': verdict,
            'first_score': _finite(self.first_score),
            'note': self.note,
        }

    @classmethod
    def from_dict(cls, saved: Json, where: str = 'step') -> Step:
        """Read the JSON form; ``ValueError`` where it is none."""
        read = read_object(
            saved,
            where,
            {
                'epoch': count,
                'batch': count,
                'process': GenerationProcess.from_dict,
                'accepted': count,
                'rejected': counts,
                'usage': _read_usage,
                'seconds': number(0),
                'verdict': optional(_read_verdict),
                'first_score': optional(number(0, 1)),
                'note': text,
            },
        )
        return cls(**{**read, 'rejected': Counter(read['rejected'])})


def _finite(value: Json) -> Json:
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value


def _read_verdict(saved: Json, where: str) -> Verdict:
    if isinstance(saved, Mapping):
        saved = {'standard_error': None, **saved}
    read = read_object(saved, where, VERDICT)
    scores = {
        name: math.nan if read[name] is None else read[name]
        for name in ('score', 'accuracy', 'log_loss')
    }
    return Verdict(p_real=np.empty(0), **{**read, **scores})


def _read_usage(saved: Json, where: str) -> Usage:
    readers = {
        entry.name: count if isinstance(entry.default, int) else optional(number(0))
        for entry in fields(Usage)
    }
    return Usage(**read_object(with_defaults(saved, Usage()), where, readers))
