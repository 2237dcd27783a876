"""The command that writes a fit to a file without training rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sdv_llmgan_cli.fitting import app
from sdv_llmgan_cli.options import Force, Json, Verbose
from sdv_llmgan_cli.speech import answer, check_output, command, say


@app.command(
    help="""Write a model to a file that holds no training row.

\b
  sdv-llmgan export model.pkl -o sampler.npz
  sdv-llmgan sample sampler.npz -n 500 -o synthetic.csv

What `fit` saves holds every row that it was fitted on; this file holds none, runs no code when it
is loaded, and draws rows as the model does. Values that fewer than --min-rows rows have are not in
it, nor the smallest and the largest one. It is no formal guarantee: see docs/export.md. Rows must
come from the distilled sampler (`fit --sampler distilled`).
""",
    short_help='Write a model to a file without training rows.',
)
@command
def export(
    model: Annotated[
        Path,
        typer.Argument(
            metavar='MODEL',
            help='What `fit` saved. It is a pickle: loading one runs code, so load only your own.',
            show_default=False,
        ),
    ],
    *,
    output: Annotated[Path, typer.Option('--output', '-o', help='An .npz file.')] = Path(
        'sampler.npz'
    ),
    min_rows: Annotated[
        int,
        typer.Option(min=2, help='Training rows that stand behind each value in it, at least.'),
    ] = 5,
    force: Force = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Write a model to a file that holds no training row."""
    check_output(output, force)
    from dataclasses import asdict

    from sdv_llmgan_cli import work

    done = work.load(model).export(output, min_rows=min_rows)
    if as_json:
        answer(asdict(done))
    say(str(done))
