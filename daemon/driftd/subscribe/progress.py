"""What waits, what is handed out, and what is done. Rule: a partition's offset never passes what is not done.

One event is handed out at a time; taking the next one says that it is done, or `finish` does at once. What is open now
counts as one piece: the group has an offset only when all of it is done.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Generic

from driftd.contract.record import Record
from driftd.subscribe.sieve import Bounds, E, Position, Sieve


class Progress(Generic[E]):
    """The way of one subscriber through its partitions."""

    def __init__(self, sieve: Sieve[E]) -> None:
        self.sieve = sieve
        self.handed: E | None = None
        """What was handed out last, None where it is done."""
        self.done: dict[int, int] = {}
        """By partition: the offset after what is done."""
        self._open: deque[E] = deque()
        self._records: deque[Record] = deque()
        self._after_open: dict[int, int] = {}
        self._read: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._committed: dict[int, int] = {}

    @property
    def partitions(self) -> set[int]:
        """Those that are read."""
        return set(self._ends)

    def begin(self, partition: int, position: Position, bounds: Bounds) -> None:
        """Go on with a partition at `position`; where that has what is open, `begin_open` is to follow."""
        self.sieve.begin(partition, position)
        self._read[partition] = position.read
        self._ends[partition] = bounds.end
        (self._after_open if position.is_open else self.done)[partition] = position.first

    def begin_open(self, events: Iterable[E]) -> None:
        """What is to be handed out first."""
        self._open.extend(events)
        self._end_open()

    def leave(self, partitions: Iterable[int] | None = None) -> None:
        """Forget partitions, all by default: another subscriber of the group goes on with them."""
        gone = self.partitions if partitions is None else set(partitions)
        for held in (self.done, self._after_open, self._read, self._ends, self._committed):
            for partition in gone:
                held.pop(partition, None)
        self._records = deque(record for record in self._records if record.partition not in gone)
        if partitions is None:
            self._open.clear()

    def add(self, records: Iterable[Record]) -> None:
        """Let fetched records wait."""
        self._records.extend(records)

    def next(self) -> E | None:
        """The next event to hand out, None where more is to be fetched. What was handed out before is done."""
        self.finish()
        if self._open:
            self.handed = self._open.popleft()
            return self.handed
        while self._records:
            record = self._records.popleft()
            self._read[record.partition] = record.offset + 1
            self.handed = self.sieve.take(record)
            if self.handed is not None:
                return self.handed
            self._move(record.partition, record.offset + 1)
        return None

    def finish(self) -> None:
        """What was handed out is done."""
        event, self.handed = self.handed, None
        if event is None:
            return
        if self._after_open:
            self._end_open()
        else:
            self._move(event.partition, event.offset + 1)

    def commits(self) -> dict[int, int]:
        """By partition: offsets that the group is to have, where they are others than at the last `committed`."""
        return {p: offset for p, offset in self.done.items() if self._committed.get(p) != offset}

    def committed(self, offsets: Mapping[int, int]) -> None:
        """The group has `offsets`."""
        self._committed.update(offsets)

    def is_at_end(self, fetched: Mapping[int, int]) -> bool:
        """Whether all is handed out that there was at the begin; `fetched` are the positions of the client."""
        at_end = all(fetched.get(p, self._read.get(p, 0)) >= end for p, end in self._ends.items())
        return at_end and not self._records and not self._open

    def _end_open(self) -> None:
        if not self._open:
            self.done.update(self._after_open)
            self._after_open.clear()

    def _move(self, partition: int, offset: int) -> None:
        if partition in self._ends:
            self.done[partition] = max(offset, self.done.get(partition, 0))
