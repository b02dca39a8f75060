"""Streams of predictions, labels, corrections and ticks whose truth is known, in the order in which they happen."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftd.labelling.finding import LabelFinding
from driftd.labelling.stream import Comes, LabelStreamWatch

START_MS = 1_780_000_000_000
HOUR_MS = 3_600_000
Delays = Callable[[np.random.Generator, int], NDArray[np.float64]]
Event = tuple[int, Comes, int | None, bool]


def minutes(median: float, spread: float = 1.0) -> Delays:
    """Log-normal delays with a median in minutes."""
    return lambda rng, count: rng.lognormal(np.log(median * 60_000), spread, count)


TEN_MINUTES = minutes(10)


@dataclass(frozen=True)
class Feed:
    """Predictions of which `labelled` get a label and `corrected` of those another; the rest is since `change_h`."""

    hours: float = 40.0
    predictions_per_h: float = 1_200.0
    delays: Delays = TEN_MINUTES
    labelled: float = 0.8
    corrected: float = 0.02
    daily: float = 0.0
    change_h: float = 20.0
    traffic: float = 1.0
    kept: float = 1.0
    slower: float = 1.0
    corrected_then: float | None = None

    def events(self, rng: np.random.Generator) -> list[Event]:
        """All events by time, with a tick each minute."""
        most = max(self.traffic, 1.0) * (1 + self.daily)
        at = np.sort(rng.random(int(self.hours * self.predictions_per_h * most))) * self.hours
        wave = 1 + self.daily * np.sin(at / 24 * 2 * np.pi)
        at = at[rng.random(at.size) * most < wave * np.where(at >= self.change_h, self.traffic, 1.0)]
        delay = self.delays(rng, at.size) / HOUR_MS * np.where(at >= self.change_h, self.slower, 1.0)
        late = at + delay >= self.change_h
        known = (rng.random(at.size) < self.labelled) & ~(late & (rng.random(at.size) >= self.kept))
        then = self.corrected if self.corrected_then is None else self.corrected_then
        again = known & (rng.random(at.size) < np.where(late, then, self.corrected))
        events = [ms(a, Comes.PREDICTION, None) for a in at]
        events += [
            ms(a + d, Comes.LABEL, a) for a, d in zip(at[known].tolist(), delay[known].tolist(), strict=True)
        ]
        events += [
            (*ms(a + d + rng.exponential(1.0), Comes.LABEL, a)[:3], True)
            for a, d in zip(at[again].tolist(), delay[again].tolist(), strict=True)
        ]
        events += [ms(i / 60, Comes.TICK, None) for i in range(int(self.hours * 60))]
        return sorted(
            (event for event in events if event[0] < START_MS + self.hours * HOUR_MS),
            key=lambda event: event[0],
        )


def ms(hour: float, comes: Comes, predicted_h: float | None) -> Event:
    """An event of hours since START_MS; no correction."""
    predicted = None if predicted_h is None else START_MS + int(predicted_h * HOUR_MS)
    return START_MS + int(hour * HOUR_MS), comes, predicted, False


def fed(watch: LabelStreamWatch, events: list[Event]) -> list[LabelFinding]:
    """What is found in `events`."""
    at_ms, comes, predicted, corrected = ([event[i] for event in events] for i in range(4))
    return watch.update(comes, at_ms, predicted, corrected)  # type: ignore[arg-type]


def found_hours(
    watch: LabelStreamWatch, events: list[Event], change_h: float
) -> Iterator[tuple[float, LabelFinding]]:
    """Each finding, and the hours from `change_h` until it is told."""
    for begin in range(0, len(events), 200):
        part = events[begin : begin + 200]
        for finding in fed(watch, part):
            yield (part[-1][0] - START_MS) / HOUR_MS - change_h, finding
