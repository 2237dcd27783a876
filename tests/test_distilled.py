from __future__ import annotations

import itertools
import pickle
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from tables import visits, visits_metadata

from sdv_llmgan.metrics import DCRShare
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.samplers.distilled.candidates import Forest
from sdv_llmgan.samplers.distilled.categorical import LevelConditional
from sdv_llmgan.samplers.distilled.coding import TableCoding
from sdv_llmgan.samplers.distilled.nearness import nearness
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.samplers.distilled.similarity_filter import SimilarityFilter
from sdv_llmgan.samplers.distilled.thinning import AIM, thin
from sdv_llmgan.samplers.distilled.uniforms import spread_uniforms
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.training_set import GeneratedRows, TrainingSet


def people(num_rows: int = 200, seed: int = 0) -> tuple[pd.DataFrame, TableSchema]:
    """Charges that jump for heavy smokers; age missing for some women only."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(['f', 'm'], num_rows)
    age = rng.integers(18, 65, num_rows).astype(float)
    smoker = rng.random(num_rows) < 0.3
    charges = np.round(100.0 * age + 20_000 * smoker + rng.normal(0, 500, num_rows), 2)
    table = pd.DataFrame({
        'sex': sex,
        'age': np.where((sex == 'f') & (rng.random(num_rows) < 0.5), np.nan, age),
        'smoker': smoker,
        'charges': charges,
    })
    return _plain(table)


def _plain(table: pd.DataFrame) -> tuple[pd.DataFrame, TableSchema]:
    from sdv.metadata import Metadata

    sdtypes = {'sex': 'categorical', 'age': 'numerical', 'smoker': 'boolean'}
    metadata = Metadata.load_from_dict({
        'tables': {
            't': {'columns': {name: {'sdtype': sdtypes.get(name, 'numerical')} for name in table}}
        },
        'relationships': [],
        'METADATA_SPEC_VERSION': 'V1',
    })
    schema = TableSchema.from_sdv(metadata, table)
    return schema.to_plain(table), schema


def fit(
    table: pd.DataFrame,
    schema: TableSchema,
    causal_graphs: Sequence[CausalGraph] = (CausalGraph(),),
    *,
    enforce_range: bool = True,
    reject_copies: bool = True,
    generated: GeneratedRows | None = None,
    **arguments,
) -> DistilledSampler:
    training = TrainingSet(table, schema, enforce_range=enforce_range, reject_copies=reject_copies)
    fitted = DistilledSampler.fit(training, causal_graphs, **arguments)
    return fitted if generated is None else fitted.learning_from(generated)


def shares_of_generated(sampler: DistilledSampler) -> dict[str, float]:
    learned_from = sampler.chain.learned_from
    return {name: shares['generated'] for name, shares in learned_from.items()}


def claims(num_rows: int) -> tuple[pd.DataFrame, TableSchema]:
    """Seven people in ten claim nothing, smokers less often; a claim is an amount of its own."""
    rng = np.random.default_rng(1)
    smoker = rng.random(num_rows) < 0.4
    none = rng.random(num_rows) < np.where(smoker, 0.5, 0.85)
    amount = np.where(none, 0.0, rng.lognormal(7, 1, num_rows).round(2))
    return _plain(pd.DataFrame({'smoker': smoker, 'charges': amount}))


@pytest.mark.parametrize('num_rows', [100, 2_500])
def test_rows_that_chance_repeats_are_not_drawn_anew_but_records_are(num_rows):
    table, schema = claims(num_rows)
    sampler = fit(table, schema)
    rows = sampler.sample(4_000, np.random.default_rng(0))
    for value in (True, False):
        none, known = (t.loc[t['smoker'] == value, 'charges'] == 0 for t in (rows, table))
        assert none.mean() == pytest.approx(known.mean(), abs=0.06)
    claimed = rows[rows['charges'] > 0]
    [known] = sampler.repeats.whole.known
    assert known.avoided.sum() == (table['charges'] > 0).sum()
    assert claimed.merge(table, on=['smoker', 'charges']).empty


def test_copies_are_left_in_on_demand():
    ages = np.random.default_rng(0).choice(2_000, 60, replace=False)
    table, schema = _plain(pd.DataFrame({'age': ages}))
    for reject, are_there in ((True, False), (False, True)):
        sampler = fit(table, schema, reject_copies=reject)
        rows = sampler.sample(4_096, np.random.default_rng(0))
        assert rows['age'].isin(table['age']).any() == are_there


@pytest.fixture(scope='module')
def fitted() -> tuple[pd.DataFrame, DistilledSampler]:
    table, schema = people()
    return table, fit(table, schema)


def test_a_dependence_is_kept_and_a_shuffled_control_has_none(fitted):
    table, sampler = fitted
    shuffled = table.assign(charges=table['charges'].sample(frac=1, random_state=0).to_numpy())
    control = fit(shuffled, sampler.schema)

    def gap(rows: pd.DataFrame) -> float:
        by_smoker = rows.groupby(rows['smoker'].astype(bool))['charges'].mean()
        return by_smoker[True] - by_smoker[False]

    rng = np.random.default_rng(0)
    assert gap(sampler.sample(500, rng)) == pytest.approx(gap(table), rel=0.1)
    assert abs(gap(control.sample(500, rng))) < 0.25 * gap(table)


def test_missing_values_depend_on_what_they_depend_on(fitted):
    _, sampler = fitted
    rows = sampler.sample(1000, np.random.default_rng(1))
    missing = rows['age'].isna().groupby(rows['sex']).mean()
    assert missing['f'] == pytest.approx(0.5, abs=0.12)
    assert missing['m'] < 0.06


def test_every_kind_of_column_comes_out_right():
    table = visits(60)
    schema = TableSchema.from_sdv(visits_metadata(), table)
    plain = schema.to_plain(table)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        rows = fit(plain, schema).sample(300, np.random.default_rng(0))
    assert list(rows) == list(schema.names)
    assert (rows.dtypes == plain.dtypes).all()
    assert (rows['age'] == rows['age'].round()).all()
    assert rows['age'].between(plain['age'].min(), plain['age'].max()).all()
    assert (rows['weight'].round(1) == rows['weight']).all()
    assert set(rows['ward']) <= set(plain['ward'])
    assert set(map(type, rows['smoker'])) == {bool}
    assert rows['admitted'].between(plain['admitted'].min(), plain['admitted'].max()).all()
    assert (rows['admitted'] == rows['admitted'].dt.normalize()).all()
    assert schema.from_plain(rows)['stage'].isin([1, 2, 3]).all()


def test_numbers_may_leave_the_range_only_when_allowed():
    table, schema = people(100)
    low, high = table['charges'].min(), table['charges'].max()
    within = fit(table, schema).sample(3000, np.random.default_rng(0))['charges']
    beyond = fit(table, schema, enforce_range=False).sample(3000, np.random.default_rng(0))
    assert within.between(low, high).all()
    assert not beyond['charges'].between(low, high).all()


def test_no_row_repeats_a_training_row(fitted):
    table, sampler = fitted
    rows = sampler.sample(2000, np.random.default_rng(2))
    assert rows.merge(table.dropna().drop_duplicates(), how='inner').empty


def test_known_columns_are_kept_and_the_others_fit_to_them(fitted):
    _, sampler = fitted
    rng = np.random.default_rng(3)
    known = pd.DataFrame({'charges': [25_000.0] * 50 + [3_000.0] * 50})
    rows = sampler.complete(known, rng)
    assert rows['charges'].tolist() == known['charges'].tolist()
    assert rows['smoker'][:50].mean() > 0.9
    assert rows['smoker'][50:].mean() < 0.1


def test_told_all_of_a_training_row_but_a_cell_the_truth_is_not_the_one_answer_never_given(fitted):
    table, sampler = fitted
    row = table.dropna().iloc[[0]]
    known = pd.concat([row.drop(columns='age')] * 3_000, ignore_index=True)
    drawn = sampler.complete(known, np.random.default_rng(0))['age']
    near = drawn[(drawn - row['age'].iloc[0]).abs() <= 2].value_counts()
    assert near[row['age'].iloc[0]] > 0.3 * near.mean()


def test_conditions_may_be_missing_values(fitted):
    _, sampler = fitted
    rows = sampler.complete(pd.DataFrame({'age': [np.nan] * 100}), np.random.default_rng(4))
    assert rows['age'].isna().all()
    assert (rows['sex'] == 'f').mean() > 0.9


def test_an_unknown_condition_is_an_error(fitted):
    _, sampler = fitted
    with pytest.raises(ValueError, match='lacks: height'):
        sampler.complete(pd.DataFrame({'height': [1.0]}), np.random.default_rng(0))


def test_the_same_generator_gives_the_same_rows_also_after_pickling(fitted):
    _, sampler = fitted
    copy = pickle.loads(pickle.dumps(sampler))
    first = sampler.sample(50, np.random.default_rng(5))
    pd.testing.assert_frame_equal(first, copy.sample(50, np.random.default_rng(5)))
    assert not first.equals(sampler.sample(50, np.random.default_rng(6)))


def test_chunks_add_up(fitted):
    _, sampler = fitted
    sizes = [len(chunk) for chunk in sampler.chunks(250, np.random.default_rng(0), chunk_rows=100)]
    assert sizes == [100, 100, 50]


def test_generated_rows_count_as_far_as_real_ones_bear_them_out():
    table, schema = people(25)
    fresh = GeneratedRows.of(people(100, seed=1)[0])
    rng = np.random.default_rng(2)
    odd = GeneratedRows.of(fresh.rows.apply(lambda column: rng.permutation(column.to_numpy())))
    trust, distrust = (
        shares_of_generated(fit(table, schema, generated=rows)) for rows in (fresh, odd)
    )
    assert np.mean([*trust.values()]) > 0.5
    assert np.mean([*distrust.values()]) < 0.5
    assert trust['charges'] > 0.8
    assert distrust['charges'] < 0.2
    assert shares_of_generated(fit(table, schema)) == dict.fromkeys(trust, 0.0)


def test_rows_that_repeat_what_they_were_shown_help_nobody_and_fresh_ones_do():
    table, schema = people(40)
    alone = fit(table, schema).nats
    copies, shown = pd.concat([table] * 5, ignore_index=True), np.tile(np.arange(40), 5)[:, None]
    told = GeneratedRows.of(copies)
    assert fit(table, schema, generated=told).nats < alone - 0.3  # each row is told by its copies
    honest = GeneratedRows(copies, shown)
    assert fit(table, schema, generated=honest).nats > alone - 0.1
    fresh = GeneratedRows.of(people(300, seed=1)[0])
    assert fit(table, schema, generated=fresh).nats < alone - 0.05
    others = np.random.default_rng(0).integers(0, 40, (300, 2))
    after_others = GeneratedRows(fresh.rows, others)
    assert fit(table, schema, generated=after_others).nats < alone - 0.05


def test_rows_of_another_kind_do_not_look_like_help():
    table, schema = people(40)
    fresh, _ = people(200, seed=1)
    rng = np.random.default_rng(2)
    odd = fresh.assign(charges=rng.uniform(0, 90_000, 200), age=rng.uniform(18, 64, 200).round())
    counted = shares_of_generated(fit(table, schema, generated=GeneratedRows.of(odd)))
    assert counted['charges'] < 0.1
    as_counted = shares_of_generated(fit(table, schema, generated=GeneratedRows.of(fresh)))
    assert as_counted['charges'] > 0.8


def test_a_table_without_rows_is_an_error():
    table, schema = people(20)
    with pytest.raises(ValueError, match='needs at least one training row'):
        fit(table.head(0), schema)


def test_choices_tell_model_score_and_predecessors(fitted):
    _, sampler = fitted
    charges = next(line for line in sampler.choices() if line.startswith('charges: '))
    assert 'held-out score 0.' in charges
    assert 'smoker' in charges.split(' given ')[1]
    assert {link.name: link.conditional.score for link in sampler.chain}['charges'] < 0.5


def test_spread_uniforms_are_uniform_and_fill_every_run_of_like_rows():
    rng = np.random.default_rng(0)
    key = np.repeat([0.0, 1.0], 8)
    uniforms = spread_uniforms(key, rng)
    for run in (uniforms[:8], uniforms[8:]):
        assert sorted((np.sort(run) * 8).astype(int)) == list(range(8))
    means = [spread_uniforms(key, rng)[0] for _ in range(2000)]
    assert np.mean(means) == pytest.approx(0.5, abs=0.03)


def test_thinning_keeps_means_better_than_chance_and_every_row_as_likely():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(256, 3))
    picked = [thin(features, np.zeros(256), 3, rng) for _ in range(200)]
    by_chance = [rng.choice(256, 32, replace=False) for _ in range(200)]

    def error(choices: list[np.ndarray]) -> float:
        return float(np.mean([np.abs(features[c].mean(0) - features.mean(0)) for c in choices]))

    assert all(len(set(rows)) == 32 for rows in picked)
    assert error(picked) < 0.5 * error(by_chance)
    counts = np.bincount(np.concatenate(picked), minlength=256)
    assert counts.mean() == 25
    assert np.abs(counts - 25).max() < 5 * 5


def test_thinning_lowers_nearness_to_its_aim_and_keeps_the_means():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(512, 2))
    near = rng.random(512) ** 0.8
    picked = thin(features, near, 4, rng)
    assert near[picked].mean() == pytest.approx(AIM, abs=0.05)
    assert np.abs(features[picked].mean(0) - features.mean(0)).max() < 0.1


def test_thinning_keeps_best_what_predicts_the_target():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(1024, 12))
    features[:, 0] = features[:, 1] + rng.normal(size=1024)
    features[:, 0] /= features[:, 0].std()
    near, target = np.zeros(1024), np.arange(12) == 0

    def error(target: np.ndarray | None) -> float:
        with_target = features[:, 1:] * features[:, :1]
        picked = [thin(features, near, 5, rng, target) for _ in range(20)]
        return float(
            np.mean([np.abs(with_target[c].mean(0) - with_target.mean(0)) for c in picked])
        )

    assert error(target) < 0.8 * error(None)


def test_a_forest_gives_shares_of_levels_by_rows_that_count():
    rng = np.random.default_rng(0)
    features = rng.random((200, 2))
    levels = np.where(features[:, 0] < 0.5, 1, 0)
    # Rows that count nothing say otherwise.
    counted = rng.random(200) < 0.9
    forest = Forest.fit(features, np.where(counted, levels, 2), np.where(counted, 1.0, 0.0), 3, 0)
    shares = forest(np.array([[0.1, 0.5], [0.9, 0.5]]))
    assert shares.sum(1) == pytest.approx(1.0)
    assert shares[0, 1] > 0.9
    assert shares[1, 0] > 0.9


def test_many_rows_are_drawn_by_one_member_each_and_keep_the_mixture():
    def rising(features):
        share = features[:, 0]
        return np.column_stack([1 - share, share])

    def even(features):
        return np.full((len(features), 2), 0.5)

    marginal, weights = np.array([0.9, 0.1]), np.array([0.2, 0.5, 0.3])
    mixed = LevelConditional(marginal, weights, [rising, even], 'mixed', 0.0)
    features = np.repeat([[0.0], [0.4], [1.0]], 20_000, axis=0)
    drawn = mixed.draw(features, np.random.default_rng(0)).reshape(3, 20_000).mean(1)
    expected = mixed.probabilities(np.array([[0.0], [0.4], [1.0]]))[:, 1]
    assert np.abs(drawn - expected).max() < 0.015
    assert np.abs(drawn - expected[1]).max() > 0.1  # the features tell


def test_rows_that_repeat_training_rows_are_nearer_than_new_ones():
    table, schema = people(60)
    coding = TableCoding.fit(table, schema, enforce_range=True)
    training, new = coding.encode(table), coding.encode(people(400, seed=1)[0])
    both = {name: np.concatenate([new[name], training[name]]) for name in reversed(new)}
    chance, tied = nearness(coding, both, training)
    assert tied < 0.1
    assert chance[:400].mean() == pytest.approx(0.5, abs=0.06)
    assert chance[400:].min() > 0.9


def test_large_tables_keep_a_dependence_too():
    table, schema = people(2500)
    sampler = fit(table, schema)
    assert 'leaves' in sampler.choices()[-1]
    rows = sampler.sample(2000, np.random.default_rng(0))
    by_smoker = rows.groupby(rows['smoker'].astype(bool))['charges'].mean()
    assert by_smoker[True] - by_smoker[False] == pytest.approx(20_000, rel=0.05)
    assert rows.merge(table.dropna(), how='inner').empty


def test_the_first_number_of_a_large_table_keeps_its_tail():
    rng = np.random.default_rng(0)
    start = np.round(rng.exponential(100, 2500), 3)
    table, schema = _plain(pd.DataFrame({'start': start, 'end': start + rng.random(2500)}))
    sampler = fit(table, schema)
    drawn = sampler.sample(10_000, rng)['start']
    for share in (0.01, 0.5, 0.99, 0.998):
        assert drawn.quantile(share) == pytest.approx(np.quantile(start, share), rel=0.1)
    assert not set(drawn) <= set(start)


def test_large_tables_stand_off_from_their_training_rows():
    table, schema = people(2500)
    held_out, _ = people(2500, seed=1)
    sampler = fit(table, schema)

    def share() -> float:
        rows = sampler.sample(10_000, np.random.default_rng(0))
        return DCRShare.compute(table, rows, held_out_data=held_out)

    standing_off = share()
    sampler.similarity_filter = None
    assert share() > 0.53
    assert standing_off < share() - 0.02
    assert fit(*people(200)).similarity_filter is None


def test_rows_nearer_to_training_rows_are_kept_less_often():
    table, schema = people(2000)
    coding = TableCoding.fit(table, schema, enforce_range=True)
    training = coding.encode(table)
    generated, trial, fresh = (coding.encode(people(2000, seed)[0]) for seed in (1, 2, 3))
    similarity_filter = SimilarityFilter.fit(coding, training, generated, trial)
    assert similarity_filter.nearer(training).mean() > 0.99
    assert similarity_filter.nearer(generated).mean() < 0.01
    assert similarity_filter.nearer(fresh).mean() == pytest.approx(0.5, abs=0.03)
    assert similarity_filter.nearer({**fresh, 'sex': np.full(2000, -1.0)}).tolist() == [0.5] * 2000
    rng = np.random.default_rng(0)
    kept = similarity_filter.keeps(fresh, rng)
    assert similarity_filter.nearer(fresh)[kept].mean() == pytest.approx(AIM, abs=0.03)
    assert similarity_filter.keeps(training, rng).mean() == pytest.approx(
        similarity_filter.keep, abs=0.04
    )
    assert similarity_filter.keeps(generated, rng).mean() > 0.99
    already_far = SimilarityFilter.fit(coding, training, generated, generated)
    assert already_far.keep == 1
    assert already_far.keeps(training, rng).all()


def test_levels_come_before_numbers_where_held_out_rows_prefer_it():
    table, schema = people(150)
    backwards = CausalGraph((('charges', 'smoker'),))
    sampler = fit(table, schema, [backwards])
    order = [link.name for link in sampler.chain]
    assert order.index('smoker') < order.index('charges')
    chain_of_numbers = CausalGraph((('age', 'charges'),))
    kept = fit(table[['age', 'charges']], _part(schema), [chain_of_numbers])
    assert [link.name for link in kept.chain] == ['age', 'charges']


def test_a_given_order_is_kept():
    table, schema = people(150)
    given = ['charges', 'smoker', 'age', 'sex']
    sampler = fit(table, schema, order=given)
    assert [link.name for link in sampler.chain] == given
    with pytest.raises(ValueError, match='An order needs each of these columns once: sex, age'):
        fit(table, schema, order=['charges', 'smoker'])


@pytest.mark.parametrize('num_rows', [150, 600])
def test_held_out_rows_choose_among_graphs_in_tables_of_any_size(num_rows):
    rng = np.random.default_rng(0)
    x = rng.normal(size=num_rows)
    names = ('a', 'b', 'c')
    table, schema = _plain(
        pd.DataFrame({
            'a': np.round(x + rng.normal(0, 0.05, num_rows), 3),
            'b': np.round(x + rng.exponential(1, num_rows), 3),
            'c': np.round(x, 3),
        })
    )
    chains = [
        CausalGraph(tuple(zip(order, order[1:], strict=False)))
        for order in itertools.permutations(names)
    ]
    alone = [fit(table, schema, [graph]) for graph in chains]
    best = fit(table, schema, chains)
    assert [link.name for link in best.chain] == best.causal_graph.order(names)
    assert best.choices() in [sampler.choices() for sampler in alone]
    assert best.nats == pytest.approx(min(sampler.nats for sampler in alone), abs=0.02)
    assert best.nats < max(sampler.nats for sampler in alone) - 0.05


def test_an_interaction_is_seen_where_quick_models_compare_orders():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 600))
    z = x * y + rng.normal(0, 0.05, 600)
    table, schema = _plain(pd.DataFrame({'x': x, 'y': y, 'z': z}).round(3))
    backwards = CausalGraph((('z', 'x'), ('z', 'y'), ('x', 'y')))
    forwards = CausalGraph((('x', 'y'), ('y', 'z'), ('x', 'z')))
    sampler = fit(table, schema, [backwards, forwards])
    assert sampler.causal_graph is forwards
    rows = sampler.sample(600, rng)
    assert np.corrcoef(rows['z'], rows['x'] * rows['y'])[0, 1] > 0.95


def _part(schema: TableSchema) -> TableSchema:
    return TableSchema((schema['age'], schema['charges']))


@pytest.mark.parametrize('num_rows', [40, 2200])
def test_numbers_and_dates_without_a_value_in_these_rows_are_drawn_as_missing(num_rows):
    table = visits(num_rows + 1).assign(age=np.nan, admitted=None, sent=None)
    table.loc[0, ['age', 'admitted', 'sent']] = 30, '2024-01-05', '2024-01-05 10:00:00'
    metadata = visits_metadata(
        sent={'sdtype': 'datetime', 'datetime_format': '%Y-%m-%d %H:%M:%S'},
        note={'sdtype': 'categorical'},
    )
    schema = TableSchema.from_sdv(metadata, table)
    assert [schema[name].kind for name in ('age', 'sent')] == ['integer', 'datetime']
    plain = schema.to_plain(table).iloc[1:]
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        sampler = fit(plain, schema)
        drawn = sampler.sample(30, np.random.default_rng(0))
        completed = sampler.complete(
            pd.DataFrame({'ward': ['north'] * 5, 'age': [50.0] * 5}), np.random.default_rng(0)
        )
    assert (sampler.similarity_filter is None) == (num_rows == 40)
    assert drawn[['age', 'admitted', 'sent']].isna().all(axis=None)
    assert drawn['sent'].dtype == plain['sent'].dtype
    assert completed[['admitted', 'sent']].isna().all(axis=None)
    assert (completed['age'] == 50).all()
    assert drawn['weight'].notna().all()
    assert np.isfinite(sampler.nats)


@pytest.mark.parametrize('stored', ['%d.%m.%Y %H:%M:%S.%f', None])
def test_times_keep_fractions_of_a_second_and_stay_within_their_bounds(stored):
    rng = np.random.default_rng(0)
    times = pd.Timestamp('2024-01-01') + pd.to_timedelta(rng.integers(100, 900_000, 60), 'us')
    table = pd.DataFrame({'at': times if stored is None else times.strftime(stored)})
    declared = {} if stored is None else {'datetime_format': stored}
    schema = TableSchema.from_sdv(visits_metadata(at={'sdtype': 'datetime', **declared}), table)
    plain = schema.to_plain(table)
    rows = fit(plain, schema).sample(500, np.random.default_rng(0))
    assert rows['at'].between(times.min(), times.max()).all()
    assert rows['at'].nunique() > 400
    assert (rows['at'].dt.nanosecond == 0).all()
    stored_rows = schema.from_plain(rows)
    pd.testing.assert_frame_equal(schema.to_plain(stored_rows), rows)


def test_whole_seconds_stay_whole():
    times = pd.date_range('2024-01-01 00:00:07', periods=50, freq='37s')
    table = pd.DataFrame({'at': times})
    schema = TableSchema.from_sdv(visits_metadata(at={'sdtype': 'datetime'}), table)
    rows = fit(table, schema).sample(300, np.random.default_rng(0))
    assert (rows['at'] == rows['at'].dt.floor('s')).all()
    assert rows['at'].between(times[0], times[-1]).all()


@pytest.mark.parametrize('num_values', [1, 2, 3])
def test_few_values_in_a_number_of_a_large_table_have_a_score(num_values):
    table, schema = people(2200)
    table.loc[num_values:, 'age'] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        sampler = fit(table, schema)
        rows = sampler.sample(5000, np.random.default_rng(0))
    assert np.isfinite(sampler.nats)
    assert not any('nan' in choice for choice in sampler.choices())
    assert rows['age'].isna().mean() > 0.99
    assert rows['age'].dropna().between(table['age'].min(), table['age'].max()).all()
