"""A pane: a short run of consecutive events, as integer counts. Rule: integers only, so panes merge exactly.

Whatever way the events are cut into batches, the same panes come out, bit for bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from driftd.contract.record import Record, Source


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the life of a model something is: the event's own time, and its record's coordinates."""

    at_ms: int
    topic: str
    partition: int
    offset: int

    @property
    def source(self) -> Source:
        """The partition of the record."""
        return Source(self.topic, self.partition)


@dataclass(frozen=True, slots=True)
class Pane:
    """Counts of consecutive events of one model.

    `counts` is (signals, bins), `sums` (signals,) holds the sum of the values in quanta of the profile
    (see `Profile.quantum`), both int64. `first` is the place of its first event.
    """

    first: Place
    last: Place
    events: int
    counts: NDArray[np.int64]
    sums: NDArray[np.int64]


def merged(panes: Sequence[Pane]) -> Pane:
    """The pane of all events of `panes`, which are consecutive and at least one."""
    return Pane(
        panes[0].first,
        panes[-1].last,
        sum(pane.events for pane in panes),
        reduce(np.add, [pane.counts for pane in panes]),
        reduce(np.add, [pane.sums for pane in panes]),
    )


@dataclass(frozen=True, slots=True)
class Columns:
    """The values of n events.

    `numbers` (number and boolean signals, n), NaN where missing, +inf where invalid; `categories`, per category
    signal n of: a level, None where missing, INVALID.
    """

    numbers: NDArray[np.float64]
    categories: Sequence[Sequence[object]]

    def slice(self, start: int, stop: int) -> "Columns":
        """The events from `start` to before `stop`."""
        return Columns(self.numbers[:, start:stop], [column[start:stop] for column in self.categories])

    def take(self, indices: list[int]) -> "Columns":
        """The events at `indices`."""
        return Columns(self.numbers[:, indices], [[column[i] for i in indices] for column in self.categories])


class Places(Protocol):
    """The places of n events; `at_ms` are their times."""

    @property
    def at_ms(self) -> NDArray[np.int64]:
        """Times of the events, (n,)."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Place: ...

    def slice(self, start: int, stop: int) -> "Places":
        """The places from `start` to before `stop`."""
        ...


@dataclass(frozen=True, slots=True)
class RecordPlaces:
    """The places of events whose records are at hand: made one by one, only where they are asked for."""

    at_ms: NDArray[np.int64]
    positions: Sequence[int]
    records: Sequence[Record]

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, index: int) -> Place:
        record = self.records[self.positions[index]]
        return Place(int(self.at_ms[index]), record.topic, record.partition, record.offset)

    def slice(self, start: int, stop: int) -> "RecordPlaces":
        """The places from `start` to before `stop`."""
        return RecordPlaces(self.at_ms[start:stop], self.positions[start:stop], self.records)


@dataclass(frozen=True, slots=True)
class PlaceList:
    """Places that are kept because their records are gone."""

    places: Sequence[Place]

    @property
    def at_ms(self) -> NDArray[np.int64]:
        """Times of the events, (n,)."""
        return np.array([place.at_ms for place in self.places], np.int64)

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Place:
        return self.places[index]

    def slice(self, start: int, stop: int) -> "PlaceList":
        """The places from `start` to before `stop`."""
        return PlaceList(self.places[start:stop])


class PaneCounter:
    """Cuts a sequence of binned events into panes of `pane_events`; holds the unfinished one."""

    def __init__(self, signals: int, width: int, pane_events: int) -> None:
        self.pane_events = pane_events
        self.width = width
        self.events = 0
        self.first: Place | None = None
        self.last: Place | None = None
        self.counts = np.zeros((signals, width), np.int64)
        self.sums = np.zeros(signals, np.int64)
        self._first_cells = (np.arange(signals) * width)[:, None]

    def add(
        self, bins: NDArray[np.uint8], quanta: NDArray[np.int64], places: Places
    ) -> list[tuple[int, Pane]]:
        """Count n events; the panes that they completed, each with the index of its last event.

        `bins` and `quanta` are (signals, n); a quantum is 0 where there is no finite number.
        """
        events = bins.shape[1]
        done: list[tuple[int, Pane]] = []
        start = 0
        while start < events:
            stop = min(start + self.pane_events - self.events, events)
            cells = np.add(bins[:, start:stop], self._first_cells, dtype=np.intp)
            self.counts += np.bincount(cells.ravel(), minlength=self.counts.size).reshape(self.counts.shape)
            self.sums += np.add.reduce(quanta[:, start:stop], axis=1)
            self.first = self.first or places[start]
            self.last = places[stop - 1]
            self.events += stop - start
            if self.events == self.pane_events:
                done.append((stop - 1, self.take()))
            start = stop
        return done

    def take(self) -> Pane:
        """The unfinished pane, as it is; the counter starts a new one. There must be an event in it."""
        if self.first is None or self.last is None:
            raise ValueError("an empty pane cannot be taken; add an event first")
        pane = Pane(self.first, self.last, self.events, self.counts, self.sums)
        self.events, self.first, self.last = 0, None, None
        self.counts, self.sums = np.zeros_like(self.counts), np.zeros_like(self.sums)
        return pane
