"""The commands: what each takes and says. What they do is in ``work``, imported when they run.

Those that come before a model are in ``fitting``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sdv_llmgan_cli.augmenting import augment
from sdv_llmgan_cli.exporting import export
from sdv_llmgan_cli.fitting import app, estimate, fit, preview
from sdv_llmgan_cli.imputing import impute
from sdv_llmgan_cli.mocking import mock
from sdv_llmgan_cli.options import (
    Csv,
    DrawOptions,
    Force,
    Json,
    Metadata,
    Model,
    ReadOptions,
    SpreadsheetSafe,
    ToOptions,
    Verbose,
    takes,
)
from sdv_llmgan_cli.speech import Misused, answer, check_output, command, say, show

__all__ = [
    'app',
    'augment',
    'benchmark',
    'demo',
    'estimate',
    'export',
    'fit',
    'impute',
    'mock',
    'preview',
    'providers',
    'report',
    'sample',
    'split',
    'story',
]

#: What `demo` writes.
DEMO_FILES = {
    'model': 'the fitted model; it holds the training rows',
    'train': 'the real rows that it was fitted on',
    'holdout': 'real rows that were set aside, for the report',
    'synthetic': 'the synthetic rows',
    'report': 'how good and how private they are, on one page',
}


@app.command(
    help="""Draw synthetic rows from a model, as CSV, or as a folder of Parquet files.

\b
  sdv-llmgan sample model.pkl -n 500 -o synthetic.csv
  sdv-llmgan sample model.pkl -n 20 --where age=30..40 --where sex=F
  sdv-llmgan sample model.pkl -n 20 --where 'region=north|south' --where 'income=50000..'
  sdv-llmgan sample model.pkl -n 20 --where 'income=..' --where note=        (known; missing)
  sdv-llmgan sample model.pkl -n 20 --describe 'women over 60 in a private job'
  sdv-llmgan sample model.pkl -n 500 --no-missing
  sdv-llmgan sample sampler.npz -n 500                      (what `export` wrote)
  sdv-llmgan sample model.pkl --known people.csv -o synthetic.csv
  sdv-llmgan sample model.pkl -n 10000000 --to folder/
  sdv-llmgan sample model.pkl -n 10000000 --to folder/ --engine dask --scheduler tcp://host:8786

Without -o the rows go to stdout. The same model, seed and conditions give the same rows where the
language model is repeatable. --to writes in parts, by several processes or machines; the same
command again goes on where it was stopped.
"""
)
@takes(what=DrawOptions, to=ToOptions)
@command
def sample(
    model: Model,
    what: DrawOptions,
    to: ToOptions,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            '--output',
            '-o',
            help='A file, .csv, .xlsx, .parquet, .feather or .jsonl; default: CSV to stdout.',
        ),
    ] = None,
    spreadsheet_safe: SpreadsheetSafe = False,
    force: Force = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Draw synthetic rows from a model, as CSV, or as a folder of Parquet files."""
    check_output(output, force)
    what.check()
    to.check(what, output)
    from sdv_llmgan.formats.words import plural
    from sdv_llmgan_cli import tables, work

    synthesizer = work.load(model)
    if to.folder is not None:
        manifest = work.sample_to(synthesizer, what, to)
        say(f'Wrote {to.folder}: {plural(manifest["num_rows"], "row")}.')
        if as_json:
            answer({'folder': to.folder, **manifest})
        return
    rows = work.sample(synthesizer, what)
    if output is not None:
        safe, is_private = spreadsheet_safe, what.known is not None
        tables.save_table(rows, output, spreadsheet_safe=safe, private=is_private)
        say(f'Wrote {output}: {plural(len(rows), "row")}.')
    elif not as_json:
        tables.print_csv(rows, spreadsheet_safe=spreadsheet_safe)
    if as_json:
        shown = {} if output is not None else {'data': tables.records(rows)}
        asked = what.num_rows or len(rows)
        answer({'output': output, 'rows': len(rows), 'asked_for': asked, **shown})


@app.command(
    help="""Say how good and private rows are, on one page.

\b
  sdv-llmgan report model.pkl data.csv synthetic.csv -o report.html
  sdv-llmgan report model.pkl train.csv synthetic.csv --holdout holdout.csv --target income
  sdv-llmgan report data.csv synthetic.csv --metadata metadata.json

REAL are the rows that the model was fitted on; one that `mock` made takes none. With a MODEL the
report also tells how the rows were made, what that cost and what left the machine. --holdout takes
real rows that were set aside before the fit (`sdv-llmgan split`): most of what can be said on
privacy needs them. Options on how a file is read are of REAL and --holdout.
"""
)
@takes(form=ReadOptions)
@command
def report(
    files: Annotated[
        list[Path],
        typer.Argument(metavar='[MODEL] REAL SYNTHETIC', show_default=False),
    ],
    form: ReadOptions,
    *,
    output: Annotated[Path, typer.Option('--output', '-o', help='An .html file, or .json.')] = Path(
        'report.html'
    ),
    holdout: Annotated[
        Path | None, typer.Option(metavar='HELD_OUT.csv', help='Real rows not fitted on.')
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar='COLUMN', help="Column to predict; default: the fit's.")
    ] = None,
    known: Annotated[
        list[str] | None,
        typer.Option(metavar='COLUMN', help='What an attacker knows; may be repeated.'),
    ] = None,
    sensitive: Annotated[
        list[str] | None,
        typer.Option(metavar='COLUMN', help='What an attacker wants to learn; may be repeated.'),
    ] = None,
    metadata: Metadata = None,
    force: Force = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Say how good and how private synthetic rows are."""
    if len(files) not in (2, 3):
        raise Misused('[MODEL] REAL SYNTHETIC are needed: two or three files.')
    if output.suffix.lower() not in ('.html', '.htm', '.json'):
        raise Misused(f'A report is an .html or .json file, got {output}.')
    check_output(output, force)
    from sdv_llmgan_cli import work

    made = work.report(
        files,
        holdout=holdout,
        metadata_path=metadata,
        target=target,
        known_columns=known,
        sensitive_columns=sensitive,
        form=form,
    )
    made.save(output)
    if as_json:
        answer(made.to_dict())
    else:
        show(str(made))
    say(f'Wrote {output}.')


@app.command(
    help="""Tell how the generation process of a model came about, step by step.

\b
  sdv-llmgan story model.pkl
  sdv-llmgan story model.pkl -o story.md
  sdv-llmgan story model.pkl --json > story.json

Markdown for a person. For programs: --json, or an -o that ends so, is what History.from_json reads;
an .md file has the same at its end, folded away. No row is in any of them.
""",
    short_help='Tell how the process of a model came about.',
)
@command
def story(
    model: Model,
    *,
    output: Annotated[
        Path | None, typer.Option('--output', '-o', help='An .md or .json file; default: stdout.')
    ] = None,
    force: Force = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Tell how the generation process of a model came about."""
    check_output(output, force)
    from sdv_llmgan_cli import work

    history = work.load(model).history
    if output is None:
        show(history.to_json() if as_json else history.to_markdown(for_programs=False).rstrip())
        if not as_json:
            say('The same for programs: --json, or -o story.json.')
        return
    in_json = output.suffix.lower() == '.json'
    output.write_text(history.to_json() if in_json else history.to_markdown(), encoding='utf-8')
    say(f'Wrote {output}.')
    if as_json:
        answer({'output': output, 'steps': len(history)})


@app.command(
    help="""Set real rows aside before a fit.

\b
  sdv-llmgan split data.csv                 writes data-train.csv and data-holdout.csv
  sdv-llmgan split data.csv --share 0.3

Rows are drawn at random, always the same ones.
"""
)
@takes(form=ReadOptions)
@command
def split(
    data: Csv,
    form: ReadOptions,
    *,
    share: Annotated[
        float, typer.Option(min=0.01, max=0.99, help='Share of the rows that is held out.')
    ] = 0.2,
    force: Force = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Set real rows aside before a fit."""
    if not data.is_file():
        raise FileNotFoundError(f'There is no file {data}; split writes its parts beside it.')
    from sdv_llmgan.formats.table_files import kind_of

    suffix = '.csv' if kind_of(data) == 'CSV' else data.suffix
    paths = [data.with_name(f'{data.stem}-{part}{suffix}') for part in ('train', 'holdout')]
    for path in paths:
        check_output(path, force)
    from sdv_llmgan.formats.words import plural
    from sdv_llmgan_cli import tables, work

    parts = work.split(data, share, form)
    for part, path in zip(parts, paths, strict=True):
        tables.save_table(part, path, private=True)
        say(f'Wrote {path}: {plural(len(part), "row")}.')
    if as_json:
        answer({
            'train': {'path': paths[0], 'rows': len(parts[0])},
            'holdout': {'path': paths[1], 'rows': len(parts[1])},
        })


@app.command(
    help='List what is installed: providers of models, discriminators and samplers.',
    short_help='List installed providers of models.',
)
@command
def providers(*, as_json: Json = False, verbose: Verbose = False) -> None:
    """List what is installed."""
    from sdv_llmgan_cli import work

    found = work.list_plugins()
    if as_json:
        answer(found)
        return
    for kind, options in (
        ('providers', '--llm NAME/MODEL'),
        ('discriminators', '--discriminator'),
        ('samplers', '--sampler'),
    ):
        show(f'{kind} ({options})')
        for plugin in found[kind]:
            show(f'  {plugin["name"]:<12} {plugin["what"]} [{plugin["from"]}]')


@app.command(
    add_help_option=False,
    context_settings={'allow_extra_args': True, 'ignore_unknown_options': True},
    help="Measure synthesizers side by side, by the papers' protocols or on your own CSV.",
    short_help='Measure synthesizers side by side.',
)
def benchmark(context: typer.Context) -> None:
    """Hand everything to the benchmark's own command line."""
    from sdv_llmgan.benchmark.cli import main as run_benchmark

    run_benchmark(context.args)


@app.command(
    help="""Go the whole way with a small table.

\b
  sdv-llmgan demo
  sdv-llmgan demo --llm openai/gpt-4o-mini -o census

Fits 80 rows of the US census, samples 80, and reports on them. With the embedded model this takes
half a minute on two cores, a quarter of a minute more the first time, when the model is unpacked,
and less where its answers are in the cache. The page report.html has everything in words.
"""
)
@command
def demo(
    *,
    llm: Annotated[str | None, typer.Option(metavar='PROVIDER/MODEL', help='As of `fit`.')] = None,
    output: Annotated[
        Path, typer.Option('--output', '-o', metavar='FOLDER', help='Where the files go.')
    ] = Path('sdv-llmgan-demo'),
    force: Force = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Go the whole way with a small table."""
    check_output(output / 'report.html', force) if output.is_dir() else check_output(output, force)
    from sdv_llmgan_cli import work

    done = work.demo(llm, output)
    if as_json:
        answer(done)
        return
    say('')
    for name, path in done['files'].items():
        say(f'{path:<32} {DEMO_FILES[name]}')
    say('')
    show(done['report'])
    say(f'\nNext: open {done["files"]["report"]}; sdv-llmgan story {done["files"]["model"]}')


if __name__ == '__main__':
    app()
