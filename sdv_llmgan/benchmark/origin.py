"""What results were measured on: a file beside them, so that a folder never mixes two sources."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sdv_llmgan.benchmark.tables import BenchmarkTable

Origin = dict[str, str | None]


def check_origin(path: Path, tables: Sequence[BenchmarkTable], results: pd.DataFrame) -> None:
    """See that results are of the same tables as those that are asked for, and note the new ones.

    Args:
        path: JSON: for each table and number of rows what it was: fingerprints of training rows,
            test rows and metadata; target and context as they are. A table that is not there is
            noted, also where it has results: they are from before there was such a file.
        tables: That are asked for.
        results: As ``runner.read_results`` gives them.

    Raises:
        ValueError: A table with results is another one now.
    """
    known: dict[str, Origin] = json.loads(path.read_text('utf-8')) if path.exists() else {}
    measured = {
        _name(table, rows) for table, rows in results[['table', 'rows']].itertuples(index=False)
    }
    asked = {_name(t.training.name, len(t.training.rows)): _origin(t) for t in tables}
    for name, origin in asked.items():
        before = known.get(name, origin)
        if name in measured and before != origin:
            changed = [
                f'{part}: {before.get(part)!r}, now {now!r}'
                for part, now in origin.items()
                if before.get(part) != now
            ]
            raise ValueError(
                f'The results in {path.parent} for {name} were measured on something else '
                f'({"; ".join(changed)}). Name another folder with --out, or ask for the same.'
            )
    noted = known | asked
    if noted != known:
        draft = path.with_suffix('.tmp')
        draft.write_text(json.dumps(noted, indent=1, ensure_ascii=False) + '\n', 'utf-8')
        os.replace(draft, path)


def _name(table: str, num_rows: int) -> str:
    return f'{table}, {num_rows} rows'


def _origin(table: BenchmarkTable) -> Origin:
    training = table.training
    return {
        'target': training.target,
        'context': training.context,
        'training rows': _fingerprint(training.rows.to_csv(index=False)),
        'test rows': _fingerprint(table.test.to_csv(index=False)),
        'metadata': _fingerprint(json.dumps(training.metadata, sort_keys=True, default=str)),
    }


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
