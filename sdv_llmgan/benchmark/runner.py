"""The run: one line of results for each table, synthesizer and seed, written as it comes.

    tables -> same as those of the results? -> x synthesizers x seeds
        -> (done already? skip) -> fit, sample -> score -> append a line

A run that was killed goes on where it was: start it again.
"""

from __future__ import annotations

import csv
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from sdv_llmgan.benchmark.origin import check_origin
from sdv_llmgan.benchmark.scores import METRICS, SCORES, applicable, score
from sdv_llmgan.benchmark.synthesizers import Entry, make_rows
from sdv_llmgan.benchmark.tables import BenchmarkTable

KEY = ('table', 'rows', 'synthesizer', 'seed')
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
            it, ``tables.json`` keeps what they were measured on.

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
            for seed in seeds:
                key = (name, num_rows, entry.label, seed)
                had = written.get(key, {})
                if 'error' in had or not had.keys() >= {*KEY, *asked}:
                    both = [metric for metric in METRICS if metric in asked or metric in had]
                    line = _measure(table, entry, seed, both)
                    kept = had if 'error' in line else {}
                    append(path, kept | dict(zip(KEY, key, strict=True)) | line)
                    logger.info('%s, %d rows, %s, seed %d: %s', *key, _shown(line))
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


def _measure(
    table: BenchmarkTable, entry: Entry, seed: int, metrics: Sequence[str]
) -> dict[str, Any]:
    line: dict[str, Any] = {'version': version('sdv-llmgan')}
    bill: dict[str, float | None] = {}
    try:
        made = make_rows(entry, table.training, seed, bill)
        line |= {'sampled': len(made.rows)}
        line |= {'fit_seconds': made.fit_seconds, 'sample_seconds': made.sample_seconds}
        line |= score(table, made.rows, metrics, seed)
    except Exception as error:  # noqa: BLE001 - one synthesizer's failure is a result, not the end
        logger.debug('%s failed', entry.label, exc_info=True)
        words = ' '.join(f'{type(error).__name__}: {error}'.split())
        line['error'] = words[:MAX_ERROR_LENGTH]
    line |= {name: bill[name] for name in USAGE if bill.get(name) is not None}
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
    shown = [name for name in SCORES if line.get(name) is not None and not name.startswith('mle_')]
    return ', '.join(f'{name} {line[name]:.3f}' for name in shown)
