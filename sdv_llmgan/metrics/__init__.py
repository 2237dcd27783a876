"""Metrics of synthetic tables, as classes of SDMetrics' kind.

from sdv_llmgan.metrics import AlphaPrecision, DCRShare, MLEfficacy

AlphaPrecision.compute(real, synthetic, metadata)
DCRShare.compute(train, synthetic, metadata, held_out_data=test)
MLEfficacy.compute(test, synthetic, metadata, target='income')
"""

from sdv_llmgan.metrics.copies import CopiedRows, NearCopies
from sdv_llmgan.metrics.efficacy import MLEfficacy
from sdv_llmgan.metrics.fidelity import AlphaPrecision, BetaRecall
from sdv_llmgan.metrics.privacy import DCRShare

__all__ = ['AlphaPrecision', 'BetaRecall', 'CopiedRows', 'DCRShare', 'MLEfficacy', 'NearCopies']
