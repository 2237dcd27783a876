"""Success rates of attacks, and what they say, with 95 % intervals.

    successes of attacks -> rate (Wilson) -> attack against control -> risk (Newcombe's arms)
    distances of two tables -> area under the ROC curve (Newcombe's score interval)

Wilson, Probable inference, the law of succession, and statistical inference, 1927.
Newcombe, Interval estimation for the difference between independent proportions, 1998.
Newcombe, Confidence intervals for an effect size measure based on the Mann-Whitney statistic, 2006.
Giomi et al., A unified framework for quantifying privacy risk in synthetic data, PoPETs 2023.
https://arxiv.org/abs/2211.10459
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import rankdata

from sdv_llmgan.metrics.encoding import Numbers

#: The normal quantile of 95 % intervals.
Z = 1.959963984540054


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval; NaN where nothing could be measured.

    Attributes:
        value: The figure.
        low: Lower end, at most the value.
        high: Upper end, at least the value.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Rate:
    """How often an attack succeeded.

    Attributes:
        successes: Attacks that did; of random guesses, how many are expected to.
        attacks: All attacks.
        effective: How many independent attacks are worth as much, at most ``attacks``: several on
            one person, or several that hang on one row, succeed or fail together.
    """

    successes: float
    attacks: int
    effective: float

    @property
    def interval(self) -> Interval:
        """The rate in [0, 1] with Wilson's interval of ``effective`` attacks."""
        if not self.attacks:
            return Interval(math.nan, math.nan, math.nan)
        rate, n = self.successes / self.attacks, self.effective
        center = (rate + Z**2 / (2 * n)) / (1 + Z**2 / n)
        half = Z / (1 + Z**2 / n) * math.sqrt(rate * (1 - rate) / n + (Z / (2 * n)) ** 2)
        # The value is within its interval but for rounding.
        return Interval(rate, min(rate, max(0.0, center - half)), max(rate, min(1, center + half)))


def risk(attack: Rate, control: Rate) -> Interval:
    """What an attack gains by a row having been learned from, (attack - control) / (1 - control).

    The formula is Giomi et al.'s, and so is the propagation of both rates' errors to the risk; but
    each side of an interval has an arm of its own, as in Newcombe's method, since symmetrical ones
    would draw rates of unequal numbers of attacks apart.

    Returns:
        At most 1: every attack succeeds, and only where rows were learned from. 0: no difference.
        Below 0 by chance. NaN where every attack on the control succeeds, which leaves no room.
    """
    first, second = attack.interval, control.interval
    room = 1 - second.value
    if not room > 0:
        return Interval(math.nan, math.nan, math.nan)
    value = (first.value - second.value) / room
    slope = (1 - first.value) / room**2
    low = math.hypot((first.value - first.low) / room, (second.high - second.value) * slope)
    high = math.hypot((first.high - first.value) / room, (second.value - second.low) * slope)
    return Interval(value, value - low, min(1.0, value + high))


def area_nearer(first: Numbers, second: Numbers) -> Interval:
    """Chance that one of the first is less than one of the second, ties one half: an AUC.

    Newcombe's score interval (his method 5): it also holds for few values and for an area of 1. The
    variance is that of the Mann-Whitney test, tie correction included, so that the interval leaves
    out one half just where that test, at 5 %, tells the two apart.

    Args:
        first: Shape (n,), n >= 1.
        second: Shape (m,), m >= 1.
    """
    n, m = len(first), len(second)
    ranks = rankdata(np.concatenate([first, second]))
    area = 1 - float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))
    total = n + m
    ties = np.unique(ranks, return_counts=True)[1].astype(float)
    untied = 1 - float((ties**3 - ties).sum()) / (total**3 - total)

    def excess(at: float) -> float:
        spread = 1 + (total / 2 - 1) * ((1 - at) / (2 - at) + at / (1 + at))
        return (area - at) ** 2 - Z**2 * untied * at * (1 - at) * spread / (n * m)

    ends = [0.0, 1.0]
    for place, end in enumerate((0.0, 1.0)):
        # At an area of 0 or 1 the equation has a root there, too, which is not the one sought.
        inside = area + (1e-9 if end else -1e-9)
        if 0 < inside < 1 and excess(inside) < 0 < excess(end):
            ends[place] = float(brentq(excess, *sorted((end, inside))))
        elif untied <= 0 or not 0 < inside < 1:
            ends[place] = area
    return Interval(area, ends[0], ends[1])
