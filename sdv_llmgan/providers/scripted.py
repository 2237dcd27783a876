"""A provider without a model: the public test double.

    from sdv_llmgan.providers.scripted import ScriptedProvider
    llm = ScriptedProvider(script=['{"rows": [{"a": 41}]}', ...])

Without a script it invents replies that meet the JSON Schema of each request, the same ones for
the same seed: enough to run a whole fit with no model, no key and no cost (``llm='scripted'``).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.providers.base import BEGUN, Completion, Provider, Request
from sdv_llmgan.providers.forks import Lock
from sdv_llmgan.providers.usage import Usage

#: Roughly so many characters make a token; good enough for a double that bills nothing.
CHARACTERS_PER_TOKEN = 4


class ScriptedProvider(Provider):
    """Answers from a script, or with random JSON that meets the schema.

    Args:
        model: Ignored; there so that ``llm='scripted'`` works.
        script: Replies in order, one a request (the last one is repeated), or a function of the
            request.
        is_expert: Whether it is asked what it knows of the subject, before anything else.

    Attributes:
        requests: Every request answered, in order; a test looks here.
    """

    remote = False
    cacheable = False

    def __init__(
        self,
        model: str = '',
        *,
        script: Sequence[str] | Callable[[Request], str] | None = None,
        is_expert: bool = False,
    ) -> None:
        super().__init__(model)
        self.script = script
        self.is_random = script is None
        self.is_expert = is_expert
        self.requests: list[Request] = []

    def complete(self, request: Request) -> Completion:
        """Answer one request; see ``Provider.complete``."""
        with _LOCK.held:
            turn = len(self.requests)
            self.requests.append(request)
        if self.script is None:
            text = random_json(request.json_schema, np.random.default_rng(request.seed))
            text = _completed(text, request.messages[-1].content)
        elif callable(self.script):
            text = self.script(request)
        else:
            text = self.script[min(turn, len(self.script) - 1)]
        read = sum(len(message.content) for message in request.messages)
        return Completion(
            text,
            Usage(1, read // CHARACTERS_PER_TOKEN, len(text) // CHARACTERS_PER_TOKEN),
        )


_LOCK = Lock()


def _completed(reply: str, prompt: str) -> str:
    """A reply whose rows begin with the values that the prompt gives, where it gives any."""
    _, found, after = prompt.partition(f'{BEGUN}\n')
    if not found:
        return reply
    begun = [json.loads(line) for line in after.split('\n\n')[0].split('\n')]
    rows = json.loads(reply)['rows']
    for row, given in zip(rows, begun, strict=True):
        if isinstance(row, dict):
            row.update(given)
        else:
            row[: len(given)] = given
    return json.dumps({'rows': rows}, ensure_ascii=False)


def random_json(schema: dict[str, Any] | None, rng: np.random.Generator) -> str:
    """A random JSON text that meets the kinds of JSON Schema that this package writes."""
    return json.dumps(_random_value(schema or {'type': 'string'}, rng), ensure_ascii=False)


def _random_value(schema: dict[str, Any], rng: np.random.Generator) -> Json:
    if 'enum' in schema:
        return schema['enum'][rng.integers(len(schema['enum']))]
    if 'anyOf' in schema:
        return _random_value(schema['anyOf'][rng.integers(len(schema['anyOf']))], rng)
    makers: dict[str, Callable[[dict[str, Any], np.random.Generator], Any]] = {
        'object': _random_object,
        'array': _random_array,
        'integer': _random_integer,
        'number': _random_number,
        'string': _random_string,
        'boolean': lambda schema, rng: bool(rng.integers(2)),
        'null': lambda schema, rng: None,
    }
    return makers[schema['type']](schema, rng)


def _random_object(schema: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    return {key: _random_value(inner, rng) for key, inner in schema['properties'].items()}


def _random_array(schema: dict[str, Any], rng: np.random.Generator) -> list[Any]:
    if 'prefixItems' in schema:
        return [_random_value(inner, rng) for inner in schema['prefixItems']]
    least = schema.get('minItems', 0)
    length = int(rng.integers(least, schema.get('maxItems', least + 2) + 1))
    return [_random_value(schema['items'], rng) for _ in range(length)]


def _random_integer(schema: dict[str, Any], rng: np.random.Generator) -> int:
    step = schema.get('multipleOf', 1)
    low, high = schema.get('minimum', 0), schema.get('maximum', 100)
    least, most = int(-(-low // step)), int(high // step)
    if least >= -(2**63) and most < 2**63:
        return int(rng.integers(least, most + 1)) * int(step)
    share = int(rng.integers(2**53))  # numpy draws no larger numbers
    return (least + (most - least + 1) * share // 2**53) * int(step)


def _random_number(schema: dict[str, Any], rng: np.random.Generator) -> float:
    low, high = schema.get('minimum', 0), schema.get('maximum', 100)
    number = float(rng.uniform(low, high))
    if 'multipleOf' in schema:  # not told of tiny numbers, of which few decimals would leave none
        number = round(number, round(-math.log10(schema['multipleOf'])))
    return min(max(number, low), high)


def _random_string(schema: dict[str, Any], rng: np.random.Generator) -> str:
    if 'pattern' in schema:
        return _random_date(schema['pattern'], rng)
    text = ''
    while len(text) < max(1, schema.get('minLength', 0)):
        text += str(rng.choice(['north ', 'river ', 'quiet ', 'seven ', 'lamp ']))
    return text.strip()[: schema.get('maxLength')].ljust(schema.get('minLength', 0), '.')


def _random_date(pattern: str, rng: np.random.Generator) -> str:
    """A date, and a time if the pattern asks for one (see ``Column.json_schema``)."""
    begins = re.match(r'\^\(([-0-9|: ]+)\)', pattern)
    begin = str(rng.choice(begins.group(1).split('|') if begins else ['2001', '2002']))
    whole = f'{begin[:4]}-{rng.integers(1, 13):02d}-{rng.integers(1, 29):02d}'
    if ':' in pattern:
        whole += f' {rng.integers(24):02d}:{rng.integers(60):02d}:{rng.integers(60):02d}'
    return begin + whole[len(begin) :]
