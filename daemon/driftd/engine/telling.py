"""From facts to events. Rule: an event is complete: a person understands its text, a program its data."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Final

from driftd.contract.cloudevents import EventType, encode_cloudevent, rfc3339
from driftd.contract.events_out import (
    AlertData,
    Contributor,
    Figures,
    HarmData,
    RejectedData,
)  # fmt: skip
from driftd.contract.record import Record
from driftd.contract.standing import Subject
from driftd.decode.rejections import Rejection
from driftd.detectors.base import Finding
from driftd.engine.contributors import place_data, said_by_itself, told_changes
from driftd.engine.harm import Harm, Moved, Watched, harm_since
from driftd.engine.identity import SOURCE, derived_id
from driftd.engine.incident import Cause, Incident, Phase
from driftd.engine.incidents import Change
from driftd.engine.kinds import LOSSES, Kind
from driftd.engine.outputs import OutputEvent, OutputTopic
from driftd.engine.pulse_words import is_producer
from driftd.engine.sentences import (
    advice,
    change_in_words,
    drift_sentence,
    harm_sentence,
    resolved_sentence,
    summary_sentence,
)
from driftd.engine.stream import Stream, StreamName
from driftd.reference.figures import Summary, is_stuck, pane_summary, reference_summary, rounded
from driftd.reference.panes import Pane, Place, merged
from driftd.reference.profile import Profile

EXCERPT_BYTES: Final = 256
UNASKED: Final = (*LOSSES, Kind.LABEL_QUALITY)
"""A loss is the harm, and labels that are wrong cannot tell of any."""
DRIFTS: Final = (*LOSSES, Kind.DATA_DRIFT, Kind.DATA_QUALITY)
"""Of these it is told whether the inputs moved, the error, or both."""
UNKNOWN_MODEL: Final = "-"
"""Key of rejected events whose model cannot be told."""

ALERT_TYPES: Final = {
    Cause.HELD: EventType.ALERT_OPENED,
    Cause.REOPENED: EventType.ALERT_OPENED,
    Cause.QUIET: EventType.ALERT_RESOLVED,
    Cause.NEW_VERSION: EventType.ALERT_RESOLVED,
    Cause.PERSON: EventType.ALERT_RESOLVED,
}
"""By any other cause an open incident is updated."""

ENDINGS: Final = {
    Cause.QUIET: "the signals are back where the reference has them",
    Cause.NEW_VERSION: "a new version was deployed",
    Cause.PERSON: "a person resolved it",
}
COMES_AGAIN: Final = "what was missing comes again"
NO_MORE_LOST: Final = "the events came after all, or no more were lost for an hour"


def ending(change: Change) -> str:
    """Why the incident of `change` is over, in words."""
    if change.incident.kind is Kind.SILENCE and change.cause is Cause.QUIET:
        lost = all(is_producer(finding.key) for finding in change.incident.findings)
        return NO_MORE_LOST if lost else COMES_AGAIN
    return ENDINGS[change.cause]


class Teller:
    """Makes the events of one model out of what its streams have measured."""

    def __init__(
        self, model: str, version: str | None, contributors_max: int, streams: Sequence[Stream]
    ) -> None:
        self.model = model
        self.version = version
        self.contributors_max = contributors_max
        self.streams = {stream.name: stream for stream in streams}
        self.windows: dict[StreamName, tuple[Pane, ...]] = {stream.name: () for stream in streams}
        self.unseen: dict[StreamName, Mapping[str, tuple[str, ...]]] = {stream.name: {} for stream in streams}

    def see(
        self, stream: StreamName, window: tuple[Pane, ...], unseen: Mapping[str, tuple[str, ...]]
    ) -> None:
        """From here on figures are those of `window`: not of the stream itself, which is ahead within a batch."""
        self.windows[stream], self.unseen[stream] = window, unseen

    def harm(self, onset_ms: int, moved: Moved) -> Harm:
        """Whether the model errs more since `onset_ms`, where incidents say what has `moved`."""
        inputs, outcomes = (
            Watched(self.streams[name].profile, self.windows[name])
            for name in (StreamName.INPUTS, StreamName.OUTCOMES)
        )
        return harm_since(inputs, outcomes, onset_ms, moved)

    def alert(
        self, change: Change, place: Place, moved: Moved, page: bool, request_id: str | None
    ) -> OutputEvent:
        """The alert that `change`, decided by the record at `place`, is; incidents say what has `moved`.

        `page`: whether it wakes somebody; `request_id` is that of the request in flight that names the incident.
        """
        incident, event_type = change.incident, ALERT_TYPES.get(change.cause, EventType.ALERT_UPDATED)
        contributors = self._contributors(incident)
        harm = self.harm(incident.onset.at_ms, moved)
        summary = (
            resolved_sentence(incident.kind, self.model, ending(change))
            if incident.phase is Phase.RESOLVED
            else self._summary(incident, contributors, harm)
        )
        data = AlertData(
            incident_id=incident.incident_id,
            model=self.model,
            model_version=self.version,
            kind=incident.kind,
            kinds=list(incident.kinds),
            severity=incident.severity,
            stage=incident.stage,
            phase=incident.phase,
            cause=change.cause,
            page=page,
            number=incident.number,
            summary=summary,
            advice=advice(incident.kind, incident.stage),
            onset=place_data(incident.onset),
            detected=place_data(incident.detected),
            decided=place_data(place),
            opened_at_ms=incident.opened_at_ms,
            reopened=incident.reopened,
            acknowledged_by=incident.acknowledged_by,
            silenced_by=incident.silenced_by,
            request_id=request_id,
            contributors=contributors[: self.contributors_max],
            contributors_total=len(incident.findings),
            harm=None if incident.kind is Kind.LABEL_QUALITY else harm_data(harm),
            replay=replay_command(incident.detected),
        )
        event_id = derived_id(
            "alert",
            incident.incident_id,
            event_type,
            change.cause,
            place.topic,
            place.partition,
            place.offset,
        )
        value, headers = encode_cloudevent(event_type, event_id, SOURCE, self.model, place.at_ms, data)
        standing = Subject.INCIDENT.key(self.model, incident.incident_id)
        is_over = incident.phase is Phase.RESOLVED
        return OutputEvent(
            OutputTopic.ALERTS, self.model, event_id, event_type, value, headers, standing, is_over
        )

    def evidence(self, incidents: Sequence[Incident]) -> list[Contributor]:
        """What speaks for a request that `incidents` ask for: the strongest of each, the most urgent first."""
        every = [contributor for incident in incidents for contributor in self._contributors(incident)]
        return every[: self.contributors_max]

    def _contributors(self, incident: Incident) -> list[Contributor]:
        """The strongest findings of `incident` with their figures."""
        ranked = incident.findings
        total = sum(finding.strength for finding in ranked)
        return [
            self._contributor(finding, finding.strength / total)
            for finding in ranked[: self.contributors_max]
        ]

    def _contributor(self, finding: Finding, share: float) -> Contributor:
        said = said_by_itself(finding, share)
        if said is not None:
            return said
        stream, signal, profile = self._located(finding.signal)
        window = self.windows[stream.name]
        # the panes from the onset on show the change undiluted, where the window still holds its begin
        since = [pane for pane in window if pane.first.at_ms >= finding.onset.at_ms]
        before = reference_summary(profile, signal, pooled=True)
        now = merged(since or window) if window else None
        after = before if now is None else pane_summary(profile, signal, now)
        if finding.recent_mean is not None and not since:
            after = replace(after, mean=rounded(finding.recent_mean))
        unseen = self.unseen[stream.name].get(finding.signal, ())
        return Contributor(
            signal=finding.signal,
            effect=finding.effect,
            detector=finding.detector,
            strength=rounded(finding.strength),
            share=rounded(share),
            change=change_in_words(
                finding, before, after, unseen, stuck=now is not None and is_stuck(profile, signal, now)
            ),
            before=_figures(before),
            after=_figures(after),
        )

    def _located(self, name: str) -> tuple[Stream, int, Profile]:
        for stream in self.streams.values():
            if stream.profile is not None:
                for index, signal in enumerate(stream.profile.schema.signals):
                    if signal.name == name:
                        return stream, index, stream.profile
        raise RuntimeError(
            f"there is a finding about {name}, which is no signal of {self.model}: a bug of driftd"
        )

    def _summary(self, incident: Incident, contributors: Sequence[Contributor], harm: Harm) -> str:
        told = told_changes(contributors)
        since = rfc3339(incident.onset.at_ms)[:16].replace("T", " ") + " UTC"
        others = len(incident.findings) - len(told)
        harms = [] if incident.kind in UNASKED else [harm_sentence(harm)]
        harms += [] if incident.kind not in DRIFTS else [drift_sentence(harm)]
        return summary_sentence(
            incident.kind,
            self.model,
            self.version,
            since,
            told,
            others,
            incident.stage,
            " ".join(filter(None, harms)),
        )


def rejected_event(rejection: Rejection, record: Record) -> OutputEvent:
    """The event that `record` was refused."""
    payload = record.value or b""
    data = RejectedData(
        reason=rejection.reason,
        detail=rejection.detail,
        model=rejection.model,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp_ms,
        payload_bytes=len(payload),
        payload_excerpt=payload[:EXCERPT_BYTES].decode(errors="replace"),
    )
    digest = hashlib.sha256(payload).hexdigest()[:16]
    event_id = derived_id("rejected", record.topic, record.partition, record.offset, digest)
    time_ms = max(record.timestamp_ms, 0)
    model = rejection.model or UNKNOWN_MODEL
    value, headers = encode_cloudevent(EventType.EVENT_REJECTED, event_id, SOURCE, model, time_ms, data)
    return OutputEvent(OutputTopic.REJECTED, model, event_id, EventType.EVENT_REJECTED, value, headers)


def replay_command(decided: Place) -> str:
    """How to see it again: everything up to the record that decided."""
    until = f"{decided.topic}:{decided.partition}:{decided.offset}"
    return f"driftd record --until {until} -o incident.jsonl.gz && driftd replay incident.jsonl.gz"


def harm_data(harm: Harm) -> HarmData:
    """A verdict as it is published."""
    before, after = (None if risk is None else rounded(risk) for risk in (harm.risk_before, harm.risk_after))
    return HarmData(
        verdict=harm.verdict,
        basis=harm.basis,
        risk_before=before,
        risk_after=after,
        events=harm.events,
        drift=harm.drift,
    )


def _figures(summary: Summary) -> Figures:
    return Figures(**asdict(summary))
