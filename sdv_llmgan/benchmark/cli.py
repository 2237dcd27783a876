"""The command line: ``sdv-llmgan benchmark``, or ``python -m sdv_llmgan.benchmark``."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pandas as pd

from sdv_llmgan.benchmark.ablation import ABLATION, BASE, GAINS, STAGES, gains
from sdv_llmgan.benchmark.pairs import paired
from sdv_llmgan.benchmark.plots import write_plots
from sdv_llmgan.benchmark.protocols import PROTOCOLS, Protocol
from sdv_llmgan.benchmark.report import to_markdown
from sdv_llmgan.benchmark.runner import run
from sdv_llmgan.benchmark.scores import METRICS
from sdv_llmgan.benchmark.steps import plot_steps, read_steps
from sdv_llmgan.benchmark.synthesizers import NAMED, parse_entries
from sdv_llmgan.benchmark.tables import OWN_TEST_SHARE, BenchmarkTable, load_own
from sdv_llmgan.benchmark.targets import against_paper
from sdv_llmgan.formats.csv_files import CsvForm

DATA = Path('data')
#: Arguments that mean something for a protocol only, and for a CSV file only.
OF_PROTOCOL = ('data', 'tables', 'rows')
FORM = tuple(field.name for field in fields(CsvForm))
OF_CSV = ('target', 'test', 'test_share', 'metadata', 'context', *FORM)
#: Synthesizers whose cells are held against the paper's, one by one.
OURS = ('llmgan', 'distilled', 'mallm-gan')
EPILOG = f"""\
synthesizers:
  {', '.join(NAMED)}
  ablation        all of {', '.join(ABLATION)}
  with settings:  ctgan:epochs=100   llmgan:sampler=llm,epochs=2   'llmgan:{{"llm": "local"}}'
  your own:       package.module:Class[:settings]   (SDV's kind, or SDGym's two methods)
                  package.module                    (SDGym's two functions)

examples:
  sdv-llmgan benchmark mallm-gan --synthesizers real smote ctgan tvae --tables adult
  sdv-llmgan benchmark synthia --synthesizers gaussian-copula --seeds 1
  sdv-llmgan benchmark ablation --llm openai/gpt-4o-mini --tables insurance --rows 50
  sdv-llmgan benchmark mine.csv --target price --synthesizers ablation --draw 300
  sdv-llmgan benchmark examples/adult_100.csv --target Income --synthesizers ablation
  sdv-llmgan benchmark mine.csv --target price --synthesizers real ctgan llmgan

A run that was stopped goes on where it was: give the same command again.
"""


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    made = argparse.ArgumentParser(
        prog='sdv-llmgan benchmark',
        description='Measure synthesizers side by side by a protocol, or on a table of your own.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument('what', help=f'{", ".join(PROTOCOLS)}, or a CSV file')
    made.add_argument(
        '--synthesizers',
        nargs='*',
        metavar='NAME',
        help='see below; none: only write the tables anew; default: real gaussian-copula, or '
        "ablation's stages",
    )
    made.add_argument(
        '--llm',
        metavar='MODEL',
        help='provider/model, for synthesizers that ask a language model and do not name it',
    )
    made.add_argument(
        '--seeds',
        type=_count,
        metavar='N',
        help="runs of each with other seeds, whose scatter is told; default: the protocol's, or 3",
    )
    made.add_argument(
        '--metrics',
        nargs='+',
        choices=METRICS,
        metavar='METRIC',
        help=f"of {', '.join(METRICS)}; default: the protocol's, or all",
    )
    made.add_argument(
        '--draw',
        nargs='*',
        type=_count,
        metavar='N',
        help='also draw and measure so many rows of each fit, beside as many as were trained on; '
        'default: 300 in ablation',
    )
    made.add_argument(
        '--out',
        type=Path,
        default=Path('benchmark-results'),
        metavar='FOLDER',
        help='gets results.csv, tables.json, tables.md, plots.html, and steps.csv: a line for each '
        'batch of a fit, with its score; default: benchmark-results',
    )
    _add_protocol(made)
    _add_csv(made)
    return made


def _add_protocol(made: argparse.ArgumentParser) -> None:
    of_protocol = made.add_argument_group('of a protocol')
    of_protocol.add_argument(
        '--data',
        type=Path,
        default=DATA,
        metavar='FOLDER',
        help='the tables, which are not in this package (docs/does-the-model-help.md says where '
        f'they come from); default: {DATA}',
    )
    of_protocol.add_argument('--tables', nargs='+', metavar='TABLE', help='only these')
    of_protocol.add_argument(
        '--rows', nargs='+', type=_count, metavar='N', help='only with so many training rows'
    )


def _add_csv(made: argparse.ArgumentParser) -> None:
    of_csv = made.add_argument_group('of a CSV file')
    of_csv.add_argument('--target', help='the column to predict; without it no ML efficacy')
    of_csv.add_argument('--test', type=Path, metavar='CSV', help='the test rows')
    of_csv.add_argument(
        '--test-share',
        type=_share,
        metavar='SHARE',
        help=f'or the share of rows that is held out; default: {OWN_TEST_SHARE}',
    )
    of_csv.add_argument(
        '--metadata',
        type=Path,
        metavar='JSON',
        help="SDV's metadata; default: detected from the training rows",
    )
    of_csv.add_argument('--context', default='', help='what the data is, in a sentence')
    of_form = made.add_argument_group('how a CSV file is read, where what is found is wrong')
    of_form.add_argument('--separator', metavar='SIGN', help='between cells; or tab')
    of_form.add_argument('--encoding', metavar='NAME', help='such as cp1250 or shift_jis')
    of_form.add_argument(
        '--decimal', action='append', metavar='[COLUMN=]SIGN', help='. or , where both can be'
    )
    of_form.add_argument(
        '--missing', action='append', metavar='WORD', help="stands for missing; '': no word does"
    )
    of_form.add_argument('--skip-rows', type=_lines, metavar='N', help='lines above the header')
    of_form.add_argument('--skip-footer', type=_lines, metavar='N', help='lines below the rows')


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and write the results."""
    made = parser()
    given = made.parse_args(arguments)
    protocol = PROTOCOLS.get(given.what)
    default = protocol.synthesizers if protocol else ('real', 'gaussian-copula')
    draws = (protocol.draws if protocol else ()) if given.draw is None else given.draw
    try:
        named = default if given.synthesizers is None else given.synthesizers
        entries = parse_entries(named, given.llm)
        _show_progress()
        tables = _protocol_tables(given) if protocol else [_own_table(given)]
        given.out.mkdir(parents=True, exist_ok=True)
        results = run(
            tables,
            entries,
            range(given.seeds or (protocol.seeds if protocol else 3)),
            given.metrics or (protocol.metrics if protocol else tuple(METRICS)),
            given.out / 'results.csv',
            draws,
        )
    except (OSError, ValueError) as error:
        made.exit(2, f'{error}\n')
    except KeyboardInterrupt:
        made.exit(130, 'Stopped. The same command goes on from here.\n')
    write_out(given.out, given.what, protocol, results, draws)
    asked = results[results['synthesizer'].isin([entry.label for entry in entries])]
    if len(asked) and asked['error'].notna().all():
        made.exit(1, f'Nothing could be measured: {asked["error"].iloc[-1]}\n')


def write_out(
    folder: Path,
    what: str,
    protocol: Protocol | None,
    results: pd.DataFrame,
    draws: Sequence[int] = (),
) -> None:
    """Write ``tables.md`` and ``plots.html`` beside the results.

    Args:
        folder: Has the results, and the steps of fits where there are any.
        what: Name of the protocol, or of what was measured.
        protocol: Whose tables the paper may call otherwise; ``None``: a table of the user's.
        results: As ``runner.read_results`` gives them.
        draws: Numbers of rows that were drawn beside as many as were trained on.
    """
    printed_as = {
        source.table: source.printed_as
        for source in (protocol.sources if protocol else ())
        if source.printed_as
    }
    markdown = to_markdown(results, what, printed_as)
    names = list(dict.fromkeys(results['synthesizer']))
    for name in names:
        if name.partition(':')[0] in OURS and what == 'mallm-gan':
            found = against_paper(results, name, printed_as)
            markdown += f'\n## {name} cell by cell\n\n{found}\n' if found else ''
    if more := paired(results, 'llmgan', 'distilled'):
        markdown += f'\n## llmgan less distilled of the same seed\n\n{more}\n'
    if any(name.partition(':')[0] in STAGES for name in names) and (more := gains(results, draws)):
        markdown = f'## Gain over {BASE} of the same seed\n\n{GAINS}\n\n{more}\n\n{markdown}'
    (folder / 'tables.md').write_text(markdown, encoding='utf-8')
    steps = plot_steps(read_steps(folder / 'steps.csv'))
    write_plots(results, folder / 'plots.html', what, printed_as, [steps] if steps else [])
    files = ('results.csv', 'tables.md', 'plots.html', 'steps.csv')
    written = ', '.join(name for name in files if (folder / name).exists())
    logging.getLogger(__name__).info('Written: %s in %s', written, folder)


def _show_progress() -> None:
    # After the synthesizers are imported: SDGym takes away the handlers that it finds.
    logging.basicConfig(level=logging.WARNING, format='%(asctime)s %(message)s', datefmt='%H:%M:%S')
    logging.getLogger('sdv_llmgan.benchmark').setLevel(logging.INFO)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'needs a whole number of at least 1, found {text!r}')
    return int(text)


def _lines(text: str) -> int:
    return 0 if text == '0' else _count(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(
            f'needs a share between 0 and 1, such as 0.2, found {text!r}'
        )
    return share


def _protocol_tables(given: argparse.Namespace) -> list[BenchmarkTable]:
    _refuse_ignored(given, OF_CSV, 'a CSV file')
    sources = PROTOCOLS[given.what].sources
    known = list(dict.fromkeys(source.table for source in sources))
    if unknown := set(given.tables or ()) - set(known):
        raise ValueError(
            f'{given.what} has no table {sorted(unknown)}; it has: {", ".join(known)}.'
        )
    tables = [
        source.load(given.data)
        for source in sources
        if not given.tables or source.table in given.tables
    ]
    sizes = {len(table.training.rows) for table in tables}
    if missing := set(given.rows or ()) - sizes:
        raise ValueError(
            f'No table has {sorted(missing)} training rows; there are: '
            f'{", ".join(map(str, sorted(sizes)))}. Name some of these with --rows.'
        )
    return [t for t in tables if not given.rows or len(t.training.rows) in given.rows]


def _own_table(given: argparse.Namespace) -> BenchmarkTable:
    path = Path(given.what)
    if path.suffix.lower() != '.csv':
        raise ValueError(
            f'Unknown protocol {given.what!r}. There are: {", ".join(PROTOCOLS)}; or a CSV file.'
        )
    _refuse_ignored(given, OF_PROTOCOL, 'a protocol')
    if given.test and given.test_share:
        raise ValueError('Give --test or --test-share: with test rows, no share is held out.')
    if not given.target and set(given.metrics or METRICS) <= {'mle'}:
        raise ValueError('The metric mle needs the column to predict: name it with --target.')
    share = given.test_share or OWN_TEST_SHARE
    form = CsvForm(**{name: getattr(given, name) for name in FORM})
    return load_own(path, given.test, share, given.metadata, given.target, given.context, form)


def _refuse_ignored(given: argparse.Namespace, names: Sequence[str], only_of: str) -> None:
    default = parser().get_default
    ignored = [f'--{n.replace("_", "-")}' for n in names if getattr(given, n) != default(n)]
    if ignored:
        raise ValueError(
            f'{", ".join(ignored)} would be ignored with {given.what}: only {only_of} takes it. '
            'Leave it out.'
        )
