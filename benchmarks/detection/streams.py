"""Streams of 20 signals whose truth is known. Rule: a seed and a kind give the same stream, whatever is asked of it.

A day has DAY_EVENTS events; the first is a Monday. Numbers are float32 (n, 20), NaN where missing; a category's levels
are whole numbers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

Values: TypeAlias = NDArray[np.float32]

SIGNALS: Final = 20
DAY_EVENTS: Final = 10_000
FIRST_MS: Final = 1_767_571_200_000  # Monday, 2026-01-05
EVENT_MS: Final = 86_400_000 // DAY_EVENTS
WARM_UP: Final = 2_000


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of stream: what makes it, how long its reference has to be, and the cycle that a user would set."""

    make: Callable[[np.random.Generator, NDArray[np.int64]], Values]
    reference_events: int = 50_000
    cycle: str = "none"
    categories: bool = False


def independent(rng: np.random.Generator, at: NDArray[np.int64]) -> Values:
    """Standard normal."""
    return rng.standard_normal((at.size, SIGNALS), dtype=np.float32)


def autoregressive(phi: float) -> Callable[[np.random.Generator, NDArray[np.int64]], Values]:
    """AR(1) with correlation `phi` from event to event, of variance 1."""

    def make(rng: np.random.Generator, at: NDArray[np.int64]) -> Values:
        noise = rng.standard_normal((at.size + WARM_UP, SIGNALS), dtype=np.float32)
        walk = lfilter([np.sqrt(1 - phi * phi)], [1, -phi], noise, axis=0)
        return np.asarray(walk[WARM_UP:], np.float32)

    return make


def daily(rng: np.random.Generator, at: NDArray[np.int64]) -> Values:
    """A sine of half a deviation over the day, each signal with its own phase."""
    phase = np.arange(SIGNALS) / SIGNALS
    wave = 0.5 * np.sin(2 * np.pi * (at[:, None] / DAY_EVENTS + phase))
    return independent(rng, at) + wave.astype(np.float32)


def weekly(rng: np.random.Generator, at: NDArray[np.int64]) -> Values:
    """A sine over the day, and weekends that are higher."""
    phase = np.arange(SIGNALS) / SIGNALS
    wave = 0.4 * np.sin(2 * np.pi * (at[:, None] / DAY_EVENTS + phase))
    weekend = 0.4 * ((at // DAY_EVENTS) % 7 >= 5)
    return independent(rng, at) + (wave + weekend[:, None]).astype(np.float32)


def student(rng: np.random.Generator, at: NDArray[np.int64]) -> Values:
    """Student t with two degrees of freedom: no variance."""
    return rng.standard_t(2, (at.size, SIGNALS)).astype(np.float32)


def ties(rng: np.random.Generator, at: NDArray[np.int64]) -> Values:
    """Whole numbers, Poisson with mean 3."""
    return rng.poisson(3, (at.size, SIGNALS)).astype(np.float32)


def levels(rng: np.random.Generator, at: NDArray[np.int64]) -> Values:
    """Categories of 50 levels: evenly likely ones, and ones by Zipf's law."""
    even = rng.integers(0, 50, (at.size, SIGNALS // 2))
    zipf = np.minimum(rng.zipf(1.5, (at.size, SIGNALS - SIGNALS // 2)) - 1, 49)
    return np.concatenate([even, zipf], axis=1).astype(np.float32)


def missing(rng: np.random.Generator, at: NDArray[np.int64]) -> Values:
    """Standard normal; 4 % missing each by itself, and outages of five events of all signals."""
    values = independent(rng, at)
    values[rng.random((at.size, SIGNALS), dtype=np.float32) < 0.04] = np.nan
    outage = np.convolve((rng.random(at.size) < 0.002).astype(float), np.ones(5))[: at.size] > 0
    values[outage] = np.nan
    return values


def volatile(rng: np.random.Generator, at: NDArray[np.int64]) -> Values:
    """Stochastic volatility: the log of the deviation is AR(1) with 0.98."""
    noise = rng.standard_normal((at.size + WARM_UP, SIGNALS), dtype=np.float32)
    log_deviation = lfilter([0.3 * np.sqrt(1 - 0.98**2)], [1, -0.98], noise, axis=0)[WARM_UP:]
    values: Values = independent(rng, at) * np.exp(log_deviation).astype(np.float32)
    return values


KINDS: Final[Mapping[str, Kind]] = {
    "independent": Kind(independent),
    "AR(0.5)": Kind(autoregressive(0.5)),
    "AR(0.9)": Kind(autoregressive(0.9)),
    "daily": Kind(daily, cycle="day"),
    "weekly": Kind(weekly, 15 * DAY_EVENTS, "week"),
    "Student t2": Kind(student),
    "ties": Kind(ties),
    "50 levels": Kind(levels, categories=True),
    "5 % missing": Kind(missing),
    "volatility": Kind(volatile),
}


def stream(kind: str, first: int, count: int, seed: int) -> Values:
    """`count` events of a stream of `kind`, from event number `first` on: (count, 20)."""
    rng = np.random.default_rng([seed, *kind.encode(), first])
    return KINDS[kind].make(rng, np.arange(first, first + count, dtype=np.int64))
