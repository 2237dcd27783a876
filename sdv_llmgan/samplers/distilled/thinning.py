"""A small table that stands for a large one: rows picked so that their means come out right.

Twice as many rows are cut to half, again and again: of each pair one row stays, the one that makes
up for what went wrong with the pairs before. 25 rows picked so tell a model trained on them nearly
what hundreds would.

Kernel halving as in Dwivedi and Mackey, Kernel thinning, 2021, without their random signs.

On the way rows near to the training table are thinned out, a little with each halving, until those
left are no nearer than they should be; the kernel sees to it that little else changes. Where there
are none, every row is as likely to stay as any other, so single rows keep their distribution.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sdv_llmgan.samplers.distilled.evidence import Booleans, Floats, Integers

#: Mean nearness to reach where training rows are many. Less than one half, because generated rows
#: lie closer together than real ones do, so that one half among them is somewhat more in truth.
AIM = 0.4
#: Where they are few the aim is one half less this, over the root of their number, and no less
#: than ``LEAST_AIM``: generated rows share the place of the rows they were learned from, which is
#: off by about so much, and a comparison between the two does not see it.
AIM_OFF = 1.2
LEAST_AIM = 0.1
#: How much what predicts the target counts, besides all that goes together.
TARGET_WEIGHT = 6.0
#: Rows whose likeness to all others is worked out at a time.
BLOCK = 32

#: Of each two rows, shape (n_rows, n_rows).
Likeness = npt.NDArray[np.float32]


def aim(num_training: int, tied: float = 0.0) -> float:
    """Mean nearness to reach with rows learned from so many training rows, in (0, 0.5].

    Args:
        num_training: >= 1.
        tied: Share of rows that are as near to training rows as to generated ones, in [0, 1]. They
            count one half, whatever is picked: what is off, is so among the others.
    """
    untied = min(AIM, max(LEAST_AIM, 0.5 - AIM_OFF / num_training**0.5))
    return 0.5 - (0.5 - untied) * (1 - tied)


def thin(
    features: Floats,
    nearness: Floats,
    halvings: int,
    rng: np.random.Generator,
    target: Booleans | None = None,
    wanted: float = AIM,
) -> Integers:
    """Pick rows.

    Args:
        features: Rows to pick from, standardized, shape (count * 2**halvings, n_features).
        nearness: How near each of them is to the training table, in [0, 1]; where the mean is no
            more than ``wanted``, it is kept.
        halvings: How often to cut the rows to half, >= 0.
        rng: Pairs rows, and decides ties.
        target: Which features are those of a column to be predicted later, shape (n_features,):
            how it goes with the others is kept best.
        wanted: Mean nearness to reach; see ``aim``.

    Returns:
        Row numbers of those picked, shape (count,), in random order.
    """
    kernel = _kernel(features, np.zeros(features.shape[1], bool) if target is None else target)
    rows = rng.permutation(len(features))
    start = nearness.mean()
    for mean in np.linspace(start, min(start, wanted), halvings + 1)[1:]:
        rows = rng.permutation(_halve(kernel, nearness - mean, rows, rng))
    return rows


def _kernel(features: Floats, target: Booleans) -> Likeness:
    """Likeness of rows: means, products of two features, and the shape of the cloud all count.

    So does the target times each other feature: what a linear model learns the target by. Worked
    out for ``BLOCK`` rows at a time, and for each two rows once: new memory takes longer than the
    figures in it.
    """
    others, own, width = features[:, ~target], features[:, target], max(1, features.shape[1])
    norms, other_norms = ((part**2).sum(1) for part in (features, others))
    middle = np.median((1 + norms / width) ** 2)
    targets = (own**2).sum(1) * (1 + other_norms / max(1, others.shape[1]))
    weight = TARGET_WEIGHT / (np.mean(targets) or 1.0) if own.shape[1] else 0.0
    kernel = np.empty((len(features), len(features)), dtype=np.float32)
    for start in range(0, len(features), BLOCK):
        rows, rest = slice(start, start + BLOCK), slice(start, None)
        products = features[rows] @ features[rest].T
        squares = norms[rows, None] + norms[None, rest] - 2 * products
        block = (1 + products / width) ** 2 / middle + np.exp(-squares / (2 * width))
        if weight:
            shared = own[rows] @ own[rest].T
            block += weight * shared * (1 + (products - shared) / max(1, others.shape[1]))
        kernel[rows, rest] = likeness = block.astype(np.float32)
        kernel[rest, rows] = likeness.T
    return kernel


def _halve(
    kernel: Likeness, too_near: Floats, rows: Integers, rng: np.random.Generator
) -> Integers:
    """Of each two neighbours in ``rows`` one; ``too_near`` adds up to about 0."""
    first, second = rows[0::2], rows[1::2]
    # How much more the rows kept so far look like each row than those dropped do.
    surplus = np.zeros(len(kernel), dtype=kernel.dtype)
    excess = 0.0
    kept = np.empty(len(first), dtype=np.int64)
    flips = rng.random(len(first)) < 0.5
    for place, (one, other) in enumerate(zip(first, second, strict=True)):
        lean = surplus[one] - surplus[other] + excess * (too_near[one] - too_near[other])
        if lean > 0 or (lean == 0 and flips[place]):
            one, other = other, one
        surplus += kernel[one] - kernel[other]
        excess += too_near[one]
        kept[place] = one
    return kept
