"""How sensitive a detector may be under the budget. Rule: a rate that is not seen is extrapolated to the safe side.

A detector is run on a stream like the reference (`reference.resample`) at steps of its one sensitivity, the most
sensitive first, until it hardly speaks. The log of its rate, against an axis on which it falls at least about
linearly, is continued to the rate that the budget allows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from math import exp, inf, log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.detectors.base import Option, OptionValue, ValueDetector

CALIBRATE: Final = "calibrate"
CALIBRATE_OPTION: Final = Option(False, "choose the sensitivity by the reference, so that the budget is kept")
SEED: Final = 7
"""Of all resampling."""
FEW: Final = 2
"""So few detections tell no rate: where they are no more, a detector is insensitive enough to stop looking."""
SOLID: Final = 5
"""Detections from which a rate is taken to be known."""
TAIL: Final = 4
"""So many of the last rates that are known tell how the rate falls."""
SLOPE_UNKNOWN: Final = 0.05
"""By so much the log of a rate falls per unit of an axis where it was seen at one step only."""
DIGITS: Final = 3
"""Significant digits of what is chosen: no logarithm of any machine differs by so much."""


class Axis(Enum):
    """The coordinate of an option along which sensitivity falls."""

    SIGNIFICANCE = "significance"
    """-log of a probability: n independent events have the rate p, correlated ones about p^(1 / scatter)."""
    ROOT = "root"
    """Root of a sum: the rate of small ones falls as a power, of large ones exponentially, and so between both."""
    UP = "up"
    """A threshold as it is."""
    DOWN = "down"
    """A share as it is, the smaller the less sensitive."""

    def coordinate(self, value: float) -> float:
        """Where `value` of the option lies."""
        match self:
            case Axis.SIGNIFICANCE:
                return -log(value)
            case Axis.ROOT:
                return float(value**0.5)
            case Axis.UP:
                return value
            case Axis.DOWN:
                return -value

    def value_at(self, coordinate: float) -> float:
        """The inverse of `coordinate`, to so many digits."""
        exact: float
        match self:
            case Axis.SIGNIFICANCE:
                exact = exp(-coordinate)
            case Axis.ROOT:
                exact = coordinate**2
            case Axis.UP:
                exact = coordinate
            case Axis.DOWN:
                exact = -coordinate
        return float(f"{exact:.{DIGITS}g}")


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The one option that makes a detector more or less sensitive.

    `steps` of it are tried, the most sensitive first; the last one is the least sensitive that is ever chosen. Each is
    given `values` resampled values.
    """

    option: str
    axis: Axis
    steps: tuple[float, ...]
    values: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was chosen: a `value`, and whether the budget is `reached`, that is expected to be kept, with it."""

    value: float
    reached: bool


@dataclass(frozen=True, slots=True)
class Rate:
    """So many `detections` at the coordinate `at` of an axis."""

    at: float
    detections: int

    @property
    def upper(self) -> float:
        """Detections that are not to be excluded: two deviations more, and three where there are none."""
        return float(self.detections + 2 * self.detections**0.5 + 3)


def calibrated(
    build: Callable[[OptionValue], ValueDetector],
    sensitivity: Sensitivity,
    values: NDArray[np.float64],
    rate_max: float,
    scatter: float,
) -> Calibration:
    """How sensitive the detectors that `build` makes of the option's value may be.

    `values` (n,) are like the reference; of such, at most `rate_max` detections per value are wanted. `scatter` >= 1:
    so many of them tell as much as one independent one.
    """
    axis, rates = sensitivity.axis, list[Rate]()
    least = axis.coordinate(sensitivity.steps[-1])
    for step in sensitivity.steps:
        rates.append(Rate(axis.coordinate(step), len(build(step).update(values))))
        if rates[-1].detections <= FEW:
            break
    # n independent events have the rate p, correlated ones p^(1 / scatter), whatever the first steps look like
    slopes = (1 / scatter, 1.0) if axis is Axis.SIGNIFICANCE else (0.0, inf)
    at = aim(rates, rate_max * max(values.size, 1), slopes)
    return Calibration(axis.value_at(min(at, least)), at <= least)


def aim(rates: Sequence[Rate], detections_max: float, slopes: tuple[float, float] = (0.0, inf)) -> float:
    """Where on their axis the `rates`, from the most sensitive on, come down to `detections_max`; inf if nowhere.

    The log of a rate is taken to fall by at least the one and at most the other of `slopes` per unit of the axis.
    """
    for rate in rates:
        if rate.upper <= detections_max:
            return rate.at
    known = [rate for rate in rates if rate.detections >= SOLID] or list(rates[:1])
    last, end = known[-1], rates[-1]
    measured = _slope(known[-TAIL:]) if len(known) > 1 else SLOPE_UNKNOWN
    if end.at > last.at:
        # behind a plateau a rate may fall steeply: by so much it did for sure
        measured = max(measured, log(max(last.detections, 1) / end.upper) / (end.at - last.at))
    slope = min(max(measured, slopes[0]), slopes[1])
    if slope <= 0:
        return inf
    return min(rate.at + log(rate.upper / detections_max) / slope for rate in (last, end))


def _slope(rates: Sequence[Rate]) -> float:
    """By how much the log of the rate falls per unit of the axis, a standard error less; 0 where that is not known."""
    weights = np.array([max(rate.detections, 1) for rate in rates], np.float64)
    at = np.array([rate.at for rate in rates])
    at = at - (weights * at).sum() / weights.sum()
    spread = float((weights * at**2).sum())
    if spread <= 0:
        return 0.0
    # the log of a Poisson count has about the variance 1 / count
    return float(-(weights * at * np.log(weights)).sum() / spread - spread**-0.5)
