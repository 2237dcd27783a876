"""SDV's constraints as rules for rows that are written one by one.

SDV turns constrained columns into columns of its own, which no language model can read. Here the
model reads and writes the user's columns and is told each rule in words; rows that break one are
rejected and counted. Two kinds are met from the start: which values go together
(``FixedCombinations``, ``OneHotEncoding``) is drawn from the training rows and given to the model,
and a column of fixed increments is written in its steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import compress, permutations

import numpy as np
import pandas as pd
from sdv.cag import FixedCombinations, FixedIncrements, Inequality, OneHotEncoding, Range
from sdv.cag.base import BaseConstraint
from sdv.cag.programmable_constraint import ProgrammableConstraintHarness

from sdv_llmgan.rules.words import listed, parameters, rule_words
from sdv_llmgan.table.allowed import Allowed, alike
from sdv_llmgan.table.column import quote
from sdv_llmgan.table.rows import ParsedRows
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.types import SDVMetadata
from sdv_llmgan.table.wanted import Wanted


class Rules:
    """What every row of a table keeps to.

    Args:
        constraints: Constraints of SDV, fitted on the training table in the user's own columns.
        training: Plain training rows, shape (n_rows, n_columns).
        schema: Their columns. Constraints on other columns (keys, personal data) are left to SDV.
    """

    def __init__(
        self, constraints: Sequence[BaseConstraint], training: pd.DataFrame, schema: TableSchema
    ) -> None:
        self.schema = schema
        stored = schema.from_plain(training) if constraints else training
        self.constraints = [rule for rule in constraints if can_check(rule, stored)]
        self.unchecked = len(constraints) - len(self.constraints)
        self.combinations = [
            Combinations(training, schema, columns)
            for rule in self.constraints
            if (columns := _joint_columns(rule))
        ]

    @property
    def words(self) -> tuple[str, ...]:
        """Each rule in a sentence, for a prompt."""
        return tuple(map(rule_words, self.constraints))

    def stepped(self, schema: TableSchema) -> TableSchema:
        """The schema with the steps of columns that have fixed increments: whole numbers."""
        steps = {
            parameters(rule)['column_name']: int(parameters(rule)['increment_value'])
            for rule in self.constraints
            if isinstance(rule, FixedIncrements)
        }
        return schema.replaced(
            replace(
                column,
                kind='integer' if column.kind == 'number' else column.kind,
                decimals=0,
                step=steps[column.name],
            )
            for column in schema
            if column.name in steps
        )

    def check(self, begun: pd.DataFrame) -> None:
        """Refuse conditions that no row can meet; see ``begin``, of which this draws nothing.

        Raises:
            ValueError: No row can meet the conditions and the rules.
        """
        self._check_order(begun)
        for place, combinations in enumerate(self.combinations):
            combinations.fitting(begun, self._tied(place))

    def begin(self, begun: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """Draw the values that go together, among those that the conditions allow.

        Args:
            begun: ``Allowed`` by cell, shape (n_rows, n_conditioned_columns).
            rng: Draws them, as frequent as in training.

        Returns:
            The same rows with the columns of the rules settled too.

        Raises:
            ValueError: No row can meet the conditions and the rules.
        """
        self._check_order(begun)
        for place, combinations in enumerate(self.combinations):
            begun = combinations.settle(begun, rng, self._tied(place))
        return begun

    def _tied(self, place: int) -> list[Combinations]:
        """The combinations after these that share a column with them, or with one that does."""
        tied, left = [self.combinations[place]], self.combinations[place + 1 :]
        for one in tied:  # which grows
            sharing = [other for other in left if set(one.cells) & set(other.cells)]
            tied += sharing
            left = [other for other in left if other not in sharing]
        return tied[1:]

    def _check_order(self, begun: pd.DataFrame) -> None:
        for rule in self.constraints:
            for low, high in _ordered_columns(rule):
                if not (met := _in_order(begun, low, high)).all():
                    least, most = begun[low][~met].iloc[0], begun[high][~met].iloc[0]
                    raise ValueError(
                        f'No row has {quote(low)} of {least.least()} or more with {quote(high)} of '
                        f'{most.most()} or less: {rule_words(rule)}'
                    )

    def in_order(self, begun: pd.DataFrame) -> np.ndarray:
        """Which begun rows leave room for what is never below something else, shape (n_rows,)."""
        met = np.ones(len(begun), dtype=bool)
        for rule in self.constraints:
            for low, high in _ordered_columns(rule):
                met &= _in_order(begun, low, high)
        return met

    def reject(
        self, parsed: ParsedRows, begun: pd.DataFrame, *, complete: bool = False
    ) -> ParsedRows:
        """Take rows that break a rule out and count them, by rule.

        Args:
            parsed: Plain rows and what was rejected before.
            begun: What is settled of each row, by the index of the rows: a rule in code that sets
                a value must not undo it.
            complete: Whether the rows still lack their missing values. Then only rules that a
                missing value would satisfy are checked: later, rows with gaps would pass more
                often than others.
        """
        rows, rejected = parsed.rows, Counter(parsed.rejected)
        checked = [
            rule
            for rule in self.constraints
            if not complete or isinstance(rule, (Inequality, Range))
        ]
        stored = self.schema.from_plain(rows) if checked else rows
        for rule in checked:
            if rows.empty:
                break
            turned, stored = self._enforced(rule, rows, stored)
            valid = np.asarray(rule.is_valid(stored), dtype=bool)
            if turned is not rows:
                valid &= Wanted(begun).met(turned, self.schema)
            rejected[f'rule: {_name(rule)}'] += int((~valid).sum())
            rows, stored = turned[valid], stored[valid]
        return ParsedRows(rows, +rejected)

    def agree(self, rows: pd.DataFrame) -> np.ndarray:
        """Which rows of a whole table keep the rules in code, shape (n_rows,).

        A rule may look at several rows: that no two have the same name, say.
        """
        agreed = np.ones(len(rows), dtype=bool)
        in_code = [r for r in self.constraints if isinstance(r, ProgrammableConstraintHarness)]
        stored = self.schema.from_plain(rows) if in_code else rows
        for rule in in_code:
            agreed &= np.asarray(rule.is_valid(stored), dtype=bool)
        return agreed

    def _enforced(
        self, rule: BaseConstraint, rows: pd.DataFrame, stored: pd.DataFrame
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Rows, plain and stored; after a rule in code had its way with them."""
        if not isinstance(rule, ProgrammableConstraintHarness):
            return rows, stored
        turned = _round_trip(rule, stored)
        if turned is None or turned.equals(stored):
            return rows, stored
        return self.schema.to_plain(turned).set_axis(rows.index), turned


class Combinations:
    """What goes together in training rows, drawn as often as there.

    Args:
        training: Plain training rows, shape (n_rows, n_columns).
        schema: Their columns.
        columns: Which of them go together; one alone is drawn from its training values.
    """

    def __init__(self, training: pd.DataFrame, schema: TableSchema, columns: Sequence[str]) -> None:
        rows = schema.reordered(columns).to_json_rows(training)
        cells = [[Allowed.exactly(value) for value in row] for row in rows]
        self.cells = pd.DataFrame(cells, columns=list(columns), dtype=object)

    def settle(
        self, begun: pd.DataFrame, rng: np.random.Generator, tied: Sequence[Combinations] = ()
    ) -> pd.DataFrame:
        """Begun rows with these columns settled, as their conditions allow.

        Args:
            begun: See ``Rules.begin``.
            rng: Draws them.
            tied: See ``fitting``.

        Raises:
            ValueError: No training row has a combination that a condition asks for.
        """
        drawn = np.empty(len(begun), dtype=int)
        for places, fitting in self.fitting(begun, tied):
            drawn[places] = rng.choice(fitting, len(places))
        cells = {str(name): self.cells[name].to_numpy()[drawn] for name in self.cells}
        return begun.drop(columns=[*self.cells], errors='ignore').assign(**cells)

    def fitting(
        self, begun: pd.DataFrame, tied: Sequence[Combinations] = ()
    ) -> list[tuple[list[int], np.ndarray]]:
        """For begun rows that are alike their places, and the training rows that they allow.

        Args:
            begun: See ``Rules.begin``.
            tied: Others, to be settled later, that share columns with these or with each other:
                what is drawn here must leave something to draw there.

        Raises:
            ValueError: No training row has a combination that a condition asks for.
        """
        every = [self, *tied]
        names = dict.fromkeys(name for one in every for name in one.cells)
        given = [name for name in names if name in begun]
        found = []
        for kind, places in alike(map(tuple, begun[given].to_numpy())).items():
            allowed = dict(zip(given, kind, strict=True))
            fits = _joined([(one.cells, one._fits(allowed)) for one in every])[0]
            if not fits.any():
                wanted = {name: cell.values for name, cell in allowed.items()}
                raise ValueError(
                    f'No training row has the combination {wanted} of {listed(names)}, and none '
                    'but theirs is allowed.'
                )
            found.append((places, np.flatnonzero(fits)))
        return found

    def _fits(self, allowed: Mapping[str, Allowed]) -> np.ndarray:
        """Which training rows have a combination that conditions allow, shape (n_rows,)."""
        fits = np.ones(len(self.cells), dtype=bool)
        for name in self.cells:
            if name in allowed:
                fits &= [allowed[name].meets(cell.values[0]) for cell in self.cells[name]]
        return fits


def _joined(tables: Sequence[tuple[pd.DataFrame, np.ndarray]]) -> list[np.ndarray]:
    """Which rows of each table go with some row of every other, by the columns that they share.

    As semijoins find it (Bernstein and Chiu, 1981): exact unless tables share columns in a circle.

    Args:
        tables: Each with which of its rows count, shape (n_rows,).
    """
    fits = [counts for _, counts in tables]
    for _ in tables[1:]:  # what one table leaves out reaches the last one
        for one, other in permutations(range(len(tables)), 2):
            shared = [name for name in tables[one][0] if name in tables[other][0]]
            if shared:
                keys, known = (
                    list(zip(*(t[name] for name in shared), strict=True))
                    for t in (tables[one][0], tables[other][0])
                )
                left = set(compress(known, fits[other]))
                fits[one] = fits[one] & [key in left for key in keys]
    return fits


def check_constraints(constraints: Sequence[BaseConstraint], metadata: SDVMetadata) -> bool:
    """Whether every constraint can be checked on the user's own columns.

    One that names columns which another constraint makes cannot.
    """
    try:
        for constraint in constraints:
            constraint.get_updated_metadata(metadata)
    except Exception:  # noqa: BLE001 - a rule in code may raise anything
        return False
    return True


def _round_trip(rule: ProgrammableConstraintHarness, stored: pd.DataFrame) -> pd.DataFrame | None:
    """Rows turned forward and back by a rule in code, which may set some of their values."""
    inner = rule.programmable_constraint
    try:
        turned = inner.reverse_transform(inner.transform(stored.copy()))
        turned = turned[list(stored)].astype(stored.dtypes)
    except Exception:  # noqa: BLE001 - some rules cannot turn rows that break them
        return None
    return turned if turned.index.equals(stored.index) else None


def can_check(rule: BaseConstraint, stored: pd.DataFrame) -> bool:
    """Whether training rows as SDV stores them have all that a rule looks at, and keep it."""
    try:
        return bool(np.all(rule.is_valid(stored)))
    except Exception:  # noqa: BLE001 - a rule in code may raise anything without its columns
        return False


def _joint_columns(rule: BaseConstraint) -> list[str]:
    if isinstance(rule, (FixedCombinations, OneHotEncoding)):
        return list(parameters(rule)['column_names'])
    return []


def _ordered_columns(rule: BaseConstraint) -> list[tuple[str, str]]:
    """Pairs of columns of which the second is never below the first."""
    given = parameters(rule)
    if isinstance(rule, Inequality):
        return [(given['low_column_name'], given['high_column_name'])]
    if isinstance(rule, Range):
        low, middle, high = (given[f'{end}_column_name'] for end in ('low', 'middle', 'high'))
        return [(low, middle), (middle, high), (low, high)]
    return []


def _in_order(begun: pd.DataFrame, low: str, high: str) -> np.ndarray:
    """Which begun rows allow one column to be no more than another, shape (n_rows,)."""
    if low not in begun or high not in begun:
        return np.ones(len(begun), dtype=bool)
    ends = ((one.least(), other.most()) for one, other in zip(begun[low], begun[high], strict=True))
    return np.array(
        [least is None or most is None or least <= most for least, most in ends], dtype=bool
    )


def _name(rule: BaseConstraint) -> str:
    if isinstance(rule, ProgrammableConstraintHarness):
        return type(rule.programmable_constraint).__name__
    return type(rule).__name__
