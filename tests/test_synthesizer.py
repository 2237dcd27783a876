from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sdv_lines
from sdv.errors import InvalidDataError, NotFittedError
from sdv.metadata import Metadata
from tables import visits, visits_metadata

from sdv_llmgan import CausalGraph, LLMGANSynthesizer, ScriptedProvider
from sdv_llmgan.errors import LLMGANError, PluginError, ProviderError
from sdv_llmgan.table.schema import TableSchema

pytestmark = pytest.mark.filterwarnings('ignore:We strongly recommend saving the metadata')
TABLE = visits(40)


def synthesizer(**arguments: object) -> LLMGANSynthesizer:
    return LLMGANSynthesizer(
        visits_metadata(),
        **{
            'llm': 'scripted',
            'max_batches': 2,
            'sampler': 'llm',
            'rows_per_example': 1,
            **arguments,
        },
    )


@pytest.fixture(scope='module')
def fitted() -> LLMGANSynthesizer:
    made = synthesizer()
    sdv_lines.fit(made, TABLE)
    return made


def sample(made: LLMGANSynthesizer, num_rows: int) -> pd.DataFrame:
    return sdv_lines.sample(made, num_rows)


def test_a_sample_looks_like_the_table(fitted):
    rows = sample(fitted, 50)
    assert rows.columns.tolist() == TABLE.columns.tolist()
    assert rows.dtypes.equals(TABLE.dtypes)
    assert len(rows) == 50
    assert rows['patient'].is_unique
    assert rows['patient'].str.fullmatch('P[0-9]{4}').all()
    assert rows['age'].between(TABLE['age'].min(), TABLE['age'].max()).all()
    assert set(rows['ward']) <= set(TABLE['ward'])
    assert set(rows['stage']) <= {1, 2, 3}
    assert rows['pressure'].isna().any()
    assert rows['admitted'].between(TABLE['admitted'].min(), TABLE['admitted'].max()).all()


def test_keys_and_personal_data_never_reach_a_prompt():
    llm = ScriptedProvider()
    metadata = visits_metadata(ward={'sdtype': 'email', 'pii': True})
    made = LLMGANSynthesizer(metadata, llm=llm, max_batches=2, sampler='llm')
    sdv_lines.fit(made, TABLE.assign(ward=[f'secret{i}@clinic.org' for i in range(40)]))
    sample(made, 5)
    sent = ' '.join(m.content for request in llm.requests for m in request.messages)
    sent += json.dumps([request.json_schema for request in llm.requests])
    assert 'P00' not in sent
    assert 'secret' not in sent
    assert 'patient' not in sent


def test_what_is_personal_or_an_id_is_made_up_and_free_text_is_written_by_the_model():
    columns = {
        'id': {'sdtype': 'id'},
        'household': {'sdtype': 'id'},
        'clinic': {'sdtype': 'id', 'regex_format': 'C[0-9]{2}'},
        'name': {'sdtype': 'name', 'pii': True},
        'letter': {'sdtype': 'text', 'pii': True},
        'code': {'sdtype': 'unknown', 'pii': True},
        'note': {'sdtype': 'text', 'pii': False},
        'town': {'sdtype': 'city', 'pii': False},
    }
    table = pd.DataFrame({name: [f'secret {name} {i % 9}' for i in range(20)] for name in columns})
    table['id'], table['household'] = range(20), [f'H{i % 7}' for i in range(20)]
    table['clinic'] = 'C07'
    metadata = Metadata.load_from_dict({'tables': {'t': {'primary_key': 'id', 'columns': columns}}})
    llm = ScriptedProvider()
    made = LLMGANSynthesizer(metadata, llm=llm, max_batches=1, sampler='llm', causal_graph='none')
    sdv_lines.fit(made, table)
    rows = sdv_lines.sample(made, 9)

    sent = ' '.join(m.content for request in llm.requests for m in request.messages)
    assert made.get_generation_process().schema.names == ('note', 'town')
    assert {name for name in columns if f'secret {name}' in sent} == {'note', 'town'}
    assert rows.columns.tolist() == list(columns)
    assert rows.notna().all(axis=None)
    for name in ('household', 'name', 'letter', 'code'):
        assert not set(rows[name]) & set(table[name])
    assert set(rows['town']) <= set(table['town'])


@pytest.mark.parametrize(
    ('arguments', 'error', 'message'),
    [
        ({'llm': 'acme/x'}, PluginError, "Unknown provider 'acme'. Installed: "),
        ({'optimizer_llm': 'acme'}, PluginError, "Unknown provider 'acme'"),
        ({'discriminator': 'judge'}, PluginError, "Unknown discriminator 'judge'"),
        ({'examples_per_call': 51}, ValueError, r'examples_per_call \(51\) must not exceed'),
        ({'epochs': 0}, ValueError, 'epochs must be a whole number of at least 1, got 0'),
        ({'rows_per_example': 0}, ValueError, 'rows_per_example must be a whole number'),
        ({'max_batches': 0}, ValueError, 'max_batches must be a whole number of at least 1'),
        (
            {'batch_size': '50'},
            ValueError,
            "batch_size must be a whole .*'50'",
        ),
        ({'epochs': 1.5}, ValueError, 'epochs must be a whole number of at least 1, got 1.5'),
        ({'top_k': True}, ValueError, 'top_k must be a whole number'),
        ({'optimizer_temperature': -1}, ValueError, 'optimizer_temperature must be a number'),
        ({'causal_graph': None}, ValueError, "causal_graph must be 'hill-climb', 'ask', 'none'"),
        ({'knowledge': 'guess'}, ValueError, "knowledge must be 'ask', 'none', a Knowledge"),
        ({'instruction': 5}, ValueError, 'instruction must be text, got 5'),
        ({'column_descriptions': 'age'}, ValueError, 'column_descriptions must map'),
        ({'seed': 2**32}, ValueError, 'seed must be at most 4294967295'),
        ({'seed': -1}, ValueError, 'seed must be a whole number of at least 0'),
        ({'causal_graph': 'pc'}, ValueError, "causal_graph must be 'hill-climb', 'ask', 'none'"),
        ({'causal_graph': [('a', 'b'), ('b', 'a')]}, ValueError, 'cycle; this one has a -> b'),
        ({'row_format': 'csv'}, ValueError, "row_format must be one of None, 'arrays'"),
    ],
)
def test_a_bad_argument_is_an_error_at_once(arguments, error, message):
    with pytest.raises(error, match=message):
        synthesizer(**arguments)


def assert_refused(made: LLMGANSynthesizer, table: pd.DataFrame, error, message: str) -> None:
    """The fit raises, and nothing was asked of the model."""
    with pytest.raises(error, match=message):
        sdv_lines.fit(made, table)
    assert made.llm.requests == []


def test_bad_tables_are_errors_before_any_call():
    made = synthesizer(llm=ScriptedProvider())
    assert_refused(made, TABLE.head(0), InvalidDataError, 'has 0 rows; at least 2 are needed')
    assert_refused(made, TABLE.head(1), InvalidDataError, 'has 1 row; at least 2 are needed')
    assert_refused(made, TABLE.drop(columns='age'), InvalidDataError, 'age')


def test_a_graph_with_an_unknown_column_is_an_error_before_any_call():
    made = synthesizer(llm=ScriptedProvider(), causal_graph=[('age', 'wage')])
    assert_refused(made, TABLE, ValueError, 'does not see: wage. It can use: age, weight')


@pytest.mark.parametrize(
    ('llm', 'variable'),
    [('openai/gpt-x', 'OPENAI_API_KEY'), ('anthropic/claude-x', 'ANTHROPIC_API_KEY')],
)
def test_a_missing_key_is_an_error_that_names_the_variable(monkeypatch, llm, variable):
    for name in ('OPENAI_API_KEY', 'OPENAI_BASE_URL', 'ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN'):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ProviderError, match=f'set the environment variable {variable}'):
        sdv_lines.fit(synthesizer(llm=llm), TABLE)


def shown_rows(prompt: str) -> int:
    return prompt.partition('# Real rows\n')[2].split('\n\n')[0].count('\n') + 1


@pytest.mark.parametrize(('rows_per_reply', 'calls'), [(None, 2), (1, 40)])
def test_four_rows_are_asked_for_with_each_example(rows_per_reply, calls):
    llm = ScriptedProvider()
    llm.rows_per_reply, llm.context = rows_per_reply, 4_096
    made = synthesizer(llm=llm, max_batches=1, rows_per_example=None)
    sdv_lines.fit(made, TABLE)
    prompts = [request.messages[1].content for request in llm.requests]
    assert len(prompts) == calls
    assert len(set(prompts)) == (2 if rows_per_reply is None else 8)
    assert {shown_rows(prompt) for prompt in prompts} == {5}


def test_a_large_context_is_shown_two_thirds_of_a_small_table_and_asked_for_classes():
    llm = ScriptedProvider()
    settings = {'max_batches': 1, 'rows_per_example': None, 'target': 'smoker'}
    sdv_lines.fit(synthesizer(llm=llm, **settings), TABLE)
    [prompt] = [request.messages[1].content for request in llm.requests]
    assert shown_rows(prompt) in (26, 27)
    [shares] = re.findall('Write 40 new rows, (.+), as JSON', prompt)
    assert shares == '8 with "smoker" = true, 32 with "smoker" = false'
    paper = ScriptedProvider()
    sdv_lines.fit(
        LLMGANSynthesizer.mallm_gan(visits_metadata(), llm=paper, target='smoker', max_batches=1),
        TABLE,
    )
    for request in (one for one in paper.requests if one.role == 'generator'):
        assert shown_rows(request.messages[1].content) <= 4
        assert 'with "smoker"' not in request.messages[1].content
        assert 'quartiles' not in request.messages[1].content


def test_what_a_fit_learned_is_shown(fitted):
    assert len(fitted.get_history()) == 2
    assert set(fitted.get_causal_graph()) == set(TABLE.columns) - {'patient'}
    assert fitted.get_usage().loc['generator', 'calls'] >= 16
    info = fitted.get_info()
    assert info['is_fit'] is True
    assert info['remote'] is False
    assert info['stopped'] == 'max_batches'
    assert 0 <= info['score'] <= 1
    assert fitted.get_loss_values()['Epoch'].tolist() == [0, 1]
    assert fitted.get_loss_values_plot().layout.title.text == 'LLMGAN loss function'


def test_before_a_fit_there_is_nothing_to_show():
    made = synthesizer()
    for method in (made.get_history, made.get_generation_process, made.get_usage):
        with pytest.raises(NotFittedError, match='Please fit your synthesizer first'):
            method()
    assert made.get_info()['is_fit'] is False


def test_the_user_gives_the_first_graph_and_instruction():
    llm = ScriptedProvider()
    made = synthesizer(
        llm=llm,
        context='A clinic.',
        causal_graph=[('age', 'pressure')],
        instruction='Old people first.',
        column_descriptions={'stage': 'Of the disease.'},
        max_batches=1,
    )
    sdv_lines.fit(made, TABLE)
    prompt = llm.requests[0].messages[1].content
    for part in ('A clinic.', '"age" affects "pressure"', 'Old people first.', 'Of the disease.'):
        assert part in prompt


def test_an_edited_process_is_followed(fitted):
    process = fitted.get_generation_process()
    llm = ScriptedProvider()
    fitted._model.generator.provider.provider, before = (
        llm,
        fitted._model.generator.provider.provider,
    )
    fitted.set_generation_process(process.revised(instruction='Only the brave.'))
    sample(fitted, 3)
    assert all('Only the brave.' in request.messages[1].content for request in llm.requests)
    fitted.set_generation_process(process)
    fitted._model.generator.provider.provider = before


def test_a_process_of_another_table_is_an_error(fitted):
    other = TableSchema(fitted.get_generation_process().schema.columns[1:])
    process = fitted.get_generation_process()
    with pytest.raises(ValueError, match=r"Missing: \['age'\]; unknown: \[\]"):
        fitted.set_generation_process(
            type(process)(process.context, other, CausalGraph(), process.instruction)
        )


def test_reset_sampling_gives_the_first_sample_again(fitted):
    fitted.reset_sampling()
    first, second = sample(fitted, 8), sample(fitted, 8)
    fitted.reset_sampling()
    assert not first.equals(second)
    pd.testing.assert_frame_equal(sample(fitted, 8), first)


def test_a_saved_synthesizer_samples_in_another_process(fitted, tmp_path):
    fitted.reset_sampling()
    path = tmp_path / 'saved.pkl'
    fitted.save(path)
    script = (
        'import sys, warnings; warnings.simplefilter("ignore")\n'
        'import sdv_lines\n'
        'loaded = sdv_lines.load(sys.argv[1])\n'
        'sys.stdout.write(sdv_lines.sample(loaded, 6).to_csv(index=False))'
    )
    done = subprocess.run(
        [sys.executable, '-c', script, str(path)],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == sample(fitted, 6).to_csv(index=False)


def test_loaded_and_fitted_synthesizers_know_the_same(fitted, tmp_path):
    fitted.save(tmp_path / 'saved.pkl')
    loaded = sdv_lines.load(tmp_path / 'saved.pkl')
    pd.testing.assert_frame_equal(loaded.get_history(), fitted.get_history())
    assert loaded.get_generation_process() == fitted.get_generation_process()


def test_an_interrupted_fit_can_be_looked_at():
    calls = iter(range(100))

    def breaks(request):
        if next(calls) > 8:
            raise ProviderError('The line is dead.')
        return '[]'

    llm = ScriptedProvider(script=breaks)
    made = synthesizer(llm=llm, batch_size=20, max_batches=5)
    with pytest.raises(ProviderError, match='The line is dead. The fit was interrupted in step 3'):
        sdv_lines.fit(made, TABLE)
    assert len(made.get_history()) == 2
    assert made.get_generation_process().instruction


def test_parameters_are_those_of_the_constructor():
    made = synthesizer(epochs=7, context='x')
    parameters = made.get_parameters()
    assert (parameters['epochs'], parameters['context'], parameters['llm']) == (7, 'x', 'scripted')
    assert not [name for name in parameters if 'key' in name and name != 'row_format']


def test_values_may_leave_the_range_when_it_is_not_enforced():
    llm = ScriptedProvider()
    made = synthesizer(llm=llm, enforce_min_max_values=False, max_batches=1)
    sdv_lines.fit(made, TABLE)
    properties = llm.requests[0].json_schema['properties']['rows']['items']['properties']
    assert {'type': 'integer'} in properties.values()


def test_a_table_of_keys_only_samples_without_a_model():
    metadata = Metadata.load_from_dict({
        'tables': {'t': {'primary_key': 'id', 'columns': {'id': {'sdtype': 'id'}}}}
    })
    made = LLMGANSynthesizer(metadata, llm='scripted', sampler='llm')
    sdv_lines.fit(made, pd.DataFrame({'id': ['a', 'b', 'c']}))
    assert sdv_lines.sample(made, 4)['id'].is_unique


def test_errors_survive_sdv_raising_them_again():
    for error in (LLMGANError, PluginError, ProviderError):
        assert str(error('text')) == 'text'


def test_two_rows_are_enough():
    made = synthesizer(max_batches=1)
    sdv_lines.fit(made, TABLE.head(2))
    assert len(made.get_history()) == 1


def test_missing_values_and_odd_names_survive_the_loop():
    names = ['a, b', '"quoted"', '{brace}', '🙂', "'; DROP TABLE x; --"]
    rng = np.random.default_rng(0)
    table = pd.DataFrame({name: rng.normal(size=12).round(2) for name in names})
    table.iloc[0] = np.nan
    columns = {name: {'sdtype': 'numerical'} for name in names}
    metadata = Metadata.load_from_dict({'tables': {'t': {'columns': columns}}})
    made = LLMGANSynthesizer(metadata, llm='scripted', max_batches=2, sampler='llm')
    sdv_lines.fit(made, table)
    assert sdv_lines.sample(made, 9).columns.tolist() == names


def test_something_else_than_a_process_is_an_error(fitted):
    with pytest.raises(ValueError, match='A GenerationProcess is needed'):
        fitted.set_generation_process('Write better rows.')


def test_dates_and_decimals_as_categories_come_back_as_they_were():
    days = [date(2024, 1, 1), date(2024, 5, 1), date(2024, 9, 1)] * 8
    table = pd.DataFrame({'day': days, 'price': [Decimal('1.10'), Decimal('2.20')] * 12})
    table['x'] = np.arange(24.0)
    columns = {name: {'sdtype': 'categorical'} for name in ('day', 'price')}
    columns['x'] = {'sdtype': 'numerical'}
    metadata = Metadata.load_from_dict({'tables': {'t': {'columns': columns}}})
    made = LLMGANSynthesizer(metadata, llm='scripted', max_batches=1, sampler='llm')
    sdv_lines.fit(made, table)
    rows = sdv_lines.sample(made, 9)
    assert set(rows['day']) <= set(days)
    assert set(rows['price']) <= {Decimal('1.10'), Decimal('2.20')}


def test_ctrl_c_does_not_wait_for_slow_calls():
    script = (
        'import _thread, signal, threading, time, warnings; warnings.simplefilter("ignore")\n'
        'from sdv_llmgan import Provider, Request\n'
        'from sdv_llmgan.calls.metered import MeteredProvider\n'
        'class Slow(Provider):\n'
        '    def complete(self, request):\n'
        '        time.sleep(600)\n'
        # A shell's background jobs, and so tests run in one, begin with Ctrl-C ignored.
        'signal.signal(signal.SIGINT, signal.default_int_handler)\n'
        'threading.Timer(1, _thread.interrupt_main).start()\n'
        'MeteredProvider(Slow("")).complete_many([Request(())] * 3)\n'
    )
    done = subprocess.run([sys.executable, '-c', script], capture_output=True, timeout=120)
    assert b'KeyboardInterrupt' in done.stderr


def test_very_few_rows_are_said_in_the_log_and_enough_are_not(caplog):
    for table, few in ((visits(6), True), (visits(30), False)):
        caplog.clear()
        sdv_lines.fit(synthesizer(llm=ScriptedProvider(), max_batches=1), table)
        assert ('6 rows are very few' in caplog.text) is few


def test_categories_that_look_like_names_are_said_in_the_log_and_wards_are_not(caplog):
    names = visits(30).assign(ward=[f'Ann No. {number}' for number in range(30)])
    for table, suspicious in ((names, True), (visits(30), False)):
        caplog.clear()
        sdv_lines.fit(synthesizer(llm=ScriptedProvider(), max_batches=1), table)
        assert ('Nearly all values differ in "ward"' in caplog.text) is suspicious
