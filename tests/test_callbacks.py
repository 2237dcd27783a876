from __future__ import annotations

import logging
import re
import sys

import pytest
import sdv_lines
from tables import visits, visits_metadata

from sdv_llmgan import Callback, LLMGANSynthesizer, ScriptedProvider
from sdv_llmgan.loop.history import History, Step

pytestmark = pytest.mark.filterwarnings('ignore:We strongly recommend saving the metadata')
TABLE = visits(40)


class Recorder(Callback):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, float | None, int]] = []
        self.ended: list[str] = []

    def on_step(self, step: Step, history: History) -> None:
        assert history.steps[-1] is step
        self.told.append((len(history), step.score, step.usage.calls))

    def on_end(self, history: History) -> None:
        self.ended.append(history.stopped)


class StopAfter(Callback):
    """Stops a fit after so many steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_step(self, step: Step, history: History) -> bool:
        return len(history) >= self.steps


class Failing(Callback):
    """Fails in the second step."""

    def on_step(self, step: Step, history: History) -> None:
        if len(history) == 2:
            raise RuntimeError('the log server is down')


def synthesizer(**arguments: object) -> LLMGANSynthesizer:
    usual = {'llm': 'scripted', 'max_batches': 3, 'batch_size': 10, 'sampler': 'llm'}
    usual |= {'causal_graph': 'none', 'cache': False}
    return LLMGANSynthesizer(visits_metadata(), **{**usual, **arguments})


def fitted(**arguments: object) -> LLMGANSynthesizer:
    made = synthesizer(**arguments)
    sdv_lines.fit(made, TABLE)
    return made


def test_callbacks_are_told_of_every_step_and_once_of_the_end():
    recorder = Recorder()
    made = fitted(callbacks=[recorder], patience=9)
    assert [number for number, _, _ in recorder.told] == [1, 2, 3]
    assert [calls for _, _, calls in recorder.told] == made.get_history()['calls'].tolist()
    assert recorder.told[-1][1] == made.history.steps[-1].score
    assert recorder.ended == ['max_batches']


def test_a_callback_stops_the_fit_which_keeps_the_best_process_and_says_who_did():
    recorder = Recorder()
    made = fitted(callbacks=[StopAfter(2), recorder])
    assert made.get_info()['stopped'] == 'callback: StopAfter'
    assert len(recorder.told) == len(made.history) == 2
    assert recorder.ended == ['callback: StopAfter']
    assert made.get_generation_process() == made.history.best().process
    assert len(sdv_lines.sample(made, 5)) == 5


def test_a_callback_that_never_says_stop_stops_nothing():
    made = fitted(callbacks=[StopAfter(99)])
    assert made.get_info()['stopped'] == 'max_batches'


def test_an_error_in_a_callback_comes_through_and_the_history_can_be_read():
    recorder = Recorder()
    made = synthesizer(callbacks=[Failing(), recorder])
    with pytest.raises(RuntimeError, match='the log server is down'):
        sdv_lines.fit(made, TABLE)
    assert len(made.get_history()) == 2
    assert made.history.stopped == 'interrupted by Failing'
    assert recorder.ended == []


def test_any_object_with_one_of_the_methods_will_do():
    class Ends:
        seen = 0

        def on_end(self, history):
            self.seen = len(history)

    ends = Ends()
    fitted(callbacks=(ends,), max_batches=1)
    assert ends.seen == 1


def test_an_error_at_the_end_is_logged_and_the_fit_kept(caplog):
    class Broken:
        def on_end(self, history):
            raise RuntimeError('no disk left')

    made = fitted(callbacks=[Broken()], max_batches=1)
    assert 'on_end of Broken failed; the fit is kept.' in caplog.text
    assert 'no disk left' in caplog.text
    assert len(sdv_lines.sample(made, 3)) == 3


@pytest.mark.parametrize(
    ('callbacks', 'words'),
    [
        (Recorder(), 'must be a list'),
        ('Recorder', 'must be a list'),
        ([object()], 'on_step or on_end'),
        ([Recorder], 'hand in an object'),
    ],
)
def test_what_is_no_callback_is_refused_before_the_fit(callbacks, words):
    with pytest.raises(ValueError, match=words):
        synthesizer(callbacks=callbacks)


def test_callbacks_are_parameters_and_are_saved(tmp_path):
    made = fitted(callbacks=[StopAfter(1)])
    assert made.get_parameters()['callbacks'] is made.callbacks
    made.save(tmp_path / 'made.pkl')
    loaded = sdv_lines.load(tmp_path / 'made.pkl')
    assert loaded.callbacks[0].steps == 1
    copy = LLMGANSynthesizer(visits_metadata(), **loaded.get_parameters())
    sdv_lines.fit(copy, TABLE)
    assert copy.get_info()['stopped'] == 'callback: StopAfter'


def test_an_estimate_tells_no_callback():
    class Shared(Recorder):
        def __deepcopy__(self, memo):
            return self

    recorder = Shared()
    synthesizer(callbacks=[recorder]).estimate(sdv_lines.given(visits_metadata(), TABLE))
    assert recorder.told == recorder.ended == []


def test_nothing_is_shown_unless_asked_for(capsys):
    sdv_lines.sample(fitted(), 5)
    shown = capsys.readouterr()
    assert shown.out == shown.err == ''


def test_bars_show_epoch_scores_tokens_and_rows_and_a_line_at_the_end(capsys, caplog):
    class Priced(ScriptedProvider):
        def usd(self, usage):
            return usage.tokens * 1e-6

    caplog.set_level(logging.INFO, 'sdv_llmgan')
    made = fitted(
        llm=Priced(),
        verbose=True,
        epochs=2,
        max_batches=None,
        batch_size=20,
        rows_per_example=1,
        patience=9,
    )
    shown = capsys.readouterr()
    assert shown.out == ''
    assert 'Epoch 2/2: 4/4 |' in shown.err
    assert ', best ' in shown.err
    assert 'call 4/4' in shown.err
    usage = made.get_usage()
    tokens = int(usage[['prompt_tokens', 'completion_tokens']].to_numpy().sum())
    ended = f'{tokens:,} tokens, ${usage["usd"].sum():.4f}. Rows come from: llm.'
    assert shown.err.rstrip().endswith(ended)
    assert ended in caplog.text
    sdv_lines.sample(made, 12)
    shown = capsys.readouterr()
    assert 'Sampling: 12/12 rows |' in shown.err
    assert shown.out == ''


@pytest.mark.parametrize('verbose', [True, False])
def test_the_local_sampler_is_seen_to_be_fitted(capsys, verbose):
    made = fitted(sampler='distilled', max_batches=1, verbose=verbose)
    shown = capsys.readouterr().err
    columns = len(made.get_generation_process().schema.names)
    counts = re.findall(r'Fitting the local sampler: (\d+) models of columns', shown)
    # One of each column for every order that is compared, and for the one that is kept.
    assert bool(counts) is verbose
    assert not counts or (int(counts[-1]) >= columns and int(counts[-1]) % columns == 0)


def test_dollars_are_not_shown_where_the_price_is_unknown(capsys):
    class Unpriced(ScriptedProvider):
        def usd(self, usage):
            return None

    fitted(llm=Unpriced(), verbose=True, max_batches=1)
    shown = capsys.readouterr().err
    assert ' tokens' in shown
    assert '$' not in shown


def test_a_bar_is_closed_when_a_fit_fails(capsys):
    made = synthesizer(callbacks=[Failing()], verbose=True)
    with pytest.raises(RuntimeError):
        sdv_lines.fit(made, TABLE)
    sys.stderr.write('after\n')
    assert '2/3 |' in capsys.readouterr().err.split('after')[0].splitlines()[-1]
