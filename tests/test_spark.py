"""``draw`` in Spark's workers, where PySpark and a Java are there (CI has neither)."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec

import pandas as pd
import pyarrow as pa
import pytest

from tests.test_partitions import COLUMNS, patients, synthesizer_of

pytestmark = pytest.mark.skipif(
    find_spec('pyspark') is None or shutil.which('java') is None,
    reason='PySpark or Java is not installed',
)

SETTINGS = {'spark.ui.enabled': 'false', 'spark.driver.host': '127.0.0.1'}


def test_rows_drawn_in_spark_are_those_drawn_here(monkeypatch):
    monkeypatch.setenv('PYSPARK_PYTHON', sys.executable)
    from pyspark.sql import SparkSession

    table = patients()[['age', 'ward']]
    fitted = synthesizer_of(table, {name: COLUMNS[name] for name in table})

    def partitions(batches):
        for batch in batches:
            for number in batch['id'].to_pylist():
                rows = fitted.draw(number, 50, seed=7)
                yield pa.RecordBatch.from_pandas(rows, preserve_index=False)

    builder = SparkSession.builder.master('local[2]')
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    try:
        frame = spark.range(0, 4, numPartitions=2).mapInArrow(partitions, 'age long, ward string')
        rows = frame.toPandas()
    finally:
        spark.stop()
    here = pd.concat([fitted.draw(number, 50, seed=7) for number in range(4)])
    columns = ['age', 'ward']
    assert rows.sort_values(columns).to_numpy().tolist() == (
        here.sort_values(columns)[columns].to_numpy().tolist()
    )


def test_spark_reads_a_folder_with_the_types_of_the_table(monkeypatch, tmp_path):
    monkeypatch.setenv('PYSPARK_PYTHON', sys.executable)
    from pyspark.sql import SparkSession

    table = pd.DataFrame({
        'whole': pd.array([None, *range(1, 40)], dtype='Int64'),
        'ward': pd.Categorical(list('ABCD') * 10),
    })
    columns = {'whole': {'sdtype': 'numerical'}, 'ward': {'sdtype': 'categorical'}}
    synthesizer_of(table, columns).sample_to(tmp_path / 'rows', 30, rows_per_file=20, workers=1)
    builder = SparkSession.builder.master('local[2]')
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    try:
        frame = spark.read.parquet(str(tmp_path / 'rows'))
        assert frame.dtypes == [('whole', 'bigint'), ('ward', 'string')]
        wards = [row['ward'] for row in frame.collect()]
    finally:
        spark.stop()
    assert sorted(wards) == sorted(pd.read_parquet(tmp_path / 'rows')['ward'])
