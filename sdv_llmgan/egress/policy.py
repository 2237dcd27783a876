"""What of a table may leave the machine: the user's policy, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Integral
from typing import Literal, get_args

import numpy as np

from sdv_llmgan.errors import EgressError
from sdv_llmgan.table.column import Column, quote
from sdv_llmgan.table.schema import TableSchema

#: What happens to a column: its values are sent, ranges are sent in their place, stand-in tokens
#: are sent in their place, or nothing of it is sent.
Treatment = Literal['send', 'bucket', 'pseudonymize', 'withhold']

NUMBERS = ('integer', 'number', 'datetime')
#: Kinds of columns that a treatment is for.
FITTING: dict[str, tuple[str, ...]] = {
    'bucket': NUMBERS,
    'pseudonymize': ('categorical', 'boolean'),
    'withhold': (*NUMBERS, 'categorical', 'boolean'),
}


@dataclass(frozen=True)
class EgressPolicy:
    """What a model may be told of the training table, on this machine or outside.

        EgressPolicy({'name_of_ward': 'pseudonymize', 'income': 'bucket', 'hiv': 'withhold'})

    Keys and personal columns are withheld in any case. Columns that are not sent as they are come
    back as they were in every sample. See docs/privacy.md for what each setting sends.

    Attributes:
        columns: ``'send'``, ``'bucket'`` (numbers and dates: ranges in place of values),
            ``'pseudonymize'`` (categories: stand-in tokens) or ``'withhold'`` (not even the name)
            by column name.
        default: What happens to all other columns.
        rows: Whether any row leaves. ``False`` is the statistics-only mode: no row, no real
            minimum or maximum, no category that fewer than five rows have.
        max_rows: How many different training rows ever leave, >= 1; ``None``: no bound. Of the
            others only statistics leave, as in that mode.

    Raises:
        EgressError: A setting is none of those there are.
    """

    columns: Mapping[str, Treatment] = field(default_factory=dict, hash=False)
    default: Treatment = 'send'
    rows: bool = True
    max_rows: int | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without a table."""
        if not isinstance(self.columns, Mapping):
            raise EgressError(
                f'EgressPolicy(columns=...) must map names of columns to one of '
                f'{", ".join(map(repr, get_args(Treatment)))}, got {self.columns!r}.'
            )
        object.__setattr__(self, 'columns', dict(self.columns))
        for name, treatment in {**self.columns, 'default': self.default}.items():
            if treatment not in get_args(Treatment):
                raise EgressError(
                    f'An egress policy needs one of {", ".join(map(repr, get_args(Treatment)))} '
                    f'for {quote(str(name))}, got {treatment!r}.'
                )
        if not isinstance(self.rows, bool):
            raise EgressError(f'EgressPolicy(rows=...) must be True or False, got {self.rows!r}.')
        if self.max_rows is not None and (
            isinstance(self.max_rows, bool)
            or not isinstance(self.max_rows, Integral)
            or self.max_rows < 1
        ):
            raise EgressError(
                'EgressPolicy(max_rows=...) must be a whole number of at least 1, or None for no '
                f'bound, got {self.max_rows!r}. rows=False lets no row leave.'
            )
        if not self.rows and self.max_rows is not None:
            raise EgressError(
                f'rows=False lets no row leave, and max_rows={self.max_rows} lets some: give one.'
            )

    @property
    def is_open(self) -> bool:
        """Whether every training row may leave, in the form that the columns are sent in."""
        return self.rows and self.max_rows is None

    def pool(self, num_rows: int, seed: int) -> np.ndarray | None:
        """Numbers of the training rows that may leave, shape (n_shown,); ``None``: all of them."""
        if self.is_open:
            return None
        shown = min(self.max_rows or 0, num_rows)
        chosen: np.ndarray = np.sort(np.random.default_rng(seed).permutation(num_rows)[:shown])
        return chosen

    def treatments(
        self, schema: TableSchema, declared: Mapping[str, bool], target: str | None = None
    ) -> dict[str, Treatment]:
        """What happens to each column that a model could see.

        Args:
            schema: These columns.
            declared: Columns of the user's metadata, and whether models see them.
            target: Column that examples are stratified by, which must leave in some form.

        Raises:
            EgressError: The policy does not fit the table.
        """
        self._check_names(schema.names, declared)
        treatments = {column.name: self._treatment(column) for column in schema}
        if target is not None and treatments.get(target) == 'withhold':
            raise EgressError(
                f'The target {quote(target)} is withheld, and examples are stratified by it. Send, '
                "bucket or pseudonymize it, or leave 'target' out."
            )
        if treatments and set(treatments.values()) == {'withhold'}:
            raise EgressError(
                f'The egress policy withholds all {len(treatments)} columns, so there is nothing '
                'to ask a model for. Let at least one be sent, bucketed or pseudonymized.'
            )
        return treatments

    def _check_names(self, names: Iterable[str], declared: Mapping[str, bool]) -> None:
        known = set(names)
        for name, treatment in self.columns.items():
            if name in known:
                continue
            if name not in declared:
                raise EgressError(
                    f'The egress policy names {quote(str(name))}, which the table lacks. Columns: '
                    f'{", ".join(map(quote, dict.fromkeys([*declared, *known])))}.'
                )
            if declared[name]:
                raise EgressError(
                    f'The egress policy names {quote(name)}, but a constraint on columns that '
                    'another constraint makes has it replaced by other columns. Leave out that '
                    'constraint, or set the policy with default= for all columns.'
                )
            if treatment != 'withhold':
                raise EgressError(
                    f'{quote(name)} is a key or personal data, which never leaves, but the egress '
                    f"policy says {treatment!r}. Say 'withhold' or nothing; only another sdtype or "
                    'pii=False in the metadata lets a model see it.'
                )

    def _treatment(self, column: Column) -> Treatment:
        treatment = self.columns.get(column.name, self.default)
        if column.is_empty and treatment != 'withhold':
            return 'send'
        if treatment == 'send' or column.kind in FITTING[treatment]:
            return treatment
        advice = {
            'bucket': "'pseudonymize' is for categories, 'withhold' for anything but free text",
            'pseudonymize': "'bucket' is for numbers and dates, 'withhold' for anything but text",
            'withhold': 'only a model can write it: send it, or mark it as pii in the metadata',
        }[treatment]
        kind = 'free text' if column.kind == 'text' else f'of the kind {column.kind!r}'
        raise EgressError(
            f'The egress policy says {treatment!r} for {quote(column.name)}, which is {kind}; '
            f'{advice}.'
        )


def check_settings(policy: object, *, asks_model: bool, optimizer_examples: int) -> None:
    """Check a policy against settings that need no table.

    Args:
        policy: What the user gave.
        asks_model: Whether a discriminator asks a model, which it would show real rows.
        optimizer_examples: Real rows that the optimizer would be shown.

    Raises:
        EgressError: It is no policy, or the settings would have rows sent that must not leave.
    """
    if policy is None:
        return
    if not isinstance(policy, EgressPolicy):
        raise EgressError(f'egress must be an EgressPolicy or None, got {policy!r}.')
    if policy.rows:
        return
    if asks_model:
        raise EgressError(
            'EgressPolicy(rows=False) lets no row leave, but a discriminator that asks a model '
            "shows it real rows. Take discriminator='logistic', 'mlp' or 'analyzer'."
        )
    if optimizer_examples:
        raise EgressError(
            'EgressPolicy(rows=False) lets no row leave, but optimizer_examples='
            f'{optimizer_examples} shows real rows to the optimizer. Set it to 0.'
        )
