"""Fit a hundred rows of Adult with the local model, sample a hundred, and score them."""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

import pandas as pd
from sdv.evaluation import evaluate_quality, run_diagnostic
from sdv.metadata import Metadata
from sdv.single_table import LLMGANSynthesizer

HERE = Path(__file__).parent


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--llm', default='local', help="'local', 'openai/<model>', ...")
    parser.add_argument('--rows', type=int, default=100, help='rows to sample')
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format='%(message)s')
    logging.getLogger('sdv_llmgan').setLevel(logging.INFO)

    data = {'adult': pd.read_csv(HERE / 'adult_100.csv')}
    metadata = Metadata.load_from_json(HERE / 'adult_metadata.json')
    synthesizer = LLMGANSynthesizer(
        metadata,
        llm=arguments.llm,
        context='People in the US census of 1994, one row a person.',
        cache=False,  # the seconds below are those of a first run
    )

    started = time.monotonic()
    synthesizer.fit(data)
    fitted = time.monotonic()
    synthetic = synthesizer.sample(arguments.rows)
    sampled = time.monotonic()

    history = synthesizer.get_history().drop(columns=['instruction', 'reasons'])
    with pd.option_context('display.width', 160, 'display.max_columns', 20):
        print('\nHistory (score: 0 is chance, lower is better)\n', history.round(3), sep='')
        print('\nSynthetic rows\n', synthetic['adult'].head(10), sep='')
    print('\nGeneration process\n', synthesizer.get_generation_process(), sep='')
    quality = evaluate_quality(data, synthetic, metadata, verbose=False)
    diagnostic = run_diagnostic(data, synthetic, metadata, verbose=False)
    info = synthesizer.get_info()
    print(f'\nThe fit ended: {info["stopped"]}.\nRows were drawn by: {info["sampler"]}.')
    if arguments.llm == 'local':
        print(
            '(The embedded model has 135M parameters: its rows are valid, but it knows little of '
            'the census. One\nbatch tells, so no more is asked, and a sampler distilled from the '
            'table draws. --llm names a stronger one.)'
        )
    print(f'\nSDMetrics quality    {quality.get_score():.3f}   (1 is best)')
    print(f'SDMetrics diagnostic {diagnostic.get_score():.3f}   (1 is best)')
    print(f'Fit {fitted - started:.0f} s, {arguments.rows} rows in {sampled - fitted:.0f} s.')


if __name__ == '__main__':
    main()
