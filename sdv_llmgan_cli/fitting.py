"""The command line and its first commands, which take a table: fit, preview, estimate."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from sdv_llmgan_cli.options import (
    Data,
    FitOptions,
    Force,
    Json,
    Metadata,
    ReadOptions,
    Verbose,
    takes,
)
from sdv_llmgan_cli.speech import answer, check_output, command, say, show

HELP = """Synthetic tables from language models, for tables of 25 to 800 rows.

\b
From a CSV to a report:
  sdv-llmgan split data.csv
  sdv-llmgan fit data-train.csv --llm local -o model.pkl
  sdv-llmgan sample model.pkl -n 500 -o synthetic.csv
  sdv-llmgan report model.pkl data-train.csv synthetic.csv --holdout data-holdout.csv

Results go to stdout or to a file, everything else to stderr. Exit codes: 0 done, 1 an error (one
line on stderr), 2 wrong usage, 130 stopped by Ctrl-C.
"""

app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={'help_option_names': ['-h', '--help'], 'max_content_width': 100},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version('sdv-llmgan'))
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option('--version', callback=_version, is_eager=True, help='Show the version.'),
    ] = False,
) -> None:
    """Options of all commands."""


@app.command(
    help="""Learn a synthesizer from a CSV or Parquet file and save it.

\b
  sdv-llmgan fit data.csv --llm local -o model.pkl
  sdv-llmgan fit data.csv --context 'Medical bills, one row a person.' --target charges
  sdv-llmgan fit data.csv --llm openai/gpt-4o-mini --max-batches 2 --seed 7
  sdv-llmgan fit folder/ --sampler distilled     Parquet files, of which a sample is read
  sdv-llmgan fit data.csv --llm scripted --sampler dp --sampler-settings dp.json

The model is a pickle that holds the training rows: keep it as you keep the table.
"""
)
@takes(form=ReadOptions, settings=FitOptions)
@command
def fit(
    data: Data,
    form: ReadOptions,
    settings: FitOptions,
    *,
    output: Annotated[
        Path, typer.Option('--output', '-o', help='Where the model is saved.')
    ] = Path('model.pkl'),
    metadata: Metadata = None,
    force: Force = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Learn a synthesizer from a table and save it."""
    check_output(output, force)
    from sdv_llmgan_cli import work

    started = time.monotonic()
    synthesizer, table = work.make_synthesizer(data, metadata, settings, form)
    done = work.fit(synthesizer, table, output)
    done['seconds'] = round(time.monotonic() - started, 1)
    if as_json:
        answer(done)
        return
    say(f'Saved {output}. Next: sdv-llmgan sample {output} -n {done["rows"]} -o synthetic.csv')


@app.command(
    help="""Show what a fit would send first, with nothing sent.

\b
  sdv-llmgan preview data.csv --llm openai/gpt-4o-mini --context 'Medical bills.'

Takes the options of `fit`, and needs no key.
"""
)
@takes(form=ReadOptions, settings=FitOptions)
@command
def preview(
    data: Data,
    form: ReadOptions,
    settings: FitOptions,
    *,
    metadata: Metadata = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show what a fit would send first."""
    from sdv_llmgan_cli import work

    found = work.preview(data, metadata, settings, form)
    show(found.to_json() if as_json else str(found))


@app.command(
    help="""Say what a fit and a sample would cost, with nothing sent.

\b
  sdv-llmgan estimate data.csv -n 500 --llm openai/gpt-4o-mini

Takes the options of `fit`, and needs no key. --max-usd of `fit` is the hard stop.
"""
)
@takes(form=ReadOptions, settings=FitOptions)
@command
def estimate(
    data: Data,
    form: ReadOptions,
    settings: FitOptions,
    *,
    num_rows: Annotated[
        int, typer.Option('--num-rows', '-n', min=0, help='Rows to be sampled after the fit.')
    ] = 0,
    metadata: Metadata = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Say what a fit and a sample would cost."""
    from sdv_llmgan_cli import work

    found = work.estimate(data, metadata, settings, num_rows, form)
    if as_json:
        answer(found.to_dict())
    else:
        show(str(found))
