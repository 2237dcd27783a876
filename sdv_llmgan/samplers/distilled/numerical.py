"""Numbers given predecessors: first whether at a heap or missing, then how large.

- In small tables a mean, stacked from several models, plus residuals; see ``stacking.py``.
- In large ones the values in leaves of a forest, moved by a few ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sdv_llmgan.samplers.distilled.categorical import MANY_ROWS, LevelConditional
from sdv_llmgan.samplers.distilled.evidence import Conditional, Evidence, Floats
from sdv_llmgan.samplers.distilled.leaves import LeafValues, choose_leaf_size
from sdv_llmgan.samplers.distilled.marginal import Marginal
from sdv_llmgan.samplers.distilled.stacking import LEVELS, AveragedQuantiles, crps, judge_of
from sdv_llmgan.samplers.distilled.uniforms import Uniforms, spread_uniforms

#: Added to scores before they are added up: of how little a column leaves open there is no end.
LEAST_SKILL = 0.1
#: Values drawn from leaves move by up to so many ranks.
MOVE = 2.0


@dataclass
class MovedLeaves:
    """Values from leaves, moved by a few ranks so that they are not the training table's."""

    marginal: Marginal
    leaves: LeafValues
    move: float

    @classmethod
    def fit(cls, evidence: Evidence, marginal: Marginal, leaf_size: int, seed: int) -> MovedLeaves:
        """Grow the leaves on normal scores."""
        leaves = LeafValues.fit(evidence, marginal.scores(evidence.values), leaf_size, seed)
        return cls(marginal, leaves, MOVE / len(evidence.values))

    def draw(
        self, features: Floats, rng: np.random.Generator, uniforms: Uniforms = spread_uniforms
    ) -> Floats:
        """One value for each row."""
        values = self.leaves.draw(features, uniforms(np.zeros(len(features)), rng), rng)
        ranks = self.marginal.ranks(values, rng.random(len(values)))
        moved = np.abs(ranks + self.move * rng.uniform(-1, 1, len(values)))
        return self.marginal.values(np.where(moved > 1, 2 - moved, moved))


@dataclass
class ByItself:
    """Values of a column that nothing comes before, from its quantile function."""

    marginal: Marginal

    def draw(
        self, features: Floats, rng: np.random.Generator, uniforms: Uniforms = spread_uniforms
    ) -> Floats:
        """One value for each row."""
        return self.marginal.values(uniforms(np.zeros(len(features)), rng))


@dataclass
class NumberConditional(Conditional):
    """Heaps and missing values by their probabilities, other values by a model.

    Attributes:
        special: Values drawn as levels: NaN for missing, then heaps.
        gate: Probabilities of these and, last, of any other value; ``None`` where there are none.
        model: Of the other values; ``None`` where there are none.
    """

    special: Floats
    gate: LevelConditional | None
    model: AveragedQuantiles | MovedLeaves | ByItself | None
    choice: str
    score: float
    nats: float
    claim: float = 0.0
    informed: float = 0.0
    generated: float = 0.0
    gain: float = 0.0

    @classmethod
    def fit(
        cls,
        evidence: Evidence,
        marginal: Marginal,
        special: Floats,
        rng: np.random.Generator,
    ) -> NumberConditional:
        """Fit the gate, then a model of all other values.

        Args:
            evidence: Rows with counts for values, NaN where missing.
            marginal: The column by itself.
            special: Values to draw as levels: NaN for missing, then heaps.
            rng: Cuts folds and seeds models.
        """
        missing = np.isnan(evidence.values)
        many = len(evidence.values) > MANY_ROWS
        special = special[np.isnan(special)] if many else special
        codes = np.full(len(missing), len(special), dtype=float)
        for code, value in enumerate(special):
            codes[missing if np.isnan(value) else evidence.values == value] = code
        gate = None
        choice = ''
        if len(special):
            gate = LevelConditional.fit(
                replace(evidence.with_values(codes), known=None), len(special) + 1, rng
            )
            choice = f'heaps or missing: {gate.choice}; else '
        rest = evidence.rows(codes == len(special))
        if not rest.is_real.any():
            return cls(special, gate, None, f'{choice}nothing', 0.0, gate.nats if gate else 0.0)
        weights = rest.weights
        marginal = Marginal.fit(rest.values, weights, marginal.bounds)
        judge, real = judge_of(rest, marginal), rest.values[rest.is_real]
        alone = crps(np.tile(judge.values(LEVELS), (len(real), 1)), real, judge)
        model, words, score = _rest(rest, marginal, many, alone, rng)
        skill = score / alone if alone else 0.0
        share = rest.is_real.sum() / evidence.is_real.sum()
        known = float(np.log((skill + LEAST_SKILL) / (1 + LEAST_SKILL)))
        nats = (gate.nats if gate else 0.0) + share * known
        claim, informed = 0.0, evidence.told
        if isinstance(model, AveragedQuantiles):
            claim = max(one.claim for one in model.models)
            informed = 1 - (1 - model.informed) * (1 - evidence.told)
        return cls(special, gate, model, choice + words, skill, nats, claim, informed)

    @classmethod
    def fused(cls, parts: Sequence[NumberConditional], trust: Floats) -> NumberConditional:
        """Conditionals of one column, whose quantiles, and shares of heaps, are averaged.

        Args:
            parts: Of small tables, with the same special values and features.
            trust: Weight of each, >= 0; they add up to 1.
        """
        gates = [part.gate for part in parts if part.gate]
        models = [part.model for part in parts if isinstance(part.model, AveragedQuantiles)]
        words = ' | '.join(
            f'{share:.2f} [{part.choice}]' for share, part in zip(trust, parts, strict=True)
        )
        return cls(
            parts[0].special,
            LevelConditional.fused(gates, trust) if gates else None,
            AveragedQuantiles.fused(models, trust) if models else None,
            words,
            float(trust @ [part.score for part in parts]),
            float(trust @ [part.nats for part in parts]),
            informed=float(trust @ [part.informed for part in parts]),
        )

    @property
    def cost(self) -> float:  # type: ignore[override]
        """See ``Conditional``."""
        return self.nats / 2

    def share(self, features: Floats, number: int) -> Floats:
        """See ``Conditional``."""
        return np.zeros(len(features)) if self.gate is None else self.gate.share(features, number)

    def draw(
        self,
        features: Floats,
        rng: np.random.Generator,
        *,
        uniforms: Uniforms = spread_uniforms,
        barred: int | None = None,
    ) -> Floats:
        """One value for each row; see ``Conditional``."""
        if self.gate is None:
            codes = np.full(len(features), len(self.special))
        else:
            codes = self.gate.draw(features, rng, uniforms=uniforms, barred=barred).astype(int)
        values = np.append(self.special, np.nan)[codes]
        rest = codes == len(self.special)
        if self.model is not None and rest.any():
            values[rest] = self.model.draw(features[rest], rng, uniforms)
        return values


def _rest(
    evidence: Evidence, marginal: Marginal, many: bool, alone: float, rng: np.random.Generator
) -> tuple[AveragedQuantiles | MovedLeaves | ByItself, str, float]:
    if many and not evidence.features.shape[1]:
        return ByItself(marginal), 'marginal', alone
    if many:
        target = marginal.scores(evidence.values)
        seed, judge = int(rng.integers(2**31)), judge_of(evidence, marginal)
        size, score = choose_leaf_size(
            evidence.with_values(np.column_stack([evidence.values, target])),
            lambda part, size: LeafValues.fit(
                part.with_values(part.values[:, 0]), part.values[:, 1], size, seed
            ),
            lambda model, part: crps(model.grid(part.features, LEVELS), part.values[:, 0], judge),
            rng,
        )
        return MovedLeaves.fit(evidence, marginal, size, seed), f'leaves of {size}', score
    return AveragedQuantiles.fit(evidence, marginal, rng)
