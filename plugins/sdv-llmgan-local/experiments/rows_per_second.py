"""Rows a second of the local model on a table, beside plain ``generate`` in the same run.

    table -> prompts (a shared part, a few examples for each group) -> replies -> rows/s, valid rows

Run: python experiments/rows_per_second.py adult.csv
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import jsonschema
import pandas as pd
import torch
from sdv_llmgan_local import LocalProvider
from sdv_llmgan_local.chat import prompt_tokens
from sdv_llmgan_local.grammar import compile_schema
from sdv_llmgan_local.loading import LoadedModel, load

from sdv_llmgan.providers.base import Message, Request

INSTRUCTION = (
    'You write realistic rows of a census table. Keep the relations between the columns: education '
    'and its number of years agree, married people are husbands or wives, hours and occupation and '
    'age determine the income. Write one new row as a JSON array in the order of the columns.'
)


def row_schema(table: pd.DataFrame) -> dict[str, Any]:
    """The JSON Schema of one row: categories and ranges of the table."""
    columns: list[dict[str, Any]] = []
    for name in table:
        values = table[name].dropna()
        if pd.api.types.is_numeric_dtype(values):
            bounds = {'minimum': int(values.min()), 'maximum': int(values.max())}
            columns.append({'type': 'integer', **bounds})
        else:
            columns.append({'enum': sorted(values.unique())})
    width = len(columns)
    return {
        'type': 'array',
        'prefixItems': columns,
        'items': False,
        'minItems': width,
        'maxItems': width,
    }


def make_requests(
    table: pd.DataFrame, groups: int, replies: int, examples: int, temperature: float
) -> list[Request]:
    """Groups of requests that differ in their seed; groups differ in their examples."""
    schema = row_schema(table)
    lines = [INSTRUCTION, 'Columns:']
    for name, column in zip(table, schema['prefixItems'], strict=True):
        values = column.get('enum') or [column['minimum'], '...', column['maximum']]
        lines.append(f'- {name}: {", ".join(map(str, values))}')
    shared = '\n'.join(lines)
    rows = [json.dumps(row, separators=(',', ':')) for row in table.to_numpy(object).tolist()]
    requests = []
    for group in range(groups):
        chosen = [rows[(group * examples + index) % len(rows)] for index in range(examples)]
        content = '\n'.join([shared, 'Examples:', *chosen, 'One new row:'])
        messages = (Message('user', content),)
        requests += [
            Request(messages, schema, temperature, 512, seed=group * replies + index)
            for index in range(replies)
        ]
    return requests


def plain_generate(loaded: LoadedModel, requests: list[Request]) -> list[str]:
    """What transformers does by itself: every prompt in full, one token a step."""
    from transformers import LogitsProcessor, LogitsProcessorList

    class Constrain(LogitsProcessor):
        def __init__(self, start: int) -> None:
            self.start = start
            self.grammars = [
                compile_schema(request.json_schema or {}, loaded.grammar_tokenizer)
                for request in requests
            ]

        def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            masked = torch.full_like(scores, -torch.inf)
            for index, grammar in enumerate(self.grammars):
                if input_ids.shape[1] > self.start and not grammar.ended:
                    grammar.accept([int(input_ids[index, -1])])
                stop = [next(iter(loaded.stops))]
                allowed = stop if grammar.ended else grammar.allowed()
                masked[index, allowed] = scores[index, allowed]
            return masked

    prompts = [prompt_tokens(request.messages, loaded.tokenizer) for request in requests]
    width = max(map(len, prompts))
    pad = next(iter(loaded.stops))
    ids = torch.tensor([[pad] * (width - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    output = loaded.model.generate(  # type: ignore[operator]
        ids.to(loaded.model.device),
        attention_mask=mask.to(loaded.model.device),
        do_sample=True,
        temperature=requests[0].temperature,
        max_new_tokens=512,
        pad_token_id=pad,
        logits_processor=LogitsProcessorList([Constrain(width)]),
    )
    return [
        str(loaded.tokenizer.decode(row[width:], skip_special_tokens=True))
        for row in output.tolist()
    ]


def report(name: str, write: Callable[[], list[str]], requests: list[Request]) -> None:
    """Run one way of writing the rows and print what it took."""
    begin = time.perf_counter()
    texts = write()
    seconds = time.perf_counter() - begin
    valid = 0
    for text, request in zip(texts, requests, strict=True):
        try:
            jsonschema.validate(json.loads(text), request.json_schema or {})
            valid += 1
        except (json.JSONDecodeError, jsonschema.ValidationError):
            continue
    rate = valid / seconds
    print(f'{name:<42}{seconds:7.1f} s {valid:4}/{len(texts)} valid {rate:6.2f} rows/s', flush=True)


def main() -> None:
    """Measure the provider, the provider without sharing, and plain ``generate``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('table')
    parser.add_argument('--columns', type=int, default=15)
    parser.add_argument('--groups', type=int, default=10)
    parser.add_argument('--replies', type=int, default=5)
    parser.add_argument('--examples', type=int, default=5)
    parser.add_argument('--temperature', type=float, default=0.5)
    parser.add_argument('--model', default='')
    parser.add_argument('--repeat', type=int, default=2)
    parser.add_argument('--threads', type=int, help='of the provider; default: its own choice')
    parser.add_argument('--no-plain', action='store_true')
    options = parser.parse_args()

    table = pd.read_csv(options.table, skipinitialspace=True).dropna()
    while table.shape[1] < options.columns:
        table.insert(0, f'weight_{table.shape[1]}', range(12285, 12285 + 7919 * len(table), 7919))
    for name in table.select_dtypes('float'):
        table[name] = table[name].astype(int)
    requests = make_requests(
        table, options.groups, options.replies, options.examples, options.temperature
    )
    provider = LocalProvider(options.model, threads=options.threads)
    begin = time.perf_counter()
    loaded = load(options.model)
    print(
        f'{torch.get_num_threads()} threads, {loaded.model.device}, {loaded.model.dtype}, '
        f'{table.shape[1]} columns, {len(requests)} requests; '
        f'loaded in {time.perf_counter() - begin:.1f} s'
    )
    first = provider.complete_many(requests[:1])[0]
    print(f'prompt {first.usage.prompt_tokens} tokens, reply {first.usage.completion_tokens}:')
    print(first.text)
    for _ in range(options.repeat):
        report(
            'provider (shared prompts, forced tokens)',
            lambda: [reply.text for reply in provider.complete_many(requests)],
            requests,
        )
    if not options.no_plain:
        plain = load(options.model, share=False)
        report(
            'plain generate (prompt repeated)', lambda: plain_generate(plain, requests), requests
        )


if __name__ == '__main__':
    main()
