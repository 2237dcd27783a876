"""What is tried with the wheels that a release is: import, plugins, a fit, a sample, a report."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pandas as pd
from sdv.metadata import Metadata
from sdv.single_table import LLMGANSynthesizer
from sdv_llmgan_dp import DPSampler

import sdv_llmgan
from sdv_llmgan import registry

TABLE = pd.DataFrame({'age': [31, 45, 62, 28] * 5, 'job': ['nurse', 'clerk'] * 10})


def main() -> None:
    """Raise if anything is not as it has to be."""
    assert sdv_llmgan.__version__ == version('sdv-llmgan')
    assert {'local', 'ollama', 'openai', 'scripted'} <= set(registry.providers())
    assert {'logistic', 'xgboost'} <= set(registry.discriminators())
    assert {'distilled', 'dp'} <= set(registry.samplers())
    metadata = Metadata.detect_from_dataframes({'people': TABLE})
    synthesizer = LLMGANSynthesizer(
        metadata, llm='scripted', discriminator='xgboost', max_batches=1, cache=False
    )
    synthesizer.fit({'people': TABLE})
    rows = synthesizer.sample(50)['people']
    assert len(rows) == 50
    assert set(rows['job']) <= {'nurse', 'clerk'}
    assert rows['age'].between(28, 62).all()
    told = DPSampler(5.0, categories={'job': ['nurse', 'clerk']}, ranges={'age': (18, 70)})
    private = LLMGANSynthesizer(metadata, llm='scripted', sampler=told, knowledge='none')
    private.fit({'people': TABLE})
    assert private.sample(50)['people']['age'].between(18, 70).all()
    synthesizer.report(TABLE, rows, path='report.html')
    assert '<html' in Path('report.html').read_text(encoding='utf-8')
    print(f'sdv-llmgan {sdv_llmgan.__version__} works from its wheel, and so do its plugins.')


if __name__ == '__main__':
    main()
