"""The changes of what is open, as server-sent events. Rule: who comes back misses none, or is told all that is open.

A client that names the last event it saw is sent those after it; where that event is not held any longer, or none is
named, it is sent a snapshot. Source of the format: WHATWG HTML, "Server-sent events".
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

from driftd.api.standing import Change, Standing
from driftd.contract.standing import Subject

EVENTS_MAX: Final = 1_000
BYTES_MAX: Final = 4 * 1024 * 1024
HEARTBEAT: Final = b": heartbeat\n\n"


class Changes:
    """The latest changes, at most so many and so large."""

    def __init__(self, events_max: int = EVENTS_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._events_max = events_max
        self._bytes_max = bytes_max
        self._bytes = 0
        self._held: deque[Change] = deque()

    def add(self, change: Change) -> None:
        """Hold `change`, and let go of the oldest ones where it is too much."""
        self._held.append(change)
        self._bytes += len(change.document)
        while len(self._held) > self._events_max or (self._bytes > self._bytes_max and len(self._held) > 1):
            self._bytes -= len(self._held.popleft().document)

    @property
    def last_id(self) -> str:
        """The id of the latest change, empty where there was none."""
        return self._held[-1].event_id if self._held else ""

    def since(self, event_id: str) -> list[Change] | None:
        """What came after that event; None where it is not held."""
        later: list[Change] = []
        for change in reversed(self._held):
            if change.event_id == event_id:
                return later[::-1]
            later.append(change)
        return None


def message(name: str, event_id: str, document: bytes) -> bytes:
    """One server-sent event; `document` is JSON, so that lines can only end between its tokens."""
    data = b"".join(b"data: %s\n" % line for line in document.splitlines())
    head = f"id: {_one_line(event_id)}\n" if event_id else ""
    return f"event: {name}\n{head}".encode() + data + b"\n"


def change_message(change: Change) -> bytes:
    """`change` as a server-sent event, with the id of its CloudEvent."""
    return message(change.name.value, change.event_id, change.document)


def snapshot_message(standing: Standing, last_id: str) -> bytes:
    """All that is open as one server-sent event: the CloudEvents by what they are about."""
    parts = (
        b'"%ss":%s' % (subject.value.encode(), json_list(entry.event for entry in standing.all(subject)))
        for subject in Subject
    )
    return message("snapshot", last_id, b"{%s}" % b",".join(parts))


def json_list(documents: Iterable[bytes]) -> bytes:
    """JSON documents as one list."""
    return b"[%s]" % b",".join(documents)


def _one_line(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())
