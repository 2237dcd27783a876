"""The command that adds rows of rare classes or ranges."""

from __future__ import annotations

from typing import Annotated, Any

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
    help="""Add drawn rows of the values that a table has too few of.

\b
  sdv-llmgan augment model.pkl data.csv --column ill -o balanced.csv
  sdv-llmgan augment model.pkl data.csv --column ill --rows yes=30 --marked drawn -o balanced.csv
  sdv-llmgan augment model.pkl data.csv --column age --rows 70..=40 -o balanced.csv

The real rows come first, as they are. Without --rows every class becomes as frequent as the most
frequent one. Drawn rows come from where `sample` has them: those of a hosted model are paid for.
""",
    short_help='Add rows of a rare class.',
)
@takes(form=ReadOptions)
@command
def augment(
    model: Model,
    data: Table,
    form: ReadOptions,
    *,
    column: Annotated[str, typer.Option(help='The column that is unbalanced.')],
    rows: Annotated[
        list[str] | None,
        typer.Option(
            metavar='VALUE=N',
            help='Rows in all of a class, or of a range LOW..HIGH, an end of which may be left '
            'out. May be repeated.',
        ),
    ] = None,
    marked: Annotated[
        str | None,
        typer.Option(metavar='NAME', help='A column to be added: whether a row was drawn.'),
    ] = None,
    output: Output = None,
    spreadsheet_safe: SpreadsheetSafe = False,
    force: Force = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Add drawn rows of rare values."""
    check_output(output, force)
    wanted = dict(map(_wanted, rows or []))
    from sdv_llmgan.formats.words import plural
    from sdv_llmgan_cli import tables, work

    before, table = work.augment(work.load(model), data, column, wanted, marked, form)
    if output is not None:
        tables.save_table(table, output, spreadsheet_safe=spreadsheet_safe, private=True)
        say(f'Wrote {output}: {plural(len(table), "row")}, {len(table) - before} of them drawn.')
    if as_json:
        shown = {} if output is not None else {'data': tables.records(table)}
        answer({'output': output, 'rows': len(table), 'drawn': len(table) - before, **shown})
    elif output is None:
        tables.print_csv(table, spreadsheet_safe=spreadsheet_safe)


def _wanted(text: str) -> tuple[Any, int]:
    """A class as text, or a range, and rows in all."""
    value, _, count = text.rpartition('=')
    if not value or not count.isdigit():
        raise Misused(f'--rows must be VALUE=N, such as yes=30 or 70..=40, got {text!r}.')
    low, is_range, high = value.partition('..')
    if not is_range:
        return value, int(count)
    try:
        ends = tuple(float(end) if end else None for end in (low, high))
    except ValueError:
        raise Misused(f'--rows: the ends of a range are numbers, got {value!r}.') from None
    return ends, int(count)
