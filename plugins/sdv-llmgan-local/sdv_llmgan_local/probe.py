"""Ask a model once whether it can share prompts: run a short text both ways and compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from sdv_llmgan.errors import ProviderError
from sdv_llmgan_local.attention import ATTENTION, extend, tree_attention
from sdv_llmgan_local.decoding import Cache, PlainCache, StepCache, TreeCache, read
from sdv_llmgan_local.tree import Level

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_TOKENS = 24


@torch.inference_mode()
def choose_cache(model: PreTrainedModel, share: bool) -> type[Cache]:
    """Switch a model to ``tree_attention`` if it then still gives the same logits.

    Models whose attention is not plain (soft-capped, with sinks) raise or differ; they keep their
    own attention.

    Args:
        model: Its attention is changed in place.
        share: Whether to try.

    Returns:
        ``TreeCache`` if the model was switched, ``StepCache`` if some of its layers are recurrent.

    Raises:
        ProviderError: No layer of the model keeps keys and values (all are recurrent, say).
    """
    step = max(1, model.config.get_text_config().vocab_size // (_TOKENS + 1))
    tokens = [step * (index + 1) - 1 for index in range(_TOKENS)]
    cache, logits = read(model, None, tokens)
    layers = getattr(cache, 'layers', [])
    if not any(getattr(layer, 'keys', None) is not None for layer in layers):
        raise ProviderError(
            'The local model needs a transformer with a cache of keys and values; found '
            f"'{model.config.model_type}', which is recurrent or keeps none. Choose another model."
        )
    if _is_recurrent(model) or any(map(_keeps_a_state, layers)):
        return StepCache
    if share and _reads_trees(model, tokens, logits.float()):
        return TreeCache
    return PlainCache


def _is_recurrent(model: PreTrainedModel) -> bool:
    """Whether transformers says that the model's cache cannot be cut back to fewer tokens."""
    return bool(getattr(model, '_is_stateful', False))


def _keeps_a_state(layer: object) -> bool:
    """Whether a layer of a cache that was read into has a recurrent state, or has it elsewhere."""
    return hasattr(layer, 'recurrent_states') or not getattr(layer, 'is_initialized', True)


def _reads_trees(model: PreTrainedModel, tokens: list[int], expected: torch.Tensor) -> bool:
    from transformers import AttentionInterface

    own = model.config._attn_implementation
    AttentionInterface.register(ATTENTION, tree_attention)
    half = len(tokens) // 2
    try:
        model.set_attn_implementation(ATTENTION)
        root = Level()
        extend(model, root, [0], [tokens[:half]])
        replies = Level(root, [0, 0])
        extend(model, replies, [0], [tokens[half:-1]])
        found = extend(model, replies, [1, 0], [tokens[:1], tokens[-1:]])[1].float()
        # Rounding in bfloat16 moves logits by about 2 %; a wrong mask or position by far more.
        same = bool((found - expected).norm() <= 0.1 * expected.norm())
    except (NotImplementedError, TypeError, ValueError, AttributeError, KeyError, RuntimeError):
        same = False
    if not same:
        model.set_attn_implementation(own)
    return same
