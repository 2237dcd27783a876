"""The generation process: what the loop optimizes."""

from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.process.knowledge import Effect, Knowledge, Typical

__all__ = ['CausalGraph', 'Effect', 'GenerationProcess', 'Knowledge', 'Typical']
