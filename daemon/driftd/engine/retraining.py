"""The retraining requests of a model. Rule: one in flight at a time, and none within the cool-down of the last one.

Only a loss does not wait where the last one was about a drift.

A request is made while a loss of performance is open, or drift of the data has lasted. An incident asks once, and once
more when it turns from drift into a loss. After the new version is out, its risk is held against what was asked about.
"""

from collections.abc import Sequence
from typing import Final

from driftd.config import Retraining as RetrainingSettings
from driftd.engine.harm import Risk
from driftd.engine.identity import derived_id
from driftd.engine.incident import Incident
from driftd.engine.kinds import LOSSES, WRONG_LABELS, Kind, Severity
from driftd.engine.request import (
    CAME_TO_NOTHING,
    EARLIER,
    IN_FLIGHT,
    Escalation,
    Request,
    RequestPhase,
    Step,
)
from driftd.reference.panes import Place

ASKED_MAX: Final = 100
"""So many incidents that have asked are remembered; older ones are long over."""
ENDED_MAX: Final = 16
"""So many requests that are over are remembered, to tell late replies what became of them."""
DOUBLINGS_MAX: Final = 6
ERRORS: Final = 2.0
"""Standard errors that the new version's risk may be above the limit by chance."""

REASONS: Final = {
    Step.DEADLINE_PASSED: "no new version was deployed before the deadline",
    Step.INCIDENTS_OVER: "the signals came back by themselves",
    Step.LABELS_WRONG: "the labels are wrong, so the errors may be none of the model's",
    Step.RESET: "somebody had what is normal learned anew",
}


def are_labels_wrong(incidents: Sequence[Incident]) -> bool:
    """Whether one of the open `incidents` says so: a model that is trained on such labels gets worse."""
    return any(finding.signal in WRONG_LABELS for one in incidents for finding in one.findings)


class Retraining:
    """The requests of one model. `failures` counts those in a row that came to nothing."""

    def __init__(self, model: str, settings: RetrainingSettings) -> None:
        self.model = model
        self.settings = settings
        self.current: Request | None = None
        self.last_requested_ms: int | None = None
        self.last_kind: Kind | None = None
        self.failures = 0
        self.asked: dict[str, Kind] = {}
        self.ended: dict[str, RequestPhase] = {}
        self.escalation: Escalation | None = None

    def wanted(self, incidents: Sequence[Incident]) -> list[Incident]:
        """Which of the open `incidents` ask for a new version, the most urgent first."""
        doubted = are_labels_wrong(incidents)
        asking = [
            incident
            for incident in incidents
            if self._may_ask(incident)
            and ((incident.has(LOSSES) and not doubted) or self._has_lasted(incident))
        ]
        return sorted(asking, key=lambda incident: not incident.has(LOSSES))

    def step(
        self, incidents: Sequence[Incident], place: Place, now_ms: int, asks: bool = True
    ) -> Request | None:
        """Look at the open `incidents`; the request that began or ended by it, None where none did.

        `asks`: whether one may begin now, which it may not during maintenance.
        """
        if self.current is not None:
            return self._in_flight(self.current, incidents, now_ms)
        if not (self.settings.enabled and asks):
            return None
        asking, cooled = self.wanted(incidents), self._cooled_down(now_ms)
        # a drift that was asked about, in vain perhaps, is no reason to wait where the model errs more
        is_worse = self.last_kind not in LOSSES and any(incident.has(LOSSES) for incident in asking)
        if asking and (cooled or is_worse):
            return self._ask(asking, place, now_ms)
        return (
            self._ask_again(self.escalation, place, now_ms)
            if self.escalation is not None and cooled
            else None
        )

    def knows(self, request_id: str) -> bool:
        """Whether `request_id` is in flight, or was not long ago."""
        return self.phase_of(request_id) is not None

    def phase_of(self, request_id: str) -> RequestPhase | None:
        """Where the request is in its life, None where it is not known."""
        if self.current is not None and self.current.request_id == request_id:
            return self.current.phase
        return self.ended.get(request_id)

    def reply(self, request_id: str, step: Step, reason: str | None) -> Request | None:
        """Take a reply; the request, None where it is not in flight or the reply does not suit its phase."""
        request = self.current
        if request is None or request.request_id != request_id or not request.move(step):
            return None
        request.reason = reason
        return self._ended_if_over(request)

    def deployed(self, version: str, now_ms: int, *, is_past: bool) -> Request | None:
        """Version `version` is out, which ran before if it `is_past`; the request in flight where it goes on by it."""
        request = self.current
        if not is_past and request is None:
            self.escalation = None  # somebody has renewed the model without being asked
        if request is None or not request.move(Step.ROLLED_BACK if is_past else Step.DEPLOYED):
            return None
        if is_past:
            request.reason = f"version {version}, which ran before, was deployed again"
        else:
            request.new_version, request.reason = version, None
            request.deadline_ms = now_ms + self.settings.verify_ms
        return self._ended_if_over(request)

    def judge(self, risk: Risk | None) -> Request | None:
        """The new version has shown its `risk`, None where it cannot be known; the request that ends by it."""
        request = self.current
        if request is None or request.phase is not RequestPhase.WATCHED:
            return None
        limit = request.risk_limit
        if risk is None or limit is None or risk.basis != limit.basis:
            request.move(Step.CANNOT_TELL)
            request.reason = "there is nothing to judge by whether it helped: no labels, and no scores"
            return self._ended_if_over(request)
        request.risk_new = risk.mean
        margin = ERRORS * risk.error
        helped = risk.mean - margin <= limit.mean
        request.move(Step.HELPED if helped else Step.DID_NOT_HELP)
        if not helped and request.data is not None:
            self.escalation = Escalation(
                request.kind, EARLIER[request.stage], request.incident_ids, request.data, limit
            )
        return self._ended_if_over(request)

    def reset(self) -> Request | None:
        """What is normal is learned anew; the request that ends by it."""
        request, self.escalation = self.current, None
        if request is None or not request.move(Step.RESET):
            return None
        request.reason = REASONS[Step.RESET]
        return self._ended_if_over(request)

    def _may_ask(self, incident: Incident) -> bool:
        """An incident asks once; one that asked as a drift asks again as a loss."""
        asked = self.asked.get(incident.incident_id)
        return asked is None or (asked not in LOSSES and incident.has(LOSSES))

    def _has_lasted(self, incident: Incident) -> bool:
        part = incident.parts.get(Kind.DATA_DRIFT)
        return (
            part is not None
            and part.is_held
            and incident.kind is Kind.DATA_DRIFT
            and incident.severity is not Severity.INFO
            and part.open_panes >= self.settings.lasting_drift_panes
        )

    def _in_flight(self, request: Request, incidents: Sequence[Incident], now_ms: int) -> Request | None:
        step = None
        own = [incident for incident in incidents if incident.incident_id in request.incident_ids]
        if now_ms > request.deadline_ms:
            step = Step.DEADLINE_PASSED
        elif request.phase is not RequestPhase.WATCHED and not request.is_again:
            if not own:
                step = Step.INCIDENTS_OVER
            elif request.kind in LOSSES and are_labels_wrong(incidents):
                step = Step.LABELS_WRONG
        was_watched = request.phase is RequestPhase.WATCHED
        if step is None or not request.move(step):
            return None
        request.reason = REASONS[step]
        if was_watched:
            request.reason = "too little was known of the new version in time to tell whether it helped"
        if step is Step.LABELS_WRONG:
            for incident_id in request.incident_ids:  # which may ask again when the labels are right
                self.asked.pop(incident_id, None)
        return self._ended_if_over(request)

    def _ask(self, asking: Sequence[Incident], place: Place, now_ms: int) -> Request:
        leader = asking[0]
        self.asked |= {incident.incident_id: incident.kind for incident in asking}
        while len(self.asked) > ASKED_MAX:
            del self.asked[next(iter(self.asked))]
        self.escalation = None
        ids = tuple(incident.incident_id for incident in asking)
        return self._begin(Request("", leader.kind, leader.stage, ids, self.failures + 1, 0), place, now_ms)

    def _ask_again(self, escalation: Escalation, place: Place, now_ms: int) -> Request:
        request = Request(
            "", escalation.kind, escalation.stage, escalation.incident_ids, self.failures + 1, 0,
            escalation.data, escalation.risk_limit, is_again=True,
        )  # fmt: skip
        self.escalation = None
        return self._begin(request, place, now_ms)

    def _begin(self, request: Request, place: Place, now_ms: int) -> Request:
        record = (place.topic, place.partition, place.offset)
        request.request_id = derived_id("req", self.model, request.kind, request.incident_ids[0], *record)
        request.deadline_ms = now_ms + self.settings.deadline_ms
        self.current, self.last_requested_ms, self.last_kind = request, now_ms, request.kind
        return request

    def _ended_if_over(self, request: Request) -> Request:
        if request.phase in IN_FLIGHT:
            return request
        self.current = None
        self.ended[request.request_id] = request.phase
        while len(self.ended) > ENDED_MAX:
            del self.ended[next(iter(self.ended))]
        if request.phase in CAME_TO_NOTHING:
            self.failures += 1
        elif request.phase is not RequestPhase.UNVERIFIED:
            self.failures = 0
        return request

    def cooldown_ms(self) -> int:
        """How long after the last request none is made: twice as long for each that came to nothing."""
        doublings: int = min(self.failures, DOUBLINGS_MAX)
        return self.settings.cooldown_ms << doublings

    def _cooled_down(self, now_ms: int) -> bool:
        return self.last_requested_ms is None or now_ms >= self.last_requested_ms + self.cooldown_ms()
