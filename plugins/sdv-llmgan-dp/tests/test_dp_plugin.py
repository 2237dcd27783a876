from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sdv_llmgan import Knowledge, Learned, TableSchema, TrainingSet, Wanted, registry
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.table.allowed import Allowed
from sdv_llmgan.table.column import Column
from sdv_llmgan.table.training_set import GeneratedRows

pytest.importorskip('opendp')
from sdv_llmgan_dp import DPSampler  # noqa: E402
from sdv_llmgan_dp.cells import Levels, Ranges, ranges  # noqa: E402
from sdv_llmgan_dp.correct import corrected, raked  # noqa: E402
from sdv_llmgan_dp.learn import Learning  # noqa: E402
from sdv_llmgan_dp.measured import (  # noqa: E402
    PUBLISHING_SHARE,
    MeasuredRows,
    epsilon_of,
    gaussian_scale,
    rho_of,
)
from sdv_llmgan_dp.tree import Tree, directed, spanning  # noqa: E402

INF = math.inf
SCHEMA = TableSchema((
    Column('job', 'categorical', nullable=True),
    Column('age', 'integer', nullable=False, dtype='int64'),
    Column('pay', 'number', decimals=1, nullable=True, dtype='float64'),
))
TOLD = {
    'categories': {'job': ['nurse', 'clerk', 'cook']},
    'ranges': {'age': (18, 67), 'pay': (0.0, 50.0)},
}


def people(num_rows, seed=0):
    """Nurses are older, the old earn more, and one pay in five is missing."""
    rng = np.random.default_rng(seed)
    job = rng.choice(
        np.array(['nurse', 'clerk', 'cook'], dtype=object), num_rows, p=[0.2, 0.5, 0.3]
    )
    age = np.where(job == 'nurse', rng.integers(45, 68, num_rows), rng.integers(18, 50, num_rows))
    pay = np.clip(age / 2 + rng.normal(0, 2, num_rows), 0, 50).round(1)
    return pd.DataFrame({
        'job': job,
        'age': age.astype(float),
        'pay': np.where(rng.random(num_rows) < 0.2, np.nan, pay),
    })


def nothing_known(edges=()):
    process = GenerationProcess('', TableSchema(()), CausalGraph())
    return Learned(process, None, causal_graphs=[CausalGraph.from_edges(edges)])


def fitted(rows, epsilon=INF, learned=None, target=None, schema=SCHEMA, told=TOLD, **settings):
    sampler = DPSampler(epsilon, **{**told, **settings})
    sampler.fit(TrainingSet(rows, schema, target=target), learned or nothing_known())
    return sampler


def drawn(sampler, num_rows=2000, seed=0, **cells):
    wanted = pd.DataFrame({name: [cell] * num_rows for name, cell in cells.items()}, dtype=object)
    wanted = Wanted(wanted) if cells else Wanted.unconditioned(num_rows)
    return sampler.sample(wanted, np.random.default_rng(seed)).rows


def every(rows):
    return np.zeros(len(rows), dtype=int)


# Noise and accounting.


def test_noise_of_counts_is_the_discrete_gaussian_of_its_scale_and_no_other():
    rho, cells = 0.02, 20_000
    rows = pd.DataFrame({'cell': np.repeat(np.arange(cells), 1)})
    measured = MeasuredRows(rows, 1.0, 1e-7)
    noisy, variance = measured.counts(lambda rows: rows['cell'].to_numpy(), cells, rho, 'columns')
    noise, scale = (noisy - 1).round().astype(int), math.sqrt(variance)
    assert scale == pytest.approx(5.0)
    assert (noise == noisy - 1).all()
    assert abs(noise.mean()) < 6 * scale / math.sqrt(cells)
    assert noise.var() == pytest.approx(variance, rel=6 * math.sqrt(2 / cells))

    def misfit(likely):
        places = np.arange(-15, 16)
        expected = likely(places) / likely(np.arange(-200, 201)).sum() * cells
        found = np.array([Counter(noise.tolist())[place] for place in places])
        return stats.chi2.sf(((found - expected) ** 2 / expected).sum(), len(places) - 1)

    assert misfit(lambda x: np.exp(-(x**2) / (2 * variance))) > 1e-7
    assert misfit(lambda x: np.exp(-(x**2) / (2 * 0.8 * variance))) < 1e-12
    assert misfit(lambda x: np.exp(-np.abs(x) * math.sqrt(2) / scale)) < 1e-12


@pytest.mark.parametrize('epsilon', [0.1, 1.0, 3.0, 10.0])
def test_rho_is_worth_the_epsilon_by_the_library_and_by_the_published_formula(epsilon):
    delta = 1e-6
    rho = rho_of(epsilon, delta)
    assert epsilon_of(rho, delta) <= epsilon
    assert epsilon_of(1.01 * rho, delta) > epsilon
    # Canonne, Kamath and Steinke, The discrete Gaussian, 2020, proposition 7, of what is left.
    alpha = np.geomspace(1.0001, 10_000, 200_000)
    log = (alpha - 1) * (alpha * rho - epsilon) + alpha * np.log1p(-1 / alpha) - np.log(alpha - 1)
    assert math.exp(log.min()) == pytest.approx((1 - PUBLISHING_SHARE) * delta, rel=0.03)


def test_a_scale_is_that_of_zero_concentrated_privacy():
    assert gaussian_scale(0.005) == pytest.approx(10.0)
    assert gaussian_scale(0.5) == pytest.approx(1.0)
    assert gaussian_scale(INF) == 0


def test_what_a_fit_has_used_adds_up_to_rho_and_to_no_more():
    for target in (None, 'job'):
        sampler = fitted(people(200), 1.0, target=target)
        used = sampler.privacy.costs
        assert sum(used.values()) == pytest.approx(rho_of(1.0, 1e-6), rel=1e-6)
        assert sum(used.values()) < rho_of(1.0, 1e-6)
        assert set(used) == {'columns', 'graph', 'tables'}
    paid = fitted(people(5000), 5.0, told={})
    assert set(paid.privacy.costs) == {'categories', 'ranges', 'columns', 'graph', 'tables'}
    assert sum(paid.privacy.costs.values()) == pytest.approx(rho_of(5.0, 1e-6), rel=1e-6)


def test_the_library_refuses_an_answer_beyond_the_budget():
    measured = MeasuredRows(people(50), 0.1, 1e-7)
    measured.counts(every, 1, 0.06, 'columns')
    with pytest.raises(Exception, match='ordering|exceed|budget'):
        measured.counts(every, 1, 0.06, 'columns')


def test_one_row_more_changes_no_score_of_an_edge_by_more_than_one():
    rows = people(60)
    learning = Learning(
        MeasuredRows(rows, INF, 1e-7),
        {name: cells_of(name) for name in rows},
        pd.DataFrame(),
        'job',
        (),
        INF,
    )
    learning.learn()
    expected = np.round(learning.num_rows * learning._unlinked('age', 'pay'))

    def score(table):
        return learning._distance(table, ('age', 'pay'), expected)

    changes = [score(pd.concat([rows, people(1, seed)])) - score(rows) for seed in range(40)]
    assert np.abs(changes).max() == 1


def cells_of(name):
    if name == 'job':
        return Levels(SCHEMA['job'], ('nurse', 'clerk', 'cook'))
    low, high, step = {'age': (18, 67, 1.0), 'pay': (0, 50, 0.1)}[name]
    return ranges(SCHEMA[name], step, low, high)


@pytest.mark.parametrize('name', ['job', 'age', 'pay'])
def test_a_cell_depends_on_its_own_row_alone(name):
    rows = pd.concat([people(50), people(50, seed=1)], ignore_index=True)
    rows.loc[0, name] = {'job': 'pilot', 'age': -1e9, 'pay': 1e9}[name]
    one = cells_of(name)
    alone = [one.code(rows[name].iloc[[place]])[0] for place in range(100)]
    assert one.code(rows[name]).tolist() == alone
    assert one.code(rows[name].iloc[::-1]).tolist() == alone[::-1]
    assert min(alone) >= 0
    assert max(alone) < len(one)


# An attack on two neighbouring tables.


def best_odds(epsilon, runs=120):
    """How sure an attacker who knows all but one row is that it is there; a bound at 99.99 %."""
    schema = TableSchema((Column('ill', 'boolean', dtype='bool'),))
    rows = pd.DataFrame({'ill': [False] * 20}, dtype=object)
    tables = [rows, pd.concat([rows, pd.DataFrame({'ill': [True]}, dtype=object)])]
    found = []
    for table in tables:
        counts = []
        for _ in range(runs):
            sampler = fitted(table, epsilon, schema=schema, told={})
            marginal = sampler._fitted.marginals['ill']
            counts.append(marginal.shares[0])  # of True
        found.append(np.array(counts))
    least = -INF
    for threshold in np.unique(np.concatenate(found)):
        without, there = ((part >= threshold).sum() for part in found)
        low = stats.beta.ppf(1e-4, there, runs - there + 1) if there else 0.0
        high = stats.beta.ppf(1 - 1e-4, without + 1, runs - without) if without < runs else 1.0
        least = max(least, math.log(low / high) if low > 0 else -INF)
    return least


def test_an_attack_on_neighbouring_tables_wins_no_more_than_epsilon_and_wins_without_noise():
    assert best_odds(0.5) <= 0.5
    assert best_odds(INF) > 2


# Without noise.


def test_with_an_infinite_epsilon_all_shares_are_those_of_the_rows():
    rows = people(500)
    sampler = fitted(rows, target='job')
    assert sampler.privacy.epsilon == INF
    fit = sampler._fitted
    for name, one in fit.cells.items():
        counts = np.bincount(one.code(rows[name]), minlength=len(one)) / len(rows)
        np.testing.assert_allclose(fit.marginals[name].shares, counts, atol=1e-12)
    groups = {
        name: fit.marginals[name].groups[one.code(rows[name])] for name, one in fit.cells.items()
    }
    for name in ('age', 'pay'):
        table = sampler.tree.shares[name]
        above = sampler.tree.parents.get(name)
        up = groups[above] if above else np.zeros(500, dtype=int)
        for parent, target in {*zip(up, groups['job'], strict=True)}:
            of_line = groups[name][(up == parent) & (groups['job'] == target)]
            exact = np.bincount(of_line, minlength=table.shape[2]) / len(of_line)
            np.testing.assert_allclose(table[parent, target], exact, atol=1e-9)


def test_without_noise_two_fits_are_the_same_and_with_noise_they_are_not():
    rows = people(300)
    same = [drawn(fitted(rows)) for _ in range(2)]
    pd.testing.assert_frame_equal(*same)
    other = [drawn(fitted(rows, 1.0)) for _ in range(2)]
    assert not other[0].equals(other[1])


def test_a_large_epsilon_draws_what_the_rows_have_and_a_small_one_cannot():
    rows = people(4000)

    def off(epsilon):
        made = drawn(fitted(rows, epsilon, target='job'), 4000)
        old = made.groupby('job')['age'].mean().reindex(['nurse', 'clerk', 'cook'])
        return np.nan_to_num((old - rows.groupby('job')['age'].mean()).abs(), nan=50).max()

    assert off(10.0) < 2
    assert np.median([off(0.001) for _ in range(5)]) > 4


# What is known.


def knowing(shares, rows=None):
    known = Knowledge.from_dict({'typical': [{'column': 'job', 'shares': shares}]})
    schema = TableSchema((Column('job', 'categorical', tuple(level for level, _ in shares)),))
    process = GenerationProcess('', schema, CausalGraph(), knowledge=known)
    levels, likely = zip(*shares, strict=True)
    jobs = np.random.default_rng(0).choice(np.array(levels, dtype=object), 20_000, p=likely)
    made = GeneratedRows.of(pd.DataFrame({'job': jobs}))
    return Learned(process, None, causal_graphs=[CausalGraph()], generated=made, known=known)


def test_counts_that_noise_hides_are_those_known_and_clear_ones_are_those_of_the_rows():
    known = knowing([('nurse', 0.7), ('clerk', 0.2), ('cook', 0.1)])
    rows = people(3000)
    told = {'ranges': TOLD['ranges']}
    hidden = [
        drawn(fitted(rows, 0.01, known, told=told))['job'].eq('nurse').mean() for _ in range(21)
    ]
    clear = drawn(fitted(rows, 10.0, known, told=told))['job'].value_counts(normalize=True)
    assert clear['nurse'] == pytest.approx(0.2, abs=0.05)
    assert np.median(hidden) == pytest.approx(0.7, abs=0.1)  # one in ten is far off by noise


def test_known_categories_are_free_and_others_are_paid_for():
    known = knowing([('nurse', 0.3), ('clerk', 0.4), ('cook', 0.3)])
    told = {'ranges': TOLD['ranges']}
    assert 'categories' not in fitted(people(100), 1.0, known, told=told).privacy.costs
    trusted = replace(known, known=Knowledge())  # a model said so
    assert 'categories' in fitted(people(100), 1.0, trusted, told=told).privacy.costs


def test_known_edges_are_taken_where_noise_is_large_and_better_ones_chosen_where_it_is_small():
    known = nothing_known([('job', 'pay')])
    assert ('job', 'pay') in {*fitted(people(100), 0.5, known).tree.edges} | {
        (b, a) for a, b in fitted(people(100), 0.5, known).tree.edges
    }
    chosen = {frozenset(edge) for edge in fitted(people(3000), INF, known).tree.edges}
    assert frozenset(('age', 'pay')) in chosen


# Cells that are paid for.


def test_a_rare_category_is_never_named_and_a_common_one_is():
    rows = people(3000)
    rows.loc[[0, 1], 'job'] = 'astronaut'
    made = fitted(rows, 3.0, told={'ranges': TOLD['ranges']})
    assert set(made._fitted.cells['job'].levels) == {'nurse', 'clerk', 'cook'}
    assert 'astronaut' not in set(drawn(made)['job'])
    exact = fitted(rows, INF, told={'ranges': TOLD['ranges']})
    assert 'astronaut' in exact._fitted.cells['job'].levels


def test_a_paid_range_holds_the_values_and_is_no_extreme_of_the_rows():
    one = fitted(people(5000), 5.0, told={'categories': TOLD['categories']})._fitted.cells['age']
    assert (one.starts[0], one.last) == (16, 128)  # powers of 2 around 18 to 67
    assert isinstance(one, Ranges)


def test_what_noise_hides_is_asked_for_in_words():
    with pytest.raises(ValueError, match=r"categories=\{'job': \[...\]\}"):
        fitted(people(20), 0.1, told={'ranges': TOLD['ranges']})
    with pytest.raises(ValueError, match=r"ranges=\{'age': \[0, 100\]\}"):
        fitted(people(20), 0.1, told={'categories': TOLD['categories']})


@pytest.mark.parametrize(
    ('settings', 'said'),
    [
        ({'epsilon': 0}, 'epsilon must be above 0'),
        ({'epsilon': True}, 'epsilon must be above 0'),
        ({'delta': 0.0}, 'delta must be above 0'),
        ({'categories': {'job': 'nurse'}}, 'needs a list'),
        ({'ranges': {'age': (60, 20)}}, 'the least and the greatest'),
        ({'decimals': {'pay': -1}}, 'needs 0 or more'),
    ],
)
def test_arguments_that_cannot_work_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        DPSampler(**settings)


def test_arguments_of_columns_that_there_are_not_are_refused():
    with pytest.raises(ValueError, match='categories: "age" is no column that is modelled as cat'):
        fitted(people(20), categories={'age': [1]})


# Rows.


def test_rows_are_in_range_in_steps_and_missing_only_where_they_may_be():
    rows = drawn(fitted(people(800), 3.0, target='job'))
    assert rows['age'].between(18, 67).all()
    assert (rows['age'] % 1 == 0).all()
    pay = rows['pay'].dropna()
    assert pay.between(0, 50).all()
    np.testing.assert_allclose(pay, pay.round(1))
    assert 0.05 < rows['pay'].isna().mean() < 0.4
    assert set(rows['job'].dropna()) <= {'nurse', 'clerk', 'cook'}


@pytest.mark.parametrize('target', [None, 'job'])
def test_conditions_of_every_kind_are_met_also_where_no_row_has_them(target):
    sampler = fitted(people(400), 3.0, target=target)
    cells = {
        'job': Allowed(('nurse', None)),
        'age': Allowed(minimum=18, maximum=20),
        'pay': Allowed(minimum=49.85),
    }
    rows = drawn(sampler, 50, **cells)
    assert set(rows['job'].dropna()) <= {'nurse'}
    assert rows['age'].between(18, 20).all()
    assert rows['pay'].between(49.9, 50).all()
    assert drawn(sampler, 20, pay=Allowed((None,)))['pay'].isna().all()
    assert drawn(sampler, 20, pay=Allowed())['pay'].notna().all()
    assert set(drawn(sampler, 60, age=Allowed((30, 31)))['age']) == {30.0, 31.0}
    assert set(drawn(sampler, 5, job=Allowed(('pilot',)))['job']) == {'pilot'}
    assert set(drawn(sampler, 5, age=Allowed((90,)))['age']) == {90.0}


def test_a_condition_changes_what_hangs_on_it_as_in_the_rows():
    rows = people(4000)
    sampler = fitted(rows, target='pay')
    old = drawn(sampler, 2000, age=Allowed(minimum=55))
    exact = rows[rows['age'] >= 55]
    assert (old['job'] == 'nurse').mean() == pytest.approx(
        (exact['job'] == 'nurse').mean(), abs=0.08
    )
    assert old['pay'].mean() == pytest.approx(exact['pay'].mean(), abs=1.5)


def test_dates_and_numbers_of_wide_ranges_are_drawn_in_their_cells():
    schema = TableSchema((
        Column('day', 'datetime', nullable=True, dtype='datetime64[ns]'),
        Column('debt', 'integer', dtype='int64'),
    ))
    days = pd.to_datetime('2020-01-01') + pd.to_timedelta(np.arange(600) % 300, 'D')
    debt = np.where(np.arange(600) % 3 > 0, 0.0, 99_999.0)
    rows = pd.DataFrame({'day': days.astype('datetime64[ns]'), 'debt': debt})
    told = {'ranges': {'day': ('2019-12-01', '2020-12-31'), 'debt': (0, 99_999)}}
    made = drawn(fitted(rows, INF, schema=schema, told=told))
    assert made['day'].between('2019-12-25', '2020-11-10').mean() > 0.99
    assert (made['day'] == made['day'].dt.normalize()).all()
    assert (made['debt'] == 0).mean() == pytest.approx(2 / 3, abs=0.05)
    assert (made['debt'] == 99_999).mean() == pytest.approx(1 / 3, abs=0.05)


# Tables and trees by themselves.


def test_without_noise_counts_stay_and_under_noise_they_are_what_is_expected():
    noisy = np.array([[12.0, 0.0, 5.0, 3.0]])
    expected = np.array([[0.25, 0.25, 0.25, 0.25]])
    np.testing.assert_allclose(corrected(noisy, expected, 0.0, np.array([20.0]), 2.0), noisy)
    flat = corrected(noisy, expected, 1e6, np.array([20.0]), 2.0)
    np.testing.assert_allclose(flat, [[5.0] * 4])
    some = corrected(np.array([[900.0, -3.0, 2.0, 4.0]]), expected, 25.0, np.array([903.0]), 2.0)
    assert some[0, 0] > 880
    assert some.min() >= 0
    assert some.sum() == pytest.approx(903)


def test_a_raked_table_has_its_margins():
    table = np.random.default_rng(0).random((3, 2, 4)) + 0.1
    wanted = np.random.default_rng(1).random((3, 2, 4))
    wanted /= wanted.sum()
    fitted_table = raked(table, [((0, 1), wanted.sum(2)), ((1, 2), wanted.sum(0))])
    np.testing.assert_allclose(fitted_table.sum(2), wanted.sum(2), atol=1e-6)
    np.testing.assert_allclose(fitted_table.sum(0), wanted.sum(0), atol=1e-6)


def test_rows_of_a_tree_under_conditions_are_as_likely_as_by_the_whole_table():
    rng = np.random.default_rng(0)
    sizes = {'y': (1, 1, 2), 'a': (1, 2, 3), 'b': (3, 2, 2), 'c': (3, 2, 4)}
    shares = {name: rng.dirichlet(np.ones(size[2]), size[:2]) for name, size in sizes.items()}
    tree = Tree(('y', 'a', 'b', 'c'), {'b': 'a', 'c': 'a'}, 'y', shares)
    whole = np.einsum(
        'y,ya,ayb,ayc->yabc', shares['y'][0, 0], shares['a'][0], shares['b'], shares['c']
    )
    weights = {'b': np.array([1.0, 0.0]), 'c': np.array([0.5, 0, 1, 0.2])}
    whole = whole * weights['b'][:, None] * weights['c']
    found = tree.draw(weights, 200_000, rng)
    counts = np.zeros_like(whole)
    np.add.at(counts, tuple(found[name] for name in 'yabc'), 1)
    np.testing.assert_allclose(counts / 200_000, whole / whole.sum(), atol=0.006)


def test_edges_that_close_a_circle_are_left_out_and_the_rest_has_a_direction():
    kept, parts = spanning('abcd', [('a', 'b'), ('b', 'c'), ('a', 'c')])
    assert kept == [('a', 'b'), ('b', 'c')]
    assert sorted(map(sorted, parts)) == [['a', 'b', 'c'], ['d']]
    order, parents = directed('cabd', kept)
    assert order == ['c', 'b', 'a', 'd']
    assert parents == {'b': 'c', 'a': 'b'}


def test_the_sampler_is_found_by_name_and_loading_it_does_not_load_opendp():
    assert isinstance(registry.find_sampler('dp'), DPSampler)
    code = "import sdv_llmgan_dp, sys; assert 'opendp' not in sys.modules"
    subprocess.run([sys.executable, '-W', 'ignore', '-c', code], check=True)
