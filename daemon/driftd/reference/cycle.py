"""The cycles that traffic follows. Rule: by event time in UTC, in buckets whose number depends on the instant alone."""

from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

HOUR_MS: Final = 3_600_000
HOURS: Final = 24
DAY_MS: Final = HOUR_MS * HOURS
DAYS: Final = 7
FIRST_DAY: Final = 3
"""1970-01-01 was a Thursday; days are counted from Monday."""
WEEKEND_FROM: Final = 5


class Cycle(StrEnum):
    """What a signal's distribution may follow besides the model."""

    NONE = "none"
    DAY = "day"
    """The hour of the day."""
    WEEK = "week"
    """The hour of the day, apart for weekdays and weekends: 48 buckets, because 168 take months to fill."""

    @property
    def buckets(self) -> int:
        """How many buckets an instant can fall into."""
        return {Cycle.NONE: 1, Cycle.DAY: HOURS, Cycle.WEEK: 2 * HOURS}[self]


def buckets_of(at_ms: NDArray[np.int64], cycle: Cycle) -> NDArray[np.int64]:
    """The bucket of each instant, same shape as `at_ms`.

    >>> buckets_of(np.array([1_767_571_200_000, 1_768_003_200_000]), Cycle.WEEK).tolist()  # a Monday, a Saturday
    [0, 24]
    """
    hours = at_ms // HOUR_MS
    if cycle is Cycle.NONE:
        return np.zeros_like(hours)
    hour = hours % HOURS
    if cycle is Cycle.DAY:
        return hour
    weekend = (hours // HOURS + FIRST_DAY) % DAYS >= WEEKEND_FROM
    return hour + HOURS * weekend


def bucket_of(at_ms: int, cycle: Cycle) -> int:
    """The bucket of one instant, as `buckets_of` has it.

    >>> bucket_of(1_768_003_200_000, Cycle.WEEK)
    24
    """
    hours = at_ms // HOUR_MS
    if cycle is Cycle.NONE:
        return 0
    weekend = cycle is Cycle.WEEK and (hours // HOURS + FIRST_DAY) % DAYS >= WEEKEND_FROM
    return hours % HOURS + HOURS * weekend


def days_of(at_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of the day of each instant, same shape as `at_ms`."""
    return at_ms // DAY_MS
