"""Names for arrays, and what every conditional model of a column offers.

A column's values are floats throughout: numbers as steps (NaN where missing; see ``grid``), levels
(categories, booleans, "missing" as one more level) as their code 0, 1, 2, ...
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sdv_llmgan.samplers.distilled.uniforms import Uniforms, spread_uniforms

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Evidence:
    """What a conditional model is fitted on.

    Attributes:
        features: Predecessors, encoded, shape (n_rows, n_features).
        values: The column to be modelled, shape (n_rows,).
        weights: How much each row counts, >= 0, shape (n_rows,). Real rows count 1 on average.
        is_real: Which rows are real, shape (n_rows,): only they judge.
        tells_of: Numbers of the rows that each row tells of, filled up with -1, shape
            (n_rows, n_told): its own first, then that of a real row that it may copy.
        parents: Which features stem from the column's causes, shape (n_features,).
        for_trees: Which features trees look at, shape (n_features,): the others repeat these on
            another scale.
        is_target: Whether the column is to be predicted later; a mixture of probabilities is
            sharpened then.
        quick: Whether only models that are fitted quickly are to be tried.
        known: What is known beforehand of the column given these features, in units that rows
            tell, shape (n_rows, n_levels) from (n_rows, n_features); a number has one level.
            ``None``: nothing.
        told: How much of the column's shares the weights have from what is known, in [0, 1).
        predictive: Whether what is drawn scatters as held-out rows do about their predictions:
            the model's own error is drawn, too.
    """

    features: Floats
    values: Floats
    weights: Floats
    is_real: Booleans
    tells_of: Integers
    parents: Booleans
    for_trees: Booleans
    is_target: bool = False
    quick: bool = False
    known: Callable[[Floats], Floats] | None = None
    told: float = 0.0
    predictive: bool = False

    @property
    def claimed(self) -> Floats:
        """Weights of the rows that claim to know, shape (n_rows,): generated ones, if there are.

        Beside real rows whatever is learned of both would seem to know something.
        """
        return self.weights if self.is_real.all() else np.where(self.is_real, 0.0, self.weights)

    def rows(self, chosen: Booleans | Integers) -> Evidence:
        """Some of the rows."""
        return replace(
            self,
            features=self.features[chosen],
            values=self.values[chosen],
            weights=self.weights[chosen],
            is_real=self.is_real[chosen],
            tells_of=self.tells_of[chosen],
        )

    def with_values(self, values: Floats) -> Evidence:
        """The same rows with something else to be modelled, hence not the target."""
        return replace(self, values=values, is_target=False)

    def folds(self, count: int, rng: np.random.Generator) -> list[Integers]:
        """Rows cut at random into ``count`` parts of like size, as row numbers."""
        return np.array_split(rng.permutation(len(self.values)), count)

    def without(self, rows: Integers) -> Evidence:
        """All rows that tell of none of these."""
        told = np.isin(self.tells_of, self.tells_of[rows, 0]).any(axis=1)
        return self.rows(np.flatnonzero(~told))


def noise_share(seen: float, unseen: float) -> float:
    """How much of what a model leaves open in unseen rows is noise, not its own error.

    With p parameters and n rows the squared residuals of rows that were fitted are (1 - p/n) times
    the noise and those of others about (1 + p/n) times: their geometric mean is right. Their roots,
    and log losses, are treated alike.

    Args:
        seen: What is left open in rows that were fitted, >= 0.
        unseen: In held-out rows, on the same scale.

    Returns:
        In [0.5, 1].
    """
    return float(np.sqrt(np.clip(seen / max(unseen, 1e-300), 0.25, 1.0)))


class Conditional(ABC):
    """The distribution of one column, given its predecessors.

    Attributes:
        choice: Which model held-out rows chose, in words.
        score: Its held-out score, lower is better: log loss in nats for levels, CRPS in units of
            the marginal's CRPS (1: no better than the marginal) for numbers.
        nats: The score on a scale that adds up over columns: log loss, and for numbers the
            logarithm of the score (a normal distribution's entropy is the logarithm of its CRPS
            plus a constant).
        claim: Share of what the column leaves open by itself that the model takes away in held-out
            rows, generated ones where it was learned from such; at most 1.
        cost: What held-out real rows hold against it, in nats a row, where only the relation
            counts: half the share that is guessed wrongly, or half of ``nats`` for numbers.
        informed: How much of it is drawn by models that lean on what is known, or is as frequent
            as is known, in [0, 1].
        generated: How much of the rest is learned from generated rows too, in [0, 1].
        gain: ``nats`` of real rows alone less that of this, where generated rows were learned from
            too: positive where these helped to predict held-out real rows.
    """

    choice: str
    score: float
    nats: float
    claim: float
    cost: float
    informed: float
    generated: float
    gain: float

    @abstractmethod
    def draw(
        self,
        features: Floats,
        rng: np.random.Generator,
        *,
        uniforms: Uniforms = spread_uniforms,
        barred: int | None = None,
    ) -> Floats:
        """One value for each row of ``features`` (n_rows, n_features), shape (n_rows,).

        Args:
            features: Predecessors, encoded.
            rng: All randomness comes from here.
            uniforms: Makes the numbers that say which value of its distribution a row gets.
            barred: The level, or special value, that is not drawn, by its number.
        """

    @abstractmethod
    def share(self, features: Floats, number: int) -> Floats:
        """How likely a level, or special value, of this number is in each row, shape (n_rows,)."""
