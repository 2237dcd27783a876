"""The generation process: what the loop optimizes."""

from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import GenerationProcess

__all__ = ['CausalGraph', 'GenerationProcess']
