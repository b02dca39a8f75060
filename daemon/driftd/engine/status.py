"""What can be asked of an engine at any time. Rule: plain values, nothing that changes under the reader."""

from collections.abc import Mapping
from dataclasses import dataclass

from driftd.engine.kinds import Kind
from driftd.engine.monitor import Monitor
from driftd.engine.period_status import Counted, ModelPerformance, PeriodStatus, costs_unmet
from driftd.engine.stream import Stream
from driftd.reference.layout import COARSE
from driftd.reference.null import events_missing, judged_signals
from driftd.reference.panes import merged


@dataclass(frozen=True, slots=True)
class IncidentStatus:
    """One open incident. A silence covers it where it `is_silenced`."""

    kind: str
    severity: str
    is_silenced: bool


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One model. `phase` is learning, reference (is being counted), watching, or silent (see `driftd.engine.pulse`).

    `unjudged` are signals that are watched, but wander too much for as short a reference as there is; `events_missing`
    until all can be judged. `waiting_bytes` are of predictions and labels that wait. `unstable` are signals that
    changed while the reference was counted, and when, in milliseconds. `over_budget` are detectors whose share of the
    budget no calibration could reach, as "adwin on error". `periods` tell how it does, by the time of predictions.
    `absent` are signals of the reference that none of the latest events has a value of, `newcomers` features of the
    events that the reference does not have.
    """

    name: str
    version: str | None
    phase: str
    events_missing: int
    predictions: int
    labels_joined: int
    waiting_predictions: int
    waiting_labels: int
    waiting_bytes: int
    open_incidents: tuple[str, ...]
    request: str | None
    unjudged: tuple[str, ...]
    unstable: tuple[tuple[str, int], ...]
    counters: Mapping[str, int]
    over_budget: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    newcomers: tuple[str, ...] = ()
    silent: tuple[tuple[str, str], ...] = ()
    """What does not come, or cannot be judged by, and that in words."""
    periods: tuple[PeriodStatus, ...] = ()
    producers: tuple[tuple[str, str, int], ...] = ()
    """What is counted of those that number their events: source, what (see `driftd.engine.producers`), how many."""
    incidents: tuple[IncidentStatus, ...] = ()
    """The open ones, in the order of `open_incidents`."""
    request_deadline_ms: int | None = None
    """Until when the request in flight is to be answered or, where it is watched, verified."""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """All models, by name; `clock_ms` is the latest event time seen."""

    clock_ms: int
    models: tuple[ModelStatus, ...]


def model_performance(monitor: Monitor) -> ModelPerformance:
    """How the model of `monitor` does, with all segments: it takes some 10 ms for each period."""
    watch = monitor.performance
    periods = watch.full_report(monitor.join.clock_ms)
    unmet: tuple[str, ...] = ()
    if watch.periods is not None:
        counted = Counted(watch.periods, watch.estimates, watch.columns)
        unmet = costs_unmet(counted, monitor.settings.labels.cost)
    others = watch.columns.other_segments
    return ModelPerformance(monitor.name, monitor.version, periods, watch.refused, others, unmet)


def model_status(monitor: Monitor) -> ModelStatus:
    """How the model of `monitor` is."""
    phase, missing = "watching", 0
    if monitor.schema is None:
        phase, missing = "learning", monitor.settings.reference.reference_events - len(monitor.learner)
    elif monitor.inputs.profile is None and monitor.inputs.builder is not None:
        phase, missing = "reference", monitor.inputs.reference_events - monitor.inputs.builder.events
    unjudged: list[str] = []
    unstable: list[tuple[str, int]] = []
    over_budget: list[str] = []
    for stream in (monitor.inputs, monitor.outcomes):
        if stream.profile is not None:
            wanted = monitor.settings.reference.independent_events_min
            judged = judged_signals(stream.profile, wanted).tolist()
            unjudged += [
                signal.name
                for signal, ok in zip(stream.profile.schema.signals, judged, strict=True)
                if not ok
            ]
            unstable += [(jump.signal, jump.at_ms) for jump in stream.profile.jumps]
            over_budget += stream.watchers.over_budget if stream.watchers is not None else ()
            if phase == "watching" and stream.builder is not None:
                missing = max(missing, events_missing(stream.profile, wanted))
    silence = monitor.incidents.find(Kind.SILENCE)
    silent = tuple(
        (name, silence.findings[name].words)
        for name in monitor.pulse.reasons
        if silence is not None and name in silence.findings
    )
    phase = "silent" if silent else phase
    request = monitor.retraining.current
    return ModelStatus(
        monitor.name,
        monitor.version,
        phase,
        max(missing, 0),
        monitor.counters.get("predictions", 0),
        monitor.counters.get("labels_joined", 0),
        len(monitor.join.waiting),
        len(monitor.join.early),
        monitor.join.waiting.waiting_bytes + monitor.join.early.held_bytes,
        tuple(incident.kind.value for incident in monitor.incidents.open_incidents()),
        None if request is None else request.phase.value,
        tuple(unjudged),
        tuple(unstable),
        monitor.counters | monitor.pulse.producers.counters,
        tuple(over_budget),
        _absent(monitor.inputs),
        monitor.newcomers.names,
        silent,
        monitor.performance.report(monitor.join.clock_ms),
        tuple(monitor.pulse.producers.counted()),
        tuple(
            IncidentStatus(one.kind.value, one.severity.value, one.silenced_by is not None)
            for one in monitor.incidents.open_incidents()
        ),
        None if request is None else request.deadline_ms,
    )


def _absent(stream: Stream) -> tuple[str, ...]:
    """The signals that the reference of `stream` has values of, and its latest panes have none."""
    panes = stream.window.panes
    if stream.profile is None or not panes:
        return ()
    counts = merged(panes).counts
    known = stream.profile.coarse_counts
    return tuple(
        signal.name
        for s, signal in enumerate(stream.profile.schema.signals)
        if counts[s, COARSE.missing] == counts[s].sum() and known[s, COARSE.missing] < known[s].sum()
    )
