"""What the commands do; whatever needs SDV is here, so that ``--help`` does without."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from sdv.utils import load_synthesizer

from sdv_llmgan import LLMGANSynthesizer, load_sampler
from sdv_llmgan.augment.augmented import augmented
from sdv_llmgan.calls.budget import Budget
from sdv_llmgan.calls.estimate import Estimate
from sdv_llmgan.calls.preview import Preview
from sdv_llmgan.egress.policy import EgressPolicy, Treatment
from sdv_llmgan.errors import LLMGANError
from sdv_llmgan.formats.array_files import is_archive
from sdv_llmgan.formats.words import plural
from sdv_llmgan.loop.progress import summary
from sdv_llmgan.registry import discriminators, providers, samplers
from sdv_llmgan.report import Report, make_report
from sdv_llmgan.scale.known import Known
from sdv_llmgan.table.schema import TableSchema, declared_names
from sdv_llmgan.table.split import split as split_rows
from sdv_llmgan_cli.json_files import read_json, sampler_of
from sdv_llmgan_cli.metadata import columns_of, given, read_metadata, taken
from sdv_llmgan_cli.options import DrawOptions, FitOptions, ReadOptions, ToOptions
from sdv_llmgan_cli.speech import Misused, say
from sdv_llmgan_cli.tables import FOUND, load_table, read_table, save_table
from sdv_llmgan_cli.wishes import parse_wishes

#: The demonstration's table: in an installed package, and in a checkout.
DEMO = Path(__file__).parent / 'examples'
EXAMPLES = Path(__file__).parent.parent / 'examples'
DEMO_CONTEXT = 'People in the US census of 1994, one row a person.'
MIN_SPLIT = 4
#: Rows that are drawn where nothing is said.
DEFAULT_ROWS = 100
#: What options may say of columns.
TREATMENTS: tuple[Treatment, ...] = ('withhold', 'bucket', 'pseudonymize')
#: Where a causal graph comes from, but for a file.
LEARNED = 'hill-climb, ask, none'
PRESETS = {'mallm-gan': LLMGANSynthesizer.mallm_gan, 'synthia': LLMGANSynthesizer.synthia}


def make_synthesizer(
    data: Path, metadata_path: Path | None, settings: FitOptions, form: ReadOptions = FOUND
) -> tuple[LLMGANSynthesizer, pd.DataFrame]:
    """A synthesizer for a CSV or Parquet file, and the file's table.

    Raises:
        FileNotFoundError: A file is not there.
        Misused: An option cannot be used.
        ValueError: A file cannot be used.
    """
    table = read_table(data, form, settings.max_fit_rows)
    types = settings.column_types or ()
    metadata = read_metadata(metadata_path, table, _table_name(data), types)
    if not any(declared_names(metadata).values()):
        raise ValueError(
            f'Every column of {data} is a key or personal data, so there is nothing to learn. '
            '--type COLUMN=numerical, or another type, makes it something else.'
        )
    preset = settings.preset
    if preset is not None and preset not in PRESETS:
        raise Misused(f'--preset must be one of {", ".join(PRESETS)}, got {preset!r}.')
    make = PRESETS[preset] if preset else LLMGANSynthesizer
    try:
        return make(metadata, **_arguments(settings)), table
    except (ValueError, LLMGANError) as error:
        raise Misused(str(error)) from error


def fit(synthesizer: LLMGANSynthesizer, table: pd.DataFrame, output: Path) -> dict[str, Any]:
    """Fit and save; what there is to say of it."""
    started = time.monotonic()
    synthesizer.fit(given(synthesizer.metadata, table))
    if not synthesizer.verbose:  # then the bars, and what stands below them, are not shown
        model = synthesizer.get_fitted_model()
        seconds = time.monotonic() - started
        say(summary(model.history, model.source, seconds, model.learned_from))
    synthesizer.save(str(output))
    info = synthesizer.get_info()
    kept = ('llm', 'remote', 'steps', 'stopped', 'score', 'accuracy', 'sampler')
    usage = synthesizer.get_usage()
    return {
        'model': str(output),
        'rows': len(table),
        'columns': len(table.columns),
        **{name: info[name] for name in kept},
        'usage': usage.to_dict('index'),
    }


def preview(
    data: Path, metadata_path: Path | None, settings: FitOptions, form: ReadOptions
) -> Preview:
    """What a fit would send first; see ``LLMGANSynthesizer.preview``."""
    synthesizer, table = make_synthesizer(data, metadata_path, settings, form)
    return synthesizer.preview(given(synthesizer.metadata, table))


def estimate(
    data: Path,
    metadata_path: Path | None,
    settings: FitOptions,
    num_rows: int,
    form: ReadOptions,
) -> Estimate:
    """What a fit and a sample would use; see ``LLMGANSynthesizer.estimate``."""
    synthesizer, table = make_synthesizer(data, metadata_path, settings, form)
    return synthesizer.estimate(given(synthesizer.metadata, table), num_rows)


def load(model: Path) -> LLMGANSynthesizer:
    """A saved synthesizer, or one that draws from an exported file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is something else.
    """
    if not model.is_file():
        raise FileNotFoundError(f'There is no file {model}.')
    if is_archive(model):
        return load_sampler(model)
    try:
        loaded = load_synthesizer(str(model))
    except Exception as error:
        raise ValueError(
            f'{model} is not a model that sdv-llmgan fit saved or export wrote.'
        ) from error
    if not isinstance(loaded, LLMGANSynthesizer):
        raise ValueError(f'{model} holds a {type(loaded).__name__}, not an LLMGANSynthesizer.')
    return loaded


def sample_to(synthesizer: LLMGANSynthesizer, what: DrawOptions, to: ToOptions) -> dict[str, Any]:
    """Write a folder of Parquet files; what it says of itself."""
    synthesizer.verbose = sys.stderr.isatty()
    options = {name: value for name, value in asdict(to).items() if value is not None}
    if what.known is not None:
        options['known'] = _known(synthesizer, what.known).source
    written = synthesizer.sample_to(num_rows=what.num_rows, seed=what.seed or 0, **options)
    return asdict(written)


def sample(synthesizer: LLMGANSynthesizer, what: DrawOptions) -> pd.DataFrame:
    """Synthetic rows, under conditions if there are any."""
    synthesizer.verbose = sys.stderr.isatty()
    if what.seed is not None:
        synthesizer = synthesizer.seeded(what.seed)
    num_rows = what.num_rows or DEFAULT_ROWS
    if what.known is not None:
        known = _known(synthesizer, what.known)
        if what.num_rows not in (None, known.num_rows):
            said = plural(known.num_rows, 'row')
            raise Misused(f'-n asks for {what.num_rows}, and {what.known} has {said}.')
        rows = synthesizer.sample_remaining_columns(next(known.parts(known.num_rows)))
    elif what.describe is not None:
        rows = synthesizer.sample_from_description(what.describe, num_rows)
    elif what.where:
        schema = synthesizer.get_generation_process().schema
        columns = list(columns_of(synthesizer._original_metadata))
        condition = parse_wishes(what.where, schema, columns, num_rows)
        say(f'Condition: {condition}')
        rows = synthesizer.sample_from_conditions([condition])
    else:
        rows = synthesizer.sample(num_rows, missing=not what.no_missing)
    return _whole(taken(rows), synthesizer.get_fitted_model().schema)


def impute(
    synthesizer: LLMGANSynthesizer, data: Path, draws: int, seed: int, form: ReadOptions
) -> tuple[int, list[pd.DataFrame]]:
    """How many cells of a file are missing, and its tables with these filled.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not of the columns that were fitted on, or there is no local sampler.
    """
    schema, table = _of_fit(synthesizer, data, form)
    filled = synthesizer.impute(table, draws, seed)
    tables = [filled] if isinstance(filled, pd.DataFrame) else filled
    return int(table.isna().to_numpy().sum()), [_whole(one, schema) for one in tables]


def augment(
    synthesizer: LLMGANSynthesizer,
    data: Path,
    column: str,
    wanted: Mapping[Any, int],
    marked: str | None,
    form: ReadOptions,
) -> tuple[int, pd.DataFrame]:
    """How many rows a file has, and its table with drawn rows after them.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not of the columns that were fitted on, or what is wanted does not fit.
    """
    schema, table = _of_fit(synthesizer, data, form)
    classes = {
        f'{value:g}' if isinstance(value, float) else str(value): value
        for value in (table[column].dropna().unique() if column in table else ())
    }
    strategy = {
        kind if isinstance(kind, tuple) else classes.get(kind, kind): count
        for kind, count in wanted.items()
    }
    made = augmented(synthesizer, table, column, strategy or 'auto', marked=marked)
    return len(table), _whole(made, schema)


def _of_fit(
    synthesizer: LLMGANSynthesizer, data: Path, form: ReadOptions
) -> tuple[TableSchema, pd.DataFrame]:
    """What was fitted on, and a file whose columns of text are those of the fit."""
    fitted = synthesizer.get_fitted_model()
    return fitted.schema, load_table(data, fitted.schema.from_plain(fitted.training), form)


def _known(synthesizer: LLMGANSynthesizer, path: Path) -> Known:
    """The known columns of a file; how a CSV file was read is said."""
    known = synthesizer.read_known(load_table(path) if str(path) == '-' else path)
    for number, note in enumerate(known.notes):
        say(f'Note: {note}' if number else note)
    return known


def _whole(rows: pd.DataFrame, schema: TableSchema) -> pd.DataFrame:
    """Rows in which whole numbers are stored as such, also where some are missing."""
    names = [name for name in schema.whole_numbers if rows[name].dtype.kind == 'f']
    return rows.astype(dict.fromkeys(names, 'Int64'))


def drawn(synthesizer: LLMGANSynthesizer, num_rows: int) -> pd.DataFrame:
    """So many synthetic rows, as they are written."""
    return sample(synthesizer, DrawOptions(num_rows))


def read_knowledge(path: Path | None) -> Any:  # noqa: ANN401 - JSON
    """Knowledge in its JSON form; ``None`` where there is no file."""
    return (
        None
        if path is None
        else read_json('knowledge', 'left out, or a JSON file of effects', path)
    )


def list_plugins() -> dict[str, list[dict[str, str]]]:
    """What is installed, by kind: name, what it is, and where it comes from."""
    return {
        kind: [
            {
                'name': name,
                'what': (factory.__doc__ or '').strip().split('\n')[0],
                'from': str(getattr(factory, '__module__', '')).split('.')[0],
            }
            for name, factory in sorted(found.items())
        ]
        for kind, found in (
            ('providers', providers()),
            ('discriminators', discriminators()),
            ('samplers', samplers()),
        )
    }


def _table_name(data: Path) -> str:
    return re.sub(r'\W+', '_', data.stem).strip('_') or 'table'


def _arguments(settings: FitOptions) -> dict[str, Any]:
    """Options as arguments of the synthesizer; what was not given is left out."""
    chosen = {name: value for name, value in asdict(settings).items() if value not in (None, [])}
    for name in ('preset', 'column_types', 'max_fit_rows'):
        chosen.pop(name, None)
    if described := chosen.pop('describe', None):
        chosen['column_descriptions'] = dict(map(description, described))
    if chosen.get('max_batches') == 0:
        chosen['max_batches'] = None
    bounds = {name: chosen.pop(name) for name in ('max_usd', 'max_tokens') if name in chosen}
    if bounds:
        chosen['budget'] = Budget(**bounds)
    treatments: dict[str, Treatment] = {
        name: treatment for treatment in TREATMENTS for name in chosen.pop(treatment, [])
    }
    sent = {name: chosen.pop(name) for name in ('rows', 'max_rows') if name in chosen}
    if treatments or sent:
        chosen['egress'] = EgressPolicy(treatments, **sent)
    judges = chosen.get('discriminator', [])
    if len(judges) == 1:
        chosen['discriminator'] = judges[0]
    graph = chosen.get('causal_graph')
    if graph is not None and graph not in LEARNED.split(', '):
        edges = read_json('causal-graph', f'{LEARNED}, or a JSON file of pairs', Path(graph))
        if not isinstance(edges, list):
            raise ValueError(f'{graph} must hold a list of [cause, effect] pairs.')
        chosen['causal_graph'] = edges
    knowledge = chosen.get('knowledge')
    if knowledge not in (None, 'ask', 'none'):
        needed = 'ask, none, or a JSON file of effects'
        chosen['knowledge'] = read_json('knowledge', needed, Path(knowledge))
    if path := chosen.pop('sampler_settings', None):
        chosen['sampler'] = sampler_of(chosen.get('sampler'), path)
    return {'verbose': sys.stderr.isatty(), **chosen}


def description(text: str) -> tuple[str, str]:
    """A column and what it means, from COLUMN=MEANING."""
    name, equals, meaning = text.partition('=')
    if not equals:
        raise Misused(f'--describe must be COLUMN=MEANING, got {text!r}.')
    return name, meaning


def report(
    files: Sequence[Path],
    *,
    holdout: Path | None,
    metadata_path: Path | None,
    target: str | None,
    known_columns: Sequence[str] | None,
    sensitive_columns: Sequence[str] | None,
    form: ReadOptions = FOUND,
) -> Report:
    """A report on two tables, with the model before them if there is one.

    Raises:
        FileNotFoundError: A file is not there.
        ValueError: A file cannot be used, or a column is unknown.
    """
    synthesizer = load(files[0]) if len(files) == 3 or files[0].suffix == '.pkl' else None
    *_, real_path, synthetic_path = files
    if synthesizer is not None and len(files) == 2:
        if not synthesizer.get_fitted_model().made_without_data:
            raise Misused(f'{files[0]} was fitted: the rows that it was fitted on are needed too.')
        synthetic = load_table(synthetic_path)
        return synthesizer.report(None, synthetic, path=None, target=target)
    real = load_table(real_path, form=form)
    synthetic = load_table(synthetic_path, like=real)
    options: dict[str, Any] = {
        'holdout': None if holdout is None else load_table(holdout, like=real, form=form),
        'target': target,
        'known_columns': known_columns or None,
        'sensitive_columns': sensitive_columns or None,
    }
    if synthesizer is not None:
        return synthesizer.report(real, synthetic, path=None, **options)
    metadata = read_metadata(metadata_path, real, _table_name(real_path))
    return make_report(real, synthetic, metadata, **options)


def split(data: Path, share: float, form: ReadOptions = FOUND) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and held-out rows of a CSV file; see ``table.split``."""
    table = load_table(data, form=form)
    if len(table) < MIN_SPLIT:
        said = plural(len(table), 'row')
        raise ValueError(f'{data} has {said}; at least {MIN_SPLIT} can be split.')
    return split_rows(table, share)


def demo(llm: str | None, folder: Path) -> dict[str, Any]:
    """Fit, sample and report on the census rows that come with this package."""
    source = DEMO if DEMO.is_dir() else EXAMPLES
    settings = FitOptions(llm=llm, context=DEMO_CONTEXT, target='Income')
    synthesizer, table = make_synthesizer(
        source / 'adult_100.csv', source / 'adult_metadata.json', settings
    )
    training, held_out = split_rows(table, 0.2)
    folder.mkdir(parents=True, exist_ok=True)
    names = ('model.pkl', 'train.csv', 'holdout.csv', 'synthetic.csv', 'report.html')
    files = {Path(name).stem: folder / name for name in names}
    asked = llm or 'the embedded model (it is unpacked the first time: a quarter of a minute)'
    said = plural(len(training), 'row')
    say(f'{said} of the US census of 1994 are fitted, {len(held_out)} set aside. Asked: {asked}.')
    done = fit(synthesizer, training, files['model'])
    say('Drawing as many synthetic rows, and comparing them with the real ones.')
    synthetic = taken(synthesizer.sample(len(training)))
    for name, rows in (('train', training), ('holdout', held_out), ('synthetic', synthetic)):
        save_table(rows, files[name], private=name != 'synthetic')
    made = synthesizer.report(training, synthetic, held_out, files['report'])
    return {**done, 'files': {name: str(path) for name, path in files.items()}, 'report': str(made)}
