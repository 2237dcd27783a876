from __future__ import annotations

import json
import pickle
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sdv.cag import FixedCombinations, FixedIncrements, Inequality
from sdv.metadata import Metadata
from sdv.sampling import Condition, DataFrameCondition
from sdv_lines import fit, sample, sample_from_conditions, taken
from tables import LOOP_SETTINGS

from sdv_llmgan import LLMGANSynthesizer, RangeCondition, ScriptedProvider
from sdv_llmgan.egress.table_view import View
from sdv_llmgan.loop.choose_sampler import learned_by, training_set
from sdv_llmgan.loop.comparison import Comparison, Predictors, compare
from sdv_llmgan.loop.fitted_model import FittedModel
from sdv_llmgan.loop.history import History, Step
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.samplers.distillation import Distillation
from sdv_llmgan.table.column import Column
from sdv_llmgan.table.features import Features
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.training_set import GeneratedRows

pytestmark = [
    pytest.mark.filterwarnings('ignore:We strongly recommend saving the metadata'),
    pytest.mark.filterwarnings('ignore:No .datetime_format. is present'),
]


def beds(num_rows: int = 60, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 50, num_rows)
    city = rng.choice(['Lyon', 'Paris', 'Bonn'], num_rows)
    return pd.DataFrame({
        'country': np.where(city == 'Bonn', 'Germany', 'France'),
        'city': city,
        'low': low,
        'high': low + rng.integers(1, 30, num_rows),
        'price': (1 + low // 7 + rng.integers(0, 2, num_rows)) * 25,
        'day': pd.to_datetime('2024-01-01') + pd.to_timedelta(rng.integers(0, 300, num_rows), 'D'),
    })


METADATA = Metadata.load_from_dict({
    'tables': {
        'beds': {
            'columns': {
                'country': {'sdtype': 'categorical'},
                'city': {'sdtype': 'categorical'},
                'low': {'sdtype': 'numerical'},
                'high': {'sdtype': 'numerical'},
                'price': {'sdtype': 'numerical'},
                'day': {'sdtype': 'datetime'},
            }
        }
    },
    'relationships': [],
    'METADATA_SPEC_VERSION': 'V1',
})
RULES = [
    FixedCombinations(['country', 'city']),
    Inequality('low', 'high'),
    FixedIncrements('price', 25),
]


@pytest.fixture(scope='module')
def fitted() -> LLMGANSynthesizer:
    made = LLMGANSynthesizer(
        METADATA, llm=ScriptedProvider(), batch_size=200, max_batches=1, causal_graph='none'
    )
    made.add_constraints(RULES)
    fit(made, beds(200))
    return made


def calls(made: LLMGANSynthesizer) -> int:
    return len(made._model.generator.provider.provider.requests)


def test_values_that_are_made_up_are_not_compared_with_the_distilled_sampler(fitted):
    info = fitted.get_info()
    assert info['sampler'] == 'distilled'
    assert info['comparison'] is None
    told = 'Why not from elsewhere: the model has no rows that could be better.'
    assert told in fitted.history.to_markdown()


def test_a_fitted_synthesizer_can_be_pickled(fitted):
    again = pickle.loads(pickle.dumps(fitted))
    fitted.reset_sampling()
    again.reset_sampling()
    pd.testing.assert_frame_equal(sample(again, 20), sample(fitted, 20))


def test_distilled_rows_cost_no_call_and_keep_dtypes_and_rules(fitted):
    before = calls(fitted)
    rows = sample(fitted, 200)
    assert calls(fitted) == before
    assert len(rows) == 200
    assert rows.dtypes.equals(beds().dtypes)
    fitted.validate_constraints(rows)
    assert not rows.merge(beds(200)).shape[0]


def test_conditions_work_with_the_distilled_sampler(fitted):
    before = calls(fitted)
    rows = sample_from_conditions(
        fitted,
        [
            Condition({'city': 'Bonn'}, num_rows=5),
            DataFrameCondition(pd.DataFrame({'low': [10, 20, 30], 'price': [25, 50, 75]})),
            RangeCondition({'day': ('2024-03-01', '2024-03-31'), 'city': {'Lyon', 'Paris'}}, 20),
            RangeCondition({'high': (70, None)}, 4),
        ],
    )
    assert calls(fitted) == before
    assert (rows['city'][:5] == 'Bonn').all()
    assert (rows['country'][:5] == 'Germany').all()
    assert rows['low'][5:8].tolist() == [10, 20, 30]
    assert rows['price'][5:8].tolist() == [25, 50, 75]
    assert rows['day'][8:28].between('2024-03-01', '2024-03-31').all()
    assert rows['city'][8:28].isin(['Lyon', 'Paris']).all()
    assert (rows['high'][28:] >= 70).all()
    fitted.validate_constraints(rows)


def test_rows_in_a_rare_range_are_not_a_few_again_and_again():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({'low': rng.integers(0, 5_000, 60), 'high': rng.lognormal(9, 1, 60)})
    columns = {name: {'sdtype': 'numerical'} for name in table}
    metadata = Metadata.load_from_dict({
        'tables': {'t': {'columns': columns}},
        'relationships': [],
        'METADATA_SPEC_VERSION': 'V1',
    })
    made = LLMGANSynthesizer(metadata, llm=ScriptedProvider(), sampler='distilled', max_batches=1)
    fit(made, table)
    rare = {'low': (4_000, None), 'high': (float(table['high'].quantile(0.97)), None)}
    rows = sample_from_conditions(made, [RangeCondition(rare, 100)])
    assert len(rows.drop_duplicates()) > 80
    assert (rows['low'] >= 4_000).all()
    assert (rows['high'] >= rare['high'][0]).all()


def test_the_sample_after_a_reset_is_the_first_one_again(fitted):
    fitted.reset_sampling()
    first, second = sample(fitted, 20), sample(fitted, 20)
    fitted.reset_sampling()
    assert not first.equals(second)
    pd.testing.assert_frame_equal(sample(fitted, 20), first)


def test_an_edited_process_is_followed_by_the_model():
    made = LLMGANSynthesizer(
        METADATA, llm=ScriptedProvider(), max_batches=1, causal_graph='none', sampler='distilled'
    )
    fit(made, beds(20))
    assert made.get_info()['sampler'] == 'distilled'
    assert made.get_info()['comparison'] is None
    made.set_generation_process(made.get_generation_process().revised(instruction='Be brave.'))
    before = calls(made)
    assert len(taken(made.sample(5))) == 5
    assert calls(made) > before
    assert made.get_info()['sampler'] == 'llm'
    assert made.get_info()['gain'] is None


@pytest.mark.parametrize(
    ('llm', 'distilled', 'chosen'),
    [
        (0.1, 0.6, 'llm'),
        (0.35, 0.4, 'llm'),
        (0.37, 0.4, 'distilled'),
        (0.9, 0.2, 'distilled'),
        (None, None, 'distilled'),
    ],
)
def test_the_smaller_error_is_chosen_and_the_cheaper_source_where_both_are_alike(
    llm, distilled, chosen
):
    assert Comparison(llm, distilled, 0.04, 100).chosen == chosen


@pytest.mark.parametrize('step', [1.0, 0.1])
def test_whole_numbers_are_predicted_as_numbers_and_not_value_by_value(step):
    def rents(seed: int) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        size = rng.uniform(30, 120, 120).round(1)
        rent = np.round((12 * size + rng.normal(0, 40, 120)) / step) * step
        return pd.DataFrame({'size': size, 'rent': rent})

    real = rents(0)
    kinds = {name: {'sdtype': 'numerical'} for name in real}
    tables = {'rents': {'columns': kinds}}
    schema = TableSchema.from_sdv(Metadata.load_from_dict({'tables': tables}), real)
    assert schema['rent'].kind == ('integer' if step == 1 else 'number')
    features = Features(real, schema)
    learned, asked = ((rows, features.encode(rows)) for rows in (rents(1), real))
    assert Predictors(features, ['rent']).losses(learned, asked).mean(axis=1).max() < 0.2


def of_a_model(rows: pd.DataFrame) -> ScriptedProvider:
    """One that writes these rows, and keeps its directions."""
    fresh = iter(rows.to_dict('records'))

    def answer(request) -> str:
        if request.role != 'generator':
            return json.dumps({'add': [], 'remove': [], 'instruction': 'As before.'})
        count = request.json_schema['properties']['rows']['maxItems']
        written = [next(fresh) for _ in range(count)]
        return json.dumps({'rows': [{**row, 'day': f'{row["day"]:%Y-%m-%d}'} for row in written]})

    return ScriptedProvider(script=answer)


def test_the_numbers_that_chose_between_two_sources_of_rows_are_told():
    made = LLMGANSynthesizer(
        METADATA,
        llm=of_a_model(beds(4_000, seed=1)),
        target='price',
        row_format='objects',
        batch_size=40,
        max_batches=2,
        causal_graph='none',
    )
    fit(made, beds(40))
    comparison = made.get_info()['comparison']
    assert made.get_info()['sampler'] == Comparison(**comparison).chosen
    told = f'from rows of the model {comparison["llm"]:.2f}, of the distilled sampler '
    assert told in made.history.to_markdown()


def learned(rows: pd.DataFrame, seed: int = 0, **arguments: object) -> LLMGANSynthesizer:
    """Fitted on forty beds with a model that writes these rows."""
    given = {'row_format': 'objects', 'batch_size': 40, 'max_batches': 2, 'causal_graph': 'none'}
    given |= {'sampler': 'distilled', **arguments}
    made = LLMGANSynthesizer(METADATA, llm=of_a_model(rows), **given)
    fit(made, beds(40, seed))
    return made


def shuffled(rows: pd.DataFrame) -> pd.DataFrame:
    """Columns with the spread of real ones that tell nothing of each other."""
    rng = np.random.default_rng(0)
    mixed = {name: rng.permutation(rows[name]) for name in ('country', 'high', 'price')}
    return rows.assign(**mixed)


def test_a_fit_stops_paying_where_more_rows_of_the_model_would_add_nothing():
    knowing, guessing = beds(4_000, seed=7), shuffled(beds(4_000, seed=7))
    assert learned(knowing, seed=1).get_info()['stopped'] == 'max_batches'
    early = learned(guessing, seed=1)
    assert len(early.history) == 1
    assert early.get_info()['stopped'].startswith('more rows of this model would add nothing: ')
    assert len(learned(guessing, futility=False).history) == 2
    assert len(learned(guessing, sampler='llm').history) == 2


def test_a_fit_that_stopped_as_futile_does_not_look_once_more(monkeypatch):
    looks, trust = [], Distillation.trust

    def counted(distillation):
        looks.append(distillation)
        return trust(distillation)

    monkeypatch.setattr(Distillation, 'trust', counted)
    made = learned(shuffled(beds(4_000, seed=7)), seed=1, sampler='auto')
    assert made.get_info()['stopped'].startswith('more rows of this model would add nothing: ')
    assert made.get_info()['sampler'] == 'distilled'
    assert len(looks) == 1


def learned_share(rows: pd.DataFrame) -> tuple[dict[str, float], str]:
    made = learned(rows, futility=False)
    sources = made.get_info()['learned_from']
    assert all(sum(shares.values()) == pytest.approx(1) for shares in sources.values())
    assert list(made.get_info()['gain']) == list(made.get_info()['gain_error']) == list(sources)
    shares = {name: found['generated'] for name, found in sources.items()}
    return shares, made.history.to_markdown()


def test_what_a_model_knows_reaches_the_rows_and_what_it_does_not_does_not():
    knowing, story = learned_share(beds(4_000, seed=1))
    assert np.mean([*knowing.values()]) > 0.4
    assert "from the model's rows (mean of the columns)" in story
    assert 'nats a row, all columns together' in story
    guessing, _ = learned_share(shuffled(beds(4_000, seed=1)))
    assert np.mean([*guessing.values()]) < np.mean([*knowing.values()]) - 0.2


def stripes(num_rows: int, seed: int) -> pd.DataFrame:
    x = np.random.default_rng(seed).uniform(0, 8, num_rows)
    return pd.DataFrame({'x': x, 'y': np.where(x.astype(int) % 2, 'odd', 'even')})


def distilling(view: View, process: GenerationProcess, history: History) -> Distillation:
    writer = SimpleNamespace(generator=SimpleNamespace(provider=ScriptedProvider()))
    first = history.steps[0].process.causal_graph if history.steps else process.causal_graph
    fitted = FittedModel(process, history, view, writer, max_top_ups=0, first_graph=first)
    return Distillation(
        training_set(view, LOOP_SETTINGS, enforce_range=True),
        learned_by(fitted),
    )


def compared(real: pd.DataFrame, generated: GeneratedRows) -> Comparison:
    schema = TableSchema((
        Column('x', 'number', decimals=9),
        Column('y', 'categorical', ('even', 'odd')),
    ))
    view = View.everything(real, schema)
    process = GenerationProcess('', schema, CausalGraph((('x', 'y'),)))
    return compare(distilling(view, process, History()), view, [generated])


def test_what_predicts_real_rows_better_is_chosen():
    real = stripes(90, seed=0)
    shuffled = stripes(200, seed=1).assign(y=stripes(200, seed=2)['y'])
    poor = compared(real, GeneratedRows.of(shuffled))
    assert poor.chosen == 'distilled'
    # Lines and smooth curves, which quick models draw, do not see stripes; a forest does.
    good = compared(real, GeneratedRows.of(stripes(200, seed=3)))
    assert good.chosen == 'llm'
    assert good.llm < poor.llm - 0.1
    assert good.num_rows == 90


def test_copies_of_the_rows_that_a_prompt_showed_win_nothing():
    real = stripes(60, seed=0).assign(y=np.random.default_rng(5).choice(['even', 'odd'], 60))
    copies = pd.concat([real, real], ignore_index=True)
    shown = np.tile(np.arange(60), 2)[:, None]
    fair, fooled = (
        compared(real, GeneratedRows(copies, shown)),
        compared(real, GeneratedRows.of(copies)),
    )
    assert fair.llm > fooled.llm + 0.2
    assert fair.llm > 0.7


def test_held_out_rows_choose_between_the_graph_of_the_best_process_and_the_first():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 120)
    table = pd.DataFrame({'x': x, 'y': x**2 + rng.normal(0, 0.02, 120)})
    schema = TableSchema((Column('x', 'number', decimals=3), Column('y', 'number', decimals=3)))
    # y is told by x; x by y but for its sign.
    good, bad = CausalGraph((('x', 'y'),)), CausalGraph((('y', 'x'),))
    for first, best in ((good, bad), (bad, good), (bad, bad)):
        history = History()
        history.steps.append(Step(0, 0, GenerationProcess('', schema, first)))
        process = GenerationProcess('', schema, best)
        chosen = distilling(View.everything(table, schema), process, history).fit()
        assert chosen.causal_graph == (good if good in (first, best) else bad)


def test_free_text_is_never_copied_from_training_rows_but_written_by_the_model():
    table = beds(20).assign(note=[f'secret {number}' for number in range(20)])
    metadata = Metadata.load_from_dict(METADATA.to_dict())
    metadata.add_column('note', 'beds', sdtype='text', pii=False)
    settings = {'llm': ScriptedProvider(), 'max_batches': 1, 'causal_graph': 'none'}
    made = LLMGANSynthesizer(metadata, **settings)
    fit(made, table)
    assert made.get_info()['sampler'] == 'llm'
    assert not set(sample(made, 20)['note']) & set(table['note'])
    before = calls(made)
    strict = LLMGANSynthesizer(metadata, sampler='distilled', **settings)
    with pytest.raises(ValueError, match='cannot write free text .note'):
        fit(strict, table)
    assert calls(made) == before


def test_rows_of_a_model_that_guesses_change_nothing_even_after_the_last_batch():
    guessing = shuffled(beds(4_000, seed=7))

    def shares(**options: object) -> list[float]:
        made = learned(guessing, seed=1, max_batches=1, **options)
        return [share['generated'] for share in made.get_info()['learned_from'].values()]

    assert not any(shares())
    assert any(shares(futility=False))
    knowing = learned(beds(4_000, seed=7), seed=1, max_batches=1).get_info()['learned_from']
    assert any(share['generated'] > 0 for share in knowing.values())
