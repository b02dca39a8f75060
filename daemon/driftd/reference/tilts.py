"""What a signal may turn into, as tilts of its reference. Rule: what is bet on stands here, once, and in whole steps.

A tilt gives each bin a slope s; the alternative that it stands for has the probabilities p exp(s) / sum(p exp(s)).
Slopes are whole multiples of SLOPE_STEP, so that sums of counts times slopes are exact in floating point in any order:
however events are cut into batches, the same evidence comes out.
"""

from dataclasses import dataclass
from enum import IntEnum
from math import log
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.reference.layout import COARSE, OTHER_COARSE

SLOPE_STEP: Final = 2.0**-10
SLOPE_MAX: Final = 8.0
SHIFTS: Final = (0.12, 0.25, 0.5, 1.0, 2.5)
"""Shifts that are bet on, in standard deviations of the normal scores."""
SPREADS: Final = (0.6, 0.8, 1.3, 2.0)
"""Factors on the standard deviation."""
TAIL_SHARE: Final = 0.03
CENTER_SCORE: Final = 0.6
QUANTILES_OF: Final = np.unique(
    np.concatenate([np.linspace(0.001, 0.999, 999), np.logspace(-6, -3, 200), 1 - np.logspace(-6, -3, 200)])
)
QUANTILES: Final = np.array([NormalDist().inv_cdf(share) for share in QUANTILES_OF.tolist()])
LEVELS_BOTH_WAYS: Final = 2
LEVEL_DIRECTIONS: Final = 4
VALUE_BETS: Final = 20
LEARNED_BETS: Final = 2
FIXED_BETS: Final = VALUE_BETS + 4 + 2 + 1
BETS: Final = FIXED_BETS + LEARNED_BETS


class Group(IntEnum):
    """What a bet is about."""

    VALUE = 0
    MISSING = 1
    OUTSIDE = 2
    """Far beyond the reference's range; of a category: levels never seen."""
    INVALID = 3


GROUPS: Final = np.array(
    [Group.VALUE] * VALUE_BETS
    + [Group.MISSING] * 4
    + [Group.OUTSIDE] * 2
    + [Group.INVALID]
    + [Group.VALUE] * LEARNED_BETS
)
"""The group of each bet, (29,): the fixed ones, then the learned ones."""

DIRECTIONS: Final = 8
DIRECTION_GROUPS: Final = np.array([Group.VALUE] * 5 + [Group.MISSING, Group.OUTSIDE, Group.INVALID])


@dataclass(frozen=True, slots=True)
class Tilts:
    """Of s signals: `slopes` (s, 20, 27) of the fixed bets, `directions` (s, 20, 8) whose scatter is measured.

    `scores` (s, 20): the normal score of each value bin, 0 for categories.
    """

    slopes: NDArray[np.float64]
    directions: NDArray[np.float64]
    scores: NDArray[np.float64]


def stepped(slopes: NDArray[np.float64]) -> NDArray[np.float64]:
    """`slopes` in whole steps, and bounded."""
    bounded = np.clip(slopes, -SLOPE_MAX, SLOPE_MAX)
    stepped: NDArray[np.float64] = np.rint(bounded / SLOPE_STEP) * SLOPE_STEP
    return stepped


def tilts_of(
    probabilities: NDArray[np.float64], number: NDArray[np.bool_], events: NDArray[np.float64]
) -> Tilts:
    """The tilts of signals with `probabilities` (s, 20) over all bins.

    `number` (s,): whether the bins have an order; `events` (s,): the reference's independent events, which say how rare
    what was never seen can be.
    """
    signals = probabilities.shape[0]
    tilts = Tilts(
        np.zeros((signals, COARSE.width, FIXED_BETS)),
        np.zeros((signals, COARSE.width, DIRECTIONS)),
        np.zeros((signals, COARSE.width)),
    )
    for s in range(signals):
        if number[s]:
            _number(probabilities[s], tilts.slopes[s], tilts.directions[s], tilts.scores[s])
        else:
            _category(probabilities[s], tilts.slopes[s], tilts.directions[s])
        _special(probabilities[s], float(events[s]), bool(number[s]), tilts.slopes[s], tilts.directions[s])
        tilts.slopes[s][probabilities[s] <= 0] = 0.0
    return Tilts(stepped(tilts.slopes), tilts.directions, tilts.scores)


def _number(
    p: NDArray[np.float64],
    slopes: NDArray[np.float64],
    directions: NDArray[np.float64],
    scores: NDArray[np.float64],
) -> None:
    values = slice(0, COARSE.values)
    score, square, cumulative = normal_scores(p[values])
    scores[values] = score
    low, high = cumulative[1:] <= TAIL_SHARE, cumulative[:-1] >= 1 - TAIL_SHARE
    center = np.abs(score) < CENTER_SCORE
    directions[values, :5] = np.stack([score, square, low, high, center], axis=1)
    shifts = np.outer([*SHIFTS, *(-shift for shift in SHIFTS)], score)
    spreads = np.outer([(1 - 1 / factor**2) / 2 for factor in SPREADS], np.minimum(square, 8))
    shapes = [1.0 * low, 2.5 * low, 1.0 * high, 2.5 * high, -0.5 * center, 0.5 * center]
    slopes[values, :VALUE_BETS] = np.concatenate([shifts, spreads, np.array(shapes)]).T


def normal_scores(
    p: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean and mean square minus 1 of a standard normal within each bin of ordered `p` (k,), and the sums (k + 1,)."""
    normal = NormalDist()
    shares = p / max(float(p.sum()), 1e-300)
    cumulative = np.minimum(np.concatenate([[0.0], np.cumsum(shares)]), 1.0)
    cuts = np.array([normal.inv_cdf(min(max(c, 1e-6), 1 - 1e-6)) for c in cumulative.tolist()])
    a, b = cuts[:-1], cuts[1:]
    density = np.exp(-(cuts**2) / 2) / np.sqrt(2 * np.pi)
    wide = np.maximum(shares, 1e-9)
    score = np.clip((density[:-1] - density[1:]) / wide, np.minimum(a, b), np.maximum(a, b))
    square = np.maximum(1 + (a * density[:-1] - b * density[1:]) / wide, score**2) - 1
    return score, square, cumulative


def quick_scores(p: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same of the rows of `p` (s, k) at once, to three digits: mean and mean square minus 1, (s, k) both."""
    shares = p / np.maximum(p.sum(axis=1, keepdims=True), 1e-300)
    cumulative = np.concatenate([np.zeros((len(p), 1)), np.cumsum(shares, axis=1)], axis=1)
    cuts = np.interp(cumulative, QUANTILES_OF, QUANTILES)
    density = np.exp(-(cuts**2) / 2) / np.sqrt(2 * np.pi)
    wide, a, b = np.maximum(shares, 1e-9), cuts[:, :-1], cuts[:, 1:]
    score = np.clip((density[:, :-1] - density[:, 1:]) / wide, a, b)
    square = (a * density[:, :-1] - b * density[:, 1:]) / wide
    return score, np.maximum(square, score**2 - 1)


def _category(p: NDArray[np.float64], slopes: NDArray[np.float64], directions: NDArray[np.float64]) -> None:
    """Odds of single levels: frequent ones a little and both ways, each level upwards by about half a deviation."""
    levels = p[: COARSE.values]
    spread = 1 / np.sqrt(np.maximum(levels * (1 - levels), 1e-9))
    order = np.argsort(-levels, kind="stable")
    for rank, level in enumerate(order[:LEVELS_BOTH_WAYS].tolist()):
        slopes[level, 2 * rank] = min(0.1 * spread[level], 1.0)
        slopes[level, 2 * rank + 1] = -slopes[level, 2 * rank]
    for rank, level in enumerate(order[:LEVEL_DIRECTIONS].tolist()):
        directions[level, rank] = 1.0
    first = 2 * LEVELS_BOTH_WAYS
    for rank, level in enumerate(order[: VALUE_BETS - first].tolist()):
        slopes[level, first + rank] = min(0.5 * spread[level], 1.5)
    directions[OTHER_COARSE, 4] = 1.0


def _special(
    p: NDArray[np.float64],
    events: float,
    number: bool,
    slopes: NDArray[np.float64],
    directions: NDArray[np.float64],
) -> None:
    """Missing, outside and invalid: what is rare is bet to become much less rare."""
    rare = 7 / max(events, 7.0)
    missing = COARSE.missing
    share = min(max(float(p[missing]), rare), 0.999)
    at = VALUE_BETS
    slopes[missing, at : at + 4] = (
        log(1.7),
        max(log(5.0), log(max(0.02, 3 * rare) / share)),
        log(0.4),
        _raised(share, rare, max(0.3, min(2 * share, 0.99))),
    )
    directions[missing, 5] = 1.0
    for bin_ in (COARSE.below, COARSE.above):
        for bet, wanted in ((at + 4, max(0.02, 5 * rare)), (at + 5, 0.5)):
            slopes[bin_, bet] = _raised(p[bin_], rare, wanted)
        directions[bin_, 6] = 1.0
        if not number:
            break
    slopes[COARSE.invalid, at + 6] = _raised(p[COARSE.invalid], rare, max(0.02, 5 * rare))
    directions[COARSE.invalid, 7] = 1.0


def _raised(share: float, rare: float, wanted: float) -> float:
    """The slope that takes a bin from `share`, at least `rare`, to odds of `wanted`."""
    now, wanted = min(max(float(share), rare), 0.5), min(wanted, 0.95)
    return max(log(wanted / (1 - wanted)) - log(now / (1 - now)), log(1.5))
