"""Events as driftd publishes them, for tests of who listens: made with the contract's models, on topics of a prefix."""

from typing import Any

from pydantic import BaseModel

from driftd.config import Topics
from driftd.contract.cloudevents import EventType, encode_cloudevent
from driftd.contract.events_out import (
    AlertData,
    Contributor,
    DataRange,
    Figures,
    HarmData,
    PlaceData,
    RejectedData,
    RetrainingData,
    SilenceData,
)
from driftd.contract.rejection import RejectionReason
from driftd.subscribe.sieve import IN_FLIGHT
from topic_io import Message

AT_MS = 1_780_000_000_000
PLACE = PlaceData(at_ms=AT_MS, topic="predictions", partition=0, offset=7)
SHARES = {"missing_share": 0.0, "invalid_share": 0.0, "outside_share": 0.0}
NORMAL = Figures(count=900, **SHARES, mean=12.5, p10=3.0, p50=12.0, p90=22.0)
MOVED = Figures(count=400, **SHARES, mean=31.0, p10=9.0, p50=30.0, p90=55.0)
SHIFT = Contributor(
    signal="features.amount", effect="shift", detector="evidence", strength=2.5, share=1.0,
    change="shifted up: mean 12.5 -> 31", before=NORMAL, after=MOVED,
)  # fmt: skip
HARM = HarmData(verdict="harmful", basis="labels", risk_before=0.1, risk_after=0.3, events=200, drift="both")


def named_topics(prefix: str) -> Topics:
    """Topics of one test."""
    single = ("control", "alerts", "retraining", "incidents", "rejected", "state", "journal", "shards")
    names: dict[str, Any] = {name: prefix + name for name in single}
    return Topics(predictions=(f"{prefix}predictions",), labels=(), **names)


def alert_data(number: int = 1, incident: str = "inc-1", model: str = "churn", **other: Any) -> AlertData:
    """The `number`-th alert of an incident."""
    data: dict[str, Any] = {
        "incident_id": incident, "model": model, "model_version": "7", "kind": "data_drift", "kinds": ["data_drift"],
        "severity": "warning", "stage": "data", "phase": "open", "cause": "held" if number == 1 else "still_open",
        "page": number == 1, "number": number, "summary": f"{model} drifts, told for the {number}. time.",
        "advice": "Look at who produces amount.", "onset": PLACE, "detected": PLACE, "decided": PLACE,
        "opened_at_ms": AT_MS, "reopened": 0, "acknowledged_by": None, "silenced_by": None, "request_id": None,
        "contributors": [SHIFT], "contributors_total": 1, "harm": HARM,
        "replay": "driftd record --to-offset predictions:0:7",
    }  # fmt: skip
    return AlertData(**{**data, **other})


def request_data(request: str = "req-1", model: str = "churn", **other: Any) -> RetrainingData:
    """A request that is open."""
    data: dict[str, Any] = {
        "request_id": request, "model": model, "model_version": "7", "incident_ids": ["inc-1"], "cause": "data_drift",
        "stage": "data", "phase": "requested", "reason": None, "summary": f"{model} should learn anew.",
        "evidence": [SHIFT], "segment": None, "risk_before": 0.1, "risk_after": 0.3, "risk_new": None,
        "expected_gain": 0.2, "new_version": None, "requested_at_ms": AT_MS, "not_before_ms": AT_MS,
        "deadline_ms": AT_MS + 86_400_000, "attempt": 1,
        "data_range": DataRange(
            from_at_ms=AT_MS, to_at_ms=AT_MS, onset=PLACE, detected=PLACE, partitions=[], events=400, labelled=200
        ),
    }  # fmt: skip
    return RetrainingData(**{**data, **other})


def silence_data(silence: str = "sil-1", model: str = "churn", **other: Any) -> SilenceData:
    """A silence that holds."""
    data: dict[str, Any] = {
        "silence_id": silence, "maintenance": False, "model": model, "kind": None, "signals": [], "incident_id": None,
        "from_ms": AT_MS, "until_ms": AT_MS + 3_600_000, "who": "ann", "why": "a release",
    }  # fmt: skip
    return SilenceData(**{**data, **other})


def rejected_data(topic: str, partition: int, offset: int) -> RejectedData:
    """That a record of the control topic could not be followed."""
    return RejectedData(
        reason=RejectionReason.UNKNOWN_REQUEST, detail="no request is in flight that could be completed", model="churn",
        topic=topic, partition=partition, offset=offset, timestamp_ms=AT_MS, payload_bytes=2, payload_excerpt="{}",
    )  # fmt: skip


TYPES: dict[str, EventType] = {
    "verified": EventType.RETRAINING_VERIFIED,
    "escalated": EventType.RETRAINING_ESCALATED,
}


def cloudevent(data: BaseModel) -> tuple[str, str, EventType, bytes]:
    """The topic's key in `[topics]`, the key in the compacted topic, the type, and the value of the event."""
    if isinstance(data, AlertData):
        kind = EventType.ALERT_OPENED if data.number == 1 else EventType.ALERT_UPDATED
        kind = EventType.ALERT_RESOLVED if data.phase == "resolved" else kind
        name, standing = "alerts", f"incident/{data.model}/{data.incident_id}"
        event_id, subject = f"{data.incident_id}.{data.number}", data.model
    elif isinstance(data, RetrainingData):
        kind = EventType.RETRAINING_REQUESTED if data.phase in IN_FLIGHT else EventType.RETRAINING_CANCELLED
        kind = TYPES.get(data.phase, kind)
        name, standing = "retraining", f"request/{data.model}/{data.request_id}"
        event_id, subject = f"{data.request_id}.{data.phase}", data.model
    elif isinstance(data, SilenceData):
        kind, name, standing = EventType.SILENCE_BEGUN, "incidents", f"silence/{data.silence_id}"
        event_id, subject = data.silence_id, data.model
    else:
        assert isinstance(data, RejectedData)
        kind, name, standing = EventType.EVENT_REJECTED, "rejected", ""
        event_id, subject = f"{data.topic}.{data.offset}", "-"
    value, _ = encode_cloudevent(kind, event_id, "driftd", subject, AT_MS, data)
    return name, standing, kind, value


def published(topics: Topics, *told: BaseModel) -> list[Message]:
    """What driftd writes of `told`: the event itself, and beside it what is open now."""
    messages = []
    for data in told:
        name, standing, _, value = cloudevent(data)
        model, phase = getattr(data, "model", None) or "-", getattr(data, "phase", "open")
        if name != "incidents" and phase not in IN_FLIGHT - {"requested"}:
            messages.append(Message(getattr(topics, name), value, model.encode()))
        if standing:
            is_open = phase == "open" or phase in IN_FLIGHT
            messages.append(Message(topics.incidents, value if is_open else None, standing.encode()))
    return messages
