"""Reads what is open now from the compacted topic. Rule: it belongs to no group, and nothing waits for it.

Each worker reads all of it, a stand-by too, so any of them answers for all shards. While the brokers are away the
client tries on by itself and what was known is marked as stale; where the topic cannot be gone on with (it was made
anew, or an offset is gone) it is read from its begin again.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from driftd.api.board import Board
from driftd.api.standing import Standing
from driftd.contract.record import Record
from driftd.kafka_settings import MESSAGE_BYTES_MAX, KafkaSettings

RECORDS_MAX = 500
POLL_MS = 500
STALE_AFTER_MS = 5_000
RETRY_SECONDS = 2.0
log = structlog.get_logger(__name__)


class StandingReader:
    """Keeps a board up to date for as long as it runs."""

    def __init__(self, settings: KafkaSettings, topic: str, partitions: int, board: Board) -> None:
        self._settings = settings
        self._partitions = [TopicPartition(topic, number) for number in range(partitions)]
        self._board = board

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read in the background until the block ends."""
        task = asyncio.create_task(self._run(), name="what is open")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        told = ""
        while True:
            try:
                await self._follow()
            except (KafkaError, OSError, TimeoutError) as error:
                if repr(error) != told:  # once, not each time that it is tried
                    told = repr(error)
                    log.warning("what is open cannot be read", topic=self._partitions[0].topic, reason=told)
            self._board.answered(None, _now_ms(), STALE_AFTER_MS)
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self) -> None:
        """From the topic's begin to its end, and on from there. Raises KafkaError, OSError, TimeoutError."""
        consumer = AIOKafkaConsumer(
            **self._settings.client(),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=MESSAGE_BYTES_MAX,
        )
        timeout_s = self._settings.request_timeout_ms / 1000
        try:
            async with asyncio.timeout(timeout_s):
                await consumer.start()
                consumer.assign(self._partitions)
                begins = await consumer.beginning_offsets(self._partitions)
                ends = await consumer.end_offsets(self._partitions)
            for partition, offset in begins.items():
                consumer.seek(partition, offset)
            fresh = Standing()
            while not await _reached(consumer, ends):
                for record in await self._fetch(consumer):
                    fresh.apply(record)
                self._look(consumer)
            self._board.replace(fresh)
            while True:
                for record in await self._fetch(consumer):
                    self._board.take(record)
                self._look(consumer)
        finally:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(consumer.stop(), timeout_s)

    async def _fetch(self, consumer: AIOKafkaConsumer) -> list[Record]:
        fetched = await consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS_MAX)
        await asyncio.sleep(0)  # where much is there, the others have their turn between two lots
        return [
            Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, tuple(r.headers))
            for records in fetched.values()
            for r in records
        ]

    def _look(self, consumer: AIOKafkaConsumer) -> None:
        """A partition without news is answered too, so silence is that of the brokers."""
        answers = [consumer.last_poll_timestamp(partition) for partition in self._partitions]
        known = [at_ms for at_ms in answers if at_ms]
        self._board.answered(min(known) if known else None, _now_ms(), STALE_AFTER_MS)


async def _reached(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
    return all([await consumer.position(partition) >= end for partition, end in ends.items()])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
