"""River's drift detectors by name, behind a guard. Rule: no value reaches River that could blind it.

One NaN blinds ADWIN and PageHinkley for good, so only finite values pass; what is refused is counted. Real
values are standardised by the signal's reference, so that options mean the same for every signal. Detections
are counted here, because River resets its own counters. This is the only file that imports river, and it
does so when the first detector is built: the import takes a second.

>>> import numpy as np
>>> from driftd.detectors.base import Scale
>>> stream = np.random.default_rng(7).normal(50.0, 4.0, 2000)
>>> stream[1000:] += 20.0
>>> build_river("adwin", {}, Scale(mean=50.0, deviation=4.0), None).update(stream)
[Detection(index=1023, length=32)]
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftd.detectors.base import Detection, DetectorState, Option, OptionValue, Scale
from driftd.detectors.calibration import Axis, Sensitivity
from driftd.detectors.river_state import read_fields, seal, unseal, write_fields

DEVIATIONS_MAX: Final = 1e4
"""A value further from the reference's mean, in its deviations, is of another unit or not of this signal.

Nothing that follows the reference gets there (a Student t with 2 degrees of freedom: once in 10^8 values),
and one such value would hold ADWIN's variance, so its threshold, high until its bucket is dropped.
"""

DEVIATIONS_FED_MAX: Final = 20.0
"""Values further away than so many deviations are fed as if they were so far away.

Measured: one value 9,000 deviations away, as after a unit a thousand times smaller, and ADWIN did not find a shift
of 5 deviations 150 values later in 2,300 values; at 1,000 deviations it took 1,200 values instead of 35. At 20 it
takes 35, and Page-Hinkley, whose threshold is 50, does not take one value for a change. Kept out they must not be:
a loss that rises for good to 100 deviations has to be found.
"""

CONFIDENCE: Final = (1e-12, 0.5)
LEAST: Final = 1e-300
"""River takes a confidence as small as this: its bounds grow with the root of the logarithm."""

RIVER_OPTIONS: Final[Mapping[str, Mapping[str, Option]]] = {
    "adwin": {
        "delta": Option(0.002, "significance: the smaller, the fewer false alarms and the later", LEAST, 1.0),
        "clock": Option(32, "values between two looks for a change", 1, 100_000),
        "max_buckets": Option(5, "buckets of each size that are kept before two are merged", 1, 100),
        "min_window_length": Option(5, "values that each side of a cut must have", 1, 1_000_000),
        "grace_period": Option(10, "values before the first look", 1, 1_000_000),
    },
    "page_hinkley": {
        "min_instances": Option(30, "values before the first look", 1, 1_000_000),
        "delta": Option(
            0.005, "change of the mean that is tolerated, in deviations of the reference", 0.0, 100.0
        ),
        "threshold": Option(50.0, "sum of excess deviations that is a change (lambda)", 0.0, 1e9),
        "alpha": Option(
            0.9999, "share of the sum that each value leaves standing (1: it forgets nothing)", 0.0, 1.0
        ),
        "mode": Option("both", 'which change of the mean counts: "up", "down" or "both"'),
    },
    "kswin": {
        "alpha": Option(0.005, "p-value of the Kolmogorov-Smirnov test that is a change", 1e-12, 0.5),
        "window_size": Option(100, "values in the sliding window", 100, 10_000),
        "stat_size": Option(
            30, "latest values that are compared with as many drawn from those before", 5, 50
        ),
        "seed": Option(7, "seed of the drawing: equal seeds, equal detections", 0, 2**32 - 1),
    },
    "ddm": {
        "warm_start": Option(30, "values before the first look", 1, 1_000_000),
        "warning_threshold": Option(2.0, "deviations above the least error rate: a warning", 0.0, 1e3),
        "drift_threshold": Option(3.0, "deviations above the least error rate: a change", 0.0, 1e3),
    },
    "eddm": {
        "warm_start": Option(30, "errors before the first look", 1, 1_000_000),
        "alpha": Option(0.95, "ratio of the distance between errors to its peak that is a warning", 0.9, 1.0),
        "beta": Option(0.9, "ratio of the distance between errors to its peak that is a change", 0.0, 0.9),
    },
    "fhddm": {
        "sliding_window_size": Option(100, "values in the sliding window", 50, 10_000),
        "confidence_level": Option(1e-6, "probability of a false change by Hoeffding's bound", *CONFIDENCE),
        "short_window_size": Option(0, "latest values that are looked at besides, 0 for none", 0, 50),
    },
    "hddm_a": {
        "drift_confidence": Option(0.001, "significance of a change by Hoeffding's bound", LEAST, 0.5),
        "warning_confidence": Option(0.005, "significance of a warning", *CONFIDENCE),
        "two_sided_test": Option(False, "a falling error rate is a change too"),
    },
    "hddm_w": {
        "drift_confidence": Option(0.001, "significance of a change by McDiarmid's bound", LEAST, 0.5),
        "warning_confidence": Option(0.005, "significance of a warning", *CONFIDENCE),
        "lambda_val": Option(0.05, "weight of the latest value in the moving average", 1e-6, 1.0),
        "two_sided_test": Option(False, "a falling error rate is a change too"),
    },
}  # fmt: skip
"""By detector, River's constructor options and River's defaults, except that `kswin` has a seed.

Any combination within the ranges can be built (`mode` is one of its three words).
"""

CONFIDENCES: Final = (
    0.5,
    0.2,
    0.1,
    0.05,
    0.02,
    0.01,
    1e-3,
    1e-4,
    1e-6,
    1e-9,
    1e-13,
    1e-20,
    1e-40,
    1e-80,
    1e-160,
    LEAST,
)
SENSITIVITIES: Final[Mapping[str, Sensitivity]] = {
    "adwin": Sensitivity(
        "delta",
        Axis.SIGNIFICANCE,
        (1.0, 0.3, *(10.0**-e for e in (1, 1.5, 2, 3, 4, 6, 8, 11, 15, 20, 30, 45, 70, 100, 150, 220)), LEAST),
        50_000,
    ),
    # sums of more than 10,000 values come out of this one by its own forgetting (alpha)
    "page_hinkley": Sensitivity(
        "threshold",
        Axis.ROOT,
        (20.0, 40.0, 56.0, 80.0, *(110.0 * 1.4**n for n in range(13)), 1e4),
        50_000,
    ),
    # 260 us per value, so few of them
    "kswin": Sensitivity("alpha", Axis.SIGNIFICANCE, (0.2, 0.1, 0.05, 0.02, 0.01, 1e-3, 1e-5, 1e-8, 1e-12), 3_000),
    "ddm": Sensitivity(
        "drift_threshold", Axis.UP, (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 11.0, 15.0, 20.0), 50_000
    ),
    "eddm": Sensitivity("beta", Axis.DOWN, (0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1), 50_000),
    "fhddm": Sensitivity(
        "confidence_level",
        Axis.SIGNIFICANCE,
        (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8, 1e-10, 1e-12),
        50_000,
    ),
    "hddm_a": Sensitivity("drift_confidence", Axis.SIGNIFICANCE, CONFIDENCES, 20_000),
    "hddm_w": Sensitivity("drift_confidence", Axis.SIGNIFICANCE, CONFIDENCES, 20_000),
}  # fmt: skip
"""By detector, the option that a calibration chooses."""

BINARY: Final = frozenset({"ddm", "eddm", "fhddm", "hddm_a", "hddm_w"})
"""Those that take 0 (right) and 1 (wrong) only, as they are."""


class RiverDetector:
    """A `ValueDetector` around the River detector `name`. Restored states go on bit for bit.

    `refused`: values kept from River. `detections`: changes found since the detector was first built.
    """

    __slots__ = ("_detector", "_expected", "_name", "_scale", "detections", "refused")

    def __init__(
        self, name: str, options: Mapping[str, OptionValue], scale: Scale, state: DetectorState | None
    ) -> None:
        """Build `name`; what `options` leaves out has its default. Raises RiverStateError, see `unseal`."""
        chosen = {key: options.get(key, option.default) for key, option in RIVER_OPTIONS[name].items()}
        build, version = _river(name)
        self._name = name
        self._scale = scale
        self._detector = build(**{**chosen, **_without_short_window(chosen)})
        self._expected: dict[str, object] = {
            "detector": name,
            "river": version,
            "options": chosen,
            "scale": None if name in BINARY else [float(scale.mean), float(scale.deviation)],
        }
        self.refused = 0
        self.detections = 0
        if state is not None:
            stored = unseal(state, self._expected)
            self.refused, self.detections = stored["refused"], stored["detections"]
            write_fields(name, self._detector, stored["fields"])

    def update(self, values: NDArray[np.float64]) -> list[Detection]:
        """Feed `values`, shape (n,), in the signal's own unit; see `ValueDetector.update`."""
        indices, accepted = self._guarded(values)
        detector, found = self._detector, []
        for index, value in zip(indices, accepted, strict=True):
            detector.update(value)
            if detector.drift_detected:
                found.append(Detection(index, self._length()))
        self.refused += len(values) - len(accepted)
        self.detections += len(found)
        return found

    def state(self) -> DetectorState:
        """Everything as JSON numbers under one checksum; native parts as their own bytes in base64."""
        content = {
            **self._expected,
            "refused": self.refused,
            "detections": self.detections,
            "fields": read_fields(self._name, self._detector),
        }
        return seal(content)

    def _guarded(self, values: NDArray[np.float64]) -> tuple[list[int], list[float]]:
        if self._name in BINARY:
            # River's FHDDM looks for fewer ones. Fed with errors, as its page says, it waits for them to
            # fall: a rise from 0.05 to 0.5 was found after 2,465 to 3,928 values instead of 49 to 60.
            fed = 1.0 - values if self._name == "fhddm" else values
            good = (values == 0.0) | (values == 1.0)
        else:
            with np.errstate(over="ignore", invalid="ignore"):
                fed = (values - self._scale.mean) / self._scale.deviation
                good = np.abs(fed) <= DEVIATIONS_MAX  # False for NaN and infinity, too
            fed = np.minimum(np.maximum(fed, -DEVIATIONS_FED_MAX), DEVIATIONS_FED_MAX)
        return good.nonzero()[0].tolist(), fed[good].tolist()

    def _length(self) -> int:
        """Values after the cut, while River has not yet dropped its window."""
        return int(self._detector.width) if self._name == "adwin" else 1


def build_river(
    name: str, options: Mapping[str, OptionValue], scale: Scale, state: DetectorState | None
) -> RiverDetector:
    """The detector `name` of RIVER_OPTIONS, going on from `state` where given.

    Raises RiverStateError where `state` is damaged, or of another River, detector, scale or other options.
    """
    return RiverDetector(name, options, scale, state)


def _without_short_window(options: Mapping[str, OptionValue]) -> Mapping[str, None]:
    """River's word for no short window; TOML has no word for nothing, so ours is 0."""
    return {"short_window_size": None} if options.get("short_window_size") == 0 else {}


def load_river() -> None:
    """Import River now, so that the first event that needs a detector does not wait for it."""
    _river("adwin")


def _river(name: str) -> tuple[Callable[..., Any], str]:
    """The class of the River detector `name`, and River's version."""
    from river import drift  # noqa: PLC0415  the import takes a second, which no other command should wait for
    from river.__version__ import __version__  # noqa: PLC0415  as above

    classes: dict[str, Callable[..., Any]] = {
        "adwin": drift.ADWIN,
        "page_hinkley": drift.PageHinkley,
        "kswin": drift.KSWIN,
        "ddm": drift.binary.DDM,
        "eddm": drift.binary.EDDM,
        "fhddm": drift.binary.FHDDM,
        "hddm_a": drift.binary.HDDMA,
        "hddm_w": drift.binary.HDDMW,
    }
    return classes[name], __version__
