"""As many rows as asked for, from a sampler that tries once for each.

wanted rows -> sampler -> rules and conditions -> rejected ones drawn again, a few rounds long
"""

from __future__ import annotations

import logging
import math
import warnings
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sdv_llmgan.errors import PluginError, SamplingError
from sdv_llmgan.rules.constraints import Rules
from sdv_llmgan.samplers.base import Sampler
from sdv_llmgan.table.rows import ParsedRows, concat
from sdv_llmgan.table.wanted import Wanted

APART = 'a rule for the table as a whole'
LOGGER = logging.getLogger(__name__)

#: A round asks for no more than so many times the rows missing, however few are accepted.
MAX_OVERSAMPLING = 10


def draw(sampler: Sampler, rules: Rules, wanted: Wanted, rng: np.random.Generator) -> ParsedRows:
    """Try once for each wanted row, under the rules.

    Args:
        sampler: Where rows come from.
        rules: What rows keep to. A sampler that asks a model has kept them.
        wanted: Rows numbered from 0.
        rng: All randomness comes from here.

    Raises:
        PluginError: What the sampler returns is not what it should be.
        ValueError: A condition contradicts a rule.
    """
    if sampler.asks_model:
        return _checked(sampler.sample(wanted, rng), sampler, wanted)
    settled = Wanted(rules.begin(wanted.cells, rng))
    parsed = _checked(sampler.sample(settled, rng), sampler, settled)
    if not sampler.meets_wishes:
        parsed = settled.reject(parsed, rules.schema)
    return rules.reject(parsed, settled.cells)


@dataclass(frozen=True)
class Rounds:
    """Draws rows, those that were rejected again, sized by the share accepted so far.

    Attributes:
        sampler: Tries once for each row.
        rules: What every row keeps to.
        max_top_ups: Rounds after the first in which missing rows are asked for again, >= 0.
    """

    sampler: Sampler
    rules: Rules
    max_top_ups: int

    def sample(self, wanted: Wanted, rng: np.random.Generator) -> pd.DataFrame:
        """Draw rows.

        Args:
            wanted: Under any labels.
            rng: All randomness comes from here.

        Returns:
            Plain rows, each with the label of the wanted row that it is, in their order; a wanted
            row for which none could be had is left out, with a warning.

        Raises:
            SamplingError: None could be had at all.
            ValueError: A condition contradicts a rule.
        """
        parts: list[ParsedRows] = []
        left, asked, accepted = np.arange(len(wanted)), 0, 0
        for _ in range(1 + self.max_top_ups):
            share = accepted / asked if asked else 1.0
            count = math.ceil(len(left) * min(1 / share if share else math.inf, MAX_OVERSAMPLING))
            tried = np.resize(left, count)
            parsed = draw(self.sampler, self.rules, wanted.at(tried), rng)
            asked, accepted = asked + count, accepted + len(parsed.rows)
            rows = parsed.rows.set_axis(tried[parsed.rows.index.to_numpy(dtype=int)])
            parts.append(ParsedRows(_dealt(rows, left, wanted.kinds), parsed.rejected))
            parts = [self._agreeing(concat(parts))]
            left = np.setdiff1d(np.arange(len(wanted)), parts[0].rows.index)
            if not len(left):
                break
        [parsed] = parts
        LOGGER.info('Rejected while sampling: %s.', dict(parsed.rejected))
        if len(left):
            _report(len(parsed.rows), len(wanted), asked, parsed.rejected)
        rows = parsed.rows.sort_index()
        return rows.set_axis(wanted.cells.index[rows.index])

    def _agreeing(self, parsed: ParsedRows) -> ParsedRows:
        """Without the rows that do not go together in one table."""
        agreed = self.rules.agree(parsed.rows) if len(parsed.rows) else np.ones(0, dtype=bool)
        apart = Counter({APART: int((~agreed).sum())})
        return ParsedRows(parsed.rows[agreed], parsed.rejected + apart)


def _checked(parsed: object, sampler: Sampler, wanted: Wanted) -> ParsedRows:
    name = type(sampler).__name__
    if not isinstance(parsed, ParsedRows):
        raise PluginError(f'{name}: sample must return ParsedRows, got {type(parsed).__name__}.')
    numbers = parsed.rows.index
    if not numbers.is_unique or not numbers.isin(wanted.cells.index).all():
        raise PluginError(
            f'{name}: rows must have the number of the wanted row that each is, at most one each, '
            f'as index: of {len(wanted)} wanted rows it got {list(numbers[:5])}, …'
        )
    return parsed


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


def _dealt(rows: pd.DataFrame, left: np.ndarray, kinds: np.ndarray) -> pd.DataFrame:
    """Rows dealt to the wanted rows that are left, like to like; rows past those are dropped."""
    places = pd.Series(left, index=[kinds[left], _turns(kinds[left])])
    turns = pd.MultiIndex.from_arrays([kinds[rows.index], _turns(kinds[rows.index])])
    dealt = places.reindex(turns).to_numpy()
    fits = ~np.isnan(dealt)
    return rows[fits].set_axis(dealt[fits].astype(int))


def _turns(kinds: np.ndarray) -> np.ndarray:
    """For each entry how many of its kind came before."""
    return pd.Series(kinds).groupby(kinds).cumcount().to_numpy()
