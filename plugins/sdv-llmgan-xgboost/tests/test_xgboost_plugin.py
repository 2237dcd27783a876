from __future__ import annotations

import subprocess
import sys

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from sdv.metadata import Metadata
from sdv_llmgan_xgboost import MAX_TREES, TREES_PER_BATCH, XGBoostDiscriminator

from sdv_llmgan import LLMGANSynthesizer, TableSchema, registry
from sdv_llmgan.discriminators.logistic import LogisticDiscriminator

METADATA = Metadata.load_from_dict({
    'tables': {
        'bills': {
            'columns': {
                'age': {'sdtype': 'numerical'},
                'charge': {'sdtype': 'numerical'},
                'smoker': {'sdtype': 'boolean'},
                'region': {'sdtype': 'categorical'},
            }
        }
    },
    'relationships': [],
    'METADATA_SPEC_VERSION': 'V1',
})
BILLS = pd.DataFrame(
    [
        (19, 1820.5, False, 'north'),
        (24, 17200.0, True, 'south'),
        (28, 4449.4, False, 'south'),
        (33, 5003.9, False, 'north'),
        (37, 6406.4, False, 'south'),
        (41, 36837.2, True, 'north'),
        (46, 8240.6, False, None),
        (52, 10797.3, False, 'south'),
        (56, 40720.1, True, 'north'),
        (60, 28923.1, False, 'north'),
        (62, 27808.7, True, 'south'),
        (64, 14711.7, False, 'north'),
    ],
    columns=['age', 'charge', 'smoker', 'region'],
)
SEEDS = range(6)


def bills(num_rows, rng):
    """Bills that grow with age, and are higher for smokers; some values are missing."""
    age = rng.integers(18, 65, num_rows)
    smoker = rng.random(num_rows) < 0.3
    charge = 250 * age + 20000 * smoker + rng.normal(0, 1500, num_rows)
    return pd.DataFrame({
        'age': age.astype(float),
        'charge': np.where(rng.random(num_rows) < 0.1, np.nan, charge.round(1)),
        'smoker': smoker.astype(object),
        'region': rng.choice(np.array(['north', 'south', None], dtype=object), num_rows),
    })


TRAINING = bills(400, np.random.default_rng(0))
SCHEMA = TableSchema.from_sdv(METADATA, TRAINING)
PLAIN = SCHEMA.to_plain(TRAINING)


def same(table):
    return table


def older(table):
    return table.assign(age=table['age'] + 15)


def shuffled(table):
    """Every column by itself stays as it is; who pays what does not."""
    return table.assign(charge=np.roll(table['charge'].to_numpy(), 1))


def started(seed=0, kind=XGBoostDiscriminator):
    discriminator = kind()
    discriminator.start(PLAIN, SCHEMA, seed)
    return discriminator


def pair(change, rng, num_rows=30):
    return SCHEMA.to_plain(bills(num_rows, rng)), change(SCHEMA.to_plain(bills(num_rows, rng)))


def judged(change, seed, batches=5, kind=XGBoostDiscriminator):
    """What is said of 200 new rows of each kind after some batches of 30."""
    rng = np.random.default_rng(seed)
    discriminator = started(seed, kind)
    for _ in range(batches):
        discriminator.update(*pair(change, rng))
    return discriminator.judge(*pair(change, np.random.default_rng(seed + 100), 200))


def test_the_discriminator_is_found_by_name():
    assert isinstance(registry.find_discriminator('xgboost'), XGBoostDiscriminator)


def test_loading_the_plugin_does_not_load_xgboost():
    code = "import sdv_llmgan_xgboost, sys; assert 'xgboost' not in sys.modules"
    subprocess.run([sys.executable, '-W', 'ignore', '-c', code], check=True)


def test_rows_of_one_source_score_low_and_shifted_rows_score_high():
    alike = [judged(same, seed) for seed in SEEDS]
    shifted = [judged(older, seed) for seed in SEEDS]
    assert np.mean([verdict.score for verdict in alike]) < 0.1
    assert max(verdict.score for verdict in alike) < 0.25
    assert min(verdict.score for verdict in shifted) > 0.6
    assert np.mean([verdict.accuracy for verdict in alike]) == pytest.approx(0.5, abs=0.05)
    assert min(verdict.accuracy for verdict in shifted) > 0.7
    assert np.mean([verdict.p_real.mean() for verdict in shifted]) < 0.4


def test_it_sees_a_broken_relation_between_columns_that_the_linear_one_does_not():
    trees = [judged(shuffled, seed, 10).score for seed in SEEDS]
    linear = [judged(shuffled, seed, 10, LogisticDiscriminator).score for seed in SEEDS]
    assert np.mean(trees) > 0.4
    assert np.mean(linear) < 0.1
    assert min(trees) > max(linear)


def test_every_batch_adds_trees_and_leaves_those_before_as_they_are():
    rng = np.random.default_rng(0)
    discriminator = started()
    discriminator.update(*pair(older, rng))
    first = discriminator.booster.get_dump()
    discriminator.update(*pair(older, rng))
    both = discriminator.booster.get_dump()
    assert len(first) == TREES_PER_BATCH
    assert len(both) == 2 * TREES_PER_BATCH
    assert both[:TREES_PER_BATCH] == first


def test_a_lasting_difference_is_told_better_with_every_batch_and_none_is_not_invented():
    first = [judged(older, seed, batches=1) for seed in SEEDS]
    later = [judged(older, seed, batches=10) for seed in SEEDS]
    assert np.mean([v.score for v in later]) > np.mean([v.score for v in first])
    assert np.mean([v.log_loss for v in later]) < np.mean([v.log_loss for v in first])
    assert np.mean([judged(same, seed, batches=10).score for seed in SEEDS]) < 0.1


def test_its_size_is_bounded_and_past_the_bound_it_still_knows_and_learns():
    rng = np.random.default_rng(0)
    discriminator = started()
    full = MAX_TREES // TREES_PER_BATCH
    for _ in range(full):
        discriminator.update(*pair(older, rng))
    assert discriminator.booster.num_boosted_rounds() == MAX_TREES // 2
    known, new = (pair(change, np.random.default_rng(1), 200) for change in (older, shuffled))
    assert discriminator.judge(*known).score > 0.6
    before = discriminator.judge(*new).score
    for _ in range(full):
        discriminator.update(*pair(shuffled, rng))
        assert discriminator.booster.num_boosted_rounds() < MAX_TREES
    assert discriminator.judge(*new).score > before + 0.3


def test_past_the_bound_it_is_what_the_newer_batches_alone_would_make():
    rng = np.random.default_rng(0)
    batches = [pair(older, rng) for _ in range(MAX_TREES // TREES_PER_BATCH)]
    long, short = started(), started()
    for batch in batches:
        long.update(*batch)
    for batch in batches[len(batches) // 2 :]:
        short.update(*batch)
    assert long.booster.get_dump() == short.booster.get_dump()


def test_both_kinds_weigh_the_same_however_many_there_are():
    rng = np.random.default_rng(0)
    discriminator = started()
    for _ in range(5):
        real, synthetic = SCHEMA.to_plain(bills(50, rng)), SCHEMA.to_plain(bills(5, rng))
        discriminator.update(real, synthetic)
    verdict = discriminator.judge(*pair(same, np.random.default_rng(1), 300))
    assert verdict.accuracy == pytest.approx(0.5, abs=0.06)
    assert verdict.p_real.mean() == pytest.approx(0.5, abs=0.2)


def test_the_same_seed_gives_the_same_verdict():
    first, again = judged(older, seed=3), judged(older, seed=3)
    np.testing.assert_array_equal(first.p_real, again.p_real)
    assert first.score == again.score


def test_starting_again_forgets_everything():
    discriminator = started()
    held = pair(older, np.random.default_rng(1), 100)
    verdicts = []
    for _ in range(2):
        discriminator.start(PLAIN, SCHEMA, 0)
        discriminator.update(*pair(older, np.random.default_rng(0)))
        verdicts.append(discriminator.judge(*held).p_real)
    np.testing.assert_array_equal(*verdicts)


def test_a_pickled_one_judges_and_learns_as_the_first():
    rng = np.random.default_rng(0)
    discriminator = started()
    discriminator.update(*pair(older, rng))
    restored = cloudpickle.loads(cloudpickle.dumps(discriminator))
    batch, held = pair(older, rng), pair(older, rng, 100)
    for either in (discriminator, restored):
        either.update(*batch)
    np.testing.assert_array_equal(discriminator.judge(*held).p_real, restored.judge(*held).p_real)


def test_one_row_of_each_kind_is_enough():
    discriminator = started()
    rows = PLAIN.iloc[[0]], PLAIN.iloc[[1]]
    discriminator.update(*rows)
    verdict = discriminator.judge(*rows)
    assert verdict.p_real.shape == (1,)
    assert np.isfinite(verdict.log_loss)


def test_judging_before_learning_is_an_error():
    with pytest.raises(RuntimeError, match='at least one update'):
        started().judge(PLAIN, PLAIN)


def test_it_is_quiet(capfd):
    judged(older, seed=0, batches=2)
    assert capfd.readouterr() == ('', '')


def test_a_synthesizer_fits_with_it_and_can_be_saved(tmp_path):
    synthesizer = LLMGANSynthesizer(
        METADATA,
        llm='scripted',
        discriminator='xgboost',
        causal_graph='none',
        batch_size=12,
        max_batches=3,
        sampler='llm',
    )
    synthesizer.fit({'bills': BILLS})
    history = synthesizer.get_history()
    assert history['score'].between(0, 1).all()
    synthesizer.save(tmp_path / 'bills.pkl')
    restored = cloudpickle.loads((tmp_path / 'bills.pkl').read_bytes())
    pd.testing.assert_frame_equal(restored.get_history(), history)
    assert len(restored.sample(4)['bills']) == 4
