"""A sampler that guarantees differential privacy of each training row, by OpenDP's mechanisms.

rows -> counts of cells of columns, pairs and triples + noise -> corrected towards what is known
    -> a tree of columns -> rows

Its selection of pairs follows McKenna, Miklau and Sheldon, Winning the NIST contest, 2021.
https://arxiv.org/abs/2108.04978
"""

from __future__ import annotations

from collections.abc import Callable

from sdv_llmgan import Sampler, hookimpl
from sdv_llmgan_dp.sampler import DPSampler

__all__ = ['DPSampler', 'register_samplers']

__version__ = '0.1.0'


@hookimpl
def register_samplers(register: Callable[[str, Callable[[], Sampler]], None]) -> None:
    """Offer ``sampler='dp'``."""
    register('dp', DPSampler)
