"""Control characters, bidi marks and half characters: never raw in a prompt or in a terminal."""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat
import sys
import unicodedata

import numpy as np
import pandas as pd
import pytest
import sdv_lines
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sdv.errors import InvalidDataError
from sdv.metadata import Metadata
from tables import visits, visits_metadata
from typer.testing import CliRunner

from sdv_llmgan import LLMGANSynthesizer, ProviderError, ScriptedProvider
from sdv_llmgan.formats.markdown import escaped, fenced, quoted, sections
from sdv_llmgan.formats.saved_json import parse
from sdv_llmgan.formats.words import visible
from sdv_llmgan.loop.history import History
from sdv_llmgan.loop.step import Step
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.providers.base import Request
from sdv_llmgan.providers.scripted import random_json
from sdv_llmgan.roles.expert import expert_messages
from sdv_llmgan.roles.prompts import (
    discriminator_messages,
    generator_messages,
    interpreter_messages,
    optimizer_messages,
)
from sdv_llmgan.roles.tried import Tried
from sdv_llmgan.table.column import Column, dump, quote
from sdv_llmgan.table.rows import parse_rows
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan_cli.speech import say, show

IN_LITTLE_TIME = settings(max_examples=150, deadline=None, derandomize=True)
#: Separators of lines, bidi marks, invisible ones, ESC, CSI, BEL, NUL, a tag, half a character.
BAD = [chr(code) for code in (0x2028, 0x2029, 0x85, 0x200B, 0x200D, 0x2060, 0xFEFF, 0xAD, 0x1B)]
BAD += [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F)]
BAD += [
    chr(code) for code in (0x9B, 0x07, 0x00, 0x0B, 0x0C, 0x0D, 0x1C, 0x7F, 0x61C, 0xE0041, 0xD83D)
]
ugly = st.lists(
    st.sampled_from([
        *BAD,
        'a',
        'ward ',
        '\\',
        '\\u001b',
        '"',
        '\n',
        '`',
        '|',
        '🙂',
        '日本　語',
        'é',
    ])
    | st.characters(),
    max_size=12,
).map(''.join)


def hidden(text: str) -> set[str]:
    """The characters of a text that a reader does not see, or that move others."""
    kinds = ('Cc', 'Cf', 'Cs', 'Zl', 'Zp')
    return {c for c in text if unicodedata.category(c) in kinds} - {'\n', '\t'}


@IN_LITTLE_TIME
@given(ugly)
def test_nothing_is_hidden_in_what_is_written_and_json_is_the_same_value(text):
    for written in (visible(text), quote(text), dump([text]), escaped(text), quoted(text)):
        assert not hidden(written)
    assert '\n' not in escaped(text)
    assert json.loads(quote(text)) == text
    assert json.loads(dump({text: [text]})) == {text: [text]}


@pytest.mark.parametrize(
    'text', ['Zürich, 12 °C', '日本　語', 'a\tb\nc', 'half a\u00a0space', '🙂🏽']
)
def test_ordinary_text_stays_as_it_is(text):
    assert visible(text) == text


@IN_LITTLE_TIME
@example('\\u001b')
@example('\\\\u001b\x1b')
@given(ugly)
def test_a_fenced_text_is_read_back_to_the_letter_and_hides_nothing(text):
    text = text.replace('\r\n', '\n')
    written = fenced('Context', text)
    assert not hidden(written)
    assert sections(f'{written}\n') == {'Context': text}


def process_of(text: str) -> GenerationProcess:
    schema = TableSchema((
        Column(text, 'categorical', categories=(text, 'b'), shares=(0.5, 0.5), description=text),
        Column('age', 'integer', minimum=1, maximum=9, examples=(3,)),
    ))
    graph = CausalGraph.from_edges([(text, 'age')])
    return GenerationProcess(text, schema, graph, f'{text}.', 'full', (text,))


@IN_LITTLE_TIME
@example('age\u202e')
@given(ugly.filter(lambda text: text != 'age'))
def test_no_message_of_any_request_hides_anything(text):
    process = process_of(text)
    rows = [[text, 3], ['b', 4]]
    sent = [
        *generator_messages(process, process.schema, rows, 2, 'objects', [[text]]),
        *generator_messages(process, process.schema, rows, 2, 'arrays'),
        *optimizer_messages([Tried(process, 0.2, 0.6)], 500, feedback=text, examples=rows),
        *expert_messages(process, text, None),
        *discriminator_messages(process.schema, rows, rows, text, 'full'),
        *interpreter_messages(process.schema, text, text),
    ]
    for message in sent:
        assert not hidden(message.content)
        message.content.encode()
        assert '\r' not in message.content
    head = sent[1]
    assert head.content[: head.stable].endswith('\n\n')
    assert head.content[head.stable :].startswith('# Real rows')
    request = Request(tuple(sent))
    assert not hidden(request.body())


@settings(max_examples=40, deadline=None, derandomize=True)
@given(ugly.filter(lambda text: text != 'age' and '\r\n' not in text))
def test_no_form_of_a_process_or_a_story_hides_anything_and_each_is_read_back(text):
    process = process_of(text)
    for written in (str(process), process.to_markdown(), process.to_json()):
        assert not hidden(written)
    assert GenerationProcess.from_json(process.to_json()) == process
    history = History()
    history.steps = [
        Step(0, 0, process, note=text),
        Step(0, 1, process.revised(instruction=f'{text}, {text}!'), note=text),
    ]
    change = history.diff(0, 1)
    told = [history.to_json(), history.to_markdown(), str(change), change.unified()]
    assert not hidden(''.join([*told, change.to_markdown()]))
    assert [step.note for step in History.from_json(history.to_json())] == [text, text]
    again = History.from_markdown(history.to_markdown())
    assert again.to_json() == history.to_json()
    assert GenerationProcess.from_markdown(process.to_markdown()).instruction == f'{text}.'


@IN_LITTLE_TIME
@given(ugly)
def test_no_line_of_the_command_line_hides_anything(text):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        show(text)
        say(text)
    assert not hidden(out.getvalue() + err.getvalue())


HALF = '\ud83d'


def ward_metadata(name: str = 'ward') -> Metadata:
    columns = {name: {'sdtype': 'categorical'}, 'age': {'sdtype': 'numerical'}}
    return Metadata.load_from_dict({'tables': {'t': {'columns': columns}}})


def answer(request: Request) -> str:
    """Rows at random; an instruction that holds half a character."""
    if request.role == 'optimizer':
        return '{"add": [], "remove": [], "instruction": "Write \\ud83d rows \\u202e."}'
    return random_json(request.json_schema, np.random.default_rng(request.seed))


def fitted(table: pd.DataFrame, metadata: Metadata, **settings: object) -> LLMGANSynthesizer:
    usual = {'llm': ScriptedProvider(script=answer), 'max_batches': 3, 'batch_size': 10}
    usual |= {'sampler': 'llm', 'causal_graph': 'none', 'cache': False, 'reject_copies': False}
    made = LLMGANSynthesizer(metadata, **{**usual, **settings})
    sdv_lines.fit(made, table)
    return made


def table_with(ward: str = 'north', name: str = 'ward') -> pd.DataFrame:
    return pd.DataFrame({name: [ward, 'south'] * 15, 'age': range(30)})


@pytest.mark.parametrize('name', ['ward', f'ward{HALF}'])
def test_half_a_character_in_a_cell_or_a_name_is_refused_before_anything_is_sent(name):
    table = table_with('north' if name != 'ward' else f'north{HALF}', name)
    provider = ScriptedProvider(script=answer)
    with pytest.raises(InvalidDataError, match=r'"ward.*: the name or a value holds half a char'):
        fitted(table, ward_metadata(name), llm=provider, row_format='objects')
    assert not provider.requests


def test_a_request_that_cannot_be_encoded_is_refused_as_it_is_made_and_never_retried():
    with pytest.raises(ProviderError, match=r'half a character.*ud83d.*Nothing was sent') as error:
        Request((), json_schema={'enum': ['a', HALF]})
    assert type(error.value) is ProviderError


def test_half_a_character_in_words_of_the_user_or_of_a_model_is_written_out():
    words = {'context': f'Wards {HALF}.', 'column_descriptions': {'ward': f'Which {HALF}\x1b[2J.'}}
    made = fitted(table_with(), ward_metadata(), **words)
    told = [m.content for request in made.llm.requests for m in request.messages]
    assert any('Wards \\ud83d.' in text for text in told)
    assert any('Write \\ud83d rows \\u202e' in text for text in told)
    assert not hidden(''.join(told))
    assert len(made.history) == 3


def test_half_a_character_in_a_text_of_a_model_is_rejected():
    schema = TableSchema((Column('note', 'text', max_length=9),))
    parsed = parse_rows('[["good"], ["\\ud83d"], ["\\ud83d\\ude42"]]', schema)
    assert parsed.rows['note'].tolist() == ['good', '🙂']
    assert parsed.rejected == {'note: half a character': 1}


@pytest.mark.parametrize('huge', [2**63, 10**400, 10**5_000], ids=['64 bits', '400', '5000'])
@pytest.mark.parametrize('where', ['accepted', 'seconds', 'usage', 'step', 'decimals', 'minimum'])
def test_a_huge_number_in_a_history_is_an_error_where_it_stands(huge, where):
    history = History()
    history.steps = [Step(0, 0, process_of('x'))]
    saved = json.loads(history.to_json())
    step = saved['steps'][0]
    column = step['process']['schema'][1]
    if where == 'usage':
        step['usage']['calls'] = huge
    elif where in ('step', 'decimals', 'minimum'):
        column[where] = huge
    else:
        step[where] = huge
    if huge == 2**63 and where in ('seconds', 'minimum'):
        return  # a float can hold it
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    text = json.dumps(saved)
    sys.set_int_max_str_digits(limit)
    with pytest.raises(ValueError, match='^history'):
        History.from_json(text)


def test_json_that_python_cannot_read_says_what_it_is():
    with pytest.raises(ValueError, match='^Columns: this is no JSON text'):
        parse('9' * 5_000, 'Columns')


@pytest.mark.skipif(os.name == 'nt', reason='needs rights of POSIX')
def test_files_that_hold_rows_are_their_owners_alone(tmp_path):
    from sdv_llmgan_cli.app import app

    def rights(name: str) -> int:
        return stat.S_IMODE((tmp_path / name).stat().st_mode)

    visits(40).to_csv(tmp_path / 'data.csv', index=False)
    (tmp_path / 'old.pkl').write_text('of another day')
    (tmp_path / 'old.pkl').chmod(0o644)
    made = LLMGANSynthesizer(visits_metadata(), llm='scripted', max_batches=1, sampler='llm')
    sdv_lines.fit(made, visits(20))
    for name in ('model.pkl', 'old.pkl'):
        made.save(str(tmp_path / name))
        assert rights(name) == 0o600
        assert len(sdv_lines.sample(sdv_lines.load(tmp_path / name), 2)) == 2
    done = CliRunner().invoke(app, ['split', str(tmp_path / 'data.csv')])
    assert done.exit_code == 0
    assert rights('data-train.csv') == rights('data-holdout.csv') == 0o600
    (tmp_path / 'known.csv').write_text('age\n41\n52\n')
    asked = ['sample', str(tmp_path / 'model.pkl'), '-o']
    known = ['--known', str(tmp_path / 'known.csv')]
    for name, options in (('drawn.csv', ['-n', '2']), ('completed.csv', known)):
        done = CliRunner().invoke(app, [*asked, str(tmp_path / name), *options])
        assert done.exit_code == 0
    assert rights('completed.csv') == 0o600
    assert rights('drawn.csv') & 0o044  # synthetic rows are there to be handed over
