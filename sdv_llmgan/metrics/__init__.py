"""Metrics of synthetic tables, as classes of SDMetrics' kind.

from sdv_llmgan.metrics import AlphaPrecision, DCRShare, MLEfficacy, SinglingOutRisk

AlphaPrecision.compute(real, synthetic, metadata)
DCRShare.compute(train, synthetic, metadata, held_out_data=test)
SinglingOutRisk.compute_breakdown(train, synthetic, metadata, held_out_data=test)
MLEfficacy.compute(test, synthetic, metadata, target='income')
"""

from sdv_llmgan.metrics.copies import CopiedRows, NearCopies
from sdv_llmgan.metrics.efficacy import MLEfficacy
from sdv_llmgan.metrics.fidelity import AlphaPrecision, BetaRecall
from sdv_llmgan.metrics.inference import InferenceRisk
from sdv_llmgan.metrics.linkability import LinkabilityRisk
from sdv_llmgan.metrics.membership import MembershipInference
from sdv_llmgan.metrics.privacy import DCRShare
from sdv_llmgan.metrics.singling_out import SinglingOutRisk

__all__ = [
    'AlphaPrecision',
    'BetaRecall',
    'CopiedRows',
    'DCRShare',
    'InferenceRisk',
    'LinkabilityRisk',
    'MLEfficacy',
    'MembershipInference',
    'NearCopies',
    'SinglingOutRisk',
]
