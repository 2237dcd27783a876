"""What is known that rows keep to: told to models in words, and kept by rows that are drawn."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sdv.metadata import Metadata
from sdv_lines import fit, sample

from sdv_llmgan import EgressPolicy, LLMGANSynthesizer, ScriptedProvider
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.process.knowledge import Knowledge
from sdv_llmgan.process.limits import Bound, Limit
from sdv_llmgan.providers.base import Request
from sdv_llmgan.roles.expert import agreed, knowledge_schema, read_knowledge
from sdv_llmgan.samplers.distilled.limits import HOLDS, CodedLimit
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.training_set import TrainingSet

HEAVY = Limit(Bound('weight', at_least=20), (Bound('kind', ('e-bike',)),))
LIGHT = Limit(Bound('weight', at_most=18), (Bound('kind', ('e-bike',)),))


def metadata() -> Metadata:
    columns = {
        'kind': {'sdtype': 'categorical'},
        'weight': {'sdtype': 'numerical'},
        'price': {'sdtype': 'numerical'},
    }
    return Metadata.load_from_dict({'tables': {'bikes': {'columns': columns}}})


def bikes(num_rows: int, *, exceptions: int = 0) -> pd.DataFrame:
    """Bicycles, one in four with a motor, which weighs."""
    rng = np.random.default_rng(0)
    has_motor = np.arange(num_rows) % 4 == 0
    weight = np.where(has_motor, rng.gamma(2, 2, num_rows) + 20, rng.normal(14, 3, num_rows))
    weight[np.flatnonzero(has_motor)[:exceptions]] = 15
    return pd.DataFrame({
        'kind': np.where(has_motor, 'e-bike', 'bike'),
        'weight': weight.round(1),
        'price': rng.integers(300, 4_000, num_rows),
    })


SCHEMA = TableSchema.from_sdv(metadata(), bikes(40))


def distilled(table: pd.DataFrame, *limits: Limit) -> DistilledSampler:
    plain = SCHEMA.to_plain(table)
    # The number is drawn last, so that it is what gives way.
    return DistilledSampler.fit(
        TrainingSet(plain, SCHEMA),
        [CausalGraph()],
        knowledge=Knowledge(limits=limits),
        order=['kind', 'price', 'weight'],
        quick=True,
    )


def broken(sampler: DistilledSampler, least: float = 20) -> float:
    rows = sampler.sample(4_000, np.random.default_rng(1))
    return float((rows.loc[rows['kind'] == 'e-bike', 'weight'] < least).mean())


def test_drawn_rows_keep_a_limit_that_the_real_rows_keep():
    without, with_it = broken(distilled(bikes(24))), broken(distilled(bikes(24), HEAVY))
    assert without > 0.05
    assert with_it < without / 5


def test_a_limit_leaves_the_shares_of_what_is_drawn_before_it():
    shares = [
        (sampler.sample(4_000, np.random.default_rng(1))['kind'] == 'e-bike').mean()
        for sampler in (distilled(bikes(24)), distilled(bikes(24), HEAVY))
    ]
    assert abs(shares[0] - shares[1]) < 0.03


def test_a_wrong_limit_changes_nothing_that_real_rows_contradict():
    with_it, without = distilled(bikes(24), LIGHT), distilled(bikes(24))
    assert with_it.chain.limits[0].trust < 1e-6
    assert abs(broken(with_it) - broken(without)) < 0.05


@pytest.mark.parametrize(
    ('num_real', 'num_broken', 'low', 'high'),
    [
        (0, 0, HOLDS, HOLDS),
        (10, 0, 0.9, 0.99),
        (10, 1, 0.5, 0.9),
        (10, 3, 0, 0.05),
        (40, 1, 0.9, 1),
        (5_000, 0, 0.99, 1),
        (5_000, 20, 0.99, 1),
        (5_000, 500, 0, 1e-9),
    ],
)
def test_trust_in_a_limit_grows_with_rows_that_keep_it_and_falls_with_those_that_break_it(
    num_real, num_broken, low, high
):
    trust = CodedLimit(HEAVY, distilled(bikes(24)).coding, num_real, num_broken).trust
    assert low - 1e-9 <= trust <= high + 1e-9


def test_missing_values_break_no_limit():
    table = bikes(24)
    table.loc[::3, 'weight'] = np.nan
    sampler = distilled(table, HEAVY)
    rows = sampler.sample(2_000, np.random.default_rng(1))
    assert rows['weight'].isna().mean() > 0.2
    assert sampler.chain.limits[0].num_broken == 0


def test_conditions_are_met_where_a_limit_says_otherwise():
    sampler = distilled(bikes(24), HEAVY)
    known = pd.DataFrame({'kind': ['e-bike'] * 5, 'weight': [12.0] * 5})
    rows = sampler.complete(known, np.random.default_rng(0))
    assert (rows['weight'] == 12).all()


@pytest.mark.parametrize(
    ('said', 'needed'),
    [
        ({'column': 'weight'}, 'either "one_of"'),
        ({'column': 'weight', 'at_least': 3, 'at_most': 1}, 'from small to large'),
        ({'column': 'kind', 'one_of': ['bike'], 'at_least': 1}, 'either "one_of"'),
        ({'column': 'weight', 'at_least': '3'}, 'a number'),
        ({'column': 'weight', 'at_least': 3, 'if': []}, 'unknown'),
        (
            {'column': 'weight', 'at_least': 3, 'when': [{'column': 'weight', 'at_most': 1}]},
            'each column once',
        ),
    ],
)
def test_what_limits_nothing_is_refused(said, needed):
    with pytest.raises(ValueError, match=needed):
        Knowledge.from_dict({'limits': [said]})


@pytest.mark.parametrize(
    'limit',
    [
        Limit(Bound('wheels', at_least=1)),
        Limit(Bound('kind', at_least=1)),
        Limit(Bound('weight', ('heavy',))),
        Limit(Bound('weight', at_least=1), (Bound('kind', ('tandem',)),)),
    ],
)
def test_limits_of_what_the_table_lacks_are_refused_by_a_user_and_left_out_of_a_model(limit):
    known = Knowledge(limits=(limit,))
    assert not known.within(SCHEMA)
    with pytest.raises(ValueError, match='not of columns of the table'):
        known.check(SCHEMA)


def test_limits_are_told_in_words_saved_and_read_back():
    both = Limit(Bound('price', (), 100, 900), (Bound('kind', ('bike', 'e-bike')),))
    known = Knowledge(limits=(HEAVY, both))
    assert known.lines() == [
        'where "kind" is "e-bike", "weight" is at least 20',
        'where "kind" is "bike" or "e-bike", "price" is at least 100 and at most 900',
    ]
    process = GenerationProcess('', SCHEMA, CausalGraph(), knowledge=known)
    assert GenerationProcess.from_json(process.to_json()) == process
    assert GenerationProcess.from_markdown(process.to_markdown()) == process


def test_a_models_limits_are_read_entry_by_entry_and_the_looser_of_two_holds():
    answer = {
        'effects': [],
        'typical': [],
        'rules': [],
        'limits': [
            {
                **{'column': 'weight', 'one_of': None, 'at_least': 20, 'at_most': None},
                'when': [{'column': 'kind', 'one_of': [' E-Bike'], 'at_least': None}],
            },
            {'column': 'weight', 'at_least': None, 'at_most': None, 'when': []},
            {'column': 'wheels', 'at_least': 2, 'when': []},
        ],
    }
    known, useless = read_knowledge(answer, SCHEMA)
    assert known.limits == (HEAVY,)
    assert useless == 2
    looser = replace(HEAVY, then=Bound('weight', at_least=17))
    assert agreed([known, Knowledge(limits=(looser,))]).limits == (looser,)
    assert set(knowledge_schema(SCHEMA.names)['required']) == set(answer)


def test_a_fit_asks_for_limits_tells_them_to_the_writer_and_says_how_far_they_are_trusted():
    said = {'effects': [], 'typical': [], 'rules': [], 'limits': [HEAVY.to_dict()]}

    def reply(request: Request) -> str:
        return json.dumps(said) if request.role == 'expert' else double.complete(request).text

    double = ScriptedProvider()
    llm = ScriptedProvider(script=reply, is_expert=True)
    made = LLMGANSynthesizer(metadata(), llm=llm, max_batches=1)
    fit(made, bikes(24))
    told = 'where "kind" is "e-bike", "weight" is at least 20'
    prompts = [r.messages[-1].content for r in llm.requests if r.role == 'generator']
    assert all(f'- {told}' in prompt for prompt in prompts)
    assert made.get_info()['limits'][told] > 0.9
    assert 'limits that are known: 1' in made.history.best().note
    rows = sample(made, 500)
    assert (rows.loc[rows['kind'] == 'e-bike', 'weight'] < 20).mean() < 0.03


def test_limits_on_ranges_that_stand_for_numbers_are_no_limits_on_the_numbers():
    said = {'column': 'price', 'at_most': 1_000, 'when': [{'column': 'kind', 'one_of': ['bike']}]}
    made = LLMGANSynthesizer(
        metadata(),
        llm=ScriptedProvider(),
        max_batches=1,
        knowledge={'limits': [said]},
        egress=EgressPolicy({'price': 'bucket'}),
    )
    fit(made, bikes(40))
    assert not made.get_generation_process().knowledge
    assert len(made.get_info()['limits']) == 1  # drawn here, of the real column


@pytest.mark.parametrize(
    ('make', 'needed'),
    [
        (lambda: Bound('kind', 'bike'), 'a tuple of levels'),
        (lambda: Bound('sold', at_least='2024-01-01'), 'limits are of no dates'),
        (lambda: Limit(Bound('weight', at_least=1), Bound('kind', ('bike',))), 'a tuple of Bound'),
    ],
)
def test_a_limit_of_the_wrong_kind_is_refused_in_words(make, needed):
    with pytest.raises(ValueError, match=needed):
        make()


def test_plain_rows_are_held_against_a_limit_as_coded_ones_are():
    table = bikes(40, exceptions=3)
    table.loc[0, 'weight'] = np.nan
    plain = SCHEMA.to_plain(table)
    sampler = distilled(table, HEAVY)
    coded = sampler.chain.limits[0].breaks(sampler.coding.encode(plain))
    assert HEAVY.breaks(plain).tolist() == coded.tolist()
    assert coded.sum() == 2
