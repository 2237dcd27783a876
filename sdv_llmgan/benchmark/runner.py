"""The run: one line of results for each table, synthesizer and seed, written as it comes.

    tables -> same as those of the results? -> x synthesizers x seeds
        -> (done already? skip) -> fit, sample -> score -> append a line

A run that was killed goes on where it was: start it again.
"""

from __future__ import annotations

import csv
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from sdv_llmgan.benchmark.ablation import draw_label
from sdv_llmgan.benchmark.origin import check_origin
from sdv_llmgan.benchmark.scores import METRICS, SCORES, applicable, score
from sdv_llmgan.benchmark.steps import KEY, write_steps
from sdv_llmgan.benchmark.synthesizers import Bill, Entry, Made, make_rows
from sdv_llmgan.benchmark.tables import BenchmarkTable

USAGE = ('calls', 'prompt_tokens', 'completion_tokens', 'usd')
COLUMNS = (*KEY, 'sampled', *SCORES, 'fit_seconds', 'sample_seconds', *USAGE, 'error', 'version')
MAX_ERROR_LENGTH = 300

logger = logging.getLogger(__name__)


def run(
    tables: Iterable[BenchmarkTable],
    entries: Sequence[Entry],
    seeds: Sequence[int],
    metrics: Sequence[str],
    path: Path,
    draws: Sequence[int] = (),
) -> pd.DataFrame:
    """Measure every synthesizer on every table with every seed.

    A synthesizer that fails gets a line with its error, and is tried again by the next run. A line
    that lacks a metric is measured again, by the metrics that it has, too: all figures of a line
    are of the same rows. Where that fails, it keeps its figures beside the error.

    Args:
        tables: With training and test rows.
        entries: The synthesizers, side by side.
        seeds: One replicate each.
        metrics: Names in ``scores.METRICS``.
        path: The results, a CSV file; lines that it has already are not measured again. Beside
            it, ``tables.json`` keeps what they were measured on, and ``steps.csv`` how fits with a
            model went.
        draws: Numbers of rows that are drawn and measured beside as many as were trained on, from
            the same fit: lines of their own, under the synthesizer's label and the number.

    Returns:
        All results in the file (see ``read_results``).

    Raises:
        ValueError: The file has other columns, or its lines are of other rows, another target or
            other metadata; nothing is measured then.
    """
    mend(path)
    results = read_results(path)
    tables = list(tables)
    check_origin(path.with_name('tables.json'), tables, results)
    written = _written(path)
    for table in tables:
        name, num_rows = table.training.name, len(table.training.rows)
        asked = applicable(table, metrics)
        for entry in entries:
            labels = [entry.label, *(draw_label(entry.label, n) for n in draws if entry.draws_more)]
            for seed in seeds:
                had = {label: written.get((name, num_rows, label, seed), {}) for label in labels}
                if all('error' not in of and of.keys() >= {*KEY, *asked} for of in had.values()):
                    continue
                both = [m for m in METRICS if m in asked or any(m in of for of in had.values())]
                made = _making(table, entry, seed, draws if entry.draws_more else ())
                for label, (one, line) in zip(labels, made, strict=False):
                    key = (name, num_rows, label, seed)
                    line |= _scored(table, one, both, seed) if one else {}
                    kept = had[label] if 'error' in line else {}
                    append(path, kept | dict(zip(KEY, key, strict=True)) | _rounded(line))
                    logger.info('%s, %d rows, %s, seed %d: %s', *key, _shown(line))
                    if one and one.steps is not None and label == entry.label:
                        write_steps(path.with_name('steps.csv'), key, one.steps)
    return read_results(path)


def read_results(path: Path) -> pd.DataFrame:
    """The results, one line a measurement; the last one counts where a line is there twice.

    Columns: ``table``, ``rows`` (training rows), ``synthesizer``, ``seed``; ``sampled`` (rows made;
    as many as training rows were asked for); the scores (see ``scores``; empty where not measured);
    ``fit_seconds``, ``sample_seconds``; ``calls``, ``prompt_tokens``, ``completion_tokens``,
    ``usd`` (empty where unknown); ``error`` (empty where it went well); ``version`` of the package.
    """
    if not path.exists() or not path.stat().st_size:
        return pd.DataFrame(columns=list(COLUMNS))
    # A table may be named "NA".
    texts = {'table': str, 'synthesizer': str}
    numbers = {name: ['', 'nan'] for name in COLUMNS if name not in texts}
    results = pd.read_csv(
        path, dtype={**texts, 'error': str}, keep_default_na=False, na_values=numbers
    )
    if tuple(results.columns) != COLUMNS:
        raise ValueError(
            f'{path} has other columns than this version writes. Name another folder with --out.'
        )
    return results.drop_duplicates(list(KEY), keep='last').reset_index(drop=True)


def append(path: Path, line: Mapping[str, Any]) -> None:
    """Write one line, and see it onto the disk."""
    is_new = not path.exists() or not path.stat().st_size
    with path.open('a', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator='\n')
        if is_new:
            writer.writeheader()
        writer.writerow(line)
        file.flush()
        os.fsync(file.fileno())


def mend(path: Path) -> None:
    """Cut off a last line that a killed run left unfinished."""
    if path.exists() and not (written := path.read_bytes()).endswith(b'\n'):
        os.truncate(path, written.rfind(b'\n') + 1)


def _making(
    table: BenchmarkTable, entry: Entry, seed: int, draws: Sequence[int]
) -> Iterator[tuple[Made | None, dict[str, Any]]]:
    """What was made, and the part of its line that is no score; at a failure the line alone."""
    common = {'version': version('sdv-llmgan')}
    bill: Bill = {}
    try:
        for made in make_rows(entry, table.training, seed, bill, draws):
            line = {'sampled': len(made.rows), 'sample_seconds': made.sample_seconds}
            yield made, common | line | {'fit_seconds': made.fit_seconds} | _usage(made.used)
    except Exception as error:  # noqa: BLE001 - one synthesizer's failure is a result, not the end
        logger.debug('%s failed', entry.label, exc_info=True)
        yield None, common | {'error': _words(error)} | _usage(bill)


def _scored(table: BenchmarkTable, made: Made, metrics: Sequence[str], seed: int) -> dict[str, Any]:
    try:
        return dict(score(table, made.rows, metrics, seed))
    except Exception as error:  # noqa: BLE001 - likewise
        logger.debug('rows could not be measured', exc_info=True)
        return {'error': _words(error)}


def _words(error: Exception) -> str:
    return ' '.join(f'{type(error).__name__}: {error}'.split())[:MAX_ERROR_LENGTH]


def _usage(bill: Bill) -> dict[str, Any]:
    return {name: bill[name] for name in USAGE if bill.get(name) is not None}


def _rounded(line: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: round(value, 6) if isinstance(value, float) else value for name, value in line.items()
    }


def _written(path: Path) -> dict[tuple[Any, ...], dict[str, str]]:
    """The last line of each key without its empty columns; "nan" is a figure that was measured."""
    if not path.exists():
        return {}
    with path.open(newline='', encoding='utf-8') as file:
        return {
            (line['table'], int(line['rows']), line['synthesizer'], int(line['seed'])): {
                name: value for name, value in line.items() if value
            }
            for line in csv.DictReader(file)
        }


def _shown(line: Mapping[str, Any]) -> str:
    if 'error' in line:
        return str(line['error'])
    parts = ('mle_', '_error')
    shown = [
        name
        for name in SCORES
        if line.get(name) is not None and not any(part in name for part in parts)
    ]
    return ', '.join(f'{name} {line[name]:.3f}' for name in shown)
