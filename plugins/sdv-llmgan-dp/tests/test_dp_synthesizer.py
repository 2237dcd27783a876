"""As somebody uses it who has a table: through the synthesizer, on either SDV line."""

from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pandas as pd
import pytest
import sdv
from sdv.metadata import Metadata
from sdv.utils import load_synthesizer
from typer.testing import CliRunner

from sdv_llmgan import EgressError, LLMGANSynthesizer, RangeCondition
from sdv_llmgan_cli.app import app

pytest.importorskip('opendp')
from sdv_llmgan_dp import DPSampler  # noqa: E402

SDV_2 = int(sdv.__version__.split('.')[0]) >= 2
METADATA = Metadata.load_from_dict({
    'tables': {
        'patients': {
            'primary_key': 'id',
            'columns': {
                'id': {'sdtype': 'id', 'regex_format': 'P[0-9]{5}'},
                'age': {'sdtype': 'numerical'},
                'ward': {'sdtype': 'categorical'},
                'ill': {'sdtype': 'boolean'},
                'since': {'sdtype': 'datetime', 'datetime_format': '%d.%m.%Y'},
                'score': {'sdtype': 'numerical'},
            },
        }
    },
    'relationships': [],
    'METADATA_SPEC_VERSION': 'V1',
})
TOLD = {
    'categories': {'ward': ['north', 'south']},
    'ranges': {'age': (0, 99), 'since': ('2020-01-01', '2024-12-31'), 'score': (0.0, 10.0)},
    'decimals': {'score': 1},
}


def patients(num_rows=600):
    rng = np.random.default_rng(0)
    age = rng.integers(20, 90, num_rows)
    days = pd.to_datetime('2021-01-01') + pd.to_timedelta(rng.integers(0, 1000, num_rows), 'D')
    return pd.DataFrame({
        'id': [f'P{number:05d}' for number in range(num_rows)],
        'age': age,
        'ward': np.where(rng.random(num_rows) < 0.3, 'north', 'south'),
        'ill': rng.random(num_rows) < age / 100,
        'since': days.strftime('%d.%m.%Y'),
        'score': np.where(rng.random(num_rows) < 0.3, np.nan, (age / 10).round(1)),
    })


def fitted(sampler, table=None, **settings):
    usual = {'llm': 'scripted', 'knowledge': 'none', 'cache': False}
    made = LLMGANSynthesizer(METADATA, sampler=sampler, **usual, **settings)
    table = patients() if table is None else table
    made.fit({'patients': table} if SDV_2 else table)
    return made


def taken(data):
    return data['patients'] if SDV_2 else data


def test_a_table_of_every_kind_of_column_is_drawn_in_its_form_and_told_of():
    made = fitted(DPSampler(5.0, **TOLD), target='ill')
    rows = taken(made.sample(300))
    assert rows.dtypes.equals(patients().dtypes)
    assert rows['id'].is_unique
    assert rows['age'].between(0, 99).all()
    assert set(rows['ward'].dropna()) <= {'north', 'south'}
    assert pd.to_datetime(rows['since'].dropna(), format='%d.%m.%Y').between('2020', '2025').all()
    assert np.allclose(rows['score'].dropna(), rows['score'].dropna().round(1))
    old = taken(made.sample_from_conditions([RangeCondition({'age': (80, None)}, 20)]))
    assert old['age'].between(80, 99).all()
    told = made.get_info()['privacy']
    assert (told['epsilon'], told['delta']) == (5.0, 1e-6)
    assert set(told['costs']) == {'columns', 'graph', 'tables'}
    assert made.get_info()['sampler'] == 'DPSampler'
    assert 'epsilon = 5' in made.get_history()['note'].iloc[0]


def test_without_noise_shares_are_those_of_the_table_and_hang_together():
    made = fitted(DPSampler(math.inf, **TOLD), target='ill')
    rows, real = taken(made.sample(3000)), patients()
    assert (rows['ward'] == 'north').mean() == pytest.approx(
        (real['ward'] == 'north').mean(), abs=0.04
    )
    assert rows['score'].isna().mean() == pytest.approx(real['score'].isna().mean(), abs=0.04)
    young = rows['age'] < 50
    assert rows['ill'][young].mean() < rows['ill'][~young].mean() - 0.15
    assert made.get_info()['privacy']['epsilon'] == math.inf


def test_what_is_saved_holds_no_row_and_draws_the_same():
    table = patients()
    table.loc[0, ['age', 'since', 'score']] = [17_170, '17.03.1917', 7.7171717]
    made = fitted(DPSampler(5.0, **TOLD), table)
    text = pickle.dumps(made)
    assert b'17.03.1917' not in text
    assert np.float64(7.7171717).tobytes() not in text
    assert np.int64(17_170).tobytes() not in text
    again = pickle.loads(text)
    for either in (made, again):
        either.reset_sampling()
    pd.testing.assert_frame_equal(taken(again.sample(20)), taken(made.sample(20)))


def test_by_its_name_it_pays_for_all_it_is_not_told_where_there_are_rows_enough():
    made = fitted('dp', patients(6000))
    assert {'categories', 'ranges'} <= set(made.get_info()['privacy']['costs'])
    rows = taken(made.sample(500))
    assert set(rows['ward'].dropna()) == {'north', 'south'}
    assert rows['age'].between(8, 128).all()
    with pytest.raises(ValueError, match=r'DPSampler\(categories='):
        fitted(DPSampler(0.2, ranges=TOLD['ranges']), patients(30))


def test_few_rows_start_from_published_statistics_and_their_knowledge_is_kept():
    published = {
        'columns': {
            'age': {'mean': 55, 'sd': 18, 'minimum': 0, 'maximum': 99},
            'ward': {'shares': {'north': 0.3, 'south': 0.7}},
            'ill': {'shares': {'true': 0.55, 'false': 0.45}},
            'since': {'minimum': '2020-01-01', 'maximum': '2024-12-31'},
            'score': {'quartiles': [3.8, 5.5, 7.2], 'minimum': 0, 'maximum': 10, 'missing': 0.3},
        }
    }
    made = LLMGANSynthesizer.from_knowledge(
        METADATA,
        knowledge={},
        statistics=published,
        sampler=DPSampler(0.3, ranges=TOLD['ranges']),
        cache=False,
    )
    assert made.get_info()['privacy'] is None
    table = patients(60)
    made.fit({'patients': table} if SDV_2 else table)
    costs = made.get_info()['privacy']['costs']
    assert 'categories' not in costs
    assert 'ranges' not in costs
    rows = taken(made.sample(100))
    assert set(rows['ward'].dropna()) <= {'north', 'south'}
    assert rows['age'].between(0, 99).all()


def test_what_would_void_the_guarantee_is_refused():
    with pytest.raises(EgressError, match='optimizer_examples'):
        LLMGANSynthesizer(METADATA, llm='scripted', sampler='dp', optimizer_examples=1)
    made = fitted(DPSampler(5.0, **TOLD))
    with pytest.raises(EgressError, match='keeps no training row'):
        made.continue_fit()
    with pytest.raises(ValueError, match='Gaps are filled by the local sampler'):
        made.impute(patients(20))


def test_a_sampler_is_set_from_the_command_line(tmp_path):
    patients(300).to_csv(tmp_path / 'data.csv', index=False)
    (tmp_path / 'dp.json').write_text(json.dumps({'epsilon': 5, 'delta': 1e-5, **TOLD}))
    METADATA.save_to_json(tmp_path / 'metadata.json')

    def fit(settings, *options):
        arguments = ['fit', tmp_path / 'data.csv', '--metadata', tmp_path / 'metadata.json']
        arguments += ['--llm', 'scripted', '--knowledge', 'none', '-f', '-o', tmp_path / 'dp.pkl']
        (tmp_path / 'settings.json').write_text(settings)
        arguments += ['--sampler-settings', tmp_path / 'settings.json', *options]
        return CliRunner().invoke(app, [str(one) for one in arguments])

    done = fit((tmp_path / 'dp.json').read_text(), '--sampler', 'dp')
    assert done.exit_code == 0, done.output
    privacy = load_synthesizer(tmp_path / 'dp.pkl').get_info()['privacy']
    assert (privacy['epsilon'], privacy['delta']) == (5, 1e-5)
    refused = fit('{"epsilonn": 5}', '--sampler', 'dp')
    assert refused.exit_code == 2
    assert "has no setting 'epsilonn'. It takes: epsilon, delta" in refused.output
    assert 'needs --sampler NAME' in fit('{"epsilon": 5}').output
    assert 'an object of settings' in fit('[5]', '--sampler', 'dp').output
    assert 'is not JSON' in fit('{', '--sampler', 'dp').output
    assert (
        "'distilled' has no setting 'epsilon'"
        in fit('{"epsilon": 5}', '--sampler', 'distilled').output
    )


@pytest.mark.parametrize('delta', [0.5, 1.0, 0.0, True])
def test_a_delta_that_guarantees_nobody_anything_is_refused(delta):
    with pytest.raises(ValueError, match='delta must be above 0 and at most 0.01'):
        DPSampler(delta=delta)


def test_one_row_with_more_decimals_changes_no_other_drawn_value():
    table = patients()
    table.loc[0, 'score'] = 5.12345
    told = {key: value for key, value in TOLD.items() if key != 'decimals'}
    detected = METADATA.to_dict()
    if SDV_2:
        detected['tables']['patients']['columns']['score']['decimal_places'] = 5
    metadata = Metadata.load_from_dict(detected)
    made = LLMGANSynthesizer(
        metadata, sampler=DPSampler(5.0, **told), llm='scripted', knowledge='none', cache=False
    )
    made.fit({'patients': table} if SDV_2 else table)
    rows = made.sample(200)
    drawn = (rows['patients'] if SDV_2 else rows)['score'].dropna()
    assert (drawn == drawn.round(2)).all()
