"""What every provider, discriminator and sampler keeps to, whoever wrote it.

Those of this package, of any plugin that is installed, and of a plugin that nothing here knows
(``third-party``) go through the same tests.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import cloudpickle
import jsonschema
import numpy as np
import pandas as pd
import pytest
import sdv_lines
from sdv.cag import Inequality
from sdv.metadata import Metadata
from servers import Server
from tables import visits, visits_metadata

from sdv_llmgan import (
    EgressPolicy,
    LLMGANSynthesizer,
    ParsedRows,
    RangeCondition,
    Sampler,
    hookimpl,
    registry,
)
from sdv_llmgan.calls.metered import MeteredProvider
from sdv_llmgan.discriminators.base import Discriminator
from sdv_llmgan.discriminators.logistic import LogisticDiscriminator
from sdv_llmgan.providers.base import Completion, Message, Provider, Request
from sdv_llmgan.providers.scripted import ScriptedProvider, random_json
from sdv_llmgan.table.schema import RowFormat, TableSchema

KEY = 'sk-contract-4dd7f1c0ffee'
#: Providers that want a model's name; the others have a default.
MODELS = {'openai': 'tiny', 'azure': 'tiny', 'anthropic': 'claude-tiny', 'ollama': 'tiny'}
MESSAGES = (Message('system', 'You answer in JSON.'), Message('user', 'Describe somebody.'))
PERSON = {
    'type': 'object',
    'properties': {
        'job': {'type': 'string', 'enum': ['nurse', 'clerk']},
        'age': {'type': 'integer', 'enum': [41, 42, 43]},
        'member': {'type': 'boolean'},
        'note': {'anyOf': [{'type': 'string', 'enum': ['none', 'new']}, {'type': 'null'}]},
    },
    'required': ['job', 'age', 'member', 'note'],
    'additionalProperties': False,
}


#: Few cells, for a model in this process writes each of them.
PEOPLE = pd.DataFrame({'age': [41, 35, 62, 29], 'job': ['nurse', 'clerk', 'nurse', 'clerk']})
METADATA = Metadata.load_from_dict({
    'tables': {
        'people': {'columns': {'age': {'sdtype': 'numerical'}, 'job': {'sdtype': 'categorical'}}}
    }
})


class AcmeProvider(Provider):
    """As a plugin's author would write it: a model's name in, one method."""

    remote = False

    def complete(self, request):
        rng = np.random.default_rng(request.seed)
        return Completion(random_json(request.json_schema, rng))


class AcmeDiscriminator(LogisticDiscriminator):
    """Another name for a working one."""


class AcmeSampler(Sampler):
    """Each cell from any training row; knows nothing of conditions and rules."""

    def fit(self, training, learned):
        self.rows = training.rows

    def sample(self, wanted, rng):
        drawn = {
            name: rng.choice(values.to_numpy(), len(wanted)) for name, values in self.rows.items()
        }
        return ParsedRows(pd.DataFrame(drawn).astype(self.rows.dtypes))


class Acme:
    @hookimpl
    def register_providers(self, register):
        register('third-party', AcmeProvider)

    @hookimpl
    def register_discriminators(self, register):
        register('third-party', AcmeDiscriminator)

    @hookimpl
    def register_samplers(self, register):
        register('third-party', AcmeSampler)


@pytest.fixture(autouse=True)
def acme():
    registry._plugins.cache_clear()
    registry._plugins().register(Acme())
    yield
    registry._plugins.cache_clear()


def one_number(number):
    """A request that only one reply can answer."""
    only = {'n': {'type': 'integer', 'enum': [number]}}
    schema = {**PERSON, 'properties': only, 'required': ['n']}
    return Request(MESSAGES, schema, max_tokens=32, seed=number)


every_provider = pytest.mark.parametrize('name', sorted([*registry.providers(), 'third-party']))
every_discriminator = pytest.mark.parametrize(
    'name', sorted([*registry.discriminators(), 'third-party'])
)
every_sampler = pytest.mark.parametrize('name', sorted([*registry.samplers(), 'third-party']))


@pytest.fixture
def server(monkeypatch):
    """What the environment names for every remote provider of this package."""
    with Server(key=KEY) as server:
        monkeypatch.setenv('OPENAI_BASE_URL', f'{server.url}/v1')
        monkeypatch.setenv('OPENAI_API_KEY', KEY)
        monkeypatch.setenv('AZURE_OPENAI_ENDPOINT', server.url)
        monkeypatch.setenv('AZURE_OPENAI_API_KEY', KEY)
        monkeypatch.setenv('OPENAI_API_VERSION', '2026-08-01')
        monkeypatch.setenv('ANTHROPIC_BASE_URL', server.url)
        monkeypatch.setenv('ANTHROPIC_API_KEY', KEY)
        monkeypatch.setenv('OLLAMA_HOST', server.url)
        yield server


@pytest.fixture
def provider(name, server):
    return registry.find_provider(f'{name}/{MODELS.get(name, "")}')


@every_provider
def test_a_provider_is_made_without_a_key_and_says_what_it_is(name):
    provider = registry.find_provider(f'{name}/{MODELS.get(name, "")}')
    assert isinstance(provider, Provider)
    assert provider.name.startswith(type(provider).__name__)
    assert provider.model == MODELS.get(name, '')
    assert isinstance(provider.remote, bool)
    assert provider.row_format in get_args(RowFormat)
    assert provider.rows_per_reply is None or provider.rows_per_reply >= 1
    assert provider.max_concurrency >= 1


@every_provider
def test_check_sends_nothing(provider, server):
    provider.check()
    assert server.received == []


@every_provider
def test_a_request_gets_a_completion_that_meets_its_schema_and_counts_one_call(provider):
    completion = provider.complete(Request(MESSAGES, PERSON, max_tokens=64, seed=5))
    assert isinstance(completion, Completion)
    jsonschema.validate(json.loads(completion.text), PERSON)
    assert completion.usage.calls == 1
    assert completion.usage.tokens >= 0


@every_provider
def test_a_request_without_schema_gets_text(provider):
    completion = provider.complete(Request(MESSAGES, max_tokens=16, seed=5))
    assert isinstance(completion.text, str)
    assert completion.usage.calls == 1


@every_provider
def test_many_requests_are_answered_in_their_order(provider):
    numbers = [7, 3, 9, 3]
    completions = provider.complete_many([one_number(number) for number in numbers])
    assert [json.loads(completion.text) for completion in completions] == [
        {'n': number} for number in numbers
    ]
    assert [completion.usage.calls for completion in completions] == [1] * 4
    assert provider.complete_many([]) == []


@every_provider
def test_threads_may_ask_at_once(provider):
    with ThreadPoolExecutor(4) as pool:
        completions = list(pool.map(provider.complete, map(one_number, range(8))))
    assert [json.loads(completion.text)['n'] for completion in completions] == [*range(8)]


@every_provider
def test_metering_counts_what_the_provider_says(provider):
    metered = MeteredProvider(provider)
    completions = metered.complete_many([one_number(1), one_number(2)])
    said = completions[0].usage + completions[1].usage
    total = metered.ledger.bill.total()
    assert total.calls == said.calls == 2
    assert total.tokens == said.tokens or not said.tokens  # what is not said is counted


@every_provider
def test_a_pickle_holds_neither_client_nor_model_nor_key_and_works(provider):
    unused = cloudpickle.dumps(provider)
    provider.complete(one_number(1))
    used = cloudpickle.dumps(provider)
    assert len(used) < 10_000
    for pickled in (unused, used):
        assert KEY.encode() not in pickled
        restored = cloudpickle.loads(pickled)
        assert not [attribute for attribute in vars(restored) if attribute.startswith('_')]
        assert json.loads(restored.complete(one_number(2)).text) == {'n': 2}


@every_provider
def test_a_synthesizer_fits_and_samples_by_the_providers_name(name, server):
    synthesizer = LLMGANSynthesizer(
        METADATA,
        llm=f'{name}/{MODELS.get(name, "")}',
        max_batches=1,
        sampler='llm',
        reject_copies=False,
    )
    sdv_lines.fit(synthesizer, PEOPLE)
    sample = sdv_lines.sample(synthesizer, 2)
    assert sample.dtypes.to_dict() == PEOPLE.dtypes.to_dict()
    assert len(sample) == 2
    assert synthesizer.get_info()['remote'] == synthesizer._model.generator.provider.remote


SEEDS = range(3)
TABLE = visits(400).drop(columns='patient')
TABLE.loc[::7, 'ward'] = None
TABLE.loc[::11, 'admitted'] = None
SCHEMA = TableSchema.from_sdv(visits_metadata(), TABLE)
PLAIN = SCHEMA.to_plain(TABLE)


def rows(rng, num_rows):
    return PLAIN.iloc[rng.choice(len(PLAIN), num_rows, replace=False)].reset_index(drop=True)


def shifted(table):
    """The same rows, fifteen years older and more often in the north."""
    north = table['ward'].where(table.index % 2 == 0, 'north')
    return table.assign(age=table['age'] + 15, ward=north)


def strange(table):
    """Rows that nobody would take for real."""
    return table.assign(age=table['age'] + 30, weight=table['weight'] + 40, ward='north')


def same(table):
    return table


def judged(name, change, seed, num_batches=3):
    """What a discriminator says of changed rows after some batches."""
    rng = np.random.default_rng(seed)
    discriminator = start(name, seed)
    for _ in range(num_batches):
        discriminator.update(rows(rng, 50), change(rows(rng, 50)))
    judging = np.random.default_rng(seed + 1000)
    return discriminator.judge(rows(judging, 150), change(rows(judging, 100)))


def start(name, seed=0):
    discriminator = registry.find_discriminator(name)
    discriminator.provider = ScriptedProvider()
    discriminator.start(PLAIN, SCHEMA, seed)
    return discriminator


@every_discriminator
def test_a_discriminator_is_made_by_its_name(name):
    assert isinstance(registry.find_discriminator(name), Discriminator)


@every_discriminator
@pytest.mark.parametrize('change', [same, shifted, strange])
def test_a_verdict_keeps_its_ranges(name, change):
    verdict = judged(name, change, seed=0)
    assert verdict.p_real.shape == (100,)
    assert ((verdict.p_real >= 0) & (verdict.p_real <= 1)).all()
    assert 0 <= verdict.score <= 1
    assert 0 <= verdict.accuracy <= 1
    assert verdict.log_loss >= 0
    assert isinstance(verdict.feedback, str)


@every_discriminator
def test_rows_like_the_real_ones_score_low_and_strange_ones_high(name):
    alike = [judged(name, same, seed) for seed in SEEDS]
    other = [judged(name, strange, seed) for seed in SEEDS]
    assert np.mean([verdict.score for verdict in alike]) < 0.15
    assert abs(np.mean([verdict.accuracy for verdict in alike]) - 0.5) < 0.1
    # How high is the discriminator's own scale: the analyzer's ends far below 1.
    assert min(verdict.score for verdict in other) > 2 * max(verdict.score for verdict in alike)
    assert min(verdict.score for verdict in other) > (0.8 if start(name).learns else 0.1)
    assert min(v.accuracy for v in other) > max(v.accuracy for v in alike)
    assert max(v.p_real.mean() for v in other) < min(v.p_real.mean() for v in alike)


@every_discriminator
def test_later_batches_teach_what_learns_more_and_never_what_is_not_there(name):
    first = np.mean([judged(name, shifted, seed, num_batches=1).log_loss for seed in SEEDS])
    later = np.mean([judged(name, shifted, seed, num_batches=5).log_loss for seed in SEEDS])
    assert later < first if start(name).learns else later == first
    none = [judged(name, same, seed, num_batches=5).score for seed in SEEDS]
    assert np.mean(none) < 0.2


@every_discriminator
def test_the_same_seed_gives_the_same_verdict_also_after_starting_again(name):
    first, again = judged(name, shifted, seed=3), judged(name, shifted, seed=3)
    np.testing.assert_array_equal(first.p_real, again.p_real)
    discriminator = start(name, seed=3)
    verdicts = []
    for _ in range(2):
        discriminator.start(PLAIN, SCHEMA, 3)
        rng = np.random.default_rng(0)
        discriminator.update(rows(rng, 50), shifted(rows(rng, 50)))
        verdicts.append(discriminator.judge(rows(rng, 50), shifted(rows(rng, 50))))
    np.testing.assert_array_equal(verdicts[0].p_real, verdicts[1].p_real)


@every_discriminator
def test_one_row_of_each_kind_is_enough_and_tables_stay_as_they_are(name):
    real, synthetic = PLAIN.iloc[[7]], PLAIN.iloc[[11]]
    before = real.copy(), synthetic.copy()
    discriminator = start(name)
    discriminator.update(real, synthetic)
    assert discriminator.judge(real, synthetic).p_real.shape == (1,)
    assert real.equals(before[0])
    assert synthetic.equals(before[1])


@every_discriminator
def test_a_pickled_discriminator_judges_and_learns_as_the_first(name):
    rng = np.random.default_rng(0)
    real, synthetic = rows(rng, 50), shifted(rows(rng, 50))
    discriminator = start(name)
    discriminator.update(real, synthetic)
    restored = cloudpickle.loads(cloudpickle.dumps(discriminator))
    for either in (discriminator, restored):
        either.update(real, synthetic)
    np.testing.assert_array_equal(
        discriminator.judge(real, synthetic).p_real, restored.judge(real, synthetic).p_real
    )


LOW = np.random.default_rng(0).integers(0, 60, 60)
BEDS = pd.DataFrame({
    'ward': np.resize(['north', 'south', 'east'], 60),
    'low': LOW,
    'high': LOW + np.resize([1, 5, 20, 30], 60),
})
BEDS_METADATA = Metadata.load_from_dict({
    'tables': {
        'beds': {
            'columns': {
                'ward': {'sdtype': 'categorical'},
                'low': {'sdtype': 'numerical'},
                'high': {'sdtype': 'numerical'},
            }
        }
    }
})


#: What a private sampler cannot look up in sixty rows.
BEDS_KNOWN = {
    'typical': [
        {'column': 'ward', 'shares': [['north', 0.4], ['south', 0.3], ['east', 0.3]]},
        {'column': 'low', 'quartiles': [10, 20, 30]},
        {'column': 'high', 'quartiles': [35, 45, 60]},
    ],
    'limits': [
        {'column': name, 'at_least': float(BEDS[name].min()), 'at_most': float(BEDS[name].max())}
        for name in ('low', 'high')
    ],
}


@pytest.fixture(scope='module')
def sampled():
    """A synthesizer fitted with each sampler, kept for all tests."""
    return {}


def unfitted(name, **settings):
    usual = {'llm': 'scripted', 'max_batches': 1, 'causal_graph': 'none', 'cache': False}
    if registry.find_sampler(name).is_private:
        usual['knowledge'] = BEDS_KNOWN
    return LLMGANSynthesizer(BEDS_METADATA, sampler=name, **usual, **settings)


def with_sampler(name, sampled, **settings):
    if settings or name not in sampled:
        made = unfitted(name, **settings)
        made.add_constraints([Inequality('low', 'high')])
        sdv_lines.fit(made, BEDS)
        if settings:
            return made
        sampled[name] = made
    sampled[name].reset_sampling()
    return sampled[name]


@every_sampler
def test_a_sampler_is_made_by_its_name_and_says_what_it_is(name):
    sampler = registry.find_sampler(name)
    assert isinstance(sampler, Sampler)
    told = sampler.asks_model, sampler.writes_text, sampler.meets_wishes, sampler.is_private
    for said in told:
        assert isinstance(said, bool)


@every_sampler
def test_as_many_rows_as_wanted_are_drawn_in_the_tables_form_under_its_rules(name, sampled):
    made = with_sampler(name, sampled)
    rows = sdv_lines.sample(made, 50)
    assert rows.dtypes.equals(BEDS.dtypes)
    assert len(rows) == 50
    assert (rows['low'] <= rows['high']).all()
    assert rows['low'].between(BEDS['low'].min(), BEDS['low'].max()).all()
    assert set(rows['ward']) <= set(BEDS['ward'])
    assert made.get_info()['sampler'] == name


@every_sampler
def test_rows_are_drawn_under_conditions_and_in_their_order(name, sampled):
    made = with_sampler(name, sampled)
    conditions = [RangeCondition({'low': (10, 30)}, 5), RangeCondition({'ward': 'north'}, 4)]
    rows = sdv_lines.sample_from_conditions(made, conditions)
    assert rows['low'][:5].between(10, 30).all()
    assert rows['ward'][5:].tolist() == ['north'] * 4
    assert (rows['low'] <= rows['high']).all()


@every_sampler
def test_a_sampler_draws_the_same_after_the_same_seed_and_goes_on_with_others(name, sampled):
    made = with_sampler(name, sampled)
    first, other = sdv_lines.sample(made, 10), sdv_lines.sample(made, 10)
    made.reset_sampling()
    pd.testing.assert_frame_equal(sdv_lines.sample(made, 10), first)
    assert not first.equals(other)
    again = sdv_lines.sample(with_sampler(name, sampled, seed=0), 10)
    if not registry.find_sampler(name).is_private:  # whose noise no seed gives away
        pd.testing.assert_frame_equal(again, first)


@every_sampler
def test_a_saved_synthesizer_draws_as_the_first_and_reports_where_rows_come_from(
    name, sampled, tmp_path
):
    made = with_sampler(name, sampled)
    made.save(str(tmp_path / 'model.pkl'))
    again = sdv_lines.load(tmp_path / 'model.pkl')
    again.reset_sampling()
    pd.testing.assert_frame_equal(sdv_lines.sample(again, 10), sdv_lines.sample(made, 10))
    assert again.get_info()['sampler'] == name


@every_sampler
@pytest.mark.parametrize('policy', [{'low': 'withhold'}, {'low': 'bucket', 'ward': 'pseudonymize'}])
def test_a_sampler_draws_all_columns_whatever_models_may_see(name, sampled, policy):
    bound = None if registry.find_sampler(name).is_private else 10
    egress = EgressPolicy(policy, rows=bound is not None, max_rows=bound)
    made = with_sampler(name, sampled, egress=egress)
    rows = sdv_lines.sample(made, 20)
    assert rows.dtypes.equals(BEDS.dtypes)
    assert (rows['low'] <= rows['high']).all()


@every_sampler
def test_only_a_sampler_that_asks_a_model_makes_calls(name, sampled):
    made = with_sampler(name, sampled)
    before = made.get_usage()['calls'].sum()
    sdv_lines.sample(made, 5)
    assert (made.get_usage()['calls'].sum() > before) == registry.find_sampler(name).asks_model


@every_sampler
def test_values_are_known_or_missing_where_that_is_asked_and_no_cell_is_where_none_is_to_be(
    name, sampled
):
    gapped = BEDS.assign(ward=BEDS['ward'].where(BEDS.index % 3 > 0))
    made = unfitted(name)
    made.add_constraints([Inequality('low', 'high')])
    sdv_lines.fit(made, gapped)
    conditions = [RangeCondition({'ward': (None, None)}, 5), RangeCondition({'ward': None}, 4)]
    rows = sdv_lines.sample_from_conditions(made, conditions)
    assert rows['ward'].isna().tolist() == [False] * 5 + [True] * 4
    whole = sdv_lines.sample(made, 20, missing=False)
    assert whole.notna().all(axis=None)
    assert len(whole) == 20
    assert (whole['low'] <= whole['high']).all()
