"""A table with more rows of rare classes or ranges.

table -> how many rows of which values are wanted -> conditions -> synthesizer -> rows, appended
"""

from __future__ import annotations

import pandas as pd

from sdv_llmgan.augment.strategy import Strategy, rows_wanted
from sdv_llmgan.formats.words import plural
from sdv_llmgan.rules.conditions import RangeCondition
from sdv_llmgan.synthesizer.synthesizer import LLMGANSynthesizer


def augmented(
    synthesizer: LLMGANSynthesizer,
    table: pd.DataFrame,
    column: str,
    strategy: Strategy = 'auto',
    *,
    marked: str | None = None,
) -> pd.DataFrame:
    """A table, and drawn rows of the values of a column that it has too few of.

    Args:
        synthesizer: Fitted on a table of these columns.
        table: Real rows, shape (n_rows, n_columns).
        column: What is unbalanced: classes, or numbers by range.
        strategy: How many rows there are to be; see ``Strategy``.
        marked: Name of a column to be added: whether a row was drawn; ``None``: none.

    Returns:
        The table as it is, then the drawn rows, numbered on from 0. Columns that have no gap in the
        table have none in drawn rows.

    Raises:
        SamplingError: Not all rows could be had.
        ValueError: The column or the strategy does not fit the table, or the name is taken.
    """
    if column not in table:
        names = ', '.join(map(str, table))
        raise ValueError(f'There is no column {column!r}. There are: {names}.')
    if marked in table:
        raise ValueError(f'{marked!r} is a column of the table already.')
    wanted = rows_wanted(table[column], strategy)
    # Gaps in drawn rows alone would tell them from the others.
    schema = synthesizer.get_fitted_model().schema
    known = {
        one.name: (None, None)
        for one in schema
        if one.nullable and one.name in table and table[one.name].notna().all()
    }
    parts = [table]
    for kind, count in wanted.items():
        of_kind = kind if isinstance(kind, tuple) else [kind]
        condition = RangeCondition({**known, column: of_kind}, count)
        drawn = synthesizer.sample_from_conditions([condition])
        rows = next(iter(drawn.values())) if isinstance(drawn, dict) else drawn
        if len(rows) < count:
            raise ValueError(
                f'{column} = {kind}: {plural(len(rows), "row")} of {count} were drawn.'
            )
        parts.append(rows[list(table)].astype(table.dtypes.to_dict(), errors='ignore'))
    joined = pd.concat(parts, ignore_index=True)
    if marked is not None:
        joined[marked] = [*[False] * len(table), *[True] * (len(joined) - len(table))]
    return joined
