"""An incident's life. Rule: every change of an incident's phase is a row of TRANSITIONS; nothing else changes it.

A model has at most one open incident of a kind. Findings open it when they have held for `hold_panes` panes, join
it while it is open, and it is resolved when there was none for `keep_open_panes` panes, or by a new version.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from driftd.config import Incidents as IncidentSettings
from driftd.detectors.base import Effect, Finding
from driftd.engine.harm import Moved
from driftd.engine.identity import incident_id
from driftd.engine.kinds import LABEL_SIGNAL, LOSS_SIGNALS, Kind, Severity, kind_of, severity_of
from driftd.engine.stream import Evaluation, StreamName
from driftd.reference.panes import Place


class Phase(StrEnum):
    """Where an incident is in its life."""

    SUSPECTED = "suspected"
    """Findings came, but have not held yet; nobody was told."""
    OPEN = "open"
    """Subscribers were told."""
    RESOLVED = "resolved"
    """The signals came back, or a new version replaced the model."""


class Cause(StrEnum):
    """Why an incident changed, as its alert says."""

    FINDING = "finding"
    HELD = "held"
    SEVERITY_RAISED = "severity_raised"
    SIGNALS_JOINED = "signals_joined"
    STILL_OPEN = "still_open"
    QUIET = "quiet"
    NEW_VERSION = "new_version"
    PERSON = "person"


LOSSES: Final = (Kind.PERFORMANCE, Kind.CONCEPT_DRIFT)
"""The two kinds that tell of a loss of performance; one loss is one of them, never both."""


class IllegalTransition(Exception):
    """A change of phase that TRANSITIONS does not have: a bug of driftd."""


TRANSITIONS: Final[Mapping[tuple[Phase, Cause], Phase]] = {
    (Phase.SUSPECTED, Cause.FINDING): Phase.SUSPECTED,
    (Phase.SUSPECTED, Cause.HELD): Phase.OPEN,
    (Phase.SUSPECTED, Cause.QUIET): Phase.RESOLVED,
    (Phase.SUSPECTED, Cause.NEW_VERSION): Phase.RESOLVED,
    (Phase.OPEN, Cause.FINDING): Phase.OPEN,
    (Phase.OPEN, Cause.SEVERITY_RAISED): Phase.OPEN,
    (Phase.OPEN, Cause.SIGNALS_JOINED): Phase.OPEN,
    (Phase.OPEN, Cause.STILL_OPEN): Phase.OPEN,
    (Phase.OPEN, Cause.QUIET): Phase.RESOLVED,
    (Phase.OPEN, Cause.NEW_VERSION): Phase.RESOLVED,
    (Phase.OPEN, Cause.PERSON): Phase.RESOLVED,
}


def next_phase(phase: Phase, cause: Cause) -> Phase:
    """The phase after `cause`. Raises IllegalTransition, and changes nothing, where the table has no row."""
    try:
        return TRANSITIONS[phase, cause]
    except KeyError:
        raise IllegalTransition(f"no incident can go on from {phase} by {cause}") from None


@dataclass(slots=True)
class Incident:
    """One change in one model's life.

    `findings` holds the strongest finding per key (its signal, mostly). `held_panes` counts panes with findings,
    `quiet_panes` panes without since the last one, `silent_panes` panes since subscribers heard of it, and
    `told_signals` how many signals they heard of.
    """

    incident_id: str
    kind: Kind
    stream: StreamName
    severity: Severity
    phase: Phase
    onset: Place
    detected: Place
    findings: dict[str, Finding] = field(default_factory=dict)
    opened_at_ms: int = 0
    held_panes: int = 0
    quiet_panes: int = 0
    silent_panes: int = 0
    open_panes: int = 0
    told_signals: int = 0

    def move(self, cause: Cause) -> None:
        """Go on to the next phase by `cause`; raises IllegalTransition."""
        self.phase = next_phase(self.phase, cause)

    def take(self, finding: Finding, severity: Severity) -> None:
        """Let `finding` join: the strongest of each signal is kept, and the earliest onset."""
        known = self.findings.get(finding.key)
        if known is None or finding.strength > known.strength:
            self.findings[finding.key] = finding
        if finding.onset.at_ms < self.onset.at_ms:
            self.onset = finding.onset
        if severity.rank > self.severity.rank:
            self.severity = severity


@dataclass(frozen=True, slots=True)
class Change:
    """Something about an incident that subscribers are told. `evaluation` decided it, None for a new version."""

    incident: Incident
    cause: Cause
    evaluation: Evaluation | None


class Incidents:
    """The incidents of one model: suspected and open ones, at most one of a kind."""

    def __init__(self, model: str, settings: IncidentSettings) -> None:
        self.model = model
        self.settings = settings
        self.current: dict[Kind, Incident] = {}

    def open_incidents(self) -> list[Incident]:
        """The incidents that subscribers know of, in the order of kinds."""
        return [self.current[kind] for kind in Kind if kind in self.current and self.is_open(kind)]

    def is_open(self, kind: Kind) -> bool:
        """Whether subscribers were told of an incident of `kind`, and not yet of its end."""
        return kind in self.current and self.current[kind].phase is Phase.OPEN

    def moved(self, changes: Sequence[Change] = ()) -> Moved:
        """What incidents that change, and those that are open beside them, say has moved."""
        told = [*(change.incident for change in changes), *self.open_incidents()]
        inputs = any(
            finding.signal != LABEL_SIGNAL
            for one in told
            if one.kind in (Kind.DATA_DRIFT, Kind.DATA_QUALITY)
            for finding in one.findings.values()
        )
        return Moved(inputs, True if any(one.kind in LOSSES for one in told) else None)

    def step(self, evaluation: Evaluation, harmless: bool = False) -> list[Change]:
        """What `evaluation` changes, in the order in which subscribers are told.

        `harmless`: the inputs' drift is to inform only, because the model does not err more.
        """
        found: dict[Kind, list[Finding]] = {}
        for finding in evaluation.findings:
            found.setdefault(self._kind(finding), []).append(finding)
        changes: list[Change] = []
        for kind in Kind:
            if kind in found:
                changes += self._found(kind, found[kind], evaluation, harmless)
            elif evaluation.pane_done and kind in self.current:
                incident = self.current[kind]
                if incident.stream is evaluation.stream:
                    changes += self._quiet(incident, evaluation)
        return changes + self._raised(changes, evaluation)

    def close_all(self) -> list[Change]:
        """A new version replaced the model: whatever was open is resolved."""
        changes = [Change(incident, Cause.NEW_VERSION, None) for incident in self.open_incidents()]
        for incident in self.current.values():
            incident.move(Cause.NEW_VERSION)
        self.current = {}
        return changes

    def resolve(self, kinds: Sequence[Kind]) -> list[Change]:
        """A person resolves the open incidents of `kinds`."""
        changes: list[Change] = []
        for kind in kinds:
            incident = self.current.pop(kind)
            incident.move(Cause.PERSON)
            changes.append(Change(incident, Cause.PERSON, None))
        return changes

    def _kind(self, finding: Finding) -> Kind:
        """A loss stays with the incident that is telling of it, whatever the inputs do meanwhile."""
        if finding.signal in LOSS_SIGNALS or finding.effect is Effect.DIVERGES:
            for kind in LOSSES:
                if kind in self.current:
                    return kind
        return kind_of(finding, self.is_open(Kind.DATA_DRIFT) or self.is_open(Kind.DATA_QUALITY))

    def _found(
        self, kind: Kind, findings: list[Finding], evaluation: Evaluation, harmless: bool
    ) -> list[Change]:
        incident = self.current.get(kind) or self._suspect(kind, findings[0], evaluation)
        if kind in LOSSES:
            # panes and periods both tell of a loss: it is over when those say so who spoke of it last
            incident.stream = evaluation.stream
        before = incident.severity
        lost = any(self.is_open(kind) for kind in LOSSES)
        for finding in findings:
            incident.take(finding, severity_of(kind, finding, lost, harmless))
        incident.move(Cause.FINDING)
        incident.quiet_panes = 0
        weighed = any(finding.weighed for finding in findings)
        incident.held_panes += self.settings.hold_panes if weighed else 1
        if incident.phase is Phase.SUSPECTED:
            if incident.held_panes < self.settings.hold_panes:
                return []
            incident.move(Cause.HELD)
            incident.detected, incident.opened_at_ms = evaluation.place, evaluation.place.at_ms
            return [self._tell(incident, Cause.HELD, evaluation)]
        return self._still_open(incident, evaluation, before)

    def _suspect(self, kind: Kind, finding: Finding, evaluation: Evaluation) -> Incident:
        incident = Incident(
            incident_id(self.model, kind, finding.signal, evaluation.place),
            kind, evaluation.stream, Severity.INFO, Phase.SUSPECTED, finding.onset, evaluation.place,
        )  # fmt: skip
        self.current[kind] = incident
        return incident

    def _still_open(self, incident: Incident, evaluation: Evaluation, before: Severity) -> list[Change]:
        if evaluation.pane_done:
            incident.open_panes += 1
            incident.silent_panes += 1
        if incident.severity is not before:
            incident.move(Cause.SEVERITY_RAISED)
            return [self._tell(incident, Cause.SEVERITY_RAISED, evaluation)]
        joined = len(incident.findings) > incident.told_signals
        if joined and incident.silent_panes >= self.settings.keep_open_panes:
            incident.move(Cause.SIGNALS_JOINED)
            return [self._tell(incident, Cause.SIGNALS_JOINED, evaluation)]
        if incident.silent_panes >= self.settings.update_panes:
            incident.move(Cause.STILL_OPEN)
            return [self._tell(incident, Cause.STILL_OPEN, evaluation)]
        return []

    def _quiet(self, incident: Incident, evaluation: Evaluation) -> list[Change]:
        if not (evaluation.elevated and incident.kind in LOSSES):
            incident.quiet_panes += 1
        if incident.phase is Phase.SUSPECTED:
            incident.move(Cause.QUIET)
            del self.current[incident.kind]
            return []
        incident.open_panes += 1
        incident.silent_panes += 1
        # one event that comes ends a silence, and what periods tell is weighed over many: it needs no time to show
        at_once = incident.kind is Kind.SILENCE or incident.stream is StreamName.PERIODS
        quiet_panes = 1 if at_once else self.settings.keep_open_panes
        if incident.quiet_panes < quiet_panes:
            return []
        incident.move(Cause.QUIET)
        del self.current[incident.kind]
        return [self._tell(incident, Cause.QUIET, evaluation)]

    def _raised(self, changes: list[Change], evaluation: Evaluation) -> list[Change]:
        """Drift of the data becomes critical with the loss of performance that has just been told."""
        lost = any(change.cause is Cause.HELD and change.incident.kind in LOSSES for change in changes)
        drift = self.current.get(Kind.DATA_DRIFT)
        if not lost or drift is None or drift.phase is not Phase.OPEN or drift.severity is Severity.CRITICAL:
            return []
        drift.severity = Severity.CRITICAL
        drift.move(Cause.SEVERITY_RAISED)
        return [self._tell(drift, Cause.SEVERITY_RAISED, evaluation)]

    def _tell(self, incident: Incident, cause: Cause, evaluation: Evaluation) -> Change:
        incident.silent_panes, incident.told_signals = 0, len(incident.findings)
        return Change(incident, cause, evaluation)
