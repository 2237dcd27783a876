"""What SDV's own GaussianCopulaSynthesizer fits and samples, ours does; else it says which column.

Each case is one column beside a category, on a tiny table.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sdv_lines
from rdt.transformers import (
    FloatFormatter,
    LabelEncoder,
    PseudoAnonymizedFaker,
    UniformEncoder,
    UnixTimestampEncoder,
)
from sdv.cag import FixedCombinations
from sdv.errors import InvalidDataError
from sdv.metadata import Metadata
from sdv.sampling import Condition
from sdv.single_table import GaussianCopulaSynthesizer, LLMGANSynthesizer

from sdv_llmgan import RangeCondition, ScriptedProvider
from sdv_llmgan.report.inputs import Inputs
from sdv_llmgan.report.likeness import likeness
from sdv_llmgan.table.dates import to_datetime
from sdv_llmgan.table.learn_column import learn_column
from sdv_llmgan.table.plain import from_plain, to_plain

pytestmark = pytest.mark.filterwarnings('ignore')

N = 20
GAPS = (3, 11, 12)
NUMBERS = [7, 3, 9, 4, 12, 5, 8, 3, 10, 6, 2, 11, 9, 7, 4, 8, 5, 6, 3, 10]
TIMES = [
    pd.Timestamp('2021-03-09 08:15:00') + pd.Timedelta(days=11 * i, hours=3 * i) for i in range(N)
]
DAYS = [time.normalize() for time in TIMES]
WORDS = [('red', 'green', 'blue')[i % 3] for i in range(N)]
TRUTHS = [i % 3 == 0 for i in range(N)]


def gapped(cells: list[Any], missing: object = None) -> list[Any]:
    return [missing if i in GAPS else cell for i, cell in enumerate(cells)]


def written(form: str, times: list[pd.Timestamp] = TIMES) -> list[str]:
    return [time.strftime(form) for time in times]


NUMBER = {'sdtype': 'numerical'}
WORD = {'sdtype': 'categorical'}
TRUTH = {'sdtype': 'boolean'}
DATE = {'sdtype': 'datetime'}


def dated(form: str) -> dict[str, str]:
    return {'sdtype': 'datetime', 'datetime_format': form}


def column(cells: Any, dtype: object = None) -> pd.Series:
    return pd.Series(cells, dtype=dtype)


Case = tuple[Callable[[], pd.Series], dict[str, Any]]

CASES: dict[str, Case] = {
    **{
        f'{dtype} with gaps': (lambda dtype=dtype: column(gapped(NUMBERS), dtype), NUMBER)
        for dtype in ('Int8', 'Int16', 'Int32', 'Int64', 'UInt8', 'UInt16', 'Float32', 'Float64')
    },
    **{
        f'{dtype}': (lambda dtype=dtype: column(NUMBERS, dtype), NUMBER)
        for dtype in ('int8', 'uint8', 'int32', 'uint64', 'float32', 'Int64', 'category')
    },
    'float16': (lambda: column(NUMBERS, 'float16'), NUMBER),
    'int8 to its ends': (lambda: column([-128, 127, *NUMBERS[2:]], 'int8'), NUMBER),
    'uint64 above int64': (lambda: column([2**63 + 5000 * i for i in range(N)], 'uint64'), NUMBER),
    'huge integers': (lambda: column([10**15 + i for i in NUMBERS]), NUMBER),
    'numbers in an object column': (lambda: column(NUMBERS, object), NUMBER),
    'numbers and None in an object column': (lambda: column(gapped(NUMBERS), object), NUMBER),
    'numbers and NaN in an object column': (
        lambda: column(gapped(NUMBERS, np.nan), object),
        NUMBER,
    ),
    'constant': (lambda: column([5] * N), NUMBER),
    'no number at all': (lambda: column([np.nan] * N), NUMBER),
    'no Int64 at all': (lambda: column([None] * N, 'Int64'), NUMBER),
    'boolean with gaps': (lambda: column(gapped(TRUTHS), 'boolean'), TRUTH),
    'bool': (lambda: column(TRUTHS), TRUTH),
    'booleans and None': (lambda: column(gapped(TRUTHS), object), TRUTH),
    'bool as a category': (lambda: column(TRUTHS), WORD),
    'no boolean at all': (lambda: column([None] * N, 'boolean'), TRUTH),
    'words': (lambda: column(WORDS), WORD),
    'words and None': (lambda: column(gapped(WORDS)), WORD),
    'string with gaps': (lambda: column(gapped(WORDS), 'string'), WORD),
    'categories with gaps': (lambda: column(gapped(WORDS), 'category'), WORD),
    'ordered categories': (
        lambda: column(pd.Categorical(WORDS, ['blue', 'green', 'red', 'black'], ordered=True)),
        WORD,
    ),
    'categories of numbers': (lambda: column(gapped(NUMBERS), 'category'), WORD),
    'integers as a category': (lambda: column(NUMBERS), WORD),
    'Int64 as a category': (lambda: column(gapped(NUMBERS), 'Int64'), WORD),
    'codes of 16 digits': (
        lambda: column(gapped([9007199254740993 + i % 4 for i in range(N)]), 'Int64'),
        WORD,
    ),
    'codes of 16 digits and None': (
        lambda: column(gapped([9007199254740993 + i % 4 for i in range(N)]), object),
        WORD,
    ),
    'mixed types': (lambda: column([('1', 1, True, 2.5)[i % 4] for i in range(N)], object), WORD),
    'tuples': (lambda: column([(1, i % 2) for i in range(N)], object), WORD),
    'no word at all': (lambda: column([None] * N, object), WORD),
    'decimals': (lambda: column([decimal.Decimal(i) for i in NUMBERS], object), NUMBER),
    'decimals as a category': (
        lambda: column([decimal.Decimal(i % 3) for i in NUMBERS], object),
        WORD,
    ),
    'times': (lambda: column(TIMES), DATE),
    'times in seconds': (lambda: column(TIMES, 'datetime64[s]'), DATE),
    'times with gaps': (lambda: column(gapped(TIMES)), DATE),
    'times of a zone': (
        lambda: column(gapped(TIMES)).dt.tz_localize('Europe/Berlin'),
        dated('%Y-%m-%d %H:%M:%S%z'),
    ),
    'times of UTC without a format': (lambda: column(gapped(TIMES)).dt.tz_localize('UTC'), DATE),
    'no time of a zone': (
        lambda: column([pd.NaT] * N).dt.tz_localize('UTC'),
        dated('%Y-%m-%d'),
    ),
    'times of a zone as a category': (
        lambda: column([DAYS[i % 3] for i in range(N)]).dt.tz_localize('Europe/Berlin'),
        WORD,
    ),
    'ISO with Z': (
        lambda: column(gapped(written('%Y-%m-%dT%H:%M:%SZ'))),
        dated('%Y-%m-%dT%H:%M:%S%z'),
    ),
    'ISO with a literal Z': (
        lambda: column(written('%Y-%m-%dT%H:%M:%SZ')),
        dated('%Y-%m-%dT%H:%M:%SZ'),
    ),
    'an offset': (
        lambda: column(gapped(written('%Y-%m-%d %H:%M:%S+0200'))),
        dated('%Y-%m-%d %H:%M:%S%z'),
    ),
    'two offsets': (
        lambda: column([
            text + ('+01:00', '+02:00', '+02:00')[i % 3]
            for i, text in enumerate(written('%Y-%m-%dT%H:%M:%S'))
        ]),
        dated('%Y-%m-%dT%H:%M:%S%z'),
    ),
    'unpadded': (lambda: column(gapped(written('%-m/%-d/%Y'))), dated('%-m/%-d/%Y')),
    'days': (lambda: column(gapped(written('%d.%m.%Y'))), dated('%d.%m.%Y')),
    'days in a string column': (
        lambda: column(gapped(written('%d.%m.%Y')), 'string'),
        dated('%d.%m.%Y'),
    ),
    'days in a category column': (
        lambda: column(gapped(written('%Y-%m-%d')), 'category'),
        dated('%Y-%m-%d'),
    ),
    'microseconds': (
        lambda: column(written('%Y-%m-%d %H:%M:%S.%f')),
        dated('%Y-%m-%d %H:%M:%S.%f'),
    ),
    'months of a name': (lambda: column(written('%d %b %Y')), dated('%d %b %Y')),
    'ISO days without a format': (lambda: column(gapped(written('%Y-%m-%d'))), DATE),
    'US days without a format': (lambda: column(written('%m/%d/%Y')), DATE),
    'times without a format': (lambda: column(written('%Y-%m-%d %H:%M')), DATE),
    'ISO with Z without a format': (lambda: column(written('%Y-%m-%dT%H:%M:%SZ')), DATE),
    'two forms without a format': (
        lambda: column(written('%Y-%m-%d', TIMES[:10]) + written('%m/%d/%Y', TIMES[10:])),
        DATE,
    ),
    'dates in an object column': (
        lambda: column([time.date() for time in TIMES], object),
        dated('%Y-%m-%d'),
    ),
    'datetimes in an object column': (
        lambda: column(gapped([time.to_pydatetime() for time in TIMES]), object),
        DATE,
    ),
    'aware datetimes in an object column': (
        lambda: column([time.tz_localize('UTC').to_pydatetime() for time in TIMES], object),
        DATE,
    ),
    'aware datetimes of two offsets in an object column': (
        lambda: column(
            gapped([time.tz_localize(('+01:00', '+02:00')[i % 2]) for i, time in enumerate(TIMES)]),
            object,
        ),
        dated('%Y-%m-%d %H:%M:%S%z'),
    ),
    '20210309': (lambda: column([int(day) for day in written('%Y%m%d')]), dated('%Y%m%d')),
    '20210309 with gaps': (
        lambda: column(gapped([float(day) for day in written('%Y%m%d')], np.nan)),
        dated('%Y%m%d'),
    ),
    '20210309 as Int64 with gaps': (
        lambda: column(gapped([int(day) for day in written('%Y%m%d')]), 'Int64'),
        dated('%Y%m%d'),
    ),
    '2021 with gaps': (
        lambda: column(gapped([2001.0 + i for i in range(N)], np.nan)),
        dated('%Y'),
    ),
    'no date at all': (lambda: column([None] * N, object), dated('%Y-%m-%d')),
    'a day in 9999': (
        lambda: column(['9999-12-31', *written('%Y-%m-%d')[1:]]),
        dated('%Y-%m-%d'),
    ),
    'milliseconds': (
        lambda: column([f'{text}.{50 * i:03d}' for i, text in enumerate(written('%H:%M:%S'))]),
        dated('%H:%M:%S.%f'),
    ),
    'milliseconds of a zone without a format': (
        lambda: column([f'{text}.125Z' for text in written('%Y-%m-%dT%H:%M:%S')]),
        DATE,
    ),
    **{
        f'a day in {day[:4]} in {unit}': (
            lambda day=day, unit=unit: column(
                np.array([day, *TIMES[1:]], f'datetime64[{unit}]'), f'datetime64[{unit}]'
            ),
            DATE,
        )
        for day in ('1066-10-14', '9999-12-31')
        for unit in ('s', 'ms', 'us')
    },
    **{
        form: (lambda form=form: column(written(form)), dated(form))
        for form in ('%s', '%D', '%T', '%F', '%e.%m.%Y', '%G-%V', '%c', '%Y-%j', '%Y-%U-%w')
    },
    'whole seconds': (lambda: column([int(time.timestamp()) for time in TIMES]), dated('%s')),
    'an id': (lambda: column([f'P{i:03d}' for i in range(N)]), {'sdtype': 'id'}),
    'an id of a pattern': (
        lambda: column([f'P{i:03d}' for i in range(N)]),
        {'sdtype': 'id', 'regex_format': 'P[0-9]{3}'},
    ),
    'an integer id': (lambda: column(range(100, 100 + N)), {'sdtype': 'id'}),
    'an Int64 id with gaps': (lambda: column(gapped(NUMBERS), 'Int64'), {'sdtype': 'id'}),
    'personal': (lambda: column([f'{w}@x.org' for w in WORDS]), {'sdtype': 'email', 'pii': True}),
    'unknown': (lambda: column(WORDS), {'sdtype': 'unknown', 'pii': True}),
    'unknown numbers': (lambda: column(NUMBERS), {'sdtype': 'unknown', 'pii': True}),
    'lists': (lambda: column([[i % 2] for i in range(N)], object), WORD),
    'dicts': (lambda: column([{'a': i % 2} for i in range(N)], object), WORD),
    'the largest int64': (lambda: column([2**63 - 1, *NUMBERS[1:]], 'int64'), NUMBER),
    'infinite numbers': (lambda: column([np.inf, *NUMBERS[1:]]), NUMBER),
    'text as numbers': (lambda: column(WORDS), NUMBER),
    'words as dates': (lambda: column(WORDS), DATE),
    'durations': (lambda: column(pd.to_timedelta(NUMBERS, 'D')), NUMBER),
    'complex numbers': (lambda: column([complex(i, 1) for i in NUMBERS]), NUMBER),
    'periods': (lambda: column(pd.period_range('2021-01', periods=N, freq='M')), DATE),
}

ARROW: dict[str, tuple[Callable[[], list[Any]], dict[str, Any]]] = {
    'int64[pyarrow]': (lambda: gapped(NUMBERS), NUMBER),
    'int8[pyarrow]': (lambda: gapped(NUMBERS), NUMBER),
    'double[pyarrow]': (lambda: gapped([i / 4 for i in NUMBERS]), NUMBER),
    'bool[pyarrow]': (lambda: gapped(TRUTHS), TRUTH),
    'string[pyarrow]': (lambda: gapped(WORDS), WORD),
    'large_string[pyarrow]': (lambda: gapped(WORDS), WORD),
    'timestamp[ns][pyarrow]': (lambda: gapped(TIMES), DATE),
    'timestamp[us, tz=UTC][pyarrow]': (
        lambda: gapped([time.tz_localize('UTC') for time in TIMES]),
        DATE,
    ),
    'timestamp[ns, tz=Europe/Berlin][pyarrow]': (
        lambda: gapped([time.tz_localize('Europe/Berlin') for time in TIMES]),
        dated('%Y-%m-%d %H:%M:%S%z'),
    ),
    'date32[day][pyarrow]': (lambda: gapped([time.date() for time in TIMES]), DATE),
}


def metadata_of(declared: dict[str, Any], **more: object) -> Metadata:
    columns = {'group': WORD, 'z': declared}
    return Metadata.load_from_dict({
        'tables': {'t': {'columns': columns, **more}},
        'relationships': [],
        'METADATA_SPEC_VERSION': 'V1',
    })


def ours(metadata: Metadata, provider: ScriptedProvider, **options: object) -> LLMGANSynthesizer:
    settings: dict[str, Any] = {
        'sampler': 'llm',
        'max_batches': 1,
        'causal_graph': 'none',
        'cache': False,
        **options,
    }
    return LLMGANSynthesizer(metadata, llm=provider, **settings)


def error_of(run: Callable[[], object]) -> Exception | None:
    try:
        run()
    except Exception as error:  # noqa: BLE001 - of any kind
        return error
    return None


def frame(cells: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({'group': WORDS[: len(cells)], 'z': cells})


def instants(cells: pd.Series, declared: dict[str, Any]) -> pd.Series:
    """Dates in any form, in UTC; raises where one has another format than is declared."""
    texts = cells.dropna().astype(object)
    texts = texts.map(lambda cell: f'{cell:.0f}' if isinstance(cell, (int, float)) else cell)
    form = declared.get('datetime_format', 'mixed').replace('%-', '%')
    return pd.to_datetime(texts, format=form, utc=True)


def check_alike(real: pd.Series, drawn: pd.Series, declared: dict[str, Any]) -> None:
    assert drawn.dtype == real.dtype
    there, present = real.dropna(), drawn.dropna()
    assert bool(len(present)) == bool(len(there))
    assert len(there) < len(real) or len(present) == len(drawn)
    if declared['sdtype'] in ('categorical', 'boolean') or real.dtype == 'category':
        assert set(present) <= set(there)
    elif declared['sdtype'] == 'numerical' and len(there):
        assert present.between(there.min(), there.max()).all()
    elif declared['sdtype'] == 'datetime' and len(there):
        assert (
            instants(present, declared)
            .between(instants(there, declared).min().floor('D'), instants(there, declared).max())
            .all()
        )


#: What SDV's own takes, and ours refuses on purpose: it makes other numbers of these.
ON_PURPOSE = (
    'from 1678 to 2261',
    'is modelled as',
    'are modelled as float64',
    'has infinite numbers',
)


def check(cells: pd.Series, declared: dict[str, Any], sampler: str = 'llm') -> None:
    """See that ours takes the column if SDV's own does, and else says that it is z, unasked."""
    table, metadata = frame(cells), metadata_of(declared)
    provider = ScriptedProvider()
    made = ours(metadata, provider, sampler=sampler)
    error = error_of(lambda: sdv_lines.fit(made, table.copy()))
    if error is None:
        check_alike(table['z'], sdv_lines.sample(made, 30)['z'], declared)
        return

    def fit_and_sample() -> None:
        theirs = GaussianCopulaSynthesizer(metadata)
        sdv_lines.fit(theirs, table.copy())
        sdv_lines.sample(theirs, 8)

    assert any(text in str(error) for text in ON_PURPOSE) or error_of(fit_and_sample), error
    assert re.search(r'\bz\b', str(error)), error
    assert provider.requests == []


@pytest.mark.parametrize('name', CASES)
def test_a_column_is_taken_and_comes_out_as_it_went_in_or_is_named(name):
    make, declared = CASES[name]
    check(make(), declared)


@pytest.mark.parametrize('dtype', ARROW)
def test_a_column_of_arrow_is_taken_and_comes_out_as_it_went_in(dtype):
    pytest.importorskip('pyarrow', reason='pandas keeps no column of Arrow without pyarrow')
    make, declared = ARROW[dtype]
    check(column(make(), dtype), declared)


@pytest.mark.parametrize(
    'name',
    [
        'codes of 16 digits',
        'numbers and None in an object column',
        'two offsets',
        'unpadded',
        '2021 with gaps',
        'no time of a zone',
    ],
)
def test_the_local_sampler_draws_such_a_column_too(name):
    make, declared = CASES[name]
    check(make(), declared, sampler='distilled')


DAY_TEXTS = written('%Y-%m-%d')
TRANSFORMED: dict[str, tuple[pd.Series, dict[str, Any], Any]] = {
    'made-up names for names': (
        column(WORDS),
        {'sdtype': 'first_name', 'pii': True},
        PseudoAnonymizedFaker(provider_name='person', function_name='first_name'),
    ),
    'numbers for days': (
        column(DAY_TEXTS),
        dated('%Y-%m-%d'),
        UnixTimestampEncoder(datetime_format='%Y-%m-%d'),
    ),
    'numbers for days with gaps': (
        column(gapped(DAY_TEXTS)),
        dated('%Y-%m-%d'),
        UnixTimestampEncoder(datetime_format='%Y-%m-%d', missing_value_generation='from_column'),
    ),
    'labels for an id': (column([i % 4 + 10 for i in range(N)]), {'sdtype': 'id'}, LabelEncoder()),
    'uniform numbers for words': (column(gapped(WORDS)), WORD, UniformEncoder()),
    'floats for numbers': (column(gapped(NUMBERS), 'Int64'), NUMBER, FloatFormatter()),
    'nothing for an id': (column([i % 4 + 10 for i in range(N)]), {'sdtype': 'id'}, None),
    'nothing for personal data': (column(WORDS), {'sdtype': 'city', 'pii': True}, None),
}


@pytest.mark.parametrize('name', TRANSFORMED)
def test_what_a_transformer_hands_over_is_modelled_whatever_the_metadata_says(name):
    cells, declared, transformer = TRANSFORMED[name]
    metadata, table = metadata_of(declared), frame(cells)
    made = ours(metadata, ScriptedProvider())
    made.auto_assign_transformers(sdv_lines.given(metadata, table))
    made.update_transformers({'z': transformer})
    sdv_lines.fit(made, table)
    rows = sdv_lines.sample(made, 20)
    assert 'z' in made.history.steps[0].process.schema.names
    if isinstance(transformer, PseudoAnonymizedFaker):
        assert rows['z'].notna().all()
        assert not set(rows['z']) & set(WORDS)
    else:
        kept = {'sdtype': 'categorical'} if declared['sdtype'] in ('id', 'city') else declared
        check_alike(cells, rows['z'], kept)


def test_a_condition_on_a_transformed_column_is_one_on_its_own_values():
    metadata, table = metadata_of(dated('%Y-%m-%d')), frame(column(DAY_TEXTS))
    made = ours(metadata, ScriptedProvider())
    made.auto_assign_transformers(sdv_lines.given(metadata, table))
    made.update_transformers({'z': UnixTimestampEncoder(datetime_format='%Y-%m-%d')})
    sdv_lines.fit(made, table)
    rows = sdv_lines.sample_from_conditions(made, [Condition({'z': DAY_TEXTS[3]}, num_rows=4)])
    assert rows['z'].tolist() == [DAY_TEXTS[3]] * 4
    with pytest.raises(ValueError, match='"z".*single values only'):
        sdv_lines.sample_from_conditions(made, [RangeCondition({'z': (DAY_TEXTS[3], None)})])


def test_conditions_on_instants_are_told_by_the_clock_of_the_column():
    make, declared = CASES['two offsets']
    made = ours(metadata_of(declared), ScriptedProvider())
    sdv_lines.fit(made, frame(make()))
    at_noon = RangeCondition({'z': ('2021-05-01T12:00:00Z', '2021-06-30T12:00:00+00:00')}, 9)
    rows = sdv_lines.sample_from_conditions(made, [at_noon])
    drawn = instants(rows['z'], declared)
    assert drawn.between('2021-05-01T12:00:00Z', '2021-06-30T12:00:00Z').all()
    assert rows['z'].str.endswith('+02:00').all()


def test_categories_with_gaps_keep_a_rule_in_every_batch():
    first, second = [1, 2, None, 1, 2, 1], [10, 20, 30, 10, 20, None]
    table = pd.DataFrame({'a': pd.Categorical(first), 'z': pd.Categorical(second)})
    metadata = Metadata.load_from_dict({'tables': {'t': {'columns': {'a': WORD, 'z': WORD}}}})
    made = ours(metadata, ScriptedProvider())
    made.add_constraints([FixedCombinations(column_names=['a', 'z'])])
    sdv_lines.fit(made, table)
    rows = sdv_lines.sample(made, 30)
    assert rows.dtypes.equals(table.dtypes)
    together = set(map(str, table.itertuples(index=False)))
    assert set(map(str, rows.itertuples(index=False))) <= together


def test_columns_whose_names_are_odd_or_numbers_keep_them():
    table = pd.DataFrame({0: WORDS, 1: NUMBERS, 7: DAY_TEXTS})
    columns = {'0': WORD, '1': NUMBER, '7': dated('%Y-%m-%d')}
    odd = {'a "b" {c}': WORD, ' ': NUMBER, '列\n': dated('%Y-%m-%d')}
    for declared, names in ((columns, [0, 1, 7]), (odd, list(odd))):
        metadata = Metadata.load_from_dict({'tables': {'t': {'columns': declared}}})
        made = ours(metadata, ScriptedProvider())
        sdv_lines.fit(made, table.set_axis(names, axis=1))
        assert sdv_lines.sample(made, 5).columns.tolist() == names


@pytest.mark.parametrize('num_rows', [2, 3])
def test_a_table_of_one_column_and_two_rows_is_taken(num_rows):
    metadata = Metadata.load_from_dict({'tables': {'t': {'columns': {'z': NUMBER}}}})
    made = ours(metadata, ScriptedProvider())
    sdv_lines.fit(made, pd.DataFrame({'z': NUMBERS[:num_rows]}))
    assert sdv_lines.sample(made, 5)['z'].notna().all()


def test_one_row_is_refused_before_anything_is_sent():
    provider = ScriptedProvider()
    with pytest.raises(InvalidDataError, match='at least 2 are needed'):
        sdv_lines.fit(ours(metadata_of(NUMBER), provider), frame(column(NUMBERS[:1])))
    assert provider.requests == []


def test_empty_metadata_are_refused_as_sdv_refuses_them():
    table = frame(column(NUMBERS))

    def attempt(synthesizer: Any) -> None:
        synthesizer.fit({'t': table} if sdv_lines.SDV_2 else table)

    provider = ScriptedProvider()
    theirs = error_of(lambda: attempt(GaussianCopulaSynthesizer(Metadata())))
    mine = error_of(lambda: attempt(ours(Metadata(), provider)))
    assert (type(mine), str(mine)) == (type(theirs), str(theirs))
    assert provider.requests == []


def test_a_column_that_cannot_be_learned_is_named_when_it_is_validated():
    made = ours(metadata_of(WORD), ScriptedProvider())
    table = frame(column([[1]] * N, object))
    with pytest.raises(InvalidDataError, match='"z" must hold single values.*list'):
        made.validate(sdv_lines.given(made.metadata, table))


@pytest.mark.parametrize('sampler', ['llm', 'distilled'])
def test_fractions_of_a_second_have_as_many_digits_as_in_training(sampler):
    for name, form in (
        ('milliseconds', r'\d\d:\d\d:\d\d\.\d{3}'),
        ('milliseconds of a zone without a format', r'2021-.*T.*\.\d{3}Z'),
        ('microseconds', r'.*\.\d{6}'),
    ):
        make, declared = CASES[name]
        made = ours(metadata_of(declared), ScriptedProvider(), sampler=sampler)
        sdv_lines.fit(made, frame(make()))
        rows = sdv_lines.sample(made, 20)
        assert rows['z'].map(lambda text, form=form: bool(re.fullmatch(form, text))).all(), name


def test_two_digit_years_on_both_sides_of_1969_are_of_one_stretch_of_time():
    births = column([f'{day}{50 + 2 * i:02d}' for i, day in enumerate(written('%d.%m.')[:17])])
    made = ours(metadata_of(dated('%d.%m.%y')), ScriptedProvider(), sampler='distilled')
    sdv_lines.fit(made, frame(births))
    held = made.history.steps[0].process.schema['z']
    assert (held.minimum[:4], held.maximum[:4]) == ('1950', '1982')
    years = sdv_lines.sample(made, 200)['z'].str[-2:].astype(int)
    assert years.between(50, 82).all()
    sixties = RangeCondition({'z': ('01.01.60', '31.12.75')}, 20)
    years = sdv_lines.sample_from_conditions(made, [sixties])['z'].str[-2:].astype(int)
    assert years.between(60, 75).all()


@pytest.mark.parametrize(
    ('years', 'first', 'last'),
    [
        (range(1935, 2011), '1935', '2010'),
        (range(1960, 1980), '1960', '1979'),
        (range(1975, 2031), '1975', '2030'),
        (range(2030, 2061), '2030', '2060'),
        (range(1925, 2024), '1969', '2068'),  # no gap tells where they begin: as Python reads them
    ],
)
def test_two_digit_years_begin_after_the_years_that_have_no_date(years, first, last):
    texts = pd.Series([f'01.02.{year % 100:02d}' for year in years], name='z')
    learned = learn_column(texts, dated('%d.%m.%y'))
    assert (learned.minimum[:4], learned.maximum[:4]) == (first, last)
    plain = to_plain(texts, learned)
    assert plain.dt.strftime('%y').tolist() == texts.str[-2:].tolist()
    assert from_plain(plain, learned).tolist() == texts.tolist()


@pytest.mark.parametrize(
    ('name', 'words'),
    [
        ('a day in 1066 in s', '"z" must hold dates, from 1678 to 2261, but .*1066-10-14'),
        ('a day in 9999 in us', '"z" must hold dates, from 1678 to 2261, but .*9999-12-31'),
        ('%T', '"z" has the datetime format \'%T\' in the metadata, but .* strptime reads'),
        ('whole seconds', "\"z\" has the datetime format '%s' .* the sdtype 'numerical'"),
    ],
)
def test_dates_that_cannot_be_read_are_named_with_what_to_do(name, words):
    make, declared = CASES[name]
    provider = ScriptedProvider()
    made, table = ours(metadata_of(declared), provider), frame(make())
    for attempt in (
        lambda: made.validate(sdv_lines.given(made.metadata, table)),
        lambda: sdv_lines.fit(made, table),
    ):
        with pytest.raises(InvalidDataError, match=words):
            attempt()
    assert provider.requests == []


@pytest.mark.parametrize('num_rows', [-1, True, 2.5, '3'])
def test_a_number_of_rows_that_is_none_is_refused_in_words(num_rows):
    made = ours(metadata_of(NUMBER), ScriptedProvider())
    sdv_lines.fit(made, frame(column(NUMBERS)))
    with pytest.raises(ValueError, match='num_rows must be a whole number of at least 0'):
        sdv_lines.sample(made, num_rows)
    with pytest.raises(ValueError, match='batch_size must be a whole number of at least 1'):
        sdv_lines.sample(made, 5, batch_size=-5)


@pytest.mark.parametrize('value', [np.arange(3), pd.Series([1]), {'low': 1}, [[1, 2]], range(3)])
def test_a_range_condition_says_what_it_takes(value):
    with pytest.raises(ValueError, match=r'"z" must be one value, a pair \(low, high\)'):
        RangeCondition({'z': value})


DATES = [name for name, (_, declared) in CASES.items() if declared['sdtype'] == 'datetime']
#: One of each kind is enough of these.
DATES = [name for name in DATES if not re.search(r' in (ms|us)$|%[DFTcs]|%Y-%j', name)]
#: Forms that no date can be read of.
UNREADABLE = {'no time of a zone', 'no date at all', 'words as dates', 'periods', 'whole seconds'}
UNREADABLE |= {'%e.%m.%Y', '%G-%V'}


@pytest.mark.parametrize('name', DATES)
def test_a_report_compares_dates_of_every_form_or_says_why_not(name):
    make, declared = CASES[name]
    table = frame(make())
    turned = table.assign(
        z=table['z'][::-1].to_numpy()
        if table['z'].dtype == object
        else table['z'][::-1].reset_index(drop=True)
    )
    inputs = Inputs.of(table, turned, None, metadata_of(declared), None)
    said = likeness(inputs)
    figures = {score.key: score.value for score in said.scores}
    assert figures['quality'] is not None
    if name in UNREADABLE:
        assert any(re.search(r'Not compared .*\bz\b', note) for note in said.notes), said.notes
    else:
        assert figures['column_shapes'] == 1.0
        assert 0 <= figures['column_pair_trends'] < 1
        assert inputs.dated().real['z'].dtype == 'datetime64[ns]'


def test_a_report_of_a_fit_on_dates_of_many_forms_has_every_figure(tmp_path):
    forms = ('unpadded', 'two offsets', '2021 with gaps', 'milliseconds', 'times with gaps')
    table = pd.DataFrame({'group': WORDS, **{name: CASES[name][0]() for name in forms}})
    columns = {'group': WORD, **{name: CASES[name][1] for name in forms}}
    metadata = Metadata.load_from_dict({'tables': {'t': {'columns': columns}}})
    made = ours(metadata, ScriptedProvider(), sampler='distilled')
    sdv_lines.fit(made, table)
    report = made.report(table, sdv_lines.sample(made, 40), path=tmp_path / 'report.html')
    figures = {score.key: score for section in report.sections for score in section.scores}
    for key in ('quality', 'column_shapes', 'column_pair_trends', 'diagnostic'):
        assert figures[key].value is not None, figures[key].reason
    assert not any('Not compared' in note for note in report.sections[0].notes)


def test_a_report_reads_dates_of_all_its_tables_by_the_clock_of_the_real_one():
    real = column(['2021-03-01T12:00:00+02:00', '2021-03-02T12:00:00+02:00'])
    others = column(['2021-03-01T11:00:00+01:00', '2021-03-02T11:00:00+01:00'])
    metadata = metadata_of(dated('%Y-%m-%dT%H:%M:%S%z'))
    dates = Inputs.of(frame(real), frame(others), None, metadata, None).dated()
    assert (
        dates.real['z'].tolist()
        == dates.synthetic['z'].tolist()
        == [
            pd.Timestamp('2021-03-01 12:00'),
            pd.Timestamp('2021-03-02 12:00'),
        ]
    )


@pytest.mark.parametrize(
    ('texts', 'written'),
    [
        (['2023-10-28T12:00:00+02:00', '2023-10-29T12:00:00+01:00', 'none'], None),
        (['28/10/2023 12:00', '29/10/2023 12:00', '31/2/2023 12:00'], '%-d/%-m/%Y %H:%M'),
    ],
)
def test_a_report_reads_dates_as_a_fit_does_and_takes_others_for_missing(texts, written):
    dates = to_datetime(pd.Series(texts), written, errors='coerce')
    assert dates.dt.day.tolist()[:2] == [28, 29]
    assert dates.isna().tolist() == [False, False, True]
