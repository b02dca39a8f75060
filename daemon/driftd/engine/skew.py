"""Event times against the timestamps of their records. Rule: a jump is what the model has hardly ever shown.

The distance is counted in bins that double, from 64 s on, so that small clocks' errors are none and the sketch merges.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

FIRST_BIN_MS: Final = 64_000
SIDE_BINS: Final = 30
"""The last one begins at 1,090 years."""
BINS: Final = 2 * SIDE_BINS + 1
LEARN_EVENTS_MIN: Final = 100
RARE: Final = 0.01
"""A bin is strange where fewer of the learned events lie there or further out."""
JUDGE_EVENTS_MIN: Final = 20
JUMPED_SHARE: Final = 0.5
"""A clock has jumped where so many of the events since it was last looked at are strange: of 20 independent events
half and more are so with odds of 1 in 10^15."""


@dataclass(frozen=True, slots=True)
class Jump:
    """Event times are at least `distance_ms` ahead of the records' timestamps (behind, where negative).

    Of `share` of the events at hand that is strange.
    """

    distance_ms: int
    share: float


@dataclass(slots=True)
class Skew:
    """How far event times are from the timestamps of their records: `learned`, and `recent` ones, by bin."""

    learned: list[int] = field(default_factory=lambda: [0] * BINS)
    recent: list[int] = field(default_factory=lambda: [0] * BINS)
    jump: Jump | None = None

    def add(self, skew_ms: NDArray[np.int64]) -> None:
        """Take the distances of n events, (n,)."""
        if len(skew_ms) and int(np.abs(skew_ms).max()) < FIRST_BIN_MS:
            self.recent[SIDE_BINS] += len(skew_ms)
            return
        counts = np.bincount(bins_of(skew_ms), minlength=BINS)
        self.recent = [number + int(more) for number, more in zip(self.recent, counts, strict=True)]

    def look(self) -> Jump | None:
        """Judge by the recent events, which are learned where they are like the others; waits until they are enough."""
        events = sum(self.recent)
        if events < JUDGE_EVENTS_MIN:
            return self.jump
        strange = self._strange() if sum(self.learned) >= LEARN_EVENTS_MIN else []
        far = sum(self.recent[b] for b in strange)
        self.jump = None
        if far >= JUMPED_SHARE * events:
            most = max(strange, key=lambda b: self.recent[b])
            self.jump = Jump(distance_of(most), far / events)
        else:
            self.learned = [sum(both) for both in zip(self.learned, self.recent, strict=True)]
        self.recent = [0] * BINS
        return self.jump

    def _strange(self) -> list[int]:
        rare = RARE * (sum(self.learned) + 1)
        below = [b for b in range(SIDE_BINS) if sum(self.learned[: b + 1]) + 1 < rare]
        return below + [b for b in range(SIDE_BINS + 1, BINS) if sum(self.learned[b:]) + 1 < rare]


def bins_of(skew_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bin of each distance, (n,): SIDE_BINS for near ones, one more for each doubling ahead, one less behind.

    >>> bins_of(np.array([0, 64_000, 3_600_000, -3_600_000])).tolist()
    [30, 31, 36, 24]
    """
    doublings = np.frexp((np.abs(skew_ms) // FIRST_BIN_MS).astype(np.float64))[1]
    return SIDE_BINS + np.sign(skew_ms) * np.minimum(doublings, SIDE_BINS).astype(np.int64)


def distance_of(number: int) -> int:
    """The smallest distance in bin `number`, in milliseconds.

    >>> distance_of(31), distance_of(24)
    (64000, -2048000)
    """
    doublings = number - SIDE_BINS
    nearest = FIRST_BIN_MS << max(abs(doublings) - 1, 0)
    return nearest if doublings > 0 else -nearest
