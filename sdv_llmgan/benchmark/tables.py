"""Tables of a benchmark: training rows, and test rows that only metrics may read."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from sdv.metadata import Metadata
from sdv.metadata.errors import InvalidMetadataError

from sdv_llmgan.formats.csv_files import FOUND, CsvForm, parse_csv
from sdv_llmgan.metrics import CopiedRows
from sdv_llmgan.metrics.encoding import column_sdtypes
from sdv_llmgan.table.split import split

LOGGER = logging.getLogger(__name__)

#: Share of rows held out where a table of a protocol has no test file: as ``default``, which has.
TEST_SHARE = 0.1
#: Likewise of a user's own table.
OWN_TEST_SHARE = 0.2
#: Where tables of a protocol are found, for whoever has none of them.
NO_DATA = (
    "The papers' tables are public, but not in this package: docs/does-the-model-help.md says "
    'where they come from and what files are called, and --data names their folder. Or measure a '
    'CSV file of yours: a checkout has examples/adult_100.csv (with --target Income --synthesizers '
    'ablation).'
)


@dataclass(frozen=True)
class TrainingTable:
    """All that a synthesizer is given.

    Attributes:
        name: The table's name.
        rows: Shape (n_train, n_columns).
        metadata: SDMetrics' form: ``{'columns': {name: {'sdtype': ...}}, ...}``. It comes from
            these rows, never from the test rows.
        target: The column to predict later, if there is one.
        context: What the data is, for synthesizers that can read; may be empty.
    """

    name: str
    rows: pd.DataFrame
    metadata: dict[str, Any]
    target: str | None = None
    context: str = ''

    def sdv_metadata(self) -> Metadata:
        """The metadata as SDV's synthesizers take it."""
        return Metadata.load_from_dict({
            'tables': {self.name: self.metadata},
            'relationships': [],
            'METADATA_SPEC_VERSION': 'V1',
        })


@dataclass(frozen=True)
class BenchmarkTable:
    """A training table and the test rows that synthetic rows are scored with."""

    training: TrainingTable
    test: pd.DataFrame


@dataclass(frozen=True)
class Source:
    """Where a table of a protocol is found.

    Attributes:
        table: The table's name.
        train: File of the training rows, within the data folder.
        test: File of the test rows; ``None``: a tenth of the training file's rows, always the same.
        target: The column to predict.
        context: What the data is.
        categorical: Columns of numbers that are categories.
        printed_as: The table of the paper whose figures stand beside it; empty: ``table``.
    """

    table: str
    train: str
    test: str | None
    target: str
    context: str
    categorical: tuple[str, ...] = ()
    printed_as: str = ''

    def load(self, folder: Path) -> BenchmarkTable:
        """Read the rows.

        Raises:
            FileNotFoundError: The data folder does not have them.
        """
        train = _read(folder / self.train)
        if self.test is None:
            train, test = split(train, TEST_SHARE)
        else:
            test = _read(folder / self.test)
        metadata = metadata_by_dtypes(train, self.categorical)
        return BenchmarkTable(
            TrainingTable(self.table, train, metadata, self.target, self.context), test
        )


def load_own(
    csv: Path,
    test_csv: Path | None = None,
    test_share: float = OWN_TEST_SHARE,
    metadata_json: Path | None = None,
    target: str | None = None,
    context: str = '',
    form: CsvForm = FOUND,
) -> BenchmarkTable:
    """The user's own table.

    Args:
        csv: The training rows, or all rows where there is no ``test_csv``.
        test_csv: The test rows.
        test_share: Share of the rows of ``csv`` that is held out otherwise, in (0, 1).
        metadata_json: SDV's metadata of one table; ``None``: detected from the training rows.
        target: The column to predict, if there is one.
        context: What the data is.
        form: What is known of the form of both files.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A file is no CSV table or has too few rows, the target is no column that has
            a meaning, the test rows lack a column, have text where there were numbers or are all
            training rows, or the metadata is not of this table.
    """
    train = _read_own(csv, form=form)
    if len(train) < 2:
        raise ValueError(f'{csv} needs at least 2 rows, found {len(train)}. Add rows.')
    if target is not None and target not in train.columns:
        raise ValueError(
            f'The target {target!r} is no column of {csv}: {", ".join(train.columns)}.'
        )
    if test_csv is None:
        train, test = split(train, test_share)
    else:
        test = _read_test(test_csv, csv, train, form)
    if metadata_json is None:
        detected = Metadata.detect_from_dataframes({csv.stem: train})
        metadata = next(iter(detected.to_dict()['tables'].values()))
    else:
        metadata = _read_metadata(metadata_json, csv, train)
    looked_at = column_sdtypes(train, metadata)
    left_out = [f'{n} ({metadata["columns"][n]["sdtype"]})' for n in train if n not in looked_at]
    if target is not None and target not in looked_at:
        raise ValueError(
            f'The target {target!r} was taken for a key or personal data: {", ".join(left_out)}. '
            'Give --metadata, where it is numerical or categorical.'
        )
    if left_out:
        LOGGER.warning(
            '%s: taken for keys or personal data, so that no metric looks at them: %s. Where that '
            'is wrong, give --metadata.',
            *(csv, ', '.join(left_out)),
        )
    return BenchmarkTable(TrainingTable(csv.stem, train, metadata, target, context), test)


def metadata_by_dtypes(train: pd.DataFrame, categorical: Sequence[str] = ()) -> dict[str, Any]:
    """Numbers are numerical, dates datetime, all else and ``categorical`` is categorical."""
    sdtypes = column_sdtypes(train) | dict.fromkeys(categorical, 'categorical')
    return {'columns': {name: {'sdtype': sdtype} for name, sdtype in sdtypes.items()}}


def _read(path: Path) -> pd.DataFrame:
    """A table of a protocol."""
    try:
        rows = pd.read_csv(_existing(path, NO_DATA))
    except ValueError as error:  # also those of pandas
        raise ValueError(f'{path} needs to be a CSV file with a line of names: {error}.') from error
    if rows.empty:
        raise ValueError(f'{path} needs at least 1 row, found 0. Add rows.')
    return rows


def _read_own(path: Path, like: pd.DataFrame | None = None, form: CsvForm = FOUND) -> pd.DataFrame:
    """A user's table, in whatever form."""
    table, (said, *notes) = parse_csv(_existing(path).read_bytes(), path, like, form)
    LOGGER.info('%s', said)
    for note in notes:
        LOGGER.warning('%s', note)
    return table


def _read_test(path: Path, csv: Path, train: pd.DataFrame, form: CsvForm) -> pd.DataFrame:
    """The user's test rows, if they fit the training rows of ``csv`` and are others."""
    test = _read_own(path, like=train, form=form)
    if missing := [name for name in train if name not in test]:
        raise ValueError(
            f'{path} needs the columns of {csv}, and lacks {missing}. Add them, or leave out '
            '--test: then a share of the rows is held out.'
        )
    found = column_sdtypes(test)
    numbers = [name for name, sdtype in column_sdtypes(train).items() if sdtype == 'numerical']
    if other := [name for name in numbers if found[name] != 'numerical']:
        raise ValueError(
            f'{path} needs numbers where {csv} has them, and has text in {other}. Mend these cells.'
        )
    # Where training rows repeat, honest test rows may be among them by chance.
    if not train.duplicated().any() and CopiedRows.compute(train, test) == 1:
        raise ValueError(
            f'{path} needs rows that are not trained on, but all are rows of {csv}. Leave out '
            '--test: then a share of the rows is held out.'
        )
    return test


def _existing(path: Path, more: str = 'Name a CSV file that is there.') -> Path:
    if not path.is_file():
        raise FileNotFoundError(f'No {path}. {more}')
    return path


def _read_metadata(path: Path, csv: Path, train: pd.DataFrame) -> dict[str, Any]:
    try:
        tables = list(Metadata.load_from_json(path).to_dict()['tables'].values())
    except (ValueError, TypeError, AttributeError, InvalidMetadataError) as error:
        raise ValueError(
            f"{path} needs to be SDV's metadata as JSON, as metadata.save_to_json writes it: "
            f'{error}. Without --metadata it is detected.'
        ) from error
    declared = tables[0].get('columns', {}) if len(tables) == 1 else {}
    if different := sorted({*map(str, train)} ^ {*declared}):
        raise ValueError(
            f'{path} needs to describe one table with the columns of {csv}, found '
            f'{len(tables)} and these columns in one file only: {different}. '
            'Without --metadata it is detected.'
        )
    return dict(tables[0])
