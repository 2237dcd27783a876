from __future__ import annotations

import json
import math
from collections import Counter
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import sdv_lines
from hypothesis import given, settings
from hypothesis import strategies as st
from sdv.errors import NotFittedError
from sdv.metadata import Metadata
from tables import AGE_JOB, visits, visits_metadata

from sdv_llmgan import (
    CausalGraph,
    EgressPolicy,
    GenerationProcess,
    LLMGANSynthesizer,
    ScriptedProvider,
    Verdict,
)
from sdv_llmgan.discriminators.base import Discriminator
from sdv_llmgan.formats.markdown import escaped, quoted
from sdv_llmgan.loop.history import History, Step
from sdv_llmgan.loop.origin import Origin
from sdv_llmgan.providers.usage import Usage
from sdv_llmgan.table.schema import Column, TableSchema

pytestmark = pytest.mark.filterwarnings('ignore:We strongly recommend saving the metadata')
TABLE = visits(40)
ABC = TableSchema(tuple(Column(name, 'integer', minimum=0, maximum=9) for name in 'abc'))
FIRST = GenerationProcess('Patients.', ABC, CausalGraph((('a', 'b'), ('b', 'c'))), 'Write rows.')
SECOND = replace(
    FIRST,
    causal_graph=CausalGraph((('a', 'b'), ('c', 'b'), ('a', 'c'))),
    instruction='Write rows that vary.',
    rules=('a < b',),
)


def judged(
    process: GenerationProcess, score: float | None, error: float | None = None, **facts: object
) -> Step:
    verdict = None
    if score is not None:
        verdict = Verdict(np.array([0.5]), score, 0.5, 0.7, 'b is too high', standard_error=error)
    return Step(0, 0, process, verdict=verdict, first_score=score, **facts)


def history(*steps: Step, stopped: str = 'epochs') -> History:
    made = History()
    made.steps, made.stopped = list(steps), stopped
    return made


# What changed between two steps


def test_a_change_has_the_edges_the_words_and_the_scores():
    change = history(judged(FIRST, 0.8), judged(SECOND, 0.5)).diff(0, 1)
    assert change.edges_added == (('a', 'c'),)
    assert change.edges_removed == ()
    assert change.edges_reversed == (('c', 'b'),)
    assert change.score_change == pytest.approx(-0.3)
    assert change.words() == [
        ('kept', 'Write'),
        ('removed', 'rows.'),
        ('added', 'rows that vary.'),
    ]
    assert change.unified() == '\n'.join([
        '--- step 0',
        '+++ step 1',
        '@@ -1 +1 @@',
        '-Write rows.',
        '+Write rows that vary.',
    ])
    assert set(change.texts) == {'instruction', 'rules'}
    assert change.words('rules') == [('added', 'a < b')]
    assert change.unified('context') == ''


def test_a_change_reads_well_in_both_directions():
    made = history(judged(FIRST, 0.8), judged(SECOND, 0.5))
    assert str(made.diff(0, -1)).splitlines() == [
        'Step 0 to step 1: score 0.800 to 0.500 (-0.300; lower is better)',
        'edges added: "a" -> "c"',
        'edges turned round: "c" -> "b"',
        'instruction: Write [-rows.-] {+rows that vary.+}',
        'rules: {+a < b+}',
    ]
    assert made.diff(1, 0).to_markdown().splitlines() == [
        '- score 0.500 to 0.800 (+0.300; lower is better)',
        '- edges removed: a -> c',
        '- edges turned round: b -> c',
        '- instruction: Write ~~rows that vary.~~ **rows.**',
        '- rules: ~~a < b~~',
    ]


@pytest.mark.parametrize('score', [None, math.nan])
def test_a_step_without_a_score_has_no_change_of_score(score):
    change = history(judged(FIRST, 0.8), judged(FIRST, score)).diff(0, 1)
    assert change.score_change is None or math.isnan(change.score_change)
    assert str(change) == 'Step 0 to step 1: score 0.800 to none\nthe process is the same'


def test_white_space_alone_is_named():
    other = replace(FIRST, instruction='Write  rows.')
    assert 'instruction: white space only' in str(
        history(judged(FIRST, 0.8), judged(other, 0.8)).diff(0, 1)
    )


def test_steps_count_from_zero_and_from_the_end_and_others_are_refused():
    made = history(judged(FIRST, 0.8), judged(SECOND, 0.5), judged(FIRST, 0.1))
    assert (made.diff(-3, -1).before, made.diff(-3, -1).after) == (0, 2)
    for step in (3, -4):
        with pytest.raises(IndexError, match=f'no step {step}; steps .* 0 to 2'):
            made.diff(0, step)
    with pytest.raises(IndexError, match='counted from 0: none'):
        History().diff(0, 0)
    with pytest.raises(TypeError):
        made.diff('0', 1)


# In words


def test_the_story_goes_from_the_first_process_by_the_better_ones_to_the_best():
    worse = replace(FIRST, instruction='Anything goes.')
    best = replace(SECOND, instruction='Write rows that vary a lot.')
    told = history(
        judged(FIRST, 0.8, accepted=9, usage=Usage(2, 1_000, 500)),
        judged(worse, 0.9),
        judged(SECOND, 0.5, rejected=Counter({'a: high': 3})),
        judged(best, 0.2),
    ).to_markdown()
    headings = [line for line in told.splitlines() if line.startswith('#')]
    assert headings == [
        '# The story of the generation process',
        '## Step by step',
        '## Step 0: the first process',
        '## Step 2, after step 0',
        '## Step 3, after step 2',
        '## Tried, and not taken',
        '## Step 3: the best process',
        '## For History.from_markdown',
    ]
    assert '| 0 | 0.800 | 0.800 | 9 | 0 | 2 | 1,500 |\n' in told
    assert '| **3** | 0.200 | 0.200 | 0 | 0 | 3 | 0 |\n' in told
    assert 'instruction: Write rows that ~~vary.~~ **vary a lot.**' in told
    assert '> b is too high' in told
    refused = told.partition('## Tried, and not taken\n\n')[2].splitlines()[:5]
    assert refused == [
        'Step 1, after step 0: its score is 0.900, that of the best process 0.200: no better.',
        '',
        '- score 0.800 to 0.900 (+0.100; lower is better)',
        '- instruction: ~~Write rows.~~ **Anything goes.**',
        '',
    ]


def test_the_story_says_of_each_process_that_never_led_why_it_was_not_taken():
    def reasons(*steps: Step, leads: tuple[int, ...] = ()) -> list[str]:
        told = History(steps, 'epochs', leads).to_markdown(for_programs=False)
        refused = told.partition('## Tried, and not taken')[2].partition('## ')[0].splitlines()
        return [line for line in refused if line.startswith('Step')]

    better = judged(SECOND, 0.35, 0.1)
    assert reasons(judged(FIRST, 0.4, 0.1), better, better, leads=(0,)) == [
        'Step 1, after step 0: its score is 0.35 ± 0.10, that of the best process 0.40 ± 0.10; '
        'the difference is within its error.'
    ]
    assert reasons(judged(FIRST, 0.4), judged(SECOND, None)) == [
        'Step 1, after step 0: it could not be judged.'
    ]
    passed = judged(FIRST, 0.4)
    passed.verdict = replace(passed.verdict, is_real=True)
    assert reasons(judged(SECOND, 0.3), passed, judged(replace(FIRST, instruction='x'), 0.2)) == [
        "Step 2, after step 1: its score is 0.200, that of the best process 0.400; the best one's "
        'rows passed for real, and its rows did not.'
    ]
    assert reasons(judged(FIRST, 0.4), judged(FIRST, 0.5)) == []


def test_each_note_of_a_step_has_a_line_of_its_own():
    told = history(
        judged(FIRST, 0.8, note='knowledge from 2 of 2 answers: 1 effect; tried again'),
        judged(SECOND, 0.5, usage=Usage(replayed=4)),
        stopped='max_batches',
    ).to_markdown(for_programs=False)
    assert '- step 0: knowledge from 2 of 2 answers: 1 effect\n- step 0: tried again\n' in told
    assert '| **1** | 0.500 | 0.500 | 0 | 0 | 3 | from the cache |' in told
    assert told.startswith(
        '# The story of the generation process\n\n2 steps; end of the fit: max_batches. Step 1 is'
    )
    assert '<details>' not in told


def test_only_what_could_be_markup_is_escaped():
    assert escaped('max_batches, "Income" = ">50K", a < b -> c & d, no. #3') == (
        'max_batches, "Income" = ">50K", a < b -> c & d, no. #3'
    )
    assert escaped('_a_ __b__ c_ _') == r'\_a\_ \_\_b\_\_ c\_ \_'
    assert escaped('> quote') == r'\> quote'
    assert escaped('# heading') == r'\# heading'
    assert escaped('<b>&amp;&#60;<!-- <?x </b>') == r'\<b\>\&amp;\&#60;\<!-- \<?x \</b\>'


ORIGIN = Origin(
    'distilled',
    'the model has no rows that could be better',
    {
        'a': {'real': 0.02, 'knowledge': 0.0, 'generated': 0.98},
        'b': {'real': 0.5, 'knowledge': 0.25, 'generated': 0.25},
    },
    {'a': -0.003, 'b': 0.3},
    100,
)


def test_the_story_ends_with_where_rows_come_from_and_what_the_model_brought():
    made = history(judged(FIRST, 0.8))
    made.end(ORIGIN)
    told = made.to_markdown(for_programs=False).partition('## What came of it\n\n')[2].splitlines()
    assert told[:8] == [
        'Rows are drawn by a sampler that learned 26% from your rows, 12% from what was known '
        "before and 62% from the model's rows (mean of the columns).",
        '',
        'Why not from elsewhere: the model has no rows that could be better.',
        '',
        "| column | your rows | what was known before | the model's rows "
        "| gain by the model's rows |",
        '| --: | --: | --: | --: | :-- |',
        '| a | 2% | 0% | 98% | no difference shown (-0.003 ± 0.025) |',
        '| b | 50% | 25% | 25% | better (+0.300 ± 0.013) |',
    ]
    assert 'A share is how much weight a source has in what is drawn' in told[9]
    assert told[11] == (
        "With the model's rows held-out real rows are predicted better (+0.30 ± 0.03 nats a row, "
        'all columns together, most in "b").'
    )
    assert 'with no gain shown' in told[13]
    made.stop('')
    assert 'What came of it' not in made.to_markdown(for_programs=False)


def test_a_fit_without_a_model_has_one_sentence_on_where_rows_come_from():
    alone = Origin('distilled', learned_from={'a': {'real': 1.0, 'knowledge': 0, 'generated': 0}})
    assert alone.words() == 'Rows are drawn by a sampler that learned from your rows alone.'
    told = History([judged(FIRST, 0.8)], 'epochs', origin=alone).to_markdown(for_programs=False)
    assert told.endswith(f'## What came of it\n\n{alone.words()}\n')
    assert Origin('llm').words() == 'The language model writes every row itself.'
    assert Origin('Shuffling').words() == 'Rows are drawn by the sampler Shuffling.'


def test_a_gain_within_its_error_is_no_difference_and_one_beyond_it_is():
    origin = replace(ORIGIN, gain={'a': -0.1, 'b': 0.02}, num_rows=25)
    assert origin.gain_of('a') == 'worse (-0.100 ± 0.049)'
    assert origin.gain_of('b') == 'no difference shown (+0.020 ± 0.025)'
    assert replace(origin, num_rows=400).gain_of('b') == 'better (+0.020 ± 0.006)'
    assert origin.gain_words() == (
        'whether the model helps to predict held-out real rows is not shown (-0.08 ± 0.06 nats a '
        'row, all columns together)'
    )
    assert (
        replace(origin, num_rows=100)
        .gain_words()
        .startswith("with the model's rows held-out real rows are predicted worse (-0.08 ± 0.03")
    )
    hardly = replace(origin, gain={'a': 0.004}, num_rows=10**6)
    assert hardly.gain_of('a').startswith('no difference shown')


def test_where_rows_come_from_survives_json_and_what_is_not_finite_is_left_out():
    made = history(judged(FIRST, 0.8))
    made.end(replace(ORIGIN, gain={'a': math.nan, 'b': 0.3}))
    assert History.from_markdown(made.to_markdown()).origin == replace(ORIGIN, gain={'b': 0.3})
    edited = json.loads(made.to_json())
    edited['origin']['learned_from']['a']['real'] = 2
    with pytest.raises(ValueError, match='origin, learned_from, a, real: needs a number from 0 to'):
        History.from_json(json.dumps(edited))


def test_the_story_of_a_race_has_standard_errors_and_follows_those_that_led():
    race = history(judged(FIRST, 0.6, 0.08), judged(SECOND, 0.4, 0.1), judged(SECOND, 0.4, 0.1))
    race.leads = [0, 1]
    told = race.to_markdown()
    assert '| **1** | 0.40 ± 0.10 | 0.400 |' in told
    assert '## Step 1, after step 0' in told
    assert 'Step 1 is the best' in told
    race.leads = [0, 2]
    assert '## Step 2, step 1 tried again, after step 0' in race.to_markdown()
    race.leads = [0, 1, 0]
    assert '## Back to step 0, after step 1' in race.to_markdown()
    race.leads = [0, 1]
    read = History.from_markdown(told)
    assert read.leads == [0, 1]
    assert read.best() is read.steps[1]
    assert read.to_frame()['standard_error'].tolist() == [0.08, 0.1, 0.1]


def test_the_leader_of_a_race_is_best_though_another_scores_lower_within_the_error():
    race = history(judged(FIRST, 0.40, 0.1), judged(SECOND, 0.39, 0.1))
    assert race.best() is race.steps[1]
    race.leads = [0]
    assert race.best() is race.steps[0]
    assert [step.process for step in race.ranked()] == [SECOND, FIRST]
    assert race.records() == [race.steps[0]]
    assert race.steps_since_best() == 1


def test_a_file_from_before_there_were_races_is_read():
    edited = deepcopy(SAVED)
    del edited['leads'], edited['origin'], edited['steps'][0]['verdict']['standard_error']
    read = History.from_json(json.dumps(edited))
    assert read.leads == []
    assert read.origin is None
    assert read.steps[0].verdict.standard_error is None
    assert read.best() is read.steps[0]


def test_a_story_without_steps_or_without_a_verdict_is_told():
    assert '0 steps' in history().to_markdown()
    told = history(judged(FIRST, None)).to_markdown()
    assert 'No step was judged' in told
    assert 'Write rows.' in told


def test_text_of_a_model_is_no_markup_in_the_story():
    nasty = '<script>x</script>\n# heading\n| a | *b* [link](http://x) `code` &lt;'
    assert escaped(nasty) == (
        r'\<script\>x\</script\> # heading \| a \| \*b\* \[link\](http://x) \`code\` \&lt;'
    )
    assert quoted('a\n\n# b') == '> a\n>\n> \\# b'
    made = history(judged(replace(FIRST, instruction=nasty), 0.5, note=nasty)).to_markdown()
    told, _, boxed = made.partition('<details>')
    assert boxed.count('```') == 2
    assert '<script>' not in told
    assert '\n# heading' not in told


# As JSON

words = st.text(max_size=20)
scores = st.none() | st.floats(0, 1) | st.just(math.nan)
amounts = st.integers(0, 10**6)


@st.composite
def processes(draw):
    names = draw(st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=4, unique=True))
    wanted = draw(st.lists(st.tuples(*[st.sampled_from(names)] * 2), max_size=4))
    columns = tuple(
        draw(
            st.sampled_from([
                Column(name, 'integer', minimum=-3, maximum=9, examples=(1, 2)),
                Column(name, 'number', minimum=0.5, maximum=1.5, decimals=1, nullable=True),
                Column(name, 'categorical', categories=('x', 1, True), shares=(0.5, 0.3, 0.2)),
                Column(name, 'datetime', minimum='2024-01-01', stored_format='%Y'),
            ])
        )
        for name in names
    )
    return GenerationProcess(
        draw(words),
        TableSchema(columns),
        CausalGraph().changed(wanted)[0],
        draw(words.filter(str.strip)),
        draw(st.sampled_from(['none', 'schema', 'full'])),
        tuple(draw(st.lists(words, max_size=2))),
    )


@st.composite
def steps(draw):
    score = draw(scores)
    verdict = None
    if score is not None:
        verdict = Verdict(
            np.array([0.5]),
            score,
            *draw(st.tuples(st.floats(0, 1), st.floats(0, 9))),
            draw(words),
            draw(st.none() | st.booleans()),
            note=draw(words),
        )
    return Step(
        *draw(st.tuples(amounts, amounts)),
        draw(processes()),
        draw(amounts),
        Counter(draw(st.dictionaries(words, amounts, max_size=3))),
        Usage(*draw(st.tuples(amounts, amounts, amounts))),
        draw(st.floats(0, 1e6)),
        rows=pd.DataFrame({'a': [1]}),
        verdict=verdict,
        first_score=draw(scores),
        note=draw(words),
    )


def same(one: object, other: object) -> bool:
    both_nan = one != one and other != other
    return both_nan or one == other


@settings(max_examples=60, deadline=None)
@given(st.lists(steps(), max_size=3), words)
def test_a_history_survives_json(made, stopped):
    saved = history(*made, stopped=stopped).to_json()
    read = History.from_json(saved)
    assert read.to_json() == saved
    assert History.from_markdown(read.to_markdown()).to_json() == saved
    assert read.stopped == stopped
    for old, new in zip(made, read, strict=True):
        assert (old.epoch, old.batch, old.accepted) == (new.epoch, new.batch, new.accepted)
        assert (old.rejected, old.usage, old.note) == (new.rejected, new.usage, new.note)
        assert old.process.instruction == new.process.instruction
        assert old.process.causal_graph == new.process.causal_graph
        assert old.process.schema.names == new.process.schema.names
        assert new.rows is None
        assert (old.verdict is None) == (new.verdict is None)
        if old.verdict:
            for name in ('score', 'accuracy', 'log_loss', 'feedback', 'is_real', 'note'):
                assert same(getattr(old.verdict, name), getattr(new.verdict, name))
    assert read.to_frame().columns.equals(history(*made).to_frame().columns)


SAVED = json.loads(
    history(judged(FIRST, 0.8, rejected=Counter(a=1)), judged(SECOND, None)).to_json()
)
junk = st.none() | st.booleans() | st.integers() | st.floats() | words | st.lists(words, max_size=2)


def places(value: object, path: tuple = ()) -> list[tuple]:
    found = [path] if path else []
    if isinstance(value, dict):
        keys: list = list(value)
    elif isinstance(value, list):
        keys = list(range(len(value)))
    else:
        keys = []
    return found + [place for key in keys for place in places(value[key], (*path, key))]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(places(SAVED)), st.none() | junk, st.sampled_from(['replace', 'drop']))
def test_an_edited_file_is_read_or_refused_and_never_anything_else(place, value, how):
    edited = deepcopy(SAVED)
    inside = edited
    for key in place[:-1]:
        inside = inside[key]
    if how == 'drop':
        del inside[place[-1]]
    else:
        inside[place[-1]] = value
    try:
        read = History.from_json(json.dumps(edited))
    except ValueError:
        return
    read.to_frame()
    assert History.from_json(read.to_json()).to_json() == read.to_json()


@pytest.mark.parametrize(
    ('path', 'value', 'words'),
    [
        (['version'], 2, 'has version 2; 1 is what'),
        (['format'], 'x', 'needs one of sdv-llmgan history'),
        (['more'], 1, r"unknown: \['more'\]"),
        (['steps'], {}, 'steps: needs a list'),
        (['leads'], [1], 'leads: needs numbers of judged steps'),
        (['leads'], [7], 'leads: needs numbers of judged steps'),
        (['steps', 0, 'accepted'], -1, 'steps 0, accepted: needs a whole number'),
        (['steps', 0, 'accepted'], True, 'steps 0, accepted: needs a whole number'),
        (['steps', 0, 'verdict', 'score'], 1.5, 'needs a number from 0 to 1, got 1.5'),
        (['steps', 0, 'seconds'], 10**400, 'seconds: needs a number from 0'),
        (['steps', 0, 'rejected', 'a'], 'x', 'rejected, a: needs a whole number'),
        (['steps', 0, 'rows'], [[1]], r"unknown: \['rows'\]"),
        (['steps', 0, 'usage', 'euro'], 1, r"unknown: \['euro'\]"),
        (['steps', 0, 'process', 'instruction'], ' ', 'instruction; this one is blank'),
        (['steps', 0, 'process', 'causal_graph'], [['a', 'z']], 'columns that the model does'),
        (['steps', 0, 'process', 'schema', 0, 'kind'], 'os.system', 'needs one of categorical'),
        (['steps', 0, 'process', 'schema', 0, 'only'], [[1]], 'only 0: needs a number'),
    ],
)
def test_a_file_that_is_no_history_is_refused_with_the_place(path, value, words):
    edited = deepcopy(SAVED)
    inside = edited
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    with pytest.raises(ValueError, match=words):
        History.from_json(json.dumps(edited))


@pytest.mark.parametrize('text', ['', '{', '[' * 100_000, '{"version": NaN}', '[]', '1'])
def test_text_that_is_no_history_is_refused(text):
    with pytest.raises(ValueError, match='history: '):
        History.from_json(text)


def test_a_file_from_before_dollars_were_counted_is_read():
    edited = deepcopy(SAVED)
    edited['steps'][0]['usage'] = {'calls': 3}
    assert History.from_json(json.dumps(edited)).steps[0].usage == Usage(calls=3)


# Of a fit


class Constant(Discriminator):
    """Gives every process the same score, and counts."""

    def start(self, training, schema, seed):
        self.started = getattr(self, 'started', 0) + 1

    def update(self, real, synthetic):
        self.updates = getattr(self, 'updates', 0) + 1

    def judge(self, real, synthetic):
        return Verdict(np.full(len(synthetic), 0.5), 0.5, 0.75, 0.7)


def synthesizer(**arguments: object) -> LLMGANSynthesizer:
    usual = {'llm': 'scripted', 'max_batches': 3, 'batch_size': 10, 'sampler': 'llm'}
    usual |= {'causal_graph': 'none', 'cache': False, 'search': 'trajectory'}
    return LLMGANSynthesizer(visits_metadata(), **{**usual, **arguments})


def fitted(**arguments: object) -> LLMGANSynthesizer:
    made = synthesizer(**arguments)
    sdv_lines.fit(made, TABLE)
    return made


def test_a_story_without_its_last_section_is_an_error():
    with pytest.raises(ValueError, match='lacks its last section, "For History.from_markdown"'):
        History.from_markdown(history().to_markdown().partition('<details>')[0])


def test_no_row_of_the_training_table_is_in_the_story():
    notes = [f'note number {number} of a patient' for number in range(40)]
    table = TABLE.assign(note=notes, weight=TABLE['weight'] + 0.123456)
    metadata = visits_metadata(note={'sdtype': 'text', 'pii': False})
    settings = {'llm': 'scripted', 'max_batches': 2, 'cache': False, 'causal_graph': 'none'}
    made = LLMGANSynthesizer(metadata, metadata_detail='full', **settings)
    made.fit(sdv_lines.given(metadata, table))
    process = made.get_generation_process()
    assert any(note in process.to_json() for note in notes)
    for told in (made.history.to_json(), made.history.to_markdown()):
        assert not any(note in told for note in notes)
        assert sum(f'{weight}' in told for weight in table['weight']) <= 2  # minimum, maximum
        assert not any(patient in told for patient in table['patient'])
    assert made.history.to_frame().shape == made.get_history().shape


def test_the_history_is_there_after_the_fit_and_not_before():
    with pytest.raises(NotFittedError):
        _ = synthesizer().history
    made = fitted()
    assert made.history.steps[0].process.context == ''
    assert 'Step 0' in str(made.history.diff(0, -1))


def test_a_fit_begins_with_the_process_that_is_given():
    given = fitted().get_generation_process()
    given = replace(
        given.revised(
            causal_graph=CausalGraph((('age', 'pressure'),)), instruction='Write old patients.'
        ),
        context='A hospital.',
    )
    made = fitted(generation_process=GenerationProcess.from_json(given.to_json()))
    first = made.history.steps[0].process
    assert first.instruction == 'Write old patients.'
    assert first.causal_graph.edges == (('age', 'pressure'),)
    assert first.context == 'A hospital.'
    assert made.get_parameters()['generation_process'] == given


def test_columns_and_rules_are_those_of_the_table_and_not_of_the_given_process():
    given = fitted().get_generation_process()
    older = TABLE.assign(age=TABLE['age'] + 500)
    made = synthesizer(generation_process=given)
    sdv_lines.fit(made, older)
    assert made.history.steps[0].process.schema['age'].minimum >= 500
    with_rules = synthesizer(generation_process=replace(given, rules=('no rule of this table',)))
    sdv_lines.fit(with_rules, TABLE)
    assert with_rules.history.steps[0].process.rules == ()


def test_a_given_process_and_going_on_tell_nothing_that_a_policy_hides():
    given = fitted().get_generation_process()
    assert 'south' in given.to_json()
    llm = ScriptedProvider()
    policy = EgressPolicy({'ward': 'pseudonymize'})
    made = fitted(llm=llm, generation_process=given, egress=policy)
    made.continue_fit()
    sent = ' '.join(message.content for request in llm.requests for message in request.messages)
    assert '"ward"' in sent
    assert 'south' not in sent
    assert 'south' in set(sdv_lines.sample(made, 20)['ward'])


def test_a_process_of_other_columns_is_refused_with_their_names():
    given = GenerationProcess('', AGE_JOB, CausalGraph((('age', 'job'),)), 'Write rows.')
    with pytest.raises(ValueError, match='job'):
        fitted(generation_process=given)


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'generation_process': 'x'}, 'must be a GenerationProcess'),
        ({'generation_process': FIRST, 'instruction': 'x'}, 'of its own'),
        ({'generation_process': FIRST, 'context': 'x'}, 'of its own'),
    ],
)
def test_a_given_process_that_cannot_be_used_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        synthesizer(**arguments)


def test_a_fit_goes_on_from_an_edited_process_and_keeps_its_steps_and_their_scores():
    llm = ScriptedProvider()
    made = fitted(llm=llm, patience=9)
    before, rows = list(made.history), [step.real for step in made.history]
    rewrites = sum(request.role == 'optimizer' for request in llm.requests)
    edited = made.get_generation_process().revised(instruction='One row in ten is a pensioner.')
    made.set_generation_process(edited)
    made.continue_fit()
    steps = made.history.steps
    assert steps[:3] == before
    assert [step.real for step in steps[:3]] == rows
    assert len(steps) == 6
    assert steps[3].process == edited
    assert steps[4].process != edited
    assert all(step.verdict is not None for step in steps)
    assert steps[3].epoch == steps[2].epoch + 1
    assert made.get_generation_process() == made.history.best().process
    again = sum(request.role == 'optimizer' for request in llm.requests) - rewrites
    assert again == 2  # not for the edited one
    assert len(sdv_lines.sample(made, 5)) == 5


def test_going_on_from_a_process_that_was_judged_rewrites_it_at_once():
    llm = ScriptedProvider()
    made = fitted(llm=llm, patience=9)
    rewrites = sum(request.role == 'optimizer' for request in llm.requests)
    made.continue_fit()
    assert sum(request.role == 'optimizer' for request in llm.requests) - rewrites == 3


def test_the_discriminator_goes_on_learning_where_a_new_fit_begins_anew():
    made = fitted(discriminator=Constant(), patience=9)
    assert (made._model.discriminator.started, made._model.discriminator.updates) == (1, 3)
    made.continue_fit()
    assert (made._model.discriminator.started, made._model.discriminator.updates) == (1, 6)
    sdv_lines.fit(made, TABLE)
    assert made._model.discriminator.updates == 3
    assert len(made.history) == 3


def test_patience_begins_anew_when_a_fit_goes_on():
    made = fitted(discriminator=Constant(), patience=2, max_batches=9)
    assert len(made.history) == 3  # the first is the best
    made.continue_fit()
    assert len(made.history) == 5


def test_a_fit_goes_on_after_loading_and_repeatably(tmp_path):
    made = fitted()
    made.save(tmp_path / 'made.pkl')
    instructions = []
    for continued in (made, sdv_lines.load(tmp_path / 'made.pkl')):
        continued.continue_fit()
        instructions.append([step.process.instruction for step in continued.history])
    assert instructions[0] == instructions[1]
    assert len(set(instructions[0])) == 6


def test_the_sample_after_going_on_is_the_first_sample_again():
    made = fitted()
    sdv_lines.sample(made, 3)
    made.continue_fit()
    first = sdv_lines.sample(made, 5)
    made.reset_sampling()
    pd.testing.assert_frame_equal(first, sdv_lines.sample(made, 5))


def test_without_a_fit_there_is_nothing_to_go_on_with():
    with pytest.raises(NotFittedError, match='Call fit'):
        synthesizer().continue_fit()


def test_after_going_on_rows_come_from_what_the_sampler_says_again():
    columns = {'age': {'sdtype': 'numerical'}, 'ward': {'sdtype': 'categorical'}}
    metadata = Metadata.load_from_dict({'tables': {'visits': {'columns': columns}}})
    settings = {'llm': 'scripted', 'max_batches': 1, 'cache': False, 'sampler': 'distilled'}
    made = LLMGANSynthesizer(metadata, **settings)
    sdv_lines.fit(made, TABLE[['age', 'ward']])
    made.set_generation_process(made.get_generation_process())
    assert made.get_info()['sampler'] == 'llm'
    made.continue_fit()
    assert made.get_info()['sampler'] == 'distilled'
