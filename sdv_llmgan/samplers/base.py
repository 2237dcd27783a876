"""What a sampler is: a source of as many rows as asked for, after the fit."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import pandas as pd


class Sampler(ABC):
    """Rows on demand."""

    @abstractmethod
    def sample(self, num_rows: int, rng: np.random.Generator) -> pd.DataFrame:
        """Draw rows.

        Args:
            num_rows: How many, >= 1.
            rng: All randomness comes from here.

        Returns:
            Plain rows, shape (num_rows, n_columns).

        Raises:
            SamplingError: So many rows could not be had.
        """
