"""The loop that learns: scores with an error, a race between few processes, rules in place of one.

The rows of the simulated model differ from real ones by a known margin.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
import sdv_lines
from tables import LOOP_SETTINGS, visits, visits_metadata

from sdv_llmgan import EgressPolicy, LLMGANSynthesizer, ScriptedProvider, Verdict
from sdv_llmgan.calls.metered import MeteredProvider
from sdv_llmgan.discriminators.analyzer import AnalyzerDiscriminator
from sdv_llmgan.discriminators.base import Discriminator
from sdv_llmgan.discriminators.encoded import EncodedDiscriminator
from sdv_llmgan.discriminators.logistic import LogisticDiscriminator
from sdv_llmgan.discriminators.panel import Panel
from sdv_llmgan.discriminators.separation import Separation, cross_fitted
from sdv_llmgan.egress.table_view import View
from sdv_llmgan.loop.allocation import gains, shrunken
from sdv_llmgan.loop.directions import MARK, Directions
from sdv_llmgan.loop.history import History
from sdv_llmgan.loop.loop import LLMGAN
from sdv_llmgan.loop.race import Race
from sdv_llmgan.loop.step import Step
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import DEFAULT_INSTRUCTION, GenerationProcess
from sdv_llmgan.providers.base import Request
from sdv_llmgan.providers.scripted import random_json
from sdv_llmgan.registry import discriminators, find_discriminator
from sdv_llmgan.roles.generator import Generator
from sdv_llmgan.roles.optimizer import Optimizer
from sdv_llmgan.table.schema import Column, TableSchema

COLUMNS = ['age', 'height', 'weight', 'pulse']
SCHEMA = TableSchema(
    tuple(Column(name, 'number', minimum=-9.0, maximum=9.0, decimals=3) for name in COLUMNS)
)
DIRECTIONS = [f'Mind the {name} of each person above all other columns.' for name in COLUMNS]
SETTINGS = replace(LOOP_SETTINGS, search='race', batch_size=25, rows_per_example=4, epochs=6)


class Centers(EncodedDiscriminator):
    """The nearer of two centers: as sure as logistic regression here, and quick."""

    def begin(self, seed):
        self.way = self.middle = None

    def learn(self, real, synthetic):
        self.way = real.mean(axis=0) - synthetic.mean(axis=0)
        self.middle = (real.mean(axis=0) + synthetic.mean(axis=0)) / 2

    def p_real(self, rows):
        return 1 / (1 + np.exp((self.middle - rows) @ self.way))


def shift(auc: float) -> float:
    """How far one of two normal distributions is moved if this is the best AUC there can be."""
    return 2**0.5 * NormalDist().inv_cdf(auc)


def drawn(num_rows: int, seed: int, auc: float = 0.5, column: int = 0) -> pd.DataFrame:
    rows = np.random.default_rng(seed).normal(size=(num_rows, len(COLUMNS)))
    rows[:, column] += shift(auc)
    return pd.DataFrame(rows.round(3), columns=COLUMNS)


def simulated(
    aucs: list[float], seed: int = 0, order: Sequence[int] = (1, 2, 3, 0)
) -> Callable[[Request], str]:
    """Answers directions in this order; rows are as far from real ones as these figures say."""
    rng, answers = np.random.default_rng(seed), itertools.cycle(order)

    def answer(request: Request) -> str:
        if request.role == 'optimizer':
            return json.dumps({'instruction': DIRECTIONS[next(answers)]})
        prompt = request.messages[-1].content
        number = next((n for n, text in enumerate(DIRECTIONS) if text in prompt), 0)
        rows = int(re.findall(r'Write (\d+) new rows', prompt)[0])
        return json.dumps({
            'rows': drawn(rows, int(rng.integers(2**31)), aucs[number], number).values.tolist()
        })

    return answer


def gan(
    script: Callable[[Request], str] | list[str],
    num_rows: int = 100,
    discriminator: Discriminator | None = None,
    **settings: object,
) -> tuple[LLMGAN, ScriptedProvider]:
    provider = ScriptedProvider(script=script)
    metered = MeteredProvider(provider)
    model = LLMGAN(
        Generator(metered, row_format='arrays'),
        discriminator or Centers(),
        Optimizer(metered, refuses=True),
        replace(SETTINGS, **settings),
        View.everything(drawn(num_rows, seed=10_000 + int(settings.get('seed', 0))), SCHEMA),
        GenerationProcess('', SCHEMA, CausalGraph(), DIRECTIONS[0]),
        metered.ledger,
    )
    return model, provider


def told(model: LLMGAN) -> list[str]:
    return [step.process.instruction for step in model.history]


# Scores and their errors


def scored(auc: float, num_real: int, num_rows: int, seed: int) -> tuple[Separation, Separation]:
    """Two sources as far from the same real rows."""
    real = drawn(num_real, 3 * seed)
    rows = (drawn(num_rows, 3 * seed + 1, auc, 0), drawn(num_rows, 3 * seed + 2, auc, 1))
    one, other = (cross_fitted(Centers(), real, SCHEMA, table, seed) for table in rows)
    return one, other


@pytest.mark.parametrize('auc', [0.5, 0.7, 0.9])
def test_the_standard_error_is_as_large_as_the_true_scatter(auc):
    pairs = [scored(auc, 50, 25, seed) for seed in range(40)]
    errors = np.array([one.standard_error for one, _ in pairs])
    scatter = np.std([each.mean for pair in pairs for each in pair])
    assert 0.7 < np.sqrt((errors**2).mean()) / scatter < 1.4
    differences = np.array([one.less(other) for one, other in pairs])
    error = np.sqrt((differences[:, 1] ** 2).mean())
    assert 0.65 < error / np.sqrt((differences[:, 0] ** 2).mean()) < 1.5


def test_a_score_does_not_depend_on_luck_in_cutting_folds_as_one_look_does():
    real, rows = drawn(50, 1), drawn(50, 2, 0.75)
    scores = [
        cross_fitted(LogisticDiscriminator(), real, SCHEMA, rows, seed).mean for seed in range(6)
    ]
    assert np.std(scores) < 0.05
    assert 0.2 < np.mean(scores) < 0.8


def test_more_rows_make_the_error_smaller_and_the_same_rows_have_no_difference():
    few, many = (scored(0.7, 60, n, seed=5)[0] for n in (15, 120))
    assert many.standard_error < few.standard_error
    difference, _ = few.less(few)
    assert difference == 0


def test_the_error_of_a_difference_leaves_out_what_both_share():
    # Both sources are told by the same column, so the same real rows are hard for both.
    real = drawn(40, 1)
    one, other = (
        cross_fitted(LogisticDiscriminator(), real, SCHEMA, drawn(200, seed, 0.85), 0)
        for seed in (2, 3)
    )
    apart = np.hypot(one.standard_error, other.standard_error)
    assert one.less(other)[1] < 0.8 * apart


@pytest.mark.parametrize('name', ['logistic', 'mlp', 'xgboost'])
def test_every_learning_discriminator_tells_shifted_rows_and_not_fresh_ones(name):
    if name not in discriminators():
        pytest.skip('the plugin is not installed')
    real = drawn(60, 1)
    shifted, fresh = (
        cross_fitted(find_discriminator(name), real, SCHEMA, rows, 0)
        for rows in (drawn(40, 2, 0.95), drawn(40, 3))
    )
    assert shifted.score > 0.6
    assert fresh.score < 2.5 * fresh.standard_error


class Nearer(Discriminator):
    """Of one's own: knows ``start``, ``update`` and ``judge`` only."""

    def start(self, training, schema, seed):
        self.real = self.synthetic = None

    def update(self, real, synthetic):
        assert self.real is None  # each fold begins anew
        self.real, self.synthetic = real['age'].mean(), synthetic['age'].mean()

    def judge(self, real, synthetic):
        away = np.abs(synthetic['age'] - self.real) - np.abs(synthetic['age'] - self.synthetic)
        p_real = 1 / (1 + np.exp(away.to_numpy()))
        return Verdict(p_real, 0.123, 0.5, 0.7)


def test_a_discriminator_of_ones_own_is_cross_fitted_by_what_it_says_of_single_rows():
    shifted = cross_fitted(Nearer(), drawn(60, 1), SCHEMA, drawn(40, 2, 0.9), 0)
    assert 0.6 < shifted.score < 0.95
    assert shifted.by_real.shape == (60,)
    assert shifted.by_synthetic.shape == (40,)


def test_two_rows_of_each_kind_are_enough():
    assert cross_fitted(LogisticDiscriminator(), drawn(2, 1), SCHEMA, drawn(2, 2), 0).score <= 1


# Who gets the next batch, and who leads


def test_a_score_that_is_known_less_is_believed_less():
    believed, left = shrunken(np.array([0.2, 0.4]), np.array([0.04, 0.0001]))
    assert 0.2 < believed[0] < 0.4
    assert believed[1] == pytest.approx(0.4, abs=0.01)
    assert left[0] > left[1]


def test_a_batch_is_worth_more_where_it_may_change_the_choice():
    variances = np.full(3, 0.01)
    worth = gains(np.array([0.30, 0.32, 0.80]), variances, np.ones(3))
    assert worth[2] < min(worth[:2])
    known = gains(np.array([0.30, 0.32, 0.80]), np.array([1e-6, 0.01, 0.01]), np.ones(3))
    assert known.argmax() == 1


def raced(*batches: tuple[str, float, int]) -> tuple[Race, History]:
    """A race after batches of 40 rows: which process, how far from real rows, seed."""
    race, history = Race(Centers(), drawn(80, 99), SCHEMA, 0), History()
    for number, (name, auc, seed) in enumerate(batches):
        rows = drawn(40, seed, auc)
        process = GenerationProcess('', SCHEMA, CausalGraph(), name)
        race.add(history, Step(0, number, process, rows=rows, real=rows, synthetic=rows))
    return race, history


def test_all_rows_of_a_process_are_judged_together_whenever_it_was_tried():
    _, history = raced(('a', 0.8, 1), ('b', 0.95, 2), ('a', 0.8, 3))
    first, _, again = history.steps
    assert first.verdict is again.verdict
    assert first.score != first.first_score
    rows = pd.concat([drawn(40, 1, 0.8), drawn(40, 3, 0.8)])
    alone = cross_fitted(Centers(), drawn(80, 99), SCHEMA, rows, 0)
    assert again.score == pytest.approx(alone.score)


def test_the_lead_changes_hands_for_a_clear_difference_only():
    _, clear = raced(('a', 0.95, 1), ('b', 0.6, 2))
    assert clear.leads == [0, 1]
    _, same = raced(('a', 0.8, 1), ('b', 0.8, 1))
    assert same.leads == [0]
    assert same.best() is same.steps[0]


def test_a_batch_that_could_not_be_judged_is_kept_and_changes_nothing():
    race, history = raced(('a', 0.8, 1))
    race.add(history, Step(0, 1, history.steps[0].process))
    assert len(history) == 2
    assert history.steps[1].verdict is None
    assert history.best() is history.steps[0]
    assert race.turn(3) is None


def test_of_six_batches_four_go_to_new_processes_and_two_to_those_tried():
    race, history = raced()
    turns = []
    for left in range(6, 0, -1):
        again = race.turn(left)
        turns.append('new' if again is None else 'again')
        process = again or GenerationProcess('', SCHEMA, CausalGraph(), f'x {left}')
        rows = drawn(30, left, 0.8)
        race.add(history, Step(0, 0, process, rows=rows, real=rows, synthetic=rows))
    assert turns == ['new'] * 4 + ['again'] * 2


def test_verdicts_on_batches_are_averaged_with_the_error_of_their_mean():
    class Scores(AnalyzerDiscriminator):
        def look_at(self, real, synthetic):
            score = float(synthetic['age'].iloc[0])
            return Verdict(np.full(len(synthetic), 0.5), score, 0.6, 0.7, f'- {score}')

    judge = Scores()
    judge.start(drawn(20, 0), SCHEMA, 0)
    race, history = Race(judge, drawn(20, 0), SCHEMA, 0), History()
    for name, score in (('a', 0.2), ('a', 0.4), ('b', 0.9)):
        rows = drawn(5, 1).assign(age=score)
        process = GenerationProcess('', SCHEMA, CausalGraph(), name)
        race.add(history, Step(0, 0, process, rows=rows, real=rows, synthetic=rows))
    verdict = history.steps[0].verdict
    assert verdict.score == pytest.approx(0.3)
    assert verdict.standard_error == pytest.approx(0.1)
    assert verdict.feedback == '- 0.4'
    # One batch scatters as those of other processes do.
    assert history.steps[2].verdict.standard_error == pytest.approx(0.1 * 2**0.5)
    assert history.steps[0].first_score == 0.2


def test_a_panel_averages_learned_scores_and_verdicts():
    training, rows = drawn(60, 0), drawn(40, 1, 0.9)
    members = [LogisticDiscriminator(), AnalyzerDiscriminator()]
    scores = []
    for judge in (Panel(members), *members):
        judge.start(training, SCHEMA, 0)
        race, history = Race(judge, training, SCHEMA, 0), History()
        process = GenerationProcess('', SCHEMA, CausalGraph(), 'a')
        race.add(history, Step(0, 0, process, rows=rows, real=rows, synthetic=rows))
        scores.append(history.steps[0].score)
    assert scores[0] == pytest.approx(np.mean(scores[1:]))


# Whole fits


def ends_with_best(seed: int, search: str) -> bool:
    best = seed % 4
    aucs = [0.65 if number == best else 0.8 for number in range(4)]
    model, _ = gan(simulated(aucs, seed), seed=seed, search=search)
    model.fit()
    return model.fitted.process.instruction == DIRECTIONS[best]


def test_a_race_ends_with_the_best_of_four_directions_and_one_look_each_does_not():
    raced = [ends_with_best(seed, 'race') for seed in range(10)]
    looked = [ends_with_best(seed, 'trajectory') for seed in range(10)]
    assert sum(raced) >= 8
    assert sum(looked) <= 6


def test_directions_that_are_answered_again_are_the_same_process_and_pool_their_rows():
    model, _ = gan(simulated([0.6, 0.95], order=[1]), max_batches=4)
    model.fit()
    assert set(told(model)) == set(DIRECTIONS[:2])
    scores = {step.process.instruction: step.score for step in model.history}
    assert [step.score for step in model.history] == [scores[text] for text in told(model)]


def test_the_optimizer_reads_pairs_with_an_error_and_what_gave_rows_away():
    model, provider = gan(simulated([0.95, 0.9, 0.9, 0.9]), max_batches=2)
    model.fit()
    prompt = next(r for r in provider.requests if r.role == 'optimizer').messages[1].content
    assert re.search(r'## Directions 1: \d\d ± \d+ of 100 pairs told right', prompt)
    assert 'accuracy' not in prompt
    differing = prompt.split('Small differences may be chance.\n')[1].split('\n\n')[0]
    assert differing.splitlines()[0].startswith('- "age": median')
    for heading in ('found least like real ones', 'found most like real ones'):
        rows = prompt.split(f'{heading}\n')[1].split('\n\n')[0].splitlines()
        assert len(rows) == 3
    assert '# Real rows' not in prompt


def test_a_fit_goes_on_racing_with_the_processes_it_has():
    model, _ = gan(simulated([0.9, 0.6, 0.9, 0.9]), max_batches=3, patience=9)
    model.fit()
    before = len(model.race.contenders)
    model.go_on()
    assert len(model.history) == 6
    assert model.race.contenders[0].process == model.history.steps[0].process
    assert len(model.race.contenders) > before
    assert model.fitted.process == model.history.best().process


# Directions by rule

CLINIC = TableSchema((
    Column('age', 'integer', minimum=20, maximum=79),
    Column('bmi', 'number', minimum=20.0, maximum=39.8, decimals=1),
    Column('smoker', 'categorical', categories=('no', 'yes')),
    Column('ward', 'categorical', categories=('north', 'south, "new"', 'rare')),
    Column('debt', 'integer', minimum=0, maximum=90_000),
    Column('admitted', 'datetime', minimum='2024-01-01', maximum='2024-04-09'),
    Column('note', 'text', max_length=9),
))


def clinic() -> pd.DataFrame:
    n = np.arange(100)
    return pd.DataFrame({
        'age': 20 + 59 * n // 99,
        'bmi': 20 + n / 5,
        'smoker': np.where(n % 5 == 0, 'yes', 'no'),
        'ward': np.where(n < 2, 'rare', np.where(n < 40, 'south, "new"', 'north')),
        'debt': np.where(n % 4 == 0, n * 900, 0),
        'admitted': pd.Timestamp('2024-01-01') + pd.to_timedelta(n, 'D'),
        'note': 'fine',
    })


@pytest.mark.parametrize(
    ('topic', 'sentence'),
    [
        (('smoker',), 'Of 100 rows about 80 have smoker = no and 20 have yes.'),
        (('ward',), 'Of 100 rows about 60 have ward = north and 38 have "south, \\"new\\"".'),
        (('bmi',), 'Half of the values of bmi lie between 24.9 and 34.8, 1 in 20 below 21, 1 in 20 '
         'above 38.8.'),
        (('debt',), 'About 76 of 100 rows have debt = 0. Of the others half lie between 24300 and '
         '65700.'),
        (('admitted',), 'Half of the values of admitted lie between 2024-01-25 and 2024-03-15.'),
        (('age', 'bmi'), 'Rows with a high age tend to have a high bmi; the tie is strong.'),
        (('bmi', 'debt'), 'bmi and debt have little to do with each other.'),
        (('age', 'ward'), 'Where ward = north, age is typically 61; where "south, \\"new\\"", '
         'it is typically 32.'),
        (('ward', 'smoker'), 'Where ward = north, smoker is no in 80 of 100 rows; where "south, '
         '\\"new\\"", it is no in 82 of 100 rows.'),
        (('note',), ''),
        (('note', 'age'), ''),
    ],
)  # fmt: skip
def test_a_rule_says_what_is_typical_in_words(topic, sentence):
    process = GenerationProcess('', CLINIC, CausalGraph(), 'Write rows.')
    ruled = Directions(clinic(), CLINIC).write(process, [topic]).instruction
    assert ruled == ('Write rows.' if not sentence else f'Write rows. {MARK} {sentence}')


def test_rules_take_the_place_of_earlier_ones_and_keep_within_the_bound():
    directions = Directions(clinic(), CLINIC)
    process = GenerationProcess('', CLINIC, CausalGraph(), 'Write rows.')
    first = directions.write(process, [('smoker',)])
    second = directions.write(first, [('admitted',)])
    assert second.instruction.startswith('Write rows. Keep to these figures: Half of')
    pairs = list(itertools.permutations(['age', 'bmi', 'smoker', 'debt', 'ward'], 2))
    told = directions.write(process, pairs).instruction
    assert 600 < len(told) <= 400 + 60 * 7
    assert told.endswith('.')
    full = process.revised(instruction='x' * 810)
    assert directions.write(full, [('smoker',)]) == full


NONSENSE = 'Should re-care and report all of our drooles as the expense of incredible news.'


def visiting(**arguments: object) -> tuple[LLMGANSynthesizer, ScriptedProvider]:
    """A fit on visits with a model whose rows are random and whose rewrites are nonsense."""

    def answer(request: Request) -> str:
        if request.role == 'optimizer':
            return json.dumps({'instruction': NONSENSE})
        return random_json(request.json_schema, np.random.default_rng(request.seed))

    llm = ScriptedProvider(script=answer)
    made = LLMGANSynthesizer(
        visits_metadata(),
        **{'llm': llm, 'sampler': 'llm', 'causal_graph': 'none', 'batch_size': 20, **arguments},
    )
    sdv_lines.fit(made, visits(60))
    return made, llm


def by_role(llm: ScriptedProvider, role: str) -> list[Request]:
    return [request for request in llm.requests if request.role == role]


@pytest.mark.filterwarnings('ignore:We strongly recommend saving the metadata')
class TestRules:
    def test_a_model_that_writes_nonsense_is_noticed_and_not_asked_a_third_time(self):
        made, llm = visiting()
        assert len(by_role(llm, 'optimizer')) == 2
        assert NONSENSE not in ' '.join(made.get_history()['instruction'])
        notes = made.get_history()['note']
        assert notes[1] == 'by rule: it names no column'
        assert 'by rule: 2 answers of the model were of no use' in set(notes)

    def test_the_directions_are_sentences_with_the_tables_own_figures(self):
        made, _ = visiting()
        text = made.get_history()['instruction'][1]
        assert text.startswith(f'{DEFAULT_INSTRUCTION} Keep to these figures: ')
        assert re.search(r'Of 100 rows about|Half of the values|where|Rows with a high', text)

    def test_no_model_is_needed_for_them(self):
        made, llm = visiting(optimizer_llm='rules')
        assert not by_role(llm, 'optimizer')
        assert made.get_history()['note'][1] == 'by rule: no model is asked'
        assert 'Keep to these figures: ' in made.get_history()['instruction'][1]

    def test_they_replace_each_other_and_keep_within_the_bound(self):
        made, _ = visiting(optimizer_llm='rules', max_batches=9, patience=9)
        for text in made.get_history()['instruction']:
            assert text.count('Keep to these figures:') <= 1
            assert len(text) <= 400 + 60 * 7

    def test_without_rewrites_the_process_stays_as_it_is(self):
        made, llm = visiting(optimize=False, max_batches=3)
        assert set(made.get_history()['instruction']) == {DEFAULT_INSTRUCTION}
        assert made.get_history()['score'].nunique() == 1

    def test_no_figure_is_told_where_only_names_are(self):
        made, llm = visiting(metadata_detail='none')
        assert set(made.get_history()['instruction']) == {DEFAULT_INSTRUCTION}
        assert 'differ most' not in by_role(llm, 'optimizer')[0].messages[1].content

    def test_under_a_strict_policy_figures_are_rounded_and_no_row_is_shown(self):
        table = visits(60)
        made, llm = visiting(egress=EgressPolicy(rows=False))
        sent = ' '.join(m.content for request in llm.requests for m in request.messages)
        assert 'Keep to these figures: ' in sent
        ruled = ' '.join(made.get_history()['instruction'])
        spread = (table['weight'].max() - table['weight'].min()) / 10
        step = next(s for s in (5, 2, 1) if s <= spread)
        for figure in re.findall(r'values of weight lie between ([\d.]+) and ([\d.]+)', ruled):
            assert all(float(end) % step == 0 for end in figure)
        assert all(request.real_rows == 0 for request in llm.requests)
        assert 'another value' not in ruled

    def test_a_stand_in_is_told_in_place_of_its_value(self):
        made, _ = visiting(
            egress=EgressPolicy({'ward': 'pseudonymize', 'age': 'bucket', 'stage': 'withhold'}),
            optimizer_llm='rules',
            max_batches=9,
            patience=9,
        )
        ruled = ' '.join(made.get_history()['instruction'])
        assert 'ward = v' in ruled
        for hidden in ('north', 'south', 'stage'):
            assert hidden not in ruled

    def test_a_model_whose_rewrites_do_not_help_is_spelled_by_a_rule(self):
        answers = (f'Mind the pressure of patient number {n}, as ever.' for n in range(99))

        def answer(request: Request) -> str:
            if request.role == 'optimizer':
                return json.dumps({'instruction': next(answers)})
            return random_json(request.json_schema, np.random.default_rng(0))

        made, _ = visiting(llm=ScriptedProvider(script=answer), max_batches=9, patience=9)
        notes = made.get_history()['note']
        assert 'by rule: 3 rewrites of the model in a row did not help' in set(notes)

    def test_both_papers_presets_keep_their_ways(self):
        for preset in (LLMGANSynthesizer.mallm_gan, LLMGANSynthesizer.synthia):
            assert preset(visits_metadata(), llm='scripted').search == 'trajectory'
        _, llm = visiting(search='trajectory')
        prompt = by_role(llm, 'optimizer')[0].messages[1].content
        assert 'accuracy of the classifier' in prompt
        assert 'differ most' not in prompt

    def test_another_word_for_the_search_is_refused(self):
        with pytest.raises(ValueError, match="search must be one of 'race', 'trajectory', got 'x'"):
            LLMGANSynthesizer(visits_metadata(), llm='scripted', search='x')
