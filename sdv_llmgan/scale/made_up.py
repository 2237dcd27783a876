"""Keys and made-up personal columns of a part of a table, from the numbers of its rows alone.

SDV makes such columns with generators that go on from call to call, so two workers make the same.
Here the part's first row and its seeds say all: keys are unique over all parts by construction.

SDV's data processor -> the same with generators that stand at a row -> reverse transform
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from rdt.transformers import AnonymizedFaker, RegexGenerator
from rdt.transformers.base import BaseTransformer
from rdt.transformers.id import IndexGenerator

from sdv_llmgan.errors import SamplingError
from sdv_llmgan.scale.by_row import (
    ByRow,
    Counted,
    Cycled,
    Enumerated,
    Integers,
    Numbered,
    Scaled,
    Scattered,
    altered,
    seeded_faker,
)
from sdv_llmgan.scale.enumeration import of_bothify, of_regex
from sdv_llmgan.table.types import DataProcessor

#: What Faker's functions of patterns take where no pattern is given.
PATTERNS = {'bothify': '## ??', 'lexify': '????', 'numerify': '###'}


@dataclass(frozen=True)
class Standing:
    """A generator of one column that begins at a row; RDT calls it as it calls its own.

    Attributes:
        name: The column.
        transformer: SDV's.
        by_row: Makes its values; ``None``: SDV's does, from seeds of the part.
        first_row: The number of its first row in the whole table.
        seeds: Of the part.
    """

    name: str
    transformer: BaseTransformer
    by_row: ByRow | None
    first_row: int
    seeds: np.random.SeedSequence

    def is_generator(self) -> bool:
        """It is."""
        return True

    def reverse_transform(self, data: pd.DataFrame) -> pd.DataFrame:
        """The rows with this column."""
        # The column's name keeps columns apart, whatever their order.
        own = np.random.SeedSequence(
            self.seeds.entropy, spawn_key=(*self.seeds.spawn_key, *self.name.encode())
        )
        rng = np.random.default_rng(own)
        if self.by_row is None:
            return _seeded(self.transformer, rng).reverse_transform(data)
        check_sizes({self.name: self.by_row}, self.first_row + len(data))
        values = self.by_row.make(self.first_row + np.arange(len(data)), rng)
        share = getattr(self.transformer, '_nan_frequency', 0.0)
        if share:
            values = values.astype(object)
            values[rng.choice(len(values), int(share * len(values)), replace=False)] = np.nan
        return data.assign(**{self.name: values})


def _seeded(transformer: BaseTransformer, rng: np.random.Generator) -> BaseTransformer:
    """A copy whose values depend on the seed alone."""
    made = altered(transformer)
    if isinstance(made, RegexGenerator):
        made.reset_randomization()
    if isinstance(made, AnonymizedFaker):
        categories = made._unique_categories
        if made.cardinality_rule == 'match' and categories is None:
            made.reset_randomization()  # all parts have the same categories
            categories = made._get_unique_categories(made._data_cardinality)
        made = altered(
            made,
            faker=seeded_faker(made, rng),
            _unique_categories=categories,
            _remaining_samples={'value': None, 'repetitions': 0},
        )
    states = {
        name: np.random.RandomState(rng.integers(2**32, dtype=np.uint32))
        for name in made.random_states
    }
    return altered(made, random_states=states)


def columns_by_row(processor: DataProcessor) -> dict[str, ByRow]:
    """What makes the values of keys, and of other columns that row numbers tell, by column.

    Args:
        processor: SDV's fitted data processor.

    Raises:
        ValueError: A regex cannot be enumerated, or a key has a generator of another kind.
    """
    found = {}
    for name, transformer in _generators(processor).items():
        is_key = name in processor._keys
        dtype = processor._dtypes[name]
        values = _by_row(transformer, pd.api.types.is_numeric_dtype(dtype))
        if values is None and is_key:
            raise ValueError(
                f'{name!r} is a key that {type(transformer).__name__} makes, which tells no row: '
                'rows of several parts would have the same. Give it a RegexGenerator, an '
                'IndexGenerator or an AnonymizedFaker (update_transformers).'
            )
        if is_key and pd.api.types.is_float_dtype(dtype) and isinstance(values, Enumerated):
            _check_floats(name, values, dtype)
        rule = getattr(transformer, 'cardinality_rule', 'unique')
        if values is None or (rule in (None, 'match') and not is_key):
            continue
        if rule == 'scale':
            values = Scaled(values, transformer._data_cardinality_scale)
        elif isinstance(transformer, RegexGenerator) and not is_key:
            values = Cycled(values)  # SDV asks for no two alike in any regex column
        found[str(name)] = values
    return found


def _check_floats(name: object, values: Enumerated, dtype: np.dtype[Any]) -> None:
    """See whether floats tell all numbers of a regex apart."""
    digits = len(str(values.strings.at(np.array([0]))[0]))
    exact = 2 ** (np.finfo(dtype).nmant + 1)
    if 10**digits > exact:
        raise ValueError(
            f'{name!r} is a key of {digits} digits stored as {dtype}, which holds whole numbers up '
            f'to {exact:,} only: store it as integers or text and fit again.'
        )


def _generators(processor: DataProcessor) -> Mapping[Any, BaseTransformer]:
    found = processor._hyper_transformer.field_transformers.items()
    return {name: one for name, one in found if one is not None and one.is_generator()}


def _by_row(transformer: BaseTransformer, is_numeric: bool) -> ByRow | None:
    """A value for each row, no two alike; ``None`` where the transformer is of another kind."""
    if isinstance(transformer, IndexGenerator):
        prefix, suffix = transformer.prefix or '', transformer.suffix or ''
        return Counted(prefix, transformer.starting_value, suffix)
    if isinstance(transformer, RegexGenerator):
        strings = of_regex(transformer.regex_format)
        if is_numeric:
            strings = strings.of_length(-1)  # 01 and 1 are the same number
        return Enumerated(strings, transformer.generation_order == 'scrambled')
    if not isinstance(transformer, AnonymizedFaker):
        return None
    function, options = transformer.function_name, transformer.function_kwargs
    if function == 'random_int':
        return Integers(options.get('min', 0), options.get('max', 9999))
    if function in PATTERNS:
        text = options.get('text', PATTERNS[function])
        return Scattered(of_bothify(text, **{k: v for k, v in options.items() if k == 'letters'}))
    return Numbered(transformer)


def check_sizes(by_row: Mapping[str, ByRow], num_rows: int) -> None:
    """See whether there are enough values for a table.

    Args:
        by_row: See ``columns_by_row``.
        num_rows: Of the whole table.

    Raises:
        SamplingError: A column has fewer.
    """
    for name, values in by_row.items():
        if values.size < num_rows:
            raise SamplingError(
                f'{num_rows:,} rows need as many different values of {name!r}; its format has '
                f'{values.size:,}. Ask for fewer rows, or give the column a wider format (a longer '
                'regex_format in the metadata) and fit again.'
            )


def standing_at(
    processor: DataProcessor,
    by_row: Mapping[str, ByRow],
    first_row: int,
    seeds: np.random.SeedSequence,
) -> DataProcessor:
    """A data processor whose generators begin at a row; the given one is left as it is.

    Args:
        processor: SDV's fitted data processor.
        by_row: See ``columns_by_row``.
        first_row: The number of the part's first row in the whole table, >= 0.
        seeds: Of the part.
    """
    transformer = processor._hyper_transformer
    own = {
        name: Standing(name, generator, by_row.get(str(name)), first_row, seeds)
        for name, generator in _generators(processor).items()
    }
    fields = {**transformer.field_transformers, **own}
    return altered(processor, _hyper_transformer=altered(transformer, field_transformers=fields))
