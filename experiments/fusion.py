"""What a model's rows bring the distilled sampler: ML efficacy with them less that without.

python experiments/fusion.py --recorded ../shared/data/strong_model     # rows of a strong model
python experiments/fusion.py --simulated magic insurance --rows 25 50 --seeds 3
python experiments/fusion.py --simulated insurance --knowledge experiments/knowledge
python experiments/fusion.py --recorded FOLDER --knowledge experiments/knowledge_shares

Simulated models write fresh rows of the source (``oracle``) or values drawn at random from each
column's range (``junk``); both are kept out of training and test rows. A line for each table: ML
efficacy and DCR share of 300 drawn rows and of as many as were fitted, without and with the rows.

With ``--knowledge``, a folder with a JSON file a table of what a person knows of it, samplers that
are told it stand beside those that are not: ``known`` without a model's rows, ``known fused`` with
them, ``misled`` where every direction is turned round, and shares of levels too.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from design import TABLES, cut, design_rows

from sdv_llmgan.metrics import DCRShare, MLEfficacy
from sdv_llmgan.process.hill_climb import learn_causal_graph
from sdv_llmgan.process.knowledge import OPPOSITE, Knowledge
from sdv_llmgan.samplers.distilled.sampler import DistilledSampler
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.training_set import GeneratedRows, TrainingSet

#: As many rows as people draw who do not mind how few they had.
MANY = 300


@dataclass(frozen=True)
class Case:
    """Rows to fit on, rows of a model, and rows to judge by, all plain."""

    name: str
    training: TrainingSet
    generated: GeneratedRows
    test: pd.DataFrame

    @property
    def metadata(self) -> dict[str, object]:
        """What metrics need to know of the columns."""
        kinds = {'categorical': 'categorical', 'boolean': 'boolean'}
        columns = {c.name: {'sdtype': kinds.get(c.kind, 'numerical')} for c in self.training.schema}
        return {'columns': columns}


def recorded(folder: Path) -> Iterator[Case]:
    """Tables with rows that a strong model wrote; see the folder's README."""
    for path in sorted(one.parent for one in folder.glob('*/generated.csv')):
        process = json.loads((path / 'history.json').read_text())['steps'][0]['process']
        schema = TableSchema.from_dict(process['schema'])
        rows = {
            name: pd.read_csv(path / f'{name}.csv', dtype={'shown': str})
            for name in ('train', 'test', 'generated')
        }
        seen = [
            list(map(int, numbers.split())) for numbers in rows['generated']['shown'].fillna('')
        ]
        width = max(1, *map(len, seen))
        shown = np.array([numbers + [-1] * (width - len(numbers)) for numbers in seen])
        plain = {name: _plain(table, schema) for name, table in rows.items()}
        target = json.loads((path / 'meta.json').read_text())['target']
        training = TrainingSet(plain['train'], schema, target=target)
        yield Case(path.name, training, GeneratedRows(plain['generated'], shown), plain['test'])


def _plain(table: pd.DataFrame, schema: TableSchema) -> pd.DataFrame:
    table = table.apply(lambda values: values.astype(float) if values.dtype == int else values)
    return pd.DataFrame({
        c.name: table[c.name].astype(object if c.kind == 'categorical' else float) for c in schema
    })


def simulated(name: str, num_rows: int, seed: int, data: Path) -> Iterator[Case]:
    """A table with rows of a model that knows its source, and of one that knows nothing."""
    table = design_rows(TABLES[name], data)
    fitted, test, others = cut(table, num_rows, seed)
    schema = TableSchema.from_sdv(table.sdv_metadata(), fitted)
    plain, rng = schema.to_plain(fitted), np.random.default_rng([seed, num_rows])
    fresh = schema.to_plain(others.head((5 if num_rows <= 25 else 4) * num_rows))
    junk = pd.DataFrame({
        c.name: rng.choice(plain[c.name].dropna(), len(fresh))
        if c.kind in ('categorical', 'boolean')
        else np.round(rng.uniform(plain[c.name].min(), plain[c.name].max(), len(fresh)), c.decimals)
        for c in schema
    })
    training = TrainingSet(plain, schema, seed, table.target)
    for kind, rows in (('oracle', fresh), ('junk', junk)):
        known = rows[_is_known(rows, plain, schema)].reset_index(drop=True)
        case = Case(f'{name} {num_rows} {kind}', training, GeneratedRows.of(known), test)
        yield replace(case, test=schema.to_plain(test))


def _is_known(rows: pd.DataFrame, plain: pd.DataFrame, schema: TableSchema) -> pd.Series:
    """Rows of levels that the training table has, as the product accepts no others."""
    levels = [c.name for c in schema if c.kind in ('categorical', 'boolean')]
    return pd.concat([rows[name].isin(plain[name]) for name in levels], axis=1).all(axis=1)


def scores(case: Case, sampler: DistilledSampler, num_rows: int, draws: int) -> tuple[float, float]:
    """Mean ML efficacy and DCR share of some draws."""
    found = []
    for draw in range(draws):
        rows = sampler.sample(num_rows, np.random.default_rng([draw, num_rows]))
        try:
            target = case.training.target
            mle = MLEfficacy.compute(case.test, rows, case.metadata, target=target, seed=draw)
        except ValueError:  # rows of one class teach nothing
            mle = float('nan')
        real = case.training.rows
        share = DCRShare.compute(real, rows, case.metadata, held_out_data=case.test)
        found.append((mle, share))
    mle, share = np.nanmean(found, axis=0)
    return float(mle), float(share)


def known_of(case: Case, folder: Path | None) -> Knowledge:
    """What a person wrote down of a table; nothing where there is no file."""
    path = folder and folder / f'{case.name.split("_")[0].split()[0]}.json'
    if path is None or not path.exists():
        return Knowledge()
    return Knowledge.from_json(path.read_text(encoding='utf-8')).within(case.training.schema)


def turned(known: Knowledge) -> Knowledge:
    """The same with every direction turned round, and the shares of levels in reverse order."""
    effects = (replace(e, direction=OPPOSITE[e.direction]) for e in known.effects)
    typical = []
    for one in known.typical:
        levels = sorted(one.shares, key=lambda pair: pair[1])
        shares = [share for _, share in levels[::-1]]
        turned_shares = tuple((pair[0], share) for pair, share in zip(levels, shares, strict=True))
        typical.append(replace(one, shares=turned_shares))
    return replace(known, effects=tuple(effects), typical=tuple(typical))


def measured(case: Case, draws: int, known: Knowledge) -> dict[str, object]:
    """A line; ``gain`` is ML efficacy less that of the sampler of real rows alone."""
    graph = learn_causal_graph(case.training.rows, case.training.schema)
    line: dict[str, object] = {'table': case.name}
    samplers = {}
    started = time.process_time()
    samplers['alone'] = DistilledSampler.fit(case.training, [graph])
    line['alone_cpu_s'] = round(time.process_time() - started, 1)
    samplers['fused'] = samplers['alone'].learning_from(case.generated)
    line['fused_cpu_s'] = round(time.process_time() - started, 1)
    if known:
        informed = DistilledSampler.fit(case.training, [graph], knowledge=known)
        samplers['known'] = informed
        samplers['known fused'] = informed.learning_from(case.generated)
        samplers['misled'] = DistilledSampler.fit(case.training, [graph], knowledge=turned(known))
    for size, num_rows in (('300', MANY), ('n', len(case.training.rows))):
        for name, sampler in samplers.items():
            mle, share = scores(case, sampler, num_rows, draws)
            line |= {f'{name}_{size}': round(mle, 3), f'{name}_{size}_dcr': round(share, 3)}
        for name in [*samplers][1:]:
            gain = line[f'{name}_{size}'] - line[f'alone_{size}']  # type: ignore[operator]
            line[f'gain_{size}{"" if name == "fused" else f" {name}"}'] = round(gain, 3)
    shares = samplers['fused'].chain.learned_from.values()
    line['learned'] = round(float(np.mean([share['generated'] for share in shares])), 2)
    return line


def parser(words: str, seeds: int = 3) -> argparse.ArgumentParser:
    """Asks which tables are measured; see ``cases``."""
    made = argparse.ArgumentParser(description=words)
    made.add_argument('--recorded', type=Path, help='folder of recorded tables')
    made.add_argument('--simulated', nargs='*', default=[], choices=[*TABLES])
    made.add_argument('--rows', nargs='+', type=int, default=[25, 50])
    made.add_argument('--seeds', type=int, default=seeds)
    made.add_argument('--data', type=Path, default=Path('../shared/data'))
    return made


def cases(asked: argparse.Namespace) -> Iterator[Case]:
    """The tables that were asked for, recorded ones first."""
    if asked.recorded:
        yield from recorded(asked.recorded)
    for name in asked.simulated:
        for num_rows in asked.rows:
            for seed in range(asked.seeds):
                yield from simulated(name, num_rows, seed, asked.data)


def main() -> None:
    """Print a line each, then the mean gains."""
    asking = parser(__doc__.splitlines()[0])
    asking.add_argument('--knowledge', type=Path, help='folder of what is known, a file a table')
    asking.add_argument('--draws', type=int, default=8)
    asking.add_argument('--out', type=Path, help='every line, as CSV')
    arguments = asking.parse_args()
    lines = []
    for case in cases(arguments):
        lines.append(measured(case, arguments.draws, known_of(case, arguments.knowledge)))
        print(*lines[-1].values(), flush=True)
        if arguments.out:
            pd.DataFrame(lines).to_csv(arguments.out, index=False)
    table = pd.DataFrame(lines)
    kinds = table['table'].str.extract(r'(no_rows|oracle|junk)')[0].fillna('recorded')
    print(table.to_string(index=False))
    gains = [name for name in table if name.startswith('gain')]
    print(table.groupby(kinds)[gains].agg(['mean', 'min', 'count']).round(3).T.to_string())


if __name__ == '__main__':
    main()
