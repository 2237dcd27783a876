"""Synthesizers of a user's own, of each kind that the benchmark takes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pandas as pd


class Bootstrap:
    """SDV's kind: rows drawn again from the training rows."""

    def __init__(self, metadata: object, seed: int, log: str = '') -> None:
        self.metadata, self.seed, self.log = metadata, seed, log

    def fit(self, data: object) -> None:
        self.rows = next(iter(data.values())) if isinstance(data, dict) else data
        if self.log:
            # So that a test can kill the run in the midst of the second fit.
            time.sleep(float(os.environ.get('PAUSE', '0')) if Path(self.log).exists() else 0)
            with Path(self.log).open('a') as file:
                file.write(f'{self.seed}\n')

    def sample(self, num_rows: int) -> pd.DataFrame:
        return self.rows.sample(num_rows, replace=True, random_state=self.seed)


class Failing(Bootstrap):
    """One that fails, in words with a line break and a comma."""

    def sample(self, num_rows: int) -> pd.DataFrame:
        raise RuntimeError('no rows,\nsorry')


class FailingAtACost(Failing):
    """One that had called a model seven times by then."""

    def get_usage(self) -> pd.DataFrame:
        return pd.DataFrame({'calls': [3, 4]}, index=['generator', 'optimizer'])


class SDGymPair:
    """SDGym's kind."""

    def get_trained_synthesizer(self, data: pd.DataFrame, metadata: object) -> pd.DataFrame:
        return data

    def sample_from_synthesizer(self, trained: pd.DataFrame, num_rows: int) -> pd.DataFrame:
        return trained.sample(num_rows, replace=True)


def get_trained_synthesizer(data: pd.DataFrame, metadata: object) -> pd.DataFrame:
    return data


def sample_from_synthesizer(trained: pd.DataFrame, num_rows: int) -> pd.DataFrame:
    return trained.head(num_rows)
