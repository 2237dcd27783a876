"""A model in memory, shared by all providers of this process that name it."""

from __future__ import annotations

import importlib.util
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sdv_llmgan.errors import ProviderError
from sdv_llmgan_local.weights import GET_DEFAULT, gguf_file, is_path, quiet, source

if TYPE_CHECKING:
    from llguidance import LLTokenizer
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from sdv_llmgan_local.decoding import Cache


@dataclass
class LoadedModel:
    """A model in memory.

    Attributes:
        model: The causal language model.
        tokenizer: Its tokenizer, with the chat template.
        grammar_tokenizer: The same vocabulary for llguidance.
        stops: Tokens that end a reply.
        cache_type: How the model reads a batch.
        context: Tokens that prompt and reply may have together.
        lock: Held while the model works.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    grammar_tokenizer: LLTokenizer
    stops: frozenset[int]
    cache_type: type[Cache]
    context: int
    lock: threading.Lock = field(default_factory=threading.Lock)


_loaded: dict[tuple[str, str | None, str | None, bool], LoadedModel] = {}
_loading = threading.Lock()


def check(model: str) -> None:
    """Raise what would stop the model from loading, without loading it.

    Raises:
        ProviderError: A package or the path is missing.
    """
    needed = ['torch', 'transformers', 'llguidance']
    if gguf_file(model) is not None:
        needed += ['gguf', 'accelerate']
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise ProviderError(
            f'The local model needs {", ".join(needed)}; not installed: {", ".join(missing)}. '
            f"Run 'pip install {' '.join(missing)}'."
        )
    if model and is_path(model) and not Path(model).expanduser().exists():
        raise ProviderError(
            f"The local model needs a folder or GGUF file at '{model}'; there is none. "
            "Give another path, an id of the Hugging Face Hub ('org/name'), or llm='local'."
        )


def load(
    model: str, device: str | None = None, dtype: str | None = None, *, share: bool = True
) -> LoadedModel:
    """Load a model, or return the one that this process already holds.

    Args:
        model: A path, an id of the Hugging Face Hub, or '' for SmolLM2-135M-Instruct.
        device: As torch names it; ``None``: CUDA if there is one, else MPS, else the CPU.
        dtype: As torch names it; ``None``: bfloat16, or float32 where that is slow.
        share: Whether sequences share what they have in common, where the model's kind allows it.

    Raises:
        ProviderError: The weights are neither here nor can they be had.
    """
    key = (model, device, dtype, share)
    with _loading:
        if key not in _loaded:
            check(model)
            device = device or _best_device()
            _loaded[key] = _load(model, device, dtype or _best_dtype(device), share)
        return _loaded[key]


def _best_device() -> str:
    import torch

    if torch.cuda.is_available():
        return 'cuda'
    return 'mps' if torch.backends.mps.is_available() else 'cpu'


def _best_dtype(device: str) -> str:
    import torch

    # A CPU without AVX-512 has to emulate bfloat16.
    slow = device == 'cpu' and torch.backends.cpu.get_cpu_capability() == 'AVX2'
    return 'float32' if slow or device == 'mps' else 'bfloat16'


def _load(model: str, device: str, dtype: str, share: bool) -> LoadedModel:
    import torch
    from llguidance.hf import from_tokenizer
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from sdv_llmgan_local.probe import choose_cache

    with quiet():
        place = source(model)
        try:
            tokenizer = AutoTokenizer.from_pretrained(place)
            loaded = AutoModelForCausalLM.from_pretrained(place, dtype=getattr(torch, dtype))
        except (OSError, ValueError, KeyError) as error:
            raise ProviderError(_cannot_load(model, place, error)) from error
        loaded = loaded.to(device).eval()  # type: ignore[arg-type]
        cache_type = choose_cache(loaded, share)

    stops = loaded.generation_config.eos_token_id
    ends = {*(stops if isinstance(stops, list) else [stops]), tokenizer.eos_token_id} - {None}
    if not tokenizer.is_fast or not ends:
        raise ProviderError(
            f"The local model needs a fast tokenizer with a token that ends a text; '{place}' has "
            'none. Choose another model.'
        )
    config = loaded.config.get_text_config()
    vocabulary = max(config.vocab_size, len(tokenizer))
    return LoadedModel(
        model=loaded,
        tokenizer=tokenizer,
        grammar_tokenizer=from_tokenizer(
            tokenizer,  # type: ignore[arg-type]
            n_vocab=vocabulary,
            eos_token=sorted(ends),
        ),
        stops=frozenset(ends),
        cache_type=cache_type,
        context=getattr(config, 'max_position_embeddings', None) or 10**9,
    )


def _cannot_load(model: str, place: str, error: Exception) -> str:
    if is_path(place):
        return f"The local model at '{place}' cannot be loaded: {error}"
    advice = (
        f"Check the id and the connection, give a path, or use llm='local' with {GET_DEFAULT}."
        if model
        else f'Run {GET_DEFAULT}, which brings the weights, or give the path of a model.'
    )
    return (
        f"The local model needs '{place}' from the Hugging Face Hub; it could not be had "
        f'({str(error).splitlines()[0]}). {advice}'
    )
