"""Tables that nobody would make by hand: any names, any values, any way of storing them.

Hypothesis makes a table and its metadata; the double answers with the table's own values, each
column drawn by itself, so that every row is valid and the whole way to it is what is tested.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sdv_lines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sdv.metadata import Metadata

from sdv_llmgan import LLMGANSynthesizer, ScriptedProvider
from sdv_llmgan.providers.base import Request
from sdv_llmgan.providers.scripted import random_json
from sdv_llmgan.table.schema import TableSchema

pytestmark = pytest.mark.filterwarnings('ignore')
IN_LITTLE_TIME = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

UGLY = [
    *('a', 'rows', 'null', 'nan', 'True', '1', '1.0', '%s', '{}', '{0}', '[', '#', '\\', '`', '$x'),
    *('a, b', '"quoted"', "it's", '{"brace": [1]}', '🙂', 'Ünï', ' spaced ', 'two\nlines', 'tab\t'),
    *("'; DROP TABLE visits; --", '<|im_end|>', '</s>', '\u202eright to left', 'x' * 200),
]
ugly_text = st.sampled_from(UGLY) | st.text(
    st.characters(exclude_categories=['Cs'], exclude_characters='\x00'), min_size=1, max_size=12
)
FORMATS = [
    '%Y-%m-%d',
    '%d/%m/%Y',
    '%Y%m%d',
    '%b %d, %Y',
    '%d.%m.%y',
    '%Y-%m-%d %H:%M:%S',
    '%I %p %j %Y',
]

#: A column: its values without missing ones, how it is stored, its entry in the metadata.
Kind = tuple[st.SearchStrategy[Any], str | None, dict[str, str]]

NUMERICAL, CATEGORICAL, BOOLEAN = (
    {'sdtype': name} for name in ('numerical', 'categorical', 'boolean')
)
whole = st.integers(-(10**6), 10**6)
small = st.integers(-3, 3)
real = st.floats(-1e6, 1e6).map(lambda value: round(value, 3) + 0.0)
kinds: list[Kind] = [
    (whole, 'int64', NUMERICAL),
    (small, 'int8', NUMERICAL),
    (whole.map(abs), 'uint32', NUMERICAL),
    (whole, 'float64', NUMERICAL),
    (whole, 'Int64', NUMERICAL),
    (real, 'float64', NUMERICAL),
    (real, 'float32', NUMERICAL),
    (real, 'Float64', NUMERICAL),
    (st.floats(-1e-9, 1e-9), 'float64', NUMERICAL),
    (st.floats(-1e100, 1e100), 'float64', NUMERICAL),
    (ugly_text, 'object', CATEGORICAL),
    (ugly_text, 'category', CATEGORICAL),
    (ugly_text, 'string', CATEGORICAL),
    (small, 'int64', CATEGORICAL),
    (small, 'float64', CATEGORICAL),
    (small, 'Int64', CATEGORICAL),
    (real, 'float64', CATEGORICAL),
    (small | ugly_text, 'object', CATEGORICAL),
    (st.booleans(), 'bool', CATEGORICAL),
    (st.booleans(), 'bool', BOOLEAN),
    (st.booleans(), 'object', BOOLEAN),
    (st.booleans(), 'boolean', BOOLEAN),
    (ugly_text, 'object', {'sdtype': 'text', 'pii': False}),
    (ugly_text, 'object', {'sdtype': 'id'}),
    (whole.map(abs), 'int64', {'sdtype': 'id'}),
    (ugly_text, 'object', {'sdtype': 'email', 'pii': True}),
    (ugly_text, 'object', {'sdtype': 'city', 'pii': False}),
    *((st.integers(0, 10**9), f, {'sdtype': 'datetime', 'datetime_format': f}) for f in FORMATS),
    (st.integers(0, 10**9), 'datetime64[ns]', {'sdtype': 'datetime'}),
]
CANNOT_MISS = ('int64', 'int8', 'uint32', 'bool')


def stored(values: list[Any], missing: list[bool], dtype: str) -> pd.Series:
    """Values as a table stores them; ``dtype`` may be a datetime format."""
    if dtype in FORMATS or dtype == 'datetime64[ns]':
        times = pd.Series([datetime(1990, 1, 1) + timedelta(seconds=value) for value in values])
        column = times if dtype not in FORMATS else times.dt.strftime(dtype).astype(object)
    else:
        column = pd.Series(values, dtype=object).astype(dtype)
    return column if dtype in CANNOT_MISS else column.mask(pd.Series(missing, dtype=bool))


@st.composite
def tables(draw: Callable[..., Any]) -> tuple[pd.DataFrame, dict[str, dict[str, str]]]:
    """A table of 2 to 12 rows and 1 to 4 columns, and its columns in the metadata."""
    num_rows = draw(st.integers(2, 12))
    names = draw(st.lists(ugly_text, min_size=1, max_size=4, unique=True))
    columns, declared = {}, {}
    for name in names:
        values, dtype, declared[name] = draw(st.sampled_from(kinds))
        if draw(st.booleans()):  # few different values, or one
            values = st.sampled_from(draw(st.lists(values, min_size=1, max_size=2)))
        of_rows = {'min_size': num_rows, 'max_size': num_rows}
        missing = draw(
            st.sampled_from([[False] * num_rows, [True] * num_rows])
            | st.lists(st.booleans(), **of_rows)
        )
        columns[name] = stored(draw(st.lists(values, **of_rows)), missing, dtype)
    return pd.DataFrame(columns), declared


def metadata_of(declared: dict[str, dict[str, str]]) -> Metadata:
    return Metadata.load_from_dict({'tables': {'t': {'columns': declared}}})


def writer(metadata: Metadata, table: pd.DataFrame) -> Callable[[Request], str]:
    """A script that answers with values of the table, each column drawn by itself."""
    schema = TableSchema.from_sdv(metadata, table)
    cells = zip(*schema.to_json_rows(schema.to_plain(table)), strict=True)
    values = {
        name: [value for value in column if value is not None]
        for name, column in zip(schema.names, cells, strict=True)
    }

    def script(request: Request) -> str:
        rng = np.random.default_rng(request.seed)
        rows = request.json_schema['properties'].get('rows')
        if rows is None:
            return random_json(request.json_schema, rng)
        wanted = rows['items']['properties'].items()
        return json.dumps([
            {
                name: None if is_null(of) else rng.choice(np.array(values[name], object))
                for name, of in wanted
            }
            for _ in range(rows['maxItems'])
        ])

    return script


def is_null(schema: dict[str, Any]) -> bool:
    return schema.get('type') == 'null'


def assert_alike(rows: pd.DataFrame, table: pd.DataFrame, declared: dict[str, Any]) -> None:
    """The rows could stand in the table: columns, dtypes, ranges, categories, missing values."""
    assert rows.columns.tolist() == table.columns.tolist()
    assert rows.dtypes.to_dict() == table.dtypes.to_dict()
    for name, entry in declared.items():
        if entry['sdtype'] in ('id', 'email'):
            continue  # made up by SDV
        present, real = rows[name].dropna(), table[name].dropna()
        if len(real) == 0:
            assert len(present) == 0
        if table[name].notna().all():
            assert rows[name].notna().all()
        if len(present) == 0:
            continue
        if entry['sdtype'] == 'numerical':
            assert present.between(real.min(), real.max()).all()
        elif entry['sdtype'] == 'datetime':
            dates, known = (
                pd.to_datetime(c, format=entry.get('datetime_format')) for c in (present, real)
            )
            assert dates.between(known.min(), known.max()).all()
        else:
            assert set(map(repr, present)) <= set(map(repr, real))


@IN_LITTLE_TIME
@given(tables())
def test_any_table_is_fitted_sampled_saved_and_loaded(tmp_path_factory, made):
    table, declared = made
    metadata = metadata_of(declared)
    before = table.copy(deep=True)
    synthesizer = LLMGANSynthesizer(
        metadata,
        llm=ScriptedProvider(script=writer(metadata, table)),
        row_format='objects',
        max_batches=2,
        sampler='llm',
        reject_copies=False,
    )
    sdv_lines.fit(synthesizer, table)
    path = tmp_path_factory.mktemp('saved') / 'synthesizer.pkl'
    synthesizer.save(path)
    rows = sdv_lines.sample(synthesizer, 7)

    assert len(rows) == 7
    assert_alike(rows, table, declared)
    pd.testing.assert_frame_equal(sdv_lines.sample(sdv_lines.load(path), 7), rows)
    pd.testing.assert_frame_equal(table, before)
