"""Rows from the language model: the generator runs over the training rows with the best process.

Ling et al., MALLM-GAN, section 3.5. Rejected rows are asked for again, in rounds sized by the
share of rows accepted so far.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sdv_llmgan.errors import SamplingError
from sdv_llmgan.process import GenerationProcess
from sdv_llmgan.rows import ParsedRows, concat
from sdv_llmgan.samplers.base import Sampler
from sdv_llmgan.writer import Writer

LOGGER = logging.getLogger(__name__)

#: A round asks for no more than so many times the rows missing, however few are accepted.
MAX_OVERSAMPLING = 10


@dataclass
class LLMSampler(Sampler):
    """Asks the generator until there are enough rows.

    Attributes:
        writer: Who writes.
        process: What to follow.
        max_top_ups: Rounds after the first in which missing rows are asked for again, >= 0.
    """

    writer: Writer
    process: GenerationProcess
    max_top_ups: int = 3

    def sample(self, begun: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """Draw rows; see ``Sampler.sample``."""
        kinds = _kinds(begun)
        labels, begun = begun.index, begun.reset_index(drop=True)
        parts: list[ParsedRows] = []
        left, asked, accepted = begun, 0, 0
        for _ in range(1 + self.max_top_ups):
            share = accepted / asked if asked else 1.0
            wanted = math.ceil(len(left) * min(1 / share if share else math.inf, MAX_OVERSAMPLING))
            again = left.iloc[np.arange(wanted) % len(left)]
            pieces = self.writer.examples.draw(wanted, rng)
            parsed = self.writer.write(self.process, again, pieces, rng)
            asked, accepted = asked + wanted, accepted + len(parsed.rows)
            parts.append(ParsedRows(_dealt(parsed.rows, left, kinds), parsed.rejected))
            left = left.drop(parts[-1].rows.index)
            if not len(left):
                break
        parsed = concat(parts)
        LOGGER.info('Rejected while sampling: %s.', dict(parsed.rejected))
        if len(left):
            _report(len(parsed.rows), len(begun), asked, parsed.rejected)
        rows = parsed.rows.sort_index()
        return rows.set_axis(labels[rows.index])


def _report(found: int, wanted: int, asked: int, rejected: Counter[str]) -> None:
    """Say that there are too few rows, and why."""
    message = (
        f'{wanted} rows were wanted, {found} of {asked} generated ones could be used. Rejected: '
        f'{dict(rejected.most_common(5))}. Try a stronger model, more rounds (max_top_ups), '
        'another instruction, or fewer rules (enforce_min_max_values=False, reject_copies=False).'
    )
    if not found:
        raise SamplingError(message)
    warnings.warn(message, stacklevel=2)


def _kinds(begun: pd.DataFrame) -> np.ndarray:
    """Which begun rows are alike, as numbers, shape (n_rows,)."""
    numbers: dict[tuple[object, ...], int] = {}
    return np.array(
        [numbers.setdefault(tuple(row), len(numbers)) for row in begun.to_numpy()], dtype=int
    )


def _dealt(rows: pd.DataFrame, left: pd.DataFrame, kinds: np.ndarray) -> pd.DataFrame:
    """Rows dealt to the begun rows that are left, like to like; rows past those are dropped."""
    places: dict[int, list[int]] = {}
    for place in left.index[::-1]:
        places.setdefault(int(kinds[place]), []).append(place)
    dealt = [
        waiting.pop() if (waiting := places[int(kinds[asked])]) else -1 for asked in rows.index
    ]
    rows = rows.set_axis(dealt)
    return rows[rows.index >= 0]
