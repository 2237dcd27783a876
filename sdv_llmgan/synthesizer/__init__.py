"""The face that SDV sees."""

from sdv_llmgan.synthesizer.synthesizer import LLMGANSynthesizer

__all__ = ['LLMGANSynthesizer']
