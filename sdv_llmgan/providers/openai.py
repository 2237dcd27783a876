"""OpenAI, Azure OpenAI, and any server that speaks OpenAI's chat completions.

Request -> chat.completions.create(response_format=json_schema) -> Completion
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sdv_llmgan.errors import ProviderError, TransientError
from sdv_llmgan.providers.base import Completion, Request
from sdv_llmgan.providers.batch_api import BatchAPI, no_batches
from sdv_llmgan.providers.faults import as_text
from sdv_llmgan.providers.hosted import HostedProvider
from sdv_llmgan.providers.json_schema import hosted, rewritten
from sdv_llmgan.providers.openai_batches import OpenAIBatches
from sdv_llmgan.providers.prices import Prices, list_prices
from sdv_llmgan.providers.usage import Usage, as_count

if TYPE_CHECKING:
    import openai
    from openai.types.chat import ChatCompletion

#: Words by which servers name a setting that they refuse.
REFUSAL_WORDS = {
    'response_format': ('response_format', 'json_schema', 'schema', 'structured', 'grammar'),
    'temperature': ('temperature',),
    'seed': ('seed',),
    'max_completion_tokens': ('max_completion_tokens',),
}


class OpenAIProvider(HostedProvider):
    """A model behind OpenAI's API or a compatible server (vLLM, llama.cpp, LM Studio).

    Args:
        model: The model's name there.
        base_url: Where the server is, as ``'http://localhost:8000/v1'``; default: the
            environment variable ``OPENAI_BASE_URL``, else OpenAI.
        api_key_variable: Environment variable that holds the key. The key itself is never an
            argument: it would end up in ``get_parameters()`` and in pickles.
        timeout: Seconds that one call may take.
        max_retries: How often a failed call is tried again, >= 0.
        max_concurrency: How many calls may be in flight at once, >= 1.
        prices: What the model costs there; ``None``: its list price, where one is known.
    """

    refusal_words = REFUSAL_WORDS
    server_setting = 'base_url, or the environment variable OPENAI_BASE_URL'

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key_variable: str = 'OPENAI_API_KEY',
        timeout: float = 120.0,
        max_retries: int = 4,
        max_concurrency: int = 16,
        prices: Prices | None = None,
    ) -> None:
        super().__init__(
            model,
            timeout=timeout,
            max_retries=max_retries,
            max_concurrency=max_concurrency,
            prices=prices,
        )
        self.base_url = base_url
        self.api_key_variable = api_key_variable

    @property
    def server(self) -> str | None:
        """The server's address where it is not OpenAI's own."""
        return self.base_url or os.environ.get('OPENAI_BASE_URL') or None

    def list_prices(self) -> Prices | None:
        """What the model costs by its vendor's list, where that is known."""
        if self.server is None:
            return list_prices(self.model, vendor='openai')
        return list_prices(self.model, url=self.server)

    def check(self) -> None:
        """Raise ``ProviderError`` where the model's name or the key is missing."""
        if not self.model:
            raise ProviderError(
                "This provider needs a model's name, as in llm='openai/gpt-4o-mini'."
            )
        if self.server is None and not os.environ.get(self.api_key_variable):
            raise ProviderError(
                f'The key for {self.name} is missing: set the environment variable '
                f'{self.api_key_variable}.'
            )

    @property
    def errors(self) -> type[Exception]:
        """What the SDK raises."""
        import openai

        return openai.OpenAIError

    def make_client(self) -> openai.OpenAI:
        """A client of the SDK."""
        import openai

        return openai.OpenAI(
            # A server of one's own asks for no key, but the SDK does.
            api_key=os.environ.get(self.api_key_variable) or 'none',
            base_url=self.server,
            **self.http_options(),
        )

    def body(self, request: Request) -> dict[str, Any]:
        """A request as the API takes it."""
        options = self.settings.wanted(
            response_format=_response_format(request),
            temperature=request.temperature,
            seed=request.seed,
            max_completion_tokens=request.max_tokens,
        )
        if 'max_completion_tokens' not in options:
            options['max_tokens'] = request.max_tokens  # the older name of the same setting
        turns = [{'role': m.role, 'content': m.content} for m in request.messages]
        return {'model': self.model, 'messages': turns, **options}

    def read(self, reply: ChatCompletion) -> Completion:
        """A reply of the API as a completion."""
        if not reply.choices:
            raise TransientError(f'{self.name} answered without a reply in it.')
        text = reply.choices[0].message.content
        usage = reply.usage
        details = getattr(usage, 'prompt_tokens_details', None)
        return Completion(
            text='' if text is None else as_text(text),
            usage=Usage(
                calls=1,
                prompt_tokens=as_count(getattr(usage, 'prompt_tokens', 0)),
                completion_tokens=as_count(getattr(usage, 'completion_tokens', 0)),
                cached_tokens=as_count(getattr(details, 'cached_tokens', 0)),
            ),
        )

    def send(self, body: dict[str, Any]) -> ChatCompletion:
        """The API's reply to a body."""
        reply: ChatCompletion = self.client().chat.completions.create(**body)
        return reply

    def batch_api(self) -> BatchAPI:
        """OpenAI's Batch API."""
        return OpenAIBatches(self.name, self.client, self.body, self.read, self.errors)


class AzureOpenAIProvider(OpenAIProvider):
    """A deployment on Azure OpenAI.

    The environment holds ``AZURE_OPENAI_API_KEY``, ``AZURE_OPENAI_ENDPOINT`` and
    ``OPENAI_API_VERSION``; users write ``llm='azure/deployment-name'``.

    Args:
        model: The deployment's name.
        timeout: Seconds that one call may take.
        max_retries: How often a failed call is tried again, >= 0.
        max_concurrency: How many calls may be in flight at once, >= 1.
        prices: What the deployed model costs; ``None``: the list price of a model that is called
            like the deployment, where one is known.
    """

    server_setting = 'the environment variable AZURE_OPENAI_ENDPOINT'
    variables = ('AZURE_OPENAI_API_KEY', 'AZURE_OPENAI_ENDPOINT', 'OPENAI_API_VERSION')

    def __init__(
        self,
        model: str,
        *,
        timeout: float = 120.0,
        max_retries: int = 4,
        max_concurrency: int = 16,
        prices: Prices | None = None,
    ) -> None:
        super().__init__(
            model,
            api_key_variable=self.variables[0],
            timeout=timeout,
            max_retries=max_retries,
            max_concurrency=max_concurrency,
            prices=prices,
        )

    def list_prices(self) -> Prices | None:
        """What the model costs by its vendor's list, where that is known."""
        return list_prices(self.model, vendor='azure')

    @property
    def server(self) -> str | None:
        """The resource's address."""
        return os.environ.get('AZURE_OPENAI_ENDPOINT')

    def check(self) -> None:
        """Raise ``ProviderError`` where a name or a variable is missing."""
        missing = [name for name in self.variables if not os.environ.get(name)]
        if missing:
            raise ProviderError(f'{self.name} needs the environment variables {missing}.')
        super().check()

    def make_client(self) -> openai.OpenAI:
        """A client of the SDK."""
        import openai

        return openai.AzureOpenAI(**self.http_options())

    def batch_api(self) -> BatchAPI:
        """None: Azure takes batches only for deployments made for them, in a form of its own."""
        raise ProviderError(no_batches(self.name))


def _response_format(request: Request) -> dict[str, Any] | None:
    if request.json_schema is None:
        return None
    return {
        'type': 'json_schema',
        'json_schema': {'name': 'reply', 'schema': _strict(request.json_schema), 'strict': True},
    }


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON Schema without the keywords that OpenAI's strict mode refuses."""
    return rewritten(
        hosted(schema),
        lambda part: {key: part[key] for key in part if key not in ('minLength', 'maxLength')},
    )
