"""What metrics of a real and a synthetic table share."""

from __future__ import annotations

from abc import abstractmethod

import pandas as pd
from sdmetrics.goal import Goal
from sdmetrics.single_table.base import SingleTableMetric

from sdv_llmgan.metrics.encoding import EncodedTable, check_rows, encode
from sdv_llmgan.table.types import SDVMetadata


class HalfMetric(SingleTableMetric):
    """A metric in [0, 1] of which one half is ideal, more is worse and less is no better."""

    goal = Goal.MINIMIZE
    min_value = 0.0
    max_value = 1.0

    @classmethod
    def normalize(cls, raw_score: float) -> float:
        """The metric on a scale on which less than one half is no better than one half.

        Args:
            raw_score: What ``compute`` gave, in [0, 1].

        Returns:
            In [0, 1], higher is better: 1 for one half or less, 0 for 1, and linear between.

        Raises:
            ValueError: It is not in [0, 1].
        """
        turned: float = super().normalize(raw_score)
        return min(1.0, 2 * turned)


class TableMetric(SingleTableMetric):
    """A metric in [0, 1] of two tables; higher is better, unless ``goal`` says otherwise."""

    goal = Goal.MAXIMIZE
    min_value = 0.0
    max_value = 1.0

    @classmethod
    def compute(
        cls,
        real_data: pd.DataFrame,
        synthetic_data: pd.DataFrame,
        metadata: SDVMetadata = None,
    ) -> float:
        """The metric; arguments and errors are those of ``compute_breakdown``."""
        return cls.compute_breakdown(real_data, synthetic_data, metadata)['score']

    @classmethod
    def compute_breakdown(
        cls,
        real_data: pd.DataFrame,
        synthetic_data: pd.DataFrame,
        metadata: SDVMetadata = None,
    ) -> dict[str, float]:
        """The metric as ``score``, and what it is made of.

        Args:
            real_data: Shape (n_real, n_columns).
            synthetic_data: Shape (n_synthetic, n_columns).
            metadata: A metadata ``dict`` or object of one table; ``None``: by dtypes.

        Raises:
            ValueError: A table is empty or too short, the tables' columns differ or none can be
                compared.
        """
        check_rows([real_data, synthetic_data])
        return cls._breakdown(*encode([real_data, synthetic_data], metadata))

    @classmethod
    @abstractmethod
    def _breakdown(cls, real: EncodedTable, synthetic: EncodedTable) -> dict[str, float]:
        """Likewise, of encoded tables."""
