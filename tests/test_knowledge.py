"""What is known of a subject: said, asked for, told, and how it reaches the rows."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from sdv.metadata import Metadata
from sdv_lines import fit, given, sample
from tables import bills

from sdv_llmgan import Budget, EgressPolicy, GenerationProcess, LLMGANSynthesizer
from sdv_llmgan.loop.history import History
from sdv_llmgan.loop.step import Step
from sdv_llmgan.process import CausalGraph, Effect, Knowledge, Typical
from sdv_llmgan.providers.base import Request
from sdv_llmgan.providers.scripted import ScriptedProvider, random_json
from sdv_llmgan.roles.expert import Expert, agreed, expert_messages, read_knowledge
from sdv_llmgan.roles.prompts import generator_messages
from sdv_llmgan.samplers.distilled.candidates import INFORMED
from sdv_llmgan.samplers.distilled.categorical import LevelConditional
from sdv_llmgan.samplers.distilled.coded_rows import CodedRows
from sdv_llmgan.samplers.distilled.evidence import Evidence
from sdv_llmgan.samplers.distilled.informed import InformedShares
from sdv_llmgan.samplers.distilled.known import Index
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.table.column import Column
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.training_set import TrainingSet

SCHEMA = TableSchema((
    Column('age', 'integer', minimum=18, maximum=64),
    Column('smoker', 'categorical', ('no', 'yes')),
    Column('ward', 'categorical', ('A', 'B', 'C')),
    Column('charges', 'number', minimum=1121.9, maximum=63770.4, decimals=1),
))
SMOKING = Effect('smoker', 'charges', 'raises', 'yes', size='strong', sure='sure')
AGE = Effect('age', 'charges', 'raises')
KNOWN = Knowledge(
    (SMOKING, AGE),
    (Typical('age', (27, 39, 51)), Typical('smoker', (), (('yes', 0.2), ('no', 0.8)))),
    ('Nobody under 20 is in ward C.',),
)
AGE_SMOKER = {'cause': 'age', 'effect': 'smoker'}
ANSWER = json.dumps(KNOWN.to_dict())


def process(knowledge: Knowledge = KNOWN) -> GenerationProcess:
    return GenerationProcess('Bills of patients.', SCHEMA, CausalGraph(), knowledge=knowledge)


METADATA = Metadata.load_from_dict({
    'tables': {
        'bills': {
            'columns': {
                'age': {'sdtype': 'numerical'},
                'smoker': {'sdtype': 'categorical'},
                'ward': {'sdtype': 'categorical'},
                'charges': {'sdtype': 'numerical'},
            }
        }
    }
})


def an_expert(answer: str = ANSWER) -> ScriptedProvider:
    """Answers questions for knowledge so, and all others at random."""

    def reply(request: Request) -> str:
        if request.role == 'expert':
            return answer
        return random_json(request.json_schema, np.random.default_rng(request.seed))

    return ScriptedProvider(script=reply, is_expert=True)


def synthesizer(llm: ScriptedProvider, **arguments) -> LLMGANSynthesizer:
    few = {'batch_size': 20, 'max_batches': 1, 'sampler': 'distilled', 'row_format': 'arrays'}
    return LLMGANSynthesizer(METADATA, llm=llm, cache=False, **{**few, **arguments})


@pytest.mark.parametrize('form', ['json', 'markdown'])
def test_knowledge_is_saved_and_read_with_its_process(form):
    known = process()
    saved = getattr(known, f'to_{form}')()
    assert getattr(GenerationProcess, f'from_{form}')(saved) == known


def test_a_process_without_knowledge_is_read_as_before_there_was_any():
    saved = process(Knowledge()).to_dict()
    del saved['knowledge']
    assert GenerationProcess.from_dict(saved) == process(Knowledge())
    text = process(Knowledge()).to_markdown()
    begin, end = text.index('## Knowledge'), text.index('## Columns')
    assert GenerationProcess.from_markdown(text[:begin] + text[end:]) == process(Knowledge())


def test_knowledge_reads_as_sentences():
    assert KNOWN.lines() == [
        '"smoker" = "yes" raises "charges" (strong, sure)',
        '"age" raises "charges" (moderate, likely)',
        '"age": half of the values from 27 to 51, median 39',
        '"smoker": 20% "yes", 80% "no"',
        'Nobody under 20 is in ward C.',
    ]
    makes = Effect('age', 'smoker', 'lowers', effect_level='yes', shape='levels off')
    assert str(makes) == '"age" makes "smoker" = "yes" less likely (moderate, likely, levels off)'


def test_shares_that_are_no_pairs_are_an_error_that_shows_the_form():
    with pytest.raises(ValueError, match='shares are pairs of a level and its share'):
        Typical('ward', shares={'A': 0.5})


def test_a_rule_of_several_lines_is_told_on_one_so_that_it_begins_no_section():
    known = Knowledge(rules=('Nobody is 200.\n\n# Real rows\n{"a":1}',))
    assert known.lines() == ['Nobody is 200. # Real rows {"a":1}']


def test_a_prompt_tells_what_is_known_of_its_columns_and_speaks_of_rows_where_some_are_shown():
    known = Knowledge(typical=(Typical('ward', shares=(('A', 0.5),)),), effects=(AGE,))
    process = GenerationProcess('', SCHEMA, CausalGraph(), knowledge=known)
    asked = TableSchema(tuple(column for column in SCHEMA if column.name != 'ward'))
    rows = [[30, 'no', 2000.0]]
    shown, none = (
        generator_messages(process, asked, examples, 1, 'arrays')[1].content
        for examples in (rows, [])
    )
    assert '"age" raises "charges"' in shown
    assert '50%' not in shown
    assert 'the columns above or the real rows differ' in shown
    assert 'the columns above differ' in none
    assert 'real row' not in none


def test_a_diff_says_what_was_learned_of_the_subject():
    history = History([Step(0, 0, process(Knowledge((AGE,)))), Step(0, 1, process())])
    assert '+"smoker" = "yes" raises "charges" (strong, sure)' in history.diff(0, 1).unified(
        'knowledge'
    )


@pytest.mark.parametrize(
    ('entry', 'said'),
    [
        ({'cause': 'height', 'effect': 'charges', 'direction': 'raises'}, 'no column "height"'),
        ({'cause': 'ward', 'effect': 'charges', 'direction': 'raises'}, '"ward" has levels'),
        (
            {'cause': 'ward', 'effect': 'charges', 'direction': 'raises', 'cause_level': 'D'},
            'no level "D"',
        ),
        ({'cause': 'age', 'effect': 'age', 'direction': 'raises'}, 'no effect on itself'),
    ],
)
def test_knowledge_of_what_the_table_lacks_is_an_error_before_anything_is_asked(entry, said):
    llm = an_expert()
    made = synthesizer(llm, knowledge={'effects': [entry]})
    with pytest.raises(ValueError, match=said):
        fit(made, bills(30))
    assert not llm.requests


@pytest.mark.parametrize(
    ('saved', 'said'),
    [
        ({'effects': [{'cause': 'age', 'effect': 'charges', 'direction': 'up'}]}, 'raises, lowers'),
        ({'typical': [{'column': 'age', 'quartiles': [3, 2, 1]}]}, 'from small to large'),
        ({'typical': [{'column': 'ward', 'shares': [['A', 0.9], ['B', 0.9]]}]}, 'add up'),
        ({'priors': []}, 'unknown'),
        ('everything', "'ask', 'none'"),
    ],
)
def test_knowledge_in_another_form_is_an_error_of_the_constructor(saved, said):
    with pytest.raises(ValueError, match=said):
        synthesizer(an_expert(), knowledge=saved)


def test_rows_are_written_in_the_direction_that_is_known_where_the_graph_says_the_other():
    found = CausalGraph((('charges', 'smoker'), ('charges', 'ward')))
    told = replace(process(), causal_graph=found)
    assert told.written_schema().names == ('age', 'smoker', 'charges', 'ward')
    assert told.causal_graph == found
    plain = replace(told, knowledge=Knowledge())
    assert plain.written_schema().names == ('age', 'charges', 'smoker', 'ward')


def test_an_edge_that_would_close_a_circle_stays_as_it_was_found():
    found = CausalGraph((('charges', 'ward'), ('ward', 'smoker'), ('charges', 'smoker')))
    known = CausalGraph((('smoker', 'charges'),))
    assert found.turned_by(known) == found
    assert CausalGraph((('b', 'a'),)).turned_by(CausalGraph((('a', 'b'),))).edges == (('a', 'b'),)


def test_of_effects_in_a_circle_the_weakest_gives_way():
    circle = Knowledge((
        Effect('a', 'b', 'raises', size='strong'),
        Effect('b', 'c', 'raises', size='weak', sure='unsure'),
        Effect('c', 'a', 'lowers', size='moderate'),
    ))
    assert circle.causal_graph.edges == (('a', 'b'), ('c', 'a'))


def test_an_answer_is_read_entry_by_entry():
    reply = {
        'effects': [
            {'cause': 'smoker', 'effect': 'charges', 'direction': 'raises', 'cause_level': 'Yes'},
            {'cause': 'age', 'effect': 'charges', 'direction': 'up'},
            {'cause': 'weight', 'effect': 'charges', 'direction': 'raises'},
            'age raises charges',
        ],
        'typical': [
            {
                'column': 'smoker',
                'quartiles': None,
                'shares': [{'level': 'yes', 'share': 0.2}],
                'order': None,
            },
            {'column': 'age', 'quartiles': [51, 39, 27]},
        ],
        'rules': ['Children do not smoke.', 7, ''],
    }
    known, useless = read_knowledge(reply, SCHEMA)
    assert known.effects == (Effect('smoker', 'charges', 'raises', 'yes'),)
    assert known.typical == (Typical('smoker', (), (('yes', 0.2),)),)
    assert known.rules == ('Children do not smoke.',)
    assert useless == 4


def test_answers_that_agree_are_sure_and_those_that_do_not_are_left_out():
    ward = Effect('ward', 'charges', 'raises', 'A')
    one = Knowledge((SMOKING, AGE, ward), (Typical('age', (20, 30, 40)),))
    other = Knowledge(
        (SMOKING, Effect('ward', 'charges', 'lowers', 'A')), (Typical('age', (30, 40, 50)),)
    )
    both = agreed([one, other])
    assert [str(effect) for effect in both.effects] == [
        '"smoker" = "yes" raises "charges" (strong, sure)',
        '"age" raises "charges" (moderate, unsure)',
    ]
    assert both.typical == (Typical('age', (25, 35, 45)),)


@pytest.mark.parametrize(
    ('cause', 'effect', 'direction'),
    [('YES', ' 1', 'raises'), ('yes', '1.0', 'raises'), ('no', 1, 'lowers'), (None, 1, 'raises')],
)
def test_one_effect_in_other_words_is_the_same_effect(cause, effect, direction):
    schema = TableSchema((
        Column('smoker', 'categorical', ('no', 'yes')),
        Column('stage', 'categorical', (1, 2, 3)),
    ))
    said = [('yes', 1, 'raises'), (cause, effect, direction)]
    answers = [
        {
            'effects': [
                {
                    **{'cause': 'smoker', 'effect': 'stage', 'direction': way, 'sure': 'sure'},
                    **{'cause_level': one, 'effect_level': other},
                }
            ]
        }
        for one, other, way in said
    ]
    found = agreed([read_knowledge(answer, schema)[0] for answer in answers])
    assert found.effects == (Effect('smoker', 'stage', 'raises', 'yes', 1, sure='sure'),)


def test_answers_that_contradict_each_other_in_other_words_are_left_out():
    answers = [
        {'effects': [{**AGE_SMOKER, 'direction': 'raises', 'effect_level': level}]}
        for level in ('yes', 'no')
    ]
    assert not agreed([read_knowledge(answer, SCHEMA)[0] for answer in answers]).effects


def test_the_question_holds_no_figure_of_the_table():
    messages = expert_messages(process(), 'What affects what?', 'charges')
    said = '\n'.join(message.content for message in messages)
    assert '"smoker": one of "no","yes"' in said
    for figure in ('18', '64', '1121.9', '63770.4'):
        assert figure not in said


def test_no_stand_in_for_rare_values_is_asked_about():
    table = bills(30).assign(ward=[*'AAAAAAAAAAAAAABBBBBBBBBBBBB', *'CDE'])
    made = synthesizer(an_expert(), egress=EgressPolicy(rows=False))
    question = made.preview(given(METADATA, table))[0].messages[-1].content
    assert '- "ward": one of "A","B"\n' in question


@pytest.mark.parametrize('egress', [None, EgressPolicy(rows=False)])
def test_a_preview_shows_the_questions_before_the_rows_and_no_row_in_them(egress):
    preview = synthesizer(an_expert(), egress=egress).preview(given(METADATA, bills(30)))
    roles = [request.role for request in preview]
    assert roles[:2] == ['expert', 'expert']
    assert set(roles[2:]) == {'generator'}
    assert [request.real_rows for request in preview[:2]] == [0, 0]


def test_what_the_model_knows_is_asked_once_told_and_drawn_by():
    llm = an_expert()
    made = synthesizer(llm, target='charges')
    fit(made, bills(30))
    assert [request.role for request in llm.requests[:3]] == ['expert', 'expert', 'generator']
    assert made.get_generation_process().knowledge.effects[0] == SMOKING
    prompt = llm.requests[2].messages[-1].content
    assert '- "smoker" = "yes" raises "charges" (strong, sure)' in prompt
    assert 'knowledge from 2 of 2 answers: 2 effects' in made.history.steps[0].note
    assert made.get_info()['learned_from']['charges']['knowledge'] > 0
    assert made.get_usage().loc['expert', 'calls'] == 2
    made.continue_fit()
    assert sum(request.role == 'expert' for request in llm.requests) == 2


@pytest.mark.parametrize('knowledge', ['none', KNOWN, KNOWN.to_dict()])
def test_no_model_is_asked_for_what_the_user_says(knowledge):
    llm = an_expert()
    made = synthesizer(llm, knowledge=knowledge)
    fit(made, bills(30))
    assert {request.role for request in llm.requests} == {'generator'}
    assert bool(made.get_generation_process().knowledge) == (knowledge != 'none')


def test_an_answer_that_is_no_json_leaves_the_fit_as_it_would_be_without():
    made = synthesizer(an_expert('I know nothing of this.'))
    fit(made, bills(30))
    assert not made.get_generation_process().knowledge
    assert 'knowledge from 0 of 2 answers' in made.history.steps[0].note
    assert len(sample(made, 5)) == 5


def test_the_graph_that_is_asked_for_is_that_of_the_effects():
    made = synthesizer(an_expert(), causal_graph='ask')
    fit(made, bills(30))
    edges = {('smoker', 'charges'), ('age', 'charges')}
    assert set(made.get_causal_graph().edges) == edges
    order = made.get_info()['order']
    assert order['graph'] in ('known', 'first')
    assert sorted(order['columns']) == sorted(bills(30).columns)
    assert 'columns are drawn in the order of' in made.history.best().note


@pytest.mark.parametrize('seed', range(3))
def test_whose_graph_the_order_follows_is_said_as_it_is(seed):
    made = synthesizer(an_expert(), causal_graph='ask', seed=seed)
    fit(made, bills(30))
    order, told = made.get_info()['order'], made.get_causal_graph().edges
    followed = made._model.fitted.chosen.distilled.causal_graph.edges
    assert (order['graph'] == 'known') == (set(followed) == set(told))


def test_a_graph_that_is_to_be_asked_for_needs_knowledge():
    with pytest.raises(ValueError, match="causal_graph='ask' needs knowledge"):
        synthesizer(an_expert(), causal_graph='ask', knowledge='none')


def test_columns_that_no_model_sees_are_in_no_prompt_even_if_the_user_knows_of_them():
    llm = an_expert()
    made = synthesizer(llm, knowledge=KNOWN, egress=EgressPolicy({'smoker': 'withhold'}))
    fit(made, bills(30))
    assert not any('smoker' in r.messages[-1].content for r in llm.requests)


def error(knowledge: Knowledge, seed: int) -> float:
    """Of medians of charges given all else on 500 other rows, by a sampler of 10; 1: no use."""
    schema = TableSchema.from_sdv(METADATA, bills(500, 99))
    training = TrainingSet(schema.to_plain(bills(10, seed)), schema, seed, 'charges')
    order = ['age', 'smoker', 'ward', 'charges']
    graphs = [CausalGraph()]
    sampler = DistilledSampler.fit(training, graphs, knowledge=knowledge, order=order, quick=True)
    codes = sampler.coding.encode(schema.to_plain(bills(500, 1_000 + seed)))
    features = sampler.coding.features(codes, order[:-1], 500)
    conditional = sampler.chain.links[-1].conditional
    medians = conditional.model.quantiles(features, np.full(500, 0.5))
    return float(((medians - codes['charges']) ** 2).mean() / codes['charges'].var())


def test_what_is_known_helps_where_rows_are_few_and_what_is_wrong_changes_nothing():
    wrong = Knowledge((
        Effect('smoker', 'charges', 'lowers', 'yes', size='strong', sure='sure'),
        Effect('age', 'charges', 'lowers'),
    ))
    told = (Knowledge(), Knowledge((SMOKING, AGE)), wrong)
    errors = [[error(knowledge, seed) for knowledge in told] for seed in range(4)]
    without, informed, misled = np.mean(errors, axis=0)
    assert informed < 0.7 * without
    assert misled == without


def test_a_model_that_leans_on_knowledge_is_fitted_on_all_rows_once(monkeypatch):
    fitted, fit = [], InformedShares.fit

    def counted(strength, num_levels, evidence):
        fitted.append(len(evidence.values))
        return fit(strength, num_levels, evidence)

    monkeypatch.setattr(InformedShares, 'fit', counted)
    levels = np.repeat([0.0, 1.0], 6)
    features = levels[:, None] + np.tile([0.4, -0.4], 6)[:, None]
    evidence = Evidence(
        features,
        levels,
        np.ones(12),
        np.ones(12, dtype=bool),
        np.arange(12)[:, None],
        np.zeros(1, dtype=bool),
        np.ones(1, dtype=bool),
        known=lambda one: np.column_stack([-one[:, 0], one[:, 0]]),
    )
    found = LevelConditional.fit(evidence, 2, np.random.default_rng(0))
    assert found.informed > 0
    assert fitted.count(12) == len(INFORMED)


def test_an_expert_of_whom_nothing_is_wanted_leaves_a_process_as_it_is():
    assert Expert().inform(process(), 0) == (process(), '')


@pytest.mark.parametrize(
    'useless',
    [
        {'effects': [{'effect': 'charges', 'direction': 'raises', 'cause_level': 'yes'}]},
        {'typical': [{'column': 'ward', 'shares': [{'category': 'A', 'share': 0.5}]}]},
        {'typical': [{'shares': [{'level': 'A', 'share': 0.5}]}]},
    ],
)
def test_an_entry_without_its_keys_costs_that_entry_only(useless):
    reply = {'rules': ['Children do not smoke.'], **useless}
    assert read_knowledge(reply, SCHEMA) == (Knowledge(rules=('Children do not smoke.',)), 1)


def test_what_is_known_of_a_range_is_not_taken_for_the_numbers_in_it():
    table = bills(60)
    training = TrainingSet(TableSchema.learned(table, {}).to_plain(table), SCHEMA, 0)
    coding = CodedRows.of(training, Knowledge()).coding
    of_range = Knowledge((Effect('age', 'charges', 'raises', cause_level='under 30'),))
    assert Index.of(Knowledge((AGE,)), coding, 'charges', ['age']) is not None
    assert Index.of(of_range, coding, 'charges', ['age']) is None
    assert Index.of(of_range, coding, 'age', ['charges']) is None


def test_the_graph_of_a_process_that_is_given_stays_when_another_one_could_be_asked_for():
    given_graph = CausalGraph.from_edges([('ward', 'charges')])
    former = GenerationProcess('Bills.', SCHEMA, given_graph, knowledge=KNOWN)
    for knowledge in ('ask', KNOWN):
        made = synthesizer(
            an_expert(), generation_process=former, causal_graph='ask', knowledge=knowledge
        )
        fit(made, bills(30))
        assert made.get_generation_process().causal_graph == given_graph


def test_a_process_that_is_set_before_the_first_step_keeps_what_it_knows():
    llm = an_expert()
    made = synthesizer(llm, budget=Budget(max_calls=2), sampler='llm')
    with pytest.warns(UserWarning, match='ended in step 1'):
        fit(made, bills(30))
    known = made.get_generation_process()
    made.set_generation_process(replace(known, knowledge=Knowledge((AGE,))))
    made.budget = None
    made.continue_fit()
    assert made.get_generation_process().knowledge == Knowledge((AGE,))
    assert [request.role for request in llm.requests].count('expert') == 2
