"""Which rooms of the package the training table passes, from the synthesizer's fit to its sampler.

python experiments/room_walk.py

A room has the table for as long as functions of it are called with all training rows, or with a
``TrainingSet`` of them, as an argument. Calls within one room are one stay; a way back to the
caller is none. One line a stay: its room, and the calls that began it.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from types import FrameType

import pandas as pd
import sdv
from sdv.metadata import Metadata

import sdv_llmgan
from sdv_llmgan import LLMGANSynthesizer
from sdv_llmgan.table.training_set import TrainingSet

EXAMPLES = Path(__file__).parent.parent / 'examples'
PACKAGE = str(Path(sdv_llmgan.__file__).parent)
#: Calls of a stay that a line names.
NAMED = 4


class Walk:
    """Notes calls that are handed the whole training table.

    Args:
        columns: Names of the table's columns.
        num_rows: How many rows it has.
    """

    def __init__(self, columns: set[str], num_rows: int) -> None:
        self.columns = columns
        self.num_rows = num_rows
        self.calls: list[tuple[str, str]] = []

    def watch(self, frame: FrameType, event: str, _: object) -> None:
        """What ``sys.setprofile`` calls."""
        code = frame.f_code
        if event != 'call' or not code.co_filename.startswith(PACKAGE):
            return
        given, names = frame.f_locals, code.co_varnames[: code.co_argcount]
        if any(self._is_table(given.get(name)) for name in names):
            parts = Path(code.co_filename).relative_to(PACKAGE).with_suffix('').parts
            room = '.'.join(parts[:-1]) or parts[0]
            self.calls.append((room, f'{parts[-1]}.{code.co_qualname}'))

    def _is_table(self, value: object) -> bool:
        if isinstance(value, TrainingSet):
            value = value.rows
        return (
            isinstance(value, pd.DataFrame)
            and len(value) == self.num_rows
            and self.columns <= {str(name) for name in value.columns}
        )


def stays(fit: Callable[[], object], table: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """The rooms that a table passes as it is fitted, in order, each with the calls of its stay.

    Args:
        fit: Fits a synthesizer. A batch of as many rows as the table has counts as the table.
        table: The training table, shape (n_rows, n_columns).
    """
    walk = Walk(set(table), len(table))
    sys.setprofile(walk.watch)
    try:
        fit()
    finally:
        sys.setprofile(None)
    begun = next(i for i, (_, call) in enumerate(walk.calls) if call.endswith('._fit'))
    return [
        (room, list(dict.fromkeys(call for _, call in calls)))
        for room, calls in groupby(walk.calls[begun:], key=lambda call: call[0])
    ]


def main() -> None:
    """Fit 100 rows of Adult with a scripted model, and print each stay and how many there are."""
    warnings.simplefilter('ignore')
    table = pd.read_csv(EXAMPLES / 'adult_100.csv')
    metadata = Metadata.load_from_json(EXAMPLES / 'adult_metadata.json')
    synthesizer = LLMGANSynthesizer(metadata, llm='scripted', max_batches=1, verbose=False)
    data = {'adult': table} if sdv.__version__.startswith('2') else table
    walked = stays(lambda: synthesizer.fit(data), table)
    for room, calls in walked:
        more = f', … ({len(calls)})' if len(calls) > NAMED else ''
        print(f'{room:20} {", ".join(calls[:NAMED])}{more}')
    count = Counter(room for room, _ in walked)
    print(f'{len(walked)} stays, {len(walked) - 1} moves; {dict(count.most_common())}')


if __name__ == '__main__':
    main()
