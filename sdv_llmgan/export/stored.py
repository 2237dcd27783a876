"""A coarse sampler as JSON and arrays, and back.

columns, bins, levels, order, graph -> JSON;  trees and what is in their leaves -> arrays

Docs/export.md has the format, for whoever wants to read a file without this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from sdv_llmgan.export.coarse import CoarseSampler
from sdv_llmgan.export.trees import StoredForest
from sdv_llmgan.formats.saved_json import (
    Json,
    Reader,
    a_list,
    count,
    number,
    optional,
    read_object,
    scalar,
    text,
)
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.samplers.distilled.bins import BinnedGrid
from sdv_llmgan.samplers.distilled.categorical import LevelConditional
from sdv_llmgan.samplers.distilled.chain import Chain, Link
from sdv_llmgan.samplers.distilled.coding import Coding, LevelCoding, NumberCoding, TableCoding
from sdv_llmgan.samplers.distilled.evidence import Conditional, Floats
from sdv_llmgan.samplers.distilled.grid import Grid
from sdv_llmgan.samplers.distilled.leaves import LeafShares
from sdv_llmgan.samplers.distilled.numerical import MOVE, ByItself, MovedLeaves, NumberConditional
from sdv_llmgan.table.column import MOST_DECIMALS, Column, quote
from sdv_llmgan.table.learn_column import LARGEST
from sdv_llmgan.table.schema import TableSchema

Arrays = dict[str, np.ndarray]
#: A column of a file has so many bins or levels at most, and so many rows behind it.
MOST_CODES, MOST_ROWS = 65_535, 10_000_000
#: Counts beyond this have no place in a float.
MOST_COUNT = float(2**63)


def to_stored(coarse: CoarseSampler) -> tuple[Json, Arrays]:
    """What a file holds of a sampler that was just learned."""
    coding, rows, arrays = coarse.chain.coding, coarse.codes, Arrays()
    columns = [
        {'column': asdict(column), **_coding_to(coding.codings[column.name], rows[column.name])}
        for column in coarse.columns
    ]
    for place, link in enumerate(coarse.chain):
        names = list(link.predecessors)
        features = coding.features(dict(rows), names, coarse.num_rows)
        arrays |= _link_to(link, features, rows[link.name], f'{place}/')
    contents = {
        'min_rows': coarse.min_rows,
        'num_rows': coarse.num_rows,
        'seed': coarse.seed,
        'target': coarse.target,
        'columns': columns,
        'order': coarse.chain.names,
        'graph': [list(edge) for edge in coarse.chain.causal_graph.edges],
    }
    return contents, arrays


def from_stored(contents: Json, arrays: Mapping[str, np.ndarray], where: str) -> CoarseSampler:
    """Read what ``to_stored`` gave.

    Raises:
        ValueError: It is not what such a file holds.
    """
    read = read_object(
        contents,
        where,
        {
            'min_rows': count,
            'num_rows': number(1, MOST_ROWS),
            'seed': count,
            'target': optional(text),
            'columns': a_list(_column_from),
            'order': a_list(text),
            'graph': a_list(a_list(text)),
        },
    )
    schema = TableSchema(tuple(column for column, _ in read['columns']))
    coding = TableCoding({column.name: one for column, one in read['columns']})
    order, target = read['order'], read['target']
    once = len(set(schema.names)) == len(schema.names)
    if not order or not once or sorted(order) != sorted(schema.names):
        raise ValueError(f'{where}, order: needs each column once.')
    if target is not None and target not in order:
        raise ValueError(f'{where}, target: there is no column {quote(target)}.')
    links = [
        _link_from(arrays, coding, order[: place + 1], f'{place}/', where)
        for place in range(len(order))
    ]
    graph = CausalGraph.from_edges(read['graph'])
    graph.check_columns(order)
    chain = Chain(coding, graph, links)
    figures = int(read['min_rows']), int(read['num_rows']), read['seed']
    return CoarseSampler(schema, chain, *figures, target)


def _coding_to(coding: Coding, codes: Floats) -> dict[str, Any]:
    if isinstance(coding, LevelCoding):
        return {'levels': {'values': list(coding.levels), 'own': list(coding.seen)}}
    bins = coding.grid
    assert isinstance(bins, BinnedGrid)
    missing = np.isnan(codes)
    times = np.bincount(codes[~missing].astype(int), minlength=len(bins.low))
    return {
        'bins': {
            'origin': bins.grid.origin,
            'step': bins.grid.step,
            'decimals': bins.grid.decimals,
            'low': [int(one) for one in bins.low],
            'ends': [int(one) for one in bins.ends],
            'rows': times.tolist(),
            'missing': int(missing.sum()),
        }
    }


def _column_from(saved: Json, where: str) -> tuple[Column, Coding]:
    is_levels = isinstance(saved, Mapping) and 'levels' in saved
    stored: dict[str, Reader] = {'levels': _levels_from} if is_levels else {'bins': _bins_from}
    readers: dict[str, Reader] = {'column': Column.from_dict, **stored}
    read = read_object(saved, where, readers)
    column = read['column']
    is_number = column.kind in ('integer', 'number', 'datetime')
    if is_levels == is_number or column.kind == 'text':
        raise ValueError(f'{where}: a column of the kind {column.kind} is stored otherwise.')
    if is_levels:
        levels, own = read['levels']
        return column, LevelCoding(column, levels, own, 'object')
    grid, codes = read['bins']
    if (grid.grid.decimals is None) != (column.kind == 'datetime'):
        raise ValueError(f'{where}, bins: decimals are of numbers, not of dates.')
    return column, NumberCoding.of(grid, codes, enforce_range=True)


def _levels_from(saved: Json, where: str) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    read = read_object(saved, where, {'values': a_list(scalar), 'own': a_list(count)})
    values, own = tuple(read['values']), tuple(read['own'])
    keys = {(type(value), value) for value in values}
    if not 1 <= len(values) <= MOST_CODES or len(keys) < len(values):
        raise ValueError(f'{where}: needs 1 to {MOST_CODES} different values.')
    if any(place >= len(values) for place in own):
        raise ValueError(f'{where}, own: needs numbers of values.')
    return values, own


def _bins_from(saved: Json, where: str) -> tuple[BinnedGrid, Floats]:
    edge = number(0, MOST_COUNT)
    read = read_object(
        saved,
        where,
        {
            'origin': number(-LARGEST, LARGEST),
            'step': count,
            'decimals': optional(number(0, MOST_DECIMALS)),
            'low': a_list(edge),
            'ends': a_list(edge),
            'rows': a_list(count),
            'missing': count,
        },
    )
    low, ends = np.array(read['low'], dtype=float), np.array(read['ends'], dtype=float)
    is_whole = 1 <= len(low) == len(ends) == len(read['rows']) <= MOST_CODES
    if not is_whole or (low >= ends).any() or (low[1:] < ends[:-1]).any():
        raise ValueError(f'{where}: needs bins in ascending order, apart from each other.')
    total = sum(read['rows']) + read['missing']
    if not 1 <= total <= MOST_ROWS or not read['step']:
        raise ValueError(f'{where}: needs a step, and 1 to {MOST_ROWS} rows.')
    if read['decimals'] is None:
        number(-MOST_COUNT, MOST_COUNT)(read['origin'], f'{where}, origin')
    grid = Grid(read['origin'], read['step'], read['decimals'])
    codes = np.repeat(np.arange(len(low), dtype=float), read['rows'])
    return BinnedGrid(grid, low, ends), np.append(codes, np.full(read['missing'], np.nan))


def _link_to(link: Link, features: Floats, codes: Floats, prefix: str) -> Arrays:
    conditional = link.conditional
    if isinstance(conditional, LevelConditional):
        return _level_to(conditional, features, codes, prefix)
    assert isinstance(conditional, NumberConditional)
    missing, arrays = np.isnan(codes), Arrays()
    if conditional.gate is not None:
        arrays |= _level_to(conditional.gate, features, (~missing).astype(float), f'{prefix}gate/')
    if isinstance(conditional.model, MovedLeaves):
        grown = conditional.model.leaves.grown
        forest = StoredForest.of(grown, features[~missing], codes[~missing])
        arrays |= {prefix + name: values for name, values in vars(forest).items()}
    return arrays


def _level_to(model: LevelConditional, features: Floats, codes: Floats, prefix: str) -> Arrays:
    arrays = {f'{prefix}marginal': model.marginal}
    leaves = model.members[0] if model.members else None
    if isinstance(leaves, LeafShares):
        forest = StoredForest.of(leaves.grown, features, codes)
        arrays |= {prefix + name: values for name, values in vars(forest).items()}
    return arrays


def _below(arrays: Mapping[str, np.ndarray], prefix: str) -> Arrays:
    return {
        key.removeprefix(prefix): values for key, values in arrays.items() if key.startswith(prefix)
    }


def _link_from(
    arrays: Mapping[str, np.ndarray], coding: TableCoding, names: list[str], prefix: str, where: str
) -> Link:
    *before, name = names
    used, place = coding.for_trees(before), f'{where}, {quote(name)}'
    own = _below(arrays, prefix)
    column = coding.codings[name]
    conditional: Conditional
    if isinstance(column, LevelCoding):
        conditional = _level_from(own, used, len(column.levels), place)
    else:
        conditional = _number_from(own, used, column, place)
    return Link(name, tuple(before), conditional)


def _level_from(own: Arrays, used: np.ndarray, num_levels: int, where: str) -> LevelConditional:
    marginal = own.get('marginal', np.zeros(0))
    good = marginal.dtype.kind == 'f' and marginal.shape == (num_levels,)
    if not good or (marginal < 0).any() or not 0.99 < marginal.sum() < 1.01:
        raise ValueError(f'{where}, marginal: needs {num_levels} shares that add up to 1.')
    if 'nodes' not in own:
        return LevelConditional(marginal, np.ones(1), [], 'marginal', 0.0)
    forest = StoredForest.read(own, int(used.sum()), num_levels, where)
    leaves = forest.shares(used, num_levels)
    return LevelConditional(marginal, np.array([0.0, 1.0]), [leaves], 'leaves', 0.0)


def _number_from(
    own: Arrays, used: np.ndarray, column: NumberCoding, where: str
) -> NumberConditional:
    special, gate = column.special[np.isnan(column.special)], None
    if len(special):
        gate = _level_from(_below(own, 'gate/'), used, 2, f'{where}, gate')
    model: MovedLeaves | ByItself = ByItself(column.marginal)
    if 'nodes' in own:
        forest = StoredForest.read(own, int(used.sum()), len(column.grid.low), where)  # type: ignore[union-attr]
        move = MOVE * len(forest.nodes) / len(forest.codes)
        model = MovedLeaves(column.marginal, forest.values(used), move)
    return NumberConditional(special, gate, model, 'leaves', 0.0, 0.0)
