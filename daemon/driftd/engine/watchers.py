"""The detectors of one stream, as its model's settings ask for. Rule: built from DETECTORS and nowhere else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftd.config import DetectorSettings, ModelSettings
from driftd.decode.schema import SignalType
from driftd.detectors.base import (
    Chance,
    DetectorState,
    Effect,
    Family,
    Finding,
    PaneDetector,
    StaleState,
    ValueDetector,
)  # fmt: skip
from driftd.detectors.registry import DETECTORS
from driftd.reference.arrays import array_to_json, floats_from_json
from driftd.reference.panes import Pane, Place
from driftd.reference.profile import Profile

DAY_MS = 86_400_000
LOOKS_WITHOUT_TIME = 1e6
"""Panes per budget assumed where the reference has no duration to learn the rate of events from."""


STREAMS = 2
"""Inputs and outcomes of a model."""

NOWHERE = Place(0, "", 0, 0)
"""Stands for an onset that the stream has still to work out."""

RECENT_VALUES = 64
"""So many latest values tell how a signal is since the change, where a detector does not say."""


@dataclass(slots=True)
class ValueWatch:
    """A value detector on one signal: `row` is the signal's row among the numbers, `name` the detector's.

    `recent` are the latest values, at most RECENT_VALUES.
    """

    name: str
    signal: str
    row: int
    detector: ValueDetector
    recent: NDArray[np.float64]

    def update(self, values: NDArray[np.float64]) -> list[tuple[int, Finding, int]]:
        """Feed `values` (n,); its detections: (index, finding, length), the onset still open."""
        detections = self.detector.update(values)
        known = np.concatenate([self.recent, values])
        shift, self.recent = self.recent.size, known[-RECENT_VALUES:].copy()
        found: list[tuple[int, Finding, int]] = []
        for detection in detections:
            mean = _mean_until(known, shift + detection.index, detection.length)
            finding = Finding(self.signal, Effect.SHIFT, self.name, 1.0, 1.0, NOWHERE, mean, weighed=True)
            found.append((detection.index, finding, detection.length))
        return found


def _mean_until(known: NDArray[np.float64], index: int, length: int) -> float:
    """Mean of the finite values of the last `length` ones up to `index`, of a bounded number of them."""
    span = min(length, RECENT_VALUES) if length > 1 else RECENT_VALUES
    latest = known[max(index + 1 - span, 0) : index + 1]
    finite = latest[np.isfinite(latest)]
    return float(finite.sum() / finite.size) if finite.size else 0.0


class Watchers:
    """All detectors of one stream. Keys name a detector, its place in the settings, and its signal."""

    def __init__(
        self, panes: dict[str, PaneDetector], values: dict[str, ValueWatch], begun_anew: int = 0
    ) -> None:
        """`begun_anew`: how many detectors could not go on from their stored state."""
        self._panes = panes
        self._values = values
        self.begun_anew = begun_anew

    def panes(self, panes: Sequence[Pane], windows: Sequence[Sequence[Pane]]) -> list[list[Finding]]:
        """What the pane detectors say of each of `panes`, whose windows are `windows`."""
        found: list[list[Finding]] = [[] for _ in panes]
        for detector in self._panes.values():
            for number, findings in enumerate(detector.update(panes, windows)):
                found[number] += findings
        return found

    def values(self, numbers: NDArray[np.float64]) -> list[tuple[int, Finding, int]]:
        """What the value detectors find in `numbers` (rows, n): (index, finding, length), by index."""
        found = [item for watch in self._values.values() for item in watch.update(numbers[watch.row])]
        return sorted(found, key=lambda item: item[0])

    @property
    def refused(self) -> int:
        """Poison values that were kept from value detectors."""
        return sum(watch.detector.refused for watch in self._values.values())

    def state(self) -> dict[str, DetectorState]:
        """The state of each detector by its key."""
        states = {key: detector.state() for key, detector in self._panes.items()}
        for key, watch in self._values.items():
            states[key] = {"detector": watch.detector.state(), "recent": array_to_json(watch.recent)}
        return states


def watchers_for(
    profile: Profile, settings: ModelSettings, pane_events: int, states: Mapping[str, Any] | None = None
) -> Watchers:
    """The detectors of `settings` that suit the signals of `profile`, going on from `states` where given.

    A detector whose options (or whose library) have changed since begins anew, and is counted.
    """
    panes: dict[str, PaneDetector] = {}
    values: dict[str, ValueWatch] = {}
    stored = states or {}
    begun_anew = 0
    for place, wanted in enumerate(settings.detectors):
        spec = DETECTORS[wanted.name]
        signals = _matching(profile, wanted)
        if spec.family is Family.PANES and spec.build_panes is not None and signals:
            key = f"{place}:{wanted.name}"
            panes[key] = spec.build_panes(
                profile, signals, wanted.options, chance(profile, settings, pane_events), stored.get(key)
            )
        elif spec.build_values is not None:
            rows = {int(s): row for row, s in enumerate(profile.number_rows)}
            for s in signals:
                signal = profile.schema.signals[s]
                if s not in rows or (spec.binary and signal.type is not SignalType.BOOLEAN):
                    continue
                key = f"{place}:{wanted.name}:{signal.name}"
                scale, own = profile.scale(s), stored.get(key, {})
                try:
                    detector = spec.build_values(wanted.options, scale, own.get("detector"))
                except StaleState:
                    detector, own = spec.build_values(wanted.options, scale, None), {}
                    begun_anew += 1
                recent = floats_from_json(own["recent"]) if own else np.empty(0)
                values[key] = ValueWatch(wanted.name, signal.name, rows[s], detector, recent)
    return Watchers(panes, values, begun_anew)


def chance(profile: Profile, settings: ModelSettings, pane_events: int) -> Chance:
    """The budget of a stream, by the rate at which the reference's events came.

    A model's two streams share its budget, so each has half of it.
    """
    budget = settings.budget
    duration_ms = profile.last_ms - profile.first_ms
    pane_ms = max(duration_ms, 0) / max(profile.events, 1) * pane_events
    by_time = budget.per_events is None and pane_ms > 0
    if budget.per_events is not None:
        span: float = budget.per_events
        looks = span / pane_events
    elif pane_ms > 0:
        span = budget.per_days * DAY_MS
        looks = span / pane_ms
    else:
        looks = LOOKS_WITHOUT_TIME
        span = looks * pane_events
    return Chance(
        looks,
        budget.false_alarms,
        span * STREAMS,
        by_time,
        pane_events,
        pane_ms,
        settings.reference.independent_events_min,
    )


def _matching(profile: Profile, wanted: DetectorSettings) -> list[int]:
    return [
        s
        for s, signal in enumerate(profile.schema.signals)
        if any(fnmatchcase(signal.name, pattern) for pattern in wanted.signals)
    ]
