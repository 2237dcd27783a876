"""LLMGANSynthesizer stands where CTGANSynthesizer stands: the whole public surface, called.

The surface is read off the installed CTGANSynthesizer. A method or parameter that a later SDV adds
is in none of the exercises below, and fails here by its name.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sdv_lines
from rdt.transformers import FloatFormatter
from sdv.cag import FixedCombinations
from sdv.cag._errors import ConstraintNotMetError
from sdv.errors import InvalidDataError
from sdv.evaluation import evaluate_quality, run_diagnostic
from sdv.sampling import Condition
from sdv.single_table import CTGANSynthesizer, LLMGANSynthesizer
from tables import visits, visits_metadata

pytestmark = pytest.mark.filterwarnings('ignore')
TABLE = visits(40)
METADATA = visits_metadata()
TOGETHER = FixedCombinations(column_names=['ward', 'smoker'])


class Recorded:
    """A synthesizer that notes which parameters of which methods it was given."""

    def __init__(self, synthesizer: LLMGANSynthesizer, given: dict[str, set[str]]) -> None:
        self._synthesizer, self._given = synthesizer, given

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._synthesizer, name)

        def call(*args: object, **kwargs: object) -> object:
            bound = inspect.signature(method).bind(*args, **kwargs)
            self._given.setdefault(name, set()).update(bound.arguments)
            return method(*args, **kwargs)

        return call if callable(method) else method


@dataclass(frozen=True)
class Desk:
    """What an exercise works with.

    Attributes:
        folder: An empty folder.
        given: The parameters given so far, by method.
    """

    folder: Path
    given: dict[str, set[str]]

    def new(self) -> Recorded:
        made = LLMGANSynthesizer(
            METADATA, llm='scripted', max_batches=1, sampler='llm', causal_graph='none'
        )
        return Recorded(made, self.given)

    def fitted(self) -> Recorded:
        made = self.new()
        made.fit(data=sdv_lines.given(METADATA, TABLE))
        return made


EXERCISES: dict[str, Callable[[Desk], None]] = {}

#: Public, but no part of what a user calls.
NOT_CALLED = {'raise_module_not_found_error': 'says that torch is missing, which is not needed'}


def exercise(function: Callable[[Desk], None]) -> Callable[[Desk], None]:
    EXERCISES[function.__name__.removeprefix('_')] = function
    return function


@exercise
def _validate(desk):
    made = desk.new()
    made.validate(data=sdv_lines.given(METADATA, TABLE))
    with pytest.raises(InvalidDataError, match='age'):
        made.validate(data=sdv_lines.given(METADATA, TABLE.drop(columns='age')))


@exercise
def _auto_assign_transformers(desk):
    made = desk.new()
    made.auto_assign_transformers(data=sdv_lines.given(METADATA, TABLE))
    assert set(made.get_transformers()) == set(TABLE)


@exercise
def _get_transformers(desk):
    transformers = desk.fitted().get_transformers(**sdv_lines.named(METADATA, 'table_name'))
    assert [name for name, used in transformers.items() if used is not None] == ['patient']


@exercise
def _update_transformers(desk):
    made = desk.new()
    made.auto_assign_transformers(sdv_lines.given(METADATA, TABLE))
    made.update_transformers(
        column_name_to_transformer={'pressure': FloatFormatter(missing_value_generation=None)},
        **sdv_lines.named(METADATA, 'table_name'),
    )
    sdv_lines.fit(made, TABLE)
    assert isinstance(made.get_transformers()['pressure'], FloatFormatter)
    assert sdv_lines.sample(made, 5)['pressure'].notna().all()


@exercise
def _fit(desk):
    assert desk.fitted().get_info()['is_fit'] is True


@exercise
def _preprocess(desk):
    processed = desk.new().preprocess(data=sdv_lines.given(METADATA, TABLE))
    ward = sdv_lines.taken(processed)['ward']
    assert ward.tolist() == TABLE['ward'].tolist()


@exercise
def _fit_processed_data(desk):
    made = desk.new()
    made.fit_processed_data(processed_data=made.preprocess(sdv_lines.given(METADATA, TABLE)))
    assert len(sdv_lines.sample(made, 5)) == 5


@exercise
def _sample(desk):
    made = desk.fitted()
    rows = sdv_lines.taken(
        made.sample(
            num_rows=20,
            max_tries_per_batch=3,
            batch_size=10,
            **sdv_lines.named(METADATA, 'main_table_name'),
            **sdv_lines.output_option(desk.folder),
        )
    )
    assert rows.columns.tolist() == TABLE.columns.tolist()
    assert rows.dtypes.equals(TABLE.dtypes)
    assert len(rows) == 20
    assert len(written(desk.folder)) == 20


@exercise
def _sample_from_conditions(desk):
    rows = sdv_lines.taken(
        desk.fitted().sample_from_conditions(
            conditions=[Condition({'ward': 'north'}, num_rows=6), Condition({'stage': 2}, 4)],
            max_tries_per_batch=3,
            batch_size=10,
            **sdv_lines.output_option(desk.folder),
        )
    )
    assert (rows['ward'][:6] == 'north').all()
    assert (rows['stage'][6:] == 2).all()
    assert len(rows) == len(written(desk.folder)) == 10


@exercise
def _sample_remaining_columns(desk):
    known = pd.DataFrame({'ward': ['north', 'south', 'north'], 'stage': [1, 2, 3]})
    rows = sdv_lines.taken(
        desk.fitted().sample_remaining_columns(
            known_columns=known,
            max_tries_per_batch=3,
            batch_size=10,
            **sdv_lines.output_option(desk.folder),
        )
    )
    pd.testing.assert_frame_equal(rows[['ward', 'stage']], known)
    assert len(written(desk.folder)) == 3


@exercise
def _reset_sampling(desk):
    made = desk.fitted()
    first, second = sdv_lines.sample(made, 9), sdv_lines.sample(made, 9)
    made.reset_sampling()
    pd.testing.assert_frame_equal(sdv_lines.sample(made, 9), first)
    assert not first.equals(second)


@exercise
def _save(desk):
    made = desk.fitted()
    made.save(filepath=desk.folder / 'saved.pkl')
    loaded = sdv_lines.load(desk.folder / 'saved.pkl')
    pd.testing.assert_frame_equal(sdv_lines.sample(loaded, 9), sdv_lines.sample(made, 9))


@exercise
def _load(desk):
    made = desk.fitted()
    made.save(desk.folder / 'saved.pkl')
    loaded = made.load(filepath=desk.folder / 'saved.pkl')
    assert type(loaded) is LLMGANSynthesizer
    pd.testing.assert_frame_equal(sdv_lines.sample(loaded, 9), sdv_lines.sample(made, 9))


@exercise
def _get_info(desk):
    assert desk.fitted().get_info()['class_name'] == 'LLMGANSynthesizer'


@exercise
def _get_parameters(desk):
    parameters = desk.new().get_parameters()
    assert list(parameters) == list(inspect.signature(LLMGANSynthesizer).parameters)[1:]
    assert parameters['max_batches'] == 1


@exercise
def _get_metadata(desk):
    made = desk.new()
    made.add_constraints([TOGETHER])
    assert made.get_metadata(version='original').to_dict() == METADATA.to_dict()
    # CTGAN learns from columns that constraints make; here the model reads the user's own.
    assert made.get_metadata(version='modified').to_dict() == METADATA.to_dict()


@exercise
def _get_loss_values(desk):
    losses = desk.fitted().get_loss_values()
    assert losses.columns.tolist() == ['Epoch', 'Generator Loss', 'Discriminator Loss']
    assert losses['Generator Loss'].between(0, 1).all()


@exercise
def _get_loss_values_plot(desk):
    assert desk.fitted().get_loss_values_plot(title='Loss').layout.title.text == 'Loss'


@exercise
def _add_constraints(desk):
    made = constrained(desk)
    rows = sdv_lines.sample(made, 20)
    assert combinations(rows) <= combinations(TABLE)


@exercise
def _get_constraints(desk):
    made = constrained(desk)
    assert [type(constraint) for constraint in made.get_constraints()] == [FixedCombinations]
    made.get_constraints(filepath=desk.folder / 'constraints.json')
    assert 'FixedCombinations' in (desk.folder / 'constraints.json').read_text()


@exercise
def _set_constraints(desk):
    constrained(desk).get_constraints(desk.folder / 'constraints.json')
    made = desk.new()
    made.set_constraints(filepath=desk.folder / 'constraints.json')
    assert [type(constraint) for constraint in made.get_constraints()] == [FixedCombinations]


@exercise
def _validate_constraints(desk):
    made = constrained(desk)
    made.validate_constraints(synthetic_data=sdv_lines.sample(made, 9))
    with pytest.raises(ConstraintNotMetError):
        made.validate_constraints(synthetic_data=TABLE.assign(ward='west'))


@exercise
def _reverse_transform_constraints(desk):
    made = constrained(desk)
    processed = sdv_lines.taken(made.preprocess(sdv_lines.given(METADATA, TABLE)))
    reversed_rows = made.reverse_transform_constraints(sampled=processed)
    assert combinations(reversed_rows) == combinations(TABLE)


@exercise
def _load_custom_constraint_classes(desk):
    (desk.folder / 'custom.py').write_text(
        'from sdv.constraints import create_custom_constraint_class\n'
        'Paid = create_custom_constraint_class(lambda names, data: data[names[0]] > 0)\n'
    )
    made, path = desk.new(), desk.folder / 'custom.py'
    made.load_custom_constraint_classes(filepath=path, class_names=['Paid'])
    with pytest.raises(Exception, match="'Owed' is not defined"):
        made.load_custom_constraint_classes(filepath=path, class_names=['Owed'])


@exercise
def _set_address_columns(desk):
    with pytest.warns(FutureWarning, match='deprecated'):
        desk.new().set_address_columns(column_names=('ward',), anonymization_level='full')


def constrained(desk: Desk) -> Recorded:
    made = desk.new()
    made.add_constraints(constraints=[TOGETHER])
    sdv_lines.fit(made, TABLE)
    return made


def combinations(rows: pd.DataFrame) -> set[tuple[str, bool]]:
    return set(zip(rows['ward'], rows['smoker'], strict=True))


def written(folder: Path) -> pd.DataFrame:
    return pd.concat([pd.read_csv(path) for path in folder.glob('*.csv')])


def public_methods(cls: type) -> list[str]:
    return [name for name, _ in inspect.getmembers(cls) if not name.startswith('_')]


def parameters(function: Callable[..., object]) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != 'self']


def check(cls: type, name: str, folder: Path) -> None:
    """Run the exercise of a method of ``cls``, and see that it gave each of its parameters."""
    if name in NOT_CALLED:
        return
    assert name in EXERCISES, f'SDV has a method that no exercise here calls: {name}'
    desk = Desk(folder, {})
    EXERCISES[name](desk)
    missed = set(parameters(getattr(cls, name))) - desk.given[name]
    assert not missed, f'SDV has parameters that no exercise here gives to {name}: {missed}'


@pytest.mark.parametrize('name', public_methods(CTGANSynthesizer))
def test_every_public_method_and_each_of_its_parameters_works(name, tmp_path):
    check(CTGANSynthesizer, name, tmp_path)


class TomorrowsCTGAN(CTGANSynthesizer):
    """What a later SDV may bring."""

    def sample_forever(self) -> None: ...

    def get_info(self, language: str = 'en') -> None: ...


@pytest.mark.parametrize(
    ('name', 'unknown'), [('sample_forever', 'sample_forever'), ('get_info', 'language')]
)
def test_what_a_later_sdv_adds_fails_by_its_name(name, unknown, tmp_path):
    with pytest.raises(AssertionError, match=unknown):
        check(TomorrowsCTGAN, name, tmp_path)


#: Arguments of CTGAN's own network and training; they mean nothing to a language model.
OF_A_NETWORK = {
    *{'embedding_dim', 'generator_dim', 'discriminator_dim', 'discriminator_steps', 'pac'},
    *{'generator_lr', 'generator_decay', 'discriminator_lr', 'discriminator_decay'},
    *{'log_frequency', 'enable_gpu', 'cuda'},
}
#: Arguments that both have: a value that is not the default, for a fit.
OF_BOTH = {
    'metadata': METADATA,
    'enforce_min_max_values': False,
    'enforce_rounding': False,
    'locales': ['de_DE'],
    'batch_size': 20,
    'epochs': 2,
    'verbose': True,
}


def test_every_argument_of_ctgan_is_known_and_those_that_both_have_stand_in_the_same_place():
    ctgan, llmgan = parameters(CTGANSynthesizer), parameters(LLMGANSynthesizer)
    unknown = set(ctgan) - OF_A_NETWORK - set(OF_BOTH)
    assert not unknown, f'SDV has arguments that nothing here knows: {unknown}'
    assert set(OF_BOTH) <= set(llmgan)
    assert llmgan[:4] == ctgan[:4]
    defaults = [inspect.signature(cls).parameters for cls in (CTGANSynthesizer, LLMGANSynthesizer)]
    for name in ('enforce_min_max_values', 'enforce_rounding', 'verbose'):
        assert defaults[0][name].default == defaults[1][name].default


def test_arguments_that_both_have_are_kept_and_do_the_same(capsys):
    metadata = visits_metadata(ward={'sdtype': 'city', 'pii': True})
    made = LLMGANSynthesizer(
        **{**OF_BOTH, 'metadata': metadata}, llm='scripted', max_batches=None, sampler='llm'
    )
    sdv_lines.fit(made, TABLE)
    rows = sdv_lines.sample(made, 40)
    assert {name: made.get_parameters()[name] for name in list(OF_BOTH)[1:]} == {
        name: value for name, value in OF_BOTH.items() if name != 'metadata'
    }
    assert made.get_history()[['epoch', 'batch']].to_numpy().tolist() == [
        [0, 0],
        [0, 1],
        [1, 0],
        [1, 1],
    ]
    assert not rows['age'].between(TABLE['age'].min(), TABLE['age'].max()).all()
    assert not (rows['weight'] == rows['weight'].round(1)).all()
    assert 'Fitting' in capsys.readouterr().err


SYNTHESIZERS = [
    pytest.param(CTGANSynthesizer, {'enable_gpu': False}, id='CTGAN'),
    pytest.param(LLMGANSynthesizer, {'llm': 'scripted'}, id='LLMGAN'),
]


@pytest.mark.parametrize(('synthesizer_class', 'arguments'), SYNTHESIZERS)
def test_the_same_script_runs(synthesizer_class, arguments):
    synthesizer = synthesizer_class(
        METADATA, enforce_min_max_values=True, enforce_rounding=True, epochs=1, **arguments
    )
    data = sdv_lines.given(METADATA, TABLE)
    synthesizer.validate(data)
    synthesizer.auto_assign_transformers(data)
    synthesizer.fit(data)
    synthetic = synthesizer.sample(num_rows=20)

    assert sdv_lines.taken(synthetic).shape == (20, 8)
    assert run_diagnostic(data, synthetic, METADATA, verbose=False).get_score() == 1.0
    assert 0 <= evaluate_quality(data, synthetic, METADATA, verbose=False).get_score() <= 1


@pytest.mark.parametrize(
    'statements',
    [
        'from sdv.single_table import LLMGANSynthesizer',
        'import sdv_llmgan; from sdv.single_table import LLMGANSynthesizer',
        'import sdv; import sdv_llmgan; from sdv.single_table import LLMGANSynthesizer',
        'from sdv_llmgan import LLMGANSynthesizer',
        'from sdv_llmgan.synthesizer.synthesizer import LLMGANSynthesizer',
        'import sdv_llmgan.table.schema; from sdv.single_table import LLMGANSynthesizer',
        'from sdv.metadata import Metadata; from sdv_llmgan import LLMGANSynthesizer',
    ],
)
def test_any_order_of_imports_works(statements):
    code = (
        f'{statements}\nimport sdv\nassert sdv.single_table.LLMGANSynthesizer is LLMGANSynthesizer'
    )
    done = subprocess.run(
        [sys.executable, '-W', 'error:Failed', '-c', code], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, '')
