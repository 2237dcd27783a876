"""A JSON Schema becomes a grammar that the reply follows token by token.

    JSON Schema -> bounded (no endless number, string or list) -> llguidance -> Grammar per reply

llguidance (MIT) also says which tokens have to come next, so they need not be sampled. Whitespace
that JSON leaves open is left out. The README compares it with xgrammar and outlines-core.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sdv_llmgan.errors import ProviderError

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

Schema = dict[str, Any] | bool

#: What an open schema is closed with: a reply has to end.
MAX_STRING = 256
MAX_ITEMS = 64
MAX_NUMBER = 10**15
DECIMALS = 6
MAX_DECIMALS = 15

_NESTED = ('items', 'additionalProperties')
_NESTED_LISTS = ('prefixItems', 'anyOf', 'oneOf', 'allOf')
_NESTED_MAPS = ('properties', 'patternProperties', '$defs', 'definitions')


def bounded(schema: Schema, patterns: bool = True) -> Schema:
    """Narrow a schema so that every reply that meets it ends.

    Args:
        schema: A JSON Schema; what it already bounds stays.
        patterns: Whether to keep ``pattern``.

    Returns:
        A schema that only accepts what the given one accepts.
    """
    if not isinstance(schema, dict):
        return schema
    closed = dict(schema)
    for key in _NESTED:
        if key in closed:
            closed[key] = bounded(closed[key], patterns)
    for key in _NESTED_LISTS:
        if key in closed:
            closed[key] = [bounded(part, patterns) for part in closed[key]]
    for key in _NESTED_MAPS:
        if key in closed:
            closed[key] = {name: bounded(part, patterns) for name, part in closed[key].items()}
    if not patterns:
        closed.pop('pattern', None)
    if 'enum' in closed or 'const' in closed:
        return closed
    types = closed.get('type', ())
    types = {types} if isinstance(types, str) else set(types)
    if types & {'number', 'integer'}:
        if not {'minimum', 'exclusiveMinimum'} & set(closed):
            closed['minimum'] = -MAX_NUMBER
        if not {'maximum', 'exclusiveMaximum'} & set(closed):
            closed['maximum'] = MAX_NUMBER
        if 'number' in types:
            closed.setdefault('multipleOf', _step(closed))
    if 'string' in types and 'format' not in closed:
        closed.setdefault('maxLength', max(MAX_STRING, closed.get('minLength', 0)))
    if 'array' in types and closed.get('items', True) is not False:
        closed.setdefault('maxItems', max(MAX_ITEMS, closed.get('minItems', 0)))
    if 'object' in types and 'properties' in closed:
        closed.setdefault('additionalProperties', False)
    return closed


def _step(number: dict[str, Any]) -> float:
    """Steps of a number without ``multipleOf``: fine enough for its range."""
    low = number['minimum'] if 'minimum' in number else number['exclusiveMinimum']
    high = number['maximum'] if 'maximum' in number else number['exclusiveMaximum']
    span = high - low
    decimals = DECIMALS if span <= 0 else max(DECIMALS, DECIMALS - math.floor(math.log10(span)))
    return float(f'1e-{min(decimals, MAX_DECIMALS)}')


class Grammar:
    """Where one reply stands in its grammar."""

    def __init__(self, matcher: LLMatcher, tokenizer: LLTokenizer) -> None:
        self._matcher = matcher
        self._tokenizer = tokenizer

    def copy(self) -> Grammar:
        """The same place, to go on from independently."""
        return Grammar(self._matcher.deep_copy(), self._tokenizer)

    def allowed(self) -> NDArray[np.intp]:
        """The tokens that may come next, ascending."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        return np.flatnonzero(np.unpackbits(bits, bitorder='little'))

    def forced(self) -> list[int]:
        """The tokens that have to come next; often none."""
        tokens = list(self._matcher.compute_ff_tokens())
        valid = tokens[: self._matcher.validate_tokens(tokens)]
        if tokens and not valid:
            # llguidance writes text that looks like a control token as that token, and then
            # rejects it: go on by the text's first character.
            valid = self._tokenizer.tokenize_bytes(self._matcher.compute_ff_bytes()[:1])
        return valid

    def accept(self, tokens: list[int]) -> None:
        """Go on by these tokens.

        Raises:
            ProviderError: The grammar became too complex to go on.
        """
        if not self._matcher.consume_tokens(tokens):
            raise ProviderError(f'The reply cannot be constrained: {self._matcher.get_error()}')

    @property
    def ended(self) -> bool:
        """Whether the reply is complete."""
        return bool(self._matcher.is_stopped())


def compile_schema(schema: dict[str, Any], tokenizer: LLTokenizer) -> Grammar:
    """Make the grammar of a schema.

    Args:
        schema: A JSON Schema. Keywords that llguidance does not know are ignored.
        tokenizer: The ``llguidance.LLTokenizer`` of the model.

    Raises:
        ProviderError: No reply can meet the schema, or llguidance cannot read it.
    """
    from llguidance import LLMatcher

    error = ''
    # A pattern that llguidance cannot read (look-around, say) is dropped: whoever reads the reply
    # checks it anyway.
    for patterns in (True, False):
        grammar = LLMatcher.grammar_from_json_schema(
            json.dumps(bounded(schema, patterns)),
            overrides={'whitespace_flexible': False, 'lenient': True},
        )
        matcher = LLMatcher(tokenizer, grammar, log_level=0)
        if not matcher.is_error():
            return Grammar(matcher, tokenizer)
        error = error or matcher.get_error()
    raise ProviderError(
        f'The JSON Schema cannot constrain the model: {error}. '
        f'Needed: a schema that some value meets; found: {json.dumps(schema)[:200]}'
    )
