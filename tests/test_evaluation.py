"""SDV's own evaluation of what the synthesizer samples: reports and plots, on both SDV lines."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import sdv_lines
from sdv.evaluation import evaluate_quality, run_diagnostic
from sdv.metadata import Metadata
from tables import visits, visits_metadata

from sdv_llmgan import LLMGANSynthesizer

pytestmark = pytest.mark.filterwarnings('ignore')
FOLDER = Path(__file__).parents[2] / 'shared' / 'data' / 'synthia'
ROWS = 800
TABLE = visits(60)
METADATA = visits_metadata()


def synthetic_for(metadata: Metadata, table: pd.DataFrame) -> pd.DataFrame:
    made = LLMGANSynthesizer(
        metadata, llm='scripted', max_batches=1, sampler='llm', causal_graph='none'
    )
    sdv_lines.fit(made, table)
    return sdv_lines.sample(made, len(table))


def diagnostic(metadata: Metadata, real: pd.DataFrame, synthetic: pd.DataFrame) -> dict[str, float]:
    tables = sdv_lines.given(metadata, real), sdv_lines.given(metadata, synthetic)
    report = run_diagnostic(*tables, metadata, verbose=False)
    return report.get_properties().set_index('Property')['Score'].to_dict()


@pytest.fixture(scope='module')
def synthetic() -> pd.DataFrame:
    return synthetic_for(METADATA, TABLE)


def test_validity_and_structure_are_whole(synthetic):
    scores = diagnostic(METADATA, TABLE, synthetic)
    assert scores['Data Validity'] == scores['Data Structure'] == 1.0
    broken = diagnostic(METADATA, TABLE, synthetic.assign(ward='west', patient='P0001'))
    assert broken['Data Validity'] < 1.0


def test_quality_is_scored_and_the_table_itself_scores_best(synthetic):
    def quality(other):
        tables = sdv_lines.given(METADATA, TABLE), sdv_lines.given(METADATA, other)
        return evaluate_quality(*tables, METADATA, verbose=False).get_score()

    assert 0.3 < quality(synthetic) < quality(TABLE) == pytest.approx(1.0)


@pytest.mark.parametrize('column', [name for name in TABLE if name != 'patient'])
def test_every_column_can_be_plotted(synthetic, column):
    figure = sdv_lines.column_plot(TABLE, synthetic, METADATA, column)
    assert {trace.name for trace in figure.data} == {'Real', 'Synthetic'}


@pytest.mark.parametrize(
    'columns', [('age', 'weight'), ('ward', 'pressure'), ('ward', 'smoker'), ('admitted', 'age')]
)
def test_every_pair_of_kinds_can_be_plotted(synthetic, columns):
    figure = sdv_lines.column_pair_plot(TABLE, synthetic, METADATA, columns)
    assert len(figure.data) >= 2


@pytest.mark.skipif(not FOLDER.is_dir(), reason='needs the benchmark tables beside the checkout')
@pytest.mark.parametrize('path', sorted(FOLDER.glob('*.csv')), ids=lambda path: path.stem)
def test_validity_and_structure_are_whole_on_the_benchmark_tables(path):
    table = pd.read_csv(path)
    table = table.sample(min(ROWS, len(table)), random_state=0, ignore_index=True)
    metadata = Metadata.detect_from_dataframes({path.stem: table})
    scores = diagnostic(metadata, table, synthetic_for(metadata, table))
    assert scores['Data Validity'] == scores['Data Structure'] == 1.0
