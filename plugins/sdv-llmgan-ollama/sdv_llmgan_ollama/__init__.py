"""Models of an Ollama server: a provider of one method, made to be copied (see the README).

    Request -> POST /api/chat, format = JSON Schema -> Completion

Ollama's own API, for its OpenAI-compatible one ignores ``max_completion_tokens``: a reply there has
no bound.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sdv_llmgan import Completion, Provider, ProviderError, Request, Usage, hookimpl
from sdv_llmgan.providers.faults import UNREADABLE, provider_error
from sdv_llmgan.providers.transport import Guard, replies_up_to
from sdv_llmgan.providers.usage import as_count

if TYPE_CHECKING:
    import ollama

__all__ = ['OllamaProvider', 'register_providers']

__version__ = '0.1.0'

#: Seconds that a call may take; the server may have to load the model first.
TIMEOUT = 600
#: What ``OLLAMA_HOST`` names when requests stay here; ``None`` where it names no host.
THIS_MACHINE = {None, 'localhost', '127.0.0.1', '::1', '0.0.0.0'}


class OllamaProvider(Provider):
    """A model that an Ollama server runs; the environment variable ``OLLAMA_HOST`` says where."""

    max_concurrency = 4
    #: What a server gives a model that is not told otherwise.
    context = 4_096

    @property
    def remote(self) -> bool:  # type: ignore[override]
        """Whether requests leave this machine, which a local server's cloud models do too."""
        host = urlsplit('//' + os.environ.get('OLLAMA_HOST', '').split('://')[-1]).hostname
        return host not in THIS_MACHINE or self.model.lower().endswith((':cloud', '-cloud'))

    def check(self) -> None:
        """Raise ``ProviderError`` where the model's name is missing."""
        if not self.model:
            raise ProviderError("Ollama needs a model's name, as in llm='ollama/llama3.1'.")

    def complete(self, request: Request) -> Completion:
        """Answer one request; see ``Provider.complete``."""
        import httpx
        import ollama

        failures = (ollama.ResponseError, httpx.HTTPError, ProviderError, *UNREADABLE)
        try:
            with replies_up_to(request.most_bytes):
                reply = self._client.chat(
                    self.model,
                    [{'role': m.role, 'content': m.content} for m in request.messages],
                    format=request.json_schema,
                    options={
                        'temperature': request.temperature,
                        'seed': request.seed,
                        'num_predict': request.max_tokens,
                    },
                )
        except (ConnectionError, *failures) as error:
            fault = provider_error(error, self.name)
            # No waiting starts a server.
            kind = ProviderError if isinstance(error, ConnectionError) else type(fault)
            raise kind(
                f"{fault}. Is 'ollama serve' running, and was 'ollama pull {self.model}' done?"
            ) from error
        usage = Usage(1, as_count(reply.prompt_eval_count), as_count(reply.eval_count))
        return Completion(reply.message.content or '', usage)

    @cached_property
    def _client(self) -> ollama.Client:
        import httpx
        import ollama

        # No connection is kept, so none has to be closed.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        guard = Guard(partial(httpx.HTTPTransport, limits=limits), 'OLLAMA_HOST')
        return ollama.Client(timeout=TIMEOUT, transport=guard, follow_redirects=False)


@hookimpl
def register_providers(register: Callable[[str, Callable[[str], Provider]], None]) -> None:
    """Offer ``llm='ollama/<model>'``."""
    register('ollama', OllamaProvider)
