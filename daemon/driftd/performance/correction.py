"""Figures as they will be when all labels are here. Rule: each value comes with its interval.

A labelled pair of a stratum of which a share g of the labels has come stands for 1 / g pairs (Horvitz and Thompson
1952; as a ratio of two such sums, Hajek 1971). The assumption, and the only one: within a stratum (see `Stratum`), how
long a label takes has nothing to do with whether the prediction was right, and delays are what they were in the past.

An interval is that of a ratio by the delta method: of the labels that happened to come (Poisson, so for predictions
like these, not only for these), and of the error of g, which all periods share that took it from the same past, so that
it does not average out between them. For shares it is Wilson's (1927), with as many labels as give that variance.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import nan, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DEVIATIONS: Final = 1.96
"""Standard errors to either side: 95 of 100 intervals hold what they are for."""
STEP: Final = 1e-4
"""Of a count, for the slope of a figure by it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A value and its interval; NaN where there is none. `error`: one standard error of `value`."""

    value: float
    low: float
    high: float
    error: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


NOTHING: Final = Figure(nan, nan, nan, nan)


def share_figure(value: float, variance: float, events: float) -> Figure:
    """A share of [0, 1] by Wilson's interval; `events` labels stand in where the variance is 0.

    >>> share_figure(1.0, 0.0, 100.0).low > 0.96
    True
    """
    if not events > 0 or np.isnan(value):
        return NOTHING
    spread = max(value * (1 - value), 0.0)
    n = spread / variance if variance > 0 and spread > 0 else events
    z = DEVIATIONS
    middle = (value + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(spread / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # the rounding of the ends must not put 0 or 1 outside of their own interval
    return Figure(value, min(middle - half, value), max(middle + half, value), half / z)


def plain_figure(value: float, variance: float) -> Figure:
    """A figure of any size, by the normal distribution."""
    error = sqrt(max(variance, 0.0))
    return Figure(value, value - DEVIATIONS * error, value + DEVIATIONS * error, error)


@dataclass(frozen=True, slots=True)
class Strata:
    """How much a label counts, for p periods and s strata.

    `shares` (p, s): of the labels that came; `errors`: standard ones, of their logarithm. `kish` (p, s): sum of
    squared weights / sum of weights, 1 without weights. `of_cell` (codes, codes): the stratum of a pair.
    """

    shares: Floats
    errors: Floats
    kish: Floats
    of_cell: Ints


@dataclass(frozen=True, slots=True)
class Confusion:
    """A corrected confusion, all (codes, codes): how many, its variance, and how the errors of shares move it."""

    values: Floats
    variance: Floats
    drift: Floats
    of_cell: Ints

    @property
    def events(self) -> float:
        """As how many equally weighted labels it is (Kish 1965)."""
        variance = float(self.variance.sum())
        return float(self.values.sum()) ** 2 / variance if variance else 0.0

    def figure(self, metric: Callable[[Floats], Floats], is_share: bool = True) -> Figure:
        """The `metric`, a function of (..., codes, codes) to (...) that does not depend on the total."""
        value = metric(self.values).item()
        if np.isnan(value):
            return NOTHING
        cells = np.argwhere(self.values > 0)
        slopes = np.zeros(self.values.shape)
        step = STEP * self.values
        moved = np.repeat(self.values[None], 2 * len(cells), axis=0)
        for index, (row, column) in enumerate(cells):
            moved[2 * index, row, column] += step[row, column]
            moved[2 * index + 1, row, column] -= step[row, column]
        found = metric(moved)
        slopes[cells[:, 0], cells[:, 1]] = (found[::2] - found[1::2]) / (2 * step[cells[:, 0], cells[:, 1]])
        shared = np.bincount(self.of_cell.ravel(), (slopes * self.drift).ravel())
        variance = float((slopes * slopes * self.variance).sum() + (shared * shared).sum())
        return share_figure(value, variance, self.events) if is_share else plain_figure(value, variance)


def confusion(weights: Floats, strata: Strata) -> Confusion:
    """The sum of the corrected confusions of p periods, out of the labelled `weights` (p, codes, codes)."""
    shares, errors, kish = (part[:, strata.of_cell] for part in (strata.shares, strata.errors, strata.kish))
    values = weights / shares
    return Confusion(
        values.sum(axis=0),
        (values * kish / shares).sum(axis=0),
        (values * errors).sum(axis=0),
        strata.of_cell,
    )


@dataclass(frozen=True, slots=True)
class Sums:
    """What a mean is made of, all (p, s): sums over labels of a number, of what it is divided by, of their products."""

    upper: Floats
    lower: Floats
    upper_squares: Floats
    products: Floats
    lower_squares: Floats


def mean_figure(sums: Sums, strata: Strata, is_share: bool = False) -> Figure:
    """The corrected ratio of two sums: a mean loss, or word errors per word."""
    lower = float((sums.lower / strata.shares).sum())
    if not lower > 0:
        return NOTHING
    value = float((sums.upper / strata.shares).sum()) / lower
    squares = sums.upper_squares - 2 * value * sums.products + value * value * sums.lower_squares
    own = float((np.maximum(squares, 0.0) * strata.kish / strata.shares**2).sum())
    drift = ((sums.upper - value * sums.lower) / strata.shares * strata.errors).sum(axis=0)
    variance = (own + float((drift * drift).sum())) / lower**2
    if not is_share:
        return plain_figure(value, variance)
    spread = float((sums.lower_squares * strata.kish / strata.shares**2).sum())
    return share_figure(value, variance, lower**2 / spread if spread else 0.0)
