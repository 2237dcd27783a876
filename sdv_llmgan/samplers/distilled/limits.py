"""Known limits on drawn rows: values that break one are drawn anew, as far as it is believed.

real rows that break a limit, and that keep it -> probability that it holds
    -> a value drawn against it is kept with what is left of that

A limit that is known holds with a few exceptions, or else it says nothing and rows break it as
often as any share; real rows say which. None is let in or shut out: what they leave open is
averaged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, expit, xlog1py, xlogy

from sdv_llmgan.process.knowledge import Knowledge
from sdv_llmgan.process.limits import Bound, Limit
from sdv_llmgan.samplers.distilled.coding import LevelCoding, TableCoding
from sdv_llmgan.samplers.distilled.evidence import Booleans, Floats
from sdv_llmgan.table.column import to_json

#: Before rows are looked at, a limit holds with this probability;
HOLDS = 0.7
#: one that holds is broken by such a share of rows at most.
EXCEPTIONS = 0.01
#: A value is drawn anew so often.
MAX_REDRAWS = 20


@dataclass(frozen=True)
class CodedLimit:
    """A limit as coded rows are held to it.

    Attributes:
        limit: In the table's own values.
        coding: Of its columns.
        num_real: Real rows that it speaks of, >= 0.
        num_broken: Those of them that break it.
    """

    limit: Limit
    coding: TableCoding
    num_real: int = 0
    num_broken: int = 0

    @classmethod
    def all_of(
        cls, knowledge: Knowledge, coding: TableCoding, real: Mapping[str, Floats]
    ) -> tuple[CodedLimit, ...]:
        """The limits that are known, and how far real rows keep to them.

        Args:
            knowledge: Has the limits; those of other columns than these are left out.
            coding: Of the columns.
            real: The real rows by column, as floats.
        """
        found = []
        for limit in knowledge.limits:
            if all(_is_of(bound, coding) for bound in (*limit.when, limit.then)):
                coded = cls(limit, coding)
                spoken_of, broken = coded.applies(real), coded.breaks(real)
                found.append(cls(limit, coding, int(spoken_of.sum()), int(broken.sum())))
        return tuple(found)

    @property
    def trust(self) -> float:
        """Probability that it holds, in (0, 1)."""
        broken, kept = self.num_broken, self.num_real - self.num_broken
        rate = min(EXCEPTIONS, broken / max(self.num_real, 1))  # of a limit that holds
        holds = xlogy(broken, rate) + xlog1py(kept, -rate)
        says_nothing = betaln(broken + 1, kept + 1)
        odds = np.log(HOLDS / (1 - HOLDS)) + holds - says_nothing
        return float(expit(odds))

    def applies(self, codes: Mapping[str, Floats]) -> Booleans:
        """Which rows it speaks of: those whose value is not missing among them."""
        bounds, then = self.limit.when, self.limit.then.column
        spoken_of: Booleans = ~self._missing(then, codes[then])
        for bound in bounds:
            spoken_of = spoken_of & self._meets(bound, codes[bound.column])
        return spoken_of

    def breaks(self, codes: Mapping[str, Floats]) -> Booleans:
        """Which rows break it."""
        then = self.limit.then
        return self.applies(codes) & ~self._meets(then, codes[then.column])

    def _missing(self, name: str, codes: Floats) -> Booleans:
        coding = self.coding.codings[name]
        if isinstance(coding, LevelCoding):
            return np.isin(codes, [at for at, level in enumerate(coding.levels) if level is None])
        return np.isnan(codes)

    def _meets(self, bound: Bound, codes: Floats) -> Booleans:
        coding = self.coding.codings[bound.column]
        if isinstance(coding, LevelCoding):
            levels = [None if level is None else to_json(level) for level in coding.levels]
            return np.isin(codes, [at for at, one in enumerate(levels) if one in bound.one_of])
        return bound.meets(coding.decode(codes)).to_numpy(bool)


def _is_of(bound: Bound, coding: TableCoding) -> bool:
    """Whether a bound is of a column that there is, and of its kind.

    Levels that models see in the place of numbers, as under an egress policy, are not known here.
    """
    found = coding.codings.get(bound.column)
    return found is not None and isinstance(found, LevelCoding) == bool(bound.one_of)


def keeps(
    limits: Sequence[CodedLimit], codes: Mapping[str, Floats], rng: np.random.Generator
) -> Booleans:
    """Which drawn rows stay: those that break no limit, and by chance some that do.

    Args:
        limits: At least one.
        codes: Their columns, as floats.
        rng: Randomness.
    """
    num_rows = len(codes[limits[0].limit.then.column])
    kept = [~limit.breaks(codes) | (rng.random(num_rows) > limit.trust) for limit in limits]
    return np.logical_and.reduce(kept)
