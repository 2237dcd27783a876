"""What changed between two generation processes, and what that did to the score."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from sdv_llmgan.formats.markdown import escaped, listed
from sdv_llmgan.formats.words import visible
from sdv_llmgan.process.causal_graph import Edge
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.table.column import quote

Part = Literal['instruction', 'context', 'detail', 'rules', 'knowledge', 'columns']
#: A run of words, and whether it was kept, removed or added.
Words = tuple[Literal['kept', 'removed', 'added'], str]

#: Kept words between two changes of which more are left out.
WORDS_AROUND = 8


@dataclass(frozen=True)
class Change:
    """What differs between the processes of two steps; ``print`` shows it.

    Attributes:
        before: Number of the one step, counted from 0.
        after: Number of the other step.
        score_before: Its score in [0, 1]; 0 is chance, lower is better. ``None``: not judged.
        score_after: Likewise.
        edges_added: (cause, effect) pairs that only the later graph has, either way round.
        edges_removed: Those that only the earlier one has.
        edges_reversed: Pairs that are turned round, as they are in the later graph.
        texts: Before and after, by part, where they differ: ``'instruction'``, ``'context'``,
            ``'detail'``, ``'rules'``, ``'knowledge'`` and ``'columns'`` (one a line, in words).
    """

    before: int
    after: int
    score_before: float | None
    score_after: float | None
    edges_added: tuple[Edge, ...]
    edges_removed: tuple[Edge, ...]
    edges_reversed: tuple[Edge, ...]
    texts: Mapping[Part, tuple[str, str]]

    @classmethod
    def between(
        cls,
        numbers: tuple[int, int],
        scores: tuple[float | None, float | None],
        processes: tuple[GenerationProcess, GenerationProcess],
    ) -> Change:
        """Compare two processes, given with their steps' numbers and scores."""
        old, new = (dict.fromkeys(process.causal_graph.edges) for process in processes)
        added = [edge for edge in new if edge not in old]
        removed = [edge for edge in old if edge not in new]
        turned = [edge for edge in added if edge[::-1] in removed]
        was, now = (_texts(process) for process in processes)
        return cls(
            *numbers,
            *scores,
            tuple(edge for edge in added if edge not in turned),
            tuple(edge for edge in removed if edge[::-1] not in turned),
            tuple(turned),
            {part: (was[part], now[part]) for part in was if was[part] != now[part]},
        )

    @property
    def score_change(self) -> float | None:
        """Score after less score before; negative is better. ``None``: one was not judged."""
        if self.score_before is None or self.score_after is None:
            return None
        return self.score_after - self.score_before

    def unified(self, part: Part = 'instruction') -> str:
        """A part's change as a unified diff of its sentences or lines; empty where it is none."""
        if part not in self.texts:
            return ''
        old, new = (re.split(r'(?<=[.!?])\s+|\n', text) for text in self.texts[part])
        names = f'step {self.before}', f'step {self.after}'
        return visible('\n'.join(difflib.unified_diff(old, new, *names, lineterm='')))

    def words(self, part: Part = 'instruction') -> list[Words]:
        """A part's change word by word, white space aside; empty where it is none."""
        if part not in self.texts:
            return []
        old, new = (text.split() for text in self.texts[part])
        runs: list[Words] = []
        matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
        for kind, i, j, k, end in matcher.get_opcodes():
            if kind == 'equal':
                runs.append(('kept', ' '.join(old[i:j])))
                continue
            if j > i:
                runs.append(('removed', ' '.join(old[i:j])))
            if end > k:
                runs.append(('added', ' '.join(new[k:end])))
        return runs

    def __str__(self) -> str:
        marks = {'kept': '{}', 'removed': '[-{}-]', 'added': '{{+{}+}}'}
        return '\n'.join([
            f'Step {self.before} to step {self.after}: {self._score_words()}',
            *self._lines(quote, visible, marks),
        ])

    def to_markdown(self) -> str:
        """The change as a list in Markdown: what is gone struck out, what is new in bold."""
        marks = {'kept': '{}', 'removed': '~~{}~~', 'added': '**{}**'}
        return listed([self._score_words(), *self._lines(escaped, escaped, marks)])

    def _score_words(self) -> str:
        before, after = (score_words(score) for score in (self.score_before, self.score_after))
        change = self.score_change
        if change is None or math.isnan(change):
            return f'score {before} to {after}'
        return f'score {before} to {after} ({change:+.3f}; lower is better)'

    def _lines(
        self, name: Callable[[str], str], plain: Callable[[str], str], marks: Mapping[str, str]
    ) -> list[str]:
        """What changed, line by line."""
        edges = {
            'edges added': self.edges_added,
            'edges removed': self.edges_removed,
            'edges turned round': self.edges_reversed,
        }
        lines = [
            f'{words}: {", ".join(f"{name(a)} -> {name(b)}" for a, b in pairs)}'
            for words, pairs in edges.items()
            if pairs
        ]
        for part in self.texts:
            runs = [(kind, plain(_shortened(kind, text))) for kind, text in self.words(part)]
            only_space = all(kind == 'kept' for kind, _ in runs)
            marked = ' '.join(marks[kind].format(text) for kind, text in runs)
            lines.append(f'{part}: {"white space only" if only_space else marked}')
        return lines or ['the process is the same']


def score_words(score: float | None) -> str:
    """A score for a person to read."""
    return 'none' if score is None or math.isnan(score) else f'{score:.3f}'


def _shortened(kind: str, text: str) -> str:
    """Kept words between two changes, those in the middle left out."""
    words = text.split()
    if kind != 'kept' or len(words) <= 2 * WORDS_AROUND + 1:
        return text
    return ' '.join([*words[:WORDS_AROUND], '…', *words[-WORDS_AROUND:]])


def _texts(process: GenerationProcess) -> dict[Part, str]:
    return {
        'instruction': process.instruction,
        'context': process.context,
        'detail': process.detail,
        'rules': '\n'.join(process.rules),
        'knowledge': '\n'.join(process.knowledge.lines()),
        'columns': '\n'.join(column.describe() for column in process.schema),
    }
