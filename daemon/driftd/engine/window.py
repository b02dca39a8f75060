"""The latest panes of a stream. Rule: near the present pane by pane, farther back merged: many events, few panes."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftd.reference.layout import COARSE
from driftd.reference.panes import Pane, Place, merged
from driftd.reference.profile import Profile

EQUALS_MAX: Final = 6
"""So many panes of one length are kept before the two oldest of them are merged."""

PANE_MS: Final = 1_000.0
PANE_EVENTS_MIN: Final = 16
PANE_EVENTS_MAX: Final = 512
RARE_EVENT_MS: Final = 600_000.0
RARE_PANE_EVENTS: Final = 4
"""Where events come minutes apart, a pane of 16 would keep people waiting for hours."""


class Window:
    """Panes of the latest `events`, oldest first."""

    def __init__(self, events: int) -> None:
        self.events = events
        self.panes: list[Pane] = []

    def add(self, pane: Pane) -> tuple[Pane, ...]:
        """Take the next pane; the window that ends with it."""
        self.panes.append(pane)
        length = pane.events
        while (equals := [i for i, p in enumerate(self.panes) if p.events == length]) and len(
            equals
        ) > EQUALS_MAX:
            first = equals[0]
            self.panes[first : first + 2] = [merged(self.panes[first : first + 2])]
            length *= 2
        while len(self.panes) > 1 and sum(p.events for p in self.panes[1:]) >= self.events:
            del self.panes[0]
        return self.taken()

    def taken(self) -> tuple[Pane, ...]:
        """The panes as they are now."""
        return tuple(self.panes)


def pane_events_for(at_ms: NDArray[np.int64]) -> int:
    """How many events a pane should hold where events come as at `at_ms` (n,): about a second of them.

    >>> pane_events_for(np.arange(500) * 10)
    64
    """
    interval_ms = float(at_ms.max() - at_ms.min()) / max(at_ms.size - 1, 1) if at_ms.size else 0.0
    if interval_ms > RARE_EVENT_MS:
        return RARE_PANE_EVENTS
    wanted = PANE_MS / max(interval_ms, 1e-3)
    exponent = int(np.floor(np.log2(wanted))) if wanted >= 1 else 0
    return int(np.clip(1 << min(exponent, 20), PANE_EVENTS_MIN, PANE_EVENTS_MAX))


def events_and_mean(profile: Profile, signal: int, panes: Iterable[Pane]) -> tuple[int, float]:
    """How many values of `signal` the `panes` hold, and their mean; 0 of none."""
    events = total = 0
    for pane in panes:
        counts = pane.counts[signal]
        events += int(counts[: COARSE.above + 1].sum() - counts[COARSE.missing])
        total += int(pane.sums[signal])
    if not events:
        return 0, 0.0
    return events, float(profile.center[signal] + profile.quantum[signal] * (total / events))


def onset_before(window: Sequence[Pane], length: int, in_pane: int, first: Place) -> Place:
    """Where the pane begins in which the last `length` events began, as far as `window` reaches back.

    `in_pane` of them are in the pane at hand, which began at `first`. To the pane and not to the event:
    where panes begin is known whatever way the events came.
    """
    before = length - in_pane
    for pane in reversed(window):
        if before <= 0:
            break
        first, before = pane.first, before - pane.events
    return first
