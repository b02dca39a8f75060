"""Ticks: time passed, whatever else did. Rule: a tick comes after all that was known to be there when it fell due.

Otherwise a daemon that is behind would take its own lag for a model's silence. A tick is a record of the journal,
whose offset is its time: so the entry that names it holds all of it, it is applied once, and times only rise.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from driftd.contract.record import Record, Source

NO_TICK: Final = -1
"""Stands for the time of the last tick where there was none."""


def tick_record(journal: Source, at_ms: int) -> Record:
    """The tick of the shard whose journal is `journal`, at `at_ms` milliseconds since 1970-01-01 UTC."""
    value = msgspec.json.encode({"type": "tick", "at_ms": at_ms})
    return Record(journal.topic, journal.partition, at_ms, at_ms, None, value)


@dataclass(frozen=True, slots=True)
class Due:
    """A tick that fell due at `at_ms`, when the partitions were known to end at `ends`."""

    at_ms: int
    ends: Mapping[Source, int]


class Ticker:
    """Says when there is to be a tick; what time it is, is told to it."""

    def __init__(self, interval_ms: int) -> None:
        """One each `interval_ms`, none where that is 0."""
        self._interval_ms = interval_ms
        self._due: Due | None = None

    def step(
        self,
        now_ms: int,
        last_ms: int,
        ends: Callable[[], Mapping[Source, int]],
        reached: Callable[[Mapping[Source, int]], bool],
    ) -> int | None:
        """The time of the tick that is to be applied now, None for none; the last one was at `last_ms`.

        `ends` tells where the partitions are known to end, `reached` whether all before such ends has been applied.
        """
        if self._due is None and self._interval_ms and now_ms >= last_ms + self._interval_ms:
            self._due = Due(now_ms, dict(ends()))
        if self._due is None or not reached(self._due.ends):
            return None
        due, self._due = self._due, None
        return due.at_ms
