"""Concept drift in published streams: the error of a model, frozen or learning on, and who notices.

The streams are those of Lobo ("Synthetic datasets for concept drift detection purposes", 2020): sine, sea, stagger,
mixed and random trees of four concepts each, abrupt or gradual. A change counts as found by the first alarm within a
tenth of the stream after its begin; alarms outside of these spans are false.
"""

import gzip
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
ELEC2: Final = "elec2.csv.gz"
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


def evidence_alarms(budget_events: int, told_better: bool) -> Callable[[NDArray[np.float64]], list[int]]:
    """The alarms of evidence, which after each settles and takes a new reference, as after a new version.

    `told_better`: what it finds of errors that become fewer, which is no alarm but a new reference too, counts as one.
    """
    settings = settings_of({"name": "evidence"}, budget_events)

    def alarms(errors: NDArray[np.float64]) -> list[int]:
        found: list[int] = []
        begin = 0
        while begin + REFERENCE_EVENTS < errors.size:
            stream = Stream(StreamName.OUTCOMES, "measured", None, settings, 10)
            rest = Columns(errors[None, begin:], [])
            places = EventPlaces(begin, errors.size)
            stream.start(start(ERROR, rest.slice(0, 500)), places.slice(0, 500))
            told = stream.add(rest, places)
            first = next((e.place.offset for e in told if e.findings), None)
            if told_better:
                found += [
                    e.place.offset for e in told if e.improved and e.place.offset < (first or errors.size)
                ]
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
        "driftd evidence, 1 per 1M": evidence_alarms(1_000_000, told_better=True),
        "driftd evidence, 1 per 10k": evidence_alarms(10_000, told_better=True),
        "driftd evidence, 1 per 10k, worse only": evidence_alarms(10_000, told_better=False),
        **{name: river_alarms(build) for name, build in BINARY.items()},
        **{f"{name}, calibrated": calibrated_alarms(name, 10_000) for name in RIVER_OPTIONS},
        "dummy, every 1,000": lambda errors: list(range(999, errors.size, 1_000)),
        "dummy, never": lambda _: [],
    }


@dataclass(frozen=True, slots=True)
class ErrorStream:
    """The errors of one model on one published stream, and at which of them the changes begin."""

    name: str
    frozen: bool
    errors: NDArray[np.float64]
    begins: tuple[int, ...] = ()

    @property
    def model(self) -> str:
        """What the model does after its training."""
        return "frozen" if self.frozen else "learns on"


def files_of(folder: Path, names: Sequence[str] | None = None) -> list[Path]:
    """The published streams in `folder`, or those of `names`; the electricity market last."""
    files = [*sorted((folder / FOLDER).glob("*.csv.gz")), folder / ELEC2]
    return [file for file in files if names is None or file.name in names]


def error_stream(file: Path, frozen: bool) -> ErrorStream:
    """What a model makes of `file`."""
    begins = () if file.name == ELEC2 else GRADUAL if "gradual" in file.name else ABRUPT
    errors = errors_of(file, frozen)
    return ErrorStream(file.name, frozen, errors, tuple(begin - TRAINING_EVENTS for begin in begins))


def concept_row(name: str, streams: Sequence[ErrorStream]) -> Row:
    """One detector over `streams` of one model, whose changes are known."""
    delay: list[int] = []
    false = changes = 0
    for stream in streams:
        span = (stream.errors.size + TRAINING_EVENTS) // 10
        alarms = detectors()[name](stream.errors)
        for begin in stream.begins:
            changes += 1
            within = [alarm - begin for alarm in alarms if begin <= alarm < begin + span]
            delay += within[:1]
            alarms = [alarm for alarm in alarms if not begin <= alarm < begin + span]
        false += len(alarms)
    return {
        "subject": name,
        "model": streams[0].model,
        "changes": changes,
        "found": len(delay),
        "false": false,
        "delay_mean": round(mean(delay)) if delay else None,
        "delay_median": round(median(delay)) if delay else None,
    }


def elec2_row(name: str, stream: ErrorStream) -> Row:
    """How often one detector speaks on the error of a model of the electricity market; what is true is not known."""
    alarms = detectors()[name](stream.errors)
    return {"subject": name, "model": stream.model, "events": stream.errors.size, "alarms": len(alarms)}
