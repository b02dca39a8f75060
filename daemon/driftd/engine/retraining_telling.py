"""From requests to events. Rule: a request says all that a pipeline needs, and so does each later event about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from driftd.contract.cloudevents import EventType, encode_cloudevent, rfc3339
from driftd.contract.events_out import Contributor, DataRange, PartitionRange, PlaceData, RetrainingData
from driftd.contract.record import Source
from driftd.contract.standing import Subject
from driftd.engine.contributors import place_data, told_changes
from driftd.engine.harm import Harm, Verdict
from driftd.engine.identity import SOURCE, derived_id
from driftd.engine.marks import Marks
from driftd.engine.outputs import OutputEvent, OutputTopic
from driftd.engine.request import EARLIER, IN_FLIGHT, Request, RequestPhase
from driftd.reference.figures import rounded
from driftd.reference.panes import Place

EVENT_TYPES: Final[Mapping[RequestPhase, EventType]] = {
    RequestPhase.VERIFIED: EventType.RETRAINING_VERIFIED,
    RequestPhase.ESCALATED: EventType.RETRAINING_ESCALATED,
    RequestPhase.UNVERIFIED: EventType.RETRAINING_CANCELLED,
    RequestPhase.REJECTED: EventType.RETRAINING_CANCELLED,
    RequestPhase.FAILED: EventType.RETRAINING_CANCELLED,
    RequestPhase.CANCELLED: EventType.RETRAINING_CANCELLED,
    RequestPhase.EXPIRED: EventType.RETRAINING_CANCELLED,
}
"""What the end of a request is told as; while it is in flight it is a request."""

SUMMARIES: Final[Mapping[RequestPhase, str]] = {
    RequestPhase.REQUESTED: "Model {model} asks for a new version: go back to {stage}, use data since {since}. {told}",
    RequestPhase.ACCEPTED: "Somebody is at work on a new version of model {model}{because}.",
    RequestPhase.COMPLETED: "A new version of model {model} is made, and not out yet{because}.",
    RequestPhase.WATCHED: "Version {new} of model {model} is out, and is watched: does it end what was asked about?",
    RequestPhase.VERIFIED: "Version {new} of model {model} ends what was asked about{risks}.",
    RequestPhase.ESCALATED: "Version {new} of model {model} does not end what was asked about{risks}. The next request "
    "goes back to {earlier}.",
    RequestPhase.UNVERIFIED: "Whether version {new} of model {model} helped is not known{because}.",
    RequestPhase.REJECTED: "The request for a new version of model {model} is rejected{because}.",
    RequestPhase.FAILED: "The request for a new version of model {model} came to nothing{because}.",
    RequestPhase.CANCELLED: "The request for a new version of model {model} is taken back{because}.",
    RequestPhase.EXPIRED: "The request for a new version of model {model} has expired{because}.",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """The facts of a request that begins: `onset` is where the change began, `place` the record that decided."""

    model: str
    version: str | None
    onset: PlaceData
    harm: Harm | None
    evidence: Sequence[Contributor]
    place: Place
    now_ms: int
    labels_wanted: int
    """How many labels make a reference of error and loss, and so are enough to train and to be judged by."""


def request_data(request: Request, asked: Asked, marks: Marks) -> RetrainingData:
    """The data of a `request` that begins."""
    data_range = range_of(asked, marks)
    return RetrainingData(
        request_id=request.request_id,
        model=asked.model,
        model_version=asked.version,
        incident_ids=list(request.incident_ids),
        cause=request.kind,
        stage=request.stage,
        phase=request.phase,
        reason=None,
        summary="",
        evidence=list(asked.evidence),
        data_range=data_range,
        segment=next((one.claim.segment for one in asked.evidence if one.claim and one.claim.segment), None),
        risk_new=None,
        **risks_of(asked.harm),
        new_version=None,
        requested_at_ms=asked.now_ms,
        not_before_ms=not_before_ms(data_range, asked, request.deadline_ms, marks),
        deadline_ms=request.deadline_ms,
        attempt=request.attempt,
    )


def risks_of(harm: Harm | None) -> dict[str, float | None]:
    """What is known of the risk before and after a change, as a request says it."""
    before, after = (None, None) if harm is None else (harm.risk_before, harm.risk_after)
    is_harmful = harm is not None and harm.verdict is Verdict.HARMFUL
    gain = after - before if is_harmful and before is not None and after is not None else None
    figures = {"risk_before": before, "risk_after": after, "expected_gain": gain}
    return {name: None if figure is None else rounded(figure) for name, figure in figures.items()}


def asked_again(
    data: RetrainingData, version: str | None, place: Place, now_ms: int, labels_wanted: int
) -> Asked:
    """The facts of a request that goes on from `data`: the same trouble, with the data that there is by now."""
    return Asked(
        data.model, version, data.data_range.onset, None, data.evidence, place, now_ms, labels_wanted
    )


def range_of(asked: Asked, marks: Marks) -> DataRange:
    """The records from the onset of what is `asked` to the one that decided; counts are to within MARK_RECORDS."""
    onset, place = asked.onset, asked.place
    begin = marks.before(Place(onset.at_ms, onset.topic, onset.partition, onset.offset))
    latest = marks.latest()
    exact_from = {Source(onset.topic, onset.partition): onset.offset}
    exact_to = {Source(place.topic, place.partition): place.offset}
    partitions = []
    for source in sorted(latest.offsets):
        from_offset = exact_from.get(source, begin.offsets.get(source, -1) + 1)
        to_offset = exact_to.get(source, latest.offsets[source])
        if from_offset <= to_offset:
            partitions.append(
                PartitionRange(
                    topic=source.topic,
                    partition=source.partition,
                    from_offset=from_offset,
                    to_offset=to_offset,
                )
            )
    return DataRange(
        from_at_ms=onset.at_ms,
        to_at_ms=place.at_ms,
        onset=onset,
        detected=place_data(place),
        partitions=partitions,
        events=latest.predictions - begin.predictions,
        labelled=latest.labelled - begin.labelled,
    )


def not_before_ms(data: DataRange, asked: Asked, deadline_ms: int, marks: Marks) -> int:
    """When enough labels will have come, at the pace that they came so far; the deadline at the latest, or now."""
    missing = max(asked.labels_wanted - data.labelled, 0)
    pace_ms = marks.label_pace_ms()
    wait_ms = 0 if pace_ms is None else int(pace_ms * missing)
    return min(asked.now_ms + wait_ms, deadline_ms)


def request_event(request: Request, place: Place) -> OutputEvent:
    """The event that `request` is in its phase now, decided by the record at `place`.

    That somebody is at work on it, or that it is watched, only stands in the topic of what is open now.
    """
    data = request.data
    if data is None:
        raise RuntimeError(f"request {request.request_id} was never told what it is about: a bug of driftd")
    data = data.model_copy(
        update={
            "phase": request.phase,
            "reason": request.reason,
            "new_version": request.new_version,
            "risk_new": _figure(request.risk_new),
            "deadline_ms": request.deadline_ms,
        }
    )
    data = data.model_copy(update={"summary": _summary(request, data)})
    event_type = EVENT_TYPES.get(request.phase, EventType.RETRAINING_REQUESTED)
    event_id = derived_id("retraining", request.request_id, request.phase, request.new_version or "")
    value, headers = encode_cloudevent(event_type, event_id, SOURCE, data.model, place.at_ms, data)
    is_public = request.phase is RequestPhase.REQUESTED or request.phase not in IN_FLIGHT
    return OutputEvent(
        OutputTopic.RETRAINING if is_public else OutputTopic.INCIDENTS,
        data.model,
        event_id,
        event_type,
        value,
        headers,
        Subject.REQUEST.key(data.model, request.request_id),
        request.phase not in IN_FLIGHT,
    )


def _summary(request: Request, data: RetrainingData) -> str:
    told = "; ".join(told_changes(data.evidence))
    again = f" Attempt {request.attempt}: those before came to nothing." if request.attempt > 1 else ""
    stop = "" if not told or told.endswith((".", "?")) else "."
    return SUMMARIES[request.phase].format(
        model=data.model,
        stage=request.stage.value,
        since=rfc3339(data.data_range.from_at_ms),
        told=f"{told}{stop}{again}".strip(),
        new=request.new_version,
        earlier=EARLIER[request.stage].value,
        because="" if request.reason is None else f": {request.reason}",
        risks=_risks(data),
    )


def _risks(data: RetrainingData) -> str:
    """What it errs by now, beside what it was."""
    known = [
        f"{words} {value:.4g}"
        for words, value in (
            ("since the change it was", data.risk_after),
            ("before it was", data.risk_before),
        )
        if value is not None
    ]
    now = "" if data.risk_new is None else f": its mean error or loss is {data.risk_new:.4g}"
    return now + ("" if not (now and known) else f"; {', '.join(known)}")


def _figure(value: float | None) -> float | None:
    return None if value is None else rounded(value)
