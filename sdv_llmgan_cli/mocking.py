"""The command that needs no row: mock."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sdv_llmgan_cli.fitting import app
from sdv_llmgan_cli.options import Force, Json, SpreadsheetSafe, Verbose, takes
from sdv_llmgan_cli.speech import answer, check_output, command, say, show

if TYPE_CHECKING:
    import pandas as pd

    from sdv_llmgan import LLMGANSynthesizer


@dataclass(frozen=True)
class MockOptions:
    """What is known, and who is asked for the rest."""

    statistics: Annotated[Path | None, typer.Option(help='Published figures, as JSON or CSV.')] = (
        None
    )
    knowledge: Annotated[
        Path | None,
        typer.Option(help='Effects, typical values and rules as JSON; default: a model is asked.'),
    ] = None
    llm: Annotated[
        str | None, typer.Option(metavar='PROVIDER/MODEL', help='The model that is asked.')
    ] = None
    context: Annotated[
        str, typer.Option(metavar='WORDS', help='What the data is, in a sentence.')
    ] = ''
    describe: Annotated[
        list[str] | None,
        typer.Option(metavar='COLUMN=MEANING', help='What a column means; may be repeated.'),
    ] = None
    target: Annotated[
        str | None, typer.Option(metavar='COLUMN', help='Column to predict later.')
    ] = None
    max_usd: Annotated[
        float | None, typer.Option(help='US dollars that the calls may cost, as a hard stop.')
    ] = None
    seed: Annotated[int, typer.Option(min=0, help='For other rows than the default ones.')] = 0

    def arguments(self, metadata: Path) -> dict[str, Any]:
        """As arguments of ``LLMGANSynthesizer.from_knowledge``."""
        from sdv_llmgan import Budget
        from sdv_llmgan.registry import providers
        from sdv_llmgan_cli import work
        from sdv_llmgan_cli.metadata import load_metadata

        given = {name: getattr(self, name) for name in ('statistics', 'target', 'seed')}
        nobody = None if 'local' in providers() else 'scripted'
        return {
            **given,
            'llm': self.llm or nobody,
            'metadata': load_metadata(metadata),
            'context': self.context,
            'knowledge': work.read_knowledge(self.knowledge),
            'column_descriptions': dict(map(work.description, self.describe or [])) or None,
            'budget': None if self.max_usd is None else Budget(max_usd=self.max_usd),
        }


@app.command(
    help="""Make rows without data, from what is known and published of a table.

\b
  sdv-llmgan mock metadata.json -n 500 --llm openai/gpt-4o-mini --context 'Heart patients.'
  sdv-llmgan mock metadata.json -n 500 --statistics table1.csv --knowledge known.json
  sdv-llmgan mock metadata.json --llm openai/gpt-4o-mini --preview      with nothing sent

A model is asked, in three calls at most, what --statistics and --knowledge do not say. It is sent
names, types and descriptions of columns, no row and no figure. --save keeps the model, which
`sample` draws more from.
""",
    short_help='Make rows without data.',
)
@takes(known=MockOptions)
@command
def mock(
    metadata: Annotated[
        Path,
        typer.Argument(
            metavar='METADATA.json', help="SDV's metadata of one table.", show_default=False
        ),
    ],
    known: MockOptions,
    *,
    num_rows: Annotated[int, typer.Option('--num-rows', '-n', min=1, help='Rows.')] = 100,
    output: Annotated[
        Path | None, typer.Option('--output', '-o', help='A table file; default: CSV to stdout.')
    ] = None,
    save: Annotated[Path | None, typer.Option(help='Where the model is saved, if it is.')] = None,
    preview: Annotated[
        bool, typer.Option('--preview', help='Show what would be asked, with nothing sent.')
    ] = False,
    spreadsheet_safe: SpreadsheetSafe = False,
    force: Force = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Make rows without data, from what is known and published of a table."""
    for path in (output, save):
        check_output(path, force)
    from sdv_llmgan import LLMGANSynthesizer
    from sdv_llmgan_cli import tables, work

    given = known.arguments(metadata)
    if preview:
        found = LLMGANSynthesizer.preview_from_knowledge(**given)
        show(found.to_json() if as_json else str(found))
        return
    synthesizer = LLMGANSynthesizer.from_knowledge(**given)
    if save is not None:
        synthesizer.save(str(save))
    rows = work.drawn(synthesizer, num_rows)
    if output is not None:
        tables.save_table(rows, output, spreadsheet_safe=spreadsheet_safe)
    elif not as_json:
        tables.print_csv(rows, spreadsheet_safe=spreadsheet_safe)
    _close(synthesizer, rows, output, save, as_json=as_json)


def _close(
    synthesizer: LLMGANSynthesizer,
    rows: pd.DataFrame,
    output: Path | None,
    save: Path | None,
    *,
    as_json: bool,
) -> None:
    """Say what was made, of what."""
    from sdv_llmgan.formats.words import plural
    from sdv_llmgan_cli import tables

    note = synthesizer.history.steps[0].note
    if as_json:
        shown = {} if output is not None else {'data': tables.records(rows)}
        usage = synthesizer.get_usage().to_dict('index')
        answer({
            'made_without_data': True,
            'note': note,
            'rows': len(rows),
            'output': output,
            'model': save,
            'usage': usage,
            **shown,
        })
    if save is not None:
        say(f'Saved {save}.')
    where = '' if output is None else f' Wrote {output}.'
    say(f'{plural(len(rows), "row")}, {note}.{where}')
