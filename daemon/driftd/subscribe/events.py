"""What came out of driftd, as objects. Rule: what cannot be read is `Skipped`, with its reason, and never an exception.

A subscriber and the daemon need not be of one version. Fields that are not known here are ignored. An event that lacks
a field, or whose type is of a later version of the contract, is skipped, and the message says which of the two is to be
updated.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec
from pydantic import BaseModel, ConfigDict, ValidationError

from driftd.contract.cloudevents import EventType
from driftd.contract.events_out import AlertData, RejectedData, RetrainingData, SilenceData
from driftd.contract.record import Record

TEXT_MAX: Final = 200
"""How much of what stands in a foreign event is told."""
PROBLEMS_MAX: Final = 3


class Event(BaseModel):
    """What all events have in common: the attributes of the CloudEvent, and where it was read."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    id: str
    """Identifies the event; one that is published twice has the same id."""
    source: str
    type: str
    subject: str
    time: datetime
    """Time of the record that decided it, UTC."""
    topic: str
    partition: int
    offset: int
    """Where it was read. An event that is open now is read in the compacted topic, and not where it was published."""


class Alert(Event):
    """An incident was opened, has changed, or is over."""

    data: AlertData


class Request(Event):
    """A retraining request, or what became of it (`data.phase`)."""

    data: RetrainingData


class Silence(Event):
    """Incidents that match wake nobody for a time."""

    data: SilenceData


class Rejected(Event):
    """An event that could not be taken by the daemon."""

    data: RejectedData


MODELS: Final[Mapping[str, type[Alert | Request | Silence | Rejected]]] = {
    EventType.ALERT_OPENED: Alert,
    EventType.ALERT_UPDATED: Alert,
    EventType.ALERT_RESOLVED: Alert,
    EventType.RETRAINING_REQUESTED: Request,
    EventType.RETRAINING_CANCELLED: Request,
    EventType.RETRAINING_VERIFIED: Request,
    EventType.RETRAINING_ESCALATED: Request,
    EventType.SILENCE_BEGUN: Silence,
    EventType.EVENT_REJECTED: Rejected,
}
_VERSIONED: Final = re.compile(r"(dev\.driftd\..+)\.v([0-9]{1,9})", re.ASCII)
VERSION_OF: Final[Mapping[str, int]] = {
    found[1]: int(found[2]) for name in MODELS if (found := _VERSIONED.fullmatch(name)) is not None
}
"""The version that is read here of each type, by its name without the version."""


class SkipReason(StrEnum):
    """Why a record is no event for this subscriber."""

    NOT_JSON = "not_json"
    NOT_A_CLOUDEVENT = "not_a_cloudevent"
    UNKNOWN_TYPE = "unknown_type"
    OTHER_VERSION = "other_version"
    DOES_NOT_FIT = "does_not_fit"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that could not be read, and why. `type` is empty where it has none."""

    reason: SkipReason
    detail: str
    type: str
    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}, partition {self.partition}, offset {self.offset}: {self.detail}"


def decode(record: Record) -> Alert | Request | Silence | Rejected | Skipped:
    """The event that `record` is."""

    def skipped(reason: SkipReason, detail: str, event_type: str = "") -> Skipped:
        return Skipped(reason, detail, event_type[:TEXT_MAX], record.topic, record.partition, record.offset)

    try:
        document: Any = msgspec.json.decode(record.value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return skipped(SkipReason.NOT_JSON, f"it is not JSON: {error}")
    event_type = document.get("type") if isinstance(document, dict) else None
    if not isinstance(event_type, str):
        detail = "it is no CloudEvent of driftd: a JSON object with type, id, source, time and data would be"
        return skipped(SkipReason.NOT_A_CLOUDEVENT, detail)
    model = MODELS.get(event_type)
    if model is None:
        return skipped(*_unknown(event_type[:TEXT_MAX]), event_type)
    try:
        # the contract's models refuse more fields, so that the daemon cannot publish them; a reader ignores them
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        return model.model_validate({**document, **place}, extra="ignore")
    except ValidationError as error:
        return skipped(SkipReason.DOES_NOT_FIT, _unfit(event_type, error), event_type)


def decode_value(value: bytes | str) -> Alert | Request | Silence | Rejected | Skipped:
    """The event in the value of a record that somebody else has read, such as a trigger of a scheduler."""
    return decode(Record("", 0, -1, -1, None, value.encode() if isinstance(value, str) else value))


def _unknown(event_type: str) -> tuple[SkipReason, str]:
    """Whether a type that has no model is of another version of the contract, and what to do about it."""
    found = _VERSIONED.fullmatch(event_type)
    known = VERSION_OF.get(found[1]) if found is not None else None
    if found is None or known is None:
        where = "driftd, or this subscriber is older than the daemon" if found else "driftd"
        return SkipReason.UNKNOWN_TYPE, f"{event_type} is no type of event of {where}"
    older, newer = ("subscriber", "daemon") if int(found[2]) > known else ("daemon", "subscriber")
    return SkipReason.OTHER_VERSION, (
        f"{event_type} is read as version {known} here: this {older} is older than the {newer}; "
        f"update the package driftd of the {older}"
    )


def _unfit(event_type: str, error: ValidationError) -> str:
    told = [
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False)
    ]
    more = f"; and {len(told) - PROBLEMS_MAX} more" if len(told) > PROBLEMS_MAX else ""
    return (
        f"{event_type} does not fit its model here: {'; '.join(told[:PROBLEMS_MAX])}{more}; the daemon that wrote it "
        "and this subscriber are of different versions: update the package driftd of the older one"
    )
