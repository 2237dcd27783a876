"""The settings of both papers, as arguments of ``LLMGANSynthesizer`` (see docs/methods.md)."""

from __future__ import annotations

from typing import Any

#: Ling et al., MALLM-GAN, 2024. https://arxiv.org/abs/2406.10521
MALLM_GAN: dict[str, Any] = {
    'knowledge': 'none',
    'futility': False,
    'metadata_detail': 'schema',
    'causal_graph': 'hill-climb',
    'discriminator': 'logistic',
    'search': 'trajectory',
    'generator_temperature': 0.5,
    'optimizer_temperature': 1.0,
    'top_k': 3,
    'batch_size': 50,
    'examples_per_call': 4,
    'rows_per_example': 1,
    'epochs': 10,
    'max_batches': None,
    'row_format': 'objects',
    'sampler': 'llm',
}
#: The local sampler alone: one batch of random rows, which are told from real ones and left out.
WITHOUT_LLM: dict[str, Any] = {'llm': 'scripted', 'sampler': 'distilled', 'max_batches': 1}
#: SYNTHIA: A multi-agent GAN-LLM fusion for statistically guided synthetic data generation, 2025.
SYNTHIA: dict[str, Any] = {
    'knowledge': 'none',
    'futility': False,
    'metadata_detail': 'full',
    'causal_graph': 'none',
    'discriminator': 'llm',
    'search': 'trajectory',
    'generator_temperature': 0.5,
    'optimizer_temperature': 1.0,
    'top_k': 1,
    'batch_size': 50,
    'epochs': 7,
    'example_selection': 'stratified',
    'optimizer_examples': 10,
    'examples_per_call': 10,
    'rows_per_example': 1,
    'max_batches': 7,
    'patience': 2,
    'sampler': 'llm',
}
