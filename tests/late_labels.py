"""A stream whose labels come late, and fraud first: what the tests of performance are about."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftd.performance.expected import Expected, divergence
from driftd.performance.maturity import PeriodReport
from driftd.performance.pairs import Counts, Pairs, class_pairs
from driftd.performance.periods import Periods, PeriodSettings

HOUR_MS = 3_600_000
USUAL, FRAUD = 2, 3
Ints = NDArray[np.int64]


@dataclass
class Stream:
    """A stream of two classes, one in ten is fraud; the model finds half of it, and is right in 97 of 100 others."""

    at_ms: Ints
    predicted: Ints
    label: Ints
    delay_ms: Ints
    hours: int

    ACCURACY = 0.1 * 0.5 + 0.9 * 0.97

    def labelled(self, now_ms: int) -> NDArray[np.bool_]:
        """Whose labels are here by `now_ms`."""
        return self.at_ms + self.delay_ms <= now_ms

    def pairs(self, chosen: Any) -> Pairs:
        """The pairs of `chosen`."""
        return class_pairs(self.predicted[chosen], self.label[chosen], Counts(), classes_max=8)

    def periods(self, options: PeriodSettings) -> Periods:
        """All that has happened by the end of the stream."""
        periods = Periods(options)
        periods.predict(self.at_ms, self.predicted)
        here = self.labelled(self.hours * HOUR_MS)
        periods.label(self.at_ms[here], (self.at_ms + self.delay_ms)[here], self.pairs(here))
        return periods


def fraud_stream(
    seed: int, hours: int = 168, per_hour: int = 2000, drop_from: int | None = None, drop: float = 0.05
) -> Stream:
    """Fraud is labelled after 1.5 hours on average, the rest after 15; from the hour `drop_from` on `drop` is lost."""
    random = np.random.default_rng(seed)
    n = hours * per_hour
    at_ms = np.sort(random.integers(0, hours * HOUR_MS, n))
    fraud = random.random(n) < 0.1
    right = random.random(n) < np.where(fraud, 0.5, 0.97)
    if drop_from is not None:
        right &= (at_ms < drop_from * HOUR_MS) | (random.random(n) > drop / Stream.ACCURACY)
    label = np.where(fraud, FRAUD, USUAL)
    delay_ms = (random.exponential(np.where(fraud, 1.5, 15.0)) * HOUR_MS).astype(np.int64)
    return Stream(at_ms, np.where(right, label, USUAL + FRAUD - label), label, delay_ms, hours)


def deviations(report: PeriodReport, expected: Expected) -> float:
    """How far labels are from what was expected, in standard errors of both."""
    found = divergence(report, expected)
    assert found is not None
    return found.deviations
