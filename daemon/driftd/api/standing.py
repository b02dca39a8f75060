"""What is open now, folded out of the compacted topic. Rule: a record that comes twice changes nothing.

The keys are those of `driftd.contract.standing`. The value of a key is the last
CloudEvent about it, null when it is over; its headers tell which event that was. What cannot be read is counted and
passed over, what is too much is counted and not held: an answer says so (`unreadable`, `not_held`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from driftd.contract.record import Record
from driftd.contract.standing import Subject, split_key

BYTES_MAX: Final = 64 * 1024 * 1024
"""Of all events that are held: some ten thousand incidents."""


class ChangeName(StrEnum):
    """What happened to an entry; the name of the server-sent event."""

    CHANGED = "changed"
    OVER = "over"


class Envelope(msgspec.Struct, frozen=True):
    """What is read of a CloudEvent; `data` is passed on as it is, with fields that a newer driftd added."""

    id: str
    type: str
    data: msgspec.Raw


class Facts(msgspec.Struct, frozen=True):
    """What entries can be asked for by."""

    model: str
    kind: str | None = None
    severity: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One incident, request or silence that is open. `event` is the CloudEvent, `data` its data; both are JSON."""

    subject: Subject
    entry_id: str
    event_id: str
    facts: Facts
    data: msgspec.Raw
    event: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """What changed: by the CloudEvent `event_id` (JSON), or by null, of which only `over_document` tells."""

    name: ChangeName
    event_id: str
    document: bytes


class Standing:
    """All that is open, by key, oldest change first."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self.unreadable = 0
        self.not_held = 0
        self._bytes_max = bytes_max
        self._bytes = 0
        self._entries: dict[bytes, Entry] = {}

    def apply(self, record: Record) -> Change | None:
        """Take in the next record of the topic; what it changes, if anything."""
        named = split_key(record.key or b"")
        if record.key is None or named is None:
            self.unreadable += 1
            return None
        key, (subject, entry_id) = record.key, named
        if record.value is None:
            return self._end(key, subject, entry_id, record)
        entry = _read(subject, entry_id, record.value)
        if entry is None:
            self.unreadable += 1
            return None
        before = self._entries.get(key)
        if before is not None and before.event_id == entry.event_id:
            return None
        self._forget(key)
        if self._bytes + len(entry.event) > self._bytes_max:
            self.not_held += 1
        else:
            self._entries[key] = entry
            self._bytes += len(entry.event)
        return Change(ChangeName.CHANGED, entry.event_id, entry.event)

    def find(self, subject: Subject, entry_id: str) -> Entry | None:
        """The entry of that id."""
        return next((entry for entry in self.all(subject) if entry.entry_id == entry_id), None)

    def all(self, subject: Subject) -> Iterator[Entry]:
        """The entries about `subject`."""
        return (entry for entry in self._entries.values() if entry.subject is subject)

    def matching(self, subject: Subject, wanted: Mapping[str, str]) -> Iterator[bytes]:
        """The data of entries about `subject` whose facts are as `wanted`; the model may be a pattern with * and ?."""
        for entry in self.all(subject):
            if all(
                fnmatchcase(entry.facts.model, value)
                if name == "model"
                else getattr(entry.facts, name) == value
                for name, value in wanted.items()
            ):
                yield bytes(entry.data)

    def _end(self, key: bytes, subject: Subject, entry_id: str, record: Record) -> Change | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._forget(key)
        headers = dict(record.headers)
        by = (headers.get("ce_id") or b"").decode(errors="replace")
        event_id = by or f"{record.topic}/{record.partition}/{record.offset}"
        kind = (headers.get("ce_type") or b"").decode(errors="replace")
        return Change(ChangeName.OVER, event_id, over_document(subject, entry_id, entry.facts.model, kind))

    def _forget(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(entry.event)


def over_document(subject: Subject, entry_id: str, model: str, event_type: str) -> bytes:
    """What is told of an entry that is over; the event that ended it is in the topic of its kind."""
    told = {"subject": subject.value, "id": entry_id, "model": model, "type": event_type or None}
    return msgspec.json.encode(told)


def _read(subject: Subject, entry_id: str, value: bytes) -> Entry | None:
    try:
        envelope = msgspec.json.decode(value, type=Envelope)
        facts = msgspec.json.decode(envelope.data, type=Facts)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return Entry(subject, entry_id, envelope.id, facts, envelope.data, value)
