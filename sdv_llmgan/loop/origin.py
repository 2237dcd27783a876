"""Where rows come from after a fit: how much of each column was learned from what, and to what end.

Two figures that answer two questions stand side by side, and need not agree:

- shares say what is drawn: the weight of real rows, of knowledge and of the model's rows,
- the gain says what came of it: how much better held-out real rows are predicted with the model's
  rows. Within its error, no difference is shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sdv_llmgan.formats.saved_json import Json, Reader, number, read_object, text
from sdv_llmgan.formats.words import and_list
from sdv_llmgan.table.column import quote

#: Of each column, in the order in which they are told.
SOURCES = {
    'real': 'your rows',
    'knowledge': 'what was known before',
    'generated': "the model's rows",
}
#: Standard error of a column's gain, in nats, of one real row and a column that is drawn from the
#: model's rows alone: how far fresh rows of the source, which can only help, fall below zero
#: (experiments/coherence.py).
SCATTER = 0.25
#: In nats; a smaller gain is none.
LEAST_GAIN = 0.005


@dataclass(frozen=True)
class Origin:
    """What rows are drawn from, and why.

    Attributes:
        source: Where rows come from: the name of a sampler; ``'llm'``: the model writes them.
        why: How that was chosen; empty: it was asked for.
        learned_from: By column the shares of ``SOURCES`` in what the distilled sampler draws, each
            in [0, 1]; empty for other samplers.
        gain: By column how many nats a row the model's rows help to predict held-out real ones;
            above 0: they do. Empty where none were learned from.
        num_rows: How many real rows were fitted on.
    """

    source: str
    why: str = ''
    learned_from: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    gain: Mapping[str, float] = field(default_factory=dict)
    num_rows: int = 0

    def error(self, column: str) -> float:
        """Standard error of a column's gain, in nats, >= 0: roughly, by its share and the rows."""
        share = 1 - self.learned_from[column]['real']
        return SCATTER * share / math.sqrt(max(self.num_rows, 1))

    @property
    def is_real_alone(self) -> bool:
        """Whether the distilled sampler learned from real rows and nothing else."""
        return bool(self.learned_from) and not self.columns

    @property
    def columns(self) -> list[str]:
        """Columns that something beside real rows has a share in, in percent; largest first."""
        told = {name: 1 - shares['real'] for name, shares in self.learned_from.items()}
        return sorted((name for name in told if told[name] >= 0.005), key=lambda name: -told[name])

    def mean(self, source: str) -> float:
        """A source's share, mean of the columns, in [0, 1]."""
        shares = [shares[source] for shares in self.learned_from.values()]
        return sum(shares) / max(len(shares), 1)

    def words(self) -> str:
        """Where rows come from, in a sentence or two for somebody who was not there."""
        if self.source == 'llm':
            return 'The language model writes every row itself.'
        if not self.learned_from:
            return f'Rows are drawn by the sampler {self.source}.'
        drawn = 'Rows are drawn by a sampler that learned'
        if self.is_real_alone:
            return f'{drawn} from your rows alone.'
        means = {name: self.mean(source) for source, name in SOURCES.items()}
        told = [f'{share:.0%} from {name}' for name, share in means.items() if share >= 0.005]
        return f'{drawn} {and_list(told)} (mean of the columns).'

    def shares(self, column: str) -> tuple[str, ...]:
        """The shares of a column in percent, in the order of ``SOURCES``."""
        return tuple(f'{self.learned_from[column][source]:.0%}' for source in SOURCES)

    def gain_of(self, column: str) -> str:
        """What the model's rows brought a column, in words; empty: nothing was learned from any."""
        if column not in self.gain:
            return ''
        gain, error = self.gain[column], self.error(column)
        return f'{_verdict(gain, error)} ({gain:+.3f} ± {error:.3f})'

    def gain_words(self) -> str:
        """What the model's rows brought, summed over columns; empty: none were learned from."""
        if not self.gain:
            return ''
        total, error = sum(self.gain.values()), math.hypot(*map(self.error, self.gain))
        found = _verdict(total, error)
        told = f'{total:+.2f} ± {error:.2f} nats a row, all columns together'
        if found == UNCLEAR:
            return f'whether the model helps to predict held-out real rows is not shown ({told})'
        where = f', most in {quote(max(self.gain, key=self.gain.__getitem__))}'
        told += where if total > 0 else ''
        return f"with the model's rows held-out real rows are predicted {found} ({told})"

    def to_dict(self) -> dict[str, Any]:
        """JSON form; a gain that is not finite is left out."""
        gain = {name: one for name, one in self.gain.items() if math.isfinite(one)}
        return {**asdict(self), 'gain': gain}

    @classmethod
    def from_dict(cls, saved: Json, where: str = 'origin') -> Origin:
        """Read the JSON form; ``ValueError`` where it is none."""
        share: dict[str, Reader] = dict.fromkeys(SOURCES, number(0, 1))
        readers: dict[str, Reader] = {
            'source': text,
            'why': text,
            'learned_from': _by_name(lambda one, place: read_object(one, place, share)),
            'gain': _by_name(number(-math.inf)),
            'num_rows': number(0),
        }
        return cls(**read_object(saved, where, readers))


UNCLEAR = 'no difference shown'


def _verdict(gain: float, error: float) -> str:
    if abs(gain) <= max(2 * error, LEAST_GAIN):
        return UNCLEAR
    return 'better' if gain > 0 else 'worse'


#: What the figures mean, for whoever reads them side by side.
SHARES_MEAN = (
    'A share is how much weight a source has in what is drawn. How well held-out real rows are '
    "predicted decides on it and, for the model's rows, what these claim to know of each other."
)
GAIN_MEANS = (
    'A gain is what came of it: by how many nats (log loss) a held-out real row is predicted '
    "better with the model's rows than without, each column given those before it; within two "
    "standard errors no difference is shown. So a column can be drawn mostly from the model's "
    'rows with no gain shown: they predict it as well as your rows do. The target is drawn once '
    'more, given all other columns: its share is that of the last draw, its gain that of the first.'
)


def _by_name(read: Reader) -> Reader:
    """A reader of objects whose keys are names of columns."""

    def read_each(saved: Json, where: str) -> dict[str, Any]:
        names = list(saved) if isinstance(saved, Mapping) else []
        return read_object(saved, where, dict.fromkeys(names, read))

    return read_each
