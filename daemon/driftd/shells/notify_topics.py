"""The notifier's look at the log before it follows it. Rule: read committed, to the end, and only what was there.

A receiver that is new begins at the end of the log, and with what is open at that time: what is over is no news.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from driftd.config import Topics
from driftd.contract.standing import Subject
from driftd.errors import BrokerUnavailable
from driftd.kafka_settings import MESSAGE_BYTES_MAX, KafkaSettings
from driftd.notify.notice import Notice, Place, UnreadableNotice, read_notice
from driftd.notify.past import Past

Result = TypeVar("Result")
log = structlog.get_logger(__name__)


class LogReader:
    """Reads for one consumer group, outside of it. Raises BrokerUnavailable."""

    def __init__(
        self, settings: KafkaSettings, topics: Topics, partitions: Mapping[str, int], group: str
    ) -> None:
        """`partitions`: how many each topic has."""
        self._counts = partitions
        self._settings = settings
        self._topics = topics
        self._group = group

    async def past(self) -> Past:
        """What was told and what is open now."""
        return await self._with_consumer(self._past)

    async def begin(self, partitions: Iterable[tuple[str, int, int]]) -> None:
        """Let the group begin at these offsets: (topic, partition, offset)."""
        offsets = {TopicPartition(topic, number): offset for topic, number, offset in partitions}

        async def commit(consumer: AIOKafkaConsumer) -> None:
            consumer.assign(list(offsets))
            await consumer.commit(offsets)

        await self._with_consumer(commit)

    async def untold(self) -> list[tuple[str, int, int]]:
        """The partitions of alerts and requests in which the group has no place yet, and where they end now."""
        return await self._with_consumer(self._untold)

    async def _with_consumer(self, work: Callable[[AIOKafkaConsumer], Awaitable[Result]]) -> Result:
        timeout_s = self._settings.request_timeout_ms / 1000
        consumer = AIOKafkaConsumer(
            **self._settings.client(),
            group_id=self._group,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=MESSAGE_BYTES_MAX,
        )
        try:
            await asyncio.wait_for(consumer.start(), timeout_s)
            return await work(consumer)
        except (TimeoutError, KafkaError, OSError) as error:
            raise BrokerUnavailable(
                f"the log at {self._settings.addresses} cannot be read for {self._group}: {error!r}"
            ) from error
        finally:
            await consumer.stop()

    def _partitions(self, *topics: str) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for topic in topics for number in range(self._counts[topic])]

    async def _untold(self, consumer: AIOKafkaConsumer) -> list[tuple[str, int, int]]:
        parts = self._partitions(self._topics.alerts, self._topics.retraining)
        new = [part for part in parts if await consumer.committed(part) is None]
        ends = await consumer.end_offsets(new) if new else {}
        return [(part.topic, part.partition, ends[part]) for part in new]

    async def _past(self, consumer: AIOKafkaConsumer) -> Past:
        parts = self._partitions(self._topics.alerts)
        committed = {part.partition: await consumer.committed(part) for part in parts}
        alerts = [notice for record in await self._read(consumer, parts) if (notice := as_notice(record))]
        latest: dict[bytes, Notice] = {}
        for record in await self._read(consumer, self._partitions(self._topics.incidents)):
            key = record.key or b""
            latest.pop(key, None)
            if (
                record.value is not None
                and not key.startswith(Subject.SILENCE.prefix)
                and (notice := as_notice(record))
            ):
                latest[key] = notice
        return Past(alerts, list(latest.values()), committed)

    async def _read(self, consumer: AIOKafkaConsumer, parts: list[TopicPartition]) -> list[Any]:
        """All records that are there now, partition by partition."""
        consumer.assign(parts)
        ends = await consumer.end_offsets(parts)
        await consumer.seek_to_beginning(*parts)
        found: dict[TopicPartition, list[Any]] = {part: [] for part in parts}
        quiet_s, timeout_s = 0.0, self._settings.request_timeout_ms / 1000
        while any([await consumer.position(part) < ends[part] for part in parts]):
            fetched = await consumer.getmany(timeout_ms=200)
            quiet_s = 0.0 if fetched else quiet_s + 0.2
            if quiet_s > timeout_s:
                raise TimeoutError(f"nothing came for {timeout_s:g} s")
            for part, records in fetched.items():
                found[part] += [record for record in records if record.offset < ends[part]]
        return [record for records in found.values() for record in records]


def as_notice(record: Any) -> Notice | None:
    """The notice in aiokafka's record, None where it is none; whoever follows the log tells that."""
    place = Place(record.topic, record.partition, record.offset, record.timestamp)
    try:
        return read_notice(record.value or b"", place)
    except UnreadableNotice:
        return None
