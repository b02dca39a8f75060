"""Concept drift in published streams: the error of a model, frozen or learning on, and who notices.

The streams are those of Lobo ("Synthetic datasets for concept drift detection purposes", 2020): sine, sea, stagger,
mixed and random trees of four concepts each, abrupt or gradual. A change counts as found by the first alarm within a
tenth of the stream after its begin; alarms outside of these spans are false.
"""

import gzip
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from river import tree

from benchmarks.detection.peers import BINARY
from benchmarks.detection.subjects import EventPlaces
from benchmarks.report import Row
from driftd.config_models import ModelSettings
from driftd.decode.schema import Schema, Signal, SignalType
from driftd.detectors.river_drift import RIVER_OPTIONS
from driftd.engine.stream import Stream, StreamName
from driftd.reference.cut import start
from driftd.reference.panes import Columns

FOLDER: Final = "sine_sea_stagger_mixed"
TRAINING_EVENTS: Final = 5_000
ABRUPT: Final = (10_000, 20_000, 30_000)
GRADUAL: Final = (9_000, 19_500, 30_000)
"""Where the changes begin, as the error of a frozen model shows: the files do not say."""
SETTLE_EVENTS: Final = 1_000
REFERENCE_EVENTS: Final = 1_000
ERROR: Final = Schema((Signal("error", SignalType.BOOLEAN),))


def errors_of(file: Path, frozen: bool) -> NDArray[np.float64]:
    """0 or 1 for each event after the training: whether a Hoeffding tree errs, frozen then or learning on."""
    with gzip.open(file, "rt", encoding="utf-8") as text:
        rows = np.loadtxt(text, delimiter=",", skiprows=1)
    model = tree.HoeffdingTreeClassifier(grace_period=50)
    errors = np.zeros(len(rows))
    for index, row in enumerate(rows.tolist()):
        features, answer = dict(enumerate(row[:-1])), row[-1]
        errors[index] = model.predict_one(features) != answer
        if index < TRAINING_EVENTS or not frozen:
            model.learn_one(features, answer)
    return errors[TRAINING_EVENTS:]


def river_alarms(build: Callable[[], Any]) -> Callable[[NDArray[np.float64]], list[int]]:
    """The alarms of one of River's detectors, which begins anew after each by itself."""

    def alarms(errors: NDArray[np.float64]) -> list[int]:
        detector, found = build(), []
        for index, error in enumerate(errors.tolist()):
            detector.update(error)
            if detector.drift_detected:
                found.append(index)
        return found

    return alarms


def settings_of(detector: Mapping[str, Any], budget_events: int) -> ModelSettings:
    """Those of a stream of errors watched by one `detector`."""
    return ModelSettings.model_validate(
        {
            "budget": {"per_events": budget_events},
            "panes": {"events": 16},
            "reference": {
                "grow_days": 0.0,
                "cycle": "none",
                "independent_events_min": 0,
            },
            "labels": {"reference_events": REFERENCE_EVENTS},
            "detectors": [detector],
        }
    )


def evidence_alarms(budget_events: int) -> Callable[[NDArray[np.float64]], list[int]]:
    """The alarms of evidence, which after each settles and takes a new reference, as after a new version."""
    settings = settings_of({"name": "evidence"}, budget_events)

    def alarms(errors: NDArray[np.float64]) -> list[int]:
        found: list[int] = []
        begin = 0
        while begin + REFERENCE_EVENTS < errors.size:
            stream = Stream(StreamName.OUTCOMES, "measured", None, settings, 10)
            rest = Columns(errors[None, begin:], [])
            places = EventPlaces(begin, errors.size)
            stream.start(start(ERROR, rest.slice(0, 500)), places.slice(0, 500))
            first = next((e.place.offset for e in stream.add(rest, places) if e.findings), None)
            if first is None:
                break
            found.append(first)
            begin = first + SETTLE_EVENTS
        return found

    return alarms


def calibrated_alarms(detector: str, budget_events: int) -> Callable[[NDArray[np.float64]], list[int]]:
    """The alarms of one of River's detectors, calibrated once, on the first errors."""
    settings = settings_of({"name": detector, "calibrate": True}, budget_events)

    def alarms(errors: NDArray[np.float64]) -> list[int]:
        stream = Stream(StreamName.OUTCOMES, "measured", None, settings, 10)
        columns, places = Columns(errors[None], []), EventPlaces(0, errors.size)
        stream.start(start(ERROR, columns.slice(0, 500)), places.slice(0, 500))
        return [told.place.offset for told in stream.add(columns, places) if told.findings]

    return alarms


def detectors() -> dict[str, Callable[[NDArray[np.float64]], list[int]]]:
    """All that watch a stream of errors."""
    return {
        "driftd evidence, 1 per 1M": evidence_alarms(1_000_000),
        "driftd evidence, 1 per 10k": evidence_alarms(10_000),
        **{name: river_alarms(build) for name, build in BINARY.items()},
        **{f"{name}, calibrated": calibrated_alarms(name, 10_000) for name in RIVER_OPTIONS},
        "dummy, every 1,000": lambda errors: list(range(999, errors.size, 1_000)),
        "dummy, never": lambda _: [],
    }


def concept_rows(folder: Path, frozen: bool, names: Sequence[str] | None = None) -> list[Row]:
    """A row for each detector over all streams in `folder`, or those of `names`."""
    files = [f for f in sorted((folder / FOLDER).glob("*.csv.gz")) if names is None or f.name in names]
    streams = [(errors_of(file, frozen), GRADUAL if "gradual" in file.name else ABRUPT) for file in files]
    rows: list[Row] = []
    for name, alarms_of in detectors().items():
        delay: list[int] = []
        false = changes = 0
        for errors, begins in streams:
            span = (errors.size + TRAINING_EVENTS) // 10
            alarms = alarms_of(errors)
            for begin in (b - TRAINING_EVENTS for b in begins):
                changes += 1
                within = [alarm - begin for alarm in alarms if begin <= alarm < begin + span]
                delay += within[:1]
                alarms = [alarm for alarm in alarms if not begin <= alarm < begin + span]
            false += len(alarms)
        rows.append(
            {
                "subject": name,
                "model": "frozen" if frozen else "learns on",
                "changes": changes,
                "found": len(delay),
                "false": false,
                "delay_mean": round(mean(delay)) if delay else None,
                "delay_median": round(median(delay)) if delay else None,
            }
        )
    return rows


def elec2_rows(folder: Path) -> list[Row]:
    """How often each detector speaks on the error of a model of the electricity market; what is true is not known."""
    rows: list[Row] = []
    for frozen in (True, False):
        errors = errors_of(folder / "elec2.csv.gz", frozen)
        rows += [
            {
                "subject": name,
                "model": "frozen" if frozen else "learns on",
                "events": errors.size,
                "alarms": len(alarms_of(errors)),
            }
            for name, alarms_of in detectors().items()
        ]
    return rows
