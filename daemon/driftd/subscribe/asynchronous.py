"""The asynchronous subscriber, on aiokafka. Rule: the same promises as the synchronous one.

What is open now is read in a thread, with kafka-python: once, at the begin. aiokafka gives partitions away in the
background, so whoever is at work on an event holds that up (`_Rebalance`).
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from typing import Any, Final, Generic, Self

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)

from driftd.config import Topics
from driftd.kafka_records import as_record
from driftd.kafka_settings import MESSAGE_BYTES_MAX, KafkaSettings
from driftd.subscribe.connection import named_errors
from driftd.subscribe.progress import Progress
from driftd.subscribe.reading import partition_numbers, partition_rule, read_to_end
from driftd.subscribe.sieve import Bounds, E, Sieve, Start, position_of
from driftd.subscribe.synchronous import COMMIT_INTERVAL_S, POLL_MS, SESSION_MS, WORK_MS_MAX, lost_words

TAKEN_AWAY: Final = (
    CommitFailedError, IllegalGenerationError, IllegalStateError, RebalanceInProgressError, UnknownMemberIdError,
)  # fmt: skip
log = logging.getLogger("driftd.subscribe")


class Subscription(Generic[E]):
    """As `driftd.subscribe.Subscription`, for `async with` and `async for`."""

    def __init__(
        self,
        settings: KafkaSettings,
        topics: Topics,
        topic: str,
        sieve: Sieve[E],
        *,
        group: str | None,
        start: Start,
        follow: bool,
    ) -> None:
        """Nothing is connected before `async with`, or `open`."""
        self.settings, self.topics = settings, topics
        self._topic, self._group, self._start, self._follow = topic, group, start, follow
        self._progress = Progress(sieve)
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._commit_due_s = time.monotonic()
        self._owned: set[TopicPartition] | None = None  # None: the group has not said yet
        self._consumer: Any = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[E]:
        return self

    async def open(self) -> None:
        """Connect. Raises BrokerUnavailable, BadInput where there is no such topic."""
        self._consumer = AIOKafkaConsumer(
            **self.settings.client(),
            group_id=self._group,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=MESSAGE_BYTES_MAX,
            session_timeout_ms=SESSION_MS,
            max_poll_interval_ms=WORK_MS_MAX,
            rebalance_timeout_ms=WORK_MS_MAX,
        )
        with named_errors(self.settings):
            try:
                partitions = await self._partitions()
                async with asyncio.timeout(self.settings.connect_timeout_ms / 1000):
                    await self._consumer.start()
                if self._group is None:
                    self._consumer.assign(partitions)
                    self._owned = set(partitions)
                else:
                    listener = _Rebalance(self._is_idle, self._leave, self._own)
                    self._consumer.subscribe([self._topic], listener=listener)
            except BaseException:
                await self._consumer.stop()
                raise

    async def __anext__(self) -> E:
        """The next event; that says that the one before is done. Raises BrokerUnavailable, BadInput."""
        event = None
        self._is_idle.clear()
        try:
            with named_errors(self.settings):
                event = await self._next()
        finally:
            if event is None:
                self._is_idle.set()
        if event is None:
            raise StopAsyncIteration
        return event

    async def _next(self) -> E | None:
        self._progress.finish()
        await self._try_to_commit()
        while (event := self._progress.next()) is None:
            if not self._follow and await self._is_at_end():
                await self._try_to_commit()
                return None
            await self._fetch()
        return event

    @property
    def skipped(self) -> dict[str, int]:
        """How many records could not be read, by reason (`SkipReason`)."""
        return dict(self._progress.sieve.skipped)

    async def done(self, event: E) -> None:
        """Commit that `event` is done, now and not only when the next one is taken. Raises BrokerUnavailable."""
        if event is self._progress.handed:
            self._progress.finish()
            with named_errors(self.settings):
                await self._commit()
            self._is_idle.set()

    async def close(self) -> None:
        """Leave. What was handed out and is not done is handed out again, to this group's next subscriber."""
        with named_errors(self.settings):
            try:
                await self._try_to_commit()
            finally:
                self._is_idle.set()
                await self._consumer.stop()

    async def _is_at_end(self) -> bool:
        owned = self._owned
        if owned is None or {one.partition for one in owned} != self._progress.partitions:
            return False
        return self._progress.is_at_end({one.partition: await self._consumer.position(one) for one in owned})

    def _leave(self) -> None:
        self._owned = None
        self._progress.leave()

    def _own(self, partitions: Iterable[TopicPartition]) -> None:
        self._owned = set(partitions)

    async def _fetch(self) -> None:
        polled: Mapping[TopicPartition, Any] = {}
        is_deleted = False
        try:
            self._is_idle.set()  # the one moment at which partitions may go and come
            polled = await self._consumer.getmany(timeout_ms=POLL_MS)
        except NoOffsetForPartitionError:
            pass  # a new group: its partitions arrive below
        except OffsetOutOfRangeError:
            is_deleted = True  # what was to be read next: find out how much
        finally:
            self._is_idle.clear()
        if is_deleted and self._owned:
            await self._try_to_commit()
            await self._arrive(self._owned)
        known = self._progress.partitions
        for partition, messages in polled.items():
            if partition.partition in known:
                self._progress.add(as_record(one) for one in messages)
        if arrived := {one for one in self._owned or () if one.partition not in known}:
            await self._arrive(arrived)
        if time.monotonic() > self._commit_due_s:
            await self._try_to_commit()

    async def _arrive(self, partitions: Collection[TopicPartition]) -> None:
        """Find out where to begin with `partitions`, and begin there."""
        listed = sorted(partitions)
        begins, ends = (
            await self._consumer.beginning_offsets(listed),
            await self._consumer.end_offsets(listed),
        )
        since = {}
        if isinstance(self._start, int):
            since = await self._consumer.offsets_for_times(dict.fromkeys(listed, self._start))
        open_of = set()
        for one in listed:
            at = since.get(one)
            bounds = Bounds(begins[one], ends[one], None if at is None else at.offset)
            position = position_of(bounds, await self._committed(one), self._start)
            if position.lost:
                log.warning(lost_words(self._topic, one.partition, position.lost))
            self._consumer.seek(one, position.read)
            self._progress.begin(one.partition, position, bounds)
            if position.is_open:
                open_of.add(one.partition)
        if open_of:
            rule = partition_rule(len(await self._partitions()))
            records = await asyncio.to_thread(read_to_end, self.settings, self.topics.incidents)
            self._progress.begin_open(
                self._progress.sieve.open_now(records, lambda model: rule(model) in open_of)
            )

    async def _partitions(self) -> list[TopicPartition]:
        # aiokafka tells of the topics only that it reads
        numbers = await asyncio.to_thread(partition_numbers, self.settings, self._topic)
        return [TopicPartition(self._topic, number) for number in numbers]

    async def _committed(self, partition: TopicPartition) -> int | None:
        if (known := self._progress.done.get(partition.partition)) is not None:
            return known
        committed = None
        if self._group is not None:
            async with asyncio.timeout(self.settings.request_timeout_ms / 1000):
                committed = await self._consumer.committed(partition)
        return None if committed is None else int(committed)

    async def _try_to_commit(self) -> None:
        """Commit; where the brokers are away, later: until then a restart would only hand out more again."""
        try:
            await self._commit()
        except KafkaError as error:
            log.warning("offsets of the group %s are not committed yet: %r", self._group, error)

    async def _commit(self) -> None:
        self._commit_due_s = time.monotonic() + COMMIT_INTERVAL_S
        offsets = self._progress.commits()
        if self._group is None or not offsets:
            return
        try:
            async with asyncio.timeout(self.settings.request_timeout_ms / 1000):
                await self._consumer.commit(
                    {TopicPartition(self._topic, number): offset for number, offset in offsets.items()}
                )
        except TAKEN_AWAY:
            log.warning("the partitions went to another subscriber of the group %s meanwhile", self._group)
        else:
            self._progress.committed(offsets)


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Tells which partitions are ours, and holds a rebalance until nobody is at work on an event."""

    def __init__(
        self,
        is_idle: asyncio.Event,
        leave: Callable[[], None],
        own: Callable[[Iterable[TopicPartition]], None],
    ) -> None:
        self._is_idle, self._leave, self._own = is_idle, leave, own

    async def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ARG002 - all are; some are given back
        await self._is_idle.wait()
        self._leave()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._own(assigned)
