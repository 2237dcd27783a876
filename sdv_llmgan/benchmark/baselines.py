"""What every synthesizer is measured against: the real rows themselves, and SMOTE."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from sdv_llmgan.benchmark.tables import TrainingTable
from sdv_llmgan.metrics.encoding import NUMBER_SDTYPES, as_numbers, datetime_formats

NEIGHBORS = 5
#: Seconds.
DAY = 86_400

#: A class of imbalanced-learn's, which is imported late.
Oversampler: TypeAlias = Any


class Real:
    """The training rows as they are: what a synthesizer can reach, not a synthesizer."""

    def fit(self, training: TrainingTable, seed: int) -> None:
        """Keep the rows."""
        self.rows = training.rows

    def sample(self, num_rows: int) -> pd.DataFrame:
        """The first ``num_rows`` training rows."""
        return self.rows.head(num_rows).reset_index(drop=True)


class Smote:
    """Rows between a training row and one of its nearest neighbours of the same class.

    Chawla et al., SMOTE, 2002, by imbalanced-learn. As many new rows a class as it has training
    rows; a numerical target is one more feature, and its halves are the classes. A missing number
    becomes the mean, and stays a level in a categorical column. A date is a number of seconds. A
    class of one row has no neighbour and is left out.
    """

    def fit(self, training: TrainingTable, seed: int) -> None:
        """Keep the rows: nothing is learned."""
        self.training, self.seed = training, seed

    def sample(self, num_rows: int) -> pd.DataFrame:
        """New rows, at most as many as there are training rows.

        Raises:
            ImportError: imbalanced-learn is not installed.
            ValueError: There is no target, or every class has one row only.
        """
        rows, target = self.training.rows, self.training.target
        if target is None:
            raise ValueError('SMOTE makes rows by class: name a target with --target.')
        sdtypes = {
            name: entry['sdtype'] for name, entry in self.training.metadata['columns'].items()
        }
        formats = datetime_formats(self.training.metadata)
        numbers = {
            name: pd.Series(as_numbers(rows[name], sdtypes[name], formats[name]), rows.index)
            for name in rows
            if sdtypes[name] in NUMBER_SDTYPES
        }
        filled = pd.DataFrame({
            name: numbers[name].fillna(numbers[name].mean())
            if name in numbers
            else rows[name].astype(object).where(rows[name].notna(), 'missing').astype(str)
            for name in rows
        })
        classes = (
            (filled[target] > filled[target].median()).astype(str)
            if target in numbers
            else filled[target]
        )
        counts = classes.value_counts()
        kept = classes.isin(counts.index[counts > 1])
        new = self._interpolated(filled[kept], classes[kept], list(numbers))
        levels = {
            name: dict(zip(filled[name], rows[name], strict=True))
            for name in rows
            if name not in numbers
        }
        made = pd.DataFrame({
            name: _dates(new[name], rows[name], numbers[name], formats[name])
            if sdtypes[name] == 'datetime'
            else new[name].round(_decimals(numbers[name]))
            if name in numbers
            else new[name].map(levels[name])
            for name in rows
        })
        return made.sample(frac=1, random_state=self.seed).head(num_rows).reset_index(drop=True)

    def _interpolated(
        self, rows: pd.DataFrame, classes: pd.Series, numbers: list[Any]
    ) -> pd.DataFrame:
        counts = classes.value_counts()
        if len(counts) < 2:
            raise ValueError(f'SMOTE needs two classes of two rows, got {dict(counts)}.')
        wanted = {level: 2 * count for level, count in counts.items()}
        sampler = _sampler(
            rows.columns.tolist(), numbers, wanted, min(NEIGHBORS, int(counts.min()) - 1), self.seed
        )
        both, _ = sampler.fit_resample(rows, classes)
        return both[len(rows) :]


def _sampler(
    columns: list[Any], numbers: list[Any], wanted: dict[Any, int], neighbors: int, seed: int
) -> Oversampler:
    try:
        from imblearn import over_sampling
    except ImportError as error:
        raise ImportError(
            "SMOTE is imbalanced-learn's. Install it: pip install 'sdv-llmgan[benchmark]'."
        ) from error
    settings = {'sampling_strategy': wanted, 'k_neighbors': neighbors, 'random_state': seed}
    if not numbers:
        return over_sampling.SMOTEN(**settings)
    if len(numbers) == len(columns):
        return over_sampling.SMOTE(**settings)
    categorical = [name for name in columns if name not in numbers]
    return over_sampling.SMOTENC(categorical_features=categorical, **settings)


def _dates(
    seconds: pd.Series, like: pd.Series, training_seconds: pd.Series, written: str | None
) -> pd.Series:
    """Dates as the training rows ``like`` have them: whole days if theirs are, text if they are."""
    is_by_day = (training_seconds.dropna() % DAY == 0).all()
    dates = pd.to_datetime(seconds, unit='s').dt.round('D' if is_by_day else 's')
    if like.dtype.kind != 'M':
        dates = dates.dt.strftime(written or ('%Y-%m-%d' if is_by_day else '%Y-%m-%d %H:%M:%S'))
    return dates.astype(like.dtype)


def _decimals(column: pd.Series) -> int:
    known = column.dropna().to_numpy()
    return next((digits for digits in range(15) if np.array_equal(known.round(digits), known)), 15)
