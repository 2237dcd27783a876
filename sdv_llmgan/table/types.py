"""Names of types that Python cannot say, or that differ between the lines of SDV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import pandas as pd

#: One cell of a table, missing or not: any scalar that pandas holds.
Cell: TypeAlias = Any
#: ``sdv.metadata.Metadata`` or ``SingleTableMetadata`` of either line of SDV, of one table.
SDVMetadata: TypeAlias = Any
#: What SDV's ``fit`` takes: a table, or with SDV 2 a dictionary of one.
SDVData: TypeAlias = pd.DataFrame | Mapping[str, pd.DataFrame]
#: ``sdv.data_processing.DataProcessor`` of either line of SDV.
DataProcessor: TypeAlias = Any
