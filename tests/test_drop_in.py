"""The same script for CTGAN and LLMGAN: only the class and its own arguments differ."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pandas as pd
import pytest
from sdv.evaluation import evaluate_quality, run_diagnostic
from sdv.single_table import CTGANSynthesizer, LLMGANSynthesizer
from sdv.utils import load_synthesizer
from tables import visits, visits_metadata

pytestmark = pytest.mark.filterwarnings('ignore')

SYNTHESIZERS = [
    pytest.param(CTGANSynthesizer, {'epochs': 1, 'enable_gpu': False}, id='CTGAN'),
    pytest.param(LLMGANSynthesizer, {'epochs': 1, 'llm': 'scripted'}, id='LLMGAN'),
]


@pytest.mark.parametrize(('synthesizer_class', 'arguments'), SYNTHESIZERS)
def test_the_same_script_runs(synthesizer_class, arguments, tmp_path):
    metadata = visits_metadata()
    data = {'visits': visits(40)}

    synthesizer = synthesizer_class(
        metadata, enforce_min_max_values=True, enforce_rounding=True, verbose=False, **arguments
    )
    synthesizer.validate(data)
    synthesizer.auto_assign_transformers(data)
    synthesizer.fit(data)
    synthetic = synthesizer.sample(num_rows=20)

    assert synthetic['visits'].shape == (20, 8)
    assert synthesizer.get_metadata().to_dict() == metadata.to_dict()
    assert synthesizer.get_parameters()['epochs'] == 1
    assert synthesizer.get_info()['class_name'] == synthesizer_class.__name__
    assert set(synthesizer.get_transformers()) == set(data['visits'].columns)
    losses = synthesizer.get_loss_values()
    assert losses.columns.tolist() == ['Epoch', 'Generator Loss', 'Discriminator Loss']
    assert synthesizer.get_loss_values_plot(title='Loss').layout.title.text == 'Loss'

    synthesizer.save(tmp_path / 'synthesizer.pkl')
    loaded = load_synthesizer(tmp_path / 'synthesizer.pkl')
    assert loaded.sample(5)['visits'].columns.tolist() == data['visits'].columns.tolist()
    synthesizer.reset_sampling()
    pd.testing.assert_frame_equal(synthesizer.sample(20)['visits'], synthetic['visits'])

    batched = synthesizer.sample(num_rows=20, batch_size=10, output_folder_path=str(tmp_path))
    assert len(batched['visits']) == 20

    diagnostic = run_diagnostic(data, synthetic, metadata, verbose=False)
    assert diagnostic.get_score() == 1.0
    assert 0 <= evaluate_quality(data, synthetic, metadata, verbose=False).get_score() <= 1


def test_ctgans_public_methods_are_all_there():
    def public(cls: type) -> set[str]:
        return {name for name, _ in inspect.getmembers(cls) if not name.startswith('_')}

    assert public(CTGANSynthesizer) - public(LLMGANSynthesizer) <= {'raise_module_not_found_error'}


def test_arguments_that_both_have_mean_the_same_and_stand_in_the_same_place():
    ctgan = inspect.signature(CTGANSynthesizer.__init__).parameters
    llmgan = inspect.signature(LLMGANSynthesizer.__init__).parameters
    assert list(llmgan)[:5] == list(ctgan)[:5]
    for name in ('enforce_min_max_values', 'enforce_rounding', 'verbose'):
        assert llmgan[name].default == ctgan[name].default


@pytest.mark.parametrize(
    'statements',
    [
        'from sdv.single_table import LLMGANSynthesizer',
        'import sdv_llmgan; from sdv.single_table import LLMGANSynthesizer',
        'import sdv; import sdv_llmgan; from sdv.single_table import LLMGANSynthesizer',
        'from sdv_llmgan import LLMGANSynthesizer',
        'from sdv_llmgan.synthesizer import LLMGANSynthesizer',
        'from sdv_llmgan.schema import TableSchema; from sdv.single_table import LLMGANSynthesizer',
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
