"""What SDV sees: the synthesizer, its arguments, sampling and results."""

from sdv_llmgan.synthesizer.synthesizer import LLMGANSynthesizer

__all__ = ['LLMGANSynthesizer']
