"""The model reads new tokens of a tree of sequences.

    tokens of some rows -> Pass -> model, with ``tree_attention`` in each layer -> logits

transformers calls any attention function that is registered by name, and hands it what the model
was called with: here the ``Pass``, which knows the tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sdv_llmgan_local.tree import Level, Pass

if TYPE_CHECKING:
    from transformers import PreTrainedModel

#: The name under which transformers finds ``tree_attention``.
ATTENTION = 'sdv_llmgan_tree'

# Bounds the memory of one pass over long prompts.
_TOKENS_PER_PASS = 2048


def tree_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    tree_pass: Pass | None = None,
    **_: object,
) -> tuple[Tensor, None]:
    """The attention function that transformers calls in each layer, registered as ``ATTENTION``.

    Raises:
        NotImplementedError: The model's attention has parts that this one lacks.
    """
    if tree_pass is None or softcap is not None or s_aux is not None or attention_mask is not None:
        raise NotImplementedError('This attention is not plain causal attention.')
    layer = int(module.layer_idx)  # type: ignore[arg-type]
    attended = tree_pass.attend(layer, query[0], key[0], value[0], scaling, sliding_window)
    return attended[None], None


def extend(
    model: PreTrainedModel, level: Level, rows: Sequence[int], tokens: Sequence[Sequence[int]]
) -> Tensor:
    """Run new tokens of rows through the model.

    Args:
        model: A causal language model of transformers whose attention is ``ATTENTION``.
        level: Whose rows grow.
        rows: Which of them; each once.
        tokens: The new tokens of each, at least one.

    Returns:
        The logits after each row's last token, shape (rows, vocabulary).
    """
    step = max(1, _TOKENS_PER_PASS // len(rows))
    logits: dict[int, Tensor] = {}
    for begin in range(0, max(map(len, tokens)), step):
        now = {
            row: list(new[begin : begin + step])
            for row, new in zip(rows, tokens, strict=True)
            if len(new) > begin
        }
        forward = Pass(level, list(now), [len(new) for new in now.values()], model.device)
        ids = torch.tensor([[token for new in now.values() for token in new]], device=model.device)
        output = model(
            input_ids=ids,
            position_ids=forward.positions[None],
            use_cache=False,
            logits_to_keep=forward.last,
            tree_pass=forward,
        )
        logits.update(zip(now, output.logits[0], strict=True))
    return torch.stack([logits[row] for row in rows])
