"""The local sampler: each column from a conditional model of those before it."""

from sdv_llmgan.samplers.distilled.sampler import DistilledSampler

__all__ = ['DistilledSampler']
