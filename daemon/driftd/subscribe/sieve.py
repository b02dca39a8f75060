"""What of a topic is handed to the subscriber. Rule: here it is decided, and not in the loops over Kafka's clients.

- An id is handed out once while it is remembered: the latest `IDS_MAX` ids, and after a restart the ids of the last
  `PRIMED_RECORDS` records before the group's offset, which are read again for that and not handed out again.
- A subscriber without an offset of its own first gets what is open now, out of the compacted topic, then what is
  published after `end`, which was asked for before the compacted topic was read: so nothing falls between. What is in
  both has one id. An alert that is older than the one that was open (a smaller `number`), and a request that is
  accepted already, are left out.
- What cannot be read, and what no filter lets through, counts as done.
"""

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeAlias, TypeVar

from driftd.contract.record import Record
from driftd.contract.standing import Subject
from driftd.subscribe.events import Alert, Event, Rejected, Request, Skipped, decode
from driftd.subscribe.selection import Selection

IDS_MAX: Final = 10_000
PRIMED_RECORDS: Final = 1_000
WARNED_MAX: Final = 1_000

Start: TypeAlias = Literal["open", "new", "beginning"] | int
"""Where one begins who has no offsets: with what is open, with what comes, with all there is, or at a time in ms."""

E = TypeVar("E", bound=Alert | Request | Rejected)
STANDING: Final[Mapping[type[Event], Subject]] = {Alert: Subject.INCIDENT, Request: Subject.REQUEST}
"""What of the topic of what is open now they are."""
log = logging.getLogger("driftd.subscribe")


@dataclass(frozen=True, slots=True)
class Bounds:
    """A partition as it is now: its first offset, the one after its last, and the first at the wanted time."""

    begin: int
    end: int
    since: int | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where a partition is read from (`read`), and which is the first offset that is handed out (`first`).

    `is_open`: what is open now comes before. `lost`: how many records retention has deleted since the group's offset.
    """

    read: int
    first: int
    is_open: bool = False
    lost: int = 0


IN_FLIGHT: Final = frozenset({"requested", "accepted", "completed", "watched"})
"""Phases of a request; of these only the first is published, the others only stand among what is open now."""


def position_of(bounds: Bounds, committed: int | None, start: Start) -> Position:
    """Where to begin with a partition of which the group's offset is `committed`, None where it has none."""
    begin, end = bounds.begin, bounds.end
    if committed is not None and begin <= committed <= end:
        return Position(max(begin, committed - PRIMED_RECORDS), committed)
    if committed is not None and committed < begin:
        return Position(begin, begin, is_open=True, lost=begin - committed)
    if committed is not None or start == "open":  # beyond the end: the topic was made anew
        return Position(end, end, is_open=True)
    if start == "new":
        return Position(end, end)
    first = begin if start == "beginning" else end if bounds.since is None else bounds.since
    return Position(first, first)


def standing(records: Iterable[Record]) -> dict[bytes, Record]:
    """What is open now by its key, in the order in which it changed last, out of the compacted topic's `records`."""
    latest: dict[bytes, Record] = {}
    for record in records:
        latest.pop(record.key or b"", None)
        if record.key is not None and record.value is not None:
            latest[record.key] = record
    return latest


class Sieve(Generic[E]):
    """Decides record by record. One topic, all partitions that are read."""

    def __init__(
        self,
        wanted: type[E],
        selection: Selection,
        on_skip: Callable[[Skipped], None] | None = None,
        ids_max: int = IDS_MAX,
    ) -> None:
        """`wanted` is what is handed out; `on_skip` is told of each record that cannot be read."""
        self.skipped: Counter[str] = Counter()
        self._wanted = wanted
        self._selection = selection
        self._on_skip = on_skip
        self._ids_max = ids_max
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._first: dict[int, int] = {}
        self._open: dict[str, int] = {}
        """Incidents that were handed out as open, by id with the number of the alert, and requests, with 1."""
        self._warned: set[tuple[str, str]] = set()

    def begin(self, partition: int, position: Position) -> None:
        """Go on with a partition at `position`."""
        self._first[partition] = position.first

    def open_now(self, records: Iterable[Record], is_ours: Callable[[bytes], bool]) -> list[E]:
        """What is handed out first of the compacted topic's `records`; `is_ours` says of a model's name whether."""
        latest = standing(records)
        subject = STANDING.get(self._wanted)
        if subject is None:
            return []
        found = (self._read(record) for key, record in latest.items() if key.startswith(subject.prefix))
        events = [event for event in found if event is not None and is_ours(event.subject.encode())]
        self._open.update(map(_number, events))
        return [event for event in events if self._is_new(event) and self._selection.wants(event)]

    def take(self, record: Record) -> E | None:
        """The event that is to be handed out of a record that was published, None where there is none."""
        if record.offset < self._first.get(record.partition, 0):
            self._prime(record)
            return None
        event = self._read(record)
        if event is None or not self._is_new(event):
            return None
        identity, number = _number(event)
        if number <= self._open.get(identity, 0):
            return None
        self._open.pop(identity, None)
        return event if self._selection.wants(event) else None

    def _prime(self, record: Record) -> None:
        """Remember the id of what was handed out before a restart."""
        event = decode(record)
        if isinstance(event, self._wanted):
            self._is_new(event)

    def _read(self, record: Record) -> E | None:
        event = decode(record)
        if isinstance(event, self._wanted):
            return event
        if isinstance(event, Skipped):
            self._skip(event)
        return None

    def _skip(self, skipped: Skipped) -> None:
        self.skipped[skipped.reason.value] += 1
        kind = (skipped.reason.value, skipped.type)
        if (
            kind not in self._warned and len(self._warned) < WARNED_MAX
        ):  # once for each type, or logs would drown
            self._warned.add(kind)
            log.warning("skipped: %s", skipped)
        if self._on_skip is not None:
            self._on_skip(skipped)

    def _is_new(self, event: E) -> bool:
        if event.id in self._seen:
            return False
        self._seen[event.id] = None
        if len(self._seen) > self._ids_max:
            self._seen.popitem(last=False)
        return True


def _number(event: Event) -> tuple[str, int]:
    """What `event` is about, and how far that is: a request is asked for first, and then over."""
    if isinstance(event, Alert):
        return event.data.incident_id, event.data.number
    if isinstance(event, Request):
        return event.data.request_id, 1 if event.data.phase in IN_FLIGHT else 2
    return "", 1
