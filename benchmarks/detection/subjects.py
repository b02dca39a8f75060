"""What a detector is to the benchmark. Rule: one protocol for all; what a detector is not told, it does not know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.streams import EVENT_MS, FIRST_MS, SIGNALS, Kind, Values
from driftd.config_models import ModelSettings
from driftd.decode.schema import Schema, Signal, SignalType
from driftd.detectors.base import DetectorState, Family
from driftd.detectors.registry import DETECTORS
from driftd.engine.stream import Evaluation, Stream, StreamName
from driftd.reference.cut import start
from driftd.reference.panes import Columns, Place
from driftd.reference.profile import Profile

CHUNK_EVENTS: Final = 4096


@dataclass(frozen=True, slots=True)
class Alarm:
    """At which event a detector spoke, since when, it says, and which signals it names, the strongest first."""

    event: int
    onset: int | None = None
    signals: tuple[int, ...] = ()


class Fitted(Protocol):
    """A detector that knows its reference."""

    def alarms(self, values: Values, first: int, until: int | None = None) -> list[Alarm]:
        """What it says of `values` (n, 20) that begin with event `first`, begun anew.

        It may stop at the first alarm that is at event `until` or later.
        """
        ...


class Subject(Protocol):
    """A detector under test."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def __hash__(self) -> int:
        """Detectors are told apart by what they are, not by what they say."""
        ...

    @property
    def events_max(self) -> int:
        """It is so slow that no more of a stationary stream is given to it."""
        ...

    def fit(self, reference: Values, kind: Kind) -> Fitted | None:
        """Learn `reference` (n, 20), which begins with event 0; None where it cannot take such signals."""
        ...


@dataclass(frozen=True, slots=True)
class EventPlaces:
    """Places of the events from `first` to before `end`: an event's offset is its number."""

    first: int
    end: int

    @property
    def at_ms(self) -> NDArray[np.int64]:
        """Times of the events, (n,)."""
        return FIRST_MS + np.arange(self.first, self.end, dtype=np.int64) * EVENT_MS

    def __len__(self) -> int:
        return self.end - self.first

    def __getitem__(self, index: int) -> Place:
        event = self.first + index
        return Place(FIRST_MS + event * EVENT_MS, "predictions", 0, event)

    def slice(self, begin: int, stop: int) -> "EventPlaces":
        """The places from `begin` to before `stop`."""
        return EventPlaces(self.first + begin, min(self.first + stop, self.end))


class Driftd:
    """A detector of driftd, through the stream that the engine has."""

    def __init__(
        self,
        detector: Mapping[str, Any],
        name: str,
        budget_events: int,
        events_max: int = 10**9,
        **reference: Any,
    ) -> None:
        """`detector` is its entry in the settings; `reference` goes over that table."""
        self.name = name
        self.events_max = events_max
        self._detector = detector
        self._budget_events = budget_events
        self._reference = reference

    def settings(self, reference_events: int, cycle: str) -> ModelSettings:
        """The settings that a user would have."""
        return ModelSettings.model_validate(
            {
                "budget": {"false_alarms": 1, "per_events": self._budget_events},
                "reference": {
                    "reference_events": reference_events,
                    "grow_days": 0.0,
                    "cycle": cycle,
                    **self._reference,
                },
                "detectors": [self._detector],
            }
        )

    def fit(self, reference: Values, kind: Kind) -> "FittedDriftd | None":
        """Learn the reference as a stream does that begins."""
        if kind.categories and DETECTORS[self._detector["name"]].family is Family.VALUES:
            return None
        settings = self.settings(len(reference), kind.cycle)
        schema = schema_of(reference.shape[1], kind.categories)
        stream = Stream(StreamName.INPUTS, "measured", None, settings, 200)
        learned = settings.reference.learn_events
        stream.start(start(schema, columns_of(reference[:learned], kind.categories)), EventPlaces(0, learned))
        stream.add(columns_of(reference, kind.categories), EventPlaces(0, len(reference)))
        if stream.profile is None or stream.watchers is None:
            raise RuntimeError(f"{self.name} cannot judge any signal by {len(reference)} events")
        return FittedDriftd(stream.profile, settings, kind.categories, stream.watchers.state())


@dataclass(frozen=True, slots=True)
class FittedDriftd:
    """A reference, and how it is used; `begun` are the detectors before the first event, calibrated where asked for."""

    profile: Profile
    settings: ModelSettings
    categories: bool
    begun: Mapping[str, DetectorState]

    def alarms(self, values: Values, first: int, until: int | None = None) -> list[Alarm]:
        """An alarm is what would open an incident: a finding where there was none."""
        stream = Stream(StreamName.INPUTS, "measured", None, self.settings, 200)
        stream.watch(self.profile, self.begun)
        alarms: list[Alarm] = []
        speaking = False
        for begin in range(0, len(values), CHUNK_EVENTS):
            chunk = values[begin : begin + CHUNK_EVENTS]
            places = EventPlaces(first + begin, first + begin + len(chunk))
            for evaluation in stream.add(columns_of(chunk, self.categories), places):
                if evaluation.findings and not speaking:
                    alarms.append(_alarm(evaluation, self.profile))
                    if until is not None and alarms[-1].event >= until:
                        return alarms
                speaking = bool(evaluation.findings)
        return alarms


def _alarm(evaluation: Evaluation, profile: Profile) -> Alarm:
    ranked = sorted(evaluation.findings, key=lambda finding: -finding.strength)
    names = [signal.name for signal in profile.schema.signals]
    signals = tuple(names.index(finding.signal) for finding in ranked)
    return Alarm(evaluation.place.offset, ranked[0].onset.offset, signals)


def schema_of(signals: int, categories: bool) -> Schema:
    """Signals f00, f01, ..., all numbers or all categories."""
    kind = SignalType.CATEGORY if categories else SignalType.NUMBER
    return Schema(tuple(Signal(f"features.f{s:02}", kind) for s in range(signals)))


def columns_of(values: Values, categories: bool) -> Columns:
    """`values` (n, s) as the engine has them."""
    if not categories:
        return Columns(np.ascontiguousarray(values.T, np.float64), [])
    rows: Sequence[list[object]] = [
        [None if np.isnan(v) else NAMES[int(v)] for v in values[:, s].tolist()]
        for s in range(values.shape[1])
    ]
    return Columns(np.empty((0, len(values))), rows)


NAMES: Final = [f"level-{number}" for number in range(100)]


@dataclass(frozen=True, slots=True)
class Dummy:
    """Speaks every `every` events, or never: what a detector must beat."""

    every: int | None
    events_max: int = 10**9

    @property
    def name(self) -> str:
        """What it is called."""
        return "dummy, never" if self.every is None else f"dummy, every {self.every:,}"

    def fit(self, reference: Values, kind: Kind) -> "Dummy":  # noqa: ARG002  it learns nothing
        """Learn nothing."""
        return self

    def alarms(self, values: Values, first: int, until: int | None = None) -> list[Alarm]:
        """Without a look at the values: at each multiple of `every`, up to the first from `until` on."""
        if self.every is None:
            return []
        begin = -(-first // self.every) * self.every
        events = range(begin, first + len(values), self.every)
        end = first + len(values) if until is None else until + self.every
        return [Alarm(event, event, tuple(range(SIGNALS))) for event in events if first < event < end]
