"""The one list of detectors. To add a detector, write its file and add its line to DETECTORS."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from driftd.detectors import distances, evidence, river_drift
from driftd.detectors.base import (
    Chance,
    DetectorState,
    Family,
    Option,
    OptionValue,
    PaneDetector,
    ValueBuilder,
)
from driftd.detectors.calibration import CALIBRATE, CALIBRATE_OPTION, Sensitivity
from driftd.reference.profile import Profile

PaneBuilder: TypeAlias = Callable[
    [Profile, Sequence[int], Mapping[str, OptionValue], Chance, DetectorState | None], PaneDetector
]


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """A detector by name: how it is fed, what may be tuned, and what builds it.

    Exactly one of `build_panes` and `build_values` is set, as `family` says. `binary`: it takes 0 and 1 only.
    `sensitivity`: the option that a calibration chooses.
    """

    name: str
    family: Family
    options: Mapping[str, Option]
    build_panes: PaneBuilder | None = None
    build_values: ValueBuilder | None = None
    binary: bool = False
    sensitivity: Sensitivity | None = None


DETECTORS: Mapping[str, DetectorSpec] = {
    evidence.NAME: DetectorSpec(
        evidence.NAME, Family.PANES, evidence.OPTIONS, build_panes=evidence.EvidenceDetector
    ),
    distances.NAME: DetectorSpec(
        distances.NAME,
        Family.PANES,
        {**distances.OPTIONS, CALIBRATE: CALIBRATE_OPTION},
        build_panes=distances.DistanceDetector,
    ),
} | {
    name: DetectorSpec(
        name,
        Family.VALUES,
        {**options, CALIBRATE: CALIBRATE_OPTION},
        build_values=partial(river_drift.build_river, name),
        binary=name in river_drift.BINARY,
        sensitivity=river_drift.SENSITIVITIES[name],
    )
    for name, options in river_drift.RIVER_OPTIONS.items()
}


def under_budget(name: str, options: Mapping[str, OptionValue]) -> bool:
    """Whether the detector `name` keeps, with `options`, a share of its model's budget."""
    spec = DETECTORS[name]
    return spec.family is Family.PANES or bool(options.get(CALIBRATE))
