"""The command that fills gaps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sdv_llmgan_cli.fitting import app
from sdv_llmgan_cli.options import (
    Force,
    Json,
    Model,
    Output,
    ReadOptions,
    SpreadsheetSafe,
    Table,
    Verbose,
    takes,
)
from sdv_llmgan_cli.speech import Misused, answer, check_output, command, say


@app.command(
    help="""Fill the missing cells of a table, given the cells that are there.

\b
  sdv-llmgan impute model.pkl data.csv -o filled.csv
  sdv-llmgan impute model.pkl data.csv -o filled.csv --draws 20     filled-01.csv to filled-20.csv

The table is the one that was fitted on, or another one with columns of it; those that it lacks are
filled whole. The local sampler fills: no model is asked, and nothing is sent. Cells that are there
stay as they are. Several draws show how sure a cell is.
""",
    short_help='Fill the missing cells of a table.',
)
@takes(form=ReadOptions)
@command
def impute(
    model: Model,
    data: Table,
    form: ReadOptions,
    *,
    output: Output = None,
    draws: Annotated[int, typer.Option(min=1, help='Filled tables, each drawn anew.')] = 1,
    seed: Annotated[int, typer.Option(min=0, help='For other cells than the default ones.')] = 0,
    spreadsheet_safe: SpreadsheetSafe = False,
    force: Force = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Fill the missing cells of a table."""
    if draws > 1 and output is None:
        raise Misused('--draws above 1 needs -o: each draw is a file of its own.')
    paths = [] if output is None else _paths(output, draws)
    for path in paths:
        check_output(path, force)
    from sdv_llmgan.formats.words import plural
    from sdv_llmgan_cli import tables, work

    gaps, filled = work.impute(work.load(model), data, draws, seed, form)
    for path, table in zip(paths, filled, strict=False):
        tables.save_table(table, path, spreadsheet_safe=spreadsheet_safe, private=True)
        left = int(table.isna().to_numpy().sum())
        say(f'Wrote {path}: {plural(len(table), "row")}, {plural(gaps - left, "cell")} filled.')
    if as_json:
        shown = {} if paths else {'data': tables.records(filled[0])}
        answer({'output': paths, 'rows': len(filled[0]), 'missing': gaps, **shown})
    elif not paths:
        tables.print_csv(filled[0], spreadsheet_safe=spreadsheet_safe)


def _paths(output: Path, draws: int) -> list[Path]:
    """A file for each draw."""
    if draws == 1:
        return [output]
    digits = len(str(draws))
    return [
        output.with_name(f'{output.stem}-{number:0{digits}}{output.suffix}')
        for number in range(1, draws + 1)
    ]
