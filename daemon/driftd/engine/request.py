"""A retraining request's life. Rule: every change of its phase is a row of TRANSITIONS; nothing else changes it.

A request is made, answered by a new version, and watched until it is known whether that helped. One that came to
nothing is followed, after a cool-down, by one that goes back to an earlier stage.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from driftd.contract.events_out import RetrainingData
from driftd.engine.harm import Risk
from driftd.engine.kinds import Kind, Stage


class RequestPhase(StrEnum):
    """Where a request is in its life."""

    REQUESTED = "requested"
    """Subscribers were told; nobody has answered."""
    ACCEPTED = "accepted"
    """Somebody is at work on it."""
    COMPLETED = "completed"
    """Somebody says that the new version is made; it is not out yet."""
    WATCHED = "watched"
    """A new version is out, and it is being found out whether it helps."""
    VERIFIED = "verified"
    """It helped."""
    ESCALATED = "escalated"
    """It did not help: the next request goes back further."""
    UNVERIFIED = "unverified"
    """Whether it helped cannot be told."""
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Step(StrEnum):
    """What moves a request on: a reply, a deployment, or the course of things."""

    REPLY_ACCEPTED = "accepted"
    REPLY_REJECTED = "rejected"
    REPLY_COMPLETED = "completed"
    REPLY_FAILED = "failed"
    DEPLOYED = "deployed"
    ROLLED_BACK = "rolled_back"
    HELPED = "helped"
    DID_NOT_HELP = "did_not_help"
    CANNOT_TELL = "cannot_tell"
    INCIDENTS_OVER = "incidents_over"
    LABELS_WRONG = "labels_wrong"
    RESET = "reset"
    DEADLINE_PASSED = "deadline_passed"


TRANSITIONS: Final[Mapping[tuple[RequestPhase, Step], RequestPhase]] = {
    (RequestPhase.REQUESTED, Step.REPLY_ACCEPTED): RequestPhase.ACCEPTED,
    (RequestPhase.REQUESTED, Step.REPLY_REJECTED): RequestPhase.REJECTED,
    (RequestPhase.REQUESTED, Step.REPLY_COMPLETED): RequestPhase.COMPLETED,
    (RequestPhase.REQUESTED, Step.REPLY_FAILED): RequestPhase.FAILED,
    (RequestPhase.REQUESTED, Step.DEPLOYED): RequestPhase.WATCHED,
    (RequestPhase.REQUESTED, Step.ROLLED_BACK): RequestPhase.CANCELLED,
    (RequestPhase.REQUESTED, Step.INCIDENTS_OVER): RequestPhase.CANCELLED,
    (RequestPhase.REQUESTED, Step.LABELS_WRONG): RequestPhase.CANCELLED,
    (RequestPhase.REQUESTED, Step.RESET): RequestPhase.CANCELLED,
    (RequestPhase.REQUESTED, Step.DEADLINE_PASSED): RequestPhase.EXPIRED,
    (RequestPhase.ACCEPTED, Step.REPLY_REJECTED): RequestPhase.REJECTED,
    (RequestPhase.ACCEPTED, Step.REPLY_COMPLETED): RequestPhase.COMPLETED,
    (RequestPhase.ACCEPTED, Step.REPLY_FAILED): RequestPhase.FAILED,
    (RequestPhase.ACCEPTED, Step.DEPLOYED): RequestPhase.WATCHED,
    (RequestPhase.ACCEPTED, Step.ROLLED_BACK): RequestPhase.CANCELLED,
    (RequestPhase.ACCEPTED, Step.LABELS_WRONG): RequestPhase.CANCELLED,
    (RequestPhase.ACCEPTED, Step.RESET): RequestPhase.CANCELLED,
    (RequestPhase.ACCEPTED, Step.DEADLINE_PASSED): RequestPhase.EXPIRED,
    (RequestPhase.COMPLETED, Step.REPLY_FAILED): RequestPhase.FAILED,
    (RequestPhase.COMPLETED, Step.DEPLOYED): RequestPhase.WATCHED,
    (RequestPhase.COMPLETED, Step.ROLLED_BACK): RequestPhase.CANCELLED,
    (RequestPhase.COMPLETED, Step.RESET): RequestPhase.CANCELLED,
    (RequestPhase.COMPLETED, Step.DEADLINE_PASSED): RequestPhase.EXPIRED,
    (RequestPhase.WATCHED, Step.DEPLOYED): RequestPhase.WATCHED,
    (RequestPhase.WATCHED, Step.ROLLED_BACK): RequestPhase.FAILED,
    (RequestPhase.WATCHED, Step.HELPED): RequestPhase.VERIFIED,
    (RequestPhase.WATCHED, Step.DID_NOT_HELP): RequestPhase.ESCALATED,
    (RequestPhase.WATCHED, Step.CANNOT_TELL): RequestPhase.UNVERIFIED,
    (RequestPhase.WATCHED, Step.RESET): RequestPhase.UNVERIFIED,
    (RequestPhase.WATCHED, Step.DEADLINE_PASSED): RequestPhase.UNVERIFIED,
}

IN_FLIGHT: Final = frozenset(phase for phase, _ in TRANSITIONS)
CAME_TO_NOTHING: Final = frozenset(
    {RequestPhase.ESCALATED, RequestPhase.REJECTED, RequestPhase.FAILED, RequestPhase.EXPIRED}
)
"""After these the cool-down doubles, and the next request at the same trouble is a further attempt."""

EARLIER: Final[Mapping[Stage, Stage]] = {
    Stage.DEPLOYMENT: Stage.MODELING,
    Stage.MODELING: Stage.LABELS,
    Stage.LABELS: Stage.DATA,
    Stage.DATA: Stage.DATA,
}
"""Where a request goes back to when a new version made at a stage did not help; there is nothing before the data."""


@dataclass(slots=True)
class Request:
    """One request to go back to `stage` and come back with a new version.

    `data` is the request as it was published. The new version helped if its risk is not above `risk_limit`; there is
    none where nothing was known of the risk. `is_again`: it follows one whose new version did not help, and whose
    incidents ended with the version before it.
    """

    request_id: str
    kind: Kind
    stage: Stage
    incident_ids: tuple[str, ...]
    attempt: int
    deadline_ms: int
    data: RetrainingData | None = None
    risk_limit: Risk | None = None
    phase: RequestPhase = RequestPhase.REQUESTED
    reason: str | None = None
    new_version: str | None = None
    risk_new: float | None = None
    is_again: bool = False

    def move(self, step: Step) -> bool:
        """Go on by `step`; False, and nothing changed, where the table has no row for it."""
        phase = TRANSITIONS.get((self.phase, step))
        if phase is None:
            return False
        self.phase = phase
        return True


@dataclass(frozen=True, slots=True)
class Escalation:
    """What the next request goes on from: one whose new version did not help."""

    kind: Kind
    stage: Stage
    incident_ids: tuple[str, ...]
    data: RetrainingData
    risk_limit: Risk | None
