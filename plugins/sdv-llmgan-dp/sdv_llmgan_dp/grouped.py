"""Cells put together to coarser ones, for tables that have rows enough in each."""

from __future__ import annotations

import numpy as np

from sdv_llmgan_dp.measured import Floats, Integers


def grouped(likely: Floats, most: int, is_ordered: bool) -> Integers:
    """The coarser cell of each cell: about so many of about equal size, large cells by themselves.

    Args:
        likely: Shares of the cells, the last one's of missing values.
        most: How many coarser ones are wanted, >= 2; twice as many at most where cells are ordered.
        is_ordered: Whether neighbours are put together; if not, all but the largest are.
    """
    groups = np.zeros(len(likely), dtype=int)
    if not is_ordered:
        largest = np.argsort(-likely, kind='stable')
        groups[largest] = np.minimum(np.arange(len(likely)), most - 1)
        return groups
    number, held = 0, 0.0
    for place, share in enumerate(likely[:-1]):
        if held and held + share > 1.5 / most:
            number, held = number + 1, 0.0
        groups[place] = number
        held += share
        if held >= 1 / most:
            number, held = number + 1, 0.0
    number = int(groups[:-1].max(initial=0))
    groups[-1] = number + (likely[-1] > 1 / (4 * most))
    return groups
