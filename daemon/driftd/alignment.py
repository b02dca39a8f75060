"""In which order records of several partitions are applied. Rule: a function of what the partitions hold.

Each partition keeps its own order. Between partitions the next record is that of the smallest key:
(step of time, kind of topic, topic, partition), where the step is the partition's latest record timestamp so far
divided by `align_ms`, so that time never goes back, and the kinds are control, predictions, labels. A partition that
is empty here, but is known to hold more, keeps back all records whose key lies behind its own last one.
So however the fetches fall, and wherever a restart falls, records that are there already come in the same order.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice
from typing import Final, NamedTuple, TypeAlias

from driftd.config import Topics
from driftd.contract.record import Record, Source

Key: TypeAlias = tuple[int, int]
"""(step of time, rank of the lane)"""

BEFORE_ALL: Final = -(2**63)
RECORD_BYTES: Final = 250
"""What a record takes in memory besides its value, about."""


class Run(NamedTuple):
    """Records of one partition, one after the other as applied; offsets may have gaps, where Kafka has none of ours."""

    source: Source
    first: int
    last: int


def source_order(sources: Iterable[Source], topics: Topics) -> list[Source]:
    """`sources` in the order in which they take turns within one step of time: control, predictions, labels."""
    kinds = [(topics.control,), topics.predictions, topics.labels]
    rank = {topic: (kind, number) for kind, names in enumerate(kinds) for number, topic in enumerate(names)}
    return sorted(sources, key=lambda source: (rank[source.topic], source.partition))


@dataclass(slots=True)
class Lane:
    """One partition's records that wait; `steps[i]` belongs to `records[i]`, `begin` is the first not yet taken."""

    source: Source
    rank: int
    records: list[Record] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    begin: int = 0
    step: int = BEFORE_ALL
    taken_step: int = BEFORE_ALL
    bytes: int = 0

    def __len__(self) -> int:
        return len(self.records) - self.begin

    def add(self, records: Sequence[Record], align_ms: int) -> None:
        """Append records; a timestamp that goes back counts as the latest before it."""
        del self.records[: self.begin], self.steps[: self.begin]
        self.begin = 0
        steps = [record.timestamp_ms // align_ms for record in records]
        self.steps += islice(accumulate(steps, max, initial=self.step), 1, None)
        self.step = self.steps[-1] if self.steps else self.step
        self.records += records
        self.bytes += bytes_of(records)

    def take(self, end: int) -> list[Record]:
        """The records that wait, up to the index `end`; they are gone then."""
        taken = self.records[self.begin : end]
        self.taken_step = self.steps[end - 1]
        self.begin = end
        self.bytes -= bytes_of(taken)
        return taken

    def key(self) -> Key:
        """The key of the next record; of an empty lane, that of the last one taken: its next cannot be before it."""
        return (self.steps[self.begin] if self.begin < len(self.steps) else self.taken_step, self.rank)

    def end_before(self, key: Key) -> int:
        """The index of the first record that does not come before `key`."""
        search = bisect_right if self.rank < key[1] else bisect_left
        return search(self.steps, key[0], self.begin)


class Alignment:
    """Records of several partitions on their way to one order."""

    def __init__(self, sources: Sequence[Source], align_ms: int) -> None:
        """For `sources`, which take turns in this order within one step of `align_ms` (at least 1) milliseconds."""
        self._align_ms = max(align_ms, 1)
        self._lanes = {source: Lane(source, rank) for rank, source in enumerate(sources)}

    def add(self, source: Source, records: Sequence[Record]) -> None:
        """Append records of one partition, in the order of their offsets."""
        self._lanes[source].add(records, self._align_ms)

    @property
    def waiting(self) -> Mapping[Source, int]:
        """How many records wait, by partition."""
        return {source: len(lane) for source, lane in self._lanes.items()}

    @property
    def waiting_bytes(self) -> Mapping[Source, int]:
        """How much memory they take, by partition, about."""
        return {source: lane.bytes for source, lane in self._lanes.items()}

    def take(self, records_max: int, behind: Collection[Source]) -> list[Record]:
        """The next records in order, at most `records_max`; empty partitions out of `behind` keep others back."""
        taken: list[Record] = []
        lanes = [lane for source, lane in self._lanes.items() if len(lane) or source in behind]
        while lanes and len(taken) < records_max:
            lanes.sort(key=Lane.key)
            first = lanes[0]
            if not len(first):
                break
            end = first.end_before(lanes[1].key()) if len(lanes) > 1 else len(first.records)
            end = min(end, first.begin + records_max - len(taken))
            taken += first.take(end)
            if not len(first) and first.source not in behind:
                del lanes[0]
        return taken


def bytes_of(records: Iterable[Record]) -> int:
    """The memory that `records` take, about."""
    return sum(RECORD_BYTES + len(record.value or b"") for record in records)


def runs_of(records: Iterable[Record]) -> list[Run]:
    """`records` as runs, in their order."""
    runs: list[Run] = []
    topic, partition, first, last = None, -1, -1, -1
    for record in records:
        if record.partition != partition or record.topic != topic:
            if topic is not None:
                runs.append(Run(Source(topic, partition), first, last))
            topic, partition, first = record.topic, record.partition, record.offset
        last = record.offset
    if topic is not None:
        runs.append(Run(Source(topic, partition), first, last))
    return runs
