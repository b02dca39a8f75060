"""The detectors of one stream, as its model's settings ask for. Rule: built from DETECTORS and nowhere else."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftd.config import DetectorSettings, ModelSettings
from driftd.decode.schema import SignalType
from driftd.detectors.base import Chance, DetectorState, Family, Finding, PaneDetector
from driftd.detectors.registry import DETECTORS, under_budget
from driftd.engine.value_watch import ValueWatch, watch_for
from driftd.reference.panes import Pane
from driftd.reference.profile import Profile

DAY_MS = 86_400_000
LOOKS_WITHOUT_TIME = 1e6
"""Panes per budget assumed where the reference has no duration to learn the rate of events from."""


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
        return states | {key: watch.state() for key, watch in self._values.items()}

    @property
    def over_budget(self) -> tuple[str, ...]:
        """What is expected to raise more false alarms than its share of the budget, calibrated or not."""
        panes = [key.partition(":")[2] for key, detector in self._panes.items() if not detector.within_budget]
        values = [
            f"{watch.name} on {watch.signal}"
            for watch in self._values.values()
            if watch.chosen is not None and not watch.chosen.calibration.reached
        ]
        return (*panes, *values)


def watchers_for(
    profile: Profile,
    settings: ModelSettings,
    pane_events: int,
    share: float,
    states: Mapping[str, Any] | None = None,
) -> Watchers:
    """The detectors of `settings` that suit the signals of `profile`, going on from `states` where given.

    They have `share` of the model's budget.

    A detector whose options (or whose library) have changed since begins anew, and is counted.
    """
    panes: dict[str, PaneDetector] = {}
    values: dict[str, ValueWatch] = {}
    stored = states or {}
    begun_anew = 0
    allowed = chance(profile, settings, pane_events, share)
    for place, wanted in enumerate(settings.detectors):
        spec = DETECTORS[wanted.name]
        signals = _matching(profile, wanted)
        if spec.family is Family.PANES and spec.build_panes is not None and signals:
            key = f"{place}:{wanted.name}"
            panes[key] = spec.build_panes(profile, signals, wanted.options, allowed, stored.get(key))
        elif spec.family is Family.VALUES:
            rows = {int(s): row for row, s in enumerate(profile.number_rows)}
            is_boolean = [signal.type is SignalType.BOOLEAN for signal in profile.schema.signals]
            suited = [s for s in signals if s in rows and (is_boolean[s] or not spec.binary)]
            for s in suited:
                key = f"{place}:{wanted.name}:{profile.schema.signals[s].name}"
                rate_max = allowed.rate / len(suited)
                values[key], stale = watch_for(wanted, profile, s, rows[s], rate_max, stored.get(key, {}))
                begun_anew += stale
    return Watchers(panes, values, begun_anew)


def chance(profile: Profile, settings: ModelSettings, pane_events: int, share: float) -> Chance:
    """The budget of one detector of a stream, by the rate at which the reference's events came.

    The detectors that keep the budget have even parts of the stream's `share`.
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
    sharing = sum(under_budget(wanted.name, wanted.options) for wanted in settings.detectors)
    return Chance(
        looks,
        budget.false_alarms / max(sharing, 1),
        span / share,
        by_time,
        pane_events,
        pane_ms,
        settings.reference.independent_events_min,
        settings.panes.window_events,
    )


def _matching(profile: Profile, wanted: DetectorSettings) -> list[int]:
    return [
        s
        for s, signal in enumerate(profile.schema.signals)
        if any(fnmatchcase(signal.name, pattern) for pattern in wanted.signals)
    ]
