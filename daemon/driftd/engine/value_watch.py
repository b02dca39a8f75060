"""One value detector on one signal, as sensitive as it is told to be or as the budget allows.

Rule: a calibration is part of the state, so it is done once for a reference and a budget, and a restart is invisible.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftd.config import DetectorSettings
from driftd.detectors.base import (
    DetectorState,
    Effect,
    Finding,
    OptionValue,
    StaleState,
    ValueDetector,
)  # fmt: skip
from driftd.detectors.calibration import CALIBRATE, SEED, Calibration, calibrated
from driftd.detectors.registry import DETECTORS
from driftd.reference.arrays import array_to_json, floats_from_json
from driftd.reference.panes import Place
from driftd.reference.profile import Profile
from driftd.reference.resample import resampled

NOWHERE = Place(0, "", 0, 0)
"""Stands for an onset that the stream has still to work out."""

RECENT_VALUES = 64
"""So many latest values tell how a signal is since the change, where a detector does not say."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A calibration, and what it was made for: budget, reference and options, as JSON has them."""

    calibration: Calibration
    made_for: list[Any]

    def state(self) -> DetectorState:
        """As JSON."""
        return {
            "value": self.calibration.value,
            "reached": self.calibration.reached,
            "made_for": self.made_for,
        }


@dataclass(slots=True)
class ValueWatch:
    """A value detector on one signal: `row` is the signal's row among the numbers, `name` the detector's.

    `recent` are the latest values, at most RECENT_VALUES. `chosen` is what a calibration chose, where it was asked for.
    """

    name: str
    signal: str
    row: int
    detector: ValueDetector
    recent: NDArray[np.float64]
    chosen: Chosen | None = None

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

    def state(self) -> DetectorState:
        """All that `watch_for` needs to go on exactly like this watch."""
        state: DetectorState = {"detector": self.detector.state(), "recent": array_to_json(self.recent)}
        return state if self.chosen is None else {**state, "chosen": self.chosen.state()}


def _mean_until(known: NDArray[np.float64], index: int, length: int) -> float:
    """Mean of the finite values of the last `length` ones up to `index`, of a bounded number of them."""
    span = min(length, RECENT_VALUES) if length > 1 else RECENT_VALUES
    latest = known[max(index + 1 - span, 0) : index + 1]
    finite = latest[np.isfinite(latest)]
    return float(finite.sum() / finite.size) if finite.size else 0.0


def watch_for(
    wanted: DetectorSettings,
    profile: Profile,
    signal: int,
    row: int,
    rate_max: float,
    state: Mapping[str, Any],
) -> tuple[ValueWatch, bool]:
    """The watch of `wanted` on a `signal` of `profile`; and whether its detector had to begin anew.

    It goes on from `state`, empty where there is none. At most `rate_max` false alarms per event are its share of the
    budget, if it is to be calibrated.
    """
    build = DETECTORS[wanted.name].build_values
    if build is None:
        raise RuntimeError(f"{wanted.name} is fed with panes, not values: a bug of driftd")
    scale, options = profile.scale(signal), dict(wanted.options)
    chosen = None
    sensitivity = DETECTORS[wanted.name].sensitivity
    if sensitivity is not None and options.get(CALIBRATE):
        chosen = _chosen(wanted, profile, signal, rate_max, state.get("chosen"))
        options[sensitivity.option] = chosen.calibration.value
    stale = False
    try:
        detector = build(options, scale, state.get("detector"))
    except StaleState:
        detector, state, stale = build(options, scale, None), {}, True
    recent = floats_from_json(state["recent"]) if state else np.empty(0)
    name = profile.schema.signals[signal].name
    return ValueWatch(wanted.name, name, row, detector, recent, chosen), stale


def _chosen(
    wanted: DetectorSettings, profile: Profile, signal: int, rate_max: float, stored: Mapping[str, Any] | None
) -> Chosen:
    """What was chosen before for this budget, reference and options; else it is chosen now."""
    spec, scale = DETECTORS[wanted.name], profile.scale(signal)
    made_for = [rate_max, profile.events, profile.last_ms, scale.mean, scale.deviation, dict(wanted.options)]
    if stored is not None and stored["made_for"] == made_for:
        return Chosen(Calibration(stored["value"], stored["reached"]), made_for)
    build, sensitivity = spec.build_values, spec.sensitivity
    if build is None or sensitivity is None:
        raise RuntimeError(f"{wanted.name} cannot be calibrated: a bug of driftd")

    def built(value: OptionValue) -> ValueDetector:
        return build({**wanted.options, sensitivity.option: value}, scale, None)

    values = resampled(profile, signal, sensitivity.values, SEED)
    calibration = calibrated(built, sensitivity, values, rate_max, _scatter(profile, signal))
    if not profile.history.blocks:
        # of a reference that was stored without it nobody knows how it wanders
        calibration = Calibration(calibration.value, reached=False)
    return Chosen(calibration, made_for)


def _scatter(profile: Profile, signal: int) -> float:
    """How many values tell as much as one independent one; infinitely many where they follow a cycle."""
    if profile.null is None:
        return 1.0
    if profile.null.cyclic[signal]:
        # a scatter around the cycle says nothing of a detector that does not know of it
        return float("inf")
    return float(profile.null.scatter[signal, 0])
