"""Reading topics for a recording. Rule: in the order of the journal where there is one, else in that of time.

With the journal the recording replays to what the daemon said, byte for byte. What retention has deleted by now is
counted and told, never passed over silently.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaConfigurationError, KafkaError

from driftd.alignment import Alignment, Run
from driftd.contract.record import Record, Source
from driftd.errors import BrokerUnavailable, RecordingError
from driftd.journal import JournalError, decode_runs
from driftd.kafka_records import as_record
from driftd.kafka_settings import MESSAGE_BYTES_MAX, KafkaSettings
from driftd.ticks import tick_record

POLL_MS = 500
POLL_RECORDS_MAX = 5_000
WAITING_RECORDS_MAX = 20_000


@dataclass(slots=True)
class Gaps:
    """What is not there any more: how many offsets of the journal, and whether the journal's own begin is."""

    missing_records: int = 0
    journal_begin_gone: bool = False
    by_source: dict[Source, int] = field(default_factory=dict)

    def add(self, source: Source, count: int) -> None:
        """Note that `count` records of `source` are gone."""
        self.missing_records += count
        self.by_source[source] = self.by_source.get(source, 0) + count


class TopicReader:
    """Reads partitions forward, each at its own pace, from their begin to what was their end at the start."""

    def __init__(self, settings: KafkaSettings, topics: Sequence[str]) -> None:
        """Connect. Raises BrokerUnavailable, RecordingError where a topic is missing."""
        self._addresses = settings.addresses
        self._timeout_s = settings.request_timeout_ms / 1000
        with self._named():
            self._consumer: Any = KafkaConsumer(
                **settings.client(),
                bootstrap_timeout_ms=settings.connect_timeout_ms,
                group_id=None,
                isolation_level="read_committed",
                enable_auto_commit=False,
                auto_offset_reset="none",
                max_partition_fetch_bytes=MESSAGE_BYTES_MAX,
            )
        try:
            self._partitions = self._find(topics)
            parts = list(self._partitions.values())
            with self._named():
                self._consumer.assign(parts)
                begins = self._consumer.beginning_offsets(parts)
                ends = self._consumer.end_offsets(parts)
                for partition in parts:
                    self._consumer.seek(partition, begins[partition])
        except BaseException:
            self._consumer.close()
            raise
        self.begins = {source: int(begins[partition]) for source, partition in self._partitions.items()}
        self.ends = {source: int(ends[partition]) for source, partition in self._partitions.items()}
        self.waiting: dict[Source, deque[Record]] = {source: deque() for source in self._partitions}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def poll(self, wanted: Source | None = None) -> None:
        """Let more records wait, of `wanted` however many wait already. Raises BrokerUnavailable where none come."""
        full = [
            self._partitions[source]
            for source, queue in self.waiting.items()
            if len(queue) >= WAITING_RECORDS_MAX and source != wanted
        ]
        deadline = monotonic() + self._timeout_s
        with self._named():
            self._consumer.resume(*self._partitions.values())
            self._consumer.pause(*full)
            before = self._positions()
            while True:
                polled = self._consumer.poll(timeout_ms=POLL_MS, max_records=POLL_RECORDS_MAX)
                for partition, messages in polled.items():
                    source = Source(partition.topic, partition.partition)
                    self.waiting[source].extend(as_record(one) for one in messages)
                if polled or self._positions() != before:
                    return
                if monotonic() > deadline:
                    raise BrokerUnavailable(
                        f"the brokers at {self._addresses} gave no records for {self._timeout_s:g} s"
                    )

    def upto(self, source: Source, last: int) -> Iterator[Record]:
        """The next records of `source`, up to offset `last`; those that are not there are left out."""
        queue = self.waiting[source]
        last = min(last, self.ends[source] - 1)
        while True:
            while queue and queue[0].offset <= last:
                yield queue.popleft()
            if queue or self.position(source) > last:
                return
            self.poll(source)

    def position(self, source: Source) -> int:
        """The offset of the record that `poll` would give next."""
        with self._named():
            return int(self._consumer.position(self._partitions[source]))

    def _find(self, topics: Sequence[str]) -> dict[Source, TopicPartition]:
        with self._named():
            found = {
                Source(topic, number): TopicPartition(topic, number)
                for topic in topics
                for number in sorted(self._consumer.partitions_for_topic(topic) or ())
            }
        if missing := [name for name in topics if not any(source.topic == name for source in found)]:
            raise RecordingError(f"there is no topic {', '.join(missing)} at {self._addresses}")
        return found

    def _positions(self) -> list[int]:
        return [self._consumer.position(partition) for partition in self._partitions.values()]

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except KafkaConfigurationError:
            raise
        except (KafkaError, OSError) as error:
            raise BrokerUnavailable(f"no answer from the brokers at {self._addresses}: {error!r}") from error


def journal_runs(reader: TopicReader, journal: Source) -> Iterator[Run]:
    """The runs of a journal. Raises RecordingError where a record is none of ours."""
    for record in reader.upto(journal, reader.ends[journal] - 1):
        try:
            yield from decode_runs(record.value)
        except JournalError as error:
            where = f"{journal.topic}, partition {journal.partition}, offset {record.offset}"
            raise RecordingError(
                f"{where}: {error}; point topics.journal to a topic of driftd's own"
            ) from None


def in_journal_order(
    reader: TopicReader, journal: Source, runs: Iterable[Run], gaps: Gaps
) -> Iterator[Record]:
    """The records that the `runs` of `journal` name, its ticks among them, in order; `gaps` take what is missing."""
    reached: dict[Source, int] = {}
    for source, first, last in runs:
        if source == journal:
            yield tick_record(journal, last)
            continue
        if source not in reader.waiting:
            gaps.add(source, last - first + 1)
            continue
        begin = reader.begins[source]
        if first < begin:
            gaps.add(source, min(last + 1, begin) - first)
        if source not in reached and first > 0 and first > begin:
            gaps.journal_begin_gone = True
        reached[source] = last
        yield from (record for record in reader.upto(source, last) if record.offset >= first)


def in_time_order(reader: TopicReader, sources: Sequence[Source], align_ms: int) -> Iterator[Record]:
    """All records of `sources`, in the order in which the daemon would apply them if they were there at its start."""
    alignment = Alignment(sources, align_ms)
    while True:
        for source in sources:
            queue = reader.waiting[source]
            alignment.add(source, [record for record in queue if record.offset < reader.ends[source]])
            queue.clear()
        behind = [source for source in sources if reader.position(source) < reader.ends[source]]
        taken = alignment.take(POLL_RECORDS_MAX, behind)
        yield from taken
        if not taken and not behind:
            return
        if not taken:
            reader.poll()


def until(
    records: Iterable[Record], last: tuple[str, int, int] | None, reached: Callable[[], None]
) -> Iterator[Record]:
    """`records` up to and with the one at `last` (topic, partition, offset), and then `reached` is called."""
    for record in records:
        yield record
        if last == (record.topic, record.partition, record.offset):
            reached()
            return


def counts_by_topic(records: Mapping[str, int]) -> str:
    """How many records of which topic, for a person."""
    return ", ".join(f"{count:,} of {topic}" for topic, count in sorted(records.items())) or "none"
