"""A language model in this process, for sdv-llmgan.

    requests -> prompts -> tokens -> shared prefix, computed once -> replies, decoded together
                                                                          ^
                              JSON Schema -> grammar: allowed and forced tokens

``llm='local'`` runs SmolLM2-135M-Instruct; ``llm='local/org/name'`` and ``llm='local//a/path'`` run
any causal language model that transformers loads.
"""

from __future__ import annotations

from collections.abc import Callable

import pluggy

from sdv_llmgan.providers.base import Provider
from sdv_llmgan_local.provider import LocalProvider

__all__ = ['LocalProvider', 'register_providers']

__version__ = '0.1.0'

_hookimpl = pluggy.HookimplMarker('sdv_llmgan')


@_hookimpl
def register_providers(register: Callable[[str, Callable[[str], Provider]], None]) -> None:
    """Offer ``llm='local'``."""
    register('local', LocalProvider)
