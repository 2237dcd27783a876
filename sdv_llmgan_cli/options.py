"""The options that commands share, each said once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, get_type_hints

import typer

from sdv_llmgan_cli.speech import Misused

Json = Annotated[bool, typer.Option('--json', help='Print JSON to stdout, and nothing else.')]
Verbose = Annotated[
    bool, typer.Option('--verbose', '-v', help='Log every step; show where an error arose.')
]
Force = Annotated[bool, typer.Option('--force', '-f', help='Overwrite what is there.')]
Metadata = Annotated[
    Path | None,
    typer.Option(
        help="SDV's metadata of the table as JSON, of SDV 1 or 2. Default: detected from the CSV."
    ),
]
Model = Annotated[
    Path,
    typer.Argument(
        metavar='MODEL',
        help='What `fit` saved, a pickle: loading one runs code, so load only your own. Or what '
        '`export` wrote, which runs none.',
        show_default=False,
    ),
]
SpreadsheetSafe = Annotated[
    bool,
    typer.Option(
        '--spreadsheet-safe',
        help="Put a ' before text that a spreadsheet would compute, such as =1+2.",
    ),
]
Csv = Annotated[
    Path,
    typer.Argument(
        metavar='DATA',
        help='The real table: CSV, Excel, Parquet, Feather or JSON lines; - reads CSV from stdin.',
        show_default=False,
    ),
]
Data = Annotated[
    Path,
    typer.Argument(
        metavar='DATA',
        help='The real table: CSV, Excel, Parquet, Feather, JSON lines, or a folder of Parquet '
        'files; - reads CSV from stdin.',
        show_default=False,
    ),
]

Table = Annotated[
    Path,
    typer.Argument(
        metavar='TABLE', help='A file of any kind; - reads CSV from stdin.', show_default=False
    ),
]
Output = Annotated[
    Path | None, typer.Option('--output', '-o', help='A file; default: CSV to stdout.')
]


@dataclass(frozen=True)
class ReadOptions:
    """How the real tables are read; what is ``None`` is found, and said (see ``CsvForm``)."""

    separator: Annotated[
        str | None, typer.Option(metavar='SIGN', help='What stands between cells; or tab.')
    ] = None
    encoding: Annotated[
        str | None, typer.Option(metavar='NAME', help='Such as cp1250, cp1251 or shift_jis.')
    ] = None
    decimal: Annotated[
        list[str] | None,
        typer.Option(
            metavar='[COLUMN=]SIGN',
            help='. or , for numbers that can be read with either. May be repeated.',
        ),
    ] = None
    missing: Annotated[
        list[str] | None,
        typer.Option(
            metavar='WORD',
            help="A word that stands for missing, and no other does; '': none. May be repeated.",
        ),
    ] = None
    skip_rows: Annotated[
        int | None, typer.Option(min=0, metavar='N', help='Lines above the header.')
    ] = None
    skip_footer: Annotated[
        int | None, typer.Option(min=0, metavar='N', help='Lines below the last row.')
    ] = None


@dataclass(frozen=True)
class DrawOptions:
    """Which rows are drawn."""

    num_rows: Annotated[
        int | None,
        typer.Option(
            '--num-rows', '-n', min=1, help='Rows; default: 100, or as many as are known.'
        ),
    ] = None
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar='COLUMN=…',
            help='What all rows are to meet: a value, LOW..HIGH (numbers or dates; an end may be '
            'left out), A|B, nothing (missing) or .. (not missing). May be repeated.',
        ),
    ] = None
    describe: Annotated[
        str | None,
        typer.Option(metavar='WORDS', help='Conditions in words, which the model reads once.'),
    ] = None
    known: Annotated[
        Path | None,
        typer.Option(
            metavar='FILE',
            help='Columns that are known, in a file of any kind: each row is completed.',
        ),
    ] = None
    no_missing: Annotated[
        bool, typer.Option('--no-missing', help='Rows of which no cell is missing.')
    ] = False
    seed: Annotated[
        int | None, typer.Option(min=0, help='For other rows than the default ones.')
    ] = None

    def check(self) -> None:
        """See whether they go together.

        Raises:
            Misused: They do not.
        """
        if sum(map(bool, (self.where, self.describe, self.known, self.no_missing))) > 1:
            raise Misused('Of --where, --describe, --known and --no-missing only one can be given.')


@dataclass(frozen=True)
class ToOptions:
    """Where a table of any size is written, and by whom; see ``LLMGANSynthesizer.sample_to``."""

    folder: Annotated[
        Path | None,
        typer.Option(
            '--to',
            metavar='FOLDER',
            help='Write Parquet files here, in parts; goes on after a stop.',
        ),
    ] = None
    engine: Annotated[
        str | None,
        typer.Option(metavar='NAME', help='processes (of this machine; the default) or dask.'),
    ] = None
    scheduler: Annotated[
        str | None,
        typer.Option(metavar='ADDRESS', help="Dask's, such as tcp://host:8786; default: one here."),
    ] = None
    workers: Annotated[
        int | None, typer.Option(min=1, help='How many processes; default: one a core.')
    ] = None
    rows_per_file: Annotated[
        int | None, typer.Option(min=1, help='Rows in a file; default: 100,000.')
    ] = None

    def check(self, what: DrawOptions, output: Path | None) -> None:
        """See whether they go with which rows are drawn.

        Raises:
            Misused: They do not.
        """
        if self.folder is None:
            if self != ToOptions():
                raise Misused(
                    '--engine, --scheduler, --workers and --rows-per-file need --to FOLDER.'
                )
        elif what.where or what.describe or what.no_missing or output:
            raise Misused(
                '--to goes with -n or --known, not with --where, --describe, --no-missing or -o.'
            )
        elif not (what.num_rows or what.known):
            raise Misused('--to needs -n, how many rows, or --known.')


@dataclass(frozen=True)
class FitOptions:
    """How a synthesizer is made; what is ``None`` is left to it (see its docstring)."""

    column_types: Annotated[
        list[str] | None,
        typer.Option(
            '--type',
            metavar='COLUMN=TYPE',
            help='Another type than was detected: numerical, categorical, boolean, id, text, or '
            "'seen=datetime:%d.%m.%Y'. May be repeated.",
        ),
    ] = None
    llm: Annotated[
        str | None,
        typer.Option(
            metavar='PROVIDER/MODEL',
            help="'local' (nothing leaves the machine; the default where sdv-llmgan-local is "
            "installed), 'openai/gpt-4o-mini', 'anthropic/<model>', … `sdv-llmgan providers` "
            'lists them. Keys are read from the environment.',
        ),
    ] = None
    generator_llm: Annotated[
        str | None, typer.Option(metavar='PROVIDER/MODEL', help='Another model to write rows.')
    ] = None
    optimizer_llm: Annotated[
        str | None,
        typer.Option(metavar='PROVIDER/MODEL', help='Another model to rewrite the instruction.'),
    ] = None
    discriminator_llm: Annotated[
        str | None,
        typer.Option(metavar='PROVIDER/MODEL', help='Another model for --discriminator llm.'),
    ] = None
    preset: Annotated[
        str | None, typer.Option(metavar='NAME', help="A paper's settings: mallm-gan or synthia.")
    ] = None
    context: Annotated[
        str | None,
        typer.Option(
            metavar='WORDS', help='What the data is and how it was collected, in a sentence.'
        ),
    ] = None
    describe: Annotated[
        list[str] | None,
        typer.Option(metavar='COLUMN=MEANING', help='What a column means; may be repeated.'),
    ] = None
    metadata_detail: Annotated[
        str | None,
        typer.Option(
            metavar='NAME',
            help='How much of the columns models are told: none, schema, summary or full.',
        ),
    ] = None
    target: Annotated[
        str | None, typer.Option(metavar='COLUMN', help='Column to predict later.')
    ] = None
    causal_graph: Annotated[
        str | None,
        typer.Option(
            metavar='NAME', help='hill-climb, ask, none, or a JSON file of [cause, effect] pairs.'
        ),
    ] = None
    knowledge: Annotated[
        str | None,
        typer.Option(
            metavar='NAME',
            help='What is known of the subject: ask (a model), none, or a JSON file.',
        ),
    ] = None
    discriminator: Annotated[
        list[str] | None,
        typer.Option(
            metavar='NAME', help='logistic, mlp, analyzer, llm, …; several judge on average.'
        ),
    ] = None
    sampler: Annotated[
        str | None,
        typer.Option(
            metavar='NAME', help='Where rows come from: llm, distilled (no calls), auto, …'
        ),
    ] = None
    sampler_settings: Annotated[
        Path | None,
        typer.Option(
            metavar='FILE',
            help='Settings of --sampler, as a JSON object; of dp: {"epsilon": 3, "delta": 1e-6, '
            '"categories": {"sex": ["f", "m"]}, "ranges": {"age": [18, 99]}, '
            '"decimals": {"weight": 1}}.',
        ),
    ] = None
    epochs: Annotated[int | None, typer.Option(help='Passes over the table.')] = None
    batch_size: Annotated[int | None, typer.Option(help='Rows in a batch.')] = None
    examples_per_call: Annotated[
        int | None, typer.Option(help='Real rows in a prompt, and rows asked for with it.')
    ] = None
    max_batches: Annotated[
        int | None, typer.Option(help='Batches that a fit pays for; 0: only --epochs bounds it.')
    ] = None
    patience: Annotated[
        int | None, typer.Option(help='Stop after so many steps that found nothing better.')
    ] = None
    withhold: Annotated[
        list[str] | None,
        typer.Option(metavar='COLUMN', help='Tell no model of this column; may be repeated.'),
    ] = None
    bucket: Annotated[
        list[str] | None,
        typer.Option(metavar='COLUMN', help='Send ranges in place of these numbers or dates.'),
    ] = None
    pseudonymize: Annotated[
        list[str] | None,
        typer.Option(metavar='COLUMN', help='Send stand-in tokens in place of these categories.'),
    ] = None
    rows: Annotated[
        bool | None,
        typer.Option('--rows/--no-rows', help='Whether any row is sent to a model.'),
    ] = None
    max_rows: Annotated[
        int | None, typer.Option(help='Different rows that are ever sent to a model, at most.')
    ] = None
    max_usd: Annotated[
        float | None, typer.Option(help='US dollars that the fit may cost, as a hard stop.')
    ] = None
    max_tokens: Annotated[
        int | None, typer.Option(help='Tokens that the fit may use, as a hard stop.')
    ] = None
    cache: Annotated[
        bool | None,
        typer.Option(help='Whether replies are kept, so that no call is paid for twice.'),
    ] = None
    audit_log: Annotated[
        Path | None, typer.Option(help='A file that every request to a model is noted in.')
    ] = None
    seed: Annotated[int | None, typer.Option(help='Makes a fit repeatable.')] = None
    max_fit_rows: Annotated[
        int | None,
        typer.Option(
            min=2, help='Rows of Parquet files that are read, at random; default: 1,000,000.'
        ),
    ] = None


def takes(**options: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the fields of dataclasses as options of its own.

    Args:
        options: By the command's parameter that gets the object; fields are annotated as typer
            wants parameters.
    """
    own = {name: _parameters(kind) for name, kind in options.items()}

    def wrap(run: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(run)
        def call(**given: object) -> None:
            made = {
                name: kind(**{parameter.name: given.pop(parameter.name) for parameter in own[name]})
                for name, kind in options.items()
            }
            run(**made, **given)

        theirs = get_type_hints(run, include_extras=True)
        kept = [
            parameter.replace(annotation=theirs[name])
            for name, parameter in inspect.signature(run).parameters.items()
            if name not in options
        ]
        ordered = [p for p in kept if p.kind is not inspect.Parameter.KEYWORD_ONLY]
        ordered += [parameter for parameters in own.values() for parameter in parameters]
        ordered += [p for p in kept if p.kind is inspect.Parameter.KEYWORD_ONLY]
        call.__signature__ = inspect.Signature(ordered)  # type: ignore[attr-defined]
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in ordered}
        return call

    return wrap


@functools.cache  # typing reads annotations slowly, and --help waits for it
def _parameters(kind: type) -> list[inspect.Parameter]:
    """The fields of a dataclass as parameters that are given by name."""
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=hints[field.name],
        )
        for field in fields(kind)
    ]
