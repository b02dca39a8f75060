"""A retraining request's life. Rule: every change of phase is a row of TRANSITIONS; a model has one request in flight.

A request is made while a loss of performance is open, or drift of the data has lasted; not within the cool-down
of the last one. An incident asks once: when its request was refused or has expired, only another incident asks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from driftd.config import Retraining as RetrainingSettings
from driftd.engine.identity import derived_id
from driftd.engine.incidents import LOSSES, Incident
from driftd.engine.kinds import STAGES, WRONG_LABELS, Kind, Severity, Stage
from driftd.reference.panes import Place

ASKED_MAX: Final = 100
"""So many incidents that have asked are remembered; older ones are long over."""


class RequestPhase(StrEnum):
    """Where a request is in its life."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    REJECTED = "rejected"
    FAILED = "failed"
    ANSWERED = "answered"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Step(StrEnum):
    """What moves a request on: a reply, a deployment, or the course of things."""

    REPLY_ACCEPTED = "accepted"
    REPLY_REJECTED = "rejected"
    REPLY_COMPLETED = "completed"
    REPLY_FAILED = "failed"
    DEPLOYED = "deployed"
    INCIDENTS_OVER = "incidents_over"
    DEADLINE_PASSED = "deadline_passed"


IN_FLIGHT: Final = frozenset({RequestPhase.REQUESTED, RequestPhase.ACCEPTED, RequestPhase.COMPLETED})

TRANSITIONS: Final[Mapping[tuple[RequestPhase, Step], RequestPhase]] = {
    (RequestPhase.REQUESTED, Step.REPLY_ACCEPTED): RequestPhase.ACCEPTED,
    (RequestPhase.REQUESTED, Step.REPLY_REJECTED): RequestPhase.REJECTED,
    (RequestPhase.REQUESTED, Step.REPLY_COMPLETED): RequestPhase.COMPLETED,
    (RequestPhase.REQUESTED, Step.REPLY_FAILED): RequestPhase.FAILED,
    (RequestPhase.REQUESTED, Step.DEPLOYED): RequestPhase.ANSWERED,
    (RequestPhase.REQUESTED, Step.INCIDENTS_OVER): RequestPhase.CANCELLED,
    (RequestPhase.REQUESTED, Step.DEADLINE_PASSED): RequestPhase.EXPIRED,
    (RequestPhase.ACCEPTED, Step.REPLY_COMPLETED): RequestPhase.COMPLETED,
    (RequestPhase.ACCEPTED, Step.REPLY_FAILED): RequestPhase.FAILED,
    (RequestPhase.ACCEPTED, Step.DEPLOYED): RequestPhase.ANSWERED,
    (RequestPhase.ACCEPTED, Step.DEADLINE_PASSED): RequestPhase.EXPIRED,
    (RequestPhase.COMPLETED, Step.DEPLOYED): RequestPhase.ANSWERED,
    (RequestPhase.COMPLETED, Step.DEADLINE_PASSED): RequestPhase.EXPIRED,
}


@dataclass(slots=True)
class Request:
    """One request to go back to `stage` and come back with a new version."""

    request_id: str
    incident_ids: tuple[str, ...]
    kind: Kind
    stage: Stage
    onset: Place
    detected: Place
    requested_at_ms: int
    deadline_ms: int
    attempt: int
    phase: RequestPhase = RequestPhase.REQUESTED
    reason: str | None = None

    def move(self, step: Step) -> bool:
        """Go on by `step`; False, and nothing changed, where the table has no row for it."""
        phase = TRANSITIONS.get((self.phase, step))
        if phase is None:
            return False
        self.phase = phase
        return True


def are_labels_wrong(incidents: Sequence[Incident]) -> bool:
    """Whether one of the open `incidents` says so: a model that is trained on such labels gets worse."""
    return any(finding.signal in WRONG_LABELS for one in incidents for finding in one.findings.values())


class Retraining:
    """The requests of one model."""

    def __init__(self, model: str, settings: RetrainingSettings) -> None:
        self.model = model
        self.settings = settings
        self.current: Request | None = None
        self.last_requested_ms: int | None = None
        self.attempts = 0
        self.asked: dict[str, None] = {}

    def wanted(self, incidents: Sequence[Incident]) -> list[Incident]:
        """Which of the open `incidents` ask for a new version, the most urgent first."""
        doubted = are_labels_wrong(incidents)
        asking = [
            incident
            for incident in incidents
            if incident.incident_id not in self.asked
            and (
                (incident.kind in LOSSES and not doubted)
                or (
                    incident.kind is Kind.DATA_DRIFT
                    and incident.severity is not Severity.INFO
                    and incident.open_panes >= self.settings.lasting_drift_panes
                )
            )
        ]
        return sorted(asking, key=lambda incident: (incident.kind not in LOSSES, incident.kind))

    def step(self, incidents: Sequence[Incident], place: Place, now_ms: int) -> Request | None:
        """Look at the open `incidents`; the request that began or ended by it, None where none did."""
        request = self.current
        if request is not None:
            open_ids = {incident.incident_id for incident in incidents}
            if now_ms > request.deadline_ms and request.move(Step.DEADLINE_PASSED):
                return self._ended(request, "no new version was deployed before the deadline")
            if not open_ids & set(request.incident_ids) and request.move(Step.INCIDENTS_OVER):
                return self._ended(request, "the signals came back by themselves")
            if request.kind in LOSSES and are_labels_wrong(incidents) and request.move(Step.INCIDENTS_OVER):
                for incident_id in request.incident_ids:  # which may ask again when the labels are right
                    self.asked.pop(incident_id, None)
                return self._ended(request, "the labels are wrong, so the errors may be none of the model's")
            return None
        asking = self.wanted(incidents)
        if not self.settings.enabled or not asking or not self._cooled_down(now_ms):
            return None
        leader = asking[0]
        self.attempts += 1
        self.last_requested_ms = now_ms
        self.asked |= {incident.incident_id: None for incident in asking}
        while len(self.asked) > ASKED_MAX:
            del self.asked[next(iter(self.asked))]
        self.current = Request(
            derived_id(
                "req", self.model, leader.kind, leader.incident_id, place.topic, place.partition, place.offset
            ),
            tuple(incident.incident_id for incident in asking),
            leader.kind,
            STAGES[leader.kind],
            min((incident.onset for incident in asking), key=lambda onset: onset.at_ms),
            place,
            now_ms,
            now_ms + self.settings.deadline_ms,
            self.attempts,
        )
        return self.current

    def reply(self, request_id: str, step: Step, reason: str | None) -> bool:
        """Take a reply; False where the request is not in flight or the reply does not suit its phase."""
        request = self.current
        if request is None or request.request_id != request_id or not request.move(step):
            return False
        request.reason = reason
        if request.phase not in IN_FLIGHT:
            self.current = None
        return True

    def deployed(self) -> None:
        """A new version is out: it answers the request in flight, and counts attempts anew."""
        if self.current is not None:
            self.current.move(Step.DEPLOYED)
        self.current, self.attempts = None, 0

    def _ended(self, request: Request, reason: str) -> Request:
        request.reason = reason
        self.current = None
        return request

    def _cooled_down(self, now_ms: int) -> bool:
        return self.last_requested_ms is None or now_ms >= self.last_requested_ms + self.settings.cooldown_ms
