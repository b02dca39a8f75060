"""Tilts that are learned from the stream itself. Rule: what is bet on a pane is learned from the panes before it.

They catch changes of form that no fixed tilt stands for: two moving averages of how counts deviate from the reference,
a quick and a slow one, and the tilt that would explain them. It is renewed every few panes and stays fixed in between.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.reference.layout import COARSE
from driftd.reference.tilts import LEARNED_BETS, stepped

MEMORY_EVENTS: Final = (512.0, 4096.0)
"""How far back each of the averages looks."""
SHRINKAGE_EVENTS: Final = 100.0
"""So many events of the reference are added, so that a few odd ones make no steep tilt."""
SLOPE_MAX: Final = 3.0
DEVIATION_STEP: Final = 2.0**-5
"""Finer than chance makes any count by far; whole steps take a third of the bytes of floats."""
LATELY_AGE: Final = 3
"""How many renewals old is what an hour not seen is compared with: a change is not to become it before it is found."""
REFRESH_EVENTS: Final = 128
REFRESH_PANES_MIN: Final = 4
"""Long panes: often enough, and no more than a tenth of the work."""


def refresh_panes(pane_events: int) -> int:
    """How many panes a learned tilt stays as it is."""
    return max(REFRESH_EVENTS // pane_events, REFRESH_PANES_MIN)


class Learned:
    """What is learned of s signals.

    `deviation` (2, s, 20): decayed counts minus what was expected, in steps of DEVIATION_STEP; `events` (2,): decayed
    events.
    """

    def __init__(self, signals: int) -> None:
        self.deviation = np.zeros((LEARNED_BETS, signals, COARSE.width))
        self.events = np.zeros(LEARNED_BETS)

    def add(self, counts: NDArray[np.int64], expected: NDArray[np.float64], events: int) -> None:
        """Take the `counts` (s, 20) of some panes, of which `expected` (s, 20) were to be expected."""
        keep = np.exp(-events / np.array(MEMORY_EVENTS))
        deviation = keep[:, None, None] * self.deviation + (counts - expected)
        self.deviation = np.rint(deviation / DEVIATION_STEP) * DEVIATION_STEP
        self.events = keep * self.events + events

    def lately(self) -> NDArray[np.float64]:
        """By how much the latest shares differ from the expected ones, (s, 20)."""
        shares: NDArray[np.float64] = self.deviation[0] / max(self.events[0], 1.0)
        return shares

    def slopes(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """The tilts learned, (s, 20, 2), 0 for bins that hold no values; `probabilities` (s, 20)."""
        base = (self.events[:, None, None] + SHRINKAGE_EVENTS) * np.maximum(probabilities, 1e-12)
        ratio = np.maximum(1 + self.deviation / base, np.exp(-SLOPE_MAX))
        slopes = np.log(ratio)
        slopes[:, probabilities <= 0] = 0.0
        slopes[:, :, COARSE.values :] = 0.0
        return stepped(np.minimum(slopes, SLOPE_MAX)).transpose(1, 2, 0).copy()
