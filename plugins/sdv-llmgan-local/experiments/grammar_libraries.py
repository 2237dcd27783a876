"""Compare the libraries that constrain a model's tokens: llguidance, xgrammar, outlines-core.

    schema -> compiled grammar -> 50 replies of randomly chosen allowed tokens -> valid? how fast?

A reply is drawn from the allowed tokens at random, so a keyword that a library ignores shows as
invalid replies. Run: python experiments/grammar_libraries.py tokenizer_folder
(any folder or hub id with a tokenizer; needs xgrammar, outlines-core and jsonschema beside this
plugin).
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

import jsonschema
import numpy as np
from numpy.typing import NDArray
from transformers import AutoTokenizer, PreTrainedTokenizerBase

BATCH = 50
MOST_TOKENS = 400

VALUES: dict[str, dict[str, Any]] = {
    'enum': {'enum': ['Private', 'Self-emp-inc', 'a "b"', '{x}', 'naïve 😀', '', None]},
    'integer range': {'type': 'integer', 'minimum': 17, 'maximum': 90},
    'number range': {'type': 'number', 'minimum': 0.1, 'maximum': 9.9},
    'multipleOf': {'type': 'number', 'minimum': 0.1, 'maximum': 9.9, 'multipleOf': 0.01},
    'pattern': {'type': 'string', 'pattern': '^[A-Z]{2}-[0-9]{3}$'},
    'format date': {'type': 'string', 'format': 'date'},
    'maxLength': {'type': 'string', 'maxLength': 12},
    'anyOf null': {'anyOf': [{'type': 'integer', 'minimum': 0, 'maximum': 5}, {'type': 'null'}]},
    'boolean': {'type': 'boolean'},
}
ADULT: list[dict[str, Any]] = [
    {'type': 'integer', 'minimum': 17, 'maximum': 90},
    {'enum': ['Private', 'Self-emp-not-inc', 'Self-emp-inc', 'Local-gov', 'State-gov']},
    {'type': 'integer', 'minimum': 12285, 'maximum': 1484705},
    {'enum': ['Bachelors', 'Some-college', '11th', 'HS-grad', 'Masters', 'Doctorate']},
    {'type': 'integer', 'minimum': 1, 'maximum': 16},
    {'enum': ['Married-civ-spouse', 'Divorced', 'Never-married', 'Separated', 'Widowed']},
    {'enum': ['Tech-support', 'Craft-repair', 'Sales', 'Exec-managerial', 'Prof-specialty']},
    {'enum': ['Wife', 'Own-child', 'Husband', 'Not-in-family', 'Unmarried']},
    {'enum': ['White', 'Asian-Pac-Islander', 'Amer-Indian-Eskimo', 'Other', 'Black']},
    {'enum': ['Female', 'Male']},
    {'type': 'integer', 'minimum': 0, 'maximum': 99999},
    {'type': 'integer', 'minimum': 0, 'maximum': 4356},
    {'type': 'integer', 'minimum': 1, 'maximum': 99},
    {'enum': ['United-States', 'Mexico', 'Philippines', 'Germany', 'Canada']},
    {'enum': ['<=50K', '>50K']},
]


def array_of(values: list[dict[str, Any]]) -> dict[str, Any]:
    """The schema of a row."""
    count = len(values)
    return {
        'type': 'array',
        'prefixItems': values,
        'items': False,
        'minItems': count,
        'maxItems': count,
    }


class Matcher(Protocol):
    """One reply in one library."""

    def mask(self) -> NDArray[Any]:
        """Tokens that may come next, as the library gives them: bits or numbers."""
        ...

    def accept(self, token: int) -> None:
        """Go on by a token."""
        ...

    def forced(self) -> int:
        """Tokens, or else characters, that have to come next."""
        ...

    def ended(self) -> bool:
        """Whether the reply is complete."""
        ...


Library = Callable[[dict[str, Any]], Callable[[], Matcher]]


def llguidance_library(tokenizer: PreTrainedTokenizerBase) -> Library:
    """llguidance, as this plugin uses it, without its bounds."""
    from llguidance import LLMatcher
    from llguidance.hf import from_tokenizer

    vocabulary = from_tokenizer(tokenizer)  # type: ignore[arg-type]

    def compiled(schema: dict[str, Any]) -> Callable[[], Matcher]:
        grammar = LLMatcher.grammar_from_json_schema(
            schema, overrides={'whitespace_flexible': False}
        )
        first = LLMatcher(vocabulary, grammar, log_level=0)
        if first.is_error():
            raise ValueError(first.get_error().splitlines()[0])

        class One:
            def __init__(self) -> None:
                self.matcher = first.deep_copy()

            def mask(self) -> NDArray[Any]:
                return np.frombuffer(self.matcher.compute_bitmask(), dtype=np.uint8)

            def accept(self, token: int) -> None:
                self.matcher.consume_token(token)

            def forced(self) -> int:
                return len(self.matcher.compute_ff_tokens())

            def ended(self) -> bool:
                return bool(self.matcher.is_stopped())

        return One

    return compiled


def xgrammar_library(tokenizer: PreTrainedTokenizerBase) -> Library:
    """xgrammar; its forced part is a string, which the caller has to tokenize."""
    import xgrammar

    info = xgrammar.TokenizerInfo.from_huggingface(tokenizer)
    compiler = xgrammar.GrammarCompiler(info, cache_enabled=False)

    def compiled(schema: dict[str, Any]) -> Callable[[], Matcher]:
        grammar = compiler.compile_json_schema(
            json.dumps(schema), any_whitespace=False, separators=(',', ':')
        )

        class One:
            def __init__(self) -> None:
                self.matcher = xgrammar.GrammarMatcher(grammar)
                self.bits = xgrammar.allocate_token_bitmask(1, info.vocab_size)

            def mask(self) -> NDArray[Any]:
                self.matcher.fill_next_token_bitmask(self.bits)
                return self.bits.numpy()[0].view(np.uint8)

            def accept(self, token: int) -> None:
                self.matcher.accept_token(token)

            def forced(self) -> int:
                try:
                    return len(self.matcher.find_jump_forward_string())
                except UnicodeDecodeError:  # Within a character of several bytes.
                    return 0

            def ended(self) -> bool:
                return bool(self.matcher.is_terminated())

        return One

    return compiled


def outlines_library(tokenizer: PreTrainedTokenizerBase) -> Library:
    """outlines-core: the schema becomes a regular expression, the expression an index."""
    from outlines_core import (  # type: ignore[import-untyped]
        Guide,
        Index,
        Vocabulary,
    )
    from outlines_core.json_schema import (  # type: ignore[import-untyped]
        build_regex_from_schema,
    )
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    byte = {character: code for code, character in bytes_to_unicode().items()}  # type: ignore[no-untyped-call]
    tokens: dict[bytes, list[int]] = {}
    for token, number in tokenizer.get_vocab().items():
        if number not in tokenizer.all_special_ids and all(c in byte for c in token):
            tokens.setdefault(bytes(byte[c] for c in token), []).append(number)
    end = int(tokenizer.eos_token_id)
    vocabulary = Vocabulary(end, tokens)

    def compiled(schema: dict[str, Any]) -> Callable[[], Matcher]:
        index = Index(build_regex_from_schema(json.dumps(schema), r''), vocabulary)

        class One:
            def __init__(self) -> None:
                self.guide = Guide(index)
                self.done = False

            def mask(self) -> NDArray[Any]:
                return np.asarray(self.guide.get_tokens())

            def accept(self, token: int) -> None:
                self.done = token == end
                if not self.done:
                    self.guide.advance(token)

            def forced(self) -> int:
                return 0

            def ended(self) -> bool:
                return self.done

        return One

    return compiled


def draw(matcher: Matcher, seed: int, ends: set[int]) -> tuple[list[int], float, int]:
    """One reply of random allowed tokens; its tokens, seconds in masks, forced tokens' sum."""
    chooser = random.Random(seed)
    tokens: list[int] = []
    seconds, forced = 0.0, 0
    while not matcher.ended() and len(tokens) < MOST_TOKENS:
        forced += matcher.forced() > 0
        begin = time.perf_counter()
        mask = matcher.mask()
        seconds += time.perf_counter() - begin
        bits = mask.dtype == np.uint8
        allowed = np.flatnonzero(np.unpackbits(mask, bitorder='little')) if bits else mask
        token = int(allowed[chooser.randrange(len(allowed))])
        begin = time.perf_counter()
        matcher.accept(token)
        seconds += time.perf_counter() - begin
        if token in ends:
            break
        tokens.append(token)
    return tokens, seconds, forced


def is_valid(text: str, schema: dict[str, Any]) -> bool:
    """Whether a text is compact JSON that meets a schema, with decimals exact."""
    try:
        value = json.loads(text, parse_float=Decimal)
        exact = json.loads(json.dumps(schema), parse_float=Decimal)
        checker = jsonschema.FormatChecker(['date'])
        jsonschema.validate(value, exact, format_checker=checker)
    except (json.JSONDecodeError, jsonschema.ValidationError, InvalidOperation):
        return False
    return True


def measure(library: Library, schema: dict[str, Any], tokenizer: PreTrainedTokenizerBase) -> str:
    """One cell of the table."""
    begin = time.perf_counter()
    try:
        make = library(schema)
    except (ValueError, RuntimeError, TypeError) as error:
        return f'refused: {str(error).splitlines()[0][:60]}'
    compiling = time.perf_counter() - begin
    ends = set(tokenizer.all_special_ids)
    valid, steps, seconds, forced = 0, 0, 0.0, 0
    for seed in range(BATCH):
        tokens, spent, ahead = draw(make(), seed, ends)
        valid += is_valid(str(tokenizer.decode(tokens)), schema)
        steps += len(tokens)
        seconds += spent
        forced += ahead
    return (
        f'{valid}/{BATCH} valid, compiled in {compiling * 1e3:.0f} ms, '
        f'{seconds / steps * 1e6:.0f} us a token, {forced}/{steps} steps forced'
    )


def main() -> None:
    """Print a line for each schema and library."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('tokenizer')
    tokenizer = AutoTokenizer.from_pretrained(parser.parse_args().tokenizer)
    schemas = {name: array_of([value]) for name, value in VALUES.items()}
    schemas['row of 15 columns'] = array_of(ADULT)
    for name, make in (
        ('llguidance', llguidance_library),
        ('xgrammar', xgrammar_library),
        ('outlines-core', outlines_library),
    ):
        library = make(tokenizer)
        for label, schema in schemas.items():
            print(f'{name:<14} {label:<18} {measure(library, schema, tokenizer)}', flush=True)


if __name__ == '__main__':
    main()
