"""What becomes of what is found in one model: its incidents, its requests, and what is told of them.

Rule: one order. Incidents change first, then silences are asked, then alerts are made, then the request in flight.
"""

from collections.abc import Callable, Sequence

from driftd.config import ModelSettings
from driftd.contract.events_in import RetrainingReply
from driftd.engine.contributors import place_data
from driftd.engine.harm import Basis, Verdict, risk_limit
from driftd.engine.incident import Incident
from driftd.engine.incidents import Change, Incidents
from driftd.engine.marks import Marks
from driftd.engine.outputs import OutputEvent
from driftd.engine.request import Request, RequestPhase, Step
from driftd.engine.retraining import Retraining
from driftd.engine.retraining_telling import Asked, asked_again, request_data, request_event, risks_of
from driftd.engine.silences import Silences
from driftd.engine.stream import Evaluation, Stream, StreamName
from driftd.engine.telling import Teller
from driftd.reference.panes import Place


class Life:
    """The incidents and requests of one model. `now_ms` is the latest time that anything was decided at."""

    def __init__(
        self, model: str, settings: ModelSettings, silences: Silences, count: Callable[[str, int], None]
    ) -> None:
        """`count` adds to one of the model's counters; `silences` are those of all models."""
        self.model = model
        self.settings = settings
        self.silences = silences
        self.incidents = Incidents(model, settings.incidents)
        self.retraining = Retraining(model, settings.retraining)
        self.marks = Marks()
        self.now_ms = 0
        self._count = count

    def begin(self, teller: Teller, streams: Sequence[Stream]) -> None:
        """Tell by `teller`, of what is measured by `streams`, from here on."""
        self.teller = teller
        self.streams = {stream.name: stream for stream in streams}

    def live(self, evaluation: Evaluation) -> list[OutputEvent]:
        """Take what a stream has to say; what is told of it."""
        place = self._at(evaluation.place)
        self.teller.see(evaluation.stream, evaluation.window, evaluation.unseen)
        self._count("improvements", evaluation.improved)
        changes = self.incidents.step(evaluation, self._is_harmless(evaluation))
        events = self._told(changes, place)
        if evaluation.pane_done:
            events += self._judged(evaluation.stream, place)
        return events + self.request(place) if changes or evaluation.pane_done else events

    def request(self, place: Place) -> list[OutputEvent]:
        """The retraining request that begins or ends now, if one does."""
        asks = not self.silences.is_maintained(self.model, self.now_ms)
        incidents = self.incidents.open_incidents()
        request = self.retraining.step(incidents, place, self.now_ms, asks)
        if request is None:
            return []
        if request.phase is RequestPhase.REQUESTED:
            self._fill(request, incidents, place)
        return self._published(request, place)

    def hush(self, place: Place) -> list[OutputEvent]:
        """Silences began or ended, or time has passed: what is told of incidents that are covered now, or no more."""
        self._at(place)
        return self._told((), place)

    def resolve(self, incidents: Sequence[Incident], place: Place) -> list[OutputEvent]:
        """A person resolves open `incidents`."""
        self._at(place)
        return self._told(self.incidents.resolve(incidents, self.now_ms), place) + self.request(place)

    def acknowledge(self, incidents: Sequence[Incident], who: str, place: Place) -> list[OutputEvent]:
        """`who` is at work on `incidents`."""
        self._at(place)
        return self._told(self.incidents.acknowledge(incidents, who), place)

    def reply(self, reply: RetrainingReply, step: Step, place: Place) -> list[OutputEvent] | None:
        """Take a reply; None where it does not suit the request."""
        self._at(place)
        request = self.retraining.reply(reply.request_id, step, reply.reason)
        return None if request is None else self._published(request, place)

    def deploy(self, version: str, place: Place, *, is_past: bool) -> list[OutputEvent]:
        """Version `version`, which ran before if it `is_past`, is out: whatever was open is over."""
        self._at(place)
        self._weigh_again()
        events = self._told(self.incidents.close_all(), place)
        request = self.retraining.deployed(version, self.now_ms, is_past=is_past)
        return events if request is None else events + self._published(request, place)

    def reset(self, place: Place) -> list[OutputEvent]:
        """What is normal is learned anew for the same version."""
        self._at(place)
        events = self._told(self.incidents.close_all(), place)
        request = self.retraining.reset()
        return events if request is None else events + self._published(request, place)

    def _at(self, place: Place) -> Place:
        self.now_ms = max(self.now_ms, place.at_ms)
        return place

    def _is_harmless(self, evaluation: Evaluation) -> bool:
        """Whether what is found now is not to wake anybody: the model does not err more, or is not known to yet."""
        if self.settings.incidents.page != "harmful" or not evaluation.findings:
            return False
        onset_ms = min(finding.onset.at_ms for finding in evaluation.findings)
        return self.teller.harm(onset_ms, self.incidents.moved()).verdict in (Verdict.BENIGN, Verdict.PENDING)

    def _told(self, changes: Sequence[Change], place: Place) -> list[OutputEvent]:
        """The alerts of `changes`, and of incidents that silences begin or cease to cover."""
        told = {id(change.incident) for change in changes}
        hushed = self.incidents.hush(self.silences, self.now_ms)
        # an alert that is due anyway says itself that it is silenced
        changes = [*changes, *(change for change in hushed if id(change.incident) not in told)]
        if not changes:
            return []
        moved = self.incidents.moved(changes)
        request = self.retraining.current
        events = []
        for change in changes:
            incident = change.incident
            incident.number += 1
            named = request is not None and incident.incident_id in request.incident_ids
            asked = request.request_id if request is not None and named else None
            events.append(self.teller.alert(change, place, moved, incident.wakes(change.cause), asked))
        for event in events:
            self._count("alerts_" + event.event_type.split(".")[-2], 1)
        return events

    def _judged(self, stream: StreamName, place: Place) -> list[OutputEvent]:
        """Whether the version that answered a request has ended what was asked about, once its reference tells."""
        request = self.retraining.current
        if request is None or request.phase is not RequestPhase.WATCHED:
            return []
        limit = request.risk_limit
        basis = (
            StreamName.OUTCOMES if limit is not None and limit.basis is Basis.LABELS else StreamName.INPUTS
        )
        risk = self.streams[basis].first_risk
        if stream is not basis or (risk is None and basis is StreamName.OUTCOMES):
            return []
        ended = self.retraining.judge(risk)
        return [] if ended is None else self._published(ended, place)

    def _fill(self, request: Request, incidents: Sequence[Incident], place: Place) -> None:
        """Let a new `request` say what it is about."""
        wanted, version = self.settings.labels.reference_events, self.teller.version
        if request.is_again and request.data is not None:
            asked = asked_again(request.data, version, place, self.now_ms, wanted)
        else:
            asking = [one for name in request.incident_ids for one in incidents if one.incident_id == name]
            onset = min((one.asks_since for one in asking), key=lambda onset: onset.at_ms)
            harm = self.teller.harm(onset.at_ms, self.incidents.moved())
            request.risk_limit = risk_limit(harm)
            evidence = self.teller.evidence(asking)
            asked = Asked(self.model, version, place_data(onset), harm, evidence, place, self.now_ms, wanted)
        request.data = request_data(request, asked, self.marks)

    def _weigh_again(self) -> None:
        """Before the version that was asked about is gone: what it errs by is known better than when it was found."""
        request = self.retraining.current
        if (
            request is None
            or request.data is None
            or request.is_again
            or request.phase is RequestPhase.WATCHED
        ):
            return
        harm = self.teller.harm(request.data.data_range.from_at_ms, self.incidents.moved())
        limit = risk_limit(harm)
        if limit is not None:
            request.risk_limit = limit
            request.data = request.data.model_copy(update=risks_of(harm))

    def _published(self, request: Request, place: Place) -> list[OutputEvent]:
        self._count(f"retraining_{request.phase.value}", 1)
        return [request_event(request, place)]
