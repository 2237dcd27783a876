"""How much each source of rows counts, column by column: real rows alone, or generated ones too.

Chains of conditionals learned from different rows -> held-out real rows judge each -> trust

Nothing is let in or shut out: what a few rows cannot tell apart is averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.samplers.distilled.categorical import MANY_ROWS, LevelConditional
from sdv_llmgan.samplers.distilled.chain import Chain, Link
from sdv_llmgan.samplers.distilled.coded_rows import CodedRows
from sdv_llmgan.samplers.distilled.evidence import Conditional, Floats
from sdv_llmgan.samplers.distilled.numerical import NumberConditional
from sdv_llmgan.samplers.distilled.pooling import pooled, weighed

#: A generated row counts as so many real ones; a chain each, beside that of real rows alone.
GENERATED = (0.3, 2.0)
#: Held-out scores scatter, and models are wrong: a row of them counts as this much of one.
TEMPERING = 0.25
STEPS = 200
#: More rows are futile where generated rows have less than this share of the trust in real rows
#: alone (figures: docs/log.md, Futility).
LEAST_TRUST = 0.2
#: Real rows claim so much at least.
LEAST_CLAIM = 0.05
#: Before rows are looked at, real rows alone count this much for the target given all columns:
#: few rows say little of what predicts it, while a model was asked for just that.
REAL_PRIOR = 0.15
#: The target as drawn before the columns after it counts this much beside what claims all.
KEPT = 0.03


@dataclass(frozen=True)
class Trust:
    """How much each source of rows counts: one trust a table, which its columns depart from.

    Attributes:
        table: Of each source, >= 0, adding up to 1, shape (n_sources,).
        num_real: How many held-out real rows judge.
    """

    table: Floats
    num_real: int

    @classmethod
    def of(cls, nats: Floats, claims: Floats, num_real: int) -> Trust:
        """Empirical Bayes: the table's trust is the prior of its columns', and their mean.

        Before rows judge, a source counts by what its rows claim to know: values that were drawn
        at random claim nothing. A column counts by the largest claim to it: where there is nothing
        to know, values drawn at random are as good as any others, which speaks for no source.

        Args:
            nats: Held-out scores, lower is better, shape (n_columns, n_sources).
            claims: See ``Conditional``; as ``nats``.
            num_real: How many real rows each score is a mean of.
        """
        known = np.maximum(claims, 0)
        prior = known.mean(0) + LEAST_CLAIM * (np.arange(nats.shape[1]) == 0)
        counts = np.append(known.max(1), max(known.max(1).mean(), LEAST_CLAIM))
        likely = _likely(nats, num_real)
        return cls(pooled(likely, prior / prior.sum(), STEPS, counts)[0], num_real)

    @property
    def is_futile(self) -> bool:
        """Whether more rows of the same model would hardly change what is drawn."""
        # Chains in which generated rows count for little are hardly told from that without any.
        told = self.table[1:] @ np.array(GENERATED) / max(GENERATED)
        return bool(told < LEAST_TRUST * self.table[0])

    def in_columns(self, nats: Floats) -> Floats:
        """Of each source in each column, shape (n_columns, n_sources), as ``nats``."""
        return weighed(_likely(nats, self.num_real), self.table)


def _likely(nats: Floats, num_real: int) -> Floats:
    """What held-out scores, shape (n_columns, n_sources), say of each source."""
    likely: Floats = -TEMPERING * num_real * (nats - nats.min(1, keepdims=True))
    return likely


def target_trust(conditionals: Sequence[Conditional], num_real: int) -> tuple[Floats, float]:
    """Shares of sources for the target, given all other columns, and of rows that are drawn so.

    A source counts by what its own rows claim to know of the target, less what held-out real rows
    hold against it. What claims nothing (rows drawn at random) cannot replace what others taught.

    Args:
        conditionals: Of each source, real rows alone first.
        num_real: How many real rows there are.
    """
    cost = np.array([one.cost for one in conditionals]) * num_real
    claim = np.maximum([one.claim for one in conditionals], 0)
    others = (1 - REAL_PRIOR) / (len(conditionals) - 1)
    prior = np.append(REAL_PRIOR, np.full(len(conditionals) - 1, others))
    shares = prior * claim * np.exp(cost.min() - cost)
    total = float(shares.sum())
    return (shares / total if total else prior), total / (total + KEPT)


def fuse(rows: CodedRows, alone: Chain, on_model: Callable[[], object]) -> tuple[Chain, Trust]:
    """The chain that learns from real and generated rows, in the order of that of real ones alone.

    The target is drawn again at the end, given all other columns: chains differ most in it.

    Args:
        rows: Real and generated ones.
        alone: Fitted on the real ones.
        on_model: Called when a column's model is fitted.

    Returns:
        The chain, and the trust in each source: real rows alone, then ``GENERATED``.
    """
    columns, nats, trust = _judged(rows, alone, on_model)
    links = [
        replace(link, conditional=fused(parts, shares))
        for link, parts, shares in zip(alone, columns, trust.in_columns(nats), strict=True)
    ]
    others = [name for name in alone.names if name != rows.target]
    if rows.target in alone.names and others:
        parts = _parts(rows, rows.target, others, alone.causal_graph, MANY_ROWS)
        shares, share = target_trust(parts, rows.num_real)
        conditional = fused(parts, shares)
        links.append(Link(rows.target, tuple(others), conditional, share))
    return Chain(rows.coding, alone.causal_graph, links, alone.limits), trust


def trust_in(rows: CodedRows, alone: Chain, on_model: Callable[[], object]) -> Trust:
    """The trust in each source of rows, without the chain; arguments are those of ``fuse``."""
    return _judged(rows, alone, on_model)[2]


def _judged(
    rows: CodedRows, alone: Chain, on_model: Callable[[], object]
) -> tuple[list[list[Conditional]], Floats, Trust]:
    """Each column's conditionals by source, their held-out scores, and the table's trust."""
    order = (alone.causal_graph, alone.names)
    chains = [alone, *(rows.chain(order, on_model, quick=True, generated=w) for w in GENERATED)]
    columns = [[link.conditional for link in links] for links in zip(*chains, strict=True)]
    nats = np.array([[part.nats for part in parts] for parts in columns])
    claims = np.array([[part.claim for part in parts] for parts in columns])
    return columns, nats, Trust.of(nats, claims, rows.num_real)


def fused_link(
    rows: CodedRows,
    trust: Trust | None,
    name: str,
    predecessors: Sequence[str],
    graph: CausalGraph,
    max_rows: int,
) -> Link:
    """A model of one column; ``trust`` is that of the table, ``None`` where rows are real alone."""
    if trust is None:
        return rows.link(name, predecessors, graph, max_rows)
    parts = _parts(rows, name, predecessors, graph, max_rows)
    shares = trust.in_columns(np.array([[part.nats for part in parts]]))[0]
    return Link(name, tuple(predecessors), fused(parts, shares))


def _parts(
    rows: CodedRows,
    name: str,
    predecessors: Sequence[str],
    graph: CausalGraph,
    max_rows: int,
) -> list[Conditional]:
    """A column's conditional of each source; of generated rows by quick models but for the target.

    In the target, products of features and steps decide how much rows teach.
    """
    quick = name != rows.target
    return [
        rows.link(
            name, predecessors, graph, max_rows, quick=quick and generated > 0, generated=generated
        ).conditional
        for generated in (0.0, *GENERATED)
    ]


def fused(parts: Sequence[Conditional], trust: Floats) -> Conditional:
    """One conditional of a column from those of its sources, real rows alone first."""
    levels = [part for part in parts if isinstance(part, LevelConditional)]
    numbers = [part for part in parts if isinstance(part, NumberConditional)]
    generated = float(trust[1:] @ [1 - part.informed for part in parts[1:]])
    gain = float(parts[0].nats - trust @ [part.nats for part in parts])
    if levels:
        return replace(LevelConditional.fused(levels, trust), generated=generated, gain=gain)
    return replace(NumberConditional.fused(numbers, trust), generated=generated, gain=gain)
