"""A shard's input partitions. Rule: read committed, from where the state ends, and no offset is ever reset silently.

What was fetched waits in an `Alignment`; a partition of which enough waits is paused until half of that is taken, for
the client drops what it fetched ahead of a paused one. A partition is behind while
it is known to hold more than was fetched, and holds others back then; a partition that gives nothing for
`IDLE_AFTER_MS` although the brokers answer counts as idle.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError, TopicAuthorizationFailedError

from driftd.alignment import Alignment
from driftd.contract.record import Record, Source
from driftd.kafka_settings import KafkaSettings
from driftd.shard import Layout, ShardError, StartOver, check_offsets

IDLE_AFTER_MS = 10_000
FETCH_BYTES_MAX = 2 * 1024 * 1024
WAITING_BYTES_MAX = 64 * 1024 * 1024
"""Of all partitions; each may hold its share, and a fetch more."""
METADATA_AGE_MAX_MS = 30_000


class Inputs:
    """The input partitions of one shard, in the order in which they take turns."""

    def __init__(self, settings: KafkaSettings, sources: Sequence[Source], align_ms: int) -> None:
        """For `sources`, in the order in which they take turns."""
        self._timeout_s = settings.request_timeout_ms / 1000
        self._enough_bytes = max(WAITING_BYTES_MAX // len(sources), 2 * FETCH_BYTES_MAX)
        self._paused: set[Source] = set()
        self._partitions = {source: TopicPartition(*source) for source in sources}
        self._alignment = Alignment(sources, align_ms)
        self._silent_since: dict[Source, int] = {}
        self._first_ends: Mapping[Source, int] = {}
        self._consumer = AIOKafkaConsumer(
            **settings.client(),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=FETCH_BYTES_MAX,
            metadata_max_age_ms=METADATA_AGE_MAX_MS,
        )

    async def open(self, applied: Mapping[Source, int]) -> None:
        """Connect and go to the record after the last one applied. Raises ShardError for a gap, StartOver."""
        consumer, partitions = self._consumer, list(self._partitions.values())
        async with self._named("the input topics could not be opened"), asyncio.timeout(self._timeout_s):
            await consumer.start()
            consumer.assign(partitions)
            begins = await consumer.beginning_offsets(partitions)
            ends = await consumer.end_offsets(partitions)
        self._first_ends = _by_source(ends)
        starts = check_offsets(applied, _by_source(begins), self._first_ends)
        for source, offset in starts.items():
            consumer.seek(self._partitions[source], offset)

    async def fetch(self, wait_ms: int) -> None:
        """Let more records wait; for at most `wait_ms` where there are none. Raises ShardError, StartOver."""
        for source, waiting_bytes in self._alignment.waiting_bytes.items():
            if waiting_bytes >= self._enough_bytes and source not in self._paused:
                self._paused.add(source)
                self._consumer.pause(self._partitions[source])
            elif waiting_bytes <= self._enough_bytes // 2 and source in self._paused:
                self._paused.discard(source)
                self._consumer.resume(self._partitions[source])
        async with self._named("the input topics could not be read"):
            fetched = await self._consumer.getmany(timeout_ms=wait_ms)
        for partition, records in fetched.items():
            self._alignment.add(
                Source(partition.topic, partition.partition),
                [
                    Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers)
                    for r in records
                ],
            )

    async def take(self, records_max: int) -> list[Record]:
        """The next records in applied order, as far as the order is settled."""
        return self._alignment.take(records_max, await self._behind())

    def ends(self) -> dict[Source, int]:
        """Where each partition is known to end: as it was at the start, until a fetch tells of more."""
        return {
            source: max(end, self._consumer.last_stable_offset(self._partitions[source]) or 0)
            for source, end in self._first_ends.items()
        }

    def reached(self, ends: Mapping[Source, int], applied: Mapping[Source, int]) -> bool:
        """Whether all before `ends` was taken, `applied` being the last offsets that were."""
        waiting = self._alignment.waiting
        for source, end in ends.items():
            position = self._position(self._partitions[source])
            read = position is not None and position >= end and not waiting[source]
            if not read and applied.get(source, -1) + 1 < end:
                return False
        return True

    def lag_records(self) -> dict[Source, int]:
        """How many offsets each partition's end is ahead of what was taken."""
        waiting = self._alignment.waiting
        lags = {}
        for source, partition in self._partitions.items():
            high, position = self._consumer.highwater(partition), self._position(partition)
            lags[source] = waiting[source] + max((high or 0) - (position or 0), 0)
        return lags

    def check_partitions(self, layout: Layout) -> None:
        """Whether the topics still have as many partitions as `layout` says. Raises StartOver."""
        for topic, known in layout.topics.items():
            now = self._consumer.partitions_for_topic(topic)
            if now is not None and len(now) != known.partitions:
                raise StartOver(f"topic {topic} had {known.partitions} partitions, has {len(now)} now")

    async def close(self) -> None:
        """Disconnect."""
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._consumer.stop(), self._timeout_s)

    async def _behind(self) -> Collection[Source]:
        """The partitions that hold more than was fetched; of one that no broker told of yet it must be assumed."""
        behind = set()
        answered_ms = max(self._answered_ms(partition) for partition in self._partitions.values())
        waiting = self._alignment.waiting
        for source, partition in self._partitions.items():
            stable = self._consumer.last_stable_offset(partition)
            position = self._position(partition)
            if waiting[source] or (stable is not None and position is not None and position >= stable):
                self._silent_since.pop(source, None)
            elif answered_ms - self._silent_since.setdefault(source, answered_ms) > IDLE_AFTER_MS:
                continue
            if stable is None or position is None or position < stable:
                behind.add(source)
        return behind

    def _answered_ms(self, partition: TopicPartition) -> int:
        """When a broker last answered a fetch of `partition`, 0 for never: silence of a dead broker is not idleness."""
        return self._consumer.last_poll_timestamp(partition) or 0

    def _position(self, partition: TopicPartition) -> int | None:
        # the public position() is a coroutine that may wait; this is asked for each partition in each round
        assignment = self._consumer._subscription.subscription.assignment  # noqa: SLF001  as said
        state = assignment.state_value(partition)
        return state.position if state.has_valid_position else None

    @contextlib.asynccontextmanager
    async def _named(self, what: str) -> AsyncIterator[None]:
        try:
            yield
        except OffsetOutOfRangeError as error:
            # what exactly is wrong, and whether, is found when the shard starts over
            raise StartOver(f"{what}: an offset is out of range: {error!r}") from error
        except TopicAuthorizationFailedError as error:
            raise ShardError(f"{what}: the brokers do not allow it: {error!r}") from error
        except (KafkaError, TimeoutError, OSError) as error:
            raise StartOver(f"{what}: {error!r}") from error


def _by_source(offsets: Mapping[TopicPartition, int]) -> dict[Source, int]:
    return {Source(partition.topic, partition.partition): offset for partition, offset in offsets.items()}
