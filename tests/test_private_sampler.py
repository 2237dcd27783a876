"""A sampler that alone may look at rows: what is refused beside it, and that nothing else does."""

from __future__ import annotations

import json
import pickle

import cloudpickle
import numpy as np
import pandas as pd
import pytest
import sdv_lines
from rdt.transformers import LabelEncoder, PseudoAnonymizedFaker
from sdv.cag import FixedCombinations, FixedIncrements, Inequality
from sdv.metadata import Metadata
from tables import visits, visits_metadata

from sdv_llmgan import (
    EgressError,
    EgressPolicy,
    GenerationProcess,
    LLMGANSynthesizer,
    ParsedRows,
    Privacy,
    Sampler,
    ScriptedProvider,
)
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.table.declared import declared_schema

PRIVACY = Privacy(1.0, 1e-6, 'one row, added or removed', {'counts': 0.02}, 'rho')
#: Values of a training row that must be nowhere but there.
SECRET = {
    'age': 87_654_321,
    'weight': 1234.5678,
    'ward': 'secret ward',
    'stage': 777_123,
    'admitted': '2031-07-19',
    'pressure': 998_877.0,
}


PLACES = 'decimal_places'


class Unseeing(Sampler):
    """Draws what it was made with, whatever the rows are, so that all else of them is a leak."""

    is_private = True

    def __init__(self):
        self.told = None

    @property
    def privacy(self):
        return PRIVACY

    def fit(self, training, learned):
        self.told = {'schema': training.schema, 'target': training.target, 'learned': learned}
        self.seen = len(training.rows)

    def sample(self, wanted, rng):
        count = len(wanted)
        days = pd.to_datetime('2024-01-01') + pd.to_timedelta(rng.integers(0, 300, count), 'D')
        rows = pd.DataFrame({
            'age': rng.integers(18, 90, count).astype(float),
            'weight': rng.integers(50, 90, count).astype(float),
            'smoker': rng.choice(np.array([True, False], dtype=object), count),
            'ward': rng.choice(np.array(['north', 'south'], dtype=object), count),
            'stage': rng.choice(np.array([1, 2, 3], dtype=object), count),
            'admitted': days.astype('datetime64[ns]'),
            'pressure': np.where(rng.random(count) < 0.2, np.nan, rng.integers(100, 140, count)),
        })
        return ParsedRows(rows)


def secret_visits(num_rows=40):
    rows = visits(num_rows)
    rows.loc[0, list(SECRET)] = list(SECRET.values())
    return rows.astype({'age': 'int64', 'stage': 'int64'})


def made(table=None, metadata=None, constraints=(), **settings):
    usual = {'llm': 'scripted', 'sampler': Unseeing(), 'cache': False}
    synthesizer = LLMGANSynthesizer(metadata or visits_metadata(), **{**usual, **settings})
    if constraints:
        synthesizer.add_constraints(list(constraints))
    sdv_lines.fit(synthesizer, secret_visits() if table is None else table)
    return synthesizer


@pytest.fixture(scope='module')
def fitted():
    return made()


def test_nothing_that_is_saved_holds_a_value_of_a_training_row(fitted, tmp_path):
    text = cloudpickle.dumps(fitted)
    for value in SECRET.values():
        assert pickle.dumps(value)[2:-1] not in text
        assert np.float64(value).tobytes() not in text if isinstance(value, float) else True
        assert str(value).encode() not in text
    fitted.save(tmp_path / 'model.pkl')
    again = sdv_lines.load(tmp_path / 'model.pkl')
    assert len(sdv_lines.sample(again, 5)) == 5


def test_what_detection_puts_into_metadata_of_values_is_not_kept():
    detected = visits_metadata().to_dict()
    columns = detected['tables']['visits']['columns']
    if sdv_lines.SDV_2:
        columns['weight'] |= {'range_min': 40.0, 'range_max': SECRET['weight'], 'decimal_places': 4}
        columns['ward'] |= {'range_values': ['north', 'south', 'east', SECRET['ward']]}
    metadata = Metadata.load_from_dict(detected)
    synthesizer = made(metadata=metadata)
    text = cloudpickle.dumps(synthesizer)
    assert b'secret ward' not in text
    assert np.float64(SECRET['weight']).tobytes() not in text
    assert synthesizer.get_metadata().to_dict()['tables']['visits']['columns'] == {
        name: {key: value for key, value in entry.items() if 'range' not in key and key != PLACES}
        for name, entry in columns.items()
    }
    assert metadata.to_dict()['tables']['visits']['columns'] == columns  # the user's own


def test_how_many_rows_there_are_is_not_kept():
    tables = [secret_visits(num_rows) for num_rows in (40, 41)]
    made_up = [
        made(table)._data_processor._hyper_transformer.field_transformers['patient']
        for table in tables
    ]
    assert made_up[0].data_length == made_up[1].data_length


def test_made_up_keys_do_not_depend_on_those_of_the_rows():
    def drawn(prefix):
        table = secret_visits()
        patient = [f'{prefix}{place:04d}' for place in range(len(table))]
        return sdv_lines.sample(made(table.assign(patient=patient)), 5)['patient'].tolist()

    assert drawn('A') == drawn('B')


def test_a_private_sampler_that_is_set_later_is_refused_where_metadata_holds_values():
    if not sdv_lines.SDV_2:
        return  # its detection writes none
    detected = visits_metadata().to_dict()
    detected['tables']['visits']['columns']['weight'] |= {'range_max': SECRET['weight']}
    synthesizer = LLMGANSynthesizer(
        Metadata.load_from_dict(detected), llm='scripted', cache=False, knowledge='none'
    )
    synthesizer.sampler = Unseeing()
    with pytest.raises(EgressError, match='was set after the synthesizer was made'):
        sdv_lines.fit(synthesizer, secret_visits())


def test_gaps_are_not_filled_by_another_fit_than_the_private_one(fitted):
    gaps = secret_visits().assign(weight=np.nan)
    with pytest.raises(ValueError, match='without the guarantee of this one'):
        fitted.impute(gaps)


def test_a_private_fit_is_given_no_other_process(fitted):
    with pytest.raises(EgressError, match='without the guarantee'):
        fitted.set_generation_process(fitted.get_generation_process())
    assert fitted.get_info()['privacy'] is not None


def test_the_search_for_values_finds_them_where_a_sampler_is_not_private():
    other = LLMGANSynthesizer(
        visits_metadata(), llm='scripted', sampler='distilled', max_batches=1, cache=False
    )
    sdv_lines.fit(other, secret_visits())
    text = cloudpickle.dumps(other)
    assert np.float64(SECRET['weight']).tobytes() in text
    assert b'secret ward' in text


def test_samples_and_what_is_told_of_a_fit_hold_no_training_value(fitted):
    rows = sdv_lines.sample(fitted, 200)
    assert rows['age'].max() < 90
    assert set(rows['ward']) == {'north', 'south'}
    told = fitted.get_generation_process().to_text() + fitted.get_generation_process().to_json()
    told += json.dumps(fitted.get_info(), default=str) + fitted.get_history().to_json()
    for value in SECRET.values():
        assert str(value) not in told


def test_the_report_says_in_a_sentence_what_is_guaranteed(fitted):
    table = secret_visits()
    rows = sdv_lines.sample(fitted, 50)
    given = [sdv_lines.given(visits_metadata(), one) for one in (table, rows)]
    report = fitted.report(*given, path=None)
    section = next(one for one in report.sections if one.key == 'process')
    assert 'epsilon = 1, delta = 1e-06, for tables that differ in one row' in section.lead
    assert 'secret ward' not in section.text
    assert fitted.get_info()['privacy']['costs'] == {'counts': 0.02}
    assert fitted.get_info()['llm'] is None


def test_a_private_sampler_is_told_what_metadata_and_dtypes_say_and_nothing_else(fitted):
    told = fitted.get_fitted_model().chosen.told
    for column in told['schema']:
        assert (column.minimum, column.maximum, column.quartiles) == (None, None, ())
        assert (column.categories, column.shares, column.examples) == ((), (), ())
    kinds = {column.name: column.kind for column in told['schema']}
    assert kinds == {
        **{'age': 'integer', 'weight': 'number', 'smoker': 'boolean', 'ward': 'categorical'},
        **{'stage': 'categorical', 'admitted': 'datetime', 'pressure': 'number'},
    }
    assert told['learned'].writer is None
    assert fitted.get_fitted_model().chosen.seen == 40


def test_nothing_of_the_rows_is_sent_to_a_model_that_is_asked_what_it_knows():
    sent = []

    def answer(request):
        sent.append(str(request.messages) + str(request.json_schema))
        return '{}'

    provider = ScriptedProvider(script=answer, is_expert=True)
    given = sdv_lines.given(visits_metadata(), secret_visits())
    settings = {'llm': provider, 'sampler': Unseeing(), 'cache': False}
    preview = LLMGANSynthesizer(visits_metadata(), **settings).preview(given)
    estimate = LLMGANSynthesizer(visits_metadata(), **settings).estimate(given, 100)
    assert not sent
    synthesizer = made(**settings)
    assert len(sent) == estimate.fit.calls
    assert estimate.sample.calls == 0
    assert synthesizer.get_info()['llm'] is not None
    for text in ['\n'.join(sent), str(preview)]:
        assert 'pressure' in text
        for value in SECRET.values():
            assert str(value) not in text


def test_a_dtype_of_categories_and_gaps_of_made_up_columns_do_not_pass_through_sdv():
    metadata = visits_metadata(phone={'sdtype': 'phone_number', 'pii': True})
    table = secret_visits().assign(phone=[None] * 30 + ['5551234'] * 10)
    table['ward'] = table['ward'].astype('category')
    rows = sdv_lines.sample(made(table, metadata), 100)
    assert rows['phone'].notna().all()
    assert not isinstance(rows['ward'].dtype, pd.CategoricalDtype)
    assert 'secret ward' not in set(rows['ward'])


def test_values_beyond_those_of_the_rows_are_not_clipped_to_them_nor_rounded_like_them():
    table = visits(40).assign(age=50, weight=70.0)
    rows = sdv_lines.sample(made(table), 100)
    assert rows['age'].nunique() > 10
    assert rows['weight'].nunique() > 10


@pytest.mark.parametrize(
    ('settings', 'named'),
    [
        ({'optimizer_examples': 2}, 'optimizer_examples'),
        ({'examples_per_call': 3}, 'examples_per_call'),
        ({'metadata_detail': 'full'}, "metadata_detail='full'"),
        ({'discriminator': 'llm'}, 'discriminator'),
        ({'egress': EgressPolicy({'age': 'bucket'})}, 'egress'),
        ({'egress': EgressPolicy(max_rows=5)}, 'egress'),
        (
            {
                'generation_process': GenerationProcess(
                    '',
                    declared_schema(
                        visits()[['age']], visits_metadata().tables['visits'].columns, {}
                    ),
                    CausalGraph(),
                )
            },
            'generation_process',
        ),
    ],
)
def test_arguments_that_show_rows_to_others_are_refused_before_a_fit(settings, named):
    with pytest.raises(EgressError, match=named):
        LLMGANSynthesizer(visits_metadata(), llm='scripted', sampler=Unseeing(), **settings)
    LLMGANSynthesizer(
        visits_metadata(), llm='scripted', sampler=Unseeing(), egress=EgressPolicy(rows=False)
    )


def test_constraints_that_learn_from_rows_are_refused_and_others_are_kept():
    with pytest.raises(EgressError, match='FixedCombinations learns from training rows'):
        made(visits(40), constraints=[FixedCombinations(['ward', 'stage'])])
    kept = made(visits(40), constraints=[Inequality('age', 'pressure')])
    rows = sdv_lines.sample(kept, 50)
    assert (rows['age'] <= rows['pressure'].fillna(np.inf)).all()
    stepped = made(visits(40).assign(age=50), constraints=[FixedIncrements('age', 10)])
    assert (sdv_lines.sample(stepped, 30)['age'] % 10 == 0).all()


@pytest.mark.parametrize('name', ['phone', 'ward'])
def test_transformers_that_keep_training_values_are_refused(name):
    metadata = visits_metadata(phone={'sdtype': 'phone_number', 'pii': True})
    table = visits(40).assign(phone='5551234')
    made_up = PseudoAnonymizedFaker('lorem', 'word')
    transformer = {'phone': made_up, 'ward': LabelEncoder()}[name]
    synthesizer = LLMGANSynthesizer(metadata, llm='scripted', sampler=Unseeing(), cache=False)
    synthesizer.auto_assign_transformers(sdv_lines.given(metadata, table))
    synthesizer.update_transformers({name: transformer})
    with pytest.raises(EgressError, match=f'the transformers of "{name}" learn'):
        sdv_lines.fit(synthesizer, table)


def test_a_column_whose_values_would_have_to_be_looked_at_is_refused():
    with pytest.raises(Exception, match='datetime_format in the metadata'):
        made(metadata=visits_metadata(admitted={'sdtype': 'datetime'}))


def test_a_private_fit_cannot_be_continued():
    with pytest.raises(EgressError, match='epsilons add up'):
        made().continue_fit()


def test_a_private_fit_is_not_exported_by_a_sampler_without_its_guarantee(fitted, tmp_path):
    with pytest.raises(EgressError, match='without its guarantee'):
        fitted.export(tmp_path / 'sampler.npz')
    assert not list(tmp_path.iterdir())


def test_settings_that_do_not_go_with_the_table_are_refused_before_a_model_is_asked():
    class Choosy(Unseeing):
        def check(self, schema):
            raise ValueError(f'no column but {schema.names[0]}')

    sent = []
    provider = ScriptedProvider(script=lambda asked: sent.append(asked) or '{}', is_expert=True)
    with pytest.raises(ValueError, match='no column but age'):
        made(llm=provider, sampler=Choosy())
    assert not sent
