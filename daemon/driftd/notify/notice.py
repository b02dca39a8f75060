"""What a receiver is to be told: a CloudEvent out of a topic of driftd's. Rule: unknown fields are no business of ours.

The event goes on as it came, byte by byte; read are only the fields that decide who is told, and in which words. So a
notifier that is older or newer than its daemon goes on.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

RETRAINING: Final = "dev.driftd.retraining."


class Alert(msgspec.Struct, frozen=True):
    """The fields of AlertData that are needed; see driftd.contract.events_out."""

    incident_id: str
    model: str
    kind: str
    severity: str
    phase: str
    summary: str
    opened_at_ms: int
    stage: str = ""
    cause: str = ""
    page: bool = False
    number: int = 1
    kinds: tuple[str, ...] = ()
    advice: str = ""
    replay: str = ""
    model_version: str | None = None
    acknowledged_by: str | None = None
    silenced_by: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether it says that the incident is over."""
        return self.phase == "resolved"


class Request(msgspec.Struct, frozen=True):
    """The fields of RetrainingData that are needed."""

    request_id: str
    model: str
    cause: str
    phase: str
    summary: str
    stage: str = ""
    reason: str | None = None


class _Envelope(msgspec.Struct, frozen=True):
    id: str
    type: str
    data: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Place:
    """The record of a notice. `timestamp_ms` is the broker's."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Notice:
    """One CloudEvent on its way to a receiver; `event_id` is the key by which repeats are known."""

    event_id: str
    event_type: str
    value: bytes
    data: Alert | Request
    place: Place

    @property
    def lane(self) -> str:
        """What it is about: notices about one incident, or one request, are told in their order."""
        return self.data.incident_id if isinstance(self.data, Alert) else self.data.request_id


class UnreadableNotice(Exception):
    """A record that is no event of driftd's; the text says why."""


def read_notice(value: bytes, place: Place) -> Notice:
    """The notice that a record holds. Raises UnreadableNotice."""
    try:
        envelope = msgspec.json.decode(value, type=_Envelope)
        kind: type[Alert | Request] = Request if envelope.type.startswith(RETRAINING) else Alert
        data = msgspec.json.decode(envelope.data, type=kind)
    except msgspec.DecodeError as error:  # the validation error is one, too
        raise UnreadableNotice(str(error)) from None
    if not envelope.id.isascii() or not envelope.id.isprintable() or not 0 < len(envelope.id) <= 200:
        raise UnreadableNotice("its id is not a printable text of 1 to 200 ASCII characters")
    return Notice(envelope.id, envelope.type, value, data, place)
