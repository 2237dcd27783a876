"""What a sampler is: a source of as many rows as asked for, after the fit.

begun rows -> draw -> rules and copies rejected -> what is missing drawn again, a few rounds long
"""

from __future__ import annotations

import logging
import math
import warnings
from abc import ABC, abstractmethod
from collections import Counter

import numpy as np
import pandas as pd

from sdv_llmgan.errors import SamplingError
from sdv_llmgan.table.allowed import alike
from sdv_llmgan.table.rows import ParsedRows, concat

APART = 'a rule for the table as a whole'
LOGGER = logging.getLogger(__name__)

#: A round asks for no more than so many times the rows missing, however few are accepted.
MAX_OVERSAMPLING = 10


class Sampler(ABC):
    """Rows on demand; a subclass writes ``draw``.

    Attributes:
        max_top_ups: Rounds after the first in which missing rows are asked for again, >= 0.
    """

    max_top_ups: int = 3

    @abstractmethod
    def draw(self, begun: pd.DataFrame, rng: np.random.Generator) -> ParsedRows:
        """Try once for each begun row.

        Args:
            begun: See ``sample``; its index may repeat itself.
            rng: All randomness comes from here.

        Returns:
            Plain rows that may be handed out, at most one for each begun row and with its index,
            and rejected ones by reason.
        """

    def agree(self, rows: pd.DataFrame) -> np.ndarray:
        """Which plain rows go together in one table, shape (n_rows,); all, unless overridden."""
        return np.ones(len(rows), dtype=bool)

    def sample(self, begun: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """Draw rows, those that were rejected again, sized by the share accepted so far.

        Args:
            begun: ``Allowed`` by cell, one line a row wanted, shape (n_rows, n_settled_columns);
                without columns where nothing is settled.
            rng: All randomness comes from here.

        Returns:
            Plain rows, each with the index of the begun row that it completes, in their order; a
            begun row for which none could be had is left out, with a warning.

        Raises:
            SamplingError: None could be had at all.
            ValueError: A condition contradicts a rule.
        """
        kinds = _kinds(begun)
        labels, begun = begun.index, begun.reset_index(drop=True)
        parts: list[ParsedRows] = []
        left, asked, accepted = begun, 0, 0
        for _ in range(1 + self.max_top_ups):
            share = accepted / asked if asked else 1.0
            wanted = math.ceil(len(left) * min(1 / share if share else math.inf, MAX_OVERSAMPLING))
            parsed = self.draw(left.iloc[np.arange(wanted) % len(left)], rng)
            asked, accepted = asked + wanted, accepted + len(parsed.rows)
            parts.append(ParsedRows(_dealt(parsed.rows, left, kinds), parsed.rejected))
            parts = [self._agreeing(concat(parts))]
            left = begun.drop(parts[0].rows.index)
            if not len(left):
                break
        [parsed] = parts
        LOGGER.info('Rejected while sampling: %s.', dict(parsed.rejected))
        if len(left):
            _report(len(parsed.rows), len(begun), asked, parsed.rejected)
        rows = parsed.rows.sort_index()
        return rows.set_axis(labels[rows.index])

    def _agreeing(self, parsed: ParsedRows) -> ParsedRows:
        agreed = self.agree(parsed.rows) if len(parsed.rows) else np.ones(0, dtype=bool)
        apart = Counter({APART: int((~agreed).sum())})
        return ParsedRows(parsed.rows[agreed], parsed.rejected + apart)


def _report(found: int, wanted: int, asked: int, rejected: Counter[str]) -> None:
    """Say that there are too few rows, and why."""
    message = (
        f'{wanted} rows were wanted, {found} of {asked} generated ones could be used. Rejected: '
        f'{dict(rejected.most_common(5))}. Try a stronger model, more rounds (max_top_ups), '
        'another instruction, or fewer rules (enforce_min_max_values=False, reject_copies=False).'
    )
    if not found:
        raise SamplingError(message)
    warnings.warn(message, stacklevel=1)


def _kinds(begun: pd.DataFrame) -> np.ndarray:
    """Which begun rows are alike, as numbers, shape (n_rows,)."""
    if not len(begun.columns):
        return np.zeros(len(begun), dtype=int)
    kinds = np.empty(len(begun), dtype=int)
    for number, places in enumerate(alike(map(tuple, begun.to_numpy())).values()):
        kinds[places] = number
    return kinds


def _dealt(rows: pd.DataFrame, left: pd.DataFrame, kinds: np.ndarray) -> pd.DataFrame:
    """Rows dealt to the begun rows that are left, like to like; rows past those are dropped."""
    places = pd.Series(left.index, index=[kinds[left.index], _turns(kinds[left.index])])
    turns = pd.MultiIndex.from_arrays([kinds[rows.index], _turns(kinds[rows.index])])
    dealt = places.reindex(turns).to_numpy()
    fits = ~np.isnan(dealt)
    return rows[fits].set_axis(dealt[fits].astype(int))


def _turns(kinds: np.ndarray) -> np.ndarray:
    """For each entry how many of its kind came before."""
    return pd.Series(kinds).groupby(kinds).cumcount().to_numpy()
