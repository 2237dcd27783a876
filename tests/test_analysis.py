"""Each claim of the analyzer from both sides: what is honest passes, what is not is flagged."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats.contingency import association
from sdmetrics.column_pairs import CorrelationSimilarity
from sdmetrics.single_column import (
    BoundaryAdherence,
    CategoryCoverage,
    KSComplement,
    MissingValueSimilarity,
    RangeCoverage,
)

from sdv_llmgan.analysis import CategoricalColumn, analyze
from sdv_llmgan.analysis.statistics import adaptive_bins, divergences, exceedance_p_value
from sdv_llmgan.table.schema import Column, TableSchema

PEOPLE = TableSchema((
    Column('age', 'integer', minimum=18, maximum=90),
    Column('income', 'number', decimals=2, nullable=True),
    Column('tax', 'number', decimals=2, nullable=True),
    Column('job', 'categorical', categories=('clerk', 'nurse', 'judge', 'baker')),
    Column('smoker', 'boolean'),
    Column('joined', 'datetime'),
    Column('note', 'text', nullable=True),
))
SIZES = [50, 2_000]
SEEDS = [0, 1, 2, 3]
JOBS = np.array(['clerk', 'nurse', 'judge', 'baker'], dtype=object)


def people(num_rows: int, seed: int) -> pd.DataFrame:
    """Plain rows: income rises with age and job, and income and tax are missing together."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 91, num_rows).astype(float)
    job = rng.choice(4, num_rows, p=[0.4, 0.3, 0.2, 0.1])
    income = np.round(1_000 * (1 + job) * rng.lognormal(0, 0.3, num_rows) + 40 * age, 2)
    tax = np.round(income * rng.uniform(0.2, 0.3, num_rows), 2)
    lacking = rng.random(num_rows) < 0.2
    return pd.DataFrame({
        'age': age,
        'income': np.where(lacking, np.nan, income),
        'tax': np.where(lacking, np.nan, tax),
        'job': JOBS[job],
        'smoker': np.array([bool(x) for x in rng.random(num_rows) < 0.3], dtype=object),
        'joined': pd.Timestamp('2020-01-01') + pd.to_timedelta(rng.integers(0, 999, num_rows), 'D'),
        'note': pd.Series(
            [None if x < 2 else 'x' * x for x in rng.integers(0, 40, num_rows)], dtype=object
        ),
    }).astype({'joined': 'datetime64[ns]'})


def topics(diagnostics, column=None):
    return {
        finding.topic
        for finding in diagnostics.problems
        if column is None or column in finding.columns
    }


def numbers(values, *more):
    """Plain tables of one numerical column, and their schema."""
    tables = [pd.DataFrame({'x': np.asarray(part, dtype=float)}) for part in (values, *more)]
    return *tables, TableSchema((Column('x', 'number', decimals=6),))


def categories(values, *more):
    tables = [pd.DataFrame({'c': pd.Series(list(part), dtype=object)}) for part in (values, *more)]
    return *tables, TableSchema((Column('c', 'categorical'),))


def column_pair(kinds, real, synthetic):
    """The diagnostics of two columns, given as lists of values; their pair, too."""
    schema = TableSchema((Column('a', kinds[0], decimals=6), Column('b', kinds[1], decimals=6)))
    dtypes = ['float64' if kind == 'number' else 'object' for kind in kinds]
    tables = [
        pd.DataFrame({
            name: pd.Series(list(values), dtype=dtype)
            for name, values, dtype in zip('ab', table, dtypes, strict=True)
        })
        for table in (real, synthetic)
    ]
    diagnostics = analyze(*tables, schema)
    return diagnostics, diagnostics.pairs[0]


# Honest, shifted, collapsed, copied


@pytest.mark.parametrize('seed', SEEDS)
@pytest.mark.parametrize(('num_rows', 'least'), [(50, 0.91), (2_000, 0.98)])
def test_two_honest_samples_score_high_and_nothing_is_found(num_rows, least, seed):
    diagnostics = analyze(people(num_rows, seed), people(num_rows, seed + 100), PEOPLE)
    assert least < diagnostics.score < 1
    assert diagnostics.findings() == []


@pytest.mark.parametrize(('n_real', 'n_synthetic'), [(25, 25), (50, 50), (300, 30), (30, 300)])
def test_honest_small_samples_are_hardly_ever_flagged(n_real, n_synthetic):
    flagged = [
        bool(analyze(people(n_real, seed), people(n_synthetic, seed + 100), PEOPLE).problems)
        for seed in range(40)
    ]
    assert sum(flagged) <= 2


@pytest.mark.parametrize('seed', SEEDS)
@pytest.mark.parametrize('num_rows', SIZES)
def test_a_shifted_column_is_flagged_for_its_shape_and_others_are_not(num_rows, seed):
    real, synthetic = people(num_rows, seed), people(num_rows, seed + 100)
    honest = analyze(real, synthetic, PEOPLE)
    synthetic['age'] += 40
    shifted = analyze(real, synthetic, PEOPLE)
    assert 'shape' in topics(shifted, 'age')
    assert 'copies' not in topics(shifted)
    assert not topics(shifted) - topics(shifted, 'age')
    assert shifted.score < honest.score
    assert '"age": median' in '\n'.join(shifted.findings())


@pytest.mark.parametrize('seed', SEEDS)
@pytest.mark.parametrize('num_rows', SIZES)
def test_a_column_collapsed_to_its_middle_is_too_narrow(num_rows, seed):
    real, synthetic = people(num_rows, seed), people(num_rows, seed + 100)
    synthetic['age'] = 54 + (synthetic['age'] - 54) // 3
    diagnostics = analyze(real, synthetic, PEOPLE)
    assert 'narrow' in topics(diagnostics, 'age')
    assert diagnostics.columns[0].coverage < 0.4
    assert 'outside' not in topics(diagnostics, 'age')
    text = next(one.text for one in diagnostics.problems if one.topic == 'narrow')
    assert text.startswith('"age" is too narrow: synthetic covers 3')


@pytest.mark.parametrize('num_rows', SIZES)
def test_a_generator_that_says_the_same_few_rows_is_flagged_for_repeating(num_rows):
    few = people(num_rows, 100).iloc[np.arange(num_rows) % 5].reset_index(drop=True)
    diagnostics = analyze(people(num_rows, 0), few, PEOPLE)
    assert diagnostics.copies.repeated == (num_rows - 5) / num_rows
    assert diagnostics.copies.exact == 0
    assert any('repeat an earlier one' in text for text in diagnostics.findings(20))


@pytest.mark.parametrize('seed', SEEDS)
@pytest.mark.parametrize('num_rows', SIZES)
def test_copied_rows_are_flagged_as_copies_though_they_score_best(num_rows, seed):
    real = people(num_rows, seed)
    copied = real.sample(frac=1, random_state=seed)
    diagnostics = analyze(real, copied, PEOPLE)
    assert diagnostics.score == pytest.approx(1)
    assert diagnostics.copies.exact == 1
    assert diagnostics.copies.expected_exact == 0
    assert topics(diagnostics) == {'copies', 'too exact'}
    assert 'copies: 100% of the synthetic rows equal a real row' in diagnostics.findings()[0]


@pytest.mark.parametrize('seed', SEEDS)
@pytest.mark.parametrize('num_rows', SIZES)
def test_a_third_of_the_rows_copied_is_enough_for_a_warning(num_rows, seed):
    real, synthetic = people(num_rows, seed), people(num_rows, seed + 100)
    synthetic[: num_rows // 3] = real[: num_rows // 3]
    diagnostics = analyze(real, synthetic, PEOPLE)
    assert diagnostics.copies.exact == num_rows // 3 / num_rows
    assert topics(diagnostics) == {'copies'}


@pytest.mark.parametrize('num_rows', SIZES)
def test_rows_changed_by_a_hair_are_near_copies_but_not_exact_ones(num_rows):
    real = people(num_rows, 0)
    nudged = real.assign(income=real['income'] + 0.01)
    diagnostics = analyze(real, nudged, PEOPLE)
    assert diagnostics.copies.exact == real['income'].isna().mean() < 0.3
    assert diagnostics.copies.near > 0.9
    assert diagnostics.copies.p_near < 1e-6
    assert 'copies' in topics(diagnostics)


def test_exact_copies_are_told_at_the_precision_a_model_writes():
    real, same, schema = numbers([1.5, 2.5, 3.5], [1.5000000001, 2.4, 3.5])
    assert analyze(real, same, schema).copies.exact == pytest.approx(2 / 3)


@pytest.mark.parametrize('num_rows', SIZES)
def test_a_table_of_few_categories_repeats_itself_and_gets_no_copy_warning(num_rows):
    schema = TableSchema(tuple(Column(name, 'boolean') for name in 'abcdef'))
    for seed in range(10):
        rng = np.random.default_rng(seed)
        real, synthetic = (
            pd.DataFrame(rng.random((num_rows, 6)) < 0.3, columns=list('abcdef')).astype(object)
            for _ in range(2)
        )
        diagnostics = analyze(real, synthetic, schema)
        assert diagnostics.copies.exact > 0.4
        assert diagnostics.problems == ()


@pytest.mark.parametrize('num_rows', SIZES)
def test_columns_shuffled_one_by_one_are_too_exact_though_no_row_is_copied(num_rows):
    real = people(num_rows, 0)
    rng = np.random.default_rng(1)
    shuffled = real.assign(**{name: rng.permutation(real[name]) for name in real})
    diagnostics = analyze(real, shuffled.astype(real.dtypes), PEOPLE)
    assert diagnostics.copies.exact == 0
    assert diagnostics.copies.misfit == 0
    assert 'too exact' in topics(diagnostics)
    assert 'missing together' in topics(diagnostics, 'income')


@pytest.mark.parametrize('num_rows', SIZES)
def test_rows_drawn_with_the_real_frequencies_are_not_too_exact(num_rows):
    real = people(num_rows, 0)
    for seed in SEEDS:
        drawn = real.sample(num_rows, replace=True, random_state=seed)
        diagnostics = analyze(real, drawn, PEOPLE)
        assert 0.5 < diagnostics.copies.misfit < 1.6
        assert 'too exact' not in topics(diagnostics)


def test_one_column_of_two_categories_can_agree_by_chance():
    real, same, schema = categories(['a', 'b'] * 25, ['b', 'a'] * 25)
    diagnostics = analyze(real, same, schema)
    assert diagnostics.copies.misfit == 0
    assert diagnostics.problems == ()


# Columns


def test_column_figures_are_those_of_sdmetrics():
    real, synthetic = people(200, 0), people(150, 1)
    by_name = {column.name: column for column in analyze(real, synthetic, PEOPLE).columns}
    for name in ('age', 'income', 'joined'):
        column = by_name[name]
        assert column.ks == pytest.approx(KSComplement.compute(real[name], synthetic[name]))
        assert column.coverage == pytest.approx(RangeCoverage.compute(real[name], synthetic[name]))
        inside = BoundaryAdherence.compute(real[name], synthetic[name])
        assert column.outside == pytest.approx(1 - inside)
    job = CategoryCoverage.compute(real['job'], synthetic['job'])
    assert by_name['job'].coverage == pytest.approx(job)


def test_equal_columns_are_alike_in_every_figure():
    real, same, schema = numbers([1, 2, 3, 4] * 10, [4, 3, 2, 1] * 10)
    column = analyze(real, same, schema).columns[0]
    assert (column.ks, column.coverage, column.outside) == (1, 1, 0)
    assert (column.kl, column.js) == pytest.approx((1, 1))
    real, same, schema = categories('aab' * 20, 'aba' * 20)
    column = analyze(real, same, schema).columns[0]
    assert (column.chi_squared, column.coverage, column.outside) == (1, 1, 0)
    assert (column.kl, column.js, column.p_value) == pytest.approx((1, 1, 1))


def test_disjoint_columns_are_alike_in_none():
    real, other, schema = numbers(range(100), range(200, 300))
    column = analyze(real, other, schema).columns[0]
    assert (column.ks, column.coverage, column.outside) == (0, 0, 1)
    assert column.kl < 0.25
    assert column.js < 0.15
    real, other, schema = categories('ab' * 50, 'xy' * 50)
    column = analyze(real, other, schema).columns[0]
    assert (column.chi_squared, column.coverage, column.outside) == (0, 0, 1)
    assert column.js < 0.15
    assert column.missing == ('a', 'b')
    assert column.unseen == ('x', 'y')


def test_divergences_follow_their_definitions():
    p, q = np.array([7.5, 1.5]) / 9, np.array([3.5, 5.5]) / 9
    middle = (p + q) / 2
    kl = np.sum(p * np.log(p / q))
    js = (np.sum(p * np.log2(p / middle)) + np.sum(q * np.log2(q / middle))) / 2
    found = divergences(np.array([7, 1]), np.array([3, 5]))
    assert found == pytest.approx((1 / (1 + kl), 1 - js))


def test_adaptive_bins_hold_equally_many_rows_and_spare_spikes():
    even = adaptive_bins(np.arange(800) ** 3, 400)
    assert sorted(set(np.bincount(even))) == [88, 89]
    assert len(np.bincount(even)) == 9
    zeros = adaptive_bins(np.array([0.0] * 92 + [5.0, 6, 7, 8, 9, 10, 11, 12]), 50)
    assert np.bincount(zeros).tolist() == [92, 8]
    assert adaptive_bins(np.array([7.0, 7, 7]), 3).tolist() == [0, 0, 0]


def test_a_column_of_mostly_zeros_is_not_taken_for_constant():
    real, synthetic, schema = numbers([0] * 180 + [500] * 20, [0] * 200)
    diagnostics = analyze(real, synthetic, schema)
    assert diagnostics.columns[0].js < 0.97
    assert 'narrow' in topics(diagnostics)


@pytest.mark.parametrize(('n', 'm', 'beyond'), [(4, 3, 0), (4, 3, 2), (4, 3, 4), (3, 5, 1)])
def test_the_exceedance_p_value_is_the_share_of_all_orders(n, m, beyond):
    hits = total = 0
    for firsts in combinations(range(n + m), n):
        others = [place for place in range(n + m) if place not in firsts]
        outside = sum(not min(others) < place < max(others) for place in firsts)
        hits += outside >= beyond
        total += 1
    assert exceedance_p_value(beyond, n, m) == pytest.approx(hits / total)


@pytest.mark.parametrize('num_rows', SIZES)
def test_values_beyond_the_real_range_are_flagged_and_a_few_are_not(num_rows):
    real, synthetic = people(num_rows, 0), people(num_rows, 100)
    synthetic.loc[: num_rows // 4, 'age'] = 120.0
    diagnostics = analyze(real, synthetic, PEOPLE)
    assert 'outside' in topics(diagnostics, 'age')
    assert 0.25 < diagnostics.columns[0].outside < 0.35
    synthetic = people(num_rows, 100)
    synthetic.loc[0, 'age'] = 120.0
    assert 'outside' not in topics(analyze(real, synthetic, PEOPLE))


@pytest.mark.parametrize('num_rows', SIZES)
def test_a_category_that_is_never_written_is_named(num_rows):
    real, synthetic = people(num_rows, 0), people(num_rows, 100)
    synthetic['job'] = synthetic['job'].where(synthetic['job'] != 'nurse', 'clerk')
    diagnostics = analyze(real, synthetic, PEOPLE)
    job = diagnostics.columns[3]
    assert job.missing == ('nurse',)
    assert job.coverage == 0.75
    text = next(one.text for one in diagnostics.problems if one.columns == ('job',))
    assert 'category "nurse" is' in text
    assert 'real, 0% synthetic' in text


def test_a_rare_category_that_a_small_sample_lacks_is_no_problem():
    real, synthetic, schema = categories(['a'] * 47 + ['b'] * 3, ['a'] * 50)
    diagnostics = analyze(real, synthetic, schema)
    assert diagnostics.columns[0].missing == ('b',)
    assert diagnostics.problems == ()


def test_categories_that_are_not_real_are_counted_and_named():
    real, synthetic, schema = categories('ab' * 25, 'ab' * 15 + 'x' * 20)
    diagnostics = analyze(real, synthetic, schema)
    assert diagnostics.columns[0].outside == 0.4
    assert 'not in the real data (40% of values): "x"' in diagnostics.findings()[0]


@pytest.mark.parametrize('num_rows', SIZES)
def test_a_thousand_categories_are_honest_when_drawn_alike_and_flagged_when_not(num_rows):
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, 1_001)
    draw = [rng.choice(1_000, num_rows, p=shares / shares.sum()) for _ in range(2)]
    real, synthetic, schema = categories(*draw)
    honest = analyze(real, synthetic, schema)
    assert honest.problems == ()
    assert honest.score > 0.85
    real, synthetic, schema = categories(draw[0], 999 - draw[1])
    assert 'shape' in topics(analyze(real, synthetic, schema))


def test_text_is_compared_by_its_length():
    real, synthetic = people(200, 0), people(200, 100)
    synthetic['note'] = 'about twenty letters!'
    diagnostics = analyze(real, synthetic, PEOPLE)
    assert diagnostics.columns[6].coverage == 0
    assert any('"note" (length of the text)' in text for text in diagnostics.findings())


def test_trifles_are_not_findings_however_many_rows_prove_them():
    rng = np.random.default_rng(0)
    real, synthetic, schema = numbers(rng.normal(0, 1, 30_000), rng.normal(0.08, 1, 30_000))
    diagnostics = analyze(real, synthetic, schema)
    assert diagnostics.columns[0].p_value < 1e-9
    assert diagnostics.problems == ()


# Pairs


def test_pearson_similarity_is_that_of_sdmetrics():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 1, (2, 100))
    real, synthetic = (x, x + y), (y, x)
    _, pair = column_pair(['number', 'number'], real, synthetic)
    frames = [pd.DataFrame({'a': a, 'b': b}) for a, b in (real, synthetic)]
    expected = CorrelationSimilarity.compute_breakdown(*frames)
    assert pair.measure == 'pearson'
    assert (pair.real, pair.synthetic) == pytest.approx((expected['real'], expected['synthetic']))
    assert pair.similarity == pytest.approx(expected['score'])


def test_cramers_v_is_scipys_less_its_bias():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 3, 20_000)
    b = np.where(rng.random(20_000) < 0.5, a, rng.integers(0, 3, 20_000))
    _, pair = column_pair(['categorical', 'categorical'], (a, b), (a, b))
    assert pair.measure == 'cramers_v'
    assert pair.real == pytest.approx(association(pd.crosstab(a, b).to_numpy()), abs=1e-3)
    assert pair.similarity == 1


def test_the_correlation_ratio_is_the_root_of_the_variance_between_groups():
    group, values = ['a'] * 500 + ['b'] * 500, [*np.arange(500), *np.arange(300, 800)]
    _, pair = column_pair(['categorical', 'number'], (group, values), (group, values))
    between = np.var([np.mean(values[:500]), np.mean(values[500:])])
    assert pair.measure == 'correlation_ratio'
    assert pair.real == pytest.approx(np.sqrt(between / np.var(values)), abs=2e-3)


def test_independent_columns_of_a_small_table_show_no_dependence():
    rng = np.random.default_rng(0)
    values = [
        column_pair(['categorical', 'categorical'], *rng.integers(0, 4, (2, 2, 50)))[1].real
        for _ in range(30)
    ]
    assert np.mean(values) < 0.08


@pytest.mark.parametrize('num_rows', SIZES)
@pytest.mark.parametrize(
    'kinds', ['number number', 'categorical number', 'categorical categorical']
)
def test_a_lost_and_a_reversed_dependence_are_flagged_and_a_kept_one_is_not(kinds, num_rows):
    rng = np.random.default_rng(0)

    def columns(sign):
        sides = rng.choice([-1, 1], num_rows)
        other = sign * np.where(rng.random(num_rows) < 0.97, sides, -sides)
        noise = rng.normal(0, 0.2, (2, num_rows))
        return [
            value + noise[i] if kind == 'number' else value
            for i, (kind, value) in enumerate(zip(kinds.split(), (sides, other), strict=True))
        ]

    real = columns(1)
    kept, pair = column_pair(kinds.split(), real, columns(1))
    assert kept.problems == ()
    assert pair.similarity > 0.85
    turned, pair = column_pair(kinds.split(), real, columns(-1))
    assert topics(turned) == {'dependence'}
    assert pair.similarity < 0.3
    a, b = columns(1)
    lost, pair = column_pair(kinds.split(), real, (a, rng.permutation(b)))
    assert topics(lost) == {'dependence'}
    assert 0.5 < pair.similarity < 0.75
    assert any('"a" and "b": ' in text for text in lost.findings())


def test_a_dependence_that_real_rows_lack_is_flagged():
    real, synthetic = people(50, 0), people(50, 100)
    synthetic['income'] = synthetic['age'] * 100
    assert 'dependence' in topics(analyze(real, synthetic, PEOPLE), 'age')


# Missing values


def test_missing_rates_are_those_of_sdmetrics_and_a_wrong_one_is_flagged():
    real, synthetic = people(50, 0), people(50, 100)
    honest = analyze(real, synthetic, PEOPLE)
    rate = honest.missing.rates[0]
    expected = MissingValueSimilarity.compute(real['income'], synthetic['income'])
    assert (rate.name, rate.similarity) == ('income', pytest.approx(expected))
    assert 'missing' not in topics(honest)
    synthetic.loc[:30, 'note'] = None
    flagged = analyze(real, synthetic, PEOPLE)
    assert 'missing' in topics(flagged, 'note')
    assert flagged.missing.similarity < honest.missing.similarity


@pytest.mark.parametrize('num_rows', SIZES)
def test_values_missing_in_other_rows_are_flagged_though_rates_are_right(num_rows):
    real, synthetic = people(num_rows, 0), people(num_rows, 100)
    assert analyze(real, synthetic, PEOPLE).missing.together[0].similarity == 1
    synthetic['tax'] = synthetic['tax'].to_numpy()[::-1]
    diagnostics = analyze(real, synthetic, PEOPLE)
    assert 'missing together' in topics(diagnostics, 'tax')
    assert 'missing' not in topics(diagnostics)
    assert diagnostics.missing.pattern_similarity < 0.9


# Odd tables


def test_tables_as_sdv_stores_them_give_the_same_as_plain_ones():
    real, synthetic = people(60, 0), people(60, 1)
    stored = [
        table.assign(
            age=table['age'].astype(int),
            smoker=table['smoker'].astype(bool),
            joined=table['joined'].dt.strftime('%Y-%m-%d'),
            job=table['job'].astype('category'),
            key=range(60),
        )
        for table in (real, synthetic)
    ]
    schema = TableSchema(
        tuple(
            Column(one.name, one.kind, stored_format='%Y-%m-%d') if one.name == 'joined' else one
            for one in PEOPLE
        )
    )
    assert analyze(*stored, schema).to_json() == analyze(real, synthetic, schema).to_json()


def test_the_same_tables_always_get_the_same_diagnostics():
    real, synthetic = people(60, 0), people(60, 1)
    assert analyze(real, synthetic, PEOPLE) == analyze(real, synthetic, PEOPLE)


@pytest.mark.parametrize('which', ['real', 'synthetic'])
def test_a_table_without_rows_is_refused_with_advice(which):
    tables = {'real': people(5, 0), 'synthetic': people(5, 1)}
    tables[which] = tables[which][:0]
    with pytest.raises(ValueError, match=f'at least one {which} row to compare, got none. Sample'):
        analyze(**tables, schema=PEOPLE)


def test_a_table_that_lacks_a_column_is_refused():
    with pytest.raises(ValueError, match='synthetic table lacks columns of the schema: job'):
        analyze(people(5, 0), people(5, 1).drop(columns='job'), PEOPLE)


def test_a_schema_without_columns_is_refused():
    with pytest.raises(ValueError, match='Needed a schema with a column'):
        analyze(people(5, 0), people(5, 1), TableSchema(()))


@pytest.mark.parametrize(('n_real', 'n_synthetic'), [(1, 1), (1, 50), (50, 1), (2, 3)])
def test_tables_of_a_row_or_two_have_diagnostics_and_no_findings(n_real, n_synthetic):
    diagnostics = analyze(people(n_real, 0), people(n_synthetic, 1), PEOPLE)
    assert 0 <= diagnostics.score <= 1
    assert diagnostics.problems == ()
    assert json.loads(diagnostics.to_json())['n_real'] == n_real


def test_a_column_without_values_is_compared_only_where_the_real_one_has_some():
    full, empty, schema = numbers([1, 2, 3] * 20, [np.nan] * 60)
    assert analyze(full, full, schema).columns[0].ks == 1
    lost = analyze(full, empty, schema)
    assert (lost.columns[0].ks, lost.columns[0].coverage) == (0, 0)
    assert topics(lost) == {'missing'}
    never = analyze(empty, empty, schema)
    assert never.columns[0].similarity is None
    assert never.score == 1
    full, empty, schema = categories('abc' * 20, [None] * 60)
    assert analyze(full, empty, schema).columns[0].missing == ('a', 'b', 'c')
    assert analyze(empty, full, schema).columns[0].similarity is None
    assert topics(analyze(empty, full, schema)) == {'missing'}


def test_constant_columns_are_alike_where_the_constant_is_kept():
    real, moved, schema = numbers([5] * 50, [6] * 50)
    assert analyze(real, real, schema).columns[0].coverage == 1
    assert analyze(real, real, schema).problems == ()
    diagnostics = analyze(real, moved, schema)
    assert (diagnostics.columns[0].coverage, diagnostics.columns[0].outside) == (0, 1)
    assert {'shape', 'outside'} <= topics(diagnostics)


def test_pairs_with_a_constant_in_both_tables_are_left_out():
    x = list(range(50))
    diagnostics, pair = column_pair(['number', 'number'], (x, x), (x, [1] * 50))
    assert (pair.real, pair.synthetic) == (pytest.approx(1), 0)
    assert pair.similarity == pytest.approx(0.5)
    schema = TableSchema((Column('a', 'number'), Column('b', 'number')))
    table = pd.DataFrame({'a': np.arange(50.0), 'b': np.ones(50)})
    assert analyze(table, table, schema).pairs == ()


def test_infinite_numbers_count_as_missing():
    real, synthetic, schema = numbers([1, 2, 3, 4], [1, np.inf, -np.inf, 4])
    diagnostics = analyze(real, synthetic, schema)
    assert diagnostics.missing.rates[0].synthetic == 0.5
    assert 'Infinity' not in diagnostics.to_json()


# Forms


def test_json_holds_every_diagnostic_and_only_finite_numbers():
    diagnostics = analyze(people(50, 0), people(40, 1), PEOPLE)
    read = json.loads(diagnostics.to_json(), parse_constant=lambda text: pytest.fail(text))
    assert read['score'] == diagnostics.score
    assert read['columns'][0]['ks'] == diagnostics.columns[0].ks
    assert [column['type'] for column in read['columns']] == (
        ['numerical'] * 3 + ['categorical'] * 2 + ['numerical'] * 2
    )
    assert len(read['pairs']) == 21
    assert set(read['copies']) >= {'exact', 'near', 'repeated', 'misfit'}
    assert read == diagnostics.to_dict()


def test_the_table_has_a_line_a_column_and_fits_a_terminal():
    diagnostics = analyze(people(50, 0), people(50, 1), PEOPLE)
    lines = str(diagnostics).splitlines()
    assert lines[0].startswith(f'score {diagnostics.score:.3f}, higher = more alike')
    assert [line.split()[0] for line in lines[3:10]] == list(PEOPLE.names)
    assert max(map(len, lines[1:])) <= 100


def test_the_score_is_the_weighted_mean_of_its_parts():
    diagnostics = analyze(people(50, 0), people(50, 1), PEOPLE)
    parts = diagnostics.parts
    expected = 0.4 * parts['columns'] + 0.4 * parts['pairs']
    expected += 0.1 * parts['coverage'] + 0.1 * parts['missing']
    assert diagnostics.score == pytest.approx(expected)
    one_column = analyze(*numbers([1, 2, 3], [1, 2, 3]))
    assert one_column.parts['pairs'] is None
    assert one_column.score == 1


def test_findings_come_strongest_first_and_stay_short():
    rng = np.random.default_rng(0)
    long = 'a name\nthat "goes on" ' * 20
    names = [f'{i} {long}' for i in range(12)]
    schema = TableSchema(tuple(Column(name, 'categorical') for name in names))
    real, synthetic = (
        pd.DataFrame({
            name: [f'{long} {kind} {x}' for x in rng.integers(0, 30, 200)] for name in names
        })
        for kind in ('old', 'new')
    )
    diagnostics = analyze(real, synthetic, schema)
    strengths = [finding.strength for finding in diagnostics.problems]
    assert strengths == sorted(strengths, reverse=True)
    assert len(diagnostics.findings()) == 8
    assert len(diagnostics.findings(most=3)) == 3
    assert all(len(text) < 600 and '\n' not in text for text in diagnostics.findings())


def test_a_datetime_finding_speaks_in_dates():
    real, synthetic = people(50, 0), people(50, 100)
    synthetic['joined'] -= pd.Timedelta(days=3_000)
    problems = analyze(real, synthetic, PEOPLE).problems
    shape = [one.text for one in problems if one.topic == 'shape']
    assert len(shape) == 1
    assert shape[0].startswith('"joined": median 2021-')
    assert ' real, 2013-' in shape[0]


def test_both_kinds_of_columns_are_told_by_their_type():
    columns = analyze(people(20, 0), people(20, 1), PEOPLE).columns
    assert [isinstance(column, CategoricalColumn) for column in columns] == (
        [False] * 3 + [True] * 2 + [False] * 2
    )
