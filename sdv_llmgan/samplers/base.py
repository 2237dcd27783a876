"""What a sampler is: a source of as many rows as asked for, after the fit."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import pandas as pd


class Sampler(ABC):
    """Rows on demand."""

    @abstractmethod
    def sample(self, begun: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """Draw rows.

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
