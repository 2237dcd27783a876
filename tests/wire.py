"""A table of marked values, and whole runs of which every body that left is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import sdv_lines
from sdv.metadata import Metadata
from sdv.sampling import Condition
from servers import Server

from sdv_llmgan import EgressPolicy, LLMGANSynthesizer, RangeCondition
from sdv_llmgan.providers.base import BEGUN
from sdv_llmgan.providers.openai import OpenAIProvider
from sdv_llmgan.providers.scripted import random_json

CLINICS = ('Zebrafels', 'Quokkatal', 'Yakburg')
#: What the model makes of a description in words.
DESCRIBED: list[dict[str, Any]] = [{'column': 'clinic', 'one_of': ['Quokkatal']}]


def patients(num_rows: int = 60, seed: int = 0) -> pd.DataFrame:
    """Every kind of column; no value of a number, date or rare category is found by chance."""
    rng = np.random.default_rng(seed)
    clinic = np.arange(num_rows) % 3
    salary = 41_317 + 1_013 * rng.permutation(num_rows)
    return pd.DataFrame({
        'dossier': [f'Rec{i:05d}' for i in range(num_rows)],
        'surname': [f'Secretname{i}' for i in range(num_rows)],
        'salary': salary,
        'dose': np.where(
            rng.random(num_rows) < 0.1, np.nan, np.round(salary / 1_000 + 0.137 + clinic, 3)
        ),
        'clinic': [CLINICS[i] for i in clinic],
        'illness': ['Mondsucht', *np.where(clinic[1:] > 0, 'Heimweh', 'Fernweh')],
        'smoker': rng.random(num_rows) < np.where(clinic > 0, 0.8, 0.2),
        'admitted': [admitted(i) for i in rng.permutation(num_rows)],
    })


def admitted(number: int) -> str:
    """A date that is neither at an end of a month nor at one of a week, as those of ranges are."""
    day = date(2021 + number // 60, 1 + number // 5 % 12, 4 + 4 * (number % 5))
    return str(day + timedelta(2 if day.weekday() in (6, 0) else 0))


def metadata(**changes: Mapping[str, Any]) -> Metadata:
    columns: dict[str, Any] = {
        'dossier': {'sdtype': 'id', 'regex_format': 'Rec[0-9]{5}'},
        'surname': {'sdtype': 'last_name', 'pii': True},
        'salary': {'sdtype': 'numerical'},
        'dose': {'sdtype': 'numerical'},
        'clinic': {'sdtype': 'categorical'},
        'illness': {'sdtype': 'categorical'},
        'smoker': {'sdtype': 'boolean'},
        'admitted': {'sdtype': 'datetime', 'datetime_format': '%Y-%m-%d'},
        **changes,
    }
    return Metadata.load_from_dict({
        'tables': {'patients': {'primary_key': 'dossier', 'columns': columns}},
        'relationships': [],
        'METADATA_SPEC_VERSION': 'V1',
    })


TABLE = patients()
CONDITIONS = [
    Condition({'clinic': 'Zebrafels', 'illness': 'Heimweh'}, num_rows=2),
    RangeCondition({'salary': (50_003, 70_009)}, num_rows=3),
    RangeCondition({'dose': (60, None), 'smoker': {True}}, num_rows=2),
    RangeCondition({'admitted': ('2021-05-02', None), 'clinic': set(CLINICS[:2])}, num_rows=2),
]


@dataclass
class Run:
    """What a whole run sent, and what came of it."""

    made: LLMGANSynthesizer
    bodies: list[str] = field(default_factory=list)
    fitting: int = 0
    rows: pd.DataFrame = field(default_factory=pd.DataFrame)
    conditioned: pd.DataFrame = field(default_factory=pd.DataFrame)
    described: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def sent(self) -> str:
        return '\n'.join(self.bodies)

    def found(self, values: Iterable[Any]) -> set[str]:
        """Which values stand in any body, as a word or number of their own."""
        words = {str(value) for value in values}
        return {
            word
            for word in words
            if re.search(rf'(?<![\w.]){re.escape(word)}(?![\w]|\.\d)', self.sent)
        }


def answer(schema: dict[str, Any] | None, prompt: str, seed: int) -> str:
    """What a model that follows every JSON Schema, and nothing else, replies."""
    if '# Wanted rows' in prompt:
        return json.dumps({'conditions': DESCRIBED, 'not_expressible': []})
    if '# Sample of undetermined origin' in prompt:
        reason = 'Salaries are spread too evenly.'
        said = {'analysis': reason, 'feedback': [reason], 'verdict': 'synthetic', 'reason': reason}
        return json.dumps(said)
    reply = random_json(schema, np.random.default_rng(seed))
    _, begun, after = prompt.partition(f'{BEGUN}\n')
    if not begun:
        return reply
    rows = json.loads(reply)['rows']
    for row, line in zip(rows, after.split('\n\n')[0].split('\n'), strict=True):
        row.update(json.loads(line))
    return json.dumps({'rows': rows})


def run(
    egress: EgressPolicy | None,
    *,
    table: pd.DataFrame = TABLE,
    described: Metadata | None = None,
    preset: str = '',
    conditions: Iterable[Any] = CONDITIONS,
    constraints: Iterable[Any] = (),
    **arguments: Any,
) -> Run:
    """Fit, sample, sample under conditions and from words, with the real client on loopback."""
    make = getattr(LLMGANSynthesizer, preset) if preset else LLMGANSynthesizer
    with Server(answer=answer) as server:
        settings = {
            'rows_per_example': 1,
            **{'max_batches': 3, 'batch_size': 20, 'examples_per_call': 5, 'sampler': 'llm'},
            **{'llm': OpenAIProvider('gpt-x', base_url=f'{server.url}/v1'), 'egress': egress},
            **arguments,
        }
        made = make(described or metadata(), **settings)
        if constraints:
            made.add_constraints(list(constraints))
        done = Run(made)
        sdv_lines.fit(made, table)
        done.fitting = len(server.bodies)
        done.rows = sdv_lines.sample(made, 12)
        done.conditioned = sdv_lines.sample_from_conditions(made, conditions)
        if 'clinic' in made.get_generation_process().schema.names:
            done.described = sdv_lines.taken(made.sample_from_description('from Quokkatal', 3))
        done.bodies = [json.dumps(body, ensure_ascii=False) for body in server.bodies]
    return done
